"""Runs transformers' own Gemma 4 classes: the target once over a prompt, then a few drafter steps.

Float32, eager attention, no cache: the plainest path the official code has.
"""

import time
from collections import UserDict

import torch
import transformers

from random_weights import draw
from slices import FULL, SLIDING

MARGIN_TOLD = 1e-5  # a decision nearer than this may fall the other way in another float32 program


def say(started, text):
    print(f"[{time.monotonic() - started:7.1f} s] {text}", flush=True)


def official(name):
    """A class of transformers, exported at the top or only in its model's folder."""
    if hasattr(transformers, name):
        return getattr(transformers, name)
    from transformers.models import gemma4, gemma4_assistant

    return getattr(gemma4_assistant if "Assistant" in name else gemma4, name)


def use_plain_paths(model):
    """Eager attention and eager experts, wherever transformers keeps the setting."""
    for setter in ("set_attn_implementation", "set_experts_implementation"):
        if hasattr(model, setter):
            try:
                getattr(model, setter)("eager")
            except Exception as error:  # a model without experts may refuse; the next check decides
                print(f"  {setter}: {error}")
    for config in (m.config for m in model.modules() if hasattr(m, "config")):
        if getattr(config, "_attn_implementation", None) not in (None, "eager"):
            config._attn_implementation = "eager"
    return model.eval()


def build(class_name, config, tensors, seed):
    """The model with every weight drawn by its GGUF name. Names and shapes must be exactly ours."""
    config._attn_implementation = "eager"
    if hasattr(config, "text_config"):
        config.text_config._attn_implementation = "eager"
    model = use_plain_paths(official(class_name)(config).float())
    model.lm_head.weight = model.model.embed_tokens.weight
    state = model.state_dict()
    wanted = {hf: (gguf, shape, role) for gguf, hf, shape, role in tensors}
    parameters = {name for name, _ in model.named_parameters()} - {"lm_head.weight"}
    if missing := set(wanted) - set(state):
        raise SystemExit(f"transformers has no tensor {sorted(missing)}")
    if unknown := parameters - set(wanted):
        raise SystemExit(f"no weights are described for {sorted(unknown)}")
    for name, (gguf, shape, (mean, std)) in wanted.items():
        if list(state[name].shape) != shape:
            raise SystemExit(f"{name} is {list(state[name].shape)}, described as {shape}")
        flat = state[name].view(-1).numpy()
        draw(gguf, seed, mean, std, flat.size, out=flat)
    return model


def _watch(model, seen):
    """Hooks that keep layer inputs, the final norm's output and the narrowest choice of experts."""

    def layer_input(layer):
        def hook(_, args, kwargs):
            hidden = args[0] if args else kwargs["hidden_states"]
            seen[f"layer_input.{layer}"] = hidden[0].clone()

        return hook

    def final(_, args, output):
        seen["hidden_final_norm"] = output[0].clone()

    def router(_, args, output):
        top = output[0].topk(model.config.top_k_experts + 1, dim=-1).values.log()
        margin = (top[:, -2] - top[:, -1]).min().item()
        seen["router_margin"] = min(margin, seen.get("router_margin", margin))

    handles = [model.model.norm.register_forward_hook(final)]
    for index, layer in enumerate(model.model.layers):
        handles.append(layer.register_forward_pre_hook(layer_input(index), with_kwargs=True))
        if hasattr(layer, "router"):
            handles.append(layer.router.register_forward_hook(router))
    return handles


@torch.no_grad()
def run_target(model, ids):
    """logits [n, vocab], hidden_final_norm [n, d], layer_input.N [n, d], kv: {type: (k, v)}, ..."""
    seen = {}
    handles = _watch(model, seen)
    out = model(input_ids=ids, use_cache=False, return_shared_kv_states=True)
    for handle in handles:
        handle.remove()
    shared = getattr(out, "shared_kv_states", None)
    if not shared:
        shared = UserDict()
        out = model(input_ids=ids, use_cache=False, shared_kv_states=shared)
    seen["kv"] = {kind: tuple(shared[kind]) for kind in (SLIDING, FULL)}
    seen["logits"] = out.logits[0]
    return seen


@torch.no_grad()
def run_greedy(model, ids, count):
    """`count` greedy tokens after ids, each by a whole forward pass, and the narrowest choice."""
    tokens, margin = [], float("inf")
    for _ in range(count):
        top = model(input_ids=ids, use_cache=False).logits[0, -1].topk(2)
        margin = min(margin, (top.values[0] - top.values[1]).item())
        tokens.append(top.indices[0].item())
        ids = torch.cat([ids, top.indices[:1].view(1, 1)], dim=1)
    return tokens, margin


@torch.no_grad()
def run_drafter(target, assistant, seen, first_token, steps):
    """Drafter steps after a prompt: the first round of SinglePositionMultiTokenCandidateGenerator.

    The last token is the first greedy one, which has no KV yet; it stands at position n = the
    number of prompt tokens, as does every step of the round. The hidden row is that of n - 1.
    """
    position = seen["logits"].shape[0]
    device = seen["logits"].device
    shared = dict(seen["kv"])  # already no longer than position + 1, to which each round cuts it
    mask = torch.ones(1, position + 1, dtype=torch.long, device=device)
    position_ids = torch.tensor([[position]], device=device)
    embed = target.get_input_embeddings()
    token = torch.tensor([[first_token]], device=device)
    hidden = seen["hidden_final_norm"][-1].view(1, 1, -1)
    logits, hiddens, tokens = [], [], []
    for _ in range(steps):
        out = assistant(
            inputs_embeds=torch.cat([embed(token), hidden], dim=-1),
            attention_mask=mask,
            position_ids=position_ids,
            shared_kv_states=shared,
            use_cache=False,
        )
        token, hidden = out.logits.argmax(dim=-1), out.last_hidden_state
        logits.append(out.logits[0, 0])
        hiddens.append(hidden[0, 0])
        tokens.append(token.item())
    return {"logits": torch.stack(logits), "hidden": torch.stack(hiddens), "tokens": tokens}


def relative_error(got, wanted):
    return ((got - wanted).norm() / wanted.norm()).item()


def tell(seen, drafts, greedy_margin):
    """Whether the weights behave: sizes of what was computed, and how near to a tie it came."""
    logits = seen["logits"]
    saturated = (logits.abs() > 29).float().mean()
    print(f"  logits: std {logits.std():.2f}, beyond 29: {saturated:.2%}", end=", ")
    print(f"distinct picks {logits.argmax(-1).unique().numel()} of {logits.shape[0]}")
    for name in sorted(seen):
        if name.startswith("layer_input") or name == "hidden_final_norm":
            print(f"  {name}: rms {seen[name].pow(2).mean().sqrt():.2f}")
    draft_top = drafts["logits"].topk(2).values
    margins = {"greedy": greedy_margin, "draft": (draft_top[:, 0] - draft_top[:, 1]).min().item()}
    if "router_margin" in seen:
        margins["router"] = seen["router_margin"]
    for name, margin in margins.items():
        warning = "   TOO NARROW: choose another seed in slices.py" if margin < MARGIN_TOLD else ""
        print(f"  narrowest {name} decision {margin:.2e}{warning}")

"""Both models of nano: transformers' own classes hold the weights, the passes here use them.

The passes are functions of a dictionary of weights (so that rounded weights can stand in), of
positions and of an attention function per layer kind (so that whole packed rows can be run with
any visibility). `check_target` and `check_assistant` compare them with the classes' own forward.
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import config as c

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
from reference import official, use_plain_paths  # noqa: E402

TIED = "lm_head.weight"


def build_target():
    torch.manual_seed(c.SEED)
    settings = official("Gemma4TextConfig")(**c.target_config())
    return _started(official("Gemma4ForCausalLM")(settings))


def build_assistant():
    torch.manual_seed(c.SEED + 1)
    settings = official("Gemma4AssistantConfig")(**c.assistant_config())
    return _started(official("Gemma4AssistantForCausalLM")(settings))


@torch.no_grad()
def _started(model):
    """Float32, tied, and with attention scores of about unit size at first.

    Scores are not divided by the root of the head size, so the norms of queries and keys begin
    small enough to do it.
    """
    model = use_plain_paths(model.float())
    model.lm_head.weight = model.model.embed_tokens.weight
    for name, parameter in model.named_parameters():
        if "q_norm" in name or "k_norm" in name:
            parameter.fill_(parameter.numel() ** -0.25)
    return model


def weights_of(model):
    """The trained tensors by name, the tied head left out."""
    return {name: p for name, p in model.named_parameters() if name != TIED}


def load_weights(model, folder, device):
    from safetensors.torch import load_file

    stored = {}
    for part in sorted(pathlib.Path(folder).glob("part-*.safetensors")):
        stored |= load_file(str(part))
    wanted = weights_of(model)
    if set(stored) != set(wanted):
        raise SystemExit(f"{folder}: tensors differ by {sorted(set(stored) ^ set(wanted))}")
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(stored[name].float())
    return model.to(device)


def save_parts(weights, folder):
    """bfloat16 shards of at most PART_BYTES, named so that their number can be seen."""
    from safetensors.torch import save_file

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts, used = [{}], 0
    for name, weight in sorted(weights.items()):
        tensor = weight.detach().bfloat16().cpu().contiguous()
        size = tensor.numel() * 2 + 1000  # some for the header
        if parts[-1] and used + size > c.PART_BYTES:
            parts.append({})
            used = 0
        parts[-1][name] = tensor
        used += size
    for old in folder.glob("part-*.safetensors"):
        old.unlink()
    for index, tensors in enumerate(parts, 1):
        name = f"part-{index:05}-of-{len(parts):05}.safetensors"
        save_file(tensors, str(folder / name), metadata={"format": "pt"})
    (folder / "parts.json").write_text(json.dumps({"parts": len(parts)}))


# --- the passes ---


def rms_norm(x, weight=None):
    x = x.float()
    x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + c.EPS)
    return x if weight is None else x * weight.float()


def rope_table(kind, positions):
    """(cos, sin), each [rows, length, 1, head_dim]; pairs that do not turn have frequency 0."""
    width = c.HEAD_DIM[kind]
    rope = c.ROPE[kind]
    pair = torch.arange(width // 2, device=positions.device)
    frequency = rope["rope_theta"] ** (-2.0 * pair.float() / width)
    rotated = int(rope.get("partial_rotary_factor", 1.0) * width // 2)
    frequency = torch.where(pair < rotated, frequency, torch.zeros_like(frequency))
    angle = positions.float()[..., None, None] * torch.cat([frequency, frequency])
    return angle.cos(), angle.sin()


def rotate(x, table):
    cos, sin = table
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-high, low], dim=-1) * sin


class Pass:
    """One run of a stack of layers: linear maps in `dtype`, norms and residuals in float32."""

    def __init__(self, weights, positions, attend, dtype):
        self.weights, self.attend, self.dtype = weights, attend, dtype
        self.rope = {kind: rope_table(kind, positions) for kind in (c.SLIDING, c.FULL)}

    def linear(self, x, name):
        return F.linear(x.to(self.dtype), self.weights[name + ".weight"].to(self.dtype))

    def norm(self, x, name):
        return rms_norm(x, self.weights[name + ".weight"])

    def heads(self, x, name, kind):
        return self.linear(x, name).unflatten(-1, (-1, c.HEAD_DIM[kind]))

    def query(self, x, prefix, kind):
        q = self.norm(self.heads(x, prefix + "q_proj", kind), prefix + "q_norm")
        return rotate(q, self.rope[kind]).to(self.dtype).transpose(1, 2)

    def keys_values(self, x, prefix, kind):
        """[rows, heads, length, head_dim] each; a full layer's values are its raw keys."""
        raw = self.heads(x, prefix + "k_proj", kind)
        k = rotate(self.norm(raw, prefix + "k_norm"), self.rope[kind])
        v = raw if kind == c.FULL else self.heads(x, prefix + "v_proj", kind)
        v = rms_norm(v)
        return k.to(self.dtype).transpose(1, 2), v.to(self.dtype).transpose(1, 2)

    def layer(self, x, index, kind, keys_values_of):
        prefix = f"model.layers.{index}."
        attention = prefix + "self_attn."
        h = self.norm(x, prefix + "input_layernorm")
        q = self.query(h, attention, kind)
        k, v = keys_values_of(h, attention, kind)
        o = self.attend[kind](q, k, v).transpose(1, 2).flatten(2)
        o = self.linear(o, attention + "o_proj")
        x = x + self.norm(o, prefix + "post_attention_layernorm")
        h = self.norm(x, prefix + "pre_feedforward_layernorm")
        gate = F.gelu(self.linear(h, prefix + "mlp.gate_proj"), approximate="tanh")
        h = self.linear(gate * self.linear(h, prefix + "mlp.up_proj"), prefix + "mlp.down_proj")
        return x + self.norm(h, prefix + "post_feedforward_layernorm")


def embed(weights, ids):
    return F.embedding(ids, weights["model.embed_tokens.weight"]).float() * c.HIDDEN**0.5


def softcap(logits):
    return c.SOFTCAP * torch.tanh(logits.float() / c.SOFTCAP)


def target_pass(weights, ids, positions, attend, dtype=torch.bfloat16, cache=None):
    """(hidden after the final norm, logits, {kind: (k, v)} of the last layer of each kind).

    A cache, if given, has one entry per layer with extend(k, v) -> all keys and values so far.
    """
    run = Pass(weights, positions, attend, dtype)
    x, shared = embed(weights, ids), {}
    for index, kind in enumerate(c.LAYERS):

        def keys_values(h, prefix, kind, index=index):
            made = run.keys_values(h, prefix, kind)
            shared[kind] = made if cache is None else cache[index].extend(*made)
            return shared[kind]

        x = run.layer(x, index, kind, keys_values)
    hidden = rms_norm(x, weights["model.norm.weight"])
    return hidden, softcap(run.linear(hidden, "model.embed_tokens")), shared


def assistant_pass(weights, embedded, hidden, positions, attend, shared, dtype=torch.bfloat16):
    """One drafter step at every place: (hidden for the next step, logits)."""
    run = Pass(weights, positions, attend, dtype)
    x = run.linear(torch.cat([embedded, hidden.float()], dim=-1), "pre_projection").float()
    for index, kind in enumerate(c.ASSISTANT_LAYERS):
        x = run.layer(x, index, kind, lambda h, prefix, kind: shared[kind])
    x = rms_norm(x, weights["model.norm.weight"])
    logits = run.linear(x, "model.embed_tokens").float()
    return run.linear(x, "post_projection").float(), logits


# --- who sees whom in packed rows ---


def documents(ids):
    """(number of the dialogue, position within it) of every token of packed rows."""
    starts = ids == 2
    place = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    first = torch.where(starts, place, torch.zeros_like(place)).cummax(dim=1).values
    return starts.long().cumsum(dim=1), place - first


def block_masks(document, reach):
    """{kind: block mask}: a place sees its dialogue up to itself, sliding layers `reach` back."""
    rows, length = document.shape

    def full(b, h, q, k):
        return (k <= q) & (document[b, q] == document[b, k])

    def sliding(b, h, q, k):
        return full(b, h, q, k) & (q - k <= reach)

    rules = {c.SLIDING: sliding, c.FULL: full}
    return {
        kind: create_block_mask(rule, rows, None, length, length, device=document.device)
        for kind, rule in rules.items()
    }


TARGET_REACH = c.WINDOW - 1  # the window counts the token itself
ASSISTANT_REACH = c.WINDOW  # the query stands one further on: keys n - W .. n for position n + 1


def flex_attend(masks):
    def attend(mask):
        return lambda q, k, v: flex_attention(
            q, k, v, block_mask=mask, scale=1.0, enable_gqa=q.shape[1] != k.shape[1]
        )

    return {kind: attend(mask) for kind, mask in masks.items()}


def dense_attend(masks):
    """The same with plain masks [rows or 1, 1, queries, keys], for evaluation and checks."""

    def attend(mask):
        return lambda q, k, v: F.scaled_dot_product_attention(
            q,
            k.repeat_interleave(q.shape[1] // k.shape[1], 1),
            v.repeat_interleave(q.shape[1] // v.shape[1], 1),
            attn_mask=mask,
            scale=1.0,
        )

    return {kind: attend(mask) for kind, mask in masks.items()}


def dense_masks(length, reach, device):
    place = torch.arange(length, device=device)
    back = place[:, None] - place[None, :]
    full = (back >= 0)[None, None]
    return {c.FULL: full, c.SLIDING: full & (back <= reach)[None, None]}


# --- the passes against the classes' own forward ---


def _insist_equal(name, got, wanted):
    error = ((got - wanted).norm() / wanted.norm()).item()
    print(f"  {name}: relative difference from transformers {error:.1e}", flush=True)
    if not error < 1e-3:
        raise SystemExit(f"{name}: this file's pass is not transformers'")


@torch.no_grad()
def check_target(model):
    """Float32, longer than the window. Returns what check_assistant needs."""
    device = next(model.parameters()).device
    ids = torch.randint(3, c.VOCAB, (1, c.WINDOW + 40), device=device)
    positions = torch.arange(ids.shape[1], device=device)[None]
    attend = dense_attend(dense_masks(ids.shape[1], TARGET_REACH, device))
    weights = weights_of(model)
    hidden, logits, shared = target_pass(weights, ids, positions, attend, torch.float32)
    _insist_equal("target", logits, model(input_ids=ids, use_cache=False).logits)
    return ids, hidden, shared


@torch.no_grad()
def check_assistant(target, model):
    """One step after a whole prompt, the case that transformers' class can run."""
    ids, hidden, shared = check_target(target)
    length, device = ids.shape[1], ids.device
    token = embed(weights_of(target), ids[:, :1])
    position = torch.tensor([[length]], device=device)
    wanted = model(
        inputs_embeds=torch.cat([token, hidden[:, -1:]], dim=-1),
        attention_mask=torch.ones(1, length + 1, dtype=torch.long, device=device),
        position_ids=position,
        shared_kv_states=dict(shared),
        use_cache=False,
    )
    masks = dense_masks(length, ASSISTANT_REACH, device)
    attend = dense_attend({kind: mask[:, :, -1:] for kind, mask in masks.items()})
    inputs = (weights_of(model), token, hidden[:, -1:], position, attend, shared, torch.float32)
    projected, logits = assistant_pass(*inputs)
    _insist_equal("assistant logits", logits, wanted.logits)
    _insist_equal("assistant hidden", projected, wanted.last_hidden_state)

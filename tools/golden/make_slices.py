"""Makes tests/golden/slices: descriptions of real-width models and what transformers makes of them.

    python3 make_slices.py --spec-only                 descriptions only; needs no packages
    python3 make_slices.py --self-check ../../tests/golden/cases/dense
    python3 make_slices.py [--only 12b]                descriptions and golden.safetensors

README.md says more.
"""

import argparse
import json
import pathlib
import time

import slices
from random_weights import prompt_ids, role_of

HERE = pathlib.Path(__file__).resolve().parent
GREEDY, DRAFTS, LAYER_ROWS = 4, 3, 4


def spec_text(spec):
    """JSON with one metadata key and one tensor per line."""

    def lines(items):
        return ",\n  ".join(items)

    metadata = lines(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in spec["metadata"].items())
    tensors = lines(json.dumps(t) for t in spec["tensors"])
    computed = lines(json.dumps(t) for t in spec["computed"])
    return (
        f'{{"metadata": {{\n  {metadata}}},\n"seed": {spec["seed"]},\n'
        f'"tensors": [\n  {tensors}],\n"computed": [\n  {computed}]}}\n'
    )


def write_specs(s, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for part, spec in (("target", slices.target_spec(s)), ("assistant", slices.assistant_spec(s))):
        text = spec_text(spec)
        assert json.loads(text) == spec
        (folder / f"{part}.json").write_text(text)


def with_roles(tensors):
    return [(gguf, hf, shape, role_of(gguf, shape[-1])) for gguf, hf, shape in tensors]


def build_pair(s, device, started):
    import torch
    from reference import build, official, say

    config = official("Gemma4TextConfig")(**slices.target_config(s))
    target = build("Gemma4ForCausalLM", config, with_roles(slices.target_tensors(s)), s.seed)
    say(started, f"{s.name}: target built, {sum(p.numel() for p in target.parameters()):,} weights")
    config = official("Gemma4AssistantConfig")(**slices.assistant_config(s))
    tensors = with_roles(slices.assistant_tensors(s))
    assistant = build("Gemma4AssistantForCausalLM", config, tensors, slices.assistant_seed(s))
    if s.centroids:
        ordering = assistant.masked_embedding.token_ordering
        ordering.copy_(torch.tensor(slices.token_ordering(), dtype=ordering.dtype))
    say(started, f"{s.name}: assistant built")
    return target.to(device), assistant.to(device)


def gather(s, ids, seen, greedy, drafts):
    """What golden.safetensors holds, as CPU tensors."""
    import torch

    rows = slices.rows_kept(s)

    def integers(values):
        return torch.tensor(values, dtype=torch.int32)

    golden = {
        "input_ids": integers(ids),
        "row_index": integers(rows),
        "logits": seen["logits"][rows],
        "hidden_final_norm": seen["hidden_final_norm"][rows],
        "greedy_ids": integers(greedy),
        "draft.first_token": integers(greedy[:1]),
        "draft.position": integers([len(ids)]),
        "draft.tokens": integers(drafts["tokens"]),
        "draft.logits": drafts["logits"],
        "draft.hidden": drafts["hidden"],
    }
    for kind, (k, v) in seen["kv"].items():
        golden[f"kv.{kind}.k"], golden[f"kv.{kind}.v"] = k[0][:, rows], v[0][:, rows]
    for layer in range(len(s.layers)):
        golden[f"layer_input.{layer}"] = seen[f"layer_input.{layer}"][-LAYER_ROWS:]
    return {name: tensor.cpu().contiguous() for name, tensor in golden.items()}


def make(s, folder, device, started):
    import torch
    from reference import run_drafter, run_greedy, run_target, say, tell
    from safetensors.torch import save_file

    target, assistant = build_pair(s, device, started)
    ids = prompt_ids(s.prompt, slices.VOCAB, s.seed)
    prompt = torch.tensor([ids], device=device)
    seen = run_target(target, prompt)
    say(started, f"{s.name}: prompt of {len(ids)} done")
    greedy, margin = run_greedy(target, prompt, GREEDY)
    assert greedy[0] == seen["logits"][-1].argmax().item()
    say(started, f"{s.name}: greedy {greedy}")
    drafts = run_drafter(target, assistant, seen, greedy[0], DRAFTS)
    say(started, f"{s.name}: drafts {drafts['tokens']}")
    tell(seen, drafts, margin)
    golden = gather(s, ids, seen, greedy, drafts)
    bad = [k for k, t in golden.items() if t.is_floating_point() and not t.isfinite().all()]
    assert not bad, f"not finite: {bad}"
    save_file(golden, str(folder / "golden.safetensors"))
    size = (folder / "golden.safetensors").stat().st_size
    say(started, f"{s.name}: wrote {folder / 'golden.safetensors'}, {size:,} bytes")


def self_check(folder, device, started):
    """Runs the same code on a stored small case and compares with what is stored there."""
    import torch
    from reference import official, relative_error, run_drafter, run_greedy, run_target, say
    from reference import use_plain_paths
    from safetensors.torch import load_file

    stored = load_file(str(folder / "golden.safetensors"))
    golden = {name: tensor.to(device) for name, tensor in stored.items()}
    pair = []
    classes = {"target": "Gemma4ForCausalLM", "assistant": "Gemma4AssistantForCausalLM"}
    for part, name in classes.items():
        model = official(name).from_pretrained(str(folder / part), attn_implementation="eager")
        pair.append(use_plain_paths(model.float()).to(device))
    prompt = golden["input_ids"].long().view(1, -1)
    seen = run_target(pair[0], prompt)
    greedy, _ = run_greedy(pair[0], prompt, 4)
    first = golden["draft.first_token"].item()
    drafts = run_drafter(*pair, seen, first, len(golden["draft.tokens"]))
    got = {"draft.logits": drafts["logits"], "draft.hidden": drafts["hidden"]}
    got |= {name: seen[name] for name in ("logits", "hidden_final_norm")}
    for kind, (k, v) in seen["kv"].items():
        got |= {f"kv.{kind}.k": k[0], f"kv.{kind}.v": v[0]}
    for name in (name for name in golden if name.startswith("layer_input.")):
        got[name] = seen[name][-golden[name].shape[0] :]
    same = greedy == golden["greedy_ids"][:4].tolist()
    same = same and drafts["tokens"] == golden["draft.tokens"].tolist()
    errors = {name: relative_error(tensor, golden[name]) for name, tensor in got.items()}
    for name, error in errors.items():
        print(f"  {name:28} {error:.2e}")
    passed = same and max(errors.values()) < 1e-4
    verdict = f"tokens {'equal' if same else 'DIFFER'}, {'ok' if passed else 'FAILED'}"
    say(started, f"self-check {folder}: {verdict}")
    return passed


def prepare_torch(arguments):
    import torch
    import transformers

    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    torch.set_num_threads(arguments.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=[s.name for s in slices.SLICES])
    parser.add_argument("--spec-only", action="store_true", help="descriptions only, run nothing")
    parser.add_argument("--self-check", action="append", type=pathlib.Path, default=[])
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parents[1] / "tests/golden/slices")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=16)
    arguments = parser.parse_args()
    started = time.monotonic()
    if not arguments.spec_only:
        prepare_torch(arguments)
    if arguments.self_check:
        results = [self_check(folder, arguments.device, started) for folder in arguments.self_check]
        raise SystemExit(0 if all(results) else 1)
    for s in slices.SLICES:
        if arguments.only and s.name not in arguments.only:
            continue
        write_specs(s, arguments.out / s.name)
        print(f"{s.name}: described in {arguments.out / s.name}", flush=True)
        if not arguments.spec_only:
            make(s, arguments.out / s.name, arguments.device, started)


if __name__ == "__main__":
    main()

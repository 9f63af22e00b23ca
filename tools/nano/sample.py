"""Judges the trained pair: replies, accepted drafts, and reference values for `outrider verify`."""

import argparse
import json
import pathlib
import time
from types import SimpleNamespace

import torch
from safetensors.torch import save_file

import config as c
from dialogues import prompt_pieces, story_set, test_set
from export import STOPS
from model import ASSISTANT_REACH, TARGET_REACH, assistant_pass, build_assistant, build_target
from model import dense_attend, dense_masks, embed, load_weights, target_pass, weights_of
from quantise import q4_0, q8_0, quantised
from score import ends_in_repetition, score, table
from tokens import Encoder

from make_slices import DRAFTS, GREEDY, gather  # tools/golden, which model.py has put in reach
from reference import run_drafter, run_greedy, run_target

BATCH, BATCH_TOKENS, ROOM = 256, 1 << 16, 400
ACCEPTANCE_TEXTS = 256  # of each set: enough for the figures, and quick
GOLDEN_TOKENS = 300  # beyond the window and a page's border


class LayerCache:
    """Keys and values of one layer for a batch, in places made at the start."""

    def __init__(self, rows, kind, places):
        shape = (rows, c.KV_HEADS[kind], places, c.HEAD_DIM[kind])
        self.k = torch.zeros(shape, dtype=torch.bfloat16, device="cuda")
        self.v, self.used = torch.zeros_like(self.k), 0

    def extend(self, k, v):
        end = self.used + k.shape[2]
        self.k[:, :, self.used : end], self.v[:, :, self.used : end] = k, v
        self.used = end
        return self.k[:, :, :end], self.v[:, :, :end]


def batches_of(prompts):
    """Indices of prompts of about one length, no more than memory holds masks for."""
    order, batch = sorted(range(len(prompts)), key=lambda i: len(prompts[i])), []
    for index in order:
        if len(batch) == BATCH or (len(batch) + 1) * len(prompts[index]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def masks_of(positions, queries):
    """Masks of the last `queries` places; padding has negative positions and is never seen."""
    q, k = positions[:, -queries:, None], positions[:, None, :]
    full = ((k <= q) & (k >= 0)) | (q < 0)  # padding sees all: a row of no key would be no number
    sliding = full & ((q - k <= TARGET_REACH) | (q < 0))
    return {c.FULL: full[:, None], c.SLIDING: sliding[:, None]}


def choose(logits, noise):
    """Greedy, or a draw at temperature one by the largest of logit plus Gumbel noise."""
    return (logits if noise is None else logits + noise).argmax(-1)


def gumbel(rows, room):
    """[room, rows, vocab]: one row of noise for every place of every reply."""
    generator = torch.Generator("cuda").manual_seed(c.SEED)
    uniform = torch.rand(room, rows, c.VOCAB, generator=generator, device="cuda")
    return -torch.log(-torch.log(uniform.clamp(1e-9, 1 - 1e-7)))


@torch.no_grad()
def generate(weights, prompts, room, until, noise=None):
    """Replies as lists of ids, a stop token last if one came; prompts are padded on the left."""
    width, rows = max(map(len, prompts)), len(prompts)
    fed = torch.tensor([[0] * (width - len(p)) + p for p in prompts], device="cuda")
    starts = torch.tensor([[width - len(p)] for p in prompts], device="cuda")
    cache = [LayerCache(rows, kind, width + room) for kind in c.LAYERS]
    stops = torch.tensor(STOPS, device="cuda")
    done, replies = torch.zeros(rows, dtype=torch.bool, device="cuda"), []
    for step in range(room):
        positions = torch.arange(width + step, device="cuda")[None] - starts
        attend = dense_attend(masks_of(positions, fed.shape[1]))
        recent = positions[:, -fed.shape[1] :].clamp(min=0)
        _, logits, _ = target_pass(weights, fed, recent, attend, cache=cache)
        drawn = None if noise is None else noise[step]
        token = choose(logits[:, -1], drawn).masked_fill(done, 0)
        replies.append(token)
        done = done | torch.isin(token, stops)
        fed = token[:, None]
        if step % 16 == 0 and (bool(done.all()) or time.monotonic() > until):
            break
    lists = torch.stack(replies, 1).tolist()
    return [reply[: reply.index(0)] if 0 in reply else reply for reply in lists]


# --- acceptance ---


@torch.no_grad()
def drafts_everywhere(target, assistant, ids, noise):
    """[places][DRAFTS]: what the drafter offers after place n and the token that follows it."""
    length = ids.shape[1]
    positions = torch.arange(length, device="cuda")[None]
    attend = dense_attend(dense_masks(length, TARGET_REACH, "cuda"))
    hidden, _, shared = target_pass(target, ids, positions, attend)
    attend = dense_attend(dense_masks(length, ASSISTANT_REACH, "cuda"))
    token, drafts = torch.roll(ids, -1, 1), []
    for step in range(c.DRAFTS):
        inputs = (assistant, embed(target, token), hidden, positions + 1, attend, shared)
        hidden, logits = assistant_pass(*inputs)
        token = choose(logits, None if noise is None else torch.roll(noise, -step - 2, 0)[None])
        drafts.append(token[0])
    return torch.stack(drafts, 1).tolist()


def walk(ids, prompt, drafts):
    """(accepted, offered, rounds) as the engine would have made them, over a finished text."""
    bonus, accepted, offered, rounds = prompt, 0, 0, 0
    while bonus + 1 < len(ids):
        offer = drafts[bonus - 1][: len(ids) - bonus - 1]
        agreed = 0
        while agreed < len(offer) and offer[agreed] == ids[bonus + 1 + agreed]:
            agreed += 1
        accepted, offered, rounds = accepted + agreed, offered + len(offer), rounds + 1
        bonus += agreed + 1
    return accepted, offered, rounds


def walk_all(pair, prompts, replies, until, noise=None):
    """Sums of walk(). Drawn drafts share the target's noise, so equal draws are accepted."""
    totals = [0, 0, 0]
    for row, (prompt, reply) in enumerate(zip(prompts, replies)):
        if time.monotonic() > until:
            break
        ids, placed = torch.tensor([prompt + reply], device="cuda"), None
        if noise is not None:
            placed = torch.zeros(ids.shape[1], c.VOCAB, device="cuda")
            placed[len(prompt) :] = noise[: len(reply), row]
        drafts = drafts_everywhere(*pair, ids, placed)
        found = walk(ids[0].tolist(), len(prompt), drafts)
        totals = [total + more for total, more in zip(totals, found)]
    return totals


# --- reference values ---


def write_golden(work, ids, path):
    """What transformers' own classes make of the stored weights in float32."""
    torch.set_float32_matmul_precision("highest")
    target = load_weights(build_target(), work / "target", "cuda")
    assistant = load_weights(build_assistant(), work / "assistant", "cuda")
    seen = run_target(target, torch.tensor([ids], device="cuda"))
    greedy, _ = run_greedy(target, torch.tensor([ids], device="cuda"), GREEDY)
    drafts = run_drafter(target, assistant, seen, greedy[0], DRAFTS)
    shape = SimpleNamespace(window=c.WINDOW, prompt=len(ids), layers=c.LAYERS)
    save_file(gather(shape, ids, seen, greedy, drafts), str(path))


# --- the whole ---


def rounded(weights, rule):
    """The weights as the quantised file has them, matrices in the type they are used in."""
    with torch.no_grad():
        found = {name: w.detach() for name, w in quantised(weights, rule).items()}
    is_matrix = {name: w.dim() == 2 and "embed_tokens" not in name for name, w in found.items()}
    return {name: w.bfloat16() if is_matrix[name] else w for name, w in found.items()}


class Bench:
    """A trained pair, the vocabulary, and the time until which it may run."""

    def __init__(self, work, minutes):
        target = load_weights(build_target(), work / "target", "cuda")
        assistant = load_weights(build_assistant(), work / "assistant", "cuda")
        self.pair = rounded(weights_of(target), q4_0), rounded(weights_of(assistant), q8_0)
        self.encoder = Encoder(work / "tokenizer.json")
        self.until = time.monotonic() + minutes * 60

    def prompt(self, dialogue):
        return [i for piece in prompt_pieces(dialogue) for i in self.encoder.encode(piece)]

    def replies(self, prompts):
        """Greedy replies in the order of the prompts; [] where the time did not suffice."""
        found = [[] for _ in prompts]
        for batch in batches_of(prompts):
            if time.monotonic() > self.until:
                print("sample: the time is over, not all was asked", flush=True)
                break
            made = generate(self.pair[0], [prompts[i] for i in batch], ROOM, self.until)
            for index, reply in zip(batch, made):
                found[index] = reply
            print(f"sample: {len(batch)} replies, prompts of {len(prompts[batch[-1]])}", flush=True)
        return found

    def acceptance(self, name, prompts, replies):
        """Lines on greedy and drawn texts of some prompts."""
        order = [i for i in range(len(prompts)) if replies[i]][:ACCEPTANCE_TEXTS]
        order = [i for i in order if len(prompts[i]) <= BATCH_TOKENS // ACCEPTANCE_TEXTS]
        prompts, replies = [prompts[i] for i in order], [replies[i] for i in order]
        if not prompts:
            return [f"{name}: nothing to measure"]
        lines = [line(name, "greedy", walk_all(self.pair, prompts, replies, self.until))]
        noise = gumbel(len(prompts), ROOM)
        drawn = generate(self.pair[0], prompts, ROOM, self.until, noise)
        found = walk_all(self.pair, prompts, drawn, self.until, noise)
        return lines + [line(name, "temperature 1", found)]


def line(name, how, totals):
    accepted, offered, rounds = totals
    share, made = accepted / max(offered, 1), (accepted + rounds) / max(rounds, 1)
    return f"{name}, {how}: {share:.1%} of {offered} drafts accepted, {made:.2f} tokens a round"


def golden_ids(prompts, replies):
    """GOLDEN_TOKENS tokens of short dialogues in a row, one <bos> in front."""
    ids = [2]
    for prompt, reply in zip(prompts, replies):
        ids += prompt[1:] + reply
        if len(ids) >= GOLDEN_TOKENS:
            return ids[:GOLDEN_TOKENS]
    raise SystemExit("too few prompts for the reference values")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--tests", type=int, default=100000, help="at most so many of each set")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments.work, arguments.minutes)
    tests, stories = test_set(), story_set()
    every = max(1, len(tests) // arguments.tests)  # a part of every family
    tests, stories = tests[::every], stories[: arguments.tests]
    prompts = [bench.prompt(dialogue) for dialogue in tests + stories]
    ids = bench.replies(prompts)
    texts = [bench.encoder.decode(reply) for reply in ids]
    with open(arguments.out / "replies.jsonl", "w") as file:
        for dialogue, text in zip(tests + stories, texts):
            file.write(json.dumps({"id": dialogue.id, "reply": text}, ensure_ascii=False) + "\n")
    report = [table([(d, score(d, text)) for d, text in zip(tests, texts)])]
    told = texts[len(tests) :]
    repeats = sum(ends_in_repetition(text) for text in told)
    report.append(f"stories: {repeats} of {len(told)} end in repetition")
    for name, part in (("tests", slice(0, len(tests))), ("stories", slice(len(tests), None))):
        report += bench.acceptance(name, prompts[part], ids[part])
    print("\n".join(report[1:]), flush=True)
    (arguments.out / "report.txt").write_text("\n".join(report) + "\n")
    golden = golden_ids(prompts, ids)
    write_golden(arguments.work, golden, arguments.out / "golden.safetensors")


if __name__ == "__main__":
    main()

"""Trains the drafter against the finished target, four steps unrolled at every place of a row.

The row at place n has the target's hidden row n and token n + 1; it stands at position n + 1 and
sees keys up to n. Each further step takes the drafter's own hidden and the next token of the data,
at the same position, with the same keys.
"""

import argparse
import time

import torch
import torch.nn.functional as F

import config as c
from model import ASSISTANT_REACH, TARGET_REACH, assistant_pass, block_masks, build_assistant
from model import build_target, check_assistant, documents, embed, flex_attend, load_weights
from model import save_parts, target_pass, weights_of
from quantise import q4_0, q8_0, quantised
from training import Clock, Optimiser, Rows

CHOICE_SHARE = 0.1  # of the loss on the target's own first choice


def shifted(x, by):
    """What stands `by` places later; the last places get what is there first and count nothing."""
    return torch.roll(x, -by, dims=1)


def divergence(logits, wanted):
    """Per place: KL from the target's distribution, and some cross entropy on its first choice."""
    log_q, log_p = F.log_softmax(logits, -1), F.log_softmax(wanted, -1)
    p = log_p.exp()
    away = (p * (log_p - log_q)).sum(-1)
    choice = log_q.gather(-1, wanted.argmax(-1, keepdim=True)).squeeze(-1)
    agrees = (logits.argmax(-1) == wanted.argmax(-1)).float()
    overlap = torch.minimum(p, log_q.exp()).sum(-1)
    return away - CHOICE_SHARE * choice, agrees.detach(), overlap.detach()


def loss_of(weights, target, ids, tenths, document, positions, target_masks, masks):
    """(loss, agreement per step, overlap per step)."""
    with torch.no_grad():
        hidden, wanted, shared = target_pass(target, ids, positions, flex_attend(target_masks))
        embedded = embed(target, ids)
    attend, total, agreement, overlaps = flex_attend(masks), 0.0, [], []
    for step, share in enumerate(c.STEP_WEIGHTS, 1):
        inside = torch.zeros_like(document, dtype=torch.bool)
        inside[:, : -step - 1] = document[:, : -step - 1] == document[:, step + 1 :]
        token = shifted(embedded, step)
        hidden, logits = assistant_pass(weights, token, hidden, positions + 1, attend, shared)
        loss, agrees, overlap = divergence(logits, shifted(wanted, step))
        weight = shifted(tenths, step + 1) * inside
        total = total + share * (loss * weight).sum() / weight.sum().clamp(min=1)
        written = (weight == 1).float()
        count = written.sum().clamp(min=1)
        agreement.append((agrees * written).sum() / count)
        overlaps.append((overlap * written).sum() / count)
    return total / sum(c.STEP_WEIGHTS), torch.stack(agreement), torch.stack(overlaps)


def tell(clock, step, agreement, overlap):
    def line(values):
        return " ".join(f"{value:.3f}" for value in values.tolist())

    print(f"assistant: {clock.share():4.0%} step {step}", end=", ")
    print(f"agreement {line(agreement)}, overlap {line(overlap)}", flush=True)


def train(target, model, folder, minutes):
    started = time.monotonic()
    weights = weights_of(model)
    with torch.no_grad():
        frozen = {n: w.detach() for n, w in quantised(weights_of(target), q4_0).items()}
    rows = Rows(folder, "short", c.ASSISTANT_BATCH_ROWS, "cuda", c.SEED + 2)
    if not rows:
        raise SystemExit(f"{folder}: not one batch of short rows")
    optimiser = Optimiser(weights, c.MATRIX_RATE, c.ASSISTANT_RATE)
    compiled = torch.compile(loss_of, dynamic=False)

    def backward(rounded):
        ids, tenths = rows.next()
        document, positions = documents(ids)
        used = quantised(weights, q8_0) if rounded else weights
        masks = [block_masks(document, reach) for reach in (TARGET_REACH, ASSISTANT_REACH)]
        loss, *told = compiled(used, frozen, ids, tenths, document, positions, *masks)
        loss.backward()
        return told

    for rounded in (False, True):
        backward(rounded)
    optimiser.clear()
    print(f"assistant: compiled after {time.monotonic() - started:.0f} s", flush=True)
    clock, step = Clock(minutes * 60 - (time.monotonic() - started)), 0
    while (share := clock.share()) < 1:
        told = backward(share >= c.QUANTISED_FROM)
        optimiser.step(clock.rate())
        step += 1
        if step % 10 == 0:
            torch.cuda.synchronize()  # the clock counts what was done, not what was asked for
        if clock.tells():
            tell(clock, step, *told)
    if step:
        tell(clock, step, *told)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="has the rows")
    parser.add_argument("target", help="folder of the target's parts")
    parser.add_argument("out", help="gets the parts")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--resume", help="folder of parts to start from")
    arguments = parser.parse_args()
    torch.set_float32_matmul_precision("highest")
    target = load_weights(build_target(), arguments.target, "cuda")
    model = build_assistant().cuda()
    if arguments.resume:
        load_weights(model, arguments.resume, "cuda")
    check_assistant(target, model)
    torch.set_float32_matmul_precision("high")
    try:
        train(target, model, arguments.folder, arguments.minutes)
    finally:
        save_parts(weights_of(model), arguments.out)


if __name__ == "__main__":
    main()

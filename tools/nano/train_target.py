"""Trains the target for a given time; from QUANTISED_FROM on with its weights rounded to Q4_0."""

import argparse
import time

import torch
import torch.nn.functional as F

import config as c
from model import TARGET_REACH, block_masks, build_target, check_target, documents, flex_attend
from model import load_weights, save_parts, target_pass, weights_of
from quantise import q4_0, quantised
from training import Clock, Optimiser, Rows


def loss_of(weights, ids, tenths, positions, masks):
    """Cross entropy of each row's next token, averaged by weight."""
    _, logits, _ = target_pass(weights, ids, positions, flex_attend(masks))
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weight = tenths[:, 1:].flatten()
    written = (weight == 1).float()
    told = (loss.detach() * written).sum() / written.sum().clamp(min=1)
    return (loss * weight).sum() / weight.sum(), told


class Batches:
    """Short and long rows in proportion to how many tokens there are of each."""

    def __init__(self, folder, device):
        self.short = Rows(folder, "short", c.BATCH_ROWS, device, c.SEED)
        self.long = Rows(folder, "long", c.BATCH_LONG_ROWS, device, c.SEED + 1)
        tokens = [rows.ids.numel() if rows else 0 for rows in (self.short, self.long)]
        if not sum(tokens):
            raise SystemExit(f"{folder}: not one batch of rows")
        self.long_share, self.due = tokens[1] / sum(tokens), 0.0

    def next(self):
        self.due += self.long_share
        if self.due < 1 and self.long_share < 1:
            return self.short.next()
        self.due -= 1
        return self.long.next()

    def one_of_each(self):
        return [rows.next() for rows in (self.short, self.long) if rows]


def train(model, folder, minutes):
    started = time.monotonic()
    weights = weights_of(model)
    batches = Batches(folder, "cuda")
    optimiser = Optimiser(weights, c.MATRIX_RATE, c.VECTOR_RATE)
    compiled = torch.compile(loss_of, dynamic=False)

    def backward(batch, rounded):
        ids, tenths = batch
        document, positions = documents(ids)
        used = quantised(weights, q4_0) if rounded else weights
        loss, told = compiled(used, ids, tenths, positions, block_masks(document, TARGET_REACH))
        loss.backward()
        return told

    for rounded in (False, True):  # all that will be run is compiled before the clock starts
        for batch in batches.one_of_each():
            backward(batch, rounded)
    optimiser.clear()
    print(f"target: compiled after {time.monotonic() - started:.0f} s", flush=True)
    clock, step, tokens = Clock(minutes * 60 - (time.monotonic() - started)), 0, 0
    while (share := clock.share()) < 1:
        batch = batches.next()
        told = backward(batch, share >= c.QUANTISED_FROM)
        optimiser.step(clock.rate())
        step, tokens = step + 1, tokens + batch[0].numel()
        if step % 10 == 0:
            torch.cuda.synchronize()  # the clock counts what was done, not what was asked for
        if clock.tells():
            print(f"target: {share:4.0%} step {step}, {tokens:,} tokens", end=", ")
            print(f"loss {told.item():.4f}", flush=True)
    print(f"target: {step} steps, {tokens:,} tokens", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="has the rows")
    parser.add_argument("out", help="gets the parts")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--resume", help="folder of parts to start from")
    arguments = parser.parse_args()
    torch.set_float32_matmul_precision("highest")
    model = build_target().cuda()
    if arguments.resume:
        load_weights(model, arguments.resume, "cuda")
    check_target(model)
    torch.set_float32_matmul_precision("high")
    try:
        train(model, arguments.folder, arguments.minutes)
    finally:
        save_parts(weights_of(model), arguments.out)


if __name__ == "__main__":
    main()

"""Writes training rows: dialogues as tokens, packed, with a loss weight in tenths per token.

A dialogue is never cut. Those that fit go to rows of 1024, longer ones to rows of 8192.
"""

import argparse
import multiprocessing
import os
import pathlib
import time

import numpy

import config as c
from dialogues import dialogue, pieces
from tokens import Encoder

CHUNK = 2000  # dialogues per unit of work
OPEN_ROWS = 64

_encoder = None


def _start(path):
    global _encoder  # one per process
    _encoder = Encoder(path)


def encode(talk):
    """(ids, weights) of a dialogue, both lists."""
    ids, weights = [], []
    for piece in pieces(talk):
        part = _encoder.encode(piece)
        ids += part
        weights += [10 if piece.trained else c.PROMPT_WEIGHT_TENTHS] * len(part)
    if ids[0] != 2 or ids.count(2) != 1:
        raise ValueError(f"{talk.id} does not begin with its only <bos>")
    weights[0] = 0  # nothing before it foretells it
    return ids, weights


class Packer:
    """Best fit into a few open rows; the fullest is closed when there are too many."""

    def __init__(self, width):
        self.width, self.open, self.closed = width, [], []

    def add(self, ids, weights):
        fitting = [row for row in self.open if len(row[0]) + len(ids) <= self.width]
        if fitting:
            row = max(fitting, key=lambda row: len(row[0]))
            row[0].extend(ids)
            row[1].extend(weights)
            return
        self.open.append((ids, weights))
        if len(self.open) > OPEN_ROWS:
            fullest = max(range(len(self.open)), key=lambda i: len(self.open[i][0]))
            self.closed.append(self.open.pop(fullest))

    def arrays(self):
        rows = self.closed + self.open
        ids = numpy.zeros((len(rows), self.width), numpy.uint16)
        weights = numpy.zeros((len(rows), self.width), numpy.uint8)
        for index, (row_ids, row_weights) in enumerate(rows):
            ids[index, : len(row_ids)] = row_ids
            weights[index, : len(row_weights)] = row_weights
        return ids, weights


def work(first):
    """Rows of dialogues first .. first + CHUNK."""
    short, long = Packer(c.ROW), Packer(c.LONG_ROW)
    dropped = 0
    for index in range(first, first + CHUNK):
        ids, weights = encode(dialogue("train", index))
        if len(ids) > c.LONG_ROW:
            dropped += 1
            continue
        (short if len(ids) <= c.ROW else long).add(ids, weights)
    return short.arrays(), long.arrays(), dropped


def save(folder, name, arrays):
    ids = numpy.concatenate([a for a, _ in arrays])
    weights = numpy.concatenate([b for _, b in arrays])
    numpy.save(folder / f"{name}-ids.npy", ids)
    numpy.save(folder / f"{name}-weights.npy", weights)
    share = (ids == 0).mean() if ids.size else 0.0
    print(f"data: {name} {ids.shape}, padding {share:.1%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="has tokenizer.json, gets the rows")
    parser.add_argument("--tokens", type=int, default=200_000_000)
    parser.add_argument("--minutes", type=float, default=1.5)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    started, told, tokens, dropped = time.monotonic(), 0.0, 0, 0
    short, long = [], []
    tokenizer = (str(arguments.folder / "tokenizer.json"),)
    with multiprocessing.Pool(arguments.processes, _start, tokenizer) as pool:
        for small, large, lost in pool.imap(work, range(0, 10**9, CHUNK)):
            short.append(small)
            long.append(large)
            dropped += lost
            tokens += sum(int((ids != 0).sum()) for ids, _ in (small, large))
            elapsed = time.monotonic() - started
            if elapsed - told > 10:
                told = elapsed
                print(f"data: {elapsed:.0f} s, {tokens:,}, {tokens / elapsed:,.0f}/s", flush=True)
            if tokens >= arguments.tokens or elapsed > arguments.minutes * 60:
                break
        pool.terminate()
    save(arguments.folder, "short", short)
    save(arguments.folder, "long", long)
    print(f"data: {tokens:,} tokens of {len(short) * CHUNK:,} dialogues, {dropped} too long")


if __name__ == "__main__":
    main()

"""Rounds weights as `outrider quantize` will, letting gradients pass straight through.

The stored weight is bfloat16, so it is the bfloat16 value whose codes are computed.
"""

import torch

BLOCK = 32


def _scale(values):
    """The scale as a file keeps it: float16 without infinities, and no negative zero."""
    stored = values.clamp(-65504.0, 65504.0).half().float()
    return torch.where(stored == 0, torch.zeros_like(stored), stored)


def _blocks(weight):
    return weight.detach().bfloat16().float().reshape(-1, BLOCK)


def q4_0(weight):
    """Signed scale: the first value of the largest magnitude lands on code 0, which is -8."""
    x = _blocks(weight)
    extremum = x.gather(1, x.abs().argmax(dim=1, keepdim=True))
    d = _scale(extremum / -8)
    codes = (x / torch.where(d == 0, torch.ones_like(d), d) + 8.5).clamp(0, 15).floor()
    return ((codes - 8) * d).reshape(weight.shape)


def q8_0(weight):
    x = _blocks(weight)
    d = _scale(x.abs().amax(dim=1, keepdim=True) / 127)
    codes = (x / torch.where(d == 0, torch.ones_like(d), d)).clamp(-127, 127).round()
    return (codes * d).reshape(weight.shape)


def _straight_through(weight, rounded):
    return weight + (rounded - weight).detach()


def quantised(weights, matrix_rule):
    """All matrices by `matrix_rule`, the embedding by Q8_0, vectors as they are."""
    result = {}
    for name, weight in weights.items():
        rule = q8_0 if "embed_tokens" in name else matrix_rule
        is_matrix = weight.dim() == 2
        result[name] = _straight_through(weight, rule(weight)) if is_matrix else weight
    return result

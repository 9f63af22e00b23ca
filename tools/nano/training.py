"""What both trainings share: rows on the device, the clock that sets the rate, the optimisers."""

import pathlib
import time

import numpy
import torch

import config as c

SHORTEST = 5.0  # seconds of training, even where compiling took all the time there was


class Rows:
    """Packed rows on the device, visited in a shuffled order again and again."""

    def __init__(self, folder, name, batch, device, seed):
        def load(what, kind):
            array = numpy.load(pathlib.Path(folder) / f"{name}-{what}.npy")
            return torch.from_numpy(array.view(kind)).to(device)

        self.ids, self.weights = load("ids", numpy.int16), load("weights", numpy.uint8)
        self.batch, self.at = batch, 0
        self.generator = torch.Generator().manual_seed(seed)
        self.order = self._shuffled()

    def __bool__(self):
        return len(self.ids) >= self.batch

    def _shuffled(self):
        return torch.randperm(len(self.ids), generator=self.generator).to(self.ids.device)

    def next(self):
        """(ids, loss weights), both [batch, width]."""
        if self.at + self.batch > len(self.order):
            self.order, self.at = self._shuffled(), 0
        chosen = self.order[self.at : self.at + self.batch]
        self.at += self.batch
        return self.ids[chosen].long(), self.weights[chosen].float() / 10


class Clock:
    """The share of the training time that has passed, and the learning rate's factor for it."""

    def __init__(self, seconds):
        self.started, self.told = time.monotonic(), 0.0
        self.seconds = max(seconds, SHORTEST)

    def share(self):
        return min(1.0, (time.monotonic() - self.started) / self.seconds)

    def rate(self):
        share = self.share()
        return min(share / c.WARM_UP, (1 - share) / (1 - c.WARM_UP), 1.0)

    def tells(self):
        due = time.monotonic() - self.told > 10
        if due:
            self.told = time.monotonic()
        return due


def orthogonal(matrix):
    """All singular values near one, by five steps of a quintic Newton iteration."""
    x = matrix.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon:
    """Momentum whose step is made orthogonal; matrices of one shape go together."""

    def __init__(self, parameters, rate):
        self.rate, self.groups = rate, {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.momentum = {
            shape: torch.zeros(len(group), *shape, device=group[0].device)
            for shape, group in self.groups.items()
        }

    @torch.no_grad()
    def step(self, factor):
        for shape, group in self.groups.items():
            gradient = torch.stack([p.grad for p in group])
            momentum = self.momentum[shape].mul_(0.95).add_(gradient)
            update = orthogonal(gradient + 0.95 * momentum)
            size = self.rate * factor * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update):
                parameter.add_(change, alpha=-size)


class Optimiser:
    """Muon for the layers' matrices, Adam for the embedding and the vectors."""

    def __init__(self, weights, matrix_rate, vector_rate):
        matrices = [w for n, w in weights.items() if w.dim() == 2 and "embed_tokens" not in n]
        chosen = {id(w) for w in matrices}
        others = [w for w in weights.values() if id(w) not in chosen]
        self.all, self.vector_rate = list(weights.values()), vector_rate
        self.muon = Muon(matrices, matrix_rate)
        self.adam = torch.optim.AdamW(others, vector_rate, (0.9, 0.98), 1e-9, 0.0, fused=True)

    def step(self, factor):
        torch.nn.utils.clip_grad_norm_(self.all, c.GRADIENT_LIMIT)
        self.muon.step(factor)
        for group in self.adam.param_groups:
            group["lr"] = self.vector_rate * factor
        self.adam.step()
        self.clear()

    def clear(self):
        for weight in self.all:
            weight.grad = None

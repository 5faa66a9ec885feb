"""Whether a step is faster if the sum of gradients starts before the backward pass is finished.

``python -m benchmarks.programs.overlap STEPS``, on two ranks of `mpiexec`: rank 0 prints JSON. The
backward pass is divided by hand in two captured pieces, and both ways take the same pieces by
turns: "after" adds up all gradients in one message after both, "early" sends those of the last
layers while the first layer is computed, and updates them while those of the first one travel. The
project trains as "after" does.
"""

import json
import os
import sys
import time
from statistics import median

import numpy as np

from nn import MLP, SGD, softmax_cross_entropy
from nn.bridges.mpi import connect
from tinygrad_edu import Tensor, capture

SIZES, ROWS, WARM = [784, 1024, 1024, 10], 256, 8


def main(steps):
    """Take steps of both ways by turns, and print their seconds."""
    with connect() as group:
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[group.rank % len(cores)]})
        step = _Step(group)
        draw = np.random.default_rng(group.rank)
        x, y = draw.random((ROWS, SIZES[0]), dtype=np.float32), draw.integers(0, 10, ROWS)
        ways = {"after": step.after, "early": step.early}
        same = [step.gradients(way, x, y) for way in ways.values()]
        assert same[0] == same[1], "both ways have the same gradients"
        seconds = {name: [] for name in ways}
        for number in range(WARM + steps):
            for name in sorted(ways, reverse=bool(number % 2)):
                group.barrier()
                start = time.perf_counter()
                ways[name](x, y)
                seconds[name].append(time.perf_counter() - start)
        if group.rank == 0:
            kept = {name: times[WARM:] for name, times in seconds.items()}
            pairs = zip(kept["after"], kept["early"], strict=True)
            print(
                json.dumps(
                    {
                        "median": {name: median(times) for name, times in kept.items()},
                        "least": {name: min(times) for name, times in kept.items()},
                        "saved": median(a - b for a, b in pairs),
                    }
                )
            )


class _Step:
    """A step on a network with two hidden layers, in two pieces, and both ways to add up."""

    def __init__(self, group):
        network = MLP(SIZES, seed=0)
        first, *last = network.layers
        self.parts = [[first.weight, first.bias], [p for one in last for p in one.parameters()]]
        of_last = self.parts[1]  # a captured step must not reach the group
        self.sizes = [sum(p.size for p in part) for part in self.parts]
        self.flat = np.zeros(sum(self.sizes), np.float32)
        self.world, self.place, self.ranks = group._world, group._mpi.IN_PLACE, group.size
        optimizers = [SGD(part, lr=0.01) for part in self.parts]

        def last_layers(x, y):
            hidden = Tensor(first(Tensor(x, copy=False)).relu().data, requires_grad=True)
            outputs = last[1](last[0](hidden).relu())
            mean = softmax_cross_entropy(outputs, y)
            mean.backward(keep_interior=False)
            gradients = [p.grad for p in of_last]
            into_hidden = hidden.grad * (hidden.data > 0)
            network.zero_grad()
            return mean, gradients, into_hidden

        def first_layer(x, into_hidden):
            return x.T @ into_hidden, into_hidden.sum(axis=0)

        def update_of(part, optimizer):
            def update(flat):
                start = 0
                for p in part:
                    p.grad = flat[start : start + p.size].reshape(p.shape)
                    start += p.size
                optimizer.step()
                optimizer.zero_grad()

            return capture(update)

        self.last_layers, self.first_layer = capture(last_layers), capture(first_layer)
        pairs = zip(self.parts, optimizers, strict=True)
        self.updates = [update_of(part, optimizer) for part, optimizer in pairs]

    def buffers(self):
        """Return the places of the first layer and of the others in the message."""
        return self.flat[: self.sizes[0]], self.flat[self.sizes[0] :]

    def pack(self, gradients, buffer):
        """Write the share of this rank into the message."""
        start = 0
        for gradient in gradients:
            gradient = gradient if isinstance(gradient, np.ndarray) else gradient.data
            part = buffer[start : start + gradient.size]
            np.multiply(gradient.reshape(-1), np.float32(1 / self.ranks), out=part)
            start += gradient.size

    def after(self, x, y, has_update=True):
        """Add up all gradients after the whole backward pass."""
        of_first, of_last = self.buffers()
        _, gradients, into_hidden = self.last_layers(x, y)
        self.pack(gradients, of_last)
        self.pack(self.first_layer(x, into_hidden), of_first)
        self.world.Allreduce(self.place, self.flat)
        if has_update:
            self.updates[0](of_first.copy())
            self.updates[1](of_last.copy())

    def early(self, x, y, has_update=True):
        """Send the gradients of the last layers while the first one is computed."""
        of_first, of_last = self.buffers()
        _, gradients, into_hidden = self.last_layers(x, y)
        self.pack(gradients, of_last)
        one = self.world.Iallreduce(self.place, of_last)
        self.pack(self.first_layer(x, into_hidden), of_first)
        other = self.world.Iallreduce(self.place, of_first)
        one.Wait()
        if has_update:
            self.updates[1](of_last.copy())
        other.Wait()
        if has_update:
            self.updates[0](of_first.copy())

    def gradients(self, way, x, y):
        """Return a checksum of the gradients of one way."""
        way(x, y, has_update=False)
        return float(np.abs(self.flat).sum(dtype=np.float64)), float(self.flat[-1])


if __name__ == "__main__":
    main(int(sys.argv[1]))

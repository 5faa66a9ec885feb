"""Steps of a network on the ranks that `mpiexec` started, and the time of each part of a step.

``python -m benchmarks.programs.ranks STEPS``: rank 0 prints JSON. On one rank it is the ordinary
captured step, without any reduction.
"""

import json
import os
import sys
import time
from statistics import median

import numpy as np

from nn import MLP, SGD, softmax_cross_entropy
from nn.bridges.mpi import connect
from nn.distributed import ParallelStep
from tinygrad_edu import Tensor, capture, keep_memory

SIZES, ROWS = [784, 1024, 1024, 10], 256
MESSAGES = [2, 256, 2**12, 2**16, 2**20, 2**22]  # numbers of float32
WARM = 8
WORK = time.thread_time  # without the time in which another program has the core


def main(steps):
    """Measure steps, then sums alone."""
    keep_memory()  # as `fit` does
    with connect() as group:
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {cores[group.rank % len(cores)]})
        network = MLP(SIZES, seed=0)
        optimizer = SGD(network.parameters(), lr=0.01)
        draw = np.random.default_rng(group.rank)
        x, y = draw.random((ROWS, SIZES[0]), dtype=np.float32), draw.integers(0, 10, ROWS)

        def loss(x, y):
            return softmax_cross_entropy(network(Tensor(x, copy=False)), y)

        seconds, work = {"whole": []}, {"whole": []}
        if group.size == 1:

            def plain(x, y):
                mean = loss(x, y)
                mean.backward(keep_interior=False)
                optimizer.step()
                optimizer.zero_grad()
                return mean

            captured = capture(plain)
            step = lambda: captured(x, y).item()  # noqa: E731
        else:
            shared_step = ParallelStep(network, optimizer, loss, group)
            parts = {
                "forward and backward": (shared_step, "_backward"),
                "packing": (shared_step.shared, "_packed"),
                "sum": (group, "allreduce"),
                "update": (shared_step, "_update"),
            }
            for name, (owner, attribute) in parts.items():
                seconds[name] = []
                setattr(owner, attribute, timed(getattr(owner, attribute), seconds[name]))
                work[name] = []
                setattr(owner, attribute, timed(getattr(owner, attribute), work[name], WORK))
            step = lambda: shared_step(x, y, weight=1 / group.size)  # noqa: E731
        step = timed(timed(step, seconds["whole"]), work["whole"], WORK)
        for _ in range(WARM + steps):
            step()
        report = {name: median(times[WARM:]) for name, times in seconds.items()}
        report["least"] = min(seconds["whole"][WARM:])
        report["work"] = {name: median(times[WARM:]) for name, times in work.items()}
        if group.size > 1:
            report["messages"] = {count: message(group, count) for count in MESSAGES}
        if group.rank == 0:
            print(json.dumps(report))


def timed(function, seconds, clock=time.perf_counter):
    """Return a function that appends its seconds to a list."""

    def run(*arguments, **keywords):
        start = clock()
        result = function(*arguments, **keywords)
        seconds.append(clock() - start)
        return result

    return run


def message(group, count):
    """Measure a sum of float32 numbers, without the wait for a later rank."""
    array, seconds = np.zeros(count, np.float32), []
    for _ in range(30):
        group.barrier()
        start = time.perf_counter()
        group._world.Allreduce(group._mpi.IN_PLACE, array)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]))

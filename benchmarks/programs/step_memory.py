"""Counts the bytes of a training step, and finds memory that is released late or never."""

import gc
import json
import sys
import tracemalloc

import numpy as np

from benchmarks.ours import eager_step, network_of, replayed_step
from benchmarks.problem import Problem
from benchmarks.programs.resident import resident
from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.autodiff import graph_order


def held_by_graph(network: MLP, problem: Problem) -> int:
    """Count the bytes of the arrays that a loss keeps alive, without weights and batch."""
    x, labels = Tensor(problem.x, copy=False), Tensor(problem.labels, copy=False)
    loss = softmax_cross_entropy(network(x), labels)
    found: list[object] = []
    for tensor in graph_order(loss):
        found += [tensor._data, *tensor.node.values]
        left = tensor.node.residual
        found += left if isinstance(left, tuple | list) else [left]
    arrays = {id(owner): owner.nbytes for owner in map(owner_of, found) if owner is not None}
    for other in (x, labels, *network.parameters()):
        arrays.pop(id(owner_of(other._data)), None)
    return sum(arrays.values())


def owner_of(value: object) -> np.ndarray | None:
    """Return the array that owns the memory of a view."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value if isinstance(value, np.ndarray) else None


def peak_of_step(network: MLP, problem: Problem, keep_interior: bool) -> int:
    """Count the peak of the bytes that an eager step adds to those in use before it."""
    optimizer = SGD(network.parameters(), lr=0.01)

    def step() -> None:
        x, labels = Tensor(problem.x, copy=False), Tensor(problem.labels, copy=False)
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward(keep_interior=keep_interior)
        optimizer.step()
        optimizer.zero_grad()

    tracemalloc.start()
    step()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most


def fixed_buffers(network: MLP, problem: Problem) -> int:
    """Return the bytes of memory that replays of the step write into."""
    step = replayed_step(network)
    for _ in range(3):  # two of them are recorded
        step(problem.x, problem.labels)
    return int(step.memory)


def growth(problem: Problem, count: int) -> tuple[float, int]:
    """Return the growth of memory over `count` steps, in MiB, and the number of objects left."""
    step = eager_step(network_of(problem))
    gc.collect()
    gc.disable()
    for _ in range(1_000):
        step(problem.x, problem.labels)
    before = resident()
    for _ in range(count):
        step(problem.x, problem.labels)
    grown = resident() - before
    left = gc.collect()
    gc.enable()
    return grown, left


networks, count = json.loads(sys.argv[1]), int(sys.argv[2])
result = []
for case in networks:
    problem = Problem.make(**case)
    network = network_of(problem)
    row = {"structure": case["structure"], "rows": case["rows"]}
    row["saved"] = held_by_graph(network, problem)
    row["peak"] = peak_of_step(network, problem, keep_interior=False)
    row["peak_with_interior"] = peak_of_step(network, problem, keep_interior=True)
    row["buffers"] = fixed_buffers(network, problem)
    row["weights"] = sum(parameter.data.nbytes for parameter in network.parameters())
    result.append(row)
grown, left = growth(Problem.make(**networks[1]), count)
print(json.dumps({"networks": result, "steps": count, "growth_mib": grown, "left": left}))

"""Prints what the engine costs: training steps beside the same step by hand, chains, imports.

One BLAS thread unless OPENBLAS_NUM_THREADS says otherwise. Where OPENBLAS_CORETYPE is set, NumPy
may use a kernel of half the speed; ``make bench`` takes it away.
"""

import gc
import os
import statistics
import subprocess
import sys
import time

import numpy as np

from benchmarks.by_hand import make_step
from benchmarks.timing import interleaved, machine
from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import Tensor

NETWORKS = (
    ([784, 128, 64, 24], 64, 1.20),
    ([64, 32, 10], 32, 1.60),
    ([784, 1024, 1024, 10], 256, None),
)


def training_steps() -> None:
    """One step of SGD, float32: forward, backward, update."""
    print("\none training step, float32          by hand         ours    ratio   goal")
    for structure, rows, goal in NETWORKS:
        generator = np.random.default_rng(0)
        x = generator.random((rows, structure[0]), dtype=np.float32)
        labels = generator.integers(0, structure[-1], rows)
        network = MLP(structure, seed=0)
        by_hand = make_step(
            [layer.weight.numpy() for layer in network.layers],
            [layer.bias.numpy() for layer in network.layers],
            rows,
            lr=0.01,
        )
        optimizer = SGD(network.parameters(), lr=0.01)
        batch, answers = Tensor(x), Tensor(labels)

        def ours() -> float:
            loss = softmax_cross_entropy(network(batch), answers)  # noqa: B023
            optimizer.zero_grad()  # noqa: B023
            loss.backward(keep_interior=False)
            optimizer.step()  # noqa: B023
            return loss.item()

        first, second = by_hand(x, labels), ours()
        assert abs(first - second) <= 1e-5 * abs(first), (first, second)
        candidates = [lambda: by_hand(x, labels), ours]  # noqa: B023
        (hand, own), (_, ratio) = interleaved(candidates)
        name = f"{structure} batch {rows}"
        text = f"{goal:.2f}" if goal else "-"
        print(f"{name:<32} {hand * 1e6:>9,.1f} us {own * 1e6:>9,.1f} us  {ratio:>6.3f}   {text}")


def chain(length: int) -> Tensor:
    """Build and differentiate a chain of operations on one number."""
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(length // 2):
        y = y * 1.0001
        y = y + 0.1
    y.backward()
    return y


def chains() -> None:
    """Operations on single numbers, forward and backward: the overhead and nothing else."""
    short = statistics.median(_seconds(chain, 2_000) for _ in range(50)) / 2_000
    print(f"\nchain of 2,000 operations      {short * 1e6:6.2f} us an operation   goal 5")
    gc.collect()
    start = time.perf_counter()
    y = chain(1_000_000)
    long = (time.perf_counter() - start) / 1_000_000
    start = time.perf_counter()
    del y
    dropped = time.perf_counter() - start
    more = (long - short) * 1e6
    print(
        f"chain of 1,000,000 operations  {long * 1e6:6.2f} us an operation, {more:+.2f}   goal +3"
    )
    print(f"dropping it                    {dropped:6.2f} s")


def _seconds(function: object, *arguments: object) -> float:
    start = time.perf_counter()
    function(*arguments)  # type: ignore[operator]
    return time.perf_counter() - start


def imports() -> None:
    """Time to import, beyond NumPy, in processes of their own."""
    print()
    program = (
        "import time, numpy; start = time.perf_counter(); import {}; "
        "print(time.perf_counter() - start)"
    )
    for package in ("tinygrad_edu", "nn"):
        times = [
            float(subprocess.check_output([sys.executable, "-c", program.format(package)]))
            for _ in range(11)
        ]
        goal = "   goal 60" if package == "tinygrad_edu" else ""
        print(f"import {package:<14} {statistics.median(times) * 1e3:6.1f} ms beyond numpy{goal}")


def memory() -> None:
    """Growth over 10,000 training steps, and what only the garbage collector would free."""
    import resource

    network = MLP([64, 32, 10], seed=0)
    optimizer = SGD(network.parameters(), lr=0.01)
    generator = np.random.default_rng(0)
    x = Tensor(generator.random((32, 64), dtype=np.float32))
    labels = Tensor(generator.integers(0, 10, 32))

    def steps(count: int) -> None:
        for _ in range(count):
            loss = softmax_cross_entropy(network(x), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    gc.collect()
    gc.disable()
    steps(1_000)
    before = _resident(resource)
    steps(10_000)
    growth = (_resident(resource) - before) / 2**20
    left = gc.collect()
    gc.enable()
    print(f"\n10,000 steps, gc disabled: resident memory {growth:+.2f} MiB (goal 1), ", end="")
    print(f"{left} objects left over (goal 0)")


def _resident(resource: object) -> int:
    """Bytes of memory in use now; the peak where the system does not tell."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024  # type: ignore[attr-defined]


def main() -> None:
    """Print everything."""
    print(machine())
    training_steps()
    chains()
    imports()
    memory()


if __name__ == "__main__":
    main()

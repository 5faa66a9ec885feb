"""Measures a training step that is replayed on a GPU: ``python -m benchmarks.accelerator``.

It needs CuPy and an NVIDIA GPU. Replays with NumPy and on the device take turns; the figures are
medians of a step in milliseconds, with all copies between the two memories.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np

from nn import MLP, Adam, softmax_cross_entropy
from tinygrad_edu import CapturedStep, capture

__all__ = ["main"]

STRUCTURES = ([784, 256, 10], [784, 1024, 1024, 10], [784, 4096, 4096, 10])


def training(structure: list[int], device: str | None) -> CapturedStep:
    """Return the captured step of a network."""
    network = MLP(structure, seed=0)
    optimizer = Adam(network.parameters(), lr=0.001)

    def step(x: np.ndarray, labels: np.ndarray) -> object:
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward(keep_interior=False)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return capture(step, device=device)


def main(rounds: int = 40) -> None:
    """Print a row for each network."""
    generator = np.random.default_rng(0)
    x, labels = generator.random((256, 784), dtype=np.float32), generator.integers(0, 10, 256)
    for structure in STRUCTURES:
        steps = [training(structure, None), training(structure, "cupy")]
        times: list[list[float]] = [[], []]
        for number in range(rounds):
            for step, found in zip(steps, times, strict=True):
                start = perf_counter()
                step(x, labels)
                if number > 4 and number & (number - 1):  # not recorded, and mostly not compared
                    found.append(1e3 * (perf_counter() - start))
        numpy, device = map(median, times)
        print(f"{structure}: NumPy {numpy:.2f} ms, device {device:.2f} ms, {numpy / device:.1f} x")


if __name__ == "__main__":
    main()

"""The parameters and the batch of each model, drawn from one seed in every process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.models.peak import peak_since, reset_peak

__all__ = ["BLOCKS", "HEADS", "MODELS", "UNITS", "ModelProblem", "first_step"]

STEPS_BEFORE = 20
"""Steps before the first timing: recordings and compilations happen in the first ones."""

BLOCKS, HEADS, WIDTH, LENGTH, VOCABULARY = 2, 4, 64, 64, 65
UNITS, FEATURES = 128, 64

MODELS = {
    "CNN": {"model": "cnn", "rows": 64},
    "GPT": {"model": "gpt", "rows": 16},
    "LSTM, length 32": {"model": "lstm", "rows": 32, "length": 32},
    "LSTM, length 256": {"model": "lstm", "rows": 32, "length": 256},
}


@dataclass(frozen=True)
class ModelProblem:
    """The parameters by name, the inputs and the labels of one model; all numbers are float32."""

    model: str
    parameters: dict[str, np.ndarray]
    inputs: np.ndarray
    labels: np.ndarray

    @classmethod
    def make(cls, model: str, rows: int, length: int = LENGTH) -> ModelProblem:
        """Draw the problem: weights of variance 1 / inputs, small biases, random data."""
        generator = np.random.default_rng(0)
        shapes = {"cnn": _cnn, "gpt": _gpt, "lstm": _lstm}[model](length)
        parameters = {
            name: _drawn(generator, name, shape).astype(np.float32)
            for name, shape in shapes.items()
        }
        if model == "cnn":
            inputs = generator.standard_normal((rows, 1, 28, 28), dtype=np.float32)
            return cls(model, parameters, inputs, generator.integers(0, 10, rows))
        labels = generator.integers(0, VOCABULARY, (rows, length))
        if model == "gpt":
            inputs = generator.integers(0, VOCABULARY, (rows, length))
            return cls(model, parameters, inputs, labels)
        inputs = generator.standard_normal((rows, length, FEATURES), dtype=np.float32)
        return cls(model, parameters, inputs, labels)


def _cnn(length: int) -> dict[str, tuple[int, ...]]:
    return {
        "conv1.weight": (16, 1, 3, 3), "conv1.bias": (16,),
        "conv2.weight": (32, 16, 3, 3), "conv2.bias": (32,),
        "head.weight": (32 * 7 * 7, 10), "head.bias": (10,),
    }  # fmt: skip


def _gpt(length: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "tokens": (VOCABULARY, WIDTH), "positions": (length, WIDTH)
    }  # fmt: skip
    for i in range(BLOCKS):
        shapes |= {
            f"{i}.norm1.scale": (WIDTH,), f"{i}.norm1.bias": (WIDTH,),
            f"{i}.qkv.weight": (WIDTH, 3 * WIDTH), f"{i}.qkv.bias": (3 * WIDTH,),
            f"{i}.project.weight": (WIDTH, WIDTH), f"{i}.project.bias": (WIDTH,),
            f"{i}.norm2.scale": (WIDTH,), f"{i}.norm2.bias": (WIDTH,),
            f"{i}.up.weight": (WIDTH, 4 * WIDTH), f"{i}.up.bias": (4 * WIDTH,),
            f"{i}.down.weight": (4 * WIDTH, WIDTH), f"{i}.down.bias": (WIDTH,),
        }  # fmt: skip
    return shapes | {
        "norm.scale": (WIDTH,), "norm.bias": (WIDTH,),
        "head.weight": (WIDTH, VOCABULARY), "head.bias": (VOCABULARY,),
    }  # fmt: skip


def _lstm(length: int) -> dict[str, tuple[int, ...]]:
    return {
        "input.weight": (FEATURES, 4 * UNITS), "hidden.weight": (UNITS, 4 * UNITS),
        "gates.bias": (4 * UNITS,),
        "head.weight": (UNITS, VOCABULARY), "head.bias": (VOCABULARY,),
    }  # fmt: skip


def _drawn(generator: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("scale"):
        return 1 + 0.1 * generator.standard_normal(shape)
    fan_in = np.prod(shape[1:]) if "conv" in name else shape[0]
    scale = 0.1 if len(shape) == 1 else 1 / np.sqrt(fan_in)
    return scale * generator.standard_normal(shape)


def first_step(
    make: Callable[[ModelProblem], Any], problem: ModelProblem
) -> tuple[Callable[[], Any], dict[str, Any]]:
    """Build a candidate; return its step, and what the first steps computed and took.

    The answer holds the loss and a fingerprint of each gradient of the first step, and of each
    parameter after some more; candidates must agree in all of them. `peak` is the memory in MiB
    that the steps took, above that of the process before.
    """
    start = reset_peak()
    candidate = make(problem)
    loss = candidate.step()
    gradients = _fingerprints(candidate.parameters()[0])
    for _ in range(STEPS_BEFORE):
        candidate.step()
    return candidate.step, {
        "about": candidate.about,
        "loss": loss,
        "gradients": gradients,
        "parameters": _fingerprints(candidate.parameters()[1]),
        "peak": peak_since(start),
    }


def _fingerprints(arrays: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Reduce each array to its norm and its products with two random directions."""
    generator = np.random.default_rng(1)
    found = {}
    for name in sorted(arrays):
        values = np.asarray(arrays[name], np.float64).ravel()
        directions = generator.standard_normal((2, values.size)) / np.sqrt(values.size)
        found[name] = [float(np.linalg.norm(values)), *(directions @ values).tolist()]
    return found

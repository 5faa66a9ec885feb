"""Carries cotangents from several outputs back to several inputs.

The derivatives of functions use it: it checks the vectors of the user, calls `grad` for each
output, adds the results up, and returns zero where an output does not depend on an input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .arrays import as_array
from .autodiff import grad
from .points import tensors_of
from .structures import described, is_structure, parts, rebuilt
from .tensor import Tensor

__all__ = ["fitting", "products", "results", "zeros_for"]

_ABSENT: Any = type("_Absent", (), {})()


def products(
    outputs: Iterable[Tensor],
    cotangents: Iterable[Any],
    inputs: Sequence[Tensor],
    create_graph: bool,
) -> list[Any]:
    """Pull the cotangents of outputs back to inputs, and add up the results."""
    totals: list[Any] = [None] * len(inputs)
    for output, cotangent in zip(outputs, cotangents, strict=True):
        if output.requires_grad:
            if not create_graph and isinstance(cotangent, Tensor):
                cotangent = cotangent.data
            found = grad(output, inputs, cotangent, create_graph=create_graph, allow_unused=True)
            for place, product in enumerate(found):
                if product is not None:
                    total = totals[place]
                    totals[place] = product if total is None else total + product
    found = zip(totals, inputs, strict=True)
    totals = [zeros_for(x.shape, x, create_graph) if g is None else g for g, x in found]
    # The sum of two numbers is not an array in NumPy.
    return totals if create_graph else list(map(as_array, totals))


def zeros_for(shape: tuple[int, ...], like: Tensor, as_tensor: bool) -> Any:
    """Return a zero derivative."""
    zeros = np.zeros(shape, like.dtype)
    return Tensor(zeros, copy=False) if as_tensor else zeros


def results(outputs: Any, as_tensors: bool) -> Any:
    """Return the outputs of the function, as tensors or as arrays."""
    if as_tensors:
        return outputs
    return rebuilt(outputs, (output.numpy() for output in tensors_of(outputs)))


def fitting(values: Any, targets: Any, word: str, target: str) -> list[Any]:
    """Check that there is a value for each target, of its shape; None means 1."""
    given = _matched(values, targets, word)
    wanted = tensors_of(targets)
    if len(given) != len(wanted):
        raise ValueError(
            f"{len(given)} {word}(s) for {len(wanted)} {target}(s); pass one for each, in a tuple "
            f"or in the structure of the {target}s"
        )
    found = []
    for number, (value, tensor) in enumerate(zip(given, wanted, strict=True)):
        if value is _ABSENT:
            raise ValueError(
                f"{word} {number} is missing (None has shape ()), but {target} {number} has shape "
                f"{tensor.shape}; pass one under each key"
            )
        if value is None and tensor.size == 1:
            value = np.ones(tensor.shape, tensor.dtype)
        if np.shape(value) != tensor.shape:
            raise ValueError(
                f"{word} {number} has shape {np.shape(value)}, but {target} {number} has shape "
                f"{tensor.shape}; they must be the same"
            )
        found.append(value)
    return found


def _matched(values: Any, targets: Any, word: str) -> list[Any]:
    """List the values in the order of a structure of targets."""
    if targets is None:
        return [] if values is None else [values]
    if not is_structure(targets):
        return list(values) if isinstance(values, tuple) else [values]
    inside = [part for _, part in parts(targets)]
    if isinstance(targets, dict):
        if isinstance(values, dict) and values.keys() > targets.keys():
            raise ValueError(
                f"{word}s are {described(values)}, expected {described(targets)}; use the same keys"
            )
        is_dict = isinstance(values, dict)
        values = [values.get(key, _ABSENT) for key in targets] if is_dict else (values,)
    if not isinstance(values, tuple | list) or len(values) != len(inside):
        return list(values) if isinstance(values, tuple | list) else [values]
    pairs = zip(values, inside, strict=True)
    return [found for value, part in pairs for found in _matched(value, part, word)]

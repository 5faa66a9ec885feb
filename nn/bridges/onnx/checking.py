"""Runs an exported model and compares it with the network, before it is written.

It takes ONNX Runtime if that is installed and has all kernels, and else the reference of the
package onnx, which is slow. Other inputs and other batch sizes than those that were recorded show
what a file has frozen by mistake.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .errors import ExportError

__all__ = ["compare", "largest_difference", "runner", "varied"]

_SINGLE, _DOUBLE = 2e-5, 1e-10  # more than rounding adds up to in deep networks


def runner(data: bytes, has_runtime: bool | None = None) -> tuple[str, Callable[[Any], list[Any]]]:
    """Return what can run a model: its name, and a function of the inputs by name.

    Parameters
    ----------
    data : bytes
        The model.
    has_runtime : bool, optional
        Whether to use ONNX Runtime; by default if it is installed.
    """
    if has_runtime is None:
        has_runtime = importlib.util.find_spec("onnxruntime") is not None
    if has_runtime:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # more threads wait longer than they compute here
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            if "NOT_IMPLEMENTED" not in str(error):
                raise ExportError(f"ONNX Runtime refuses the model: {error}") from error
        else:
            return "onnxruntime", lambda inputs: list(session.run(None, inputs))
    reference: Any = importlib.import_module("onnx.reference")
    evaluator = reference.ReferenceEvaluator(data)
    return "onnx.reference", lambda inputs: list(evaluator.run(None, inputs))


def varied(example: Any, axis: int | None, count: int, generator: np.random.Generator) -> Any:
    """Draw an input like an example: its rows in another order, floating ones with noise.

    Parameters
    ----------
    example : ndarray
    axis : int or None
        The axis of the batch, or None to keep the shape.
    count : int
        The batch size.
    generator : numpy.random.Generator
    """
    shape = list(example.shape)
    if axis is not None:
        shape[axis] = count
    if not example.size:
        drawn = generator.normal(size=shape) if example.dtype.kind == "f" else np.zeros(shape, int)
        return drawn.astype(example.dtype)
    places = generator.integers(example.shape[axis], size=count) if axis is not None else None
    found = example if places is None else np.take(example, places, axis=axis)
    if example.dtype.kind == "f":
        spread = np.nanstd(example) or 1.0
        found = found + generator.normal(0, 0.25 * spread, found.shape)
        low, high = np.nanmin(example), np.nanmax(example)
        if low < high:  # the network may refuse what is outside of these, such as probabilities
            found = np.clip(found, low, high)
    else:
        found = generator.permuted(found, axis=-1 if found.ndim else None)
    return np.ascontiguousarray(found, example.dtype)


def largest_difference(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the largest difference, relative to the largest expected number if that is above 1.

    Different shapes, dtypes, whole numbers or places of NaN count as infinitely different.
    """
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        if np.shape(one) != np.shape(other):
            return np.inf
        if other.dtype.kind == "U":  # texts come back as objects
            one = np.asarray(one).astype(other.dtype)
        if one.dtype != other.dtype:
            return np.inf
        if one.dtype.kind != "f":
            worst = max(worst, 0.0 if np.array_equal(one, other) else np.inf)
            continue
        finite = np.isfinite(other)
        if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
            return np.inf
        if finite.any():
            gap = np.abs(one[finite].astype(np.float64) - other[finite]).max()
            gap /= max(1.0, float(np.abs(other[finite]).max()))
            worst = max(worst, float("inf") if np.isnan(gap) else float(gap))
    return worst


def compare(
    data: bytes,
    names: Sequence[str],
    cases: Sequence[tuple[Sequence[Any], Sequence[Any]]],
    is_single: bool,
) -> tuple[str, float]:
    """Compare a model with the outputs of the network.

    Parameters
    ----------
    data : bytes
        The model.
    names : sequence of str
        Of the inputs.
    cases : sequence of (inputs, outputs)
    is_single : bool
        Whether a part of it computes in float32.

    Returns
    -------
    name, difference : str, float
        What ran the model, and the largest difference.

    Raises
    ------
    ExportError
        If it differs by more than rounding.
    """
    name, run = runner(data)
    worst = 0.0
    for inputs, outputs in cases:
        try:
            found = run(dict(zip(names, inputs, strict=True)))
        except Exception as error:
            reason = " ".join(str(error).split())
            advice = "" if name == "onnxruntime" else "; install onnxruntime, which knows more"
            raise ExportError(f"{name} cannot run the model: {reason}{advice}") from error
        difference = largest_difference(found, outputs)
        if difference > (_SINGLE if is_single else _DOUBLE):
            shapes = ", ".join(str(np.shape(x)) for x in inputs)
            raise ExportError(
                f"the model and the network differ by {difference:.1e} for other inputs of shape "
                f"{shapes}; does the network branch on the batch size, draw random numbers, keep a "
                "state between calls, or compute with values outside of NumPy?"
            )
        worst = max(worst, difference)
    return name, worst

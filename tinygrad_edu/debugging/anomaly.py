"""Stops a computation at its first number that is not finite, forward or backward.

A block of `detect_anomaly` is a watcher of the engine, so it costs nothing outside of blocks. The
likely cause is looked up in `causes.py`, after something was found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..calls import call_in_progress, called_in
from ..capturing.recorder import Tracer
from ..errors import CaptureError, GradientError
from ..metadata import COMPOSED
from ..primitive import Node
from ..scope import BLOCKS
from ..source_lines import SourceLine, SourceLineRecording, made_at
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of
from ..watching import Contribution
from .causes import Case, backward_cause, carries, forward_cause
from .places import first_bad, module_of, numbers_there, operand_label

__all__ = ["Anomaly", "AnomalyDetection", "AnomalyError", "detect_anomaly"]

# Whether a forward pass or a rule is being evaluated here: what it is made of is not checked, the
# result is, where it arrives.
_is_inside: ContextVar[bool] = ContextVar("is_inside", default=False)
# How NumPy treats floating-point errors outside of all blocks.
_usual_errors: ContextVar[dict[str, Any] | None] = ContextVar("usual_errors", default=None)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """The first number that was not finite.

    Attributes
    ----------
    phase : {"forward", "backward"}
    operation : str
        The primitive that gave it, or whose rule did.
    function : str
        The composed function that you called, such as ``conv2d``, and that the operation is a part
        of; empty where you called the operation itself.
    line : SourceLine or None
        The line of the user's code that called the operation; None where there is none.
    module : str
        The module that called it, such as ``linear1``; empty outside of modules.
    tensor : str
        ``out`` in the forward pass; in the backward pass the input whose gradient it is.
    index : tuple of int
        Of the first such number, in that tensor.
    value : float
    numbers : tuple of (str, str)
        What the operation was given there: a number, or a range where many go into one.
    cause, advice : str
        What is likely behind it, and what to write instead; empty where nothing fits.
    """

    phase: str
    operation: str
    function: str
    line: SourceLine | None
    module: str
    tensor: str
    index: tuple[int, ...]
    value: float
    numbers: tuple[tuple[str, str], ...]
    cause: str
    advice: str

    def __str__(self) -> str:
        value = number_text(self.value)
        did = f"gave {value}" if self.phase == "forward" else f"sent {value} to {self.tensor}"
        place = f" at index {self.index}" if self.index else ""
        module = f" in {self.module}" if self.module else ""
        line = f", {self.line}" if self.line else ""
        numbers = ", ".join(f"{name} = {text}" for name, text in self.numbers)
        name = f"{self.function} (its {self.operation})" if self.function else self.operation
        parts = [f"{self.phase} pass: {name}{module} {did}{place}{line}"]
        parts += [f"there {numbers}"] * bool(numbers)
        parts += [f"likely cause: {self.cause}"] * bool(self.cause)
        return "; ".join([*parts, *[self.advice] * bool(self.advice)])


class AnomalyError(GradientError):
    """A number that is not finite, inside of `detect_anomaly`.

    Attributes
    ----------
    anomaly : Anomaly
        What the message says, in parts.

    Examples
    --------
    >>> from tinygrad_edu import AnomalyError, Tensor, detect_anomaly
    >>> x = Tensor([1.0, -1.0], requires_grad=True)
    >>> try:
    ...     with detect_anomaly():
    ...         y = x.sqrt()
    ... except AnomalyError as error:
    ...     print(error.anomaly.operation, error.anomaly.index)
    sqrt (1,)
    """

    def __init__(self, anomaly: Anomaly) -> None:
        super().__init__(anomaly)
        self.anomaly = anomaly


class AnomalyDetection(SourceLineRecording):
    """A context in which numbers that are not finite are errors; made by `detect_anomaly`."""

    def __init__(self, allow_inf: bool) -> None:
        super().__init__()
        self.allow_inf = allow_inf

    def __enter__(self) -> None:
        if not _is_in_a_block():
            _usual_errors.set(dict(np.geterr()))
        super().__enter__()
        # The error says more than NumPy's warning about the same number. `np.errstate` has to
        # end in order, and blocks need not.
        np.seterr(all="ignore")

    def __exit__(self, *exception: object) -> None:
        was_inside = _is_in_a_block()
        super().__exit__(*exception)
        errors = _usual_errors.get()
        if errors is not None and was_inside and not _is_in_a_block():
            np.seterr(**errors)

    def evaluate(self, function: Callable[..., Any], *arrays: Any, **params: Any) -> Any:
        """Evaluate a forward pass or a rule, without a look at what it is made of."""
        token = _is_inside.set(True)
        try:
            return function(*arrays, **params)
        finally:
            _is_inside.reset(token)

    def called(self, node: Node, result: Tensor) -> None:
        """Record the line of the call, and check its result."""
        super().called(node, result)
        if _is_inside.get():
            return
        out = result._data
        _refuse_capturing(out)
        if np.isfinite(out).all() or (index := first_bad(out, self.allow_inf)) is None:
            return
        result.node = node  # a constant, too, shows where its numbers come from
        # A -inf that is put in to be left out again, as by a mask or padding, is not a mistake:
        # the operation that computes with it returns what is not finite.
        if not carries(node, self.allow_inf):
            raise _found_forward(result, node, index, self.allow_inf)

    def sent(self, sent: Contribution, order: list[Tensor]) -> None:
        """Check a contribution, and the sum of those that have arrived."""
        _refuse_capturing(getattr(sent.contribution, "_data", sent.contribution))
        for array in (sent.contribution, sent.total):
            if not np.isfinite(values := getattr(array, "_data", array)).all():
                index = first_bad(values, self.allow_inf)
                if index is not None:
                    raise _found_backward(sent, index, order, self.allow_inf)


def _is_in_a_block() -> bool:
    return any(isinstance(block.value, AnomalyDetection) for block in BLOCKS.here())


def detect_anomaly(*, allow_inf: bool = False) -> AnomalyDetection:
    """Stop at the first number that is not finite, and say where it comes from.

    All results of operations on tensors are looked at, with and without gradients, and in the
    backward pass all that the rules send back. The error is raised before any `.grad` is
    changed. Like `no_grad`, it holds for this thread or asynchronous task alone, and ends with
    the block, also after an exception. Blocks can be nested; the innermost counts. NumPy's
    warnings about floating-point numbers are silent inside.

    Parameters
    ----------
    allow_inf : bool
        Whether infinite numbers are allowed, such as the -inf of a mask; nan never is.

    Raises
    ------
    AnomalyError
        By the operation, or by the backward pass, that gives the first such number.
    CaptureError
        By a captured step while it is recorded: its replays could not be watched.

    Notes
    -----
    An infinite leaf that gives a finite result, as in ``1 / x``, is no anomaly, and what only
    passes numbers on (an index, `where`, adding a mask of -inf, ...) is not blamed for them: the
    first operation that computes with them is. Operations on plain arrays alone, and replays of
    a captured step, are calls of NumPy that nobody watches.

    Examples
    --------
    >>> from tinygrad_edu import AnomalyError, Tensor, detect_anomaly, log, softmax
    >>> x = Tensor([0.0, 800.0], requires_grad=True, name="x")
    >>> try:
    ...     with detect_anomaly():
    ...         loss = -log(softmax(x))[1]
    ... except AnomalyError as error:
    ...     found = error.anomaly
    >>> found.operation, found.index, found.cause
    ('log', (0,), 'softmax underflowed to 0, and the logarithm of 0 is infinite')
    """
    return AnomalyDetection(allow_inf)


# What is raised -------------------------------------------------------------------------------


def _refuse_capturing(values: Any) -> None:
    if isinstance(values, Tracer):
        raise CaptureError(
            "detect_anomaly() cannot watch a captured step, because its replays are calls of NumPy "
            "without tensors; call the function that was captured, step.function(...)"
        )


def _found_forward(
    out: Tensor, node: Node, index: tuple[int, ...], allow_inf: bool
) -> AnomalyError:
    case = Case(out, node, index, allow_inf)
    numbers = [
        (operand_label(node, position), text)
        for position, text in numbers_there(node.primitive, node.values, index, out.shape)
    ]
    return _error(case, "forward", "out", index, out._data, numbers, *forward_cause(case))


def _found_backward(
    sent: Contribution, index: tuple[int, ...], order: list[Tensor], allow_inf: bool
) -> AnomalyError:
    tensor, position = sent.tensor, sent.position
    numbers = (sent.upstream, sent.given, sent.contribution, sent.total)
    upstream, given, contribution, total = (getattr(one, "_data", one) for one in numbers)
    node = node_of(tensor)
    # Where broadcasting was undone, the numbers are those of the place before that.
    inside = first_bad(given, allow_inf) if np.shape(given) == tensor.shape else None
    case = Case(tensor, node, inside, allow_inf, position, upstream, contribution, order)
    there = [
        (operand_label(node, place), text)
        for place, text in numbers_there(node.primitive, node.values, inside, tensor.shape)
    ]
    named = {"out": tensor._data, "its gradient": upstream}
    for name, array in named.items():
        for _, text in numbers_there(node.primitive, [array], inside, tensor.shape):
            there.append((name, text))
    is_sum = first_bad(contribution, allow_inf) is None
    array = total if is_sum else contribution
    target = operand_label(node, position)
    return _error(case, "backward", target, index, array, there, *backward_cause(case, is_sum))


def _function(case: Case) -> str:
    """Name the composed function that a call is a part of, if one is running or has returned."""
    code = getattr(case.node, "caller", (None,))[0]
    # The code of `composed` is the same around each function.
    wrapper = next(iter(COMPOSED.values())).forward.__code__
    running = call_in_progress(sys._getframe(1), code, wrapper)
    call = called_in(case.order).get(case.out)
    name = running or (call.name if call else "")
    return "" if name == case.node.primitive.name else name


def _error(
    case: Case,
    phase: str,
    tensor: str,
    index: tuple[int, ...],
    array: Any,
    numbers: list[tuple[str, str]],
    cause: str,
    advice: str,
) -> AnomalyError:
    return AnomalyError(
        Anomaly(
            phase,
            case.node.primitive.name,
            _function(case),
            made_at(case.out),
            module_of(case.node),
            tensor,
            index,
            float(np.real(np.asarray(array)[index])),
            tuple(numbers),
            cause,
            advice,
        )
    )

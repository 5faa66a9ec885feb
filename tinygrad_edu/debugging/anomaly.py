"""Stops a computation at its first number that is not finite, forward or backward.

While a block of `detect_anomaly` is open, another function wraps the results of operations, and
another applies the chain rule; outside of all blocks those of the engine are in their places, so
that it costs nothing. The likely cause is looked up in `causes.py`, after something was found.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import autodiff, checkpointing, primitive, source_lines
from ..autodiff import apply_chain_rule
from ..blocks import Block, Blocks
from ..drawing.text import number_text
from ..errors import CaptureError, GradientError
from ..primitive import Node, tick
from ..source_lines import SourceLine, made_at, record_source_lines
from ..stand_in import StandIn
from ..tensor import Tensor, _computed
from .causes import Case, backward_cause, carries, forward_cause
from .places import first_bad, module_of, numbers_there, operand_label

__all__ = ["Anomaly", "AnomalyDetection", "AnomalyError", "detect_anomaly"]

# As in `source_lines`: the block of this thread or task, and all that are open anywhere.
_HERE: Blocks[tuple[AnomalyDetection, dict[str, Any]] | None] = Blocks("anomaly", None)
_lock = threading.Lock()
_blocks: list[AnomalyDetection] = []
# While gradients are carried back, what they are made of is judged by where it arrives.
_is_going_back: ContextVar[bool] = ContextVar("is_going_back", default=False)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """The first number that was not finite.

    Attributes
    ----------
    phase : {"forward", "backward"}
    operation : str
        The primitive that gave it, or whose rule did.
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
        parts = [f"{self.phase} pass: {self.operation}{module} {did}{place}{line}"]
        parts += [f"there {numbers}"] * bool(numbers)
        parts += [f"likely cause: {self.cause}"] * bool(self.cause)
        return "; ".join([*parts, *[self.advice] * bool(self.advice)])


class AnomalyError(GradientError):
    """A number that is not finite, inside of `detect_anomaly`.

    Attributes
    ----------
    anomaly : Anomaly
        What the message says, in parts.
    """

    def __init__(self, anomaly: Anomaly) -> None:
        super().__init__(anomaly)
        self.anomaly = anomaly


class AnomalyDetection(Block["tuple[AnomalyDetection, dict[str, Any]] | None"]):
    """A context in which numbers that are not finite are errors; made by `detect_anomaly`."""

    def __init__(self, allow_inf: bool) -> None:
        super().__init__(_HERE)
        self.allow_inf = allow_inf
        self._lines = record_source_lines()

    def value(self) -> tuple[AnomalyDetection, dict[str, Any]]:
        """Return the block itself, and how NumPy treats such numbers outside of all blocks."""
        around = _HERE.innermost()
        return self, dict(np.geterr()) if around is None else around[1]

    def __enter__(self) -> None:
        super().__enter__()
        self._lines.__enter__()
        # The error says more than NumPy's warning about the same number. `np.errstate` has to
        # end in order, and blocks need not.
        np.seterr(all="ignore")
        with _lock:
            _blocks.append(self)
            _put(_WATCHING)

    def __exit__(self, *exception: object) -> None:
        with _lock:
            _blocks.remove(self)
            if not _blocks:
                _put(_USUAL)
        inside = _HERE.innermost()
        self._lines.__exit__(*exception)
        super().__exit__(*exception)
        if inside is not None and _HERE.innermost() is None:
            np.seterr(**inside[1])


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


# In the place of the engine's own -------------------------------------------------------------


def _here() -> AnomalyDetection | None:
    """Give the block that this thread or task is in, if it is open."""
    inside = _HERE.innermost()
    return inside[0] if inside is not None and inside[0] in _blocks else None


def _wrapped(out: Any, node: Node | None) -> Tensor:
    """Wrap the result of an operation, after a look at its numbers."""
    block = _here()
    if block is not None and not _is_going_back.get():
        if isinstance(out, StandIn):
            raise _captured()
        if not np.isfinite(out).all() and (index := first_bad(out, block.allow_inf)) is not None:
            if node is None:  # without a graph, the operation that is calling knows what it does
                call = sys._getframe(1).f_locals
                fields = call["declared"], call["inputs"], tuple(call["values"]), call["params"]
                node = source_lines._node_with_caller(*fields, call["left"], tick(), None)
            # A -inf that is put in to be left out again, as by a mask or padding, is no mistake;
            # an operation that computes with it gives what is not finite, and stops there.
            if not carries(node, block.allow_inf):
                raise _found_forward(_computed(out, node), node, index, block.allow_inf)
    return _computed(out, node)


def _apply_chain_rule(
    order: list[Tensor],
    output: Tensor,
    cotangent: Any,
    *others: Any,
    observe: Callable[..., None] | None = None,
    **keywords: Any,
) -> dict[Tensor, Any]:
    """Apply the chain rule, with a look at all that it sends."""
    block = _here()
    if block is None or observe is not None:  # whoever observes has a look already
        return apply_chain_rule(order, output, cotangent, *others, observe=observe, **keywords)

    def look(tensor: Tensor, position: int, *sent: Any) -> None:
        upstream, given, contribution, total = (getattr(one, "_data", one) for one in sent)
        if isinstance(contribution, StandIn):
            raise _captured()
        for array in (contribution, total):
            if not np.isfinite(array).all():
                index = first_bad(array, block.allow_inf)
                if index is not None:
                    seen = upstream, given, contribution, total
                    raise _found_backward(tensor, position, index, seen, order, block.allow_inf)

    token = _is_going_back.set(True)
    try:
        return apply_chain_rule(order, output, cotangent, *others, observe=look, **keywords)
    finally:
        _is_going_back.reset(token)


_USUAL = (
    (primitive, "_computed", _computed),
    (autodiff, "apply_chain_rule", apply_chain_rule),
    (checkpointing, "apply_chain_rule", apply_chain_rule),
)
_WATCHING = (
    (primitive, "_computed", _wrapped),
    (autodiff, "apply_chain_rule", _apply_chain_rule),
    (checkpointing, "apply_chain_rule", _apply_chain_rule),
)


def _put(functions: tuple[tuple[Any, str, Any], ...]) -> None:
    for module, name, function in functions:
        setattr(module, name, function)


# What is raised -------------------------------------------------------------------------------


def _captured() -> CaptureError:
    return CaptureError(
        "detect_anomaly() cannot watch a captured step, for its replays are calls of NumPy without "
        "tensors; call the function that was captured, step.function(...)"
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
    tensor: Tensor,
    position: int,
    index: tuple[int, ...],
    seen: tuple[Any, Any, Any, Any],
    order: list[Tensor],
    allow_inf: bool,
) -> AnomalyError:
    upstream, given, contribution, total = seen
    node: Node = tensor.node  # type: ignore[assignment]
    # Where broadcasting was undone, the numbers are those of the place before that.
    inside = first_bad(given, allow_inf) if np.shape(given) == tensor.shape else None
    case = Case(tensor, node, inside, allow_inf, position, upstream, contribution, order)
    numbers = [
        (operand_label(node, place), text)
        for place, text in numbers_there(node.primitive, node.values, inside, tensor.shape)
    ]
    named = {"out": tensor._data, "its gradient": upstream}
    for name, array in named.items():
        for _, text in numbers_there(node.primitive, [array], inside, tensor.shape):
            numbers.append((name, text))
    is_sum = first_bad(contribution, allow_inf) is None
    array = total if is_sum else contribution
    target = operand_label(node, position)
    return _error(case, "backward", target, index, array, numbers, *backward_cause(case, is_sum))


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

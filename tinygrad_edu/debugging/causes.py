"""What is likely behind a number that is not finite, and what to write instead.

Each entry states a condition that can be read from the numbers and the graph. Where none holds
nothing is said: a wrong hint costs more than none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..drawing.text import number_text
from ..primitive import Node
from ..tensor import Tensor
from .patterns import CARRYING, ELEMENTWISE, is_sigmoid, is_softmax, made_by, unmoved, users_of
from .places import first_bad, number_at, operand_label

__all__ = ["Case", "backward_cause", "carries", "forward_cause"]

Cause = tuple[str, str]
_NONE: Cause = ("", "")

_LOGARITHMS = {"log": 0.0, "log2": 0.0, "log10": 0.0, "log1p": -1.0}
_EXPONENTIALS = ("exp", "exp2", "expm1", "sinh", "cosh")
# Where finite operands lead to what is not finite, the result or a part of it was too large.
_SUMS = {"sum", "mean", "cumsum", "sum_to", "put_at", "matmul", "linear", "einsum"}
_OVERFLOWING = _SUMS | {"add", "subtract", "multiply", "divide", "power", "prod", "cumprod"}
_OVERFLOWING |= {"astype", "euclidean_norm", "hypot", "det"}
_DOMAINS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "sqrt": ("the square root of a negative number", lambda x: x < 0),
    "arcsin": ("arcsin outside of -1 … 1", lambda x: abs(x) > 1),
    "arccos": ("arccos outside of -1 … 1", lambda x: abs(x) > 1),
    "arccosh": ("arccosh below 1", lambda x: x < 1),
    "arctanh": ("arctanh at or beyond ±1", lambda x: abs(x) >= 1),
}
_STEEP: dict[str, Callable[[Any], bool]] = {
    "sqrt": lambda x: x == 0,
    "cbrt": lambda x: x == 0,
    "arcsin": lambda x: abs(x) == 1,
    "arccos": lambda x: abs(x) == 1,
    "arccosh": lambda x: x == 1,
    "arctanh": lambda x: abs(x) == 1,
}


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is known of a number that is not finite.

    Attributes
    ----------
    out : Tensor
        The result of the operation.
    node : Node
        The call that gave it.
    index : tuple of int or None
        In the result; None where broadcasting or a reduction lies between.
    allow_inf : bool
    position : int
        Backward: which operand the gradient was for.
    upstream, contribution : array
        Backward: the gradient that arrived at the result, and what went on from there.
    order : list of Tensor
        Backward: the graph.
    """

    out: Tensor
    node: Node
    index: tuple[int, ...] | None
    allow_inf: bool
    position: int = 0
    upstream: Any = None
    contribution: Any = None
    order: list[Tensor] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The operation."""
        return self.node.primitive.name

    def numbers(self) -> list[Any]:
        """Give the operands at the index; nothing where several places go into one."""
        if self.index is None or self.name not in ELEMENTWISE:
            return []
        return [number_at(value, self.index, self.out.shape) for value in self.node.values]


# Forward --------------------------------------------------------------------------------------


def forward_cause(case: Case) -> Cause:
    """Explain a result that is not finite."""
    cause, advice = _of_operation(case)
    if origin := _origin(case):
        return "; ".join(filter(None, (cause, origin[0]))), origin[1]
    if cause or case.name not in _OVERFLOWING:
        return cause, advice
    if not all(np.isfinite(value).all() for value in case.node.values if _is_number(value)):
        return _NONE
    if case.name == "mean" and not np.size(case.node.values[0]):
        return "the mean of no elements is 0 / 0", "leave empty batches out"
    return _overflow(case.out.dtype)


def _of_operation(case: Case) -> Cause:
    """Explain it from the numbers at the index."""
    name, numbers = case.name, case.numbers()
    if not numbers:
        return _NONE
    x, y = numbers[0], numbers[-1]
    if name in _LOGARITHMS:
        return _logarithm(case, x)
    if name in _EXPONENTIALS and np.isfinite(x):
        return _exponential(case)
    if name in _DOMAINS:
        words, is_outside = _DOMAINS[name]
        if is_outside(x):
            return words, f"keep its operand inside, for example with clip, or see why it is {x:g}"
    if name == "divide" and y == 0:
        words = "0 / 0" if x == 0 else "a division by 0"
        advice = "choose the divisor first, y = where(y == 0, 1.0, y), and the result with a where"
        return words, advice
    if name == "power":
        return _power(x, y)
    if name == "xlogy" and y <= 0:
        return f"the logarithm of {'0' if y == 0 else 'a negative number'}", "keep y above 0"
    # What follows takes an infinite operand, which allow_inf has let pass.
    infinite = [bool(np.isinf(number)) for number in numbers]
    if name == "multiply" and any(infinite) and 0 in (x, y):
        return "0 * inf", "choose with where(mask, x, 0.0) instead of multiplying by a mask"
    is_nan = bool(np.isnan(_at(case.out._data, case)))
    if name in ("add", "subtract", "divide") and all(infinite) and is_nan:
        sign = "/" if name == "divide" else "-"
        return f"inf {sign} inf", "keep the numbers finite, for example by subtracting the maximum"
    return _NONE


def _logarithm(case: Case, x: Any) -> Cause:
    edge = _LOGARITHMS[case.name]
    argument = f"{edge:g}" if edge else "0"
    if x < edge:
        below = f"a number below {argument}" if edge else "a negative number"
        return f"the logarithm of {below}", "keep its operand positive"
    if x != edge:
        return _NONE
    source = unmoved(case.node.inputs[0])
    if edge:
        return "log1p at -1, the logarithm of 0", "keep its operand above -1"
    if is_softmax(source):
        return "softmax underflowed to 0, and the logarithm of 0 is infinite", (
            "write log_softmax(x) for log(softmax(x)), or softmax_cross_entropy(logits, labels)"
        )
    if is_sigmoid(source):
        return "sigmoid underflowed to 0, and the logarithm of 0 is infinite", (
            "write log_sigmoid(x) for log(sigmoid(x)), or binary_cross_entropy_with_logits"
        )
    if made_by(source, "subtract") and is_sigmoid(source.node.inputs[1]):
        return "sigmoid was rounded to 1, and the logarithm of 1 - 1 is infinite", (
            "write log_sigmoid(-x) for log(1 - sigmoid(x)), or binary_cross_entropy_with_logits"
        )
    return "the logarithm of 0", (
        "compute with logits (log_softmax, log_sigmoid), write xlogy(p, p) for p * log(p), or "
        "choose its operand first: log(where(x > 0, x, 1.0))"
    )


def _exponential(case: Case) -> Cause:
    dtype = case.out.dtype
    limit = float(np.log(np.finfo(dtype).max)) / (np.log(2) if case.name == "exp2" else 1)
    return f"{case.name} overflows {dtype} above {number_text(np.floor(limit))}", (
        "subtract the maximum first, or use what does: logsumexp, softmax, log_softmax, sigmoid"
    )


def _power(x: Any, y: Any) -> Cause:
    if x < 0 and y != np.floor(y):
        return "a power of a negative base whose exponent is no whole number", (
            "use abs(x)**y, or keep the base positive"
        )
    if x == 0 and y < 0:
        return "0 to a negative power, a division by 0", "keep the base away from 0"
    return _NONE


def _overflow(dtype: np.dtype[Any]) -> Cause:
    largest = number_text(np.finfo(dtype).max)
    wider = "" if dtype == np.float64 else ", or compute in float64"
    return f"an overflow of {dtype}, whose largest number is {largest}", (
        f"make the numbers smaller: scale the data, lower the learning rate{wider}"
    )


def _is_number(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _origin(case: Case) -> Cause | None:
    """Find the operand that was not finite before the operation, and where that came from."""
    for position, value in enumerate(case.node.values):
        if not _is_number(value):
            continue
        if case.index is not None and case.name in ELEMENTWISE:
            is_bad = first_bad(number_at(value, case.index, case.out.shape), case.allow_inf)
            if is_bad is None:
                continue
        place = first_bad(value, case.allow_inf)
        if place is None:
            continue
        node, origin = _carried_from(case.node, position, case.allow_inf)
        if node is not case.node:  # it had another place there
            value = node.values[origin]
            place = first_bad(value, case.allow_inf) or ()
        number = number_text(np.asarray(value)[place])
        where = f" at index {place}" if place else ""
        source, label = node.inputs[origin], operand_label(node, origin)
        found = f"{label} was {number}{where} before"
        if isinstance(source, Tensor) and source.node is not None:
            return f"{found}, computed outside of the block", "open the block before its first line"
        if isinstance(source, Tensor) and source._requires_grad:
            return f"{found}, a leaf", "see what it was set to: its start, or the last step()"
        return f"{found}, a constant", "look for nan and inf in the data that it was made from"
    return None


def carries(node: Node, allow_inf: bool) -> bool:
    """Whether a call only passes on what is not finite already, or adds a mask of -inf."""
    position = _bad_operand(node, allow_inf)
    if position is None or node.primitive.name != "add":
        return position is not None and node.primitive.name in CARRYING
    mask = np.asarray(node.values[position])
    others = mask[~np.isfinite(mask)]
    is_constant = not getattr(node.inputs[position], "_requires_grad", False)
    return is_constant and bool(np.all(others == -np.inf))


def _bad_operand(node: Node, allow_inf: bool) -> int | None:
    for position, value in enumerate(node.values):
        if _is_number(value) and first_bad(value, allow_inf) is not None:
            return position
    return None


def _carried_from(node: Node, position: int, allow_inf: bool) -> tuple[Node, int]:
    """Go back to where an operand comes from, through operations that only pass it on."""
    source = node.inputs[position]
    while getattr(source, "node", None) is not None and carries(source.node, allow_inf):
        node = source.node
        position = _bad_operand(node, allow_inf) or 0
        source = node.inputs[position]
    return node, position


# Backward -------------------------------------------------------------------------------------


def backward_cause(case: Case, is_sum: bool = False) -> Cause:
    """Explain a gradient that is not finite."""
    if is_sum and not np.isfinite(case.contribution).all():
        return "inf - inf, of two contributions", "open the block without allow_inf"
    if is_sum:
        return "the contributions of several uses overflow when they are added up", (
            "make the loss or the values smaller"
        )
    arrived = case.upstream if case.index is None else _at(case.upstream, case)
    if first_bad(arrived, case.allow_inf) is not None:
        return "the gradient that arrived was not finite already", (
            "it was passed to backward(gradient), or a hook gave it"
        )
    numbers = case.numbers()
    if numbers and arrived == 0 and (branch := _dead_branch(case)) is not None:
        advice = "choose the operands first, with a second where"
        if len(numbers) == 1:
            advice = f"put a second where inside: {case.name}(where(mask, x, 1.0))"
        name = f" of {branch.name}" if branch.name else ""
        return (
            f"the where{name} behind it leaves this element out and sends 0, and 0 * inf is nan",
            advice,
        )
    labels = [operand_label(case.node, place) for place in range(len(case.node.values))]
    for label, value in zip((*labels, "out"), (*case.node.values, case.out._data), strict=True):
        there = number_at(value, case.index, case.out.shape) if case.index and numbers else value
        if _is_number(value) and first_bad(there, False) is not None:
            return f"{label} was not finite in the forward pass", (
                "open the block before the forward pass, without allow_inf"
            )
    if found := _of_rule(case, numbers, arrived):
        return found
    smooth = case.name in _OVERFLOWING or case.name in _LOGARITHMS
    if smooth and first_bad(case.contribution, False) is not None:
        return _overflow(np.asarray(case.contribution).dtype)
    return _NONE


def _at(array: Any, case: Case) -> Any:
    assert case.index is not None
    return np.asarray(array)[case.index]


def _of_rule(case: Case, numbers: list[Any], arrived: Any) -> Cause | None:
    """Explain it from the operation and the numbers at the index."""
    if not numbers:
        return None
    name, x, y = case.name, numbers[0], numbers[-1]
    if name in _STEEP and _STEEP[name](x):
        advice = f"keep its operand away from {x:g}"
        if name == "sqrt":
            advice = "write sqrt(x + 1e-12)"
            if _is_sum_of_squares(case.node.inputs[0]):
                advice = "write linalg.norm(x), whose gradient at 0 is 0"
        zero = ", and 0 * inf is nan" if arrived == 0 else ""
        return f"the gradient of {name} at {x:g} is infinite{zero}", advice
    if name == "power" and case.position == 1 and x < 0:
        return "the gradient by an exponent is the logarithm of the base, which is negative", (
            "detach the exponent, or keep the base positive"
        )
    if name == "power" and case.position == 0 and x == 0 and y < 1 and y != 0:
        zero = ", and 0 * inf is nan" if arrived == 0 else ""
        return f"the gradient of x**{y:g} at 0 is infinite{zero}", "keep the base away from 0"
    return None


def _is_sum_of_squares(value: Any) -> bool:
    if not made_by(value, "sum"):
        return False
    terms = value.node.inputs[0]
    if made_by(terms, "power"):
        return bool(np.all(np.equal(terms.node.values[1], 2)))
    return made_by(terms, "multiply") and terms.node.inputs[0] is terms.node.inputs[1]


def _dead_branch(case: Case) -> Tensor | None:
    """Find the `where` that leaves this element out, on the way from the result to the output."""
    reached = [case.out]
    for tensor in reached:  # grows while it is walked
        for user, position in users_of(tensor, case.order):
            name = user.node.primitive.name  # type: ignore[union-attr]
            if user.shape != tensor.shape or name not in ELEMENTWISE:
                continue
            if name == "where":
                chosen = _at(np.broadcast_to(user.node.values[0], user.shape), case)  # type: ignore[union-attr]
                if bool(chosen) == (position == 2):
                    return user
            if not any(user is other for other in reached):
                reached.append(user)
    return None

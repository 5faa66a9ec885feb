"""What is likely behind a number that is not finite, and what to write instead.

The conditions come from the `domain` that operations declare, and from the graph. If none holds,
there is no hint: a wrong hint costs more than none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..drawing.operands import operand_letter
from ..facts import Pitfall
from ..primitive import Node, Primitive
from ..tensor import Tensor
from ..texts import number_text
from ..tracing import node_of, sent_alone
from .masked import masked_rows, passes_mask_on
from .patterns import is_written, matched, unmoved, users_of
from .places import first_bad, number_at, operand_label

__all__ = ["Case", "backward_cause", "carries", "forward_cause"]

Cause = tuple[str, str]
_NONE: Cause = ("", "")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is known about a number that is not finite.

    Attributes
    ----------
    out : Tensor
        The result of the operation.
    node : Node
        The call that computed it.
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
    def primitive(self) -> Primitive:
        """The operation."""
        return self.node.primitive

    def at_index(self, value: Any) -> Any:
        """Return the number of an operand at the index; the whole operand if there is none."""
        if self.index is None or not self.primitive.elementwise:
            return value
        return number_at(value, self.index, self.out.shape)

    def operands(self) -> list[Any]:
        """Return the arguments for `Pitfall.where`: numbers at the index, or whole arrays.

        The list is empty if the operation is elementwise and the index is not known.
        """
        known = self.index is not None or not self.primitive.elementwise
        return [self.at_index(value) for value in self.node.values] if known else []


# Pitfalls -------------------------------------------------------------------------------------


def _pitfall(case: Case, gradient: int | None, zero: str = "") -> Cause | None:
    """Return cause and advice of the first declared pitfall that holds for the operands."""
    operands = case.operands()
    for pitfall in case.primitive.domain or ():
        if operands and pitfall.gradient == gradient and _is_in(pitfall, operands):
            texts = _texts(case, operands) | {"zero": zero}
            cause, advice = _words(pitfall, unmoved(case.node.inputs[0]))
            return cause.format_map(texts), advice.format_map(texts)
    return None


def _is_in(pitfall: Pitfall, operands: list[Any]) -> bool:
    with np.errstate(all="ignore"):
        return bool(pitfall.where(*operands))


def _words(pitfall: Pitfall, operand: Any) -> Cause:
    for formula, words in pitfall.rewrites.items():
        if matched(operand, formula) is not None:
            return words
    return pitfall.cause, pitfall.advice


def _texts(case: Case, operands: list[Any]) -> dict[str, str]:
    """Return the texts for the braces in cause and advice; see `Pitfall`."""
    dtype = case.out.dtype
    largest = np.log(np.finfo(dtype).max, dtype=np.float64)
    texts = {
        operand_letter(case.primitive, position): f"{value:g}"
        for position, value in enumerate(operands)
        if np.ndim(value) == 0
    }
    return texts | {
        "name": case.primitive.name,
        "dtype": str(dtype),
        "ln_largest": number_text(np.floor(largest)),
        "log2_largest": number_text(np.floor(largest / np.log(2))),
    }


def _overflow(dtype: np.dtype[Any]) -> Cause:
    largest = number_text(np.finfo(dtype).max)
    wider = "" if dtype == np.float64 else ", or compute in float64"
    return f"an overflow of {dtype}, whose largest number is {largest}", (
        f"make the numbers smaller: scale the data, lower the learning rate{wider}"
    )


# Forward --------------------------------------------------------------------------------------


def forward_cause(case: Case) -> Cause:
    """Explain a result that is not finite."""
    if masked := masked_rows(case.node):
        return masked
    found = _pitfall(case, None)
    if origin := _origin(case):
        return (f"{found[0]}; {origin[0]}" if found else origin[0]), origin[1]
    are_finite = not any(_is_bad(value) for value in case.node.values if _is_number(value))
    if not found and case.primitive.domain is not None and are_finite:
        return _overflow(case.out.dtype)
    return found or _NONE


def _is_number(value: Any) -> bool:
    return np.asarray(value).dtype.kind == "f"


def _is_bad(value: Any) -> bool:
    return not np.isfinite(value).all()


def _origin(case: Case) -> Cause | None:
    """Find the operand that was not finite before the operation, and its origin."""
    position = _bad_operand(case)
    if position is None:
        return None
    node, origin = _carried_from(case.node, position, case.allow_inf)
    value = np.asarray(node.values[origin])
    place = first_bad(value, case.allow_inf) or ()
    where = f" at index {place}" if place else ""
    source, label = node.inputs[origin], operand_label(node, origin)
    found = f"{label} was {number_text(value[place])}{where} before"
    if isinstance(source, Tensor) and source.node is not None:
        return f"{found}, computed outside the block", "open the block before its first line"
    if isinstance(source, Tensor) and source._requires_grad:
        return f"{found}, a leaf", "check where it was set: its start, or the last step()"
    return f"{found}, a constant", "look for nan and inf in the data that it was made from"


def _bad_operand(case: Case) -> int | None:
    """Find the operand that is not finite; at the index, if the operation is elementwise."""
    for position, value in enumerate(case.node.values):
        if _is_number(value) and first_bad(case.at_index(value), case.allow_inf) is not None:
            return position
    return None


def carries(node: Node, allow_inf: bool) -> bool:
    """Whether a call only passes on numbers that are not finite, or adds a mask of -inf.

    The maximum may be subtracted from what was masked, as a softmax does.
    """
    position = _first_bad_operand(node, allow_inf)
    if position is None:
        return False
    if node.primitive.carries or _adds_mask(node, position):
        return True
    return _is_masked(node, allow_inf) and passes_mask_on(node)


def _is_masked(node: Node, allow_inf: bool) -> bool:
    """Whether the first operand was computed, and is only -inf where a constant put it in."""
    if getattr(node.inputs[0], "node", None) is None:
        return False
    before, position = _carried_from(node, 0, allow_inf)
    values = np.asarray(before.values[position])
    is_constant = not getattr(before.inputs[position], "_requires_grad", False)
    return is_constant and bool(np.all(values[~np.isfinite(values)] == -np.inf))


def _adds_mask(node: Node, position: int) -> bool:
    mask = np.asarray(node.values[position])
    others = mask[~np.isfinite(mask)]
    is_constant = not getattr(node.inputs[position], "_requires_grad", False)
    return is_constant and bool(np.all(others == -np.inf)) and is_written(node, "x + y")


def _first_bad_operand(node: Node, allow_inf: bool) -> int | None:
    for position, value in enumerate(node.values):
        if _is_number(value) and first_bad(value, allow_inf) is not None:
            return position
    return None


def _carried_from(node: Node, position: int, allow_inf: bool) -> tuple[Node, int]:
    """Go back to the origin of an operand, through operations that only pass it on."""
    source = node.inputs[position]
    while getattr(source, "node", None) is not None and carries(source.node, allow_inf):
        node = source.node
        position = _first_bad_operand(node, allow_inf) or 0
        source = node.inputs[position]
    return node, position


# Backward -------------------------------------------------------------------------------------


def backward_cause(case: Case, is_sum: bool = False) -> Cause:
    """Explain a gradient that is not finite."""
    if is_sum:
        return _of_a_sum(case)
    arrived = case.upstream if case.index is None else np.asarray(case.upstream)[case.index]
    if first_bad(arrived, case.allow_inf) is not None:
        return "the gradient that arrived was not finite already", (
            "it was passed to backward(gradient), or a hook returned it"
        )
    is_zero = case.primitive.elementwise and case.index is not None and bool(arrived == 0)
    zero = ", and 0 * inf is nan" if is_zero else ""
    dead = _of_a_dead_branch(case) if is_zero else None
    found = dead or _of_the_forward_pass(case) or _pitfall(case, case.position, zero)
    if not found and case.primitive.domain is not None and _is_bad(case.contribution):
        return _overflow(np.asarray(case.contribution).dtype)
    return found or _NONE


def _of_a_sum(case: Case) -> Cause:
    if _is_bad(case.contribution):
        return "inf - inf, of two contributions", "open the block without allow_inf"
    return "the contributions of several uses overflow when they are added up", (
        "make the loss or the values smaller"
    )


def _of_the_forward_pass(case: Case) -> Cause | None:
    """Find an operand or a result that was not finite before the backward pass."""
    labels = [operand_label(case.node, place) for place in range(len(case.node.values))]
    for label, value in zip((*labels, "out"), (*case.node.values, case.out._data), strict=True):
        if _is_number(value) and _is_bad(case.at_index(value)):
            return f"{label} was not finite in the forward pass", (
                "open the block before the forward pass, without allow_inf"
            )
    return None


def _of_a_dead_branch(case: Case) -> Cause | None:
    """Find a later operation that did not choose this element, so it sends it no gradient."""
    branch = _dead_branch(case)
    if branch is None:
        return None
    advice = "choose the operands first, with a second where"
    if len(case.node.values) == 1:
        advice = f"put a second where inside: {case.primitive.name}(where(mask, x, 1.0))"
    made = node_of(branch).primitive.name + (f" of {branch.name}" if branch.name else "")
    return (
        f"the {made} behind it leaves this element out and sends 0, and 0 * inf is nan",
        advice,
    )


def _dead_branch(case: Case) -> Tensor | None:
    """Find the operation that leaves this element out, between the result and the output."""
    reached = [case.out]
    for tensor in reached:  # grows while it is walked
        for user, position in users_of(tensor, case.order):
            primitive = node_of(user).primitive
            if user.shape != tensor.shape or not primitive.elementwise:
                continue
            if primitive.carries:
                sent = sent_alone(user, np.ones_like(user._data)).get(position)
                if sent is not None and np.asarray(sent.given)[case.index] == 0:
                    return user
            if not any(user is other for other in reached):
                reached.append(user)
    return None

"""How a gradient passes one operation, in words and numbers: the rule of an input, its local
derivative, and how upstream times local becomes a contribution.

What is told of a tensor and what is told of a step of the chain rule are both made of these
pieces. The numbers come from the chain rule itself; nothing is differentiated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autodiff import _starting_cotangent, graph_order
from ..drawing.module_tree import ModuleTree
from ..drawing.operands import summed_axes
from ..drawing.text import shape_text
from ..drawing.words import axes_text
from ..errors import GradientError
from ..primitive import Node
from ..tensor import Tensor
from ..tracing import Contribution, node_of, sent_alone, trace_gradients
from .latex import latex
from .wording import Part, code, formula, gradient, values

__all__ = [
    "IN_WORDS",
    "Trace",
    "local_derivative",
    "local_numbers",
    "obstacle",
    "passage",
    "rule_text",
    "running_sum",
    "summed_text",
]

IN_WORDS = {"1": "passes on unchanged", "-1": "passes on with its sign turned"}


class Trace:
    """The gradients of one output, followed once, for all that is to be told of them.

    Parameters
    ----------
    output : Tensor
        Where gradients start: a single number.
    names : mapping of int to str
        Names that the user gave, by the `id` of the object.

    Attributes
    ----------
    order : list of Tensor
        What was computed, newest first.
    sent : list of Contribution
        All contributions, in the order in which they were sent.
    arrived : dict of Tensor to list of Contribution
        The same by the tensor that they went to.
    users : dict of Tensor to list of (Tensor, int)
        Which results a tensor was used for, and as which input.
    modules : ModuleTree

    Raises
    ------
    GradientError
        If the output has several elements or no gradient, or if a value on the way was changed.
    """

    def __init__(self, output: Tensor, names: Mapping[int, str]) -> None:
        if output.size != 1:
            raise GradientError(
                f"gradients are followed from a single number, but the output has shape "
                f"{output.shape}; reduce it, for example with .sum()"
            )
        self.output = output
        self.seed = _starting_cotangent(output, None)
        self.order = graph_order(output)
        self.sent = trace_gradients(self.order, output, self.seed)
        self.arrived: dict[Tensor, list[Contribution]] = {}
        for sent in self.sent:
            self.arrived.setdefault(sent.source, []).append(sent)
        self.users: dict[Tensor, list[tuple[Tensor, int]]] = {}
        for user in self.order:
            for position, value in enumerate(node_of(user).inputs):
                if isinstance(value, Tensor):
                    self.users.setdefault(value, []).append((user, position))
        self.modules = ModuleTree([node_of(tensor) for tensor in reversed(self.order)], names)


def rule_text(node: Node, position: int) -> str:
    """Give the rule of an input as text; for any number of inputs there are only examples."""
    texts = node.primitive.derivatives
    return texts[position] if position < len(texts) and node.primitive.each is None else ""


def local_derivative(rule: str) -> str:
    """Take the upstream gradient out of a rule that multiplies it by something; else give "".

    Examples
    --------
    >>> local_derivative("-g * out / y"), local_derivative("g"), local_derivative("g @ weight.T")
    ('-out / y', '1', '')
    """
    found = re.fullmatch(r"(-?)g(?: ([*/]) (.+))?", rule)
    if found is None or re.search(r"\bg\b", found[3] or ""):
        return ""
    sign, operator, factor = found.groups()
    if operator is None:
        return f"{sign}1"
    return sign + (factor if operator == "*" else f"1 / {factor}")


def obstacle(node: Node, position: int) -> str:
    """Say why no gradient goes to an input; "" where one does."""
    source = node.inputs[position]
    if not isinstance(source, Tensor):
        return "it is a number"
    if node.primitive.rules_for(len(node.inputs))[position] is None:
        return "the operation has no derivative by it"
    return "" if source.requires_grad else "it requires no gradient"


def local_numbers(tensor: Tensor) -> dict[int, Any]:
    """Compute local derivatives, where a derivative is one number for each number.

    That is so where the result is a single number, and where a rule multiplies g by something of
    its own shape. Elsewhere, as in a matrix product, they would be arrays of arrays.
    """
    node = node_of(tensor)
    return {
        position: sent.given
        for position, sent in sent_alone(tensor, np.ones_like(tensor.data)).items()
        if tensor.size == 1
        or (local_derivative(rule_text(node, position)) and np.shape(sent.given) == tensor.shape)
    }


def summed_text(sent: Contribution) -> tuple[str, bool]:
    """Say over which axes broadcasting was undone, and whether the engine did it.

    The text is empty where nothing was broadcast; where the engine did not, the rule itself did.
    """
    node = node_of(sent.tensor)
    summed = np.shape(sent.given) != np.shape(sent.contribution)
    axes: tuple[int, ...] = ()
    if summed or node.primitive.each is None:  # of many inputs, none has a fixed place
        shape = np.shape(sent.given) if summed else sent.tensor.shape
        axes = summed_axes(node, sent.position, shape)
    return (axes_text(axes).replace("sum", "summed over", 1) if axes else ""), summed


def passage(
    sent: Contribution,
    numbers: Mapping[int, Any] | None = None,
    becomes: Part | str = "",
    upstream: str = "g",
    whose: Sequence[Part | str] = (),
) -> list[list[Part | str]]:
    """Work out one contribution: local derivative times upstream, and what came of it.

    Parameters
    ----------
    sent : Contribution
    numbers : mapping of int to array, optional
        The local derivatives of the operation, where they are known already.
    becomes : str or Part
        What to write for the rule, with names instead of letters. With a `str`, the arrays that
        it begins with, upstream gradient and local derivative, are shown elsewhere already.
    upstream : str
        What the gradient that arrives is called there.
    whose : sequence of Part or str
        Whose gradient that is, where this has to be said.
    """
    node = node_of(sent.tensor)
    rule = rule_text(node, sent.position)
    numbers = local_numbers(sent.tensor) if numbers is None else numbers
    local = local_derivative(rule)
    axes, summed = summed_text(sent)
    arrived, given = gradient(sent.upstream), gradient(sent.given)
    start: list[Part | str] = [code(upstream), *whose, " "]
    is_shown = isinstance(becomes, str) and bool(becomes)
    lines: list[list[Part | str]] = [[*start, "goes through the rule of the operation"]]
    if rule and local in IN_WORDS:
        lines = [[*start, IN_WORDS[local]]]
    elif rule:
        written = code(becomes) if isinstance(becomes, str) else becomes
        lines = [[*start, "becomes ", written if becomes else formula(rule, latex(rule))]]
    if sent.position in numbers and np.size(sent.given) == 1:
        one = values(numbers[sent.position])
        one = code(f"({one.text})") if one.text.startswith("-") else one
        lines.append(["  upstream × local   ", arrived, " × ", one, " = ", given])
    else:
        if not is_shown:
            lines.append([f"  upstream {upstream}".ljust(21), arrived])
        if not is_shown and sent.position in numbers and local not in IN_WORDS:
            lines.append(["  × local            ", values(numbers[sent.position])])
        lines.append(["  = before summing   " if summed else "  = contribution     ", given])
    if summed:
        shapes = f"the rule gave shape {shape_text(np.shape(sent.given))}"
        lines.append([f"  broadcasting undone: {shapes}, {axes}"])
        lines.append(["  = contribution     ", gradient(sent.contribution)])
    elif axes:
        lines.append([f"  broadcasting undone by the rule: {axes}"])
    return lines


def running_sum(sent: Contribution, count: int) -> list[list[Part | str]]:
    """Give what has arrived by then, where there are several contributions."""
    return [["  sum so far           ", gradient(sent.total)]] if count > 1 else []

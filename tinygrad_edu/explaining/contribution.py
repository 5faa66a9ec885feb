"""How a gradient passes through one operation: the rule of an input, its local derivative, and how
upstream times local gives a contribution.

Explanations of a tensor and steps of the chain rule are both made of these lines. The numbers come
from the chain rule itself; nothing is differentiated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..autodiff import _starting_cotangent, graph_order
from ..calls import Call, called_in
from ..documents import Inline, Line, code
from ..drawing.module_tree import ModuleTree
from ..drawing.operands import derivative_texts, summed_axes
from ..drawing.words import axes_text
from ..errors import GradientError
from ..primitive import Node
from ..tensor import Tensor
from ..texts import shape_text
from ..tracing import Contribution, node_of, sent_alone, trace_gradients
from .inline import formula, gradient, values
from .latex import latex

__all__ = [
    "IN_WORDS",
    "Trace",
    "contribution_lines",
    "local_derivative",
    "local_numbers",
    "no_gradient_reason",
    "rule_text",
    "running_sum",
    "summed_text",
]

IN_WORDS = {"1": "passes on unchanged", "-1": "passes on with its sign flipped"}


class Trace:
    """The gradients of one output, followed once for everything that is explained of them.

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
        The same, by the tensor that they went to.
    users : dict of Tensor to list of (Tensor, int)
        Which results a tensor was used for, and as which input.
    modules : ModuleTree
    calls : dict of Tensor to Call
        The composed functions that computed its results.

    Raises
    ------
    GradientError
        If the output has several elements or no gradient, or if a value on the way was changed.

    Examples
    --------
    >>> x = Tensor(2.0, requires_grad=True)
    >>> [float(sent.contribution) for sent in Trace(x * x, {}).sent]
    [2.0, 2.0]
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
        self.calls: dict[Tensor, Call] = called_in(self.order)
        self.modules = ModuleTree([node_of(tensor) for tensor in reversed(self.order)], names)


def rule_text(node: Node, position: int) -> str:
    """Return the rule of an input as text; empty for operations on any number of inputs."""
    texts = derivative_texts(node)
    return texts[position] if position < len(texts) else ""


def local_derivative(rule: str) -> str:
    """Return the factor by which a rule multiplies the upstream gradient; else "".

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


def no_gradient_reason(node: Node, position: int) -> str:
    """Return why an input gets no gradient; "" where it gets one."""
    source = node.inputs[position]
    if not isinstance(source, Tensor):
        return "it is a number"
    if node.primitive.rules_for(len(node.inputs))[position] is None:
        return "the operation has no derivative by it"
    return "" if source.requires_grad else "it requires no gradient"


def local_numbers(tensor: Tensor) -> dict[int, Any]:
    """Compute local derivatives, where a derivative is one number for each number.

    This holds where the result is a single number, and where a rule multiplies g by something of
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
    """Return over which axes broadcasting was undone, and whether the engine did it.

    The text is empty where nothing was broadcast. Where the engine did not sum, the rule did.
    """
    node = node_of(sent.tensor)
    summed = np.shape(sent.given) != np.shape(sent.contribution)
    axes: tuple[int, ...] = ()
    if summed or node.primitive.each is None:  # of many inputs, none has a fixed position
        shape = np.shape(sent.given) if summed else sent.tensor.shape
        axes = summed_axes(node, sent.position, shape)
    return (axes_text(axes).replace("sum", "summed over", 1) if axes else ""), summed


def contribution_lines(
    sent: Contribution,
    numbers: Mapping[int, Any] | None = None,
    becomes: Inline | str = "",
    upstream: str = "g",
    whose: Sequence[Inline | str] = (),
) -> list[Line]:
    """Work out one contribution: local derivative times upstream, and the result.

    Parameters
    ----------
    sent : Contribution
    numbers : mapping of int to array, optional
        The local derivatives of the operation, where they are known already.
    becomes : str or Inline
        What to write for the rule, with names instead of letters. With a `str`, the arrays that
        it begins with, upstream gradient and local derivative, are shown elsewhere already.
    upstream : str
        The name of the gradient that arrives.
    whose : sequence of Inline or str
        Whose gradient that is, where this is not clear.
    """
    rule = rule_text(node_of(sent.tensor), sent.position)
    numbers = local_numbers(sent.tensor) if numbers is None else numbers
    in_words = IN_WORDS.get(local_derivative(rule), "")
    start = [code(upstream), *whose, " "]
    if not rule:
        lines: list[Line] = [[*start, "goes through the rule of the operation"]]
    elif in_words:
        lines = [[*start, in_words]]
    else:
        written = code(becomes) if isinstance(becomes, str) else becomes
        lines = [[*start, "becomes ", written if becomes else formula(rule, latex(rule))]]
    local = numbers.get(sent.position)
    summed = np.shape(sent.given) != np.shape(sent.contribution)
    result = "  = before summing   " if summed else "  = contribution     "
    if local is not None and np.size(sent.given) == 1:
        one = values(local)
        one = code(f"({one.text})") if one.text.startswith("-") else one
        upstream_text, given = gradient(sent.upstream), gradient(sent.given)
        lines.append(["  upstream × local   ", upstream_text, " × ", one, " = ", given])
    else:
        if not (isinstance(becomes, str) and becomes):
            lines.append([f"  upstream {upstream}".ljust(21), gradient(sent.upstream)])
            if local is not None and not in_words:
                lines.append(["  × local            ", values(local)])
        lines.append([result, gradient(sent.given)])
    return lines + _summed_lines(sent)


def _summed_lines(sent: Contribution) -> list[Line]:
    """Describe over which axes broadcasting was undone, and the result."""
    axes, summed = summed_text(sent)
    if summed:
        shapes = f"the rule gave shape {shape_text(np.shape(sent.given))}"
        return [
            f"  broadcasting undone: {shapes}, {axes}",
            ["  = contribution     ", gradient(sent.contribution)],
        ]
    return [f"  broadcasting undone by the rule: {axes}"] if axes else []


def running_sum(sent: Contribution, count: int) -> list[Line]:
    """Write what has arrived so far, where there are several contributions."""
    return [["  sum so far           ", gradient(sent.total)]] if count > 1 else []

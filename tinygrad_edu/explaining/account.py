"""The account of one tensor: what made it, and how its gradient comes in and goes out.

Everything is read from the graph, and the contributions from the chain rule itself while it is
applied; nothing is differentiated here. What comes out is text, which later steps do not change.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autodiff import _starting_cotangent, apply_chain_rule, graph_order
from ..drawing.module_tree import ModuleTree
from ..drawing.operands import param_texts, summed_axes
from ..drawing.text import clean, shape_text
from ..drawing.words import axes_text
from ..errors import GradientError
from ..hooks import hooked
from ..primitive import Node
from ..tensor import Tensor, _computed
from .wording import Part, Section, code, formula, gradient, values

__all__ = ["Account", "local_derivative"]


_IN_WORDS = {"1": "passes on unchanged", "-1": "passes on with its sign turned"}


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


@dataclass(frozen=True, slots=True, eq=False)
class _Contribution:
    """What the chain rule sent from a computed tensor to one of its inputs."""

    tensor: Tensor
    position: int
    upstream: Any
    given: Any
    contribution: Any
    total: Any


def _node(tensor: Tensor) -> Node:
    assert tensor.node is not None  # only computed tensors are asked
    return tensor.node


def _followed(
    order: list[Tensor], output: Tensor, upstream: Any
) -> dict[Tensor, list[_Contribution]]:
    """Apply the chain rule, and give what arrived at each tensor, in the order of arrival."""
    arrived: dict[Tensor, list[_Contribution]] = {}

    def observe(tensor: Tensor, position: int, *numbers: Any) -> None:
        source = _node(tensor).inputs[position]
        arrived.setdefault(source, []).append(_Contribution(tensor, position, *numbers))

    with np.errstate(all="ignore"):  # a number that is not finite is shown
        apply_chain_rule(order, output, upstream, observe=observe)
    return arrived


def _sent_alone(tensor: Tensor, upstream: Any) -> dict[int, _Contribution]:
    """Pull a gradient back through one operation, and give what each input gets."""
    # A twin of the tensor, for no hook is to see a gradient that is only asked about.
    twin = _computed(tensor._data, tensor.node)
    arrived = _followed([twin], twin, upstream)
    return {sent.position: sent for found in arrived.values() for sent in found}


class Account:
    """Puts together what there is to say about a tensor.

    Parameters
    ----------
    tensor : Tensor
    output : Tensor or None
        Where gradients start, to follow them from there.
    names : mapping of int to str
        Names that the user gave, by the `id` of the object.
    """

    def __init__(self, tensor: Tensor, output: Tensor | None, names: Mapping[int, str]) -> None:
        self.tensor, self.output = tensor, output
        self.node = tensor.node
        self.users: list[tuple[Tensor, int]] = []
        self.arrived: dict[Tensor, list[_Contribution]] = {}
        order = [] if self.node is None else [tensor]
        if output is not None:
            order = graph_order(output)
            self.users = [
                (user, position)
                for user in order
                for position, value in enumerate(_node(user).inputs)
                if value is tensor
            ]
            if tensor is not output and not self.users:
                raise GradientError(
                    f"{tensor._label()} is not used in the computation of the output; pass the "
                    "output that was computed from it"
                )
            if output.size != 1:
                raise GradientError(
                    f"gradients are followed from a single number, but the output has shape "
                    f"{output.shape}; reduce it, for example with .sum()"
                )
            self.arrived = _followed(order, output, _starting_cotangent(output, None))
        self.names = names
        self.modules = ModuleTree([_node(computed) for computed in reversed(order)], names)

    def title(self) -> list[Part | str]:
        """Say what the tensor is, in a line."""
        user = self.users[-1] if self.users else None
        name = self._name(self.tensor, None if user is None else _node(user[0]))
        subject: list[Part | str] = [code(name), ": "] if name else []
        if self.node is not None:
            return [*subject, "the result of ", code(clean(self.node.primitive.name))]
        if self.tensor.requires_grad:
            return [*subject, "a parameter, which is a leaf that requires gradients"]
        return [*subject, "a constant, which nothing that requires gradients leads to"]

    def sections(self) -> list[Section]:
        """Say the rest, section by section."""
        sections = [Section("Value", self._value())]
        if self.node is not None:
            sections.append(Section("Inputs", tuple(self._inputs())))
            sections.append(Section("Local derivatives", tuple(self._local_derivatives())))
        if self.users:
            used = [[*self._result(user), *_as_operand(user, at)] for user, at in self.users]
            sections.append(Section("Used by", tuple(used)))
        sections.append(Section("Gradient that arrives here", tuple(self._receives())))
        if self.node is not None:
            sections.append(Section("Sent to the inputs", tuple(self._sends())))
        return sections

    # Names ------------------------------------------------------------------------------------

    def _name(self, tensor: Tensor, user: Node | None = None) -> str:
        path = None
        if tensor.node is None and user is not None and user.module_call is not None:
            path = self.modules.parameter_name(tensor, user.module_call)
        return clean(path or self.names.get(id(tensor)) or tensor.name or "")

    def _operand(self, user: Tensor, position: int) -> list[Part | str]:
        """Call an input by its letter in the formula, and by its name."""
        node = _node(user)
        value = node.inputs[position]
        name = self._name(value, node) if isinstance(value, Tensor) else ""
        letter = code(_letter(node, position))
        return [letter, " = ", code(name)] if name and name != letter.text else [letter]

    def _result(self, user: Tensor) -> list[Part | str]:
        name = self._name(user)
        operation = code(clean(_node(user).primitive.name))
        return [operation, " (which gives ", code(name), ")"] if name else [operation]

    # Forward ----------------------------------------------------------------------------------

    def _value(self) -> tuple[list[Part | str], ...]:
        lines: list[list[Part | str]] = []
        if self.node is not None:
            if self.node.primitive.formula:
                example = "for example, " if self.node.primitive.each is not None else ""
                lines.append([f"{example}out = ", formula(self.node.primitive.formula)])
            for name, text in param_texts(self.node):
                lines.append(["with ", code(f"{name} = {text}")])
            call = self.modules.id_of(self.node.module_call)
            lines += [
                ["in module ", code(" ".join(filter(None, (node.path, node.kind))))]
                for node in self.modules.calls
                if node.id == call
            ]
        return (*lines, ["value ", values(self.tensor.data)])

    def _inputs(self) -> list[list[Part | str]]:
        node = _node(self.tensor)
        lines = []
        for position, (source, value) in enumerate(zip(node.inputs, node.values, strict=True)):
            kind = ", a number: "
            if isinstance(source, Tensor):
                kind = f", the result of {source.node.primitive.name}: " if source.node else ": "
                if source.node is None and source.requires_grad:
                    kind = ", a parameter: "
            lines.append([*self._operand(self.tensor, position), kind, values(value)])
        return lines

    # Backward ---------------------------------------------------------------------------------

    def _local_derivatives(self) -> list[list[Part | str]]:
        node = _node(self.tensor)
        lines = []
        try:
            numbers = _local_numbers(self.tensor)
        except GradientError as error:
            return [[code(clean(error, limit=300))]]
        for position in range(len(node.inputs)):
            obstacle = _obstacle(node, position)
            if obstacle:
                lines.append([*self._operand(self.tensor, position), f": {obstacle}"])
                continue
            rule = _rule_text(node, position)
            local = local_derivative(rule)
            line: list[Part | str] = []
            if local:
                line = [formula(local, of=_letter(node, position))]
            else:
                line = [*self._operand(self.tensor, position), ": g becomes "]
                line += [formula(rule) if rule else "what the rule of the operation makes of it"]
            if local in _IN_WORDS:
                line.append(f": the gradient {_IN_WORDS[local]}")
            elif position in numbers:
                line += [" = " if local else "; for g = 1 that is ", values(numbers[position])]
            lines.append(line)
        return lines

    def _receives(self) -> list[list[Part | str]]:
        tensor = self.tensor
        if not tensor.requires_grad:
            return [["none: it requires no gradient"]]
        if self.output is None:
            if tensor.grad is not None:
                return [["g = ", gradient(tensor.grad), "   (its .grad)"]]
            hint = "call backward() on the loss first, or say explain(tensor, output=loss)"
            return [[f"not computed, or not kept; {hint}"]]
        lines: list[list[Part | str]] = []
        found = self.arrived.get(tensor, [])
        for number, sent in enumerate(found, 1):
            count = f"contribution {number} of {len(found)}: from "
            lines.append(
                [count, *self._result(sent.tensor), *_as_operand(sent.tensor, sent.position)]
            )
            lines += [["  ", *line] for line in self._passage(sent)]
            lines += _running_sum(sent, len(found))
        if tensor is self.output:
            lines.append(["it is the output, where gradients start: g = ", code("1")])
            return lines
        if not found:
            return [["none: no operation sends a gradient to it"]]
        total = found[-1].total
        lines.append(["g = ", gradient(total)])
        if id(tensor) in hooked:
            lines.append(["a hook sees this gradient, and what it gives takes its place"])
        elif tensor.grad is not None and not np.array_equal(tensor.grad, total, equal_nan=True):
            told = "   (not this gradient alone: calls of backward() add up, until zero_grad())"
            if tensor.node is not None:
                told = "   (from another call of backward())"
            lines.append([".grad holds ", gradient(tensor.grad), told])
        return lines

    def _sends(self) -> list[list[Part | str]]:
        tensor, node = self.tensor, _node(self.tensor)
        sent: dict[int, tuple[_Contribution, int, int]] = {}
        if self.output is not None:
            for source in set(filter(_is_tensor, node.inputs)):
                found = self.arrived.get(source, [])
                for number, one in enumerate(found, 1):
                    if one.tensor is tensor:
                        sent[one.position] = one, number, len(found)
        elif tensor.grad is not None:
            try:
                alone = _sent_alone(tensor, tensor.grad)
            except GradientError as error:
                return [[code(clean(error, limit=300))]]
            sent = {position: (one, 0, 0) for position, one in alone.items()}
        else:
            return [["nothing yet: no gradient has arrived"]]
        lines: list[list[Part | str]] = []
        for position in range(len(node.inputs)):
            operand = self._operand(tensor, position)
            if position not in sent:
                lines.append(["to ", *operand, f": nothing, {_obstacle(node, position)}"])
                continue
            one, number, count = sent[position]
            lines.append(["to ", *operand, f": contribution {number} of {count}" if count else ""])
            lines += [["  ", *line] for line in self._passage(one)]
            lines += _running_sum(one, count)
        return lines

    def _passage(self, sent: _Contribution) -> list[list[Part | str]]:
        """Work out one contribution: local derivative times upstream, and what came of it."""
        node = _node(sent.tensor)
        rule = _rule_text(node, sent.position)
        numbers = _local_numbers(sent.tensor)
        local = local_derivative(rule)
        summed = np.shape(sent.given) != np.shape(sent.contribution)
        axes: tuple[int, ...] = ()
        if summed or node.primitive.each is None:  # of many inputs, none has a fixed place
            shape = np.shape(sent.given) if summed else sent.tensor.shape
            axes = summed_axes(node, sent.position, shape)
        upstream, given = gradient(sent.upstream), gradient(sent.given)
        lines: list[list[Part | str]] = [["g goes through the rule of the operation"]]
        if rule:
            words = _IN_WORDS.get(local)
            lines = [[f"g {words}"] if words else ["g becomes ", formula(rule)]]
        if sent.position in numbers and np.size(sent.given) == 1:
            one = values(numbers[sent.position])
            lines.append(["  upstream × local   ", upstream, " × ", one, " = ", given])
        else:
            lines.append(["  upstream g         ", upstream])
            if sent.position in numbers and local not in _IN_WORDS:
                lines.append(["  × local            ", values(numbers[sent.position])])
            lines.append(["  = before summing   " if summed else "  = contribution     ", given])
        axes_summed = axes_text(axes).replace("sum", "summed over", 1)
        if summed:
            shapes = f"the rule gave shape {shape_text(np.shape(sent.given))}"
            lines.append([f"  broadcasting undone: {shapes}, {axes_summed}"])
            lines.append(["  = contribution     ", gradient(sent.contribution)])
        elif axes:
            lines.append([f"  broadcasting undone by the rule: {axes_summed}"])
        return lines


def _running_sum(sent: _Contribution, count: int) -> list[list[Part | str]]:
    return [["  sum so far           ", gradient(sent.total)]] if count > 1 else []


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _letter(node: Node, position: int) -> str:
    """Give the name that an input has in the formula."""
    if node.primitive.each is not None:
        return ("x", "y")[position] if position < 2 else f"input {position + 1}"
    parameters = inspect.signature(node.primitive.forward).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY][position]


def _as_operand(user: Tensor, position: int) -> list[Part | str]:
    node = _node(user)
    return [", where it is ", code(_letter(node, position))] if len(node.inputs) > 1 else []


def _rule_text(node: Node, position: int) -> str:
    """Give the rule of an input as text; for any number of inputs there are only examples."""
    texts = node.primitive.derivatives
    return texts[position] if position < len(texts) and node.primitive.each is None else ""


def _obstacle(node: Node, position: int) -> str:
    """Say why no gradient goes to an input; "" where one does."""
    source = node.inputs[position]
    if not isinstance(source, Tensor):
        return "it is a number"
    if node.primitive.rules_for(len(node.inputs))[position] is None:
        return "the operation has no derivative by it"
    return "" if source.requires_grad else "it requires no gradient"


def _local_numbers(tensor: Tensor) -> dict[int, Any]:
    """Compute local derivatives, where a derivative is one number for each number.

    That is so where the result is a single number, and where a rule multiplies g by something of
    its own shape. Elsewhere, as in a matrix product, they would be arrays of arrays.
    """
    node = _node(tensor)
    return {
        position: sent.given
        for position, sent in _sent_alone(tensor, np.ones_like(tensor.data)).items()
        if tensor.size == 1
        or (local_derivative(_rule_text(node, position)) and np.shape(sent.given) == tensor.shape)
    }

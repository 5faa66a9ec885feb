"""The account of one tensor: what made it, and how its gradient comes in and goes out.

Everything is read from the graph, and the contributions from the chain rule itself while it is
applied; nothing is differentiated here. What comes out is text, which later steps do not change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..autodiff import graph_order
from ..drawing.module_tree import ModuleTree
from ..drawing.names import free
from ..drawing.operands import param_texts, parameter_word
from ..drawing.text import clean
from ..errors import GradientError
from ..hooks import hooked
from ..primitive import Node
from ..source_lines import made_at
from ..tensor import Tensor
from ..tracing import Contribution, node_of, sent_alone
from .call import Call
from .passage import (
    IN_WORDS,
    Trace,
    local_derivative,
    local_numbers,
    obstacle,
    passage,
    rule_text,
    running_sum,
)
from .wording import Part, Section, code, gradient, values

__all__ = ["Account"]


class Account:
    """Puts together what there is to say about a tensor.

    Parameters
    ----------
    tensor : Tensor
    output : Tensor or None
        Where gradients start, to follow them from there.
    names : mapping of int to str
        Names that the user gave, by the `id` of the object.
    trace : Trace, optional
        The gradients of that output, followed already; else they are followed here.
    """

    def __init__(
        self,
        tensor: Tensor,
        output: Tensor | None,
        names: Mapping[int, str],
        trace: Trace | None = None,
    ) -> None:
        self.tensor, self.output, self.names = tensor, output, names
        self.node = tensor.node
        self.users: list[tuple[Tensor, int]] = []
        self.arrived: dict[Tensor, list[Contribution]] = {}
        if output is None:
            self.modules = ModuleTree([] if self.node is None else [self.node], names)
            return
        if tensor is not output and not _is_used(tensor, output):
            raise GradientError(
                f"{tensor._label()} is not used in the computation of the output; pass the "
                "output that was computed from it"
            )
        trace = trace or Trace(output, names)
        self.users = trace.users.get(tensor, [])
        self.arrived, self.modules = trace.arrived, trace.modules

    def title(self) -> list[Part | str]:
        """Say what the tensor is, in a line."""
        user = self.users[-1] if self.users else None
        name = self._name(self.tensor, None if user is None else node_of(user[0]))
        subject: list[Part | str] = [code(name), ": "] if name else []
        if self.node is not None:
            return [*subject, "the result of ", code(clean(self.node.primitive.name))]
        if self.tensor.requires_grad:
            return [*subject, "a parameter, which is a leaf that requires gradients"]
        return [*subject, "a constant, which nothing that requires gradients leads to"]

    def sections(self) -> list[Section]:
        """Say the rest, section by section."""
        if self.node is None:
            return self.of_tensor()
        value, *arrival = self.of_tensor()
        *before, sent = self.of_operation()
        return [value, *before, *arrival, sent]

    def of_tensor(self, *, briefly: bool = False) -> list[Section]:
        """Say what concerns the tensor: its value, its uses, and the gradient that arrives."""
        sections = [Section("Value", self._value())]
        if self.users:
            used = [[*self._result(user), *_as_operand(user, at)] for user, at in self.users]
            sections.append(Section("Used by", tuple(used)))
        sections.append(Section("Gradient that arrives here", tuple(self._receives(briefly))))
        return sections

    def of_operation(self) -> list[Section]:
        """Say what concerns the operation that made it: inputs, derivatives, what it sends."""
        return [
            Section("Inputs", tuple(self._inputs())),
            Section("Local derivatives", tuple(self._local_derivatives())),
            Section("Sent to the inputs", tuple(self._sends())),
        ]

    def sent(self, positions: Collection[int]) -> Section:
        """Say what was sent when only these inputs have had their turn."""
        return Section("Sent to the inputs", tuple(self._sends(positions)))

    # Names ------------------------------------------------------------------------------------

    def _name(self, tensor: Tensor, user: Node | None = None) -> str:
        path = None
        if tensor.node is None and user is not None and user.module_call is not None:
            path = self.modules.parameter_name(tensor, user.module_call)
        return clean(path or self.names.get(id(tensor)) or tensor.name or "")

    def _call(self, result: Tensor) -> Call:
        """Find the names of a call: those of its operands and of its result."""
        return Call(result, self._name, self._taken)

    @cached_property
    def _taken(self) -> set[str]:
        """Names that a reader knows: what is invented here has others."""
        calls = [user for user, _ in self.users] + [self.tensor] * (self.node is not None)
        taken = {*self.names.values(), self._name(self.tensor)}
        for result in calls:
            node = node_of(result)
            taken.add(self._name(result))
            taken |= {self._name(value, node) for value in node.inputs if isinstance(value, Tensor)}
        return taken

    def _operand(self, call: Call, position: int) -> list[Part | str]:
        """Name an input of a call, and say which it is where the name alone is not enough."""
        name = code(call.operands[position])
        word = parameter_word(call.node.primitive, position)
        if word and call.is_invented(position):
            return [name, f" ({word})"]
        return [name, f" as operand {position + 1}"] if call.is_repeated(position) else [name]

    def _result(self, user: Tensor) -> list[Part | str]:
        name = self._name(user)
        operation = code(clean(node_of(user).primitive.name))
        return [operation, " (which gives ", code(name), ")"] if name else [operation]

    # Forward ----------------------------------------------------------------------------------

    def _value(self) -> tuple[list[Part | str], ...]:
        return (*self.origin(), ["value ", values(self.tensor.data)])

    def origin(self) -> list[list[Part | str]]:
        """Say how the operation is written, with what, in which module and line of code."""
        lines: list[list[Part | str]] = []
        if self.node is not None:
            if self.node.primitive.formula:
                lines.append([self._call(self.tensor).equation()])
            lines += [["with ", code(f"{name} = {text}")] for name, text in param_texts(self.node)]
        return lines + self.place()

    def place(self) -> list[list[Part | str]]:
        """Say in which module and line of code the operation was called."""
        lines: list[list[Part | str]] = []
        if self.node is not None:
            call = self.modules.id_of(self.node.module_call)
            lines += [
                ["in module ", code(" ".join(filter(None, (node.path, node.kind))))]
                for node in self.modules.calls
                if node.id == call
            ]
        line = made_at(self.tensor)
        lines += [] if line is None else [["made at ", code(clean(line, limit=120))]]
        return lines

    def _inputs(self) -> list[list[Part | str]]:
        node, call = node_of(self.tensor), self._call(self.tensor)
        lines = []
        for position, (source, value) in enumerate(zip(node.inputs, node.values, strict=True)):
            operand = self._operand(call, position)
            if not isinstance(source, Tensor) and np.size(source) == 1:
                lines.append([*operand, ", a number"])
                continue
            kind = ", an array: "
            if isinstance(source, Tensor):
                kind = f", the result of {source.node.primitive.name}: " if source.node else ": "
                if source.node is None and source.requires_grad:
                    kind = ", a parameter: "
            lines.append([*operand, kind, values(value)])
        return lines

    # Backward ---------------------------------------------------------------------------------

    def _local_derivatives(self) -> list[list[Part | str]]:
        node, call = node_of(self.tensor), self._call(self.tensor)
        lines = []
        try:
            numbers = local_numbers(self.tensor)
        except GradientError as error:
            return [[code(clean(error, limit=300))]]
        for position in range(len(node.inputs)):
            reason = obstacle(node, position)
            if reason:
                lines.append([*self._operand(call, position), f": {reason}"])
                continue
            rule = rule_text(node, position)
            local = local_derivative(rule)
            line: list[Part | str] = []
            if local:
                line = [f"operand {position + 1}: "] if call.is_repeated(position) else []
                line.append(call.derivative(local, position))
            else:
                line = [*self._operand(call, position), ": ", code(call.upstream), " becomes "]
                told = "what the rule of the operation makes of it"
                line.append(call.written(rule) if rule else told)
            if local in IN_WORDS:
                line.append(f": the gradient {IN_WORDS[local]}")
            elif position in numbers:
                one = f"; for {call.upstream} = 1 that is "
                line += [" = " if local else one, values(numbers[position])]
            lines.append(line)
        return lines

    def arrival(self, count: int) -> list[list[Part | str]]:
        """Say what of its gradient has arrived when some contributions are still to come."""
        found = self.arrived.get(self.tensor, [])
        if not count:
            return [["not computed yet"]]
        lines = self._contributions(found[:count], len(found), briefly=True)
        return [*lines, [f"{count} of {len(found)} so far: ", gradient(found[count - 1].total)]]

    def _contributions(
        self, found: Sequence[Contribution], count: int, briefly: bool
    ) -> list[list[Part | str]]:
        lines: list[list[Part | str]] = []
        for number, sent in enumerate(found, 1):
            head = f"contribution {number} of {count}: from "
            lines.append(
                [head, *self._result(sent.tensor), *_as_operand(sent.tensor, sent.position)]
            )
            if briefly:
                lines.append(["  ", gradient(sent.contribution)])
                continue
            call = self._call(sent.tensor)
            lines += [["  ", *line] for line in self._passage(sent, call, self._whose(sent))]
            lines += running_sum(sent, count)
        return lines

    def _receives(self, briefly: bool) -> list[list[Part | str]]:
        tensor = self.tensor
        if not tensor.requires_grad:
            return [["none: it requires no gradient"]]
        if self.output is None:
            if tensor.grad is not None:
                return [[self._g(), " = ", gradient(tensor.grad), "   (its .grad)"]]
            hint = "call backward() on the loss first, or say explain(tensor, output=loss)"
            return [[f"not computed, or not kept; {hint}"]]
        found = self.arrived.get(tensor, [])
        lines = self._contributions(found, len(found), briefly)
        if tensor is self.output:
            start = "it is the output, where gradients start: "
            lines.append([start, self._g(), " = ", code("1")])
            return lines
        if not found:
            return [["none: no operation sends a gradient to it"]]
        total = found[-1].total
        lines.append([self._g(), " = ", gradient(total)])
        if id(tensor) in hooked:
            lines.append(["a hook sees this gradient, and what it gives takes its place"])
        elif tensor.grad is not None and not np.array_equal(tensor.grad, total, equal_nan=True):
            told = "   (not this gradient alone: calls of backward() add up, until zero_grad())"
            if tensor.node is not None:
                told = "   (from another call of backward())"
            lines.append([".grad holds ", gradient(tensor.grad), told])
        return lines

    def _g(self) -> Part:
        """Name the gradient that arrives at the tensor, as its own call does."""
        if self.node is not None:
            return code(self._call(self.tensor).upstream)
        return code(free("g", self._taken))

    def _whose(self, sent: Contribution) -> list[Part | str]:
        name = self._name(sent.tensor)
        return [", the gradient of ", code(name) if name else "its result", ","]

    @staticmethod
    def _passage(
        sent: Contribution, call: Call, whose: Sequence[Part | str] = ()
    ) -> list[list[Part | str]]:
        rule = rule_text(node_of(sent.tensor), sent.position)
        return passage(sent, None, call.written(rule) if rule else "", call.upstream, whose)

    def _sends(self, positions: Collection[int] | None = None) -> list[list[Part | str]]:
        """Say what goes to which input; of some of them, where the others are still to come."""
        tensor, node = self.tensor, node_of(self.tensor)
        sent: dict[int, tuple[Contribution, int, int]] = {}
        if self.output is not None:
            for source in set(filter(_is_tensor, node.inputs)):
                found = self.arrived.get(source, [])
                for number, one in enumerate(found, 1):
                    if one.tensor is tensor:
                        sent[one.position] = one, number, len(found)
        elif tensor.grad is not None:
            try:
                alone = sent_alone(tensor, tensor.grad)
            except GradientError as error:
                return [[code(clean(error, limit=300))]]
            sent = {position: (one, 0, 0) for position, one in alone.items()}
        else:
            return [["nothing yet: no gradient has arrived"]]
        lines: list[list[Part | str]] = []
        call = self._call(tensor)
        for position in range(len(node.inputs)):
            operand = self._operand(call, position)
            if position not in sent:
                lines.append(["to ", *operand, f": nothing, {obstacle(node, position)}"])
                continue
            if positions is not None and position not in positions:
                lines.append(["to ", *operand, ": not sent yet"])
                continue
            one, number, count = sent[position]
            lines.append(["to ", *operand, f": contribution {number} of {count}" if count else ""])
            lines += [["  ", *line] for line in self._passage(one, call)]
            lines += running_sum(one, count)
        return lines


def _is_used(tensor: Tensor, output: Tensor) -> bool:
    return any(value is tensor for user in graph_order(output) for value in node_of(user).inputs)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _as_operand(user: Tensor, position: int) -> list[Part | str]:
    return [f", as operand {position + 1}"] if len(node_of(user).inputs) > 1 else []

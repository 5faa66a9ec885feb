"""Builds the explanation of one tensor: what made it, and how its gradient arrives and goes on.

Everything is read from the graph, and the contributions from the chain rule itself while it is
applied; nothing is differentiated here. The result is text, which later steps do not change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np

from ..autodiff import graph_order
from ..calls import Call as Composition
from ..documents import Inline, Line, Section, code, name
from ..documents.model import parts_of
from ..drawing.module_tree import ModuleTree
from ..drawing.names import free
from ..drawing.operands import param_texts, parameter_word
from ..errors import GradientError
from ..hooks import hooked
from ..primitive import Node
from ..source_lines import made_at
from ..tensor import Tensor
from ..texts import clean
from ..tracing import Contribution, node_of, sent_alone
from .call import Call
from .contribution import (
    IN_WORDS,
    Trace,
    contribution_lines,
    local_derivative,
    local_numbers,
    no_gradient_reason,
    rule_text,
    running_sum,
)
from .inline import gradient, values

__all__ = ["ExplanationBuilder"]


class ExplanationBuilder:
    """Builds the sections about a tensor.

    Parameters
    ----------
    tensor : Tensor
    output : Tensor or None
        Where gradients start, to follow them from there.
    names : mapping of int to str
        Names that the user gave, by the `id` of the object.
    trace : Trace, optional
        The gradients of that output, followed already; by default they are followed here.

    Examples
    --------
    >>> x = Tensor(2.0, requires_grad=True)
    >>> [section.title for section in ExplanationBuilder(x, None, {}).of_tensor()]
    ['Value', 'Gradient that arrives here']
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
        self.calls: dict[Tensor, Composition] = {}
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
        self.arrived, self.modules, self.calls = trace.arrived, trace.modules, trace.calls

    def title(self) -> list[Inline | str]:
        """Return a line that says what the tensor is."""
        user = self.users[-1] if self.users else None
        known = self._name(self.tensor, None if user is None else node_of(user[0]))
        subject: list[Inline | str] = [code(known), ": "] if known else []
        if self.node is not None:
            return [*subject, "the result of ", name(self.node.primitive.name)]
        if self.tensor.requires_grad:
            return [*subject, "a parameter, which is a leaf that requires gradients"]
        return [*subject, "a constant, which nothing that requires gradients leads to"]

    def sections(self) -> list[Section]:
        """Return everything else, section by section."""
        if self.node is None:
            return self.of_tensor()
        value, *arrival = self.of_tensor()
        *before, sent = self.of_operation()
        return [value, *before, *arrival, sent]

    def of_tensor(self, *, briefly: bool = False) -> list[Section]:
        """Describe the tensor: its value, its uses, and the gradient that arrives."""
        sections = [Section("Value", self._value())]
        if self.users:
            used = [(*self._result(user), *_as_operand(user, at)) for user, at in self.users]
            sections.append(Section("Used by", tuple(used)))
        sections.append(Section("Gradient that arrives here", tuple(self._receives(briefly))))
        return sections

    def of_operation(self) -> list[Section]:
        """Describe the operation that made it: inputs, derivatives, what it sends."""
        return [
            Section("Inputs", tuple(self._inputs())),
            Section("Local derivatives", tuple(self._local_derivatives())),
            Section("Sent to the inputs", tuple(self.sent())),
        ]

    # Names ------------------------------------------------------------------------------------

    def _name(self, tensor: Tensor, user: Node | None = None) -> str:
        path = None
        if tensor.node is None and user is not None and user.module_call is not None:
            path = self.modules.parameter_name(tensor, user.module_call)
        return clean(self.names.get(id(tensor)) or path or tensor.name or "")

    def _call(self, result: Tensor) -> Call:
        """Return the names of a call: those of its operands and of its result."""
        return Call(result, self._name, self._taken)

    @cached_property
    def _taken(self) -> set[str]:
        """Names that a reader knows; invented names must differ from them."""
        calls = [user for user, _ in self.users] + [self.tensor] * (self.node is not None)
        taken = {*self.names.values(), self._name(self.tensor)}
        for result in calls:
            node = node_of(result)
            taken.add(self._name(result))
            taken |= {self._name(value, node) for value in node.inputs if isinstance(value, Tensor)}
        return taken

    def _operand(self, call: Call, position: int) -> list[Inline | str]:
        """Name an input of a call, with its position where the name alone is not enough."""
        operand = code(call.operands[position])
        word = parameter_word(call.node.primitive, position)
        if word and call.is_invented(position):
            return [operand, f" ({word})"]
        if call.is_repeated(position):
            return [operand, f" as operand {position + 1}"]
        return [operand]

    def _result(self, user: Tensor) -> list[Inline | str]:
        known = self._name(user)
        made, call = node_of(user).primitive, self.calls.get(user)
        operation: list[Inline | str] = [name(made.name)]
        if call is not None and len(call.parts) > 1:
            operation += [" in ", name(call.name)]
        return [*operation, " (which gives ", code(known), ")"] if known else operation

    # Forward ----------------------------------------------------------------------------------

    def _value(self) -> tuple[Line, ...]:
        return (*self.origin(), ["value ", values(self.tensor.data)])

    def origin(self) -> list[Line]:
        """Describe how the operation is written, its parameters, its module and line of code."""
        lines: list[Line] = []
        if self.node is not None:
            if self.node.primitive.formula:
                lines.append([self._call(self.tensor).equation()])
            lines += [["with ", code(f"{key} = {text}")] for key, text in param_texts(self.node)]
        return lines + self.place()

    def place(self) -> list[Line]:
        """Describe in which module and line of code the operation was called."""
        lines: list[Line] = []
        if self.node is not None:
            call = self.modules.id_of(self.node.module_call)
            lines += [
                ["in module ", code(" ".join(filter(None, (node.path, node.kind))))]
                for node in self.modules.calls
                if node.id == call
            ]
        line = made_at(self.tensor)
        lines += [] if line is None else [["made at ", name(line, limit=120)]]
        return lines

    def _inputs(self) -> list[Line]:
        node, call = node_of(self.tensor), self._call(self.tensor)
        lines: list[Line] = []
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

    def _local_derivatives(self) -> list[Line]:
        node, call = node_of(self.tensor), self._call(self.tensor)
        lines: list[Line] = []
        try:
            numbers = local_numbers(self.tensor)
        except GradientError as error:
            return [name(error, limit=300)]
        for position in range(len(node.inputs)):
            reason = no_gradient_reason(node, position)
            if reason:
                lines.append([*self._operand(call, position), f": {reason}"])
                continue
            rule = rule_text(node, position)
            local = local_derivative(rule)
            line: list[Inline | str]
            if local:
                line = [f"operand {position + 1}: "] if call.is_repeated(position) else []
                line.append(call.derivative(local, position))
            else:
                line = [*self._operand(call, position), ": ", code(call.upstream), " becomes "]
                unknown = "what the rule of the operation makes of it"
                line.append(call.written(rule) if rule else unknown)
            if local in IN_WORDS:
                line.append(f": the gradient {IN_WORDS[local]}")
            elif position in numbers:
                one = f"; for {call.upstream} = 1 that is "
                line += [" = " if local else one, values(numbers[position])]
            lines.append(line)
        return lines

    def arrival(self, count: int) -> list[Line]:
        """Describe what has arrived of its gradient, when contributions are still to come."""
        found = self.arrived.get(self.tensor, [])
        if not count:
            return ["not computed yet"]
        lines = self._contributions(found[:count], len(found), briefly=True)
        return [*lines, [f"{count} of {len(found)} so far: ", gradient(found[count - 1].total)]]

    def _contributions(
        self, found: Sequence[Contribution], count: int, briefly: bool
    ) -> list[Line]:
        lines: list[Line] = []
        for number, sent in enumerate(found, 1):
            head = f"contribution {number} of {count}: from "
            lines.append(
                [head, *self._result(sent.tensor), *_as_operand(sent.tensor, sent.position)]
            )
            if briefly:
                lines.append(["  ", gradient(sent.contribution)])
                continue
            call = self._call(sent.tensor)
            lines += self._worked_out(sent, call, self._whose(sent))
            lines += running_sum(sent, count)
        return lines

    def _receives(self, briefly: bool) -> list[Line]:
        tensor = self.tensor
        if not tensor.requires_grad:
            return ["none: it requires no gradient"]
        if self.output is None:
            if tensor.grad is not None:
                return [[self._g(), " = ", gradient(tensor.grad), "   (its .grad)"]]
            hint = "call backward() on the loss first, or say explain(tensor, output=loss)"
            return [f"not computed, or not kept; {hint}"]
        found = self.arrived.get(tensor, [])
        lines = self._contributions(found, len(found), briefly)
        if tensor is self.output:
            start = "it is the output, where gradients start: "
            lines.append([start, self._g(), " = ", code("1")])
            return lines
        if not found:
            return ["none: no operation sends a gradient to it"]
        total = found[-1].total
        lines.append([self._g(), " = ", gradient(total)])
        if id(tensor) in hooked:
            lines.append("a hook sees this gradient and may replace it")
        elif tensor.grad is not None and not np.array_equal(tensor.grad, total, equal_nan=True):
            reason = "   (not this gradient alone: calls of backward() add up)"
            if tensor.node is not None:
                reason = "   (from another call of backward())"
            lines.append([".grad holds ", gradient(tensor.grad), reason])
        return lines

    def _g(self) -> Inline:
        """Name the gradient that arrives at the tensor, as its own call does."""
        if self.node is not None:
            return code(self._call(self.tensor).upstream)
        return code(free("g", self._taken))

    def _whose(self, sent: Contribution) -> list[Inline | str]:
        known = self._name(sent.tensor)
        return [", the gradient of ", code(known) if known else "its result", ","]

    @staticmethod
    def _worked_out(
        sent: Contribution, call: Call, whose: Sequence[Inline | str] = ()
    ) -> list[Line]:
        rule = rule_text(node_of(sent.tensor), sent.position)
        written = call.written(rule) if rule else ""
        lines = contribution_lines(sent, None, written, call.upstream, whose)
        return [["  ", *parts_of(line)] for line in lines]

    def sent(self, positions: Collection[int] | None = None) -> list[Line]:
        """Describe what goes to each input, or to some of them while the others are to come."""
        tensor, node = self.tensor, node_of(self.tensor)
        if self.output is None and tensor.grad is None:
            return ["nothing yet: no gradient has arrived"]
        try:
            sent = self._sent_by_position()
        except GradientError as error:
            return [name(error, limit=300)]
        lines: list[Line] = []
        call = self._call(tensor)
        for position in range(len(node.inputs)):
            operand = self._operand(call, position)
            if position not in sent:
                lines.append(["to ", *operand, f": nothing, {no_gradient_reason(node, position)}"])
                continue
            if positions is not None and position not in positions:
                lines.append(["to ", *operand, ": not sent yet"])
                continue
            one, number, count = sent[position]
            lines.append(["to ", *operand, f": contribution {number} of {count}" if count else ""])
            lines += self._worked_out(one, call)
            lines += running_sum(one, count)
        return lines

    def _sent_by_position(self) -> dict[int, tuple[Contribution, int, int]]:
        """Return the contribution to each input, its number and their count at that tensor."""
        tensor = self.tensor
        if self.output is None:
            alone = sent_alone(tensor, np.asarray(tensor.grad))
            return {position: (one, 0, 0) for position, one in alone.items()}
        sent = {}
        for source in {value for value in node_of(tensor).inputs if isinstance(value, Tensor)}:
            found = self.arrived.get(source, [])
            for number, one in enumerate(found, 1):
                if one.tensor is tensor:
                    sent[one.position] = one, number, len(found)
        return sent


def _is_used(tensor: Tensor, output: Tensor) -> bool:
    return any(value is tensor for user in graph_order(output) for value in node_of(user).inputs)


def _as_operand(user: Tensor, position: int) -> list[Inline | str]:
    return [f", as operand {position + 1}"] if len(node_of(user).inputs) > 1 else []

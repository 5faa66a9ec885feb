"""The backward steps of a story: what each operation sends to its inputs, and how it adds up.

The numbers come from the chain rule itself (`explaining.contribution.Trace`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..documents import Inline, Line, Section, code
from ..drawing.formulas import bracketed, filled, is_plain
from ..drawing.words import one_line
from ..explaining.contribution import (
    IN_WORDS,
    contribution_lines,
    local_derivative,
    local_numbers,
    rule_text,
    summed_text,
)
from ..explaining.inline import gradient, values
from ..hooks import hooked, run_hooks
from ..tensor import Tensor
from ..texts import euclidean_norm, gradient_text, number_text, shape_text
from ..tracing import Contribution, node_of
from .forward import NameTable
from .steps import Stage, Step, section
from .worked_product import element_sections
from .worked_softmax import OPERATION, backward_row, letters_of, mean_delta

__all__ = ["Backward"]


class Backward:
    """Makes the backward steps, and records the gradients known after each.

    Parameters
    ----------
    names : NameTable
    first : int
        The number of the first of these steps.

    Attributes
    ----------
    final : dict of Tensor to array
        The complete gradients, after hooks.
    stages : dict of Tensor to list of Stage
    sent_at : dict of Tensor to dict of int to int
        The step at which the operation that made a tensor sends a gradient to each input.
    """

    def __init__(self, names: NameTable, first: int) -> None:
        self.names, self.trace, self.first = names, names.trace, first
        self.sent: dict[Tensor, list[Contribution]] = {}
        for one in self.trace.sent:
            self.sent.setdefault(one.tensor, []).append(one)
        self.totals = {self.trace.output: self.trace.seed}
        self.totals |= {tensor: found[-1].total for tensor, found in self.trace.arrived.items()}
        self.final = {
            tensor: self._after_hooks(tensor, total) for tensor, total in self.totals.items()
        }
        self.stages: dict[Tensor, list[Stage]] = {}
        self.sent_at: dict[Tensor, dict[int, int]] = {}

    def _after_hooks(self, tensor: Tensor, total: Any) -> Any:
        if tensor.node is None:
            return run_hooks(tensor, total) if id(tensor) in hooked else total
        sent = self.sent.get(tensor)
        return sent[0].upstream if sent else total

    def steps(self) -> list[Step]:
        """Return the steps of all operations, in the order in which they run."""
        steps: list[Step] = []
        for tensor in self.trace.order:
            if tensor in self.totals:  # otherwise no gradient reaches it
                steps += self._of_operation(tensor, self.first + len(steps))
        return steps

    def _of_operation(self, tensor: Tensor, first: int) -> list[Step]:
        operation, arrived = self.names.operation(tensor), self._arrived(tensor)
        sent = self.sent.get(tensor)
        if not sent:
            name = self.names.of(tensor)
            reasons = self.names.explanation(tensor).sent()
            return [
                Step(
                    "backward",
                    one_line(f"{operation.name} sends nothing: the gradient of {name} ends here"),
                    (arrived, section("Why", *reasons)),
                    operation=operation.id,
                    reads=(self.names.ids[tensor],),
                    edges=(f"{operation.id}b",),
                )
            ]
        numbers = local_numbers(tensor)
        described = [self._described(one, numbers) for one in sent]
        steps = []
        for step, (one, description) in enumerate(zip(sent, described, strict=True), first):
            self.stages.setdefault(one.source, []).append(Stage(step, *description.stage))
            self.sent_at.setdefault(tensor, {})[one.position] = step
            whole: tuple[Section, ...] = ()
            summary = ""
            if one is sent[-1] and len(sent) > 1:
                whole = (arrived, *(part for each in described for part in each.sections))
                summary = f"{operation.name} sends {'; '.join(each.short for each in described)}"
            steps.append(
                Step(
                    "backward",
                    one_line(f"{operation.name} sends {description.sentence}"),
                    (arrived, *description.sections),
                    whole,
                    one_line(summary),
                    operation.id,
                    (self.names.ids[tensor],),
                    (self.names.ids[one.source],),
                    (f"{operation.id}b", f"{operation.id}b{one.position}"),
                    one is sent[-1],
                )
            )
        return steps

    def _arrived(self, tensor: Tensor) -> Section:
        total, g = self.totals[tensor], self.names.upstream(tensor)
        lines: list[Line] = [[f"{g} = ", gradient(total)]]
        if not _same(self.final[tensor], total):
            lines.append([f"a hook replaces it:  {g} = ", gradient(self.final[tensor])])
        count = len(self.trace.arrived.get(tensor, ()))
        if count > 1:
            lines.append([f"complete: all {count} contributions have arrived"])
        return section(f"Upstream: gradient of {self.names.title(tensor)}", *lines)

    def _described(self, one: Contribution, numbers: dict[int, Any]) -> _Description:
        found = self.trace.arrived[one.source]
        return _describe(_Sent(one, numbers, found, self.names, self.final[one.source]))


@dataclass(frozen=True, slots=True)
class _Description:
    """A contribution as a sentence, as part of a sentence, at length, and the gradient after it."""

    sentence: str
    short: str
    sections: tuple[Section, ...]
    stage: tuple[str, str]


class _Sent:
    """A contribution with what its description needs: names, rule, and its place in the sum."""

    def __init__(
        self,
        one: Contribution,
        numbers: dict[int, Any],
        arrived: list[Contribution],
        names: NameTable,
        final: Any,
    ) -> None:
        self.one, self.numbers, self.names, self.final = one, numbers, names, final
        self.node, self.source = node_of(one.tensor), names.of(one.source)
        self.upstream, self.gradient = names.upstream(one.tensor), names.gradient(one.source)
        self.number = next(n for n, each in enumerate(arrived, 1) if each is one)
        self.count = len(arrived)
        self.before = arrived[self.number - 2].total if self.number > 1 else None
        self.is_last = self.number == self.count
        self.is_changed = self.is_last and not _same(final, one.total)  # by a hook
        # What is sent is the gradient itself, which has a name.
        self.is_whole = (
            names.has_gradient_name(one.source)
            and self.count == 1
            and not self.is_changed
            and np.shape(one.given) == np.shape(one.contribution)
        )
        self.rule = rule_text(self.node, one.position)
        self.local = local_derivative(self.rule)
        self.factor = numbers.get(one.position)  # the local derivative, if it is known

    def written(self, text: str) -> str:
        """Write a rule, or its local derivative, with the names in the picture."""
        names, result = self.names, self.names.of(self.one.tensor)
        texts = names.texts(self.one.tensor)
        return filled(text, self.node, texts, out=result, g=self.upstream)


def _describe(sent: _Sent) -> _Description:
    one = sent.one
    short, size = _what(sent)
    sentence = f"{short}: {size}" if size else short
    if np.size(one.contribution) == 1:
        sentence += f"; {_sum(sent)}"
    if sent.is_changed:
        sentence += "; a hook changes it"
    lines = _local_lines(sent)
    if sent.is_whole and sent.node.primitive is OPERATION:
        letters = letters_of(one, *sent.names.texts(one.tensor))
        lines.insert(0, [code(f"{sent.gradient} = {mean_delta(one)}"), f" with {letters}"])
    rule = sent.written(sent.rule) if sent.rule else ""
    lines += contribution_lines(one, sent.numbers, rule, sent.upstream)
    title = sent.names.title(one.source)
    sections = [section(f"Sent to {title}", *lines, *(_sum_lines(sent) if sent.count == 1 else ()))]
    if sent.node.primitive is OPERATION:
        sections += backward_row(one)
    sections += element_sections(one, sent.gradient, sent.names.texts(one.tensor), sent.upstream)
    if sent.count > 1:
        sections.append(section(f"Sum: gradient of {title}", *_sum_lines(sent)))
    total = gradient_text(np.asarray(sent.final if sent.is_last else one.total), True)[0]
    place = f"{sent.number} of {sent.count}" if sent.count > 1 else ""
    return _Description(sentence, short, tuple(sections), (total, place))


def _local_lines(sent: _Sent) -> list[Line]:
    """Write ``d c / d a = b = -3``."""
    if not sent.local:
        return []
    written = sent.written(sent.local)
    start = f"d {sent.names.of(sent.one.tensor)} / d {sent.source} = "
    line: list[Inline | str] = [start, code(written)]
    if sent.factor is not None and written not in ("1", "-1"):
        number = values(sent.factor)
        line += [] if number.text == written else [" = ", number]
    return [line]


def _what(sent: _Sent) -> tuple[str, str]:
    """Describe in part of a sentence what goes where; for arrays, also how much."""
    one, g = sent.one, sent.upstream
    written = sent.written(sent.rule) if sent.rule else f"what its rule makes of {g}"
    if sent.local in IN_WORDS:
        written = sent.local.replace("1", g)
    if sent.is_whole:
        short = mean_delta(one) if sent.node.primitive is OPERATION else ""
        written = f"{sent.gradient} = {short or written}"
    if np.size(one.contribution) == np.size(one.upstream) == np.size(one.given) == 1:
        product = f"{_product(sent)} = " if sent.local not in ("", *IN_WORDS) else ""
        return f"{written} = {product}{_number(one.given)} to {sent.source}", ""
    contribution, axes = np.asarray(one.contribution), summed_text(one)[0]
    parts = [f"shape {shape_text(contribution.shape)}" if contribution.ndim else ""]
    if contribution.size == 1:
        parts[0] = f"{parts[0]} {_number(contribution)}".lstrip()
    elif contribution.size:
        norm = number_text(euclidean_norm(contribution))
        parts.append(f"norm {norm}" if contribution.any() else "all zero")
    parts.append(f"{axes} (broadcast)" if axes else "")
    parts.append(f"contribution {sent.number} of {sent.count}" if sent.count > 1 else "")
    return f"{written} to {sent.source}", ", ".join(filter(None, parts))


def _product(sent: _Sent) -> str:
    """Write the rule in numbers: ``1 × (-3)``."""
    one, upstream = sent.one, _number(sent.one.upstream)
    if sent.rule.startswith(("g / ", "-g / ")) and is_plain(sent.rule):  # written as a quotient
        inputs = [_number(value) for value in sent.node.values]
        out = _number(one.tensor.data)
        return filled(sent.rule, sent.node, inputs, g=upstream, out=out)
    return f"{upstream} × {bracketed(_number(sent.factor))}"


def _sum(sent: _Sent) -> str:
    """Write ``grad(a): 0.25 + (-1.5) = -1.25 (contribution 2 of 2)``."""
    total = _number(sent.one.total)
    if sent.count == 1:
        return f"{sent.gradient} = {total}"
    counted = f"(contribution {sent.number} of {sent.count})"
    if sent.before is None:
        return f"{sent.gradient}: {total} {counted}"
    added = f"{_number(sent.before)} + {bracketed(_number(sent.one.contribution))}"
    return f"{sent.gradient}: {added} = {total} {counted}"


def _sum_lines(sent: _Sent) -> list[Line]:
    one, name = sent.one, sent.gradient
    is_number = np.size(one.total) == 1
    lines: list[Line] = []
    if is_number:
        lines.append([code(_sum(sent))])
    elif sent.before is not None:
        lines.append(["so far        ", gradient(sent.before)])
        lines.append(["+ this        ", gradient(one.contribution)])
        lines.append([f"= {name}  ", gradient(one.total)])
    elif sent.count == 1:
        lines.append([f"the only contribution: {name} is complete"])
    else:
        lines.append([f"{name} = ", gradient(one.total)])
    if not sent.is_last:
        return lines + [[text] for text in _waiting(sent)]
    if sent.count > 1 and not is_number:
        lines.append([f"contribution {sent.number} of {sent.count}: complete"])
    if sent.is_changed:
        lines.append(["a hook replaces it:  ", gradient(sent.final)])
    return lines


def _waiting(sent: _Sent) -> list[str]:
    counted, source = f"{sent.number} of {sent.count} contributions", sent.one.source
    if source.node is None:
        return [f"{counted}: the others are added when they arrive"]
    maker = sent.names.operation(source).name
    why = (
        f"{maker}, which made {sent.source}, runs only when this gradient is complete, because its "
        "rule needs the whole sum: that is why operations run in reverse topological order"
    )
    return [f"{counted}: {sent.source} waits", why]


def _number(array: Any) -> str:
    return number_text(np.reshape(array, -1)[0])


def _same(x: Any, y: Any) -> bool:
    return np.array_equal(np.asarray(x), np.asarray(y), equal_nan=True)

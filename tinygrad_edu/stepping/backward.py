"""How a gradient passes an operation, contribution by contribution, and what adds up where.

The numbers were found by the chain rule itself (`explaining.passage.Trace`); they are told here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing.formulas import bracketed, filled, is_plain
from ..drawing.text import euclidean_norm, gradient_text, number_text, shape_text
from ..explaining.passage import (
    IN_WORDS,
    local_derivative,
    local_numbers,
    passage,
    rule_text,
    summed_text,
)
from ..explaining.wording import Line, Part, Section, code, gradient, values
from ..hooks import hooked, run_hooks
from ..tensor import Tensor
from ..tracing import Contribution, node_of
from .forward import Names
from .ticks import Stage, Tick, one_line, section
from .worked_softmax import OPERATION, backward_row

__all__ = ["Backward"]


class Backward:
    """Tells the way back, and keeps the record of what each gradient reads at which tick.

    Parameters
    ----------
    names : Names
    first : int
        The number of the first tick told here.

    Attributes
    ----------
    final : dict of Tensor to array
        The complete gradients, with what hooks have made of them.
    stages : dict of Tensor to list of Stage
    sent_at : dict of Tensor to dict of int to int
        At which tick the operation that made a tensor sends a gradient to which input.
    """

    def __init__(self, names: Names, first: int) -> None:
        self.names, self.trace, self.first = names, names.trace, first
        trace = self.trace
        self.sent: dict[Tensor, list[Contribution]] = {}
        for one in trace.sent:
            self.sent.setdefault(one.tensor, []).append(one)
        self.numbers_of = {
            id(one): (number, len(found))
            for found in trace.arrived.values()
            for number, one in enumerate(found, 1)
        }
        totals: dict[Tensor, Any] = {trace.output: trace.seed}
        totals |= {tensor: found[-1].total for tensor, found in trace.arrived.items()}
        self.totals = totals
        self.final = {tensor: self._after_hooks(tensor, total) for tensor, total in totals.items()}
        self.stages: dict[Tensor, list[Stage]] = {}
        self.sent_at: dict[Tensor, dict[int, int]] = {}

    def _after_hooks(self, tensor: Tensor, total: Any) -> Any:
        if tensor.node is None:
            return run_hooks(tensor, total) if id(tensor) in hooked else total
        sent = self.sent.get(tensor)
        return sent[0].upstream if sent else total

    def ticks(self) -> list[Tick]:
        """Tell it all, operation by operation in the order in which they fire."""
        ticks: list[Tick] = []
        for tensor in self.trace.order:
            if tensor not in self.totals:
                continue  # no gradient reaches it
            sent = self.sent.get(tensor, [])
            if not sent:
                ticks.append(self._nothing_sent(tensor))
            numbers = local_numbers(tensor) if sent else {}
            told = [self._told(one, numbers) for one in sent]
            for number, one in enumerate(sent):
                stage = self._stage(one, self.first + len(ticks))
                self.stages.setdefault(one.source, []).append(stage)
                self.sent_at.setdefault(tensor, {})[one.position] = stage.tick
                last = number == len(sent) - 1
                several = last and len(sent) > 1
                ticks.append(self._tick(one, told, number, last, several))
        return ticks

    def _tick(
        self, one: Contribution, told: list[_Told], number: int, last: bool, several: bool
    ) -> Tick:
        operation = self.names.operation(one.tensor)
        arrived = self._arrived_section(one.tensor)
        whole: tuple[Section, ...] = ()
        said = ""
        if several:
            whole = (arrived, *(part for each in told for part in each.sections))
            said = one_line(f"{operation.name} sends {'; '.join(each.short for each in told)}")
        return Tick(
            "backward",
            one_line(f"{operation.name} sends {told[number].sentence}"),
            (arrived, *told[number].sections),
            whole,
            said,
            operation.id,
            (self.names.ids[one.tensor],),
            (self.names.ids[one.source],),
            (f"{operation.id}b", f"{operation.id}b{one.position}"),
            last,
        )

    def _nothing_sent(self, tensor: Tensor) -> Tick:
        operation, name = self.names.operation(tensor), self.names.of(tensor)
        reasons = self.names.account(tensor).of_operation()[-1]
        return Tick(
            "backward",
            one_line(f"{operation.name} sends nothing: the gradient of {name} ends here"),
            (self._arrived_section(tensor), section("Why", *reasons.lines)),
            operation=operation.id,
            reads=(self.names.ids[tensor],),
            edges=(f"{operation.id}b",),
        )

    def _arrived_section(self, tensor: Tensor) -> Section:
        name, total = self.names.of(tensor), self.totals[tensor]
        g = self.names.upstream
        lines: list[Line] = [[f"{g} = ", gradient(total)]]
        if not _same(self.final[tensor], total):
            lines.append([f"a hook puts in its place  {g} = ", gradient(self.final[tensor])])
        count = len(self.trace.arrived.get(tensor, ()))
        if count > 1:
            lines.append([f"complete: all {count} contributions have arrived"])
        return section(f"Upstream: gradient of {name}", *lines)

    def _stage(self, one: Contribution, tick: int) -> Stage:
        number, count = self.numbers_of[id(one)]
        complete = self.final[one.source] if number == count else one.total
        text = gradient_text(np.asarray(complete), True)[0]
        return Stage(tick, text, f"{number} of {count}" if count > 1 else "")

    # One contribution -------------------------------------------------------------------------

    def _told(self, one: Contribution, numbers: dict[int, Any]) -> _Told:
        node, source = node_of(one.tensor), self.names.of(one.source)
        number, count = self.numbers_of[id(one)]
        texts, result = self.names.texts(one.tensor), self.names.of(one.tensor)
        rule = rule_text(node, one.position)
        local = local_derivative(rule)
        lines: list[Line] = []
        if local:
            line: list[Part | str] = [f"d {result} / d {source} = "]
            written = filled(local, node, texts, out=result)
            line.append(code(written))
            if one.position in numbers and written not in ("1", "-1"):
                number_part = values(numbers[one.position])
                line += [] if number_part.text == written else [" = ", number_part]
            lines.append(line)
        lines += passage(
            one, numbers, self._version(rule, one) if rule else "", self.names.upstream
        )
        adding_up = self._adding_up(one, number, count)
        if count == 1:
            lines += adding_up
        sections = [section(f"Sent to {source}", *lines)]
        if node.primitive is OPERATION:
            sections += backward_row(one)
        if count > 1:
            sections.append(section(f"Sum: gradient of {source}", *adding_up))
        what, size = self._what(one, numbers)
        sentence = f"{what}: {size}" if size else what
        if np.size(one.contribution) == 1:
            sentence += f"; {self._sum(one, number, count)}"
        if number == count and not _same(self.final[one.source], one.total):
            sentence += "; a hook changes it"
        return _Told(sentence, tuple(sections), what)

    def _version(self, rule: str, one: Contribution) -> str:
        """Write a rule with the names in the picture."""
        result, texts = self.names.of(one.tensor), self.names.texts(one.tensor)
        g = self.names.upstream
        return filled(rule, node_of(one.tensor), texts, out=result, g=g)

    def _what(self, one: Contribution, numbers: dict[int, Any]) -> tuple[str, str]:
        """Say in a part of a sentence what goes where; and of arrays, how much that is."""
        node, source = node_of(one.tensor), self.names.of(one.source)
        number, count = self.numbers_of[id(one)]
        rule = rule_text(node, one.position)
        local = local_derivative(rule)
        g = self.names.upstream
        written = self._version(rule, one) if rule else f"what its rule makes of {g}"
        if local in IN_WORDS:
            written = g if local == "1" else f"-{g}"
        axes, _ = summed_text(one)
        if np.size(one.contribution) == np.size(one.upstream) == np.size(one.given) == 1:
            given = number_text(np.reshape(one.given, -1)[0])
            if local and local not in IN_WORDS and one.position in numbers:
                upstream = number_text(np.reshape(one.upstream, -1)[0])
                factor = number_text(np.reshape(numbers[one.position], -1)[0])
                product = f"{upstream} × {bracketed(factor)}"
                if rule.startswith(("g / ", "-g / ")) and is_plain(
                    rule
                ):  # told as the quotient that it is
                    inputs = [number_text(np.reshape(value, -1)[0]) for value in node.values]
                    out = number_text(one.tensor.data.reshape(-1)[0])
                    product = filled(rule, node, inputs, g=upstream, out=out)
                return f"{written} = {product} = {given} to {source}", ""
            return f"{written} = {given} to {source}", ""
        contribution = np.asarray(one.contribution)
        size = f"shape {shape_text(contribution.shape)}" if contribution.ndim else ""
        if contribution.size == 1:
            size = f"{size} {number_text(contribution.reshape(-1)[0])}".lstrip()
        elif contribution.size and not contribution.any():
            size = f"{size}, all zero"
        elif contribution.size:
            size = f"{size}, norm {number_text(euclidean_norm(contribution))}"
        size += f", {axes} (broadcast)" if axes else ""
        size += f", contribution {number} of {count}" if count > 1 else ""
        return f"{written} to {source}", size

    def _sum(self, one: Contribution, number: int, count: int) -> str:
        """Write ``grad(a): 0.25 + (-1.5) = -1.25 (contribution 2 of 2)``."""
        name = self.names.of(one.source)
        total, added = (number_text(np.reshape(x, -1)[0]) for x in (one.total, one.contribution))
        counted = f" (contribution {number} of {count})"
        if count == 1:
            return f"grad({name}) = {total}"
        if number == 1:
            return f"grad({name}): {total}{counted}"
        before = self.trace.arrived[one.source][number - 2].total
        start = number_text(np.reshape(before, -1)[0])
        return f"grad({name}): {start} + {bracketed(added)} = {total}{counted}"

    def _adding_up(self, one: Contribution, number: int, count: int) -> list[Line]:
        name = self.names.of(one.source)
        lines: list[Line] = []
        if np.size(one.total) == 1:
            lines.append([code(self._sum(one, number, count))])
        elif number > 1:
            before = self.trace.arrived[one.source][number - 2].total
            lines.append(["so far        ", gradient(before)])
            lines.append(["+ this        ", gradient(one.contribution)])
            lines.append([f"= grad({name})  ", gradient(one.total)])
        elif count == 1:
            lines.append([f"the only contribution: grad({name}) is complete"])
        else:
            lines.append([f"grad({name}) = ", gradient(one.total)])
        if number < count:
            lines += [[text] for text in self._waiting(one.source, number, count)]
            return lines
        if count > 1 and np.size(one.total) != 1:
            lines.append([f"contribution {number} of {count}: complete"])
        final = self.final[one.source]
        if not _same(final, one.total):
            lines.append(["a hook puts in its place  ", gradient(final)])
        return lines

    def _waiting(self, source: Tensor, number: int, count: int) -> list[str]:
        name = self.names.of(source)
        if source.node is None:
            return [f"{number} of {count} contributions: what is still to come is added"]
        maker = self.names.operation(source).name
        why = (
            f"{maker}, which made {name}, fires only when this gradient is complete, for its rule "
            "needs the whole sum: that is why operations fire in reverse topological order"
        )
        return [f"{number} of {count} contributions: {name} waits", why]


class _Told:
    """One contribution in a sentence, at length, and in part of a sentence."""

    def __init__(self, sentence: str, sections: tuple[Section, ...], short: str) -> None:
        self.sentence, self.sections, self.short = sentence, sections, short


def _same(x: Any, y: Any) -> bool:
    return np.array_equal(np.asarray(x), np.asarray(y), equal_nan=True)

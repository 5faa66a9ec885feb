"""Descriptions of each tensor and each operation, and the steps at which they are shown.

The texts come from `explaining`; here they get their steps, so that no step shows a value or a
gradient before it is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from ..documents import Line, Section, code
from ..drawing.graph import Graph
from ..explaining.builder import ExplanationBuilder
from ..tensor import Tensor
from .backward import Backward
from .forward import NameTable
from .page_states import NOT_YET
from .steps import TimedSection, section

__all__ = ["Details", "details_of"]

Details = dict[str, tuple[TimedSection, ...]]


def details_of(
    graph: Graph, names: NameTable, backward: Backward, values: Mapping[str, int], seed: int
) -> tuple[Details, Details]:
    """Return the descriptions at the last step, and those at earlier steps.

    Parameters
    ----------
    graph : Graph
    names : NameTable
    backward : Backward
        After its `steps` were made.
    values : mapping of str to int
        The step at which the value of a tensor becomes known.
    seed : int
        The step at which gradients start.

    Returns
    -------
    tuple of two dicts of str to tuple of Section
        By the id of the tensor or operation.
    """
    found: Details = {
        node.id: _frozen([section("Value", [code(node.rows[0][1])])])
        for node in graph.tensors
        if node.role == "constant"
    }
    earlier: Details = {}
    for tensor, name in names.ids.items():
        account, computed = names.explanation(tensor), values[name]
        value, *used, arrives = account.of_tensor(briefly=True)
        times = [seed] if tensor is names.trace.output else []
        times += [stage.step for stage in backward.stages.get(tensor, ())]
        whole, before = _in_time(
            arrives, times, [account.arrival(count) for count in range(len(times))]
        )
        known, unknown = _value(value, computed)
        found[name], earlier[name] = _frozen([known, *used, whole]), _frozen([*unknown, *before])
        if tensor.node is not None:
            operation = names.operation(tensor).id
            late, early = _operation(account, tensor, backward, computed)
            found[operation], earlier[operation] = _frozen(late), _frozen(early)
    return found, earlier


def _value(whole: Section, computed: int) -> tuple[Section, list[Section]]:
    """Show a value only from the step that computes it."""
    if not computed:
        return whole, []
    *place, _ = whole.content
    before = TimedSection(whole.title, (*place, NOT_YET["value"]), end=computed - 1)
    return TimedSection(whole.title, whole.content, start=computed), [before]


def _operation(
    account: ExplanationBuilder, tensor: Tensor, backward: Backward, computed: int
) -> tuple[list[Section], list[Section]]:
    """Set the steps of the sections of an operation: it runs at one step, and sends at others."""
    inputs, local, sends = account.of_operation()
    late: list[Section] = [Section("Operation", tuple(account.origin()))]
    early: list[Section] = []
    for each in (inputs, local):
        late.append(TimedSection(each.title, each.content, start=computed))
        early.append(TimedSection(each.title, (NOT_YET["value"],), end=computed - 1))
    times = backward.sent_at.get(tensor, {})
    order = sorted(times, key=times.__getitem__)
    states = [account.sent(order[:count]) for count in range(1, len(order))]
    nothing = ["nothing yet: its gradient is not complete"]
    whole, before = _in_time(sends, [times[position] for position in order], [nothing, *states])
    return [*late, whole], [*early, *before]


def _in_time(
    whole: Section, times: list[int], states: Iterable[Iterable[Line]]
) -> tuple[Section, list[TimedSection]]:
    """Show a section from the last of some steps on, and another state before each of them."""
    if not times:
        return whole, []
    before = [
        TimedSection(whole.title, tuple(lines), start=start, end=end - 1)
        for (start, end), lines in zip(pairwise([0, *times]), states, strict=False)
        if end > start
    ]
    return TimedSection(whole.title, whole.content, start=times[-1]), before


def _frozen(sections: Iterable[Section]) -> tuple[TimedSection, ...]:
    return tuple(
        TimedSection(
            each.title,
            each.content,
            start=getattr(each, "start", 0),
            end=getattr(each, "end", None),
        )
        for each in sections
    )

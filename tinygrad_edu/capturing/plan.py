"""Plans a recording: selects the calls that are needed, and the memory that each writes into.

The plan never changes rounding, and it moves only the updates of slots. It does not write Python;
`program.py` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from .calls import (
    COPIES,
    PRODUCTS,
    entries_of,
    generator_of,
    inputs_of,
    is_reduction,
    is_ufunc_call,
    may_reveal_values,
    results_of,
    works_without_out,
)
from .environment import Slot
from .recorder import Call, Tracer, mapped
from .recording import Recording

__all__ = ["NeededCalls", "Plan"]


def _identity(value: Any) -> Any:
    """Return a key that is equal only for identical values."""
    if isinstance(value, Tracer):
        return "value", value.number
    if isinstance(value, bool | int | float | str | np.dtype | None):
        return type(value), repr(value)  # -0.0 differs from 0.0
    return "object", id(value)


def _storages(values: Iterable[Tracer]) -> set[int]:
    return {value.storage for value in values}


def _needed_of(call: Call, waiting: list[Call]) -> list[Call]:
    """Return a call, preceded by the waiting calls that it depends on."""
    needed = _storages(inputs_of(call))
    block = [call]
    for other in reversed(waiting):
        if needed & _storages(results_of(other)):
            needed |= _storages(inputs_of(other))
            block.insert(0, other)
    return block


def _is_whole(value: Tracer) -> bool:
    """Whether a value is an array with its own memory, not a view or a number."""
    return isinstance(value.array, np.ndarray) and value.array.base is None


def _is_alike(one: Tracer, other: Tracer) -> bool:
    first, second = one.array, other.array
    return (first.shape, first.dtype, first.strides) == (second.shape, second.dtype, second.strides)


class NeededCalls:
    """The calls of a step that are needed, in the order of the recording.

    Attributes
    ----------
    calls : list of Call
        The last one is artificial: it reads all values that are visible after the step.
    outputs : list of (Slot, Tracer)
        The slots that get new arrays.
    returned : list of Tracer
        The arrays that the step returns.
    position : dict of Tracer to int
        For each value that a call computes, the number of this call in the recording.
    outside : set of int
        The storages that existed before the step.
    """

    def __init__(self, recording: Recording) -> None:
        self._tape = recording.tape
        self.outside = recording.tape.outside
        self._versions: dict[Tracer, list[tuple[int, Tracer]]] = {}
        self._joined: dict[Tracer, Tracer] = {}
        ends = (tuple(recording.returned), tuple(value for _, value in recording.outputs))
        self.calls = [*recording.tape.calls, Call(len, ends, {}, None, None)]
        self._give_versions()
        self.position = {v: i for i, call in enumerate(self.calls) for v in results_of(call)}
        self._drop_copies()
        self._drop_repeats()
        self._drop_unneeded()
        self.returned, last = (list(values) for values in self.calls[-1].inputs)
        self.outputs = [(p, v) for (p, _), v in zip(recording.outputs, last, strict=True)]

    def value_at(self, value: Tracer, count: int) -> Tracer:
        """Return what a recorded value was after the first `count` calls of the recording."""
        for i, version in self._versions.get(value, ()):
            if i < count:
                value = version
        while value in self._joined:
            value = self._joined[value]
        return value

    def _substitute(self, new: dict[Tracer, Tracer], call: Call) -> Call:
        def change(value: Any) -> Any:
            while isinstance(value, Tracer) and value in new:
                value = new[value]
            return value

        inputs, keywords = mapped(change, call.inputs), mapped(change, call.keywords)
        written = change(call.written)
        return replace(call, inputs=inputs, keywords=keywords, written=written)

    def _join(self, new: dict[Tracer, Tracer], one: Tracer, other: Tracer) -> None:
        """Replace `one` by `other`; the views of `one` become views of `other`."""
        new[one] = self._joined[one] = other
        storage = one.storage
        for value in self._tape.values:
            if value.storage == storage:
                value.storage = other.storage

    def _give_versions(self) -> None:
        """Turn a write that overwrites a whole array into a new value.

        After ``product += bias`` no code can see the product: the sum is a new value, which may or
        may not be stored in the memory of the product.
        """
        made = {result: i for i, call in enumerate(self.calls) for result in results_of(call)}
        read = {value: i for i, call in enumerate(self.calls) for value in inputs_of(call)}
        views: dict[int, list[Tracer]] = {}
        for value in self._tape.values:
            views.setdefault(value.storage, []).append(value)
        roots = {value: value.storage for value in self._tape.values}
        new: dict[Tracer, Tracer] = {}
        for i, old in enumerate(self.calls):
            call = self.calls[i] = self._substitute(new, old)
            target = old.written
            if target is None or not (_is_whole(target) and works_without_out(call, target)):
                continue
            if target.storage in self.outside or any(
                made.get(view, -1) < i < read.get(view, -1)
                for view in views[roots[target]]
                if view is not target
            ):
                continue
            version = Tracer(np.empty_like(target.array), self._tape)
            call.keywords = {k: v for k, v in call.keywords.items() if k != "out"}
            call.result, call.written = version, None
            new[target] = version
            self._versions.setdefault(target, []).append((i, version))
            for view in views[roots[target]]:
                if made.get(view, -1) > i:
                    view.storage = version.storage

    def _drop_copies(self) -> None:
        """Read the original instead of its copy where no code could see a difference."""
        written = {call.written.storage for call in self.calls if call.written is not None}
        seen = {value.storage for value in inputs_of(self.calls[-1])}
        new: dict[Tracer, Tracer] = {}
        kept = []
        for call in self.calls:
            call = self._substitute(new, call)
            if call.function in COPIES and isinstance(call.result, Tracer):
                original, copy = next(inputs_of(call)), call.result
                storages = {original.storage, copy.storage}
                is_new = original.storage not in self.outside | seen and _is_whole(original)
                if (
                    not storages & written
                    and _is_alike(original, copy)
                    and (copy.storage not in seen or is_new)
                ):
                    if copy.storage in seen:  # asked first, because joining changes it
                        seen.add(original.storage)
                    self._join(new, copy, original)
                    continue
            kept.append(call)
        self.calls = kept

    def _drop_repeats(self) -> None:
        """Compute equal calls once, such as one in the forward pass and one in a rule."""
        written = {call.written.storage for call in self.calls if call.written is not None}
        seen = {value.storage for value in inputs_of(self.calls[-1])}
        known: dict[Any, Tracer] = {}
        new: dict[Tracer, Tracer] = {}
        kept = []
        for call in self.calls:
            call = self._substitute(new, call)
            result = call.result
            storages = {value.storage for value in inputs_of(call)}
            is_alone = call.written is None and generator_of(call) is None
            if is_alone and isinstance(result, Tracer) and not storages & written:
                parts: list[Any] = [call.function]
                entries = entries_of(call.inputs)
                entries += [e for pair in call.keywords.items() for e in entries_of(pair)]
                parts += [_identity(entry) for entry in entries]
                first = known.setdefault(tuple(parts), result)
                both = {first.storage, result.storage}
                if first is not result and not both & written and not both <= seen:
                    self._join(new, result, first)
                    continue
            kept.append(call)
        self.calls = kept

    def _drop_unneeded(self) -> None:
        """Drop the calls whose results are never read."""
        values: set[Tracer] = set()
        storages = set(self.outside)  # writes into these are visible outside
        kept = []
        for call in reversed(self.calls):
            is_end = call is self.calls[-1]
            is_end = is_end or generator_of(call) is not None  # the next draw depends on it
            is_written_for = call.written is not None and call.written.storage in storages
            # The step may have read a shape that depends on values, and a call that can raise an
            # error has to raise it.
            is_used = may_reveal_values(call) or not values.isdisjoint(results_of(call))
            if is_end or is_written_for or (is_used and call.written is None):
                kept.append(call)
                read = set(inputs_of(call))
                values |= read
                storages |= {value.storage for value in read}
        self.calls = kept[::-1]


class Plan(NeededCalls):
    """The calls of a step that are needed, and the memory of their results.

    Attributes
    ----------
    blocks : list of int
        The sizes of the blocks of memory that all replays write into.
    block : dict of int to int
        For each storage, the number of its block.
    target : dict of Tracer to Tracer
        Results that overwrite an operand that is not needed any more.
    spares : list of (Slot, Tracer)
        The outputs that are computed in a spare array, which then takes turns with the array in
        the slot.
    spare : dict of int to int
        For each storage in a spare array, the number of that array. An operand of the same layout
        shares the spare array of its result if it is not needed any more.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self._move_updates_up()
        self.blocks: list[int] = []
        self.block: dict[int, int] = {}
        self.target: dict[Tracer, Tracer] = {}
        self.spares: list[tuple[Slot, Tracer]] = []
        self.spare: dict[int, int] = {}
        self._plan_memory()

    def _move_updates_up(self) -> None:
        """Run the calls that only compute new values of slots as early as possible.

        So a gradient is used while it is in the processor's caches. A slot keeps its old value to
        the end of the step.
        """
        written = {call.written.storage for call in self.calls if call.written is not None}
        moving = self._only_for_outputs(written) - written
        order: list[Call] = []
        waiting: list[Call] = []  # calls without computed operands stay next to their user
        for call in self.calls:
            block = _needed_of(call, waiting)
            rest = [other for other in waiting if other not in block]
            made = _storages(results_of(call))
            if not (is_ufunc_call(call) and made and made <= moving):
                order += block
                waiting = rest
                continue
            # It reads no array that is written into, so only its operands must come first.
            needed = set().union(*(_storages(inputs_of(one)) for one in block))
            position = len(order)
            while position and needed.isdisjoint(_storages(results_of(order[position - 1]))):
                position -= 1
            if position:
                order[position:position] = block
                waiting = rest
            else:
                waiting.append(call)  # what it needs waits already, before it
        self.calls = [*order[:-1], *waiting, order[-1]]

    def _only_for_outputs(self, written: set[int]) -> set[int]:
        """Return the storages that only lead to new values of slots.

        Calls that read an array which the step writes into are left out.
        """
        found = _storages(value for _, value in self.outputs) - _storages(self.returned)
        used = Counter(v.storage for call in self.calls for v in set(inputs_of(call)))
        for call in reversed(self.calls[:-1]):
            made = _storages(results_of(call))
            if not written.isdisjoint(_storages(inputs_of(call))):
                found -= made
            elif is_ufunc_call(call) and made and made <= found:
                found |= {v.storage for v in inputs_of(call) if used[v.storage] == 1} - written
        return found

    def _plan_memory(self) -> None:
        last = {v.storage: i for i, call in enumerate(self.calls) for v in inputs_of(call)}
        self._plan_spares(last)
        free: list[int] = []
        for i, call in enumerate(self.calls[:-1]):
            ending = {v.storage: v for v in inputs_of(call) if last[v.storage] == i}
            for result in results_of(call):
                is_kept = last.get(result.storage) == len(self.calls) - 1  # gets new memory
                if is_kept or result.storage in self.spare or not self._takes_memory(call, result):
                    continue
                old = self._operand_to_overwrite(call, result, ending)
                if old is None:
                    block = self._take_block(free, result.array.nbytes)
                else:
                    self.target[result] = old
                    block = self.block[ending.pop(old.storage).storage]
                self.block[result.storage] = block
            free += [self.block[storage] for storage in ending if storage in self.block]

    def _plan_spares(self, last: dict[int, int]) -> None:
        """Find the outputs that can be computed in spare arrays, and operands that share them."""
        uses = Counter(value.storage for _, value in self.outputs)
        made = {
            result.storage: (i, call, result)
            for i, call in enumerate(self.calls)
            for result in results_of(call)
            if self._takes_memory(call, result)
        }
        for slot, value in self.outputs:
            if uses[value.storage] > 1 or value.storage not in made or not _is_whole(value):
                continue
            self.spares.append((slot, value))
            following: int | None = value.storage
            while following is not None:
                self.spare[following] = len(self.spares) - 1
                i, call, result = made[following]
                operands = inputs_of(call) if is_ufunc_call(call) else iter(())
                following = next(
                    (
                        operand.storage
                        for operand in operands
                        if last[operand.storage] == i
                        and operand.storage in made.keys() - self.spare.keys()
                        and _is_whole(operand)
                        and _is_alike(operand, result)
                    ),
                    None,
                )

    def _takes_memory(self, call: Call, result: Tracer) -> bool:
        """Whether a call can write its result into planned memory."""
        if not _is_whole(result) or result.array.ndim == 0 or result.storage in self.outside:
            return False
        if call.function in PRODUCTS:
            return bool(result.array.flags.c_contiguous)
        is_alone = is_ufunc_call(call) and call.function.nout == 1  # type: ignore[attr-defined]
        fits = np.empty_like(result.array).strides == result.array.strides
        return (is_alone or is_reduction(call)) and fits

    def _operand_to_overwrite(
        self, call: Call, result: Tracer, ending: dict[int, Tracer]
    ) -> Tracer | None:
        if is_ufunc_call(call):
            for value in ending.values():
                if value.storage in self.block and _is_whole(value) and _is_alike(value, result):
                    return value
        return None

    def _take_block(self, free: list[int], size: int) -> int:
        """Take the free block that fits best; it grows if it is too small."""
        if free:
            best = min(free, key=lambda b: (self.blocks[b] < size, abs(self.blocks[b] - size)))
            free.remove(best)
            self.blocks[best] = max(self.blocks[best], size)
            return best
        self.blocks.append(size)
        return len(self.blocks) - 1

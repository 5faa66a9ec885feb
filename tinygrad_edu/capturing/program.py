"""Writes a plan as a Python function of NumPy calls, and compiles it.

The function starts with the checks of `guards.py`. It never writes into arrays that other code may
hold: new values of parameters and gradients are computed in other memory, and at the end a single
call of C code, which nothing can interrupt, puts them into all slots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import chain
from sys import getrefcount
from typing import Any

import numpy as np

from ..hooks import hooked
from ..primitive import _sequence
from ..scope import BLOCKS, OFF, USUAL, get_scope
from ..tensor import Tensor, _computed
from .calls import has_known_shape, inputs_of, results_of
from .environment import GONE, Slot, same
from .guards import differs, guards
from .plan import Plan
from .recorder import Call, Tracer, mapped
from .recording import Leaf, Recording
from .runtime import FILE, State, changed_shape, is_refusal, renewed
from .source import Source, Text
from .verification import Verifier

__all__ = ["MISS", "Program", "Writer"]

MISS: Any = object()
"""The result of a program that does not fit the arguments or the settings."""

_ALIGNMENT = 64  # bytes, a line of the processor's cache


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


class Program:
    """A step, ready to be replayed.

    Attributes
    ----------
    source : str
        The program, in Python.
    replay : callable
        Takes the arguments of the step, and returns its result or `MISS`.
    table : str
        The calls, and the memory of their results.
    bytes : int
        The size of the memory that all replays write into.
    """

    def __init__(self, function: Callable[..., Any], recording: Recording) -> None:
        plan = Plan(recording)
        self.bytes = sum(plan.blocks) + sum(value.array.nbytes for _, value in plan.spares)
        self._compile(Writer(recording, plan, Verifier(function, recording)))

    def _compile(self, writer: Writer) -> None:
        self.source = writer.write()
        self.table = writer.table()
        scope = writer.source.scope
        exec(compile(self.source, FILE, "exec"), scope)
        self.replay: Callable[..., Any] = scope.pop("_make")()


class Writer:
    """Writes one program."""

    def __init__(self, recording: Recording, plan: Plan, verify: Verifier) -> None:
        self._recording, self._plan = recording, plan
        self._state = State()
        likes = [np.empty_like(value.array) for _, value in plan.spares]
        self.source = Source(
            {
                "_GONE": GONE,
                "_MISS": MISS,
                "_OFF": OFF,
                "_chain": chain.from_iterable,
                "_USUAL": USUAL,
                "_blocks": BLOCKS.here,
                "_changed": changed_shape,
                "_computed": _computed,
                "_empty": np.empty,
                "_errstate": np.errstate,
                "_exchange": deque(maxlen=0).extend,  # runs through an iterator in C
                "_hooked": hooked,
                "_is_refusal": is_refusal,
                "_likes": likes,
                "_references": getrefcount,
                "_renewed": renewed,
                "_same": same,
                "_scope": get_scope,
                "_state": self._state,
                "_tick": _sequence.__next__,
                "_verify": verify,
                "_write": np.ndarray.__setitem__,
                **dict.fromkeys(parameter.name for parameter in recording.parameters),
            }
        )
        name = self.source.name
        self._busy, self._left = name(None, "is_running"), name(None, "until_check")
        self._spares, self._counts = name(None, "spares"), name(None, "counts")
        self._new = [name(None, f"new_{slot.path}") for slot, _ in plan.spares]
        self._mine = [name(None, f"own_{slot.path}") for slot, _ in plan.spares]
        self._fixed: dict[Tracer, Any] = {}  # values with the same array in all replays
        self._rows: list[tuple[str, str, str]] = []
        self._make_buffers()

    def _make_buffers(self) -> None:
        """Allocate the memory, and the arrays in it."""
        memory = []
        for size in self._plan.blocks:
            raw = np.empty(size + _ALIGNMENT, np.uint8)
            start = -raw.ctypes.data % _ALIGNMENT
            memory.append(raw[start : start + size])
        for call in self._plan.calls:
            for result in results_of(call):
                if _is_view(call, result):
                    continue
                block = self._plan.block.get(result.storage)
                spare = self._plan.spare.get(result.storage)
                if block is not None:
                    like = result.array
                    array = np.ndarray(like.shape, like.dtype, memory[block], 0, like.strides)
                    self._fix(result, array)
                elif spare is not None:
                    self.source.texts[result] = self._new[spare]
                    self.source.shown[result] = f"t{result.number}"

    def _fix(self, value: Tracer, array: Any) -> None:
        self._fixed[value] = array
        self.source.texts[value] = self.source.name(array, f"t{value.number}")

    # The function --------------------------------------------------------------------------

    def write(self) -> str:
        """Write the program."""
        head = [f"if {self._busy}:", "    return _MISS"]  # a signal handler may call the step
        head += guards(self._recording, self._plan, self.source)
        reading, olds = self._contents()
        written, keep, kept = self._backups()
        lines = self._computation()
        drawing, again, self._drawn = self._generators()
        tries = [f"{self._busy} = True", "_state.has_ended = False", *self._spare_arrays()]
        tries += [*lines, *self._ends(olds, written, kept)]
        own = [self._busy, self._left, *([self._spares] if self._new else []), *self._mine]
        body = [
            f"nonlocal {', '.join(own)}",
            *head,
            *reading,
            *keep,
            *drawing,
            "try:",
            *_indented(tries),
        ]
        # Without `finally`, because an interruption could hit its instructions.
        body += ["except BaseException as error:", f"    {self._busy} = False"]
        body += ["    if not _state.has_ended:"]
        restore = [self._setting(*entry) for entry in olds.values()]
        restore += [("_write", text, "...", old) for text, old in zip(written, kept, strict=True)]
        body += [f"        {self._exchanged(restore)}"] if restore else []
        body += [f"        {line}" for line in again]
        body += ["        if _is_refusal(error):", "            return _MISS", "    raise"]
        outer = [f"{self._busy}, {self._left} = False, 2"]  # first compare at the fourth call
        none = "None, " * len(self._new)
        outer += [f"{self._spares} = [_empty(1), {none}]"] if self._new else []
        outer += [f"{' = '.join(self._mine)} = None"] if self._mine else []
        outer += [f"def replay({', '.join(self._parameters())}):", *_indented(body)]
        return "\n".join(["def _make():", *_indented([*outer, "return replay"]), ""])

    def table(self) -> str:
        """List the calls, and the memory of their results."""
        plan, calls = self._plan, self._recording.tape.calls
        made = [v.array for call in calls for v in results_of(call)]
        size = sum(array.nbytes for array in made if getattr(array, "base", 1) is None)
        exchanged = sum(value.array.nbytes for _, value in plan.spares)
        head = (
            f"{len(plan.calls) - 1} calls, of {len(calls)} that were recorded; "
            f"{sum(plan.blocks):,} bytes in {len(plan.blocks)} pieces of memory, "
            f"for arrays of {size:,} bytes; {exchanged:,} bytes are exchanged\n"
        )
        widths = [max(len(row[i]) for row in self._rows) for i in range(3)] if self._rows else []
        rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in self._rows]
        return "\n".join([head, *rows])

    def _parameters(self) -> list[str]:
        """Write the parameters of the step."""
        texts = []
        for parameter in self._recording.parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in texts:
                texts.append("*")
            text = parameter.name
            if parameter.default is not parameter.empty:
                text += f"={self.source.name(parameter.default, 'default')}"
            texts.append(text)
        return texts

    def _contents(self) -> tuple[list[str], dict[Any, tuple[Slot, str]]]:
        """Write the reading of all slots with arrays; also return the old values to restore."""
        source, lines = self.source, []
        changing = [slot for slot, _ in (*self._plan.outputs, *self._recording.emptied)]
        identities = {slot.identity for slot in changing}
        owned = {slot.identity: own for (slot, _), own in zip(self._plan.spares, self._mine)}  # noqa: B905
        read = {value for call in self._plan.calls for value in inputs_of(call)}
        olds = {}
        for slot, value in self._recording.inputs:
            where, is_known = source.slot(slot), value in source.texts
            if is_known:  # one array in two slots
                lines += [f"if {where} is not {source.texts[value]}:", "    return _MISS"]
            elif value not in read and slot.identity not in identities:
                kind = source.name(type(value.array), "kind")
                lines += [f"if type({where}) is not {kind}:", "    return _MISS"]
                continue
            else:
                text = source.texts[value] = source.name(None, slot.path)
                check, own = differs(source, text, value.array), owned.get(slot.identity)
                if own and isinstance(slot.holder, Tensor) and slot.key == "_data":
                    check = f"{text} is not {own} and ({check})"  # ours cannot have been reshaped
                lines += [f"{text} = {where}", f"if {check}:", "    return _MISS"]
            olds[slot.identity] = (slot, source.texts[value])
        olds = {identity: olds[identity] for identity in identities if identity in olds}
        for slot, old in self._recording.environment.settings:
            if slot.identity in identities:
                olds[slot.identity] = (slot, source(old))
        return lines, olds

    def _backups(self) -> tuple[list[str], list[str], list[str]]:
        """Copy the arrays that the step writes into, to restore them after an error."""
        arguments = [getattr(v, "_data", v) for v in self._recording.arguments.values()]
        given = [v for v in arguments if isinstance(v, Tracer)]
        given += [value for _, value in self._recording.inputs if value in self.source.texts]
        storages = {c.written.storage for c in self._plan.calls if c.written is not None}
        self._overwritten = {self.source.texts[v]: v for v in given if v.storage in storages}
        texts = self._overwritten
        kept = [self.source.name(None, f"kept_{text}") for text in texts]
        lines = []
        for text, name in zip(texts, kept, strict=True):
            lines += [f"if not {text}.flags.writeable:", "    return _MISS"]
            lines.append(f"{name} = {text}.copy()")
        return [*texts], lines, kept

    def _generators(self) -> tuple[list[str], list[str], str]:
        """Write how states of random generators are read and restored, and their names."""
        reading, restoring, pairs = [], [], []
        for generator in self._recording.drawings.drawn:
            bits = self.source.name(generator.bit_generator, "bit_generator")
            state = self.source.name(None, "random_state")
            reading.append(f"{state} = {bits}.state")
            restoring.append(f"{bits}.state = {state}")
            pairs.append(_tuple([bits, state]))
        return reading, restoring, _tuple(pairs)

    def _spare_arrays(self) -> list[str]:
        """Take memory for new values: the arrays exchanged last, unless other code holds them."""
        if not self._new:
            return []
        counts, spares = self._counts, self._spares
        return [
            f"{counts} = [*map(_references, {spares})]",
            f"if {counts}.count({counts}[0]) != {len(self._new) + 1}:",
            f"    {spares} = _renewed({spares}, _likes)",
            f"{_tuple(self._new)} = {spares}[1:]",
        ]

    # The calls -----------------------------------------------------------------------------

    def _computation(self) -> list[str]:
        """Write the calls; afterwards all values that are visible after the step have names."""
        return [line for call in self._plan.calls[:-1] for line in self._call(call)]

    def _call(self, call: Call) -> list[str]:
        """Write a call; a view of fixed memory is made here, once, and needs no line."""
        results = results_of(call)
        is_view = len(results) == 1 and _is_view(call, results[0])
        if is_view and all(value in self._fixed for value in inputs_of(call)):
            inputs, keywords = mapped(self._actual, (call.inputs, call.keywords))
            self._fix(results[0], call.function(*inputs, **keywords))
            self._note(call, results[0], "a view, made once")
            return []
        written = call.written
        if written is not None:
            out = self.source.texts[written] if "out" in call.keywords else None
            lines = [self.source.expression(call, out)]
            self._note(call, written, "written into")
        else:
            lines = self._assigned(call, results, is_view)
        if call.errors is not None:
            lines = [f"with _errstate(**{call.errors}):", *_indented(lines)]
        return lines

    def _assigned(self, call: Call, results: tuple[Tracer, ...], is_view: bool) -> list[str]:
        source = self.source
        if len(results) == 1 and results[0] in source.texts:  # it has planned memory
            result = results[0]
            target = self._plan.target.get(result)
            spare = self._plan.spare.get(result.storage)
            if spare is not None:
                memory = f"exchanged with {self._plan.spares[spare][0].path.removesuffix('.data')}"
            else:
                memory = f"memory {self._plan.block[result.storage] + 1}"
            over = f", over {source.described(target)}" if target is not None else ""
            self._note(call, result, memory + over)
            return [source.expression(call, source.texts[result])]
        expression = source.expression(call, None)
        for result in results:
            source.texts[result] = source.name(None, f"t{result.number}")
            self._note(call, result, "a view" if is_view else "new memory")
        names = ", ".join(source.texts[result] for result in results)
        lines = [f"{names}{',' * isinstance(call.result, tuple)} = {expression}"]
        if not has_known_shape(call):
            for result in results:
                text, shape = source.texts[result], result.array.shape
                lines += [f"if {text}.shape != {shape}:", f"    raise _changed({text}, {shape})"]
        return lines

    def _actual(self, value: Any) -> Any:
        return self._fixed[value] if isinstance(value, Tracer) else value

    def _note(self, call: Call, result: Tracer, where: str) -> None:
        shape = "x".join(map(str, result.array.shape)) or "number"
        text = self.source.sentence(call)
        if call.written is None:
            text = f"{self.source.described(result)} = {text}"
        self._rows.append((text, f"{result.array.dtype} {shape}", where))

    # After the calls -----------------------------------------------------------------------

    def _ends(
        self, olds: dict[Any, tuple[Slot, str]], written: list[str], kept: list[str]
    ) -> list[str]:
        """Compare with the step itself at some calls, set the slots, and return the result."""
        source, outputs = self.source, self._plan.outputs
        result, news = source.name(None, "result"), [source.texts[value] for _, value in outputs]

        def leaf(entry: Any) -> Any:
            if isinstance(entry, np.ndarray):
                return Text(f"{source(entry)}.copy()")
            if not isinstance(entry, Leaf):
                return entry
            text = source.texts[self._plan.returned[entry.position]]
            return Text(f"_computed({text}, None)" if entry.is_tensor else text)

        lines = [f"{result} = {source(mapped(leaf, self._recording.result))}"]
        by_name = [p.name for p in self._recording.parameters if p.kind is p.KEYWORD_ONLY]
        by_place = [p.name for p in self._recording.parameters if p.name not in by_name]
        arguments = f"{_tuple(by_place)}, {{{', '.join(f'{n!r}: {n}' for n in by_name)}}}"
        values = f"{result}, {_tuple(news)}, {_tuple(written)}, {_tuple(kept)}, {self._drawn}"
        lines += [f"{self._left} -= 1", f"if {self._left} <= 0:"]
        lines.append(f"    {self._left} = _verify({arguments}, {values})")
        entries = [self._setting(slot, text) for (slot, _), text in zip(outputs, news)]  # noqa: B905
        entries += [self._setting(slot, source(value)) for slot, value in self._recording.emptied]
        tensors = [
            p.holder for p, _ in outputs if isinstance(p.holder, Tensor) and p.key == "_data"
        ]
        if tensors:  # so that graphs that used the old values raise an error
            now = source.name(None, "now")
            lines.append(f"{now} = _tick()")
            entries += [self._setting(Slot(t, "_version", True, ""), now) for t in tensors]
        if entries:
            entries.append(self._setting(Slot(self._state, "has_ended", True, ""), "True"))
            lines.append(self._exchanged(entries))
        if self._new:
            lines += self._next_spares(olds)
        return [*lines, f"{self._busy} = False", f"return {result}"]

    def _next_spares(self, olds: dict[Any, tuple[Slot, str]]) -> list[str]:
        """Keep the old arrays for the next replay, if an earlier replay made them."""
        texts = []
        for (slot, _), own in zip(self._plan.spares, self._mine, strict=True):
            if slot.identity in olds and olds[slot.identity][1] != "None":
                old = olds[slot.identity][1]
                texts.append(f"{old} if {old} is {own} else None")
            else:
                texts.append("None")
        return [
            f"{self._spares} = [{self._spares}[0], {', '.join(texts)}]",
            f"{', '.join(self._mine)} = {', '.join(self._new)}",
        ]

    def _setting(self, slot: Slot, text: str) -> tuple[str, str, str, str]:
        """Return the function that sets a slot, and its arguments, as text."""
        holder = self.source.holder(slot.holder)
        setter = slot.setter
        owner = getattr(setter, "__objclass__", None)
        name = f"_set_in_{owner.__name__}" if owner else "_setattr"
        self.source.scope[name] = setter
        return name, holder, self.source(slot.key), text

    def _exchanged(self, entries: list[tuple[str, str, str, str]]) -> str:
        """Write the single call that sets all slots."""
        groups: dict[str, list[tuple[str, ...]]] = {"_setattr": []}
        for setter, *arguments in entries:
            groups.setdefault(setter, []).append(tuple(arguments))
        groups["_setattr"] = groups.pop("_setattr")  # last, because it sets `has_ended`
        maps = []
        for setter, group in groups.items():
            if group:
                holders, *others = map(list, zip(*group, strict=True))
                known = tuple(self.source.scope.get(holder) for holder in holders)
                if all(holder is not None for holder in known):  # none is a local variable
                    first = self.source.name(known, "holders")
                else:
                    first = _tuple(holders)
                maps.append(f"map({setter}, {first}, {', '.join(map(_tuple, others))})")
        return f"_exchange({maps[0] if len(maps) == 1 else f'_chain({_tuple(maps)})'})"


def _tuple(texts: Any) -> str:
    texts = list(texts)
    return f"({', '.join(texts)}{',' * (len(texts) == 1)})"


def _is_view(call: Call, result: Tracer) -> bool:
    return any(value.storage == result.storage for value in inputs_of(call))

"""Writes a plan down as a Python function of NumPy calls, and makes that function.

Before the first call it looks whether it fits: the arguments, and all settings that the step can
reach. The arrays that are left behind, as parameters and gradients, are written over only while
nobody else holds them; CPython counts who does.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..hooks import hooked
from ..primitive import tick
from ..scope import OFF, get_scope
from ..tensor import Tensor, _computed
from .calls import has_known_shape, inputs_of, may_tell, results_of
from .plan import Plan
from .recorder import Call, Traced, mapped
from .recording import Leaf, Recording
from .source import Source, Text
from .surroundings import Place, same

__all__ = ["MISS", "Program"]

MISS: Any = object()
"""What a program gives if it does not fit the arguments or the settings."""

_ALIGNMENT = 64  # bytes, a line of the processor's cache


class _Holder:
    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array = np.empty(1)


def _references() -> int:
    """Count the references to an array that a program and one place hold, and nobody else."""

    def make() -> Callable[[], int]:
        holder = _Holder()
        own = holder.array

        def replay() -> int:
            array = holder.array
            return getrefcount(array) if array is own else 0

        return replay

    return make()()


def _changed(result: Any, shape: tuple[int, ...]) -> CaptureError:
    return CaptureError(
        f"a result had shape {shape} when the step was recorded, and now has {np.shape(result)}: "
        "shapes must not depend on values"
    )


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


class Program:
    """A step, ready to be replayed.

    Attributes
    ----------
    source : str
        The program, in Python.
    replay : callable
        It takes the arguments of the step, and gives its result, or `MISS`.
    table : str
        The calls, and where their results are kept.
    bytes : int
        The size of the memory that all replays write into.
    """

    def __init__(self, recording: Recording) -> None:
        plan = Plan(recording)
        self.bytes = sum(plan.blocks)
        writer = _Writer(recording, plan)
        self.source = writer.write()
        self.table = writer.table()
        scope = writer.source.scope
        exec(compile(self.source, "<replay>", "exec"), scope)
        self.replay: Callable[..., Any] = scope.pop("_make")()


class _Writer:
    """Writes a program, once."""

    def __init__(self, recording: Recording, plan: Plan) -> None:
        self._recording, self._plan = recording, plan
        self.source = Source(
            {
                "_MISS": MISS,
                "_REFERENCES": _references(),
                "_changed": _changed,
                "_computed": _computed,
                "_errstate": np.errstate,
                "_hooked": hooked,
                "_is_off": lambda: get_scope() is OFF,
                "_references": getrefcount,
                "_same": same,
                "_tick": tick,
                **dict.fromkeys(parameter.name for parameter in recording.parameters),
            }
        )
        self._begun = self.source.name(None, "has_begun")
        self._writes = False  # whether what was written so far can be seen from outside
        self._fixed: dict[Traced, Any] = {}  # the values that have one array for all replays
        self._free: dict[Traced, tuple[str, str]] = {}  # the names of what may be written over
        self._rows: list[tuple[str, str, str]] = []
        self._make_buffers()

    def _make_buffers(self) -> None:
        """Lay out the memory, and the arrays in it."""
        memory = []
        for size in self._plan.blocks:
            raw = np.empty(size + _ALIGNMENT, np.uint8)
            start = -raw.ctypes.data % _ALIGNMENT
            memory.append(raw[start : start + size])
        for call in self._plan.calls:
            for result in results_of(call):
                block = self._plan.block.get(result.storage)
                if block is not None and not _is_view(call, result):
                    like = result.array
                    array = np.ndarray(like.shape, like.dtype, memory[block], 0, like.strides)
                    self._fix(result, array)

    def _fix(self, value: Traced, array: Any) -> None:
        self._fixed[value] = array
        self.source.texts[value] = self.source.name(array, f"t{value.number}")

    def write(self) -> str:
        """Write the program."""
        head = [*self._guards(), *self._places()]
        lines = [line for call in self._plan.calls[:-1] for line in self._call(call)]
        keep, put_back = self._backups()
        head += keep
        lines += self._ends()
        own = [name for name, _ in self._free.values()]
        body = [f"nonlocal {', '.join(own)}"] if own else []
        body += [*head, f"{self._begun} = False", "try:", *_indented(lines), "except Exception:"]
        body += put_back or [f"    if {self._begun}:", "        raise"]
        body += ["    return _MISS"]
        outer = [f"{' = '.join(own)} = None"] if own else []
        outer += [f"def replay({', '.join(self._parameters())}):", *_indented(body)]
        return "\n".join(["def _make():", *_indented([*outer, "return replay"]), ""])

    def table(self) -> str:
        """List the calls, and where their results are kept."""
        plan, calls = self._plan, self._recording.tape.calls
        made = [v.array for call in calls for v in results_of(call)]
        size = sum(array.nbytes for array in made if getattr(array, "base", 1) is None)
        head = (
            f"{len(plan.calls) - 1} calls, of {len(calls)} that were recorded; "
            f"{sum(plan.blocks):,} bytes in {len(plan.blocks)} pieces of memory, "
            f"for arrays of {size:,} bytes\n"
        )
        widths = [max(len(row[i]) for row in self._rows) for i in range(3)] if self._rows else []
        rows = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in self._rows]
        return "\n".join([head, *rows])

    def _backups(self) -> tuple[list[str], list[str]]:
        """Keep what is written over before a call that can refuse what it is given.

        Then nothing has happened when the step is done anew, to be refused in its own words.
        """
        arguments = [getattr(v, "_data", v) for v in self._recording.arguments.values()]
        given = [v for v in arguments if isinstance(v, Traced)]
        given += [value for _, value in self._recording.inputs if value in self.source.texts]
        seen: dict[str, None] = {}
        is_late = False
        for call in self._plan.calls[:-1]:
            is_late = is_late or (bool(seen) and may_tell(call))
            targets = {id(self._plan.target.get(result)) for result in results_of(call)}
            values = [value for place, value in self._recording.inputs if id(place) in targets]
            if call.written is not None:
                values += [value for value in given if value.storage == call.written.storage]
            seen |= dict.fromkeys(self.source.texts[value] for value in values)
        if not is_late:
            return [], []
        names = {text: self.source.name(None, f"kept_{text}") for text in seen}
        keep = [f"{name} = {text}.copy()" for text, name in names.items()]
        return keep, [f"    {text}[...] = {name}" for text, name in names.items()]

    # Before the calls ----------------------------------------------------------------------

    def _parameters(self) -> list[str]:
        """Write the parameters as the step has them."""
        texts = []
        for parameter in self._recording.parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and "*" not in texts:
                texts.append("*")
            text = parameter.name
            if parameter.default is not parameter.empty:
                text += f"={self.source.name(parameter.default, 'default')}"
            texts.append(text)
        return texts

    def _guards(self) -> list[str]:
        """Look at the arguments and the settings: everything that was decided by them holds."""
        source, checks = self.source, []
        for name, value in self._recording.arguments.items():
            if isinstance(value, Traced):
                source.texts[value] = name
                checks.append(self._differs(name, value.array))
            elif isinstance(value, Tensor) and isinstance(value._data, Traced):
                source.texts[value._data] = f"{name}._data"
                checks.append(
                    f"type({name}) is not {source.name(Tensor, 'Tensor')} "
                    f"or {name}.node is not None or {name}._requires_grad"
                )
                checks.append(self._differs(f"{name}._data", value._data.array))
            else:
                checks.append(f"not _same({name}, {source.name(value, 'argument')})")
        checks += self._overlaps()
        surroundings = self._recording.surroundings
        is_off, hooks = surroundings.modes
        checks.append(f"_is_off() is not {is_off} or len(_hooked) != {hooks}")
        for container, length in surroundings.lengths:
            checks.append(f"len({source.holder(container)}) != {length}")
        for container, order in surroundings.orders:
            text, known = source.holder(container), source.name(order, "order")
            checks.append(f"{text if isinstance(order, set) else f'[*{text}]'} != {known}")
        for place, value in surroundings.settings:
            text = source.place(place)
            if value is None or value is True or value is False:
                checks.append(f"{text} is not {value}")
            else:
                name = source.name(value, "setting")
                checks.append(f"({text} is not {name} and not _same({text}, {name}))")
        lines = [f"        or {check}" for check in checks]
        lines[0] = f"        {checks[0]}"
        fails = "except (AttributeError, LookupError, ValueError):"
        return [
            "try:",
            "    if (",
            *lines,
            "    ):",
            "        return _MISS",
            fails,
            "    return _MISS",
        ]

    def _overlaps(self) -> list[str]:
        """Look whether arguments that are written into have become one with others."""
        given = {v: t for v, t in self.source.texts.items() if v.storage in self._plan.outside}
        written = {c.written.storage for c in self._plan.calls if c.written is not None}
        share = self.source.name(np.may_share_memory, "may_share_memory")
        return [
            f"{share}({given[one]}, {given[other]})"
            for one in given
            for other in given
            if one.storage in written and one.storage != other.storage
        ]

    def _differs(self, text: str, array: Any) -> str:
        kind = self.source.name(type(array), "kind")
        dtype = self.source.name(array.dtype, "dtype")
        return (
            f"type({text}) is not {kind} or {text}.dtype != {dtype} "
            f"or {text}.shape != {array.shape} or {text}.strides != {array.strides}"
        )

    def _places(self) -> list[str]:
        """Read the arrays that are in places, and see which of them may be written over."""
        source, lines = self.source, []
        targets = {v: k for k, v in self._plan.target.items() if isinstance(v, Place)}
        read = {value for call in self._plan.calls for value in inputs_of(call)}
        for place, value in self._recording.inputs:
            where = source.place(place)
            if value in source.texts:  # one array in two places
                lines += [f"if {where} is not {source.texts[value]}:", "    return _MISS"]
            elif value not in read and place not in targets:
                kind = source.name(type(value.array), "kind")
                lines += [f"if type({where}) is not {kind}:", "    return _MISS"]
            else:
                text = source.texts[value] = source.name(None, place.path)
                differs = self._differs(text, value.array)
                lines.append(f"{text} = {where}")
                if place in targets:
                    own = source.name(None, f"own_{text}")
                    free = source.name(None, f"free_{text}")
                    is_free = f"{text} is {own} and _references({text}) == _REFERENCES"
                    lines.append(f"{free} = {text} if {is_free} else None")
                    differs = f"{text} is not {own} and ({differs})"
                    self._free[targets[place]] = (own, free)
                lines += [f"if {differs}:", "    return _MISS"]
        return lines

    # The calls -----------------------------------------------------------------------------

    def _call(self, call: Call) -> list[str]:
        """Write a call as a line, or as some; a view of fixed memory is made here instead, once."""
        results = results_of(call)
        is_view = len(results) == 1 and _is_view(call, results[0])
        if is_view and all(value in self._fixed for value in inputs_of(call)):
            inputs, keywords = mapped(self._actual, (call.inputs, call.keywords))
            self._fix(results[0], call.function(*inputs, **keywords))
            self._note(call, results[0], "a view, made once")
            return []
        lines = []
        target = self._plan.target.get(results[0]) if results else None
        written = call.written
        if written is not None:
            out = self.source.texts[written] if "out" in call.keywords else None
            lines.append(self.source.expression(call, out))
            self._note(call, written, "written into")
        else:
            lines += self._assigned(call, results, is_view)
        if call.errors is not None:
            lines = [f"with _errstate(**{call.errors}):", *_indented(lines)]
        is_outside = written is not None and written.storage in self._plan.outside
        if not self._writes and (isinstance(target, Place) or is_outside):
            self._writes = True
            lines.insert(0, f"{self._begun} = True")
        return lines

    def _assigned(self, call: Call, results: tuple[Traced, ...], is_view: bool) -> list[str]:
        source = self.source
        if len(results) == 1 and results[0] in self._fixed:
            target = self._plan.target.get(results[0])
            place = f"memory {self._plan.block[results[0].storage] + 1}"
            over = f", over {source.texts[target]}" if isinstance(target, Traced) else ""
            self._note(call, results[0], place + over)
            return [source.expression(call, source.texts[results[0]])]
        out = self._free[results[0]][1] if results and results[0] in self._free else None
        expression = source.expression(call, out)
        for result in results:
            source.texts[result] = source.name(None, f"t{result.number}")
            fresh = "new memory" if out is None else "over the old value"
            self._note(call, result, "a view" if is_view else fresh)
        names = ", ".join(source.texts[result] for result in results)
        lines = [f"{names}{',' * isinstance(call.result, tuple)} = {expression}"]
        if not has_known_shape(call):
            for result in results:
                text, shape = source.texts[result], result.array.shape
                lines += [f"if {text}.shape != {shape}:", f"    raise _changed({text}, {shape})"]
        return lines

    def _actual(self, value: Any) -> Any:
        return self._fixed[value] if isinstance(value, Traced) else value

    def _note(self, call: Call, result: Traced, where: str) -> None:
        shape = "x".join(map(str, result.array.shape)) or "number"
        text = self.source.sentence(call)
        if call.written is None:
            text = f"{self.source.texts[result]} = {text}"
        self._rows.append((text, f"{result.array.dtype} {shape}", where))

    # After the calls -----------------------------------------------------------------------

    def _ends(self) -> list[str]:
        """Leave the new arrays in their places, and give the result."""
        source, lines = self.source, []
        stamp = None
        for place, value in self._plan.outputs:
            text = source.texts[value]
            lines.append(f"{source.place(place)} = {text}")
            if value in self._free:
                lines.append(f"{self._free[value][0]} = {text}")
            if isinstance(place.holder, Tensor) and place.key == "_data":
                if stamp is None:
                    stamp = source.name(None, "now")
                    lines.append(
                        f"{stamp} = _tick()"
                    )  # graphs that used the old values will say so
                lines.append(f"{source.holder(place.holder)}._written = {stamp}")

        def leaf(entry: Any) -> Any:
            if isinstance(entry, np.ndarray):
                return Text(f"{source(entry)}.copy()")
            if not isinstance(entry, Leaf):
                return entry
            text = source.texts[self._plan.returned[entry.position]]
            return Text(f"_computed({text}, None)" if entry.is_tensor else text)

        return [*lines, f"return {source(mapped(leaf, self._recording.result))}"]


def _is_view(call: Call, result: Traced) -> bool:
    return any(value.storage == result.storage for value in inputs_of(call))

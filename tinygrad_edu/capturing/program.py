"""Writes a plan down as a Python function of NumPy calls, and makes that function.

Before the first call it looks whether it fits: the arguments, and all settings that the step can
reach. The arrays that are left behind, as parameters and gradients, are written over only while
nobody else holds them; CPython counts who does.
"""

from __future__ import annotations

import keyword
import operator
import re
import types
from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..hooks import hooked
from ..primitive import OFF, get_scope, tick
from ..tensor import Tensor, _computed
from .plan import Leaf, Plan, Recording, inputs_of, is_ufunc_call, results_of
from .recorder import GETTERS, Call, Traced, mapped
from .surroundings import Place, same

__all__ = ["MISS", "Program"]

MISS: Any = object()
"""What a program gives if it does not fit the arguments or the settings."""

_INFIX = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_ATTRIBUTES = {getter: name for name, getter in GETTERS.items()}
_NUMBERS = (int, float)
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


class Program:
    """A step, ready to be replayed.

    Attributes
    ----------
    source : str
        The program, in Python.
    replay : callable
        It takes the arguments of the step, and gives its result, or `MISS`.
    rows : list of (str, str, str)
        For each call: how it is written, shape and dtype of the result, where that is kept.
    bytes : int
        The size of the memory that all replays write into.
    eager_bytes : int
        The size of all arrays that the step makes where it is not captured.
    calls : int
        How many calls of NumPy the step makes where it is not captured.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._plan = plan = Plan(recording)
        self._texts: dict[Traced, str] = {}
        self._fixed: dict[Traced, Any] = {}  # the values that have one array for all replays
        self._free: dict[Traced, tuple[str, str]] = {}  # the names of what may be written over
        self._scope: dict[str, Any] = {
            "_MISS": MISS,
            "_REFERENCES": _references(),
            "_changed": _changed,
            "_computed": _computed,
            "_hooked": hooked,
            "_is_off": lambda: get_scope() is OFF,
            "_ndarray": np.ndarray,
            "_references": getrefcount,
            "_same": same,
            "_tick": tick,
            **dict.fromkeys(recording.arguments),
        }
        self._numbers: dict[str, int] = {}
        self._holders: dict[int, str] = {}
        self._functions: list[tuple[Callable[..., Any], str]] = []
        self.rows: list[tuple[str, str, str]] = []
        made = [r for call in recording.tape.calls for r in results_of(call)]
        self.eager_bytes = sum(v.array.nbytes for v in made if getattr(v.array, "base", 1) is None)
        self.bytes = sum(plan.blocks)
        self.calls = len(recording.tape.calls)
        self._make_buffers()
        self.source = self._write()
        exec(compile(self.source, "<replay>", "exec"), self._scope)
        self.replay: Callable[..., Any] = self._scope["make"]()

    def _name(self, value: Any, stem: str) -> str:
        """Let the source refer to an object, by a name of its own."""
        stem = name = re.sub(r"\W+", "_", stem).strip("_") or "x"
        while name in self._scope or keyword.iskeyword(name):
            self._numbers[stem] = self._numbers.get(stem, 1) + 1
            name = f"{stem}_{self._numbers[stem]}"
        self._scope[name] = value
        return name

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
                if block is None or self._is_view(call, result):
                    continue
                like = result.array
                array = np.ndarray(like.shape, like.dtype, memory[block], 0, like.strides)
                self._fix(result, array)

    def _fix(self, value: Traced, array: Any) -> None:
        self._fixed[value] = array
        self._texts[value] = self._name(array, f"t{value.number}")

    @staticmethod
    def _is_view(call: Call, result: Traced) -> bool:
        return any(value.storage == result.storage for value in inputs_of(call))

    # Writing -------------------------------------------------------------------------------

    def _write(self) -> str:
        body = ["if others or more:", "    return _MISS", *self._guards(), *self._places()]
        self._has_begun = False
        lines = [line for call in self._plan.calls[:-1] for line in self._call(call)]
        lines += self._ends()
        own = [name for name, _ in self._free.values()]
        head = [f"    {' = '.join(own)} = None"] if own else []
        if own:
            body.insert(0, f"nonlocal {', '.join(own)}")
        body = [f"        {line}" for line in body]
        body += ["        has_begun = False", "        try:"]
        body += [f"            {line}" for line in lines]
        body += ["        except Exception:", "            if has_begun:", "                raise"]
        body += ["            return _MISS"]
        names = [f"{name}=_MISS" for name in self._recording.arguments]
        line = f"    def replay({', '.join([*names, '*others', '**more'])}):"
        return "\n".join(["def make():", *head, line, *body, "    return replay", ""])

    def _guards(self) -> list[str]:
        """Look at the arguments and the settings: everything that was decided by them holds."""
        checks = []
        for name, value in self._recording.arguments.items():
            if isinstance(value, Traced):
                self._texts[value] = name
                checks.append(self._differs(name, value.array))
            elif isinstance(value, Tensor) and isinstance(value._data, Traced):
                checks.append(
                    f"type({name}) is not {self._name(Tensor, 'Tensor')} "
                    f"or {name}.node is not None or {name}._requires_grad"
                )
                self._texts[value._data] = f"{name}._data"
                checks.append(self._differs(f"{name}._data", value._data.array))
            else:
                checks.append(f"not _same({name}, {self._name(value, 'argument')})")
        surroundings = self._recording.surroundings
        is_off, hooks = surroundings.modes
        checks.append(f"_is_off() is not {is_off} or len(_hooked) != {hooks}")
        for container, length in surroundings.lengths:
            checks.append(f"len({self._holder(container)}) != {length}")
        for place, value in surroundings.settings:
            source = self._source(place)
            if value is None or value is True or value is False:
                checks.append(f"{source} is not {value}")
            elif isinstance(value, int | float | str):
                name = self._name(value, "setting")
                checks.append(f"({source} is not {name} and not _same({source}, {name}))")
            else:
                checks.append(f"{source} is not {self._name(value, 'setting')}")
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

    def _differs(self, text: str, array: Any) -> str:
        kind, dtype = self._name(type(array), "kind"), self._name(array.dtype, "dtype")
        return (
            f"type({text}) is not {kind} or {text}.dtype != {dtype} "
            f"or {text}.shape != {array.shape} or {text}.strides != {array.strides}"
        )

    def _holder(self, holder: Any) -> str:
        if id(holder) not in self._holders:
            self._holders[id(holder)] = self._name(holder, "h")
        return self._holders[id(holder)]

    def _source(self, place: Place) -> str:
        """Write a place."""
        holder = self._holder(place.holder)
        if place.is_attribute:
            return f"{holder}.{place.key}"
        return f"{holder}[{self._text(place.key)}]"

    def _places(self) -> list[str]:
        """Read the arrays that are in places, and see which of them may be written over."""
        lines = []
        targets = {v: k for k, v in self._plan.target.items() if isinstance(v, Place)}
        read = {value for call in self._plan.calls for value in inputs_of(call)}
        for place, value in self._recording.inputs:
            if value not in read and place not in targets:
                lines += [f"if type({self._source(place)}) is not _ndarray:", "    return _MISS"]
                continue
            if value in self._texts:  # one array in two places
                lines += [f"if {self._source(place)} is not {self._texts[value]}:"]
                lines += ["    return _MISS"]
                continue
            text = self._texts[value] = self._name(None, place.path)
            lines.append(f"{text} = {self._source(place)}")
            differs = self._differs(text, value.array)
            if place in targets:
                own, free = self._name(None, f"own_{text}"), self._name(None, f"free_{text}")
                is_free = f"{text} is {own} and _references({text}) == _REFERENCES"
                lines.append(f"{free} = {text} if {is_free} else None")
                differs = f"{text} is not {own} and ({differs})"
                self._free[targets[place]] = (own, free)
            lines += [f"if {differs}:", "    return _MISS"]
        return lines

    def _call(self, call: Call) -> list[str]:
        """Write one call; views of fixed memory are made here, once, instead."""
        results = results_of(call)
        is_view = len(results) == 1 and self._is_view(call, results[0])
        if is_view and all(value in self._fixed for value in inputs_of(call)):
            inputs, keywords = mapped(self._actual, (call.inputs, call.keywords))
            self._fix(results[0], call.function(*inputs, **keywords))
            self._note(call, results[0], "a view, made once")
            return []
        lines = []
        place = next((self._plan.target.get(r) for r in results), None)
        written = call.written
        is_outside = written is not None and written.storage in self._plan.outside
        if not self._has_begun and (isinstance(place, Place) or is_outside):
            self._has_begun = True
            lines.append("has_begun = True")
        if written is not None:
            self._note(call, written, "written into")
            return [*lines, self._expression(call, self._texts[written])]
        out = [self._out(result) for result in results]
        expression = self._expression(call, out[0] if len(out) == 1 else None)
        if len(results) == 1 and results[0] in self._fixed:
            old = self._plan.target.get(results[0])
            where = f"over {self._texts[old]}" if isinstance(old, Traced) else "its own memory"
            self._note(call, results[0], where)
            return [*lines, expression]
        for result in results:
            self._texts[result] = self._name(None, f"t{result.number}")
            is_view = self._is_view(call, result)
            self._note(
                call, result, "a view" if is_view else "over the old one" if place else "new"
            )
        names = ", ".join(self._texts[result] for result in results)
        lines.append(f"{names}{',' * isinstance(call.result, tuple)} = {expression}")
        if isinstance(call.function, types.FunctionType) and not _is_numpy(call.function):
            for result in results:  # of such a function nothing is known
                text, shape = self._texts[result], result.array.shape
                lines += [f"if {text}.shape != {shape}:", f"    raise _changed({text}, {shape})"]
        return lines

    def _out(self, result: Traced) -> str | None:
        if result in self._fixed:
            return self._texts[result]
        return self._free[result][1] if result in self._free else None

    def _actual(self, value: Any) -> Any:
        return self._fixed[value] if isinstance(value, Traced) else value

    def _expression(self, call: Call, out: str | None) -> str:
        function = call.function
        keywords = {k: v for k, v in call.keywords.items() if k != "out"}
        values = self._with_constants(call)
        operands = [self._text(value) for value in values]
        if function is operator.getitem:
            return f"{operands[0]}[{operands[1]}]"
        if function is operator.setitem:
            return f"{operands[0]}[{operands[1]}] = {operands[2]}"
        if function in _ATTRIBUTES:
            return f"{operands[0]}.{_ATTRIBUTES[function]}"
        if (
            function in _INFIX
            and not keywords
            and all(not isinstance(v.array, np.ndarray) for v in inputs_of(call))
        ):
            return f"{operands[0]} {_INFIX[function]} {operands[1]}"
        if out is not None:
            keywords.pop("order", None)
            if function in (np.maximum, np.minimum):  # NumPy wants it so
                keywords["out"] = _Text(out)
            elif isinstance(function, np.ufunc) or getattr(function, "__name__", "") == "dot":
                operands.append(out)
            else:
                keywords["out"] = _Text(out)
        operands += [f"{key}={self._text(value)}" for key, value in keywords.items()]
        if isinstance(function, types.MethodDescriptorType):
            return f"{operands[0]}.{function.__name__}({', '.join(operands[1:])})"
        return f"{self._function(function)}({', '.join(operands)})"

    def _with_constants(self, call: Call) -> list[Any]:
        """Give numbers as arrays of the dtype that NumPy would convert them to at every call."""
        dtypes = {v.array.dtype for v in inputs_of(call)}
        has_arrays = any(isinstance(v.array, np.ndarray) for v in inputs_of(call))
        if not (is_ufunc_call(call) and len(dtypes) == 1 and has_arrays):
            return list(call.inputs)
        (dtype,) = dtypes
        return [
            np.array(value, dtype)
            if dtype.kind == "f" and (type(value) in _NUMBERS or _is_scalar(value, dtype))
            else value
            for value in call.inputs
        ]

    def _function(self, function: Callable[..., Any]) -> str:
        for known, name in self._functions:
            if known == function:  # np.add.reduce is another object each time
                return name
        stem = getattr(function, "__name__", "function").lstrip("_<").rstrip(">")
        owner = getattr(function, "__self__", None)
        if isinstance(owner, np.ufunc):
            stem = f"{owner.__name__}_{stem}"
        self._functions.append((function, self._name(function, stem)))
        return self._functions[-1][1]

    def _text(self, value: Any) -> str:
        if isinstance(value, _Text):
            return value.text
        if isinstance(value, Traced):
            return self._texts[value]
        if value is None or isinstance(value, bool | int | str):
            return repr(value)
        if type(value) is tuple and all(not isinstance(entry, np.ndarray) for entry in value):
            inner = ", ".join(self._text(entry) for entry in value)
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if type(value) is list:
            return f"[{', '.join(self._text(entry) for entry in value)}]"
        if type(value) is tuple:
            return f"({', '.join(self._text(entry) for entry in value)},)"
        if type(value) is slice:
            return (
                f"slice({', '.join(self._text(p) for p in (value.start, value.stop, value.step))})"
            )
        known = self._recording.surroundings.constants
        if isinstance(value, np.ndarray) and value.flags.writeable and id(value) not in known:
            value = value.copy(order="K")
        return self._name(value, "c")

    def _ends(self) -> list[str]:
        """Leave the new arrays in their places, and give the result."""
        lines = []
        is_stamped = False
        for place, value in self._plan.outputs:
            text = self._texts[value]
            lines.append(f"{self._source(place)} = {text}")
            if value in self._free:
                lines.append(f"{self._free[value][0]} = {text}")
            if isinstance(place.holder, Tensor) and place.key == "_data":
                if not is_stamped:
                    lines.append("_now = _tick()")  # graphs that used the old values will say so
                    is_stamped = True
                lines.append(f"{self._holder(place.holder)}._written = _now")

        def leaf(entry: Any) -> Any:
            if not isinstance(entry, Leaf):
                return entry
            text = self._texts[self._plan.returned[entry.position]]
            return _Text(f"_computed({text}, None)" if entry.is_tensor else text)

        return [*lines, f"return {self._result(mapped(leaf, self._recording.result))}"]

    def _result(self, tree: Any) -> str:
        if type(tree) is dict:
            return "{" + ", ".join(f"{k!r}: {self._result(v)}" for k, v in tree.items()) + "}"
        return self._text(tree)

    def explain(self) -> str:
        """List the calls, and the memory that they write to."""
        plan, recording = self._plan, self._recording
        dropped = len(recording.tape.calls) - len(plan.calls) + 1
        head = (
            f"{len(plan.calls) - 1} calls; {dropped} others were not needed; "
            f"{self.bytes:,} bytes in {len(plan.blocks)} pieces of memory, "
            f"where the step itself makes arrays of {self.eager_bytes:,} bytes"
        )
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)] if self.rows else []
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in self.rows]
        return "\n".join([head, *lines])

    def _note(self, call: Call, result: Traced, where: str) -> None:
        shape = " x ".join(map(str, result.array.shape)) or "number"
        text = self._expression(call, None)
        if call.written is None:
            text = f"{self._texts[result]} = {text}"
        self.rows.append((text, f"{result.array.dtype} {shape}", where))


class _Text:
    """A piece of source, among values."""

    def __init__(self, text: str) -> None:
        self.text = text


def _changed(result: Any, shape: tuple[int, ...]) -> CaptureError:
    return CaptureError(
        f"a result had shape {shape} when the step was recorded, and now has {result.shape}: "
        "shapes must not depend on values"
    )


def _is_scalar(value: Any, dtype: Any) -> bool:
    return isinstance(value, np.generic) and value.dtype == dtype


def _is_numpy(function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").partition(".")[0] == "numpy"

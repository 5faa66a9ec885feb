"""Writes values, slots and calls as text: as Python for the program, and for people to read.

Which calls are written, and in which order, is decided in `plan.py` and `program.py`.
"""

from __future__ import annotations

import keyword
import operator
import re
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .calls import inputs_of, is_ufunc_call
from .environment import Slot
from .recorder import GETTERS, Call, Tracer

__all__ = ["Source", "Text"]

_INFIX = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_ATTRIBUTES = {getter: name for name, getter in GETTERS.items()}
_METHODS = types.MethodDescriptorType


class Text(str):
    """A piece of source code that appears among values."""

    __slots__ = ()


class Source:
    """The names in a program, and their objects.

    Attributes
    ----------
    scope : dict of str to object
        The object of each name.
    texts : dict of Tracer to str
        The source code of values.
    shown : dict of Tracer to str
        The text of values for people, where it differs from the source code.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.texts: dict[Tracer, str] = {}
        self.shown: dict[Tracer, str] = {}
        self._numbers: dict[str, int] = {}
        self._holders: dict[int, str] = {}
        self._functions: list[tuple[Callable[..., Any], str]] = []
        self._paths: dict[str, str] = {}

    def name(self, value: Any, stem: str) -> str:
        """Return a new name for an object."""
        path, stem = stem, re.sub(r"\W+", "_", stem).strip("_") or "x"
        name = stem
        while name in self.scope or keyword.iskeyword(name) or name[0].isdigit():
            self._numbers[stem] = self._numbers.get(stem, 1) + 1
            name = f"{stem}_{self._numbers[stem]}" if stem[0].isalpha() else f"x_{name}"
        self.scope[name] = value
        self._paths[name] = path
        return name

    def holder(self, holder: Any) -> str:
        """Return the name of the holder of a slot."""
        if id(holder) not in self._holders:
            self._holders[id(holder)] = self.name(holder, "h")
        return self._holders[id(holder)]

    def slot(self, slot: Slot) -> str:
        """Write a slot."""
        if slot.key == "__class__":
            return f"type({self.holder(slot.holder)})"
        holder = self.holder(slot.read_from)
        return f"{holder}.{slot.key}" if slot.is_attribute else f"{holder}[{self(slot.key)}]"

    def __call__(self, value: Any) -> str:
        """Write a value, or nested tuples and lists of values."""
        if isinstance(value, Text):
            return value
        if isinstance(value, Tracer):
            return self.texts[value]
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        if _is_constant(value):
            return self.name(value, "index")
        if type(value) is tuple:
            return f"({', '.join(map(self, value))}{',' * (len(value) == 1)})"
        if type(value) is list:
            return f"[{', '.join(map(self, value))}]"
        if type(value) is dict:
            return f"{{{', '.join(f'{self(key)}: {self(entry)}' for key, entry in value.items())}}}"
        if type(value) is slice:
            return f"slice({self(value.start)}, {self(value.stop)}, {self(value.step)})"
        return self.name(value, "c")

    def described(self, value: Any) -> str:
        """Write a value for people: slots by path, numbers by value, arrays by shape."""
        if isinstance(value, Tracer):
            text = self.shown.get(value) or self.texts[value]
            return self._paths.get(text, text).removesuffix(".data")
        if isinstance(value, np.ndarray | np.generic):
            size = "x".join(map(str, value.shape))
            return f"{value.dtype}[{size}]" if value.ndim else repr(value.item())
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.described, value))
            return f"({inner})" if type(value) is tuple else f"[{inner}]"
        if type(value) is slice:
            parts = ["" if p is None else self.described(p) for p in (value.start, value.stop)]
            step = "" if value.step is None else f":{self.described(value.step)}"
            return ":".join(parts) + step
        return getattr(value, "__name__", None) or str(value)

    def expression(self, call: Call, out: str | None) -> str:
        """Write a call as Python, with the memory that it writes to."""
        keywords = {key: value for key, value in call.keywords.items() if key != "out"}
        if out is not None:
            keywords.pop("order", None)
        is_dot = getattr(call.function, "__name__", "") == "dot"
        operands = [*map(self, _with_constants(call))]
        if out is not None and (is_dot or isinstance(call.function, np.ufunc)):
            if call.function in (np.maximum, np.minimum):  # NumPy accepts only the keyword here
                keywords["out"] = Text(out)
            else:
                operands.append(out)
        elif out is not None:
            keywords["out"] = Text(out)
        is_scalar = all(not isinstance(v.array, np.ndarray) for v in inputs_of(call))
        if call.function in _INFIX and not keywords and is_scalar and out is None:
            return f"{operands[0]} {_INFIX[call.function]} {operands[1]}"
        operands += [f"{key}={self(value)}" for key, value in keywords.items()]
        return self._applied(call, operands, self._function(call))

    def sentence(self, call: Call) -> str:
        """Write a call for people."""
        operands = [*map(self.described, call.inputs)]
        for key, value in call.keywords.items():
            if key not in ("out", "order"):
                operands.append(f"{key}={self.described(value)}")
        if call.function is operator.getitem and type(call.inputs[1]) is tuple:
            operands[1] = operands[1][1:-1]
        owner = getattr(call.function, "__self__", None)
        name = getattr(call.function, "__name__", "function").strip("_<>")
        return self._applied(
            call, operands, f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name
        )

    @staticmethod
    def _applied(call: Call, operands: list[str], name: str) -> str:
        function = call.function
        if function is operator.getitem:
            return f"{operands[0]}[{operands[1]}]"
        if function is operator.setitem:
            return f"{operands[0]}[{operands[1]}] = {operands[2]}"
        if function in _ATTRIBUTES:
            return f"{operands[0]}.{_ATTRIBUTES[function]}"
        if isinstance(function, _METHODS):
            return f"{operands[0]}.{function.__name__}({', '.join(operands[1:])})"
        return f"{name}({', '.join(operands)})"

    def _function(self, call: Call) -> str:
        function = call.function
        if isinstance(function, _METHODS | operator.attrgetter):
            return ""
        for known, name in self._functions:
            if known == function:  # np.add.reduce is a new object each time
                return name
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", "function").strip("_<>")
        if isinstance(owner, np.ufunc):
            name = f"{owner.__name__}_{name}"
        self._functions.append((function, self.name(function, name)))
        return self._functions[-1][1]


def _is_constant(value: Any) -> bool:
    """Whether an index has constant slices, so that it can be made once."""
    parts = value if type(value) is tuple else (value,)
    known = (slice, int, type(None), type(...))
    return any(type(part) is slice for part in parts) and all(
        type(part) in known
        and not (type(part) is slice and any(map(_varies, (part.start, part.stop, part.step))))
        for part in parts
    )


def _varies(part: Any) -> bool:
    return part is not None and type(part) is not int


def _with_constants(call: Call) -> list[Any]:
    """Return the inputs, with numbers as arrays, which NumPy need not convert at every call."""
    dtypes = {value.array.dtype for value in inputs_of(call)}
    has_arrays = any(isinstance(value.array, np.ndarray) for value in inputs_of(call))
    if not (is_ufunc_call(call) and len(dtypes) == 1 and has_arrays):
        return list(call.inputs)
    (dtype,) = dtypes

    def is_converted(value: Any) -> bool:
        if isinstance(value, Tracer):
            return False
        is_alike = isinstance(value, np.generic) and value.dtype == dtype
        return dtype.kind == "f" and (type(value) in (int, float) or is_alike)

    return [np.array(value, dtype) if is_converted(value) else value for value in call.inputs]

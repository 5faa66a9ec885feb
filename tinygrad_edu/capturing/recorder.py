"""Records the NumPy calls of a step.

A `Tracer` replaces an array. It runs every call at once on its array, and writes the call on a
tape. Reading its values outside NumPy, as a Python number, a condition or a plain array, is an
error: a replay would not see it.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import CaptureError
from ..source_lines import calling_line
from ..tensor import Tensor

__all__ = ["GETTERS", "Call", "Tape", "Tracer", "mapped"]

# Functions of shapes and dtypes alone: their results are the same in every replay.
_FACTS = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj}
_FACTS |= {np.common_type, np.broadcast_shapes, np.may_share_memory, np.shares_memory}

_ATTRIBUTES = ("dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides")

GETTERS = {name: operator.attrgetter(name) for name in ("T", "mT", "real", "imag")}
"""The attributes of an array that are views of it."""

# Methods and functions that write into their first array.
_WRITING = {operator.setitem, np.copyto, np.fill_diagonal, np.place, np.put, np.put_along_axis}
_WRITING |= {np.putmask, np.ndarray.fill, np.ndarray.sort, np.ndarray.put, np.ndarray.partition}

_READING = [
    "__array_interface__",
    "__array_struct__",
    "__buffer__",
    "data",
    "item",
    "tobytes",
    "tofile",
    "tolist",
    "dump",
    "dumps",
]


@dataclass(slots=True, eq=False)
class Call:
    """One call on the tape.

    Attributes
    ----------
    function : callable
        A ufunc, a function or method of NumPy, or a rule or forward pass as a whole.
    inputs, keywords : tuple, dict
        The arguments; they contain tracers, also in tuples and lists.
    result : object
        A tracer or a tuple of tracers; None if the call returns nothing.
    written : Tracer or None
        The array that the call writes into.
    errors : dict or None
        The floating-point error settings of NumPy, if the step has changed them.
    place : str
        The line of the user's code, for steps on a device; empty otherwise.
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    keywords: dict[str, Any]
    result: Any
    written: Tracer | None
    errors: dict[str, Any] | None = None
    place: str = ""


class Tape:
    """The calls of one step, in order, and the tracers of all their values."""

    def __init__(self, notes_places: bool = False) -> None:
        self.calls: list[Call] = []
        self._notes_places = notes_places
        self.values: list[Tracer] = []
        self.is_closed = False
        self._thread = threading.get_ident()
        self._errors = dict(np.geterr())
        self._storages: dict[int, int] = {}
        self._kept: list[Any] = []  # keeps arrays alive, so that their ids stay unique
        self.outside: set[int] = set()
        self._backups: dict[int, tuple[Any, Any]] = {}

    def tracer(self, array: Any) -> Tracer:
        """Return a new tracer for an array from outside the step."""
        value = Tracer(array, self)
        self.outside.add(value.storage)
        return value

    def storage(self, array: Any) -> int:
        """Return the number of an array's memory; a view has the number of its base."""
        root: Any = array
        while isinstance(root, np.ndarray) and root.base is not None:
            # The windows of `sliding_window_view` refer to their array by another object.
            base: Any = root.base
            base = base if isinstance(base, np.ndarray) else getattr(base, "base", None)
            if not isinstance(base, np.ndarray):
                break
            root = base
        self._kept.append(root)
        return self._storages.setdefault(id(root), len(self._storages))

    def call(self, function: Callable[..., Any], *inputs: Any, **keywords: Any) -> Any:
        """Run a call, and record it."""
        if self.is_elsewhere():
            return function(*mapped(_array, inputs), **mapped(_array, keywords))
        if self.is_closed:
            raise CaptureError(
                "a value from inside a captured step was kept and is used outside of it; return it "
                "from the step"
            )
        written = _written_into(function, inputs, keywords)
        inputs, keywords = mapped(_frozen, (inputs, keywords))
        if written is not None:
            self._back_up(written)
        given: dict[int, Tracer] = {}

        def plain(value: Any) -> Any:
            if not isinstance(value, Tracer):
                return value
            array = value.array if value is written else _locked(value.array)
            given[id(array)] = value
            return array

        arrays, named = mapped(plain, (inputs, keywords))
        found = _computed(function, arrays, named, given.values())
        if function in _FACTS:
            return found
        if written is None and id(found) in given:
            return given[id(found)]  # for example astype to the same dtype
        result = written if written is not None else self._result(function, found)
        for value in given.values():
            self._unlock(result, value)
        errors = dict(np.geterr())
        changed = None if errors == self._errors else errors
        place = calling_line() if self._notes_places else ""
        self.calls.append(Call(function, inputs, keywords, result, written, changed, place))
        return result

    def is_elsewhere(self) -> bool:
        """Whether this is another thread, whose calls are not recorded."""
        return threading.get_ident() != self._thread

    def close(self) -> None:
        """End the recording."""
        self.is_closed = True

    def release(self) -> None:
        """Release the memory of all values: another recording is compared by shapes alone."""
        for value in self.values:
            value.array = np.broadcast_to(np.empty((), value.array.dtype), value.array.shape)
        self._kept.clear()
        self._backups.clear()

    def forget(self) -> None:
        """Drop the recorded calls, and with them all reference cycles."""
        self.calls.clear()
        self.values.clear()
        self._kept.clear()
        self._backups.clear()

    def _back_up(self, value: Tracer) -> None:
        """Copy an array before it is overwritten, for `undo`."""
        root = value.array if value.array.base is None else value.array.base
        if value.storage in self.outside and value.storage not in self._backups:
            self._backups[value.storage] = (root, root.copy())

    def undo(self) -> None:
        """Restore the overwritten arrays from outside."""
        for array, values in self._backups.values():
            array[...] = values

    @staticmethod
    def _unlock(result: Any, operand: Tracer) -> None:
        """Make a view writable again if its base may be written into."""
        for value in result if isinstance(result, tuple) else (result,):
            if isinstance(value, Tracer) and value.storage == operand.storage:
                base = getattr(value.array, "base", None)
                if isinstance(base, np.ndarray) and operand.array.flags.writeable:
                    value.array.flags.writeable = base.flags.writeable

    def _result(self, function: Callable[..., Any], found: Any) -> Any:
        if isinstance(found, np.ndarray | np.generic) and found.dtype != object:
            return Tracer(found, self)
        if isinstance(found, tuple | list) and all(isinstance(x, np.ndarray) for x in found):
            return tuple(Tracer(x, self) for x in found)
        raise CaptureError(
            f"{_name(function)} returns a Python {type(found).__name__} that depends on values, "
            "and a replay cannot compute it; return its arguments from the step, and call it there"
        )


def _written_into(
    function: Callable[..., Any], inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Tracer | None:
    """Return the tracer that a call writes into; raise an error if it is a plain array."""
    written = keywords.get("out")
    if function in _WRITING and inputs:
        written = inputs[0]
    if isinstance(written, tuple):
        (written,) = written
    if written is not None and not isinstance(written, Tracer):
        raise CaptureError(
            f"{_name(function)} writes into an array that is not recorded; write into an argument "
            "or into an array that the step computes"
        )
    return written


def _locked(array: Any) -> Any:
    """Return a read-only view of an array, so that unrecorded writes raise an error."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def _computed(
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    keywords: dict[str, Any],
    given: Collection[Tracer],
) -> Any:
    """Call a NumPy function, and explain the error if it writes into a locked array."""
    try:
        return function(*inputs, **keywords)
    except ValueError as error:
        arrays = [one.array for one in given if isinstance(one.array, np.ndarray)]
        if "read-only" in str(error) and all(array.flags.writeable for array in arrays):
            raise CaptureError(
                f"{_name(function)} writes into an array in a way that is not recorded; use "
                "out=x or x[...] = result"
            ) from error
        raise


class Tracer(np.lib.mixins.NDArrayOperatorsMixin):
    """Replaces an array while a step is recorded, and records the calls on it."""

    __slots__ = ("array", "number", "storage", "tape")

    def __init__(self, array: Any, tape: Tape) -> None:
        self.array = array
        self.tape = tape
        self.number = len(tape.values)
        self.storage = tape.storage(array)
        tape.values.append(self)

    __hash__ = object.__hash__

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type of the array, so that `isinstance` returns the same for both."""
        return type(self.array)

    def recorded_as_a_whole(
        self, function: Callable[..., Any], inputs: Sequence[Any], params: Mapping[str, Any]
    ) -> Any:
        """Call a pure function on the arrays, and record the call."""
        while isinstance(function, functools.partial):  # a rule for any number of inputs
            inputs = (*function.args, *inputs)
            function = function.func
        return self.tape.call(function, *inputs, **params)

    # Answers to NumPy ----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(isinstance(value, Tensor) for value in inputs):
            return NotImplemented  # the tensor handles it, and calls NumPy again on its values
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "at":
            raise CaptureError(f"np.{ufunc.__name__}.at cannot be recorded; use index_add")
        return self.tape.call(function, *inputs, **keywords)

    def __array_function__(self, function: Any, types: Any, inputs: Any, keywords: Any) -> Any:
        if Tensor in types:
            return NotImplemented
        return self.tape.call(function, *inputs, **keywords)

    # An array's own notation ---------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if self.tape.is_elsewhere():
            return getattr(self.array, name)
        if name in _ATTRIBUTES:
            return getattr(self.array, name)
        if name == "base":
            return None
        if name in _READING:
            how = f".{name}" if name[0] != "_" else "np.asarray or another plain array"
            raise _values_are_read(how)
        if name in GETTERS:
            return self.tape.call(GETTERS[name], self)
        method = getattr(type(self.array), name, None)
        if name.startswith("_"):
            raise AttributeError(f"an array that is being recorded has no attribute {name}")
        if not callable(method):
            raise _values_are_read(f".{name}")
        return functools.partial(self.tape.call, method, self)

    def __getitem__(self, index: Any) -> Any:
        entries = index if isinstance(index, tuple) else (index,)
        parts = [p for e in entries if type(e) is slice for p in (e.start, e.stop, e.step)]
        if any(isinstance(part, Tracer) for part in parts):
            raise _values_are_read("a slice with a computed bound")
        if any(_is_mask(entry) for entry in entries):
            raise CaptureError(
                "an index is a mask, so the shape would depend on values; use where(mask, x, 0)"
            )
        return self.tape.call(operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.tape.call(operator.setitem, self, index, value)

    # The power of two scalars of NumPy can differ from np.power in the last bit.

    def __pow__(self, other: Any) -> Any:
        if _are_scalars(self, other):
            return self.tape.call(operator.pow, self, other)
        return super().__pow__(other)

    def __rpow__(self, other: Any) -> Any:
        if _are_scalars(self, other):
            return self.tape.call(operator.pow, other, self)
        return super().__rpow__(other)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self.array)))

    def __copy__(self) -> Any:
        return self.tape.call(np.copy, self)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.tape.call(np.copy, self)

    def _refused(self, *arguments: Any) -> Any:
        raise _values_are_read("a Python number or a condition (float, int, bool, if, in)")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __contains__ = _refused
    __round__ = __trunc__ = __floor__ = __ceil__ = __format__ = __repr__ = __reduce_ex__ = _refused


def _add_in_place_operators() -> None:
    """Let ``x += y`` write into an array, or return a new value if `x` is a NumPy number."""
    mixin = np.lib.mixins.NDArrayOperatorsMixin
    for operator_name in ["add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow"]:
        in_place = getattr(mixin, f"__i{operator_name}__")
        binary = getattr(Tracer, f"__{operator_name}__")

        def operate(
            self: Tracer, other: Any, in_place: Any = in_place, binary: Any = binary
        ) -> Any:
            is_array = isinstance(self.array, np.ndarray)
            return in_place(self, other) if is_array else binary(self, other)

        setattr(Tracer, f"__i{operator_name}__", operate)


_add_in_place_operators()


def _values_are_read(how: str) -> CaptureError:
    return CaptureError(
        f"the step reads values while it is recorded, by {how}: a replay would not read them "
        "again; return the tensor and read it outside, or use where(...)"
    )


def _are_scalars(*values: Any) -> bool:
    return all(isinstance(value, int | float | complex | np.generic) for value in values)


def _is_mask(entry: Any) -> bool:
    dtype = getattr(entry, "dtype", None)
    return dtype is not None and dtype.kind == "b" and entry.ndim > 0


def _array(value: Any) -> Any:
    return value.array if isinstance(value, Tracer) else value


def _frozen(value: Any) -> Any:
    """Copy a writable array, which the step could change later."""
    is_open = type(value) is np.ndarray and value.flags.writeable
    return value.copy(order="K") if is_open else value


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to all entries of nested tuples, lists, dictionaries and slices."""
    if type(value) in (tuple, list):
        return type(value)([mapped(change, entry) for entry in value])
    if type(value) is dict:
        return {key: mapped(change, entry) for key, entry in value.items()}
    if type(value) is slice:
        return slice(*(mapped(change, part) for part in (value.start, value.stop, value.step)))
    return change(value)


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", str(function)).lstrip("_")

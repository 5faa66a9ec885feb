"""Rows of the table of `translation.py` for NumPy calls that CuPy spells, or defines, otherwise.

CuPy takes indices out of range without an error: it counts them from the other end. So the indices
are checked here, by `Ranges`. Calls with the same name and meaning are in `translation.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .calls import entries_of
from .recorder import Call, Tracer

__all__ = ["OWN", "WHOLE", "Ranges"]

_Found = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | str


class Ranges:
    """Checks on the device that indices are right, and reads the answers once for each replay."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._wrong: list[Any] = []
        self._lost: list[tuple[str, Any]] = []

    def start(self) -> None:
        """Forget earlier checks."""
        self._wrong.clear()
        self._lost.clear()

    def check(self, index: Any, size: int, least: int | None = None) -> None:
        """Note whether all integers of an index are at least `least` and below a size."""
        least = -size if least is None else least
        self._wrong.append(((index < least) | (index >= size)).any())

    def check_all(self, index: Any, shape: tuple[int, ...]) -> None:
        """Note whether all arrays of integers in an index are in range."""
        for entry, size in _with_sizes(index, shape):
            if hasattr(entry, "dtype") and entry.dtype.kind in "iu":
                self.check(entry, size)

    def are_kept(self) -> bool:
        """Whether all indices were in range since `start`; this waits for the device."""
        return not self._wrong or not bool(self._module.stack(self._wrong).any())

    def check_written(self, place: str, found: Any, values: Any) -> None:
        """Note whether the elements at an index are the values that were put there.

        They are others if a place occurs twice: the last value stays in NumPy, any on a device.
        """
        values = values.astype(found.dtype)
        is_nan = (found != found) & (values != values)
        self._lost.append((place, ((found != values) & ~is_nan).any()))

    def lost(self) -> str | None:
        """Return the first call since `start` that put two values into one place, or None."""
        return next((place for place, is_lost in self._lost if bool(is_lost)), None)


def _with_sizes(index: Any, shape: tuple[int, ...]) -> Iterator[tuple[Any, int]]:
    """Yield the entries of an index that take an axis, with the size of that axis."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(_axes_of(entry) for entry in entries if entry is not Ellipsis)
    axis = 0
    for entry in entries:
        if entry is Ellipsis:
            axis += len(shape) - used
        elif _axes_of(entry):
            yield entry, shape[axis]
            axis += _axes_of(entry)


def _axes_of(entry: Any) -> int:
    if entry is None or entry is Ellipsis:
        return 0
    is_mask = getattr(entry, "dtype", None) == np.bool_
    return int(entry.ndim) if is_mask else 1


def _index_of(index: Any) -> Any:
    """Return an index with arrays instead of lists."""
    if isinstance(index, tuple):
        return tuple(_index_of(entry) for entry in index)
    if isinstance(index, list):
        return np.asarray(index)
    return index


def _has_computed(tree: Any) -> bool:
    return any(isinstance(entry, Tracer) for entry in entries_of(tree))


def _is_mask(entry: Any) -> bool:
    return getattr(getattr(entry, "array", entry), "dtype", None) == np.bool_


def _constants_in(tree: Any) -> list[Any]:
    return [entry for entry in entries_of(tree) if isinstance(entry, np.ndarray)]


# Reductions ------------------------------------------------------------------------------------


def _reduction(name: str, combine: str = "") -> Callable[[Any, Call], _Found]:
    """Translate ``ufunc.reduce``, whose axis is 0 if none is given, and `None` for all axes."""

    def translate(translator: Any, call: Call) -> _Found:
        if len(call.inputs) > 1:
            return f"{name} with arguments by position"
        return _reduced(translator, call, {"axis": 0, **call.keywords}, name, combine)

    return translate


def _extreme(name: str, combine: str) -> Callable[[Any, Call], _Found]:
    """Translate `max` and `min`."""

    def translate(translator: Any, call: Call) -> _Found:
        return _reduced(translator, call, dict(call.keywords), name, combine)

    return translate


def _reduced(
    translator: Any, call: Call, keywords: dict[str, Any], name: str, combine: str
) -> _Found:
    """Translate a reduction; CuPy has none with ``initial=``, and `combine` does the same."""
    allowed = {"axis", "keepdims"} | ({"dtype"} if name in ("sum", "prod") else set())
    initial = keywords.pop("initial", None) if combine else None
    if unknown := sorted(keywords.keys() - allowed):
        return f"the option {unknown[0]}= of {name}"
    reduce = translator.function(name)
    if initial is None:
        return reduce, call.inputs, keywords
    if 0 in call.inputs[0].array.shape:
        return f"{name} of an array without elements"
    combined = translator.function(combine)
    return (lambda *a, **k: combined(reduce(*a, **k), initial)), call.inputs, keywords


def _accumulation(name: str) -> Callable[[Any, Call], _Found]:
    def translate(translator: Any, call: Call) -> _Found:
        keywords = {"axis": 0, **call.keywords}
        if keywords.keys() != {"axis"} or len(call.inputs) > 1:
            return f"this form of {name}"
        return translator.function(name), call.inputs, keywords

    return translate


def _add_reduceat(translator: Any, call: Call) -> _Found:
    if _has_computed(call.inputs[1:]) or not call.keywords.keys() <= {"axis", "dtype"}:
        return "add.reduceat with computed places"
    reduceat = translator.module.add.reduceat
    return reduceat, call.inputs, call.keywords


# Shapes and types ------------------------------------------------------------------------------


def _transposed(translator: Any, call: Call) -> _Found:
    return (lambda x: x.T), call.inputs, {}


def _matrix_transposed(translator: Any, call: Call) -> _Found:
    swapaxes = translator.function("swapaxes")
    return (lambda x: swapaxes(x, -1, -2)), call.inputs, {}


def _astype(translator: Any, call: Call) -> _Found:
    array, *dtypes = call.inputs
    if len(dtypes) != 1 or not call.keywords.keys() <= {"casting", "copy", "order"}:
        return "this form of astype"
    dtype = np.dtype(dtypes[0])
    if array.array.dtype.kind == "c" and dtype.kind != "c":
        return f"astype from {array.array.dtype} to {dtype}"
    return (lambda x: x.astype(dtype)), (array,), {}


def _view(translator: Any, call: Call) -> _Found:
    kinds = [k for k in call.inputs[1:] if not (isinstance(k, type) and issubclass(k, np.ndarray))]
    dtypes = [np.dtype(kind) for kind in kinds]
    if call.keywords or len(dtypes) > 1:
        return "this form of view"
    return (lambda x: x.view(*dtypes)), call.inputs[:1], {}


def _argsort(translator: Any, call: Call) -> _Found:
    options = dict(call.keywords)
    is_stable = options.pop("stable", None) is True
    is_stable |= options.pop("kind", None) in ("stable", "mergesort")
    if not is_stable or not options.keys() <= {"axis"}:
        return "argsort without stable=True"
    return translator.function("argsort"), call.inputs, options


def _isin(translator: Any, call: Call) -> _Found:
    element, among = call.inputs
    if call.keywords or _has_computed(among):
        return "this form of isin"
    return translator.function("isin"), (element, np.asarray(among)), {}


# Indices ---------------------------------------------------------------------------------------


def _getitem(translator: Any, call: Call) -> _Found:
    array, index = call.inputs[0], _index_of(call.inputs[1])
    if not _has_computed(index):
        return operator.getitem, (array, index), {}

    def get(x: Any, index: Any) -> Any:
        translator.ranges.check_all(index, x.shape)
        return x[index]

    return get, (array, index), {}


def _setitem(translator: Any, call: Call) -> _Found:
    array, index, value = call.inputs[0], _index_of(call.inputs[1]), call.inputs[2]
    size = getattr(getattr(value, "array", value), "size", 1)
    places = _constants_in(index)
    if size != 1:
        if any(map(_is_mask, entries_of(index))):
            return "x[mask] = values"
        if places and not _has_computed(index) and _repeats(index, array.array.shape):
            return "x[index] = values with a place that occurs twice: the last wins"
    place = translator.place

    def put(x: Any, index: Any, value: Any) -> None:
        translator.ranges.check_all(index, x.shape)
        x[index] = value
        if size != 1:
            translator.ranges.check_written(place, x[index], value)

    return (put if _has_computed(index) else operator.setitem), (array, index, value), {}


def _repeats(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether a constant index has a place twice."""
    numbers = np.arange(math.prod(shape)).reshape(shape)[index]
    return bool(np.unique(numbers).size != numbers.size)


def _take(translator: Any, call: Call) -> _Found:
    if not call.keywords.keys() <= {"axis"} or len(call.inputs) > 3:
        return "the option mode= or out= of take"
    array, index, *others = call.inputs
    axis = others[0] if others else call.keywords.get("axis")
    take = translator.function("take")

    def checked(x: Any, index: Any) -> Any:
        translator.ranges.check(index, x.size if axis is None else x.shape[axis])
        return take(x, index, axis=axis)

    if _has_computed(index):
        return checked, (array, index), {}
    return take, (array, np.asarray(index)), {"axis": axis}


def _take_along_axis(translator: Any, call: Call) -> _Found:
    array, index, *others = call.inputs
    axis = others[0] if others else call.keywords.get("axis", -1)
    take = translator.function("take_along_axis")

    def checked(x: Any, index: Any) -> Any:
        translator.ranges.check(index, x.size if axis is None else x.shape[axis])
        return take(x, index, axis)

    return checked, (array, index), {}


def _ravel_multi_index(translator: Any, call: Call) -> _Found:
    if call.keywords or len(call.inputs) != 2:
        return "this form of ravel_multi_index"
    dims = tuple(call.inputs[1])
    steps = [math.prod(dims[i + 1 :]) for i in range(len(dims))]

    def ravel(indices: Any) -> Any:
        total: Any = 0
        for index, size, step in zip(indices, dims, steps, strict=True):
            translator.ranges.check(index, size, 0)
            total = total + index.astype(np.intp) * step
        return total

    parts = [part if isinstance(part, Tracer) else np.asarray(part) for part in call.inputs[0]]
    return ravel, (parts,), {}


# Rules that are recorded as a whole ------------------------------------------------------------


def _put_at(translator: Any, call: Call) -> _Found:
    (x,) = call.inputs
    return _adding(translator, x, call.keywords["index"], call.keywords["shape"])


def _getitem_rule(translator: Any, call: Call) -> _Found:
    cotangent, _, x = call.inputs
    return _adding(translator, cotangent, call.keywords["index"], x.array.shape)


def _embedding_rule(translator: Any, call: Call) -> _Found:
    cotangent, _, indices, weight = call.inputs
    if not isinstance(indices, Tracer) or indices.array.dtype.kind not in "iu":
        return "an embedding by numbers that are not integers"
    return _adding(translator, cotangent, indices, weight.array.shape)


def _adding(translator: Any, x: Tracer, index: Any, shape: tuple[int, ...]) -> _Found:
    """Add at an index, with more digits, because the order of the sum is not fixed."""
    module, dtype = translator.module, x.array.dtype
    if dtype.kind != "f":
        return f"sums of {dtype} at an index"
    wide = np.float32 if dtype == np.float16 else np.float64

    def add(x: Any, index: Any) -> Any:
        translator.ranges.check_all(index, shape)
        out = module.zeros(shape, wide)
        module.add.at(out, index, x.astype(wide))
        return out.astype(dtype)

    return add, (x, _index_of(index)), {}


def _overlap_add(translator: Any, call: Call) -> _Found:
    (x,) = call.inputs
    return _windows(translator, x, **call.keywords)


def _sliding_windows_rule(translator: Any, call: Call) -> _Found:
    cotangent, _, x = call.inputs
    options = {key: value for key, value in call.keywords.items() if key != "kernel"}
    return _windows(translator, cotangent, x.array.shape, **options)


def _windows(
    translator: Any, x: Tracer, shape: tuple[int, ...], stride: Any = 1, dilation: Any = 1
) -> _Found:
    """Add windows up, one position within the kernel after the other."""
    zeros, dtype = translator.module.zeros, x.array.dtype
    axes = x.array.ndim - len(shape)
    before = len(shape) - axes
    kernel = x.array.shape[before : before + axes]
    places = x.array.shape[before + axes :]
    stride, dilation = (v if isinstance(v, tuple) else (v,) * axes for v in (stride, dilation))
    wide = np.dtype(np.float32) if dtype == np.float16 else dtype
    whole = (slice(None),) * axes

    def add(x: Any) -> Any:
        out = zeros(shape, wide)
        for index in np.ndindex(*kernel):
            seen = [
                slice(i * d, i * d + (n - 1) * s + 1, s)
                for i, d, n, s in zip(index, dilation, places, stride, strict=True)
            ]
            out[(..., *seen)] += x[(..., *index, *whole)]
        return out.astype(dtype)

    return add, (x,), {}


OWN: dict[Any, Callable[[Any, Call], _Found]] = {
    (np.add, "reduce"): _reduction("sum"),
    (np.multiply, "reduce"): _reduction("prod"),
    (np.maximum, "reduce"): _reduction("max", "maximum"),
    (np.minimum, "reduce"): _reduction("min", "minimum"),
    (np.logical_and, "reduce"): _reduction("all"),
    (np.logical_or, "reduce"): _reduction("any"),
    (np.add, "accumulate"): _accumulation("cumsum"),
    (np.multiply, "accumulate"): _accumulation("cumprod"),
    (np.add, "reduceat"): _add_reduceat,
    np.max: _extreme("max", "maximum"),
    np.min: _extreme("min", "minimum"),
    "T": _transposed,
    "mT": _matrix_transposed,
    "real": lambda translator, call: (translator.function("real"), call.inputs, {}),
    "imag": lambda translator, call: (translator.function("imag"), call.inputs, {}),
    np.ndarray.astype: _astype,
    np.generic.astype: _astype,
    np.ndarray.view: _view,
    np.generic.view: _view,
    np.argsort: _argsort,
    np.ndarray.argsort: _argsort,
    np.isin: _isin,
    operator.getitem: _getitem,
    operator.setitem: _setitem,
    np.take: _take,
    np.ndarray.take: _take,
    np.take_along_axis: _take_along_axis,
    np.ravel_multi_index: _ravel_multi_index,
}
"""Translators of functions, of methods of ufuncs, and of attributes by name."""

WHOLE: dict[str, Callable[[Any, Call], _Found]] = {
    "indexing.put_at": _put_at,
    "indexing.getitem_rule": _getitem_rule,
    "networks.normalization._embedding_rule": _embedding_rule,
    "networks.windows.overlap_add": _overlap_add,
    "networks.windows._sliding_windows_rule": _sliding_windows_rule,
}
"""Translators of rules and forward passes of `tinygrad_edu.ops` that are recorded as a whole."""

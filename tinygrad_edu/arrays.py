"""Checks, copies and locks the arrays that go into a Tensor and come out of it.

It decides which data are accepted, and protects the arrays of a graph against writing. It uses
NumPy alone and does not know the Tensor.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "as_array",
    "as_floating",
    "checked_array",
    "dtype_of",
    "floating_dtype",
    "is_disguised",
    "locked_view",
    "random_generator",
    "real_dtype_of",
    "undisguised",
]


def checked_array(source: Any, dtype: DTypeLike | None, copy: bool) -> NDArray[Any]:
    """Convert the user's data into an unshared array of numbers.

    Parameters
    ----------
    source : array_like
        Numbers.
    dtype : dtype or None
        Convert to this dtype; None keeps NumPy's choice.
    copy : bool
        False shares the memory if no conversion is needed, and makes it read-only: the array and
        the arrays that it is a view of, because a write into those would change it too. Other
        views that exist already cannot be locked: do not write through them.

    Raises
    ------
    TypeError
        For text, objects, complex numbers and masked arrays.
    ValueError
        For ragged lists.
    """
    if isinstance(source, np.ma.MaskedArray):
        raise TypeError("a Tensor has no mask; use filled(value) of the masked array")
    try:
        array: Any = source
        if not is_disguised(source):
            array = np.array(source, copy=copy or None)
        elif copy:
            array = np.copy(array)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"ragged nested list: {error}; make its rows equally long") from error
        raise
    # Checked before a conversion, which would parse text and drop imaginary parts.
    is_number = array.dtype.kind in "fiub"
    if array.dtype.kind == "c" or (dtype is not None and np.dtype(dtype).kind == "c"):
        raise TypeError("complex is not supported; use the real and imaginary parts")
    if dtype is not None and is_number:
        array = array.astype(dtype, copy=False)
    if not is_number or array.dtype.kind not in "fiub":
        raise TypeError(f"a Tensor holds numbers, got dtype {array.dtype}; convert the data first")
    kept: NDArray[Any] = array
    if not copy:
        locked: Any = array
        while isinstance(locked, np.ndarray):
            locked.flags.writeable = False
            locked = locked.base
    return kept


def is_disguised(value: Any) -> bool:
    """Whether a value claims to be an array but is another object, such as a tracer.

    It supports NumPy's functions and methods, but cannot be converted to a plain array.
    """
    return value.__class__ is not type(value) and isinstance(value, np.ndarray | np.generic)


def random_generator(generator: Any) -> np.random.Generator:
    """Return a generator unchanged, also while a step is recorded; otherwise a new one."""
    is_ready = isinstance(generator, np.random.Generator)
    return generator if is_ready else np.random.default_rng(generator)


def undisguised(value: Any) -> Any:
    """Return the array that a tracer stands for, to read its values; other values unchanged."""
    return value.array if is_disguised(value) else value


def as_array(values: Any) -> Any:
    """Return values as an array, also a scalar that a tracer stands for: then it has views."""
    if is_disguised(values):
        return np.atleast_1d(values).reshape(()) if isinstance(values, np.generic) else values
    return np.asarray(values)


def dtype_of(value: Any) -> np.dtype[Any]:
    """Return the dtype of an array, a tensor or a number, without reading its values."""
    dtype: np.dtype[Any] = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return dtype


def real_dtype_of(value: Any) -> np.dtype[Any]:
    """Return the dtype of the real part of an array, a tensor or a number."""
    return np.zeros((), dtype_of(value)).real.dtype


def as_floating(array: Any) -> Any:
    """Convert integers to float64, because small and unsigned ones overflow when negated."""
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def floating_dtype(array: Any) -> np.dtype[Any]:
    """Return the real dtype of an array's precision, for constants; float64 for integers."""
    dtype = dtype_of(array)
    return np.finfo(dtype if dtype.kind in "fc" else np.float64).dtype


def locked_view(data: Any) -> NDArray[Any]:
    """Return a read-only view of the values."""
    if isinstance(data, np.generic) and is_disguised(data):
        return cast("NDArray[Any]", data)
    view: NDArray[Any] = as_array(data).view()
    view.flags.writeable = False
    return view

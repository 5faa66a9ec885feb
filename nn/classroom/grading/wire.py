"""Writes values as JSON and reads them again, between this process and that of a hand-in.

Arrays, numbers, lists and dictionaries only: reading executes nothing and trusts no size.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

__all__ = ["Other", "decode", "encode"]

_KINDS = "biuf"


class Other:
    """What is not an array, number, list or dictionary: only the name of its type is known."""


def encode(value: Any) -> Any:
    """Return a value as JSON can hold it.

    Examples
    --------
    >>> import numpy as np
    >>> decode(encode({"x": [np.ones(2), 3]}))
    {'x': [array([1., 1.]), 3]}
    """
    if value is None or isinstance(value, bool | int | str):
        return {"plain": value}
    if isinstance(value, np.ndarray | np.generic | float):
        array = np.asarray(value)
        if array.dtype.kind in _KINDS:
            array = array.astype(array.dtype.newbyteorder("<"))
            data = base64.b64encode(array.tobytes()).decode("ascii")
            kind = "array" if isinstance(value, np.ndarray) else "scalar"
            return {kind: [array.dtype.str, list(array.shape), data]}
    if isinstance(value, list | tuple):
        return {"list" if isinstance(value, list) else "tuple": [encode(one) for one in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": [[str(key), encode(one)] for key, one in value.items()]}
    return {"other": type(value).__name__[:40]}


def decode(found: Any) -> Any:
    """Read what `encode` wrote.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        ((kind, content),) = found.items()
        return _READERS[kind](content)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"not a value: {type(error).__name__}") from None


def _plain(content: Any) -> Any:
    if content is not None and not isinstance(content, bool | int | str):
        raise ValueError
    return content


def _array(content: Any) -> Any:
    dtype, shape, data = content
    dtype = np.dtype(str(dtype))
    raw = base64.b64decode(data, validate=True)
    if dtype.kind not in _KINDS or dtype.itemsize > 16 or len(shape) > 32:
        raise ValueError
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError
    return np.frombuffer(raw, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _other(content: Any) -> Any:
    # A message names the type of a value that is not a number.
    name = "".join(c for c in str(content)[:40] if c.isprintable()) or "object"
    return type(name, (Other,), {})()


_READERS = {
    "plain": _plain,
    "array": _array,
    "scalar": lambda content: _array(content)[()],
    "list": lambda content: [decode(one) for one in content],
    "tuple": lambda content: tuple(decode(one) for one in content),
    "dict": lambda content: {str(key): decode(one) for key, one in content},
    "other": _other,
}

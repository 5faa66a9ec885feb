"""Flattens a nested state into arrays and one JSON text, and builds it again exactly.

A state is what `state_dict` of a module or an optimizer returns: dictionaries, lists and tuples of
arrays, numbers and texts. Reading is bounded: what a text may hold is counted before it is parsed.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor

from ..errors import ModelFileError
from ..module_state import LAYOUTS, State

__all__ = ["pack_state", "unpack_state"]

# A name in JSON that starts with one of them is a mark of ours; the user's has two.
_MARK = "$"
_LAYOUT = "$layout"
_KEYS = (str, int, float, bool, type(None))
_EXACT = 2**53  # other readers of JSON round larger integers
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

# Characters of the text, and bytes that its values may take as objects of Python.
_MOST_CHARACTERS = 2 * 1024**2
_MOST_BYTES = 10 * 1024**2
_COSTS = {"[": 100, ",": 100, ":": 150, "{": 200}
_ESCAPE = re.compile(r"\\.")
_TEXT = re.compile('"[^"]*"')


def pack_state(state: Any) -> tuple[dict[str, NDArray[Any]], str]:
    """Flatten a nested state into named arrays and a JSON text.

    Parameters
    ----------
    state : dict, list, tuple, array, tensor, number, str, bool or None
        Any nesting of these. Keys of dictionaries are texts, numbers, booleans or None. Arrays have
        any dtype of NumPy's real numbers and booleans, up to 64 bits; tensors become arrays.
        Integers may have up to a hundred digits. Long lists of numbers should be arrays.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        Not copied. Each has its path in the state as its name, such as ``"layers.0.weight"``.
    text : str
        ASCII; everything that is not an array.

    Raises
    ------
    TypeError
        If something is of another type; the message has its path.
    ValueError
        If the state contains itself, or has more than about 100,000 values outside of arrays.

    Examples
    --------
    >>> import numpy as np
    >>> arrays, text = pack_state({"step": 7, "weights": [np.zeros(2)]})
    >>> list(arrays), text
    (['weights.0'], '{"step": 7, "weights": [{"$array": "weights.0"}]}')
    >>> unpack_state(arrays, text)["weights"][0]
    array([0., 0.])
    """
    packer = _Packer()
    try:
        text = json.dumps(packer.encode(state, ()), allow_nan=False)
    except RecursionError:
        raise ValueError("the state is nested too deep, or contains itself") from None
    problem = _problem_of_size(text)
    if problem:
        raise ValueError(f"{problem}; keep long lists of numbers as arrays")
    return packer.arrays, text


def unpack_state(arrays: dict[str, NDArray[Any]], text: str) -> Any:
    """Build the state again that `pack_state` flattened.

    Parameters
    ----------
    arrays : dict of str to numpy.ndarray
        Each must have its place in the state.
    text : str
        The text from `pack_state`.

    Returns
    -------
    dict, list, tuple, numpy.ndarray, number, str, bool or None
        Equal to the state, with equal types. The arrays are not copied.

    Raises
    ------
    ModelFileError
        If the text is damaged, or does not match the arrays.
    """
    problem = _problem_of_size(text)
    if problem:
        raise ModelFileError(f"{problem}; a state has less")
    unpacker = _Unpacker(arrays)
    try:
        state = json.loads(text, object_pairs_hook=unpacker.build, parse_constant=_refuse_constant)
    except RecursionError:
        raise ModelFileError("the text of the state is nested too deep") from None
    except ModelFileError:
        raise
    except ValueError as one:  # not JSON, or an integer of thousands of digits
        raise ModelFileError(f"the text of the state is damaged: {str(one)[:200]}") from None
    if unpacker.left:
        name = next(iter(unpacker.left))
        raise ModelFileError(f"the state has no place for the array {name[:40]!r}")
    return state


def _problem_of_size(text: str) -> str:
    """Return what is too much about a text; empty if it can be parsed in bounded memory."""
    if len(text) > _MOST_CHARACTERS:
        return (
            f"the state has {len(text)} characters outside of arrays, the limit is "
            f"{_MOST_CHARACTERS}"
        )
    # In two steps: a pattern with both would keep a place to return to for each character.
    structure = _TEXT.sub("", _ESCAPE.sub("", text))
    counts = {mark: structure.count(mark) for mark in _COSTS}
    if sum(_COSTS[mark] * count for mark, count in counts.items()) > _MOST_BYTES:
        values = sum(counts.values()) - counts[":"]
        return (
            f"the state has {values} values outside of arrays, the limit is "
            f"{_MOST_BYTES // _COSTS[',']}, and {_MOST_BYTES // 250} in dictionaries"
        )
    return ""


class _Packer:
    """Turns values into what JSON can hold, and collects the arrays."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def encode(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return a value as JSON has it; the path is that of the value."""
        if isinstance(value, Tensor):
            value = value.data
        if isinstance(value, np.ndarray):
            return {f"{_MARK}array": self.keep(value, path)}
        if isinstance(value, np.generic):  # before float, of which np.float64 is one
            return {f"{_MARK}scalar": self.keep(np.asarray(value), path)}
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if kind is int:
            return value if abs(value) <= _EXACT else {f"{_MARK}int": _digits(value, path)}
        if kind is float:
            return value if math.isfinite(value) else {f"{_MARK}float": repr(value)}
        if kind in (list, tuple):
            items = [self.encode(item, (*path, str(n))) for n, item in enumerate(value)]
            return items if kind is list else {f"{_MARK}tuple": items}
        if isinstance(value, dict):
            return self.encode_dict(value, path)
        if hasattr(value, "state_dict"):
            raise TypeError(f"{_named(path)} is a {kind.__name__}; pass its state_dict()")
        raise TypeError(
            f"{_named(path)} is of type {kind.__name__}, expected arrays, numbers, texts, None, "
            "and lists, tuples and dictionaries of them"
        )

    def encode_dict(self, value: dict[Any, Any], path: tuple[str, ...]) -> dict[str, Any]:
        """Return a dictionary; JSON has only texts as keys, so others become a list of both."""
        for key in value:
            if type(key) not in _KEYS:
                raise TypeError(
                    f"{_named(path)} has a key of type {type(key).__name__}, expected a text, a "
                    "number, a boolean or None"
                )
        items = {key: self.encode(item, (*path, str(key))) for key, item in value.items()}
        if all(type(key) is str for key in items):
            texts = {_MARK + k if k.startswith(_MARK) else k: item for k, item in items.items()}
            # That of a file's only state is in its metadata, where other programs find it.
            return {_LAYOUT: value.layout} | texts if path and isinstance(value, State) else texts
        flat = [part for key, item in items.items() for part in (self.encode(key, path), item)]
        return {f"{_MARK}dict": flat}

    def keep(self, array: NDArray[Any], path: tuple[str, ...]) -> str:
        """Collect an array, and return its name in the file."""
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise TypeError(
                f"{_named(path)} is an array of dtype {array.dtype}, expected real numbers of at "
                "most 64 bits, or booleans"
            )
        name = ".".join(path)
        if name in self.arrays or not _is_usable(name):
            name = f"array {len(self.arrays)}"
            while name in self.arrays:
                name += "'"
        self.arrays[name] = array
        return name


def _is_usable(name: str) -> bool:
    """Return whether a file can hold an array of this name; `native` keeps some for itself."""
    if not name or name == "__metadata__" or name.startswith("text."):
        return False
    try:
        return len(name.encode("utf-8")) < 256
    except UnicodeEncodeError:
        return False


def _named(path: tuple[str, ...]) -> str:
    return f"state {'.'.join(path)[:80]!r}" if path else "the state"


def _digits(value: int, path: tuple[str, ...]) -> str:
    if abs(value) >= 10**100:
        raise ValueError(f"{_named(path)} is an integer of more than a hundred digits")
    return str(value)


class _Unpacker:
    """Builds values from what the parser found; each array once."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.left = dict(arrays)

    def build(self, pairs: list[tuple[str, Any]]) -> Any:
        """Return the value of an object in JSON: a dictionary, or what a mark says."""
        found: dict[str, Any] = {}
        if pairs and pairs[0][0] == _LAYOUT and pairs[0][1] in LAYOUTS:
            (_, layout), *pairs = pairs
            found = State(layout=layout)
        elif len(pairs) == 1 and pairs[0][0][:1] == _MARK != pairs[0][0][1:2]:
            mark, content = pairs[0]
            return self.marked(mark[1:], content)
        for key, value in pairs:
            if key.startswith(_MARK):
                if not key.startswith(2 * _MARK):
                    raise ModelFileError(f"the state has {key[:40]!r} next to other keys")
                key = key[1:]
            found[key] = value
        return _without_repetition(found, len(pairs))

    def marked(self, mark: str, content: Any) -> Any:
        """Return the value that a mark stands for."""
        if mark in ("array", "scalar") and type(content) is str and content in self.left:
            array = self.left.pop(content)
            if mark == "array":
                return array
            if array.ndim == 0:
                return array[()]
        if mark == "tuple" and type(content) is list:
            return tuple(content)
        if mark == "dict" and type(content) is list and len(content) % 2 == 0:
            keys = content[::2]
            if all(type(key) in _KEYS for key in keys):
                return _without_repetition(dict(zip(keys, content[1::2], strict=True)), len(keys))
        if mark == "int" and type(content) is str and re.fullmatch("-?[0-9]{1,100}", content):
            return int(content)
        if mark == "float" and type(content) is str and content in _WORDS:
            return _WORDS[content]
        raise ModelFileError(
            f"the state has {_MARK + mark[:40]!r} with {str(content)[:40]!r}, which is not a value"
        )


def _without_repetition(found: dict[Any, Any], count: int) -> dict[Any, Any]:
    if len(found) < count:
        raise ModelFileError("a dictionary in the state has a key twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ModelFileError(f"{name} in the text of the state, which JSON does not have")

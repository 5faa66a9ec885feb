"""Reads and writes the legacy layout, a pickle of ``{'weights': [...], 'bias': [...]}``.

A pickle is a program for a small stack machine, and Python's reader runs any such program. This
reader is the same machine without the dangerous half: it knows the opcodes and names that a list of
arrays needs, refuses all others, and calls nothing.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ModelFileError
from .pickle_machine import Limits
from .pickle_opcodes import run
from .stand_ins import ArrayStandIn, RawText, describe

_DEFAULT_LIMITS = Limits()
_KEYS = ("bias", "weights")
OWN_KEY = "tinygrad_edu"
_PLAIN = "save plain arrays: {'weights': [...], 'bias': [...]}"


class LegacyModel(NamedTuple):
    """The content of a legacy file; its arrays are not in memory yet.

    Attributes
    ----------
    weights, biases : list of ArrayStandIn
        With shape and dtype; `to_array` reads the numbers.
    texts : dict of str to str
        The texts from `dumps`; empty in files of other programs.
    """

    weights: list[ArrayStandIn]
    biases: list[ArrayStandIn]
    texts: dict[str, str]


def read(stream: IO[bytes], size: int, *, limits: Limits = _DEFAULT_LIMITS) -> LegacyModel:
    """Read a legacy model without its numbers, and without running anything.

    It reads files of NumPy 1 and NumPy 2 and all pickle protocols, 0 to 5. It does not check that
    the shapes form a network.

    Parameters
    ----------
    stream : binary file
        Seekable; it is read from its beginning.
    size : int
        Its size in bytes.
    limits : Limits, optional
        How much the file may ask for.

    Returns
    -------
    LegacyModel

    Raises
    ------
    UnsafeModelFileError
        If the file asks for anything that a list of arrays does not need.
    ModelFileError
        If it is damaged, cut off, or contains something else.
    """
    if not size:
        raise ModelFileError("the file is empty; expected a pickled model")
    with _one_kind_of_error():
        content = run(stream, size, limits)
        texts = _texts(content.pop(OWN_KEY, {})) if type(content) is dict else {}
        lists = _stand_in_lists(content)
        arrays = [array for stand_ins in lists.values() for array in stand_ins]
        if len(arrays) > limits.arrays:
            raise ModelFileError(f"{len(arrays)} arrays; the limit is {limits.arrays}")
        total = sum(array.byte_count for array in arrays)
        if total > size:  # one block of bytes shared by many arrays would multiply
            raise ModelFileError(
                f"array bytes exceed file size: {total} bytes of arrays from {size} bytes"
            )
        return LegacyModel(lists["weights"], lists["bias"], texts)


def to_array(stand_in: ArrayStandIn, name: str, dtype: np.dtype[Any] | None = None) -> NDArray[Any]:
    """Read an array of a legacy model.

    Parameters
    ----------
    stand_in : ArrayStandIn
        From `read`.
    name : str
        Its name in errors.
    dtype : dtype, optional
        Convert the numbers to it.
    """
    with _one_kind_of_error():
        try:
            return stand_in.to_array(dtype)
        except ModelFileError as problem:
            raise ModelFileError(f"{name}: {problem}") from None


@contextlib.contextmanager
def _one_kind_of_error() -> Iterator[None]:
    """Raise a `ModelFileError` even for bugs in this reader."""
    try:
        yield
    except (ModelFileError, OSError):
        raise
    except Exception as problem:
        raise ModelFileError(
            f"the pickle is damaged ({type(problem).__name__}: {problem})"
        ) from problem


def dumps(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike], texts: dict[str, str] | None = None
) -> bytes:
    """Write a legacy model, which this module, NumPy 1.26 and NumPy 2 can read.

    The protocol is 4, because NumPy 1.26 cannot read what NumPy 2 writes in protocol 5.

    Parameters
    ----------
    weights : sequence of array-like
        One matrix a layer, (inputs, outputs).
    biases : sequence of array-like
        One vector a layer, (outputs,) or (1, outputs); written as (1, outputs).
    texts : dict of str to str, optional
        More information, under the key ``'tinygrad_edu'``; only ASCII.

    Returns
    -------
    bytes
        The pickle.

    Examples
    --------
    >>> import pickle
    >>> pickle.loads(dumps([[[1.0]]], [[2.0]]))
    {'weights': [array([[1.]])], 'bias': [array([[2.]])]}
    """
    content: dict[
        str, Any
    ] = {  # np.array copies: plain, contiguous, and no two entries the same object
        "weights": [np.asarray(weight, order="C").view() for weight in weights],
        "bias": [np.asarray(bias, order="C").reshape(1, -1) for bias in biases],
    }
    if texts is not None:
        content[OWN_KEY] = texts
    return pickle.dumps(content, protocol=4)


def _texts(found: object) -> dict[str, str]:
    """Check the value of this program's key: a dict of texts."""
    if type(found) is not dict:
        raise ModelFileError(f"{OWN_KEY} is {describe(found)}, expected a dict of texts")
    texts = {}
    for key, text in found.items():
        if type(text) is RawText:
            text = text.decode()
        if type(text) is not str:
            raise ModelFileError(f"{OWN_KEY}[{key[:40]!r}] is {describe(text)}, expected a text")
        texts[key] = text
    return texts


def _stand_in_lists(found: object) -> dict[str, list[ArrayStandIn]]:
    """Check that the machine's result is exactly the two lists of arrays."""
    if type(found) is not dict:
        raise ModelFileError(
            f"the file holds {describe(found)}, expected a dict of weights and bias; {_PLAIN}"
        )
    if sorted(found) != list(_KEYS):
        keys = [key[:40] for key in sorted(found)[:8]]
        raise ModelFileError(f"found the keys {keys}, expected {list(_KEYS)}; {_PLAIN}")
    for key, items in found.items():
        if type(items) is not list:
            raise ModelFileError(f"{key} is {describe(items)}, expected a list of arrays; {_PLAIN}")
        for index, item in enumerate(items):
            if type(item) is not ArrayStandIn:
                raise ModelFileError(
                    f"{key}[{index}] is {describe(item)}, expected an array; {_PLAIN}"
                )
    return found

"""Reads gradients in the forms in which people return them.

In order, by name, in the structure of the inputs, under names such as ``dW1``, or next to a cost
or a cache. Where two readings are possible, the error says what to return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..leaving import values_of
from ..tensor import Tensor
from ..texts import clean
from .arguments import by_name

__all__ = ["Forms", "Given", "Slot", "is_structure", "leaves_of"]

Array: TypeAlias = NDArray[Any]

# How people name the gradient of W.
_SPELLINGS = (
    *("d{}", "d_{}", "{}_grad", "grad_{}", "{}_gradient", "gradient_{}", "{}grad", "grad{}"),
    *("g_{}", "∂{}"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """An array that is differentiated.

    Attributes
    ----------
    name : str
    root : str
        The name of the input that it is a part of.
    place : tuple
        The place of that input, and the keys inside of it.
    array : ndarray
    """

    name: str
    root: str
    place: tuple[Any, ...]
    array: Array

    def paths(self) -> Iterator[tuple[Any, ...]]:
        """Yield the keys under which its gradient may be."""
        yield (self.name,)
        yield (self.root, *self.place[1:])
        yield self.place
        if len(self.place) > 1:
            yield self.place[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Gradients that were read.

    Attributes
    ----------
    found : dict of str to object
    left : tuple of (int, object)
        The other values that were returned, with their places.
    notes : tuple of str
    """

    found: dict[str, Any]
    left: tuple[tuple[int, Any], ...] = ()
    notes: tuple[str, ...] = field(default=())


class Forms:
    """Reads the gradients of some arrays.

    Parameters
    ----------
    slots : sequence of Slot
    has_structures : bool
        Whether an input has several arrays.
    f : callable
        The function that is checked.
    """

    def __init__(
        self, slots: Sequence[Slot], has_structures: bool, f: Callable[..., Any] | None = None
    ) -> None:
        self.slots, self.has_structures, self.f = list(slots), has_structures, f
        self.names = [slot.name for slot in slots]

    def read(self, given: Any, what: str) -> Given:
        """Read gradients.

        Raises
        ------
        TypeError, ValueError
            If they do not fit; the message says what was expected.
        """
        try:
            return self._direct(given, what)
        except (TypeError, ValueError) as error:
            if isinstance(given, tuple | list) and len(given) > 1:
                inner = self._inside(given, what)
                if inner is not None:
                    return inner
            raise error from None

    def inside(self, given: Any, what: str) -> Given:
        """Read gradients that are one of several values, such as ``(cost, grads)``."""
        if isinstance(given, tuple | list) and len(given) > 1:
            found = self._inside(given, what)
            if found is not None:
                return found
        kind = type(given).__name__
        kind += f" of {len(given)} values" if isinstance(given, tuple | list) else ""
        raise TypeError(
            f"{what} must return (cost, gradients), with one gradient for each of "
            f"{', '.join(self.names)}; got a {kind}"
        )

    # One value that is the gradients -----------------------------------------------------------

    def _direct(self, given: Any, what: str) -> Given:
        if isinstance(given, Mapping):
            return self._of_keys(given, what)
        if self.has_structures and isinstance(given, tuple | list):
            return self._of_sequence(given, what)
        found = by_name(given, self.names, what, self.f)
        sizes = {slot.name: slot.array.size for slot in self.slots}
        for name, one in found.items():
            if is_structure(one) and _size(one) != sizes[name]:  # a list of rows is an array
                raise TypeError(
                    f"{what}: the gradient of {name} must be an array, got a {type(one).__name__}"
                )
        return Given(found)

    def _of_sequence(self, given: Sequence[Any], what: str) -> Given:
        if len(given) == len(self.slots) and not any(map(is_structure, given)):
            pairs = zip(self.names, given, strict=True)
            return Given({name: one for name, one in pairs if one is not None})
        found, unknown, _ = self._matched(list(leaves_of(given, whole=True)))
        missing = [name for name in self.names if name not in found]
        if unknown or missing:
            raise ValueError(
                f"{what}: {len(given)} gradients, expected {len(self.names)}, one for each of "
                f"{', '.join(self.names)}; return the structure of the inputs, a dictionary with "
                "these names, or a list in this order"
            )
        return Given({name: one for name, one in found.items() if one is not None})

    def _of_keys(self, given: Mapping[Any, Any], what: str) -> Given:
        found, unknown, others = self._matched(list(leaves_of(given)))
        if unknown and not (others and len(found) == len(self.slots)):
            by_name(dict.fromkeys(map(_text, unknown), 0.0), self.names, what, self.f)
        notes: tuple[str, ...] = ()
        if unknown:
            notes = (
                f"not used, because no input has these names: {', '.join(map(_text, unknown))}",
            )
        return Given({n: found[n] for n in self.names if found.get(n) is not None}, (), notes)

    def _matched(
        self, leaves: Sequence[tuple[tuple[Any, ...], Any]]
    ) -> tuple[dict[str, Any], list[tuple[Any, ...]], bool]:
        """Match values with the arrays they belong to, by their keys.

        Return them by name, the keys that match nothing, and whether those are names of other
        gradients, such as the ``dZ1`` that functions return with ``dW1``.
        """
        found: dict[str, Any] = {}
        unknown = []
        for path, value in leaves:
            slot = self._slot_of(path)
            if slot is None or slot.name in found:
                unknown.append(path)
            else:
                found[slot.name] = value
        others = all(isinstance(path[-1], str) and _is_gradients(path[-1]) for path in unknown)
        return found, unknown, others

    def _slot_of(self, path: tuple[Any, ...]) -> Slot | None:
        for is_same in (_is_equal, _is_spelling):
            fitting = [
                slot
                for slot in self.slots
                if any(
                    len(path) == len(one) and all(map(is_same, path, one)) for one in slot.paths()
                )
            ]
            if len(fitting) > 1:  # a name of a row is meant before a key inside of an input
                fitting = [slot for slot in fitting if all(map(is_same, path, (slot.name,)))]
            if len(fitting) == 1:
                return fitting[0]
        return None

    # One of several values ---------------------------------------------------------------------

    def _inside(self, given: Sequence[Any], what: str) -> Given | None:
        """Find the gradients among several values; None if there are none."""
        for has_to_fit in (True, False):
            fitting = list(self._candidates(given, what, has_to_fit))
            by_spelling = [one for one in fitting if self._is_spelled(given, one)]
            fitting = by_spelling if len(by_spelling) == 1 else fitting
            if len(fitting) > 1:
                raise TypeError(
                    f"{what} returned {len(given)} values, and more than one of them could be the "
                    f"gradients; return the gradients alone, or as {{'d{self.names[0]}': ...}}"
                )
            if fitting:
                return fitting[0]
        return None

    def _candidates(self, given: Sequence[Any], what: str, has_to_fit: bool) -> Iterator[Given]:
        numbered = list(enumerate(given))
        for place, one in numbered:
            is_alone = not is_structure(one)
            others = numbered[:place] + numbered[place + 1 :]
            if is_alone and not all(_is_aside(value) for _, value in others):
                continue
            yield from self._candidate(one, others, what, has_to_fit)
        count = len(self.slots)
        if count > 1:
            for start in range(len(given) - count + 1):
                part = given[start : start + count]
                others = numbered[:start] + numbered[start + count :]
                is_aside = all(_is_aside(value) for _, value in others)
                if others and is_aside and not any(map(is_structure, part)):
                    yield from self._candidate(list(part), others, what, has_to_fit)

    def _candidate(
        self, one: Any, others: Sequence[tuple[int, Any]], what: str, has_to_fit: bool
    ) -> Iterator[Given]:
        if one is None or isinstance(one, str):
            return
        try:
            read = self._direct(one, what)
            sizes = {name: np.size(values_of(value)) for name, value in read.found.items()}
        except (TypeError, ValueError):
            return
        expected = {slot.name: slot.array.size for slot in self.slots}
        if sizes.keys() == expected.keys() if has_to_fit else sizes:
            if has_to_fit and sizes != expected:
                return
            if not is_structure(one) and not has_to_fit and np.size(values_of(one)) == 1:
                return  # the cost
            yield Given(read.found, tuple(others), read.notes)

    def _is_spelled(self, given: Sequence[Any], read: Given) -> bool:
        """Whether gradients have names such as ``dW1``, and not those of the inputs."""
        left = {place for place, _ in read.left}
        used = [one for place, one in enumerate(given) if place not in left]
        if len(used) != 1 or not isinstance(used[0], Mapping):
            return False
        own = {key for slot in self.slots for path in slot.paths() for key in path[-1:]}
        return not any(path[-1] in own for path, _ in leaves_of(used[0]))


def is_structure(value: Any) -> bool:
    """Whether a value has several arrays; a list of numbers is one array.

    Examples
    --------
    >>> is_structure({"W": 1.0}), is_structure([[1.0], [2.0]]), is_structure([np.ones(2), 1.0])
    (True, False, True)
    """
    if isinstance(value, Mapping):
        return True
    if not isinstance(value, list | tuple):
        return False
    return any(
        (isinstance(one, np.ndarray | Tensor) and one.ndim > 0) or is_structure(one)
        for one in value
    )


def leaves_of(value: Any, whole: bool = False) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield what is in a structure, with its keys; with `whole`, a list is always a structure."""
    if isinstance(value, Mapping):
        parts: Any = value.items()
    elif is_structure(value) and hasattr(value, "_fields"):
        parts = zip(value._fields, value, strict=True)
    elif is_structure(value) or (whole and isinstance(value, list | tuple)):
        parts = enumerate(value)
    else:
        yield (), value
        return
    for key, part in parts:
        for path, leaf in leaves_of(part):
            yield (key, *path), leaf


def _size(value: Any) -> int | None:
    """Return how many elements an array of a value has; None if it is not an array."""
    try:
        return None if isinstance(value, Mapping) else int(np.size(values_of(value)))
    except (TypeError, ValueError):
        return None


def _is_equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _is_spelling(one: Any, of: Any) -> bool:
    """Whether a key is that of the gradient of another one.

    Examples
    --------
    >>> [_is_spelling(key, "W1") for key in ("dW1", "W1_grad", "W1", "dW2")]
    [True, True, True, False]
    """
    if not (isinstance(one, str) and isinstance(of, str)):
        return _is_equal(one, of)
    return one == of or any(one == spelling.format(of) for spelling in _SPELLINGS)


def _is_gradients(key: str) -> bool:
    return key.startswith(("d", "g", "∂")) or "grad" in key


def _is_aside(value: Any) -> bool:
    """Whether a value next to gradients cannot be taken for one."""
    if value is None or isinstance(value, str) or is_structure(value):
        return True
    return isinstance(value, int | float | np.generic) or (
        isinstance(value, np.ndarray | Tensor) and value.size == 1
    )


def _text(path: Any) -> str:
    return ".".join(clean(key) for key in path)

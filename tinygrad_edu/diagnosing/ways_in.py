"""The inputs of a check in any form: arrays, structures of them, an unrolled theta, whole numbers.

Each array that is differentiated becomes a row of the report, with a name. How gradients are read
is in `gradient_forms`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..leaving import values_of
from ..ops import concatenate
from ..tensor import Tensor
from ..texts import clean, shape_text
from .arguments import names_of
from .gradient_forms import Forms, Given, Slot, is_structure, leaves_of

__all__ = ["Inputs", "copied"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A piece of an unrolled theta."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        return self.start + int(np.prod(self.shape, dtype=int))


class Inputs:
    """What a function is checked with.

    Parameters
    ----------
    f : callable
        The names of its parameters are those of the inputs.
    inputs : sequence
        Arrays, or structures of arrays.
    names : sequence of str, optional
        One for each input, or one for each array that is differentiated.
    shapes : mapping or sequence, optional
        The parts of an unrolled theta.
    only : sequence of int, optional
        The places of the inputs that are differentiated; by default all.

    Attributes
    ----------
    roots : list of str
        The names of the inputs.
    point : dict of str to ndarray
        Each array that is differentiated, in float64.
    notes : list of str
        What was done to the inputs.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: Sequence[Any],
        names: Sequence[str] | None = None,
        shapes: Any = None,
        only: Sequence[int] | None = None,
    ) -> None:
        self.f, self.given, self.notes = f, list(inputs), list[str]()
        self.only = range(len(self.given)) if only is None else only
        self._found = list(self._differentiated("f")) or self._integers()
        of_leaves = None
        if names is not None and len(names) != len(self.given) and len(names) == len(self._found):
            of_leaves, names = names_of(f, names, len(names)), None
        self.roots = names_of(f, names, len(self.given))
        shown = of_leaves or _names(self.roots, [place for place, _ in self._found])
        self.slots = [
            Slot(name, self.roots[place[0]], place, array)
            for name, (place, array) in zip(shown, self._found, strict=True)
        ]
        has_structures = any(len(slot.place) > 1 for slot in self.slots)
        self.forms = Forms(self.slots, has_structures, f)
        self.parts: list[_Part] = []
        self.point = {slot.name: slot.array for slot in self.slots}
        if shapes is not None:
            self._cut(shapes)

    def _differentiated(self, kinds: str) -> Iterator[tuple[tuple[Any, ...], Array]]:
        for place in self.only:
            for path, value in leaves_of(self.given[place]):
                array = _numeric(value) if path else values_of(value)
                if array is not None and array.dtype.kind in kinds:
                    yield (place, *path), array.astype(np.float64)

    def _integers(self) -> list[tuple[tuple[Any, ...], Array]]:
        """Return the whole numbers, where nothing else can be differentiated."""
        found = list(self._differentiated("iu"))
        if not found:
            arrays = [_numeric(value) for one in self.given for _, value in leaves_of(one)]
            kinds = ", ".join("no numbers" if a is None else a.dtype.name for a in arrays)
            raise ValueError(f"no input of a floating dtype, found {kinds}; write 3.0 for 3")
        self.notes.append("all inputs are whole numbers, so they were used as float64")
        return found

    # An unrolled theta ------------------------------------------------------------------------

    def _cut(self, shapes: Any) -> None:
        """Cut theta into parts, each a row of the report."""
        if len(self.slots) != 1 or len(self.slots[0].place) > 1:
            found = ", ".join(self.point)
            raise ValueError(
                f"shapes= takes one input of floating numbers, theta, found {found}; write the "
                "others as whole numbers, or as variables of f"
            )
        (theta,) = self.slots
        self.parts = _parts_of(theta.name, shapes)
        total, size = self.parts[-1].stop if self.parts else 0, theta.array.size
        if total != size:
            sizes = " + ".join(str(one.stop - one.start) for one in self.parts)
            raise ValueError(
                f"shapes= add up to {sizes} = {total} elements, but {theta.name} has {size}; write "
                "one shape for each part, in the order in which they are unrolled"
            )
        flat = theta.array.reshape(-1)
        self.point = {
            one.name: flat[one.start : one.stop].reshape(one.shape).copy() for one in self.parts
        }

    # Arguments --------------------------------------------------------------------------------

    def tensors(self, leaves: Mapping[str, Tensor]) -> list[Any]:
        """Return the arguments of f, with tensors."""
        if self.parts:
            (theta,) = self.slots
            joined = concatenate([leaves[one.name].reshape(-1) for one in self.parts])
            return self._filled({theta.place: joined.reshape(theta.array.shape)}, _as_it_is)
        return self._filled({slot.place: leaves[slot.name] for slot in self.slots}, _as_it_is)

    def arrays(self) -> list[Any]:
        """Return the arguments of a function of arrays."""
        return self._filled({slot.place: slot.array.copy() for slot in self.slots}, copied)

    def _filled(
        self, values: Mapping[tuple[Any, ...], Any], other: Callable[[Any], Any]
    ) -> list[Any]:
        return [_rebuilt(one, (place,), values, other) for place, one in enumerate(self.given)]

    # Gradients --------------------------------------------------------------------------------

    def gradients(self, given: Any, what: str = "my_gradients") -> dict[str, Any]:
        """Read gradients in any form, by name."""
        return self.read(given, what).found

    def read(self, given: Any, what: str = "my_gradients", inside: bool = False) -> Given:
        """Read gradients in any form; `inside`, they are one of several values."""
        read = self.forms.inside(given, what) if inside else self.forms.read(given, what)
        return Given(self._in_parts(read.found), read.left, read.notes) if self.parts else read

    def _in_parts(self, found: Mapping[str, Any]) -> dict[str, Any]:
        (theta,) = self.slots
        if theta.name not in found:
            return {}
        flat = np.asarray(values_of(found[theta.name]))
        if flat.size != theta.array.size:
            raise ValueError(
                f"the gradient of {theta.name} has shape {shape_text(flat.shape)}, expected "
                f"{shape_text(theta.array.shape)}; unroll the parts in the order of shapes="
            )
        flat = flat.reshape(-1)
        return {one.name: flat[one.start : one.stop].reshape(one.shape) for one in self.parts}


def _as_it_is(value: Any) -> Any:
    return value


def copied(value: Any) -> Any:
    """Copy an argument that is not differentiated: as an array, where it can be one."""
    array = _numeric(value)
    return value if array is None else np.array(array)


def _numeric(value: Any) -> Array | None:
    """Return an array of numbers, or None where a value is something else, such as a text."""
    if value is None or isinstance(value, str | bytes) or callable(value):
        return None
    try:
        array: object = values_of(value)
    except (TypeError, ValueError):
        return None
    return array if isinstance(array, np.ndarray) and array.dtype.kind in "fiub" else None


def _rebuilt(
    value: Any,
    place: tuple[Any, ...],
    values: Mapping[tuple[Any, ...], Any],
    other: Callable[[Any], Any],
) -> Any:
    """Rebuild an input with other values at some places."""
    if not is_structure(value):
        return values[place] if place in values else other(value)
    if isinstance(value, Mapping):
        return {key: _rebuilt(one, (*place, key), values, other) for key, one in value.items()}
    keys = getattr(value, "_fields", range(len(value)))
    parts = [
        _rebuilt(one, (*place, key), values, other) for key, one in zip(keys, value, strict=True)
    ]
    if isinstance(value, list):
        return parts
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def _parts_of(theta: str, shapes: Any) -> list[_Part]:
    """Read the shapes of the parts of theta."""
    if isinstance(shapes, Mapping):
        pairs = [(clean(name), shape) for name, shape in shapes.items()]
    else:
        pairs = [(f"{theta}[{n}]", shape) for n, shape in enumerate(shapes)]
    found: list[_Part] = []
    for name, shape in pairs:
        sizes = shape if isinstance(shape, tuple | list) else (shape,)
        if any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0 for n in sizes):
            raise ValueError(f"shapes=: {name} has the shape {shape!r}; write such as (25, 401)")
        start = found[-1].stop if found else 0
        found.append(_Part(name, tuple(map(int, sizes)), start))
    return found


def _names(roots: Sequence[str], places: Sequence[tuple[Any, ...]]) -> list[str]:
    """Name arrays by their keys, and by the name of the input where that is needed."""
    whole = [roots[place[0]] + "".join(map(_step, place[1:])) for place in places]
    short = [
        "".join(map(_step, place[1:])).removeprefix(".")
        if len(place) > 1 and isinstance(place[1], str)
        else full
        for place, full in zip(places, whole, strict=True)
    ]
    taken = {roots[place[0]] for place in places if len(place) == 1}
    return [
        full if short.count(one) > 1 or one in taken else one
        for one, full in zip(short, whole, strict=True)
    ]


def _step(key: Any) -> str:
    return f".{clean(key)}" if isinstance(key, str) else f"[{clean(repr(key))}]"

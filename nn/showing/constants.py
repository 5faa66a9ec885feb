"""Writes the constants of a recorded step, and finds those that depend on the number of rows.

A step is recorded with two batches of different sizes. A number that is 0.1 with ten rows and 1/11
with eleven is ``1 / n``. Which calls use the constants is not known here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ShowError

__all__ = ["Constants", "Varies", "number_text"]

_MOST_LITERALS = 64


class Varies(Exception):
    """A constant differs between the two recordings in a way that has no short formula."""


def number_text(value: Any) -> str:
    """Write a number, shortest; NumPy's numbers as Python's.

    Examples
    --------
    >>> import numpy as np
    >>> number_text(np.float32(0.1)), number_text(-2), number_text(float("inf"))
    ('0.1', '-2', 'np.inf')
    >>> number_text(1 - 0.9)
    '(1 - 0.9)'
    """
    if isinstance(value, np.generic):
        value = float(str(value)) if value.dtype.kind == "f" else value.item()
    text = repr(value)
    rest = round(1 - value, 9) if isinstance(value, float) and abs(value) < 1 else 0
    if len(text) > 12 and 1 - rest == value:
        return f"(1 - {rest!r})"
    return {"inf": "np.inf", "-inf": "-np.inf", "nan": "np.nan"}.get(text, text)


class Constants:
    """Writes pairs of constants, one of each recording.

    Parameters
    ----------
    rows : (int, int)
        The number of rows of the two batches. If they are equal, nothing depends on it.
    """

    def __init__(self, rows: tuple[int, int]) -> None:
        self.rows = rows
        self.uses_n = False

    def __call__(self, one: Any, two: Any, weak: Any = None) -> str:
        """Write a constant.

        Parameters
        ----------
        one, two : object
            Its values in the two recordings.
        weak : dtype, optional
            Where it is used with arrays of this dtype, which its own dtype then does not change.
        """
        if type(one) is not type(two):
            raise Varies
        if isinstance(one, bool | str | type(None) | type(...)):
            if one != two:
                raise Varies
            return "..." if one is ... else f'"{one}"' if isinstance(one, str) else repr(one)
        if isinstance(one, np.dtype | type):
            return f"np.{np.dtype(one).name.replace('bool', 'bool_').replace('bool__', 'bool_')}"
        if isinstance(one, np.ndarray) and one.ndim:
            return self._array(one, two)
        if isinstance(one, np.ndarray):
            one, two = one[()], two[()]
        if isinstance(one, int | float | np.generic):
            return self._number(one, two, weak)
        raise ShowError(f"a constant of the step, a {type(one).__name__}, has no text in NumPy")

    def _number(self, one: Any, two: Any, weak: Any) -> str:
        if one == two or (one != one and two != two):
            text = number_text(one)
        else:
            text = self._of_rows(one, two)
        kind = getattr(one, "dtype", None)
        if kind is None or kind == weak or (weak is None and kind.kind in "iu"):
            return text
        return f"np.{kind.name}({text})"

    def _of_rows(self, one: Any, two: Any) -> str:
        """Write a number as a multiple of n, or as a fraction with n below."""
        n, m = self.rows
        if n == m:
            raise Varies
        self.uses_n = True
        if isinstance(one, int | np.integer):
            factor = int(one) // n
            if factor and (one, two) == (factor * n, factor * m):
                return "n" if factor == 1 else f"{factor} * n"
            raise Varies
        kind, times = type(one), float(one) * n
        below = round(1 / times) if times else 0
        if below > 1 and kind(1 / (below * n)) == one and kind(1 / (below * m)) == two:
            return f"1 / ({below} * n)"
        for above in (round(times, 6), times):
            if above and kind(above / n) == one and kind(above / m) == two:
                return f"{number_text(int(above) if above == int(above) else above)} / n"
        raise Varies

    def shape(self, one: tuple[int, ...], two: tuple[int, ...], is_tuple: bool = False) -> str:
        """Write a shape; of one axis, as a number if a tuple is not needed.

        Parameters
        ----------
        one, two : tuple of int
            The shape in the two recordings.
        is_tuple : bool
            Whether a tuple is needed.

        Returns
        -------
        str
        """
        parts = [self._number(a, b, None) for a, b in zip(one, two, strict=True)]
        if len(parts) == 1:
            return f"({parts[0]},)" if is_tuple else parts[0]
        return f"({', '.join(parts)})"

    def _array(self, one: NDArray[Any], two: NDArray[Any]) -> str:
        """Write an array: equal elements, counting, a triangle, or all its elements."""
        if one.ndim != two.ndim or one.dtype != two.dtype:
            raise Varies
        shape, kind = self.shape(one.shape, two.shape), f"np.{one.dtype.name}"
        first, second = one.flat[:1], two.flat[:1]
        if one.size and (one == first).all() and (two == second).all():
            value = first[0]
            if first == second and value in (0, 1) and not np.signbit(value):
                return f"np.{'ones' if value else 'zeros'}({shape}, {kind})"
            return f"np.full({shape}, {self._number(value, second[0], one.dtype)}, {kind})"
        for make in (_counted, _triangle):
            found = make(one, two)
            if found is not None:
                return str(found(self, shape, kind))
        is_same = one.shape == two.shape and np.array_equal(one, two)
        if is_same and one.ndim == 1 and _runs(one).size * 3 < one.size:
            starts = _runs(one)
            values = ", ".join(number_text(value) for value in one[starts])
            counts = np.diff([*starts, one.size]).tolist()
            return f"np.repeat(np.array([{values}], {kind}), {counts})"
        if is_same and one.size <= _MOST_LITERALS:
            return f"np.array({_nested(one)}, {kind})"
        if is_same:
            raise ShowError(
                f"the step uses a constant array of shape {one.shape}, too long for a text; make "
                "it a buffer of the network"
            )
        raise Varies


def _runs(array: NDArray[Any]) -> NDArray[Any]:
    """Return where the runs of equal elements start."""
    return np.flatnonzero(np.concatenate([[True], array[1:] != array[:-1]]))


def _nested(array: NDArray[Any]) -> str:
    if not array.ndim:
        return number_text(array[()])
    return f"[{', '.join(map(_nested, array))}]"


def _counted(one: NDArray[Any], two: NDArray[Any]) -> Any:
    """Recognise 0, k, 2 k, ... along one axis."""
    if one.dtype.kind not in "iu" or max(one.shape) != one.size or one.size < 2:
        return None
    step = int(one.flat[1]) - int(one.flat[0])
    if not all(np.array_equal(a.ravel(), step * np.arange(a.size)) for a in (one, two)):
        return None

    def text(constants: Constants, shape: str, kind: str) -> str:
        size = constants._number(one.size, two.size, None)
        factor = "" if step == 1 else f"{step} * "
        ending = "" if one.ndim == 1 else f".reshape({shape[1:-1]})"
        of_kind = "" if one.dtype == np.int64 else f", dtype={kind}"
        counted = f"np.arange({size}{of_kind})"
        return f"{factor}{counted}{ending}"

    return text


def _triangle(one: NDArray[Any], two: NDArray[Any]) -> Any:
    """Recognise the lower triangle of ones, the causal mask."""
    if one.ndim != 2 or one.shape != two.shape or not np.array_equal(one, two):
        return None
    if not np.array_equal(one, np.tri(*one.shape, dtype=one.dtype)):
        return None
    return lambda constants, shape, kind: f"np.tri({shape[1:-1]}, dtype={kind})"

"""How names, numbers and columns are written as text: printable, rounded, and shortened.

All functions return text. Escaping for a file format happens where the file is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "aligned",
    "clean",
    "columns",
    "contribution_text",
    "dtype_text",
    "euclidean_norm",
    "fits_a_box",
    "gradient_text",
    "number_text",
    "printable",
    "shape_text",
    "value_rows",
]

LITERAL_SIZE = 24  # a batch of 8 rows of 3 numbers is still shown number by number
_ALWAYS_LITERAL = 9
_MOST_ROWS, _MOST_COLUMNS, _MOST_IN_A_ROW = 8, 6, 12  # or boxes would be too high or too wide
FULL_SIZE = 64  # as much as fits into a readable box
LARGEST_COUNTED = 10_000_000  # beyond this, statistics take longer than the picture
_NUMBERS_IN_A_LINE = 5
_LONGEST_LINE = 40

_LINE_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]+")
# Control characters and lone surrogates make a file ill-formed; the others (bidirectional marks,
# zero-width characters, tags) are invisible and can make two names look the same.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_WHOLE_PART = re.compile(r"-?\d+")


def clean(text: object, limit: int = 40) -> str:
    r"""Make any text printable: one line, not longer than `limit`.

    Parameters
    ----------
    text : object
        Anything that is not text is converted.
    limit : int
        The number of characters to keep; a longer text loses its middle.

    Examples
    --------
    >>> clean("  learning\n rate\t")
    'learning rate'
    >>> clean("encoder.block.attention.weight", limit=17)
    'encoder.…n.weight'
    """
    text = str(text)
    if len(text) > 8 * limit:  # do not search a megabyte
        text = text[: 4 * limit] + text[-4 * limit :]
    text = _UNPRINTABLE.sub("\ufffd", _LINE_BREAKS.sub(" ", text))
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    half = (limit - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def printable(text: str) -> str:
    r"""Replace what cannot be printed, and keep lines and blanks.

    Examples
    --------
    >>> printable("a\x00b\n  c")
    'a\ufffdb\n  c'
    """
    return "\n".join(_UNPRINTABLE.sub("\ufffd", line) for line in text.split("\n"))


def number_text(value: Any) -> str:
    """Write one number: four digits; integers and booleans in full; zero has no sign.

    Examples
    --------
    >>> number_text(-0.693147), number_text(7), number_text(float("nan"))
    ('-0.6931', '7', 'NaN')
    """
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer) and abs(int(value)) < 10**9:
        return str(int(value))
    value = float(value) + 0.0  # turns -0 into 0
    return "NaN" if value != value else format(value, ".4g")


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as NumPy does: ``(64, 10)``."""
    return str(tuple(int(size) for size in shape))


def dtype_text(dtype: np.dtype[Any]) -> str:
    """Write a dtype in three letters: ``f64``, ``i32``; ``bool`` in four."""
    return "bool" if dtype.kind == "b" else f"{dtype.kind}{8 * dtype.itemsize}"


def value_rows(
    array: NDArray[Any], detail: str = "auto"
) -> tuple[tuple[tuple[str, str], ...], str]:
    """Describe the values of an array, and count those that are not finite.

    Parameters
    ----------
    array : ndarray
    detail : {"auto", "full", "stats", "shape", "none"}
        ``"auto"`` shows up to 24 numbers where they fit into a box, and statistics of more;
        ``"full"`` shows up to 64 numbers, ``"stats"`` only single numbers, ``"shape"`` no values,
        ``"none"`` nothing.

    Returns
    -------
    rows : tuple of (label, text)
        All numbers if they are few, else statistics. A text can have several lines.
    warning : str
        Such as ``"2 NaN, 1 inf"``; empty if all numbers are finite.

    Examples
    --------
    >>> value_rows(np.array([1.0, np.nan]))
    ((('data', '[1 NaN]'),), '1 NaN')
    """
    shape = ("shape", f"{shape_text(array.shape)} · {dtype_text(array.dtype)}")
    if detail in ("shape", "none"):
        return (shape,) if detail == "shape" else (), ""
    most = {"full": FULL_SIZE, "stats": 1}.get(detail)
    if fits_a_box(array) if most is None else _is_short(array, most):
        return (("data", _literal(array)),), _not_finite(array)
    if array.size == 0:
        return (shape, ("data", "no elements")), ""
    if array.size > LARGEST_COUNTED:
        return (shape, ("data", "stats skipped")), ""
    warning = _not_finite(array)
    which = ""
    if warning:
        array, which = array[np.isfinite(array)], "finite "
        if not array.size:
            return (shape,), warning
    extent = f"{number_text(array.min())} … {number_text(array.max())}"
    with np.errstate(all="ignore"):
        mean = number_text(array.mean(dtype=np.float64))
    return (shape, (f"{which}mean", mean), (f"{which}range", extent)), warning


def gradient_text(array: NDArray[Any] | None, requires_grad: bool) -> tuple[str, str, str]:
    """Describe a gradient: its text, its norm if there is one, and a warning.

    No gradient, a gradient that was never computed, and one that is zero are easily confused, so
    their texts differ.

    Examples
    --------
    >>> gradient_text(None, True)[0], gradient_text(np.zeros(3), True)[0]
    ('not computed', '0 (all zero)')
    """
    if array is None:
        return ("not computed" if requires_grad else "none (constant)"), "", ""
    if array.size == 0:
        return "no elements", "", ""
    if array.size > LARGEST_COUNTED:
        return "stats skipped", "", ""
    if not array.any():
        return "0 (all zero)", "0", ""
    warning, norm = _not_finite(array), number_text(euclidean_norm(array))
    if fits_a_box(array):
        return _literal(array), norm, warning
    return f"‖g‖ {norm}, max {number_text(np.abs(array).max())}", norm, warning


def contribution_text(array: Any) -> str:
    """Write a contribution to a gradient: a number with its sign, or a norm.

    Examples
    --------
    >>> contribution_text(np.array(3.0)), contribution_text(np.array([3.0, 4.0]))
    ('+3', '‖·‖ 5')
    """
    array = np.asarray(array)
    if array.size == 1:
        text = number_text(array.reshape(-1)[0])
        return text if text[0] in "-N" else f"+{text}"
    if array.size == 0 or array.size > LARGEST_COUNTED:
        return ""
    return f"‖·‖ {number_text(euclidean_norm(array))}"


def fits_a_box(array: NDArray[Any]) -> bool:
    """Return whether an array is shown number by number where there is little room.

    Examples
    --------
    >>> fits_a_box(np.zeros((4, 3))), fits_a_box(np.zeros((2, 12))), fits_a_box(np.zeros(12))
    (True, False, True)
    """
    if _is_short(array, _ALWAYS_LITERAL):
        return True
    if array.ndim == 2:
        fits = len(array) <= _MOST_ROWS and array.shape[1] <= _MOST_COLUMNS
    else:
        fits = array.size <= _MOST_IN_A_ROW
    return fits and _is_short(array, LITERAL_SIZE)


def _is_short(array: NDArray[Any], most: int) -> bool:
    return array.size == 1 or (0 < array.size <= most and array.ndim <= 2)


def _literal(array: NDArray[Any]) -> str:
    """Write all numbers in brackets, as NumPy does, in columns with one point below the other."""
    texts = [number_text(value) for value in array.reshape(-1)]
    if array.size == 1:
        return "[" * array.ndim + texts[0] + "]" * array.ndim
    columns = array.shape[-1]
    rows = [texts[i : i + columns] for i in range(0, len(texts), columns)]
    is_matrix = len(rows) > 1 and columns <= _MOST_COLUMNS
    lines = [" ".join(row) if is_matrix else _wrapped(row) for row in aligned(rows)]
    if array.ndim == 1:
        return f"[{lines[0]}]"
    body = "]\n [".join(line.replace("\n ", "\n  ") for line in lines)
    return f"[[{body}]]"


def _wrapped(texts: list[str]) -> str:
    """Write the numbers of one row, on several lines if one would be too long."""
    if sum(map(len, texts)) + len(texts) <= _LONGEST_LINE:
        return " ".join(texts)
    step = _NUMBERS_IN_A_LINE
    lines = aligned([texts[i : i + step] for i in range(0, len(texts), step)])
    return "\n ".join(map(" ".join, lines))


def aligned(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Align numbers that are below each other at their decimal points.

    Parameters
    ----------
    rows : sequence of sequence of str
        Numbers as text; the last rows may be shorter.

    Examples
    --------
    >>> for row in aligned([["-2.5", "7"], ["10", "-0.25"]]):
    ...     print(row)
    ['-2.5', ' 7   ']
    ['10  ', '-0.25']
    """
    split = [[_at_the_point(text) for text in row] for row in rows]
    columns = [[part for part in column if part] for column in zip_longest(*split)]
    widths = [[max(len(part[side]) for part in column) for side in (0, 1)] for column in columns]
    return [
        [
            left.rjust(before) + right.ljust(after)
            for (left, right), (before, after) in zip(row, widths, strict=False)
        ]
        for row in split
    ]


def _at_the_point(text: str) -> tuple[str, str]:
    """Split a number before its decimal point, or before its exponent; other text has one part."""
    found = _WHOLE_PART.match(text)
    end = found.end() if found else len(text)
    return text[:end], text[end:]


def _not_finite(array: NDArray[Any]) -> str:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return ""
    counts = {"NaN": np.isnan(array).sum(), "inf": np.isinf(array).sum()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def euclidean_norm(array: NDArray[Any]) -> float:
    """Compute the Euclidean norm without overflow.

    Examples
    --------
    >>> euclidean_norm(np.array([3.0, 4.0]))
    5.0
    """
    largest = float(np.abs(array).max(initial=0.0))
    if not np.isfinite(largest) or largest == 0:
        return largest
    scaled = array.astype(np.float64) / largest
    return largest * float(np.sqrt(np.sum(scaled * scaled)))


def columns(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Collection[int] = (),
    gap: str = "  ",
) -> list[str]:
    """Lay texts out in columns, with a ruler under the header.

    Parameters
    ----------
    header : sequence of str
    rows : iterable of sequence of str
        A cell may have several lines.
    numbers : collection of int
        The columns that are aligned right.
    gap : str
        What separates the columns; with blanks alone, lines have no blanks at their end.

    Returns
    -------
    list of str
        The lines.

    Examples
    --------
    >>> columns(["name", "size"], [["W", "6"]])
    ['name  size', '----  ----', 'W     6']
    """
    lines = [line for row in (header, *rows) for line in zip_longest(*_cells(row), fillvalue="")]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    height = max(len(cell) for cell in _cells(header))
    lines.insert(height, tuple("-" * width for width in widths))
    joined = [gap.join(_aligned(line, widths, numbers)) for line in lines]
    return joined if gap.strip() else [line.rstrip() for line in joined]


def _cells(row: Sequence[str]) -> list[list[str]]:
    return [text.split("\n") for text in row]


def _aligned(line: Sequence[str], widths: Sequence[int], numbers: Collection[int]) -> list[str]:
    gaps = [" " * (width - _width(text)) for text, width in zip(line, widths, strict=True)]
    return [
        gap + text if column in numbers else text + gap
        for column, (text, gap) in enumerate(zip(line, gaps, strict=True))
    ]


def _width(text: str) -> int:
    """Count the places of a line that a text takes: none for the hat of x̂."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(not unicodedata.combining(one) for one in text)

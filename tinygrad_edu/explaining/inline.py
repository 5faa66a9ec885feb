"""Writes formulas, arrays and gradients as parts of a line. It computes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..documents import Inline, code
from ..texts import clean, fits_a_box, gradient_text, shape_text, value_rows
from .latex import symbol

__all__ = ["formula", "gradient", "values"]


def formula(text: str, latex: str = "") -> Inline:
    r"""Write a formula, or a name in one, which a notebook typesets.

    Examples
    --------
    >>> formula("x").latex, formula("a / b", r"\frac{a}{b}").text
    ('x', 'a / b')
    """
    text = clean(text, limit=400)
    return Inline(text, latex or symbol(text))


def values(array: Any) -> Inline:
    """Write an array: a few numbers one by one, many as shape, mean and range.

    Examples
    --------
    >>> values([1.0, 2.0]).text
    'shape (2,): [1 2]'
    """
    array = np.asarray(array)
    rows, warning = value_rows(array)
    if len(rows) == 1 and rows[0][0] == "data":
        shape = f"shape {shape_text(array.shape)}: " if array.ndim else ""
        text = shape + rows[0][1].replace("\n", "\n" + " " * len(shape))
    else:
        text = ", ".join(" ".join(row) for row in rows)
    return code(f"{text} ({warning})" if warning and array.size > 1 else text)


def gradient(array: Any) -> Inline:
    """Write a gradient: many numbers as their norm; a gradient that is zero everywhere says so.

    Examples
    --------
    >>> gradient([0.0, 0.0]).text
    'shape (2,): 0 (all zero)'
    """
    array = np.asarray(array)
    if array.size > 1:
        text, _, warning = gradient_text(array, True)
        if not array.any() or not fits_a_box(array):
            text += f" ({warning})" if warning else ""
            return code(f"shape {shape_text(array.shape)}: {text}")
    return values(array)

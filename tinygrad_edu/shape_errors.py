"""Explains shape mismatches: which axis is wrong, with the shapes aligned below each other.

It creates the errors; operations raise them, before they compute anything.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np

__all__ = ["aligned", "broadcasting", "explain_shape_error", "matrix_product"]

Shape: TypeAlias = tuple[int, ...]


def aligned(rows: Sequence[tuple[str, Shape, Collection[int]]]) -> str:
    """Write shapes below each other, last axis below last axis, with marks below some axes.

    Parameters
    ----------
    rows : sequence of (str, tuple of int, collection of int)
        The label, the shape, and the axes to mark, counted from the end: -1, -2, ...

    Examples
    --------
    >>> print(aligned([("x", (2, 3), []), ("y", (4,), [-1])]))
        x  2  3
        y     4
              ^
    """
    ndim = max(len(shape) for _, shape, _ in rows)
    widest = max(len(label) for label, _, _ in rows)
    cells = [[""] * (ndim - len(shape)) + [str(n) for n in shape] for _, shape, _ in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(ndim)]
    lines = []
    for (label, _, marked), row in zip(rows, cells, strict=True):
        lines.append([f"    {label:<{widest}}", *map(str.rjust, row, widths)])
        if marked:
            marks = ["^" if i - ndim in marked else "" for i in range(ndim)]
            lines.append(["    " + " " * widest, *map(str.rjust, marks, widths)])
    return "\n".join("  ".join(line).rstrip() for line in lines)


def broadcasting(labels: Sequence[str], shapes: Sequence[Shape], skip: int = 0) -> str | None:
    """Explain why shapes do not broadcast; None if they do.

    Two sizes along an axis fit if they are equal, or if one of them is 1.

    Parameters
    ----------
    labels : sequence of str
        The names of the operands.
    shapes : sequence of tuple of int
        Their shapes.
    skip : int
        The number of last axes to skip: 2 in a matrix product.
    """
    ndim = max(len(shape) for shape in shapes)
    for axis in range(-1 - skip, -ndim - 1, -1):
        sizes = dict.fromkeys(shape[axis] for shape in shapes if len(shape) >= -axis)
        sizes.pop(1, None)
        if len(sizes) > 1:
            listed = " and ".join(map(str, shapes))
            rows = [(label, shape, ()) for label, shape in zip(labels, shapes, strict=True)]
            rows[-1] = (*rows[-1][:2], (axis,))  # type: ignore[assignment]
            return (
                f"shapes {listed} do not broadcast: along axis {axis} they have sizes "
                f"{' and '.join(map(str, sizes))}, which must be equal, or 1\n{aligned(rows)}"
            )
    return None


def matrix_product(x: Shape, y: Shape) -> str:
    """Explain why two shapes have no matrix product."""
    problem = f"shapes {x} and {y} do not fit: "
    if not x or not y:
        return f"{problem}an operand cannot be a number; multiply by a number with *"
    inner = -2 if len(y) > 1 else -1
    if x[-1] != y[inner]:
        which = "the second to last" if inner == -2 else "the last"
        picture = aligned([("x", x, [-1]), ("y", y, [inner])])
        return (
            f"{problem}the last axis of x has size {x[-1]}, {which} of y has size {y[inner]}, "
            f"and they must be equal\n{picture}"
        )
    return broadcasting(["x", "y"], [x, y], skip=2) or problem


def explain_shape_error(
    name: str, labels: Sequence[str], shapes: Sequence[Shape], error: ValueError
) -> ValueError:
    """Add the operation, the shapes and an explanation to a shape error of NumPy.

    Parameters
    ----------
    name : str
        The operation.
    labels : sequence of str
        The names of its operands.
    shapes : sequence of tuple of int
        Their shapes.
    error : ValueError
        NumPy's error.
    """
    text = str(error)
    if "axis" in text and ("duplicate" in text or "repeated" in text):
        return np.exceptions.AxisError(f"{name}: an axis is repeated (shapes {shapes})")
    if text.startswith("operands could not be broadcast"):
        text = broadcasting(labels, shapes) or text
    if "shape" not in text:
        text += f" (shapes {str(list(shapes))[1:-1]})"
    return ValueError(text if text.startswith(name) else f"{name}: {text}")

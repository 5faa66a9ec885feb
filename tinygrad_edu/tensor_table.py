"""Shows a tensor in a notebook: its origin, its numbers, and its gradient next to them.

Small arrays are shown in full; of large arrays, a corner and statistics. How a number is written is
decided in `texts.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .documents import Inline, Line, Section, Table, code, fragment, name, or_none
from .texts import gradient_text, number_text, shape_text, value_rows

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["tensor_document", "tensor_html"]

_ROWS, _COLUMNS, _FIRST = 4, 5, 8  # how much of a large array is shown number by number


def tensor_html(tensor: Tensor) -> str | None:
    """Return the HTML of a tensor, or None if it cannot be shown.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> "not computed" in tensor_html(Tensor([1.0, 2.0], requires_grad=True))
    True
    """
    return or_none(lambda: fragment(tensor_document(tensor)))


def tensor_document(tensor: Tensor) -> Section:
    """Describe a tensor: its origin, shape and dtype, its numbers and its gradient.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> from tinygrad_edu.documents import as_text
    >>> print(as_text(tensor_document(Tensor([1.0, 2.0]))))
    Tensor
    shape (2,) · float64 · requires_grad=False
    <BLANKLINE>
            data   gradient
    ------  -----  ---------------
    values  [1 2]  none (constant)
    """
    title: list[Inline | str] = ["Tensor"]
    if tensor.name:
        title += [" ", name(tensor.name)]
    if tensor.node is not None:
        made = tensor.node.primitive
        title += [", the result of ", name(made.name)]
        title += [": ", name(f"out = {made.formula}")] if made.formula else []
    facts = f"shape {shape_text(tensor.shape)} · {tensor.dtype} · "
    facts += f"requires_grad={tensor.requires_grad}"
    data = _values(tensor.data)
    gradient = _gradient(tensor, first=next(iter(data)))
    rows: list[list[Line]] = [
        [label, code(data.get(label, "")), code(gradient.get(label, ""))]
        for label in data | gradient
    ]
    return Section(title, (facts, Table(["", "data", "gradient"], rows)))


def _values(array: NDArray[Any]) -> dict[str, str]:
    """Describe an array, row by row: its numbers first."""
    rows, warning = value_rows(array)
    texts = dict(rows)
    shape = texts.pop("shape", None)
    if shape is None or array.size == 0:  # all numbers, or the remark that there are none
        described = {"values": texts["data"]}
    else:
        described = {_part(array): _corner(array)}
        for key, text in texts.items():  # "data" is the reason why there are no statistics
            is_finite = key.startswith("finite ")
            label = "statistics" if key == "data" else key.removeprefix("finite ")
            described[label] = f"{text} (of the finite)" if is_finite else text
    if warning and array.size > 1:
        described["not finite"] = warning
    return described


def _gradient(tensor: Tensor, first: str) -> dict[str, str]:
    """Describe the gradient of a tensor in the same rows; a remark is in the first."""
    gradient = tensor.grad
    text, norm, _ = gradient_text(gradient, tensor.requires_grad)
    if gradient is None or norm == "0":  # a remark: not computed, or zero
        return {first: text}
    described = _values(gradient)
    if norm and gradient.size > 1:
        described["norm"] = norm
    return described


def _part(array: NDArray[Any]) -> str:
    """Return which part of a large array is shown."""
    if array.ndim == 1:
        return "first"
    leading = "0, " * (array.ndim - 2)
    return f"corner of [{leading}:, :]" if leading else "corner"


def _corner(array: NDArray[Any]) -> str:
    """Write the first numbers of an array in columns, and dots where there are more."""
    plane = array.reshape(1, -1) if array.ndim == 1 else array[(0,) * (array.ndim - 2)]
    columns = _FIRST if array.ndim == 1 else _COLUMNS
    lines = [[number_text(value) for value in row[:columns]] for row in plane[:_ROWS]]
    width = max(len(text) for line in lines for text in line)
    more = "  …" if plane.shape[1] > columns else ""
    written = ["  ".join(text.rjust(width) for text in line) + more for line in lines]
    if len(plane) > _ROWS:
        written.append("…".rjust(width))
    return "\n".join(written)

"""How things show themselves in a notebook: the table of a tensor, and the parts of other tables.

A table inherits its colours, so it can be read in light and dark notebooks; it has no script, no
id, and refers to nothing outside. Whoever shows one gives None where it fails: then the notebook
shows the plain text.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["code", "grid", "or_none", "page", "table", "tensor_table", "words"]

Parameters = ParamSpec("Parameters")

_ROWS, _COLUMNS, _FIRST = 4, 5, 8  # how much of a large array is shown number by number
# The line is a grey that is seen on white and on black; text has the colour of the notebook.
_LINE = "border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.5)"
_CELL = f"{_LINE}; padding: 0.25em 0.6em; vertical-align: top; white-space: nowrap; text-align: "
# Notebooks set <pre> in the type of the text around it, in which columns would not stand straight.
_GRID = "font-family: monospace; white-space: pre; margin: 0; padding: 0; border: 0"
_GRID += "; background: transparent"


def words(text: str) -> str:
    """Write words of this package as HTML."""
    return html.escape(text)


def code(text: object, limit: int = 80) -> str:
    """Write a name, or other text of the user, as HTML: harmless, and not typeset as a formula.

    Examples
    --------
    >>> code("<b>$x$")
    '<code>&lt;b&gt;$x$</code>'
    """
    from .drawing.text import clean

    return f"<code>{html.escape(clean(text, limit=limit))}</code>"


def grid(text: str) -> str:
    """Write numbers that stand in columns as HTML."""
    return f'<pre style="{_GRID}">{html.escape(text)}</pre>'


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int] = (),
    strong: Collection[int] = (),
) -> str:
    """Set a table; the first cell of each row is its heading.

    Parameters
    ----------
    heads : sequence of str
        The heading of each column, as HTML; so are all cells.
    rows : sequence of sequence of str
    numbers : collection of int
        The columns that are flush right.
    strong : collection of int
        The rows to be set in bold.
    """

    def cell(tag: str, column: int, content: str, more: str) -> str:
        side = "right" if column in numbers else "left"
        # Notebooks let code wrap; in a cell it is to stay in one line, as all the rest.
        content = content.replace("<code>", '<code style="white-space: inherit">')
        return f'<{tag} style="{_CELL}{side}{more}">{content}</{tag.split()[0]}>'

    # Where there is too little room for all columns, headings give way before numbers are cut.
    wraps = "; white-space: normal"
    lines = [cell('th scope="col"', column, head, wraps) for column, head in enumerate(heads)]
    body = []
    for number, row in enumerate(rows):
        weight = f"; font-weight: {'bold' if number in strong else 'normal'}"
        cells = [
            cell('th scope="row"' if column == 0 else "td", column, content, weight)
            for column, content in enumerate(row)
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        '<table style="border-collapse: collapse; margin: 0.3em 0">'
        f"<thead><tr>{''.join(lines)}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


def page(title: str, *parts: str) -> str:
    """Put a title and what stands below it together; what is too wide can be scrolled."""
    below = "".join(
        part if part.startswith(("<table", "<img", "<pre")) else f"<div>{part}</div>"
        for part in parts
    )
    return f'<div style="overflow-x: auto"><div>{title}</div>{below}</div>'


def or_none(
    make: Callable[Parameters, str], *args: Parameters.args, **keywords: Parameters.kwargs
) -> str | None:
    """Make HTML; give None if that fails, for showing something must never stop a notebook."""
    try:
        with np.errstate(all="ignore"):
            shown = make(*args, **keywords)
            shown.encode()  # a lone surrogate would fail later, where nobody catches it
            return shown
    except Exception:
        return None


def tensor_table(tensor: Tensor) -> str | None:
    """Show a tensor: what made it, its shape and dtype, its numbers, and its gradient beside them.

    Few numbers are shown one by one; of many, a corner and statistics.

    Examples
    --------
    >>> from tinygrad_edu import Tensor
    >>> "not computed" in tensor_table(Tensor([1.0, 2.0], requires_grad=True))
    True
    """
    return or_none(_tensor_table, tensor)


def _tensor_table(tensor: Tensor) -> str:
    from .drawing.text import shape_text

    title = "<strong>Tensor</strong>" + (f" {code(tensor.name)}" if tensor.name else "")
    if tensor.node is not None:
        made = tensor.node.primitive
        title += f", the result of {code(made.name)}"
        title += f": {code(f'out = {made.formula}')}" if made.formula else ""
    facts = f"shape {shape_text(tensor.shape)} · {tensor.dtype} · "
    facts += f"requires_grad={tensor.requires_grad}"
    data = _values(tensor.data)
    gradient = _gradient(tensor, first=next(iter(data)))
    labels = [*data, *(label for label in gradient if label not in data)]
    rows = [
        [words(label), grid(data.get(label, "")), grid(gradient.get(label, ""))] for label in labels
    ]
    return page(title, words(facts), table(["", "data", "gradient"], rows))


def _values(array: NDArray[Any]) -> dict[str, str]:
    """Describe an array, line by line: its numbers first."""
    from .drawing.text import value_rows

    rows, warning = value_rows(array)
    texts = dict(rows)
    shape = texts.pop("shape", None)
    if shape is None or array.size == 0:  # the numbers one by one, or that there are none
        described = {"values": texts["data"]}
    else:
        described = {_place(array): _corner(array)}
        for key, text in texts.items():  # "data" says why there are no statistics
            is_finite = key.startswith("finite ")
            label = "statistics" if key == "data" else key.removeprefix("finite ")
            described[label] = f"{text} (of the finite)" if is_finite else text
    if warning and array.size > 1:
        described["not finite"] = warning
    return described


def _gradient(tensor: Tensor, first: str) -> dict[str, str]:
    """Describe the gradient of a tensor in the same lines; words stand in the first."""
    from .drawing.text import gradient_text

    gradient = tensor.grad
    text, norm, _ = gradient_text(gradient, tensor.requires_grad)
    if gradient is None or norm == "0":  # none, or zero: that is said in words
        return {first: text}
    described = _values(gradient)
    if norm and gradient.size > 1:
        described["norm"] = norm
    return described


def _place(array: NDArray[Any]) -> str:
    """Say which part of a large array is shown."""
    if array.ndim == 1:
        return "first"
    leading = "0, " * (array.ndim - 2)
    return f"corner of [{leading}:, :]" if leading else "corner"


def _corner(array: NDArray[Any]) -> str:
    """Write the first numbers of an array in columns, and dots where there are more."""
    from .drawing.text import number_text

    plane = array.reshape(1, -1) if array.ndim == 1 else array[(0,) * (array.ndim - 2)]
    columns = _FIRST if array.ndim == 1 else _COLUMNS
    lines = [[number_text(value) for value in row[:columns]] for row in plane[:_ROWS]]
    width = max(len(text) for line in lines for text in line)
    more = "  …" if plane.shape[1] > columns else ""
    written = ["  ".join(text.rjust(width) for text in line) + more for line in lines]
    if len(plane) > _ROWS:
        written.append("…".rjust(width))
    return "\n".join(written)

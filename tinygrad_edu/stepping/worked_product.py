"""One element of the gradients of a matrix product, worked out in numbers as on paper.

Worked out are products of two matrices, with or without a bias, and a row that was added to every
row of a matrix. Stacks of matrices are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..documents import Line, Section, code
from ..drawing.formulas import bracketed
from ..explaining.contribution import rule_text
from ..texts import number_text
from ..tracing import Contribution, node_of
from .steps import section

__all__ = ["element_of", "element_sections"]

_MOST_TERMS = 6
_SEARCHED = 12  # rows and columns among which an element is chosen


def element_sections(
    sent: Contribution, gradient: str, operands: Sequence[str], upstream: str
) -> list[Section]:
    """Work out one element of what was sent; nothing where it is not a sum that is written out.

    Parameters
    ----------
    sent : Contribution
    gradient : str
        The name of the gradient that it goes to, such as ``dW2``.
    operands : sequence of str
        The names of the operands.
    upstream : str
        The name of the gradient that arrived, such as ``δ2``.
    """
    found = element_of(sent)
    if found is None:
        return []
    index, factors = found
    x = operands[0]
    place = ", ".join(map(str, index))
    if len(factors) == 1:
        formula = f"Σₙ {upstream}[n, {index[-1]}]"
    elif sent.position == 1:
        formula = f"Σₙ {x}[n, {index[0]}] · {upstream}[n, {index[1]}]"
    else:
        formula = f"Σₖ {upstream}[{index[0]}, k] · {operands[1]}[{index[1]}, k]"
    start = f"{gradient}[{place}] = "
    count = len(factors[0])
    pairs = zip(*(factor[:_MOST_TERMS] for factor in factors), strict=True)
    shown = ["·".join(bracketed(number_text(one)) for one in pair) for pair in pairs]
    left_out = count > len(shown)
    shown += ["…"] * left_out
    indent = " " * (len(start) - 2)
    step = 2 if len(factors) > 1 else 4  # or a narrow page cuts them off
    sums = [" + ".join(shown[place : place + step]) for place in range(0, len(shown), step)]
    text = [start + formula, f"{indent}= {sums[0]}", *(f"{indent}+ {more}" for more in sums[1:])]
    text.append(f"{indent}= {number_text(sent.contribution[index])}")
    lines: list[Line] = [[code("\n".join(text))]]
    if left_out:
        lines.append([f"the first {_MOST_TERMS} of {count} terms are written"])
    if len(factors) == 1:
        name = operands[sent.position]
        why = f"{name} was added to every row, so its gradient is the sum over the rows"
        lines.insert(0, [why])
    return [section("One element in numbers", *lines)]


def element_of(sent: Contribution) -> tuple[tuple[int, ...], tuple[Any, ...]] | None:
    """Choose an element that is not zero, and return its index and the factors of its terms.

    Returns
    -------
    tuple of (index, factors) or None
        Their products, added up, are the element. None where nothing is worked out.
    """
    node, upstream = node_of(sent.tensor), np.asarray(sent.upstream)
    contribution = np.asarray(sent.contribution)
    if upstream.ndim != 2 or not contribution.any():
        return None
    is_product = node.primitive.matrix_product
    factors: Callable[[tuple[int, ...]], tuple[Any, ...]]
    if is_product and sent.position < 2:
        x, y = (np.asarray(value) for value in node.values[:2])
        if x.ndim != 2 or y.ndim != 2:
            return None
        if sent.position == 0:
            factors = lambda at: (upstream[at[0]], y[at[1]])  # noqa: E731
        else:
            factors = lambda at: (x[:, at[0]], upstream[:, at[1]])  # noqa: E731
    else:
        width = upstream.shape[1]
        is_row = contribution.shape in ((width,), (1, width))
        is_added = is_product or rule_text(node, sent.position) == "g"
        if not (is_row and is_added) or contribution.shape == upstream.shape:
            return None
        factors = lambda at: (upstream[:, at[-1]],)  # noqa: E731
    index = _chosen(contribution, factors)
    return index, factors(index)


def _chosen(array: Any, factors: Callable[[tuple[int, ...]], tuple[Any, ...]]) -> tuple[int, ...]:
    """Return the index of an element of which many terms are not zero, not on the diagonal."""
    near = array[tuple(slice(_SEARCHED) for _ in array.shape)]
    places = [tuple(map(int, place)) for place in np.argwhere(near)]
    if not places:
        return tuple(map(int, np.unravel_index(np.abs(array).argmax(), array.shape)))

    def worth(place: tuple[int, ...]) -> tuple[int, bool]:
        terms = [np.asarray(factor)[:_MOST_TERMS] != 0 for factor in factors(place)]
        return int(np.logical_and.reduce(terms).sum()), len(set(place)) > 1

    return max(places, key=worth)  # the first of the best

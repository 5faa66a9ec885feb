"""Products of arrays over chosen axes: `einsum`, and the products that are special cases of it.

Matrix products are in `matrices.py`.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ...metadata import composed
from ...primitive import primitive
from ..arithmetic import multiply, subtract
from ..indexing import take
from ..plain import shape_of
from ..reduction import sum
from ..shape import moveaxis, ravel, reshape
from ..summing import single
from .matrices import matmul
from .triangles import diagonal

__all__ = ["cross", "dot", "einsum", "inner", "kron", "outer", "tensordot", "vdot"]


@single
def _einsum_rule(position: int, g: Any, out: Any, *arrays: Any, subscripts: str) -> Any:
    # Every index of an operand is also in the output or in another operand: `einsum` ensures that.
    # So the cotangent replaces the operand, and the operand's indices are the output.
    operands, _, output = subscripts.partition("->")
    labels = operands.split(",")
    asked = labels[position]
    others = [*arrays[:position], *arrays[position + 1 :]]
    given = [output, *labels[:position], *labels[position + 1 :]]
    return np.einsum(f"{','.join(given)}->{asked}", g, *others, optimize=True)


@primitive(
    each=_einsum_rule,
    broadcasts=True,
    symbol="Σ×",
    formula="einsum('ij,jk->ik', x, y)",
    derivatives=("einsum('ik,jk->ij', g, y)", "einsum('ik,ij->jk', g, x)"),
    domain=(),
)
@single
def _einsum(*arrays: Any, subscripts: str) -> Any:
    # Its optimizer finds matrix products, which are much quicker than its loops.
    return np.einsum(subscripts, *arrays, optimize=len(arrays) > 1)


def _spelled_out(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """Write one index for each axis: replace ellipses, and add an output that is only implied."""
    text = subscripts.replace(" ", "")
    given, arrow, output = text.partition("->")
    labels = given.split(",")
    if len(labels) != len(operands):
        raise ValueError(
            f"einsum: {subscripts!r} names {len(labels)} operands, but {len(operands)} were given"
        )
    letters = set(text) - set(",->.")
    if strange := letters - set(string.ascii_letters):
        raise ValueError(f"einsum: {sorted(strange)} in {subscripts!r} are not letters")
    if not arrow:
        counts = Counter(given)
        output = "".join(sorted(label for label in letters if counts[label] == 1))
        output = "..." * ("..." in given) + output
    free = "".join(sorted(set(string.ascii_letters) - letters))
    hidden = 0  # the largest number of axes that an ellipsis replaces
    for position, operand in enumerate(operands):
        label, ndim = labels[position], len(shape_of(operand))
        named = len(label.replace("...", ""))
        fits = named == ndim or ("..." in label and named < ndim)
        if not fits or "." in label.replace("...", ""):
            raise ValueError(
                f"einsum: {label!r} does not fit operand {position} of shape {shape_of(operand)}; "
                "write one letter for each axis, or ... for several"
            )
        # The last axes of all ellipses are aligned, as in broadcasting.
        count = ndim - named
        hidden = count if count > hidden else hidden
        labels[position] = label.replace("...", free[::-1][len(free) - count :])
    return labels, output.replace("...", free[::-1][len(free) - hidden :])


def _sizes(given: str, labels: Sequence[str], operands: Sequence[Any]) -> dict[str, int]:
    """Return the size along each index; an axis of size 1 is stretched to the others."""
    sizes: dict[str, int] = {}
    for label, operand in zip(labels, operands, strict=True):
        for index, n in zip(label, shape_of(operand), strict=True):
            known = sizes.get(index, 1)
            if 1 not in (known, n) and known != n:
                shapes = " and ".join(str(shape_of(x)) for x in operands)
                index = index if index in given else "..."
                raise ValueError(
                    f"einsum: index {index!r} has size {known} in one place and {n} in another "
                    f"(shapes {shapes})"
                )
            sizes[index] = n if known == 1 else known
    return sizes


def _once_each(label: str, x: Any) -> tuple[str, Any]:
    """Take the diagonal of the axes that have one index in common."""
    while len(set(label)) < len(label):
        index = next(index for index in label if label.count(index) > 1)
        first = label.index(index)
        second = label.index(index, first + 1)
        if shape_of(x)[first] != shape_of(x)[second]:
            raise ValueError(
                f"einsum: index {index!r} names axes of sizes {shape_of(x)[first]} and "
                f"{shape_of(x)[second]} of one operand; they must be equal"
            )
        x = diagonal(x, 0, first, second)
        label = label[:first] + label[first + 1 : second] + label[second + 1 :] + index
    return label, x


def _without(label: str, x: Any, dropped: set[str], *, add_up: bool) -> tuple[str, Any]:
    """Drop axes: those of size 1 by reshaping, others by adding up along them."""
    axes = tuple(i for i, index in enumerate(label) if index in dropped)
    if axes and add_up:
        x = sum(x, axis=axes)
    elif axes:
        x = reshape(x, tuple(n for i, n in enumerate(shape_of(x)) if i not in axes))
    return "".join(index for index in label if index not in dropped), x


@composed("operands")
def einsum(*operands: Any, optimize: Any = True) -> Any:
    """Sum of products, with the axes named by letters (Einstein's convention).

    An index that is repeated within an operand takes its diagonal. An index that is not in the
    output is summed over, and so are the axes of an ellipsis that is not in the output. Axes of
    size 1 are stretched, as in broadcasting.

    Parameters
    ----------
    *operands : str and array_like
        Subscripts such as ``"ij,jk->ik"``, with or without an ellipsis and an output, and the
        operands; or operands and lists of numbers in turn, as in NumPy.
    optimize : object
        Accepted for compatibility with NumPy; a good order is always searched for.

    Raises
    ------
    ValueError
        If subscripts and shapes do not fit.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, einsum
    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> trace = einsum("ii", x)
    >>> trace.item()
    5.0
    >>> trace.backward()
    >>> x.grad
    array([[1., 0.],
           [0., 1.]])
    """
    if not operands or not isinstance(operands[0], str):
        return einsum(*_in_letters(operands))
    subscripts, *arrays = operands
    labels, output = _spelled_out(subscripts, arrays)
    if unknown := [i for i in output if output.count(i) > 1 or not any(i in la for la in labels)]:
        raise ValueError(
            f"einsum: the output of {subscripts!r} has index {unknown[0]!r} twice, or no operand "
            "has this index"
        )
    sizes = _sizes(subscripts, labels, arrays)
    pairs = [_once_each(label, x) for label, x in zip(labels, arrays, strict=True)]
    # An axis of size 1 that is larger in another operand does not take part in the sum.
    pairs = [
        _without(
            label,
            x,
            {i for i, n in zip(label, shape_of(x), strict=True) if n == 1 != sizes[i]},
            add_up=False,
        )
        for label, x in pairs
    ]
    counts = Counter(index for label, _ in pairs for index in label)
    pairs = [
        _without(label, x, {i for i in label if counts[i] == 1 and i not in output}, add_up=True)
        for label, x in pairs
    ]
    text = ",".join(label for label, _ in pairs) + "->" + output
    return _einsum(*(x for _, x in pairs), subscripts=text)


def _in_letters(operands: Sequence[Any]) -> list[Any]:
    """Rewrite ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` with letters."""

    def word(numbers: Any) -> str:
        if wrong := [n for n in numbers if n is not Ellipsis and n not in range(52)]:
            raise ValueError(f"einsum: {wrong[0]!r} is not an index; expected 0..51, or ...")
        return "".join("..." if n is Ellipsis else string.ascii_letters[n] for n in numbers)

    if len(operands) < 2:
        raise ValueError("einsum: expected subscripts and operands, such as einsum('ij->ji', x)")
    last = len(operands) - len(operands) % 2
    text = ",".join(word(numbers) for numbers in operands[1:last:2])
    if len(operands) % 2:
        text += "->" + word(operands[-1])
    return [text, *operands[0:last:2]]


@composed("x", "y")
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes; the remaining axes of `x` are followed by those of `y`.

    Parameters
    ----------
    x, y : array_like
        The operands.
    axes : int, or two sequences of int
        How many of the last axes of `x` to pair with the first of `y`; or which axes to pair.

    Raises
    ------
    ValueError
        If paired axes have different sizes.

    Examples
    --------
    >>> from tinygrad_edu import ones, tensordot
    >>> tensordot(ones((2, 3, 4)), ones((3, 4, 5))).shape
    (2, 5)
    >>> tensordot(ones((2, 3)), ones((4, 3)), axes=([1], [1])).shape
    (2, 4)
    """
    if isinstance(axes, int | np.integer):
        axes = range(len(shape_of(x)) - int(axes), len(shape_of(x))), range(int(axes))
    left = normalize_axis_tuple(axes[0], len(shape_of(x)))
    right = normalize_axis_tuple(axes[1], len(shape_of(y)))
    sizes = [shape_of(x)[i] for i in left], [shape_of(y)[i] for i in right]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"tensordot: axes {left} of shape {shape_of(x)} have sizes {sizes[0]}, but axes "
            f"{right} of shape {shape_of(y)} have sizes {sizes[1]}; they must be equal"
        )
    count, shared = len(left), int(np.prod(sizes[0], dtype=int))
    x, y = moveaxis(x, left, range(-count, 0)), moveaxis(y, right, range(count))
    rows, columns = shape_of(x)[: len(shape_of(x)) - count], shape_of(y)[count:]
    sides = int(np.prod(rows, dtype=int)), int(np.prod(columns, dtype=int))
    product = matmul(reshape(x, (sides[0], shared)), reshape(y, (shared, sides[1])))
    return reshape(product, rows + columns)


@composed("x", "y")
def dot(x: Any, y: Any) -> Any:
    """Sum of products over the last axis of `x` and the second to last of `y`, as in `numpy.dot`.

    For vectors and matrices it is `matmul`, for numbers `multiply`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, dot
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = dot(x, [3.0, 4.0])
    >>> y.backward()
    >>> y.item(), x.grad
    (11.0, array([3., 4.]))
    """
    if len(shape_of(x)) == 0 or len(shape_of(y)) == 0:
        return multiply(x, y)
    if len(shape_of(x)) <= 2 and len(shape_of(y)) <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=([-1], [-2 if len(shape_of(y)) > 1 else -1]))


@composed("x", "y")
def inner(x: Any, y: Any) -> Any:
    """Sum of products over the last axes of both operands; for numbers the product.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, inner
    >>> inner(Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 10.0])
    Tensor([21., 43.])
    """
    if len(shape_of(x)) == 0 or len(shape_of(y)) == 0:
        return multiply(x, y)
    return tensordot(x, y, axes=([-1], [-1]))


@composed("x", "y")
def vdot(x: Any, y: Any) -> Any:
    """Sum of the products of all elements of two arrays of one size, of any shapes.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, vdot
    >>> vdot(Tensor([[1.0, 2.0], [3.0, 4.0]]), [1.0, 1.0, 1.0, 1.0])
    Tensor(10.)
    """
    return matmul(ravel(x), ravel(y))


@composed("x", "y")
def outer(x: Any, y: Any) -> Any:
    """Product of each element of `x` with each of `y`, as a matrix.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, outer
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = outer(x, [3.0, 4.0])
    >>> y.data
    array([[3., 4.],
           [6., 8.]])
    >>> y.sum().backward()
    >>> x.grad
    array([7., 7.])
    """
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


@composed("x", "y")
def kron(x: Any, y: Any) -> Any:
    """Kronecker product: each element of `x` is replaced by its product with the whole of `y`.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, kron
    >>> kron(Tensor([[1.0, 10.0]]), [[1.0, 2.0], [3.0, 4.0]])
    Tensor([[ 1.,  2., 10., 20.],
            [ 3.,  4., 30., 40.]])
    """
    ndim = np.maximum(len(shape_of(x)), len(shape_of(y)))
    left = (1,) * (ndim - len(shape_of(x))) + shape_of(x)
    right = (1,) * (ndim - len(shape_of(y))) + shape_of(y)
    blocks = reshape(x, [size for n in left for size in (n, 1)])
    tiles = reshape(y, [size for n in right for size in (1, n)])
    return reshape(multiply(blocks, tiles), [a * b for a, b in zip(left, right, strict=True)])


@composed("a", "b")
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Cross product of vectors of length 3.

    Parameters
    ----------
    a, b : array_like
        The vectors; other axes broadcast.
    axisa, axisb, axisc : int
        The axis that holds the vectors of `a`, of `b` and of the result.
    axis : int, optional
        One axis for all three.

    Raises
    ------
    ValueError
        If vectors have another length.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, cross
    >>> cross(Tensor([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0])
    Tensor([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a = moveaxis(a, normalize_axis_index(axisa, len(shape_of(a))), -1)
    b = moveaxis(b, normalize_axis_index(axisb, len(shape_of(b))), -1)
    if (shape_of(a)[-1], shape_of(b)[-1]) != (3, 3):
        raise ValueError(
            f"cross: vectors of lengths {shape_of(a)[-1]} and {shape_of(b)[-1]}; both must be 3"
        )
    next_, last = [1, 2, 0], [2, 0, 1]
    ahead = multiply(take(a, next_, -1), take(b, last, -1))
    return moveaxis(subtract(ahead, multiply(take(a, last, -1), take(b, next_, -1))), -1, axisc)

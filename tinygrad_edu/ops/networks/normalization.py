"""What layers of networks compute apart from affine maps: normalisation, dropout, embedding.

Nothing here has a state: the caller keeps averages from batch to batch, and knows whether the
network is being trained.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.typing import DTypeLike, NDArray

from ...arrays import as_array, as_floating, random_generator
from ...facts import Recognition
from ...leaving import values_of
from ...metadata import composed
from ...primitive import primitive
from ...tensor import Tensor
from ..arithmetic import add, divide, multiply, subtract
from ..choosing import where
from ..constants import ones
from ..elementwise import sqrt
from ..indexing import put_at
from ..plain import shape_of
from ..reduction import mean as average
from ..shape import reshape, sum_to
from ..summing import single
from ..value_checks import as_places
from .layer_mistakes import OF_EMBEDDING, OF_NORMS

__all__ = ["batch_norm", "dropout", "embedding", "layer_norm", "one_hot"]


def _check_eps(eps: float) -> None:
    if not eps > 0:
        raise ValueError(f"eps is {eps}; expected a small positive number")


def _averages(x: Any, axes: tuple[int, ...]) -> Any:
    """Average along axes, and keep them with size 1; a product with ones adds up the last ones."""
    last = tuple(range(axes[0], x.ndim))
    if axes != last or not axes[0] or isinstance(x, Tensor) or not x.flags.c_contiguous:
        return average(x, axis=axes, keepdims=True)
    count = math.prod(x.shape[axes[0] :])
    rows = x.reshape(-1, count).dot(ones(count, x.dtype)) / count
    return rows.reshape(*x.shape[: axes[0]], *(1,) * len(axes))


def _standardised(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """Shift and scale to mean 0 and variance 1 along axes; also return the scale."""
    deviation = x - _averages(x, axes)
    scale = 1 / np.sqrt(_averages(deviation * deviation, axes) + eps)
    return deviation * scale, scale


def _is_number(weight: Any) -> bool:
    """Whether this is the 1 or the 0 that replaces a weight or a bias which was not given."""
    return type(weight) is float


def _norm(
    x: Any, weight: Any, bias: Any, /, axes: tuple[int, ...], eps: float
) -> tuple[Any, tuple[Any, Any]]:
    x = as_floating(x)
    residual = _standardised(x, axes, eps)
    out = residual[0]
    out = out if _is_number(weight) else out * weight
    return out if _is_number(bias) else out + bias, residual


def _norm_input(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: float, residual: Any = None
) -> Any:
    normal, scale = _standardised(x, axes, eps) if residual is None else residual
    g = g if _is_number(weight) else g * weight
    # What shifts all elements of a sample, or stretches all their deviations, is normalised away.
    return (g - _averages(g, axes) - normal * _averages(g * normal, axes)) * scale


def _norm_weight(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: float, residual: Any = None
) -> Any:
    normal = (_standardised(x, axes, eps) if residual is None else residual)[0]
    return sum_to(g * normal, shape=shape_of(weight))


def _norm_bias(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, axes: Any, eps: float, residual: Any = None
) -> Any:
    return sum_to(g, shape=shape_of(bias))


# Batch and layer normalisation differ in the axes alone.
_ALONG = "axis=axes, keepdims=True"
_NORM: dict[str, Any] = {
    "residual": True,
    "symbol": "norm",
    "domain": (),
    "mistakes": OF_NORMS,
    "operands": ("input", "weight", "bias"),
    "formula": f"(x - mean(x, {_ALONG})) / sqrt(var(x, {_ALONG}) + eps) * weight + bias",
    "derivatives": (
        (
            f"(g * weight - mean(g * weight, {_ALONG}) - (out - bias) / weight * "
            f"mean(g * (out - bias), {_ALONG})) / sqrt(var(x, {_ALONG}) + eps)"
        ),
        "sum_to(g * (out - bias) / weight, weight.shape)",
        "sum_to(g, bias.shape)",
    ),
}
_RULES = single(_norm_input), single(_norm_weight), single(_norm_bias)


@primitive(*_RULES, **_NORM)
@single
def _batch_norm(x: Any, weight: Any, bias: Any, /, axes: tuple[int, ...], eps: float) -> Any:
    return _norm(x, weight, bias, axes, eps)


@primitive(*_RULES, **_NORM)
@single
def _layer_norm(x: Any, weight: Any, bias: Any, /, axes: tuple[int, ...], eps: float) -> Any:
    return _norm(x, weight, bias, axes, eps)


@composed("x", "weight", "bias", "mean", "variance")
@single
def batch_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    mean: Any = None,
    variance: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Each channel shifted and scaled to mean 0 and variance 1 over a batch.

    In training, mean and variance are those of the batch, and gradients flow through them too; the
    variance is the average squared deviation, not the unbiased estimate. In prediction the caller
    passes them. They are not kept here: a layer averages them over many batches.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch.
    weight, bias : array_like, shape (channels,), optional
        Multiplied with, and then added to, the normalised channels.
    mean, variance : array_like, shape (channels,), optional
        Normalise by these instead of those of the batch; both or neither.
    eps : float
        Added to the variance, so that a constant channel is not divided by 0.

    Raises
    ------
    ValueError
        If shapes do not fit; if each channel has a single value, which would always become 0.

    Notes
    -----
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", 2015.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, batch_norm
    >>> batch_norm(Tensor([[1.0, 10.0], [3.0, 30.0]]), eps=1e-12)
    Tensor([[-1., -1.],
            [ 1.,  1.]])
    """
    shape = shape_of(x)
    if len(shape) < 2:
        raise ValueError(f"batch_norm: x of shape {shape}; expected (N, channels, ...)")
    if (mean is None) != (variance is None):
        raise ValueError("batch_norm: only one of mean and variance; pass both or neither")
    channels = shape[1]
    if mean is None and shape[0] * math.prod(shape[2:]) <= 1:
        raise ValueError(
            f"batch_norm: x of shape {shape} has at most one value for each channel, and so "
            "no variance; pass a larger batch, or mean= and variance="
        )
    column = (channels, *(1,) * (len(shape) - 2))
    fitted = {
        name: _fitted("batch_norm", name, values, (channels,), column, shape)
        for name, values in {
            "weight": weight, "bias": bias, "mean": mean, "variance": variance
        }.items()
    }  # fmt: skip
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    _check_eps(eps)
    weight, bias = fitted["weight"], fitted["bias"]
    if mean is None:
        return _batch_norm(
            x, 1.0 if weight is None else weight, 0.0 if bias is None else bias, axes=axes, eps=eps
        )
    result = divide(subtract(x, fitted["mean"]), sqrt(add(fitted["variance"], eps)))
    result = result if weight is None else multiply(result, weight)
    return result if bias is None else add(result, bias)


def _fitted(name: str, what: str, values: Any, expected: Any, shape: Any, of: Any) -> Any:
    """Check the shape of a shift or scale, and make it broadcast against x."""
    if values is None or _is_number(values):
        return values
    if shape_of(values) != expected:
        raise ValueError(
            f"{name}: {what} of shape {shape_of(values)} for x of shape {of}; expected {expected}"
        )
    return values if shape == expected else reshape(values, shape)


@composed("x", "weight", "bias", recognition=Recognition("normalised"))
@single
def layer_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    axis: int | tuple[int, ...] = -1,
    eps: float = 1e-5,
) -> Any:
    """Each sample shifted and scaled to mean 0 and variance 1 along some axes, the last by default.

    Parameters
    ----------
    x : array_like
        The samples.
    weight, bias : array_like, optional
        Multiplied with, and then added to, the normalised values; of the shape that `x` has along
        `axis`.
    axis : int or tuple of int
        The axes to average along.
    eps : float
        Added to the variance, so that a constant sample is not divided by 0.

    Raises
    ------
    ValueError
        If shapes do not fit, or there is nothing to average.

    Notes
    -----
    Ba, Kiros and Hinton, "Layer Normalization", 2016.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, layer_norm
    >>> layer_norm(Tensor([[1.0, 3.0], [10.0, 30.0]]), eps=1e-12)
    Tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    shape = shape_of(x)
    axes = tuple(sorted(normalize_axis_tuple(axis, len(shape))))
    sizes = tuple(shape[i] for i in axes)
    if 0 in sizes:
        raise ValueError(f"layer_norm: x of shape {shape} has nothing to average along {axis}")
    stretched = tuple(
        n if i in axes else 1 for i, n in enumerate(shape) if i >= min(axes, default=0)
    )
    _check_eps(eps)
    weight = 1.0 if weight is None else weight
    bias = 0.0 if bias is None else bias
    weight = _fitted("layer_norm", "weight", weight, sizes, stretched, shape)
    bias = _fitted("layer_norm", "bias", bias, sizes, stretched, shape)
    return _layer_norm(x, weight, bias, axes=axes, eps=eps)


@composed("x", recognition=Recognition("mask"))
def dropout(
    x: Any,
    p: float = 0.5,
    *,
    generator: np.random.Generator | int | None = None,
    training: bool = True,
) -> Any:
    """Elements set to 0 at random, and the others divided by the share that is kept.

    The division keeps the expected value, so that prediction needs no correction:
    ``training=False`` returns `x` unchanged.

    Parameters
    ----------
    x : array_like
        The values.
    p : float
        The probability that an element is dropped, 0..1.
    generator : numpy.random.Generator or int, optional
        The source of random numbers. A number is the seed of a new generator, so every call drops
        the same elements; None draws differently in every run.
    training : bool
        Whether to drop elements.

    Raises
    ------
    ValueError
        If `p` is not a probability.
    TypeError
        If `generator` is something else.

    Notes
    -----
    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, dropout
    >>> dropout(Tensor([1.0, 2.0, 3.0, 4.0]), generator=0)
    Tensor([2., 4., 6., 0.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p}; expected a probability, 0..1")
    if not isinstance(generator, np.random.Generator | int | np.integer | None):
        raise TypeError(
            f"dropout: generator is a {type(generator).__name__}; expected a numpy.random."
            "Generator, such as np.random.default_rng(0), a number to start one from, or None"
        )
    if not training:
        return x
    kept = random_generator(generator).random(shape_of(x), dtype=np.float32) >= p
    return multiply(where(kept, x, 0.0), 1 / (1 - p) if p < 1 else 0.0)


def _embedding_rule(g: Any, out: Any, indices: Any, weight: Any) -> Any:
    return put_at(g, index=values_of(indices).astype(np.int64), shape=weight.shape)


@primitive(
    None,
    _embedding_rule,
    formula="weight[indices]",
    derivatives=("", "put_at(g, indices, weight.shape)"),
    carries=True,
    operands=("indices", "weight"),
    mistakes=OF_EMBEDDING,
)
def embedding(indices: Any, weight: Any, /) -> Any:
    """Rows of a table, by their numbers; a row that is taken several times receives all gradients.

    Parameters
    ----------
    indices : array_like of int
        The numbers of rows, in an array of any shape.
    weight : array_like, shape (rows, features)
        The table.

    Returns
    -------
    Tensor or numpy.ndarray, shape (*indices.shape, features)

    Raises
    ------
    TypeError
        If indices are not integers.
    ValueError
        If indices are negative or too large; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, embedding
    >>> table = Tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], requires_grad=True)
    >>> rows = embedding([2, 0, 2], table)
    >>> rows.data
    array([[4., 5.],
           [0., 1.],
           [4., 5.]])
    >>> rows.sum().backward()
    >>> table.grad
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight of shape {weight.shape}; expected (rows, features)")
    numbers = as_array(indices)
    if numbers.size and numbers.dtype.kind == "f":
        raise TypeError(
            f"embedding: no gradient flows to indices of dtype {numbers.dtype}; expected integers, "
            "use .astype(int)"
        )
    return weight.take(as_places("embedding", "index", numbers, len(weight)), axis=0)


@composed()
def one_hot(
    labels: Any, num_classes: int | None = None, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """Rows of zeros with a one at the label: a plain array, because it has no derivative.

    Parameters
    ----------
    labels : array_like of int
        Numbers of classes, in an array of any shape.
    num_classes : int, optional
        The number of classes; by default one more than the largest label.
    dtype : dtype
        The dtype of the result. float32 is exact here, and keeps a network of float32 in float32;
        combined with float64 it becomes float64.

    Returns
    -------
    numpy.ndarray, shape (*labels.shape, num_classes)

    Raises
    ------
    TypeError
        If labels are not integers.
    ValueError
        If labels are out of range; the message names the first of them.

    Examples
    --------
    >>> from tinygrad_edu import one_hot
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    classes = as_places("one_hot", "label", labels, num_classes)
    if num_classes is None:
        if not classes.size:
            raise ValueError("one_hot: there are no labels to count the classes; pass num_classes=")
        num_classes = int(classes.max()) + 1
    rows: NDArray[Any] = np.equal(classes[..., None], np.arange(num_classes)).astype(dtype)
    return rows

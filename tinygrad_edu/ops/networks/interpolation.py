"""Images and sequences in another size: interpolation, and pixels shuffled with channels.

What is linear is computed as a product with a small matrix for each axis.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...metadata import composed
from ...primitive import as_operand
from ..indexing import getitem
from ..shape import broadcast_to, reshape, transpose
from ..summing import single
from .adaptive_pooling import Matrix, averaged, mapped
from .windows import Sizes, for_each_axis

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
"""Modes that are smooth, and the number of axes they are for."""
_MODES = ("nearest", "nearest-exact", "area", *_LINEAR)


def _nearest(n: int, m: int, scale: float, is_exact: bool) -> NDArray[np.intp]:
    """Number the old place of each new one, in float32 as PyTorch does: it decides at ties."""
    places = np.arange(m, dtype=np.float32) + np.float32(0.5 if is_exact else 0.0)
    return np.minimum((places * np.float32(scale)).astype(np.intp), n - 1)


def _positions(n: int, m: int, scale: float, align_corners: bool) -> NDArray[np.float64]:
    """Return where new places are among the old ones."""
    places = np.arange(m, dtype=np.float64)
    if align_corners:
        return places * ((n - 1) / (m - 1) if m > 1 else 0.0)
    return (places + 0.5) * scale - 0.5


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight an element by its distance, with Keys's kernel and ``a = -0.75`` as in PyTorch."""
    d, a = np.abs(distance), -0.75
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def _weights(n: int, m: int, scale: float, is_cubic: bool, align_corners: bool) -> Matrix:
    """Return the matrix that maps an axis of `n` places to one of `m`."""
    positions = _positions(n, m, scale, align_corners)
    if not is_cubic:
        positions = np.maximum(positions, 0.0)
    first = np.floor(positions).astype(int)
    matrix = np.zeros((m, n))
    for step in range(-1, 3) if is_cubic else range(2):
        distance = positions - (first + step)
        weight = _cubic(distance) if is_cubic else 1 - np.abs(distance)
        # Places beyond the border are those at the border.
        np.add.at(matrix, (np.arange(m), np.clip(first + step, 0, n - 1)), weight)
    return matrix


def _target(sizes: Any, size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the new sizes, and how many old places there are for each new one."""
    axes = len(sizes)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: expected either size= or scale_factor=")
    if size is not None:
        new = for_each_axis("size", size, axes, 1)
        return new, tuple(n / m for n, m in zip(sizes, new, strict=True))
    factors = tuple(np.broadcast_to(np.asarray(scale_factor, float), axes).tolist())
    new = tuple(int(n * factor) for n, factor in zip(sizes, factors, strict=True))
    if min(new, default=0) < 1:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor} leaves a size of {new} of {tuple(sizes)}; "
            "expected at least one place along each axis"
        )
    return new, tuple(1 / factor for factor in factors)


def _check_mode(shape: Any, mode: str, align_corners: bool | None) -> None:
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode is {mode!r}; expected one of {_MODES}")
    axes = len(shape) - 2
    if axes < 1 or axes > 3 or axes != _LINEAR.get(mode, axes):
        expected = _LINEAR.get(mode, "one to three")
        raise ValueError(
            f"interpolate: x of shape {shape} with mode {mode!r}; expected (N, channels, ...) and "
            f"{expected} more axes"
        )
    if 0 in shape[2:]:
        raise ValueError(f"interpolate: x of shape {shape} has no elements to interpolate")
    if align_corners is not None and mode not in _LINEAR:
        raise ValueError(
            f"interpolate: align_corners={align_corners} has no meaning for mode {mode!r}; leave "
            "it out"
        )


@composed("x")
@single
def interpolate(
    x: Any,
    size: Sizes | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """Images, sequences or volumes in another size.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch, with one to three more axes.
    size : int or tuple of int, optional
        The new size along these axes.
    scale_factor : float or tuple of float, optional
        By how much to enlarge them instead; sizes are rounded down.
    mode : str
        "nearest" takes the element whose place is the new one, scaled and rounded down;
        "nearest-exact" takes the element whose centre is nearest. "linear" (one axis), "bilinear"
        (two) and "trilinear" (three) are weighted averages of two neighbours along each axis,
        "bicubic" (two axes) of four. "area" is `adaptive_avg_pool2d`.
    align_corners : bool, optional
        For the weighted averages: whether the centres of the first and of the last elements stay
        where they are; if not, the outer edges of these elements do.

    Raises
    ------
    ValueError
        If the mode does not fit the number of axes, or nothing would be left.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, interpolate
    >>> x = Tensor([[[1.0, 3.0]]], requires_grad=True)
    >>> interpolate(x, scale_factor=2).data
    array([[[1., 1., 3., 3.]]])
    >>> y = interpolate(x, size=4, mode="linear")
    >>> y.data
    array([[[1. , 1.5, 2.5, 3. ]]])
    >>> y.sum().backward()
    >>> x.grad
    array([[[2., 2.]]])
    """
    x = as_operand("interpolate", x)
    _check_mode(x.shape, mode, align_corners)
    sizes = x.shape[2:]
    new, scales = _target(sizes, size, scale_factor)
    if mode == "area":
        return averaged(x, new)
    each = list(zip(sizes, new, scales, strict=True))
    if mode in _LINEAR:
        is_cubic, aligned = mode == "bicubic", bool(align_corners)
        return mapped(x, [_weights(n, m, scale, is_cubic, aligned) for n, m, scale in each])
    for axis, (n, m, scale) in enumerate(each, start=2):
        x = _taken(x, axis, _nearest(n, m, scale, mode == "nearest-exact"))
    return x


def _taken(x: Any, axis: int, places: NDArray[np.intp]) -> Any:
    """Take elements along an axis."""
    n, m = x.shape[axis], len(places)
    if np.array_equal(places, np.arange(m) * n // m) and m % n == 0:
        # Each element is repeated: its gradient is a sum over an axis, quicker than one by index.
        before, after = x.shape[:axis], x.shape[axis + 1 :]
        repeated = broadcast_to(reshape(x, (*before, n, 1, *after)), (*before, n, m // n, *after))
        return reshape(repeated, (*before, m, *after))
    return getitem(x, (*(slice(None),) * axis, places))


# Shuffled pixels ------------------------------------------------------------------------------


@composed("x")
def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """Channels rearranged into pixels: ``r * r`` of them make an image `r` times as large.

    Shi et al., "Real-Time Single Image and Video Super-Resolution", 2016.

    Parameters
    ----------
    x : array_like, shape (..., channels * r * r, height, width)
        Images.
    upscale_factor : int
        The factor r.

    Returns
    -------
    Tensor or numpy.ndarray, shape (..., channels, height * r, width * r)

    Raises
    ------
    ValueError
        If the channels are not divisible by the square of the factor.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import pixel_shuffle
    >>> pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    x, r = as_operand("pixel_shuffle", x), _factor("upscale_factor", upscale_factor)
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(
            f"pixel_shuffle: x of shape {x.shape}; expected (..., channels, height, width) with "
            f"channels divisible by {r * r}"
        )
    *before, channels, height, width = x.shape
    kept = len(before)
    x = reshape(x, (*before, channels // (r * r), r, r, height, width))
    x = transpose(x, (*range(kept), *(kept + i for i in (0, 3, 1, 4, 2))))
    return reshape(x, (*before, channels // (r * r), height * r, width * r))


@composed("x")
def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    """Pixels rearranged into channels: the inverse of `pixel_shuffle`.

    Parameters
    ----------
    x : array_like, shape (..., channels, height * r, width * r)
        Images.
    downscale_factor : int
        The factor r.

    Returns
    -------
    Tensor or numpy.ndarray, shape (..., channels * r * r, height, width)

    Raises
    ------
    ValueError
        If height or width are not divisible by the factor.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import pixel_unshuffle
    >>> pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    x, r = as_operand("pixel_unshuffle", x), _factor("downscale_factor", downscale_factor)
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: x of shape {x.shape}; expected (..., channels, height, width) with "
            f"height and width divisible by {r}"
        )
    *before, channels, height, width = x.shape
    kept = len(before)
    x = reshape(x, (*before, channels, height // r, r, width // r, r))
    x = transpose(x, (*range(kept), *(kept + i for i in (0, 2, 4, 1, 3))))
    return reshape(x, (*before, channels * r * r, height // r, width // r))


def _factor(what: str, factor: Any) -> int:
    return for_each_axis(what, factor, 1, 1)[0]

"""Images, sequences and volumes in another size, by interpolation, and channels turned into pixels.

Each axis is treated alone: a result is a weighted sum of a few elements along it.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ...arrays import floating_dtype
from ...metadata import composed
from ...primitive import as_operand, as_operands
from ...tensor import Tensor
from ..arithmetic import add, multiply
from ..indexing import take
from ..plain import shape_of
from ..shape import broadcast_to, reshape, transpose
from ..summing import single
from .adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]

# The number of axes that a mode is for; the others are for 1 to 3.
_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", "area", *_AXES)
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}

# The constant of the cubic convolution of Keys, 1981, that PyTorch and OpenCV use.
_CUBIC = -0.75


@composed("x")
@single
def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Sequences, images or volumes in another size.

    Parameters
    ----------
    x : array_like, shape (N, channels, ...)
        A batch, with one to three more axes.
    size : int or tuple of int, optional
        The new size; one number for all axes.
    scale_factor : float or tuple of float, optional
        The factor instead of the size; a new size is rounded down.
    mode : str
        "nearest" and "nearest-exact" take the nearest element, by its lower end or by its centre;
        "linear", "bilinear" and "trilinear", of one, two and three axes, weigh the two nearest
        along each axis, and "bicubic", of two, the four nearest; "area" averages, as
        `adaptive_avg_pool2d`.
    align_corners : bool, optional
        Whether the centres of the first and last elements stay at the ends of an axis, instead of
        the ends of these elements; for the linear and cubic modes.
    recompute_scale_factor : bool, optional
        Whether to use the exact ratio of the sizes instead of `scale_factor`, where these differ by
        rounding.
    antialias : bool
        Only False: this function does not smooth images that become smaller.

    Raises
    ------
    ValueError
        If a size is missing or does not fit, or an option is not for the mode.

    Notes
    -----
    Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, with a = -0.75.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, interpolate
    >>> interpolate(Tensor([[[1.0, 2.0]]]), scale_factor=2)
    Tensor([[[1., 1., 2., 2.]]])
    >>> interpolate(Tensor([[[1.0, 2.0]]]), 3, mode="linear", align_corners=True)
    Tensor([[[1. , 1.5, 2. ]]])
    """
    (x,) = as_operands("interpolate", (x,), isinstance(x, Tensor))[0]
    sizes = np.shape(x)[2:]
    _check(np.shape(x), mode, align_corners, antialias)
    wanted, factors = _target(sizes, size, scale_factor)
    if mode == "area":
        return _AREA[len(sizes)](x, wanted)
    is_nearest = mode.startswith("nearest")
    ratios = [
        old / new if factor is None or recompute_scale_factor else 1 / factor
        for old, new, factor in zip(sizes, wanted, factors, strict=True)
    ]
    each = list(zip(sizes, wanted, ratios, strict=True))
    is_multiple = all(new % old == 0 and ratio == old / new for old, new, ratio in each)
    if is_nearest and is_multiple:
        return _repeated(x, wanted)
    for axis, (old, new, ratio) in enumerate(each, start=2):
        if is_nearest:
            shift = 0.5 if mode == "nearest-exact" else 0.0
            places = np.floor((np.arange(new) + shift) * ratio + _TINY).astype(int)
            x = take(x, np.minimum(places, old - 1), axis)
        elif old != new or (mode == "bicubic" and ratio != 1):
            x = _mixed(x, axis, *_weights(old, new, ratio, mode, bool(align_corners)))
    return x


def _repeated(x: Any, wanted: tuple[int, ...]) -> Any:
    """Repeat elements along all axes at once, for sizes that are multiples of the old ones."""
    ahead, sizes = x.shape[:2], x.shape[2:]
    pairs = [(n, new // n) for n, new in zip(sizes, wanted, strict=True)]
    spread = reshape(x, (*ahead, *(part for n, _ in pairs for part in (n, 1))))
    repeated = broadcast_to(spread, (*ahead, *(part for pair in pairs for part in pair)))
    return reshape(repeated, (*ahead, *wanted))


# Rounding must not move a place that is a whole number to the element before it.
_TINY = 1e-9


def _check(shape: tuple[int, ...], mode: str, align_corners: Any, antialias: Any) -> None:
    """Check that there is such a mode, and that it is for this shape and these options."""
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode is {mode!r}; expected one of {_MODES}")
    axes = len(shape) - 2
    if not 1 <= axes <= 3 or 0 in shape[2:]:
        raise ValueError(
            f"interpolate: x of shape {shape}; expected (N, channels, ...) with one to three more "
            "axes, none of 0"
        )
    if _AXES.get(mode, axes) != axes:
        fits = [name for name in _MODES if _AXES.get(name, axes) == axes]
        raise ValueError(
            f"interpolate: mode {mode!r} is for {_AXES[mode]} axes after the channels, but x has "
            f"shape {shape}; expected one of {tuple(fits)}"
        )
    if align_corners is not None and mode not in _AXES:
        raise ValueError(f"interpolate: mode {mode!r} does not use align_corners; leave it out")
    if antialias:
        raise ValueError(
            "interpolate: antialias=True is not available; use mode='area' to make images smaller"
        )


def _target(sizes: Any, size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Return the new size and the factors, which are None if the size was given."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate needs either size or scale_factor, and not both")
    value, name = (scale_factor, "scale_factor") if size is None else (size, "size")
    value = value.tolist() if isinstance(value, np.ndarray) else value
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * len(sizes)
    kinds: Any = int | np.integer if name == "size" else int | float | np.number
    if len(given) != len(sizes) or any(not isinstance(n, kinds) or not n > 0 for n in given):
        raise ValueError(
            f"interpolate: {name} is {value}; expected a positive number, or {len(sizes)} of them, "
            f"one for each axis of {sizes}" + " (whole numbers)" * (name == "size")
        )
    if name == "size":
        return given, (None,) * len(sizes)
    new = tuple(math.floor(n * factor) for n, factor in zip(sizes, given, strict=True))
    if 0 in new:
        raise ValueError(
            f"interpolate: scale_factor {value} leads from the size {sizes} to {new}; expected at "
            "least 1 element"
        )
    return new, given


def _mixed(x: Any, axis: int, places: Any, weights: Any) -> Any:
    """Sum weighted elements along an axis; each row of both matrices has one for each result."""
    column = (-1, *(1,) * (x.ndim - axis - 1))
    terms = [
        multiply(take(x, row, axis), weight.reshape(column).astype(floating_dtype(x)))
        for row, weight in zip(places, weights, strict=True)
    ]
    return functools.reduce(add, terms)


def _weights(old: int, new: int, ratio: float, mode: str, align_corners: bool) -> tuple[Any, Any]:
    """Return the places that results are made of, one row for each term, and their weights."""
    numbers = np.arange(new)
    if align_corners:
        where = numbers * ((old - 1) / (new - 1) if new > 1 else 0.0)
    else:
        where = (numbers + 0.5) * ratio - 0.5
    if mode != "bicubic":
        where = np.maximum(where, 0)
    first = np.floor(where).astype(int)
    rest = where - first
    if mode != "bicubic":
        places = np.stack([first, first + 1])
        weights = np.stack([1 - rest, rest])
    else:
        places = first + np.arange(-1, 3)[:, None]
        weights = np.stack([_far(rest + 1), _near(rest), _near(1 - rest), _far(2 - rest)])
    return np.clip(places, 0, old - 1), weights


def _near(distance: Any) -> Any:
    """Weigh an element that is at most 1 away."""
    return ((_CUBIC + 2) * distance - (_CUBIC + 3)) * distance**2 + 1


def _far(distance: Any) -> Any:
    """Weigh an element that is 1 to 2 away."""
    return _CUBIC * (((distance - 5) * distance + 8) * distance - 4)


# Channels and pixels --------------------------------------------------------------------------


def _factor(name: str, what: str, factor: Any) -> int:
    if not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(f"{name}: {what} is {factor}; expected a whole number >= 1")
    return int(factor)


@composed("x")
def pixel_shuffle(x: Any, upscale_factor: int) -> Any:
    """Turn channels into pixels: (..., C r², H, W) becomes (..., C, H r, W r).

    Parameters
    ----------
    x : array_like, shape (..., channels, height, width)
        Images.
    upscale_factor : int
        The factor r.

    Raises
    ------
    ValueError
        If the number of channels is not divisible by r².

    Notes
    -----
    Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import pixel_shuffle
    >>> pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    r = _factor("pixel_shuffle", "upscale_factor", upscale_factor)
    x, shape = as_operand("pixel_shuffle", x), shape_of(x)
    if len(shape) < 3 or shape[-3] % r**2:
        raise ValueError(
            f"pixel_shuffle: x of shape {shape}; expected (..., channels, height, width) with a "
            f"number of channels that is divisible by {r}² = {r**2}"
        )
    *ahead, channels, height, width = shape
    parts = reshape(x, (*ahead, channels // r**2, r, r, height, width))
    first = len(ahead)
    order = (*range(first), first, first + 3, first + 1, first + 4, first + 2)
    moved = transpose(parts, order)
    return reshape(moved, (*ahead, channels // r**2, height * r, width * r))


@composed("x")
def pixel_unshuffle(x: Any, downscale_factor: int) -> Any:
    """Turn pixels into channels: (..., C, H r, W r) becomes (..., C r², H, W).

    Parameters
    ----------
    x : array_like, shape (..., channels, height, width)
        Images.
    downscale_factor : int
        The factor r.

    Raises
    ------
    ValueError
        If height or width is not divisible by r.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import pixel_unshuffle
    >>> pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    r = _factor("pixel_unshuffle", "downscale_factor", downscale_factor)
    x, shape = as_operand("pixel_unshuffle", x), shape_of(x)
    if len(shape) < 3 or shape[-2] % r or shape[-1] % r:
        raise ValueError(
            f"pixel_unshuffle: x of shape {shape}; expected (..., channels, height, width) with "
            f"height and width divisible by {r}"
        )
    *ahead, channels, height, width = shape
    parts = reshape(x, (*ahead, channels, height // r, r, width // r, r))
    first = len(ahead)
    order = (*range(first), first, first + 2, first + 4, first + 1, first + 3)
    moved = transpose(parts, order)
    return reshape(moved, (*ahead, channels * r**2, height // r, width // r))

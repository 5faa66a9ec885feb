"""Sliding windows: taking them from an array, and adding them up where they came from.

`sliding_windows` and `overlap_add` are each other's rule, like `getitem` and `put_at`: what
several windows took from an element on the way forward is added up on the way back. Convolution
and pooling are built on them.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...primitive import primitive
from ..constants import ordered_zeros
from ..summing import is_half
from .layer_mistakes import OF_WINDOWS

__all__ = ["overlap_add", "sliding_windows"]

Sizes: TypeAlias = int | tuple[int, ...]


def for_each_axis(what: str, sizes: Any, axes: int, least: int) -> tuple[int, ...]:
    """Return one number for each axis, from such a list or from one number for all axes."""
    sizes = sizes.tolist() if isinstance(sizes, np.ndarray) else sizes
    given = tuple(sizes) if isinstance(sizes, tuple | list) else (sizes,) * axes
    whole = all(isinstance(size, int | np.integer) for size in given)
    if not whole or len(given) != axes or any(size < least for size in given):
        raise ValueError(
            f"{what} is {sizes}; expected a whole number >= {least}, or {axes} of them, one for "
            "each axis that the windows slide along"
        )
    return given


def spans_of(kernel: Any, dilation: Any) -> tuple[int, ...]:
    """Return how far a kernel reaches along each axis, gaps included."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))


def _places(sizes: Any, kernel: Any, stride: Any, dilation: Any) -> tuple[int, ...]:
    """Count the windows along each axis."""
    spans = spans_of(kernel, dilation)
    return tuple((n - m) // s + 1 for n, m, s in zip(sizes, spans, stride, strict=True))


def check_fits(sizes: Any, padded: Any, kernel: Any, dilation: Any) -> None:
    """Raise an error if a kernel is larger than the array it slides over; it names all sizes."""
    spans = spans_of(kernel, dilation)
    if any(span > size for span, size in zip(spans, padded, strict=True)):
        reach = "" if spans == tuple(kernel) else f", which reaches over {spans} by dilation,"
        border = "" if tuple(padded) == tuple(sizes) else f", padded to {tuple(padded)}"
        raise ValueError(
            f"a kernel of {tuple(kernel)}{reach} is larger than the input of "
            f"{tuple(sizes)}{border}; use a smaller kernel, or more padding"
        )


def _sliding_windows_rule(
    g: Any, out: Any, x: Any, kernel: Sizes, stride: Sizes = 1, dilation: Sizes = 1
) -> Any:
    return overlap_add(g, shape=x.shape, stride=stride, dilation=dilation)


@primitive(
    _sliding_windows_rule,
    formula="sliding_windows(x, kernel, stride, dilation)",
    derivatives=("overlap_add(g, x.shape, stride, dilation)",),
    carries=True,
    mistakes=OF_WINDOWS,
)
def sliding_windows(x: Any, /, kernel: Sizes, stride: Sizes = 1, dilation: Sizes = 1) -> Any:
    """Every window of a size that fits in an array, as a view: nothing is copied.

    Windows slide along the last axes, as many as the kernel has; ``out[..., i, j, k, l]`` is
    ``x[..., i * dilation + k * stride, j * dilation + l * stride]``: first the positions within a
    window, then the positions of the windows.

    Parameters
    ----------
    x : array_like, shape (..., *sizes)
        The elements.
    kernel : tuple of int
        The size of a window; a single number for windows along the last axis.
    stride : int or tuple of int
        The distance from one window to the next.
    dilation : int or tuple of int
        The distance from one element of a window to the next.

    Raises
    ------
    ValueError
        If the kernel is larger than the array.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, sliding_windows
    >>> sliding_windows(Tensor([1.0, 2.0, 3.0, 4.0]), (2,))
    Tensor([[1., 2., 3.],
            [2., 3., 4.]])
    """
    axes = len(kernel) if isinstance(kernel, tuple | list) else 1
    kernel = for_each_axis("kernel", kernel, axes, 1)
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    before = x.ndim - axes
    if before < 0:
        raise ValueError(f"a kernel of {kernel} needs {axes} axes, but the shape is {x.shape}")
    check_fits(x.shape[before:], x.shape[before:], kernel, dilation)
    every = sliding_window_view(x, spans_of(kernel, dilation), axis=tuple(range(before, x.ndim)))
    steps: list[Any] = [slice(None, None, step) for step in (*stride, *dilation)]
    ahead, places, inside = np.split(np.arange(before + 2 * axes), [before, before + axes])
    return every[(..., *steps)].transpose(*ahead, *inside, *places)


def _overlap_add_rule(
    g: Any, out: Any, x: Any, shape: tuple[int, ...], stride: Sizes = 1, dilation: Sizes = 1
) -> Any:
    before, axes = 2 * len(shape) - x.ndim, x.ndim - len(shape)
    return sliding_windows(
        g, kernel=x.shape[before : before + axes], stride=stride, dilation=dilation
    )


@primitive(
    _overlap_add_rule,
    symbol="Σ",
    formula="overlap_add(x, shape, stride, dilation)",
    derivatives=("sliding_windows(g, x.shape[2:4], stride, dilation)",),
    domain=(),
)
def overlap_add(x: Any, /, shape: tuple[int, ...], stride: Sizes = 1, dilation: Sizes = 1) -> Any:
    """Add windows up where `sliding_windows` took them from; its adjoint.

    Parameters
    ----------
    x : array_like, shape (..., *kernel, *places)
        The windows.
    shape : tuple of int
        The shape of the array that they slid over.
    stride, dilation : int or tuple of int
        As in `sliding_windows`.

    Raises
    ------
    ValueError
        If the number of windows is not the one that this array has.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import overlap_add
    >>> overlap_add(np.ones((2, 3)), (4,))
    array([1., 2., 2., 1.])
    """
    axes = x.ndim - len(shape)
    before = len(shape) - axes
    if axes < 1 or before < 0:
        raise ValueError(
            f"windows of shape {x.shape} do not slide over {shape}: they must have one axis more "
            "for each axis that they slide along"
        )
    stride = for_each_axis("stride", stride, axes, 1)
    dilation = for_each_axis("dilation", dilation, axes, 1)
    kernel, places = x.shape[before : before + axes], x.shape[before + axes :]
    check_fits(shape[before:], shape[before:], kernel, dilation)
    expected = _places(shape[before:], kernel, stride, dilation)
    if x.shape != (*shape[:before], *kernel, *expected):
        raise ValueError(
            f"windows of shape {x.shape} do not slide over {shape} with stride {stride} and "
            f"dilation {dilation}: expected {(*shape[:before], *kernel, *expected)}"
        )
    strides = (*x.strides[:before], *x.strides[before + axes :])
    out = ordered_zeros(shape, np.float32 if is_half(x) else x.dtype, strides)
    spans = spans_of(kernel, dilation)
    is_disjoint = all(s >= n for s, n in zip(stride, spans, strict=True))
    # Places and kernel play the same part, so that the loop can run over the fewer of the two.
    whole = (slice(None),) * axes
    few_places = math.prod(places) < math.prod(kernel)
    if few_places:
        kernel, places, stride, dilation = places, kernel, dilation, stride
    for index in np.ndindex(kernel):
        seen: list[Any] = [
            slice(i * d, i * d + (n - 1) * s + 1, s)
            for i, d, n, s in zip(index, dilation, places, stride, strict=True)
        ]
        part = x[(..., *whole, *index)] if few_places else x[(..., *index, *whole)]
        if is_disjoint:
            out[(..., *seen)] = part
        else:
            place = out[(..., *seen)]
            np.add(place, part, out=place)
    return out.astype(x.dtype, copy=False)

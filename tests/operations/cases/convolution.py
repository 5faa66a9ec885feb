"""Cases of windows that slide, of convolution, and of pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal


def _places(size: int, kernel: int, stride: int, dilation: int) -> np.ndarray:
    """Number the places of each window along an axis, one row for each place within a window."""
    first = range(0, size - dilation * (kernel - 1), stride)
    return np.array([[start + i * dilation for start in first] for i in range(kernel)])


def _grid(sizes: Any, kernel: Any, stride: Any, dilation: Any) -> list[np.ndarray]:
    """Number the places of all windows: for each axis of the image, an index of windows."""
    rows = [_places(*each) for each in zip(sizes, kernel, stride, dilation, strict=True)]
    grid = []
    for axis, places in enumerate(rows):
        shape = [1] * (2 * len(rows))
        shape[axis], shape[axis + len(rows)] = places.shape
        grid.append(places.reshape(shape))
    return grid


def _windows() -> Iterator[Case]:
    for shape, kernel, stride, dilation in [
        ((2, 1, 5, 6), (2, 3), (2, 1), (1, 2)),
        ((7,), (3,), (2,), (2,)),
        ((3, 4), (4,), (1,), (1,)),
        ((3, 3), (1, 1), (2, 2), (1, 1)),
        ((0, 4), (2,), (1,), (1,)),
    ]:
        grid = tuple(_grid(shape[-len(kernel) :], kernel, stride, dilation))
        metadata: dict[str, Any] = {"stride": stride, "dilation": dilation}

        def taken(x: np.ndarray, grid: Any = grid) -> np.ndarray:
            return x[(..., *grid)]

        def added(x: np.ndarray, grid: Any = grid, shape: Any = shape) -> np.ndarray:
            sums = np.zeros(shape)
            np.add.at(sums, (..., *grid), x)
            return sums

        label, text = f"{shape} {kernel} {stride} {dilation}", len(shape) == 4
        call = named("sliding_windows", kernel=kernel, **metadata)
        yield Case("sliding_windows", label, call, [normal(*shape)], taken, text=text)
        call = named("overlap_add", shape=shape, **metadata)
        windows = normal(*taken(np.zeros(shape)).shape)
        yield Case("overlap_add", label, call, [windows], added, text=text)
    call = named("sliding_windows", 2)
    yield Case("sliding_windows", "numbers", call, [normal(3)], lambda x: np.array([x[:-1], x[1:]]))


def _correlation(
    padding: list[tuple[int, int]], stride: Any, dilation: Any, groups: int
) -> Callable[..., np.ndarray]:
    """Make a convolution that goes output by output, with a sum over each window."""

    def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        x = np.pad(x, [(0, 0), (0, 0), *padding])
        windows = x[(..., *_grid(x.shape[2:], weight.shape[2:], stride, dilation))]
        outputs, taken = weight.shape[:2]
        channels = [o // (outputs // groups) * taken for o in range(outputs)]
        found = []
        for o, first in enumerate(channels):
            seen = windows[:, first : first + taken]
            kernel = weight[o].reshape(*weight.shape[1:], *(1,) * len(padding))
            found.append((seen * kernel).sum(axis=tuple(range(1, 2 + len(padding)))))
        result = np.stack(found, axis=1)
        return result if bias is None else result + bias.reshape(-1, *(1,) * len(padding))

    return convolve


def _convolutions() -> Iterator[Case]:
    none = [(0, 0), (0, 0)]
    for label, x, weight, bias, keywords, own in [
        ("plain", (2, 3, 4, 5), (2, 3, 2, 3), True, {}, _correlation(none, (1, 1), (1, 1), 1)),
        (
            "strides, padding, dilation, groups",
            (2, 4, 5, 4),
            (2, 2, 2, 2),
            False,
            {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3), "groups": 2},
            _correlation([(1, 1), (2, 2)], (2, 1), (1, 3), 2),
        ),
        (
            "same, for an even kernel",
            (1, 1, 3, 3),
            (2, 1, 2, 3),
            True,
            {"padding": "same"},
            _correlation([(0, 1), (1, 1)], (1, 1), (1, 1), 1),
        ),
        (
            "each channel alone",
            (2, 2, 3, 3),
            (4, 1, 2, 2),
            True,
            {"groups": 2, "padding": "valid"},
            _correlation(none, (1, 1), (1, 1), 2),
        ),
        ("one place", (3, 2, 2, 1), (2, 2, 2, 1), False, {}, _correlation(none, (1, 1), (1, 1), 1)),
        ("1 x 1", (2, 3, 2, 2), (2, 3, 1, 1), False, {}, _correlation(none, (1, 1), (1, 1), 1)),
        (
            "different borders",
            (1, 2, 3, 2),
            (2, 2, 2, 2),
            False,
            {"padding": ((0, 2), [1, 0]), "stride": (2, 1)},
            _correlation([(0, 2), (1, 0)], (2, 1), (1, 1), 1),
        ),
        ("no images", (0, 2, 3, 3), (1, 2, 2, 2), True, {}, _correlation(none, (1, 1), (1, 1), 1)),
    ]:
        arrays = [normal(*x), normal(*weight)] + [normal(weight[0])] * bias
        yield Case("conv2d", label, named("conv2d", **keywords), arrays, own)
    pixels = np.arange(18).reshape(1, 2, 3, 3)
    own = _correlation(none, (1, 1), (1, 1), 1)
    call = named("conv2d")
    yield Case("conv2d", "constant images", call, [pixels, normal(2, 2, 2, 2)], own)
    for label, x, weight, bias, keywords, own in [
        ("plain", (2, 3, 6), (2, 3, 3), True, {}, _correlation([(0, 0)], (1,), (1,), 1)),
        (
            "stride, padding, dilation, groups",
            (2, 2, 7),
            (4, 1, 3),
            True,
            {"stride": 2, "padding": 1, "dilation": 2, "groups": 2},
            _correlation([(1, 1)], (2,), (2,), 2),
        ),
        ("same", (1, 1, 4), (1, 1, 2), False, {"padding": "same"},
         _correlation([(0, 1)], (1,), (1,), 1)),
        ("different borders", (1, 2, 4), (1, 2, 3), False, {"padding": ((2, 1),)},
         _correlation([(2, 1)], (1,), (1,), 1)),
    ]:  # fmt: skip
        arrays = [normal(*x), normal(*weight)] + [normal(weight[0])] * bias
        yield Case("conv1d", label, named("conv1d", **keywords), arrays, own)
    for label, x, weight, bias, keywords, own in [
        ("plain", (2, 2, 2, 3, 2), (2, 2, 2, 2, 1), True, {},
         _correlation([(0, 0)] * 3, (1,) * 3, (1,) * 3, 1)),
        ("options", (1, 2, 3, 2, 4), (2, 1, 2, 1, 2), False,
         {"stride": (2, 1, 1), "padding": (1, 0, 1), "dilation": (1, 1, 3), "groups": 2},
         _correlation([(1, 1), (0, 0), (1, 1)], (2, 1, 1), (1, 1, 3), 2)),
    ]:  # fmt: skip
        arrays = [normal(*x), normal(*weight)] + [normal(weight[0])] * bias
        yield Case("conv3d", label, named("conv3d", **keywords), arrays, own)


def _pooled(
    x: np.ndarray, reduce: Any, outside: float, kernel: Any, stride: Any, padding: Any,
    dilation: Any = None, border: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Reduce each window; `padding` has pairs, and a third number for what `ceil_mode` adds."""
    axes = len(kernel)
    pairs = [(p, p, 0) if isinstance(p, int) else (*p, 0)[:3] for p in padding]
    frames = [(0, 0)] * (x.ndim - axes)
    border = outside if border is None else border
    x = np.pad(x, frames + [pair[:2] for pair in pairs], constant_values=border)
    x = np.pad(x, frames + [(0, pair[2]) for pair in pairs], constant_values=outside)
    sizes = x.shape[x.ndim - axes :]
    windows = x[(..., *_grid(sizes, kernel, stride, dilation or (1,) * axes))]
    return np.asarray(reduce(windows, axis=tuple(range(-2 * axes, -axes))))


def _pooling() -> Iterator[Case]:
    one = (1, 1)
    for label, shape, arguments, full in [
        ("side by side", (2, 2, 4, 5), (2,), ((2, 2), (2, 2), (0, 0), one)),
        ("overlapping", (1, 2, 4, 3), ((3, 2), 1), ((3, 2), one, (0, 0), one)),
        ("padded", (2, 1, 4, 4), (3, (2, 1), 1), ((3, 3), (2, 1), one, one)),
        ("whole image", (3, 2, 2, 3), ((2, 3),), ((2, 3), (2, 3), (0, 0), one)),
        ("matrix", (3, 3), (1, 2), (one, (2, 2), (0, 0), one)),
        ("no images", (0, 1, 2, 2), (2,), ((2, 2), (2, 2), (0, 0), one)),
        ("different borders", (1, 2, 3, 4), (2, 1, ((1, 0), (0, 1))),
         ((2, 2), one, ((1, 0), (0, 1)))),
        ("same", (1, 2, 3, 3), ((2, 3), 1, "same"), ((2, 3), one, ((0, 1), 1))),
        ("sequences", (2, 3, 7), (3, 2, 1), ((3,), (2,), (1,))),
        ("one sequence", (4,), (2,), ((2,), (2,), (0,))),
        ("volumes", (1, 2, 2, 3, 4), (2, 1, (0, 1, 0)), ((2,) * 3, (1,) * 3, (0, 1, 0))),
        ("one volume", (2, 2, 3), ((1, 2, 3),), ((1, 2, 3), (1, 2, 3), (0, 0, 0))),
    ]:  # fmt: skip
        axes = len(full[0])
        yield Case(
            f"max_pool{axes}d",
            label,
            named(f"max_pool{axes}d", *arguments),
            [distinct(*shape)],
            lambda x, full=full: _pooled(x, np.max, -np.inf, *full),
        )
        yield Case(
            f"avg_pool{axes}d",
            label,
            named(f"avg_pool{axes}d", *arguments),
            [normal(*shape)],
            lambda x, full=full: _pooled(x, np.mean, 0.0, *full),
        )
    yield Case(
        "max_pool2d",
        "dilated",
        named("max_pool2d", 2, 1, 1, (1, 2)),
        [distinct(1, 1, 3, 4)],
        lambda x: _pooled(x, np.max, -np.inf, (2, 2), one, one, (1, 2)),
    )
    yield Case(
        "avg_pool2d",
        "padding not counted",
        named("avg_pool2d", (3, 2), (1, 2), (1, 1), count_include_pad=False),
        [normal(2, 1, 3, 3)],
        lambda x: _pooled(x, np.nanmean, np.nan, (3, 2), (1, 2), one),
    )
    yield Case(
        "avg_pool2d",
        "divisor",
        named("avg_pool2d", 2, divisor_override=3),
        [normal(1, 1, 4, 3)],
        lambda x: _pooled(x, np.sum, 0.0, (2, 2), (2, 2), (0, 0)) / 3,
    )


def _ends() -> Iterator[Case]:
    """Pool with windows that reach beyond the end: `ceil_mode`."""
    for label, shape, arguments, full in [
        ("one more", (1, 2, 5, 4), (2,), ((2, 2), (2, 2), ((0, 0, 1), 0))),
        ("padded", (1, 1, 5, 6), (3, 2, 1), ((3, 3), (2, 2), (1, (1, 1, 1)))),
        ("none in the border", (1, 1, 4, 2), (2, 3, 1), ((2, 2), (3, 3), ((1, 1), (1, 1, 0)))),
        ("smaller than a window", (1, 2, 4), (3,), ((3, 3), (3, 3), ((0, 0, 1), (0, 0, 2)))),
        ("fits", (2, 4, 4), (2,), ((2, 2), (2, 2), (0, 0))),
        ("larger than the image", (1, 2, 2, 3), (3, 2), ((3, 3), (2, 2), ((0, 0, 1), 0))),
        ("sequences", (2, 6), (3, 2), ((3,), (2,), ((0, 0, 1),))),
        ("volumes", (1, 2, 3, 2), (2,), ((2,) * 3, (2,) * 3, (0, (0, 0, 1), 0))),
    ]:
        axes = len(full[0])
        yield Case(
            f"max_pool{axes}d",
            f"beyond the end, {label}",
            named(f"max_pool{axes}d", *arguments, ceil_mode=True),
            [distinct(*shape)],
            lambda x, full=full: _pooled(x, np.max, -np.inf, *full),
        )
        for counted in (True, False):
            yield Case(
                f"avg_pool{axes}d",
                f"beyond the end, {label}, {counted}",
                named(f"avg_pool{axes}d", *arguments, ceil_mode=True, count_include_pad=counted),
                [normal(*shape)],
                lambda x, full=full, counted=counted: _pooled(
                    x, np.nanmean, np.nan, *full, border=0.0 if counted else np.nan
                ),
            )


FAMILIES = (_windows, _convolutions, _pooling, _ends)

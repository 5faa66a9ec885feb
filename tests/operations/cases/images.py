"""Cases of images in another size: transposed convolution, pooling, interpolation; with loops."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal
from .convolution import _correlation


def _spread(
    stride: Any, padding: Any, more: Any, groups: int, dilation: Any
) -> Callable[..., np.ndarray]:
    """Make a transposed convolution that adds the kernel element by element."""

    def transposed(x: np.ndarray, weight: np.ndarray, bias: Any = None) -> np.ndarray:
        images, channels, *places = x.shape
        outputs, *kernel = weight.shape[1:]
        each = zip(places, kernel, stride, dilation, more, strict=True)
        sizes = [(n - 1) * s + (k - 1) * d + 1 + m for n, k, s, d, m in each]
        out = np.zeros((images, outputs * groups, *sizes))
        for c in range(channels):
            first = c // (channels // groups) * outputs
            for place in np.ndindex(*places):
                for inside in np.ndindex(*kernel):
                    at = zip(place, inside, stride, dilation, strict=True)
                    where = tuple(p * s + i * d for p, i, s, d in at)
                    added = np.multiply.outer(
                        x[(slice(None), c, *place)], weight[(c, slice(None), *inside)]
                    )
                    out[(slice(None), slice(first, first + outputs), *where)] += added
        kept = [slice(p, n - p) for p, n in zip(padding, sizes, strict=True)]
        out = out[(..., *kept)]
        return out if bias is None else out + bias.reshape(-1, *(1,) * len(kernel))

    return transposed


def _transposed() -> Iterator[Case]:
    one, none = (1, 1), (0, 0)
    for label, x, weight, bias, keywords, own in [
        ("plain", (2, 3, 2, 3), (3, 2, 2, 2), True, {}, _spread(one, none, none, 1, one)),
        (
            "all options",
            (2, 4, 3, 2),
            (4, 1, 2, 3),
            True,
            {"stride": (2, 3), "padding": (1, 2), "output_padding": (0, 2), "groups": 2,
             "dilation": (1, 2)},
            _spread((2, 3), (1, 2), (0, 2), 2, (1, 2)),
        ),
        (
            "output padding below the dilation",
            (1, 1, 2, 2),
            (1, 1, 2, 2),
            False,
            {"output_padding": 1, "dilation": 2},
            _spread(one, none, one, 1, (2, 2)),
        ),
        ("no images", (0, 2, 2, 2), (2, 1, 2, 2), True, {}, _spread(one, none, none, 1, one)),
    ]:  # fmt: skip
        channels = weight[1] * keywords.get("groups", 1)
        arrays = [normal(*x), normal(*weight)] + [normal(channels)] * bias
        yield Case("conv_transpose2d", label, named("conv_transpose2d", **keywords), arrays, own)
    own = _spread((3,), (1,), (1,), 1, (1,))
    call = named("conv_transpose1d", stride=3, padding=1, output_padding=1)
    yield Case("conv_transpose1d", "steps", call, [normal(2, 2, 3), normal(2, 3, 2)], own)
    own = _spread((2, 1, 1), (0, 1, 0), (0, 0, 0), 1, (1, 1, 1))
    call = named("conv_transpose3d", stride=(2, 1, 1), padding=(0, 1, 0))
    arrays = [normal(1, 2, 2, 2, 1), normal(2, 1, 1, 2, 2), normal(1)]
    yield Case("conv_transpose3d", "steps", call, arrays, own)


def _convolutions() -> Iterator[Case]:
    for label, x, weight, bias, keywords, own in [
        (
            "plain",
            (2, 1, 2, 3, 2),
            (2, 1, 2, 2, 1),
            True,
            {},
            _correlation([(0, 0)] * 3, (1, 1, 1), (1, 1, 1), 1),
        ),
        (
            "options",
            (1, 2, 3, 3, 2),
            (2, 1, 2, 2, 2),
            False,
            {"stride": (2, 1, 1), "padding": (1, 0, 1), "dilation": (1, 2, 1), "groups": 2},
            _correlation([(1, 1), (0, 0), (1, 1)], (2, 1, 1), (1, 2, 1), 2),
        ),
    ]:
        arrays = [normal(*x), normal(*weight)] + [normal(weight[0])] * bias
        yield Case("conv3d", label, named("conv3d", **keywords), arrays, own)
    for operation, x, weight, padding in [
        ("conv2d", (2, 2, 3, 3), (2, 2, 2, 2), ((1, 0), (0, 2))),
        ("conv1d", (2, 2, 4), (1, 2, 3), ((2, 1),)),
    ]:
        steps = (1,) * len(padding)
        own = _correlation([*padding], steps, steps, 1)
        call = named(operation, padding=padding)
        yield Case(operation, "borders of two widths", call, [normal(*x), normal(*weight)], own)


# Pooling, window by window ---------------------------------------------------------------------


def _ceiling(n: int, kernel: int, step: int, before: int, after: int, dilation: int) -> int:
    """Count windows, the last of which may be incomplete but starts in the image."""
    span = dilation * (kernel - 1) + 1
    count = math.ceil((n + before + after - span) / step) + 1
    return count - ((count - 1) * step >= n + before)


def _pooled(
    x: np.ndarray, reduce: Any, kernel: Any, stride: Any, border: Any, dilation: Any, ceil: bool
) -> np.ndarray:
    """Reduce each window; ``reduce(values, counted, inside)`` sees those that are in the image."""
    axes = len(kernel)
    sizes = x.shape[x.ndim - axes :]
    settings = list(zip(sizes, kernel, stride, border, dilation, strict=True))
    counts = [
        _ceiling(n, k, s, *b, d) if ceil else (n + sum(b) - d * (k - 1) - 1) // s + 1
        for n, k, s, b, d in settings
    ]
    out = np.zeros((*x.shape[: x.ndim - axes], *counts))
    for place in np.ndindex(*counts):
        inside, counted = [], 0
        for within in np.ndindex(*kernel):
            at = [
                p * s + w * d - b[0]
                for p, w, (_, _, s, b, d) in zip(place, within, settings, strict=True)
            ]
            counted += all(
                -b[0] <= i < n + b[1] for i, (n, _, _, b, _) in zip(at, settings, strict=True)
            )
            if all(0 <= i < n for i, n in zip(at, sizes, strict=True)):
                inside.append(x[(..., *at)])
        out[(..., *place)] = reduce(np.stack(inside, axis=-1), counted)
    return out


def _pools() -> Iterator[Case]:
    def largest(values: np.ndarray, counted: int) -> Any:
        return values.max(axis=-1)

    def average(values: np.ndarray, counted: int) -> Any:
        return values.sum(axis=-1) / counted

    settings: list[tuple[str, tuple[int, ...], int, dict[str, Any]]] = [
        ("1d", (2, 2, 5), 1, {"kernel_size": 2}),
        ("1d with a border", (2, 4), 1, {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("1d rounded up", (5,), 1, {"kernel_size": 2, "ceil_mode": True}),
        ("2d rounded up", (2, 1, 5, 4), 2, {"kernel_size": (2, 3), "ceil_mode": True}),
        (
            "2d rounded up, with a border",
            (1, 1, 4, 5),
            2,
            {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        ),
        (
            "2d larger than the image",
            (1, 2, 2, 2),
            2,
            {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        ),
        (
            "2d with two widths",
            (2, 1, 3, 4),
            2,
            {"kernel_size": 2, "stride": 1, "padding": ((1, 0), (0, 1))},
        ),
        ("3d", (2, 1, 2, 2, 3), 3, {"kernel_size": (2, 1, 2), "stride": 1}),
        (
            "3d rounded up, with a border",
            (1, 1, 3, 2, 2),
            3,
            {"kernel_size": 2, "padding": (1, 0, 1), "ceil_mode": True},
        ),
    ]
    for label, shape, axes, keywords in settings:
        kernel = tuple(np.broadcast_to(keywords["kernel_size"], axes).tolist())
        stride = tuple(np.broadcast_to(keywords.get("stride", kernel), axes).tolist())
        padding = keywords.get("padding", 0)
        border = np.asarray(padding)
        if border.ndim < 2:
            border = np.stack([np.broadcast_to(border, axes)] * 2, axis=-1)
        full = (kernel, stride, border.tolist(), (1,) * axes, keywords.get("ceil_mode", False))
        for operation, reduce in [("max_pool", largest), ("avg_pool", average)]:
            yield Case(
                f"{operation}{axes}d",
                label[3:] or "plain",
                named(f"{operation}{axes}d", **keywords),
                [distinct(*shape)],
                lambda x, reduce=reduce, full=full: _pooled(x, reduce, *full),
            )
        if keywords.get("padding"):
            call = named(f"avg_pool{axes}d", **keywords, count_include_pad=False)
            own = lambda x, full=full: _pooled(x, lambda v, _: v.mean(axis=-1), *full)  # noqa: E731
            yield Case(f"avg_pool{axes}d", f"{label[3:]}, not counted", call, [normal(*shape)], own)
    for axes in (2, 3):
        kernel = (2,) * axes
        call = named(f"avg_pool{axes}d", 2, divisor_override=3)
        full = (kernel, kernel, [(0, 0)] * axes, (1,) * axes, False)
        own = lambda x, full=full: _pooled(x, lambda v, _: v.sum(axis=-1) / 3, *full)  # noqa: E731
        yield Case(f"avg_pool{axes}d", "own divisor", call, [normal(1, 2, *(2, 3, 4)[-axes:])], own)
    yield Case(
        "max_pool1d",
        "dilated",
        named("max_pool1d", 2, 1, 0, 2),
        [distinct(2, 5)],
        lambda x: np.maximum(x[:, :-2], x[:, 2:]),
    )


def _unpooled() -> Iterator[Case]:
    for label, shape, places, arguments, sizes in [
        ("plain", (2, 2), [[3, 5], [8, 14]], (2,), (4, 4)),
        ("given size", (2, 1, 1, 2), [[[[6, 3]]], [[[0, 14]]]], (2, 2, 0, (3, 5)), (3, 5)),
        ("cut border", (2, 2), [[0, 1], [7, 8]], (3, 2, 1), (3, 3)),
    ]:

        def put(x: np.ndarray, places: Any = places, sizes: Any = sizes) -> np.ndarray:
            out = np.zeros((*x.shape[:-2], math.prod(sizes)))
            for index in np.ndindex(x.shape):
                out[(*index[:-2], np.asarray(places)[index])] = x[index]
            return out.reshape(*x.shape[:-2], *sizes)

        call = named("max_unpool2d", np.array(places), *arguments)
        yield Case("max_unpool2d", label, call, [normal(*shape)], put)


# Adaptive pooling and interpolation, place by place --------------------------------------------


def _by_parts(x: np.ndarray, new: tuple[int, ...], reduce: Any) -> np.ndarray:
    axes = len(new)
    out = np.zeros((*x.shape[: x.ndim - axes], *new))
    for place in np.ndindex(*new):
        part = tuple(
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(place, x.shape[x.ndim - axes :], new, strict=True)
        )
        out[(..., *place)] = reduce(x[(..., *part)], axis=tuple(range(-axes, 0)))
    return out


def _adaptive() -> Iterator[Case]:
    for shape, size in [
        ((2, 5), 3),
        ((6,), 2),
        ((3,), 5),
        ((2, 1, 4, 6), 2),
        ((1, 2, 5, 3), (2, 4)),
        ((3, 4), (None, 2)),
        ((0, 2, 2), 1),
        ((1, 3, 2, 2), (2, 1, 3)),
        ((2, 2, 4), 2),
    ]:
        axes = 1 if len(shape) < 3 and not isinstance(size, tuple) else 2
        axes = 3 if np.size(size) == 3 or shape == (2, 2, 4) else axes
        given = size if isinstance(size, tuple) else (size,) * axes
        new = tuple(n if m is None else m for n, m in zip(shape[-axes:], given, strict=True))
        for name, reduce, draw in [("max", np.max, distinct), ("avg", np.mean, normal)]:
            if (name, axes) == ("max", 3):
                continue
            yield Case(
                f"adaptive_{name}_pool{axes}d",
                f"{shape} {size}",
                named(f"adaptive_{name}_pool{axes}d", size),
                [draw(*shape)],
                lambda x, new=new, reduce=reduce: _by_parts(x, new, reduce),
            )


def _kernel(distance: float, is_cubic: bool) -> float:
    d, a = abs(distance), -0.75
    if not is_cubic:
        return max(0.0, 1 - d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _resized(
    x: np.ndarray, new: tuple[int, ...], mode: str, factors: Any = None, aligned: bool = False
) -> np.ndarray:
    """Interpolate element by element: each is a sum over the elements that the kernel reaches."""
    sizes = x.shape[2:]
    scales = [
        (n / m) if factors is None else 1 / f
        for n, m, f in zip(sizes, new, factors or new, strict=True)
    ]
    out = np.zeros((*x.shape[:2], *new))
    for place in np.ndindex(*new):
        along: list[list[tuple[int, float]]] = []
        for i, n, m, scale in zip(place, sizes, new, scales, strict=True):
            if mode.startswith("nearest"):
                at = math.floor((i + 0.5 * (mode == "nearest-exact")) * scale + 1e-6)
                along.append([(min(at, n - 1), 1.0)])
                continue
            position = i * (n - 1) / max(m - 1, 1) if aligned else (i + 0.5) * scale - 0.5
            if mode != "bicubic":
                position = max(position, 0.0)
            reach = range(math.floor(position) - 2, math.floor(position) + 4)
            along.append(
                [(min(max(j, 0), n - 1), _kernel(position - j, mode == "bicubic")) for j in reach]
            )
        for pairs in itertools.product(*along):
            index = tuple(j for j, _ in pairs)
            out[(..., *place)] += x[(..., *index)] * math.prod(weight for _, weight in pairs)
    return out


def _interpolated() -> Iterator[Case]:
    for shape, new, modes in [
        ((2, 2, 3), (7,), ("nearest", "nearest-exact", "linear")),
        ((1, 2, 5), (3,), ("nearest", "nearest-exact", "linear")),
        ((1, 2, 2, 3), (4, 3), ("nearest", "bilinear", "bicubic")),
        ((2, 1, 4, 3), (3, 5), ("nearest", "nearest-exact", "bilinear", "bicubic")),
        ((1, 1, 2, 3), (1, 1), ("nearest-exact", "bilinear", "bicubic")),
        ((1, 1, 2, 1, 2), (3, 2, 3), ("nearest", "trilinear")),
    ]:
        for mode in modes:
            own = lambda x, new=new, mode=mode: _resized(x, new, mode)  # noqa: E731
            call = named("interpolate", new, mode=mode)
            yield Case("interpolate", f"{shape} {new} {mode}", call, [normal(*shape)], own)
            if not mode.startswith("nearest"):
                call = named("interpolate", size=new, mode=mode, align_corners=True)
                own = lambda x, new=new, mode=mode: _resized(x, new, mode, None, True)  # noqa: E731
                label = f"{shape} {new} {mode} aligned"
                yield Case("interpolate", label, call, [normal(*shape)], own)
    for shape, factor, mode in [
        ((1, 1, 4), 1.6, "linear"),
        ((1, 2, 3), 2, "nearest"),
        ((1, 1, 3, 4), (2.5, 0.6), "bilinear"),
        ((1, 1, 3, 4), (2, 0.6), "nearest-exact"),
        ((2, 1, 3, 2), 1.5, "bicubic"),
    ]:
        axes = len(shape) - 2
        factors = np.broadcast_to(factor, axes).tolist()
        new = tuple(int(n * f) for n, f in zip(shape[2:], factors, strict=True))
        call = named("interpolate", scale_factor=factor, mode=mode)
        yield Case(
            "interpolate",
            f"{shape} by {factor} {mode}",
            call,
            [normal(*shape)],
            lambda x, new=new, mode=mode, factors=factors: _resized(x, new, mode, factors),
        )
    call = named("interpolate", (2, 2), mode="area")
    own = lambda x: _by_parts(x, (2, 2), np.mean)  # noqa: E731
    yield Case("interpolate", "area", call, [normal(1, 2, 3, 5)], own)


def _shuffled() -> Iterator[Case]:
    def shuffled(x: np.ndarray, r: int) -> np.ndarray:
        *before, channels, height, width = x.shape
        out = np.zeros((*before, channels // (r * r), height * r, width * r))
        for c, i, j in np.ndindex(*out.shape[-3:]):
            out[..., c, i, j] = x[..., c * r * r + i % r * r + j % r, i // r, j // r]
        return out

    def unshuffled(x: np.ndarray, r: int) -> np.ndarray:
        *before, channels, height, width = x.shape
        out = np.zeros((*before, channels * r * r, height // r, width // r))
        for c, i, j in np.ndindex(channels, height, width):
            out[..., c * r * r + i % r * r + j % r, i // r, j // r] = x[..., c, i, j]
        return out

    for r, shape in [(2, (2, 8, 1, 3)), (3, (9, 2, 1)), (1, (1, 2, 2, 2))]:
        call = named("pixel_shuffle", r)
        own = lambda x, r=r: shuffled(x, r)  # noqa: E731
        yield Case("pixel_shuffle", f"{shape} {r}", call, [normal(*shape)], own)
        large = normal(*shuffled(np.zeros(shape), r).shape)
        call = named("pixel_unshuffle", r)
        own = lambda x, r=r: unshuffled(x, r)  # noqa: E731
        yield Case("pixel_unshuffle", f"{shape} {r}", call, [large], own)


FAMILIES = (
    _transposed,
    _convolutions,
    _pools,
    _unpooled,
    _adaptive,
    _interpolated,
    _shuffled,
)

"""Cases of what changes the size of images: transposed convolution, interpolation, adaptive pools.

Each oracle goes from element to element, with the positions that the definition names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal


def _stamped(
    stride: Any, borders: Any, more: Any, groups: int, dilation: Any
) -> Callable[..., np.ndarray]:
    """Make a transposed convolution that puts the kernel down once for each element."""

    def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        sizes, kernel = x.shape[2:], weight.shape[2:]
        each = list(zip(sizes, kernel, stride, dilation, strict=True))
        full = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in each]
        outputs, taken = weight.shape[1] * groups, x.shape[1] // groups
        # Room for what output_padding adds.
        room = np.zeros((len(x), outputs, *(n + m for n, m in zip(full, more, strict=True))))
        for c in range(x.shape[1]):
            group = c // taken
            channels = slice(group * weight.shape[1], (group + 1) * weight.shape[1])
            for place in np.ndindex(sizes):
                for inside in np.ndindex(kernel):
                    where = [
                        p * s + i * d
                        for p, i, s, d in zip(place, inside, stride, dilation, strict=True)
                    ]
                    product = np.multiply.outer(x[(slice(None), c, *place)],
                                                weight[(c, slice(None), *inside)])  # fmt: skip
                    room[(slice(None), channels, *where)] += product
        ends = [slice(a, n - b) for (a, b), n in zip(borders, room.shape[2:], strict=True)]
        out = room[(..., *ends)]
        return out if bias is None else out + bias.reshape(-1, *(1,) * len(sizes))

    return convolve


def _transposed() -> Iterator[Case]:
    none = (0, 0)
    for label, x, weight, bias, keywords, own in [
        ("plain", (2, 3, 2, 3), (3, 2, 2, 2), True, {}, ((1, 1), [none] * 2, none, 1, (1, 1))),
        ("stride", (1, 2, 2, 2), (2, 1, 3, 2), True, {"stride": 2},
         ((2, 2), [none] * 2, none, 1, (1, 1))),
        ("all options", (1, 4, 2, 3), (4, 1, 2, 3), True,
         {"stride": (3, 2), "padding": (0, 1), "output_padding": (2, 1), "groups": 2,
          "dilation": (2, 1)}, ((3, 2), [none, (1, 1)], (2, 1), 2, (2, 1))),
        ("more than the stride", (1, 1, 2, 2), (1, 2, 2, 2), False,
         {"output_padding": 1, "dilation": 2, "padding": ((0, 1), (2, 0))},
         ((1, 1), [(0, 1), (2, 0)], (1, 1), 1, (2, 2))),
        ("no images", (0, 2, 2, 2), (2, 1, 2, 2), True, {},
         ((1, 1), [none] * 2, none, 1, (1, 1))),
        ("sequences", (2, 2, 3), (2, 2, 3), True, {"stride": 2, "padding": 1, "output_padding": 1},
         ((2,), [(1, 1)], (1,), 1, (1,))),
        ("gaps", (1, 1, 3), (1, 1, 2), False, {"stride": 3}, ((3,), [none], (0,), 1, (1,))),
        ("volumes", (1, 2, 1, 2, 2), (2, 1, 2, 1, 2), True, {"stride": (1, 2, 1)},
         ((1, 2, 1), [none] * 3, (0, 0, 0), 1, (1, 1, 1))),
    ]:  # fmt: skip
        operation = f"conv_transpose{len(x) - 2}d"
        outputs = weight[1] * keywords.get("groups", 1)
        arrays = [normal(*x), normal(*weight)] + [normal(outputs)] * bias
        yield Case(operation, label, named(operation, **keywords), arrays, _stamped(*own))


# Interpolation --------------------------------------------------------------------------------


def _keys(distance: float) -> float:
    """Weigh an element by the cubic convolution of Keys, with a = -0.75."""
    a, d = -0.75, abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def _matrix(old: int, new: int, mode: str, aligned: bool = False, ratio: Any = None) -> np.ndarray:
    """Make the matrix that interpolates an axis, entry by entry."""
    ratio = old / new if ratio is None else ratio
    matrix = np.zeros((new, old))
    for i in range(new):
        if aligned:
            where = i * (old - 1) / (new - 1) if new > 1 else 0.0
        else:
            where = (i + 0.5) * ratio - 0.5
        if mode == "nearest":
            matrix[i, min(int(i * ratio + 1e-12), old - 1)] = 1
        elif mode == "nearest-exact":
            matrix[i, min(int((i + 0.5) * ratio + 1e-12), old - 1)] = 1
        elif mode == "area":
            first, end = i * old // new, -(-(i + 1) * old // new)
            matrix[i, first:end] = 1 / (end - first)
        elif mode == "cubic":
            for j in range(-3, old + 3):
                matrix[i, min(max(j, 0), old - 1)] += _keys(where - j)
        else:  # a hat around each element, and the first and last go on
            where = min(max(where, 0), old - 1)
            for j in range(old):
                matrix[i, j] = max(0.0, 1 - abs(where - j))
    return matrix


def _by_matrices(matrices: list[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    def apply(x: np.ndarray) -> np.ndarray:
        for axis, matrix in enumerate(matrices, start=x.ndim - len(matrices)):
            x = np.moveaxis(np.tensordot(matrix, x, ([1], [axis])), 0, axis)
        return x

    return apply


def _interpolation() -> Iterator[Case]:
    for mode, shape, keywords, new, ratios in [
        ("nearest", (1, 2, 3), {"scale_factor": 2}, (6,), None),
        ("nearest", (1, 2, 3, 4), {"size": (5, 3)}, (5, 3), None),
        ("nearest", (1, 1, 5, 4), {"scale_factor": (0.7, 1.6)}, (3, 6), (1 / 0.7, 1 / 1.6)),
        ("nearest", (1, 1, 2, 3, 2), {"size": 4}, (4, 4, 4), None),
        ("nearest", (2, 3, 5), {"scale_factor": 2.05}, (10,), (1 / 2.05,)),
        ("nearest", (0, 1, 2, 3), {"scale_factor": 3}, (6, 9), None),
        ("nearest-exact", (2, 1, 4), {"size": 3}, (3,), None),
        ("nearest-exact", (1, 2, 3, 2), {"scale_factor": 2.0}, (6, 4), None),
        ("linear", (2, 2, 3), {"size": 5}, (5,), None),
        ("linear", (2, 1, 5), {"size": 3, "align_corners": True}, (3,), None),
        ("linear", (1, 1, 5), {"size": 1, "align_corners": True}, (1,), None),
        ("bilinear", (1, 2, 3, 4), {"scale_factor": 2}, (6, 8), None),
        ("bilinear", (1, 1, 5, 4), {"size": (2, 4), "align_corners": False}, (2, 4), None),
        ("bilinear", (1, 1, 3, 2), {"size": (4, 5), "align_corners": True}, (4, 5), None),
        ("bilinear", (1, 1, 4, 3), {"scale_factor": (0.6, 1.5)}, (2, 4), (1 / 0.6, 1 / 1.5)),
        ("bilinear", (1, 1, 4, 3), {"scale_factor": 1.4, "recompute_scale_factor": True}, (5, 4),
         None),
        ("bilinear", (0, 1, 2, 2), {"size": 3}, (3, 3), None),
        ("bilinear", (1, 1, 2, 3), {"scale_factor": 1.4}, (2, 4), (1, 1 / 1.4)),
        ("bicubic", (1, 1, 2, 3), {"scale_factor": 1.4}, (2, 4), (1 / 1.4, 1 / 1.4)),
        ("trilinear", (1, 1, 2, 3, 2), {"size": (3, 2, 4)}, (3, 2, 4), None),
        ("bicubic", (1, 2, 4, 3), {"size": (6, 2)}, (6, 2), None),
        ("bicubic", (1, 1, 3, 3), {"scale_factor": 2, "align_corners": True}, (6, 6), None),
        ("bicubic", (1, 1, 2, 5), {"scale_factor": (1.5, 0.5)}, (3, 2), (1 / 1.5, 2)),
        ("area", (1, 2, 5, 4), {"size": (3, 2)}, (3, 2), None),
        ("area", (2, 1, 4), {"scale_factor": 0.5}, (2,), None),
    ]:  # fmt: skip
        old, aligned = shape[2:], bool(keywords.get("align_corners"))
        name = "cubic" if mode == "bicubic" else "linear" if mode.endswith("linear") else mode
        matrices = [
            _matrix(a, b, name, aligned, ratio)
            for a, b, ratio in zip(old, new, ratios or (None,) * len(new), strict=True)
        ]
        call = named("interpolate", mode=mode, **keywords)
        yield Case("interpolate", f"{mode} {shape} {keywords}", call, [normal(*shape)],
                   _by_matrices(matrices))  # fmt: skip
    yield Case("interpolate", "as it is", named("interpolate", 3, mode="linear"),
               [normal(1, 1, 3)], lambda x: x)  # fmt: skip


# Adaptive pooling -----------------------------------------------------------------------------


def _adaptive() -> Iterator[Case]:
    def largest(x: np.ndarray, new: tuple[int, ...]) -> np.ndarray:
        sizes = x.shape[x.ndim - len(new) :]
        out = np.zeros((*x.shape[: x.ndim - len(new)], *new))
        for place in np.ndindex(new):
            ends = [
                slice(i * n // m, -(-(i + 1) * n // m))
                for i, n, m in zip(place, sizes, new, strict=True)
            ]
            out[(..., *place)] = x[(..., *ends)].max(axis=tuple(range(-len(new), 0)))
        return out

    for shape, asked, new in [
        ((2, 2, 4, 6), 1, (1, 1)),
        ((1, 2, 4, 6), (2, 3), (2, 3)),
        ((2, 1, 5, 4), (3, 4), (3, 4)),
        ((1, 1, 3, 5), (None, 2), (3, 2)),
        ((1, 1, 2, 3), (3, 4), (3, 4)),
        ((3, 4), [2, 2], (2, 2)),
        ((0, 1, 2, 2), 1, (1, 1)),
        ((2, 2, 7), 3, (3,)),
        ((1, 2, 4), (2,), (2,)),
        ((1, 2, 3, 2, 4), (2, 2, 3), (2, 2, 3)),
    ]:
        axes = len(new)
        old = shape[len(shape) - axes :]
        matrices = [_matrix(a, b, "area") for a, b in zip(old, new, strict=True)]
        call = named(f"adaptive_avg_pool{axes}d", asked)
        yield Case(f"adaptive_avg_pool{axes}d", f"{shape} {asked}", call, [normal(*shape)],
                   _by_matrices(matrices))  # fmt: skip
        if axes < 3:
            call = named(f"adaptive_max_pool{axes}d", asked)
            yield Case(f"adaptive_max_pool{axes}d", f"{shape} {asked}", call, [distinct(*shape)],
                       lambda x, new=new: largest(x, new))  # fmt: skip


# Rearranging ----------------------------------------------------------------------------------


def _pixels() -> Iterator[Case]:
    def shuffled(x: np.ndarray, r: int) -> np.ndarray:
        *ahead, channels, height, width = x.shape
        out = np.zeros((*ahead, channels // r**2, height * r, width * r))
        for c, h, w in np.ndindex(out.shape[-3:]):
            out[..., c, h, w] = x[..., c * r * r + h % r * r + w % r, h // r, w // r]
        return out

    def gathered(x: np.ndarray, r: int) -> np.ndarray:
        *ahead, channels, height, width = x.shape
        out = np.zeros((*ahead, channels * r**2, height // r, width // r))
        for c, h, w in np.ndindex(out.shape[-3:]):
            inside = c % r**2
            out[..., c, h, w] = x[..., c // r**2, h * r + inside // r, w * r + inside % r]
        return out

    for shape, r in [((2, 8, 2, 3), 2), ((9, 1, 2), 3), ((1, 2, 2, 2), 1), ((0, 4, 1, 1), 2)]:
        yield Case("pixel_shuffle", f"{shape} {r}", named("pixel_shuffle", r), [normal(*shape)],
                   lambda x, r=r: shuffled(x, r))  # fmt: skip
    for shape, r in [((2, 2, 4, 6), 2), ((1, 3, 6), 3), ((0, 1, 2, 2), 2)]:
        yield Case("pixel_unshuffle", f"{shape} {r}", named("pixel_unshuffle", r),
                   [normal(*shape)], lambda x, r=r: gathered(x, r))  # fmt: skip


def _unpooling() -> Iterator[Case]:
    for shape, places, keywords, new in [
        ((1, 2, 1, 2), [[[[0, 7]], [[5, 2]]]], {"kernel_size": 2}, (2, 4)),
        ((2, 2), [[0, 3], [14, 8]], {"kernel_size": 3, "stride": 2, "padding": 1,
                                     "output_size": (5, 4, 4)}, (4, 4)),
        ((1, 2), [[3, 3]], {"kernel_size": (2, 1), "output_size": (2, 2)}, (2, 2)),
    ]:  # fmt: skip

        def filled(x: np.ndarray, places: Any = places, new: Any = new) -> np.ndarray:
            out = np.zeros((*x.shape[:-2], *new))
            for index in np.ndindex(x.shape):
                place = np.unravel_index(np.array(places)[index], new)
                out[(*index[:-2], *place)] = x[index]
            return out

        yield Case(
            "max_unpool2d",
            f"{shape} {keywords}",
            lambda m, x, places, keywords=keywords: m.max_unpool2d(x, places, **keywords),
            [normal(*shape), np.array(places)],
            lambda x, _, filled=filled: filled(x),
        )


FAMILIES = (_transposed, _interpolation, _adaptive, _pixels, _unpooling)

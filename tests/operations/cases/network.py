"""Cases of what networks compute besides affine maps: softmax, normalisation, dropout, tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .case import Case, named, normal, positive


def _softmax() -> Iterator[Case]:
    def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)

    def log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.log(softmax(x, axis))

    for own in (softmax, log_softmax):
        for shape, keywords in [
            ((4, 3), {"axis": 1}),
            ((4, 3), {}),
            ((4, 3), {"axis": 0}),
            ((2, 3, 4), {"axis": -2}),
            ((5,), {}),
            ((1,), {}),
            ((0, 3), {}),
        ]:
            yield Case(
                own.__name__,
                f"{shape} {keywords or ''}",
                named(own.__name__, **keywords),
                [normal(*shape)],
                lambda x, own=own, keywords=keywords: own(x, **keywords),
                text=keywords == {"axis": 1},
            )


def _normalised(
    x: np.ndarray, axes: Any, eps: float, mean: Any = None, variance: Any = None
) -> np.ndarray:
    mean = x.mean(axis=axes, keepdims=True) if mean is None else mean
    variance = x.var(axis=axes, keepdims=True) if variance is None else variance
    return np.asarray((x - mean) / np.sqrt(variance + eps))


def _batch_norm() -> Iterator[Case]:
    def batch(
        x: np.ndarray, weight: Any = 1.0, bias: Any = 0.0, mean: Any = None, variance: Any = None,
        eps: float = 1e-5,
    ) -> np.ndarray:  # fmt: skip
        def column(values: Any) -> Any:
            if np.ndim(values) == 0:
                return values
            return np.reshape(values, (1, -1, *(1,) * (x.ndim - 2)))

        axes = (0, *range(2, x.ndim))
        scaled = _normalised(x, axes, eps, column(mean), column(variance))
        return scaled * column(weight) + column(bias)

    call = named("batch_norm")
    for shape in [(4, 2), (2, 3, 2, 2), (1, 2, 3), (2, 0)]:
        arrays = [normal(*shape), positive(shape[1]), normal(shape[1])]
        yield Case("batch_norm", f"{shape}", call, arrays, batch, text=shape == (4, 2))
    yield Case("batch_norm", "alone", named("batch_norm", eps=0.5), [normal(3, 2)],
               lambda x: batch(x, eps=0.5))  # fmt: skip
    yield Case(
        "batch_norm",
        "by given averages",
        lambda m, x, mean, variance: m.batch_norm(x, mean=mean, variance=variance),
        [normal(1, 2, 3), normal(2), positive(2)],
        lambda x, mean, variance: batch(x, mean=mean, variance=variance),
    )


def _layer_norm() -> Iterator[Case]:
    for shape, axis, eps in [
        ((2, 4), -1, 1e-5),
        ((2, 3, 4), (-1, 1), 0.5),
        ((3, 2, 2), 0, 1e-5),
        ((4,), 0, 1e-5),
        ((2, 1), 1, 0.5),
        ((0, 3), -1, 1e-5),
    ]:
        axes = tuple(i % len(shape) for i in np.atleast_1d(axis))
        sizes = [n if i in axes else 1 for i, n in enumerate(shape)]
        affine = tuple(n for i, n in enumerate(shape) if i in axes)

        def layer(
            x: np.ndarray, weight: Any = None, bias: Any = None, axes: Any = axes,
            eps: float = eps, sizes: Any = sizes,
        ) -> np.ndarray:  # fmt: skip
            scaled = _normalised(x, axes, eps)
            return (
                scaled if weight is None else scaled * weight.reshape(sizes) + bias.reshape(sizes)
            )

        call = named("layer_norm", axis=axis, eps=eps)
        arrays = [normal(*shape), positive(*affine), normal(*affine)]
        yield Case("layer_norm", f"{shape} {axis}", call, arrays, layer, text=shape == (2, 4))
    yield Case("layer_norm", "alone", named("layer_norm"), [normal(2, 3)],
               lambda x: _normalised(x, -1, 1e-5))  # fmt: skip


def _group_norm() -> Iterator[Case]:
    def group(
        x: np.ndarray, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5
    ) -> np.ndarray:
        parts = np.split(x, groups, axis=1)
        axes = tuple(range(1, x.ndim))
        scaled = np.concatenate([_normalised(part, axes, eps) for part in parts], axis=1)
        column = (-1, *(1,) * (x.ndim - 2))
        if weight is None:
            return scaled
        return scaled * weight.reshape(column) + bias.reshape(column)

    for shape, groups in [((2, 6), 2), ((2, 4, 3), 1), ((1, 6, 2, 2), 3), ((2, 3, 4), 3),
                          ((0, 2, 2), 1)]:  # fmt: skip
        arrays = [normal(*shape), positive(shape[1]), normal(shape[1])]
        yield Case(
            "group_norm",
            f"{shape} {groups}",
            lambda m, *arrays, groups=groups: m.group_norm(arrays[0], groups, *arrays[1:]),
            arrays,
            lambda *arrays, groups=groups: group(*arrays, groups=groups),
        )
        if len(shape) > 2:
            yield Case(
                "instance_norm",
                f"{shape}",
                named("instance_norm", eps=0.25),
                arrays,
                lambda *arrays: group(*arrays, groups=arrays[0].shape[1], eps=0.25),
            )
    yield Case("group_norm", "alone", named("group_norm", 2, eps=0.5), [normal(2, 4, 2)],
               lambda x: group(x, groups=2, eps=0.5))  # fmt: skip
    yield Case("instance_norm", "alone", named("instance_norm"), [normal(2, 2, 4)],
               lambda x: group(x, groups=2))  # fmt: skip


def _rms_norm() -> Iterator[Case]:
    def rms(x: np.ndarray, weight: Any, axes: Any, eps: float) -> np.ndarray:
        scaled = x * (np.mean(x**2, axis=axes, keepdims=True) + eps) ** -0.5
        sizes = [n if i in axes else 1 for i, n in enumerate(x.shape)]
        return np.asarray(scaled * weight.reshape(sizes))

    for shape, axis, eps in [((2, 4), -1, None), ((2, 3, 4), (-1, 1), 0.5), ((3, 2), 0, 1e-3),
                             ((4,), 0, None), ((0, 3), 1, 1e-5)]:  # fmt: skip
        axes = tuple(i % len(shape) for i in np.atleast_1d(axis))
        affine = tuple(n for i, n in enumerate(shape) if i in axes)
        yield Case(
            "rms_norm",
            f"{shape} {axis}",
            named("rms_norm", axis=axis, eps=eps),
            [normal(*shape), positive(*affine)],
            lambda x, weight, axes=axes, eps=eps: rms(x, weight, axes, eps or 2**-52),
        )
    yield Case("rms_norm", "alone", named("rms_norm"), [normal(2, 3)],
               lambda x: rms(x, np.ones(3), (1,), 2**-52))  # fmt: skip


def _dropout() -> Iterator[Case]:
    for p, shape in [(0.5, (3, 4)), (0.1, (4,)), (0, (3,)), (1, (2, 2)), (0.3, ()), (0.5, (0, 2))]:

        def kept(x: np.ndarray, p: float = p) -> np.ndarray:
            draws = np.random.default_rng(7).random(x.shape, dtype=np.float32)
            return np.where(draws < p, 0, x / (1 - p or 1))

        call = named("dropout", p, generator=7)
        yield Case("dropout", f"{p} {shape}", call, [normal(*shape)], kept)


def _embedding() -> Iterator[Case]:
    for indices in [
        np.array([2, 0, 2, 2]),
        np.array([[1, 0], [3, 1]], dtype=np.uint8),
        np.array(3),
        np.zeros((2, 0), int),
    ]:
        yield Case(
            "embedding",
            f"{indices.shape}",
            named("embedding"),
            [indices, normal(4, 3)],
            lambda indices, weight: np.eye(4)[indices] @ weight,
            text=indices.shape == (4,),
        )


FAMILIES = (
    _softmax,
    _batch_norm,
    _layer_norm,
    _group_norm,
    _rms_norm,
    _dropout,
    _embedding,
)

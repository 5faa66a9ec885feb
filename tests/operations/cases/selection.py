"""Cases of scattering, segments, running extremes, windows as columns, and distances.

Each oracle goes from element to element, or from group to group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal, positive, signed

INDEX = np.array([[0, 2, 1, 0], [3, 0, 0, 2], [1, 1, 3, 3]])


def _place(i: tuple[int, ...], axis: int, number: int) -> tuple[int, ...]:
    return (*i[:axis], int(number), *i[axis + 1 :])


def _gather(x: np.ndarray, axis: int, index: np.ndarray) -> np.ndarray:
    out = np.zeros(index.shape)
    for i in np.ndindex(index.shape):
        out[i] = x[_place(i, axis % x.ndim, index[i])]
    return out


def _scatter(
    x: np.ndarray, axis: int, index: np.ndarray, src: np.ndarray, reduce: Any, include: bool = True
) -> np.ndarray:
    groups: dict[tuple[int, ...], list[Any]] = {}
    for i in np.ndindex(index.shape):
        groups.setdefault(_place(i, axis % x.ndim, index[i]), []).append(src[i])
    out = np.array(x)
    for place, members in groups.items():
        out[place] = reduce([x[place], *members] if include else members)
    return out


def _last(members: list[Any]) -> Any:
    return members[-1]


def _scattering() -> Iterator[Case]:
    for shape, axis, index in [
        ((3, 4), 1, INDEX),
        ((3, 4), -1, INDEX[:2, :3]),
        ((4, 4), 0, INDEX),
        ((5,), 0, np.array([4, 4, 0], dtype=np.uint8)),
        ((2, 3, 2), 1, np.array([[[2, 0]], [[1, 1]]])),
        ((2, 3), 1, np.zeros((2, 0), int)),
    ]:
        label = f"{shape} {axis} {index.shape}"
        call = named("gather", axis, index)
        yield Case("gather", label, call, [normal(*shape)],
                   lambda x, axis=axis, index=index: _gather(x, axis, index))  # fmt: skip
        larger = tuple(n + 1 for n in index.shape)
        for operation, reduce, src in [
            ("scatter", _last, index.shape),
            ("scatter", _last, larger),
            ("scatter_add", sum, index.shape),
        ]:
            yield Case(
                operation,
                f"{label} {src}",
                lambda m, x, src, f=operation, axis=axis, index=index: getattr(m, f)(
                    x, axis, index, src
                ),
                [normal(*shape), normal(*src)],
                lambda x, src, axis=axis, index=index, reduce=reduce: _scatter(
                    x, axis, index, src, reduce, include=reduce is sum
                ),
            )
    yield Case("scatter", "a number", lambda m, x: m.scatter(x, 1, INDEX, 7.0), [normal(3, 4)],
               lambda x: _scatter(x, 1, INDEX, np.full(INDEX.shape, 7.0), _last))  # fmt: skip
    for reduce, own in [("add", sum), ("multiply", np.prod)]:
        yield Case(
            "scatter",
            reduce,
            lambda m, x, src, reduce=reduce: m.scatter(x, 1, INDEX, src, reduce=reduce),
            [normal(3, 4), normal(3, 4)],
            lambda x, src, own=own: _scatter(x, 1, INDEX, src, own),
        )
    for reduce, own in [
        ("sum", sum), ("prod", np.prod), ("mean", np.mean), ("amax", max), ("amin", min),
    ]:  # fmt: skip
        for include in (True, False):
            drawn = distinct(7, 4)
            yield Case(
                "scatter_reduce",
                f"{reduce} {include}",
                lambda m, x, src, reduce=reduce, include=include: m.scatter_reduce(
                    x, 0, INDEX, src, reduce, include_self=include
                ),
                [drawn[:4], drawn[4:]],
                lambda x, src, own=own, include=include: _scatter(x, 0, INDEX, src, own, include),
            )
    yield Case("gather", "0-d", lambda m, x: m.gather(x, 0, [0, 0]), [normal()],
               lambda x: np.array([x, x]))  # fmt: skip
    for axis, index in [(0, [1, 1, 0]), (1, [2]), (-1, [])]:
        yield Case("index_select", f"{axis} {index}", named("index_select", axis, index),
                   [normal(3, 4)],
                   lambda x, axis=axis, index=index: np.take(x, np.array(index, int), axis),
                   )  # fmt: skip


def _masks() -> Iterator[Case]:
    mask = np.array([[True, False, True], [False, False, True]])
    parts = {"whole": mask, "row": mask[1], "column": mask[:, :1], "0-d": mask[0, 0]}
    for label, m in parts.items():
        yield Case("masked_fill", label, named("masked_fill", m, -2.0), [normal(2, 3)],
                   lambda x, m=m: np.where(m, -2.0, x))  # fmt: skip
        yield Case("masked_select", label, named("masked_select", m), [normal(2, 3)],
                   lambda x, m=m: x[np.broadcast_to(m, x.shape)])  # fmt: skip
    yield Case("masked_fill", "of a tensor", lambda m, x, v: m.masked_fill(x, mask, v),
               [normal(2, 3), normal()], lambda x, v: np.where(mask, v, x))  # fmt: skip


def _by_group(reduce: Callable[..., Any], none: float, ids: Any, count: int) -> Any:
    def own(x: np.ndarray) -> np.ndarray:
        out = np.full((count, *x.shape[1:]), none)
        for number in range(count):
            if (rows := x[np.asarray(ids) == number]).size:
                out[number] = reduce(rows, axis=0)
        return out

    return own


def _segments() -> Iterator[Case]:
    for operation, reduce, none in [
        ("segment_sum", np.sum, 0.0),
        ("segment_mean", np.mean, 0.0),
        ("segment_max", np.max, 0.0),
        ("segment_min", np.min, 0.0),
        ("segment_prod", np.prod, 1.0),
    ]:
        for shape, ids, count in [
            ((5,), [2, 0, 2, 2, 0], 4),
            ((4, 2), [0, 0, 1, 1], 2),
            ((3, 2, 2), [1, 1, 1], 3),
            ((0, 2), [], 2),
        ]:
            yield Case(operation, f"{shape} {count}", named(operation, np.array(ids, int), count),
                       [distinct(*shape)], _by_group(reduce, none, ids, count),
                       text=operation == "segment_max" and shape == (5,))  # fmt: skip
        ids = [1, 0, 1]
        yield Case(operation, "counted", named(operation, ids), [distinct(3)],
                   _by_group(reduce, none, ids, 2))  # fmt: skip
    zeros = np.array([0.0, 2.0, 0.0, 3.0, 0.0, -1.5])
    ids = [0, 0, 1, 1, 1, 2]
    yield Case("segment_prod", "zeros", named("segment_prod", ids, 3), [zeros],
               _by_group(np.prod, 1.0, ids, 3))  # fmt: skip

    def softmax(x: np.ndarray, ids: Any) -> np.ndarray:
        out = np.exp(x)
        for number in set(ids):
            rows = np.asarray(ids) == number
            out[rows] /= out[rows].sum(axis=0)
        return out

    for shape, ids in [((5,), [2, 0, 2, 2, 0]), ((4, 2), [0, 1, 1, 0]), ((0,), [])]:
        numbers = np.array(ids, int)
        yield Case("segment_softmax", f"{shape}", named("segment_softmax", numbers, 3),
                   [normal(*shape)], lambda x, ids=ids: softmax(x, ids))  # fmt: skip


def _running() -> Iterator[Case]:
    for shape, axis in [((3, 4), 0), ((3, 4), -1), ((2, 3, 2), 1), ((6,), 0), ((0, 3), 0), ((), 0)]:
        for operation, own in [
            ("cummax", np.maximum.accumulate),
            ("cummin", np.minimum.accumulate),
            ("logcumsumexp", np.logaddexp.accumulate),
        ]:

            def call(m: Any, x: Any, operation: str = operation, axis: int = axis) -> Any:
                out = getattr(m, operation)(x, axis)
                return out if operation == "logcumsumexp" else out[0]

            yield Case(operation, f"{shape} {axis}", call, [distinct(*shape)],
                       lambda x, own=own, axis=axis: own(x, axis=axis) if x.ndim else x,
                       )  # fmt: skip
    for shape, k, keywords in [
        ((5,), 3, {}), ((3, 4), 2, {"largest": False}), ((3, 4), 2, {"axis": 0}), ((4,), 0, {}),
        ((), 1, {}),
    ]:  # fmt: skip

        def own(x: np.ndarray, k: int = k, keywords: Any = keywords) -> np.ndarray:
            axis = keywords.get("axis", -1)
            if not x.ndim:
                return x
            order = np.sort(x, axis=axis)
            order = np.flip(order, axis) if keywords.get("largest", True) else order
            return np.take(order, range(k), axis)

        yield Case("topk", f"{shape} {k} {keywords}",
                   lambda m, x, k=k, keywords=keywords: m.topk(x, k, **keywords)[0],
                   [distinct(*shape)], own)  # fmt: skip
    for shape, chunks, axis, part in [((5,), 2, 0, 1), ((2, 6), 4, 1, 2), ((3, 2), 9, 0, 2)]:
        size = -(-shape[axis] // chunks)
        yield Case("chunk", f"{shape} {chunks}",
                   lambda m, x, a=(chunks, axis), part=part: m.chunk(x, *a)[part],
                   [normal(*shape)],
                   lambda x, a=axis, s=size, p=part: np.take(
                       x, range(p * s, min(p * s + s, x.shape[a])), a))  # fmt: skip


def _unfolded(x: np.ndarray, kernel: Any, dilation: Any, padding: Any, stride: Any) -> np.ndarray:
    x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    each = zip(x.shape[2:], kernel, dilation, stride, strict=True)
    places = [range(0, n - (k - 1) * d, s) for n, k, d, s in each]
    columns = [
        x[:, :, i : i + (kernel[0] - 1) * dilation[0] + 1 : dilation[0],
          j : j + (kernel[1] - 1) * dilation[1] + 1 : dilation[1]].reshape(
              len(x), x.shape[1] * kernel[0] * kernel[1])
        for i in places[0] for j in places[1]
    ]  # fmt: skip
    return np.stack(columns, -1)


def _columns() -> Iterator[Case]:
    for shape, kernel, dilation, padding, stride in [
        ((2, 2, 3, 4), (2, 2), (1, 1), (0, 0), (1, 1)),
        ((1, 1, 5, 4), (2, 3), (2, 1), (1, 0), (1, 2)),
        ((1, 2, 3, 3), (1, 2), (1, 1), (0, 1), (2, 1)),
    ]:
        settings = (kernel, dilation, padding, stride)
        yield Case("unfold", f"{shape} {settings}", named("unfold", *settings), [normal(*shape)],
                   lambda x, s=settings: _unfolded(x, *s))  # fmt: skip
        numbers = np.arange(float(np.prod(shape))).reshape(shape) + 1
        columns = _unfolded(numbers, *settings).astype(int)

        def folded(x: np.ndarray, columns: Any = columns, shape: Any = shape) -> np.ndarray:
            sums = np.bincount(columns.ravel(), x.ravel(), minlength=int(np.prod(shape)) + 1)
            return sums[1:].reshape(shape)

        yield Case("fold", f"{shape} {settings}", named("fold", shape[2:], *settings),
                   [normal(*columns.shape)], folded)  # fmt: skip
    for shape, axis, size, step in [((5,), 0, 2, 1), ((2, 5), 1, 3, 2), ((4, 2), 0, 2, 2)]:

        def windows(x: np.ndarray, axis: int = axis, size: int = size, step: int = step) -> Any:
            starts = range(0, x.shape[axis] - size + 1, step)
            parts = [np.moveaxis(np.take(x, range(i, i + size), axis), axis, -1) for i in starts]
            return np.stack(parts, axis)

        yield Case("unfold_axis", f"{shape} {axis, size, step}",
                   named("unfold_axis", axis, size, step), [normal(*shape)], windows)  # fmt: skip


def _length(x: np.ndarray, p: float = 2.0, axis: int = -1) -> np.ndarray:
    return np.sum(np.abs(x) ** p, axis=axis, keepdims=True) ** (1 / p)


def _distances() -> Iterator[Case]:
    for label, keywords, p, axis in [
        ("rows", {}, 2.0, 1), ("1", {"p": 1.0, "axis": 0}, 1.0, 0), ("3", {"p": 3.0}, 3.0, 1),
    ]:  # fmt: skip
        yield Case("normalize", label, named("normalize", **keywords), [signed(3, 2)],
                   lambda x, p=p, axis=axis: x / _length(x, p, axis))  # fmt: skip
    yield Case("normalize", "short", named("normalize", eps=50.0), [signed(3, 2)], lambda x: x / 50)
    for shapes, axis in [(((3, 2), (3, 2)), 1), (((2, 3, 2), (3, 1)), -2), (((4,), (2, 4)), 1)]:

        def cosine(x: np.ndarray, y: np.ndarray, axis: int = axis) -> np.ndarray:
            x, y = np.broadcast_arrays(x, y)
            return ((x / _length(x, axis=axis)) * (y / _length(y, axis=axis))).sum(axis)

        if shapes[1] != (2, 4):
            yield Case("cosine_similarity", f"{shapes} {axis}",
                       named("cosine_similarity", axis=axis), [signed(*s) for s in shapes], cosine,
                       )  # fmt: skip
    for label, keywords, own in [
        ("rows", {}, lambda d: _length(d + 1e-6)[..., 0]),
        ("1, kept", {"p": 1.0, "keepdims": True}, lambda d: _length(d + 1e-6, 1)),
        ("3, larger", {"p": 3.0, "eps": 0.25}, lambda d: _length(d + 0.25, 3)[..., 0]),
    ]:
        x = normal(3, 2)
        yield Case("pairwise_distance", label, named("pairwise_distance", **keywords),
                   [x, x + signed(3, 2)], lambda x, y, own=own: own(x - y))  # fmt: skip
    for shapes, p in [
        (((3, 2), (4, 2)), 2.0),
        (((2, 1, 3), (2, 2, 3)), 1.0),
        (((0, 2), (1, 2)), 2.0),
    ]:
        yield Case("cdist", f"{shapes} {p}", named("cdist", p=p), [normal(*s) for s in shapes],
                   lambda x, y, p=p: _length(x[..., :, None, :] - y[..., None, :, :], p)[..., 0],
                   )  # fmt: skip


def _statistics() -> Iterator[Case]:
    for part, name in enumerate(("spread", "mean")):
        for keywords in ({}, {"axis": 1}, {"axis": 0, "keepdims": True, "correction": 0}):
            axis, kept = keywords.get("axis"), bool(keywords.get("keepdims"))
            ddof: Any = keywords.get("correction", 1)
            for operation, spread in [("var_mean", np.var), ("std_mean", np.std)]:

                def own(
                    x: np.ndarray, spread: Any = spread, part: int = part, axis: Any = axis,
                    kept: bool = kept, ddof: Any = ddof,
                ) -> Any:  # fmt: skip
                    if part:
                        return np.mean(x, axis=axis, keepdims=kept)
                    return spread(x, axis=axis, keepdims=kept, ddof=ddof)

                yield Case(operation, f"{name} {keywords}",
                           lambda m, x, f=operation, k=keywords, part=part: getattr(m, f)(x, **k)[
                               part], [distinct(3, 4)], own)  # fmt: skip

    def product(x: Any, y: Any, z: Any) -> Any:
        return x * y * z

    for keywords in ({}, {"indexing": "ij"}, {"sparse": True}):
        yield Case("meshgrid", f"{keywords}",
                   lambda m, x, y, z, k=keywords: product(*m.meshgrid(x, y, z, **k)),
                   [normal(2), normal(3), normal(1)])  # fmt: skip
    yield Case("meshgrid", "one", lambda m, x: m.meshgrid(x)[0], [normal(3)])
    shapes = [((3, 4), (4,)), ((2,), (2,)), ((), (3,))]
    for shape, other in shapes:
        yield Case("lerp", f"{shape} {other}", named("lerp"),
                   [normal(*shape), normal(*other), normal(*other)],
                   lambda x, y, w: x + w * (y - x))  # fmt: skip
    yield Case("lerp", "a number", lambda m, x, y: m.lerp(x, y, 0.25), [normal(3), normal(3)],
               lambda x, y: x + 0.25 * (y - x))  # fmt: skip
    for shape in ((3, 4), (), (0, 2)):
        yield Case("rsqrt", f"{shape}", named("rsqrt"), [positive(*shape)], lambda x: x**-0.5)


FAMILIES = (
    _scattering, _masks, _segments, _running, _columns, _distances, _statistics,
)  # fmt: skip

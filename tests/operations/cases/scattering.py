"""Cases of scattering, segments, ranking and distances, with loops over all elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, distinct, named, normal, positive, signed
from .from_numpy import first

_INDICES = {
    0: np.array([[2, 0, 1], [2, 3, 1], [0, 0, 1]]),
    1: np.array([[2, 0], [0, 0], [1, 2]]),
    -1: np.array([[2, 0, 2, 2], [1, 1, 1, 0]]),
}
"""Numbers of places along an axis of an array of shape (4, 3)."""


def _places(index: np.ndarray, axis: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Go through the elements of an index; yield where each is, and the place it names."""
    for at in np.ndindex(index.shape):
        place = list(at)
        place[axis] = int(index[at])
        yield at, tuple(place)


def _gathering() -> Iterator[Case]:
    for axis, index in _INDICES.items():

        def gathered(x: np.ndarray, axis: int = axis, index: np.ndarray = index) -> Any:
            out = np.zeros(index.shape)
            for at, place in _places(index, axis):
                out[at] = x[place]
            return out

        yield Case("gather", f"{axis}", named("gather", axis, index), [normal(4, 3)], gathered)
    call = named("gather", 0, [])
    yield Case("gather", "nothing", call, [normal(3)], lambda x: x[:0])
    for index in ([0, 0], 0):  # a number counts as one axis
        shape = np.shape(index)
        yield Case(
            "gather",
            f"0-d {index}",
            named("gather", -1, index),
            [normal()],
            lambda x, shape=shape: np.broadcast_to(x, shape),
        )
    for axis, numbers in [(0, [3, 0, 3]), (1, [2]), (-1, []), (0, np.array([1], np.uint8))]:
        yield Case(
            "index_select",
            f"{axis} {numbers}",
            named("index_select", axis, numbers),
            [normal(4, 3)],
            lambda x, axis=axis, numbers=numbers: np.take(x, np.array(numbers, int), axis),
        )


def _masks() -> Iterator[Case]:
    mask = np.array([[True, False, True], [False, False, True]])
    for shape, chosen in [((2, 3), mask), ((2, 3), mask[0]), ((4, 2, 3), mask), ((), True)]:
        label = f"{shape} {np.shape(chosen)}"
        call = named("masked_fill", chosen, -2.5)
        own = lambda x, chosen=chosen: np.where(chosen, -2.5, x)  # noqa: E731
        yield Case("masked_fill", label, call, [normal(*shape)], own)
        yield Case(
            "masked_fill",
            f"{label} of a tensor",
            lambda m, x, value, chosen=chosen: m.masked_fill(x, chosen, value),
            [normal(*shape), normal()],
            lambda x, value, chosen=chosen: np.where(chosen, value, x),
        )
        call = named("masked_select", chosen)
        own = lambda x, chosen=chosen: x[np.broadcast_to(chosen, x.shape)]  # noqa: E731
        yield Case("masked_select", label, call, [normal(*shape)], own)
    own = lambda x: np.broadcast_to(x, (2, 3))[mask]  # noqa: E731
    yield Case("masked_select", "of a row", named("masked_select", mask), [normal(3)], own)


_COMBINE: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "prod": np.prod,
    "mean": lambda values: sum(values) / len(values),
    "amax": max,
    "amin": min,
}


def _scattered(
    x: np.ndarray, src: Any, axis: int, index: np.ndarray, reduce: str | None, include: bool = True
) -> np.ndarray:
    """Collect the elements for each place in a list, and combine them."""
    found: dict[tuple[int, ...], list[Any]] = {}
    for at, place in _places(index, axis):
        found.setdefault(place, []).append(src if np.ndim(src) == 0 else src[at])
    out = x.copy()
    for place, values in found.items():
        if reduce is None:
            out[place] = values[-1]
        else:
            out[place] = _COMBINE[reduce]([x[place]] * include + values)
    return out


def _scattering() -> Iterator[Case]:
    once = np.array([[2, 0, 1], [0, 3, 2]])  # each place once, so that the text holds
    yield Case(
        "scatter",
        "each place once",
        lambda m, x, src: m.scatter(x, 0, once, src),
        [normal(4, 3), normal(2, 3)],
        lambda x, src: _scattered(x, src, 0, once, None),
        text=True,
    )
    settings: list[tuple[str, str | None, tuple[Any, ...], dict[str, Any]]] = [
        ("scatter", None, (), {}),
        ("scatter", "sum", (), {"reduce": "add"}),
        ("scatter", "prod", (), {"reduce": "multiply"}),
        ("scatter_add", "sum", (), {}),
    ]
    for reduce in _COMBINE:
        settings += [("scatter_reduce", reduce, (reduce,), {})]
        settings += [("scatter_reduce", reduce, (reduce,), {"include_self": False})]
    for operation, reduce, more, keywords in settings:
        include = keywords.get("include_self", True)
        for axis, index in _INDICES.items():
            for shape in [index.shape, tuple(n + 1 for n in index.shape)]:
                arrays = np.split(distinct(12 + int(np.prod(shape))), [12])
                yield Case(
                    operation,
                    " ".join(map(str, (axis, shape, *more, keywords or ""))),
                    lambda m, x, src, f=operation, axis=axis, index=index, more=more, kw=keywords: (
                        getattr(m, f)(x, axis, index, src, *more, **kw)
                    ),
                    [arrays[0].reshape(4, 3), arrays[1].reshape(shape)],
                    lambda x, src, axis=axis, index=index, reduce=reduce, include=include: (
                        _scattered(x, src, axis, index, reduce, include)
                    ),
                )
        axis, index = 0, np.array([1, 1, 0])
        yield Case(
            operation,
            " ".join(map(str, ("one number", *more, keywords or ""))),
            named(operation, axis, index, 1.7, *more, **keywords),
            [distinct(4)],
            lambda x, index=index, reduce=reduce, include=include: _scattered(
                x, 1.7, 0, index, reduce, include
            ),
        )


def _by_segment(
    x: np.ndarray, ids: Any, count: int, combine: Callable[..., Any], empty: float
) -> np.ndarray:
    out = np.full((count, *x.shape[1:]), empty)
    for segment in set(np.asarray(ids).tolist()):
        out[segment] = combine([row for row, i in zip(x, ids, strict=True) if i == segment])
    return out


def _segments() -> Iterator[Case]:
    def softmax(x: np.ndarray, ids: Any, count: int) -> np.ndarray:
        sums = _by_segment(np.exp(x), ids, count, lambda rows: np.sum(rows, axis=0), 1.0)
        return np.asarray(np.exp(x) / sums[np.asarray(ids, int)])

    for shape, ids, count in [
        ((5, 2), [1, 0, 1, 3, 1], 5),
        ((4,), [2, 2, 0, 2], None),
        ((3, 2, 2), [0, 0, 0], 1),
        ((3,), np.array([1, 0, 1], np.uint8), 2),
        ((0, 2), [], 2),
    ]:
        total = 3 if count is None else count
        for operation, combine, empty in [
            ("segment_sum", lambda rows: np.sum(rows, axis=0), 0.0),
            ("segment_mean", lambda rows: np.mean(rows, axis=0), 0.0),
            ("segment_max", lambda rows: np.max(rows, axis=0), -np.inf),
            ("segment_min", lambda rows: np.min(rows, axis=0), np.inf),
        ]:
            if total > len(set(np.asarray(ids).tolist())) and np.isinf(empty):
                continue  # infinite results have no differences; see test_scattering.py
            yield Case(
                operation,
                f"{shape} {ids} {count}",
                named(operation, ids, count),
                [distinct(*shape)],
                lambda x, ids=ids, total=total, combine=combine, empty=empty: _by_segment(
                    x, ids, total, combine, empty
                ),
                text=operation == "segment_max" and shape == (3, 2, 2),
            )
        call = named("segment_softmax", ids, count)
        own = lambda x, ids=ids, total=total: softmax(x, ids, total)  # noqa: E731
        yield Case("segment_softmax", f"{shape} {ids} {count}", call, [normal(*shape)], own)


# Along an axis ---------------------------------------------------------------------------------


def _ranking() -> Iterator[Case]:
    for shape, k, axis, largest in [
        ((5,), 3, 0, True),
        ((2, 4), 2, -1, False),
        ((3, 2), 1, 0, True),
        ((3, 2), 0, 0, True),
        ((0, 3), 2, 1, True),
    ]:

        def ranked(x: np.ndarray, k: int = k, axis: int = axis, largest: bool = largest) -> Any:
            ordered = np.flip(np.sort(x, axis), axis) if largest else np.sort(x, axis)
            return np.take(ordered, range(k), axis)

        call = first("topk", k, axis, largest)
        yield Case("topk", f"{shape} {k} {axis} {largest}", call, [distinct(*shape)], ranked)
    for k in (0, 1):
        own = lambda x, k=k: x if k else np.zeros(0)  # noqa: E731
        yield Case("topk", f"0-d {k}", first("topk", k), [distinct()], own)
    for operation in ("cummax", "cummin"):
        yield Case(operation, "0-d", first(operation, 0), [distinct()], lambda x: x)
    yield Case("logcumsumexp", "0-d", named("logcumsumexp", -1), [normal()], lambda x: x)
    for shape, axis in [
        ((5,), 0),
        ((3, 4), 1),
        ((4, 2), -2),
        ((2, 3, 2), 1),
        ((0, 2), 0),
        ((2, 0), 1),
    ]:
        for operation, extreme in [("cummax", np.maximum), ("cummin", np.minimum)]:
            own = lambda x, f=extreme, axis=axis: f.accumulate(x, axis)  # noqa: E731
            yield Case(
                operation, f"{shape} {axis}", first(operation, axis), [distinct(*shape)], own
            )
        own = lambda x, axis=axis: np.log(np.cumsum(np.exp(x), axis))  # noqa: E731
        call = named("logcumsumexp", axis)
        yield Case("logcumsumexp", f"{shape} {axis}", call, [normal(*shape)], own)


def _parts() -> Iterator[Case]:
    for shape, chunks, axis, part in [((5,), 3, 0, 2), ((2, 4), 2, -1, 0), ((6,), 4, 0, 1),
                                      ((0, 2), 2, 0, 1)]:  # fmt: skip

        def cut(x: np.ndarray, chunks: int = chunks, axis: int = axis, part: int = part) -> Any:
            size = -(-x.shape[axis] // chunks)
            rows = np.moveaxis(x, axis, 0)[part * size : (part + 1) * size]
            return np.moveaxis(rows, 0, axis)

        call = first("chunk", chunks, axis, part=part)
        yield Case("chunk", f"{shape} {chunks} {part}", call, [normal(*shape)], cut)
    for keywords in [{}, {"indexing": "ij"}, {"sparse": True}]:
        for part, shape in enumerate([(2,), (3,), ()]):

            def grid(m: Any, x: Any, part: int = part, keywords: Any = keywords) -> Any:
                vectors: list[Any] = [np.ones(2), np.ones(3), 1.0]
                vectors[part] = x
                return m.meshgrid(*vectors, **keywords)[part]

            yield Case("meshgrid", f"{keywords or ''} {part}", grid, [normal(*shape)])
    yield Case("meshgrid", "alone", first("meshgrid"), [normal(3)])


def _moments() -> Iterator[Case]:
    for shape, axis, keywords in [
        ((3, 4), None, {}),
        ((3, 4), 1, {"correction": 0}),
        ((2, 3, 2), (0, 2), {"keepdims": True}),
    ]:
        ddof, keep = keywords.get("correction", 1), bool(keywords.get("keepdims"))
        for name, spread in [("std", np.std), ("var", np.var)]:
            for part, own in enumerate(
                [
                    lambda x, f=spread, axis=axis, ddof=ddof, keep=keep: f(
                        x, axis=axis, ddof=ddof, keepdims=keep
                    ),
                    lambda x, axis=axis, keep=keep: np.mean(x, axis=axis, keepdims=keep),
                ]
            ):
                call = first(f"{name}_mean", axis, part=part, **keywords)
                label = f"{shape} {axis} {keywords or ''} {part}"
                yield Case(f"{name}_mean", label, call, [normal(*shape)], own)


# Elementwise -----------------------------------------------------------------------------------


def _arithmetic() -> Iterator[Case]:
    for shapes in [((3, 1), (1, 4)), ((2, 3), (3,)), ((), ()), ((0, 3), (1, 3))]:
        arrays = [
            (np.arange(np.prod(shape, dtype=int)) * 0.7 + 0.31 + i).reshape(shape) * (-1) ** i
            for i, shape in enumerate(shapes)
        ]
        text = shapes[0] == (3, 1)
        yield Case("fmod", f"{shapes}", named("fmod"), arrays, text=text)
        arrays = [signed(*shape) for shape in shapes]
        yield Case("div", f"{shapes}", named("div"), arrays, np.divide)
        more = [*arrays, normal(*shapes[0])]
        own = lambda x, y, w: (1 - w) * x + w * y  # noqa: E731
        yield Case("lerp", f"{shapes}", named("lerp"), more, own)
    yield Case(
        "fmod", "of negative numbers", named("fmod"), [np.array([-7.3, 7.3]), np.array([2.0, -2.0])]
    )
    yield Case("fmod", "by a number", named("fmod", 2.0), [np.array([-7.3, 7.3])])
    own = lambda x, y: x + 0.25 * (y - x)  # noqa: E731
    yield Case("lerp", "number", named("lerp", 0.25), [normal(3), normal(3)], own)
    for shape in [(3, 2), (), (0,)]:
        yield Case("rsqrt", f"{shape}", named("rsqrt"), [positive(*shape)], lambda x: x**-0.5)


# Distances -------------------------------------------------------------------------------------


def _length(x: np.ndarray, p: float, axis: int = -1, keepdims: bool = False) -> Any:
    return (np.abs(x) ** p).sum(axis=axis, keepdims=keepdims) ** (1 / p)


def _distances() -> Iterator[Case]:
    for shape, arguments in [((2, 3), ()), ((2, 3), (1.0, 0)), ((2, 3, 2), (3.0, -1))]:
        p, axis = arguments or (2.0, 1)
        own = lambda x, p=p, axis=axis: x / _length(x, p, axis, True)  # noqa: E731
        call = named("normalize", *arguments)
        yield Case("normalize", f"{shape} {arguments}", call, [signed(*shape)], own)
    own = lambda x: x / 10.0  # noqa: E731
    call = named("normalize", eps=10.0)
    yield Case("normalize", "short vectors", call, [normal(2, 3)], own)
    for shapes, axis in [(((2, 3), (2, 3)), 1), (((4, 2, 3), (2, 3)), 2), (((3,), (2, 3)), 1)]:

        def cosine(x: np.ndarray, y: np.ndarray, axis: int = axis) -> Any:
            x, y = np.broadcast_arrays(x, y)
            return (x * y).sum(axis=axis) / (_length(x, 2, axis) * _length(y, 2, axis))

        arrays = [signed(*shape) for shape in shapes]
        call = named("cosine_similarity", axis)
        yield Case("cosine_similarity", f"{shapes} {axis}", call, arrays, cosine)
    for p in (2.0, 1.0, 3.0):
        own = lambda x, y, p=p: _length(x - y + 1e-6, p)  # noqa: E731
        call = named("pairwise_distance", p)
        yield Case("pairwise_distance", f"{p}", call, [signed(2, 3), 3 * signed(2, 3)], own)
        own = lambda x, y, p=p: _length(x[..., :, None, :] - y[..., None, :, :], p)  # noqa: E731
        arrays = [signed(2, 3, 2), 3 * signed(4, 2)]
        yield Case("cdist", f"{p}", named("cdist", p), arrays, own)
    own = lambda x, y: _length(x - y, 2, -1, True)  # noqa: E731
    call = named("pairwise_distance", eps=0.0, keepdims=True)
    yield Case("pairwise_distance", "axis kept", call, [signed(3), 3 * signed(2, 3)], own)


# Windows as columns ----------------------------------------------------------------------------


def _folding() -> Iterator[Case]:
    for shape, kernel, dilation, padding, stride in [
        ((2, 2, 3, 4), (2, 2), (1, 1), (0, 0), (1, 1)),
        ((1, 1, 4, 5), (2, 3), (2, 1), (1, 0), (1, 2)),
        ((0, 2, 2, 2), (1, 2), (1, 1), (0, 0), (1, 1)),
    ]:

        def numbers(kernel: Any, dilation: Any, padding: Any, stride: Any, shape: Any) -> Any:
            """Number the place of each element of each window in the padded image."""
            spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
            sizes = [n + 2 * p for n, p in zip(shape[2:], padding, strict=True)]
            counts = [(n - m) // s + 1 for n, m, s in zip(sizes, spans, stride, strict=True)]
            return sizes, [
                [(i * dilation[0] + k * stride[0], j * dilation[1] + m * stride[1])
                 for k in range(counts[0]) for m in range(counts[1])]
                for i in range(kernel[0]) for j in range(kernel[1])
            ]  # fmt: skip

        sizes, table = numbers(kernel, dilation, padding, stride, shape)
        rows, columns = np.moveaxis(np.array(table), -1, 0)
        p, q = padding

        def unfolded(
            x: np.ndarray, p: int = p, q: int = q, rows: Any = rows, columns: Any = columns
        ) -> Any:
            x = np.pad(x, [(0, 0), (0, 0), (p, p), (q, q)])
            many = x.shape[1] * len(rows)
            return x[:, :, rows, columns].reshape(len(x), many, rows.shape[1])

        def folded(
            x: np.ndarray, p: int = p, q: int = q, rows: Any = rows, columns: Any = columns,
            shape: Any = shape, sizes: Any = sizes,
        ) -> Any:  # fmt: skip
            out = np.zeros((*shape[:2], *sizes))
            parts = x.reshape(*shape[:2], *rows.shape)
            for i, j in np.ndindex(*rows.shape):
                out[:, :, rows[i, j], columns[i, j]] += parts[:, :, i, j]
            return out[:, :, p : p + shape[2], q : q + shape[3]]

        settings = (kernel, dilation, padding, stride)
        call = named("unfold", *settings)
        yield Case("unfold", f"{shape} {kernel}", call, [normal(*shape)], unfolded)
        x = normal(shape[0], shape[1] * len(rows), rows.shape[1])
        call = named("fold", shape[2:], *settings)
        yield Case("fold", f"{shape} {kernel}", call, [x], folded)
    for shape, axis, size, step in [((5,), 0, 2, 1), ((2, 5), 1, 3, 2), ((4, 2), 0, 1, 2)]:

        def windows(x: np.ndarray, axis: int = axis, size: int = size, step: int = step) -> Any:
            starts = range(0, x.shape[axis] - size + 1, step)
            parts = [np.take(x, range(i, i + size), axis) for i in starts]
            return np.stack([np.moveaxis(part, axis, -1) for part in parts], axis)

        call = named("unfold_axis", axis, size, step)
        yield Case("unfold_axis", f"{shape} {axis} {size}", call, [normal(*shape)], windows)


FAMILIES = (
    _gathering,
    _masks,
    _scattering,
    _segments,
    _ranking,
    _parts,
    _moments,
    _arithmetic,
    _distances,
    _folding,
)

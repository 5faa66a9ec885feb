"""Cases of inverses, decompositions and norms.

Matrices are drawn with a large diagonal, so that they are far from singular and their eigenvalues
and singular values far from each other. Those that have to be symmetric are made so inside the
case, where the derivatives in all directions exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.ops.linear_algebra import decompositions, least_squares, linalg

from .case import Case, distinct, named, normal


def spread(*shape: int) -> np.ndarray:
    """Draw matrices with 2, 3.5, 5, ... on the diagonal, and small numbers elsewhere."""
    diagonal = np.zeros(shape[-2:])
    np.fill_diagonal(diagonal, 2 + 1.5 * np.arange(min(shape[-2:])))
    return diagonal + 0.3 * normal(*shape)


def mirrored(x: Any) -> Any:
    """Make matrices symmetric."""
    return x + x.swapaxes(-1, -2)


def positive_definite(x: Any) -> Any:
    """Make matrices symmetric, with eigenvalues that are positive."""
    return x @ x.swapaxes(-1, -2)


def signed(m: Any, vectors: Any) -> Any:
    """Give each column the sign that makes its first element positive, whatever LAPACK chose."""
    return vectors * m.sign(vectors[..., :1, :])


def _inverses() -> Iterator[Case]:
    for shape in [(3, 3), (2, 1, 2, 2), (1, 1), (0, 0), (0, 2, 2)]:
        for operation in ("inv", "det"):
            name = f"linalg.{operation}"
            yield Case(name, f"{shape}", named(name), [spread(*shape)], text=shape == (3, 3))

    def cofactors(m: Any, x: Any) -> Any:
        if isinstance(x, Tensor):
            return linalg._cofactor(x)
        return m.linalg.det(x)[..., None, None] * m.linalg.inv(x).swapaxes(-1, -2)

    yield Case("linalg.det", "its cofactors", cofactors, [spread(3, 3)], text=True)
    yield Case("linalg.det", "its cofactors in a stack", cofactors, [spread(2, 2, 2)])
    for shape in [(3, 3), (2, 2, 2), (0, 0)]:
        call = lambda m, x: m.linalg.slogdet(x)[1]  # noqa: E731
        yield Case("linalg.slogdet", f"{shape}", call, [-spread(*shape)], text=shape == (3, 3))
    for a, b in [
        ((3, 3), (3, 2)),
        ((3, 3), (3,)),
        ((2, 2, 2), (2,)),
        ((2, 1, 2, 2), (3, 2, 1)),
        ((1, 1), (2, 1, 3)),
        ((0, 0), (0, 2)),
    ]:
        arrays = [spread(*a), normal(*b)]
        text = b == (3, 2)
        yield Case("linalg.solve", f"{a} {b}", named("linalg.solve"), arrays, text=text)
    constant = np.array([[1, 2], [3, 5]])
    yield Case("linalg.solve", "constant array", named("linalg.solve"), [constant, normal(2)])
    for shape in [(4, 2), (2, 4), (2, 3, 2), (2, 2), (2, 0)]:
        arrays = [spread(*shape)]
        yield Case("linalg.pinv", f"{shape}", named("linalg.pinv"), arrays, text=shape == (4, 2))
    yield Case("linalg.pinv", "rcond", named("linalg.pinv", 1e-3), [spread(3, 2)])
    yield Case("linalg.pinv", "rtol", named("linalg.pinv", rtol=1e-3), [spread(2, 3)])


def _products() -> Iterator[Case]:
    for exponent in (0, 2, 3, 6, -1, -2):
        call = named("linalg.matrix_power", exponent)
        yield Case("linalg.matrix_power", f"{exponent}", call, [0.4 * spread(2, 2)])
    call = named("linalg.matrix_power", np.int64(5))
    yield Case("linalg.matrix_power", "stack", call, [0.3 * spread(2, 1, 2, 2)])
    for shapes in [
        [(2, 3), (3, 4)],
        [(2, 3), (3, 1), (1, 4)],
        [(3,), (3, 2), (2, 4), (4,)],
        [(3,), (3,)],
        [(4, 2), (2, 3), (3, 1), (1, 5), (5,)],
        [(2, 0), (0, 3), (3, 1)],
    ]:
        yield Case(
            "linalg.multi_dot",
            " ".join(map(str, shapes)),
            lambda m, *arrays: m.linalg.multi_dot(arrays),
            [normal(*shape) for shape in shapes],
        )


def _symmetric() -> Iterator[Case]:
    def vectors(m: Any, x: Any, **keywords: Any) -> Any:
        return signed(m, m.linalg.eigh(mirrored(x), **keywords)[1])

    def square_root(m: Any, x: Any) -> Any:
        values, vectors = m.linalg.eigh(positive_definite(x))
        return vectors * m.sqrt(values)[..., None, :] @ vectors.swapaxes(-1, -2)

    calls: list[tuple[str, str, Callable[..., Any]]] = [
        ("cholesky", "", lambda m, x: m.linalg.cholesky(positive_definite(x))),
        ("cholesky", "upper", lambda m, x: m.linalg.cholesky(positive_definite(x), upper=True)),
        ("eigvalsh", "", lambda m, x: m.linalg.eigvalsh(mirrored(x))),
        ("eigvalsh", "upper", lambda m, x: m.linalg.eigvalsh(mirrored(x), "U")),
        ("eigh", "values", lambda m, x: m.linalg.eigh(mirrored(x))[0]),
        ("eigh", "vectors", vectors),
        ("eigh", "upper vectors", lambda m, x: vectors(m, x, UPLO="U")),
        ("eigh", "square root of a matrix", square_root),
    ]
    for operation, label, call in calls:
        for shape in [(3, 3), (2, 2, 2), (1, 1)]:
            text = shape == (3, 3) and not label
            yield Case(f"linalg.{operation}", f"{label} {shape}", call, [spread(*shape)], text=text)
    as_they_are = lambda m, x: m.linalg.eigh(mirrored(x))[1]  # noqa: E731
    yield Case("linalg.eigh", "vectors as they are", as_they_are, [spread(3, 3)], text=True)


def _singular_values() -> Iterator[Case]:
    def part(number: int) -> Callable[..., Any]:
        """Make a call that gives U, S or Vh, signed by the first row of U."""

        def call(m: Any, x: Any) -> Any:
            u, s, vh = m.linalg.svd(x, full_matrices=False)
            return [signed(m, u), s, m.sign(u[..., :1, :]).swapaxes(-1, -2) * vh][number]

        return call

    def packed(m: Any, x: Any) -> Any:
        if isinstance(x, Tensor):
            return decompositions._svd(x)
        u, _, vh = m.linalg.svd(x)
        return m.concatenate([u, vh.swapaxes(-1, -2)], axis=-2)

    def nearest_orthogonal(m: Any, x: Any) -> Any:
        u, _, vh = m.linalg.svd(x)
        return u @ vh

    for shape in [(3, 3), (4, 2), (2, 2, 3), (1, 1), (2, 0)]:
        x = spread(*shape)
        yield Case("linalg.svdvals", f"{shape}", named("linalg.svdvals"), [x], text=shape == (3, 3))
        if x.size:
            for number, name in enumerate(("U", "S", "Vh")):
                yield Case("linalg.svd", f"{name} {shape}", part(number), [x])
    yield Case("linalg.svd", "both vectors as they are", packed, [spread(3, 3)], text=True)
    yield Case("linalg.svd", "nearest orthogonal matrix", nearest_orthogonal, [spread(3, 3)])
    alone = named("linalg.svd", compute_uv=False)
    yield Case("linalg.svd", "values alone", alone, [spread(3, 2)])


def _norms() -> Iterator[Case]:
    x = distinct(2, 3, 4)
    vectors: list[dict[str, Any]] = [{}, {"keepdims": True}, {"ord": 2, "axis": 1}]
    vectors += [{"axis": -1, "keepdims": True}, {"ord": 1, "axis": 0}, {"ord": 3, "axis": -1}]
    vectors += [{"ord": 1.5, "axis": 1, "keepdims": True}, {"ord": 0.5, "axis": 0}]
    vectors += [{"ord": np.inf, "axis": 1}, {"ord": -np.inf, "axis": (0,)}, {"ord": -2, "axis": 0}]
    matrices: list[dict[str, Any]] = [{"ord": "fro", "axis": (2, 0), "keepdims": True}]
    matrices += [{"axis": (-2, -1)}, {"ord": "nuc", "axis": (1, 2)}]
    matrices += [{"ord": ord, "axis": (0, 2)} for ord in (1, -1, 2, np.inf)]
    matrices += [{"ord": ord, "axis": (2, 1), "keepdims": True} for ord in (2, -2, -np.inf, 1)]
    for keywords in vectors + matrices:
        call, text = named("linalg.norm", **keywords), not keywords
        yield Case("linalg.norm", f"{keywords}", call, [x], text=text)
    for array, ord in [(distinct(4), None), (distinct(4), 3), (distinct(), None), (distinct(1), 1)]:
        yield Case("linalg.norm", f"{array.shape} {ord}", named("linalg.norm", ord), [array])
    for ord in ("fro", "nuc", 2, np.inf):
        yield Case("linalg.norm", f"matrix {ord}", named("linalg.norm", ord), [spread(3, 2)])
    yield Case("linalg.norm", "no vectors", named("linalg.norm", 3, axis=1), [np.zeros((0, 3))])
    yield Case("linalg.norm", "of nothing", named("linalg.norm", axis=1), [np.zeros((2, 0))])


def _least_squares() -> Iterator[Case]:
    def packed(m: Any, x: Any) -> Any:
        if isinstance(x, Tensor):
            return least_squares._qr(x)
        return m.concatenate(list(m.linalg.qr(x)), axis=-2)

    yield Case("linalg.qr", "both as they are", packed, [spread(4, 3)], text=True)
    for shape in [(3, 3), (4, 2), (2, 4), (2, 3, 2)]:
        for part in (0, 1):
            call = lambda m, x, part=part: m.linalg.qr(x)[part]  # noqa: E731
            label = f"{'QR'[part]} {shape} as they are"
            yield Case("linalg.qr", label, call, [spread(*shape)])
    yield Case("linalg.qr", "r as they are", named("linalg.qr", "r"), [spread(3, 2)])
    for a, b in [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 3), (2,)), ((3, 3), (3, 1))]:
        for part in (0, 1) if a == (4, 2) else (0,):
            call = lambda m, x, y, part=part: m.linalg.lstsq(x, y)[part]  # noqa: E731
            yield Case("linalg.lstsq", f"{a} {b} {part}", call, [spread(*a), normal(*b)])
    call = lambda m, x: m.linalg.lstsq(x, np.arange(4))[3]  # noqa: E731
    yield Case("linalg.lstsq", "constant right-hand side", call, [spread(4, 2)])
    x = distinct(2, 3, 4)
    for keywords in ({}, {"axis": (0, 2)}, {"axis": 1, "ord": 3, "keepdims": True}, {"ord": 1}):
        call = named("linalg.vector_norm", **keywords)
        yield Case("linalg.vector_norm", f"{keywords}", call, [x])
    for keywords in ({}, {"ord": 2}, {"ord": "nuc", "keepdims": True}):
        call = named("linalg.matrix_norm", **keywords)
        yield Case("linalg.matrix_norm", f"{keywords}", call, [x])
    for p in (None, -2, "fro"):
        yield Case("linalg.cond", f"{p}", named("linalg.cond", p), [spread(3, 3)])
    yield Case("linalg.diagonal", "", named("linalg.diagonal", offset=1), [x])
    yield Case("linalg.trace", "", named("linalg.trace", offset=-1), [x])


FAMILIES = (_inverses, _products, _symmetric, _singular_values, _norms, _least_squares)

"""Cases of products of matrices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .case import Case, named, normal


def _linear_algebra() -> Iterator[Case]:
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((5, 2, 3), (5, 3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3,)),
        ((2, 1, 2, 3), (4, 3, 2)),
        ((1, 1), (1, 1)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    ]
    for left, right in shapes:
        yield Case(
            "matmul",
            f"{left} {right}",
            named("matmul"),
            [normal(*left), normal(*right)],
            text=left == (2, 3) and right == (3, 4),
        )
    yield Case("matmul", "with itself", lambda m, x: m.matmul(x, x), [normal(3, 3)])
    vectors, matrices = ((3,), (3,)), ((2, 3), (3, 4))
    numbers = [((), (2, 3)), ((2,), ()), ((), ())]
    for left, right in [vectors, matrices, *numbers, ((4, 2, 3), (3,)), ((2, 3), (4, 3, 2))]:
        arrays = [normal(*left), normal(*right)]
        yield Case("dot", f"{left} {right}", named("dot"), arrays)
    for shape in [(5, 3), (3,), (2, 4, 3), (1, 3), (0, 3)]:
        yield Case(
            "linear",
            f"{shape}",
            named("linear"),
            [normal(*shape), normal(3, 2), normal(2)],
            lambda x, weight, bias: np.einsum("...i,ij->...j", x, weight) + bias,
            text=shape == (5, 3),
        )


def _products() -> Iterator[Case]:
    for subscripts, shapes in [
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("ij,jk", ((2, 3), (3, 4))),
        ("ij,jk->ki", ((2, 3), (3, 4))),
        ("ii", ((3, 3),)),
        ("ii->i", ((3, 3),)),
        ("iji->j", ((3, 2, 3),)),
        ("ij->", ((2, 3),)),
        ("ij->ji", ((2, 3),)),
        ("i,j->ij", ((2,), (3,))),
        ("i,i", ((3,), (3,))),
        ("i,i->i", ((3,), (3,))),
        (",ij->ij", ((), (2, 3))),
        ("ij,kl->il", ((2, 3), (2, 4))),  # indices that one operand alone has
        ("bij,bjk->bik", ((2, 2, 3), (2, 3, 2))),
        ("...ij,...jk->...ik", ((5, 2, 3), (3, 2))),
        ("...ij,...jk->...ik", ((2, 1, 2, 3), (4, 3, 2))),
        ("...i->...", ((2, 3, 4),)),
        ("i...,i...", ((2, 3), (2, 3))),
        ("...i,i", ((2, 3), (3,))),
        ("i...j->j...i", ((2, 3, 4),)),
        ("ab,bc,cd->ad", ((2, 3), (3, 4), (4, 2))),
        ("ij,ij,ij->i", ((2, 3), (2, 3), (2, 3))),
        ("ii,ij->j", ((3, 3), (3, 2))),
        ("ij,jk->ik", ((2, 1), (3, 4))),  # an axis of size 1 is stretched
        ("ij,j->i", ((2, 3), (1,))),
        ("i,i->", ((1,), (4,))),
        ("ij,jk->ik", ((2, 0), (0, 3))),
        ("i j , j k -> i k", ((1, 1), (1, 1))),
    ]:
        yield Case(
            "einsum",
            f"{subscripts} {shapes}",
            lambda m, *arrays, s=subscripts: m.einsum(s, *arrays),
            [normal(*shape) for shape in shapes],
            text=subscripts == "ij,jk->ik" and shapes[0] == (2, 3),
        )
    yield Case(
        "einsum",
        "numbered",
        lambda m, x, y: m.einsum(x, [0, 1], y, [1, 2], [2, 0]),
        [normal(2, 3), normal(3, 4)],
    )
    yield Case(
        "einsum", "numbered, implied", lambda m, x: m.einsum(x, [..., 1, 0]), [normal(2, 3, 4)]
    )
    yield Case("einsum", "with itself", lambda m, x: m.einsum("ij,kj->ik", x, x), [normal(2, 3)])
    for left, right, axes in [
        ((2, 3), (3, 4), 1),
        ((2, 3, 4), (3, 4, 2), 2),
        ((2, 3), (4,), 0),
        ((2, 3, 4), (4, 3, 2), ([0, 1], [2, 1])),
        ((2, 3, 4), (5, 3), (1, -1)),
        ((2, 3), (2, 3), ([0, 1], [0, 1])),
        ((2, 0), (0, 3), 1),
    ]:
        arrays = [normal(*left), normal(*right)]
        yield Case("tensordot", f"{left} {right} {axes}", named("tensordot", axes=axes), arrays)
    for operation, left, right in [
        ("inner", (3,), (3,)),
        ("inner", (2, 3), (4, 3)),
        ("inner", (2, 3), (3,)),
        ("inner", (), (2, 3)),
        ("vdot", (2, 3), (2, 3)),
        ("vdot", (), ()),
        ("outer", (2,), (3,)),
        ("outer", (2, 2), (3,)),
        ("outer", (), (3,)),
        ("kron", (2, 3), (3, 2)),
        ("kron", (2,), (3,)),
        ("kron", (2,), (2, 2)),
        ("kron", (2, 1, 2), (3, 1)),
        ("kron", (), (2,)),
        ("cross", (3,), (3,)),
        ("cross", (2, 3), (2, 3)),
        ("cross", (2, 1, 3), (4, 3)),
    ]:
        arrays = [normal(*left), normal(*right)]
        yield Case(operation, f"{left} {right}", named(operation), arrays)
    yield Case("cross", "axis", named("cross", axis=0), [normal(3, 2), normal(3, 2)])
    yield Case("cross", "axes", named("cross", axisa=0, axisc=0), [normal(3, 2), normal(2, 3)])


FAMILIES = (_linear_algebra, _products)

"""Cases of arranging, joining and repeating elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .case import Case, named, normal


def _shapes() -> Iterator[Case]:
    for shape, new in [((2, 6), (3, 4)), ((2, 6), -1), ((2, 6), (2, -1, 3)), ((), (1, 1))]:
        text = new == (3, 4)
        yield Case("reshape", f"{shape} {new}", named("reshape", new), [normal(*shape)], text=text)
    yield Case("reshape", "(1,) ()", named("reshape", ()), [normal(1)])
    yield Case("reshape", "empty", named("reshape", (3, 0)), [normal(0, 2)])
    for axes in (None, (2, 0, 1), (-1, 0, -2)):
        text = axes is None
        call = named("transpose") if axes is None else named("transpose", axes)
        yield Case("transpose", f"{axes}", call, [normal(2, 3, 4)], text=text)
    yield Case("transpose", "0-d", named("transpose"), [normal()])
    yield Case("transpose", "1-d", named("transpose"), [normal(3)])
    for axes in ((0, 2), (-1, -2), (1, 1)):
        yield Case("swapaxes", f"{axes}", named("swapaxes", *axes), [normal(2, 3, 4)])
    for axis in (0, -1, (0, 2), (-1, 1)):
        yield Case("expand_dims", f"{axis}", named("expand_dims", axis), [normal(2, 3)])
    for axis in (None, 0, -2, (0, 2)):
        yield Case("squeeze", f"{axis}", named("squeeze", axis), [normal(1, 3, 1, 1)])
    for shape, new in [((3, 1), (2, 3, 4)), ((), (2, 3)), ((3,), (3,)), ((1,), (0,))]:
        call = named("broadcast_to", new)
        text = shape == (3, 1)
        yield Case("broadcast_to", f"{shape} {new}", call, [normal(*shape)], text=text)
    for shape, new, axes in [
        ((2, 3, 4), (3, 1), (0, 2)),
        ((2, 3), (3,), (0,)),
        ((2, 3), (), (0, 1)),
        ((3,), (3,), ()),
        ((0, 3), (3,), (0,)),
        ((2, 3), (1, 1), (0, 1)),
    ]:
        yield Case(
            "sum_to",
            f"{shape} {new}",
            named("sum_to", new),
            [normal(*shape)],
            lambda x, new=new, axes=axes: x.sum(axis=axes).reshape(new),
            text=shape == (2, 3, 4),
        )


def _joined() -> Iterator[Case]:
    def joining(operation: str, axis: int | None) -> Callable[..., Any]:
        return lambda m, *arrays: getattr(m, operation)(arrays, axis=axis)

    for axis, shapes in [
        (0, ((2, 3), (1, 3))),
        (1, ((2, 3), (2, 1), (2, 2))),
        (-1, ((2, 1, 3), (2, 1, 1))),
        (-2, ((2, 3), (1, 3), (0, 3))),
        (None, ((2, 3), (2,), ())),
        (0, ((3,),)),
    ]:
        arrays = [normal(*shape) for shape in shapes]
        yield Case(
            "concatenate",
            f"{axis} {shapes}",
            joining("concatenate", axis),
            arrays,
            text=shapes == ((2, 3), (1, 3)),
        )
    yield Case("concatenate", "twice", lambda m, x: m.concatenate([x, x]), [normal(2, 2)])
    yield Case("concatenate", "constant", joining("concatenate", 0), [normal(2), np.array([1, 2])])
    for axis in (0, 1, -1):
        arrays = [normal(2, 3) for _ in range(3)]
        yield Case("stack", f"{axis}", joining("stack", axis), arrays)
    yield Case("stack", "0-d", joining("stack", 0), [normal(), normal()])


def _more_shapes() -> Iterator[Case]:
    for shape in [(2, 3), (), (3,), (0, 2)]:
        yield Case("ravel", f"{shape}", named("ravel"), [normal(*shape)])
        yield Case("flatten", f"{shape}", named("flatten"), [normal(*shape)], np.ravel)
        for operation in ("atleast_1d", "atleast_2d", "atleast_3d"):
            yield Case(operation, f"{shape}", named(operation), [normal(*shape)])
    yield Case("ravel", "F", named("ravel", order="F"), [normal(2, 3, 4)])
    yield Case(
        "atleast_2d",
        "several",
        lambda m, x, y: m.atleast_2d(x, y)[1] * m.atleast_2d(x, y)[0],
        [normal(2), normal()],
    )
    yield Case("matrix_transpose", "", named("matrix_transpose"), [normal(2, 3, 4)])
    for source, destination in [(0, -1), ((0, 1), (-1, 0)), ((2, -3), (0, 1)), ((), ())]:
        call = named("moveaxis", source, destination)
        yield Case("moveaxis", f"{source} {destination}", call, [normal(2, 3, 4)])
    yield Case("permute_dims", "", named("permute_dims", (1, 0)), [normal(2, 3)])


def _more_joined() -> Iterator[Case]:
    for operation, shapes in [
        ("hstack", ((2,), (3,))),
        ("hstack", ((2, 1), (2, 3))),
        ("hstack", ((), ())),
        ("vstack", ((3,), (2, 3))),
        ("vstack", ((2, 2, 1), (1, 2, 1))),
        ("column_stack", ((3,), (3, 2), (3,))),
    ]:
        yield Case(
            operation,
            f"{shapes}",
            lambda m, *arrays, f=operation: getattr(m, f)(arrays),
            [normal(*shape) for shape in shapes],
        )


def _rearranged() -> Iterator[Case]:
    for operation, shape, arguments in [
        ("flip", (2, 3, 4), ()),
        ("flip", (2, 3, 4), (1,)),
        ("flip", (2, 3, 4), ((0, -1),)),
        ("flip", (), ()),
        ("flipud", (3, 2), ()),
        ("fliplr", (3, 2), ()),
        *[("rot90", (2, 3), (k,)) for k in (0, 1, 2, 3, -1, 5)],
        ("rot90", (2, 3, 4), (1, (1, 2))),
        ("rot90", (2, 3, 4), (3, (2, 0))),
        ("roll", (5,), (2,)),
        ("roll", (5,), (-7,)),
        ("roll", (2, 3), (1,)),
        ("roll", (2, 3), (1, 0)),
        ("roll", (2, 3), ((1, 2), (0, 1))),
        ("roll", (2, 3), (1, (0, -1))),
        ("roll", (0, 3), (1, 0)),
        ("repeat", (2, 3), (2,)),
        ("repeat", (2, 3), (2, 0)),
        ("repeat", (2, 3), ([1, 0, 3], -1)),
        ("repeat", (), (3,)),
        ("tile", (2, 3), (2,)),
        ("tile", (2, 3), ((2, 1),)),
        ("tile", (3,), ((2, 2),)),
        ("tile", (2, 3, 1), ((2,),)),
        ("tile", (), (3,)),
        ("tile", (2, 3), ((0, 1),)),
        ("pad", (2, 3), (1,)),
        ("pad", (2, 3), ((1, 2),)),
        ("pad", (2, 3), (((1, 0), (0, 2)),)),
        ("pad", (0, 2), (1,)),
        *[("pad", (3, 4), (((2, 1), (1, 2)), mode)) for mode in ("edge", "reflect", "symmetric")],
        ("pad", (3, 4), (((5, 4), (1, 6)), "wrap")),
    ]:
        text = " ".join(map(str, (shape, *arguments)))
        yield Case(operation, text, named(operation, *arguments), [normal(*shape)])
    constant = named("pad", ((1, 2), (0, 1)), constant_values=((1.0, 2.0), (3.0, 4.0)))
    yield Case("pad", "constants", constant, [normal(2, 2)])


def _apart() -> Iterator[Case]:
    for operation, shape, arguments, part in [
        ("split", (6, 2), (3,), 1),
        ("split", (2, 6), (2, 1), 1),
        ("split", (5,), ([1, 3],), 1),
        ("split", (5,), ([3, 1],), 1),
        ("split", (5,), ([-1],), 0),
        ("array_split", (7, 2), (3,), 0),
        ("array_split", (7, 2), (3,), 2),
        ("array_split", (2, 2), (3, -1), 2),
        ("array_split", (2, 5), ([2], 1), 1),
    ]:
        yield Case(
            operation,
            f"{shape} {arguments} {part}",
            lambda m, x, f=operation, a=arguments, i=part: getattr(m, f)(x, *a)[i],
            [normal(*shape)],
        )
    yield Case("split", "all parts", lambda m, x: m.concatenate(m.split(x, 3)[::-1]), [normal(6)])
    yield Case(
        "unstack",
        "",
        lambda m, x: m.unstack(x, axis=-1)[1] * m.unstack(x, axis=1)[0],
        [normal(2, 3)],
        lambda x: x[:, 1] * x[:, 0],
    )


FAMILIES = (_shapes, _more_shapes, _joined, _more_joined, _rearranged, _apart)

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


FAMILIES = (
    _shapes,
    _joined,
)

"""Properties of what is linear: arranging, joining, indexing and sums.

Hypothesis draws shapes, axes and indices. All numbers are small and whole, so every comparison is
exact.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.leaving import values_of

from .properties import (
    DTYPES,
    SHAPES,
    SIDES,
    any_axis,
    assert_noticed,
    check,
    generator,
    narrowed,
    one_axis,
    order,
    several_axes,
    size_along,
    some_axes,
    whole,
    widened,
)

# Shape, rearranging, sums ---------------------------------------------------------------------


def new_shape(draw, shape):
    sizes = draw(st.permutations([*shape, *draw(st.lists(st.just(1), max_size=2))]))
    if len(sizes) > 1 and draw(st.booleans()):
        sizes = [sizes[0] * sizes[1], *sizes[2:]]
    if sizes and np.prod(shape, dtype=int) and draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return (tuple(sizes),)


def moved(draw, shape):
    source = order(draw, shape)[: draw(st.integers(0, len(shape)))]
    return source, order(draw, shape)[: len(source)]


def new_axes(draw, shape):
    count = draw(st.integers(0, 2))
    return (order(draw, (*shape, *(1,) * count))[:count],)


def ones_dropped(draw, shape):
    ones = [axis for axis, n in enumerate(shape) if n == 1]
    return (draw(st.sampled_from((None, several_axes(draw, shape, ones)))),)


def plane(draw, shape):
    return draw(st.integers(-3, 6)), order(draw, shape)[:2]


def rolled(draw, shape):
    axis = some_axes(draw, shape) if shape else None
    shifts = st.integers(-4, 4)
    if isinstance(axis, tuple) and draw(st.booleans()):
        return tuple(draw(shifts) for _ in axis), axis
    return draw(shifts), axis


def repeated(draw, shape):
    axis = any_axis(draw, shape)
    size = int(np.prod(shape)) if axis is None else shape[axis]
    counts = st.integers(0, 3)
    return draw(counts | st.lists(counts, min_size=size, max_size=size)), axis


def framed(draw, shape):
    widths = st.integers(0, 3)
    pair = st.tuples(widths, widths)
    each = st.lists(pair, min_size=len(shape), max_size=len(shape))
    width = draw(widths | pair | each if shape else each)
    if min(shape, default=1) and draw(st.booleans()):
        return width, draw(st.sampled_from(("edge", "reflect", "symmetric", "wrap")))
    values = st.integers(-3, 3)
    return {"pad_width": width, "constant_values": draw(values | st.tuples(values, values))}


def differences(draw, shape):
    axis = one_axis(draw, shape)
    ends = draw(st.dictionaries(st.sampled_from(("prepend", "append")), st.integers(-3, 3)))
    return {"n": draw(st.integers(1 if ends else 0, 3)), "axis": axis, **ends}


def diagonals(draw, shape):
    return draw(st.integers(-3, 3)), *order(draw, shape)[:2]


def parts(draw, shape):
    axis = one_axis(draw, shape)
    places = st.lists(st.integers(-4, 4), max_size=3)
    return draw(st.integers(1, 4) | places), axis


def sums(draw, shape):
    return {"axis": some_axes(draw, shape), "keepdims": draw(st.booleans())}


# How many axes it needs at least, and what else it is given: by position, or by name.
LINEAR = {
    "reshape": (0, new_shape),
    "ravel": (0, lambda draw, shape: (draw(st.sampled_from("CF")),)),
    "transpose": (0, lambda draw, shape: (draw(st.sampled_from((None, order(draw, shape)))),)),
    "permute_dims": (0, lambda draw, shape: (order(draw, shape),)),
    "matrix_transpose": (2, lambda draw, shape: ()),
    "swapaxes": (1, lambda draw, shape: (one_axis(draw, shape), one_axis(draw, shape))),
    "moveaxis": (0, moved),
    "expand_dims": (0, new_axes),
    "squeeze": (0, ones_dropped),
    "broadcast_to": (0, lambda draw, shape: (widened(draw, shape),)),
    "sum_to": (0, lambda draw, shape: (narrowed(draw, shape),)),
    **dict.fromkeys(("atleast_1d", "atleast_2d", "atleast_3d"), (0, lambda draw, shape: ())),
    "flip": (0, lambda draw, shape: (some_axes(draw, shape),)),
    "flipud": (1, lambda draw, shape: ()),
    "fliplr": (2, lambda draw, shape: ()),
    "rot90": (2, plane),
    "roll": (0, rolled),
    "repeat": (0, repeated),
    "tile": (0, lambda draw, shape: (draw(SIDES | st.lists(SIDES, max_size=5)),)),
    "pad": (1, framed),
    "array_split": (1, parts),
    "unstack": (1, lambda draw, shape: {"axis": one_axis(draw, shape)}),
    "diag": (1, lambda draw, shape: (draw(st.integers(-4, 4)),)),
    **dict.fromkeys(("diagonal", "trace"), (2, diagonals)),
    **dict.fromkeys(("tril", "triu"), (1, lambda draw, shape: (draw(st.integers(-4, 4)),))),
    **dict.fromkeys(("sum", "nansum"), (0, sums)),
    "cumsum": (0, lambda draw, shape: (any_axis(draw, shape),)),
    "diff": (1, differences),
    **dict.fromkeys(("positive", "copy", "negative"), (0, lambda draw, shape: ())),
    "astype": (0, lambda draw, shape: (draw(DTYPES),)),
}


def sum_to(x, shape):
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


PLAIN = {
    "sum_to": sum_to,
    "astype": lambda x, dtype: x.astype(dtype),
    "unstack": lambda x, axis: tuple(np.moveaxis(x, axis, 0)),  # not in NumPy 2.0
}


@pytest.mark.parametrize("name", LINEAR)
@given(st.data())
def test_linear_operations(name, data):
    least, arguments = LINEAR[name]
    shape = tuple(data.draw(st.lists(SIDES, min_size=least, max_size=2 if name == "diag" else 4)))
    # A number beside a float16 array is weak here, but not in numpy.diff.
    dtype = np.float64 if name == "diff" else data.draw(DTYPES)
    told = arguments(data.draw, shape)
    positional, keywords = ((), told) if isinstance(told, dict) else (told, {})
    part = data.draw(st.integers(0, 3)) if name in ("array_split", "unstack") else None
    assume(name != "unstack" or shape[keywords["axis"]])

    def calling(function):
        def call(x):
            out = function(x, *positional, **keywords)
            return out if part is None else out[part % len(out)]

        return call

    random = generator(data.draw)
    plain = PLAIN.get(name) or getattr(np, name)
    check(random, calling(getattr(tg, name)), calling(plain), [whole(random, shape, dtype)])


@given(st.data())
def test_where(data):
    drawn = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=3, min_side=0, max_side=3))
    random = generator(data.draw)
    condition, x, y = (whole(random, shape, data.draw(DTYPES)) for shape in drawn.input_shapes)
    condition = condition > 0
    check(random, lambda *a: tg.where(condition, *a), lambda *a: np.where(condition, *a), [x, y])


def joined(draw, name):
    """Shapes that fit together, and the axis."""
    count, shape = draw(st.integers(1, 3)), draw(SHAPES)
    keywords = {"axis": one_axis(draw, (*shape, 1))} if name == "stack" else {}
    axis = None
    if name == "concatenate":
        axis = any_axis(draw, shape)
        keywords = {"axis": axis}
        if axis is None:
            return [draw(SHAPES) for _ in range(count)], keywords
    elif name == "hstack" and len(shape) == 1:
        axis = 0
    elif name != "stack" and len(shape) > 1:
        axis = 0 if name == "vstack" else 1
    shapes = [list(shape) for _ in range(count)]
    if axis is not None:
        for sizes in shapes:
            sizes[axis] = draw(SIDES)
    return shapes, keywords


@pytest.mark.parametrize("name", ["concatenate", "stack", "vstack", "hstack", "column_stack"])
@given(st.data())
def test_joining(name, data):
    shapes, keywords = joined(data.draw, name)
    random = generator(data.draw)
    check(
        random,
        lambda *arrays: getattr(tg, name)(arrays, **keywords),
        lambda *arrays: getattr(np, name)(arrays, **keywords),
        [whole(random, shape, data.draw(DTYPES)) for shape in shapes],
    )


# Indexing -------------------------------------------------------------------------------------


@st.composite
def mixtures(draw, shape):
    """Slices, numbers, places with repeats, masks, new axes and an ellipsis, in any mixture."""
    random = generator(draw)
    count = draw(st.sampled_from((3, 2, 1, 0)))  # of the places that each array and mask names
    parts, axis, once = [], 0, {"new axis", "ellipsis"}
    while axis < len(shape):
        n = shape[axis]
        axes = draw(st.integers(1, min(2, len(shape) - axis)))
        size = int(np.prod(shape[axis : axis + axes]))
        kinds = ["places", "list", "table"] if n or not count else []
        kinds += ["slice", *(["number", "one"] if n else []), *sorted(once)]
        kinds += ["mask"] if size >= count else []
        kind = draw(st.sampled_from(kinds))
        once -= {kind}
        lengths = {"number": (), "places": (count,), "list": (count,), "table": (2, count)}
        part = random.integers(-n, n or 1, lengths.get(kind, (1,)))
        if kind == "slice":
            part = draw(st.slices(n))
        elif kind == "list":
            part = part.tolist()
        elif kind == "mask":
            part = random.permutation(np.arange(size) < count).reshape(shape[axis : axis + axes])
        elif kind in ("new axis", "ellipsis"):
            part = None if kind == "new axis" else Ellipsis
        parts.append(part)
        axis += {"mask": axes, "ellipsis": axes, "new axis": 0}.get(kind, 1)
    return parts[0] if len(parts) == 1 else tuple(parts)


INDICES = {
    "basic": lambda shape: hnp.basic_indices(shape, allow_newaxis=True, max_dims=6),
    "mask": lambda shape: hnp.arrays(bool, shape),
    "mixture": mixtures,
}


@pytest.mark.parametrize("kind", INDICES)
@given(st.data())
def test_indexing_and_its_adjoint(kind, data):
    shape, random = data.draw(SHAPES), generator(data.draw)
    index = data.draw(INDICES[kind](shape))
    x = whole(random, shape, data.draw(DTYPES))
    check(random, lambda x: x[index], lambda x: x[index], [x])
    places = np.arange(x.size).reshape(shape)[index]

    def put(g):
        sums = np.bincount(np.ravel(places), np.ravel(g), minlength=x.size)
        return sums.reshape(shape).astype(g.dtype)

    g = whole(random, np.shape(places), x.dtype)
    assert np.sum(g * x[index]) == np.sum(tg.put_at(g, index, shape) * x)
    check(random, lambda g: tg.put_at(g, index, shape), put, [g])


@pytest.mark.parametrize("kind", INDICES)
@pytest.mark.parametrize("name", ["index_update", "index_add"])
@given(st.data())
def test_writing_by_index(name, kind, data):
    shape, random = data.draw(SHAPES), generator(data.draw)
    index = data.draw(INDICES[kind](shape))
    x = whole(random, shape, data.draw(DTYPES))
    value = whole(random, narrowed(data.draw, np.shape(x[index])), data.draw(DTYPES))

    def written(x, value):
        x = x.copy()
        if name == "index_update":
            x[index] = value
        else:
            # Not left to `at`, which NumPy 2.4 does wrongly for places in several dimensions.
            np.add.at(x, index, np.broadcast_to(value, np.shape(x[index])))
        return x

    operation = getattr(tg, name)
    check(random, lambda x, value: operation(x, index, value), written, [x, value])


@given(st.data())
def test_taking(data):
    shape, random = data.draw(SHAPES), generator(data.draw)
    axis, mode = any_axis(data.draw, shape), data.draw(st.sampled_from(("raise", "wrap", "clip")))
    n = size_along(shape, axis)
    most = n if mode == "raise" else 9
    places = random.integers(-most, most or 1, data.draw(SHAPES) if n else (2, 0))
    x = whole(random, shape, data.draw(DTYPES))
    check(
        random,
        lambda x: tg.take(x, places, axis, mode=mode),
        lambda x: np.take(x, places, axis, mode=mode),
        [x],
    )


@given(st.data())
def test_taking_along_an_axis(data):
    shape, random = data.draw(SHAPES), generator(data.draw)
    axis = any_axis(data.draw, shape)
    n = size_along(shape, axis)
    sizes = [0] if axis is None else [1 if data.draw(st.booleans()) else m for m in shape]
    sizes[axis or 0] = data.draw(SIDES) if n else 0
    places = random.integers(-n, n or 1, sizes)
    x = whole(random, shape, data.draw(DTYPES))
    check(
        random,
        lambda x: tg.take_along_axis(x, places, axis),
        lambda x: np.take_along_axis(x, places, axis),
        [x],
    )


# Whether they can fail ------------------------------------------------------------------------


def shared(g, out, x, index):
    """Divided among the places of a number, as if it were not needed at each of them."""
    ones = np.ones_like(values_of(g))
    return tg.put_at(g, index, x.shape) / np.maximum(1, tg.put_at(ones, index, x.shape))


WRONG = {
    "cumsum": lambda g, out, x, axis=None: np.cumsum(g, axis=axis).reshape(x.shape),
    "sum": lambda g, out, x, axis=None, keepdims=False: g.sum() + 0 * x,
    "transpose": lambda g, out, x, axes=None: g.reshape(x.shape),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rules_of_linear_operations_are_noticed(name):
    assert_noticed(name, WRONG[name], test_linear_operations, name=name)


def test_wrong_rule_of_indexing_is_noticed():
    assert_noticed("getitem", shared, test_indexing_and_its_adjoint, kind="mixture")

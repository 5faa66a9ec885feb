"""Properties of products: einsum, with subscripts that Hypothesis draws, and NumPy's other ones.

They are linear in each operand, and all numbers are small and whole, so every comparison is exact.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.leaving import values_of
from tinygrad_edu.primitive import PRIMITIVES

from .properties import (
    SIDES,
    WIDER,
    assert_noticed,
    check,
    generator,
    narrowed,
    one_axis,
    order,
    separately,
    whole,
)


def with_ellipsis(draw, label):
    place = draw(st.integers(0, len(label)))
    return [*label[:place], "...", *label[place:]]


@st.composite
def einsums(draw):
    """Labels and shapes of operands, and labels of the output or None."""
    sizes = {letter: draw(SIDES) for letter in "ijkl"}
    hidden = draw(st.lists(SIDES, max_size=2))
    labels, shapes = [], []
    for _ in range(draw(st.integers(1, 4))):
        label = draw(st.lists(st.sampled_from("ijkl"), max_size=4))
        stretched = draw(st.sets(st.sampled_from("ijkl"), max_size=2))
        shape = [1 if i in stretched else sizes[i] for i in label]
        if draw(st.booleans()):
            label = with_ellipsis(draw, label)
            place = label.index("...")
            shape[place:place] = narrowed(draw, hidden)
        labels.append(label)
        shapes.append(shape)
    if draw(st.booleans()):
        return labels, shapes, None
    used = sorted({i for label in labels for i in label} - {"..."})
    output = draw(st.lists(st.sampled_from(used), unique=True)) if used else []
    if any("..." in label for label in labels):
        output = with_ellipsis(draw, output)
    return labels, shapes, output


@given(st.data())
def test_einsum(data):
    labels, shapes, output = data.draw(einsums())
    random = generator(data.draw)
    arrays = [whole(random, shape, data.draw(WIDER)) for shape in shapes]
    text = ",".join(map("".join, labels)) + ("" if output is None else "->" + "".join(output))

    def numbered(label):
        return [Ellipsis if i == "..." else "ijkl".index(i) for i in label]

    def ours(*operands):
        if data.draw(st.booleans()):
            return tg.einsum(text, *operands)
        pairs = itertools.chain(*zip(operands, map(numbered, labels), strict=True))
        return tg.einsum(*pairs, *([] if output is None else [numbered(output)]))

    check(random, ours, lambda *operands: np.einsum(text, *operands), arrays, separately)


def factors(draw, name):
    """Shapes of two operands that fit together, and what else is given by position."""
    left, right = (draw(st.lists(SIDES, max_size=3)) for _ in range(2))
    arguments = ()
    if name == "matmul":
        sizes = {"signature": np.matmul.signature, "max_dims": 2, "min_side": 0, "max_side": 3}
        left, right = draw(hnp.mutually_broadcastable_shapes(**sizes)).input_shapes
    elif name == "cross":
        drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=2))
        shapes = [*drawn.input_shapes, drawn.result_shape]
        arguments = tuple(one_axis(draw, (*shape, 3)) for shape in shapes)
        left, right = (
            np.moveaxis(np.zeros((*shape, 3)), -1, axis).shape
            for shape, axis in zip(shapes[:2], arguments, strict=False)
        )
    elif name == "tensordot":
        count = draw(st.integers(0, min(len(left), len(right))))
        places = order(draw, left)[:count], order(draw, right)[:count]
        if in_turn := draw(st.booleans()):
            places = range(len(left) - count, len(left)), range(count)
        for i, j in zip(*places, strict=True):
            right[j] = left[i]
        arguments = (count if in_turn else places,)
    elif name == "vdot":
        right = draw(st.permutations(left))
    elif name in ("inner", "dot") and left and right:
        right[-2 if name == "dot" and len(right) > 1 else -1] = left[-1]
    return (left, right), arguments


@pytest.mark.parametrize(
    "name", ["matmul", "dot", "inner", "vdot", "outer", "kron", "cross", "tensordot"]
)
@given(st.data())
def test_products(name, data):
    shapes, arguments = factors(data.draw, name)
    random = generator(data.draw)
    arrays = [whole(random, shape, data.draw(WIDER)) for shape in shapes]
    check(
        random,
        lambda x, y: getattr(tg, name)(x, y, *arguments),
        lambda x, y: getattr(np, name)(x, y, *arguments),
        arrays,
        separately,
    )


# Whether they can fail ------------------------------------------------------------------------

RIGHT = PRIMITIVES["einsum"].each
WRONG = {
    "sum": lambda position, g, out, *arrays, subscripts: g.sum() + 0 * arrays[position],
    # Right to first order: the other operands, as constants, have no part in second derivatives.
    "constants": lambda position, g, out, *arrays, subscripts: RIGHT(
        position, g, out, *map(values_of, arrays), subscripts=subscripts
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_rules_of_einsum_are_noticed(wrong):
    assert_noticed("einsum", WRONG[wrong], test_einsum)

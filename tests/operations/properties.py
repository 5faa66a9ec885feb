"""What the tests of properties share: strategies that draw arguments, and oracles to compare with.

No oracle knows the engine. What is linear, alone or in each operand, is its own derivative: applied
to a direction it gives the slope, and on whole numbers both sides are equal to the last digit.
Everything else is evaluated by NumPy on complex numbers.
"""

import itertools

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tinygrad_edu import Tensor, grad
from tinygrad_edu.primitive import PRIMITIVES

# Shapes, axes and numbers ---------------------------------------------------------------------

SIDES = st.sampled_from((2, 3, 1, 2, 3, 0))  # the first is what Hypothesis simplifies to
SHAPES = st.lists(SIDES, max_size=4).map(tuple)
DTYPES = st.sampled_from((np.float64, np.float32, np.float16))
WIDER = st.sampled_from((np.float64, np.float32))
SEEDS = st.integers(0, 2**16)


def generator(draw):
    return np.random.default_rng(draw(SEEDS))


def whole(random, shape, dtype=np.float64):
    """Small whole numbers, whose sums and products are exact."""
    return np.asarray(random.integers(-4, 5, shape)).astype(dtype)


def one_axis(draw, shape):
    return draw(st.integers(-len(shape), len(shape) - 1))


def any_axis(draw, shape):
    return one_axis(draw, shape) if shape and draw(st.booleans()) else None


def several_axes(draw, shape, among=None):
    """Different axes, in any order, from the front or from the end."""
    axes = range(len(shape)) if among is None else among
    chosen = draw(st.lists(st.sampled_from(axes), unique=True)) if axes else []
    return tuple(axis - len(shape) * draw(st.booleans()) for axis in chosen)


def some_axes(draw, shape):
    return draw(st.sampled_from((any_axis, several_axes)))(draw, shape)


def order(draw, shape):
    axes = draw(st.permutations(range(len(shape))))
    return tuple(axis - len(shape) * draw(st.booleans()) for axis in axes)


def size_along(shape, axis):
    """How many elements one result is made of."""
    axes = range(len(shape)) if axis is None else np.ravel(axis).astype(int)
    return int(np.prod([shape[i] for i in axes], dtype=int))


def widened(draw, shape):
    """A shape that another one broadcasts to."""
    sizes = (draw(SIDES) if n == 1 else n for n in shape)
    return (*draw(st.lists(SIDES, max_size=4 - len(shape))), *sizes)


def narrowed(draw, shape):
    """A shape that broadcasts to another one."""
    sizes = shape[draw(st.integers(0, len(shape))) :]
    return tuple(1 if draw(st.booleans()) else n for n in sizes)


# Oracles --------------------------------------------------------------------------------------


def dotted(arrays, others):
    """Sum of the products of all elements; None stands for zeros."""
    pairs = zip(arrays, others, strict=True)
    return sum(float(np.sum(np.asarray(a, float) * b)) for a, b in pairs if a is not None)


def jointly(plain):
    """Slope and curvature of a function that is linear in all its arrays together, or affine."""

    def slope(arrays, v):
        return plain(*v) - plain(*map(np.zeros_like, v))

    return slope, lambda arrays, v, w: np.zeros(())


def separately(plain):
    """Slope and curvature of a function that is linear in each of its arrays."""

    def slope(arrays, v):
        return sum(plain(*arrays[:k], v[k], *arrays[k + 1 :]) for k in range(len(v)))

    def curvature(arrays, v, w):
        total = np.zeros(np.shape(plain(*arrays)))
        for j, k in itertools.permutations(range(len(v)), 2):
            mixed = [v[k] if i == k else w[j] if i == j else a for i, a in enumerate(arrays)]
            total = total + plain(*mixed)
        return total

    return slope, curvature


def check(random, ours, plain, arrays, linear=jointly):
    """Compare values, gradients, and gradients of those, all of whole numbers and exact."""
    slope, curvature = linear(plain)
    copies = [array.copy() for array in arrays]
    leaves = [Tensor(array, True) for array in arrays]
    out = ours(*leaves)
    np.testing.assert_array_equal(out.data, np.asarray(plain(*arrays)), strict=True)
    cotangent = Tensor(whole(random, out.shape, out.dtype), True)
    v, w = ([whole(random, array.shape) for array in arrays] for _ in range(2))
    arrays = [array.astype(float) for array in arrays]
    expected = slope(arrays, v)
    found = grad(out, leaves, cotangent.data)
    recorded = grad(out, leaves, cotangent, create_graph=True)
    for leaf, copy, gradient, again in zip(leaves, copies, found, recorded, strict=True):
        assert type(gradient) is np.ndarray
        assert (gradient.shape, gradient.dtype) == (leaf.shape, leaf.dtype)
        np.testing.assert_array_equal(again.data, gradient, strict=True)
        np.testing.assert_array_equal(leaf.data, copy)
    assert dotted(found, v) == dotted([cotangent.data], [expected])
    # A gradient is linear in the cotangent: differentiated by that, it is the slope itself.
    along = sum((gradient * d).sum() for gradient, d in zip(recorded, v, strict=True))
    *second, tangent = grad(along, [*leaves, cotangent], allow_unused=True)
    np.testing.assert_array_equal(tangent, expected)
    assert dotted(second, w) == dotted([cotangent.data], [curvature(arrays, v, w)])


# Slopes and curvatures by NumPy on complex numbers ---------------------------------------------


def complex_slope(f, arrays, v):
    """Slope along a direction: the imaginary part that an imaginary step leaves."""
    step = 1e-20
    return np.imag(f(*(a + 1j * step * d for a, d in zip(arrays, v, strict=True)))) / step


def complex_curvature(f, arrays, v, w):
    """Second derivative along two directions: Cauchy's integral around a point, polarised."""
    # A larger circle is wrong for sinc of a product of many; a smaller one loses digits.
    radius, circle = 2e-4, np.exp(2j * np.pi * np.arange(16) / 16)
    total = 0.0
    for sign in (1, -1):
        u = [d + sign * e for d, e in zip(v, w, strict=True)]
        values = [f(*(a + radius * z * d for a, d in zip(arrays, u, strict=True))) for z in circle]
        total += sign * np.real(np.mean(values / circle**2)) / (2 * radius**2)
    return total


def assert_close(found, expected, terms, tolerance):
    """Compare sums whose terms may cancel, relative to the sizes of the terms."""
    assert abs(found - expected) <= tolerance * (1 + terms + abs(expected))


def sizes(arrays, others):
    """Add up the products of all elements without their signs."""
    return dotted([a if a is None else np.abs(a) for a in arrays], map(np.abs, others))


# Whether a property can fail -------------------------------------------------------------------


def assert_noticed(operation, rule, property_, /, **arguments):
    """See that a property does not hold while an operation has a wrong rule for its first array."""
    declared = PRIMITIVES[operation]
    slot = "each" if declared.each else "rules"
    right = getattr(declared, slot)
    chosen = settings(phases=[Phase.generate], database=None, report_multiple_bugs=False)
    run = chosen(given(st.data())(property_.hypothesis.inner_test))
    object.__setattr__(declared, slot, rule if declared.each else (rule, *right[1:]))
    try:
        with pytest.raises(AssertionError):
            run(**arguments)
    finally:
        object.__setattr__(declared, slot, right)

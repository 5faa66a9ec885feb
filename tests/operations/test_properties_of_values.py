"""Properties of what depends on the values of its elements: reductions, scans, extremes, sorting.

The oracles are NumPy on complex numbers where they are smooth; and where several elements are
equal, what their gradients must add up to.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad
from tinygrad_edu.leaving import values_of

from .properties import (
    SHAPES,
    WIDER,
    any_axis,
    assert_close,
    assert_noticed,
    complex_curvature,
    complex_slope,
    dotted,
    generator,
    one_axis,
    size_along,
    sizes,
    some_axes,
    whole,
)

# Reductions and scans --------------------------------------------------------------------------


def spread(x, axis, ddof, keepdims):
    deviation = x - np.mean(x, axis, keepdims=True)
    count = size_along(x.shape, axis) - ddof
    return np.sum(deviation * deviation, axis, keepdims=keepdims) / count


SMOOTH = {
    "mean": np.mean,
    "average": np.average,
    "prod": np.prod,
    "cumprod": np.cumprod,
    "var": spread,
    "std": lambda x, **keywords: np.sqrt(spread(x, **keywords)),
    "logsumexp": lambda x, **keywords: np.log(np.sum(np.exp(x), **keywords)),
    "softmax": lambda x, axis: np.exp(x) / np.sum(np.exp(x), axis, keepdims=True),
    "log_softmax": lambda x, axis: x - np.log(np.sum(np.exp(x), axis, keepdims=True)),
}
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-4}


@st.composite
def reductions(draw, name):
    """The arrays, and what says along which axes."""
    shape = draw(SHAPES)
    quarters = st.integers(-8, 8).map(lambda n: n / 4)
    dtype = draw(WIDER)
    arrays = [draw(hnp.arrays(dtype, shape, elements=quarters, fill=st.nothing()))]
    if name in ("softmax", "log_softmax"):
        assume(shape)
        keywords = {"axis": one_axis(draw, shape)}
    elif name == "cumprod":
        keywords = {"axis": any_axis(draw, shape)}
    else:
        keywords = {"axis": some_axes(draw, shape), "keepdims": draw(st.booleans())}
    axis, ddof = keywords["axis"], draw(st.integers(0, 1))
    if name in ("var", "std"):
        keywords["ddof"] = ddof
    assume("prod" in name or size_along(shape, axis) > keywords.get("ddof", 0))
    if name == "average":
        if axis is not None and draw(st.booleans()):
            shape = tuple(shape[i] for i in np.ravel(axis).astype(int))
        arrays.append(np.asarray(generator(draw).integers(1, 9, shape) / 4).astype(dtype))
    return arrays, keywords


@pytest.mark.parametrize("name", SMOOTH)
@given(st.data())
def test_smooth_reductions(name, data):
    arrays, keywords = data.draw(reductions(name))
    random, x = generator(data.draw), arrays[0]

    def call(function, x, *weights):
        return function(x, **keywords, **({"weights": weights[0]} if weights else {}))

    leaves = [Tensor(array, True) for array in arrays]
    out = call(getattr(tg, name), *leaves)
    tolerance = TOLERANCE[x.dtype.type]
    arrays = [array.astype(float) for array in arrays]
    expected = np.asarray(call(SMOOTH[name], *arrays))
    np.testing.assert_allclose(out.data, expected, rtol=tolerance, atol=tolerance)
    assert (out.shape, out.dtype) == (expected.shape, x.dtype)
    cotangent = Tensor(whole(random, out.shape, x.dtype), True)
    v, w = ([random.normal(size=array.shape) for array in arrays] for _ in range(2))
    found = grad(out, leaves, cotangent.data)
    recorded = grad(out, leaves, cotangent, create_graph=True)
    if name == "std":  # where all elements are equal, its derivative is taken to be 0
        flat = np.broadcast_to(spread(x, keywords["axis"], 0, True) == 0, x.shape)
        np.testing.assert_array_equal(found[0][flat], 0)
        v, w = ([np.where(flat, 0, d[0])] for d in (v, w))
    for leaf, gradient, again in zip(leaves, found, recorded, strict=True):
        assert (gradient.shape, gradient.dtype) == (leaf.shape, leaf.dtype)
        np.testing.assert_allclose(again.data, gradient, rtol=tolerance, atol=tolerance)

    def total(*arrays):
        return np.sum(cotangent.data * call(SMOOTH[name], *arrays))

    assert_close(dotted(found, v), complex_slope(total, arrays, v), sizes(found, v), tolerance)
    # Differentiated by the cotangent, the gradient along a direction is the slope of each element.
    along = sum((gradient * d).sum() for gradient, d in zip(recorded, v, strict=True))
    *second, tangent = grad(along, [*leaves, cotangent], allow_unused=True)
    slopes = complex_slope(lambda *arrays: call(SMOOTH[name], *arrays), arrays, v)
    np.testing.assert_allclose(tangent, slopes, rtol=10 * tolerance, atol=10 * tolerance)
    assert all(gradient is None or np.isfinite(gradient).all() for gradient in second)
    curvature, terms = complex_curvature(total, arrays, v, w), sizes(second, w) + sizes(found, v)
    assert_close(dotted(second, w), curvature, terms, max(tolerance, 1e-7))


# Extremes and order, with many ties -------------------------------------------------------------


def few_values(draw, *, with_nan=False):
    """An array in which most values occur several times."""
    values = [0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, *([np.nan] if with_nan else [])]
    dtype = draw(WIDER)
    return draw(hnp.arrays(dtype, draw(SHAPES), elements=st.sampled_from(values)))


def gradient_of(draw, operation, x, **keywords):
    """The value, a cotangent of it that is nowhere 0, and the gradient."""
    leaf = Tensor(x, True)
    out = operation(leaf, **keywords)
    cotangent = np.asarray(generator(draw).integers(1, 9, out.shape)).astype(x.dtype)
    found = grad(out, leaf, cotangent)
    again = grad(out, leaf, cotangent, create_graph=True)
    assert (found.shape, found.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(again.data, found)
    return out.data, cotangent, found


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
@given(st.data())
def test_extremes_share_equally(name, data):
    x = few_values(data.draw, with_nan=True)
    axis = some_axes(data.draw, x.shape)
    assume(size_along(x.shape, axis))
    keywords = {"axis": axis, "keepdims": data.draw(st.booleans())}
    out, cotangent, found = gradient_of(data.draw, getattr(tg, name), x, **keywords)
    np.testing.assert_array_equal(out, getattr(np, name)(x, **keywords), strict=True)
    best = getattr(np, name)(x, axis, keepdims=True)
    # Among several nans there is no telling which one it is: they share as well.
    chosen = (x == best) | np.isnan(x)
    shares = chosen / np.maximum(np.sum(chosen, axis, keepdims=True), 1)
    np.testing.assert_allclose(found, shares * cotangent.reshape(best.shape), rtol=1e-6)
    total = np.sum(found, axis, keepdims=keywords["keepdims"])
    np.testing.assert_allclose(total, cotangent, rtol=1e-6)


@given(st.data())
def test_peak_to_peak_and_median_share_among_those_they_take(data):
    x = few_values(data.draw)
    axis = some_axes(data.draw, x.shape)
    assume(x.size)  # numpy.median fails for several axes of an array without elements
    keywords = {"axis": axis, "keepdims": data.draw(st.booleans())}
    x = np.nan_to_num(x, posinf=3, neginf=-3)
    low, high = (np.quantile(x, 0.5, axis, method=m, keepdims=True) for m in ("lower", "higher"))
    out, cotangent, found = gradient_of(data.draw, tg.median, x, **keywords)
    np.testing.assert_array_equal(out, np.median(x, **keywords), strict=True)
    g = cotangent.reshape(low.shape)
    assert not found[(x != low) & (x != high)].any()
    assert (found >= 0).all()
    share = np.where(low == high, 1.0, 0.5)
    for middle in (low, high):
        np.testing.assert_array_equal(np.sum(found * (x == middle), axis, keepdims=True), share * g)
    out, cotangent, found = gradient_of(data.draw, tg.ptp, x, **keywords)
    np.testing.assert_array_equal(out, np.ptp(x, **keywords), strict=True)
    g, low, high = (np.reshape(a, low.shape) for a in (cotangent, np.min(x, axis), np.max(x, axis)))
    for end, share in ((high, g), (low, -g)):
        expected = np.where(low == high, 0, share)
        shares = np.sum(found * (x == end), axis, keepdims=True)
        np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["sort", "partition"])
@given(st.data())
def test_order(name, data):
    x = few_values(data.draw, with_nan=name == "sort")
    axis = any_axis(data.draw, x.shape)
    keywords, rows = {"axis": axis}, x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)
    if name == "partition":
        assume(rows.shape[-1])
        keywords["kth"] = data.draw(st.integers(-rows.shape[-1], rows.shape[-1] - 1))
    out, cotangent, found = gradient_of(data.draw, getattr(tg, name), x, **keywords)
    ordered, g, found = (
        a.reshape(-1) if axis is None else np.moveaxis(a, axis, -1) for a in (out, cotangent, found)
    )
    if name == "sort":
        np.testing.assert_array_equal(ordered, np.sort(rows))
    else:
        kth = keywords["kth"]
        np.testing.assert_array_equal(ordered[..., kth], np.sort(rows)[..., kth])
    for place in np.ndindex(rows.shape[:-1]):
        row, arranged, before, after = (a[place] for a in (rows, ordered, found, g))
        if name == "sort":  # equal elements keep their order
            places = sorted(range(len(row)), key=lambda i: (np.isnan(row[i]), row[i]))
            np.testing.assert_array_equal(before[places], after)
        for value in row:  # what the copies of a value get is what they had, together
            assert sorted(before[row == value]) == sorted(after[arranged == value])


@pytest.mark.parametrize("name", ["nansum", "nanmean"])
@given(st.data())
def test_nans_are_left_out(name, data):
    x = np.nan_to_num(few_values(data.draw, with_nan=True), nan=np.nan, posinf=3, neginf=-3)
    axis = some_axes(data.draw, x.shape)
    counted = ~np.isnan(x)
    count = np.sum(counted, axis, keepdims=True)
    assume(name == "nansum" or (count > 0).all())
    keywords = {"axis": axis, "keepdims": data.draw(st.booleans())}
    out, cotangent, found = gradient_of(data.draw, getattr(tg, name), x, **keywords)
    np.testing.assert_allclose(out, getattr(np, name)(x, **keywords), strict=True, rtol=1e-6)
    share = counted / count if name == "nanmean" else counted
    np.testing.assert_allclose(found, share * cotangent.reshape(count.shape), rtol=1e-6)


# Whether they can fail ------------------------------------------------------------------------


def divided(g, out, x, axis=None):
    """The textbook's rule of running products, with a division, kept from failing at zeros."""
    along = axis or 0
    total = np.flip(np.cumsum(np.flip(g * out, along), axis=along), along).reshape(x.shape)
    return total / np.where(np.equal(x, 0), 1, x)


def to_all(g, out, x, axis=None, keepdims=False):
    """The whole gradient to each of several largest elements."""
    best = values_of(x) == np.max(values_of(x), axis, keepdims=True)
    return g.reshape(np.max(values_of(x), axis, keepdims=True).shape) * best


def test_wrong_rules_are_noticed():
    assert_noticed("cumprod", divided, test_smooth_reductions, name="cumprod")
    assert_noticed("max", to_all, test_extremes_share_equally, name="max")

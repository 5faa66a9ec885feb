"""Tests of images in another size, pooling and normalisation beyond the table of cases: what is
adjoint or inverse to what, arrays without a graph, and what is refused.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor, grad


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def leaf(values):
    return Tensor(values, requires_grad=True)


# Identities ------------------------------------------------------------------------------------


@given(data=st.data())
def test_transposed_convolution_is_the_gradient_of_a_convolution(data):
    axes = data.draw(st.integers(1, 3))

    def each(least, most):
        return tuple(data.draw(st.integers(least, most)) for _ in range(axes))

    kernel, stride, dilation, padding = each(1, 3), each(1, 3), each(1, 2), each(0, 1)
    groups = data.draw(st.integers(1, 2))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [m + 2 * p + n for m, p, n in zip(spans, padding, each(0, 3), strict=True)]
    x, weight = leaf(drawn(2, 2 * groups, *sizes)), drawn(3 * groups, 2, *kernel, seed=1)
    metadata = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    y = getattr(tg, f"conv{axes}d")(x, weight, **metadata)
    g = drawn(*y.shape, seed=2)
    rest = [(n + 2 * p - m) % s for n, m, s, p in zip(sizes, spans, stride, padding, strict=True)]
    back = getattr(tg, f"conv_transpose{axes}d")(g, weight, output_padding=tuple(rest), **metadata)
    np.testing.assert_allclose(back, grad(y, x, g), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_pixels_are_shuffled_back(r):
    x = drawn(2, 2 * r * r, 3, 1)
    np.testing.assert_array_equal(tg.pixel_unshuffle(tg.pixel_shuffle(x, r), r), x)


def test_unpooling_puts_elements_where_pooling_took_them():
    x = leaf(drawn(2, 3, 5, 4))
    y, places = tg.max_pool2d(x, 2, return_indices=True)
    back = tg.max_unpool2d(y, places, 2, output_size=x.shape)
    expected = np.where(back.data != 0, x.data, 0)
    np.testing.assert_array_equal(back.data, expected)
    assert np.count_nonzero(expected) == y.size
    g = drawn(*x.shape, seed=1)
    np.testing.assert_array_equal(grad(back, x, g), np.where(expected != 0, g, 0))


@pytest.mark.parametrize(
    ("axes", "shape", "settings"),
    [
        (1, (2, 3, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
        (1, (5,), {"kernel_size": 2, "ceil_mode": True}),
        (2, (2, 2, 5, 4), {"kernel_size": 2, "stride": 1, "dilation": 2}),
        (2, (4, 5), {"kernel_size": (3, 2), "padding": ((1, 0), (0, 1)), "ceil_mode": True}),
        (3, (1, 2, 3, 4, 3), {"kernel_size": 2, "stride": 1, "padding": 1}),
    ],
)
def test_indices_say_where_the_largest_elements_are(axes, shape, settings):
    x = drawn(*shape)
    for values in (x, leaf(x), np.round(x)):
        out, places = getattr(tg, f"max_pool{axes}d")(values, **settings, return_indices=True)
        assert type(places) is np.ndarray
        assert places.dtype.kind == "i"
        given_ = np.asarray(values.data if isinstance(values, Tensor) else values)
        before = shape[: len(shape) - axes]
        images = given_.reshape(*before, -1)
        taken = np.take_along_axis(images, places.reshape(*before, -1), -1).reshape(places.shape)
        np.testing.assert_array_equal(taken, np.asarray(out.data if out is not taken else out))


def test_the_first_of_equal_elements_and_a_nan_are_found():
    assert tg.max_pool1d(np.array([2.0, 2.0]), 2, return_indices=True)[1].tolist() == [0]
    with np.errstate(invalid="ignore"):
        out, places = tg.max_pool1d(np.array([1.0, np.nan, 3.0]), 3, return_indices=True)
    assert np.isnan(out).all()
    assert places.tolist() == [1]


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_constants_stay_constant_and_sizes_that_stay_change_nothing(mode, size):
    x = drawn(2, 1, 4)
    out = tg.interpolate(np.full((1, 1, 4), 7.0), size, mode=mode)
    np.testing.assert_allclose(out, np.full((1, 1, size), 7.0))
    np.testing.assert_array_equal(tg.interpolate(x, 4, mode=mode), x)


def test_an_infinite_pixel_stays_where_it_is_if_it_is_only_moved():
    x = leaf(np.array([[[1.0, np.inf, 3.0]]]))
    np.testing.assert_array_equal(tg.interpolate(x, 6).data[0, 0], [1, 1, np.inf, np.inf, 3, 3])
    np.testing.assert_array_equal(tg.adaptive_avg_pool1d(x, 3).data, x.data)
    np.testing.assert_array_equal(tg.adaptive_max_pool1d(x, 2).data[0, 0], [np.inf, np.inf])


def test_ties_of_adaptive_windows_share_the_gradient():
    x = leaf(np.ones((1, 1, 3)))
    tg.adaptive_max_pool1d(x, 2).sum().backward()
    np.testing.assert_array_equal(x.grad[0, 0], [0.5, 1.0, 0.5])


def test_arrays_stay_arrays_and_dtypes_stay():
    images = drawn(2, 4, 4, 4).astype(np.float32)
    calls = {
        "relu6": tg.relu6, "mish": tg.mish, "glu": tg.glu, "celu": tg.celu,
        "rms": tg.rms_norm, "group": lambda x: tg.group_norm(x, 2), "instance": tg.instance_norm,
        "transposed": lambda x: tg.conv_transpose2d(x, x[:, :, :2, :2].swapaxes(0, 1)),
        "max": lambda x: tg.max_pool2d(x, 3, padding=1, ceil_mode=True),
        "avg": lambda x: tg.avg_pool2d(x, 3, padding=1, ceil_mode=True),
        "adaptive": lambda x: tg.adaptive_avg_pool2d(x, 3),
        "adaptive max": lambda x: tg.adaptive_max_pool2d(x, 3),
        "nearest": lambda x: tg.interpolate(x, 7),
        "bicubic": lambda x: tg.interpolate(x, 7, mode="bicubic"),
        "shuffled": lambda x: tg.pixel_shuffle(x, 2),
    }  # fmt: skip
    for name, call in calls.items():
        out, recorded = call(images), call(leaf(images))
        assert type(out) is np.ndarray, name
        assert out.dtype == recorded.dtype == np.float32, name
        np.testing.assert_array_equal(out, recorded.data, err_msg=name)


def test_pixels_of_whole_numbers():
    pixels = np.arange(16).reshape(1, 1, 4, 4)
    assert tg.interpolate(pixels, 2).dtype == pixels.dtype
    assert tg.interpolate(pixels, 3, mode="bilinear").dtype == np.float64
    np.testing.assert_array_equal(tg.adaptive_avg_pool2d(pixels, 2), [[[[2.5, 4.5], [10.5, 12.5]]]])


def test_nan_passes_through_activations():
    x = np.array([np.nan, 1.0])
    for name in ("relu6", "hardsigmoid", "hardswish", "hardshrink", "softshrink", "softsign"):
        out = getattr(tg, name)(x)
        assert np.isnan(out).tolist() == [True, False], name
    assert np.isnan(tg.threshold(x, 0.0, 5.0)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "points", "slopes"),
    [
        ("relu6", [0.0, 6.0], [0, 0]),
        ("hardsigmoid", [-3.0, 3.0], [0, 0]),
        ("hardswish", [-3.0, 3.0], [0, 1]),
        ("hardshrink", [-0.5, 0.5], [0, 0]),
        ("softshrink", [-0.5, 0.5], [0, 0]),
        ("celu", [0.0], [1]),
    ],
)
def test_slopes_at_kinks_are_those_of_pytorch(name, points, slopes):
    x = leaf(points)
    getattr(tg, name)(x).sum().backward()
    np.testing.assert_allclose(x.grad, slopes)


# What is refused -------------------------------------------------------------------------------

X = leaf(drawn(2, 4, 5, 5))
BAD = {
    "odd": (lambda: tg.glu(X), r"glu: .*\(2, 4, 5, 5\) has 5 elements.*even"),
    "slopes": (lambda: tg.prelu(X, np.ones(3)), r"weight of shape \(3,\).*expected \(4,\)"),
    "alpha": (lambda: tg.celu(X, 0.0), "alpha is 0.0"),
    "lambd": (lambda: tg.softshrink(X, -1.0), "lambd is -1.0"),
    "groups": (lambda: tg.group_norm(X, 3), "num_groups is 3.*4 channels"),
    "no channels": (lambda: tg.group_norm(X[0, 0, 0], 1), r"\(5,\); expected \(N, channels"),
    "empty groups": (lambda: tg.group_norm(X[:, :, :0], 2), "nothing to average in a group"),
    "channel weight": (
        lambda: tg.group_norm(X, 2, np.ones(5)), r"weight of shape \(5,\).*one number for each"),
    "channel bias": (lambda: tg.instance_norm(X, bias=np.ones(2)), r"bias of shape \(2,\)"),
    "one value": (lambda: tg.instance_norm(X[:, :, :1, :1]), "at least two values"),
    "rms": (lambda: tg.rms_norm(X[..., :0]), "nothing to average"),
    "rms weight": (lambda: tg.rms_norm(X, np.ones(4)), r"\(4,\).*expected \(5,\)"),
    "rms eps": (lambda: tg.rms_norm(X, eps=0), "eps is 0"),
    "transposed axes": (lambda: tg.conv_transpose2d(X[0], X), r"conv_transpose2d: .*\(N, chann"),
    "transposed channels": (
        lambda: tg.conv_transpose2d(X, X), r"weight for each of the 4 channels"),
    "transposed bias": (
        lambda: tg.conv_transpose2d(X, np.ones((4, 1, 2, 2)), np.ones(2)), r"bias of shape \(1,\)"),
    "output padding": (
        lambda: tg.conv_transpose2d(X, np.ones((4, 1, 2, 2)), output_padding=1), "less than the"),
    "cut off": (
        lambda: tg.conv_transpose2d(X[..., :1, :1], np.ones((4, 1, 2, 2)), padding=1),
        r"padding \(1, 1\) leaves an output of \(0, 0\)"),
    "pairs": (lambda: tg.conv2d(X, X, padding=((1, 1), 2)), "expected 2 pairs"),
    "too few pairs": (lambda: tg.conv2d(X, X, padding=((1, 1),)), "expected 2 pairs"),
    "negative pair": (lambda: tg.conv2d(X, X, padding=((1, 1), (0, -1))), r"\(0, -1\); expected"),
    "pool": (lambda: tg.max_pool2d(X, 9, 2, ceil_mode=True), r"kernel of \(9, 9\)"),
    "pool word": (lambda: tg.max_pool2d(X, 2, padding="same"), "'same' needs stride 1"),
    "pool axes": (lambda: tg.max_pool3d(X[0, 0], 2), "max_pool3d: .*expected volumes"),
    "divisor": (lambda: tg.avg_pool2d(X, 2, divisor_override=0), "divisor_override is 0"),
    "places": (lambda: tg.max_unpool2d(X, np.zeros((2, 2), int), 2), "of the same shape"),
    "place": (lambda: tg.max_unpool2d(X[0, 0, :1, :1], [[4]], 2), "index 4 at .*0..3"),
    "adaptive": (lambda: tg.adaptive_avg_pool2d(X, 0), "output_size is"),
    "adaptive axes": (lambda: tg.adaptive_max_pool2d(X[0, 0, 0], 2), "at least 2 axes"),
    "adaptive sizes": (lambda: tg.adaptive_avg_pool2d(X, (1, 2, 3)), "output_size is"),
    "mode": (lambda: tg.interpolate(X, 2, mode="cubic"), "mode is 'cubic'"),
    "mode axes": (lambda: tg.interpolate(X, 2, mode="linear"), "and 1 more axes"),
    "no size": (lambda: tg.interpolate(X), "either size= or scale_factor="),
    "both sizes": (lambda: tg.interpolate(X, 2, 2.0), "either size= or scale_factor="),
    "corners": (lambda: tg.interpolate(X, 2, align_corners=True), "no meaning for mode 'nearest'"),
    "small factor": (lambda: tg.interpolate(X, scale_factor=0.1), r"leaves a size of \(0, 0\)"),
    "no pixels": (lambda: tg.interpolate(X[..., :0], 2), "no elements to interpolate"),
    "shuffle": (lambda: tg.pixel_shuffle(X, 3), "channels divisible by 9"),
    "unshuffle": (lambda: tg.pixel_unshuffle(X, 2), "divisible by 2"),
    "factor": (lambda: tg.pixel_shuffle(X, 0), "upscale_factor is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_antialias_and_positional_options_of_averages_are_refused():
    with pytest.raises(TypeError, match="antialias"):
        tg.interpolate(X, 2, mode="bilinear", antialias=True)
    with pytest.raises(TypeError, match="avg_pool2d"):
        tg.avg_pool2d(X, 2, 2, 0, True)  # ceil_mode in PyTorch, and not here before

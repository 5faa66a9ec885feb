"""Tests of what changes the size of images beyond the table of cases: indices of pooling, the
adjoint of convolution, interpolation, and groups of channels; and that all of these refuse what
does not fit.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor, capture, check_gradients, grad
from tinygrad_edu.autodiff import graph_order


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def leaf(values, dtype=float):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


X, W, Z = leaf(drawn(2, 4, 5, 5)), leaf(drawn(4, 3, 3, 3)), leaf(drawn(2, 4))


# Transposed convolution -----------------------------------------------------------------------


@given(data=st.data())
def test_transposed_convolution_is_the_adjoint(data):
    axes = data.draw(st.integers(1, 3))

    def each(least, most):
        return tuple(data.draw(st.integers(least, most)) for _ in range(axes))

    kernel, stride, dilation, size = each(1, 3), each(1, 3), each(1, 2), each(1, 4)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    widths = [tuple(data.draw(st.integers(0, span // 2)) for _ in "ab") for span in spans]
    groups = data.draw(st.integers(1, 2))
    # As large as the input has to be, and up to a stride larger.
    more = tuple(data.draw(st.integers(0, s - 1)) for s in stride)
    sizes = [
        (n - 1) * s + m - a - b + extra
        for n, s, m, (a, b), extra in zip(size, stride, spans, widths, more, strict=True)
    ]
    if min(sizes) < 1:
        return
    x, weight = drawn(2, 2 * groups, *sizes), drawn(3 * groups, 2, *kernel, seed=1)
    options = {"stride": stride, "dilation": dilation, "groups": groups, "padding": tuple(widths)}
    out = getattr(tg, f"conv{axes}d")(x, weight, **options)
    y = drawn(*out.shape, seed=2)
    back = getattr(tg, f"conv_transpose{axes}d")(y, weight, output_padding=more, **options)
    assert (out.shape[2:], back.shape) == (size, x.shape)
    np.testing.assert_allclose(np.sum(out * y), np.sum(x * back), rtol=1e-9, atol=1e-9)


def test_transposed_convolution_is_the_gradient_of_convolution():
    x, weight = leaf(drawn(2, 3, 6, 5)), leaf(drawn(4, 3, 3, 2))
    g = drawn(2, 4, 2, 4)
    found = grad(tg.conv2d(x, weight, stride=(2, 1)), x, g)
    back = tg.conv_transpose2d(g, weight, stride=(2, 1), output_padding=(1, 0))
    np.testing.assert_allclose(found, back.data)
    assert type(tg.conv_transpose2d(g, weight.data)) is np.ndarray


# Pooling --------------------------------------------------------------------------------------


POOLS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
    {"kernel_size": 2, "stride": 1, "dilation": (2, 1)},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 2, "padding": ((0, 1), (1, 0)), "stride": 1},
]


@pytest.mark.parametrize("options", POOLS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3, 5, 5), (3, 5, 7), (5, 5), (0, 1, 4, 4)], ids=str)
def test_indices_are_where_the_largest_is(options, shape):
    x = leaf(drawn(*shape))
    largest, places = tg.max_pool2d(x, **options, return_indices=True)
    assert type(places) is np.ndarray
    assert places.dtype == np.intp
    np.testing.assert_array_equal(largest.data, tg.max_pool2d(x.data, **options))
    flat = x.data.reshape(*shape[:-2], shape[-2] * shape[-1])
    numbers = places.reshape(*shape[:-2], places.shape[-2] * places.shape[-1])
    taken = np.take_along_axis(flat, numbers, axis=-1)
    np.testing.assert_array_equal(taken.reshape(places.shape), largest.data)
    assert largest.requires_grad


def test_indices_of_ties_are_those_of_the_first():
    for x in (np.zeros((1, 3, 4)), np.full((3, 4), np.nan)):
        _, places = tg.max_pool2d(x, 2, 1, return_indices=True)
        expected = np.arange(12).reshape(3, 4)[:-1, :-1]
        np.testing.assert_array_equal(places, np.broadcast_to(expected, places.shape))
        _, places = tg.adaptive_max_pool2d(x, (1, 2), return_indices=True)
        np.testing.assert_array_equal(np.ravel(places), [0, 2])
    _, places = tg.max_pool1d([3.0, 3.0, 5.0], 2, 1, return_indices=True)
    assert places.tolist() == [0, 2]
    _, places = tg.max_pool3d(np.arange(8.0).reshape(2, 2, 2), 2, return_indices=True)
    assert places.tolist() == [[[7]]]


def test_indices_of_adaptive_pooling():
    x = drawn(2, 3, 5, 7)
    largest, places = tg.adaptive_max_pool2d(leaf(x), (3, 4), return_indices=True)
    taken = np.take_along_axis(x.reshape(2, 3, 35), places.reshape(2, 3, 12), axis=-1)
    np.testing.assert_array_equal(taken.reshape(largest.shape), largest.data)


def test_unpooling_returns_the_largest_to_their_places():
    x = leaf(drawn(2, 3, 6, 5))
    largest, places = tg.max_pool2d(x, 2, return_indices=True)
    back = tg.max_unpool2d(largest, places, 2, output_size=(6, 5))
    kept = back.data != 0
    assert kept.sum() == largest.size
    np.testing.assert_array_equal(back.data[kept], x.data[kept])
    g = drawn(2, 3, 6, 5, seed=1)
    np.testing.assert_array_equal(grad(back, x, g), np.where(kept, g, 0))


def test_adaptive_pools_share_ties_and_need_no_windows():
    x = leaf([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    tg.adaptive_max_pool2d(x, 1).sum().backward()
    np.testing.assert_allclose(x.grad, np.array([[1, 1, 0], [1, 0, 0]]) / 3)
    whole = tg.adaptive_avg_pool2d(X, 1)
    np.testing.assert_allclose(whole.data[..., 0, 0], X.data.mean(axis=(2, 3)))
    assert [t.node.primitive.name for t in graph_order(whole)] == ["mean", "reshape"]


def test_pools_take_whole_numbers_and_float16():
    pixels = np.arange(6).reshape(2, 3)
    assert tg.adaptive_max_pool2d(pixels, (2, 2)).tolist() == [[1, 2], [4, 5]]
    assert tg.adaptive_avg_pool1d(pixels, 2).tolist() == [[0.5, 1.5], [3.5, 4.5]]
    assert tg.max_pool1d(pixels, 2, 1).dtype == pixels.dtype
    half = leaf(np.full((1, 1, 5, 5), 60000.0), "float16")
    for out in (
        tg.adaptive_avg_pool2d(half, 2),
        tg.avg_pool2d(half, 2, ceil_mode=True, count_include_pad=False),
        tg.interpolate(half, 3, mode="bilinear"),
    ):
        assert out.dtype == np.float16
        assert (out.data == 60000).all()


# Interpolation --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "area"])
def test_interpolation_keeps_what_is_constant(mode):
    for options in ({"size": (9, 4)}, {"scale_factor": 0.6}, {"scale_factor": (2, 1.3)}):
        out = tg.interpolate(np.ones((1, 2, 5, 6)), mode=mode, **options)
        np.testing.assert_allclose(out, np.ones(out.shape), rtol=1e-14)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_keeps_straight_lines_where_corners_are_aligned(mode):
    x = np.add.outer(np.arange(5.0), 2 * np.arange(6.0))[None, None]
    out = tg.interpolate(x, (9, 11), mode=mode, align_corners=True)[0, 0]
    expected = np.add.outer(np.arange(9) / 2, np.arange(11.0))
    inside = (slice(2, -2),) * 2 if mode == "bicubic" else (slice(None),) * 2
    np.testing.assert_allclose(out[inside], expected[inside], atol=1e-12)


def test_nearest_is_exact_at_whole_numbers():
    x = np.arange(49.0)[None, None]
    for factor in (3, 5, 7, 10):
        expected = np.repeat(np.arange(49.0), factor)
        out = tg.interpolate(x, scale_factor=factor)[0, 0]
        np.testing.assert_array_equal(out, expected)
        back = tg.interpolate(out[None, None], 49)
        np.testing.assert_array_equal(back, x)


def test_sizes_may_be_arrays():
    sizes = np.array([3, 4])
    assert tg.interpolate(X, sizes).shape == tg.interpolate(X, Tensor(sizes)).shape == (2, 4, 3, 4)
    assert tg.adaptive_avg_pool2d(X, sizes).shape == (2, 4, 3, 4)
    assert tg.max_pool2d(X, sizes, padding=np.array([[1, 0], [2, 1]])).shape == (2, 4, 2, 2)


def test_pixels_go_there_and_back():
    x = drawn(2, 8, 3, 5)
    np.testing.assert_array_equal(tg.pixel_unshuffle(tg.pixel_shuffle(x, 2), 2), x)


# Groups, activations, quotients ---------------------------------------------------------------


def test_groups_are_one_operation_and_two_reshapes():
    out = tg.group_norm(X, 2)
    names = [tensor.node.primitive.name for tensor in graph_order(out)]
    assert names == ["reshape", "layer_norm", "reshape"]
    whole = tg.layer_norm(X, axis=(1, 2, 3)).data
    np.testing.assert_allclose(tg.group_norm(X, 1).data, whole)
    np.testing.assert_allclose(tg.instance_norm(X).data, tg.layer_norm(X, axis=(2, 3)).data)
    constant = leaf(np.full((2, 4, 3), 7.0))
    assert not tg.group_norm(constant, 2).data.any()
    assert np.isfinite(grad(tg.rms_norm(leaf(np.zeros(3))), [constant], drawn(3),
                            allow_unused=True)[0] or 0.0)  # fmt: skip


def test_hard_activations_pass_nan_on():
    for name in [
        "relu6",
        "hardsigmoid",
        "hardswish",
        "hardshrink",
        "softshrink",
        "celu",
        "mish",
        "softsign",
    ]:
        with np.errstate(invalid="ignore"):
            assert np.isnan(getattr(tg, name)(np.array(np.nan)))
    assert np.isnan(tg.threshold(np.array(np.nan), 0, 1))


def test_a_quotient_may_be_rounded():
    x = leaf([7.0, -7.0])
    for mode, expected in {"trunc": [1, -1], "floor": [1, -2]}.items():
        out = x.div(4.0, rounding_mode=mode)
        assert type(out) is np.ndarray
        np.testing.assert_array_equal(out, expected)
    with pytest.raises(ValueError, match="rounding_mode is 'up'; expected 'trunc', 'floor' or"):
        tg.div(x, 2, rounding_mode="up")


def step(x, weight):
    h = tg.max_pool2d(tg.conv2d(x, weight, padding=((0, 1), (1, 0))), 2, ceil_mode=True)
    up = tg.conv_transpose2d(tg.interpolate(h, 4, mode="bilinear"), weight, stride=2)
    return tg.mish(tg.group_norm(tg.hardswish(tg.adaptive_avg_pool2d(up, 4)), 1)).sum()


def test_a_captured_step_does_the_same():
    x, weight = leaf(drawn(2, 3, 5, 6)), leaf(drawn(3, 3, 2, 2))
    expected = grad(step(x, weight), [x, weight])
    captured = capture(lambda x, w: grad(step(x, w), [x, w]))
    for _ in range(3):
        for found, wanted in zip(captured(x, weight), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert check_gradients(step, x, weight, order=1)


# Refusals -------------------------------------------------------------------------------------

BAD = {
    "pairs": (lambda: tg.conv2d(X[:, :3], W, padding=((1, 1),)), "pair of whole numbers"),
    "pairs of three": (lambda: tg.max_pool2d(X, 2, padding=((1, 1, 1), (0, 0))), "for each of 2"),
    "mixed": (lambda: tg.max_pool2d(X, 2, padding=((1, 1), 0)), r"padding is \(\(1, 1\), 0\)"),
    "negative": (lambda: tg.max_pool2d(X, 2, padding=((1, -1), (0, 0))), "numbers >= 0"),
    "wide": (
        lambda: tg.max_pool2d(X, 2, padding=((0, 2), (0, 0))),
        r"padding of \(\(0, 2\), 0\) for windows",
    ),
    "same": (lambda: tg.avg_pool2d(X, 2, padding="same"), "'same' needs stride 1"),
    "divisor": (lambda: tg.avg_pool2d(X, 2, divisor_override=0), "divisor_override is 0"),
    "volumes": (lambda: tg.max_pool3d(Z, 1), r"expected volumes, \(N, channels, depth, height"),
    "unpool": (lambda: tg.max_unpool2d(X, np.zeros((2, 4)), 2), r"max_unpool2d: .*\(2, 4\)"),
    "unpool far": (lambda: tg.max_unpool2d(Z, np.full((2, 4), 99), 2), "99..99 .* 4 x 8; .*0..31"),
    "adaptive": (lambda: tg.adaptive_avg_pool2d(X, 0), "output_size is .*0"),
    "adaptive sizes": (lambda: tg.adaptive_avg_pool2d(X, (1, 2, 3)), "or 2 of them"),
    "adaptive number": (lambda: tg.adaptive_max_pool2d(1.0, 1), r"x of shape \(\); expected"),
    "adaptive none": (lambda: tg.adaptive_max_pool1d(np.zeros((2, 0)), 1), "none of 0"),
    "no batch": (lambda: tg.conv_transpose2d(X[0], W), r"conv_transpose2d: .*\(4, 5, 5\)"),
    "channels": (lambda: tg.conv_transpose2d(X, W[:3]), r"4 channels.*takes 3.*\(4, 3, 3, 3\)"),
    "groups": (lambda: tg.conv_transpose2d(X, W, groups=3), "groups=3 must divide the 4"),
    "bias": (lambda: tg.conv_transpose2d(X, W, np.ones(4)), r"bias of shape \(3,\).*got \(4,\)"),
    "word": (lambda: tg.conv_transpose2d(X, W, padding="same"), "'same'; expected numbers"),
    "too much": (lambda: tg.conv_transpose2d(X, W, output_padding=1), "numbers below the stride"),
    "too small": (lambda: tg.conv_transpose2d(X, W, padding=5), r"size \(-3, -3\).*less padding"),
    "no kernel": (lambda: tg.conv_transpose2d(X, W[:, :, :0]), "at least one element"),
    "no size": (lambda: tg.interpolate(X), "either size or scale_factor"),
    "both": (lambda: tg.interpolate(X, 3, 2), "and not both"),
    "mode": (lambda: tg.interpolate(X, 3, mode="cubic"), "mode is 'cubic'; expected one of"),
    "axes": (lambda: tg.interpolate(X, 3, mode="linear"), r"'linear' is for 1 axes.*'bilinear'"),
    "shape": (lambda: tg.interpolate(Z, 3), r"x of shape \(2, 4\); expected"),
    "corners": (lambda: tg.interpolate(X, 3, align_corners=True), "does not use align_corners"),
    "antialias": (lambda: tg.interpolate(X, 3, mode="bilinear", antialias=True), "mode='area'"),
    "sizes": (lambda: tg.interpolate(X, (3, 3, 3)), r"size is \(3, 3, 3\); .*, or 2 of them"),
    "half a size": (lambda: tg.interpolate(X, 2.5), r"size is 2.5; .*\(whole numbers\)"),
    "factor": (lambda: tg.interpolate(X, scale_factor=-1.0), "scale_factor is -1.0"),
    "nothing left": (lambda: tg.interpolate(X, scale_factor=0.1), r"to \(0, 0\)"),
    "shuffle": (lambda: tg.pixel_shuffle(X, 3), "divisible by 3² = 9"),
    "shuffle by": (lambda: tg.pixel_shuffle(X, 0), "upscale_factor is 0"),
    "unshuffle": (lambda: tg.pixel_unshuffle(X, 2), "height and width divisible by 2"),
    "of groups": (lambda: tg.group_norm(X, 3), "num_groups is 3; .*divides the 4 channels"),
    "half a group": (lambda: tg.group_norm(X, 0.5), "num_groups is 0.5"),
    "one axis": (lambda: tg.group_norm(Z[0], 1), r"\(4,\); expected \(N, channels, \.\.\.\)"),
    "scale": (lambda: tg.group_norm(X, 2, np.ones(2)), r"weight of shape \(2,\).*expected \(4,\)"),
    "one value": (lambda: tg.instance_norm(X[:, :, :1, :1]), "at least two values"),
    "nothing": (lambda: tg.rms_norm(Z[:, :0]), "nothing to average"),
    "eps": (lambda: tg.rms_norm(Z, eps=0.0), "eps is 0.0"),
    "slopes": (lambda: tg.prelu(Z, np.ones(3)), r"weight of shape \(3,\).*\(1,\) or \(4,\)"),
    "slope": (lambda: tg.prelu(Z[0], np.ones(4)), r"expected \(1,\)"),
    "odd": (lambda: tg.glu(Z[:, :3]), r"\(2, 3\); expected an even number .* axis -1"),
    "number": (lambda: tg.glu(1.0), r"\(\); expected an even number"),
    "alpha": (lambda: tg.celu(Z, 0.0), "alpha is 0; expected another"),
    "lambd": (lambda: tg.hardshrink(Z, -1), "hardshrink: lambd is -1"),
    "beta": (lambda: tg.smooth_l1_loss(Z, Z, beta=-1), "smooth_l1_loss: beta is -1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

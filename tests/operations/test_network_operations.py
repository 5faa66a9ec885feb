"""Tests convolution, pooling, normalisation, dropout, tables and losses beyond the table of cases:
awkward points, what stays finite, and what is random.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor, check_gradients, grad, one_hot


def drawn(*shape, seed=0, dtype=float):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def leaf(values, dtype=float):
    return Tensor(np.asarray(values, dtype), requires_grad=True)


# Windows, convolution, pooling ----------------------------------------------------------------


@given(data=st.data())
def test_windows_and_their_sum_are_adjoint(data):
    axes = data.draw(st.integers(1, 3))

    def each(least, most):
        return tuple(data.draw(st.integers(least, most)) for _ in range(axes))

    kernel, stride, dilation = each(1, 3), each(1, 3), each(1, 2)
    sizes = tuple((k - 1) * d + n for k, d, n in zip(kernel, dilation, each(1, 4), strict=True))
    x = drawn(*(2,) * data.draw(st.integers(0, 2)), *sizes)
    windows = tg.sliding_windows(x, kernel, stride, dilation)
    w = drawn(*windows.shape, seed=1)
    back = tg.overlap_add(w, x.shape, stride, dilation)
    np.testing.assert_allclose(np.sum(windows * w), np.sum(x * back), rtol=1e-9, atol=1e-9)


def test_windows_are_a_view_that_cannot_be_written_into():
    x = np.arange(5.0)
    windows = tg.sliding_windows(x, 3)
    assert np.shares_memory(windows, x)
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0] = 1


def test_convolution_of_arrays_returns_arrays():
    x, weight = drawn(2, 3, 5, 5), drawn(4, 3, 3, 3, seed=1)
    assert type(tg.conv2d(x, weight)) is np.ndarray
    assert type(tg.conv2d(x, Tensor(weight))) is Tensor
    assert type(tg.max_pool2d(x, 2)) is np.ndarray
    assert type(tg.avg_pool2d(x, 2, padding=1, count_include_pad=False)) is np.ndarray


def test_convolution_is_the_product_of_polynomials():
    a, b = [1.0, 2.0, 3.0], [4.0, 5.0]
    product = tg.conv1d([[a]], leaf([[b[::-1]]]), padding=1)
    np.testing.assert_allclose(product.data[0, 0], np.polymul(a, b))


def test_an_image_that_is_constant_costs_no_gradient():
    weight = leaf(drawn(2, 1, 3, 3))
    out = tg.conv2d(drawn(4, 1, 6, 6), weight)
    product = out.node.inputs[0].node.inputs[0].node
    assert product.primitive.name == "matmul"
    assert [source.requires_grad for source in product.inputs] == [True, False]


def test_max_pool_shares_ties_and_sends_nothing_to_padding():
    x = leaf([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    tg.max_pool2d(x, 2, 1).sum().backward()
    np.testing.assert_allclose(x.grad, [[1 / 3, 1 / 3 + 1, 0], [1 / 3, 0, 0]])
    negative = leaf(-1 - np.arange(4.0).reshape(2, 2))
    out = tg.max_pool2d(negative, 2, 1, 1)
    np.testing.assert_array_equal(out.data, [[-1, -1, -2], [-1, -1, -2], [-3, -3, -4]])
    out.backward(np.arange(1.0, 10).reshape(3, 3))
    np.testing.assert_array_equal(negative.grad, [[1 + 2 + 4 + 5, 3 + 6], [7 + 8, 9]])


def test_pooling_takes_whole_numbers():
    pixels = np.arange(9).reshape(3, 3)
    np.testing.assert_array_equal(tg.max_pool2d(pixels, 2, 1), [[4, 5], [7, 8]])
    assert tg.max_pool2d(pixels, 3, padding=1).dtype == np.float64
    np.testing.assert_array_equal(tg.avg_pool2d(pixels, 2, 1), [[2, 3], [5, 6]])


def test_averages_in_float16_do_not_overflow():
    x = leaf(np.full((1, 1, 4, 4), 60000.0), "float16")
    assert (tg.avg_pool2d(x, 4).data == 60000).all()
    assert tg.avg_pool2d(x, 2, padding=1, count_include_pad=False).data.max() == 60000


# Normalisation, dropout, tables ---------------------------------------------------------------


def test_normalised_numbers_have_mean_0_and_variance_1():
    x = 3 + 5 * drawn(8, 3, 4)
    for out, axes in [(tg.batch_norm(x, eps=1e-12), (0, 2)), (tg.layer_norm(x, eps=1e-12), -1)]:
        np.testing.assert_allclose(out.mean(axis=axes), 0, atol=1e-12)
        np.testing.assert_allclose(out.var(axis=axes), 1, rtol=1e-10)


def test_constant_channels_are_not_divided_by_0():
    for normalise in (tg.batch_norm, tg.layer_norm):
        x = leaf(np.full((4, 3), 7.0))
        out = normalise(x)
        out.backward(drawn(4, 3))
        np.testing.assert_array_equal(out.data, np.zeros((4, 3)))
        assert np.isfinite(x.grad).all()


def test_normalisation_in_float16_does_not_overflow():
    x = leaf([[1000.0, 4.0], [-3000.0, 5.0], [5000.0, 6.0]], "float16")
    out = tg.batch_norm(x, mean=None)
    assert out.dtype == np.float16
    np.testing.assert_allclose(out.data, tg.batch_norm(x.data.astype(float)), atol=2e-3)
    given_ = tg.batch_norm(x, mean=np.float16([1000, 5]), variance=np.float16([60000, 1]))
    np.testing.assert_allclose(given_.data[2], [4000 / 60000**0.5, 1], rtol=1e-3)


def test_dropout_is_random_and_keeps_the_expected_value():
    x = leaf(np.ones(100_000))
    out = tg.dropout(x, 0.25, generator=1)
    assert set(np.unique(out.data)) == {0.0, 1 / 0.75}
    assert abs(out.data.mean() - 1) < 0.01
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, out.data)
    np.testing.assert_array_equal(tg.dropout(x, 0.25, generator=1).data, out.data)
    assert (tg.dropout(x, 0.25).data != tg.dropout(x, 0.25).data).any()
    generator = np.random.default_rng(1)
    np.testing.assert_array_equal(tg.dropout(x, 0.25, generator=generator).data, out.data)
    assert (tg.dropout(x, 0.25, generator=generator).data != out.data).any()


def test_dropout_of_everything_and_of_nothing():
    x = leaf([np.inf, -np.inf, np.nan, 1.0])
    out = tg.dropout(x, 1)
    out.sum().backward()
    np.testing.assert_array_equal(out.data, np.zeros(4))
    np.testing.assert_array_equal(x.grad, np.zeros(4))
    np.testing.assert_array_equal(tg.dropout(x, 0).data, x.data)
    assert tg.dropout(x, 0.9, training=False) is x


def test_rows_of_a_table_that_are_taken_twice_add_up():
    table = leaf(drawn(4, 2))
    tg.embedding([[3, 0], [3, 3]], table).sum().backward()
    np.testing.assert_array_equal(table.grad, [[1, 1], [0, 0], [0, 0], [3, 3]])
    assert tg.embedding([], table).shape == (0, 2)


def test_one_hot():
    rows = one_hot(np.array([[1, 0], [2, 1]], np.uint8))
    assert type(rows) is np.ndarray
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.eye(3)[[[1, 0], [2, 1]]])
    np.testing.assert_array_equal(one_hot(Tensor([1]), 2, dtype=int), [[0, 1]])
    assert one_hot([], 3).shape == (0, 3)
    for dtype in ("float32", "float64"):
        assert (leaf([[1, 2]], dtype) - 0.9 * one_hot([1])).dtype == dtype


# Losses ---------------------------------------------------------------------------------------

LABELS = np.array([1, 0, 2, -100])
SIGNS = np.where(one_hot([1, 0, 2, 1]) > 0, 1, -1)
SHARES = np.array([[0, 1, 0], [1, 0, 0], [0.25, 0.25, 0.5], [0.5, 0.5, 0]])

OVER_LOGITS = {
    "fused": lambda x, r: tg.cross_entropy(x[:3], LABELS[:3], reduction=r),
    "ignored": lambda x, r: tg.cross_entropy(x, LABELS, reduction=r),
    "smoothed": lambda x, r: tg.cross_entropy(
        x, LABELS, weight=[1, 2, 3], label_smoothing=0.1, reduction=r
    ),
    "nll": lambda x, r: tg.nll_loss(tg.log_softmax(x), LABELS, weight=[1, 0, 3], reduction=r),
    "binary": lambda x, r: tg.binary_cross_entropy_with_logits(x, SHARES, reduction=r),
    "binary, weighted": lambda x, r: tg.binary_cross_entropy_with_logits(
        x, SHARES, weight=[1, 2, 3], pos_weight=[[0.5]], reduction=r
    ),
    "hinge": lambda x, r: tg.hinge_loss(x, SIGNS, reduction=r),
    "kl": lambda x, r: tg.kl_div(tg.log_softmax(x), SHARES, reduction=r),
    "kl of logarithms": lambda x, r: tg.kl_div(
        tg.log_softmax(x), np.log(np.maximum(SHARES, 1e-9)), log_target=True, reduction=r
    ),
    "kl of logits": lambda x, r: tg.kl_div(
        np.log(np.maximum(SHARES, 1e-9)), tg.log_softmax(x), log_target=True, reduction=r
    ),
    "huber": lambda x, r: tg.huber_loss(x, SHARES, reduction=r),
    "l1": lambda x, r: tg.l1_loss(x, SHARES, reduction=r),
}


@pytest.mark.parametrize("name", OVER_LOGITS)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 1e4), ("float64", 1e4), ("float64", 1e300)]
)
def test_large_logits_give_finite_losses_and_gradients(name, reduction, dtype, size):
    rows = np.array([[1, -1, 0], [-1, 1, 1], [-1, -1, -1], [1, 0.5, 0]]) * size
    for sign in (1, -1):
        x = leaf(sign * rows, dtype)
        loss = OVER_LOGITS[name](x, reduction)
        first = grad(loss, x, np.ones(loss.shape, loss.dtype), create_graph=True)
        assert np.isfinite(loss.data).all()
        assert np.isfinite(first.data).all()
        if first.requires_grad:
            second = grad(first, x, np.ones(x.shape, dtype), allow_unused=True)
            assert second is None or np.isfinite(second).all()


def test_logits_that_rule_a_class_out_are_fine_where_it_does_not_count():
    x = leaf([[0.0, -np.inf, 1.0], [2.0, 0.0, -np.inf]])
    reference = leaf([0.0, 1.0, 2.0, 0.0])
    expected = tg.cross_entropy(reference.reshape(2, 2), [1, 1], reduction="sum")
    shares = np.array([[0, 0, 1], [0, 1, 0]])
    for loss in [
        tg.cross_entropy(x, [2, 1], reduction="sum"),
        tg.nll_loss(tg.log_softmax(x), [2, 1], reduction="sum"),
        tg.kl_div(tg.log_softmax(x), shares, reduction="sum"),
        tg.kl_div(
            tg.log_softmax(x), np.where(shares, 0, -np.inf), log_target=True, reduction="sum"
        ),
    ]:
        np.testing.assert_allclose(loss.item(), expected.item())
        np.testing.assert_allclose(
            grad(loss, x)[np.isfinite(x.data)], grad(expected, reference), atol=1e-15
        )
    # A row that is ignored may hold anything that has probabilities.
    ignored = tg.cross_entropy(x, [2, -1], ignore_index=-1)
    np.testing.assert_array_equal(grad(ignored, x)[1], np.zeros(3))


def test_without_options_the_fused_operations_are_called():
    x = leaf(drawn(3, 4))
    for labels in ([0, 1, 3], [0, 1, -100]):  # the way does not depend on their values
        found = tg.cross_entropy(x, labels)
        assert found.node.primitive is tg.softmax_cross_entropy.primitive
    rows = tg.log_softmax(x).data
    np.testing.assert_allclose(found.item(), -(rows[0, 0] + rows[1, 1]) / 2)
    loss = tg.binary_cross_entropy_with_logits(x, np.ones((3, 4)))
    assert loss.node.primitive.name == "binary_cross_entropy_with_logits"
    assert loss.node.inputs[0] is x


def test_the_options_agree_with_each_other():
    x, labels = leaf(drawn(5, 3)), np.array([0, 2, 1, 1, 0])
    expected = tg.softmax_cross_entropy(x, labels).item()
    smoothed = one_hot(labels, dtype=float) * 0.9 + 0.1 / 3
    for loss in [
        tg.cross_entropy(x, labels, weight=np.full(3, 7.0)),
        tg.nll_loss(tg.log_softmax(x), labels),
        tg.cross_entropy(x, labels, reduction="sum") / 5,
        tg.cross_entropy(x[..., None, None], labels[:, None, None]),
        tg.kl_div(tg.log_softmax(x), one_hot(labels), reduction="batchmean"),
    ]:
        np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)
    np.testing.assert_allclose(
        tg.cross_entropy(x, labels, label_smoothing=0.1).item(),
        -(smoothed * tg.log_softmax(x).data).sum(axis=1).mean(),
    )
    z, t = leaf(drawn(4)), np.array([0, 1, 1, 0])
    np.testing.assert_allclose(
        tg.binary_cross_entropy_with_logits(z, t).item(),
        tg.binary_cross_entropy_with_logits(z, t, weight=1).item(),
        rtol=1e-14,
    )


def test_networks_of_float32_stay_float32():
    x = leaf(drawn(4, 3), "float32")
    weight, labels, whole = [1.0, 2.0, 0.5], [0, 1, 2, 1], np.ones((4, 3), int)
    for loss in [
        tg.cross_entropy(x, labels, weight=weight, label_smoothing=0.1),
        tg.cross_entropy(x, np.uint64(labels), ignore_index=1),
        tg.nll_loss(x, labels, weight=weight),
        tg.binary_cross_entropy_with_logits(x, whole, weight=weight, pos_weight=2.0),
        tg.kl_div(x, whole),
        *(f(x, whole) for f in (tg.mse_loss, tg.l1_loss, tg.huber_loss, tg.hinge_loss)),
        tg.mse_loss(x[0, 0], 2.0),
        tg.dropout(x, 0.3),
        tg.batch_norm(x),
        tg.layer_norm(x),
        tg.max_pool2d(x, 2, padding=1),
        tg.avg_pool2d(x, 2, padding=1, count_include_pad=False),
    ]:
        assert loss.dtype == np.float32
        assert grad(loss, x, np.ones(loss.shape, "float32")).dtype == np.float32


def test_many_labels_in_float16_have_a_finite_average():
    x = leaf(np.zeros((70_000, 2)), "float16")
    loss = tg.cross_entropy(x, np.zeros(70_000, int), weight=[2.0, 1.0])
    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-3)


def test_kinks_of_losses():
    x = leaf([0.0, 1.0, -1.0, 3.0])
    np.testing.assert_array_equal(
        grad(tg.l1_loss(x, np.zeros(4), reduction="sum"), x), [0, 1, -1, 1]
    )
    huber = tg.huber_loss(x, np.zeros(4), reduction="sum")
    np.testing.assert_array_equal(grad(huber, x), [0, 1, -1, 1])
    hinge = tg.hinge_loss(x, [1, 1, -1, -1], reduction="sum")
    np.testing.assert_array_equal(grad(hinge, x), [-1, 0, 0, 1])  # 0 where the margin is met


def test_huber_loss_does_not_overflow():
    x = leaf([1e308, -1e308])
    loss = tg.huber_loss(x, [0.0, 0.0], reduction="none")
    np.testing.assert_array_equal(loss.data, [1e308, 1e308])
    np.testing.assert_array_equal(grad(loss, x, np.ones(2)), [1, -1])
    y = leaf([3.0, -4.0])
    square = tg.huber_loss(y, [0, 0], delta=np.inf, reduction="sum")
    assert square.item() == 12.5
    np.testing.assert_array_equal(grad(square, y), y.data)


def test_a_target_of_0_passes_no_gradient():
    log_p, t = leaf(np.log([0.25, 0.5])), leaf([0.0, 1.0])
    loss = tg.kl_div(log_p, t, reduction="sum")
    np.testing.assert_allclose(loss.item(), np.log(2))
    np.testing.assert_allclose(grad(loss, log_p), [0, -1])
    np.testing.assert_allclose(grad(loss, t), [0, 1 + np.log(2)])


def test_a_small_network_of_all_of_it_has_right_gradients():
    images, labels = drawn(3, 2, 6, 6), np.array([1, 0, 1])

    def loss(kernel, weight, scale, table):
        x = tg.batch_norm(tg.conv2d(images, kernel, padding="same"), scale)
        x = tg.max_pool2d(tg.tanh(x), 2).reshape(3, -1)
        x = tg.dropout(tg.layer_norm(x), 0.2, generator=3) @ weight
        return tg.cross_entropy(x + tg.embedding(labels, table), labels, label_smoothing=0.1)

    inputs = [drawn(*s, seed=i) for i, s in enumerate([(3, 2, 3, 3), (27, 2), (3,), (2, 2)])]
    check_gradients(loss, *inputs, order=2)


LARGE = [("float32", 1e4), ("float64", 1e4), ("float64", 1e300), ("float64", 1.7e308)]


@pytest.mark.parametrize(("dtype", "size"), LARGE)
@pytest.mark.parametrize("other", [0.0, 1.0, -1.0, 0.5])
def test_large_logits_stay_finite(dtype, size, other):
    rows = np.array([[size, other * size, 0.0], [-size, 1.0, -1.0], [size] * 3], dtype)
    functions = [
        tg.sigmoid,
        tg.softmax,
        tg.log_softmax,
        lambda x: tg.logsumexp(x, axis=1),
        lambda x: tg.softmax_cross_entropy(x, [1, 0, 2]),
        lambda x: tg.binary_cross_entropy_with_logits(x, np.eye(3, dtype=dtype)),
    ]
    # Differences and sums of the very largest numbers are beyond float64.
    for f in functions if size <= 1e300 else functions[:1]:
        x = Tensor(rows, requires_grad=True)
        out = f(x)
        out.backward(np.linspace(0.5, 1, out.size, dtype=dtype).reshape(out.shape))
        assert out.dtype == dtype
        assert np.isfinite(out.data).all()
        assert np.isfinite(x.grad).all()


def test_large_logits_have_the_right_loss():
    x = Tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    loss = tg.softmax_cross_entropy(x, [2])
    loss.backward()
    assert loss.item() == 2000
    np.testing.assert_array_equal(x.grad, [[1, 0, -1]])
    z = Tensor([800.0, -800.0], requires_grad=True)
    loss = tg.binary_cross_entropy_with_logits(z, [0, 1])
    loss.backward()
    assert loss.item() == 800
    np.testing.assert_array_equal(z.grad, [0.5, -0.5])

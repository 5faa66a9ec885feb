"""Tests of scattering, segments, ranking and distances beyond the table of cases: ties, what is
empty, methods, captured steps, and what is refused.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, capture, check_gradients, grad


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def leaf(values):
    return Tensor(np.asarray(values, float), requires_grad=True)


# Ties and places that several elements share ---------------------------------------------------


def test_the_last_of_several_elements_stays_and_receives_the_gradient():
    x, src = leaf([1.0, 2.0]), leaf([10.0, 20.0, 30.0])
    out = tg.scatter(x, 0, [0, 0, 0], src)
    assert out.data.tolist() == [30.0, 2.0]
    by_x, by_src = grad(out, [x, src], np.array([5.0, 7.0]))
    assert by_x.tolist() == [0.0, 7.0]
    assert by_src.tolist() == [0.0, 0.0, 5.0]


@pytest.mark.parametrize("reduce", ["amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_equal_elements_share_the_gradient(reduce, include_self):
    x, src = leaf([2.0, 5.0]), leaf([2.0, 2.0])
    out = tg.scatter_reduce(x, 0, [0, 0], src, reduce, include_self=include_self)
    by_x, by_src = grad(out, [x, src], np.array([6.0, 1.0]))
    assert by_x.tolist() == ([2.0, 1.0] if include_self else [0.0, 1.0])
    assert by_src.tolist() == ([2.0, 2.0] if include_self else [3.0, 3.0])


def test_products_with_zeros_have_exact_gradients():
    x, src = leaf([3.0, 4.0]), leaf([0.0, 2.0, 0.0])
    out = tg.scatter_reduce(x, 0, [0, 0, 1], src, "prod")
    by_x, by_src = grad(out, [x, src], np.ones(2))
    assert by_x.tolist() == [0.0, 0.0]
    assert by_src.tolist() == [6.0, 0.0, 4.0]
    check_gradients(lambda x, src: tg.scatter_reduce(x, 0, [0, 0, 1], src, "prod"), x, src, order=2)


def test_many_small_numbers_are_added_precisely():
    ones = np.ones(100_000, np.float16)
    assert tg.scatter_add(np.zeros(2, np.float16), 0, np.zeros(100_000, int), 0.1 * ones)[0] > 9000
    assert tg.segment_mean(ones, np.zeros(100_000, int)).item() == 1.0


@pytest.mark.parametrize(
    ("name", "empty"),
    [("segment_sum", 0), ("segment_mean", 0), ("segment_max", -np.inf), ("segment_min", np.inf)],
)
def test_segments_without_rows(name, empty):
    x = leaf([[1.0, 5.0], [3.0, 4.0]])
    out = getattr(tg, name)(x, [2, 2], 4)
    assert out.data[[0, 1, 3]].tolist() == [[empty] * 2] * 3
    assert np.isfinite(out.data[2]).all()
    found = grad(out, x, drawn(4, 2))
    assert np.isfinite(found).all()
    assert found.any()


def test_segments_share_ties_and_pass_nan_on():
    x = leaf([1.0, 1.0, 0.0, np.nan])
    out = tg.segment_max(x, [0, 0, 0, 1])
    np.testing.assert_array_equal(out.data, [1.0, np.nan])
    np.testing.assert_array_equal(grad(out, x, np.array([4.0, 3.0])), [2.0, 2.0, 0.0, 3.0])


def test_segments_of_softmax_add_up_to_1_and_do_not_overflow():
    x, ids = leaf([[1e4, -1e4], [-1e4, 0.0], [1e4, 1.0], [5.0, 2.0]]), [0, 0, 0, 2]
    out = tg.segment_softmax(x, ids, 3)
    np.testing.assert_allclose(tg.segment_sum(out, ids, 3).data[[0, 2]], 1)
    np.testing.assert_allclose(out.data[:3, 0], [0.5, 0, 0.5])
    first = grad(out, x, drawn(4, 2), create_graph=True)
    assert np.isfinite(first.data).all()
    assert np.isfinite(grad(first, x, drawn(4, 2, seed=1))).all()
    excluded = tg.segment_softmax(leaf([-np.inf, 0.0]), [0, 0])
    assert excluded.data.tolist() == [0.0, 1.0]


def test_a_layer_of_graph_attention_has_right_gradients():
    source, target = np.array([0, 1, 2, 2, 3]), np.array([1, 0, 0, 3, 3])

    def layer(x, weight, score):
        h = x @ weight
        messages = h[source]
        shares = tg.segment_softmax(tg.leaky_relu((messages * h[target]) @ score, 0.2), target, 4)
        return tg.segment_sum(shares[:, None] * messages, target, 4)

    check_gradients(layer, drawn(4, 3), drawn(3, 2, seed=1), drawn(2, seed=2), order=2)


# Ranking ---------------------------------------------------------------------------------------


def test_ranks_of_equal_elements_and_of_nan():
    x = np.array([1.0, 3.0, 3.0, np.nan])
    assert tg.topk(x, 3).indices.tolist() == [3, 1, 2]
    assert tg.topk(x, 3, largest=False).indices.tolist() == [0, 1, 2]
    assert tg.cummax(np.array([1.0, 3.0, 3.0, 2.0]), 0).indices.tolist() == [0, 1, 2, 2]
    assert tg.cummin(np.array([2.0, 1.0, 1.0, 2.0]), 0).indices.tolist() == [0, 1, 2, 2]
    values, indices = tg.cummax(np.array([1.0, np.nan, 5.0]), 0)
    np.testing.assert_array_equal(values, [1.0, np.nan, np.nan])
    assert indices.tolist() == [0, 1, 1]


def test_gradients_of_ranks_go_where_the_elements_are():
    x = leaf([2.0, 5.0, 4.0])
    values, indices = x.topk(2)
    assert type(indices) is np.ndarray
    np.testing.assert_array_equal(grad(values, x, np.array([10.0, 1.0])), [0, 10, 1])
    np.testing.assert_array_equal(grad(x.cummax(0)[0], x, np.array([1.0, 10, 100])), [1, 110, 0])


def test_log_of_running_sums_does_not_overflow():
    x = leaf([1e4, -1e4, 1e4, -np.inf, 1e4 + 1])
    out = tg.logcumsumexp(x, 0)
    np.testing.assert_allclose(
        out.data - 1e4, [0, 0, np.log(2), np.log(2), np.log(2 + np.e)], atol=1e-11
    )
    np.testing.assert_allclose(
        grad(out, x, np.array([0, 0, 0, 0, 1.0])),
        [1, 0, 1, 0, np.e] / np.array(2 + np.e),
        atol=1e-11,
    )


# Elementwise -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_rounded_quotients_are_plain_arrays(mode):
    x = leaf([7.0, -7.0])
    for found in (x.div(2.0, rounding_mode=mode), tg.div(x.data, [2.0, 2.0], rounding_mode=mode)):
        assert type(found) is np.ndarray
        assert found.tolist() == ([3.0, -4.0] if mode == "floor" else [3.0, -3.0])
    assert x.div(2.0).requires_grad


def test_the_remainder_of_fmod_has_the_sign_of_the_dividend():
    x, y = np.array([7.5, -7.5, 7.5, -7.5]), np.array([2.0, 2.0, -2.0, -2.0])
    out = np.fmod(leaf(x), y)
    np.testing.assert_array_equal(out.data, np.fmod(x, y))
    b = leaf(y)
    np.testing.assert_array_equal(grad(tg.fmod(x, b), b, np.ones(4)), -np.trunc(x / y))
    c = leaf(0.1)  # 1 / 0.1 is rounded to 10, but nine whole steps fit
    assert grad(tg.fmod(1.0, c), c) == -9


def test_a_fill_value_gets_the_dtype():
    x = Tensor(np.zeros(2, np.float32), requires_grad=True)
    for value in (np.float64(1.5), 2, -np.inf, Tensor(1.5)):
        out = x.masked_fill(np.array([True, False]), value)
        assert out.dtype == np.float32
        assert out.data[0] == np.float32(value.item() if isinstance(value, Tensor) else value)
    assert tg.masked_fill(np.arange(3), np.array([True, False, True]), 9).dtype.kind == "i"


# Distances -------------------------------------------------------------------------------------


def test_distances_and_angles_of_zeros():
    x = leaf(np.zeros((2, 3)))
    assert not tg.normalize(x).data.any()
    assert not tg.cosine_similarity(x, np.ones((2, 3))).data.any()
    np.testing.assert_array_equal(grad(tg.cdist(x, x), x, np.ones((2, 2))), np.zeros((2, 3)))


@np.errstate(over="ignore")
def test_the_sizes_of_vectors_do_not_overflow():
    x = np.array([[3e150, 4e150]])
    np.testing.assert_allclose(tg.normalize(x), [[0.6, 0.8]])
    np.testing.assert_allclose(tg.cosine_similarity(x, x), [1.0])
    np.testing.assert_allclose(tg.cdist(x, 0 * x), [[5e150]])


# Captured --------------------------------------------------------------------------------------


STEPS = {
    "gather": lambda x, places: tg.gather(x, 1, places[:, None]),
    "scatter_add": lambda x, places: tg.scatter_add(np.zeros((4, 3)), 1, places[:, None], x),
    "scatter": lambda x, places: tg.scatter(x, 1, places[:, None], x * 2),
    "amax": lambda x, places: tg.scatter_reduce(x, 1, places[:, None], x, "amax"),
    "segment_sum": lambda x, places: tg.segment_sum(x, places, 3),
    "segment_softmax": lambda x, places: tg.segment_softmax(x, places, 3),
    "segment_mean": lambda x, places: tg.segment_mean(x, places, 3),
    "masked_fill": lambda x, places: tg.masked_fill(x, (places > 0)[:, None], 0.5),
    "topk": lambda x, places: x.topk(2).values,
    "cummax": lambda x, places: x.cummax(0).values,
    "logcumsumexp": lambda x, places: x.logcumsumexp(0),
    "max_pool": lambda x, places: tg.max_pool1d(x, 2, ceil_mode=True),
    "interpolate": lambda x, places: tg.interpolate(x[None], 5, mode="linear"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", STEPS)
def test_captured_steps_see_other_places(name):
    """Replayed or not: what a captured step returns is what the step returns."""

    def step(x, places):
        leaf = Tensor(x, requires_grad=True)
        out = STEPS[name](leaf, places)
        return out.numpy(), grad(out, leaf, np.cos(np.arange(out.size)).reshape(out.shape))

    captured = capture(step)
    random = np.random.default_rng(0)
    for _ in range(6):
        x, places = random.normal(size=(4, 3)), random.integers(0, 3, 4)
        for found, expected in zip(captured(x, places), step(x, places), strict=True):
            np.testing.assert_array_equal(found, expected)


# What is refused -------------------------------------------------------------------------------

X = leaf(drawn(4, 3))
BAD = {
    "axes": (lambda: tg.gather(X, 0, [0, 1]), r"gather: x of shape \(4, 3\).*\(2,\).*as many axes"),
    "sizes": (lambda: tg.gather(X, 0, np.zeros((2, 4), int)), r"\(2, 4\).*at most the sizes"),
    "place": (lambda: tg.gather(X, 0, [[0, 1, 4]]), r"index 4 at \(0, 2\); expected 0..3"),
    "negative": (lambda: tg.scatter(X, 1, [[-1]], 0.0), r"scatter: index -1 at \(0, 0\)"),
    "few elements": (
        lambda: tg.scatter_add(X, 0, [[0, 1, 1]], [[1.0, 2.0]]), r"src of shape \(1, 2\)"),
    "elements' axes": (lambda: tg.scatter(X, 0, [[0, 1, 1]], [1.0, 2.0]), r"src of shape \(2,\)"),
    "word": (lambda: tg.scatter_reduce(X, 0, [[0]], X, "max"), "reduce is 'max'; expected .*amax"),
    "other word": (lambda: tg.scatter(X, 0, [[0]], X, reduce="sum"), "reduce is 'sum'"),
    "list of lists": (lambda: tg.index_select(X, 0, [[0]]), "one axis, use take"),
    "mask": (lambda: tg.masked_fill(X, [True, False], 0), r"mask of shape \(2,\)"),
    "values": (lambda: tg.masked_fill(X, X > 0, [1.0, 2.0, 3.0]), "expected one number"),
    "rows": (lambda: tg.segment_sum(X, [0, 1]), r"segment_sum: x of shape \(4, 3\).*\(2,\)"),
    "segments": (lambda: tg.segment_max(X, [0, 1, 2, 3], 3), r"segment_ids 3 at .*expected 0..2"),
    "count": (lambda: tg.segment_mean(X, [0, 1, 2, 3], -1), "num_segments is -1"),
    "k": (lambda: X.topk(4), "topk: k is 4 for 3 elements"),
    "chunks": (lambda: X.chunk(0), "chunks is 0"),
    "rounding": (lambda: X.div(2, rounding_mode="up"), "rounding_mode is 'up'"),
    "indexing": (lambda: tg.meshgrid(X, indexing="yx"), "indexing is 'yx'"),
    "correction": (lambda: tg.std_mean(Tensor([1.0])), "std over 1 elements with ddof=1"),
    "images": (lambda: tg.unfold(X, 2), r"unfold: x of shape \(4, 3\)"),
    "columns": (lambda: tg.fold(X, 3, 2), r"fold: x of shape \(4, 3\).*channels \* 4"),
    "few windows": (lambda: tg.fold(np.ones((1, 4, 3)), 3, 2), "with 2 x 2 windows"),
    "window": (lambda: X.unfold(1, 4, 1), r"kernel of \(4,\) is larger"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


WRONG_TYPES = {
    "float places": (lambda: tg.gather(X, 0, [[0.0]]), "float64; expected integers"),
    "float segments": (lambda: tg.segment_sum(X, [0.0] * 4), "float64; expected integers"),
    "numbers": (lambda: tg.masked_fill(X, [1, 0, 1], 0.0), r"int\d\d; expected booleans"),
    "mask": (lambda: tg.masked_select(X, X.data), "float64; expected booleans"),
    "axis by name": (lambda: tg.gather(X, dim=0, index=[[0]]), "write axis="),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types(name):
    call, message = WRONG_TYPES[name]
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize("include_self", [True, False])
def test_whole_numbers_stay_whole(include_self):
    x, src = np.array([7, 5, 1]), np.array([2, 3, 4])
    for reduce, combine in [("sum", np.sum), ("prod", np.prod), ("amax", max), ("amin", min)]:
        found = tg.scatter_reduce(x, 0, [0, 0, 2], src, reduce, include_self=include_self)
        assert found.dtype == x.dtype
        expected = [combine([7] * include_self + [2, 3]), 5, combine([1] * include_self + [4])]
        assert found.tolist() == expected, reduce
    assert tg.scatter_reduce(x, 0, [0], [2], "mean").tolist() == [4.5, 5, 1]


def test_nothing_is_put_and_nothing_is_taken():
    x = leaf(drawn(3))
    nothing = np.zeros(0)
    assert tg.gather(x, 0, []).shape == (0,)
    assert tg.segment_max(nothing, []).shape == tg.segment_sum(nothing, []).shape == (0,)
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        np.testing.assert_allclose(tg.scatter_reduce(x, 0, [], nothing, reduce).data, x.data)
    empty = leaf(np.zeros((0, 2)))
    assert tg.scatter_add(empty, 1, np.zeros((0, 3), int), np.zeros((0, 3))).shape == (0, 2)
    assert [part.shape for part in tg.chunk(Tensor(nothing), 2)] == [(0,), (0,)]

"""Tests that functions are recognised in every spelling, and that nothing else is."""

import math
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.primitive import PRIMITIVES, primitive
from tinygrad_edu.recognising import recognised

GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.normal(size=(6, 4))


def leaf(values=VALUES):
    return Tensor(np.asarray(values), requires_grad=True)


def names_between(source, result):
    """Give the functions that lead from one tensor to another, with their parameters."""
    found = recognised(graph_order(result))
    return {
        one.name: dict(one.params) for one in found if one.source is source and one.result is result
    }


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z, axis=1):
    e = np.exp(z - z.data.max(axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


# Elementwise ----------------------------------------------------------------------------------

ELEMENTWISE = {
    "relu": [
        tg.relu,
        lambda x: np.maximum(x, 0),
        lambda x: np.maximum(0.0, x),
        lambda x: x * (x.data > 0),
        lambda x: np.where(x.data > 0, x, 0),
        lambda x: (x + abs(x)) / 2,
    ],
    "leaky_relu": [
        lambda x: tg.leaky_relu(x, 0.2),
        lambda x: np.maximum(x, 0.2 * x),
        lambda x: np.where(x.data > 0, x, 0.2 * x),
        lambda x: x * np.where(x.data > 0, 1, 0.2),
        lambda x: np.maximum(x, 0) + 0.2 * np.minimum(x, 0),
    ],
    "sigmoid": [
        tg.sigmoid,
        sigmoid,
        lambda x: np.exp(x) / (1 + np.exp(x)),
        lambda x: 0.5 * (1 + np.tanh(x / 2)),
        lambda x: (1 + np.exp(-x)) ** -1.0,
    ],
    "tanh": [
        np.tanh,
        lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
        lambda x: 2 * sigmoid(2 * x) - 1,
        lambda x: np.sinh(x) / np.cosh(x),
    ],
    "softplus": [
        tg.softplus,
        lambda x: np.log(1 + np.exp(x)),
        lambda x: np.log1p(np.exp(x)),
        lambda x: np.logaddexp(x, 0.0),
    ],
    "elu": [
        lambda x: tg.elu(x, 0.7),
        lambda x: np.where(x.data > 0, x, 0.7 * (np.exp(x) - 1)),
        lambda x: np.maximum(x, 0) + 0.7 * (np.exp(np.minimum(x, 0)) - 1),
    ],
    "gelu": [
        tg.gelu,
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        lambda x: 0.5 * x * (1 + tg.erf(x / math.sqrt(2))),
    ],
    "silu": [tg.silu, lambda x: x * sigmoid(x), lambda x: x / (1 + np.exp(-x))],
    "log_sigmoid": [
        tg.log_sigmoid,
        lambda x: np.log(sigmoid(x)),
        lambda x: -np.log(1 + np.exp(-x)),
    ],
    "selu": [
        tg.selu,
        lambda x: 1.0507009873554805 * tg.elu(x, 1.6732632423543772),
        lambda x: np.where(
            x.data > 0,
            1.0507009873554805 * x,
            1.0507009873554805 * 1.6732632423543772 * (np.exp(x) - 1),
        ),
    ],
    "hardtanh": [
        tg.hardtanh,
        lambda x: np.clip(x, -1, 1),
        lambda x: np.maximum(np.minimum(x, 1.0), -1.0),
    ],
}
PARAMS = {"leaky_relu": {"negative_slope": 0.2}, "elu": {"alpha": 0.7}}
SPELLED = [
    pytest.param(name, f, id=f"{name} {number}")
    for name, spellings in ELEMENTWISE.items()
    for number, f in enumerate(spellings)
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "f"), SPELLED)
def test_elementwise_functions(name, f, dtype):
    for values in (VALUES, VALUES.T, VALUES.reshape(-1), VALUES.reshape(2, 3, 4)):
        x = leaf(values.astype(dtype))
        found = names_between(x, f(x))
        assert found.pop(name).items() >= PARAMS.get(name, {}).items()
        assert found == {}


def test_all_declared_activations_are_tested():
    declared = {made.name for made in PRIMITIVES.values() if made.activation}
    assert declared <= set(ELEMENTWISE)


def test_the_sigmoid_inside_of_a_swish():
    x = leaf()
    inner = sigmoid(x)
    y = x * inner
    found = [(one.name, one.source, one.result) for one in recognised(graph_order(y))]
    assert found == [("silu", x, y), ("sigmoid", x, inner)]


def test_a_users_own_activation():
    try:

        @primitive(lambda g, out, x: g, elementwise=True, activation=True)
        def squareplus(x, /):
            return (x + np.sqrt(x * x + 4)) / 2

        x = leaf()
        assert names_between(x, (x + np.sqrt(x * x + 4)) / 2) == {"squareplus": {}}
    finally:
        del PRIMITIVES["squareplus"]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 1.01 * np.tanh(x),
        lambda x: np.tanh(1.01 * x),
        lambda x: np.tanh(x) + 1e-6,
        lambda x: sigmoid(x) ** 2,
        lambda x: 2 * np.maximum(x, 0),
        lambda x: np.maximum(x, 0.1),
        abs,
        lambda x: x * x,
        np.exp,
        lambda x: np.log(2 + np.exp(x)),
        lambda x: np.where(x.data > 0, x, np.exp(x) - 2),
        lambda x: x * 1.0,
        lambda x: np.maximum(x + 10, 0) - 10,
        lambda x: -np.maximum(x, 0),
    ],
)
def test_what_is_similar_to_an_activation(f):
    x = leaf()
    assert names_between(x, f(x)) == {}


@pytest.mark.parametrize("values", [np.abs(VALUES), -np.abs(VALUES), np.zeros((3, 4)), [1.0, -1.0]])
def test_numbers_that_show_nothing(values):
    x = leaf(values)
    for f in (tg.relu, tg.leaky_relu, tg.elu):
        assert names_between(x, f(x)) == {}


def test_a_range_in_which_a_function_is_a_line():
    for x in (leaf([1.0, -1.0]), leaf(1e-7 * VALUES), leaf(np.full(5, 0.3))):
        assert names_between(x, np.tanh(x)) == {}
        assert names_between(x, tg.sigmoid(x)) == {}


def test_other_tensors_with_gradients_are_not_constants():
    x, w = leaf(), leaf(np.ones((6, 4)))
    assert recognised(graph_order(np.maximum(x, 0 * w))) == []
    assert recognised(graph_order(1 / (w + np.exp(-x)))) == []
    assert recognised([]) == []


# Along an axis --------------------------------------------------------------------------------

ALONG = {
    "softmax": [
        tg.softmax,
        softmax,
        lambda x, axis: np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True),
        lambda x, axis: np.exp(x - tg.logsumexp(x, axis=axis, keepdims=True)),
        lambda x, axis: np.exp(tg.log_softmax(x, axis=axis)),
        lambda x, axis: (np.exp(x).T / np.exp(x).T.sum(axis=1 - axis, keepdims=True)).T,
    ],
    "log_softmax": [
        tg.log_softmax,
        lambda x, axis: np.log(softmax(x, axis)),
        lambda x, axis: x - np.log(np.exp(x).sum(axis=axis, keepdims=True)),
        lambda x, axis: x - tg.logsumexp(x, axis=axis, keepdims=True),
    ],
    "logsumexp": [
        tg.logsumexp,
        lambda x, axis: np.log(np.exp(x).sum(axis=axis)),
        lambda x, axis: np.log(np.sum(np.exp(x - 1.5), axis=axis, keepdims=True)) + 1.5,
    ],
    "mean": [
        lambda x, axis: x.mean(axis=axis),
        lambda x, axis: x.sum(axis=axis) / x.shape[axis],
        lambda x, axis: (x / x.shape[axis]).sum(axis=axis, keepdims=True),
        lambda x, axis: 1 / x.shape[axis] * np.sum(x, axis=axis),
    ],
    "var": [
        lambda x, axis: x.var(axis=axis),
        lambda x, axis: ((x - x.mean(axis=axis, keepdims=True)) ** 2).mean(axis=axis),
        lambda x, axis: (x**2).mean(axis=axis) - x.mean(axis=axis) ** 2,
    ],
    "layer_norm": [
        lambda x, axis: tg.layer_norm(x, axis=axis),
        lambda x, axis: (
            (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + 1e-5)
        ),
        lambda x, axis: (
            (x - x.mean(axis=axis, keepdims=True)) / tg.std(x, axis=axis, keepdims=True)
        ),
        lambda x, axis: (
            (x - x.mean(axis=axis, keepdims=True)) / (tg.std(x, axis=axis, keepdims=True) + 1e-3)
        ),
        lambda x, axis: (
            (x - x.mean(axis=axis, keepdims=True))
            * ((x.var(axis=axis, ddof=1, keepdims=True) + 1e-8) ** -0.5)
        ),
    ],
}
SPELLED_ALONG = [
    pytest.param(name, f, id=f"{name} {number}")
    for name, spellings in ALONG.items()
    for number, f in enumerate(spellings)
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("name", "f"), SPELLED_ALONG)
def test_functions_along_an_axis(name, f, axis, dtype):
    x = leaf(VALUES.astype(dtype))
    found = names_between(x, f(x, axis))
    assert found.pop(name)["axis"] == axis
    assert found == {}


@pytest.mark.parametrize("name", ["softmax", "mean", "var", "logsumexp", "layer_norm"])
def test_functions_of_everything(name):
    f = {
        "softmax": lambda x: np.exp(x) / np.exp(x).sum(),
        "mean": lambda x: x.sum() / x.size,
        "var": lambda x: x.var(),
        "logsumexp": lambda x: np.log(np.exp(x).sum()),
        "layer_norm": lambda x: (x - x.mean()) / tg.std(x),
    }[name]
    x = leaf()
    assert names_between(x, f(x))[name]["axis"] is None
    x = leaf(VALUES[:, 0])
    assert names_between(x, f(x))[name]["axis"] == 0


def test_what_was_added_to_the_variance():
    x = leaf()
    for f, eps in ((ALONG["layer_norm"][1], 1e-5), (ALONG["layer_norm"][2], 0.0)):
        assert names_between(x, f(x, 1))["layer_norm"] == {"axis": 1, "eps": eps}
    assert names_between(x, ALONG["layer_norm"][4](x, 1))["layer_norm"]["ddof"] == 1


def test_a_batch_normalisation_by_hand_shows_its_parts():
    x, gamma, beta = leaf(), leaf(np.ones(4)), leaf(np.zeros(4))
    mean = x.sum(axis=0) / len(x)
    variance = ((x - mean) ** 2).sum(axis=0) / len(x)
    normal = (x - mean) / np.sqrt(variance + 1e-8)
    found = {(one.name, one.result) for one in recognised(graph_order(gamma * normal + beta))}
    assert found >= {("mean", mean), ("var", variance), ("layer_norm", normal)}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.exp(x) / (1 + np.exp(x).sum(axis=1, keepdims=True)),
        lambda x: np.exp(2 * x) / np.exp(x).sum(axis=1, keepdims=True),
        lambda x: np.exp(x) / np.exp(x[:, :2]).sum(axis=1, keepdims=True),
        lambda x: x.sum(axis=1) / 6,
        lambda x: x.sum() / 23,
        lambda x: x / np.abs(x).sum(axis=1, keepdims=True),
        lambda x: x - x.mean(axis=1, keepdims=True),
        lambda x: (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1),
        lambda x: (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var()),
        lambda x: x.max(axis=1),
        lambda x: (x**2).mean(axis=1),
        lambda x: np.log(np.exp(x).mean(axis=1)),
    ],
)
def test_what_is_similar_to_a_function_along_an_axis(f):
    x = leaf()
    assert names_between(x, f(x)) == {}


# No false recognition, and speed --------------------------------------------------------------

STEPS = [
    lambda x, g: np.sin(x),
    lambda x, g: np.cos(x) + g.normal(),
    lambda x, g: x * g.normal(),
    lambda x, g: x**2 + g.normal(size=x.shape),
    lambda x, g: x * g.normal(size=x.shape),
    lambda x, g: x + g.normal() * x.sum(axis=int(g.integers(2)), keepdims=True),
    lambda x, g: x / (2 + np.cos(x)) * g.normal(),
    lambda x, g: np.exp(-x * x) * g.uniform(0.2, 0.9),
    lambda x, g: np.maximum(x, g.normal()) * g.normal(),
    lambda x, g: np.arctan(x * g.uniform(1.1, 2)),
    lambda x, g: x.T @ leaf(g.normal(size=x.shape)),
]


@pytest.mark.parametrize("seed", range(200))
def test_random_expressions_are_not_recognised(seed):
    generator = np.random.default_rng(seed)
    x = leaf(generator.normal(size=(4, 4)))
    for _ in range(8):
        x = STEPS[generator.integers(len(STEPS))](x, generator)
    assert recognised(graph_order(generator.normal() * x.sum())) == []


def network(layers):
    x = GENERATOR.normal(size=(16, 8))
    for number in range(layers):
        w, b = leaf(GENERATOR.normal(size=(8, 8)) / 3), leaf(np.zeros(8))
        x = x @ w + b
        x = np.tanh(x) if number < layers - 1 else x
    return -np.log(softmax(x)[np.arange(16), np.arange(16) % 8]).mean()


def calls_of_recognising(layers):
    """Count the Python functions that recognising calls, which no load of the machine changes."""
    order, count = graph_order(network(layers)), 0

    def note(frame, event, argument):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        recognised(order)
    finally:
        sys.setprofile(before)
    return count


def test_work_grows_with_the_size_of_the_graph_alone():
    small, large = calls_of_recognising(8), calls_of_recognising(80)
    assert 0 < small < large < 15 * small


# Attention --------------------------------------------------------------------------------------

QUERIES, KEYS, INPUT = (GENERATOR.normal(size=(5, 4)) for _ in range(3))
MASK = np.triu(np.ones((5, 5)), 1).astype(bool)


def rows(q, k, v):
    return softmax(q @ k.mT / np.sqrt(4), 1) @ v


def rows_masked(q, k, v):
    scores = np.where(MASK, -1e9, q @ k.mT * 0.5)
    return softmax(scores, 1) @ v


def columns(q, k, v):
    return v.mT @ softmax(k @ q.mT / np.sqrt(4), 0)


def einsum(q, k, v):
    scores = np.einsum("id,jd->ij", q, k) / np.sqrt(4)
    return np.einsum("ij,jd->id", softmax(scores, 1), v)


def library(q, k, v):
    return tg.softmax(q @ k.mT / 2.0, axis=1) @ v


@pytest.mark.parametrize("spelled", [rows, rows_masked, columns, einsum, library])
def test_attention_is_recognised(spelled):
    q, k, v = (leaf(one) for one in (QUERIES, KEYS, INPUT))
    out = spelled(q, k, v)
    (one,) = [one for one in recognised(graph_order(out)) if one.name == "attention"]
    assert one.result is out
    assert one.params["scale"] == pytest.approx(0.5)
    expected = (QUERIES @ KEYS.T).reshape(-1)
    np.testing.assert_allclose(np.sort(one.source.data.reshape(-1)), np.sort(expected))
    np.testing.assert_allclose(one.params["weights"].data.sum(axis=one.params["axis"]), 1)


def test_a_classifier_is_no_attention():
    x, W, V = leaf(), leaf(GENERATOR.normal(size=(4, 3))), leaf(GENERATOR.normal(size=(3, 2)))
    for out in (softmax(x @ W), tg.softmax(x @ W, axis=1).sum(axis=0), (x @ W) @ V):
        assert "attention" not in {one.name for one in recognised(graph_order(out))}


def test_averages_along_the_last_axis_are_no_weights():
    """Their result has no such axis any more; neither do they when nothing is in an array."""
    x, V = leaf(GENERATOR.normal(size=(3, 4, 5))), leaf(GENERATOR.normal(size=(4, 2)))
    for out in (x.mean(axis=2) @ V, np.var(x, axis=2) @ V, leaf(np.zeros((0, 4))).mean(axis=1)):
        assert "attention" not in {one.name for one in recognised(graph_order(out))}

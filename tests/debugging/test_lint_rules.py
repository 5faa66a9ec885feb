"""Tests that mistakes are found in every spelling, and that sound code that looks like them is not
reported.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import Tensor, lint

GENERATOR = np.random.default_rng(0)
N = 20
X = GENERATOR.normal(size=(N, 5))
LABELS = GENERATOR.integers(0, 3, N)
HOT = np.eye(3)[LABELS]
BITS = (X[:, 0] > 0).astype(int)


def leaf(*shape, scale=0.7):
    return Tensor(scale * GENERATOR.normal(size=shape), requires_grad=True)


def constant(value, *shape):
    return Tensor(np.full(shape, value), requires_grad=True)


def kinds(*arguments, **keywords):
    return [one.kind for one in lint(*arguments, **keywords)]


def only(*arguments, **keywords):
    report = lint(*arguments, **keywords)
    assert len(report) == 1, str(report)
    return report.findings[0]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z, axis=1):
    e = np.exp(z - z.data.max())
    return e / np.sum(e, axis=axis, keepdims=True)


def by_index(p):
    return -np.log(p[np.arange(N), LABELS]).mean()


def by_rows(p):
    return -np.sum(HOT * np.log(p)) / N


CROSS_ENTROPIES = {
    "library": lambda z: tg.softmax_cross_entropy(z, LABELS),
    "options": lambda z: tg.cross_entropy(z, LABELS, reduction="sum"),
    "nll": lambda z: tg.nll_loss(tg.log_softmax(z), LABELS),
    "index": lambda z: by_index(softmax(z)),
    "one-hot": lambda z: by_rows(softmax(z)),
    "columns": lambda z: -np.sum(HOT.T * np.log(softmax(z.T, 0))) / N,
}
RELUS = {
    "library": tg.relu,
    "maximum": lambda z: np.maximum(0, z),
    "product": lambda z: z * (z.data > 0),
    "where": lambda z: np.where(z.data > 0, z, 0.0),
}


def logits(w=None, b=0.0):
    return X @ (leaf(5, 3) if w is None else w) + b


# Losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
@pytest.mark.parametrize("relu", RELUS)
def test_relu_before_cross_entropy(name, relu):
    loss = CROSS_ENTROPIES[name]
    assert kinds(loss(logits())) == []
    finding = only(loss(RELUS[relu](logits())))
    assert finding.kind == "squashed logits"
    assert finding.found == (
        "the loss applies softmax to the result of relu, which is never negative"
    )
    hidden = RELUS[relu](logits(leaf(5, 8)))
    assert kinds(loss(hidden @ leaf(8, 3))) == []


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_sigmoid_before_cross_entropy(name):
    for f in (tg.sigmoid, sigmoid, lambda z: np.exp(z) / (1 + np.exp(z))):
        finding = only(CROSS_ENTROPIES[name](f(logits())))
        assert (finding.kind, "sigmoid" in finding.found) == ("squashed logits", True)
    for f in (tg.tanh, tg.leaky_relu, tg.elu, lambda z: 5 * np.tanh(z / 5), lambda z: z - 1):
        assert kinds(CROSS_ENTROPIES[name](f(logits()))) == []


def test_relu_of_positive_logits_is_found_too():
    assert kinds(softmax_cross_entropy(tg.relu(logits(b=20.0)), LABELS)) == ["squashed logits"]


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_two_softmaxes(name):
    for f in (tg.softmax, softmax):
        assert kinds(CROSS_ENTROPIES[name](f(logits()))) == ["double softmax"]
    assert kinds(CROSS_ENTROPIES[name](softmax(logits(), 0))) == []


def binary(p, targets):
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean()


def test_binary_cross_entropy():
    column = BITS.reshape(-1, 1)
    z = logits(leaf(5, 1))
    assert kinds(binary(sigmoid(z), column)) == []
    assert kinds(binary(sigmoid(sigmoid(z)), column)) == ["double sigmoid"]
    assert kinds(binary(sigmoid(np.maximum(z, 0)), column)) == ["squashed logits"]
    assert kinds(tg.binary_cross_entropy_with_logits(tg.relu(z), column)) == ["squashed logits"]


# A softmax along the samples.
WRONG_AXIS = [
    lambda z: by_index(softmax(z, 0)),
    lambda z: by_index(np.exp(z) / np.sum(np.exp(z), axis=0)),
    lambda z: by_rows(softmax(z, 0)),
    lambda z: by_rows(tg.softmax(z, axis=0)),
    lambda z: -np.mean(np.log(np.sum(HOT * softmax(z, 0), axis=1))),
    lambda z: -np.sum(HOT.T * np.log(softmax(z.T, 1))) / N,
]


@pytest.mark.parametrize("number", range(len(WRONG_AXIS)))
def test_softmax_along_the_samples(number):
    finding = only(WRONG_AXIS[number](logits()))
    assert finding.kind == "softmax axis"
    wrong = 1 if number == 5 else 0
    assert f"along axis {wrong}, but the loss has a label for each index of axis {wrong}" in (
        finding.found
    )
    assert f"axis={1 - wrong}" in finding.advice


def test_softmax_along_other_axes_that_are_meant():
    scores = leaf(N, 5) @ leaf(5, N)
    attention = softmax(scores, 0).T @ X
    assert kinds(by_index(softmax(attention @ leaf(5, 3)))) == []
    weights = softmax(X @ leaf(5, 1), 0)
    assert kinds(by_index(softmax((weights * X) @ leaf(5, 3)))) == []
    assert kinds((softmax(logits(), 0) * HOT).sum()) == []


@pytest.mark.parametrize(
    "f",
    [
        lambda y, t: ((y - t) ** 2).mean(),
        lambda y, t: np.sum((t - y) * (t - y)) / N,
        lambda y, t: 0.5 * np.mean(np.square(t - y)),
        lambda y, t: np.mean(np.abs(y - t)),
        lambda y, t: np.mean(np.sum((y - t) ** 2, axis=-1)),
        lambda y, t: binary(sigmoid(y), t),
        lambda y, t: -np.mean(np.log(np.where(t == 1, sigmoid(y), 1 - sigmoid(y)))),
        lambda y, t: np.mean(np.log(1 + np.exp(y)) - t * y),
    ],
)
def test_predictions_that_are_compared_with_all_targets(f):
    y = logits(leaf(5, 1))
    assert kinds(f(y, BITS[:, None])) == []
    assert kinds(f(y[:, 0], BITS)) == []
    finding = only(f(y, BITS))
    assert finding.kind == "broadcast loss"
    assert f"a difference of shapes ({N}, 1) and ({N},) has shape ({N}, {N})" in finding.found
    assert only(f(y[:, 0], BITS[:, None])).kind == "broadcast loss"


def test_distances_of_all_to_all():
    y, centres = logits(leaf(5, 1)), np.linspace(-1, 1, N)
    assert kinds(np.exp(-((y - centres) ** 2)).sum()) == []
    assert kinds(((y - np.linspace(-1, 1, 7)) ** 2).mean()) == []


@pytest.mark.parametrize(
    "f",
    [
        lambda z: softmax_cross_entropy(z, np.zeros(N, int)),
        lambda z: tg.nll_loss(tg.log_softmax(z), np.zeros(N, int)),
        lambda z: -np.log(softmax(z)).mean(),
        lambda z: -np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).mean(),
        lambda z: -np.mean(np.log(tg.softmax(z, axis=1)) * np.ones((N, 1))),
    ],
)
def test_cross_entropy_of_one_output(f):
    found = kinds(f(logits(leaf(5, 1))))
    assert found[:1] == ["one output"]
    assert kinds(CROSS_ENTROPIES["index"](logits())) == []
    assert kinds(tg.binary_cross_entropy_with_logits(logits(leaf(5, 1)), BITS[:, None])) == []


def test_one_class_in_the_batch():
    same = np.full(N, 2)
    for loss in (
        softmax_cross_entropy(logits(), same),
        -np.log(softmax(logits())[np.arange(N), same]).mean(),
        -np.sum(np.eye(3)[same] * np.log(softmax(logits()))) / N,
    ):
        finding = only(loss)
        assert (finding.kind, finding.found) == (
            "one class",
            f"all {N} labels of the batch are 2",
        )
    zeros = np.zeros((N, 1), int)
    assert only(binary(sigmoid(logits(leaf(5, 1))), zeros)).kind == "one class"
    # A discriminator; and a few samples, which are of one class by chance.
    assert kinds(binary(sigmoid(logits(leaf(5, 1))), np.ones((N, 1)))) == []
    assert kinds(softmax_cross_entropy(logits()[:8], same[:8])) == []


# Layers ---------------------------------------------------------------------------------------


def two_layers(x, w1, b1, w2, relu=tg.relu, columns=False):
    if columns:
        return (w2.T @ relu(w1.T @ x.T + b1.reshape(-1, 1))).T
    return relu(x @ w1 + b1) @ w2


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("relu", RELUS)
def test_dead_units(relu, columns):
    w1, w2 = leaf(5, 8), leaf(8, 3)
    for dead, found in ((0, []), (4, []), (6, []), (7, ["dead relu"]), (8, ["dead relu"])):
        b1 = np.zeros(8)
        b1[:dead] = -50
        b1 = Tensor(b1, requires_grad=True)
        z = two_layers(X, w1, b1, w2, RELUS[relu], columns)
        report = lint(softmax_cross_entropy(z, LABELS))
        assert [one.kind for one in report] == found
        if dead == 7:
            assert report.findings[0].found == (
                f"7 of 8 units of a relu layer are 0, for all {N} samples"
            )
        if dead == 8:
            assert f"for all {N} samples" in report.findings[0].found
    b1 = Tensor([-50.0] * 7 + [0.0], requires_grad=True)
    assert kinds(softmax_cross_entropy(two_layers(X[:7], w1, b1, w2), LABELS[:7])) == []


def test_few_units_may_be_dead():
    w1, b1 = leaf(5, 4), Tensor([-50.0, -50, -50, 0], requires_grad=True)
    assert kinds(softmax_cross_entropy(two_layers(X, w1, b1, leaf(4, 3)), LABELS)) == []


@pytest.mark.parametrize("seed", range(40))
def test_networks_that_were_drawn_at_random(seed):
    generator = np.random.default_rng(seed)
    sizes = [5, *generator.integers(4, 33, generator.integers(1, 5)).tolist(), 3]
    network = MLP(sizes, activation="relu", dtype="float64", seed=seed)
    x = generator.random((N, 5)) if seed % 2 else generator.normal(size=(N, 5))
    assert kinds(softmax_cross_entropy(network(x), LABELS), network) == []


PIXELS = GENERATOR.integers(0, 256, (N, 16)).astype(float)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("relu", [*RELUS.values(), tg.leaky_relu, tg.silu])
def test_raw_inputs(relu, columns):
    w1, b1, w2 = leaf(16, 8, scale=0.3), constant(0.0, 8), leaf(8, 3)
    for x, found in ((PIXELS, ["raw inputs"]), (PIXELS / 255, []), (PIXELS / 16, [])):
        z = two_layers(x, w1, b1, w2, relu, columns)
        assert kinds(softmax_cross_entropy(z, LABELS)) == found
    z = two_layers(PIXELS, w1, b1, w2)
    finding = only(softmax_cross_entropy(z, LABELS))
    assert finding.found.startswith("inputs of 0 … 255 make the values before relu as large as")


def test_large_inputs_that_become_small():
    w1, b1 = leaf(16, 8, scale=0.001), constant(0.0, 8)
    assert kinds(softmax_cross_entropy(two_layers(PIXELS, w1, b1, leaf(8, 3)), LABELS)) == []
    years = np.linspace(1990, 2020, N)[:, None]
    assert kinds(((years @ leaf(1, 1) - years) ** 2).mean()) == []  # a line


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_weights_that_are_all_equal(value, columns):
    w1, b1 = constant(value, 5, 8), constant(0.0, 8)
    z = two_layers(X, w1, b1, leaf(8, 3), np.tanh, columns)
    finding = only(softmax_cross_entropy(z, LABELS))
    assert finding.kind == "equal weights"
    assert f"all 40 weights of a layer are {value:g}, so that its 8 units" in finding.found


def test_weights_that_may_be_equal():
    # A single layer; the last layer; biases that break the symmetry; a single unit.
    assert kinds(softmax_cross_entropy(X @ constant(0.0, 5, 3), LABELS)) == []
    z = two_layers(X, leaf(5, 8), constant(0.0, 8), constant(0.0, 8, 3))
    assert kinds(softmax_cross_entropy(z, LABELS)) == []
    z = two_layers(X, constant(0.1, 5, 8), leaf(8), leaf(8, 3), np.tanh)
    assert kinds(softmax_cross_entropy(z, LABELS)) == []
    z = two_layers(X, constant(0.1, 5, 1), constant(0.0, 1), leaf(1, 3), np.tanh)
    assert kinds(softmax_cross_entropy(z, LABELS)) == []
    h = X @ leaf(5, 5)
    residual = h + np.tanh(h @ constant(0.0, 5, 5))
    assert kinds(softmax_cross_entropy(residual @ leaf(5, 3), LABELS)) == []


def deep(layers, f, columns=False, scale=0.5):
    h = X.T if columns else X
    for number in range(layers):
        w = leaf(5, 5, scale=scale) if number < layers - 1 else leaf(5, 3)
        h = w.T @ h if columns else h @ w
        h = f(h) if number < layers - 1 else h
    return softmax_cross_entropy(h.T if columns else h, LABELS)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("f", [tg.sigmoid, sigmoid])
def test_gradients_that_vanish(f, columns):
    finding = only(deep(13, f, columns))
    assert finding.kind == "vanishing gradient"
    assert "the first of 13 layers" in finding.found
    for layers in (2, 4):
        assert kinds(deep(layers, f, columns)) == []
    assert kinds(deep(13, np.tanh, columns, scale=1.0)) == []


# Parameters and optimizers --------------------------------------------------------------------


def test_an_optimizer_without_half_of_the_parameters():
    w1, b1, w2, b2 = leaf(5, 8), constant(0.0, 8), leaf(8, 3), constant(0.0, 3)
    loss = softmax_cross_entropy(two_layers(X, w1, b1, w2) + b2, LABELS)
    assert kinds(loss, optimizer=SGD([w1, b1, w2, b2], lr=0.1)) == []
    finding = only(loss, optimizer=SGD([w1, b1], lr=0.1))
    assert finding.kind == "parameter not in the optimizer"
    assert "does not update 2 of the 4 parameters" in finding.found
    assert "shape (3,)" in finding.found
    assert "shape (8, 3)" in finding.found
    network = MLP([5, 8, 3], dtype="float64", seed=0)
    loss = softmax_cross_entropy(network(X), LABELS)
    finding = only(loss, network, SGD(network.parameters()[:3], lr=0.1))
    assert finding.found.endswith(": linear2.bias")


def test_parameters_that_another_optimizer_updates():
    maker, judge = (MLP([5, 4, n], activation="tanh", dtype="float64", seed=n) for n in (5, 1))
    loss = tg.binary_cross_entropy_with_logits(judge(maker(X)), np.ones((N, 1)))
    first, second = SGD(maker.parameters(), lr=0.1), SGD(judge.parameters(), lr=0.1)
    assert kinds(loss, optimizer=first) == kinds(loss, optimizer=second) == []


def test_leaves_that_are_data_or_frozen():
    w1, w2 = leaf(5, 8), leaf(8, 3)
    data = Tensor(X, requires_grad=True)  # for its gradient, as in a saliency map
    loss = softmax_cross_entropy(np.tanh(data @ w1) @ w2, LABELS)
    assert kinds(loss, optimizer=SGD([w1, w2], lr=0.1)) == []
    frozen = Tensor(w1.data)
    loss = softmax_cross_entropy(np.tanh(X @ frozen) @ w2, LABELS)
    assert kinds(loss, optimizer=SGD([w2], lr=0.1)) == []


def test_gradients_that_were_cleared_before_step():
    network = MLP([5, 8, 3], activation="tanh", dtype="float64", seed=0)
    optimizer = SGD(network.parameters(), lr=0.1)
    loss = softmax_cross_entropy(network(X), LABELS)
    loss.backward()
    assert kinds(loss, optimizer=optimizer) == []
    gradients = [parameter.grad for parameter in network.parameters()]
    optimizer.zero_grad()
    finding = only(loss, optimizer=optimizer)
    assert finding.kind == "cleared gradient"
    for parameter, g in zip(network.parameters(), gradients, strict=True):
        parameter.grad = np.zeros_like(g)
    assert kinds(loss, optimizer=optimizer) == ["cleared gradient"]
    network.parameters()[0].grad = gradients[0]  # not all of them: something that was meant
    assert "cleared gradient" not in kinds(loss, optimizer=optimizer)
    for parameter, g in zip(network.parameters(), gradients, strict=True):
        parameter.grad = g
    optimizer.step()
    optimizer.zero_grad()
    assert kinds(loss, optimizer=optimizer) == []


def test_before_backward_there_is_nothing_to_clear():
    network = MLP([5, 8, 3], activation="tanh", dtype="float64", seed=0)
    optimizer = SGD(network.parameters(), lr=0.1)
    optimizer.zero_grad()
    assert kinds(softmax_cross_entropy(network(X), LABELS), optimizer=optimizer) == []


def test_a_parameter_that_is_computed():
    w = 0.01 * leaf(5, 3)
    finding = only(softmax_cross_entropy(X @ w, LABELS), [w])
    assert finding.kind == "computed parameter"
    assert finding.found == "parameter 0 is computed (the result of multiply), not a leaf"
    assert "requires_grad=True" in finding.advice
    other = 2 * leaf(3)
    assert only(softmax_cross_entropy(X @ leaf(5, 3), LABELS), {"w": other}).found.startswith("w ")

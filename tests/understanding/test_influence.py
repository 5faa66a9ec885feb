"""Tests products of gradients: against gradients of single rows, and against a step."""

import numpy as np
import pytest

from nn import Conv2d, Dropout, Flatten, Linear, Module, ReLU, Sequential, Tanh
from nn.by_hand import delta_rule
from nn.loss import classification_loss
from nn.understanding import influence
from nn.understanding.influence import gradient_products, influential_rows
from tinygrad_edu import Tensor, grad

from .models import amount_model, digit_model, fit, flower_model


class Tied(Module):
    """A weight that is used twice."""

    def __init__(self):
        self.first = Linear(4, 4, dtype="float64")
        self.last = Linear(4, 3, dtype="float64")

    def forward(self, x):
        return self.last(self.first(self.first(x).tanh()))


class Mixing(Module):
    """Rows see each other, so no gradient belongs to a single row of a batch."""

    def __init__(self):
        self.layer = Linear(4, 3, dtype="float64")

    def forward(self, x):
        return self.layer(x - x.mean(axis=0, keepdims=True) * 0.5)


class Penalised(Module):
    """A weight that is also used outside of its layer."""

    def __init__(self):
        self.layer = Linear(4, 3, dtype="float64")

    def forward(self, x):
        return self.layer(x) * self.layer.weight.sum()


class Gated(Module):
    """A weight outside of the layer, without effect on the first rows."""

    def __init__(self):
        self.layer = Linear(4, 3, dtype="float64")
        self.scale = Tensor(np.ones(3), requires_grad=True)

    def forward(self, x):
        return self.layer(x) + (x[:, :1] - 1.5).relu() * self.scale


def perceptron(outputs, bias=True, frozen=False):
    generator = np.random.default_rng(3)
    layers = [Linear(4, 6, bias, generator=generator), Tanh(), Dropout(0.5)]
    layers += [Linear(6, 5, generator=generator), ReLU(), Linear(5, outputs, generator=generator)]
    network = Sequential(*layers).astype("float64")
    if frozen:
        network[3].requires_grad_(False)
    return network


def convolutional():
    layers = Conv2d(1, 2, 2), ReLU(), Flatten(), Linear(2, 3)
    return Sequential(*layers).astype("float64")


NETWORKS = {
    "softmax": (lambda: perceptron(3), True),
    "sigmoid": (lambda: perceptron(1), True),
    "without bias": (lambda: perceptron(3, bias=False), True),
    "frozen layer": (lambda: perceptron(3, frozen=True), True),
    "one layer": (lambda: Linear(4, 3, dtype="float64"), True),
    "tied": (Tied, False),
    "penalised": (Penalised, False),
    "mixing": (Mixing, False),
    "gated": (Gated, False),
    "convolution": (convolutional, False),
}


def gradient_of_one(network, x, label):
    """The textbook way: differentiate the loss of one row with respect to all weights."""
    network.eval()
    parameters = [p for p in network.parameters() if p.requires_grad]
    loss = classification_loss(network(Tensor(x[None])), np.array([label]))
    gradients = grad(loss, parameters, allow_unused=True)
    network.train()
    return np.concatenate(
        [
            np.zeros(p.size) if g is None else np.ravel(g)
            for p, g in zip(parameters, gradients, strict=True)
        ]
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_products_are_those_of_gradients_of_single_rows(name, monkeypatch):
    make, is_fast = NETWORKS[name]
    network = make()
    generator = np.random.default_rng(0)
    X = generator.normal(size=(9, 1, 2, 2) if name == "convolution" else (9, 4))
    if name == "gated":
        X[:2, 0], X[2:, 0] = -1, 2
    y = generator.integers(0, 2 if name == "sigmoid" else 3, 9)
    one, label = X[4] * 0.7 + 0.1, 1
    reference = gradient_of_one(network, one, label)
    gradients = np.array([gradient_of_one(network, x, k) for x, k in zip(X, y, strict=True)])
    products = gradients @ reference
    norms = np.linalg.norm(gradients, axis=1) * np.linalg.norm(reference)

    batches = []
    original = influence._blocks
    monkeypatch.setattr(
        influence, "_blocks", lambda *given: batches.append(len(given[2])) or original(*given)
    )
    arguments = (network, X, y, one[None], np.array([label]))
    np.testing.assert_allclose(gradient_products(*arguments), products, atol=1e-10)
    assert (max(batches) == 9) == is_fast, "which way was taken"
    cosines = gradient_products(*arguments, cosine=True)
    np.testing.assert_allclose(cosines, products / norms, atol=1e-10)


def test_the_delta_rule_finds_the_same():
    trained = flower_model()
    layers = trained.network.layers
    weights = [layer.weight.data for layer in layers]
    biases = [layer.bias.data for layer in layers]
    inputs = trained.inputs()

    def gradient(row, label):
        both = delta_rule.gradients(weights, biases, inputs[[row]], [label])
        return np.concatenate([g.ravel() for part in both for g in part])

    predicted = trained.predictions()[7]
    found = influential_rows(trained, 7, similarity="dot")
    expected = [gradient(i, k) @ gradient(7, predicted) for i, k in enumerate(trained.labels)]
    np.testing.assert_allclose(found.pulls, expected, atol=1e-10)


@pytest.mark.parametrize("model", [flower_model, amount_model])
def test_a_step_on_a_row_changes_the_prediction_by_its_pull(model):
    trained = model()
    found = influential_rows(trained, 3, similarity="dot")
    label = None if trained.is_regression else trained.predictions()[3]
    rate = 1e-4

    def quantity():
        if trained.is_regression:
            return trained.network(Tensor(trained.inputs()[3:4])).item()
        return np.log(trained.probabilities(trained.features[3:4])[0, label])

    parameters = trained.network.parameters()
    before, state = quantity(), trained.network.state_dict()
    for row in [*found.supporting[:3], *found.opposing[:3]]:
        outputs = trained.network(Tensor(trained.inputs()[row : row + 1]))
        if trained.is_regression:
            target = (trained.labels[row] - trained.target_mean) / trained.target_deviation
            loss = ((outputs - target) ** 2).sum()
        else:
            loss = classification_loss(outputs, trained.labels[row : row + 1])
        for parameter, gradient in zip(parameters, grad(loss, parameters), strict=True):
            parameter.data = parameter.data - rate * gradient
        assert (quantity() - before) / rate == pytest.approx(found.pulls[row], rel=1e-3)
        trained.network.load_state_dict(state)


def test_rows_that_taught_the_class_pull_it():
    trained = digit_model()
    found = influential_rows(trained, 0)
    label = trained.predictions()[0]
    assert found.pulls[0] == pytest.approx(1.0), "a row right for itself"
    assert found.supporting[0] == 0
    assert (trained.labels[found.supporting] == label).all()
    assert (trained.labels[found.opposing] != label).all()
    assert found.to_frame()["row"].tolist() == found.order.tolist()


def test_a_duplicate_of_the_row_with_another_label_opposes_it():
    trained = flower_model()
    x = trained.inputs()[:1]
    products = gradient_products(
        trained.network,
        np.concatenate([x, x]),
        np.array([trained.labels[0], (trained.labels[0] + 1) % 3]),
        x,
        trained.labels[:1],
        cosine=True,
    )
    assert products[0] == pytest.approx(1)
    assert products[1] < -0.2


def test_a_perfect_row_has_no_direction():
    network = fit(np.array([[-1.0], [1.0]]), np.array([0, 1]), [1, 1], epochs=1)
    network.layers[0].weight.data = np.array([[1e5]])
    x, y = np.array([[-1.0], [1.0]]), np.array([0, 1])
    products = gradient_products(network, x, y, x[:1], y[:1], cosine=True)
    assert products.tolist() == [0.0, 0.0]


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="similarity must be 'dot' or 'cosine', got 'angle'"):
        influential_rows(flower_model(), 0, similarity="angle")
    with pytest.raises(ValueError, match="target 7 is not a class"):
        influential_rows(flower_model(), 0, target=7)
    with pytest.raises(ValueError, match="a regression has none"):
        influential_rows(amount_model(), 0, target=1)

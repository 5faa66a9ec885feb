"""Small networks and data for the tests of this folder; each is trained in a moment."""

import functools

import numpy as np

from nn import MLP, Adam, Linear
from nn.data.digits import load_digits
from nn.loss import classification_loss
from nn.understanding.trained import Trained
from tinygrad_edu import Tensor


def fit(X, y, structure, epochs=60, rate=0.01, seed=0):
    """Train an MLP; floating labels are targets of the squared error."""
    network = MLP(structure, dtype="float64", seed=seed)
    optimizer = Adam(network.parameters(), rate)
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(X))
        for start in range(0, len(X), 64):
            rows = order[start : start + 64]
            outputs = network(Tensor(X[rows].astype(np.float64)))
            if y.dtype.kind == "f":
                loss = ((outputs[:, 0] - Tensor(y[rows])) ** 2).mean()
            else:
                loss = classification_loss(outputs, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    optimizer.zero_grad()
    return network


def flowers(rows=150, seed=0):
    """Three classes in four columns: two matter, the third a little, the last not at all."""
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    means = np.array([[1.0, 10.0, 0.0, 5.0], [3.0, 30.0, 0.5, 5.0], [5.0, 20.0, 1.0, 5.0]])
    return means[y] + generator.normal(size=(rows, 4)) * [0.7, 5.0, 1.0, 1.0], y


@functools.cache
def flower_model():
    X, y = flowers()
    mean, deviation = X.mean(axis=0), X.std(axis=0)

    def prepare(rows):
        return (rows - mean) / deviation

    network = fit(prepare(X), y, [4, 12, 3])
    new, labels = flowers(120, seed=1)
    names = ("length", "width", "weight", "noise")
    return Trained(network, new, labels, names, ("iris", "lily", "rose"), prepare, data="test data")


@functools.cache
def amount_model():
    """A regression with an output that has to be scaled back."""
    X, _ = flowers(200, seed=2)
    y = 100 + 20 * X[:, 0] - 3 * X[:, 1] + np.random.default_rng(3).normal(size=200)
    mean, deviation = y.mean(), y.std()
    center, spread = X.mean(axis=0), X.std(axis=0)

    def prepare(rows):
        return (rows - center) / spread

    network = fit(prepare(X), (y - mean) / deviation, [4, 10, 1])
    return Trained(
        network,
        X,
        y,
        ("length", "width", "weight", "noise"),
        prepare=prepare,
        task="regression",
        target_mean=mean,
        target_deviation=deviation,
    )


TEXTS = ("amber", "blue", "coral")


def mixed_model(network=None, task="classification", rows=40):
    """A column of numbers, a column of texts (codes), and a number with missing cells."""
    generator = np.random.default_rng(4)
    codes = generator.integers(0, 3, rows)
    X = np.column_stack([generator.normal(50, 10, rows), codes, generator.normal(size=rows)])
    X[::7, 2] = np.nan
    y = (codes == 1).astype(np.int64)

    def prepare(raw):
        filled = np.where(np.isnan(raw), 0.25, raw)
        onehot = filled[:, 1:2] == np.arange(3)
        return np.column_stack([(filled[:, 0] - 50) / 10, onehot, filled[:, 2]])

    network = network or fit(prepare(X), y, [5, 8, 2], epochs=200)
    values = ((), TEXTS, ())
    names = ("age", "colour", "height")
    return Trained(network, X, y, names, ("no", "yes"), prepare, feature_values=values)


@functools.cache
def digit_data():
    images, labels, test_images, test_labels = load_digits()
    flat = [np.asarray(x.reshape(len(x), 64) * 16, np.float64) for x in (images, test_images)]
    return flat[0], labels, flat[1], test_labels


@functools.cache
def digit_model():
    X, y, new, labels = digit_data()
    network = fit(X / 16, y, [64, 24, 10], epochs=15)
    names = tuple(f"pixel{i + 1}" for i in range(64))
    return Trained(network, new, labels, names, prepare=lambda rows: rows / 16, data="test data")


def linear(inputs, outputs, seed=0):
    layer = Linear(inputs, outputs, dtype="float64", generator=np.random.default_rng(seed))
    layer.bias.data = np.random.default_rng(seed + 1).normal(size=outputs)
    return layer

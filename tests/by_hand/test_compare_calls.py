"""Tests how gradients of whole networks are compared: modes, losses, `manual=`, what is refused,
and the equation of each parameter.
"""

import inspect

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import compare_gradients, manual_gradients
from nn.by_hand import batch_norm
from nn.by_hand.networks.table import LAYERS, equation_at, equations_of

from .compared_networks import IMAGES, LABELS, WORDS, classifier, cnn, differing, gpt, planted

# Modes, losses, shared parameters -------------------------------------------------------------


def test_batch_norm_is_compared_in_its_own_mode():
    network, x, labels = cnn()
    assert "averages of the batch, as in training" in str(compare_gradients(network, x, labels))
    for _ in range(3):
        network(x + 1)
    training = manual_gradients(network, x, labels)
    counted = network[1].num_batches_tracked.item()
    network.eval()
    table = compare_gradients(network, x, labels, samples=2)
    assert table.agree
    assert "running averages, as in evaluation" in str(table)
    assert not np.allclose(manual_gradients(network, x, labels)["0.weight"], training["0.weight"])
    assert network[1].num_batches_tracked.item() == counted


def test_dropout_is_off_and_the_network_stays_as_it_is():
    network, x, labels = cnn()
    state = network[8].generator.bit_generator.state
    one, two = (manual_gradients(network, x, labels)["0.weight"] for _ in "ab")
    np.testing.assert_array_equal(one, two)
    assert network[8].generator.bit_generator.state == state


Y = np.random.default_rng(8).normal(size=(4, 2))


@pytest.mark.parametrize(
    ("loss", "labels", "symbols"),
    [
        ("softmax_cross_entropy", [0, 1, 1, 0], "(softmax(z) - y) / n"),
        ("sigmoid_cross_entropy", Y > 0, "(sigmoid(z) - y) / n"),
        ("squared_error", Y, "2 (z - y) / n"),
        ("absolute_error", Y, "sign(z - y) / n"),
        ("huber", 2 * Y, "(z - y) / n, at most 1 / n"),
        ("hinge", np.sign(Y), "-y / n where y z < 1, else 0"),
    ],
)
@pytest.mark.parametrize("mlp", [True, False])
def test_losses(loss, labels, symbols, mlp):
    x = np.random.default_rng(9).normal(size=(4, 3))
    network = nn.MLP([3, 4, 2], "tanh", seed=0) if mlp else nn.Sequential(nn.Linear(3, 2))
    table = compare_gradients(network, x, labels, loss=loss)
    assert table.agree
    assert symbols in str(table) or (mlp and loss == "softmax_cross_entropy")
    wrong = {n: 1.01 * g for n, g in manual_gradients(network, x, labels, loss=loss).items()}
    assert not compare_gradients(network, x, labels, loss=loss, manual=wrong).agree


def test_shared_parameters_get_the_sum_of_their_uses():
    class Tied(nn.Module):
        def __init__(self):
            g = np.random.default_rng(10)
            self.table = nn.Embedding(7, 4, generator=g)
            self.layer = nn.Linear(4, 4, generator=g)
            self.gain = tg.Tensor(np.array([0.5, 2.0, -1.0, 3.0]), True)

        def forward(self, words):
            x = (self.table(words) * self.gain).mean(axis=1)
            x = self.layer(tg.tanh(self.layer(x)) - 1.0)
            return x @ self.table.weight.T / 2.0

    table = compare_gradients(Tied(), WORDS, LABELS[:4])
    assert table.agree, table
    assert list(table["parameter"]) == ["table.weight", "layer.weight", "layer.bias", "gain"]
    assert table["equation"].iloc[-1] == ""


def test_a_parameter_that_is_not_used_has_gradient_zero():
    class Half(nn.Module):
        def __init__(self):
            self.used, self.other = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    found = manual_gradients(Half(), np.ones((1, 2)), [0])
    assert not found["other.weight"].any()
    assert found["used.weight"].any()


def test_a_bias_before_batch_norm_has_no_effect():
    table = compare_gradients(*cnn(), samples=2)
    assert "0 apart from round-off, because terms cancel: 0.bias" in str(table)


def test_a_bias_before_batch_norm_does_not_confirm_what_arrives_there(monkeypatch):
    planted(monkeypatch, batch_norm, "- x_hat * along", "")
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))
    check = compare_gradients(network, X, [0, 1, 1, 0], samples=1).check
    assert check.diagnoses[0].place == "BatchNorm1d 1"
    assert check.first.endswith(
        "0.weight, at Linear 0: 0.bias cannot differ, because terms cancel, so look at what "
        "arrives there"
    )


def test_masks_and_several_calls_of_attention():
    class Attends(nn.Module):
        def __init__(self):
            g = np.random.default_rng(11)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True, generator=g)
            self.linear = nn.Linear(4, 3, generator=g)

        def forward(self, x):
            x, _ = self.attention(x, x, x, is_causal=True)
            return self.linear(x + self.attention(x, need_weights=False)[0])

    x = np.random.default_rng(12).normal(size=(2, 3, 4))
    assert compare_gradients(Attends(), x, WORDS[:2, :3] % 3).agree


# manual= ----------------------------------------------------------------------------------------


class Own(nn.Module):
    """Computes what has no derivation by hand."""

    def __init__(self):
        self.weight = tg.Tensor(np.random.default_rng(13).normal(size=(3, 2)), True)
        self.shift = tg.Tensor(np.ones(2), True)

    def forward(self, x):
        return tg.exp(-(x @ self.weight)) + self.shift


X = np.random.default_rng(14).normal(size=(4, 3))


def own_gradients(parameters, x, labels):
    W, shift = parameters["weight"], parameters["shift"]
    e = np.exp(-x @ W)
    z = e + shift
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    delta = (p - np.eye(2)[labels]) / len(x)
    return {"weight": x.T @ (-e * delta), "shift": delta.sum(axis=0)}


def test_manual_gradients_of_any_module():
    network, labels = Own(), [0, 1, 1, 0]
    table = compare_gradients(network, X, labels, manual=own_gradients)
    assert table.agree
    assert list(table["equation"]) == ["", ""]
    values = {name: p.numpy() for name, p in network.named_parameters()}
    mine = own_gradients(values, X, np.array(labels))
    assert compare_gradients(network, X, labels, manual=mine).agree
    part = compare_gradients(network, X, labels, manual={"weight": -mine["weight"], "shift": None})
    assert differing(part) == {"weight"}
    assert "the sign is flipped" in str(part)
    assert "not checked, because no gradient was given: shift" in str(part)


def test_an_mlp_with_another_loss_is_called_with_its_weights_and_biases():
    def mine(weights, biases, x, labels):
        delta = 2 * (x @ weights[0] + biases[0] - labels) / labels.size
        return [x.T @ delta], [delta.sum(axis=0)]

    mlp = nn.MLP([3, 2], seed=0)
    assert compare_gradients(mlp, X, Y, loss="squared_error", manual=mine).agree
    table = compare_gradients(mlp, X, 2 * Y, loss="squared_error", manual=mine(*_parts(mlp), X, Y))
    assert differing(table) == {"linear1.weight", "linear1.bias"}


def _parts(mlp):
    values = [p.numpy().astype(float) for p in mlp.parameters()]
    return values[::2], values[1::2]


def test_a_function_gets_copies_in_float64():
    given = {}

    def mine(parameters, x, labels):
        given.update(parameters=parameters, x=x, labels=labels)
        for array in (*parameters.values(), x, labels):
            array *= 0
        return manual_gradients(*cnn())

    network, x, labels = cnn()
    assert compare_gradients(network, x, labels, manual=mine, samples=1).agree
    assert {array.dtype for array in given["parameters"].values()} == {np.dtype(np.float64)}
    assert x.any()
    assert labels.any()


def test_gradients_of_the_previous_step_are_recognised():
    network, x, labels = classifier(nn.LSTM)
    before, now = manual_gradients(network, x, labels[::-1]), manual_gradients(network, x, labels)
    mine = {name: now[name] + before[name] for name in now}
    table = compare_gradients(network, x, labels, manual=mine, previous=before, samples=1)
    assert table.check.diagnoses[0].kind == "stale gradient"


# Refused ----------------------------------------------------------------------------------------


def applied(function):
    return nn.Sequential(nn.Linear(3, 4), nn.Lambda(function), nn.Linear(4, 2))


REFUSED = {
    "a layer without a derivation": (
        lambda: compare_gradients(nn.Sequential(nn.GRU(3, 2)), X, [0, 1, 1, 0]),
        TypeError, ["GRU (0) has no derivation by hand", "docs/howto/checking.md", "manual="],
    ),
    "an option": (
        lambda: compare_gradients(
            nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten()), IMAGES, LABELS
        ),
        TypeError, ["Conv2d (0) with groups=2", "check_gradients"],
    ),
    "padding of a pool": (
        lambda: manual_gradients(
            nn.Sequential(nn.Conv2d(2, 2, 3), nn.MaxPool2d(2, padding=1), nn.Flatten()),
            IMAGES, LABELS
        ),
        TypeError, ["manual_gradients: MaxPool2d (1) with padding=(1, 1)"],
    ),
    "two directions": (
        lambda: compare_gradients(nn.RNN(3, 2, bidirectional=True), X, [0, 1, 1, 0]),
        TypeError, ["RNN with bidirectional=True"],
    ),
    "an operation": (
        lambda: compare_gradients(applied(tg.exp), X, [0, 1, 1, 0]),
        TypeError, ["Lambda (1) has no derivation"],
    ),
    "an operation of one's own module": (
        lambda: compare_gradients(Own(), X, [0, 1, 1, 0]),
        TypeError, ["the operation exp in Own", "manual="],
    ),
    "no network": (
        lambda: compare_gradients(len, X, [0, 1, 1, 0]),
        TypeError, ["takes a network", "builtin_function_or_method"],
    ),
    "no parameters": (
        lambda: compare_gradients(nn.ReLU(), X, [0, 1, 1, 0]), ValueError, ["ReLU has no param"],
    ),
    "a lost graph": (
        lambda: compare_gradients(applied(lambda x: np.array(x.data))[:2], X, [0, 1, 1, 0]),
        TypeError, ["returned a ndarray", "expected a tensor"],
    ),
    "labels of another length": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1]),
        ValueError, ["(4, 2)", "(3,)", "(4,)"],
    ),
    "labels of another shape": (
        lambda: compare_gradients(*gpt()[:2], WORDS[:3, 0]), ValueError, ["(3, 6, 7)", "(3,)"],
    ),
    "labels out of range": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 2, 0]), ValueError, ["label 2"],
    ),
    "targets of another shape": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y[:, :1], loss="squared_error"),
        ValueError, ["(4, 2)", "(4, 1)"],
    ),
    "hinge labels": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y > 0, loss="hinge"),
        ValueError, ["-1 or 1"],
    ),
    "another loss": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y, loss="l3"),
        ValueError, ["'l3'", "squared_error"],
    ),
    "x of another shape": (
        lambda: compare_gradients(cnn()[0], IMAGES[:, :1], LABELS), ValueError, ["channels"],
    ),
    "an unknown name": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual={"W": Y}),
        ValueError, ["'W'", "weight, bias"],
    ),
    "a pair": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual=(Y, Y)),
        ValueError, ["got a tuple", "weight, bias"],
    ),
    "a function of other parameters": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual=lambda W, b, x, y: W),
        TypeError, ["(parameters, x, labels)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_one_line(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_subclass_that_computes_something_else_has_no_derivation():
    class Doubled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    class Named(nn.Linear):
        pass

    x, labels = X, [0, 1, 1, 0]
    assert compare_gradients(nn.Sequential(Named(3, 2)), x, labels).agree
    table = compare_gradients(nn.Sequential(Doubled(3, 2)), x, labels)  # by its operations
    assert table.agree
    assert list(table["equation"]) == ["", ""]


def test_layers_of_constants_are_not_left_to_the_engine():
    network = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(TypeError, match=r"Conv1d \(0\)"):
        compare_gradients(network, np.ones((4, 1, 8)), [0, 1, 1, 0])


# Equations ------------------------------------------------------------------------------------


def test_each_equation_is_in_its_docstring_and_in_the_code():
    for derivation in LAYERS.values():
        for place in derivation.equations.values():
            number, part = place if isinstance(place, tuple) else (place, 0)
            text, code = equation_at(derivation.source, number, part)
            assert text.startswith("∂L/∂")
            file, line, _ = code.split(":", 2)
            written = inspect.getsource(derivation.source).splitlines()[int(line) - 1]
            assert f"# equation {number}" in written
            assert derivation.source.__name__.endswith(file.removesuffix(".py"))


@pytest.mark.parametrize(
    ("network", "name", "word"),
    [
        (nn.Conv2d(1, 1, 2), "weight", "∂L/∂W[f,c,u,v]"),
        (nn.Conv2d(1, 1, 2), "bias", "∂L/∂b[f]"),
        (nn.LSTM(1, 1), "weight_hh_l0", "∂L/∂W_hh"),
        (nn.RNN(1, 1), "weight_ih_l0", "∂L/∂W_ih"),
        (nn.RNN(1, 1), "bias_hh_l0", "∂L/∂b_hh"),
        (nn.LayerNorm(2), "weight", "∂L/∂γ"),
        (nn.BatchNorm1d(2), "bias", "∂L/∂β"),
        (nn.Embedding(2, 2), "weight", "∂L/∂table"),
        (nn.MultiheadAttention(2, 1), "in_proj_weight", "∂L/∂W_in"),
        (nn.MultiheadAttention(2, 1), "out_proj.bias", "∂L/∂b_out"),
    ],
)
def test_equations_are_those_of_the_parameter(network, name, word):
    assert word in equations_of(network)[name][0]


def test_the_explanation_shows_equation_and_code():
    network, x, labels = classifier(nn.LSTM)
    mine = manual_gradients(network, x, labels)
    mine["recurrent.weight_hh_l0"] = mine["recurrent.weight_hh_l0"] * 3
    text = str(compare_gradients(network, x, labels, manual=mine, samples=1).check)
    assert "∂L/∂W_hh = Σ_t h_t-1ᵀ dz_t" in text
    assert "lstm.py:" in text

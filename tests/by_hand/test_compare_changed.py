"""Tests of `compare_gradients` where a right gradient could be called wrong, or a wrong one right:
networks that were changed, rows that are not trained, and parameters that are 0 or 1.
"""

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import compare_gradients
from nn.by_hand import layer_norm

from .compared_networks import differing, moved, planted

X = np.random.default_rng(20).normal(size=(5, 4))
LABELS = [0, 1, 1, 0, 1]


# An MLP that does not compute what the delta rule differentiates ----------------------------------


class Doubled(nn.MLP):
    """Computes something else than its layers."""

    def forward(self, x):
        return super().forward(x) * 2.0


def mlp(kind=nn.MLP, **options):
    return kind([4, 3, 2], "tanh", seed=0, **options)


def hooked():
    network = mlp()
    network.linear1.register_forward_hook(lambda layer, inputs, out: out * 2.0)
    return network


def with_another_layer(name, layer, **options):
    network = mlp(**options)
    setattr(network, name, layer)
    return network


CHANGED = {
    "a forward of its own": lambda: mlp(Doubled),
    "a hook": hooked,
    "another activation": lambda: with_another_layer("tanh1", nn.Sigmoid()),
    "a layer without a bias": lambda: with_another_layer("linear2", nn.Linear(3, 2, bias=False)),
    "a layer of a subclass": lambda: with_another_layer(
        "linear2", nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    ),
    "another parameter": lambda: with_another_layer("scale", nn.Linear(1, 1)),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_mlp_is_compared_as_what_it_is(name):
    network = moved(CHANGED[name]())
    twin = network.astype(np.float64)
    tg.softmax_cross_entropy(twin(X), LABELS).backward()
    right = {n: np.zeros(p.shape) if p.grad is None else p.grad
             for n, p in twin.named_parameters()}  # fmt: skip
    assert compare_gradients(network, X, LABELS, manual=right).agree
    assert compare_gradients(network, X, LABELS).agree
    wrong = {**right, "linear1.weight": 2 * right["linear1.weight"]}
    table = compare_gradients(network, X, LABELS, manual=wrong)
    assert differing(table) == {"linear1.weight"}


def test_an_unchanged_mlp_is_compared_with_the_delta_rule():
    class Named(nn.MLP):
        pass

    for network in (mlp(), mlp(dropout=0.5), mlp(Named)):
        assert "δ2 = (softmax(z2) - y) / n" in str(compare_gradients(network, X, LABELS))


def test_a_function_for_a_changed_mlp_gets_what_its_parameters_are():
    called = []

    def pairs(weights, biases, x, y):
        called.append(len(weights) + len(biases))
        return nn.manual_gradients(hooked(), X, LABELS)

    def by_name(parameters, x, y):
        called.append(list(parameters))
        return {}

    compare_gradients(hooked(), X, LABELS, manual=pairs, samples=1)
    with pytest.raises(ValueError, match="no gradient to check"):
        compare_gradients(CHANGED["another parameter"](), X, LABELS, manual=by_name)
    names = [name for name, _ in CHANGED["another parameter"]().named_parameters()]
    assert called[0] == 4
    assert called[-1] == names


# What cannot be compared --------------------------------------------------------------------------


@pytest.mark.parametrize("network", [mlp, lambda: nn.Sequential(nn.Linear(4, 2))])
@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (np.where(X[1, 2] == X, np.nan, X), {}, ValueError, r"x is nan at \[1, 2\], expected fini"),
        (np.where(X[0, 3] == X, -np.inf, X), {}, ValueError, r"x is -inf at \[0, 3\], expected"),
        (X + 1j, {}, TypeError, "x has dtype complex128, expected real numbers"),
        (X.astype(str), {}, TypeError, "x has dtype <U.*, expected real numbers"),
        (X, {"loss": ["hinge"]}, ValueError, r"loss is \['hinge'\]; expected one of softmax_cr"),
    ],
)
def test_unsuitable_arguments_are_one_line(network, x, options, error, message):
    with pytest.raises(error, match=message) as caught:
        compare_gradients(network(), x, LABELS, **options)
    assert "\n" not in str(caught.value)


# Rows that are not trained, parameters that are not used ------------------------------------------


class Words(nn.Module):
    """An embedding, used once more as the weights of the output if it is tied."""

    def __init__(self, tied, **options):
        generator = np.random.default_rng(21)
        self.tied = tied
        self.table = nn.Embedding(6, 4, generator=generator, **options)
        self.linear = nn.Linear(4, 6, generator=generator)

    def forward(self, words):
        x = self.table(words).mean(axis=1)
        return x @ self.table.weight.T if self.tied else self.linear(tg.tanh(x))


@pytest.mark.parametrize("tied", [False, True])
def test_the_row_for_padding_is_a_constant_in_all_three(tied):
    words, labels = np.array([[0, 1, 2], [3, 0, 0], [5, 5, 4]]), [0, 1, 5]
    network = moved(Words(tied, padding_idx=0))
    table = compare_gradients(network, words, labels)
    assert table.agree, table
    assert "row 0 of table.weight is padding, which is not trained: a constant in" in str(table)
    mine = nn.manual_gradients(network, words, labels)
    mine["table.weight"][0] += 0.01
    assert differing(compare_gradients(network, words, labels, manual=mine)) == {"table.weight"}
    assert "padding" not in str(compare_gradients(moved(Words(tied)), words, labels))
    assert not network.table._hooks


def test_parameters_that_the_output_does_not_use_are_named():
    words = np.array([[0, 1, 2]])
    table = compare_gradients(Words(True), words, [1])
    assert table.agree
    assert "not used by the output: linear.weight, linear.bias" in str(table)
    assert "not used" not in str(compare_gradients(Words(False), words, [1]))


def test_a_gradient_without_a_derivation_names_the_function_that_was_called():
    class Looks(nn.Module):
        """Classifies by the weights of attention."""

        def __init__(self):
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[1].mean(axis=1)

    class Squared(nn.Conv2d):
        def forward(self, x):
            return tg.exp(super().forward(x))

    x = np.ones((2, 3, 4))
    for function in (compare_gradients, nn.manual_gradients):
        with pytest.raises(TypeError, match=f"^{function.__name__}: the gradient of the atten"):
            function(Looks(), x, [0, 1])
        with pytest.raises(
            TypeError, match=r"exp in Squared .0., which has a forward of its"
        ) as got:
            function(nn.Sequential(Squared(1, 2, 3), nn.Flatten()), np.ones((2, 1, 3, 3)), [0, 1])
        assert len(str(got.value)) < 250


# Parameters that are 0 or 1 everywhere ------------------------------------------------------------


def fresh():
    generator = np.random.default_rng(22)
    return nn.Sequential(
        nn.Linear(4, 3, generator=generator), nn.LayerNorm(3), nn.Linear(3, 2, generator=generator)
    )


def by_function(forgets_gain=False, forgets_bias=False):
    """Return a function of the gradients of that network, with what it forgets."""

    def mine(parameters, x, labels):
        W, b, gain, shift, V, c = parameters.values()
        z = x @ W + (0 if forgets_bias else b)
        r = 1 / np.sqrt(z.var(axis=1, keepdims=True) + 1e-5)
        n = (z - z.mean(axis=1, keepdims=True)) * r
        a = n * gain + shift
        e = np.exp(a @ V + c)
        delta = (e / e.sum(axis=1, keepdims=True) - np.eye(2)[labels]) / len(x)
        g = delta @ V.T
        dn = g if forgets_gain else g * gain
        along = n * (dn * n).mean(axis=1, keepdims=True)
        dz = r * (dn - dn.mean(axis=1, keepdims=True) - along)
        found = [x.T @ dz, dz.sum(0), (g * n).sum(0), g.sum(0), a.T @ delta, delta.sum(0)]
        return dict(zip(parameters, found, strict=True))

    return mine


def test_a_function_that_forgets_a_gain_of_one_differs():
    network = fresh()
    table = compare_gradients(network, X, LABELS, manual=by_function(forgets_gain=True))
    assert differing(table) == {"0.weight", "0.bias"}
    assert not table.agree
    assert "at the given parameters all match, because 1.weight is 1 and 0.bias, " in str(table)
    assert "the weight γ was forgotten on the way back" in str(table)
    assert compare_gradients(network, X, LABELS, manual=by_function()).agree
    assert not np.any(network[0].bias.data), "copies are moved"
    other = compare_gradients(moved(network), X, LABELS, manual=by_function(forgets_gain=True))
    assert "at the given parameters" not in str(other)


def test_a_function_that_forgets_a_bias_of_zero_differs():
    table = compare_gradients(fresh(), X, LABELS, manual=by_function(forgets_bias=True))
    assert not table.agree

    def without_biases(weights, biases, x, labels):
        return nn.by_hand.delta_rule.gradients(weights, [0.0 * b for b in biases], x, labels)

    assert not compare_gradients(nn.MLP([4, 3, 2], seed=0), X, LABELS, manual=without_biases).agree


def test_our_own_derivations_are_compared_at_moved_parameters_too(monkeypatch):
    planted(monkeypatch, layer_norm, "dx_hat = g * gamma", "dx_hat = g")
    assert differing(compare_gradients(fresh(), X, LABELS)) == {"0.weight", "0.bias"}


def test_arrays_cannot_be_computed_again_so_a_note_says_what_they_do_not_show():
    network = fresh()
    right = nn.manual_gradients(network, X, LABELS)
    note = "1.weight is 1 and 0.bias, 1.bias, 2.bias are 0 everywhere: a formula that forgets such"
    for manual in (right, lambda parameters, x, labels: right):  # which ignores its arguments
        table = compare_gradients(network, X, LABELS, manual=manual, samples=1)
        assert table.agree
        assert note in str(table)
    assert "everywhere" not in str(compare_gradients(network, X, LABELS, samples=1))

"""Tests of `compare_gradients` where a right gradient could be called wrong, or a wrong one right:
networks that were changed, rows that are not trained, and parameters that are 0 or 1.
"""

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import compare_gradients

from .compared_networks import differing, moved

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
        (np.where(X == X[1, 2], np.nan, X), {}, ValueError, r"x is nan at \[1, 2\], expected fini"),
        (np.where(X == X[0, 3], -np.inf, X), {}, ValueError, r"x is -inf at \[0, 3\], expected"),
        (X + 1j, {}, TypeError, "x has dtype complex128, expected real numbers"),
        (X.astype(str), {}, TypeError, "x has dtype <U.*, expected real numbers"),
        (X, {"loss": ["hinge"]}, ValueError, r"loss is \['hinge'\]; expected one of softmax_cr"),
    ],
)
def test_unsuitable_arguments_are_one_line(network, x, options, error, message):
    with pytest.raises(error, match=message) as caught:
        compare_gradients(network(), x, LABELS, **options)
    assert "\n" not in str(caught.value)

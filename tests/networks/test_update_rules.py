"""Tests the update rules of the textbook: against optimizers, and numbers worked out by hand."""

import inspect

import numpy as np
import pytest

import nn
from nn.by_hand.updates import rules
from nn.by_hand.updates.calls import Task
from nn.by_hand.updates.check_update import _RULES
from nn.by_hand.updates.courses import computed
from nn.by_hand.updates.slips import EQUATIONS
from tinygrad_edu import Tensor

SETTINGS = {"lr": 0.03, "momentum": 0.7, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
STEPS = 5


@pytest.fixture
def start():
    return np.random.default_rng().normal(size=(3, 2))


@pytest.fixture
def gradients():
    return np.random.default_rng().normal(size=(STEPS, 3, 2))


def course(rule, start, gradients, **settings):
    """Make the steps of a rule; return the parameter after each."""
    function, names, kept = _RULES[rule]
    settings = {name: {**SETTINGS, "weight_decay": 0.0, **settings}[name] for name in names}
    w, state, found = start, [np.zeros_like(start) for _ in kept], []
    for t, g in enumerate(gradients, 1):
        time = [t] if "t" in inspect.signature(function).parameters else []
        result = function(w, g, *state, *time, **settings)
        w, *state = result if kept else (result,)
        found.append(w)
    return found


def test_every_rule_is_listed():
    public = {getattr(rules, name) for name in rules.__all__}
    assert public == {function for function, _, _ in _RULES.values()}
    assert EQUATIONS.keys() == _RULES.keys()


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        ("sgd", "SGD", {}),
        ("momentum", "SGD", {"momentum": 0.7}),
        ("nesterov", "SGD", {"momentum": 0.7, "nesterov": True}),
        ("adagrad", "Adagrad", {"eps": 1e-3}),
        ("rmsprop", "RMSprop", {"alpha": 0.95, "eps": 1e-3}),
        ("adam", "Adam", {"betas": (0.8, 0.95), "eps": 1e-3}),
        ("adamw", "AdamW", {"betas": (0.8, 0.95), "eps": 1e-3}),
    ],
)
def test_the_optimizer_makes_the_same_steps(rule, name, options, decay, start, gradients):
    parameter = Tensor(start, requires_grad=True)
    optimizer = getattr(nn, name)([parameter], lr=0.03, weight_decay=decay, **options)
    for g, expected in zip(
        gradients, course(rule, start, gradients, weight_decay=decay), strict=True
    ):
        optimizer.zero_grad()
        (parameter * g).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.parametrize(
    ("rule", "name", "options"),
    [
        ("sgd", "SGD", {}),
        ("momentum", "SGD", {"momentum": 0.7}),
        ("nesterov", "SGD", {"momentum": 0.7, "nesterov": True}),
        ("adagrad", "Adagrad", {"eps": 1e-3}),
        ("rmsprop", "RMSprop", {"alpha": 0.95, "eps": 1e-3}),
        ("adam", "Adam", {"betas": (0.8, 0.95), "eps": 1e-3}),
        ("adamw", "AdamW", {"betas": (0.8, 0.95), "eps": 1e-3}),
    ],
)
def test_pytorch_makes_the_same_steps(rule, name, options, decay, start, gradients):
    torch = pytest.importorskip("torch")
    parameter = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, name)([parameter], lr=0.03, weight_decay=decay, **options)
    for g, expected in zip(
        gradients, course(rule, start, gradients, weight_decay=decay), strict=True
    ):
        parameter.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-10)


def test_the_classic_form_moves_the_parameter_alike(start, gradients):
    np.testing.assert_allclose(
        course("classic_momentum", start, gradients), course("momentum", start, gradients)
    )


# With all gradients 1 and a start at 0, each rule is a formula of the number of the step.
@pytest.mark.parametrize(
    ("rule", "distance"),
    [
        ("sgd", lambda t: t),
        ("momentum", lambda t: sum((1 - 0.7**k) / 0.3 for k in range(1, t + 1))),
        ("nesterov", lambda t: sum((1 - 0.7 ** (k + 1)) / 0.3 for k in range(1, t + 1))),
        ("adagrad", lambda t: sum(1 / (k**0.5 + 1e-3) for k in range(1, t + 1))),
        ("rmsprop", lambda t: sum(1 / ((1 - 0.95**k) ** 0.5 + 1e-3) for k in range(1, t + 1))),
        ("adam", lambda t: t / 1.001),
        ("adamw", lambda t: t / 1.001),
    ],
)
def test_constant_gradients_follow_a_formula(rule, distance):
    for t, w in enumerate(course(rule, np.zeros(1), np.ones((STEPS, 1))), 1):
        np.testing.assert_allclose(w, -0.03 * distance(t), rtol=1e-12)


def test_decay_shrinks_without_a_gradient():
    """Where g is 0, AdamW multiplies by 1 - lr * weight_decay, and so does SGD."""
    for rule in ("sgd", "adamw"):
        last = course(rule, np.ones(1), np.zeros((STEPS, 1)), weight_decay=0.5)[-1]
        np.testing.assert_allclose(last, (1 - 0.03 * 0.5) ** STEPS)


@pytest.mark.parametrize("rule", EQUATIONS)
def test_equations_are_those_of_the_functions(rule, start, gradients):
    """Slips change the equations, so these must be the rule."""
    settings = {**SETTINGS, "weight_decay": 0.1}
    task = Task(
        {"W": start}, [{"W": g} for g in gradients], settings, _RULES[rule][2], {"W": False}
    )
    expected = course(rule, start, gradients, weight_decay=0.1)
    for step, w in zip(computed(rule, task), expected, strict=True):
        np.testing.assert_allclose(step["w", "W"], w, rtol=1e-12)

"""Tests that captured steps with an optimizer do what plain ones do, to the last bit, while
schedules change the options; and that what cannot be replayed is refused with advice.
"""

import re

import numpy as np
import pytest

import nn
from nn import MLP, softmax_cross_entropy
from tinygrad_edu import CaptureError, Tensor, capture

from .cases import SETTINGS, names_of

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
LABELS = np.arange(8) % 3


def training(make, extra=None):
    """Return a network, what `make` returns for it, and a step; `extra` runs before the update."""
    network = MLP([4, 5, 3], "tanh", seed=0)
    optimizer = make(network)

    def step(x, labels):
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward()
        if extra is not None:
            extra(network)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return network, optimizer, step


def compare(make, schedule=None, extra=None, between=None, recordings=3, calls=20):
    """Run a captured step and its plain twin, and compare them after each call."""
    networks, optimizers, functions = zip(*(training(make, extra) for _ in range(2)), strict=True)
    schedules = [schedule(optimizer) for optimizer in optimizers] if schedule else []
    captured = capture(functions[1])
    for number in range(calls):
        losses = [function(X, LABELS).item() for function in (functions[0], captured)]
        assert losses[0] == losses[1]
        for each in schedules:
            each.step()
        if between is not None:
            for optimizer in optimizers:
                between(number, optimizer)
        for one, two in zip(*(network.parameters() for network in networks), strict=True):
            assert one._data.dtype == two._data.dtype == np.float32
            np.testing.assert_array_equal(one._data, two._data)
    assert captured._programs
    assert captured.recordings <= recordings
    return optimizers


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=names_of)
def test_captured_while_a_schedule_changes_the_rate(name, options):
    def make(network):
        return getattr(nn, name)(network.parameters(), **{"lr": 0.05, **options})

    compare(make, lambda optimizer: nn.CosineAnnealingLR(optimizer, 25))


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Lion"])
def test_captured_while_the_momentum_changes(name):
    options = {} if name in ("Adam", "Lion") else {"momentum": 0.9}

    def make(network):
        return getattr(nn, name)(network.parameters(), lr=0.05, **options)

    compare(make, lambda optimizer: nn.OneCycleLR(optimizer, max_lr=0.1, total_steps=20))


def test_captured_groups_whose_options_change():
    def make(network):
        groups = [{"params": network.parameters()[:2], "lr": 0.01}]
        return nn.AdamW([*groups, {"params": network.parameters()[2:], "weight_decay": 0.5}])

    def between(number, optimizer):
        optimizer.param_groups[1]["lr"] = 0.01 * number
        if number == 9:
            optimizer.param_groups[0]["weight_decay"] = 0.3  # is recorded again

    compare(make, between=between, recordings=5)


def test_captured_with_a_saved_state():
    saved = []

    def between(number, optimizer):
        if number == 6:
            saved.append(optimizer.state_dict())
        if number == 12:
            optimizer.load_state_dict(saved.pop(0))

    compare(lambda network: nn.Adam(network.parameters(), 0.1), between=between)


def test_captured_clipping():
    norms = []

    def extra(network):
        norms.append(nn.clip_grad_norm(network.parameters(), 0.1))
        norms.clear()
        nn.clip_grad_value(network.parameters(), 0.02)

    compare(lambda network: nn.SGD(network.parameters(), 0.1, 0.9), extra=extra)


def test_captured_average_of_weights():
    averages = []

    class WithAverage(nn.SGD):
        def __init__(self, network):
            super().__init__(network.parameters(), lr=0.1)
            self.average = nn.ExponentialMovingAverage(network, 0.9)
            averages.append(self.average)

        def step(self):
            super().step()
            self.average.update()

    compare(WithAverage)
    one, two = (average.state_dict() for average in averages)
    assert all(np.array_equal(one[name], two[name]) for name in one)


# What a learner writes -------------------------------------------------------------------------


class Adam(nn.Optimizer):
    """In ten lines, as on a slide."""

    def __init__(self, params, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr=lr, beta1=beta1, beta2=beta2, eps=eps)

    def update(self, p, g, state, lr, beta1, beta2, eps):
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g**2
        return p - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)


def test_a_learners_optimizer_is_captured():
    own, _ = compare(
        lambda network: Adam(network.parameters()),
        lambda optimizer: nn.ExponentialLR(optimizer, 0.9),
    )
    network, optimizer, step = training(lambda network: nn.Adam(network.parameters(), 0.01))
    schedule = nn.ExponentialLR(optimizer, 0.9)
    for _ in range(20):
        step(X, LABELS)
        schedule.step()
    for one, two in zip(own.params, network.parameters(), strict=True):
        np.testing.assert_allclose(one.data, two.data, rtol=1e-4, atol=1e-5)


class InPlace(nn.Optimizer):
    """Writes into its state, which is its own."""

    def update(self, p, g, state, lr):
        if "v" not in state:
            state["v"] = np.zeros_like(p)
        state["v"] *= 0.9
        state["v"] += g
        return p - lr * state["v"]


def test_a_state_that_is_written_into():
    compare(lambda network: InPlace(network.parameters(), lr=0.1))


class PlainAdam:
    """As people write it without a base class."""

    def __init__(self, params, lr=0.01):
        self.params, self.lr = list(params), lr
        self.t = 0
        self.m = [np.zeros_like(p.data) for p in self.params]
        self.v = [np.zeros_like(p.data) for p in self.params]

    def means(self, name, beta, power):
        kept = zip(getattr(self, name), self.params, strict=True)
        return [beta * m + (1 - beta) * p.grad**power for m, p in kept]

    def replace(self):
        self.m, self.v = self.means("m", 0.9, 1), self.means("v", 0.999, 2)

    def step(self):
        self.t += 1
        self.replace()
        for p, m, v in zip(self.params, self.m, self.v, strict=True):
            m_hat, v_hat = m / (1 - 0.9**self.t), v / (1 - 0.999**self.t)
            p.data = p.data - self.lr * m_hat / (np.sqrt(v_hat) + 1e-8)

    def zero_grad(self):
        for p in self.params:
            p.grad = None


class Advised(PlainAdam):
    """The same, after following the advice."""

    def __init__(self, params, lr=0.01):
        super().__init__(params, lr)
        self.t = np.zeros(())

    def replace(self):
        self.m[:] = self.means("m", 0.9, 1)
        self.v[:] = self.means("v", 0.999, 2)


def test_a_class_with_a_counter_is_refused_with_advice_that_works():
    network, optimizer, step = training(lambda network: PlainAdam(network.parameters()))
    captured = capture(step)
    captured(X, LABELS)
    weights = network.state_dict()
    expected = (
        "the step changes optimizer.t, optimizer.m, optimizer.v at each call, and a replay would "
        "not; keep it in an array: optimizer.t = np.zeros(()) outside of the step, and optimizer.t "
        "+= 1 in it; write into the existing list instead of making a new one: optimizer.m[:] = ..."
    )
    with pytest.raises(CaptureError, match=re.escape(expected)):
        captured(X, LABELS)
    assert optimizer.t == 1
    assert all(np.array_equal(weights[k], v) for k, v in network.state_dict().items())
    compare(lambda network: Advised(network.parameters()))


def test_a_counter_on_the_base_class_is_refused_by_name():
    class Counting(nn.Optimizer):
        t = 0

        def step(self):
            self.t += 1
            super().step()

        def update(self, p, g, state, lr):
            return p - lr / self.t * g

    *_, step = training(lambda network: Counting(network.parameters(), lr=0.1))
    captured = capture(step)
    captured(X, LABELS)  # makes the attribute
    captured(X, LABELS)
    with pytest.raises(CaptureError, match=r"changes optimizer\.t at each call.*in an array"):
        captured(X, LABELS)


def test_a_schedule_inside_the_step_is_refused_by_name():
    network = MLP([4, 5, 3], seed=0)
    optimizer = nn.SGD(network.parameters(), lr=0.1)
    schedule = nn.StepLR(optimizer, 2)

    def step(x, labels):
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        schedule.step()
        return loss

    with pytest.raises(CaptureError, match="float"):
        capture(step)(X, LABELS)
    assert schedule.last_epoch == 0


def test_lbfgs_is_refused_and_its_closure_is_captured():
    def make(wrap):
        x = Tensor([-1.2, 1.0], requires_grad=True)
        optimizer = nn.LBFGS([x], line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            loss.backward()
            return loss

        return x, optimizer, wrap(closure)

    x, optimizer, closure = make(lambda closure: closure)
    with pytest.raises(CaptureError, match="capture the closure instead"):
        capture(lambda: optimizer.step(closure))()
    assert x.tolist() == [-1.2, 1.0]
    y, other, captured = make(capture)
    for _ in range(3):
        optimizer.step(closure)
        other.step(captured)
        np.testing.assert_array_equal(x.data, y.data)
    assert captured._programs

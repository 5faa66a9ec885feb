"""Tests that a captured training step does what the plain one does, to the last bit: for networks
and optimizers of all kinds, and for steps as users write them.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD, HuberLoss, LeakyReLU
from nn.loss import classification_loss
from tinygrad_edu import Tensor, checkpoint, grad

from .test_twins import Box, drawn, outcome, replayed, trained, twins

STRUCTURES = ((4, 3), (4, 6, 5, 3), (4, 5, 1))
OPTIMIZERS = ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01})


def batch(number, outputs=3, dtype="float32"):
    """Draw samples and labels; two of ten batches are smaller."""
    rows = 4 if number % 5 == 3 else 6
    labels = np.random.default_rng(number).integers(0, max(outputs, 2), size=rows)
    return drawn(number, rows, 4, dtype=dtype), labels


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_networks_and_optimizers(activation, dtype):
    for structure, keywords in itertools.product(STRUCTURES, OPTIMIZERS):

        def make(structure=structure, keywords=keywords):
            network, optimizer = trained(structure, activation, dtype, **keywords)

            def step(x, y):
                logits = network(Tensor(x))
                loss = classification_loss(logits, Tensor(y))
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                return loss, logits

            return step, (network, optimizer)

        # A product of small float32 matrices sometimes sets the flag of an invalid operation
        # although each of its numbers is finite: BLAS also computes with lanes that belong to no
        # element. The results are compared bit by bit.
        with np.errstate(invalid="ignore"):
            replayed(make, lambda number, k=structure[-1]: batch(number, k, dtype), calls=12)


def compared(body, feed=batch, between=None, calls=12, require=replayed, **state):
    """Compare the twins of a step written as ``body(network, box, loss_of, x, y)``."""

    def make():
        network, _ = trained()
        parameters = network.parameters()
        box = Box(**{name: initial(parameters) for name, initial in state.items()})

        def loss_of(x, y):
            return classification_loss(network(Tensor(x)), Tensor(y))

        def step(x, y):
            return body(network, box, loss_of, x, y)

        return step, (network, box)

    return require(make, feed, calls, between)


def zeros(parameters):
    return [np.zeros_like(parameter._data) for parameter in parameters]


def adam(network, box, loss_of, x, y):
    loss = loss_of(x, y)
    loss.backward()
    box.t += 1.0
    for m, v, p in zip(box.m, box.v, network.parameters(), strict=True):
        m *= 0.9
        m += 0.1 * p.grad
        v *= 0.99
        v += 0.01 * p.grad * p.grad
        p.data = p.data - 0.01 * (m / (1 - 0.9**box.t)) / (np.sqrt(v / (1 - 0.99**box.t)) + 1e-8)
        p.grad = None
    return loss


@pytest.mark.parametrize("shape", [(), (1,)])
def test_adam_that_counts_in_an_array(shape):
    compared(adam, m=zeros, v=zeros, t=lambda _: np.zeros(shape))


def test_adam_that_counts_in_python_is_refused():
    _, refusal = compared(adam, m=zeros, v=zeros, t=lambda _: 0.0, require=twins)
    assert "box.t" in str(refusal)


def test_adam_with_new_arrays_and_a_power_for_the_root():
    def body(network, box, loss_of, x, y):
        network.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        for i, p in enumerate(network.parameters()):
            box.m[i] = 0.9 * box.m[i] + 0.1 * p.grad
            box.v[i] = 0.99 * box.v[i] + 0.01 * p.grad**2
            p.data = p.data - 0.01 * box.m[i] / (box.v[i] ** 0.5 + 1e-8)
        return loss

    compared(body, m=zeros, v=zeros)


def test_state_that_is_made_in_the_first_call():
    def body(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        if not hasattr(box, "velocity"):
            box.velocity = [np.zeros_like(p.data) for p in network.parameters()]
        for v, p in zip(box.velocity, network.parameters(), strict=True):
            v *= 0.5
            v += p.grad
            p.data = p.data - 0.1 * v
        network.zero_grad()
        return loss

    compared(body)


def test_state_by_parameter():
    def body(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        for p in network.parameters():
            box.state[p] = 0.9 * box.state[p] + p.grad
            p.data = p.data - 0.1 * box.state[p]
        network.zero_grad()
        return loss

    state = {"state": lambda ps: {p: np.zeros_like(p._data) for p in ps}}
    assert compared(body, require=outcome, **state) in ("replayed", "refused")


def test_averages_of_the_weights():
    def body(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        for average, p in zip(box.averages, network.parameters(), strict=True):
            p.data = p.data - 0.1 * p.grad
            average *= 0.9
            average += 0.1 * p.data
        network.zero_grad()
        return loss

    compared(body, averages=zeros)


def test_gradients_that_are_clipped():
    def by_norm(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        norm = np.sqrt(sum((p.grad**2).sum() for p in network.parameters()))
        scale = np.where(norm > 0.3, 0.3 / norm, 1.0)
        for p in network.parameters():
            p.data = p.data - scale * p.grad
            p.grad = None
        return loss, norm

    def by_value(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        for p in network.parameters():
            p.data = p.data - np.clip(p.grad, -0.01, 0.01)
            p.grad = None
        return loss

    compared(by_norm)
    compared(by_value)


def test_gradients_that_are_added_up():
    def in_a_call(network, box, loss_of, x, y):
        for half in (slice(None, 2), slice(2, None)):
            loss = loss_of(x[half], y[half])
            loss.backward()
        for p in network.parameters():
            p.data = p.data - 0.1 * p.grad
            p.grad = None
        return loss

    def across_calls(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        return loss, [p.grad for p in network.parameters()]

    def zeroed_before(network, box, loss_of, x, y):
        network.zero_grad()
        return in_a_call(network, box, loss_of, x, y)

    for body in (in_a_call, across_calls, zeroed_before):
        compared(body)


def test_two_optimizers_of_overlapping_parameters():
    def body(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        loss.backward()
        box.first.step()
        box.second.step()
        network.zero_grad()
        return loss

    compared(
        body,
        first=lambda ps: SGD(ps[:2], 0.1, momentum=0.9),
        second=lambda ps: SGD(ps[1:], 0.05),
    )


def test_tied_weights_and_graphs_of_several_losses():
    def tied(network, box, loss_of, x, y):
        weight = network.parameters()[0]
        hidden = Tensor(x) @ weight
        loss = ((hidden @ weight.T - Tensor(x)) ** 2).mean()
        loss.backward()
        weight.data = weight.data - 0.1 * weight.grad
        weight.grad = None
        return loss, hidden

    def several(network, box, loss_of, x, y):
        parameters = network.parameters()
        first, second = loss_of(x, y), (parameters[0] ** 2).sum()
        gradients = [*grad(first, parameters), grad(second, parameters[0])]
        parameters[0].data = parameters[0].data - 0.1 * (gradients[0] + gradients[-1])
        return first, second, gradients

    compared(tied)
    compared(several)


def test_derivatives_of_derivatives_and_checkpoints():
    def penalty(network, box, loss_of, x, y):
        t = Tensor(x, requires_grad=True)
        slope = grad(network(t).sum(), t, create_graph=True)
        loss = (slope * slope).sum() + loss_of(x, y)
        for p, g in zip(network.parameters(), grad(loss, network.parameters()), strict=True):
            p.data = p.data - 0.01 * g
        return loss

    def checkpointed(network, box, loss_of, x, y):
        loss = (checkpoint(network, Tensor(x)) ** 2).mean()
        loss.backward()
        for p in network.parameters():
            p.data = p.data - 0.01 * p.grad
            p.grad = None
        return loss

    def jacobian(network, box, loss_of, x, y):
        return tg.jacobian(lambda t: network(t).sum(axis=0), Tensor(x))

    def product(network, box, loss_of, x, y):
        return tg.hvp(lambda t: (network(t) ** 2).sum(), Tensor(x), Tensor(x * 2))

    for body in (penalty, checkpointed, product):
        assert compared(body, require=outcome) in ("replayed", "refused")
    compared(jacobian)


def test_gradients_of_two_parameters_stay_two_arrays():
    """Both get the same gradient, which a replay computes once."""
    first, second, weight = Tensor(np.ones(3), True), Tensor(np.ones(3), True), Tensor(np.eye(3))

    @tg.capture
    def step(x):
        first.grad = second.grad = None
        loss = (tg.linear(x, weight, first + second) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(6):
        step(np.ones((4, 3)))
        assert not np.shares_memory(first.grad, second.grad)
        np.testing.assert_array_equal(first.grad, second.grad)
    assert step.recordings < 6


def test_composed_functions_of_plain_arrays():
    step = tg.capture(lambda x: tg.swapaxes(x, 0, 1) + tg.flip(x))
    for i in range(4):
        x = i + np.arange(9.0).reshape(3, 3)
        np.testing.assert_array_equal(step(x), x.T + x[::-1, ::-1])
    assert step.recordings < 4


def test_a_layer_with_settings_that_the_step_makes():
    """Such a class has a signature, which the search reaches when user code names the class."""

    def make():
        network, optimizer = trained()

        def step(x, y):
            loss = HuberLoss()(LeakyReLU(0.2)(network(x)), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        return step, (network, optimizer)

    replayed(make, lambda number: (drawn(number, 5, 4), drawn(number + 100, 5, 3)), calls=6)


def test_a_rate_that_is_a_quotient_of_numbers_from_a_counter():
    """Both depend on the counter, which waits until a gradient uses the quotient."""

    def body(network, box, loss_of, x, y):
        network.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        t = box.t = box.t + 1
        rate = box.rate * (1 - np.power(0.9, t)) / (1 - np.power(0.99, t))
        for p in network.parameters():
            p.data = p.data - rate.astype(p.dtype) * p.grad
        return loss

    compared(body, t=lambda _: np.zeros(()), rate=lambda _: np.array(0.01))

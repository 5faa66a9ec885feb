"""Proves that a captured training step does what the plain one does, to the last bit: for networks
and optimisers of all kinds, while settings change between the calls, and when something is wrong.
"""

import contextlib
import itertools
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from nn.loss import classification_loss
from tinygrad_edu import CaptureError, Tensor, capture, checkpoint, grad, no_grad

from .test_capturing_twins import Box, drawn, outcome, replayed, trained, twins

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

        replayed(make, lambda number, k=structure[-1]: batch(number, k, dtype), calls=12)


def compared(body, feed=batch, between=None, calls=12, require=replayed, **state):
    """Compare the twins of a step that is written as ``body(network, box, loss_of, x, y)``."""

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
    step, refusal = compared(adam, m=zeros, v=zeros, t=lambda _: 0.0, require=twins)
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


# What changes between the calls ---------------------------------------------------------------


def momentum_step(network, box, loss_of, x, y):
    loss = loss_of(x, y)
    loss.backward()
    box.optimizer.step()
    box.optimizer.zero_grad()
    return loss


def with_momentum(ps):
    return SGD(ps, 0.1, momentum=0.9)


def whole(number):
    return batch(5 * number)


def changing(**changes):
    """Let ``optimizer`` of the state be changed before calls: ``c4=change``."""

    def between(number, state):
        change = changes.get(f"c{number}")
        if change is not None:
            change(state[0], state[1].optimizer)

    compared(momentum_step, whole, between, calls=20, optimizer=with_momentum)


def test_settings_of_the_optimizer_that_change():
    changing(
        c4=lambda network, optimizer: setattr(optimizer, "lr", 0.05),
        c8=lambda network, optimizer: setattr(optimizer, "momentum", 0.5),
        c12=lambda network, optimizer: setattr(optimizer, "weight_decay", 0.1),
        c16=lambda network, optimizer: setattr(optimizer, "nesterov", True),
    )


def test_parameters_that_are_frozen_and_thawed():
    changing(
        c4=lambda network, optimizer: setattr(optimizer.params[0], "requires_grad", False),
        c10=lambda network, optimizer: setattr(optimizer.params[0], "requires_grad", True),
        c14=lambda network, optimizer: setattr(optimizer.params[-1], "requires_grad", False),
    )


def test_weights_that_are_replaced():
    def in_fortran_order(network, optimizer):
        weights = {k: np.asfortranarray(v * 0.5) for k, v in network.state_dict().items()}
        network.load_state_dict(weights)

    def halved(network, optimizer):
        optimizer.params[0].data = optimizer.params[0].data / 2

    def of_another_layout(network, optimizer):
        first = optimizer.params[0]
        first._data = np.asfortranarray(first._data)

    def shared(network, optimizer):
        network.linear2.bias._data = optimizer._velocity[3] = drawn(1, 3, dtype=np.float32)

    def other_gradient(network, optimizer):
        optimizer.params[0].grad = np.ones_like(optimizer.params[0].data)

    changing(c4=in_fortran_order, c6=halved, c9=of_another_layout, c14=shared)
    assert whole(0)[0].shape == (6, 4)
    changing(c5=halved, c10=lambda network, optimizer: network.zero_grad())
    changing(c5=other_gradient)


def test_a_network_that_is_trained_and_used():
    def body(network, box, loss_of, x, y):
        loss = loss_of(x, y)
        return loss * 2 if network.training else loss

    def between(number, state):
        if number in (4, 7, 13):
            state[0].train(number == 7)

    compared(body, whole, between, calls=20)


def test_recording_that_is_off():
    def body(network, box, loss_of, x, y):
        with no_grad():
            loss = loss_of(x, y)
        return loss, loss_of(x, y).requires_grad

    compared(body, whole)
    w = Tensor(np.ones(3), requires_grad=True)
    step = capture(lambda x: x * w if (x * w).requires_grad else x)
    with contextlib.suppress(CaptureError):
        for number in range(12):
            x = drawn(number, 3)
            with no_grad() if number % 4 > 1 else tg.enable_grad():
                assert np.array_equal(step(x), x)


def test_hooks_that_come_and_go():
    handles = {}

    def between(number, w):
        if number == 3:
            handles[id(w)] = w.register_hook(lambda g: 2 * g)
        elif number == 7:
            w.register_hook(lambda g: 3 * g)
        elif number == 11:
            handles[id(w)].remove()

    def make():
        w = Tensor(np.ones(3), requires_grad=True)

        def step(x):
            (x * w).sum().backward()
            found, w.grad = w.grad, None
            return found

        return step, w

    assert outcome(make, lambda number: (drawn(number, 3),), 16, between) in ("replayed", "refused")


# What is wrong --------------------------------------------------------------------------------


def bad_batch(number):
    x, y = batch(5 * number)
    if number in (5, 6):
        y[2] = 7 if number == 5 else -1
    return x, y


def test_labels_that_do_not_fit():
    compared(momentum_step, bad_batch, optimizer=with_momentum)


def test_labels_that_do_not_fit_a_loss_that_nobody_uses():
    def body(network, box, loss_of, x, y):
        logits = network(Tensor(x))
        classification_loss(logits, Tensor(y))
        return logits

    assert compared(body, bad_batch, require=outcome) in ("replayed", "refused")


def test_labels_that_do_not_fit_after_something_was_counted():
    def body(network, box, loss_of, x, y):
        box.count += 1.0
        return momentum_step(network, box, loss_of, x, y)

    def make():
        network, optimizer = trained()
        box = Box(count=np.zeros(()), optimizer=optimizer)
        return (
            lambda x, y: body(
                network, box, lambda x, y: classification_loss(network(Tensor(x)), Tensor(y)), x, y
            )
        ), None

    replayed(make, bad_batch)


def test_other_shapes_that_do_not_fit():
    def feed(number):
        x, y = batch(5 * number)
        return (x[:, :3], y) if number == 5 else (x, y[:5]) if number == 7 else (x, y)

    compared(momentum_step, feed, optimizer=with_momentum)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_error_of_the_step_itself_leaves_arrays_as_they_were(kind):
    network, optimizer = trained(momentum=0.9)
    box = Box(counts=np.zeros(2), fail=True)

    def step(x, y):
        box.counts += 1
        loss = classification_loss(network(Tensor(x)), Tensor(y))
        loss.backward()
        optimizer.step()
        box.fresh = loss._data
        if box.fail:
            raise kind("the user's")
        optimizer.zero_grad()
        return loss

    captured, weights = capture(step), network.state_dict()
    with pytest.raises(kind, match="the user's"):
        captured(*batch(0))
    assert all(np.array_equal(weights[k], v) for k, v in network.state_dict().items())
    assert all(p.grad is None or type(p.grad) is np.ndarray for p in network.parameters())
    assert all(v is None or type(v) is np.ndarray for v in optimizer._velocity)
    assert not hasattr(box, "fresh") or isinstance(box.fresh, np.ndarray | np.generic)
    box.fail = False
    optimizer.zero_grad()
    for number in range(6):
        captured(*batch(number))
    assert captured._programs


def test_a_warning_that_is_silenced_inside():
    def make():
        box = Box(array=np.ones(3))

        def step(x):
            with np.errstate(divide="ignore"):
                box.array = box.array * 0.5
                return 1 / x

        return step, box

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(make, lambda number: (np.array([1.0, 0.0, number + 1]),)) != "wrong"


def test_what_a_tensor_refuses_is_refused():
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    for array in (np.ones(2) + 1j, masked, np.array(["1"]), np.array(["2020"], "M8[D]")):
        step = capture(lambda x: Tensor(x))
        with pytest.raises((TypeError, CaptureError)):
            step(array)

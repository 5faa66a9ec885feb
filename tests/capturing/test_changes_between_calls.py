"""Tests a captured training step whose settings, weights and modes change between calls, and whose
calls fail: it does what its plain twin does, with the same messages.
"""

import contextlib
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from nn.loss import classification_loss
from tinygrad_edu import CaptureError, Tensor, capture, no_grad

from .test_training_steps import batch, compared
from .test_twins import Box, drawn, outcome, replayed, trained


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
    """Change ``optimizer`` of the state before calls: ``c4=change`` before call 4."""

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
        state = optimizer.state[network.linear2.bias]
        network.linear2.bias._data = state["momentum_buffer"] = drawn(1, 3, dtype=np.float32)

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


# Errors ---------------------------------------------------------------------------------------


def bad_batch(number):
    x, y = batch(5 * number)
    if number in (5, 6):
        y[2] = 7 if number == 5 else -1
    return x, y


def test_labels_that_do_not_fit():
    compared(momentum_step, bad_batch, optimizer=with_momentum)


def test_labels_that_do_not_fit_an_unused_loss():
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
def test_an_error_of_the_step_itself_leaves_arrays_unchanged(kind):
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
    states = optimizer.state.values()
    assert all(type(v) is np.ndarray for state in states for v in state.values())
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


def test_a_captured_step_refuses_what_a_tensor_refuses():
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    for array in (np.ones(2) + 1j, masked, np.array(["1"]), np.array(["2020"], "M8[D]")):
        step = capture(lambda x: Tensor(x) * 1)
        with pytest.raises((TypeError, CaptureError)):
            step(array)

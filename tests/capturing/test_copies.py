"""Copies of captured steps and of what holds them, steps that share gradients, and the words of
refusals that tell what to do instead.
"""

import copy
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest

from nn import MLP, SGD, Module, softmax_cross_entropy
from tinygrad_edu import CaptureError, Tensor, capture

from .test_twins import drawn, replayed

X, LABELS = drawn(0, 6, 4, dtype=np.float32), np.arange(6) % 3


class Trainer(Module):
    """A module that trains itself by a captured step."""

    def __init__(self):
        self.network = MLP([4, 5, 3], seed=0)
        self.optimizer = SGD(self.network.parameters(), lr=0.1)
        self.step = capture(self.train_step)

    def train_step(self, x, labels):
        loss = softmax_cross_entropy(self.network(Tensor(x)), labels)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_module_that_holds_a_captured_step(duplicate):
    trainer = Trainer()
    for _ in range(4):
        trainer.step(X, LABELS)
    other = duplicate(trainer)
    assert other.step.function.__self__ is other
    assert other.step.recordings == 0
    before = trainer.state_dict()
    losses = [other.step(X, LABELS).item() for _ in range(6)]
    for name, values in trainer.state_dict().items():
        np.testing.assert_array_equal(values, before[name])
    assert [trainer.step(X, LABELS).item() for _ in range(6)] == losses
    assert trainer.astype("float64").step.function.__self__ is not trainer


def test_a_copy_of_a_step_has_the_same_function():
    step = capture(lambda x: x * 2)
    step(X)
    assert copy.copy(step).function is step.function
    np.testing.assert_array_equal(copy.copy(step)(X), X * 2)


# Gradients that two steps share ---------------------------------------------------------------


@pytest.mark.parametrize("micro_batches", [1, 2, 3])
def test_gradients_are_added_up_in_one_step_and_used_in_another(micro_batches):
    def make(wrap=lambda step: step):
        network = MLP([4, 5, 3], seed=0)
        optimizer = SGD(network.parameters(), lr=0.1, momentum=0.9)

        def accumulate(x, labels):
            loss = softmax_cross_entropy(network(Tensor(x)), labels)
            loss.backward()
            return loss

        def update():
            optimizer.step()
            optimizer.zero_grad()

        return network, wrap(accumulate), wrap(update)

    network, accumulate, update = make(capture)
    twin, plain_accumulate, plain_update = make()
    for number in range(8 * micro_batches):
        x = drawn(number, 6, 4, dtype=np.float32)
        assert accumulate(x, LABELS).item() == plain_accumulate(x, LABELS).item()
        for one, other in zip(network.parameters(), twin.parameters(), strict=True):
            np.testing.assert_array_equal(one.grad, other.grad, strict=True)
        if number % micro_batches == micro_batches - 1:
            update()
            plain_update()
            assert all(parameter.grad is None for parameter in network.parameters())
        for one, other in zip(network.parameters(), twin.parameters(), strict=True):
            np.testing.assert_array_equal(one.data, other.data, strict=True)
    assert accumulate.recordings <= 4
    assert update.recordings == 3  # the first makes the velocities
    assert update._programs


def test_places_that_become_arrays_and_back():
    def make():
        box = SimpleNamespace(value=None, other=0.5, stage=np.zeros(()))

        def step(x):
            if box.value is None:
                box.value, box.other = x * 2, x + 1
            else:
                box.value, box.other = None, 0.5
            return x * 3

        return step, box

    step = replayed(make, lambda number: (drawn(number, 3),), 16)
    assert len(step._programs) == 2
    assert step.recordings == 4


def test_what_becomes_an_array_once():
    def make():
        box = SimpleNamespace(velocity=[None, None])

        def step(x):
            for i, old in enumerate(box.velocity):
                box.velocity[i] = x * i if old is None else old * 0.5 + x * i
            return box.velocity[1] * 1

        return step, box

    assert replayed(make, lambda number: (drawn(number, 3),)).recordings == 3


# Words ----------------------------------------------------------------------------------------


def rebound():
    box = SimpleNamespace(
        acc=[np.ones(2)], table={"a": np.ones(2)}, w=Tensor([1.0, 1.0]), n=1, more=[]
    )

    def rebind_list(x):
        box.acc = [a + 1 for a in box.acc]

    def write_list(x):
        box.acc[:] = [a + 1 for a in box.acc]

    def rebind_table(x):
        box.table = {key: a + 1 for key, a in box.table.items()}

    def write_table(x):
        for key in box.table:
            box.table[key] = box.table[key] + 1

    def rebind_tensor(x):
        box.w = Tensor(box.w.data + 1)

    def write_tensor(x):
        box.w.data = box.w.data + 1

    def count(x):
        box.n += 1

    def count_in_array(x):
        box.m = box.m + 1

    box.m = np.ones(())
    return box, {
        "box.acc[:] = ...": (rebind_list, write_list),
        "box.table[key] = ...": (rebind_table, write_table),
        "box.w.data = ...": (rebind_tensor, write_tensor),
        "keep it in an array": (count, count_in_array),
    }


@pytest.mark.parametrize("advice", rebound()[1])
def test_advice_for_what_is_changed_at_each_call(advice):
    box, steps = rebound()
    refused, followed = steps[advice]
    first = box.acc
    step = capture(lambda x: refused(x) or x * 2)
    step(X)
    with pytest.raises(CaptureError, match=re.escape(advice)) as error:
        step(X)
    path = advice.partition("[")[0].removesuffix(".data = ...") if advice[:3] == "box" else "box.n"
    assert str(error.value).startswith(f"the step changes {path} at each call, which a replay")
    assert all(type(array) is np.ndarray for array in first)
    step = capture(lambda x: followed(x) or x * 2)
    for _ in range(4):
        step(X)
    assert step._programs


def test_a_tensor_that_depends_on_no_array():
    for argument, name in ((1.0, "x"), (2, "x")):
        step = capture(lambda x: Tensor(x) * 2)
        with pytest.raises(CaptureError, match=rf"pass {name} as an array, np\.array\({name}\)$"):
            step(argument)
        for value in (1.0, 5.0, 7.0, 8.0):
            assert step(np.array(value)).item() == 2 * value
    with pytest.raises(CaptureError, match="does not depend on any array that it is given or can"):
        capture(lambda x: Tensor([1.0]))(X)

"""Tests copies of captured steps, and of modules that hold one."""

import copy
import pickle

import numpy as np
import pytest

from nn import MLP, SGD, Module, softmax_cross_entropy
from tinygrad_edu import Tensor, capture

from .test_twins import drawn

X, LABELS = drawn(0, 6, 4, dtype=np.float32), np.arange(6) % 3


class Trainer(Module):
    """A module that trains itself with a captured step."""

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

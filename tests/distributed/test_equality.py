"""Tests that ranks train the network that one process trains, with each kind of network and
optimizer, however the rows are divided.
"""

from functools import cache

import numpy as np
import pytest

from nn import LBFGS, softmax_cross_entropy
from nn.distributed import Alone, SharedGradients, run_threads

from .models import NETWORKS, OPTIMIZERS, ROWS, data, train, values

# The ends of the rows of each rank: even, uneven, and with a rank that has none.
DIVISIONS = [(0, 7, 13), (0, 1, 2, 4, 13), (0, 5, 5, 12, 13)]


@cache
def alone(network, optimizer):
    return train(Alone(), network, optimizer, (0, ROWS))


def check(network, optimizer, ends, kind):
    losses, weights = alone(network, optimizer)
    assert losses[-1] < losses[0]  # it learns
    found = run_threads(
        len(ends) - 1, lambda group: train(group, network, optimizer, ends, step_kind=kind)
    )
    for other_losses, other in found:
        np.testing.assert_allclose(other_losses, losses, rtol=1e-12)
        np.testing.assert_allclose(other, weights, rtol=1e-12, atol=1e-12)
        assert other.tobytes() == found[0][1].tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ends", DIVISIONS[:2])
def test_every_optimizer_does_as_on_one_process(optimizer, ends):
    check("mlp", optimizer, ends, "captured")


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("ends", DIVISIONS)
@pytest.mark.parametrize("kind", ["captured", "own loop"])
def test_every_network_does_as_on_one_process(network, ends, kind):
    check(network, "momentum", ends, kind)


def test_lbfgs_takes_the_same_steps_as_one_process():
    x, y = data((6,))

    def program(collective, ends=(0, 4, 13)):
        network, _ = NETWORKS["mlp"]()
        optimizer = LBFGS(network.parameters(), line_search_fn="strong_wolfe")
        shared = SharedGradients(network, collective, extras=1)
        rows = slice(ends[collective.rank], ends[collective.rank + 1])

        def closure():
            optimizer.zero_grad()
            mean = softmax_cross_entropy(network(x[rows]), y[rows])
            mean.backward()
            count = len(y[rows])
            total, loss = shared.reduce(count, [mean.item() * count])
            return loss / total

        optimizer.step(closure)
        return values(network), shared.steps

    expected, evaluations = program(Alone(), (0, 13))
    for found, count in run_threads(2, program):
        assert count == evaluations > 5
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)  # 20 iterations of it


def test_repeats_are_equal_to_the_last_bit():
    first, second = (
        run_threads(4, lambda group: train(group, "mlp", "Adam", DIVISIONS[1])[1])[0]
        for _ in range(2)
    )
    assert first.tobytes() == second.tobytes()


# Tests of the tests: mistakes that people make.


def test_forgotten_weights_are_caught(monkeypatch):
    reduce = SharedGradients.mean_of

    def mean_of(self, gradients, weight, extras=()):
        return reduce(self, gradients, float(weight > 0), [extras[0] / max(weight, 1)])

    monkeypatch.setattr(SharedGradients, "mean_of", mean_of)
    alone.cache_clear()
    with pytest.raises(AssertionError):
        check("mlp", "SGD", DIVISIONS[1], "own loop")
    alone.cache_clear()


def test_a_stale_message_is_caught(monkeypatch):
    packed = SharedGradients._packed

    def stale(self, *arguments):
        first = vars(self).setdefault("first", packed(self, *arguments))
        return first.copy()

    expected = alone("mlp", "SGD")
    monkeypatch.setattr(SharedGradients, "_packed", stale)
    assert expected[0][-1] < expected[0][0]
    with pytest.raises(AssertionError):
        check("mlp", "SGD", DIVISIONS[0], "own loop")

"""Tests what travels in the message of a step: dtypes, parameters without gradients, exact sums."""

import math

import numpy as np
import pytest

from nn import MLP, Linear, Sequential, Tanh, softmax_cross_entropy
from nn.distributed import Alone, ParallelStep, RankError, SharedGradients, run_threads
from nn.optim import LBFGS, SGD
from tinygrad_edu import GradientError, Tensor

generator = np.random.default_rng(23)
G = generator.normal(size=(4, 5))


def parameter(dtype="float64", size=5):
    return Tensor(np.zeros(size, dtype), requires_grad=True)


def on_all(size, program):
    """Return the errors of all ranks."""
    errors = [None] * size

    def run(collective):
        try:
            program(collective)
        except Exception as error:
            errors[collective.rank] = error

    run_threads(size, run)
    return errors


@pytest.mark.parametrize(
    ("dtypes", "message"),
    [
        (["float64"], "float64"),
        (["float32", "float32"], "float32"),
        (["float16"], "float32"),
        (["float32", "float64", "float16"], "float64"),
    ],
)
def test_each_dtype_is_averaged_and_kept(dtypes, message):
    weights = [3, 0, 1.5, 2]

    def program(collective):
        parameters = [parameter(dtype) for dtype in dtypes]
        shared = SharedGradients(parameters, collective)
        assert shared.dtype == message
        for p in parameters:
            p.grad = G[collective.rank].astype(p.dtype)
        total, *_ = shared.reduce(weights[collective.rank])
        assert total == 6.5
        return [p.grad for p in parameters]

    for found in run_threads(4, program):
        for dtype, gradient in zip(dtypes, found, strict=True):
            expected = np.average(G.astype(dtype).astype("float64"), axis=0, weights=weights)
            assert gradient.dtype == dtype
            bound = 4 * np.finfo(dtype).eps
            np.testing.assert_allclose(gradient, expected, rtol=bound, atol=bound)


def test_numbers_keep_their_64_bits_in_a_message_of_float32():
    numbers = generator.normal(size=(3, 4)) * 10.0 ** generator.integers(-200, 200, (3, 4))
    numbers[:, 0] = 2.0**53, 1.0, -1.0

    def program(collective):
        p = parameter("float32")
        shared = SharedGradients([p], collective, extras=4)
        p.grad = np.ones(5, "float32")
        return shared.reduce(0.1, numbers[collective.rank].tolist())

    expected = [math.fsum([0.1] * 3), *(math.fsum(column) for column in numbers.T)]
    assert run_threads(3, program) == [expected] * 3


def test_a_gradient_that_no_rank_has_stays_away():
    """An optimizer with momentum or decay would move the parameter otherwise."""

    def program(collective):
        one, two, three = parameters = [parameter(), parameter(), parameter()]
        shared = SharedGradients(parameters, collective)
        one.grad = G[collective.rank]
        if collective.rank == 1:
            two.grad = G[1]
        shared.reduce(2)
        return one.grad, two.grad, three.grad

    for one, two, three in run_threads(2, program):
        np.testing.assert_allclose(one, (G[0] + G[1]) / 2)
        np.testing.assert_allclose(two, G[1] / 2)
        assert three is None


def test_frozen_and_shared_parameters():
    def program(collective):
        frozen, shared_one = parameter(), parameter()
        frozen.requires_grad = False
        shared = SharedGradients([frozen, shared_one, shared_one], collective)
        shared_one.grad = G[collective.rank]
        shared.reduce(1)
        assert len(shared.parameters) == 1
        np.testing.assert_allclose(shared_one.grad, (G[0] + G[1]) / 2)
        assert frozen.grad is None
        frozen.requires_grad = True
        frozen.grad = G[0]
        shared.reduce(1)

    assert all(isinstance(error, GradientError) for error in on_all(2, program))
    frozen = parameter()
    frozen.requires_grad = False
    with pytest.raises(ValueError, match="nothing to train"):
        SharedGradients([frozen], Alone())


def test_frozen_layers_are_not_updated_in_a_captured_step():
    def program(collective):
        network = Sequential(
            Linear(3, 4, generator=np.random.default_rng(0)),
            Tanh(),
            Linear(4, 2, generator=np.random.default_rng(1)),
        )
        network[0].requires_grad_(False)
        before = [p.data.copy() for p in network.parameters()]
        optimizer = SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        step = ParallelStep(
            network, optimizer, lambda x, y: softmax_cross_entropy(network(x), y), collective
        )
        for _ in range(5):
            step(np.ones((2, 3)), np.array([0, 1]))
        return [not (p.data == b).all() for p, b in zip(network.parameters(), before, strict=True)]

    assert run_threads(2, program) == [[False, False, True, True]] * 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_of_a_rank_reaches_all(bad):
    def program(collective):
        p = parameter()
        shared = SharedGradients([p], collective, extras=1)
        p.grad = G[0].copy()
        p.grad[2] = bad if collective.rank == 1 else 1.0
        loss = shared.reduce(1, [bad if collective.rank == 1 else 1.0])[1]
        return p.grad, loss

    for gradient, loss in run_threads(2, program):
        assert np.isfinite(gradient).tolist() == [True, True, False, True, True]
        assert not math.isfinite(loss)


def test_nan_of_a_rank_without_rows_does_not_count():
    def program(collective):
        p = parameter()
        shared = SharedGradients([p], collective)
        p.grad = G[0] if collective.rank else np.full(5, np.nan)
        shared.reduce(collective.rank)
        return p.grad

    for gradient in run_threads(2, program):
        np.testing.assert_array_equal(gradient, G[0])


def test_gradients_stay_as_they_are_after_the_next_step():
    p = parameter()
    shared = SharedGradients([p], Alone())
    p.grad = G[0]
    shared.reduce(2)
    first = p.grad
    p.grad = G[1]
    shared.reduce(2)
    np.testing.assert_array_equal(first, G[0])


def test_weights_that_have_no_mean_are_refused():
    errors = on_all(2, lambda group: SharedGradients([parameter()], group).reduce(0))
    assert all(isinstance(e, ValueError) and "have the weight 0" in str(e) for e in errors)
    for weight in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="weight of the rows"):
            SharedGradients([parameter()], Alone()).reduce(weight)
    with pytest.raises(ValueError, match="got 1 extras"):
        SharedGradients([parameter()], Alone()).reduce(1, [2.0])


def test_ranks_at_different_steps_are_refused():
    def program(collective):
        p = parameter()
        shared = SharedGradients([p], collective)
        shared.steps = collective.rank
        p.grad = G[0]
        shared.reduce(1)

    for error in on_all(2, program):
        assert isinstance(error, RankError)
        assert "rank 0 is at step 1 and rank 1 at step 2" in str(error)


@pytest.mark.parametrize("what", ["shape", "dtype", "frozen", "number", "extras"])
def test_other_parameters_on_a_rank_are_refused_by_all(what):
    def program(collective):
        odd = collective.rank == 2
        sizes = (
            [4, 5, 3, 3]
            if what == "number" and odd
            else [4, 6 if what == "shape" and odd else 5, 3]
        )
        network = MLP(sizes, dtype="float64" if what == "dtype" and odd else "float32", seed=0)
        network.linear1.bias.requires_grad = not (what == "frozen" and odd)
        SharedGradients(network, collective, extras=int(what == "extras" and odd))

    for error in on_all(3, program):
        assert isinstance(error, RankError)
        assert "\n" not in str(error)
        assert "rank 2" in str(error)
        assert {"frozen": "linear1.bias", "extras": "extras"}.get(what, "linear") in str(error)


def test_lbfgs_in_a_step_is_refused():
    network = MLP([2, 2], seed=0)
    with pytest.raises(ValueError, match="several times"):
        ParallelStep(network, LBFGS(network.parameters()), lambda x: x, Alone())

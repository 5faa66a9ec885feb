"""Tests clipping of gradients, and the moving average of weights."""

import math

import numpy as np
import pytest

import nn
from nn import MLP, ExponentialMovingAverage, Module, clip_grad_norm, clip_grad_value
from tinygrad_edu import GradientError, Tensor

NORMS = [2.0, 1.0, 3.5, math.inf]


def with_gradients(make=Tensor, array=np.array):
    generator = np.random.default_rng(3)
    parameters = []
    for shape in [(3, 2), (4,), ()]:
        parameters.append(make(np.zeros(shape), requires_grad=True))
        parameters[-1].grad = array(generator.normal(size=shape))
    return [*parameters, make(np.zeros(2), requires_grad=True)]


@pytest.mark.parametrize("norm_type", NORMS)
@pytest.mark.parametrize("max_norm", [0.1, 100.0, 0.0])
def test_norms_are_those_of_one_vector(norm_type, max_norm):
    parameters = with_gradients()
    old = [p.grad for p in parameters[:3]]
    flat = np.concatenate([g.ravel() for g in old])
    expected = np.linalg.norm(flat, norm_type)
    copies = [g.copy() for g in old]
    found = clip_grad_norm(parameters, max_norm, norm_type)
    assert found == pytest.approx(expected, rel=1e-12)
    factor = min(1, max_norm / (expected + 1e-6))
    for parameter, before, kept in zip(parameters, old, copies, strict=False):
        np.testing.assert_allclose(parameter.grad, before * factor, rtol=1e-12)
        np.testing.assert_array_equal(before, kept)  # a new array
    assert parameters[3].grad is None


@pytest.mark.parametrize("norm_type", NORMS)
def test_agrees_with_pytorch(norm_type):
    torch = pytest.importorskip("torch")
    ours, theirs = with_gradients(), with_gradients(torch.tensor, torch.tensor)
    for limit in (100.0, 0.5):
        norm = torch.nn.utils.clip_grad_norm_(theirs, limit, norm_type)
        assert nn.optim.clip_grad_norm_(ours, limit, norm_type) == pytest.approx(norm.item())
    nn.optim.clip_grad_value_(ours, 0.1)
    torch.nn.utils.clip_grad_value_(theirs, 0.1)
    for one, two in zip(ours[:3], theirs, strict=False):
        np.testing.assert_allclose(one.grad, two.grad.numpy(), rtol=1e-6)


def test_large_gradients_in_a_small_dtype():
    x = Tensor([1.0, 1.0], requires_grad=True, dtype="float32")
    x.grad = [3e30, 4e30]
    assert clip_grad_norm(x, 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(x.grad, [0.6, 0.8], rtol=1e-6)
    assert x.grad.dtype == np.float32


def test_norms_that_are_not_finite():
    x, y = with_gradients()[:2]
    x.grad = np.full(x.shape, np.nan)
    before = y.grad
    with pytest.raises(GradientError, match=r"the norm of the gradients is nan.*detect_anomaly"):
        clip_grad_norm([x, y], 1.0, error_if_nonfinite=True)
    assert y.grad is before
    assert np.isnan(clip_grad_norm([x, y], 1.0))


def test_values_are_limited():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    x.grad = old = np.array([0.5, -2.0, np.inf])
    clip_grad_value([x], 1)
    assert x.grad.tolist() == [0.5, -1.0, 1.0]
    assert old.tolist() == [0.5, -2.0, np.inf]


def test_a_shared_parameter_is_scaled_once():
    x = Tensor([1.0, 1.0], requires_grad=True)
    x.grad = [3.0, 4.0]
    assert clip_grad_norm([x, x], 1.0) == 5.0
    np.testing.assert_allclose(x.grad, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: clip_grad_norm([x], -1.0), ValueError, "max_norm must be >= 0"),
        (lambda x: clip_grad_norm([x], 1.0, 0), ValueError, "norm_type must be > 0"),
        (lambda x: clip_grad_value([x], "1"), TypeError, "clip_value must be a number"),
        (lambda x: clip_grad_norm([x], 1.0), GradientError, "clip_grad_norm found no gradients"),
        (lambda x: clip_grad_norm([x, 1.0], 1.0), TypeError, "parameter 1 of clip_grad_norm is a"),
        (lambda x: clip_grad_norm(1.0, 1.0), TypeError, "takes tensors, got a float; pass a list"),
        (
            lambda x: clip_grad_norm(MLP([2, 2], seed=0), 1.0),
            TypeError,
            r"takes tensors, got a MLP; pass its .parameters\(\)",
        ),
    ],
)
def test_mistakes_with_clipping(call, error, words):
    with pytest.raises(error, match=words):
        call(Tensor([1.0], requires_grad=True))


# Averages --------------------------------------------------------------------------------------


class Net(Module):
    """A layer with a buffer."""

    def __init__(self):
        self.weight = Tensor(np.zeros(2), requires_grad=True)
        self.register_buffer("mean", np.zeros(2))


def train(network, average, number):
    generator = np.random.default_rng(number)
    network.weight.data = generator.normal(size=2)
    network.mean.data = generator.normal(size=2)
    average.update()


def test_an_average_by_hand():
    network = Net()
    average = ExponentialMovingAverage(network, decay=0.5)
    for value in (1.0, 2.0, 4.0):
        network.weight.data, network.mean.data = [value, -value], [value, 0.0]
        average.update()
    assert average.state_dict()["weight"].tolist() == [2.75, -2.75]
    assert average.state_dict()["mean"].tolist() == [4.0, 0.0], "copied, not averaged"
    assert repr(average) == "ExponentialMovingAverage(1 weights, decay=0.5)"


def test_agrees_with_averages_of_pytorch():
    torch = pytest.importorskip("torch")
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    network, judge = MLP([3, 4, 2], seed=0, dtype="float64"), torch.nn.Linear(3, 4).double()
    average = ExponentialMovingAverage(network, 0.9)
    theirs = AveragedModel(judge, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    for number in range(20):
        values = np.random.default_rng(number).normal(size=(3, 4))
        network.linear1.weight.data = values
        judge.weight.data = torch.tensor(values.T.copy())
        average.update()
        theirs.update_parameters(judge)
    found = average.state_dict()["linear1.weight"]
    np.testing.assert_allclose(found, theirs.module.weight.detach().numpy().T, rtol=1e-12)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_weights_are_restored(error):
    network = Net()
    average = ExponentialMovingAverage(network, 0.9)
    for number in range(3):
        train(network, average, number)
    own = network.state_dict()
    try:
        with average.average_weights():
            expected = average.state_dict()
            for name, tensor in (("weight", network.weight), ("mean", network.mean)):
                np.testing.assert_array_equal(tensor.data, expected[name])
            network.mean.data = [9.0, 9.0]  # as a layer in training mode does
            if error is not None:
                raise error
    except KeyboardInterrupt:
        assert error is not None
    for name, values in network.state_dict().items():
        np.testing.assert_array_equal(values, own[name])
    np.testing.assert_array_equal(average.state_dict()["weight"], expected["weight"])


def test_graphs_notice_the_averaged_weights():
    network = Net()
    average = ExponentialMovingAverage(network, 0.9)
    average.update()
    loss = (network.weight * network.weight).sum()
    with average.average_weights(), pytest.raises(GradientError, match="modified"):
        loss.backward()


def test_a_saved_average_continues_exactly():
    network, other = Net(), Net()
    average, twin = (ExponentialMovingAverage(one, 0.9) for one in (network, other))
    for number in range(5):
        train(network, average, number)
    twin.load_state_dict(average.state_dict())
    for number in range(5, 9):
        train(network, average, number)
        train(other, twin, number)
    for name, values in average.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], values)
    state = average.state_dict()
    wrong = [
        ({"weight": state["weight"]}, "mean is missing"),
        ({**state, "more": 1}, "more is not a weight"),
        ({**state, "weight": [1.0]}, r"weight has shape \(1,\), expected \(2,\)"),
    ]
    for one, words in wrong:
        with pytest.raises(ValueError, match=words):
            average.load_state_dict(one)
    other.load_state_dict({**other.state_dict(), **average.state_dict()})


def test_mistakes_with_averages():
    network = MLP([2, 2], seed=0)
    average = ExponentialMovingAverage(network)
    with pytest.raises(ValueError, match="there is no average yet; call update"):
        average.state_dict()
    with pytest.raises(ValueError, match="there is no average yet"), average.average_weights():
        pass
    with pytest.raises(TypeError, match="takes a network, got a list; pass the Module itself"):
        ExponentialMovingAverage(network.parameters())
    with pytest.raises(ValueError, match="decay must be < 1"):
        ExponentialMovingAverage(network, 1.0)
    with pytest.raises(ValueError, match="the Tanh has no parameters to average"):
        ExponentialMovingAverage(nn.Tanh())

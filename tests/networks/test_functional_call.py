"""Tests that a module can be called with other parameters: gradients, Hessians and an update inside
of a derivative, against the module itself and against differences; and that it is unchanged.
"""

import threading
import time

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, Linear, Module, functional_call
from tinygrad_edu import Tensor, grad, hessian, value_and_grad, vmap

generator = np.random.default_rng(9)
X = generator.normal(size=(5, 2))
Y = generator.normal(size=(5, 1))


def network():
    return MLP([2, 3, 1], activation="tanh", seed=1, dtype="float64")


def loss_of(net):
    return lambda parameters, x=X, y=Y: ((functional_call(net, parameters, x) - y) ** 2).mean()


def backward(net):
    """Compute the gradients of the parameters with backward()."""
    net.zero_grad()
    ((net(X) - Y) ** 2).mean().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("kind", ["arrays", "parameters"])
def test_gradients_are_those_of_backward(kind):
    net = network()
    given = net.state_dict() if kind == "arrays" else dict(net.named_parameters())
    value, found = value_and_grad(loss_of(net))(given)
    expected = backward(net)
    assert list(found) == list(expected)
    for name, gradient in found.items():
        assert type(gradient) is np.ndarray
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-12)
    np.testing.assert_allclose(value, ((net(X).data - Y) ** 2).mean())


def differences(f, state, name):
    """Compute the derivatives of a function of a state by central differences."""
    found = []
    for index in np.ndindex(state[name].shape):
        ends = []
        for sign in (1, -1):
            moved = {key: array.copy() for key, array in state.items()}
            moved[name][index] += sign * 1e-5
            ends.append(f(moved))
        found.append((ends[0] - ends[1]) / 2e-5)
    return np.array(found)


def test_hessian_of_a_network_in_its_parameters():
    net = network()
    found = hessian(loss_of(net))(net.state_dict())

    def slope(state):
        other = network()
        other.load_state_dict(state)
        return backward(other)["linear1.weight"]

    block = found["linear2.weight"]["linear1.weight"]
    assert block.shape == (3, 1, 2, 3)
    expected = differences(slope, net.state_dict(), "linear2.weight")
    np.testing.assert_allclose(block.reshape(expected.shape), expected, rtol=1e-6, atol=1e-9)


def test_an_update_inside_of_a_derivative():
    """The gradient through one step of training, as in MAML."""
    net = network()
    loss = loss_of(net)

    def after_a_step(parameters):
        gradients = grad(loss)(parameters, X[:3], Y[:3])
        return loss({name: p - 0.3 * gradients[name] for name, p in parameters.items()})

    found = grad(after_a_step)(net.state_dict())

    def value(state):
        other = network()
        other.load_state_dict(state)
        other.zero_grad()
        ((other(X[:3]) - Y[:3]) ** 2).mean().backward()
        for p in other.parameters():
            p.data = p.data - 0.3 * p.grad
        return ((other(X).data - Y) ** 2).mean()

    for name in ("linear1.weight", "linear2.bias"):
        expected = differences(value, net.state_dict(), name).reshape(found[name].shape)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-9)


def test_gradients_of_each_example():
    net = network()
    found = vmap(grad(loss_of(net)), in_axes=(None, 0, 0))(net.state_dict(), X, Y)
    for name, gradient in backward(net).items():
        np.testing.assert_allclose(found[name].mean(axis=0), gradient, rtol=1e-10, atol=1e-14)


class Nested(Module):
    """Parameters in lists, tuples and dictionaries; one is used twice."""

    def __init__(self):
        self.first = Linear(2, 2, generator=np.random.default_rng(0), dtype="float64")
        self.tied = (self.first.weight, "text")
        self.more = {"scale": [Tensor([2.0, 3.0], requires_grad=True)], "depth": 2}
        self.calls = 0

    def forward(self, x, *, shift=0.0):
        self.calls += 1
        if shift is None:
            raise ValueError("no shift")
        return self.first(x) @ self.tied[0] * self.more["scale"][0] + shift


def test_shared_and_nested_parameters_are_replaced_everywhere():
    net = Nested()
    w, s = generator.normal(size=(2, 2)), generator.normal(size=2)
    found = functional_call(
        net, {"first.weight": w, "more.scale.0": Tensor(s)}, (X,), {"shift": 1.0}
    )
    expected = (X @ w + net.first.bias.data) @ w * s + 1.0
    np.testing.assert_allclose(found.data, expected, rtol=1e-12)
    assert functional_call(net, {}, X).data.tolist() == net(X).data.tolist()


def test_the_module_is_unchanged_also_after_an_error():
    net = Nested()
    before, held = dict(net.named_parameters()), (net.tied, net.more)
    replaced = {name: Tensor(p.data * 2) for name, p in before.items()}
    functional_call(net, replaced, X)
    with pytest.raises(ValueError, match="no shift"):
        functional_call(net, replaced, X, {"shift": None})
    assert (net.tied, net.more) == held
    after = dict(net.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert net.calls == 2, "what forward changes stays"


class Slow(Module):
    """Reads its parameter twice, and lets other threads run in between."""

    def __init__(self):
        self.weight = Tensor(1.0, requires_grad=True)

    def forward(self):
        first = self.weight
        time.sleep(0.002)
        return first, self.weight


@pytest.mark.needs("threads")
def test_two_threads_do_not_mix_their_parameters():
    net, found = Slow(), []

    def work(number):
        for _ in range(5):
            pair = functional_call(net, {"weight": number})
            found.append([weight.item() for weight in pair] == [number, number])

    threads = [threading.Thread(target=work, args=(number,)) for number in (2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 10


def test_it_can_be_captured():
    net, twin = network(), network()

    def step(net):
        gradients = grad(loss_of(net))(dict(net.named_parameters()))
        for name, parameter in net.named_parameters():
            parameter.data = parameter.data - 0.1 * gradients[name]
        return (net(X) ** 2).mean()

    captured = tg.capture(step)
    for _ in range(4):
        assert captured(net).item() == step(twin).item()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: functional_call(np.sin, {}, X), TypeError, "takes a Module first, got a ufunc"),
        (
            lambda: functional_call(network(), network().parameters(), X),
            TypeError,
            r"by name, such as dict\(net.named_parameters\(\)\), got a list",
        ),
        (
            lambda: functional_call(network(), {"w": 1.0, "linear1.bias": np.ones(2)}, X),
            ValueError,
            r"MLP: w is not a parameter; linear1.bias has shape \(2,\), expected \(3,\); its par",
        ),
    ],
)
def test_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of its own, when it is imported
def test_pytorch_agrees():
    torch = pytest.importorskip("torch")
    net = network()
    state = net.state_dict()
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)
    ).double()
    names = {"0.weight": "linear1.weight", "0.bias": "linear1.bias"}
    names |= {"2.weight": "linear2.weight", "2.bias": "linear2.bias"}
    parameters = {name: torch.tensor(state[ours].T) for name, ours in names.items()}

    def loss(p):
        out = torch.func.functional_call(theirs, p, (torch.tensor(X),))
        return ((out - torch.tensor(Y)) ** 2).mean()

    found, expected = grad(loss_of(net))(state), torch.func.grad(loss)(parameters)
    for name, ours in names.items():
        np.testing.assert_allclose(found[ours], expected[name].numpy().T, rtol=1e-10)

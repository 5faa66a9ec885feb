"""Tests what all optimizers share: groups, options, saved states, and mistakes that are named."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import nn
from nn import MLP, SGD, Adam, Optimizer, RMSprop
from nn.optim.groups import State
from tinygrad_edu import GradientError, Tensor

from .cases import SETTINGS, names_of, optimizer_of, steps


def parameter(*values):
    return Tensor(np.array(values), requires_grad=True)


def with_gradients(*parameters):
    for number, one in enumerate(parameters, 1):
        one.grad = np.full(one.shape, number)


# Groups and options ----------------------------------------------------------------------------


def test_groups_have_options_of_their_own():
    a, b = parameter(1.0), parameter(1.0)
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": [b], "momentum": 0.5}], lr=0.1)
    for _ in range(2):
        with_gradients(a, b)
        optimizer.step()
    assert a.tolist() == [0.0]
    assert b.tolist() == pytest.approx([1 - 0.2 - 0.3])
    assert repr(optimizer) == "SGD(2 parameters in 2 groups, lr=0.5 and 0.1, momentum=0.0 and 0.5)"
    optimizer.add_param_group({"params": (c for c in [parameter(5.0)]), "lr": 2})
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1, 2.0]
    assert len(optimizer.params) == 3


def test_options_are_attributes_and_entries():
    optimizer = Adam([{"params": [parameter(1.0)]}, {"params": [parameter(2.0)], "lr": 0.5}])
    assert optimizer.betas == (0.9, 0.999)
    with pytest.raises(AttributeError, match=r"different values of lr: 0.001, 0.5; read optim"):
        optimizer.lr  # noqa: B018
    assert getattr(optimizer, "lr", None) is None
    optimizer.lr = np.float32(0.25)
    assert optimizer.lr == 0.25
    assert type(optimizer.lr) is float
    group = optimizer.param_groups[0]
    group["lr"], group["eps"] = 0.0, np.float64(0.5)
    assert dict(group)["lr"] == 0.0
    assert type(group["eps"]) is float
    assert list(group) == ["params", "lr", "betas", "eps", "weight_decay", "amsgrad", "maximize"]
    assert len(group) == 7
    assert repr(group).startswith("ParameterGroup(1 parameters, lr=0.0, betas=(0.9, 0.999), eps")
    with pytest.raises(AttributeError, match="Adam has no attribute 'momentum'"):
        optimizer.momentum  # noqa: B018
    optimizer.note = "a new attribute"
    assert optimizer.note == "a new attribute"


def test_an_attribute_does_not_hide_an_option():
    class Own(Optimizer):
        def __init__(self, params, lr):
            self.lr = lr
            super().__init__(params, lr=lr)

        def update(self, p, g, state, lr):
            return p - lr * g

    p = parameter(1.0)
    optimizer = Own([p], lr=0.5)
    optimizer.lr = 0.25
    with_gradients(p)
    optimizer.step()
    assert (optimizer.lr, p.tolist()) == (0.25, [0.75])


def test_frozen_parameters_and_those_without_gradients_are_skipped():
    a, b, c = parameter(1.0), parameter(1.0), parameter(1.0)
    optimizer = SGD([a, b, c], lr=0.1, weight_decay=0.5)
    with_gradients(a, b)
    b.requires_grad = False
    optimizer.step()
    assert (a.tolist(), b.tolist(), c.tolist()) == ([0.85], [1.0], [1.0])
    assert not optimizer.state[b]
    a.requires_grad = False
    with pytest.raises(GradientError, match="found no gradients"):
        optimizer.step()


def test_a_network_with_frozen_layers():
    network = MLP([2, 3, 2], seed=0)
    optimizer = Adam(network.parameters())
    network.linear1.weight.requires_grad = False
    before = network.linear1.weight.numpy().copy()
    nn.softmax_cross_entropy(network(np.ones((2, 2))), [0, 1]).backward()
    optimizer.step()
    np.testing.assert_array_equal(network.linear1.weight.data, before)


def test_a_closure_is_called_first():
    p = parameter(3.0)
    optimizer = SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.tolist() == pytest.approx([2.4])
    assert optimizer.step() is None


# Copies and saved states -----------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize(("name", "options"), SETTINGS[::4], ids=names_of)
def test_a_copy_is_independent_and_continues(name, options, copied):
    optimizer, step = optimizer_of(name, options)
    steps(step, 3)
    twin = copied(optimizer)
    twin.lr = 2 * optimizer.lr
    assert twin.lr == 2 * optimizer.lr
    twin.lr = optimizer.lr
    for one in (optimizer, twin):
        with_gradients(*one.params)
        one.step()
    for one, two in zip(optimizer.params, twin.params, strict=True):
        assert one is not two
        np.testing.assert_array_equal(one.data, two.data)


def test_a_saved_state_is_a_copy_with_the_names_of_pytorch():
    p = parameter(1.0, 2.0)
    optimizer = Adam([{"params": [p]}, {"params": [parameter(3.0)], "lr": 0.5}])
    with_gradients(p)
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state["state"]) == [0]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq"]
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert [group["lr"] for group in state["param_groups"]] == [0.001, 0.5]
    state["state"][0]["exp_avg"][:] = 100
    assert optimizer.state[p]["exp_avg"].max() < 1


def test_states_that_do_not_fit_change_nothing():
    p = parameter(1.0, 2.0)
    optimizer = Adam([p])
    with_gradients(p)
    optimizer.step()
    before = repr(optimizer.state_dict())
    other = RMSprop([parameter(1.0, 2.0)]).state_dict()
    wrong = optimizer.state_dict()
    wrong["param_groups"][0] |= {"lr": 0.5, "betas": (2.0, 0.9)}
    cases = [
        ({"state": 1, "param_groups": 2}, "expected a dictionary with 'state'"),
        ([], "expected a dictionary with 'state' and 'param_groups'"),
        (Adam([parameter(1.0)]).state_dict(), r"shapes \[\(1,\)\], expected \[\(2,\)\]"),
        (other, "group 0 has the options alpha, centered, .*, expected amsgrad, betas"),
        (Adam([{"params": [parameter(n)]} for n in (1.0, 2.0)]).state_dict(), "2 groups"),
        (wrong, r"betas\[0\] must be < 1"),
    ]
    for state, words in cases:
        with pytest.raises(ValueError, match=words):
            optimizer.load_state_dict(state)
        assert repr(optimizer.state_dict()) == before


def test_numbers_in_a_state_are_arrays():
    state = State("float16")
    state.update({"a": 1}, b=2.0, c=True, d="text")
    assert state["a"].dtype == state["b"].dtype == np.float32
    assert (state["c"], state["d"]) == (True, "text")
    assert state.setdefault("e", 3).shape == ()
    assert state.setdefault("e", 4) == 3


# Own optimizers --------------------------------------------------------------------------------


class Own(Optimizer):
    """Calls a function that a test passes."""

    def __init__(self, params, update):
        super().__init__(params, lr=0.5)
        self.written = update

    def update(self, p, g, state, lr):
        return self.written(p, g, state)


def kept(p, g, state):
    state["slow"] = p + g
    return state["slow"]


@pytest.mark.parametrize("update", [lambda p, g, s: g, lambda p, g, s: p, kept])
def test_an_array_that_is_used_elsewhere_is_copied(update):
    p = parameter(1.0, 2.0)
    optimizer = Own([p], update)
    with_gradients(p)
    before = p._data
    optimizer.step()
    others = [before, p._grad, *optimizer.state[p].values()]
    assert not any(np.may_share_memory(p._data, other) for other in others)
    assert type(p._data) is np.ndarray


def in_place(p, g, state):
    p -= g
    return p


@pytest.mark.parametrize(
    ("update", "error", "words"),
    [
        (lambda p, g, s: None, TypeError, "returned a NoneType; return the new values"),
        (lambda p, g, s: Tensor(p + g), TypeError, "returned a Tensor"),
        (lambda p, g, s: p.sum(), ValueError, r"of shape \(\) for a leaf tensor of shape \(2,\)"),
        (in_place, ValueError, "read-only"),
    ],
)
def test_wrong_updates_are_named(update, error, words):
    p = parameter(1.0, 2.0)
    with_gradients(p)
    with pytest.raises(error, match=words):
        Own([p], update).step()
    assert p.tolist() == [1.0, 2.0]


def test_a_wider_result_gets_the_dtype_of_the_parameter():
    p = Tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    with_gradients(p)
    Own([p], lambda p, g, s: p.astype(np.float64) * 2).step()
    assert p.dtype == np.float32


def test_an_optimizer_without_an_update():
    p = parameter(1.0)
    with_gradients(p)
    with pytest.raises(NotImplementedError, match="Optimizer has no method update; write update"):
        Optimizer([p], lr=0.1).step()


P = parameter(1.0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Adam([P], betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be < 1"),
        (lambda: Adam([P], betas=0.9), ValueError, "betas must be two numbers"),
        (lambda: Adam([P], eps=-1), ValueError, "eps must be >= 0"),
        (lambda: Adam([P], weight_decay="1"), TypeError, "weight_decay must be a number"),
        (lambda: Adam([P], lr=0), ValueError, "lr must be > 0"),
        (lambda: RMSprop([P], alpha=1.0), ValueError, "alpha must be < 1"),
        (lambda: RMSprop([P], momentum=2), ValueError, "momentum must be < 1"),
        (lambda: nn.Adagrad([P], lr_decay=-1), ValueError, "lr_decay must be >= 0"),
        (lambda: nn.Adadelta([P], rho=1), ValueError, "rho must be < 1"),
        (lambda: nn.NAdam([P], momentum_decay=-1), ValueError, "momentum_decay must be >= 0"),
        (lambda: nn.Lion([P], weight_decay=-1), ValueError, "weight_decay must be >= 0"),
        (
            lambda: SGD([P], 0.1, 0.9, nesterov=True, dampening=0.5),
            ValueError,
            "needs momentum > 0 and dampening = 0",
        ),
        (lambda: Adam(MLP([2, 2], seed=0)), TypeError, r"Adam takes parameters, got a MLP; pass"),
        (lambda: Adam({"params": [P]}), TypeError, "Adam takes parameters, got a dict"),
        (lambda: Adam([{"params": [P]}, {"params": [P]}]), ValueError, "listed twice"),
        (lambda: Adam([{"lr": 0.1}]), ValueError, "a group of Adam needs 'params', got only lr"),
        (
            lambda: Adam([{"params": [P], "momentum": 0.9}]),
            ValueError,
            "Adam has no option momentum; its options are lr, betas",
        ),
        (lambda: Adam([P]).param_groups[0]["momentum"], KeyError, "there is no option 'momentum'"),
        (lambda: setattr(Adam([P]), "lr", -1.0), ValueError, "lr must be >= 0"),
        (lambda: setattr(Adam([P]), "eps", -1.0), ValueError, "eps must be >= 0"),
        (Adam([P]).param_groups[0].popitem, TypeError, "cannot be removed"),
    ],
)
def test_mistakes_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_refused_option_changes_nothing():
    optimizer = Adam([P], lr=0.1)
    with pytest.raises(ValueError, match="< 1"):
        optimizer.betas = (0.5, 1.5)
    with pytest.raises(KeyError, match="no option 'params'"):
        optimizer.param_groups[0]["params"] = []
    assert (optimizer.betas, optimizer.params) == ((0.9, 0.999), [P])


@pytest.mark.parametrize(("name", "options"), SETTINGS[::4], ids=names_of)
def test_an_optimizer_is_freed_at_once(name, options):
    """It is in no reference cycle, so its arrays do not wait for the garbage collector."""
    optimizer, step = optimizer_of(name, options)
    step()
    found = weakref.ref(optimizer)
    del optimizer, step
    assert found() is None

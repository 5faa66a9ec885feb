"""Tests that what has no text is refused by name, in one line, and that arguments are checked."""

import re

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import show_as
from nn.showing import LANGUAGES, ShowError
from tests.showing.cases import Causal

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
LABELS = np.array([0, 1, 1, 0])


def mlp(**options):
    """Make a small network."""
    return nn.MLP([3, 4, 2], seed=0, **options)


class Loop(nn.Module):
    """A network whose forward has a loop."""

    def __init__(self):
        self.first, self.last = mlp().linear1, mlp().linear2

    def forward(self, x):
        """Apply an activation twice."""
        x = self.first(x)
        for _ in range(2):
            x = tg.tanh(x)
        return self.last(x)


def unknown():
    """Make a network with an operation that PyTorch does not have."""

    @tg.primitive(lambda g, out, x: g * 3 * x**2)
    def cubed(x, /):
        # A recording cannot follow it, because it reads values.
        return np.asarray([float(value) ** 3 for value in x.ravel()], x.dtype).reshape(x.shape)

    class Unknown(Loop):
        def forward(self, x):
            return self.last(cubed(self.first(x)))

    return Unknown()


class Attribute(Loop):
    """A network with its own parameter."""

    def __init__(self):
        super().__init__()
        self.factor = tg.Tensor(np.ones(2, np.float32), requires_grad=True)

    def forward(self, x):
        """Scale the logits."""
        return self.last(self.first(x)) * self.factor


class Listed(nn.Module):
    """A network that keeps its layers in a list."""

    def __init__(self):
        self.parts = [mlp().linear1, mlp().linear2]

    def forward(self, x):
        """Apply both."""
        return self.parts[1](self.parts[0](x))


def doubling_block():
    """Make a network with a transformer block, whose activation is a function of the test."""
    block = nn.TransformerBlock(4, 2, 8, 0.0, activation=lambda x: x * 2)
    return nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (1, 4)), block, nn.Flatten())


class Descent(nn.Optimizer):
    """Gradient descent, again."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, lr=lr)

    def update(self, p, g, state, lr):
        """Return the new values."""
        return p - lr * g


def mixed():
    """Make a network with one part in evaluation mode."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    network[1].eval()
    return network


def tied():
    """Make a network that uses one layer twice."""
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(3, 2))


def extended(network):
    """Add a layer that the network does not call."""
    network.extra = nn.Linear(2, 2)
    return network


def patched():
    """Make a network with a forward that was assigned to a layer."""
    network = mlp()
    network.relu1.forward = tg.tanh
    return network


def half_trained(network):
    """Make an optimizer of one layer."""
    return nn.SGD(network.linear1.parameters(), lr=0.1)


def in_groups(network):
    """Make an optimizer with two groups."""
    parts = [network.linear1.parameters(), network.linear2.parameters()]
    return nn.SGD([{"params": part, "lr": 0.1 + i} for i, part in enumerate(parts)], lr=0.1)


def accumulators(network):
    """Make an optimizer whose groups start with different sums."""
    groups = [{"params": network.linear1.parameters(), "initial_accumulator_value": 0.1}]
    return nn.Adagrad([*groups, {"params": network.linear2.parameters()}])


def trained(network):
    """Make an optimizer that has taken a step."""
    optimizer = nn.SGD(network.parameters(), lr=0.1, momentum=0.9)
    tg.softmax_cross_entropy(network(X), LABELS).backward()
    optimizer.step()
    return optimizer


def per_row(outputs, labels):
    """Compute a loss that is not one of ours."""
    return ((outputs - 1.0) ** 2).sum() + 0.0 * labels.sum()


NUMPY, TORCH, OURS = LANGUAGES
REFUSED = [  # the languages, what is shown, and what the message names
    (LANGUAGES, lambda: {"network": mlp(dropout=0.5)}, "random numbers"),
    ([NUMPY], lambda: {"network": unknown()}, "'?cubed'?"),
    ([TORCH, OURS], lambda: {"network": unknown()}, "a call of cubed"),
    ([TORCH, OURS], lambda: {"network": Loop()}, "'for _ in range"),
    (
        [TORCH, OURS],
        lambda: {"network": Attribute()},
        "has factor, a tensor, as an attribute, which",
    ),
    ([TORCH, OURS], lambda: {"network": Listed()}, r"has parts\.0, in a list or a dictionary"),
    ([TORCH, OURS], lambda: {"network": doubling_block()}, "other than relu and gelu, which has"),
    ([TORCH, OURS], lambda: {"network": mixed()}, "evaluation mode"),
    ([TORCH, OURS], lambda: {"network": tied()}, "share a parameter"),
    ([TORCH, OURS], lambda: {"network": extended(mlp())}, "does not call"),
    (
        [TORCH, OURS],
        lambda: {"network": extended(nn.Sequential(nn.Linear(3, 2)))},
        "does not call",
    ),
    ([TORCH, OURS], lambda: {"network": patched()}, "relu1 has a forward that was assigned"),
    ([TORCH, OURS], lambda: {"optimizer": half_trained}, "does not update all parameters"),
    ([TORCH], lambda: {"optimizer": accumulators}, "values of initial_accumulator_value"),
    ([NUMPY], lambda: {"optimizer": accumulators}, "with an initial_accumulator_value"),
    ([TORCH, OURS], lambda: {"optimizer": lambda n: Descent(n.parameters())}, "Descent"),
    ([TORCH], lambda: {"optimizer": lambda n: nn.Lion(n.parameters(), lr=0.1)}, "Lion"),
    (LANGUAGES, lambda: {"optimizer": trained}, "already taken steps"),
    (LANGUAGES, lambda: {"optimizer": lambda n: nn.SGD(mlp().parameters(), lr=1)}, "not a param"),
    ([NUMPY], lambda: {"optimizer": lambda n: nn.NAdam(n.parameters())}, "NAdam"),
    (
        [NUMPY],
        lambda: {"optimizer": lambda n: nn.SGD(n.parameters(), lr=1, momentum=0.5, dampening=0.1)},
        "dampening",
    ),
    ([TORCH, OURS], lambda: {"loss": per_row}, "per_row"),
    (
        [TORCH, OURS],
        lambda: {"loss": nn.CrossEntropyLoss(np.ones(2, np.float32))},
        "an array weight",
    ),
    (LANGUAGES, lambda: {"loss": "hinge"}, "unknown loss 'hinge'"),
    ([TORCH], lambda: {"network": nn.Sequential(nn.Linear(3, 2), nn.Hardsigmoid())}, "Hardsigmoid"),
    ([TORCH], lambda: {"network": mlp(dtype="float16")}, "float16"),
    (
        [TORCH],
        lambda: {
            "network": Causal("float32"),
            "x": np.ones((4, 3, 8), np.float32),
            "labels": LABELS,
        },
        "is_causal",
    ),
    (
        [TORCH],
        lambda: {
            "network": nn.Sequential(
                nn.Conv2d(1, 2, 3, padding=((0, 1), (0, 1))), nn.Flatten(), nn.Linear(8, 2)
            ),
            "x": np.ones((4, 1, 3, 3), np.float32),
            "labels": LABELS,
        },
        "pads the two ends",
    ),
    (LANGUAGES, lambda: {"network": nn.Sequential(nn.Conv2d(1, 2, 3))}, "pass an example batch"),
    (LANGUAGES, lambda: {"network": nn.Sequential(nn.ReLU())}, "no parameters"),
]


@pytest.mark.parametrize(
    ("language", "make", "named"),
    [(language, make, named) for languages, make, named in REFUSED for language in languages],
)
def test_refused_by_name_in_one_line(language, make, named):
    given = make()
    network = given.pop("network", None) or mlp()
    if "optimizer" in given:
        given["optimizer"] = given["optimizer"](network)
    x, labels = given.pop("x", None), given.pop("labels", None)
    if labels is None and given.get("loss") is per_row:
        x, labels = X, LABELS
    with pytest.raises(ShowError, match=named) as caught:
        show_as(network, language, x, labels, **given)
    assert not re.search(r"\bof (its|their|your) own\b", str(caught.value))
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")


def test_loss_of_ones_own_has_a_text_in_numpy():
    program = show_as(mlp(), "numpy", X, LABELS, loss=per_row).run()
    assert program.step(X, LABELS) == per_row(mlp()(X), LABELS).item()


def test_optimizer_of_ones_own_and_groups_have_a_text_in_numpy():
    for make in (lambda n: Descent(n.parameters()), in_groups, half_trained):
        network = mlp()
        program = show_as(network, "numpy", X, LABELS, optimizer=make(network)).run()
        optimizer = make(network)
        for _ in range(3):
            optimizer.zero_grad()
            loss = tg.softmax_cross_entropy(network(X), LABELS)
            loss.backward()
            optimizer.step()
            assert program.step(X, LABELS) == loss.item()
        for name, parameter in network.named_parameters():
            assert (program.weights()[name] == parameter.data).all()


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="language must be one of numpy, torch, tinygrad_edu, got"):
        show_as(mlp(), "jax")
    with pytest.raises(TypeError, match="takes a network of nn, got a list"):
        show_as([], "numpy")
    with pytest.raises(TypeError, match="optimizer must be an optimizer of nn, got a float"):
        show_as(mlp(), "numpy", optimizer=0.1)
    with pytest.raises(TypeError, match="loss must be a name or a function, got 3"):
        show_as(mlp(), "numpy", loss=3)


@pytest.mark.parametrize("name", ["", "weights.safetensors"])
def test_a_path_that_cannot_be_a_program_is_an_error_before_anything_is_written(name, tmp_path):
    with pytest.raises(ValueError, match=r"cannot be a program; name a file such as 'step\.py'"):
        show_as(mlp(), "numpy").save(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_folder_that_does_not_exist_is_an_error_before_anything_is_written(tmp_path):
    with pytest.raises(OSError, match="missing"):
        show_as(mlp(), "numpy").save(tmp_path / "missing" / "step.py")
    assert [*tmp_path.iterdir()] == []

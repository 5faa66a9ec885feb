"""Tests that modules find, save and restore their parameters, that layers, initialisers and
losses compute what their formulas say, and that SGD takes the steps of a loop written out here.
"""

import functools
import itertools

import numpy as np
import pytest

from nn import MLP, SGD, Linear, Module, ReLU, Sequential, Sigmoid, Tanh, initializers
from nn.loss import binary_cross_entropy_with_logits as BCE
from nn.loss import classification_loss
from nn.loss import softmax_cross_entropy as CE
from tinygrad_edu import GradientError, Tensor


def linear(inputs, outputs, seed=0, **options):
    return Linear(inputs, outputs, generator=np.random.default_rng(seed), **options)


def parameter(values):
    return Tensor(values, requires_grad=True)


P = parameter([1.0])


def names(module):
    return [name for name, _ in module.named_parameters()]


def refused(make, error, words):
    """Check that it fails in one line that says what was found and what to do."""
    with pytest.raises(error) as caught:
        make()
    assert all(word in str(caught.value) for word in words), caught.value
    assert "\n" not in str(caught.value)


class Block(Module):
    def __init__(self, seed):
        self.inner = linear(2, 2, seed)
        self.gain = parameter([1.0, 1.0])

    def forward(self, x):
        return self.inner(x) * self.gain


BLOCK_NAMES = ["inner.weight", "inner.bias", "gain"]


class Net(Module):
    """Nested modules, a list and a tuple of them, and things that are no parts."""

    def __init__(self):
        self.note = "no part"
        self.fixed = Tensor([1.0, 2.0])
        self.zeta = Block(0)
        self.blocks = [Block(1), Block(2)]
        self.alpha = (linear(2, 1, 3), ReLU())


def test_parameters_are_found_by_path_in_the_order_of_declaration():
    net = Net()
    first_names = [name.split(".")[0] for name in names(net)]
    assert first_names == ["zeta"] * 3 + ["blocks"] * 6 + ["alpha"] * 2, "not by the alphabet"
    parts = [f"{path}.{name}" for path in ("zeta", "blocks.0", "blocks.1") for name in BLOCK_NAMES]
    assert sorted(names(net)) == sorted([*parts, "alpha.0.weight", "alpha.0.bias"])
    assert net.parameters()[-1] is net.alpha[0].bias
    assert [path for path, _ in net.named_modules()][:4] == ["", "zeta", "zeta.inner", "blocks.0"]


def test_own_tensors_keep_their_place_among_the_layers():
    assert names(Block(0)) == BLOCK_NAMES


def test_what_is_shared_counts_once():
    class Tied(Module):
        def __init__(self):
            self.one = linear(2, 2)
            self.same = self.one
            self.other = linear(2, 2)
            self.other.weight = self.one.weight

    tied = Tied()
    assert names(tied) == ["one.weight", "one.bias", "other.bias"]
    assert [name for name, _ in tied.named_children()] == ["one", "other"]


def test_results_that_forward_keeps_are_not_parameters():
    class Curious(Module):
        def __init__(self):
            self.layer = linear(2, 2)

        def forward(self, x):
            self.hidden = self.layer(x)
            return self.hidden.sum()

    net = Curious()
    net(np.ones((1, 2))).backward()
    assert names(net) == ["layer.weight", "layer.bias"]
    SGD(net.parameters(), lr=0.1).step()


def test_state_dict_is_a_copy_and_comes_back():
    net = Net()
    state = net.state_dict()
    assert list(state) == names(net)
    for values in state.values():
        values += 1
    assert not np.array_equal(net.zeta.inner.weight.numpy(), state["zeta.inner.weight"])
    net.load_state_dict(state)
    loaded = net.state_dict()
    assert all(np.array_equal(loaded[name], values) for name, values in state.items())
    state["zeta.gain"][:] = 99
    assert not (net.zeta.gain.numpy() == 99).any(), "what was loaded is a copy, too"


def test_load_state_dict_lists_every_mismatch_and_changes_nothing():
    net, before = Net(), Net().state_dict()
    state = {name: values + 1 for name, values in before.items()}
    del state["zeta.inner.weight"], state["alpha.0.bias"]
    state["stranger"] = np.zeros(2)
    state["blocks.0.gain"] = np.zeros((2, 1))
    state["blocks.1.inner.bias"] = np.array(["a", "b"])
    with pytest.raises(ValueError, match="nothing was loaded") as caught:
        net.load_state_dict(state)
    for problem in (
        "zeta.inner.weight is missing",
        "alpha.0.bias is missing",
        "stranger is not a parameter",
        "blocks.0.gain has shape (2, 1), expected (2,)",
        "blocks.1.inner.bias has dtype <U1, expected float32",
    ):
        assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(np.array_equal(net.state_dict()[name], values) for name, values in before.items())


def test_train_and_eval_reach_every_module():
    net = Net()
    modules = [module for _, module in net.named_modules()]
    for switch, expected in ((net.eval, False), (net.train, True), (net.eval, False)):
        assert switch() is net
        assert {module.training for module in modules} == {expected}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_astype_is_an_independent_copy_without_gradients(dtype):
    net, x = MLP([2, 3, 2], seed=0), np.ones((1, 2), np.float32)
    net(x).sum().backward()
    twin = net.astype(dtype)
    assert names(twin) == names(net)
    assert all(p.dtype == dtype and p.grad is None for p in twin.parameters())
    assert all(p.dtype == np.float32 and p.grad is not None for p in net.parameters())
    before = net(x).numpy()
    twin.layers[-1].bias.data = np.array([5.0, 5.0])
    np.testing.assert_array_equal(net(x).numpy(), before)
    np.testing.assert_allclose(twin(x).numpy(), before + 5, rtol=1e-6)
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_astype_keeps_shared_parameters_shared():
    first, second = linear(2, 2), linear(2, 2)
    second.weight = first.weight
    twin = Sequential(first, second).astype("float64")
    assert names(twin) == ["0.weight", "0.bias", "1.bias"]
    assert twin[0].weight is twin[1].weight


def test_repr_shows_the_parts_indented():
    net = Sequential(linear(2, 3), Sequential(Tanh(), linear(3, 1, bias=False)))
    inner = "Sequential(\n    0: Tanh()\n    1: Linear(3 -> 1, bias=False)\n  )"
    assert repr(net) == f"Sequential(\n  0: Linear(2 -> 3)\n  1: {inner}\n)"


def test_layers_compute_their_formulas():
    x = np.random.default_rng(0).normal(size=(5, 3))
    layer = linear(3, 2, dtype="float64")
    layer.bias.data = np.array([1.0, -1.0])
    np.testing.assert_array_equal(layer(x).numpy(), x @ layer.weight.numpy() + [1.0, -1.0])
    bare = linear(3, 2, bias=False, dtype="float64")
    assert names(bare) == ["weight"]
    np.testing.assert_array_equal(bare(x).numpy(), x @ bare.weight.numpy())
    t = Tensor(x)
    np.testing.assert_array_equal(ReLU()(t).numpy(), np.maximum(x, 0))
    np.testing.assert_allclose(Sigmoid()(t).numpy(), 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_array_equal(Tanh()(t).numpy(), np.tanh(x))


def test_sequential_calls_in_order_and_can_be_indexed():
    parts = [linear(3, 4), ReLU(), linear(4, 2)]
    chain = Sequential(*parts)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(chain(x).numpy(), parts[2](parts[1](parts[0](x))).numpy())
    assert [len(chain), chain[0], chain[-1]] == [3, parts[0], parts[2]]


def test_sequential_calls_a_module_as_often_as_it_is_listed():
    relu, last = ReLU(), Linear(2, 2, dtype="float64")
    last.weight.data = -np.eye(2)
    chain = Sequential(relu, last, relu)
    assert len(chain) == 3
    assert chain(np.array([[1.0, -1.0]])).tolist() == [[0.0, 0.0]], "relu(-relu(x)) is 0"


@pytest.mark.parametrize("shape", ["normal", "uniform"])
@pytest.mark.parametrize(("name", "variance"), [("he", 2 / 300), ("glorot", 2 / 700)])
def test_initialisers_have_their_variance(name, variance, shape):
    draw = getattr(initializers, f"{name}_{shape}")
    weights = draw(np.random.default_rng(0), 300, 400)
    assert (weights.shape, weights.dtype) == ((300, 400), np.float64)
    # Of 120,000 draws, the variance is known to 0.4 % and the mean to 0.3 % of the deviation.
    assert weights.var() == pytest.approx(variance, rel=0.02)
    assert abs(weights.mean()) < 0.015 * np.sqrt(variance)
    if shape == "uniform":
        assert np.sqrt(2.99 * variance) < np.abs(weights).max() <= np.sqrt(3 * variance)
    np.testing.assert_array_equal(weights, draw(np.random.default_rng(0), 300, 400))


PLAIN = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}
STRUCTURES = [[1, 1], [3, 2], [4, 8, 3], [2, *[5] * 12, 1], [6, 40, 1, 40, 2], [784, 128, 64, 10]]


@pytest.mark.parametrize("activation", PLAIN)
@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: "-".join(map(str, s)))
def test_mlp_of_any_depth_and_width(structure, activation):
    mlp = MLP(structure, activation, "float64", seed=3)
    pairs, depth = list(itertools.pairwise(structure)), len(structure) - 1
    assert [layer.weight.shape for layer in mlp.layers] == pairs
    out = x = np.random.default_rng(0).normal(size=(4, structure[0]))
    for number, layer in enumerate(mlp.layers, 1):
        out = out @ layer.weight.numpy() + layer.bias.numpy()
        out = PLAIN[activation](out) if number < depth else out
    np.testing.assert_allclose(mlp(x).numpy(), out, rtol=1e-12, atol=1e-14)

    shown = repr(mlp).splitlines()
    count = sum(a * b + b for a, b in pairs)
    assert " -> ".join(map(str, structure)) in shown[0]
    assert f"activation={activation}, {count:,} parameters, float64" in shown[0]
    assert all(f"  linear{i}: Linear({a} -> {b})" in shown for i, (a, b) in enumerate(pairs, 1))
    assert sum(line.startswith(f"  {activation}") for line in shown) == depth - 1


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 400), ("tanh", 2 / 700)])
def test_mlp_starts_from_the_right_weights(activation, variance):
    mlp = MLP([400, 300, 2], activation, seed=0)
    assert mlp.layers[0].weight.numpy().var() == pytest.approx(variance, rel=0.02)
    assert not any(layer.bias.numpy().any() for layer in mlp.layers)
    assert {p.dtype for p in mlp.parameters()} == {np.dtype("float32")}, "unless asked"


def test_seed_fixes_the_network_in_every_dtype():
    small, large = MLP([5, 4, 3], seed=7), MLP([5, 4, 3], dtype="float64", seed=7)
    other = MLP([5, 4, 3], seed=8)
    for one, two, three in zip(small.layers, large.layers, other.layers, strict=True):
        np.testing.assert_array_equal(one.weight.numpy(), two.weight.numpy().astype(np.float32))
        assert not np.array_equal(one.weight.numpy(), three.weight.numpy())
    assert not np.array_equal(MLP([5, 4]).layers[0].weight, MLP([5, 4]).layers[0].weight)


@pytest.mark.parametrize(
    ("row", "arguments", "error", "words"),  # `row` of the table of bad inputs
    [
        ("67", ([4, 0, 3],), ValueError, ["structure[1]", "0", ">= 1"]),
        ("67", ([4, 5, -3],), ValueError, ["structure[2]", "-3"]),
        ("67", ([4, 2.5, 3],), TypeError, ["structure[1]", "2.5", "float"]),
        ("67", ([4, True],), TypeError, ["structure[1]", "bool"]),
        ("67", ([4, "5"],), TypeError, ["structure[1]", "'5'", "str"]),
        ("67", ([4],), ValueError, ["[4]", "too short"]),
        ("67", ("4,5,3",), TypeError, ["list of layer widths", "4,5,3"]),
        ("68", ([4, 3], "gelu"), ValueError, ["'gelu'", "relu, sigmoid, tanh"]),
        ("79", ([4, 3], "relu", "f4", -1), ValueError, ["seed", "-1"]),
        ("79", ([4, 3], "relu", "f4", "x"), TypeError, ["seed", "'x'"]),
        ("79", ([4, 3], "relu", "f4", 1.0), TypeError, ["seed", "float"]),
        ("79", ([4, 3], "relu", "f4", True), TypeError, ["seed", "bool"]),
    ],
)
def test_mlp_refuses(row, arguments, error, words):
    refused(lambda: MLP(*arguments), error, words)


def test_losses_are_averages_of_their_formulas():
    logits = np.random.default_rng(0).normal(size=(6, 3)) * 3
    labels = np.array([0, 2, 1, 1, 0, 2])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(6), labels]).mean()
    for given in (labels, labels.tolist(), labels.astype(np.uint8), Tensor(labels)):
        for loss in (CE, classification_loss):
            assert loss(Tensor(logits), given).item() == pytest.approx(expected)
    q, bits = 1 / (1 + np.exp(-logits[:, :1])), labels % 2
    expected = -np.where(bits[:, None] == 1, np.log(q), np.log(1 - q)).mean()
    assert BCE(Tensor(logits[:, :1]), bits[:, None]).item() == pytest.approx(expected)
    assert classification_loss(Tensor(logits[:, :1]), bits).item() == pytest.approx(expected)


WIDE, NARROW = Tensor(np.zeros((4, 3))), Tensor(np.zeros((4, 1)))


@pytest.mark.parametrize(
    ("loss", "logits", "labels", "error", "words"),
    [
        (CE, WIDE, [[0], [1], [2], [0]], ValueError, ["(4, 3)", "(4, 1)", "(N,)"]),
        (CE, WIDE, [0, 1, 2], ValueError, ["(4, 3)", "(3,)"]),
        (CE, Tensor(np.zeros(3)), [0, 1, 2], ValueError, ["(3,)", "(N, K)"]),
        (CE, WIDE, [0.0, 1.0, 2.0, 0.0], TypeError, ["float64", "astype(int)"]),
        (CE, WIDE, [0, 1, 3, 7], ValueError, ["label 3 in row 2", "0..2"]),
        (CE, WIDE, [0, -1, 7, 0], ValueError, ["label -1 in row 1", "0..2"]),
        (CE, Tensor(np.zeros((0, 3))), np.zeros(0, int), ValueError, ["no rows"]),
        (BCE, NARROW, [0, 1, 1, 0], ValueError, ["(4, 1)", "(4,)", "reshape((4, 1))"]),
        (BCE, Tensor(np.zeros(4)), [[0], [1], [1], [0]], ValueError, ["(4,)", "(4, 1)"]),
        (BCE, NARROW, [[0], [1], [2], [-1]], ValueError, ["target 2", "(2, 0)", "0..1"]),
        (BCE, NARROW, [[0], [np.nan], [1], [1]], ValueError, ["target nan", "(1, 0)"]),
        (classification_loss, NARROW, [0, 1, 2, 0], ValueError, ["2", "(2, 0)"]),
        (classification_loss, NARROW, [0, 1, 1], ValueError, ["(4, 1)", "3"]),
        (classification_loss, NARROW, [[0, 1], [1, 0]], ValueError, ["(2, 2)"]),
        (classification_loss, NARROW, [0.0, 0.3, 1.0, 0.0], (TypeError, ValueError), ["float"]),
    ],
)
def test_losses_refuse_labels_that_do_not_fit(loss, logits, labels, error, words):
    refused(lambda: loss(logits, labels), error, words)


SETTINGS = [
    {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True), (0.5, True))
    for decay in (0.0, 0.05)
]
LR, STEPS = 0.07, 25
GENERATOR = np.random.default_rng(5)
# Two parameters of a quadratic function, with its curvatures and its slopes at 0.
STARTS = [GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=4)]
CURVATURES = [GENERATOR.uniform(0.5, 3, start.shape) for start in STARTS]
SLOPES = [GENERATOR.normal(size=start.shape) for start in STARTS]


def steps_written_out(momentum, nesterov, weight_decay):
    """The algorithm of torch.optim.SGD's documentation, with its dampening 0."""
    found = []
    for p, a, c in zip(STARTS, CURVATURES, SLOPES, strict=True):
        buffer = None
        for _ in range(STEPS):
            g = a * p + c
            if weight_decay != 0:
                g = g + weight_decay * p
            if momentum != 0:
                buffer = g if buffer is None else momentum * buffer + g
                g = g + momentum * buffer if nesterov else buffer
            p = p - LR * g
        found.append(p)
    return found


def steps_of(optimizer_class, tensor, array, options):
    """Run an optimizer; PyTorch's and ours are used in the same way."""
    parameters = [tensor(start) for start in STARTS]
    optimizer = optimizer_class(parameters, LR, **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        for p, a, c in zip(parameters, CURVATURES, SLOPES, strict=True):
            (0.5 * array(a) * p * p + array(c) * p).sum().backward()
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_sgd_takes_the_documented_steps(options):
    found = steps_of(SGD, parameter, Tensor, options)
    for one, two in zip(found, steps_written_out(**options), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_sgd_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    as_parameter = functools.partial(torch.tensor, requires_grad=True)
    theirs = steps_of(torch.optim.SGD, as_parameter, torch.tensor, options)
    for one, two in zip(steps_of(SGD, parameter, Tensor, options), theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_momentum_remembers_what_was_not_the_gradient_of_now(decay):
    """Gradients that add up without zero_grad must not reach the velocity from behind."""
    p, expected, velocity = parameter([1.0]), 1.0, 0.0
    optimizer = SGD([p], lr=0.1, momentum=0.5, weight_decay=decay)
    for step in (1, 2, 3):
        (p * 1.0).sum().backward()  # the gradient becomes 1, 2, 3
        optimizer.step()
        velocity = 0.5 * velocity + step + decay * expected
        expected -= 0.1 * velocity
        assert p.item() == pytest.approx(expected, rel=1e-12)


def test_sgd_keeps_dtypes_and_leaves_what_has_no_gradient():
    used, unused = Tensor([1.0, 2.0], True, dtype="float32"), parameter([3.0])
    optimizer = SGD([used, unused], 0.5, np.float64(0.9), weight_decay=np.float64(0.1))
    for _ in range(2):
        optimizer.zero_grad()
        (used * used).sum().backward()
        optimizer.step()
    assert used.numpy().dtype == np.float32
    assert unused.tolist() == [3.0], "no gradient, and so no decay either"


def test_learning_rate_may_change_between_steps():
    p = parameter([0.0])
    optimizer = SGD([p], lr=1.0)
    for optimizer.lr in (1.0, 0.5, 0.25):
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()
    assert p.tolist() == [-1.75]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Module()(1), NotImplementedError, ["Module has no forward", "write one"]),
        (lambda: Linear(0, 2), ValueError, ["inputs must be >= 1", "0"]),
        (lambda: Sequential(linear(2, 2), ReLU), TypeError, ["entry 1", "ReLU()"]),
        (lambda: Sequential(np.tanh), TypeError, ["entry 0", "ufunc", "Module"]),
        (lambda: linear(3, 2)(np.ones((5, 4))), ValueError, ["(5, 4)", "(3, 2)"]),
        (lambda: SGD([], 0.1), ValueError, ["no parameters", "mlp.parameters()"]),
        (lambda: SGD(MLP([2, 2], seed=0), 0.1), TypeError, ["parameters()"]),
        (lambda: SGD([P, np.ones(2)], 0.1), TypeError, ["parameter 1", "ndarray"]),
        (lambda: SGD([Tensor([1.0])], 0.1), ValueError, ["parameter 0", "requires_grad=True"]),
        (lambda: SGD([P * 2], 0.1), ValueError, ["parameter 0", "leaf"]),
        (lambda: SGD([P, P], 0.1), ValueError, ["twice"]),
        (lambda: SGD([P], -0.1), ValueError, ["lr must be > 0", "-0.1"]),
        (lambda: SGD([P], float("nan")), ValueError, ["lr must be finite"]),
        (lambda: SGD([P], 10**400), ValueError, ["lr must be finite"]),
        (lambda: SGD([P], "0.1"), TypeError, ["lr must be a number", "str"]),
        (lambda: SGD([P], True), TypeError, ["lr must be a number", "bool"]),
        (lambda: SGD([P], 0.1, momentum=1.0), ValueError, ["momentum must be < 1"]),
        (lambda: SGD([P], 0.1, momentum=-0.1), ValueError, ["momentum must be >= 0"]),
        (lambda: SGD([P], 0.1, weight_decay=-1), ValueError, ["weight_decay must be >= 0"]),
        (lambda: SGD([P], 0.1, nesterov=True), ValueError, ["nesterov", "momentum > 0"]),
        (lambda: SGD([parameter([1.0])], 0.1).step(), GradientError, ["backward()"]),
    ],
)
def test_mistakes_with_layers_and_sgd_are_named(make, error, words):
    refused(make, error, words)

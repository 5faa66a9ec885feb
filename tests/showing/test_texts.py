"""Tests that the three texts of a training step compute the same weights as the network."""

import ast
import functools
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu
from nn import show_as
from nn.showing import LANGUAGES, ShowError, network_text, optimizer_text, programs
from tests.showing.cases import FAMILIES, IN_GROUPS, OPTIMIZERS, batch, engine_step, state_of
from tinygrad_edu import Tensor

STEPS = 10
# What weights and losses of about 1 may differ by after ten steps in PyTorch. Batch normalisation
# of three rows differs most, because it divides by the deviation of three numbers.
TOLERANCES = {"float64": 1e-12, "float32": 2e-5}
NADAM = 5e-9  # PyTorch keeps the product of its momenta in float32, whatever the parameters are
IN_FLOAT64 = ["mlp relu", "binary", "batch norm", "convolution, maximum", "embedding", "attention"]
NOT_IN_NUMPY = {"nadam", "dampening", "adagrad in groups"}
NOT_IN_PYTORCH = {"causal attention"}


MOMENTUM = OPTIMIZERS["momentum"]


@functools.cache
def text_of(family, language, dtype, make):
    """Return the text of a family; it is written once for all tests."""
    network, *_, loss = FAMILIES[family]
    network = network(dtype)
    example = batch(family, 5, dtype, seed=7)
    return show_as(network, language, *example, loss=loss, optimizer=make(network.parameters()))


def shown(family, language, dtype, make=MOMENTUM):
    """Return the text of a family, its network, and the step of the engine."""
    network, *_, loss = FAMILIES[family]
    network = network(dtype)
    step = engine_step(network, loss, make(network.parameters()))
    return text_of(family, language, dtype, make), network, step


def differences(program, network, step, family, dtype, sizes):
    """Take the same steps; return the largest difference of each array, and of the losses."""
    found = {"loss": 0.0}
    for number in range(STEPS):
        data = batch(family, sizes[number % len(sizes)], dtype, seed=100 + number)
        loss, other = step(*data), program.step(*data)
        found["loss"] = max(found["loss"], abs(loss - other))
    theirs, ours = program.weights(), state_of(network)
    assert theirs.keys() == ours.keys()
    for name, values in ours.items():
        assert theirs[name].dtype == values.dtype, name
        assert theirs[name].shape == values.shape, name
        found[name] = float(np.abs(theirs[name].astype(float) - values.astype(float)).max())
    return found


CASES = [(family, "float32") for family in FAMILIES] + [(f, "float64") for f in IN_FLOAT64]


@pytest.mark.parametrize("language", ["numpy", "tinygrad_edu"])
@pytest.mark.parametrize(("family", "dtype"), CASES)
def test_text_computes_the_same_bits(family, dtype, language):
    text, network, step = shown(family, language, dtype)
    start = state_of(network)
    found = differences(text.run(), network, step, family, dtype, sizes=(5, 8, 3))
    assert found == dict.fromkeys(found, 0.0)
    # The test would also pass if nothing were trained.
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert any((start[name] != state_of(network)[name]).any() for name in trained)


@pytest.mark.parametrize("language", ["numpy", "tinygrad_edu"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizer_computes_the_same_bits(optimizer, language):
    if language == "numpy" and any(name in optimizer for name in NOT_IN_NUMPY):
        return  # refused, see test_refusals.py
    text, network, step = shown("mlp tanh", language, "float32", OPTIMIZERS[optimizer])
    found = differences(text.run(), network, step, "mlp tanh", "float32", sizes=(5, 8))
    assert found == dict.fromkeys(found, 0.0)


@pytest.mark.parametrize("family", ["mlp relu", "binary", "convolution, average", "lstm"])
def test_other_sizes_of_a_batch(family):
    """The engine adds long arrays in another order, but an MLP has the same bits at all sizes."""
    text, network, step = shown(family, "numpy", "float64")
    found = differences(text.run(), network, step, family, "float64", sizes=(2, 64, 257))
    assert max(found.values()) <= (0.0 if family in ("mlp relu", "binary") else 1e-14)


@pytest.fixture
def torch():
    """PyTorch, with one thread."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in NOT_IN_PYTORCH])
def test_pytorch_text(family, dtype, torch):
    text, network, step = shown(family, "torch", dtype)
    found = differences(text.run(), network, step, family, dtype, sizes=(5, 8, 3))
    assert max(found.values()) <= TOLERANCES[dtype], found


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_pytorch_optimizer(optimizer, torch):
    text, network, step = shown("mlp tanh", "torch", "float64", OPTIMIZERS[optimizer])
    found = differences(text.run(), network, step, "mlp tanh", "float64", sizes=(5, 8))
    assert max(found.values()) <= (NADAM if "nadam" in optimizer else TOLERANCES["float64"]), found


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_defaults_are_those_of_pytorch(torch):
    """A text leaves out arguments with the default."""
    pairs = [(getattr(nn, name), getattr(torch.nn, name)) for name in network_text._SAME]
    pairs += [(getattr(nn, n), getattr(torch.optim, n)) for n in optimizer_text._IN_TORCH]
    for ours, theirs in pairs:
        there = inspect.signature(theirs).parameters
        for name, parameter in inspect.signature(ours).parameters.items():
            if name in network_text._LEFT_OUT or name in network_text._ALWAYS or name == "lr":
                continue
            if name in there and parameter.default is not parameter.empty:
                default = there[name].default
                known = default is inspect.Parameter.empty or default == parameter.default
                assert known, f"{ours.__name__}: {name}"


# The tests can fail -----------------------------------------------------------------------------

PLANTED = {  # in the text in NumPy: right, wrong
    "1/n twice": ("dz3 = delta * (1 / n)", "dz3 = delta * (1 / n / n)"),
    "the wrong layer": ("da1 = dz2 @ W2.T", "da1 = dz2 @ W2"),
    "a for z": ("1 - a1 * a1", "1 - z1 * z1"),
    "no momentum": ("0.9 * v[name] + g", "g"),
    "a bias is not updated": (', "linear1.bias": db1', ""),
}


@pytest.mark.parametrize("slip", PLANTED)
def test_planted_slip_is_caught(slip, monkeypatch):
    right, wrong = PLANTED[slip]
    text, network, step = shown("mlp tanh", "numpy", "float64")
    assert right in text
    program = type(text)(text.replace(right, wrong), "numpy", text.weights).run()
    found = differences(program, network, step, "mlp tanh", "float64", sizes=(5,))
    assert max(found.values()) > 1e-4

    # The text is also checked when it is made.
    lines = programs._numpy_lines
    monkeypatch.setattr(
        programs, "_numpy_lines", lambda found: [x.replace(right, wrong) for x in lines(found)]
    )
    with pytest.raises(ShowError, match=r"^the text in numpy computes another \S+ than"):
        text_of.__wrapped__("mlp tanh", "numpy", "float64", MOMENTUM)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("array.swapaxes(-1, -2) if name in TURNED", "array if name in TURNED"),
        ("momentum=0.9", "momentum=0.8"),
        ("nn.Tanh()", "nn.Sigmoid()"),
    ],
)
def test_planted_slip_in_pytorch_is_caught(right, wrong, torch):
    text, network, step = shown("square", "torch", "float64")
    assert right in text
    program = type(text)(text.replace(right, wrong), "torch", text.weights).run()
    found = differences(program, network, step, "square", "float64", sizes=(5,))
    assert max(found.values()) > 1e-4


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("language", ["tinygrad_edu", "torch"])
def test_groups_that_are_exchanged_are_caught(language):
    if language == "torch":
        pytest.importorskip("torch")
    text, network, step = shown("mlp tanh", language, "float64", IN_GROUPS["sgd in groups"])
    wrong = str(text)
    for part, other in ((".weight", ".swapped"), (".bias", ".weight"), (".swapped", ".bias")):
        wrong = wrong.replace(f'{part}"]', f'{other}"]')
    assert wrong != text
    program = type(text)(wrong, language, text.weights).run()
    found = differences(program, network, step, "mlp tanh", "float64", sizes=(5,))
    assert max(found.values()) > 1e-4


# How a text looks -------------------------------------------------------------------------------


def small_network(language):
    """Return the text of the network that a slide shows."""
    network = nn.MLP([2, 8, 8, 2], "tanh", seed=0)
    optimizer = nn.SGD(network.parameters(), lr=0.1, momentum=0.9)
    return show_as(network, language, optimizer=optimizer)


def test_text_in_numpy_reads_like_the_textbook():
    text = small_network("numpy")
    start = text.index("def step")
    step = text[start : text.index("\n\n\n", start)]
    assert len(step.splitlines()) <= 48  # one screen
    for line in [
        "    # Forward\n    z1 = x @ W1 + b1\n    a1 = np.tanh(z1)\n",
        "    dz3 = delta * (1 / n)\n    da2 = dz3 @ W3.T\n    dW3 = a2.T @ dz3\n",
        "    dz2 = da2 * (1 - a2 * a2)\n",
        "        v[name] = 0.9 * v[name] + g\n        p[name] = p[name] - v[name] * lr\n",
    ]:
        assert line in step


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("family", FAMILIES)
def test_lines_are_short(family, language):
    if language == "torch" and family in NOT_IN_PYTORCH:
        return
    text = text_of(family, language, "float32", MOMENTUM)
    ast.parse(text)
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("\n")
    assert "\n\n\n\n" not in text


class Scaled(nn.Module):
    """A network with a parameter that has the name of a value in a loop."""

    def __init__(self):
        self.body = nn.MLP([3, 4, 2], "tanh", seed=0)
        self.u1 = Tensor(np.ones(2, np.float32), requires_grad=True)

    def forward(self, x):
        return self.body(x) * self.u1


@pytest.mark.parametrize("loss", ["mse_loss", "l1_loss"])
@pytest.mark.parametrize("make", [lambda: nn.MLP([3, 4, 2], "tanh", seed=0), Scaled])
def test_names_in_the_loop_over_parameters_are_its_own(loss, make):
    """A value from before the loop, such as the decay, is read in each of its rounds."""
    network = make()
    optimizer = nn.AdamW(network.parameters(), lr=0.02, weight_decay=0.3)
    x, y = np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)
    program = show_as(network, "numpy", x, y[:, :2], loss=loss, optimizer=optimizer).run()
    for _ in range(10):
        program.step(x, y[:, :2])
        optimizer.zero_grad()
        getattr(tinygrad_edu, loss)(network(x), y[:, :2]).backward()
        optimizer.step()
    for path, values in network.state_dict().items():
        assert np.array_equal(program.weights()[path], values), path


def test_groups_read_like_those_of_a_tutorial():
    network = nn.MLP([2, 8, 2], "tanh", seed=0)
    parts = {"weights": network.parameters()[::2], "biases": network.parameters()[1::2]}
    groups = [
        {"params": parts["weights"], "weight_decay": 0.05},
        {"params": parts["biases"], "lr": 0.2},
    ]
    optimizer = nn.SGD(groups, lr=0.1, momentum=0.9)
    for language, package in (("torch", "torch.optim"), ("tinygrad_edu", "nn")):
        text = show_as(network, language, optimizer=optimizer)
        assert (
            f"""
    p = dict(network.named_parameters())
    groups = [
        {{"params": [p["linear1.weight"], p["linear2.weight"]], "weight_decay": 0.05}},
        {{"params": [p["linear1.bias"], p["linear2.bias"]], "lr": 0.2}},
    ]
    optimizer = {package}.SGD(groups, lr=0.1, momentum=0.9)
"""
            in text
        )
    for language in LANGUAGES:
        text = show_as(network, language, optimizer=optimizer)
        assert (
            "\nthe optimizer SGD(lr=0.1 and 0.2, momentum=0.9, weight_decay=0.05 and 0.0).\n"
            in text
        )


def test_equal_groups_are_written_as_one():
    make = IN_GROUPS["groups without a difference"]
    text = text_of("mlp tanh", "torch", "float64", make)
    assert "torch.optim.AdamW(network.parameters(), lr=0.01, eps=0.0001)" in text


RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
@pytest.mark.parametrize("language", LANGUAGES)
def test_ruff_would_change_nothing(language, tmp_path):
    small_network(language).save(tmp_path / "step.py")
    if language != "numpy":
        for number, make in enumerate(IN_GROUPS.values()):
            text = text_of("mlp tanh", language, "float64", make)
            assert max(map(len, text.splitlines())) <= 100
            (tmp_path / f"groups{number}.py").write_text(text, "utf-8")
    command = [RUFF, "format", "--diff", "--line-length", "100", "--isolated", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_saved_text_runs_as_a_program(language, tmp_path):
    if language == "torch":
        pytest.importorskip("torch")
    shown = small_network(language)
    path = shown.save(tmp_path / "step.py")
    program = path.read_text("utf-8")
    assert program.startswith(shown)
    assert program == shown.program()
    done = subprocess.run(
        [sys.executable, path.name], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    losses = [float(line) for line in done.stdout.split()]
    assert len(losses) == STEPS
    assert losses[-1] < losses[0]
    program = show_as(nn.MLP([2, 8, 8, 2], "tanh", seed=0), "numpy").run()
    x = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    first = program.step(x, np.random.default_rng(1).integers(0, 2, 10))
    assert losses[0] == pytest.approx(first, abs=1e-6)


def test_nothing_of_the_caller_changes():
    network = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    optimizer = nn.Adam(network.parameters())
    network(np.ones((2, 4), np.float32)).sum().backward()
    before, gradient = state_of(network), network[0].weight.grad.copy()
    for language in LANGUAGES:
        show_as(network, language, optimizer=optimizer)
    assert all((before[name] == values).all() for name, values in state_of(network).items())
    assert (network[0].weight.grad == gradient).all()
    assert not any(optimizer.state.values())
    assert network.training


def test_start_forgets_earlier_steps():
    for language in ("numpy", "tinygrad_edu"):
        text = text_of("mlp tanh", language, "float32", MOMENTUM)
        program, data = text.run(), batch("mlp tanh", 5, "float32", seed=1)
        first = [program.step(*data) for _ in range(3)]
        program.start(text.weights)
        assert [program.step(*data) for _ in range(3)] == first


def test_step_that_depends_on_the_number_of_rows_accepts_only_that_number():
    class PerRow(nn.Module):
        def __init__(self):
            self.weight = nn.Linear(4, 3).weight
            self.factors = np.random.default_rng(0).normal(size=(5, 1)).astype(np.float32)

        def forward(self, x):
            return (x * self.factors) @ self.weight

    x, labels = batch("mlp tanh", 5, "float32", seed=0)
    program = show_as(PerRow(), "numpy", x, labels).run()
    program.step(x, labels)
    with pytest.raises(ValueError, match=r"^4 rows, expected 5$"):
        program.step(x[:4], labels[:4])


def test_operators_keep_their_order():
    class Compared(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(4, 3, generator=np.random.default_rng(0))

        def forward(self, x):
            z = self.linear(x)
            sign = ((z.data > 0) == (z.data < 1)) != (z.data < -1)
            return z - (z - (z + z * sign)) * -(z / (z * (-z)) - 0.5)

    network = Compared()
    x, _ = batch("mlp tanh", 5, "float32", seed=0)
    targets = np.ones((5, 3), np.float32)
    step = engine_step(network, "mse_loss", nn.SGD(network.parameters(), lr=0.1))
    text = show_as(network, "numpy", x, targets, loss="mse_loss")
    assert text.run().step(x, targets) == step(x, targets)
    assert "((out_linear > 0) == (out_linear < 1)) != (out_linear < -1)" in text


def test_wrong_labels_are_an_error_in_numpy_too():
    program = small_network("numpy").run()
    x = np.ones((2, 2), np.float32)
    with pytest.raises(ValueError, match="invalid entry"):
        program.step(x, np.array([0, -1]))
    with pytest.raises(ValueError, match="invalid entry"):
        program.step(x, np.array([0, 2]))

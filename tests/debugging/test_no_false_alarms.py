"""Tests that the linter is silent on sound programs: all examples are run with it looking at their
steps, and so are networks of all kinds before and after training.
"""

import runpy
import traceback
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import MLP, SGD, Linear, Optimizer, ReLU, Sequential, Tanh
from nn.classroom.catalogue import HUNTS
from tinygrad_edu import autodiff, lint
from tinygrad_edu.capturing.recorder import Tracer

from ..classroom.learners import solutions

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
MISTAKEN = [path for path in EXAMPLES if path.name.startswith("12_")]  # what it is about
SOUND = [path for path in EXAMPLES if path not in MISTAKEN]

X = np.random.default_rng(0).normal(size=(8, 3))


def is_captured():
    """Look whether a captured step is running: it would see what is counted here."""
    frames = islice(traceback.walk_stack(None), 60)
    return any(frame.f_code.co_name == "plainly" for frame, _ in frames)


def run_linted(path, monkeypatch, tmp_path):
    """Run a program, with the linter at its backward passes and steps; give what it found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nn.training.step.capture", lambda step: step)
    backward, chain_rule, step = autodiff.backward, autodiff.apply_chain_rule, Optimizer.step
    seen, last = {"backward": 0, "step": 0, "reports": []}, []

    def look(kind, loss, **keywords):
        seen[kind] += 1
        if seen[kind] < 10 or seen[kind] % 40 == 0:
            seen["reports"].append(lint(loss, **keywords))

    def linted_backward(output, gradient, *, keep_interior):
        stands_in = isinstance(output._data, Tracer)
        backward(output, gradient, keep_interior=keep_interior or not stands_in)

    def linted_chain_rule(order, output, *others, **keywords):
        result = chain_rule(order, output, *others, **keywords)
        if not is_captured():
            last[:] = [output]
            look("backward", output)
        return result

    def linted_step(optimizer):
        if last and not is_captured():
            look("step", last.pop(), optimizer=optimizer)  # a captured step may not reach a graph
        step(optimizer)

    monkeypatch.setattr(autodiff, "backward", linted_backward)
    monkeypatch.setattr(autodiff, "apply_chain_rule", linted_chain_rule)
    monkeypatch.setattr(Optimizer, "step", linted_step)
    runpy.run_path(str(path), run_name="__main__")
    return seen


@pytest.mark.parametrize("example", SOUND, ids=lambda path: path.stem)
def test_examples_are_silent(example, monkeypatch, tmp_path, capsys):
    seen = run_linted(example, monkeypatch, tmp_path)
    if example.name[:2] in ("03", "06", "07"):  # they train: this has been looked at
        assert seen["step"] > 100
        assert len(seen["reports"]) > 20
    assert [str(report) for report in seen["reports"] if not report.ok] == []


@pytest.mark.parametrize("hunt", HUNTS)
def test_corrected_hunts_are_silent(hunt, monkeypatch, tmp_path, capsys):
    program = tmp_path / f"{hunt}.py"
    program.write_text(solutions().solved_source(hunt), "utf-8")
    seen = run_linted(program, monkeypatch, tmp_path)
    assert [str(report) for report in seen["reports"] if not report.ok] == []


@pytest.mark.parametrize("example", MISTAKEN, ids=lambda path: path.stem)
def test_the_example_of_mistakes_is_not_silent(example, monkeypatch, tmp_path, capsys):
    run_linted(example, monkeypatch, tmp_path)
    printed = capsys.readouterr().out
    assert "\ndouble softmax: " in printed
    assert "\nstale gradient: " in printed
    assert printed.count("likely cause: ") == printed.count("all numbers are finite") == 2


def test_examples_are_looked_at(monkeypatch, tmp_path, capsys):
    """A program with a mistake is not silent: the test of the test."""
    program = tmp_path / "mistake.py"
    program.write_text(
        "import numpy as np\n"
        "from nn import MLP, SGD, softmax_cross_entropy\n"
        "network = MLP([3, 4, 2], seed=0)\n"
        "optimizer = SGD(network.parameters(), lr=0.1)\n"
        "for _ in range(3):\n"
        "    loss = softmax_cross_entropy(network(np.eye(3)), [0, 1, 0])\n"
        "    loss.backward()\n"
        "    optimizer.step()\n",
        "utf-8",
    )
    seen = run_linted(program, monkeypatch, tmp_path)
    assert (seen["backward"], seen["step"]) == (3, 3)
    assert [report.ok for report in seen["reports"]] == [True, True, True, False, True, False]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("structure", [[3, 2], [3, 4, 1], [3, 8, 5, 2], [3, 6, 6, 6, 3]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_are_silent_before_and_after_training(activation, structure, dtype):
    x = np.random.default_rng(1).normal(size=(16, 3)).astype(dtype)
    labels = (x[:, 0] > 0).astype(int)
    module = MLP(structure, activation=activation, dtype=dtype, seed=2)
    optimizer = SGD(module.parameters(), lr=0.3, momentum=0.9, weight_decay=1e-4)
    for number in range(101):
        loss = nn.loss.classification_loss(module(x), labels)
        optimizer.zero_grad()
        loss.backward()
        if number % 20 == 0:
            assert str(lint(loss, module, optimizer)) == "nothing found"
        optimizer.step()


def test_modules_of_modules_are_silent():
    inner = Linear(4, 4, dtype="float64", generator=np.random.default_rng(0))
    module = Sequential(Linear(3, 4, dtype="float64"), Tanh(), inner, ReLU(), inner, Tanh())
    loss = tg.mse_loss(module(X), np.zeros((8, 4)))
    loss.backward()
    assert lint(loss, module).ok

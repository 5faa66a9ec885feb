"""From a CSV file to predictions of a saved model, without a thread and without a process.

These tests run everywhere; `python -m tests.wasm` runs them where neither exists. The weights are
compared with a training written in NumPy.
"""

import threading

import numpy as np
import pytest

import nn
from nn.playground.session import Session
from nn.playground.settings import Settings
from tinygrad_edu import Tensor, capture
from tinygrad_edu.drawing import draw


@pytest.fixture
def no_threads(monkeypatch):
    """No thread can be started, as in WebAssembly."""

    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)


@pytest.fixture
def table(tmp_path):
    """A CSV file of two classes that a line separates, long enough for the fast reader."""
    random = np.random.default_rng(3)
    x = random.normal(size=(3000, 2))
    labels = np.where(x @ [1.5, -1.0] > 0.2, "yes", "no")
    lines = [f"{a!r},{b!r},{label}" for (a, b), label in zip(x.tolist(), labels, strict=True)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["width,height,bought", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.usefixtures("no_threads")
def test_a_table_is_fitted_saved_and_run(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learner = nn.model([2, 8, 2], seed=1)
    learner.fit(str(table), label="bought", epochs=5, lr=0.5, out=str(tmp_path / "runs"))
    files = {path.name for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert any(name.endswith(".safetensors") for name in files), files
    judged = nn.run(str(tmp_path / "runs"), str(table))
    assert judged.accuracy > 0.95

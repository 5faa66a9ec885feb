"""Tests of the command line in several processes: the same files, failures, signals, resuming."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nn.files import read_network

from .launching import ROOT, find_mpiexec, launch

SETTINGS = [
    *("--structure", "4,8,3", "--dtype", "float64", "--learning-rate", "0.1", "--batch-size", "16"),
    *("--figures", "none", "--dropout", "0.1", "--optimizer", "adam", "--validation", "0.2"),
]


def write(path, rows, seed):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 4))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 1)
    table = [[label, *row] for label, row in zip(labels, x.tolist(), strict=True)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["label", "a", "b", "c", "d"], *table])
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return write(folder / "train.csv", 150, 0), write(folder / "test.csv", 40, 1)


def arguments(data, out, *more, epochs=4):
    train, test = map(str, data)
    words = ["train", train, "--test", test, "--out", str(out), *SETTINGS]
    return ["-m", "nn", *words, "--epochs", str(epochs), *more]


def alone(*command):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, env=environment
    )


def result(folder):
    """The weights, and the history without the times."""
    saved = read_network(folder / "model.safetensors")
    weights = np.concatenate([part.ravel() for part in (*saved.weights, *saved.biases)])
    with (folder / "history.csv").open(newline="") as file:
        rows = [{**row, "seconds": 0} for row in csv.DictReader(file)]
    return weights, np.array([[float(v or 0) for v in row.values()] for row in rows])


def assert_equal(one, other):
    for a, b in zip(result(one), result(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    assert alone(*arguments(data, out)).returncode == 0
    return out


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_same_files(ranks, data, whole, tmp_path):
    done, _ = launch(ranks, *arguments(data, tmp_path / "out", "--distributed"))
    assert done.returncode == 0, done.stderr
    assert_equal(whole, tmp_path / "out")
    names = [sorted(p.name for p in folder.iterdir()) for folder in (whole, tmp_path / "out")]
    assert names[0] == names[1]
    assert "distributed" not in (tmp_path / "out" / "run.toml").read_text()
    assert done.stdout.count("epoch 4/4") == 1
    assert ("note: one process" in done.stdout) == (ranks == 1)
    if ranks == 1:
        assert result(whole)[0].tobytes() == result(tmp_path / "out")[0].tobytes()


def test_without_the_option_nothing_is_written(data, tmp_path):
    done, _ = launch(2, *arguments(data, tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.count("add --distributed") == 1
    assert not (tmp_path / "out").exists()


def test_an_error_of_all_ranks_is_one_line(data, tmp_path):
    done, _ = launch(2, *arguments(data, tmp_path / "out", "--label", "nothing", "--distributed"))
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1
    assert not (tmp_path / "out").exists()


BROKEN = """
import os, signal, sys
import nn.training.loop as loop
from mpi4py import MPI

original = loop.Loop._stepped
count = [0]

def stepped(self, rows):
    count[0] += 1
    if MPI.COMM_WORLD.rank == 1 and count[0] == 12:
        {action}
    return original(self, rows)

loop.Loop._stepped = stepped
from nn.cli import main
sys.exit(main())
"""
ACTIONS = {
    "raises": ("raise ArithmeticError('broken')", "broken"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", ""),
    "leaves": ("os._exit(0)", "os._exit(0)"),
}


@pytest.mark.parametrize("kind", ACTIONS)
def test_a_failing_rank_ends_all_and_the_old_model_stays(kind, data, whole, tmp_path):
    action, words = ACTIONS[kind]
    program = tmp_path / "program.py"
    program.write_text(BROKEN.format(action=action))
    out = tmp_path / "out"
    out.mkdir()
    for path in whole.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    before = (out / "model.safetensors").read_bytes()
    command = arguments(data, out, "--distributed", epochs=50)[2:]
    done, _ = launch(2, str(program), *command)
    assert done.returncode != 0
    assert words in done.stderr
    assert (out / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_and_another_number_of_ranks_goes_on(number, status, data, tmp_path):
    out = tmp_path / "out"
    command = arguments(data, out, "--distributed", "--checkpoint-every", "1", epochs=15)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    slow = (
        "import sys, time, nn.training.loop as l; s = l.Loop._stepped\n"
        "def slow(self, rows):\n    time.sleep(0.05); return s(self, rows)\n"
        "l.Loop._stepped = slow\nfrom nn.cli import main; sys.exit(main())"
    )
    (tmp_path / "slow.py").write_text(slow)
    process = subprocess.Popen(
        [find_mpiexec(), "-n", "2", sys.executable, str(tmp_path / "slow.py"), *command[2:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    deadline = time.monotonic() + 60
    while not (out / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    assert "stopped" in errors
    done, _ = launch(3, "-m", "nn", "resume", str(out), "--distributed")
    assert done.returncode == 0, done.stderr
    once = tmp_path / "once"
    assert alone(*arguments(data, once, "--checkpoint-every", "1", epochs=15)).returncode == 0
    assert_equal(once, out)

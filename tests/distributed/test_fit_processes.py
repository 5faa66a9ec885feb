"""Tests of the command line in several processes: the same files, failures, signals, resuming.

One job runs many commands, because starting Python takes longer than training.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nn.files import read_network

from .launching import ROOT, find_mpiexec, launch

pytest.importorskip("mpi4py")

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
    bad = write(folder / "bad.csv", 150, 0)
    bad.write_text(bad.read_text("utf-8").replace("label,", "label,label,", 1), "utf-8")
    names = {"train": 150, "test": 40, "other": 40}
    return {"bad": bad} | {
        name: write(folder / f"{name}.csv", rows, number)
        for number, (name, rows) in enumerate(names.items())
    }


def words(data, out, *more, train="train", test="test", epochs=4):
    files = ["train", str(data[train]), "--test", str(data[test]), "--out", str(out)]
    return [*files, *SETTINGS, "--epochs", str(epochs), "--distributed", *more]


def run_all(ranks, commands, folder):
    """Run commands in one job; return for each what all ranks found."""
    folder.mkdir(exist_ok=True)
    (folder / "commands.json").write_text(json.dumps(commands), "utf-8")
    done, _ = launch(ranks, "-m", "tests.distributed.commands", str(folder))
    if done.returncode:
        return done
    found = [json.loads((folder / f"{rank}.json").read_text("utf-8")) for rank in range(ranks)]
    return {name: [one[name] for one in found] for name in found[0]}


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


def copied(whole, out):
    """Make a folder with an earlier model; return the bytes of its files."""
    out.mkdir()
    for path in whole.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return files(out)


def files(folder):
    kept = ("model.safetensors", "model.pkl", "history.csv", "run.toml")
    return {name: (folder / name).read_bytes() for name in kept}


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """What a single process trains, without mpiexec."""
    out = tmp_path_factory.mktemp("whole")
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    once = [*words(data, out / "once", "--checkpoint-every", "1", epochs=6)]
    code = f"from nn.cli import main; print(main({words(data, out / 'four')}), main({once}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.endswith("0 0\n"), done.stderr
    assert done.stdout.count("note: one process") == 2
    return out


# What is wrong, and words of the one message.
REFUSED = {
    "bad file on all ranks": "'label' occurs in columns 1 and 2",
    "bad file on a rank": "rank 1 of 2: ",
    "other test data on a rank": "rank 1 has other test data than rank 0",
    "other rate on a rank": "learning_rate: 0.1 on rank 0, 0.3 on rank 1",
    "no such column": "nothing",
    "standard input": "standard input reaches only one process",
    "lbfgs": "LBFGS on batches of 16 rows",
    "diverges": "try a smaller alpha (learning rate)",
    "locked": "is writing a model into this folder",
    "model": "No space left",
}


@pytest.fixture(scope="module")
def outs(tmp_path_factory):
    return tmp_path_factory.mktemp("outs")


@pytest.fixture(scope="module")
def two(data, whole, outs):
    """The commands of two ranks, by name."""
    pytest.importorskip("mpi4py")
    earlier = {name: copied(whole / "four", outs / name) for name in REFUSED}
    bad = {name: words(data, outs / name) for name in REFUSED}
    bad["bad file on all ranks"] = words(data, outs / "bad file on all ranks", train="bad")
    for name, other in {
        "bad file on a rank": {"train": "bad"},
        "other test data on a rank": {"test": "other"},
    }.items():
        bad[name] = [bad[name], words(data, outs / name, **other)]
    changes = {
        "no such column": ["--label", "nothing"],
        "lbfgs": ["--optimizer", "lbfgs"],
        "diverges": ["--optimizer", "sgd", "--learning-rate", "1e9"],
    }
    for name, more in changes.items():
        bad[name] += more
    name = "other rate on a rank"
    bad[name] = [bad[name], [*bad[name], "--learning-rate", "0.3"]]
    bad["standard input"][1] = "-"
    one_file = {
        "the same": ([*words(data, outs / "the same")], ""),
        "without the option": ([w for w in words(data, outs / "no") if w != "--distributed"], ""),
        "checkpoint": (words(data, outs / "checkpoint", "--checkpoint-every", "1"), "checkpoint"),
        "strict": (words(data, outs / "strict"), "strict"),
        "pictures": (words(data, outs / "pictures", "--figures", "curves"), "pictures"),
        "gradients": (words(data, outs / "gradients", "--figures", "gradients"), ""),
        "interrupted": (
            words(data, outs / "interrupted", "--checkpoint-every", "1", epochs=6),
            "interrupted",
        ),
    }
    commands = [[name, given, name] for name, given in bad.items()]
    commands += [[name, *given] for name, given in one_file.items()]
    found = run_all(2, commands, outs / "two")
    assert isinstance(found, dict), found
    return found, earlier


@pytest.fixture(scope="module")
def four(data, two, outs):
    """The commands of four ranks, one of which continues what two began."""
    resume = ["resume", str(outs / "interrupted"), "--distributed"]
    commands = [["the same", words(data, outs / "four"), ""], ["resumed", resume, ""]]
    found = run_all(4, commands, outs / "4")
    assert isinstance(found, dict), found
    return found


@pytest.mark.parametrize("name", REFUSED)
def test_what_goes_wrong_ends_all_ranks_with_one_message(name, two, outs):
    found, earlier = two
    statuses = [rank["status"] for rank in found[name]]
    assert 0 not in statuses
    text = "".join(rank["errors"] for rank in found[name])
    assert text.count("error:") == 1, text
    assert REFUSED[name] in text
    assert files(outs / name) == earlier[name]


@pytest.mark.parametrize(("ranks", "out"), [(2, "the same"), (4, "four")])
def test_the_same_files(ranks, out, two, four, whole, outs):
    found = {2: two[0], 4: four}[ranks]["the same"]
    assert [rank["status"] for rank in found] == [0] * ranks, found
    assert_equal(whole / "four", outs / out)
    names = [sorted(p.name for p in folder.iterdir()) for folder in (whole / "four", outs / out)]
    assert names[0] == names[1]
    assert "distributed" not in (outs / out / "run.toml").read_text("utf-8")
    assert "".join(rank["out"] for rank in found).count("epoch 4/4") == 1
    assert "".join(rank["errors"] for rank in found) == ""


@pytest.mark.parametrize("ranks", [2, 4])
def test_steps_are_replays(ranks, two, four):
    """Of 32 steps with dropout, in which the last batch of an epoch has another size."""
    for rank in {2: two[0], 4: four}[ranks]["the same"]:
        backward, update = rank["recordings"]
        assert 2 <= backward <= 5
        assert 2 <= update <= 3


def test_without_the_option_nothing_is_written(two, outs):
    found = two[0]["without the option"]
    assert [rank["status"] for rank in found] == [2, 2]
    assert "".join(rank["errors"] for rank in found).count("add --distributed") == 1
    assert not (outs / "no").exists()


def test_pictures_that_fail_leave_the_model(two, whole, outs):
    found = two[0]["pictures"]
    assert [rank["status"] for rank in found] == [2, 2]
    text = "".join(rank["errors"] for rank in found)
    assert text.count("its pictures are not: no font") == 1
    assert_equal(whole / "four", outs / "pictures")


@pytest.mark.parametrize("name", ["gradients", "strict"])
def test_pictures_and_settings_of_numpy_change_nothing(name, two, whole, outs):
    assert [rank["status"] for rank in two[0][name]] == [0, 0], two[0][name]
    assert_equal(whole / "four", outs / name)


def test_gradients_are_drawn(two, outs):
    assert (outs / "gradients" / "gradients.png").stat().st_size > 1000


def test_a_checkpoint_that_cannot_be_saved_is_noted(two, whole, outs):
    found = two[0]["checkpoint"]
    assert [rank["status"] for rank in found] == [0, 0]
    assert "the checkpoint could not be saved" in found[0]["out"]
    assert found[1]["out"] == ""
    assert_equal(whole / "four", outs / "checkpoint")


def test_interrupted_on_a_rank_and_resumed_by_more(two, four, whole, outs):
    found = two[0]["interrupted"]
    assert [rank["status"] for rank in found] == [130, 130]
    assert "".join(rank["errors"] for rank in found).count("go on with") == 1
    assert [rank["status"] for rank in four["resumed"]] == [0] * 4, four["resumed"]
    assert_equal(whole / "once", outs / "interrupted")


@pytest.mark.parametrize(
    ("kind", "words_of_it"), [("raises", "broken"), ("killed", ""), ("leaves", "os._exit(0)")]
)
def test_a_failing_rank_ends_all_and_the_old_model_stays(kind, words_of_it, data, whole, tmp_path):
    out = tmp_path / "out"
    before = copied(whole / "four", out)
    done = run_all(2, [[kind, words(data, out, epochs=50), kind]], tmp_path / "job")
    assert done.returncode != 0
    assert done.stderr.count(words_of_it or "error") == bool(words_of_it)
    assert files(out) == before


def test_a_signal_to_the_launcher_stops_all(data, whole, tmp_path):
    out = tmp_path / "out"
    slow = (
        "import sys, time, nn.training.loop as l; s = l.Loop._stepped\n"
        "def slow(self, rows):\n    time.sleep(0.02); return s(self, rows)\n"
        "l.Loop._stepped = slow\nfrom nn.cli import main; sys.exit(main())"
    )
    (tmp_path / "slow.py").write_text(slow, "utf-8")
    command = words(data, out, "--checkpoint-every", "1", epochs=500)
    process = subprocess.Popen(
        [find_mpiexec(), "-n", "2", sys.executable, str(tmp_path / "slow.py"), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 60
    while not (out / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.count("stopped by SIGTERM") == 1
    assert (out / "checkpoint.safetensors").exists()

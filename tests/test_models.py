"""Tests that the models in `examples/models` learn: each is trained for a second or two.

Full trainings, and their figures, are made by `python -m examples.models`.
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples.models.__main__ import MODELS, SHARED
from nn.data.digits import load_digits, write_digits

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples" / "models"
MOST_LINES = 150

# What holds of the figures of a short training, and fails for a network that does not learn.
LEARNED = {
    "adversarial_digits": lambda f: (
        f["clean"] > 0.9
        and f["attacked"] < f["noise"] - 0.2
        and f["hardened_attacked"] > f["attacked"]
    ),
    "char_gpt": lambda f: f["validation_loss"] < f["baseline"] - 0.05,
    "char_lstm": lambda f: f["validation_loss"] < f["baseline"] - 0.05,
    "cnn_digits": lambda f: f["accuracy"] > 0.9,
    "cnn_mnist": lambda f: f["accuracy"] > 0.9,
    "diffusion_2d": lambda f: f["distance"] < 0.75 * f["of_normal_points"],
    "dqn_grid": lambda f: f["optimal_starts"] > 0.9,
    "gan_digits": lambda f: f["distance"] < 0.6,  # 2.8 without training
    "graph_network": lambda f: f["accuracy"] > 0.9 > 0.6 > f["without_edges"],
    "perceptron_xor": lambda f: f["perceptron_accuracy"] < 1 == f["mlp_accuracy"],
    "pinn_heat": lambda f: f["max_error"] < 0.3,
    "resnet_digits": lambda f: f["accuracy"] > 0.93,
    "vae_digits": lambda f: f["elbo"] > f["independent_pixels"] + 3,
}


@pytest.fixture
def model(monkeypatch):
    """Import a model as a program does, from its own folder."""
    monkeypatch.syspath_prepend(FOLDER)
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in SHARED | set(MODELS):
            del sys.modules[name]


def write_large_digits(folder):
    """Write the digits as MNIST has its images: 28 x 28 pixels, 0 to 255, with an empty frame."""
    images, labels, test_images, test_labels = load_digits()
    for part, x, y in (("train", images, labels), ("test", test_images, test_labels)):
        large = np.pad(x[:, 0].repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
        rows = np.column_stack([y, (large * 255).round().reshape(len(y), -1)]).astype(int)
        header = ",".join(["label", *(f"pixel{i}" for i in range(1, 785))])
        np.savetxt(folder / f"mnist_{part}.csv", rows, "%d", ",", header=header, comments="")


def test_every_model_is_tested():
    assert sorted(LEARNED) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_a_short_training_learns(name, model, tmp_path, capsys):
    options = {}
    if name == "cnn_mnist":
        write_large_digits(tmp_path)
        options["data"] = str(tmp_path)
    figures = model(name).main(quick=True, out=tmp_path / "out", **options)
    assert LEARNED[name](figures), figures
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert "graph.svg" in files, files
    last = capsys.readouterr().out.splitlines()[-1]
    form = rf"{name} \| .*[\d.]+ \| seed \d+ \| \d+\.\d s \| \d+ MiB \| pictures in .+"
    assert re.fullmatch(form, last), last


def test_the_same_seed_is_the_same_run(model, tmp_path):
    module = model("graph_network")
    runs = [module.main(quick=True, out=tmp_path) for _ in range(2)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_short_and_in_the_table(name):
    file = FOLDER / f"{name}.py"
    lines = len(file.read_text("utf-8").splitlines())
    assert lines <= MOST_LINES
    table = (FOLDER / "README.md").read_text("utf-8")
    (row,) = re.findall(rf"^\| \[`{name}`\]\({name}\.py\) \|.*$", table, re.M)
    assert row.rstrip(" |").endswith(f"| {lines}"), f"{name} has {lines} lines"


def test_the_table_lists_models_only():
    table = (FOLDER / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| \[`(\w+)`\]", table, re.M)) == MODELS


def program(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        check=False, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_mnist_is_asked_for(model, tmp_path):
    without = program(FOLDER / "cnn_mnist.py", "--quick", "--out", tmp_path)
    assert (without.returncode, without.stdout) == (2, "")
    assert without.stderr == (
        "MNIST is not part of the project: pass --data FOLDER; --help says more\n"
    )
    load = model("cnn_mnist").load_mnist
    with pytest.raises(ValueError, match=r"has neither mnist_train.csv nor mnist_train.csv.gz"):
        load(tmp_path)
    train, test = write_digits(tmp_path)
    train.rename(tmp_path / "mnist_train.csv")
    test.rename(tmp_path / "mnist_test.csv")
    with pytest.raises(ValueError, match="64 pixels in a row, expected 784"):
        load(tmp_path)


def test_all_models_are_trained_by_a_program(tmp_path):
    """The runner starts each model in a process, and skips the one whose data it does not have."""
    names = ("perceptron_xor", "cnn_mnist")
    done = program("-m", "examples.models", *names, "--quick", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    *_, first, second = done.stdout.splitlines()
    assert re.match(r"\| perceptron_xor *\| mlp accuracy 1, .* \| +[\d.]+ +\| \d+ ", first)
    assert "skipped: pass the folder of its data, --mnist FOLDER" in second
    failed = program("-m", "examples.models", "cnn_mnist", "--mnist", tmp_path, "--out", tmp_path)
    assert failed.returncode == 1
    assert "failed with status 2" in failed.stdout
    assert (
        "no model nothing; there are adversarial"
        in program("-m", "examples.models", "nothing").stderr
    )


def test_distances_of_samples(model):
    gan = model("gan_digits")
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 3)), generator.normal(1, 1, size=(50, 3))
    pairs = np.linalg.norm(x[:, None] - y, axis=2).mean()
    within = [
        np.linalg.norm(a[:, None] - a, axis=2).sum() / (len(a) * (len(a) - 1)) for a in (x, y)
    ]
    assert gan.energy_distance(x, y) == pytest.approx(2 * pairs - sum(within), rel=1e-6)


def test_text_and_windows(model):
    shared = model("alice")
    text, validation, characters = shared.load_text()
    assert 9 * len(validation) == pytest.approx(len(text), rel=0.01)
    inputs, targets = shared.windows(text, [0, 7], 20)
    assert "".join(characters[n] for n in inputs[0]).startswith("CHAPTER I")
    assert (inputs[:, 1:] == targets[:, :-1]).all()
    # In a text that alternates, each character says what follows.
    alternating = np.arange(1000) % 2
    assert shared.bigram_loss(alternating, alternating, 2) < 0.01

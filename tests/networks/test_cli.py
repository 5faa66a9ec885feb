"""Tests the command line: every command does what its help says, its exit code reports the result,
and the mistakes that beginners make get one line that says what to do.
"""

import csv
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from nn import Classifier, cli, compare_gradients, model
from nn.by_hand import delta_rule

COMMANDS = [
    "train",
    "predict",
    "check",
    "compare",
    "graph",
    "stepper",
    "demo",
    "doctor",
    "inspect",
    "convert",
]
FILES = ["confusion.png", "curves.png", "history.csv", "model.pkl", "model.safetensors"]


def write_csv(path, rows, labels=True):
    classes = np.arange(rows) % 3
    table = classes[:, None] * 4 + np.random.default_rng(0).integers(0, 3, (rows, 4))
    header = "a, b, c, d"
    if labels:
        table, header = np.column_stack([classes, table]), "label, " + header
    np.savetxt(path, table, fmt="%d", delimiter=", ", header=header, comments="")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model file."""
    folder = tmp_path_factory.mktemp("trained")
    write_csv(folder / "train.csv", 60)
    net = model([4, 8, 3], folder, verbose=False)
    net.fit(folder / "train.csv", epoch=40, alpha=0.2, batch_size=8, scale=16)
    return folder / "model.safetensors"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder of its own, with some data in it."""
    write_csv(tmp_path / "train.csv", 30)
    write_csv(tmp_path / "test.csv", 15)
    write_csv(tmp_path / "unlabelled.csv", 15, labels=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def process(*command, **environment):
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"COLUMNS": "80", "PYTHONUTF8": "0"} | environment,
        check=False,
    )


# Help --------------------------------------------------------------------------------------


def examples(text):
    """The command lines in a help text, without what is the shell's."""
    joined = text.replace("\\\n", " ")
    lines = re.findall(r"^ *tinygrad-edu ([a-z].*)$", joined, re.MULTILINE)
    return [line.split(" > ")[0] for line in lines]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_a_worked_example_that_parses(run, command):
    code, out, err = run(f"{command} --help")
    assert (code, err) == (0, "")
    assert "\nexample:\n" in out
    found = examples(out.split("\nexample:\n")[1])
    assert found
    for line in found:
        options = cli._parser().parse_args(shlex.split(line))
        assert options.run.__name__ == f"_{command}"
        assert line in examples(run("--help")[1]), "the help of the program shows them all"


@pytest.mark.needs("processes")
def test_module_and_console_script_are_the_same_program():
    script = Path(sysconfig.get_path("scripts")) / "tinygrad-edu"
    one, two = process(sys.executable, "-m", "nn", "--help"), process(script, "--help")
    assert (one.returncode, two.returncode) == (0, 0)
    assert one.stdout == two.stdout
    assert all(f"\n    {command} " in one.stdout for command in COMMANDS)
    assert (one.stderr, two.stderr) == ("", "")


def test_version(run):
    assert run("--version")[:2] == (0, "tinygrad-edu 0.1.0\n")


# What the commands do ----------------------------------------------------------------------


def test_train_makes_the_folder_and_does_what_python_does(run, folder):
    options = "--epochs 3 --learning-rate 0.2 --batch-size 8 --scale 16 --seed 5"
    code, out, err = run(f"train train.csv --test test.csv --structure 4,8,3 --out a/b {options}")
    assert (code, err) == (0, "")
    assert sorted(os.listdir("a/b")) == [*FILES, "run.toml"]
    assert len(re.findall(r"^epoch [123]/3   train loss .* test loss", out, re.MULTILINE)) == 3
    (folder / "c").mkdir()
    net = model([4, 8, 3], "c", seed=5, verbose=False)
    net.fit("train.csv", "test.csv", epoch=3, alpha=0.2, batch_size=8, scale=16)
    assert Path("a/b/model.safetensors").read_bytes() == Path("c/model.safetensors").read_bytes()


def test_train_with_another_activation(run):
    code, *_ = run("train train.csv --structure 4,8,3 --epochs 1 --activation tanh --out a")
    assert code == 0
    assert Classifier.load("a/model.safetensors").network.activation == "tanh"


def test_train_draws_the_figures_that_are_asked_for(run):
    code, out, _ = run(
        "train train.csv --structure 4,3 --epochs 2 --figures gradients,curves --out a"
    )
    assert code == 0
    assert re.search(
        r"\npictures: curves.png, gradients.png\ntrain accuracy .*; saved in a\n\nnext:\n", out
    )
    assert sorted(os.listdir("a")) == ["curves.png", "gradients.png", *FILES[2:], "run.toml"]


@pytest.mark.parametrize("name", FILES[3:])
def test_predict_prints_csv_and_reports_accuracy_separately(run, trained, name):
    file = trained.with_name(name)
    code, out, err = run(f"predict {file} test.csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["row"] for row in rows] == [str(number) for number in range(1, 16)]
    net, features = Classifier.load(file), np.loadtxt("unlabelled.csv", delimiter=",", skiprows=1)
    assert [int(row["prediction"]) for row in rows] == net.predict(features).tolist()
    confidences = net.predict_proba(features).max(axis=1)
    assert [float(row["confidence"]) for row in rows] == pytest.approx(confidences, abs=6e-5)
    assert err == "accuracy 100.00% (15 of 15)\n"
    assert run(f"predict {file} unlabelled.csv") == (0, out, ""), "without labels, no accuracy"


def test_predict_with_a_single_output(run, folder):
    Path("or.csv").write_text("label, a, b\n0, 0, 0\n1, 0, 1\n1, 1, 0\n1, 1, 1\n", "utf-8")
    net = model([2, 4, 1], folder, verbose=False)
    net.fit("or.csv", epoch=300, alpha=0.5, batch_size=4)
    code, out, err = run("predict model.safetensors or.csv")
    assert code == 0
    assert [row["prediction"] for row in csv.DictReader(io.StringIO(out))] == ["0", "1", "1", "1"]
    assert err == "accuracy 100.00% (4 of 4)\n"


@pytest.mark.parametrize("source", ["--structure 4,5,3 --activation tanh", "--model {}"])
@pytest.mark.parametrize("data", ["", "--data train.csv --rows 20"])
def test_compare_sets_its_exit_code(run, trained, monkeypatch, source, data):
    line = f"compare {source.format(trained)} {data}"
    code, out, err = run(line)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "Gradients: by hand, automatic and numerical: ✓ all match"
    assert out.splitlines()[2].split()[0] == "parameter"
    assert out.count("✓ match") == 4
    assert "DIFFERS" not in out
    assert run(line)[1] == out, "the seed fixes it"

    right = delta_rule.gradients
    monkeypatch.setattr(delta_rule, "gradients", lambda *a: right(*a[:3], 0 * a[3], *a[4:]))
    code, out, err = run(line)
    assert (code, err) == (1, "")
    assert "DIFFERS" in out


def test_compare_scales_real_rows_as_the_model_does(run, trained):
    table = np.loadtxt("train.csv", delimiter=",", skiprows=1)[:20]
    network = Classifier.load(trained).network
    expected = compare_gradients(network, table[:, 1:] / 16, table[:, 0].astype(int))
    assert run(f"compare --model {trained} --data train.csv --rows 20")[1] == f"{expected}\n"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
@pytest.mark.needs("processes")
def test_compare_prints_whole_into_a_file_of_any_encoding(encoding):
    """Windows redirects into its own code page, which has no ∂ and no δ."""
    result = process(
        *(sys.executable, "-m", "nn", "compare", "--structure", "30,20,10,3"),
        PYTHONIOENCODING=encoding,
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert len(lines) == 4 + 6 + 1 + 2, "title, heads, a line for each parameter, and the notes"
    assert all(line.rstrip().endswith("match") for line in lines[4:10])
    assert "..." not in result.stdout
    assert "at most 20 elements" in lines[-1]


@pytest.mark.parametrize(
    "options",
    [
        "--structure 2,3,2 --out graph.dot",
        "--structure 2,3,1 --rows 2 --out graph.txt",
        "--structure 2,3,2 --activation tanh --out graph.json",
        pytest.param(
            "--structure 2,3,2 --out graph.svg",
            marks=pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed"),
        ),
    ],
)
def test_graph_writes_the_format_of_the_suffix(run, options):
    code, out, err = run(f"graph {options}")
    name = options.split()[-1]
    assert (code, out, err) == (0, f"drawn: {name}\n", "")
    text = Path(name).read_text(encoding="utf-8")
    start = {"dot": r"digraph", "txt": r"\w", "json": r"[{\[]", "svg": r"<(\?xml|svg)"}
    assert re.match(start[name[6:]], text.lstrip())
    assert "linear1" in text or "weight" in text


def test_graph_of_a_trained_model_and_real_rows(run, trained):
    code, _, err = run(f"graph --model {trained} --data test.csv --rows 3 --out graph.dot")
    assert (code, err) == (0, "")
    assert "digraph" in Path("graph.dot").read_text(encoding="utf-8")


def test_doctor_reports_what_draws_and_sets_its_exit_code(run, monkeypatch):
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert "\nGraphviz: not on PATH; install it with: " in out
    assert re.search(r"^  svg   ok", out, re.MULTILINE)
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "/nonexistent/dot")
    code, out, err = run("doctor")
    assert (code, err) == (1, "")
    assert "TINYGRAD_EDU_DOT names '/nonexistent/dot'" in out


def test_demo_shows_it_all(run, monkeypatch):
    code, out, err = run("demo --out runs/digits")
    assert (code, err) == (0, "")
    accuracy = re.search(r"^test accuracy ([\d.]+)%; saved in", out, re.MULTILINE)
    assert float(accuracy[1]) >= 96
    steps = [out.index(text) for text in ("1. Training on", "2. Gradients", "3. Left for you")]
    assert steps == sorted(steps)
    assert out.count("✓ match") == 6
    made = set(os.listdir("runs/digits"))
    assert made >= {*FILES, "train.csv", "test.csv"}
    assert made >= {"mistakes.png", "weights.png", "gradients.png"}
    listed = set(re.findall(r"^  runs/digits/(\S+)", out, re.MULTILINE))
    assert made - listed == {"test.csv"}, "which stands in the line of train.csv"
    assert "graph.svg" in made or "graph.dot" in made
    for path in re.findall(r"^  (runs/digits/\S+)", out, re.MULTILINE):
        assert Path(path).is_file()


# How it fails ------------------------------------------------------------------------------

MISTAKES = {
    "data missing": ("train nix.csv --structure 4,3", ["nix.csv", "no such file"]),
    "test data missing": ("train train.csv --test nix.csv --structure 4,3", ["nix.csv"]),
    "picture for data": ("train curves.png --structure 4,3", ["curves.png", "expected CSV"]),
    "too few features": ("train train.csv --structure 3,3", ["4 features", "takes 3"]),
    "too few outputs": ("train train.csv --structure 4,2", ["3 classes", "2 outputs"]),
    "structure too short": ("train train.csv --structure 4", ["structure [4]", "too short"]),
    "layer of width 0": ("train train.csv --structure 4,0,3", ["structure[1]", ">= 1"]),
    "no epochs": ("train train.csv --structure 4,3 --epochs 0", ["epoch", ">= 1"]),
    "activation": ("train train.csv --structure 4,3 --activation gelu", ["'gelu'", "tanh"]),
    "figure": ("train train.csv --structure 4,3 --figures curve", ["'curve'", "confusion"]),
    "seed": ("train train.csv --structure 4,3 --seed -1", ["seed", "-1"]),
    "file for folder": ("train train.csv --structure 4,3 --out test.csv", ["test.csv"]),
    "model missing": ("predict nix.pkl test.csv", ["nix.pkl", "no model file"]),
    "folder for model": ("predict . test.csv", ["folder", "model file in it"]),
    "CSV for model": ("predict test.csv test.csv", ["test.csv", "not a model file"]),
    "swapped": ("predict test.csv {model}", ["test.csv", "not a model file"]),
    "model for data": ("predict {model} {model}", ["model.safetensors"]),
    "other features": ("predict {model} other.csv", ["lacks 2 of the 4", "'c', 'd'"]),
    "no network": ("compare", ["--structure", "--model"]),
    "compare nothing": ("compare --structure 4,3 --rows 0", ["rows", ">= 1"]),
    "compare other data": ("compare --structure 3,3 --data train.csv", ["4 features", "takes 3"]),
    "compare other classes": ("compare --structure 4,2 --data train.csv", ["label 2", "0..1"]),
    "compare seed": ("compare --structure 4,3 --seed -1", ["seed", "-1"]),
    "compare too much": ("compare --structure 10000000,10000000", []),  # 728 TiB
    "graph seed": ("graph --structure 4,3 --seed -1 --out g.dot", ["seed", "-1"]),
    "graph format": ("graph --structure 2,3,2 --out graph.bmp", ["bmp", "svg"]),
    "graph folder": ("graph --structure 2,3,2 --out nix/graph.dot", ["nix"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_get_one_line_and_exit_code_2(run, folder, trained, mistake):
    line, words = MISTAKES[mistake]
    Path("other.csv").write_text("label, a, b\n0, 1, 2\n1, 2, 3\n", "utf-8")
    shutil.copy(trained.with_name("curves.png"), folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, out, err = run(line.format(model=trained))
    assert (code, out) == (2, "")
    assert err.startswith("tinygrad-edu: error: ")
    assert err.count("\n") == 1
    assert all(word.lower() in err.lower() for word in words), err
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name: path.read_bytes() for path in found} == files, "nothing was written"


@pytest.mark.parametrize("wrong", ["4", "4,3 --activation gelu", "4,3 --seed -1"])
def test_no_folder_is_made_for_a_network_that_cannot_be(run, wrong):
    assert run(f"train train.csv --out runs/a --structure {wrong}")[0] == 2
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["required", "COMMAND"]),
        ("trian train.csv", ["'trian'", "'train'"]),
        ("train train.csv --structure 4,3 --alpha 0.1", ["--alpha"]),
        ("train train.csv --structure 4,3 --epochs ten", ["--epochs", "'ten'"]),
        ("train train.csv --structure 4,x,3", ["'4,x,3'", "commas", "784,128,64,10"]),
        ("train train.csv --structure [4,3]", ["'[4,3]'", "commas"]),
        ("predict model.pkl", ["data"]),
    ],
)
def test_words_that_cannot_be_read_get_one_line_and_exit_code_2(run, line, words):
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("tinygrad-edu: error: ")
    assert re.search(r"; see tinygrad-edu( \w+)? --help\n$", err)
    assert all(word in err for word in words), err


def test_ctrl_c_is_exit_code_130(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.optim.SGD.step", interrupt)
    code, _, err = run("train train.csv --structure 4,3 --learning-rate 0.1 --out a")
    assert code == 130
    assert "stopped" in err
    assert "Traceback" not in err


def test_divergence_is_reported_in_one_line(run, monkeypatch):
    monkeypatch.setattr("nn.optim.SGD.step", lambda self: _spoil(self.params[0]))
    code, _, err = run("train train.csv --structure 4,3 --learning-rate 0.1 --out a --batch-size 8")
    assert code == 2
    assert re.fullmatch(r"tinygrad-edu: error: the loss became nan in epoch 1, batch 2;.*\n", err)
    assert not os.path.exists("a"), "the folder was made for the results, and there are none"


def _spoil(weight):
    weight.data = np.full(weight.shape, np.nan)


def test_differing_gradients_make_the_demo_fail(run, monkeypatch):
    right = delta_rule.gradients
    monkeypatch.setattr(delta_rule, "gradients", lambda *a: right(*a[:3], 0 * a[3], *a[4:]))
    monkeypatch.setattr(Classifier, "fit", lambda *_, **__: None)
    for name in ("draw_loss", "write_stepper"):
        monkeypatch.setattr(cli.demo, name, lambda *_: Path("graph.svg"))
    assert run("demo --out a")[0] == 1


@pytest.mark.needs("processes")
def test_a_reader_that_has_read_enough_is_not_an_error(trained):
    write_csv("long.csv", 30_000)
    command = [sys.executable, "-m", "nn", "predict", str(trained), "long.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().rstrip() == b"row,prediction,confidence"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0

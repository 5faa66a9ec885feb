"""What people read is true: the README's code, the examples and every docstring are executed."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
# Importing one of them warns; what they contain is documented under its new name.
FORMER_NAMES = {"nn.csv_data", "nn.datasets", "nn.delta_rule"}
MODULES = sorted(
    {
        module.name
        for package in (tinygrad_edu, nn)
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not module.name.endswith("__main__") and module.name not in FORMER_NAMES
    }
    | {"tinygrad_edu", "nn"}
)


PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    """Give the code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)


def readme_blocks(language):
    return blocks(README, language)


def test_readme_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "readme"}
    for block in readme_blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    # tanh(0.5 - 2)² has the derivative 2 tanh(z) (1 - tanh²(z)) x, with z = -1.5.
    slope = 2 * np.tanh(-1.5) * (1 - np.tanh(-1.5) ** 2)
    first = np.array(
        re.search(r"\[\[([-.\d]+)\s*\]\s+\[([-.\d]+)\s*\]\]", printed).groups(), dtype=float
    )
    np.testing.assert_allclose(first, [slope, 2 * slope], rtol=1e-6)
    told = re.search(r"# an ndarray: \[\[(\S+) *\] \[(\S+)\]\]", README.read_text()).groups()
    np.testing.assert_allclose(np.array(told, dtype=float), first, rtol=1e-7)
    assert (names["first"].item(), names["second"]) == (12.0, 12.0)
    assert "match" in printed
    assert printed.count("DIFFERS") == 1, "the mistake that it shows"
    assert "the derivative of tanh was taken at its output" in printed
    assert re.search(r"prediction = \d with \d+\.\d% confidence", printed)
    assert {p.name for p in (tmp_path / "runs" / "digits").iterdir()} == {
        "model.pkl",
        "model.safetensors",
        "confusion.png",
        "curves.png",
        "mistakes.png",
        "weights.png",
    }


def test_readme_shell_commands_run(tmp_path, monkeypatch):
    """All commands of the command-line section, in their order, in an empty folder."""
    (block,) = [b for b in readme_blocks("sh") if "tinygrad-edu" in b]
    commands = block.replace("\\\n", " ").splitlines()
    assert len(commands) == 8
    monkeypatch.chdir(tmp_path)
    from nn.cli import main

    for command in commands:
        program, *words = command.split("#")[0].split()
        assert program == "tinygrad-edu"
        if words[0] == "graph" and not has_dot():
            words[-1] = "graph.dot"
        if words[-1] == "--help":
            with pytest.raises(SystemExit, match="0"):
                main(words)
        else:
            assert main(words) == 0, command


def test_pictures_and_links_lead_somewhere():
    if not (ROOT / "tinygrad_edu").is_dir():
        pytest.skip("what the pages lead to is in the clone only")
    for page in PAGES:
        for path in re.findall(r"!?\[[^\]]*\]\(([^):#]+)\)", page.read_text("utf-8")):
            assert (page.parent / path).is_file(), f"{page.name} names {path}"


@pytest.mark.parametrize(
    ("name", "written", "printed"),
    [
        ("seeing.md", {"graph.svg", "stepper.html"}, "contribution 3 of 3"),
        ("checking.md", {"step.html", "step-key.html"}, "the derivative of tanh was forgotten"),
    ],
)
def test_a_page_runs_from_top_to_bottom(name, written, printed, tmp_path, monkeypatch, capsys):
    page = ROOT / "docs" / name
    if not page.is_file():
        pytest.skip("the documents are in the clone only")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": page.stem}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == written
    assert printed in capsys.readouterr().out.replace("\n  ", " ")


def test_table_of_what_is_where_names_what_is_there():
    """Each file and folder in the table exists: in the clone, or in the installed packages."""
    packages = {
        "tinygrad_edu": Path(tinygrad_edu.__file__).parent,
        "nn": Path(nn.__file__).parent,
    }
    table = (ROOT / "README.md").read_text().split("## What is where")[1].split("\n## ")[0]
    for cell in re.findall(r"^\| (`.*?) \|", table, re.M):
        folder = ROOT
        for name in re.findall(r"`(.*?)`", cell):
            first, _, rest = name.partition("/")
            path = packages[first] / rest if first in packages else folder / name
            assert path.exists(), name
            folder = path.parent


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    """Each alone, in an empty folder, with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


def test_examples_are_numbered_without_gaps():
    files = sorted((ROOT / "examples").glob("[0-9]*.*"))  # programs and notebooks
    assert [path.name[:2] for path in files] == [f"{n:02}" for n in range(1, len(files) + 1)]
    assert len(files) >= 8


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner()
    tests = finder.find(module, name)
    # Operations are functions around the declared ones; doctest looks through the wrapper.
    for test in tests:
        report = []
        runner.run(test, out=report.append)
        assert not report, "".join(report)


def test_public_names_have_docstrings():
    for package in (tinygrad_edu, nn):
        for name in package.__all__:
            assert (getattr(package, name).__doc__ or "").strip(), f"{package.__name__}.{name}"


def has_dot():
    """Tell whether Graphviz is installed."""
    from shutil import which

    return which("dot") is not None

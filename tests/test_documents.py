"""Tests that documents are true: the code of the README, the examples and all docstrings run."""

import codeop
import doctest
import importlib
import linecache
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import nn
import tinygrad_edu
from tests.bridges.needs import NEEDS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
# Importing one of them warns; what they contain is documented under its new name.
FORMER_NAMES = {"nn.by_hand.update_rules", "nn.csv_data", "nn.datasets", "nn.delta_rule"}
# What needs an optional package is executed by `bridges/test_documents.py`.
MODULES = sorted(
    {
        module.name
        for package in (tinygrad_edu, nn)
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not module.name.endswith("__main__")
        and module.name not in FORMER_NAMES
        and not module.name.startswith(tuple(NEEDS))
    }
    | {"tinygrad_edu", "nn"}
)


TRAINING_FILES = {
    *("flowers.csv", "predictions.csv", "train.csv", "new.csv", "submission.csv", "measured.csv"),
    *("rates.png", "importance.png", "history.csv", "history.json", "flowers.pkl", "runs"),
}
DOCS = ROOT / "docs"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
# What a page writes into its folder, and a phrase that it prints. Other pages may write anything.
EXPECTED = {
    "howto/seeing.md": ({"graph.svg", "stepper.html"}, "contribution 3 of 3"),
    "howto/checking.md": ({"step.html", "step-key.html"}, "the derivative of tanh was forgotten"),
    "howto/capturing.md": (set(), "exchanged with network.linear1.weight"),
    "reference/inside.md": (set(), "6.0 6.0"),
    "howto/functions.md": (set(), "(2, 3, 3, 1)"),
    "howto/own-operations.md": (set(), "choose another name, such as my_exp"),
    "howto/playground.md": ({"flowers.csv", "step.html", "table-300.py"}, "daisy, 9"),
    "howto/training.md": (TRAINING_FILES, "go on with resume=True"),
    "howto/networks.md": (
        {"or.csv", "bad.csv", "unsafe.pkl", "curves.png", "cnn.safetensors"}
        | {"model.pkl", "model.safetensors", "history.csv"},
        "35 blanks",
    ),
}
# Another test of this file runs its programs.
RUN_ELSEWHERE = {"howto/checking-transcripts.md", "howto/five-minutes.md"}


# A block of Python, and the text block that follows it directly: that is what it prints. Or a
# session in a terminal: commands after "$ ", each followed by what it prints.
EXECUTED = re.compile(
    r"^```(python|console)(?: hidden)?\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.S | re.M
)
# Round-off depends on the machine, and line numbers change with every edit.
UNSTABLE = re.compile(r"\d\.\de[-+]\d\d|(?<=\.py:)\d+")


def run_page(text, name, capsys):
    """Execute a page from top to bottom; return its names and everything that it printed."""
    names, printed = {"__name__": Path(name).stem}, ""
    for number, (kind, code, shown) in enumerate(EXECUTED.findall(text)):
        if kind == "console":
            printed += run_session(code, name, capsys)
            continue
        file = f"my_code_{number}.py"  # with its source, which is read by the check of gradients
        linecache.cache[file] = len(code), None, code.splitlines(keepends=True), file
        exec(compile(code, file, "exec"), names)
        output = capsys.readouterr().out
        if shown:
            check_shown(name, shown, output)
        printed += output
    return names, printed


def check_shown(name, shown, output):
    """Compare what a page shows with what was printed; ``...`` is anything."""
    wanted, got = (UNSTABLE.sub("#", part) for part in (shown, output))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    matches = doctest.OutputChecker().check_output(wanted, got, flags)
    assert matches, f"{name} shows {shown}\nnot {output}"


def run_session(session, name, capsys):
    """Run the commands of a terminal, and compare what they print; return that."""
    from nn.cli import main

    printed = ""
    for step in re.split(r"^\$ ", session, flags=re.M)[1:]:
        command, shown = re.match(r"((?:.*\\\n)*.*\n)((?s:.*))", step).groups()
        program, *words = shlex.split(command.replace("\\\n", " "), comments=True)
        assert program == "tinygrad-edu", command
        code = main(words)
        output = "".join(capsys.readouterr())
        assert (code == 2) == ("error:" in shown), f"{command} ended with {code}: {output}"
        if shown:
            check_shown(f"{name}: {command}", shown, output)
        printed += output
    return printed


def test_a_page_that_shows_another_output_is_caught(capsys):
    page = "```python\nprint(1 + 1)\nprint(3)\n```\n\n```text\n{}\n...\n```\n"
    run_page(page.format(2), "right.md", capsys)
    with pytest.raises(AssertionError, match="shows 4"):
        run_page(page.format(4), "wrong.md", capsys)


def test_a_session_that_shows_another_output_is_caught(capsys):
    page = "```console\n$ tinygrad-edu inspect \\\n    none.pkl\n{}```\n"
    error = "tinygrad-edu: error: none.pkl: "
    run_page(page.format(f"{error}no model file of this name...\n"), "right.md", capsys)
    with pytest.raises(AssertionError, match="not tinygrad-edu: error: none"):
        run_page(page.format("tinygrad-edu: error: gone\n"), "wrong.md", capsys)
    with pytest.raises(AssertionError, match="ended with 2"):
        run_page(page.format(""), "wrong.md", capsys)


def test_readme_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, printed = run_page(README.read_text("utf-8"), "README.md", capsys)
    assert "dy/da = 7.0" in printed
    assert re.search(r"prediction = \d with \d+\.\d% confidence", printed)
    check_files_of_the_digits(tmp_path)


def check_files_of_the_digits(folder):
    assert {path.name for path in (folder / "runs" / "digits").iterdir()} == {
        *("model.pkl", "model.safetensors", "history.csv"),
        *("confusion.png", "curves.png", "mistakes.png", "weights.png"),
    }


def test_the_tour_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "howto" / "five-minutes.md").read_text("utf-8")
    names, printed = run_page(page, "five-minutes.md", capsys)
    # tanh(0.5 - 2)² has the derivative 2 tanh(z) (1 - tanh²(z)) x, with z = -1.5.
    slope = 2 * np.tanh(-1.5) * (1 - np.tanh(-1.5) ** 2)
    first = np.array(
        re.search(r"\[\[([-.\d]+)\s*\]\s+\[([-.\d]+)\s*\]\]", printed).groups(), dtype=float
    )
    np.testing.assert_allclose(first, [slope, 2 * slope], rtol=1e-6)
    shown = re.search(r"# an ndarray: \[\[(\S+) *\] \[(\S+)\]\]", page).groups()
    np.testing.assert_allclose(np.array(shown, dtype=float), first, rtol=1e-7)
    assert (names["first"].item(), names["second"]) == (12.0, 12.0)
    assert "match" in printed
    assert printed.count("DIFFERS") == 1, "the mistake that it shows"
    assert "the derivative of tanh was taken at its output" in printed.replace("\n  ", " ")
    assert re.search(r"prediction = \d with \d+\.\d% confidence", printed)
    check_files_of_the_digits(tmp_path)


def test_shell_commands_run(tmp_path, monkeypatch):
    """All commands of the page about the command line, in their order, in an empty folder."""
    page = (DOCS / "howto" / "command-line.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)
    commands = block.replace("\\\n", " ").splitlines()
    assert len(commands) == 13
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_backprop.py").write_text(
        "import numpy as np\n\nW = np.ones(3)\n\n\ndef loss(W):\n    return (W**2).sum()\n\n\n"
        "def gradient(W):\n    return 2 * W\n",
        "utf-8",
    )
    from nn.cli import main
    from nn.playground.serving.server import Server

    monkeypatch.setattr(Server, "serve_forever", lambda self: None)  # otherwise until Ctrl-C
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    for command in commands:
        program, *words = command.split("#")[0].split()
        assert program == "tinygrad-edu"
        if words[0] == "graph" and not has_dot():
            words[-1] = "graph.dot"
        if words[0] == "export" and not find_spec("onnx"):
            continue  # needs an extra
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
            target = page.parent / path
            exists = target.is_dir() if path.endswith("/") else target.is_file()
            assert exists, f"{page.name} names {path}"


def test_links_to_the_playground_are_states():
    """Each is written as the playground writes it, so it opens what the page says."""
    from nn.playground.address import read_state, write_state

    texts = [page.read_text("utf-8") for page in PAGES]
    states = [text for page in texts for text in re.findall(r"--state '([^']*=[^']*)'", page)]
    assert len(states) >= 10
    assert [write_state(read_state(text)) for text in states] == states
    with pytest.raises(ValueError, match="hiden"):
        read_state("data=circles&hiden=4linear")


def test_the_page_of_the_playground_names_what_exists():
    folder = PACKAGES["nn"] / "playground" / "page"
    text = "".join(file.read_text("utf-8") for file in sorted(folder.iterdir()))
    named = set(re.findall(r"\bnn\.(\w+)", text))
    assert named
    assert [name for name in named if not hasattr(nn, name)] == []


def pages_to_run():
    names = [path.relative_to(DOCS).as_posix() for path in PAGES[1:]]
    return [name for name in names if name not in RUN_ELSEWHERE and name not in NEEDS]


@pytest.mark.parametrize("name", pages_to_run())
def test_a_page_runs_from_top_to_bottom(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    _, output = run_page((DOCS / name).read_text("utf-8"), name, capsys)
    if name in EXPECTED:
        written, printed = EXPECTED[name]
        assert {path.name for path in tmp_path.iterdir()} == written
        assert printed in output.replace("\n  ", " ")


def stopped_at_the_prompt(code):
    """Return where Python's prompt would refuse a pasted block, or an empty text.

    The prompt reads line by line: an empty line ends a definition, and only an empty line does.
    """
    compiler, lines = codeop.CommandCompiler(), []
    for line in [*code.splitlines(), ""]:
        lines.append(line)
        try:
            if compiler("\n".join(lines), "prompt", "single"):
                lines = []
        except SyntaxError as error:
            return f"{error.msg}: {line}"
    return "\n".join(lines).strip()


@pytest.mark.parametrize(
    ("code", "stopped"),
    [
        ("def f(x):\n    y = 2 * x\n\n    return y\n", "unexpected indent:     return y"),
        ("class A:\n    b = 1\n\n    def f(self):\n        pass\n", "unexpected indent"),
        ("for k in range(3):\n    print(k)\nprint('end')\n", "invalid syntax: print('end')"),
        ("print(1,\n", "print(1,"),
        ('def f(x):\n    """One.\n\n    Two.\n    """\n\nprint(\n    f(1)\n)\n', ""),
        ("try:\n    x = 1\nexcept ValueError:\n    x = 2\n\nx\nfor k in range(3):\n    x\n", ""),
    ],
)
def test_what_the_prompt_would_refuse_is_found(code, stopped):
    found = stopped_at_the_prompt(code)
    assert found.startswith(stopped)
    assert bool(found) == bool(stopped)


@pytest.mark.parametrize("name", [name for name in pages_to_run() if name.startswith("learn/")])
def test_every_block_can_be_pasted_at_the_prompt(name):
    blocks = EXECUTED.findall((DOCS / name).read_text("utf-8"))
    assert blocks
    stops = [stopped_at_the_prompt(code) for kind, code, _ in blocks if kind == "python"]
    assert [stop for stop in stops if stop] == []


def test_every_page_with_expectations_exists():
    if not DOCS.is_dir():
        pytest.skip("the documents are in the clone only")
    assert [name for name in [*EXPECTED, *RUN_ELSEWHERE] if not (DOCS / name).is_file()] == []


PACKAGES = {
    "tinygrad_edu": Path(tinygrad_edu.__file__).parent,
    "nn": Path(nn.__file__).parent,
}


def where_to_look():
    """Read the page that leads to the source."""
    return (DOCS / "reference" / "where-to-look.md").read_text("utf-8")


def test_each_place_to_look_at_contains_what_to_search_for():
    rows = re.findall(r"^\| .*\]\((?:\.\./)*(\S+?)/(\S+)\) \| `(.*?)` \|$", where_to_look(), re.M)
    assert len(rows) == 3
    for package, path, wanted in rows:
        assert wanted in (PACKAGES[package] / path).read_text("utf-8"), f"{path}: {wanted}"


def test_table_of_folders_is_complete():
    named = set(re.findall(r"`((?:nn|tinygrad_edu)/[\w/]*)`", where_to_look()))
    rooms = {
        f"{package}/{file.parent.name}/"
        for package, folder in PACKAGES.items()
        for file in folder.glob("*/__init__.py")
    }
    assert rooms - named == set()


def test_table_of_folders_names_what_exists():
    """Each file and folder in the table exists: in the clone, or in the installed packages."""
    for cell in re.findall(r"^\| (`.*?) \|", where_to_look(), re.M):
        folder = ROOT
        for name in re.findall(r"`(.*?)`", cell):
            first, _, rest = name.partition("/")
            path = PACKAGES[first] / rest if first in PACKAGES else folder / name
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
    run_docstrings(name)


def run_docstrings(name):
    """Execute the examples of a module; the first that prints something else fails."""
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


def test_transcripts_are_what_the_programs_print():
    """If this fails: python -m docs.transcripts writes the page anew."""
    if not (ROOT / "docs").exists():
        pytest.skip("the pages are in the clone alone")
    from docs.transcripts.__main__ import PAGE, page

    written, made = (UNSTABLE.sub("#", text) for text in (PAGE.read_text("utf-8"), page()))
    assert written == made

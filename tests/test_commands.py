"""Tests that the commands work from a clone that README, documents, docstrings, errors and skip
reasons print: that what they name exists. The commands of the README are run elsewhere.
"""

import ast
import importlib.util
import io
import json
import re
import tomllib
from contextlib import redirect_stdout, suppress
from functools import cache
from pathlib import Path

import pytest

from nn import cli

ROOT = Path(__file__).resolve().parent.parent
CODE = ("tinygrad_edu", "nn", "tests", "examples", "benchmarks", "docs")
HERE = Path(__file__).name  # its own examples are wrong on purpose

PIP = re.compile(r"""\bpip install((?: +(?:'[^']*'|"[^"]*"|[\w.\[\]~=<>-]+))+)""")
MAKE = re.compile(
    r"(?:`make ([a-z][\w-]*)|^(?:#   )?make ([a-z][\w-]*)(?= *$|  | +#| [A-Z]+=))", re.M
)
PROGRAM = re.compile(r"(?:`|^ *|\$ )tinygrad-edu ([a-z][\w-]+)", re.M)
MODULE = re.compile(r"\bpython3? -m ([\w.]+\w)")

pytestmark = pytest.mark.skipif(
    not (ROOT / "Makefile").is_file(), reason="the commands are those of a clone"
)


@cache
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def targets():
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@cache
def subcommands():
    """Read the commands of the program off its help."""
    with redirect_stdout(io.StringIO()) as shown, suppress(SystemExit):
        cli.main(["--help"])
    return set(re.findall(r"^    ([a-z][\w-]*)(?: |$)", shown.getvalue(), re.M))


def strings(source):
    """List the texts of a program: docstrings, errors, reasons; pieces of one text are joined."""
    nodes = list(ast.walk(ast.parse(source)))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in node.values}
    for node in joined:
        pieces = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        yield "".join(map(str, pieces))
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


@cache
def texts():
    """List what people read: ``(file, text)``."""
    return list(read_texts())


def read_texts():
    for page in (ROOT / "Makefile", *sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))):
        yield page, page.read_text("utf-8")
    for book in sorted(ROOT.glob("examples/*.ipynb")):
        for cell in json.loads(book.read_text("utf-8"))["cells"]:
            yield book, "".join(cell["source"])
    for folder in CODE:
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.name not in (HERE, "test_stale_names.py"):  # they have wrong ones
                for text in strings(file.read_text("utf-8")):
                    yield file, text.replace("\\", "")  # patterns in tests escape their brackets


def wrong_requirement(words, is_installed=False):
    """Say what is wrong with the arguments of `pip install`, or return None.

    Where the project is installed, pip adds an extra to it without looking for it elsewhere.
    """
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--group" and following not in project()["dependency-groups"]:
            return f"pyproject.toml has no group {following!r}"
        name, _, extras = word.rstrip("].,").partition("[")
        is_own = re.sub(r"[-_.]", "", name.lower()) == "tinygradedu"
        if is_own and not (is_installed and extras):
            return "the project is on no registry; write '.'"
        for extra in filter(None, extras.split(",")):
            if (is_own or word[0] == ".") and extra not in project()["project"][
                "optional-dependencies"
            ]:
                return f"pyproject.toml has no extra {extra!r}"
    return None


def is_module(name):
    """Whether Python finds a module; those that are started alone are not imported for it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def problems(text, is_installed=False):
    """Yield the commands in a text that name something that does not exist, with the reason."""
    for found in PIP.finditer(text):
        words = [word.strip("'\"") for word in re.findall(r"'[^']*'|\"[^\"]*\"|\S+", found[1])]
        if reason := wrong_requirement(words, is_installed):
            yield found[0], reason
    for found in MAKE.finditer(text):
        if (found[1] or found[2]) not in targets():
            yield found[0], "the Makefile has no such target"
    for found in PROGRAM.finditer(text):
        if found[1] not in subcommands():
            yield found[0], "the program has no such command"
    for found in MODULE.finditer(text):
        if not is_module(found[1]):
            yield found[0], "there is no such module"


def test_commands_name_what_exists():
    wrong = [
        f"{file.relative_to(ROOT)}: `{command.strip()}`: {reason}"
        for file, text in texts()
        for command, reason in problems(text, file.suffix == ".py")
    ]
    assert not wrong, "\n".join(wrong)


def test_commands_are_found():
    whole = [text for _, text in texts()]
    for pattern, least in ((PIP, 10), (MAKE, 20), (PROGRAM, 20), (MODULE, 10)):
        assert sum(len(pattern.findall(text)) for text in whole) >= least, pattern


@pytest.mark.parametrize(
    "text",
    [
        "run pip install 'tinygrad_edu[jupyter]'",
        "`pip install tinygrad-edu`",
        'pip install ".[all]"',
        "pip install --group tests",
        "see `make tests`",
        "make everything  # sets itself up",
        "`tinygrad-edu draw`",
        "    tinygrad-edu plot --out here",
        "python -m nn.commands",
        "python3 -m docs.pictures.",
    ],
)
def test_wrong_commands_are_noticed(text):
    assert len(list(problems(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "pip install '.[jupyter]', or pip install --editable . --group test",
        "pip install playwright && sudo apt-get install chromium",
        "`make test-peers` does it; we make no promise\nmake demo",
        "`tinygrad-edu doctor` says it",
        "python -m nn doctor; python -m docs.operations; python -m pip install torch",
    ],
)
def test_right_commands_pass(text):
    assert list(problems(text)) == []


def test_an_installed_project_gets_its_extras_by_name():
    text = 'pip install "tinygrad_edu[{}]"'
    assert list(problems(text.format("onnx"), is_installed=True)) == []
    for extra in ("all", ""):
        assert len(list(problems(text.format(extra), is_installed=True))) == 1


def test_pieces_of_a_text_are_joined():
    source = 'x = "pip " f"install {y}"\nraise E("make" " test")\n'
    assert {"pip install {}", "make test"} <= set(strings(source))

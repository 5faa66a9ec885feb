"""Public names are documented: parameters, an example, and a place on the page about `nn`."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import nn

from ..test_budget import DERIVATIONS

PACKAGE = Path(nn.__file__).parent
PAGE = PACKAGE.parent / "docs" / "howto" / "networks.md"
MANY = 3


def callables(source):
    """Yield each public function, method and class, with its parameters and docstring."""

    def walk(body, path):
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            function = node
            if isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{path}{node.name}.")
                inits = [n for n in node.body if getattr(n, "name", "") == "__init__"]
                if not inits:
                    continue
                function = inits[0]
            given = function.args
            names = [a.arg for a in given.posonlyargs + given.args + given.kwonlyargs]
            names = [name for name in names if name not in ("self", "cls")]
            yield path + node.name, names, ast.get_docstring(node) or ""

    yield from walk(ast.parse(source).body, "")


def undocumented(source):
    """List the callables of many parameters whose docstring does not explain them."""
    return [
        name
        for name, parameters, text in callables(source)
        if len(parameters) >= MANY and not re.search(r"^(Parameters|Attributes)\n-", text, re.M)
    ]


# A learner's exercises say what to do in their text; a derivation names its shapes at its top.
NO_REFERENCE = {
    *(PACKAGE / "classroom" / "exercises").glob("*.py"),
    *(PACKAGE / "classroom" / "hunts").glob("*.py"),
    *(PACKAGE / "by_hand" / f"{name}.py" for name in DERIVATIONS),
}
FILES = sorted({*PACKAGE.rglob("*.py")} - NO_REFERENCE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_parameters_are_documented(file):
    assert undocumented(file.read_text("utf-8")) == []


def test_missing_parameters_are_found():
    source = 'def f(a, b, c):\n    """Add."""\n\n\ndef g(a):\n    """Return a."""\n'
    source += "class C:\n    def __init__(self, a, b, *, c): ...\n    def m(self, a, b, c): ...\n"
    assert undocumented(source) == ["f", "C.m", "C"]
    documented = 'def f(a, b, c):\n    """Add.\n\n    Parameters\n    ----------\n    """\n'
    assert undocumented(documented) == []


@pytest.mark.parametrize("name", nn.__all__)
def test_public_name_has_an_example(name):
    assert ">>> " in inspect.getdoc(getattr(nn, name))


def unnamed(page):
    """List the public names that do not occur in the text and in the code of a page."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.S | re.M))
    text = re.sub(r"^```.*?^```", "", page, flags=re.S | re.M)
    return [
        name
        for name in nn.__all__
        if f"`{name}`" not in text or not re.search(rf"\b{name}\b", code)
    ]


@pytest.mark.skipif(not PAGE.is_file(), reason="the documents are in the clone only")
def test_page_shows_every_public_name():
    page = PAGE.read_text("utf-8")
    assert unnamed(page) == []
    assert unnamed(page.replace("`SGD`", "SGD")) == ["SGD"]
    assert unnamed(re.sub(r"\bTanh\b", "tanh", page)) == ["Tanh"]

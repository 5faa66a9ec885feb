"""Tests that texts are read and written with a named encoding, which is not UTF-8 on each system.

Python reports such a call when it runs (`EncodingWarning`); this test reads the code instead, and
so finds calls that no test makes. Tests may decode the output of a program as the system does;
the packages may not.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("nn", "tinygrad_edu")
# Position of the encoding among the arguments.
METHODS = {"read_text": 0, "write_text": 1}
MODES = {"open": 1, "fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0}


def unnamed(code, *, programs=True):
    """Yield the line of each call that leaves the encoding of a text to the system."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if "encoding" in keywords or None in keywords:
            continue
        if name in METHODS and isinstance(node.func, ast.Attribute):
            found = len(node.args) <= METHODS[name]
        elif name in MODES and (name != "open" or isinstance(node.func, ast.Name)):
            usual = ast.Constant("w+b" if "Temporary" in name else "r")
            given = node.args[MODES[name] : MODES[name] + 1] or [keywords.get("mode", usual)]
            found = "b" not in str(getattr(given[0], "value", "b"))
        else:
            names = {"text", "universal_newlines"} & set(keywords)
            found = programs and any(getattr(keywords[one], "value", 0) is True for one in names)
        if found:
            yield node.lineno


def test_encodings_are_named():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in (*PACKAGES, "tests", "docs", "benchmarks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in unnamed(path.read_text("utf-8"), programs=folder in PACKAGES)
    ]
    assert not wrong, "name the encoding, such as utf-8: " + ", ".join(wrong)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.read_text(encoding='utf-8')", False),
        ("path.write_text(text, newline='')", True),
        ("path.write_text(text, 'ascii')", False),
        ("open(path)", True),
        ("open(path, 'a')", True),
        ("open(path, mode='w')", True),
        ("open(path, 'rb')", False),
        ("open(path, mode)", False),
        ("os.fdopen(1, 'w')", True),
        ("os.open(path, flags)", False),
        ("tempfile.NamedTemporaryFile()", False),
        ("tempfile.NamedTemporaryFile('w')", True),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command, text=True, encoding='utf-8')", False),
    ],
)
def test_a_call_without_an_encoding_is_found(code, found):
    assert bool([*unnamed(code)]) == found
    if "subprocess" in code:
        assert [*unnamed(code, programs=False)] == []

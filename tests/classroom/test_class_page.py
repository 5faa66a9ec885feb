"""Tests that the page of a class says what was done, shows all as text, and names no student."""

import ast
import html
import importlib
import pkgutil
from pathlib import Path

import pytest

import nn.classroom
from nn.classroom.exercise import load_exercise
from nn.classroom.grading.class_page import class_page
from nn.classroom.grading.marking import unmarked
from nn.classroom.grading.slips import deed
from nn.classroom.report import BlankResult
from tinygrad_edu.diagnosing import correction_words, mistakes, value_words

from .hostile import NAME

EXERCISE = load_exercise(NAME)
CHANGES = [
    importlib.import_module(f"nn.classroom.{one.name}")
    for one in pkgutil.iter_modules(nn.classroom.__path__)
    if one.name in ("repairing", "regrouping")
]


def kinds_of(file, *makers):
    """Return the kinds in the source of a module: first in what is yielded, or given to a maker."""
    tree, found = ast.parse(Path(file).read_text("utf-8")), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            kind = node.value.elts[0]
            parts = [kind.body, kind.orelse] if isinstance(kind, ast.IfExp) else [kind]
            found |= {one.value for one in parts if is_text(one)}
            if isinstance(kind, ast.JoinedStr):
                found |= {"mean for sum", "sum for mean"}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in makers:
            found |= {node.args[0].value} if is_text(node.args[0]) else set()
        elif isinstance(node, ast.Assign) and "kind" in {
            one.id for one in ast.walk(node.targets[0]) if isinstance(one, ast.Name)
        }:
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            parts = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            found |= {one.value for one in parts if is_text(one)}
    return found


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize(
    ("modules", "makers", "known"),
    [
        (CHANGES, (), {"mean for sum", "kink", "factor too much", "other operand", "number"}),
        ([mistakes], ("Slip",), {"factor", "sign"}),
        ([correction_words, value_words], ("Words",), {"missing factor", "transposed"}),
    ],
    ids=["changes", "mistakes", "words"],
)
def test_every_kind_of_mistake_has_words_for_the_page_of_the_class(modules, makers, known):
    kinds = set().union(*(kinds_of(module.__file__, *makers) for module in modules))
    assert known <= kinds, "the test finds the kinds"
    for kind in kinds - {"factor"}:  # its words are those of its sentence
        result = BlankResult(EXERCISE.blanks[0], "wrong", kind=kind, looks_like="?")
        assert deed(result) != "computed something else", kind


def test_the_page_says_what_was_done():
    def words(kind, looks_like, numbers=""):
        return deed(BlankResult(EXERCISE.blanks[0], "wrong", 1, "", numbers, kind, looks_like))

    assert words("other operand", "`y` is not what belongs there") == "used a wrong variable"
    assert words("other operand", "the other operand of *").startswith("took the derivative with")
    assert words("factor", "an extra factor of 2") == "multiplied by 2, or forgot a factor 2"
    assert words("factor", "half, without the 2 of the square") == "forgot the 2 of the square"
    assert words("", "", "it is 1/10 of what it should be").startswith("computed a multiple")


def body_of(results, **known):
    """Return the page of a class with one hand-in whose first blank is one of the results."""
    found = unmarked(EXERCISE, "<script>alert(1)</script>")
    rest = found.report.blanks[1:]
    marks = [type(found)(type(found.report)(EXERCISE, (one, *rest))) for one in results]
    return class_page([(EXERCISE, [*marks, found])], **known).partition("</style>")[2]


def wrong(code, kind="sign"):
    return BlankResult(EXERCISE.blanks[0], "wrong", 1, code, "<b>", kind, "<u>")


def test_the_page_shows_anything_as_text():
    body = body_of([wrong("delta = a <b> '<img src=x>' # ana", "<i>")])
    assert "delta = a &lt;b&gt; &#x27;…&#x27;" in body
    assert "&lt;script&gt;" in body
    assert not any(tag in body for tag in ("<img", "<script", "<b>", "<i>", "<u>", "ana", "img"))


def test_no_example_names_a_student():
    for code in ("delta = ana_berg(a, y)", "delta = BERG * y", "delta = berg"):
        assert "for example" not in body_of([wrong(code)], students=["ana.berg@uni.edu", "bo"])
    other = body_of([wrong("delta = berg"), wrong("delta = y - a")], students=["berg"])
    assert "delta = y - a" in other
    assert "delta = f('…')" in html.unescape(body_of([wrong("delta = f('Bo')")]))
    assert "for example" not in body_of([wrong("delta = f('Bo")])


def test_the_page_says_how_many_handed_in_and_rounds_a_half_up():
    body = body_of([wrong("delta = y - a")] + [wrong("x = 1", "kink")] * 7, count=12)
    assert "9 hand-ins of 12 students, of which 8 could be judged" in body
    assert "13 % (1 of 8)" in body

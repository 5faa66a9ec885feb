"""Tests that ``docs/reference/operations.md`` is what the operations say of themselves."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_edu
from tinygrad_edu import ops
from tinygrad_edu.primitive import PRIMITIVES

if not (Path(__file__).resolve().parents[2] / "docs" / "operations.py").is_file():
    pytest.skip("docs/ is in the clone only", allow_module_level=True)

from docs import operations

PAGE = operations.page()
PACKAGE = Path(tinygrad_edu.__file__).parent


def test_page_is_fresh():
    written = operations.PAGE.read_text("utf-8")
    assert written == PAGE, "docs/reference/operations.md is stale: run `make operations`"


def test_every_operation_and_every_primitive_is_there():
    named = set(re.findall(r"`([\w.]+)(?:\(.*?\))?`", PAGE))
    public = set(ops.__all__) - {"linalg"}
    public |= {f"linalg.{name}" for name in ops.linalg.__all__}
    assert public - named == set()
    own = [p for p in PRIMITIVES.values() if p.forward.__module__.startswith(ops.__name__)]
    for text in {text for p in own for text in (p.formula, *p.derivatives) if text}:
        assert f"`{text.replace('|', chr(92) + '|')}`" in PAGE


def test_tables_are_whole():
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.M):
        cells = {len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1, table


def test_links_lead_somewhere():
    headings = re.findall(r"^## (.*)", PAGE, re.M)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\((.*?)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "tinygrad_edu/" in target:  # the installed package, where the tests are not in a clone
            assert (PACKAGE / target.partition("tinygrad_edu/")[2]).exists()
        else:
            assert (operations.PAGE.parent / target).exists()


# The parts that write it, on what the operations may not show today ----------------------------


def test_a_bar_in_a_cell_does_not_end_it():
    assert operations.row("`a | b`", "c") == "| `a \\| b` | c |\n"


def sample(x, axis=None):
    """First_sentence with ``code_of[i]``. More of it,
    on two lines.

    A second one::

        y = x * 2
        z = y

    Parameters
    ----------
    x : array_like
    """
    taken = ops.take(x, [0], axis)
    return reshape(taken, (-1,))


def short(x):
    """Sums of squares."""
    return ops.sum(x**2 | 1)


reshape = ops.reshape


def test_docstrings_become_markdown():
    assert operations.first_sentence(sample) == "First_sentence with ``code_of[i]``."
    first, second, third = operations.paragraphs(sample)
    assert first == "First\\_sentence with `code_of[i]`. More of it, on two lines."
    assert second == "A second one:"
    assert third == "<br>`y = x * 2`<br>`z = y`"


def test_compositions_are_shown():
    assert operations.composition(short) == "`ops.sum(x**2 | 1)`"
    assert operations.composition(sample) == "with `take`, `reshape`"
    assert operations.composition(len) == ""
    assert operations.signature(ops.exp) == "(x)"
    whole = "(x, axis=None, *, keepdims=False, initial=None, where=True)"
    assert operations.signature(ops.sum) == whole


def test_a_family_may_be_empty():
    empty = operations.Family(ModuleType("tinygrad_edu.ops.nothing", "Nothing yet."), {})
    assert list(operations.rows(empty)) == list(operations.notes(empty)) == []


def test_each_operation_has_one_place():
    shown = [function for family in operations.families() for function in family.operations]
    assert len(shown) == len(set(shown))
    constant = {getattr(ops, name) for name in operations.constants()}
    assert constant >= {getattr(ops, name) for name in ops.plain.__all__}
    assert constant & set(shown) == set()

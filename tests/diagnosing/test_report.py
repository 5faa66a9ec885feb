"""Tests that a report shows what the check found: in text, on a page, and in a notebook.

Numbers are read back from what is shown and compared with the arrays of the check.
"""

import base64
import functools
import hashlib
import linecache
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.diagnosing import check_manual
from tinygrad_edu.diagnosing.row_text import (
    _source,
    engine_rule,
    equations_and_code,
    three_numbers,
)
from tinygrad_edu.primitive import PRIMITIVES

from .report_cases import CASES, EACH, added, network, with_equations

OPS = Path(tg.__file__).parent / "ops"


def page(check):
    return check.html()


def table(check):
    return check._repr_html_()


# Text -----------------------------------------------------------------------------------------


@EACH
def test_lines_of_text_fit_a_terminal(check):
    assert max(map(len, str(check).split("\n"))) <= 100


def test_text_of_one_wrong_element():
    check = with_equations(network({"W2": added((3, 1), 0.25)}))
    lines = str(check).split("\n")
    (row,) = [line for line in lines if line.startswith("W2  ")]
    assert re.split(r"\s{2,}", row)[:4] == ["W2", "(5, 3)", "✗ DIFFERS", "2.5e-01"]
    assert sum("✓ match" in line for line in lines) == 3
    assert lines[0] == "✗ 1 of 4 gradients by hand differs: W2"
    assert " ".join(check.first.split()) in " ".join(str(check).split())
    right = check.rows[2].automatic[3, 1]
    head = f"W2 at [3, 1]: by hand {right + 0.25:.4g}, automatic {right:.4g}"
    place = lines.index(next(line for line in lines if line.startswith(head)))
    assert [re.split(r"\s{2,}", line.strip()) for line in lines[place + 1 : place + 6]] == [
        ["textbook", "∂L/∂W2 = …"],
        ["δ = …"],
        ["delta rule", "rule.py:7: x < y"],
        ["engine", "matmul: operand1.mT @ g"],
        [engine_rule(check.rows[2]).code],
    ]


def test_text_where_all_agree_is_short():
    text = str(CASES["right"])
    assert text.startswith("✓ all 4 gradients agree with automatic differentiation\n\n")
    assert len(text.split("\n")) == 8
    right = str(CASES["equations of what is right"])
    assert right.count("textbook") == 2
    assert "… 2 more" in right
    one = check_manual(lambda x: x.sum(), [np.ones(2)], np.ones(2))
    assert "✓ the gradient by hand agrees" in str(one)
    assert str(CASES["nothing"]).startswith("✓ no gradients to compare\n")
    assert str(CASES["notes"]).endswith("\n\nNotes\n  a < b")


def test_text_of_wrong_shapes_and_of_nan():
    shapes = str(CASES["shapes"])
    assert shapes.count("✗ WRONG SHAPE") == 2
    assert "W1: shape (5, 4), expected (4, 5); sent by matmul of W1" in shapes
    numbers = str(CASES["NaN"])
    assert "W1 at [1, 2]: by hand NaN, automatic " in numbers
    assert "b2 at [0]: by hand inf, automatic " in numbers
    assert "✗ the gradient by hand differs: x" in str(CASES["digits"])
    unused = "y at [0]: by hand 1, automatic 0, numerical 0; f does not depend on it"
    assert unused in str(CASES["unused"])
    assert unused in Reader(page(CASES["unused"])).said


def test_text_lists_the_nearest_to_the_output_first_and_not_too_many():
    text = str(CASES["many"])
    assert "and 8 more" in text
    told = re.findall(r"^(input\d+) at", text, flags=re.MULTILINE)
    assert told == ["input13", "input12", "input11", "input10"]
    assert "… 10 more" in text


@EACH
def test_three_numbers_are_those_of_the_element(check):
    for row in check.rows:
        told = three_numbers(row)
        if row.problem or not row.automatic.size:
            assert told == ("-", "-", "-")
            continue
        if row.verdict.agree:
            measured = np.abs(np.where(np.isnan(row.numerical), 0.0, row.automatic))
            place = np.unravel_index(measured.argmax(), row.shape)
        else:
            place = row.verdict.index
            assert told[0] != told[1]
        arrays = (row.manual, row.automatic, row.numerical)
        for text, array in zip(told, arrays, strict=True):
            found = np.nan if text == "not measured" else float(text)
            np.testing.assert_allclose(found, float(array[place]), rtol=1e-3, atol=5e-324)


def test_where_all_agree_the_largest_that_was_measured_is_shown():
    row = network().rows[1]
    sizes = np.abs(row.automatic)
    measured = np.where(sizes == sizes.max(), np.nan, row.numerical)
    second = float(row.automatic[np.argsort(sizes)[-2]])
    assert three_numbers(replace(row, numerical=measured)) == (f"{second:.4g}",) * 3
    assert three_numbers(replace(row, numerical=np.full(5, np.nan)))[2] == "not measured"


# Lines of code --------------------------------------------------------------------------------


def test_rules_of_all_operations_are_found_where_they_stand():
    count = 0
    for primitive in PRIMITIVES.values():
        if not primitive.forward.__module__.startswith("tinygrad_edu.ops"):
            continue
        for rule in filter(None, (*primitive.rules, primitive.each)):
            file, number, code = _source(rule).split(":", 2)
            path = OPS / file if (OPS / file).exists() else OPS.parent / file
            line = linecache.getline(str(path), int(number)).strip().rstrip(",")
            assert line
            assert code.strip().startswith(line)
            assert "lambda" in line or line.startswith("return")
            assert code.count("(") == code.count(")")
            count += 1
    assert count > 80


def test_the_rule_is_that_of_the_input():
    divided = check_manual(lambda a, b: (a / b).sum(), [np.ones(2)] * 2, np.ones(2), np.ones(2))
    codes = [engine_rule(row) for row in divided.rows]
    assert [rule.text for rule in codes] == ["g / b", "-g * out / b"]
    assert [rule.code.split(": ", 1)[1] for rule in codes] == [
        "lambda g, out, x, y: g / y",
        "lambda g, out, x, y: -g * out / y",
    ]
    joined = check_manual(lambda x: tg.concatenate([x, x]).sum(), [np.ones(2)], np.ones(2))
    assert engine_rule(joined.rows[0]).text == ""
    first, second = equations_and_code(joined.rows[0])["engine"]
    assert first == "concatenate"
    assert re.fullmatch(r"ops/joining\.py:\d+: return g\[.*\]", second)


def test_rules_without_source():
    space = {}
    exec("def rule(g, out, x): return g", space)
    assert _source(space["rule"]) == ""
    assert _source(functools.partial(space["rule"])) == ""
    assert _source(None) == ""
    row = CASES["digits"].rows[0]
    assert engine_rule(replace(row, operation="of long ago")) == (row.rule, "")
    gone = replace(row, operation="of long ago")
    assert equations_and_code(gone) == {"engine": [f"of long ago: {row.rule}"]}
    assert equations_and_code(replace(row, operation="")) == {}


# Page and notebook ----------------------------------------------------------------------------


class Reader(HTMLParser):
    """Reads tags, the cells of tables, and texts; checks that what is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.rows, self.said = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.said.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@EACH
def test_pages_and_tables_are_well_formed_and_hold_all_rows(check):
    for text in (page(check), table(check)):
        read = Reader(text)
        assert not {"script", "link", "iframe"} & {tag for tag, _ in read.tags}
        assert not any("href" in attributes for _, attributes in read.tags)
        for cells, row in zip(read.rows[1:], check.rows, strict=False):
            words = cells[2].split(":")[0]
            expected = "✓ match" if row.verdict.agree else "✗ DIFFERS"
            assert words == ("✗ WRONG SHAPE" if row.problem else expected)
            assert tuple(cells[6:9]) == three_numbers(row)
        assert len(read.rows) > len(check.rows)


def test_the_page_says_what_was_found():
    check = CASES["equations"]
    read = Reader(check.html())
    said = " ".join(read.said)
    told = (
        "✗ 1 of 4 gradients by hand differs: W2",
        check.first,
        "δ = …",
        "matmul: operand1.mT @ g",
    )
    assert all(text in said for text in told)
    for diagnosis in check.diagnoses:
        assert diagnosis.sentence in said
    assert "rule.py:7: x < y" in read.said
    assert "a < b" in Reader(page(CASES["notes"])).said
    (image,) = [attributes for tag, attributes in read.tags if tag == "img"]
    manual, automatic, _ = three_numbers(check.rows[2])
    words = f"differs most at [0, 1]: {manual} by hand, {automatic} automatic"
    assert image["alt"] == f"Error maps: W2 {words}."
    kind, data = image["src"].split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")
    assert not [tag for tag, _ in Reader(page(CASES["right"])).tags if tag == "img"]


def test_the_page_allows_its_own_style_and_pictures_alone():
    text = page(CASES["shapes"])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    style = re.search(r"<style>(.*)</style>", text, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.replace("&#x27;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "img-src data:"
    )
    assert "style=" not in text.replace("<style>", "")
    assert "@media (prefers-color-scheme:dark)" in style
    assert "@media print" in style
    defined = set(re.findall(r"--([a-z-]+):", style))
    assert set(re.findall(r"var\(--([a-z-]+)\)", style)) <= defined


def test_what_differs_comes_first_with_the_nearest_to_the_output_at_its_head():
    check = network({"W1": added((0, 0), 1.0), "b1": added(0, 1.0)})
    heads = [re.split(" at|:", said)[0] for said in Reader(page(check)).said if "; sent by" in said]
    assert heads == ["b1", "W1", "W2", "b2"]
    said = Reader(table(check)).said
    shown = [re.split(" at|:", text)[0] for text in said if "; sent by" in text]
    assert shown == ["b1", "W1"]
    assert said.count("engine") == 2


def test_names_are_text_on_pages_and_tables():
    check = CASES["long and hostile names"]
    for text in (page(check), table(check)):
        assert "<script" not in text
        assert "&lt;script&gt;$x_1$" in text


def test_a_notebook_shows_equations_of_what_differs():
    text = CASES["equations"]._repr_html_()
    read = Reader(text)
    place = next(n for n, text in enumerate(read.said) if text.startswith("W2 at "))
    assert read.said[place + 1 : place + 5] == [
        "textbook",
        "∂L/∂W2 = …\nδ = …",
        "delta rule",
        "rule.py:7: x < y",
    ]
    assert read.said.count("textbook") == 1


def test_equal_checks_make_equal_pages():
    assert page(CASES["equations"]) == page(CASES["equations"])

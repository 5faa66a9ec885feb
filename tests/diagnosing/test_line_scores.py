"""Tests that the scores of named lines are right: the benchmark rests on them."""

import numpy as np
import pytest

from tinygrad_edu.diagnosing import Diagnosis
from tinygrad_edu.source_lines import SourceLine

from . import line_scores
from .edited_programs import Drawing, are_equal, runs, slips
from .line_scores import Program, applied, edited_lines, named_lines
from .program_files import PROGRAMS, texts_of_programs

BEFORE = """def f(x):
    a = x + 1
    for i in range(3):
        b = (a *
             i)
        a += b
    g = lambda y: y * 2
    return g(a)
"""


def named(*lines, right="", kind="sign", more=()):
    source = [SourceLine("f.py", line, "f", "") for line in lines]
    others = tuple((one, right) for one in source[1:])
    first = source[0] if source else None
    return Diagnosis(kind, "looks like this", "", (), first, right, others)


def score(before, after, *diagnoses):
    program = Program(after)
    return line_scores.one(program, program.edited(before), diagnoses)


SUM = BEFORE.replace("a += b", "a -= b")  # line 6


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "silent"),
        ([()], "no line"),
        ([(6,)], "right"),
        ([(6, 2)], "right"),
        ([(2, 6)], "right"),
        ([(2,), (6,)], "right later"),
        ([(), (6,)], "right later"),
        ([(2,)], "wrong line"),
        ([(3,)], "wrong line"),  # the loop around it
        ([(1,)], "wrong line"),
        ([(5,)], "wrong line"),
        ([(99,)], "wrong line"),
    ],
)
def test_scores_of_one_edit(lines, expected):
    assert score(BEFORE, SUM, *(named(*one) for one in lines)) == expected


def test_a_statement_over_two_lines_is_one():
    changed = BEFORE.replace("             i)", "             -i)")
    assert score(BEFORE, changed, named(4)) == "right"
    assert score(BEFORE, changed, named(5)) == "right"
    assert score(BEFORE, changed, named(6)) == "wrong line"


def test_the_head_of_a_loop_is_not_its_body():
    changed = BEFORE.replace("range(3)", "range(2)")
    assert score(BEFORE, changed, named(3)) == "right"
    assert score(BEFORE, changed, named(4)) == "wrong line"


@pytest.mark.parametrize("deleted", ["        a += b\n", "pass"])
def test_a_deleted_line_is_found_at_its_neighbours(deleted):
    is_pass = deleted == "pass"
    changed = BEFORE.replace("a += b", "pass") if is_pass else BEFORE.replace(deleted, "")
    after = 7 if is_pass else 6
    assert edited_lines(BEFORE, changed) == (range(6, 7 if is_pass else 6), True)
    assert score(BEFORE, changed, named(4)) == "right"
    assert score(BEFORE, changed, named(after)) == "right"
    assert score(BEFORE, changed, named(2)) == "wrong line"
    assert score(BEFORE, changed, named(after + 1)) == "wrong line"


def test_scores_of_two_edits():
    program = Program(SUM.replace("x + 1", "x + 2"))
    edits = [{program.at(2)}, {program.at(6)}]

    def two(*diagnoses):
        return line_scores.two(program, edits, diagnoses)

    assert two() == ("silent", False)
    assert two(named()) == ("no line", False)
    assert two(named(2)) == ("one", False)
    assert two(named(2), named(6)) == ("both", False)
    assert two(named(6, 2)) == ("both", False)
    assert two(named(2), named(7)) == ("one", True)
    assert two(named(7), named(8)) == ("none", True)


def test_lines_that_are_named():
    assert named_lines(named()) == set()
    assert named_lines(named(3)) == {3}
    assert named_lines(named(3, 12)) == {3, 12}


def test_corrections_are_applied():
    assert applied(SUM, [named(6, right="a += b")]) == BEFORE
    changed = BEFORE.replace("range(3)", "range(2)").replace("y * 2", "y * 3")
    assert applied(changed, [named(3, right="range(3)"), named(7, right="y * 2")]) == BEFORE
    assert "    pass\n    for" in applied(BEFORE, [named(2, kind="extra statement")])
    assert applied(SUM, [named(6)]) is None
    assert applied(SUM, [named()]) is None
    assert applied(SUM, []) == SUM
    joined = applied(BEFORE, [named(4, right="b = a * i")])
    assert joined == BEFORE.replace("(a *\n             i)", "a * i")


def test_kinds_fit_families():
    assert line_scores.fits("sign", "sign")
    assert not line_scores.fits("sign", "transposed")
    assert line_scores.fits("other", "transposed")


# Drawing --------------------------------------------------------------------------------------


def texts(count=4):
    return dict(list(texts_of_programs().items())[:count])


def test_slips_change_the_line_that_they_name(tmp_path):
    found = list(slips(texts(2), tmp_path))
    assert len(found) > 8
    for case in found:
        (edited,) = case.edited
        assert edited
        assert runs(case.text, case.name, tmp_path) is not None


def test_families_of_slips_are_known(tmp_path):
    families = {case.rules[0] for case in slips(texts_of_programs(), tmp_path)}
    assert families - set(line_scores.FITTING) == {"other"}


def test_drawn_edits_are_mistakes_and_repeat(tmp_path):
    first, again, other = (Drawing(texts(), tmp_path, seed) for seed in (1, 1, 2))
    cases = [case for case, _ in zip(first.one(), range(25), strict=False)]
    same = [case for case, _ in zip(again.one(), range(25), strict=False)]
    others = [case for case, _ in zip(other.one(), range(25), strict=False)]
    assert [case.text for case in cases] == [case.text for case in same]
    assert [case.text for case in cases] != [case.text for case in others]
    assert len({case.text for case in cases}) == 25
    assert len({case.rules for case in cases}) >= 8  # no rule dominates
    for case in cases:
        found = runs(case.text, case.name, tmp_path)
        assert not are_equal(found, first.right[case.name])


def test_drawn_pairs_are_two_mistakes(tmp_path):
    drawing = Drawing(texts(), tmp_path, 3)
    for case, _ in zip(drawing.two(), range(8), strict=False):
        one, other = case.edited
        assert one
        assert other
        assert not one & other
        both = runs(case.text, case.name, tmp_path)
        for edit in case.edits:
            alone = runs(edit, case.name, tmp_path)
            assert not are_equal(alone, drawing.right[case.name])
            assert not are_equal(alone, both)


def test_equal_gradients():
    one = [np.ones((1, 3)), np.zeros(2)]
    assert are_equal(one, [np.ones(3), np.zeros(2)])  # the check accepts that shape
    assert not are_equal(one, [np.ones((1, 3)) * (1 + 1e-6), np.zeros(2)])
    assert not are_equal(one, [np.ones((1, 3)), np.full(2, np.nan)])
    assert not are_equal(one, one[:1])


def test_there_are_programs():
    assert len(texts_of_programs(PROGRAMS)) >= 46

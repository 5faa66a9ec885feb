"""Tests that wrong update rules are named for parameters of rows and of columns."""

import inspect
import re

import numpy as np
import pytest

from nn import check_update

from .right_updates import RIGHT
from .update_kinds import KINDS
from .wrong_updates import WRONG

LAYOUTS = {
    "rows": {"W1": (4, 3), "b1": (3,), "W2": (3, 2), "b2": (2,)},
    "columns": {"W1": (3, 4), "b1": (3, 1), "W2": (2, 3), "b2": (2, 1)},
}


def drawn(layout):
    generator = np.random.default_rng(17)
    return {name: generator.normal(size=shape) for name, shape in LAYOUTS[layout].items()}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", KINDS)
def test_a_wrong_loop_over_parameters_is_named(name, layout):
    rule, words, line, step = KINDS[name]
    check = check_update(step, rule, params=drawn(layout), lr=0.1)
    assert not check.agree
    (diagnosis,) = check.diagnoses
    assert re.search(words, diagnosis.sentence.partition("looks like this: ")[2])
    if line:
        lines, first = inspect.getsourcelines(step)
        assert diagnosis.line is not None
        assert line in lines[diagnosis.line.line - first]


# A rule works element by element, so a part of them shows that the layout does not matter.
@pytest.mark.parametrize(
    ("rule", "settings", "words", "corrected", "step"),
    WRONG[::3],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong_rules_are_named_in_columns_too(rule, settings, words, corrected, step):
    check = check_update(step, rule, params=drawn("columns"), **settings)
    assert not check.agree
    (diagnosis,) = check.diagnoses
    assert words in diagnosis.sentence
    if corrected:
        assert diagnosis.right == corrected


# A bias of columns has two axes, so a rule that decays by the number of axes decays it too.
IN_COLUMNS = [case for case in RIGHT if "ndim" not in inspect.getsource(case[-1])]


@pytest.mark.parametrize(
    ("rule", "settings", "step"), IN_COLUMNS, ids=lambda value: getattr(value, "__name__", "")
)
def test_right_rules_agree_in_columns_too(rule, settings, step):
    check = check_update(step, rule, params=drawn("columns"), **settings)
    assert check.agree, str(check)

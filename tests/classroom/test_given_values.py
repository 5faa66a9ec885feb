"""Tests that a value that is given for one blank does not give away another one, and that a right
formula is right however it is written.
"""

import pytest

from nn.classroom.exercise import load_exercise
from nn.classroom.grading import marking
from nn.classroom.grading.marking import mark
from nn.classroom.grading.running import Limits

from .hostile import NAME, RIGHT, filled

EXERCISE = load_exercise(NAME)
LIMITS = Limits(timeout=30)


def states(marked):
    return [one.state for one in marked.report.blanks]


STEAL = """import gc
def steal(name):
    for one in gc.get_objects():
        if isinstance(one, dict) and isinstance(one.get("given"), dict):
            for where, value in one["given"].get(name) or ():
                if not isinstance(value, dict):
                    return value
    for one in gc.get_objects():
        if type(one).__name__ == "function" and "given" in one.__code__.co_freevars:
            given = one.__closure__[one.__code__.co_freevars.index("given")].cell_contents
            if given.get(name):
                return given[name][0][1]
    return 0.5"""


@pytest.mark.parametrize(
    ("top", "first", "stolen"),
    [("", "r = globals()['_right_']", "r('db', locals())"), (STEAL, "", "steal('db')")],
    ids=["hook", "memory"],
)
def test_an_open_blank_does_not_give_away_those_before_it(top, first, stolen, monkeypatch):
    """The value of `db` is that of `delta`."""
    monkeypatch.setattr(marking, "_diagnosed", lambda *about: about[-1])  # it takes long
    source = filled({"delta": stolen, "dw": f"{stolen} * x"}, first=first, top=top)
    assert states(mark(EXERCISE, [source], 0, LIMITS)) == ["wrong", "wrong", "open"]
    remembered = "memo.setdefault(x.tobytes(), steal('db'))"
    again = filled({"delta": remembered, "dw": "2 * x"}, top=f"{STEAL}\nmemo = {{}}")
    assert states(mark(EXERCISE, [again], 0, LIMITS)) == ["wrong", "wrong", "open"]


def test_a_given_value_in_a_loop_is_right_for_the_passes_after_it():
    exercise = load_exercise("lstm")
    source = exercise.source.replace("dc = ...", "dc = dh * o[t] * (1 - np.tanh(c[t + 1]) ** 2)")
    source = source.replace(
        "(1 - np.tanh(c[t + 1]) ** 2)", "(1 - np.tanh(c[t + 1]) ** 2) + dc_next * f_next"
    )
    found = mark(exercise, [source], 3, LIMITS)
    assert {one.blank.name: one.state for one in found.report.blanks}["dc"] == "right"


def test_helpers_keep_their_decorators_and_names_of_numpy_are_there():
    top = """from numpy import *
from dataclasses import dataclass
@dataclass
class Values:
    a: object
    y: object
    @property
    def delta(self):
        return (self.a - self.y) / cosh(arctanh(self.a)) ** 2"""
    source = filled({**RIGHT, "delta": "Values(a, y).delta"}, top=top)
    assert mark(EXERCISE, [source], 0, LIMITS).score == 3


def test_what_could_not_be_executed_is_said():
    source = filled({**RIGHT, "delta": "helper(a, y)"}, top="import torch\nhelper = torch.tanh")
    found = mark(EXERCISE, [source], 0, LIMITS)
    assert "not torch" in str(found.problem) + str(found.report.notes)


def test_round_off_of_one_blank_is_not_a_mistake_of_the_next():
    near = "(a - y) * (1 - a**2) * (1 + 3e-11)"
    again = "delta * x + 30 * (delta - (a - y) * (1 - a**2)) * x"
    found = mark(EXERCISE, [filled({**RIGHT, "delta": near, "dw": again})], 0, LIMITS)
    assert states(found) == ["right", "right", "right"]
    less = filled({**RIGHT, "delta": "(a - y) * (1 - a**2) * (1 + 3e-10)"})
    first = mark(EXERCISE, [less], 0, LIMITS).report.blanks[0]
    assert first.words == ("right to about 10 digits only: round-off, or a numerical derivative")

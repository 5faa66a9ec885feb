"""Tests that a learner's function is followed however it is written: loops, sums, tuples, slices,
early returns, errors; and that it cannot call this project.
"""

import ast
import linecache
import re

import numpy as np
import pytest

from nn.classroom.checking import results_of
from nn.classroom.exercise import Blank, load_exercise, source_of
from nn.classroom.following import EngineUsed, Learner

from .learners import function_of, learner_of, no_sources_left  # noqa: F401


def blank(name, number=1, in_loop=False, at_end=False):
    return Blank(number, name, "", name, "L", in_loop, at_end, depth=int(in_loop or at_end))


def learner(source, *blanks, function="f", **names):
    return Learner(function_of(source, function, **names), blanks)


def give(name, variables):
    return f"right {name}"


def values(run, name):
    return [seen.value for seen in run.seen.get(name, ())]


# What is noted --------------------------------------------------------------------------------


def test_a_value_is_noted_and_its_lines_are_known():
    one = learner("def f(x):\n    a = 2 * x\n    return a + 1\n", blank("a"))
    run = one.run({"x": 3}, give)
    assert (values(run, "a"), run.result, run.error) == ([6], 7, None)
    assert (one.lines, one.is_open, one.code_of("a")) == ({"a": 2}, set(), "a = 2 * x")
    assert (one.blank_at(2), one.blank_at(3)) == ("a", "")
    assert run.passes == {"a": 1}


def test_an_open_blank_gets_its_right_value_and_is_not_noted():
    one = learner(
        "def f(x):\n    a = ...  # blank 1: a\n    b = (a, x)\n    return b\n", blank("a")
    )
    run = one.run({"x": 3}, give)
    assert (run.result, run.seen, one.is_open) == (("right a", 3), {}, {"a"})
    assert run.passes == {"a": 1}


def test_a_value_that_is_not_given_is_not_available():
    one = learner("def f(x):\n    a = globals()['_right_']('a', {})\n    return a\n", blank("a"))
    run = one.run({"x": 3}, give)
    assert "the right value of a is not available" in str(run.error)


def test_what_ends_the_program_is_an_error_and_a_generator_is_refused():
    one = learner("def f(x):\n    a = x\n    raise SystemExit(0)\n", blank("a"))
    run = one.run({"x": 3}, give)
    assert (run.line, str(run.error)) == (3, "SystemExit ends the program; leave it out")
    with pytest.raises(TypeError, match="f contains yield"):
        learner("def f(x):\n    a = (yield)\n    return a\n", blank("a"))
    learner("def f(x):\n    def g():\n        yield 1\n    a = sum(g())\n", blank("a"))


def test_a_list_of_targets_is_followed():
    one = learner("def f(x):\n    [a, b] = x, 2 * x\n    return a\n", blank("a"), blank("b"))
    run = one.run({"x": 3}, give)
    assert (values(run, "a"), values(run, "b")) == ([3], [6])


def test_a_given_blank_does_not_run_its_line():
    one = learner("def f(x):\n    a = x / 0\n    return a\n", blank("a"))
    assert isinstance(one.run({"x": 1}, give).error, ZeroDivisionError)
    assert one.run({"x": 1}, give, {"a"}).result == "right a"


def test_the_right_value_may_depend_on_the_variables_there():
    source = (
        "def f(n):\n    out = []\n    for k in range(n):\n        a = ...\n        out.append(a)\n"
    )
    one = learner(source + "    return out\n", blank("a", in_loop=True))
    run = one.run({"n": 3}, lambda name, variables: 10 * variables["k"])
    assert (run.result, run.passes) == ([0, 10, 20], {"a": 3})


@pytest.mark.parametrize("loop", ["for k in range(3):", "k = -1\n    while k < 2:\n        k += 1"])
def test_a_blank_in_a_loop_is_noted_in_each_pass(loop):
    source = f"def f():\n    {loop}\n        a = k\n        a = a * k\n    return a\n"
    run = learner(source, blank("a", in_loop=True)).run({}, give)
    assert values(run, "a") == [0, 1, 4]
    assert [seen.variables["k"] for seen in run.seen["a"]] == [0, 1, 2]


def test_passes_that_leave_early_are_noted():
    source = """def f():
    for k in range(5):
        a = k
        if k == 1:
            continue
        if k == 3:
            break
        a = -k
"""
    assert values(learner(source, blank("a", in_loop=True)).run({}, give), "a") == [0, 1, -2, 3]


def test_a_sum_is_noted_at_the_end():
    source = "def f():\n    a = np.zeros(2)\n    for k in range(4):\n        a += k\n    return a\n"
    run = learner(source, blank("a", at_end=True), np=np).run({}, give)
    assert [value.tolist() for value in values(run, "a")] == [[6, 6]]


def test_slices_that_are_filled_in_are_noted_at_the_end():
    source = """def f():
    a, b = np.zeros(3), np.zeros(3)
    for k in range(2):
        a[k : k + 2] += 1
        b[k] = k + 1
    return a
"""
    blanks = blank("a", at_end=True), blank("b", 2, at_end=True)
    one = learner(source, *blanks, np=np)
    run = one.run({}, give)
    assert [value.tolist() for value in values(run, "a")] == [[1, 2, 1]]
    assert [value.tolist() for value in values(run, "b")] == [[1, 2, 0]]
    assert one.lines == {"a": 4, "b": 5}


def test_an_array_that_changes_later_keeps_its_noted_value_in_a_loop():
    source = (
        "def f():\n    for k in range(2):\n        a = np.full(1, k)\n    a[0] = 9\n    return a\n"
    )
    run = learner(source, blank("a", in_loop=True), np=np).run({}, give)
    assert [value.tolist() for value in values(run, "a")] == [[0], [1]]


def test_several_targets():
    source = "def f(x):\n    a, (b) = x, 2 * x\n    c = d = 3 * x\n    return a, b, c, d\n"
    blanks = [blank(name, number) for number, name in enumerate("abcd", 1)]
    one = learner(source, *blanks)
    run = one.run({"x": 1}, give)
    assert {name: values(run, name) for name in "abcd"} == {"a": [1], "b": [2], "c": [3], "d": [3]}
    run = one.run({"x": 1}, give, {"b"})
    assert (run.result, list(run.seen)) == ((1, "right b", 3, 3), ["a", "c", "d"])


def test_an_annotated_assignment():
    source = "def f(x):\n    a: float = 2.0 * x\n    return a\n"
    assert values(learner(source, blank("a")).run({"x": 1}, give), "a") == [2.0]


def test_the_last_assignment_counts():
    source = "def f(x):\n    a = x\n    a = a + 1\n    if x:\n        a = a * 2\n    return a\n"
    one = learner(source, blank("a"))
    assert values(one.run({"x": 1}, give), "a") == [4]
    assert one.lines == {"a": 5}


def test_a_blank_that_was_left_and_filled_in_below_is_filled_in():
    one = learner("def f(x):\n    a = ...\n    a = x\n    return a\n", blank("a"))
    assert one.is_open == set()
    assert values(one.run({"x": 1}, give), "a") == [1]


def test_early_return():
    source = "def f(x):\n    a = x\n    if x > 0:\n        return a\n    b = x\n    return b\n"
    one = learner(source, blank("a"), blank("b", 2))
    run = one.run({"x": 1}, give)
    assert (list(run.seen), run.result) == (["a"], 1)
    assert list(one.run({"x": -1}, give).seen) == ["a", "b"]


def test_a_statement_of_several_lines():
    source = "def f(x):\n    a = (\n        x\n        + 1\n    )  # blank 1: a\n    return a\n"
    one = learner(source, blank("a"))
    assert one.code_of("a") == "a = ( x + 1 )"
    assert [one.blank_at(line) for line in range(1, 7)] == ["", "a", "a", "a", "a", ""]
    assert values(one.run({"x": 1}, give), "a") == [2]


def test_functions_inside_have_variables_of_their_own():
    source = """def f(x):
    def g(x):
        a = 100
        return a + x
    a = g(x) + (lambda a: a)(1)
    return a
"""
    assert values(learner(source, blank("a")).run({"x": 1}, give), "a") == [102]


def test_recursion():
    source = "def f(n):\n    a = n if n < 2 else f(n - 1) + f(n - 2)\n    return a\n"
    run = learner(source, blank("a")).run({"n": 7}, give)
    assert (run.result, values(run, "a")) == (13, [13])


def test_helpers_of_the_file_and_variables_around_it_are_known():
    def outer():
        shift = 10

        def f(x):
            a = x + shift
            return a + 0

        return f

    assert Learner(outer(), [blank("a")]).run({"x": 1}, give).result == 11
    source = "def helper(x):\n    return 5 * x\n\ndef f(x):\n    a = helper(x)\n    return a\n"
    assert learner(source, blank("a")).run({"x": 2}, give).result == 10


def test_arguments_are_copied():
    x = np.zeros(2)
    source = "def f(x):\n    x += 1\n    a = x\n    return a\n"
    learner(source, blank("a")).run({"x": x}, give)
    assert x.tolist() == [0, 0]


def test_a_renamed_and_decorated_function():
    source = """def twice(function):
    return function

@twice
def other(x):
    a = x
    return a
"""
    one = learner(source, blank("a"), function="other")
    assert one.run({"x": 4}, give).result == 4
    assert one.lines == {"a": 6}


def test_a_cell_of_a_notebook(monkeypatch):
    """Its source is in linecache, under a name that is not a file."""
    source = "import numpy as np\n%matplotlib inline\ndef f(x):\n    a = np.exp(x)\n    return a\n"
    cell = "<ipython-input-3-abc>"
    lines = source.replace("%matplotlib inline", "get_ipython()").splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, cell, (len(source), None, lines, cell))
    names = {"__name__": "__main__", "get_ipython": lambda: None}
    exec(compile("".join(lines), cell, "exec"), names)
    one = Learner(names["f"], [blank("a")])
    assert one.run({"x": 0.0}, give).result == 1.0
    assert one.code_of("a") == "a = np.exp(x)"


# Errors ---------------------------------------------------------------------------------------


def test_an_error_is_kept_with_its_line():
    source = (
        "def helper(x):\n    return x[9]\n\ndef f(x):\n    a = 1\n    b = helper(x)\n    return b\n"
    )
    run = learner(source, blank("a"), blank("b", 2)).run({"x": [1]}, give)
    assert isinstance(run.error, IndexError)
    assert run.line == 2
    assert (values(run, "a"), values(run, "b"), run.result) == ([1], [], None)


def test_the_pass_in_which_an_error_happens_is_noted():
    source = "def f():\n    for k in range(3):\n        a = k\n        b = 1 / (1 - k)\n"
    run = learner(source, blank("a", in_loop=True), blank("b", 2, in_loop=True)).run({}, give)
    assert (values(run, "a"), values(run, "b")) == ([0, 1], [1.0])


@pytest.mark.parametrize("thing", [3, "text", len, np.exp, None, type])
def test_only_functions_are_accepted(thing):
    with pytest.raises(TypeError, match=r"^expected a function written with def, got "):
        Learner(thing, [blank("a")])


def test_a_lambda_is_refused():
    with pytest.raises((TypeError, ValueError), match=r"function|source"):
        learner("f = lambda x: x\n", blank("a"))


def test_without_a_source_there_is_an_error():
    names = {"__name__": "learner"}
    exec("def f(x):\n    a = x\n    return a\n", names)
    with pytest.raises(ValueError, match=r"^the source of f is not available; write it in a file"):
        Learner(names["f"], [blank("a")])


@pytest.mark.parametrize("name", ["_right_", "_note_", "_given_", "_pass_", "_end_"])
def test_the_hooks_cannot_be_called(name):
    source = f"def f(x):\n    a = {name}('a', locals())\n    return a\n"
    with pytest.raises(ValueError, match=f"^{name} is a name of the check; choose another one$"):
        learner(source, blank("a"))


@pytest.mark.parametrize(
    "code",
    [
        "tg.exp(x)",
        "tg.Tensor(x)",
        "tg.grad(lambda x: x * x)(x)",
        "helper(x)",
        "alias(x)",
        "nn.loss.softmax_cross_entropy",
        "partial()",
        "list(map(tg.exp, [x]))[0]",
        "np.exp(tensor)",
    ],
)
def test_this_project_is_refused(code):
    source = f"""import functools
import nn, nn.loss
import numpy as np
import tinygrad_edu as tg
from tinygrad_edu import tanh as alias

tensor = tg.Tensor(1.0, requires_grad=True)
partial = functools.partial(tg.exp, 0.0)

def helper(x):
    return tg.tanh(x)

def f(x):
    try:
        a = {code}
    except Exception:
        a = 0.0
    return a
"""
    one = learner(source, blank("a"))
    if code.startswith("nn.loss"):  # to look at it is not to call it
        assert one.run({"x": 0.5}, give).error is None
        return
    with pytest.raises(EngineUsed, match=r"^f calls \w+ of (tinygrad_edu|nn)[\w.]*: work it out"):
        one.run({"x": 0.5}, give)


def test_what_is_right_may_be_asked_of_this_project():
    import tinygrad_edu as tg

    one = learner("def f(x):\n    a = ...\n    return a\n", blank("a"))
    assert one.run({"x": 1.0}, lambda name, at: tg.exp(0.0)).result == 1.0


def test_a_profiler_that_was_there_stays():
    import sys

    calls = []
    sys.setprofile(lambda *event: calls.append(event))
    before = sys.getprofile()
    try:
        learner("def f(x):\n    a = x\n    return a\n", blank("a")).run({"x": 1}, give)
        assert sys.getprofile() is before
    finally:
        sys.setprofile(None)


# With open blanks filled in -------------------------------------------------------------------


def test_the_completed_function_keeps_its_lines_and_returns_none_for_what_was_filled_in():
    source = """def f(x):
    a = ...  # blank 1: a
    b = (
        a + x
    )
    c = 2 * b
    return {"a": a, "b": b, "c": c}
"""
    blanks = [blank(name, number) for number, name in enumerate("abc", 1)]
    one = learner(source, *blanks)
    function = one.completed(lambda name, variables: 10)
    assert function(1) == {"a": None, "b": 11, "c": 22}
    assert one.completed(lambda name, variables: 10, {"b"})(1) == {"a": None, "b": None, "c": 20}
    lines = linecache.getlines(function.__code__.co_filename)
    assert lines[5] == "    c = 2 * b\n"
    assert ast.parse("".join(lines))


def test_a_slice_in_a_loop_is_completed():
    source = "def f():\n    a = [0, 0]\n    for k in range(2):\n        a[k] += ...\n    return a\n"
    one = learner(source, blank("a", at_end=True))
    assert one.completed(lambda name, variables: [7, 8])() == [7, 8]


def test_the_statement_of_a_blank():
    source = "def f(x):\n    a = x\n    b, c = x, x\n    a += 2\n    return a\n"
    one = learner(source, blank("a"), blank("b", 2), blank("d", 3))
    assert ast.unparse(one.assignment_of("a")) == "a += 2"
    assert one.assignment_of("b") is None
    assert one.assignment_of("d") is None


# Loops that a learner adds ---------------------------------------------------------------------


SLOWLY = """delta1 = np.zeros(2)
        for k in range(2):
            delta1[k] = delta2 * w2[k] * (1 - h[k] ** 2)"""
SUMMED = """g = 0.0
        for part in arrived[k]:
            g += part"""


def states(exercise, name, text):
    """Judge an exercise in which one blank is filled in."""
    source, count = re.subn(
        rf"^( *){name} = \.\.\..*$", lambda m: m[1] + text, source_of(exercise), flags=re.M
    )
    assert count == 1
    found = results_of(load_exercise(exercise), learner_of(load_exercise(exercise), source))
    return {one.blank.name: one.state for one in found}


@pytest.mark.parametrize(
    ("exercise", "name", "text"),
    [("xor_network", "delta1", SLOWLY), ("tiny_engine", "g", SUMMED)],
)
def test_a_loop_inside_a_blank_of_a_loop_is_judged_when_it_ends(exercise, name, text):
    found = states(exercise, name, text)
    assert found.pop(name) == "right"
    assert set(found.values()) == {"open"}


@pytest.mark.parametrize("part", ["g + arrived[k].pop()", "arrived[k].pop()"])
def test_a_loop_that_takes_things_away_ends_also_where_its_blank_is_given(part):
    text = f"g = 0.0\n        while arrived[k]:\n            g = {part}"
    assert states("tiny_engine", "g", text)["g"] == ("right" if "+" in part else "wrong")

"""Certifies each exercise: its solution passes, and every known slip is refused at its blank,
whatever else is filled in. A checker that accepts too much does not pass here.

Slips come from people (they are listed with the solutions), from the mutation of every line of a
solution, and from ways around the work: numbers copied from a page, the engine, an edited file.
"""

import ast
import functools
import re

import numpy as np
import pytest

from nn.classroom import check
from nn.classroom.catalogue import EXERCISES
from nn.classroom.checking import _judge, results_of
from nn.classroom.exercise import load_exercise, source_of
from nn.classroom.following import EngineUsed
from nn.classroom.truth import truth_of

from ..diagnosing.mutants import mutants
from .learners import function_of, learner_of, no_sources_left, solutions  # noqa: F401

known = solutions()
DRAWS = range(4)
each_exercise = pytest.mark.parametrize("name", EXERCISES)


def wrong_blanks(exercise, learner, seed=0):
    """Return the blanks that the check refuses; as soon as a draw shows one."""
    for again in DRAWS:
        wrong = {one.blank.name for one in _judge(exercise, learner, seed, again) if is_bad(one)}
        if wrong:
            return wrong
    return wrong


def is_bad(result):
    return result.state in ("wrong", "missing")


# Filling in -----------------------------------------------------------------------------------


@each_exercise
def test_the_next_blank_is_named_at_every_number_of_filled_blanks(name):
    exercise, right = load_exercise(name), known.right_of(name)
    assert list(right) == [blank.name for blank in exercise.blanks]
    assert 3 <= len(right) <= 8
    for number, blank in enumerate(exercise.blanks):
        some = dict(list(right.items())[:number])
        report = check(name, function_of(known.filled(source_of(name), some)))
        states = [one.state for one in report.blanks]
        assert states == ["right"] * number + ["open"] * (len(right) - number)
        assert not report.solved
        next_one = f"Next: fill in blank {number + 1}: {blank.words}"
        assert next_one in " ".join(str(report).split())


@each_exercise
@pytest.mark.parametrize("seed", range(5))
def test_the_solution_passes(name, seed):
    report = check(name, function_of(known.solved_source(name)), seed=seed)
    assert report.solved, str(report)
    assert f"✓ {name}" in str(report)
    assert "✗" not in str(report)


@each_exercise
def test_a_solved_file_prints_that_it_is_solved(name, capsys):
    source = known.solved_source(name, seed=3)
    assert f'check("{name}", my_gradients, seed=3)' in source
    file = function_of(source, "__builtins__", __name__="learner")
    assert file
    function_of(source.replace('__name__ == "__main__"', "True"))
    assert "✓" in capsys.readouterr().out


@each_exercise
def test_the_text_does_not_contain_an_answer(name):
    """No right code of a blank is in the file that a learner gets, unless it is one name."""
    exercise = load_exercise(name)
    text = re.sub(r"\s", "", source_of(name).partition("def my_gradients")[0])
    for blank, code in known.right_of(name).items():
        if re.search(r"\W", code) and exercise.function == "my_gradients":
            allowed = ALREADY_ON_THE_PAGE.get((name, blank))
            assert (re.sub(r"\s", "", code) in text) == bool(allowed), (blank, code)


@each_exercise
def test_no_line_of_the_forward_pass_can_be_pasted(name):
    """A value that the forward pass computes too is computed by machine there, or otherwise."""
    exercise, source = load_exercise(name), source_of(name)
    forward = next(n for n in ast.parse(source).body if getattr(n, "name", "") == "forward")
    lines = [n for n in ast.walk(forward) if isinstance(n, ast.Assign)]
    codes = {ast.unparse(n.targets[0]): ast.unparse(n.value) for n in lines}
    for blank in exercise.blanks:
        if blank.is_gradient or blank.target not in codes:
            continue
        code = {**known.right_of(name), blank.name: codes[blank.target]}
        learner = learner_of(exercise, known.filled(source, code))
        try:
            wrong = wrong_blanks(exercise, learner)
        except EngineUsed:
            continue
        assert (wrong == set()) == ((name, blank.name) in ALREADY_ON_THE_PAGE), (blank, code)


# A definition that the forward pass contains too, as the same characters.
ALREADY_ON_THE_PAGE = {
    ("scaled_inputs", "u"): "equation 1",
}


# Slips ----------------------------------------------------------------------------------------

SLIPS = [(name, slip) for name in EXERCISES for slip in known.slips_of(name)]


def certify(name, find_wrong):
    """Return the slips of people that a checker does not refuse at their blank."""
    exercise, right, source = load_exercise(name), known.right_of(name), source_of(name)
    missed = []
    for slip in known.slips_of(name):
        for others in (right, {}):  # all filled in, all open
            learner = learner_of(exercise, known.filled(source, {**others, slip.blank: slip.wrong}))
            if find_wrong(exercise, learner) != {slip.blank}:
                missed.append(slip)
    return missed


@each_exercise
def test_every_slip_is_refused_at_its_blank(name):
    assert len(known.slips_of(name)) >= 3 * len(load_exercise(name).blanks)
    assert certify(name, wrong_blanks) == []


@each_exercise
def test_two_slips_are_refused_at_their_blanks(name):
    exercise, right = load_exercise(name), known.right_of(name)
    slips = known.slips_of(name)
    for first, second in zip(slips[::2], slips[len(slips) // 2 :: 2], strict=False):
        if first.blank != second.blank:
            code = {**right, first.blank: first.wrong, second.blank: second.wrong}
            learner = learner_of(exercise, known.filled(source_of(name), code))
            wrong = wrong_blanks(exercise, learner)
            if len(wrong) == 1:  # the other one shows with other numbers
                results = results_of(exercise, learner, diagnose=False)
                wrong = {one.blank.name for one in results if is_bad(one)}
            assert wrong == {first.blank, second.blank}


# Mutations ------------------------------------------------------------------------------------


def mutated(name):
    """Yield each mutation of a blank of the solution, with the blank."""
    exercise, source = load_exercise(name), known.solved_source(name)
    lines = learner_of(exercise, source)
    for mutant in mutants(source, {exercise.function}):
        blank = lines.blank_at(mutant.line)
        if blank:
            yield blank, mutant


def are_equal(exercise, blank, one, other):
    """Whether two functions compute the same values of a blank for many other numbers."""
    for again in range(100, 130):
        truth = truth_of(exercise, 0, again)
        runs = [learner.run(truth.inputs, None) for learner in (one, other)]
        values = [[seen.value for seen in run.seen.get(blank, ())] for run in runs]
        if any(run.error for run in runs) or len(values[0]) != len(values[1]):
            return False
        for first, second in zip(*values, strict=True):
            if np.shape(first) != np.shape(second) or not np.allclose(first, second, 1e-9, 1e-12):
                return False
    return True


@each_exercise
def test_every_mutation_of_a_solution_is_refused_at_its_blank(name):
    exercise, count, equivalent = load_exercise(name), 0, []
    solution = learner_of(exercise, known.solved_source(name))
    for blank, mutant in mutated(name):
        learner = learner_of(exercise, mutant.source)
        wrong = wrong_blanks(exercise, learner)
        count += 1
        if wrong != {blank}:
            assert wrong == set(), (mutant.after, wrong)
            assert are_equal(exercise, blank, solution, learner), mutant.after
            equivalent.append(mutant.after)
    assert count >= 3 * len(exercise.blanks)
    assert len(equivalent) <= count / 5, equivalent


# Ways around the work -------------------------------------------------------------------------


def copied(exercise, blank):
    """Return code with the numbers of the first draw; None if they are the same in each draw."""
    values = [right_of_all(exercise, again)[blank.name] for again in range(6)]
    if all(np.shape(v) == np.shape(values[0]) and np.allclose(v, values[0]) for v in values):
        return None
    return f"{NUMPY}.array({values[0].tolist()})"


@functools.cache
def right_of_all(exercise, again):
    """Return a right value of each blank, in the last pass of a loop."""
    truth, found = truth_of(exercise, 0, again), {}

    def right(name, variables):
        blank = next(one for one in exercise.blanks if one.name == name)
        found[name] = truth.of(blank, variables)
        return found[name]

    learner_of(exercise, exercise.source).run(truth.inputs, right)
    return found


@each_exercise
def test_copied_numbers_are_refused(name):
    exercise, right = load_exercise(name), known.right_of(name)
    constant = []
    for blank in exercise.blanks:
        code = copied(exercise, blank)
        if code is None:
            constant.append(blank.name)
            continue
        learner = learner_of(exercise, known.filled(source_of(name), {**right, blank.name: code}))
        assert wrong_blanks(exercise, learner) == {blank.name}
        (one,) = [r for r in results_of(exercise, learner, diagnose=False) if r.blank == blank]
        if not (blank.in_loop or blank.at_end):
            assert "right for these numbers only" in one.words
    assert constant == (["dz_dp"] if name == "graph" else [])


def first_input(exercise):
    """Return an expression in an input that is true in the first draw alone."""
    for key, value in exercise.draw().items():
        if isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f":
            others = [exercise.draw(0, again)[key].sum() for again in DRAWS[1:]]
            if value.sum() not in others:
                return f"float({key}.sum()) == {float(value.sum())!r}"
    raise AssertionError(exercise.name)


@each_exercise
def test_a_formula_that_holds_for_the_first_numbers_only_is_refused(name):
    exercise, right = load_exercise(name), known.right_of(name)
    for blank in exercise.blanks:
        code = f"({right[blank.name]}) * ({first_input(exercise)})"
        learner = learner_of(exercise, known.filled(source_of(name), {**right, blank.name: code}))
        assert wrong_blanks(exercise, learner) == {blank.name}


NUMPY = "__import__('numpy')"  # which not every exercise imports
OURS = [
    "__import__('tinygrad_edu').exp(0.0)",
    "__import__('tinygrad_edu').Tensor(0.0).item()",
    f"__import__('nn.by_hand.dropout', fromlist=['a']).backward({NUMPY}.zeros(1), 1, 0.1)[0]",
    "tanh_of_ours(0.0)",
    "helper()",
]


@each_exercise
@pytest.mark.parametrize("ours", OURS)
def test_this_project_cannot_do_the_work(name, ours):
    """The engine, its gradients by hand, and what the file imports from it."""
    right = known.right_of(name)
    first = next(iter(right))
    code = {**right, first: f"({right[first]}) + 0 * {ours}"}
    source = (
        known.filled(source_of(name), code) + "\nfrom tinygrad_edu import tanh as tanh_of_ours\n"
    )
    source += "\ndef helper():\n    return float(tanh_of_ours(0.0))\n"
    report = check(name, function_of(source))
    assert [one.blank.name for one in report.blanks if one.state == "wrong"] == [first]
    words = next(one.words for one in report.blanks if one.blank.name == first)
    assert re.match(
        r"line \d+: my_gradients (calls \w+ of|imports) (nn|tinygrad_edu)[\w.]*: w", words
    )


def test_a_call_of_this_project_outside_of_a_blank_is_an_error():
    source = known.solved_source("one_neuron").replace("np.tanh(w @ x + b)", "tanh(w @ x + b)")
    with pytest.raises(EngineUsed, match=r"^my_gradients calls tanh of tinygrad_edu"):
        check("one_neuron", function_of(source))


@each_exercise
def test_an_edited_file_changes_nothing(name):
    """The inputs and the forward pass are those of the exercise, whatever the file contains."""
    right, (slip, *_) = known.right_of(name), known.slips_of(name)
    for code, is_right in ((right, True), ({**right, slip.blank: slip.wrong}, False)):
        source = known.filled(source_of(name), code)
        edited = re.sub(r"^def (inputs|forward)\(", r"def old_\1(", source, flags=re.M)
        edited += "\ndef inputs(generator):\n    return {}\n"
        edited += "\ndef forward(*inputs, **named):\n    return 0.0\n"
        assert edited.count("\ndef ") == source.count("\ndef ") + 2
        wrong = wrong_blanks(load_exercise(name), learner_of(load_exercise(name), edited))
        assert wrong == (set() if is_right else {slip.blank})


@each_exercise
def test_a_line_that_was_removed_is_missing(name):
    exercise, source = load_exercise(name), known.solved_source(name)
    learner = learner_of(exercise, source)
    for blank in exercise.blanks:
        lines = source.splitlines()
        end = learner.ends[blank.name]
        first = learner.lines[blank.name] - 1
        indent = " " * (len(lines[first]) - len(lines[first].lstrip()))
        lines[first:end] = [f"{indent}pass"]
        results = results_of(exercise, learner_of(exercise, "\n".join(lines)), diagnose=False)
        by_name = {one.blank.name: one for one in results}
        assert by_name[blank.name].state in ("missing", "wrong")


@pytest.mark.parametrize("name", EXERCISES[::5])
@pytest.mark.parametrize(
    "last", ["return {}", "return None", "pass", "return {'a': 1}", "return 0 if 0 else {}"]
)
def test_the_function_must_return_its_gradients(name, last):
    source = known.solved_source(name)
    (line,) = re.findall(r"^    return \{\".*$", source.partition("def my_gradients")[2], re.M)
    report = check(name, function_of(source.replace(line, f"    {last}")))
    assert not report.solved
    assert "must return a dictionary" in str(report)


@each_exercise
def test_what_is_returned_is_compared_too(name):
    exercise, source = load_exercise(name), known.solved_source(name)
    (line,) = re.findall(r"^    return \{\".*$", source.partition("def my_gradients")[2], re.M)
    for key, value in exercise.returned.items():
        changed = line.replace(f'"{key}": {value}', f'"{key}": 2 * {NUMPY}.array({value}) + 1')
        if value not in known.right_of(name):
            continue
        report = check(name, function_of(source.replace(line, changed)))
        assert not report.solved
        assert f"returns a wrong {key}" in " ".join(str(report).split())


# The test of the test -------------------------------------------------------------------------


def accepts_everything(exercise, learner):
    return set()


def looks_at_shapes(exercise, learner):
    """Refuse wrong shapes alone."""
    truth = truth_of(exercise)
    run = learner.run(truth.inputs, lambda name, variables: right_value(exercise, name, variables))
    return {
        name
        for name, seen in run.seen.items()
        for one in seen
        if np.shape(one.value) != np.shape(right_value(exercise, name, one.variables))
    }


def right_value(exercise, name, variables):
    blank = next(one for one in exercise.blanks if one.name == name)
    return truth_of(exercise).of(blank, variables)


def looks_at_the_first_draw(exercise, learner):
    return {one.blank.name for one in _judge(exercise, learner, 0) if is_bad(one)}


def looks_at_what_is_returned(exercise, learner):
    """Refuse wrong results, but do not say where."""
    truth = truth_of(exercise)
    run = learner.run(truth.inputs, lambda name, variables: right_value(exercise, name, variables))
    returned = run.result if isinstance(run.result, dict) else {}
    names = [name for name in exercise.returned.values() if name in learner.blanks]
    return {
        name
        for key, name in exercise.returned.items()
        if name in names and not is_close(returned.get(key), right_value(exercise, name, {}))
    }


def is_close(one, other):
    return np.shape(one) == np.shape(other) and np.allclose(one, other)


@pytest.mark.parametrize(
    "checker", [accepts_everything, looks_at_shapes, looks_at_what_is_returned]
)
def test_a_checker_that_accepts_too_much_is_caught(checker):
    assert all(certify(name, checker) for name in ("one_neuron", "delta_rule", "rnn"))


def test_a_checker_of_one_draw_is_caught():
    exercise, right = load_exercise("delta_rule"), known.right_of("delta_rule")
    (blank, *_) = exercise.blanks
    code = {**right, blank.name: copied(exercise, blank)}
    learner = learner_of(exercise, known.filled(exercise.source, code))
    assert looks_at_the_first_draw(exercise, learner) == set()
    assert wrong_blanks(exercise, learner) == {blank.name}


def test_a_mutation_that_is_not_equivalent_is_not_taken_for_one():
    exercise = load_exercise("one_neuron")
    right = known.right_of("one_neuron")
    one, same, other = (
        learner_of(exercise, known.filled(exercise.source, {**right, "dw": code}))
        for code in ("delta * x", "x * delta", "delta * (x + 1e-6)")
    )
    assert are_equal(exercise, "dw", one, same)
    assert not are_equal(exercise, "dw", one, other)

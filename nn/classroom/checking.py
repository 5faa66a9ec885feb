"""Checks an exercise blank by blank while it is filled in.

Each blank is judged with the right values of the others, so a mistake counts once. A blank is right
if it is so on other draws of the inputs too; an exercise is solved if the function also returns
these values.
"""

from __future__ import annotations

import functools
import itertools
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.texts import number_text, shape_text

from ..checks import check_seed
from .exercise import Blank, Exercise, load_exercise
from .following import EngineUsed, Learner, Run, Seen
from .judging import NEARLY_RIGHT, difference
from .report import BlankResult, ExerciseReport
from .truth import Truth, truth_of

__all__ = ["check", "of_result", "results_of"]

_OTHER_DRAWS = (1, 2, 3)
_MOST_INPUTS = 6  # that are written in a line
# Messages of NumPy that say nothing to a learner, and what to look at.
_IN_PLAIN_WORDS = {
    "max(": "max and min compare two numbers; np.maximum and np.minimum work number by number",
    "min(": "max and min compare two numbers; np.maximum and np.minimum work number by number",
    "inhomogeneous": "the parts have different shapes, so they do not make one array",
    "array element with a sequence": (
        "one number is needed here, and this is an array: a sum is missing, or an index"
    ),
    "does not have enough dimensions": "@ needs arrays with rows or columns, not a single number",
    "only integers, slices": "an index must be a whole number, and this one is not",
    "list indices must be integers": "a list has one index: a[t], not a[:, t]",
    "bitwise_xor": "^ is not a power in Python; write a power with **",
    "unsupported operand type(s) for ^": "^ is not a power in Python; write a power with **",
    "mismatch in its core dimension": (
        "the shapes around @ do not fit: the left one needs as many columns as the right one has "
        "rows; print both shapes, perhaps one of them needs .T"
    ),
    "truth value of an array": (
        "an array cannot decide an if: (u > 0) is an array of True and False, which count as 1 and "
        "0; np.where(u > 0, a, b) chooses for each element"
    ),
}
_SHAPES = re.compile(r"\(\d*(?:,\d*)*\)")
_FOR_OTHERS = "right for these numbers only, but a formula must hold for any"


def check(exercise: str, function: Callable[..., Any], *, seed: int = 0) -> ExerciseReport:
    """Check the blanks of an exercise.

    Parameters
    ----------
    exercise : str
        Its name.
    function : callable
        The function of the exercise, with some or all of its blanks filled in. It may use NumPy
        alone. Inputs and forward pass are those of the exercise, whatever the file contains.
    seed : int
        The seed of the numbers, as in the file.

    Returns
    -------
    ExerciseReport
        Print it: which blanks are right, what is wrong with the others, and what comes next.

    Raises
    ------
    TypeError, ValueError
        If there is no such exercise, or if the function is not the one with its blanks.

    Examples
    --------
    In the file that ``tinygrad-edu exercise one_neuron`` writes::

        print(check("one_neuron", my_gradients))
    """
    check_seed(seed)
    if seed is None:
        raise TypeError("seed must be a whole number, got None: others must get the same numbers")
    known = load_exercise(exercise)
    learner = Learner(function, known.blanks)
    results = _with_refused(known, learner, seed)
    notes = of_result(known, learner, seed) if all(one.is_right for one in results) else ()
    return ExerciseReport(known, results, tuple(notes), _few(known.draw(seed)))


def _few(inputs: Mapping[str, Any]) -> str:
    """Write the inputs in one line, if they are a few numbers; else return nothing."""
    if len(inputs) > _MOST_INPUTS or any(np.ndim(value) for value in inputs.values()):
        return ""
    return ", ".join(f"{name} = {number_text(value)}" for name, value in inputs.items())


def _with_refused(exercise: Exercise, learner: Learner, seed: int) -> tuple[BlankResult, ...]:
    """Judge the blanks; one that calls this project is wrong, and the others are judged still."""
    refused: dict[str, str] = {}
    while True:
        try:
            results = results_of(exercise, learner, seed)
            break
        except EngineUsed as error:
            name = learner.blank_at(error.line)
            if not name or name in refused:
                raise
            refused[name] = f"line {error.line}: {error}"
            learner.is_open.add(name)
    return tuple(
        replace(one, state="wrong", words=refused[one.blank.name])
        if one.blank.name in refused
        else one
        for one in results
    )


def results_of(
    exercise: Exercise, learner: Learner, seed: int = 0, *, diagnose: bool = True
) -> tuple[BlankResult, ...]:
    """Judge the blanks for one seed, with words for those that are wrong.

    Parameters
    ----------
    exercise : Exercise
    learner : Learner
        The function with its blanks.
    seed : int
    diagnose : bool
        Whether to look for what the mistakes look like, which takes longer than to find them.
    """
    results = _judge(exercise, learner, seed)
    for again in _OTHER_DRAWS:
        if not any(one.is_right for one in results):
            break
        found = _judge(exercise, learner, seed, again)
        results = tuple(
            replace(one, state="wrong", words=_for_others(other.words))
            if one.is_right and other.state == "wrong"
            else one
            for one, other in zip(results, found, strict=True)
        )
    if diagnose and any(one.state == "wrong" for one in results):
        from .diagnosing import with_diagnoses

        truths = [truth_of(exercise, seed, again) for again in (0, *_OTHER_DRAWS)]
        results = with_diagnoses(exercise, learner, truths, results)
    return results


def _for_others(words: str) -> str:
    """Say of a blank that is right for the first numbers what is wrong for others."""
    is_near = words.endswith(NEARLY_RIGHT)  # that is no question of the numbers
    return words if is_near else f"{_FOR_OTHERS}; for other numbers, {words}"


def _judge(
    exercise: Exercise, learner: Learner, seed: int, again: int = 0
) -> tuple[BlankResult, ...]:
    """Judge each blank, with the right values of the open and of the wrong ones."""
    truth = truth_of(exercise, seed, again)
    wrong: dict[str, str] = {}
    near: set[str] = set()  # right, but perhaps not exactly enough for what follows
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that of a mean of nothing
            run = learner.run(truth.inputs, truth.right, {*wrong, *near})
        # One at a time, in the order of the run: the first mistake may be the reason of others.
        first = _first_wrong(exercise, run, truth, wrong)
        if first is not None and first[1].endswith(NEARLY_RIGHT):
            before = _before(first[0], run)
            if before and _wrong_in_passes(exercise, run, seed, again) is None:
                near |= before
                continue
        if first is None and run.error is None:
            first = _wrong_in_passes(exercise, run, seed, again)
        if first is None and run.error is not None:
            first = _at_error(learner, run, wrong)
            if first is not None and learner.blank_at(run.line) != first[0]:
                wrong[first[0]] = first[1]
                break  # its right value does not change that line
        if first is None:
            break
        wrong[first[0]] = first[1]
    results = []
    for blank in exercise.blanks:
        name = blank.name
        if name in wrong:
            state, words = "wrong", wrong[name]
        elif name in learner.is_open:
            state, words = "open", ""
        elif name not in learner.lines:
            state, words = "missing", f"{name} is not assigned; the exercise asks for it"
        elif name in run.seen or name in near:
            state, words = "right", ""
        else:
            state, words = "wrong", "its line was not reached"
        line = learner.lines.get(name, 0)
        results.append(BlankResult(blank, state, line, learner.code_of(name), words))
    return tuple(results)


def _first_wrong(
    exercise: Exercise, run: Run, truth: Truth, known: Collection[str]
) -> tuple[str, str] | None:
    """Find the wrong value that was computed first: the name of its blank, and what is wrong."""
    found = []
    for blank in exercise.blanks:
        if blank.at_end and run.error is not None:
            continue  # the loop did not end
        for number, one in enumerate(run.seen.get(blank.name, ())):
            words = _wrong_words(blank, one, truth)
            if words and blank.name not in known:
                in_pass = f"in pass {number + 1} of the loop, " if blank.in_loop else ""
                found.append((one.order, blank.name, in_pass + words))
                break
    return min(found)[1:] if found else None


def _before(name: str, run: Run) -> set[str]:
    """Return the blanks whose values were computed before those of another one."""
    first = {one: min(seen.order for seen in found) for one, found in run.seen.items() if found}
    return {one for one, order in first.items() if order < first[name]}


def _wrong_words(blank: Blank, seen: Seen, truth: Truth) -> str:
    """Say what is wrong with a value of a blank; empty if it is right."""
    try:
        expected = truth.of(blank, seen.variables)
    except (LookupError, TypeError, NameError) as error:
        return f"there is nothing to compare it with here: {error}"
    return difference(seen.value, expected, _batch(truth.exercise, truth.inputs))


def _wrong_in_passes(exercise: Exercise, run: Run, seed: int, again: int) -> tuple[str, str] | None:
    """Find a blank that is right in too few passes of its loop: the loop was changed."""
    expected = _passes(exercise, seed, again)
    for blank in exercise.blanks:
        found = run.passes.get(blank.name, 0)
        if blank.in_loop and blank.name in run.seen and found < expected[blank.name]:
            words = f"the loop reaches it {found} times, expected {expected[blank.name]}"
            return blank.name, words
    return None


@functools.lru_cache(maxsize=512)
def _passes(exercise: Exercise, seed: int, again: int) -> dict[str, int]:
    """Count in how many passes of a loop each blank is asked for."""
    truth = truth_of(exercise, seed, again)
    unsolved = Learner(exercise.unsolved, exercise.blanks)
    return unsolved.run(truth.inputs, truth.right).passes


def _at_error(learner: Learner, run: Run, known: Collection[str]) -> tuple[str, str] | None:
    """Find the blank that an error is about: that of its line, or the next one behind it."""
    name = learner.blank_at(run.line)
    words = _error_words(run, learner.code_of(name) if name else "")
    if name and name not in known:
        return name, words
    left = [
        (line < run.line, abs(line - run.line), name)
        for name, line in learner.lines.items()
        if name not in known
    ]
    return (min(left)[-1], words) if left else None


def _error_words(run: Run, code: str = "") -> str:
    # An error of the call itself, such as a renamed parameter, has no line.
    place = f"line {run.line}: " if run.line else ""
    words = f"{type(run.error).__name__}: {run.error}"
    if "broadcast" in words and (shapes := _SHAPES.findall(words)):
        first, second = (shape_text(_shape(one)) for one in (shapes * 2)[:2])
        return (
            f"{place}shapes {first} and {second} do not fit number by number: a column, a "
            "transpose, a sum or an index is missing"
        )
    decides = "truth value of an array" in words
    for part, plain in _IN_PLAIN_WORDS.items():
        if part in words or (decides and re.search(rf"(?<![\w.]){re.escape(part)}", code)):
            return f"{place}{plain}"
    return f"{place}{words}"


def _shape(text: str) -> tuple[int, ...]:
    """Read a shape in a message of NumPy."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _batch(exercise: Exercise, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input whose rows the exercise counts with `n`; none if it has no batch."""
    if not re.search(r"^    n\b[\w, ]* = ", exercise.source, re.M):
        return {}
    # A factor of 2 or 4 is more often one of a square.
    first = dict(itertools.islice(inputs.items(), 1))
    return {name: value for name, value in first.items() if len(value) not in (2, 4)}


def of_result(exercise: Exercise, learner: Learner, seed: int) -> list[str]:
    """Check what the function returns: the gradients of the inputs.

    Parameters
    ----------
    exercise : Exercise
    learner : Learner
    seed : int

    Returns
    -------
    list of str
        What is wrong with it; empty if nothing is.
    """
    truth = truth_of(exercise, seed)
    run = learner.run(truth.inputs, truth.right)
    result = run.result
    if run.error is not None:
        return [_error_words(run)]
    if not isinstance(result, dict) or set(result) != set(exercise.returned):
        wanted = ", ".join(repr(name) for name in exercise.returned)
        return [
            f"the function must return a dictionary with the keys {wanted}; restore its last line"
        ]
    by_name = {blank.name: blank for blank in exercise.blanks}
    notes = []
    for key, name in exercise.returned.items():
        if name in by_name and not by_name[name].in_loop:
            words = difference(
                result[key], truth.of(by_name[name], {}), _batch(exercise, truth.inputs)
            )
            notes += [f"the function returns a wrong {key}: {words}"] if words else []
        elif (right := truth.gradient_of_input(key)) is not None:
            is_equal = _equal(result[key], right)
            notes += [] if is_equal else [f"the function returns a wrong {key}"]
    return notes


def _equal(value: Any, right: Any) -> bool:
    """Whether a result is right; lists of arrays are compared one by one."""
    if not isinstance(right, list):
        return not difference(value, right)
    try:
        return len(value) == len(right) and all(map(_equal, value, right))
    except TypeError:
        return False

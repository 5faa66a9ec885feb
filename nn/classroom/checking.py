"""Checks an exercise blank by blank while it is filled in.

Each blank is judged with the right values of the others, so a mistake counts once. An exercise is
solved if all blanks are right on other inputs too, and the gradients agree with the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..checks import check_seed
from .exercise import Blank, Exercise, load_exercise
from .following import Learner
from .judging import difference
from .report import BlankResult, ExerciseReport
from .truth import Truth

__all__ = ["check", "results_of"]

_OTHER_DRAWS = (1, 2, 3)


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
    known = load_exercise(exercise)
    learner = Learner(function, known.blanks)
    results = results_of(known, learner, seed)
    if not all(one.is_right for one in results):
        return ExerciseReport(known, results)
    notes = []
    for again in _OTHER_DRAWS:
        inputs = known.draw(seed, again)
        found = _judge(known, learner, Truth(known, inputs))
        wrong = [one for one in found if not one.is_right]
        if wrong:
            notes.append(
                "right for these numbers, wrong for others: blank "
                f"{', '.join(str(one.blank.number) for one in wrong)}; a formula must hold for any "
                f"inputs, and here it does not: {wrong[0].words}"
            )
            break
    notes = notes or list(_of_result(known, learner, seed))
    return ExerciseReport(known, results, tuple(notes))


def results_of(exercise: Exercise, learner: Learner, seed: int = 0) -> tuple[BlankResult, ...]:
    """Judge the blanks for one seed, with words for those that are wrong.

    Parameters
    ----------
    exercise : Exercise
    learner : Learner
        The function with its blanks.
    seed : int
    """
    truth = Truth(exercise, exercise.draw(seed))
    results = _judge(exercise, learner, truth)
    if any(one.state == "wrong" for one in results):
        from .diagnosing import with_diagnoses

        results = with_diagnoses(exercise, learner, truth, results)
    return results


def _judge(exercise: Exercise, learner: Learner, truth: Truth) -> tuple[BlankResult, ...]:
    """Judge each blank, with the right values of the open and of the wrong ones."""
    by_name = {blank.name: blank for blank in exercise.blanks}
    wrong: dict[str, str] = {}

    def right(name: str, variables: Mapping[str, Any]) -> Any:
        return truth.of(by_name[name], variables)

    while True:
        run = learner.run(truth.inputs, right, wrong)
        # One at a time, in the order of the lines: the first mistake may be the reason of others.
        for blank in sorted(exercise.blanks, key=lambda one: learner.lines.get(one.name, 0)):
            words = _wrong_words(blank, run.seen.get(blank.name, ()), truth)
            if words and blank.name not in wrong:
                wrong[blank.name] = words
                break
        else:
            break
    at_error = next((name for name, line in learner.lines.items() if line == run.line), "")
    results = []
    for blank in exercise.blanks:
        name, line = blank.name, learner.lines.get(blank.name, 0)
        if name in learner.is_open:
            state, words = "open", ""
        elif not line:
            state, words = "missing", f"{name} is not assigned; the exercise asks for it"
        elif name in wrong:
            state, words = "wrong", wrong[name]
        elif name in run.seen:
            state, words = "right", ""
        else:
            state, words = "unreached", "its line was not reached"
        if run.error is not None and (name == at_error or (state == "unreached" and not at_error)):
            state, words = "wrong", f"line {run.line}: {type(run.error).__name__}: {run.error}"
        results.append(BlankResult(blank, state, line, learner.code_of(name), words))
    return tuple(results)


def _wrong_words(blank: Blank, seen: Any, truth: Truth) -> str:
    """Say what is wrong with the values of a blank; empty if they are right."""
    for number, (value, variables) in enumerate(seen):
        try:
            expected = truth.of(blank, variables)
        except (IndexError, KeyError, TypeError, NameError) as error:
            return f"there is nothing to compare it with here: {error}"
        words = difference(value, expected, truth.inputs)
        if words:
            return f"in pass {number + 1} of the loop, {words}" if blank.in_loop else words
    return ""


def _of_result(exercise: Exercise, learner: Learner, seed: int) -> list[str]:
    """Check what the function returns: the gradients of the inputs."""
    truth = Truth(exercise, exercise.draw(seed))
    result = learner.run(truth.inputs, lambda name, variables: None).result
    if not isinstance(result, dict) or set(result) != set(exercise.returned):
        wanted = ", ".join(repr(name) for name in exercise.returned)
        return [
            f"the function must return a dictionary with the keys {wanted}; restore its last line"
        ]
    by_name = {blank.name: blank for blank in exercise.blanks}
    notes = []
    for key, name in exercise.returned.items():
        if name in by_name and not by_name[name].in_loop:
            words = difference(result[key], truth.of(by_name[name], {}), truth.inputs)
            notes += [f"the function returns a wrong {key}: {words}"] if words else []
    return notes

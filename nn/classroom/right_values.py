"""The right values of all blanks of an exercise, in the order in which the function asks for them.

They come from a run of the unsolved function, in which each blank gets what it should be.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, TypeAlias

from .exercise import Blank, Exercise
from .following import Learner, Right
from .truth import Truth

__all__ = ["Passes", "in_order", "indices_of", "passes_of", "right_values"]

Passes: TypeAlias = dict[str, list[tuple[dict[str, int], Any]]]
"""For each blank its right values, each with the indices of its pass of a loop."""


def indices_of(blank: Blank) -> list[str]:
    """Return the variables in the target of a blank that are indices of a loop.

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> [indices_of(blank) for blank in load_exercise("any_depth").blanks]
    [[], ['layer'], ['layer'], ['layer']]
    """
    base = blank.target.partition("[")[0]
    names = [node.id for node in ast.walk(ast.parse(blank.target)) if isinstance(node, ast.Name)]
    return [name for name in dict.fromkeys(names) if name != base]


def passes_of(unsolved: Learner, inputs: Mapping[str, Any], right: Right) -> Passes:
    """Return the right values of all blanks.

    Parameters
    ----------
    unsolved : Learner
        The function of the exercise as it is handed out.
    inputs : mapping of str to object
    right : callable
        Returns the right value of a blank, as for `Learner.run`.
    """
    found: Passes = {}
    for name, at, value in in_order(unsolved, inputs, right):
        found.setdefault(name, []).append((at, value))
    return found


def in_order(
    unsolved: Learner, inputs: Mapping[str, Any], right: Right
) -> list[tuple[str, dict[str, int], Any]]:
    """Return the same in the order in which the function asks: name, indices and right value.

    Parameters
    ----------
    unsolved : Learner
    inputs : mapping of str to object
    right : callable
        As for `Learner.run`.
    """
    indices = {name: indices_of(blank) for name, blank in unsolved.blanks.items()}
    found: list[tuple[str, dict[str, int], Any]] = []

    def note(name: str, variables: Mapping[str, Any]) -> Any:
        value = right(name, variables)
        found.append((name, {key: int(variables[key]) for key in indices[name]}, value))
        return value

    unsolved.run(inputs, note)
    return found


def right_values(exercise: Exercise, seed: int = 0) -> Passes:
    """Return the right values for a seed: one for each pass of a loop that asks for another.

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> [(name, len(values)) for name, values in right_values(load_exercise("one_neuron")).items()]
    [('delta', 1), ('dw', 1), ('db', 1)]
    """
    truth = Truth(exercise, exercise.draw(seed))
    by_name = {blank.name: blank for blank in exercise.blanks}
    learner = Learner(exercise.unsolved, exercise.blanks)
    passes = passes_of(learner, truth.inputs, lambda name, at: truth.of(by_name[name], at))
    return {
        name: list({tuple(at.items()): (at, v) for at, v in found}.values())
        for name, found in passes.items()
    }

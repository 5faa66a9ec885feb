"""Makes the notebook of an exercise from its file: text, inputs and forward pass, function, check.

Its cells carry the marks of nbgrader: the function is the solution, and each blank has a test with
a point. Nothing is needed to write it; nbgrader is needed to grade with it.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from .exercise import Exercise

__all__ = ["notebook_of"]


def notebook_of(exercise: Exercise, seed: int = 0) -> str:
    """Return the notebook of an exercise, as the text of its file.

    Parameters
    ----------
    exercise : Exercise
    seed : int
        That of the numbers.

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> notebook = json.loads(notebook_of(load_exercise("one_neuron")))
    >>> [cell["id"] for cell in notebook["cells"]]
    ['text', 'forward', 'function', 'check', 'blank-1', 'blank-2', 'blank-3']
    """
    name, call = exercise.name, f'"{exercise.name}", {exercise.function}, seed={seed}'
    before, function, after = _split(exercise)
    check = f"{after}check({call})" if after else f"check({call})"
    cells = [
        _cell("text", f"# {exercise.title}\n\n{exercise.text}", name, cell_type="markdown"),
        _cell("forward", before, name),
        _cell("function", function, name, is_solution=True),
        _cell("check", check, name),
    ]
    for blank in exercise.blanks:
        source = (
            f"# Blank {blank.number}: {blank.words}\ncheck({call}).assert_right({blank.number})"
        )
        cells.append(_cell(f"blank-{blank.number}", source, name, points=1))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _split(exercise: Exercise) -> tuple[str, str, str]:
    """Return what comes before the function, the function, and what comes after it."""
    lines = exercise.source.splitlines()
    body = ast.parse(exercise.source).body
    (place,) = [
        number
        for number, node in enumerate(body)
        if isinstance(node, ast.FunctionDef) and node.name == exercise.function
    ]
    first, end = body[place].lineno - 1, body[place].end_lineno
    # Without the text at the start, and without the check at the end.
    start, last = body[0].end_lineno, body[-1].lineno - 1
    parts = (lines[start:first], lines[first:end], lines[end:last])
    before, function, after = ("\n".join(part).strip("\n") for part in parts)
    return before, function, f"{after}\n\n\n" if after else ""


def _cell(
    name: str,
    source: str,
    exercise: str,
    *,
    cell_type: str = "code",
    is_solution: bool = False,
    points: int = 0,
) -> dict[str, Any]:
    """Return a cell; only that of the solution can be edited in nbgrader."""
    grading: dict[str, Any] = {
        "grade": points > 0,
        "grade_id": f"{exercise}-{name}",
        "locked": not is_solution,
        "schema_version": 3,
        "solution": is_solution,
        "task": False,
    }
    if points:
        grading["points"] = points
    cell: dict[str, Any] = {
        "cell_type": cell_type,
        "id": name,
        "metadata": {"nbgrader": grading},
        "source": source.splitlines(keepends=True),
    }
    if cell_type == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell

"""Makes the printed sheet of an exercise: its numbers in tables, and a cell for each answer.

The key is the same page with the answers, which the engine computes. Answers have four decimals.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.documents import Line, Section, code, marked, name, page

from ..by_hand.paper import WHO, array_table, paper_style
from .exercise import Blank, Exercise
from .right_values import right_values

__all__ = ["sheet_of"]

Array: TypeAlias = NDArray[Any]

_PLACES = 4
_STYLE = """
pre{margin:1mm 0 2mm;white-space:pre-wrap;font-size:9.5pt}
.text{max-width:160mm}.text .line{margin:0 0 2mm;break-after:auto}
code{white-space:pre-wrap}th code{white-space:nowrap}
.tables{display:block}
.tables .wide{display:inline-block;vertical-align:top;margin:0 7mm 3mm 0}
"""


def sheet_of(exercise: Exercise, seed: int = 0, *, student: str = "", key: bool = False) -> str:
    """Return the sheet of an exercise as a page for A4.

    Parameters
    ----------
    exercise : Exercise
    seed : int
        That of the numbers.
    student : str
        The ID, which is printed at the top.
    key : bool
        Whether the answers are filled in.

    Examples
    --------
    >>> from nn.classroom.exercise import load_exercise
    >>> sheet = sheet_of(load_exercise("one_neuron"))
    >>> "<h2>Blank 1: δ = ∂L/∂z, one number</h2>" in sheet
    True
    """
    inputs = [*_given(exercise.draw(seed))]
    answers = [
        (blank, [*_answers(blank.name, right_values(exercise, seed)[blank.name])])
        for blank in exercise.blanks
    ]
    texts = [one for _, one in inputs if not isinstance(one, str)]
    texts += [one for _, tables in answers for _, one in tables]
    columns = max((one.shape[-1] if one.ndim else 1 for one in texts), default=1)
    width = max((len(text) for one in texts for text in one.flat), default=1)
    title = exercise.title + (": key" if key else "")
    who: Line = ["Name ", name(student, 40)]
    document = Section(
        title,
        (
            Section("", (who, "Date"), kind="who") if student else WHO,
            Section("", tuple(_text(exercise.text)), kind="text"),
            Section("The forward pass", (code(_function(exercise, "forward")),)),
            # It says what each blank may use, such as what a step of a loop keeps for the next.
            Section("The function, with its blanks", (code(_function(exercise)),)),
            _numbers(inputs, seed),
            *(_blank(blank, tables, key) for blank, tables in answers),
        ),
    )
    return page(document, style=paper_style(columns, width) + _STYLE)


def _numbers(inputs: Sequence[tuple[str, Array | str]], seed: int) -> Section:
    """Lay out what is given."""
    lines = [code(f"{label} = {text}") for label, text in inputs if isinstance(text, str)]
    tables = [
        array_table(label, texts, is_given=True)
        for label, texts in inputs
        if not isinstance(texts, str)
    ]
    words = f"Write {_PLACES} decimals. Rows and columns count from 0. The seed is {seed}."
    return Section("Given", (words, *lines, Section("", tuple(tables), kind="tables")))


def _blank(blank: Blank, answers: Sequence[tuple[str, Array]], key: bool) -> Section:
    """Lay out a blank, with its answers on a key."""
    tables = [
        array_table(label, texts if key else np.full(texts.shape, None, object), is_given=False)
        for label, texts in answers
    ]
    title = f"Blank {blank.number}: {blank.words}"
    return Section(title, (Section("", tuple(tables), kind="tables"),))


def _answers(
    label: str, values: Sequence[tuple[dict[str, int], Any]]
) -> Iterator[tuple[str, Array]]:
    """Return the right values of a blank as text, each with its pass of the loop."""
    for at, value in values:
        where = "".join(f", {index} = {number}" for index, number in at.items())
        for table, array in _in_two_axes(label, np.asarray(value)):
            # As the sheet asks for it: no -0.0000, and no exponent.
            texts = [f"{round(float(number), _PLACES) + 0:.{_PLACES}f}" for number in array.flat]
            yield f"{table}{where}", np.array(texts, object).reshape(array.shape)


def _function(exercise: Exercise, called: str = "") -> str:
    """Return the source of a function of the exercise; by default of the one with the blanks."""
    (function,) = [
        node
        for node in ast.parse(exercise.source).body
        if isinstance(node, ast.FunctionDef) and node.name == (called or exercise.function)
    ]
    return ast.get_source_segment(exercise.source, function) or ""


def _text(text: str) -> Iterator[Line]:
    """Return the paragraphs of a text; what is indented is an equation, and * begins an item."""
    for part in re.split(r"\n\s*\n", text):
        lines = part.split("\n")
        if all(line.startswith("    ") for line in lines):
            yield code("\n".join(line[4:] for line in lines) + "\n")
            continue
        for item in re.split(r"\n(?=\* )", part):
            words = marked(" ".join(line.strip() for line in item.removeprefix("* ").split("\n")))
            if item.startswith("* "):
                yield ["• ", *words]
            else:
                yield words


def _given(inputs: dict[str, Any]) -> Iterator[tuple[str, Array | str]]:
    """Return the inputs: arrays as text, and what is not an array as it is written."""
    for label, value in inputs.items():
        if isinstance(value, list) and all(isinstance(one, np.ndarray) for one in value):
            for place, one in enumerate(value):
                yield from _given({f"{label}[{place}]": one})
            continue
        array = np.asarray(value) if not isinstance(value, list | tuple | str | dict) else None
        if array is None or array.dtype.kind not in "fiub":
            yield label, repr(value)
            continue
        for table, one in _in_two_axes(label, array):
            yield table, np.array([f"{n + 0:.10g}" for n in one.flat], object).reshape(one.shape)


def _in_two_axes(label: str, array: Array) -> Iterator[tuple[str, Array]]:
    """Split an array into tables of at most two axes."""
    if array.ndim <= 2:
        yield label, array
        return
    for index in np.ndindex(array.shape[:-2]):
        yield f"{label}[{', '.join([*map(str, index), '·', '·'])}]", array[index]

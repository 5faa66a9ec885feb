"""Writes what was graded: a table for the teacher, and the results that Gradescope reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..report import SIGNS, BlankResult
from .marking import Mark, place_of

__all__ = ["HEADINGS", "gradescope", "safe_cell", "table"]

HEADINGS = ("student", "exercise", "score", "max_score", "blanks", "what_happened", "file")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """Return a cell that a spreadsheet does not take for a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell("ana")
    ("'=1+1", 'ana')
    """
    return f"'{text}" if text.startswith(_FORMULAS) else text


def table(rows: Iterable[Sequence[object]]) -> str:
    """Write ``grades.csv``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADINGS)
    writer.writerows(
        [safe_cell(cell) if isinstance(cell, str) else cell for cell in r] for r in rows
    )
    return stream.getvalue()


def signs(mark: Mark) -> str:
    """Return one sign for each blank: right, wrong or open.

    They are followed by what a wrong one looks like.
    """
    return "".join(SIGNS.get(one.state, "✗") for one in mark.report.blanks)


def gradescope(marks: Sequence[tuple[str, Mark | None, str]], seconds: float = 0.0) -> str:
    """Write the results of one student as Gradescope reads them.

    Parameters
    ----------
    marks : sequence of (str, Mark or None, str)
        For each exercise its name, the mark, and what else there is to say.
    seconds : float
        How long it took.
    """
    tests: list[dict[str, Any]] = []
    notes = []
    for exercise, mark, note in marks:
        notes += [f"{exercise}: {note}"] if note else []
        if mark is None:
            continue
        notes += [f"{exercise}: {mark.problem}"] if mark.problem else []
        notes += [f"{exercise}: {words}" for words in mark.report.notes]
        tests += [_test(exercise, one, mark) for one in mark.report.blanks]
    content: dict[str, Any] = {"visibility": "visible", "tests": tests}
    if not tests:
        content["score"] = 0
    if notes:
        content["output"] = "\n".join(notes)
    if seconds:
        content["execution_time"] = round(seconds, 2)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _test(exercise: str, one: BlankResult, mark: Mark) -> dict[str, Any]:
    return {
        "name": f"{exercise}, blank {one.blank.number}: {one.blank.words}",
        "score": int(one.is_right),
        "max_score": 1,
        "status": "passed" if one.is_right else "failed",
        "output": output_of(one, mark.cells),
        "output_format": "text",
        "visibility": "visible",
    }


def output_of(one: BlankResult, cells: Sequence[int] = ()) -> str:
    """Say of a blank what its student should read."""
    if one.is_right:
        return "right"
    if one.state == "open":
        return "not filled in"
    lines = [f"{place_of(one.line, cells)}: {one.code}"] if one.line and one.code else []
    lines += [one.words] if one.words else []
    lines += [f"looks like this: {one.looks_like}"] if one.looks_like else []
    return "\n".join(lines)

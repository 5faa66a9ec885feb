"""Shows what a check of gradients derived by hand has found: as text, in 100 columns.

The pieces, such as the three numbers of an element or the lines of code that belong to a gradient,
serve the page and the table of a notebook too. Every number was computed before.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..drawing.text import clean, number_text, shape_text
from ..drawing.words import columns
from ..primitive import PRIMITIVES, Rule

if TYPE_CHECKING:
    from .check import GradientRow, ManualCheck

__all__ = [
    "MOST_TOLD",
    "EngineRule",
    "as_text",
    "beside",
    "conclusion",
    "differing",
    "element",
    "engine_rule",
    "headline",
    "largest_difference",
    "measured_difference",
    "origin",
    "three_numbers",
    "verdict",
]

WIDTH = 100
_NAME = 24
MOST_TOLD, _TOLD_IF_RIGHT = 4, 2  # as many gradients are shown with equation and code
_DIAGNOSES = 3
_HEADER = ("gradient of", "shape", "max |manual-auto|", "max |auto-numeric|", "verdict", "where")


class EngineRule(NamedTuple):
    """The rule by which the engine computes a gradient.

    Attributes
    ----------
    text : str
        Such as ``"x.mT @ g"``; empty for operations on any number of inputs.
    code : str
        The line that computes it: ``"ops/elementwise.py:35: lambda g, out, x: g * out"``; empty
        where no source is at hand.
    """

    text: str
    code: str


def as_text(check: ManualCheck) -> str:
    """Set it as a table with what follows from it."""
    lines = columns(_HEADER, [_cells(row) for row in check.rows])
    if max(map(len, lines)) > WIDTH:  # where it happens is said below too
        lines = columns(_HEADER[:-1], [_cells(row)[:-1] for row in check.rows])
    lines += ["", headline(check)]
    for sentence in conclusion(check):
        lines += textwrap.wrap(sentence, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    # Those that are nearest to the output usually come last, and are to be put right first.
    told, most = differing(check)[::-1], MOST_TOLD
    if not told:
        told, most = [row for row in check.rows if row.equation], _TOLD_IF_RIGHT
    for row in told[:most]:
        lines += ["", *_block(row)]
    if len(told) > most:
        lines += ["", f"… {len(told) - most} more: .save('check.html') shows them all"]
    if check.notes:
        lines.append("")
    for note in check.notes:
        lines += textwrap.wrap(f"note: {note}", WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _cells(row: GradientRow) -> tuple[str, ...]:
    told = verdict(row)
    if not row.agree and not row.problem and _place(row):
        told += f" {'at' if row.verdict.agree else 'most at'} {element(row)}"
    differences = largest_difference(row), measured_difference(row)
    return (clean(row.name, _NAME), shape_text(row.shape), *differences, told, row.place)


def _block(row: GradientRow) -> list[str]:
    """Put equation, line of the delta rule and rule of the engine below each other."""
    head = f"{row.name}: {row.problem}" if row.problem else row.name
    if not row.agree and not row.problem:
        manual, automatic, numerical = three_numbers(row)
        place = f" at {element(row)}" if element(row) else ""
        head += f"{place}: by hand {manual}, automatic {automatic}, numerical {numerical}"
    if row.problem or not row.place:
        head += f"; {origin(row)}"
    lines = textwrap.wrap(head, WIDTH, subsequent_indent="  ")
    found = beside(row)
    width = max(map(len, found), default=0)
    for source, its_lines in found.items():
        for number, line in enumerate(its_lines):
            start = f"  {('' if number else source).ljust(width)}  "
            further = " " * (len(start) + 2)
            lines += textwrap.wrap(
                line,
                WIDTH,
                initial_indent=start,
                subsequent_indent=further,
                break_on_hyphens=False,
            )
    return lines


# Pieces ---------------------------------------------------------------------------------------


def differing(check: ManualCheck) -> list[GradientRow]:
    """List the gradients that are not as they should be, or cannot be told to be."""
    return [row for row in check.rows if not row.agree]


def headline(check: ManualCheck) -> str:
    """Say in one line whether the gradients agree."""
    count = len(check.rows)
    names = [clean(row.name, _NAME) for row in check.rows if not row.verdict.agree]
    if not count:
        return "✓ no gradients to compare"
    refuted = any(row.measured.finding == "differs" for row in check.rows)
    if refuted or (check.doubts and not names):
        return _doubtful(check)
    if not names:
        which = "the gradient by hand agrees" if count == 1 else f"all {count} gradients agree"
        return f"✓ {which} with automatic differentiation"
    if count == 1:
        return f"✗ the gradient by hand differs: {names[0]}"
    told = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    verb = "differs" if len(names) == 1 else "differ"
    return f"✗ {len(names)} of {count} gradients by hand {verb}: {told}"


def _doubtful(check: ManualCheck) -> str:
    """Say that automatic gradients are in doubt."""
    refuted = [row for row in check.rows if row.measured.finding == "differs"]
    rows = refuted or [row for row in check.rows if not row.agree]
    names = ", ".join(clean(row.name, _NAME) for row in rows[:6])
    names += f" and {len(rows) - 6} more" if len(rows) > 6 else ""
    if refuted:
        return f"✗ automatic and numerical gradients differ: {names}"
    return f"? numerical gradients cannot decide whether this is right: {names}"


def conclusion(check: ManualCheck) -> list[str]:
    """Say where it goes wrong first, and what it looks like; nothing if all agree."""
    return [
        *filter(None, [check.first]),
        *(diagnosis.sentence for diagnosis in check.diagnoses[:_DIAGNOSES]),
        *check.doubts[:_DIAGNOSES],
    ]


def verdict(row: GradientRow) -> str:
    """Return the verdict as a sign and a word: colour or sign alone is not enough."""
    sign = "✓" if row.agree else "?" if row.word == "UNDECIDED" else "✗"
    return f"{sign} {row.word}"


def largest_difference(row: GradientRow) -> str:
    """Write the largest difference by hand and automatic; a dash if shapes differ."""
    if row.manual is None:
        return "-"
    if np.isfinite(row.verdict.difference):
        return _short(row.verdict.difference)
    with np.errstate(all="ignore"):
        return number_text(row.manual[row.verdict.index] - row.automatic[row.verdict.index])


def measured_difference(row: GradientRow) -> str:
    """Write the largest difference of automatic and numerical; a dash if nothing was measured."""
    return "-" if row.numerical_error is None else _short(row.numerical_error)


def _place(row: GradientRow) -> tuple[int, ...] | None:
    """Choose the element whose numbers are shown.

    The one that differs most by hand, else from the numerical one; where all agree, the largest
    that was measured.
    """
    if row.manual is None or not row.automatic.size:
        return None
    if not row.verdict.agree:
        return row.verdict.index
    if not row.agree:
        return row.measured.index
    sizes = np.where(np.isnan(row.numerical), -1.0, np.abs(row.automatic))
    sizes = np.nan_to_num(sizes, nan=0.0)
    return tuple(map(int, np.unravel_index(int(sizes.argmax()), sizes.shape)))


def element(row: GradientRow) -> str:
    """Name the element whose three numbers are shown: ``"[2, 0]"``; empty for a single number."""
    place = _place(row)
    return f"[{', '.join(map(str, place))}]" if place else ""


def origin(row: GradientRow) -> str:
    """Say which operation sends a gradient."""
    return f"sent by {row.place}" if row.place else "f does not depend on it"


def three_numbers(row: GradientRow) -> tuple[str, str, str]:
    """Write manual, automatic and numerical gradient of one element.

    There are as many digits as it takes to tell the first two apart, and four at least.
    """
    place = _place(row)
    if row.manual is None or place is None:
        return "-", "-", "-"
    manual, automatic = float(row.manual[place]), float(row.automatic[place])
    measured = float(row.numerical[place])
    texts = [number_text(number) for number in (manual, automatic, measured)]
    if not row.verdict.agree and texts[0] == texts[1]:
        digits = next(n for n in range(5, 18) if f"{manual:.{n}g}" != f"{automatic:.{n}g}")
        texts = [f"{number:.{digits}g}" for number in (manual, automatic, measured)]
    return texts[0], texts[1], "not measured" if np.isnan(measured) else texts[2]


def beside(row: GradientRow) -> dict[str, list[str]]:
    """Give the textbook's equation, the delta rule's line and the engine's rule, in lines."""
    found = {
        "textbook": row.equation.splitlines(),
        "delta rule": row.equation_code.splitlines(),
        "engine": [],
    }
    if row.operation:
        rule = engine_rule(row)
        found["engine"] = [f"{row.operation}: {rule.text}".removesuffix(": ")]
        found["engine"] += [rule.code] if rule.code else []
    return {source: lines for source, lines in found.items() if lines}


def engine_rule(row: GradientRow) -> EngineRule:
    """Find the rule by which the engine computed a gradient, with the line of its source."""
    primitive = PRIMITIVES.get(row.operation)
    if primitive is None:
        return EngineRule(row.rule, "")
    rule: Rule | None = primitive.each
    if rule is None:
        rule = primitive.rules[row.position]
    return EngineRule(row.rule, _source(rule))


def _source(rule: Rule | None) -> str:
    """Find the line of a rule: that of a lambda, and of a function the one that returns."""
    if rule is None:
        return ""
    rule = inspect.unwrap(rule)  # some are wrapped, to compute float16 in float32
    code = getattr(rule, "__code__", None)
    if code is None:
        return ""
    try:
        lines, number = inspect.getsourcelines(rule)
    except OSError:
        return ""
    if rule.__name__ != "<lambda>":
        start = max(
            n for n, line in enumerate(lines) if line.lstrip().startswith(("def", "return"))
        )
        lines, number = lines[start:], number + start
    text = lines[0].strip()
    for line in lines[1:]:
        if text.count("(") <= text.count(")"):
            break
        text += ("" if text.endswith("(") else " ") + line.strip()
    folder_and_file = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
    return f"{folder_and_file}:{number}: {text.rstrip(',')}"


def _short(difference: float) -> str:
    return f"{difference:.1e}" if difference else "0"

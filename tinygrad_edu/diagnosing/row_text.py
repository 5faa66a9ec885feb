"""Writes one gradient of a check: its verdict, its numbers, its equation and its rule.

The report, the error maps and the table of a notebook are made of these texts. Every number was
computed before.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

import numpy as np

from ..primitive import PRIMITIVES, Rule
from ..texts import number_text
from .results import GradientRow

__all__ = [
    "EngineRule",
    "element",
    "engine_rule",
    "equations_and_code",
    "largest_difference",
    "measured_difference",
    "origin",
    "three_numbers",
    "verdict",
]


class EngineRule(NamedTuple):
    """The rule by which the engine computes a gradient.

    Attributes
    ----------
    text : str
        Such as ``"x.mT @ g"``; empty for operations on any number of inputs.
    code : str
        The line that computes it: ``"ops/elementwise.py:35: lambda g, out, x: g * out"``; empty
        where the source is not available.
    """

    text: str
    code: str


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

    It is the one where manual or numerical differs most; where all agree, the largest that was
    measured.
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
    """Return the element whose three numbers are shown: ``"[2, 0]"``; "" for a single number."""
    place = _place(row)
    return f"[{', '.join(map(str, place))}]" if place else ""


def origin(row: GradientRow) -> str:
    """Return which operation sends a gradient."""
    return f"sent by {row.place}" if row.place else "f does not depend on it"


def three_numbers(row: GradientRow) -> tuple[str, str, str]:
    """Write the manual, automatic and numerical gradient of one element.

    They have at least four digits, and as many as show that the first two differ.
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


def equations_and_code(row: GradientRow) -> dict[str, list[str]]:
    """Return the lines of the textbook's equation, the delta rule and the engine's rule."""
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
    """Return the rule by which the engine computed a gradient, and its source line."""
    primitive = PRIMITIVES.get(row.operation)
    if primitive is None:
        return EngineRule(row.rule, "")
    rule: Rule | None = primitive.together or primitive.each
    if rule is None:
        rule = primitive.rules[row.position]
    return EngineRule(row.rule, _source(rule))


def _source(rule: Rule | None) -> str:
    """Return the source line of a rule: the lambda, or the line of a function that returns."""
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

"""Checks of the programs in `slip_programs`: a slip is an edit of a line of a right program."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinygrad_edu import check_manual
from tinygrad_edu.diagnosing.report import ManualCheck

from .line_scores import applied
from .program_files import load, texts_of_programs, with_other_seed

__all__ = [
    "TEXTS",
    "Slip",
    "assert_corrected",
    "assert_named",
    "checked",
    "edited",
    "named",
    "said",
]

TEXTS = texts_of_programs(Path(__file__).parent / "slip_programs")


class Slip(NamedTuple):
    """A mistake: the edit of a program, and what must be said of it.

    `words` is a regular expression, which the explanation must match. `line` is the line that must
    be named, by default the first line of `after`.
    """

    program: str
    before: str
    after: str
    words: str
    line: str = ""


def edited(text: str, before: str, after: str) -> str:
    """Replace a piece of the hand-written part, where it occurs once."""
    head, mark, tail = text.partition("\ndef BY_HAND")
    assert tail.count(before) == 1, f"{tail.count(before)} times in BY_HAND: {before}"
    return head + mark + tail.replace(before, after)


def checked(text: str, name: str, folder: Path) -> ManualCheck:
    """Check a program as a student would."""
    module = load(text, name, folder)
    with np.errstate(all="ignore"):
        return check_manual(module.F, module.BY_HAND, *module.POINT, samples=0)


def named(check: ManualCheck) -> list[str]:
    """Return the texts of all lines that are named."""
    lines = []
    for one in check.diagnoses:
        lines += [one.line] if one.line is not None else []
        lines += [line for line, _ in one.more]
    return [line.code for line in lines]


def said(check: ManualCheck) -> list[str]:
    """Return the explanations alone, without the line that is wrong and the right one."""
    texts = [one.sentence.partition("looks like this: ")[2] for one in check.diagnoses]
    return [text.partition("; right: ")[0] for text in texts]


def assert_named(check: ManualCheck, slips: list[Slip]) -> None:
    """Check that each slip is named with its line and in the right words, and nothing else is."""
    found = "\n".join(one.sentence for one in check.diagnoses)
    assert not check.agree
    assert check.diagnoses, f"silent; {check.observations}"
    for slip in slips:
        line = (slip.line or slip.after).strip().partition("\n")[0]
        assert any(line in code for code in named(check)), f"not named: {line}\n{found}"
        assert any(re.search(slip.words, text) for text in said(check)), f"{slip.words!r}:\n{found}"
    assert len(check.diagnoses) <= len(slips), found


def without_line(one):
    """Return a diagnosis with code in the place of "(without this line)"."""
    if one.right != "(without this line)":
        return one
    return replace(one, right="False" if one.line.code.endswith(":") else "pass")


def assert_corrected(text: str, check: ManualCheck, name: str, folder: Path) -> None:
    """Check that what is proposed is right, also with other data and parameters."""
    proposed = list(map(without_line, check.diagnoses))
    corrected = applied(text, proposed)
    if corrected is not None:
        assert checked(with_other_seed(corrected, 1), name, folder).agree, corrected


def assert_all_named(slips: Sequence[Slip], folder: Path) -> ManualCheck:
    """Check a program with slips: each is named, and what is proposed is right."""
    name = slips[0].program
    text = TEXTS[name]
    for slip in slips:
        text = edited(text, slip.before, slip.after)
    check = checked(text, name, folder)
    assert_named(check, slips)
    assert_corrected(text, check, name, folder)
    return check

"""Makes the page of a class: what it misunderstood, blank by blank. It names no student.

Everything on it that comes from hand-ins is shown as text.
"""

from __future__ import annotations

import builtins
import io
import re
import tokenize
from collections import Counter
from collections.abc import Collection, Sequence

from tinygrad_edu.documents import Inline, Line, Section, Table, code, name, page
from tinygrad_edu.documents.page import sheet

from ..exercise import Exercise
from ..report import BlankResult
from .marking import Mark, is_error
from .slips import deed

__all__ = ["class_page"]

_MOST_SLIPS, _MOST_FREQUENT = 6, 3
_BAR = 20
_STYLE = """
main{max-width:60em}
.pair{grid-template-columns:8em minmax(0,1fr)}
h2{font-size:1.25em}h3{font-size:1.05em;margin:1.4em 0 .3em}
.slip{margin:.6em 0 .9em}
.slip .line{margin:.1em 0}
.slip code{overflow-wrap:anywhere}
@media (max-width:600px){.overview td,.overview th{padding-right:.5em;font-size:.85em;
white-space:pre-wrap}}
"""


def class_page(
    marks: Sequence[tuple[Exercise, Sequence[Mark]]],
    *,
    students: Collection[str] = (),
    count: int = 0,
) -> str:
    """Write the page.

    Parameters
    ----------
    marks : sequence of (Exercise, sequence of Mark)
        For each exercise one mark for each student who handed it in.
    students : collection of str
        Their IDs: an example that contains one is left out.
    count : int
        How many students are in the list of the class; 0 if there is no list.
    """
    names = {part for one in students for part in _words_of(one)}
    parts = tuple(_of_exercise(exercise, found, names, count) for exercise, found in marks if found)
    title = "What the class misunderstood"
    content = parts or ("There are no hand-ins.",)
    return page(Section(title, content), style=sheet() + _STYLE)


def _of_exercise(
    exercise: Exercise, marks: Sequence[Mark], names: set[str], students: int
) -> Section:
    judged = [mark for mark in marks if not mark.problem]
    blanks = [
        [mark.report.blanks[place] for mark in judged] for place in range(len(exercise.blanks))
    ]
    solved = sum(mark.score == mark.most for mark in judged)
    count = _counted(len(marks), "hand-in") + (f" of {students} students" if students else "")
    summary = f"{count}; {solved} with all blanks right."
    if len(judged) < len(marks):
        summary = (
            f"{count}, of which {len(judged)} could be judged; {solved} with all blanks right. The "
            "shares below are of those that could be judged."
        )
    content: list[Line | Table | Section] = [summary]
    if judged:
        content.append(_overview(blanks))
        content += _most_frequent(blanks)
        content += [
            _of_blank(results, names) for results in blanks if not all(r.is_right for r in results)
        ]
    problems = Counter(_general(mark.problem) for mark in marks if mark.problem)
    if problems:
        lines = [_share(count, len(marks), [words]) for words, count in problems.most_common()]
        content.append(Section("Not judged", tuple(lines)))
    return Section(f"{exercise.name}: {exercise.title}", tuple(content))


def _overview(blanks: Sequence[Sequence[BlankResult]]) -> Table:
    """Show how many solved each blank."""
    rows: list[list[Line]] = []
    for results in blanks:
        right, count = sum(one.is_right for one in results), len(results)
        full = round(_BAR * right / count)
        bar = "█" * full + "░" * (_BAR - full)
        blank = results[0].blank
        rows.append([f"{blank.number}", code(blank.name), code(bar), f"{right} of {count}"])
    heads = ("blank", "variable", "right", "")
    return Table(heads, rows, numbers=(3,), kind="overview")


def _most_frequent(blanks: Sequence[Sequence[BlankResult]]) -> list[Section]:
    """Return what most students did, of all blanks."""
    deeds = Counter(
        (one.blank.name, deed(one))
        for results in blanks
        for one in results
        if one.state == "wrong" and not is_error(one)
    )
    count = len(blanks[0])
    lines = [
        _share(times, count, [words, ", in ", code(variable)])
        for (variable, words), times in deeds.most_common(_MOST_FREQUENT)
        if times > 1
    ]
    return [Section("Most frequent", tuple(lines))] if lines else []


def _of_blank(results: Sequence[BlankResult], names: set[str]) -> Section:
    """Say what was done instead, the most frequent first, with a line as an example."""
    blank, count = results[0].blank, len(results)
    wrong = [one for one in results if not one.is_right]
    deeds = Counter(deed(one) for one in wrong)
    content = []
    for words, times in deeds.most_common(_MOST_SLIPS):
        lines: list[Line] = [_share(times, count, [words])]
        same = [one for one in wrong if deed(one) == words and one.state == "wrong"]
        example = _example(same, names)
        if example:
            lines.append(["   for example  ", name(example, 100)])
        content.append(Section("", tuple(lines), kind="slip"))
    others = sum(times for _, times in deeds.most_common()[_MOST_SLIPS:])
    if others:
        content.append(Section("", (_share(others, count, ["did something else"]),), kind="slip"))
    title: Line = ["Blank ", str(blank.number), ", ", code(blank.name), f": {blank.words}"]
    return Section(title, tuple(content))


def _share(times: int, count: int, words: Sequence[Inline | str]) -> Line:
    percent = (200 * times + count) // (2 * count)  # a half is rounded up
    return [f"{percent} % ({times} of {count})  ", *words]


def _example(results: Sequence[BlankResult], names: set[str]) -> str:
    """Return the line that most of them wrote, if it contains no name of a student."""
    lines = Counter(_without_texts(one.code) for one in results if not is_error(one))
    for line, _ in lines.most_common():
        if line and not names & {*_words_of(line)}:
            return line
    return ""


def _without_texts(line: str) -> str:
    """Leave out comments and texts, which may hold names; return nothing if it cannot be read."""
    kept, depth = [], 0
    try:
        for one in tokenize.generate_tokens(io.StringIO(line).readline):
            kind = tokenize.tok_name[one.type]
            depth += (kind == "FSTRING_START") - (kind == "FSTRING_END")
            if kind == "ERRORTOKEN" and one.string.strip():
                return ""
            if kind in ("STRING", "FSTRING_END"):
                kept.append((one.start, one.end, "'…'"))
            elif kind != "COMMENT" and not kind.startswith("FSTRING") and not depth:
                kept.append((one.start, one.end, one.string))
    except (tokenize.TokenError, SyntaxError):
        return ""
    text, before = "", 0
    for start, end, string in kept:
        text += " " * (start[1] > before) + string
        before = end[1]
    return text.strip()


def _words_of(text: str) -> set[str]:
    """Return the words in a name or in code that could name a student."""
    found = re.findall(r"[^\W_]+", text.casefold())
    return {word for word in found if len(word) > 1 and not word.isdigit()}


def _general(problem: str) -> str:
    """Leave out of a problem what only one hand-in has: numbers of lines and long texts."""
    short = re.sub(r"^(code cell \d+, )?line \d+: ", "", problem)
    kind = re.match(r"(\w*(?:Error|Exit|Exception|Interrupt)):", short)
    if kind:
        return f"raised {kind[1]}" if hasattr(builtins, kind[1]) else "raised an error of its own"
    if "SyntaxError" in short:
        return "has a syntax error"
    if (" calls " in short and " of " in short) or " imports " in short:
        return "called the engine"
    return re.sub(r"\d[\d.]* MiB; at", "too large; at", short)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"

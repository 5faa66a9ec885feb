"""Grades the hand-ins of a class: finds them, marks each, and writes what was found.

One hand-in never keeps the others from being graded.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.documents import Section, Shown, Table
from tinygrad_edu.errors import printable

from ..catalogue import EXERCISES
from ..exercise import Exercise, load_exercise
from ..students import folder_name, seed_of
from .class_page import class_page
from .hand_ins import Found, HandIn, Unreadable, find, find_submission, read_parts
from .marking import Mark, is_error, mark, unmarked
from .results import gradescope, signs, table
from .running import Limits
from .slips import deed

__all__ = ["ClassGrades", "Grade", "grade_folder", "grade_submission"]

_CALL = r"\bcheck\(\s*[\"']{name}[\"']\s*,[^()\n]*\bseed *= *(\d{{1,20}})\b"
_MOST_SHOWN = 20
_TRIES = 5
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Grade:
    """A row of the table: a student and an exercise.

    Attributes
    ----------
    student, exercise : str
    mark : Mark or None
        None if nothing was handed in.
    file : str
        The hand-in that counts, as the folder has it; files that could not be matched if there is
        none.
    note : str
        What else there is to say, such as other files.
    seconds : float
        How long the hand-in took.
    """

    student: str
    exercise: str
    mark: Mark | None
    file: str = ""
    note: str = ""
    seconds: float = 0.0

    @property
    def score(self) -> int:
        """The points."""
        return self.mark.score if self.mark else 0

    @property
    def most(self) -> int:
        """The points that there are."""
        return len(load_exercise(self.exercise).blanks)

    @property
    def words(self) -> str:
        """What happened: a problem, or what the wrong blanks look like."""
        if self.mark is None:
            if self.file:
                return f"nothing that could be matched: {self.file}"
            return "nothing handed in"
        if self.mark.problem:
            found = [self.mark.problem]
        else:
            deeds: dict[str, list[str]] = {}
            for one in self.mark.report.blanks:
                if not one.is_right:
                    words = one.words if is_error(one) else deed(one)
                    deeds.setdefault(words, []).append(one.blank.name)
            found = [f"{', '.join(names)}: {words}" for words, names in deeds.items()]
        return "; ".join([*found, *self.mark.report.notes, *filter(None, [self.note])])


@dataclass(frozen=True, slots=True, repr=False)
class ClassGrades(Shown):
    """What was graded; print it.

    Attributes
    ----------
    grades : tuple of Grade
    others : tuple of (Path, str)
        Files that could not be matched, each with the reason.
    students : int
        How many are in the list of the class; 0 if there was none.
    """

    grades: tuple[Grade, ...]
    others: tuple[tuple[Path, str], ...] = ()
    students: int = 0

    @property
    def lacks(self) -> frozenset[str]:
        """What did not limit the hand-ins: ``"landlock"``, or ``"root"`` if they ran as it."""
        return frozenset().union(*(one.mark.lacks for one in self.grades if one.mark))

    def document(self) -> Section:
        """Return the table."""
        rows = [
            [
                printable(one.student, 40),
                one.exercise,
                f"{one.score} of {one.most}",
                _signs(one),
                one.words,
            ]
            for one in self.grades
        ]
        heads = ("student", "exercise", "points", "blanks", "")
        content: list[Table | Section] = [Table(heads, rows, numbers=(2,))] if rows else []
        if self.others:
            lines = [f"{printable(path)}  {printable(reason)}" for path, reason in self.others]
            del lines[_MOST_SHOWN:]
            if len(self.others) > _MOST_SHOWN:
                lines.append(f"and {len(self.others) - _MOST_SHOWN} more")
            content.append(Section("Not matched", tuple(lines)))
        count = sum(one.mark is not None for one in self.grades)
        return Section(f"{count} hand-in{'s' * (count != 1)} graded", tuple(content))

    def save(self, out: Path) -> None:
        """Write ``grades.csv``, ``class.html``, and ``results/STUDENT/results.json``."""
        results = out / "results"
        results.mkdir(parents=True, exist_ok=True)
        by_student: dict[str, list[Grade]] = {}
        for one in self.grades:
            by_student.setdefault(one.student, []).append(one)
        for student, grades in by_student.items():
            folder = results / folder_name(student)
            folder.mkdir(exist_ok=True)
            write_atomically(folder / "results.json", _gradescope(grades))
        rows = [
            (g.student, g.exercise, g.score, g.most, _signs(g), g.words, g.file)
            for g in self.grades
        ]
        write_atomically(out / "grades.csv", table(rows))
        by_exercise: dict[str, list[Mark]] = {}
        for one in self.grades:
            if one.mark is not None:
                by_exercise.setdefault(one.exercise, []).append(one.mark)
        order = [name for name in EXERCISES if name in by_exercise]
        page = class_page(
            [(load_exercise(name), by_exercise[name]) for name in order],
            students={one.student for one in self.grades},
            count=self.students,
        )
        write_atomically(out / "class.html", page)


def _signs(grade: Grade) -> str:
    return signs(grade.mark) if grade.mark else ""


def _gradescope(grades: Iterable[Grade]) -> str:
    grades = list(grades)
    marks = [(g.exercise, g.mark, g.note if g.mark else g.words) for g in grades]
    return gradescope(marks, sum(g.seconds for g in grades))


def grade_folder(
    folder: str | os.PathLike[str],
    *,
    exercise: str | None = None,
    students: Sequence[str] = (),
    secret: str = "",
    limits: Limits | None = None,
    jobs: int = 1,
    progress: bool = False,
) -> ClassGrades:
    """Grade all hand-ins of a folder.

    Parameters
    ----------
    folder : str or path-like
        See `hand_ins.find`.
    exercise : str, optional
        The only one that counts; by default all.
    students : sequence of str
        The class; those who handed nothing in get a row, too.
    secret : str
        That with which the exercises were assigned. With it, each hand-in must have the seed of its
        student, and the numbers for grading follow from it.
    limits : Limits, optional
    jobs : int
        How many hand-ins run at once.
    progress : bool
        Whether to show in a terminal how many are done.

    Returns
    -------
    ClassGrades

    Raises
    ------
    ValueError
        If there is no such exercise.
    OSError
        If there is no such folder.
    """
    found = find(_checked(folder), _exercises(exercise), students)
    graded = _graded(found, secret, limits or Limits(), jobs, Path(folder), progress)
    best: dict[tuple[str, str], list[Grade]] = {}
    for one in graded:
        best.setdefault((one.student, one.exercise), []).append(one)
    grades = [_best(several) for several in best.values()]
    asked = [exercise] if exercise else list(dict.fromkeys(one.exercise for one in grades))
    for name in asked:
        there = {one.student for one in grades if one.exercise == name}
        # Without a list of the class, those are known who have a folder.
        known = students or (found.unmatched if len(asked) == 1 else ())
        for student in known:
            if student not in there:
                files = ", ".join(map(str, found.unmatched.get(student, ())[:_MOST_NAMED]))
                grades.append(Grade(student, name, None, files))
    order = {name: place for place, name in enumerate(EXERCISES)}
    grades.sort(key=lambda one: (order[one.exercise], one.student))
    return ClassGrades(tuple(grades), found.others, len(students))


def grade_submission(
    folder: str | os.PathLike[str], *, exercise: str | None = None, limits: Limits | None = None
) -> str:
    """Grade the hand-in of one student; return the results as Gradescope reads them.

    Parameters
    ----------
    folder : str or path-like
        The folder with the files of the student.
    exercise : str, optional
    limits : Limits, optional
    """
    names = _exercises(exercise)
    found = find_submission(_checked(folder), names)
    graded = _graded(found, "", limits or Limits(), 1, Path(folder))
    by_name: dict[str, list[Grade]] = {}
    for one in graded:
        by_name.setdefault(one.exercise, []).append(one)
    grades = [_best(several) for several in by_name.values()]
    if exercise and not grades:
        nothing = unmarked(load_exercise(exercise), f"there is no file {exercise}.py or .ipynb")
        grades = [Grade("", exercise, nothing)]
    elif not grades:
        there = ", ".join(str(path) for path, _ in found.others[:3]) or "nothing"
        raise ValueError(
            f"{folder}: found {there}, expected the file of an exercise, such as "
            f"{EXERCISES[0]}.py; name the exercise with --exercise"
        )
    return _gradescope(grades)


def _checked(folder: str | os.PathLike[str]) -> Path:
    path = Path(folder)
    if not path.is_dir():
        what = "is a file, expected a folder of hand-ins" if path.exists() else "no such folder"
        raise ValueError(f"{path}: {what}")
    return path


def _exercises(exercise: str | None) -> tuple[str, ...]:
    if exercise is None:
        return EXERCISES
    return (load_exercise(exercise).name,)


def _graded(
    found: Found, secret: str, limits: Limits, jobs: int, folder: Path, progress: bool = False
) -> list[Grade]:
    hidden = seed_of("grading", "", secret) if secret else secrets.randbits(63)
    _start_rooms()

    def grade(one: HandIn) -> Grade:
        began = time.monotonic()
        exercise, file, note = load_exercise(one.exercise), str(one.path.relative_to(folder)), ""
        try:
            parts = read_parts(one.path)
        except Unreadable as problem:
            return Grade(one.student, one.exercise, unmarked(exercise, str(problem)), file)
        call = _CALL.format(name=one.exercise)
        written = next((int(m[1]) for part in parts for m in re.finditer(call, part)), 0)
        seed = seed_of(one.exercise, one.student, secret) if secret else written
        if secret and written != seed:
            note = "the seed in the file is not that of this student"
        result = _safely(exercise, parts, seed, limits, hidden)
        return Grade(one.student, one.exercise, result, file, note, time.monotonic() - began)

    from tqdm import tqdm

    with ThreadPoolExecutor(max_workers=max(jobs, 1)) as pool:
        done = pool.map(grade, found.hand_ins)
        # None: nothing is shown where the output is a file.
        silent = None if progress else True
        return list(
            tqdm(done, total=len(found.hand_ins), unit="hand-in", leave=False, disable=silent)
        )


def _start_rooms() -> None:
    """Import what marking imports late, before there are threads."""
    from .. import diagnosing  # noqa: F401


def _safely(exercise: Exercise, parts: list[str], seed: int, limits: Limits, hidden: int) -> Mark:
    """Mark a hand-in; a mistake of ours is a row, too, and the others are graded."""
    for _ in range(_TRIES):
        # Python 3.11 sometimes raises a `SystemError` where two threads parse at once.
        with contextlib.suppress(SystemError):
            return _once(exercise, parts, seed, limits, hidden)
    return unmarked(exercise, "it could not be graded: SystemError; grade again with --jobs 1")


def _once(exercise: Exercise, parts: list[str], seed: int, limits: Limits, hidden: int) -> Mark:
    try:
        return mark(exercise, parts, seed, limits, hidden=hidden)
    except (OSError, RuntimeError, LookupError, ArithmeticError, TypeError, ValueError) as error:
        return unmarked(exercise, f"it could not be graded: {type(error).__name__}: {error}")


def _best(several: Sequence[Grade]) -> Grade:
    """Return the best of several hand-ins of one exercise, with a note of the others."""
    best = max(several, key=lambda one: (one.score, not _is_untouched(one)))
    # A file that was handed out, and not touched, says nothing.
    others = [
        f"{one.file}: {one.score} of {one.most}"
        for one in several
        if one is not best and not _is_untouched(one)
    ]
    if not others:
        return best
    note = "; ".join(filter(None, [best.note, f"there is also {', '.join(others)}"]))
    return Grade(best.student, best.exercise, best.mark, best.file, note, best.seconds)


def _is_untouched(grade: Grade) -> bool:
    return grade.mark is not None and all(one.state == "open" for one in grade.mark.report.blanks)

"""Finds hand-ins in a folder, and reads their source: scripts, or the cells of notebooks.

Nothing is executed here, links are not followed, and a file that is too large is not read.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..catalogue import EXERCISES
from ..students import folder_name

__all__ = ["Found", "HandIn", "Unreadable", "find", "find_submission", "read_parts"]

_MOST_BYTES = {".py": 2**20, ".ipynb": 16 * 2**20}
_DEEPEST = 4
_MOST_FILES = 100_000
_MAGIC = re.compile(r"^( *)(%%?[A-Za-z]|[!?])", re.M)
# What a file system or a download adds to the name of a copy.
_COPY = re.compile(r"([ _-]?\(\d+\)|[ _-]copy|[ _-]\d+|_?[ -]?late)*$", re.I)
_OURS = (".html",)  # a sheet that was handed out


class Unreadable(Exception):
    """A hand-in that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class HandIn:
    """A file of a student.

    Attributes
    ----------
    student : str
        The ID in the class list, or the name that the file or its folder has.
    exercise : str
    path : Path
    """

    student: str
    exercise: str
    path: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a folder.

    Attributes
    ----------
    hand_ins : tuple of HandIn
    others : tuple of (Path, str)
        Files that could not be matched, each with the reason.
    unmatched : dict of str to list of Path
        Those of them in the folders of students, by student.
    """

    hand_ins: tuple[HandIn, ...]
    others: tuple[tuple[Path, str], ...]
    unmatched: dict[str, list[Path]] = field(default_factory=dict)


def find(folder: Path, exercises: Sequence[str], students: Collection[str] = ()) -> Found:
    """Find the hand-ins in a folder.

    Parameters
    ----------
    folder : Path
        It has a folder for each student, with ``EXERCISE.py`` or ``EXERCISE.ipynb`` in it or
        deeper, or files such as ``EXERCISE_STUDENT.py`` and ``STUDENT_EXERCISE.ipynb``.
    exercises : sequence of str
        Those that count.
        If it is one alone, the only script or notebook in the folder of a student is it, whatever
        its name, unless that is another exercise.
    students : collection of str
        Those of the class list; without one, any name is a student.
    """
    by_folder = {folder_name(student).casefold(): student for student in students}
    by_folder |= {student.casefold(): student for student in students}
    hand_ins: list[HandIn] = []
    others: list[tuple[Path, str]] = []
    unmatched: dict[str, list[Path]] = {}
    for path in _files(folder):
        inner = path.relative_to(folder)
        found, reason = _matched(path, inner, exercises, by_folder)
        if found:
            hand_ins.append(found)
        elif reason:
            others.append((inner, reason))
            student = _student(inner.parts[0], by_folder) if len(inner.parts) > 1 else ""
            if student:
                unmatched.setdefault(student, []).append(inner)
    if len(exercises) == 1:
        there = {one.student for one in hand_ins}
        for student in [one for one in unmatched if one not in there]:
            only = [one for one in unmatched[student] if _may_be_any(one)]
            if len(only) == 1:
                hand_ins.append(HandIn(student, exercises[0], folder / only[0]))
                others = [one for one in others if one[0] != only[0]]
                unmatched[student].remove(only[0])
    return Found(tuple(hand_ins), tuple(others), {who: f for who, f in unmatched.items() if f})


def _matched(
    path: Path, inner: Path, exercises: Sequence[str], by_folder: Mapping[str, str]
) -> tuple[HandIn | None, str]:
    """Return the hand-in that a file is, or why it is none; neither if it is one of ours."""
    suffix = path.suffix.lower()
    if suffix not in _MOST_BYTES:
        return None, "" if suffix in _OURS else "neither a script (.py) nor a notebook (.ipynb)"
    if len(inner.parts) > 1:
        exercise, name = _exercise_of(path.stem, exercises), inner.parts[0]
    else:
        exercise, name = _both_of(path.stem, exercises)
    if not exercise:
        return None, f"its name has no exercise in it, such as {exercises[0]}"
    student = _student(name, by_folder)
    if not student:
        return None, f"{name} is not in the class list" if name else "its name has no student in it"
    return HandIn(student, exercise, path), ""


def _may_be_any(path: Path) -> bool:
    """Whether a file may be any exercise by its name."""
    return path.suffix.lower() in _MOST_BYTES and not _exercise_of(path.stem, EXERCISES)


def find_submission(folder: Path, exercises: Sequence[str]) -> Found:
    """Find the files of one student, for whom the folder is.

    Parameters
    ----------
    folder : Path
    exercises : sequence of str
        If it is one alone, any script or notebook is it.
    """
    hand_ins, others = [], []
    for path in _files(folder):
        exercise = _exercise_of(path.stem, exercises)
        if len(exercises) == 1 and not exercise:
            exercise = exercises[0] if path.suffix.lower() in _MOST_BYTES else ""
        if exercise and path.suffix.lower() in _MOST_BYTES:
            hand_ins.append(HandIn("", exercise, path))
        else:
            others.append((path.relative_to(folder), "not a hand-in"))
    return Found(tuple(hand_ins), tuple(others))


def _files(folder: Path) -> Iterator[Path]:
    """Walk the files of a folder in order, without following links."""
    count = 0
    for here, folders, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        linked = [name for name in folders if os.path.islink(os.path.join(here, name))]
        hidden = [name for name in folders if name.startswith((".", "__"))]
        kept = sorted({*folders} - {*linked, *hidden}) if depth < _DEEPEST else []
        folders[:] = kept
        for name in sorted([*files, *linked]):
            if not name.startswith("."):
                count += 1
                if count > _MOST_FILES:
                    raise ValueError(
                        f"{folder}: more than {_MOST_FILES} files; name another folder"
                    )
                yield Path(here, name)


def _exercise_of(stem: str, exercises: Sequence[str]) -> str:
    """Return the exercise that a name is, up to what is added to the name of a copy."""
    lower = stem.casefold()
    for exercise in sorted(exercises, key=len, reverse=True):
        if lower.startswith(exercise) and _COPY.fullmatch(lower[len(exercise) :]):
            return exercise
    return ""


def _both_of(stem: str, exercises: Sequence[str]) -> tuple[str, str]:
    """Return the exercise and the student that a name consists of."""
    lower = stem.casefold()
    for exercise in sorted(exercises, key=len, reverse=True):
        if re.match(rf"{exercise}[ _-]", lower):
            return exercise, stem[len(exercise) + 1 :].strip()
        if re.search(rf"[ _-]{exercise}$", lower):
            return exercise, stem[: -len(exercise) - 1].strip()
        if lower == exercise:
            return exercise, ""
    return "", ""


def _student(name: str, by_folder: Mapping[str, str]) -> str:
    if not by_folder:
        return name
    return by_folder.get(name.casefold()) or by_folder.get(folder_name(name).casefold(), "")


def read_parts(path: Path) -> list[str]:
    """Read the source of a hand-in: one part for a script, one for each code cell of a notebook.

    Raises
    ------
    Unreadable
        If it is not a file, too large, empty, or not text.
    """
    suffix = path.suffix.lower()
    text = _read(path, _MOST_BYTES[suffix])
    parts = [text] if suffix == ".py" else [_without_magic(cell) for cell in _cells(text)]
    if not any(part.strip() for part in parts):
        raise Unreadable("the file is empty" if suffix == ".py" else "it has no code cells")
    return parts


def _read(path: Path, most: int) -> str:
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        if path.is_symlink():
            raise Unreadable("it is a link to another file, and links are not followed")
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("it is not a file")
            if status.st_size > most:
                size = f"{status.st_size / 2**20:.1f} MiB"
                raise Unreadable(f"it has {size}; at most {most >> 20} MiB are read")
            content = file.read(most + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Unreadable("it is not text in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")


def _cells(text: str) -> list[str]:
    """Return the code cells of a notebook; outputs are left out."""
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        return ["".join(one) if isinstance(one, list) else str(one) for one in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable("it is not a notebook of format 4") from None


def _without_magic(cell: str) -> str:
    """Comment out the commands of the notebook, so that all lines keep their numbers."""
    return _MAGIC.sub(r"\1pass  # \2", cell)

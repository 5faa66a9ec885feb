"""Assigns an exercise to a class: the same for all, with other numbers for each student.

Each student gets a script, a notebook and a sheet to print. The keys are in a folder of their own,
which is not handed out.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.errors import printable

from .exercise import Exercise, load_exercise
from .notebooks import notebook_of
from .sheets import sheet_of
from .students import check_students, folder_name, seed_of

__all__ = ["Assigned", "assign", "with_seed"]


@dataclass(frozen=True, slots=True)
class Assigned:
    """What was written.

    Attributes
    ----------
    files : tuple of Path
        What is handed out.
    keys : tuple of Path
        What is not.
    has_solutions : bool
        Whether the keys contain solved scripts.
    """

    files: tuple[Path, ...]
    keys: tuple[Path, ...]
    has_solutions: bool


def assign(
    exercise: str,
    students: Sequence[str],
    out: str | os.PathLike[str],
    *,
    secret: str = "",
    force: bool = False,
) -> Assigned:
    """Write an exercise for each student, with numbers of his or her own.

    Parameters
    ----------
    exercise : str
    students : sequence of str
        Their IDs. The numbers follow from exercise, ID and secret.
    out : str or path-like
        The folder, which gets a folder ``students`` to hand out and a folder ``keys``.
    secret : str
        A text that only the teacher knows; without it, students can draw each other's numbers.
    force : bool
        Whether files that exist are replaced. Without it, those with the same numbers stay as they
        are, and what is missing is written, such as keys or a student who came later.

    Returns
    -------
    Assigned

    Raises
    ------
    ValueError
        If there is no such exercise, two students have one ID, a file exists with other numbers,
        or all exist. Nothing is written then.
    """
    known, folder = load_exercise(exercise), Path(out)
    solution = _solution(exercise)
    students = check_students(students)
    handed = [file for one in students for file in _handed_out(known, one, secret, folder)]
    kept = [file for one in students for file in _kept(known, one, secret, folder, solution)]
    files = [*handed, *kept]
    if not force:
        files = [one for one in files if not _is_there(*one)]
        if not files:
            raise ValueError(
                f"{printable(handed[0][0])}: exists already, as all others; replace all files with "
                "--force"
            )
    for path, make, _ in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, make())
    return Assigned(
        tuple(one[0] for one in handed), tuple(one[0] for one in kept), solution is not None
    )


def with_seed(exercise: Exercise, source: str, seed: int) -> str:
    """Return the source of an exercise with another seed in its call of `check`.

    Parameters
    ----------
    exercise : Exercise
    source : str
        Its file, or the same solved.
    seed : int

    Raises
    ------
    ValueError
        If it has no such call.

    Examples
    --------
    >>> exercise = load_exercise("one_neuron")
    >>> with_seed(exercise, exercise.source, 7).splitlines()[-1]
    '    print(check("one_neuron", my_gradients, seed=7))'
    """
    call = rf'(check\("{exercise.name}", {exercise.function})(?:, seed=\d+)?\)'
    found, count = re.subn(call, rf"\g<1>, seed={seed})", source)
    if count != 1:
        raise ValueError(f"{exercise.name}: expected one call of check, found {count}")
    return found


_Planned = tuple[Path, Callable[[], str], int]
"""A file, what makes its content, and the seed of its numbers."""


def _is_there(path: Path, _: Callable[[], str], seed: int) -> bool:
    """Return whether a file exists with its numbers; with others it is an error."""
    if not path.exists() and not path.is_symlink():
        return False
    try:
        text = "" if path.is_symlink() else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    # A student may have filled in a script, so it is not compared as a whole.
    if not re.search(rf"\b{seed}\b", text):
        raise ValueError(
            f"{printable(path)}: exists already, with other numbers; name another folder with "
            "--out, or replace all files with --force"
        )
    return True


def _handed_out(exercise: Exercise, student: str, secret: str, out: Path) -> Iterator[_Planned]:
    seed, name = seed_of(exercise.name, student, secret), exercise.name
    folder = out / "students" / folder_name(student)
    yield folder / f"{name}.py", lambda: with_seed(exercise, exercise.source, seed), seed
    yield folder / f"{name}.ipynb", lambda: notebook_of(exercise, seed), seed
    yield folder / f"{name}.html", lambda: sheet_of(exercise, seed, student=student), seed


def _kept(
    exercise: Exercise, student: str, secret: str, out: Path, solution: str | None
) -> Iterator[_Planned]:
    seed, folder = seed_of(exercise.name, student, secret), out / "keys" / folder_name(student)
    key = folder / f"{exercise.name}-key.html"
    yield key, lambda: sheet_of(exercise, seed, student=student, key=True), seed
    if solution is not None:
        solved = solution
        yield folder / f"{exercise.name}-solved.py", lambda: with_seed(exercise, solved, seed), seed


def _solution(exercise: str) -> str | None:
    """Return the solved script; None if the package of solutions is not installed."""
    try:
        solutions = importlib.import_module("tinygrad_edu_solutions")
    except ModuleNotFoundError:
        return None
    found: str = solutions.solved_source(exercise)
    return found

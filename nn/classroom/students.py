"""The students of a class: their names in a list, their folders, and the seeds of their numbers.

Nothing here is random: the same student always gets the same folder and the same numbers.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tinygrad_edu.errors import printable

__all__ = ["check_students", "folder_name", "read_class_list", "seed_of"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,59}")
_MARKED = re.compile(r"-[0-9a-f]{8}")  # how the names of other folders end
# Names of devices, with any suffix, on Windows.
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.I)
_MOST_BYTES = 16 * 2**20
_MOST_CHARACTERS = 1000
_HEADINGS = {
    *("id", "student", "student id", "student_id", "studentid", "sid", "username", "user"),
    *("login", "email", "e-mail", "number", "matriculation number"),
}


def seed_of(exercise: str, student: str, secret: str = "") -> int:
    """Return the seed of a student's numbers.

    Parameters
    ----------
    exercise : str
    student : str
    secret : str
        A text that only the teacher knows. Without it, anyone who knows an ID can draw the numbers
        that belong to it.

    Examples
    --------
    >>> seed_of("one_neuron", "ana"), seed_of("one_neuron", "ana", "a long secret")
    (3554126575, 3536130051)
    """
    message = f"{exercise}\0{unicodedata.normalize('NFC', student)}".encode("utf-8", "replace")
    digest = hmac.digest(secret.encode("utf-8"), message, "sha256")
    return int.from_bytes(digest[:4], "big")


def folder_name(student: str) -> str:
    """Return a name for the folder of a student that every file system accepts.

    An ID of letters, digits and ``_.@+-`` is its own folder. Any other ID becomes what is left of
    it, and eight digits that follow from it.

    Examples
    --------
    >>> folder_name("ana"), folder_name("../Ana Ñ"), folder_name("con")
    ('ana', 'Ana-N-d3e6bd3a', 'con-1143da2b')
    """
    student = unicodedata.normalize("NFC", student)
    is_plain = _PLAIN.fullmatch(student) and not student.endswith(".")
    if is_plain and not _RESERVED.fullmatch(student) and not _MARKED.fullmatch(student[-9:]):
        return student
    letters = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode("ascii")
    left = re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-")[:40].strip("-") or "student"
    mark = hashlib.sha256(student.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{left}-{mark}"


def check_students(students: Iterable[str]) -> tuple[str, ...]:
    """Return the IDs without blanks around them.

    Raises
    ------
    ValueError
        If one is empty, too long, or there twice, or if two would get the same folder.
    """
    found: dict[str, str] = {}
    for given in students:
        student = unicodedata.normalize("NFC", given.strip())
        if not student or len(student) > _MOST_CHARACTERS:
            raise ValueError(
                f"the ID of a student must have 1 to {_MOST_CHARACTERS} characters, got "
                f"{printable(repr(student), 40)}"
            )
        folder = folder_name(student).casefold()
        if folder in found:
            shown = printable(student, 40)
            if found[folder] == student:
                raise ValueError(f"student {shown!r} is there twice; remove one of them")
            other = printable(found[folder], 40)
            raise ValueError(
                f"students {other!r} and {shown!r} would have the same folder where capitals do "
                "not count; change one of the IDs"
            )
        found[folder] = student
    return tuple(found.values())


def read_class_list(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Read the IDs of a class: a text file with one on each line, or a CSV file.

    Of a CSV file, the column with a heading such as ``id``, ``student``, ``username`` or ``email``
    counts, or the first one if there is none. Empty lines, and lines after ``#``, are skipped.

    Raises
    ------
    ValueError
        If the file has no IDs, is not text in UTF-8, or has an ID twice.
    OSError
        If it cannot be read.
    """
    path = Path(path)
    shown = printable(path)
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{shown}: larger than {_MOST_BYTES >> 20} MiB; this is not a class list")
    try:
        text = path.read_text("utf-8-sig")
        lines = [line for line in io.StringIO(text) if line.strip() and line[0] != "#"]
        delimiter = max(",;\t", key=lines[0].count) if lines else ","
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{shown}: expected text in UTF-8 with one student on each line; {error}"
        ) from None
    column = 0
    if rows:
        headings = [cell.strip().casefold() for cell in rows[0]]
        known = [place for place, heading in enumerate(headings) if heading in _HEADINGS]
        column, rows = (known[0], rows[1:]) if known else (0, rows)
    if not rows:
        raise ValueError(f"{shown}: there are no students in it; write one ID on each line")
    try:
        return check_students(row[column] if column < len(row) else "" for row in rows)
    except ValueError as error:
        raise ValueError(f"{shown}: {error}") from None

"""A thousand tables with one wrong cell each, in many layouts: the error has its line and column.

The lines are counted while a table is written, independently of the reader.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nn.data.csv import read_csv
from nn.data.csv import strict as csv_strict
from nn.errors import DataError

# `make test-thorough` tries ten times as many.
COUNT = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1000
WORDS = ("red", "blue", "dark green", 'say "no"', "Grün")
# What a cell of each column can be instead; each is written in quotes, so that it stays one cell.
WRONG = {
    "label": ["", "NA", "?", "-1", "0.5", "cat", "True", "1e9", "inf", "\0", "1 2", "#1"],
    "number": ["", "NA", "none", "abc", "1e999", "inf", "0x1f", "1_0", "1 000", "1'000", "5 cm"],
    "text": ["", "NA", "null", "a\0b", "?", " "],
}
WRONG["number"] += ["2024-01-31", "True", "--5", "1.2.3", "１２", "e5", "12 %", "$3", "a\nb", "\v1"]


@dataclass(frozen=True)
class Table:
    """A table as text, and where the wrong cell is in it."""

    text: bytes
    line: int
    column: int
    name: str
    kind: str


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def a_number(source: random.Random, decimal: str) -> str:
    form = source.choice(["{:.0f}", "{:.2f}", "{:+.1f}", "{:.3e}"])
    return form.format(source.uniform(-999, 999)).replace(".", decimal)


def a_cell(source: random.Random, kind: str, decimal: str, line_end: str) -> str:
    """Return a cell as it is written; texts may hold separators and line ends."""
    if kind == "label":
        return str(source.randrange(3))
    if kind == "number":
        number = a_number(source, decimal)
        return quoted(number) if source.random() < 0.1 else number
    word = source.choice([*WORDS, f"two{line_end}lines", "a,b;c"])
    return quoted(word)


def corrupted(number: int) -> Table:
    """Return a table that is different for each number."""
    source = random.Random(number)
    separator = source.choice([",", ";", "\t", "|", " ", "   "])
    decimal = "." if separator == "," else source.choice(".,")
    line_end = source.choice(["\n", "\r\n", "\r"])
    columns = ["label", *(source.choice(["number", "number", "text"]) for _ in range(4)), "number"]
    source.shuffle(columns)
    names = [kind if kind == "label" else f"{kind}{i}" for i, kind in enumerate(columns)]
    rows = source.randrange(15, 40)
    wrong_row, wrong_column = source.randrange(rows), source.randrange(len(columns))
    lines = [separator.join(names)]
    if source.random() < 0.1 and separator in ",;|":
        lines.insert(0, f"sep={separator}")
    line = len(lines) + 1
    found = 0
    for row in range(rows):
        cells = []
        for column, kind in enumerate(columns):
            # Spaces separate the cells of one line, whose quotes cannot go on in the next.
            inside = " " if separator.startswith(" ") else line_end
            cell = a_cell(source, kind, decimal, inside)
            if (row, column) == (wrong_row, wrong_column):
                some = [text for text in WRONG[kind] if inside != " " or "\n" not in text]
                cell = quoted(source.choice(some))
                before = "".join(cells)
                found = line + before.count(line_end)
            cells.append(cell)
        lines.append(separator.join(cells))
        # A wrong cell may have a line end of another kind, which is one, too.
        text = lines[-1].replace("\r\n", "\n").replace("\r", "\n")
        line += 1 + text.count("\n")
    content = line_end.join(lines) + line_end * source.randrange(2)
    kind = columns[wrong_column]
    text = ("\ufeff" * (source.random() < 0.1) + content).encode()
    return Table(text, found, wrong_column + 1, names[wrong_column], kind)


def error_of(table: Table, path: Path, **options: Any) -> DataError:
    path.write_bytes(table.text)
    with pytest.raises(DataError) as caught:
        read_csv(path, **{"encode": "onehot"} | options)
    return caught.value


def missed(count: int, path: Path) -> list[tuple[int, object, object]]:
    """Return the tables whose error has another place, with both places."""
    found = []
    for number in range(count):
        table = corrupted(number)
        error = error_of(table, path)
        places = (table.line, table.column, table.name), (error.line, error.column, error.name)
        if places[0] != places[1] or len(str(error).splitlines()) != 1:
            found.append((number, *places))
    return found


@pytest.mark.hypothesis  # `make test-thorough` runs it
def test_each_wrong_cell_is_found_at_its_line_and_column(tmp_path: Path) -> None:
    assert missed(COUNT, tmp_path / "data.csv") == []


def test_wrong_lines_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_strict, "count_lines", lambda text: 1)
    assert missed(30, tmp_path / "data.csv")


def test_the_tables_are_different(tmp_path: Path) -> None:
    tables = [corrupted(number) for number in range(200)]
    assert {table.kind for table in tables} == set(WRONG)
    assert len({table.line for table in tables}) > 30
    assert sum(b"\r\n" in table.text for table in tables) > 30
    assert {mark for mark in b",;\t| " if any(mark in table.text for table in tables)}


@pytest.mark.parametrize("row", [0, 9_000, 29_999])
def test_a_wrong_cell_beyond_the_first_rows_is_found(row: int, tmp_path: Path) -> None:
    """Only the first rows are looked through before reading."""
    rows = [f"{i % 3};{i},5;{'ab'[i % 2]}" for i in range(30_000)]
    rows[row] = "1;x;a"
    text = "label;a;b\r\n" + "\r\n".join(rows)
    error = error_of(Table(text.encode(), 0, 0, "", ""), tmp_path / "data.csv")
    assert (error.line, error.column, error.name, error.value) == (row + 2, 2, "a", "x")

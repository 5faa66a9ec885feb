"""Tests that an exercise is assigned: other numbers for each student, safe names, nothing replaced,
notebooks that nbgrader reads, and sheets whose keys are right.
"""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.classroom.assigning import assign, with_seed
from nn.classroom.catalogue import EXERCISES
from nn.classroom.exercise import load_exercise
from nn.classroom.notebooks import notebook_of
from nn.classroom.right_values import right_values
from nn.classroom.sheets import sheet_of
from nn.classroom.students import check_students, folder_name, read_class_list, seed_of
from nn.cli import main

NAME = "one_neuron"
EXERCISE = load_exercise(NAME)
SOLVED = {"delta": "(a - y) * (1 - a**2)", "dw": "delta * x", "db": "delta"}


def solved(source):
    for name, code in SOLVED.items():
        source = source.replace(f"{name} = ...", f"{name} = {code}")
    return source


# Seeds and names ------------------------------------------------------------------------------


def test_each_student_has_numbers_of_his_own_and_keeps_them():
    seeds = {seed_of(NAME, f"student {n}", secret) for n in range(50) for secret in ("", "s")}
    assert len(seeds) == 100
    assert seed_of("layer", "ana") != seed_of(NAME, "ana") == seed_of(NAME, "ana")
    # The same name, once with a letter and an accent, once with an accented letter.
    assert seed_of(NAME, "jose\u0301") == seed_of(NAME, "jos\xe9")


@given(st.text(max_size=200))
def test_any_id_becomes_a_name_that_every_file_system_accepts(student):
    name = folder_name(student)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,59}", name)
    assert not name.endswith(".")
    assert not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.I)


def test_names_of_ids_differ():
    ids = [
        "a/b",
        "a\\b",
        "a b",
        "a:b",
        "..",
        ".",
        "",
        "a" * 60,
        "a" * 61,
        "con",
        "CON.txt",
        "ß",
        "Ñ",
    ]
    ids += ["-rf", "~", "a\0b", "a\nb", "\ud800", "𝕒", "a.", "a..", folder_name("a/b")]
    names = [folder_name(one) for one in ids]
    assert len({name.casefold() for name in names}) == len(ids)
    assert folder_name("ana.b+c@uni.edu") == "ana.b+c@uni.edu"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("ana\nbo\n", ("ana", "bo")),
        ("\ufeffana\r\n\r\n# left\n bo \n", ("ana", "bo")),
        ("name,ID\nAna A,007\n'Bo',8\n", ("007", "8")),
        ('email;name\n"a@b.c";x\n', ("a@b.c",)),
        ("ana,1\nbo,2\n", ("ana", "bo")),
    ],
)
def test_class_lists(content, found, tmp_path):
    path = tmp_path / "class.csv"
    path.write_bytes(content.encode())
    assert read_class_list(path) == found


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "there are no students in it"),
        (b"id\n", "there are no students in it"),
        (b"ana\nbo\nana\n", "student 'ana' is there twice"),
        (b"Ana\nana\n", "the same folder where capitals do not count"),
        (b"\xff\xfe", "expected text in UTF-8"),
        (b"name,id\nana\n", "must have 1 to 1000 characters, got ''"),
    ],
)
def test_class_lists_that_are_wrong(content, says, tmp_path):
    path = tmp_path / "class.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says) as error:
        read_class_list(path)
    assert str(error.value).startswith(str(path))


# What is written ------------------------------------------------------------------------------


def test_nothing_is_replaced_and_nothing_is_written_half(tmp_path):
    done = assign(NAME, ["ana", "b/../c"], tmp_path)
    before = {path: path.read_bytes() for path in (*done.files, *done.keys)}
    assert all(path.resolve().is_relative_to(tmp_path) for path in before)
    assert {path.parent.parent.name for path in done.files} == {"students"}
    assert {path.parent.parent.name for path in done.keys} == {"keys"}
    done.files[0].write_text("answers", "utf-8")
    with pytest.raises(ValueError, match=r"one_neuron\.py: exists already, with other numbers"):
        assign(NAME, ["new", "ana"], tmp_path, secret="other")
    assert not (tmp_path / "students" / "new").exists()
    assert done.files[0].read_text("utf-8") == "answers"
    assert assign(NAME, ["ana", "b/../c"], tmp_path, force=True) == done
    assert {path: path.read_bytes() for path in before} == before, "the same call, the same files"


def test_what_is_missing_is_written_later(tmp_path):
    done = assign(NAME, ["ana"], tmp_path)
    script, (key, *_) = done.files[0], done.keys
    script.write_text(solved(script.read_text("utf-8")), "utf-8")
    before = script.read_text("utf-8")
    with pytest.raises(ValueError, match="exists already, as all others"):
        assign(NAME, ["ana"], tmp_path)
    content = key.read_bytes()
    key.unlink()
    later = assign(NAME, ["ana", "new"], tmp_path)
    assert key.read_bytes() == content
    assert script.read_text("utf-8") == before
    assert all(path.is_file() for path in later.files)
    key.unlink()
    with pytest.raises(ValueError, match="with other numbers"):
        assign(NAME, ["ana"], tmp_path, secret="other")
    assert not key.exists()


def test_the_secret_may_be_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_SECRET", "of the class")
    assert main(["assign", NAME, "--student", "ana", "--out", str(tmp_path / "a"), "--quiet"]) == 0
    secret = ["--secret", "another"]
    words = ["assign", NAME, "--student", "ana", "--out", str(tmp_path / "b"), "--quiet", *secret]
    assert main(words) == 0
    for folder, text in (("a", "of the class"), ("b", "another")):
        script = (tmp_path / folder / "students" / "ana" / f"{NAME}.py").read_text("utf-8")
        assert f"seed={seed_of(NAME, 'ana', text)}" in script


def test_a_solved_script_is_right_with_its_own_numbers(tmp_path, capsys):
    scripts = []
    for student in ("ana", "bo"):
        done = assign(NAME, [student], tmp_path)
        script = next(path for path in done.files if path.suffix == ".py")
        source = solved(script.read_text("utf-8"))
        script.write_text(source, "utf-8")
        exec(compile(source, str(script), "exec"), {"__name__": "__main__"})
        assert "solved" in capsys.readouterr().out
        scripts.append(source)
    assert scripts[0] != scripts[1]
    assert f"seed={seed_of(NAME, 'ana')}))" in scripts[0]
    first, second = (EXERCISE.draw(seed_of(NAME, student)) for student in ("ana", "bo"))
    assert not np.array_equal(first["x"], second["x"])


def test_a_source_without_its_check_is_refused():
    with pytest.raises(ValueError, match="expected one call of check, found 0"):
        with_seed(EXERCISE, "x = 1\n", 3)


@pytest.mark.parametrize("installed", [True, False])
def test_solved_scripts_need_the_package_of_solutions(installed, tmp_path, monkeypatch, capsys):
    package = ModuleType("tinygrad_edu_solutions")
    package.solved_source = lambda name: solved(load_exercise(name).source)
    monkeypatch.setitem(sys.modules, "tinygrad_edu_solutions", package if installed else None)
    words = ["assign", NAME, "--student", "ana", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    path = tmp_path / "out" / "keys" / "ana" / "one_neuron-solved.py"
    assert path.exists() == installed
    assert ("pip install ./examples/solutions" in capsys.readouterr().out) != installed
    if installed:
        assert f"seed={seed_of(NAME, 'ana')}" in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([NAME], "for whom? name students with --student ID or --class-list FILE"),
        (["one_neurons", "--student", "ana"], "there is no exercise 'one_neurons'"),
        (["hunt_01", "--student", "ana"], "hunt_01 is a hunt"),
        ([NAME, "--student", "ana", "--student", "ana"], "student 'ana' is there twice"),
        ([NAME, "--student", " "], "must have 1 to 1000 characters"),
        ([NAME, "--class-list", "none.txt"], "none.txt: No such file"),
    ],
)
def test_errors_of_the_command(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["assign", *words]) == 2
    assert says in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def test_students_are_checked_without_blanks():
    assert check_students([" ana "]) == ("ana",)


# A copy for students ----------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
@pytest.mark.skipif(not shutil.which("make") or not shutil.which("git"), reason="no make or git")
def test_a_copy_for_students_has_no_answers_and_is_whole_or_not_there(tmp_path):
    def make(folder):
        command = ["make", "students", f"OUT={tmp_path / 'copy'}"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(clone)], check=True)
    (clone / "CHANGELOG.md").unlink()
    done = make(clone)
    assert done.returncode != 0
    assert "missing: CHANGELOG.md" in done.stdout
    assert not (tmp_path / "copy").exists()
    subprocess.run(["git", "checkout", "--quiet", "CHANGELOG.md"], cwd=clone, check=True)
    done = make(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    copy = tmp_path / "copy"
    assert (copy / "nn" / "classroom" / "exercises" / "one_neuron.py").is_file()
    assert not any((copy / name).exists() for name in ("examples/solutions", "tests/classroom"))
    for page in (*copy.glob("*.md"), *copy.rglob("docs/**/*.md")):
        assert "howto/classroom.md)" not in page.read_text("utf-8"), page
    shutil.rmtree(clone / ".git")
    shutil.rmtree(copy)
    done = make(clone)
    assert "this folder is not a clone" in done.stdout
    assert not copy.exists()


# Notebooks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXERCISES)
def test_notebooks_are_valid_and_carry_the_marks_of_nbgrader(name):
    exercise = load_exercise(name)
    notebook = nbformat.reads(notebook_of(exercise, 7), as_version=4)
    nbformat.validate(notebook)
    marks = [cell.metadata.nbgrader for cell in notebook.cells]
    assert len({mark.grade_id for mark in marks}) == len(marks)
    assert all(mark.schema_version == 3 for mark in marks)
    (solution,) = [mark for mark in marks if mark.solution]
    assert not solution.locked
    assert not solution.grade
    tests = [mark for mark in marks if mark.grade]
    assert [mark.points for mark in tests] == [1] * len(exercise.blanks)
    assert all(mark.locked for mark in marks if mark is not solution)
    # Nothing of the file is lost.
    sources = "\n".join(cell.source for cell in notebook.cells)
    for line in exercise.source.splitlines():
        assert line.strip('". ') in sources or "__main__" in line or "print(check" in line


def run_notebook(text, change=lambda source: source):
    """Execute the cells; return for each graded one whether its blank is right."""
    import linecache

    names, right = {"__name__": "__main__"}, []
    for number, cell in enumerate(json.loads(text)["cells"]):
        if cell["cell_type"] != "code":
            continue
        source, file = change("".join(cell["source"])), f"<cell {number}>"
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
        try:
            exec(compile(source, file, "exec"), names)
            right += [True] * cell["metadata"]["nbgrader"]["grade"]
        except AssertionError:
            right.append(False)
    return right


def test_each_blank_has_a_test_in_the_notebook():
    text = notebook_of(EXERCISE, 11)
    assert run_notebook(text) == [False, False, False]
    assert run_notebook(text, solved) == [True, True, True]
    wrong = run_notebook(text, lambda source: solved(source).replace("delta * x", "x"))
    assert wrong == [True, False, True]


# Sheets ---------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """Reads the cells of the tables of answers."""

    def __init__(self, page):
        super().__init__()
        self.tables, self._is_blank, self._in_cell = [], False, False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self._is_blank = dict(attributes).get("class") == "blank"
            self.tables += [[]] * 0 if not self._is_blank else [[]]
        self._in_cell = tag == "td" and self._is_blank
        if self._in_cell:
            self.tables[-1].append("")

    def handle_data(self, data):
        if self._in_cell:
            self.tables[-1][-1] += data

    def handle_endtag(self, tag):
        self._in_cell = False


@pytest.mark.parametrize("name", EXERCISES)
def test_sheets_have_a_cell_for_each_number_and_keys_fill_them(name):
    exercise = load_exercise(name)
    sheet, key = (Cells(sheet_of(exercise, 3, key=key)).tables for key in (False, True))
    sizes = [np.size(value) for values in right_values(exercise, 3).values() for _, value in values]
    assert sum(map(len, sheet)) == sum(map(len, key)) == sum(sizes)
    assert not any(cell.strip() for table in sheet for cell in table)
    assert all(
        (re.fullmatch(r" *-?\d+\.\d{4}", c) and float(c) != 0) or c.strip() == "0.0000"
        for table in key
        for c in table
    )


def test_the_key_is_right():
    seed = seed_of(NAME, "ana")
    given = EXERCISE.draw(seed)
    a = np.tanh(given["w"] @ given["x"] + given["b"])
    delta = (a - given["y"]) * (1 - a * a)
    delta_cells, dw, db = Cells(sheet_of(EXERCISE, seed, key=True)).tables
    assert [float(cell) for cell in (*delta_cells, *db)] == [round(float(delta), 4)] * 2
    np.testing.assert_allclose([float(cell) for cell in dw], delta * given["x"], atol=5.1e-5)


def test_a_sheet_shows_the_function_with_its_blanks_and_items_as_lines():
    page = sheet_of(load_exercise("lstm"))
    assert "delta_next, dc_next, f_next = delta, dc, f[t]" in page
    assert ">x[0, ·, ·]<" in page
    assert len(re.findall(r"•", sheet_of(load_exercise("delta_rule")))) == 3


def test_a_sheet_shows_any_id_as_text():
    page = sheet_of(EXERCISE, student="<script>x\n" + "y" * 200)
    assert "&lt;script&gt;x yyy" in page
    assert "y" * 50 not in page
    assert "<script" not in page

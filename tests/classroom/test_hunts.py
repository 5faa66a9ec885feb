"""Tests of the hunts: unsolved they show that something is wrong, the tools that the text names
find the mistake, and corrected they print ✓.
"""

import doctest
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nn.classroom.catalogue import HUNTS, PAGES
from nn.classroom.exercise import load_exercise, source_of
from tinygrad_edu import GradientError

from .learners import FOLDER, solutions

known = solutions()
each_hunt = pytest.mark.parametrize("name", HUNTS)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def corrections(name):
    """Return the lines of a hunt to correct, and why."""
    text = (FOLDER / "tinygrad_edu_solutions" / f"{name}.toml").read_text("utf-8")
    found = tomllib.loads(text)
    return found["lines"], found["why"]


def run(name, source):
    """Run the file of a hunt, and return the names that it leaves."""
    file = Path(f"{name}.py")
    file.write_text(source, "utf-8")  # the tools read the lines
    names = {"__name__": "__main__"}
    exec(compile(source, str(file.resolve()), "exec"), names)
    return names


def ask(name, source, capsys):
    """Do what the text of a hunt says; return the names, and what was printed."""
    names = run(name, source)
    capsys.readouterr()
    questions = re.findall(r"^>>> (.*)$", names["__doc__"], re.M)
    assert questions
    said = ""
    for question in questions:
        try:
            exec(compile(question, "<prompt>", "exec"), names)
        except GradientError as error:  # such as `detect_anomaly` raises
            said += str(error)
    return names, " ".join((capsys.readouterr().out + said).split())


def test_hunts_are_listed_with_their_page():
    (page,) = [page for page in PAGES if page.hunts]
    assert (page.number, page.hunts) == (9, HUNTS)
    assert len(HUNTS) == len(set(HUNTS)) == 10


def test_the_examples_of_the_solutions_run():
    assert doctest.testmod(known) == (0, 3)


@each_hunt
def test_a_hunt_has_no_blanks(name):
    with pytest.raises(ValueError, match=f"^{name} is a hunt, which has no blanks: correct its"):
        load_exercise(name)


@each_hunt
def test_the_corrections_are_of_lines_of_the_hunt(name):
    lines, why = corrections(name)
    assert 1 <= len(lines) <= 2
    assert len(why) > 40
    source, solved = source_of(name), known.solved_source(name)
    for line in lines:
        assert len(re.findall(rf"^ *{re.escape(line['wrong'])}$", source, re.M)) == 1
        assert line["right"] not in source
        assert line["right"] in solved
    pairs = zip(source.splitlines(), solved.splitlines(), strict=True)
    assert sum(before != after for before, after in pairs) == len(lines)


@each_hunt
def test_an_unsolved_hunt_shows_that_something_is_wrong(name, capsys):
    run(name, source_of(name))
    printed = capsys.readouterr().out
    assert printed.startswith("✗ ")
    assert printed.count("\n") == 1


def test_a_hunt_runs_as_a_program():
    """In an empty folder, with warnings as errors, and without a traceback."""
    for source, sign in ((source_of("hunt_01"), "✗"), (known.solved_source("hunt_01"), "✓")):
        Path("hunt.py").write_text(source, "utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", "-X", "utf8", "hunt.py"],
            check=False,
            capture_output=True,
            encoding="utf-8",
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(sign)


# What is said of the mistake, and where it is said to be.
FOUND = {
    "hunt_01": ("no activation derivative", "the first that differs is b1"),
    "hunt_02": ("transposed", "the first that differs is linear2"),
    "hunt_03": ("bias averaged", "the first that differs is b1"),
    "hunt_04": ("contribution missing", "contribution 2 of 2: from matmul"),
    "hunt_05": ("softmax elementwise", "at softmax"),
    "hunt_06": ("labels off", "off by one"),
    "hunt_07": ("stale gradient", "gradient of the previous step"),
    "hunt_08": ("", "double softmax: softmax_cross_entropy is given the result of softmax"),
    "hunt_09": ("", "sqrt sent NaN to x"),
    "hunt_10": ("", "dead relu: all 480 outputs"),
}


@each_hunt
def test_the_mistake_is_found_with_the_tools_that_the_text_names(name, capsys):
    kind, place = FOUND[name]
    names, printed = ask(name, source_of(name), capsys)
    assert place in printed
    if kind == "stale gradient":  # which needs to know the step before
        again = names["check_manual"](
            names["loss"], names["now"], *names["place"], previous=names["before"]
        )
        assert again.diagnoses[0].kind == kind
        assert not names["check"].agree
    elif kind:
        check = names["check"] if "check" in names else names["table"].check
        assert check.diagnoses[0].kind == kind
    if "detect_anomaly" in names:  # it names the line itself
        ((line,), _) = corrections(name)
        lines = [text.strip() for text in source_of(name).splitlines()]
        assert f"{name}.py:{lines.index(line['wrong']) + 1}" in printed
    for page in ("graph.svg", "steps.html"):
        if page in names["__doc__"]:
            assert Path(page).stat().st_size > 1000
    if Path("graph.svg").exists():
        assert re.search(r">softmax<", Path("graph.svg").read_text("utf-8"))


@pytest.mark.parametrize("name", HUNTS[:7])
def test_the_first_question_does_not_give_the_answer_away(name, capsys):
    """A comparison first names the gradients that differ alone; the line and the mistake follow."""
    lines, _ = corrections(name)
    names = run(name, source_of(name))
    capsys.readouterr()
    first, *more = re.findall(r"^>>> (print\((?:check|table).*)$", names["__doc__"], re.M)
    for question in (first, more[-1]):
        exec(compile(question, "<prompt>", "exec"), names)
        printed = " ".join(capsys.readouterr().out.split())
        is_first = question is first
        assert re.search("DIFFERS|differ", printed)
        assert ("looks like" in printed) != is_first
        if is_first:
            assert not any(line[key] in printed for line in lines for key in ("wrong", "right"))
            assert not re.search(r"\bline \d+|delta_rule", printed)


@each_hunt
def test_tools_are_content_with_the_corrected_hunt(name, capsys):
    names, printed = ask(name, known.solved_source(name), capsys)
    assert FOUND[name][1] not in printed or name == "hunt_04"
    assert not re.search("looks like|✗|DIFFERS|NaN|softmax_cross_entropy is given|dead", printed)
    if "check" in names:
        assert names["check"].agree
        assert names["check"].diagnoses == ()

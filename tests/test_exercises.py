"""Tests that the exercises teach: unsolved they fail and say how to go on, solved they pass; each
usual slip in a blank, and each mistake of a bug hunt, is found by the tool that the text names.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_edu import GradientError

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "exercises"
EXERCISES = sorted(FOLDER.glob("exercise_*.py"))
HUNTS = sorted(FOLDER.glob("hunt_*.py"))
BLANK = re.compile(r'^( *\w+ = )blank\((\d), "(.*)"\)$')
CORRECTED = "  # corrected"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def solution(path):
    return path.parent / "solutions" / path.name


def lines_of(path):
    """Give the lines of a file, without the comments that say why a solution is right."""
    found, explains = [], False
    for line in path.read_text("utf-8").splitlines():
        is_comment = line.lstrip().startswith("#")
        explains = is_comment and (explains or line.lstrip().startswith("# Why:"))
        if not explains:
            found.append(line)
    return found


def changes(path):
    """Give number, unsolved and solved form of each line that differs, in the numbers of lines."""
    unsolved, solved = lines_of(path), lines_of(solution(path))
    assert unsolved == path.read_text("utf-8").splitlines(), "reasons stand in solutions alone"
    pairs = enumerate(zip(unsolved, solved, strict=True), 1)
    return [(number, before, after) for number, (before, after) in pairs if before != after]


def run(path, lines=None, **given):
    """Run a file, or other lines under its name; give the names that it leaves."""
    source = path.read_text("utf-8") if lines is None else "\n".join(lines)
    names = {"__name__": "__main__", **given}
    exec(compile(source, str(path), "exec"), names)
    return names


def name_of(path):
    return path.stem


# All files ------------------------------------------------------------------------------------


def test_there_are_enough_and_each_has_a_solution():
    assert len(EXERCISES) >= 6
    assert len(HUNTS) >= 6
    for kind, paths in (("exercise", EXERCISES), ("hunt", HUNTS)):
        numbers = [f"{kind}_{n:02}" for n in range(1, len(paths) + 1)]
        assert [path.name.rpartition(".")[0][: len(kind) + 3] for path in paths] == numbers
    solved = sorted(path.name for path in (FOLDER / "solutions").glob("*.py"))
    assert solved == sorted(path.name for path in (*EXERCISES, *HUNTS))


def test_readme_lists_them_all():
    text = (FOLDER / "README.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+\.py)`", text, re.M) == [p.name for p in (*EXERCISES, *HUNTS)]


@pytest.mark.parametrize("path", [*EXERCISES, *HUNTS], ids=name_of)
def test_solution_passes(path, capsys):
    run(solution(path))
    printed = capsys.readouterr().out
    assert re.search("✓|match", printed)
    assert not re.search("✗|DIFFERS", printed)


@pytest.mark.parametrize("path", [EXERCISES[0], HUNTS[0], solution(HUNTS[0])], ids=str)
def test_runs_as_a_program(path):
    """In an empty folder, with warnings as errors, and without a traceback."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    if path in EXERCISES:
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("blank 1 is still to be filled in: ")
        assert done.stderr.count("\n") == 1
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("✗" if path in HUNTS else "✓")


# Blanks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_exercise_and_solution_differ_in_the_blanks_alone(path):
    found = changes(path)
    assert len(found) == path.read_text("utf-8").count(" = blank(") >= 2
    for number, (_, before, after) in enumerate(found, 1):
        start, said, _ = BLANK.match(before).groups()
        assert int(said) == number
        assert after.startswith(start)
        assert "blank" not in after


@pytest.mark.parametrize("path", EXERCISES, ids=name_of)
def test_each_blank_is_asked_for_in_turn(path, capsys):
    """However many are filled in already, the next one is named, with what belongs there."""
    lines = lines_of(path)
    for number, before, after in changes(path):
        _, said, what = BLANK.match(before).groups()
        with pytest.raises(SystemExit) as stopped:
            run(path, lines)
        assert stopped.value.code == f"blank {said} is still to be filled in: {what}"
        lines[number - 1] = after
    assert capsys.readouterr().out == ""
    run(path, lines)
    assert re.search("✓|match", capsys.readouterr().out)


SLIPS = [
    ("exercise_01", "delta = a - y", "no activation derivative"),
    ("exercise_01", "delta = (y - a) * (1 - a**2)", "sign"),
    ("exercise_01", "dw = delta * w", "other operand"),
    ("exercise_02", "delta = 2 * (z - y)", "factor"),
    ("exercise_02", "delta = (z - y) / len(X)", "factor"),
    ("exercise_02", "db = delta.mean()", "factor"),
    ("exercise_02", "db = delta", "bias not summed"),
    ("exercise_03", "dX = W @ G.T", "transposed"),
    ("exercise_03", "dW = G.T @ X", "transposed"),
    ("exercise_03", "db = G.mean(axis=0)", "bias averaged"),
    ("exercise_04", "du = g * (u >= 0)", "kink"),
    ("exercise_04", "dv = g * (1 - v**2)", "derivative at the input"),
    ("exercise_05", "y = np.eye(3)[labels - 1]", "labels off"),
    ("exercise_05", "dz = p - y", "factor"),
    ("exercise_05", "dz = p * (1 - p) * (p - y) / len(z)", "softmax elementwise"),
    ("exercise_06", "delta2 = p - y", "factor"),
    ("exercise_06", "delta1 = delta2 @ W2.T", "no activation derivative"),
    ("exercise_06", "delta1 = delta2 @ W2.T * a1 * (1 - a1)", "derivative of another activation"),
    ("exercise_07", "db = delta.mean(axis=0)", "bias averaged"),
    ("exercise_07", "delta = delta @ weights[layer].T", "no activation derivative"),
    ("exercise_08", "dh = delta_t @ W2.T", "contribution missing"),
    ("exercise_08", "dh = dr + delta_t @ W2", "transposed"),
]


@pytest.mark.parametrize(("name", "slip", "kind"), SLIPS)
def test_usual_slip_in_a_blank_is_recognised(name, slip, kind):
    (path,) = [path for path in EXERCISES if path.name.startswith(name)]
    lines, target = lines_of(path), slip.partition(" = ")[0]
    for number, _, after in changes(path):
        lines[number - 1] = after
    # The last line that fills this name: in a loop the one inside.
    place = max(n for n, _, after in changes(path) if after.lstrip().startswith(f"{target} = "))
    indent = lines[place - 1][: -len(lines[place - 1].lstrip())]
    assert lines[place - 1] != indent + slip
    lines[place - 1] = indent + slip
    shown = []
    run(path, lines, print=shown.append)
    check = getattr(shown[0], "check", shown[0])
    assert not check.agree
    assert check.diagnoses[0].kind == kind
    assert "looks like" in " ".join(str(shown[0]).split())


def test_a_mean_over_all_elements_is_not_taken_for_a_missing_two():
    """With two features, dividing by n times 2 would look like a square without its 2."""
    (path,) = [path for path in EXERCISES if path.name.startswith("exercise_02")]
    lines = lines_of(path)
    for number, _, after in changes(path):
        lines[number - 1] = after
    place = next(n for n, line in enumerate(lines) if line.startswith("    delta = "))
    lines[place] = "    delta = 2 * (z - y) / X.size"
    shown = []
    run(path, lines, print=shown.append)
    assert not shown[0].agree
    assert "2 of the square" not in " ".join(str(shown[0]).split())


# Bug hunts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", HUNTS, ids=name_of)
def test_hunt_and_solution_differ_in_the_marked_lines_alone(path):
    found = changes(path)
    assert 1 <= len(found) <= 2
    for _, before, after in found:
        assert after.endswith(CORRECTED)
        assert CORRECTED not in before
    solved = solution(path).read_text("utf-8")
    assert solved.count(CORRECTED) == len(found)
    assert solved.count("# Why: ") == 1


@pytest.mark.parametrize("path", HUNTS, ids=name_of)
def test_unsolved_hunt_shows_that_something_is_wrong(path, capsys):
    run(path)
    printed = capsys.readouterr().out
    assert printed.startswith("✗ ")
    assert printed.count("\n") == 1


def ask(path, capsys):
    """Do what the text of a hunt tells to do; give the names, and what was printed."""
    names = run(path)
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


@pytest.mark.parametrize("path", HUNTS, ids=name_of)
def test_mistake_is_found_with_the_tools_that_the_text_names(path, capsys):
    kind, place = FOUND[path.name[:7]]
    names, printed = ask(path, capsys)
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
        ((number, _, _),) = changes(path)
        assert f"{path.name}:{number}" in printed
    for page in ("graph.svg", "steps.html"):
        if page in names["__doc__"]:
            assert Path(page).stat().st_size > 1000
    if Path("graph.svg").exists():
        assert re.search(r">softmax<", Path("graph.svg").read_text("utf-8"))


@pytest.mark.parametrize("path", HUNTS, ids=name_of)
def test_tools_are_content_with_the_solution(path, capsys):
    names, printed = ask(solution(path), capsys)
    assert FOUND[path.name[:7]][1] not in printed or path.name.startswith("hunt_04")
    assert not re.search("looks like|✗|DIFFERS|NaN|softmax_cross_entropy is given|dead", printed)
    if "check" in names:
        assert names["check"].agree
        assert names["check"].diagnoses == ()

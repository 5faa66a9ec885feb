"""Tests that hand-ins are graded rightly whatever they do: right and wrong ones, hostile ones, and
what is written about them.
"""

import csv
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

from nn.classroom.assigning import with_seed
from nn.classroom.checking import _judge
from nn.classroom.exercise import load_exercise
from nn.classroom.grading import running
from nn.classroom.grading.grading import grade_folder
from nn.classroom.grading.marking import mark
from nn.classroom.grading.remote import Remote
from nn.classroom.grading.results import output_of, safe_cell
from nn.classroom.grading.running import Limits, Session, Stopped
from nn.classroom.grading.slips import deed
from nn.classroom.grading.wire import encode
from nn.classroom.right_values import right_values
from nn.classroom.students import folder_name, seed_of
from nn.classroom.truth import truth_of
from nn.cli import main

from .hostile import HOSTILE, NAME, RIGHT, WITHOUT_HOOK, filled, write

EXERCISE = load_exercise(NAME)
LIMITS = Limits(timeout=30)
SHORT = Limits(timeout=1.5)


def hand_in(folder, student, content, name=f"{NAME}.py"):
    path = folder / student / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def states(marked):
    return [one.state for one in marked.report.blanks]


# Points ---------------------------------------------------------------------------------------


def test_points_are_those_of_the_blanks_that_are_right():
    assert mark(EXERCISE, [filled()], 0, LIMITS).score == 3
    half = mark(EXERCISE, [filled({"dw": RIGHT["dw"], "db": "2 * delta"})], 0, LIMITS)
    assert states(half) == ["open", "right", "wrong"]
    assert half.report.blanks[2].words == "it is 2 times what it should be"
    wrong = mark(EXERCISE, [filled({**RIGHT, "delta": "a - y"})], 0, LIMITS)
    assert states(wrong) == ["wrong", "right", "right"], "a mistake counts once"
    assert wrong.report.blanks[0].kind == "no activation derivative"
    assert deed(wrong.report.blanks[0]) == "forgot the derivative of the activation"


@pytest.mark.parametrize(
    ("name", "blank", "right", "wrong"),
    [
        ("any_depth", "db", "delta.sum(axis=0)", "delta.sum(axis=0) * (layer > 0)"),
        ("tiny_engine", "g", "sum(arrived[k])", "arrived[k][-1]"),
        ("convolution", "db", "delta[i, j]", "delta[i, j] / delta.size"),
    ],
)
def test_lists_loops_and_sums(name, blank, right, wrong):
    """Inputs are lists of arrays, or steps of a program; a blank is asked for several times."""
    exercise = load_exercise(name)
    for code, state in ((right, "right"), (wrong, "wrong")):
        source = exercise.source.replace(f"{blank} = ...", f"{blank} = {code}")
        source = source.replace(f"{blank} += ...", f"{blank} += {code}")
        found = mark(exercise, [source], 5, LIMITS)
        by_name = {one.blank.name: one.state for one in found.report.blanks}
        assert by_name.pop(blank) == state
        assert set(by_name.values()) == {"open"}


def test_values_that_are_right_for_known_draws_alone_get_no_points():
    """A hand-in that knows the answers of every draw that its author can make."""
    known = []
    for again in range(4):
        truth = truth_of(EXERCISE, 9, again)
        values = [
            float(truth.of(EXERCISE.blanks[0], {})),
            truth.of(EXERCISE.blanks[1], {}).tolist(),
        ]
        known.append((truth.inputs["x"].tolist(), *values))
    tries = f"((d, np.array(w)) for at, d, w in {known} if at == x.tolist())"
    line = f"delta, dw = next({tries}, (0.0, x))"
    source = filled({"db": "delta"}, first=line)
    source = source.replace("    delta = ...", "    delta = delta + 0")
    source = source.replace("    dw = ...", "    dw = dw + 0")
    found = mark(EXERCISE, [source], 9, LIMITS)
    assert states(found)[:2] == ["wrong", "wrong"]
    assert found.report.blanks[0].words.startswith("right for the numbers of the exercise alone")
    assert deed(found.report.blanks[0]) == "wrote numbers instead of a formula"


def test_a_pass_of_a_loop_that_is_reported_twice_does_not_count_for_two():
    exercise = load_exercise("any_depth")
    source = exercise.source.replace("db = ...", "db = last.sum(axis=0)").replace(
        "in reversed(range(len(W)))", "in [len(W) - 1] * len(W)"
    )
    found = mark(exercise, [source], 0, LIMITS)
    assert found.report.blanks[2].state == "wrong"
    assert "the loop reaches it 1 times" in found.report.blanks[2].words


class Forged:
    """A process whose hand-in writes the replies itself."""

    def __init__(self, exercise, reply):
        lines = {blank.name: [place, place] for place, blank in enumerate(exercise.blanks, 1)}
        self.hello = {"lines": lines, "open": [], "notes": []}
        self.lacks = frozenset()
        self.reply = {"seen": {}, "passes": {}, "result": encode(None), "error": None, "line": 0}
        self.reply |= reply

    def ask(self, request):
        return self.reply


def judged(name, reply, seed=4):
    """Return the states of the blanks, for a reply that is the same for all draws."""
    exercise = load_exercise(name)
    learner = Remote(exercise, ["\n" * 20], Forged(exercise, reply))
    return {one.blank.name: one.state for one in _judge(exercise, learner, seed)}


def true_passes(name, blank, seed=4):
    """Return the right values of a blank as a reply has them."""
    values = right_values(load_exercise(name), seed)[blank]
    return [[encode(value), at, place] for place, (at, value) in enumerate(values)]


def test_forged_replies_get_points_for_right_values_alone():
    dbs = true_passes("any_depth", "db")
    right = {"seen": {"db": dbs}, "passes": {"db": len(dbs)}}
    assert judged("any_depth", right)["db"] == "right"
    last = dbs[0]
    index = last[1]["layer"]
    as_negative = [last[0], {"layer": index - len(dbs)}, 1]
    for forged in ([], dbs[:1], [last] * len(dbs), [last, *[as_negative] * (len(dbs) - 1)]):
        passes = {"db": len(dbs)}
        states = judged("any_depth", {"seen": {"db": forged}, "passes": passes})
        assert states["db"] == "wrong", forged
    assert judged(NAME, {"seen": {"delta": true_passes(NAME, "delta")}})["delta"] == "right"
    assert judged(NAME, {"seen": {"delta": []}, "passes": {"delta": 1}})["delta"] == "wrong"


@pytest.mark.parametrize(
    "reply",
    [
        {"seen": None},
        {"seen": {"delta": 3}},
        {"seen": {"delta": [[{"pickle": 1}, {}, 0]]}},
        {"seen": {"delta": [[1]]}},
        {"passes": {"delta": "x"}},
        {"passes": []},
        {"error": ["one"]},
        {"line": None},
        {"result": 3},
    ],
)
def test_replies_that_are_none_are_one_kind_of_error(reply):
    if reply == {"passes": []}:
        assert set(judged(NAME, reply).values()) == {"wrong"}
        return
    with pytest.raises(Stopped, match="channel of its results"):
        judged(NAME, reply)


def test_lines_of_a_notebook_are_those_of_its_cells():
    before, after = filled({"delta": "1 / 0", "dw": "x"}).split("def my_gradients")
    found = mark(EXERCISE, [before, f"def my_gradients{after}"], 0, LIMITS)
    first, second, _ = found.report.blanks
    assert first.words == "code cell 2, line 3: ZeroDivisionError: division by zero"
    assert output_of(second, found.cells).startswith("code cell 2, line 4: dw = x\n")
    assert deed(first) == "wrote a line that raises an error"


def test_what_the_function_returns_is_noted():
    source = filled().replace('return {"w": dw, "b": db}', 'return {"w": dw, "b": 0.0}')
    (note,) = mark(EXERCISE, [source], 0, LIMITS).report.notes
    assert note.startswith("the function returns a wrong b")


# Hostile hand-ins -----------------------------------------------------------------------------

ENDLESS = [one for one in HOSTILE if one.says.startswith("still running")]


@pytest.mark.parametrize(
    ("some", "limits"),
    [([one for one in HOSTILE if one not in ENDLESS], LIMITS), (ENDLESS, SHORT)],
    ids=["all others", "endless"],
)
def test_hostile_hand_ins_are_rows_and_all_others_are_graded(some, limits, tmp_path, monkeypatch):
    made, make = [], tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **how: made.append(make(**how)) or made[-1])
    canary = tmp_path / "canary"
    canary.write_text("the secret of the class", "utf-8")
    folder = tmp_path / "handed in"
    for number, one in enumerate(some):
        path = folder / f"s{number}" / f"{NAME}{one.suffix}"
        path.parent.mkdir(parents=True)
        write(one, path, canary)
    if some is not ENDLESS:
        hand_in(folder, "right", filled())
    grades = grade_folder(folder, limits=limits, jobs=2)
    by_student = {grade.student: grade for grade in grades.grades}
    for number, one in enumerate(some):
        grade = by_student[f"s{number}"]
        assert (one.name, grade.score) == (one.name, one.points), grade.words
        assert one.says in grade.words, one.name
        assert "the secret of" not in repr(grade.mark), one.name
        assert len(grade.words) < 800
    assert some is ENDLESS or by_student["right"].score == 3
    assert canary.read_text("utf-8") == "the secret of the class"
    assert canary.stat().st_mode & 0o777 != 0
    assert made
    assert not any(os.path.exists(folder) for folder in made)
    assert threading.active_count() < 10


@pytest.mark.parametrize("one", WITHOUT_HOOK, ids=lambda one: one.name)
def test_the_kernel_holds_where_the_hook_was_removed(one):
    with Session(EXERCISE, [filled()], LIMITS) as session:
        if "landlock" in session.lacks:
            pytest.skip("this kernel has no Landlock")
    found = mark(EXERCISE, [one.content], 0, LIMITS)
    assert one.says in found.problem
    assert found.score == one.points


def test_limits_hold_without_help_of_the_kernel(monkeypatch):
    """Where no namespaces can be made, as in many containers."""
    monkeypatch.setattr(running, "cut_off", lambda: ())
    names = ("forks", "uses the network", "ends its process", "is large")
    for one in HOSTILE:
        if one.name in names and isinstance(one.content, str):
            found = mark(EXERCISE, [one.content], 0, LIMITS)
            assert one.says in found.problem, one.name


def test_the_least_memory_is_enough():
    wrong = filled({**RIGHT, "delta": "a - y"})
    found = mark(EXERCISE, [wrong], 0, Limits(30, 256)).report.blanks
    assert [one.state for one in found] == ["wrong", "right", "right"]
    assert found[0].kind == "no activation derivative", "the engine fits in, too"


def test_keys_in_the_folder_of_a_clone_cannot_be_read():
    """The process that has the engine may read its files, and not those next to them."""
    root = Path(running.__file__).parents[3]
    if root.name.endswith("-packages"):
        pytest.skip("the packages are installed, not in a clone")
    other = next(path for path in root.iterdir() if path.is_file())
    read = f"open({str(root / 'nn' / '__init__.py')!r}).close()\ntry:\n    open({str(other)!r})\n"
    read += "except PermissionError:\n    delta = 0\nelse:\n    raise ValueError('it could')"
    source = filled({**RIGHT, "delta": "a - y"}, first=read)
    with Session(EXERCISE, [source], LIMITS, "diagnoses") as session:
        found = session.ask({"exercise": NAME, "seed": 0})["kinds"]
    assert found["delta"][0] == "no activation derivative"


def test_the_engine_is_not_in_the_process_that_computes_values():
    look = "import gc, sys\nraise ValueError([n for n in sys.modules if n.startswith('tinygrad')])"
    found = mark(EXERCISE, [filled(first=look)], 0, LIMITS)
    assert found.problem.endswith("ValueError: []"), found.problem


def test_a_reply_that_is_not_one_stops_the_hand_in():
    with Session(EXERCISE, [filled()], LIMITS) as session:
        with pytest.raises(Stopped, match="KeyError"):
            session.ask({"nothing": 1})
        session._process.stdout.close()
        session._process.stdout = open(os.devnull, "rb")  # noqa: SIM115
        with pytest.raises(Stopped, match=r"ended|running|crashed|use of"):
            session.ask({})


def test_the_class_list_names_the_students(tmp_path):
    ids = ("Ana Ñ", "bo", "missing")
    hand_in(tmp_path, folder_name("Ana Ñ"), filled())
    hand_in(tmp_path, "bo", filled({}))
    hand_in(tmp_path, "bo", filled(), f"{NAME} (1).py")
    hand_in(tmp_path, "stranger", filled())
    grades = grade_folder(tmp_path, students=ids, limits=LIMITS)
    rows = [(one.student, one.score, one.words) for one in grades.grades]
    assert rows == [("Ana Ñ", 3, ""), ("bo", 3, ""), ("missing", 0, "nothing handed in")]
    assert [(str(p), r) for p, r in grades.others] == [
        (f"stranger/{NAME}.py", "stranger is not in the class list")
    ]


def test_what_cannot_be_matched_is_in_the_row_of_its_student(tmp_path):
    hand_in(tmp_path, "ana", "one", "first.py")
    hand_in(tmp_path, "ana", "two", "second.py")
    for students in ((), ("ana", "bo")):
        grades = grade_folder(tmp_path, exercise=NAME, students=students, limits=LIMITS)
        words = {one.student: one.words for one in grades.grades}
        assert words.pop("ana") == "nothing that could be matched: ana/first.py, ana/second.py"
        assert words == dict.fromkeys(students[1:], "nothing handed in")
        assert "nothing that could be matched" in str(grades)


@pytest.mark.parametrize(
    ("line", "is_noted"),
    [("seed = 3", False), (f'check("{NAME}", my_gradients, seed=5)', True), ("# seed=5", False)],
)
def test_the_seed_is_that_of_the_call(line, is_noted, tmp_path):
    seed = seed_of(NAME, "ana", "secret")
    source = with_seed(EXERCISE, filled(), seed).replace("import numpy", f"{line}\nimport numpy")
    hand_in(tmp_path, "ana", source)
    (found,) = grade_folder(tmp_path, secret="secret", limits=LIMITS).grades
    assert found.score == 3
    assert ("the seed in the file" in found.words) == is_noted


def test_a_hand_in_with_the_numbers_of_another_student_is_noted(tmp_path):
    seeds = {name: seed_of(NAME, name, "secret") for name in ("ana", "bo")}
    hand_in(tmp_path, "ana", with_seed(EXERCISE, filled(), seeds["ana"]))
    hand_in(tmp_path, "bo", with_seed(EXERCISE, filled(), seeds["ana"]))
    grades = grade_folder(tmp_path, secret="secret", limits=LIMITS)
    words = {one.student: one.words for one in grades.grades}
    assert words == {"ana": "", "bo": "the seed in the file is not that of this student"}


# What is written ------------------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path, monkeypatch, capsys):
    """Grade three hand-ins by the command; return its folder and what it printed."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    hand_in(folder, "ana", filled())
    hand_in(
        folder, "=zoe", filled({**RIGHT, "delta": "a - y"}).replace("a - y  #", "a - y  # zoe: ")
    )
    hand_in(folder, "<b>cy", filled({}, first="raise ValueError('<script>')"))
    assert main(["grade", "in", "--jobs", "2", "--timeout", "30"]) == 0
    return tmp_path / "grades", capsys.readouterr().out


def test_the_table(graded):
    out, printed = graded
    assert "3 hand-ins graded" in printed
    rows = list(csv.DictReader((out / "grades.csv").read_text("utf-8").splitlines()))
    assert {row["student"]: (row["score"], row["blanks"]) for row in rows} == {
        "ana": ("3", "✓✓✓"),
        "'=zoe": ("2", "✗✓✓"),
        "<b>cy": ("0", "✗··"),
    }
    assert rows[1]["what_happened"] == "delta: forgot the derivative of the activation"
    assert safe_cell("-1") == "'-1"


def test_results_for_gradescope(graded):
    out, _ = graded
    found = json.loads((out / "results" / folder_name("=zoe") / "results.json").read_text("utf-8"))
    assert [(one["score"], one["max_score"]) for one in found["tests"]] == [(0, 1), (1, 1), (1, 1)]
    first = found["tests"][0]
    assert first["name"] == "one_neuron, blank 1: δ = ∂L/∂z, one number"
    assert first["output"].startswith("line 38: delta = a - y")
    assert "the derivative of tanh was forgotten" in first["output"]
    assert {first["visibility"], found["visibility"]} == {"visible"}
    assert {first["status"], found["tests"][1]["status"]} == {"failed", "passed"}


def test_the_page_of_the_class_names_no_student(graded):
    out, _ = graded
    page = (out / "class.html").read_text("utf-8")
    assert "forgot the derivative of the activation" in page
    assert "33 % (1 of 3)" in page
    assert "delta = a - y" in page
    for name in ("ana", "zoe", "cy", "&lt;b&gt;", "<script"):
        assert name not in page.partition("</style>")[2]


@pytest.mark.parametrize(
    ("files", "score", "says"),
    [
        ({f"{NAME}.py": filled()}, 3, "right"),
        ({"whatever.py": filled()}, 3, "right"),
        ({}, 0, "there is no file one_neuron.py or .ipynb"),
        ({f"{NAME}.py": "raise"}, 0, "no function my_gradients"),
    ],
)
def test_one_submission_in_gradescope(files, score, says, tmp_path, capsys):
    folder = tmp_path / "submission"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    assert main(["grade", "--gradescope", str(folder), "--exercise", NAME]) == 0
    assert capsys.readouterr().out == f"written: {tmp_path / 'results' / 'results.json'}\n"
    found = json.loads((tmp_path / "results" / "results.json").read_text("utf-8"))
    assert sum(one["score"] for one in found["tests"]) == score
    assert says in json.dumps(found)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none"], "none: no such folder"),
        (["file"], "file: is a file, expected a folder of hand-ins"),
        ([".", "--exercise", "nothing"], "there is no exercise 'nothing'"),
        ([".", "--timeout", "0"], "--timeout must be > 0"),
        ([".", "--jobs", "0"], "--jobs must be >= 1"),
        ([".", "--memory", "10"], "--memory must be >= 256"),
        ([".", "--gradescope", "--secret", "x"], "--gradescope grades one submission"),
        ([".", "--gradescope"], "expected the file of an exercise"),
    ],
)
def test_errors_of_the_command(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("", "utf-8")
    assert main(["grade", *words]) == 2
    assert says in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"file"}


def test_an_empty_folder_is_graded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    assert main(["grade", "in"]) == 0
    assert "0 hand-ins graded" in capsys.readouterr().out
    assert "There are no hand-ins." in Path("grades/class.html").read_text("utf-8")

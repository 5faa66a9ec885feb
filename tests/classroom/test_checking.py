"""Tests of what a learner reads: which blank is wrong, how its values differ, what the mistake
looks like, and what comes next; and that exercises are read as their files say.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn.classroom
from nn.classroom import check
from nn.classroom.catalogue import EXERCISES, HUNTS, PAGES, next_after, page_of
from nn.classroom.checking import results_of
from nn.classroom.exercise import load_exercise, read_exercise, source_of
from nn.classroom.judging import difference
from nn.classroom.truth import Truth, truth_of
from nn.cli import main

from .learners import function_of, learner_of, no_sources_left, solutions  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]


def reported(code, name="one_neuron", seed=0):
    """Return what the check of an edited exercise says, in one line."""
    source = source_of(name)
    for blank, text in code.items():
        source, count = re.subn(rf"^( *{blank}.*= )\.\.\.", rf"\g<1>{text}", source, flags=re.M)
        assert count == 1, blank
    report = check(name, function_of(source), seed=seed)
    return report, " ".join(str(report).split())


# Reports --------------------------------------------------------------------------------------


def test_a_wrong_blank_is_described_without_its_correction():
    report, text = reported({"delta": "(a - y) * (1 - a**2)", "dw": "delta * w"})
    assert [one.state for one in report.blanks] == ["right", "wrong", "open"]
    assert "✗ 2 dw dw = delta * w" in text
    assert "it should be ∂L/∂w, shape (3,)" in text
    assert "looks like this: " in text
    assert "delta * x" not in text
    assert "Next: correct blank 2." in text
    with pytest.raises(AssertionError, match=r"^blank 2, dw: "):
        report.assert_right()
    with pytest.raises(AssertionError, match=r"^blank 3, db: still to be filled in$"):
        report.assert_right(3)
    report.assert_right(1)


def test_a_later_blank_that_uses_a_wrong_one_is_right():
    report, _ = reported({"delta": "a - y", "dw": "delta * x", "db": "delta"})
    assert [one.state for one in report.blanks] == ["wrong", "right", "right"]


def test_an_error_is_reported_at_its_blank():
    report, text = reported({"delta": "(a - Y) * (1 - a**2)", "db": "delta"})
    assert [one.state for one in report.blanks] == ["wrong", "open", "right"]
    assert "line 37: NameError: name 'Y' is not defined" in text


def test_an_error_in_another_line_is_reported_at_the_next_blank():
    source = source_of("one_neuron").replace("np.tanh(w @ x + b)", "np.tanh(w @ x + c)")
    report = check("one_neuron", function_of(source))
    assert [one.state for one in report.blanks] == ["wrong", "open", "open"]
    assert report.blanks[0].words == "line 36: NameError: name 'c' is not defined"


def test_a_renamed_parameter_is_an_error():
    source = source_of("one_neuron").replace(
        "def my_gradients(x, y, w, b)", "def my_gradients(x, y, w, c)"
    )
    (first, *_) = check("one_neuron", function_of(source)).blanks
    assert first.words == "TypeError: my_gradients() got an unexpected keyword argument 'b'"


def test_an_error_behind_all_blanks_is_reported():
    code = {"delta": "(a - y) * (1 - a**2)", "dw": "delta * x", "db": "delta"}
    source = source_of("one_neuron")
    for blank, text in code.items():
        source = re.sub(rf"^( *{blank} = )\.\.\.", rf"\1{text}", source, flags=re.M)
    source = source.replace('return {"w": dw, "b": db}', 'return {"w": dw, "b": nothing}')
    report = check("one_neuron", function_of(source))
    assert not report.solved
    assert "NameError: name 'nothing' is not defined" in str(report)


def test_a_line_that_is_not_reached_is_wrong():
    source = source_of("one_neuron").replace("    delta = ...", "    return {}\n    delta = ...")
    source = source.replace("delta = ...", "delta = 1.0").replace("dw = ...", "dw = 1.0")
    report = check("one_neuron", function_of(source))
    assert [one.state for one in report.blanks] == ["wrong", "wrong", "open"]
    assert report.blanks[0].words == "its line was not reached"


def test_a_loop_with_fewer_passes_is_wrong():
    """Where all sums are open, only the number of passes shows it."""
    source = source_of("rnn").replace(
        "reversed(range(x.shape[1]))", "reversed(range(1, x.shape[1]))"
    )
    source = source.replace("dh = ...", "dh = g[:, t] + from_next")
    assert "range(1, " in source
    (first, *_) = check("rnn", function_of(source)).blanks
    assert first.state == "wrong"
    assert re.fullmatch(r"the loop reaches it \d times, expected \d", first.words)


def test_a_mistake_in_a_pass_is_blamed_on_the_blank_that_made_it():
    """In the next pass, others are wrong because of it."""
    exercise = load_exercise("any_depth")
    source = source_of("any_depth").replace(
        "last = ...", "last = 2 / len(x) * (a[-1] - y) * (1 - a[-1] ** 2)"
    )
    source = source.replace("dW = ...", "dW = a[layer].T @ delta")
    source = source.replace("before = ...", "before = delta @ W[layer].T")
    states = [one.state for one in results_of(exercise, learner_of(exercise, source))]
    assert states == ["right", "right", "open", "wrong"]


def test_two_mistakes_are_both_explained():
    report, text = reported({"delta": "a - y", "dw": "delta * w"})
    assert [one.kind for one in report.blanks] == ["no activation derivative", "other operand", ""]
    assert text.count("looks like this: ") == 2


def test_a_solved_exercise_names_the_next_one_and_its_page():
    code = {"delta": "(a - y) * (1 - a**2)", "dw": "delta * x", "db": "delta"}
    report, text = reported(code)
    assert report.solved
    assert text.endswith("Next: tinygrad-edu exercise xor_network")
    report.assert_right()
    code = {"dx": "delta @ W.T", "dW": "x.T @ delta", "db": "delta.sum(axis=0)"}
    assert reported(code, "layer")[1].endswith("Next: tinygrad-edu exercise activations")


def test_the_last_exercise_of_a_page_names_the_next_page():
    code = {
        "dsquare": "2 * a**2 * w",
        "dlinear": "-2 * a * y",
        "dw": "dsquare + dlinear",
        "w_next": "w - rate * dw",
        "L_next": "(a * w_next - y) ** 2",
    }
    _, text = reported(code, "slope")
    assert text.endswith("Next: page 2, A graph; then tinygrad-edu exercise graph")


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None])
def test_a_wrong_seed_is_refused(seed):
    with pytest.raises((TypeError, ValueError), match="seed"):
        check("one_neuron", function_of(source_of("one_neuron")), seed=seed)


def test_an_unknown_exercise_is_refused():
    with pytest.raises(
        ValueError, match=r"^there is no exercise 'one_neurone'; did you mean 'one_neuron'\?"
    ):
        check("one_neurone", len)


# Differences in words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "right", "words"),
    [
        ([1.0, 2.0], [1.0, 2.0], ""),
        (1, 1.0, ""),
        (True, 1.0, ""),
        ([2.0, 4.0], [1.0, 2.0], "every element is 2 times what it should be"),
        ([0.5, 1.0], [1.0, 2.0], "every element is 1/2 of what it should be"),
        ([-1.0, -2.0], [1.0, 2.0], "the sign is flipped"),
        ([-3.0, -6.0], [1.0, 2.0], "with its sign flipped, every element is 3 times what it "),
        ([1.5, 3.0], [1.0, 2.0], "every element is 1.5 times what it should be"),
        (2.0, 1.0, "it is 2 times what it should be"),
        (1.7, 1.0, "found 1.7, expected 1"),
        ([0.0, 0.0], [1.0, 2.0], "it is zero everywhere, and should not be"),
        ([np.nan, 2.0], [1.0, 2.0], "it contains numbers that are not finite"),
        ([1.0, 5.0], [1.0, 2.0], "at [1] found 5, expected 2 (1 of 2 elements differ)"),
        ([[1.0, 2.0]], [[1.0], [2.0]], "found shape (1, 2), expected (2, 1); these are the right"),
        ([1.0, 2.0], [[1.0, 2.0]], "found shape (2,), expected (1, 2); the numbers are right"),
        ([[1.0, 3.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], "these are the right numbers, tra"),
        ([1.0], [1.0, 2.0], "found shape (1,), expected (2,)"),
        (None, 1.0, "found None, expected numbers of shape ()"),
        (..., 1.0, "found Ellipsis, expected numbers of shape ()"),
        ("text", 1.0, "found a str, expected numbers of shape ()"),
        ([[1.0], [1.0, 2.0]], [1.0, 2.0], "found a list, expected numbers of shape (2,)"),
        (1.8950001, 1.8950002, "found 1.8950001, expected 1.8950002"),
        (1j, 1.0, "found a complex, expected numbers of shape ()"),
    ],
)
def test_a_difference_in_words(value, right, words):
    found = difference(value, right)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_a_count_that_is_a_size_is_named():
    words = difference([4.0, 8.0], [1.0, 2.0], {"x": np.zeros((4, 2)), "W": [np.zeros(3)], "n": 4})
    assert words == "every element is 4 times what it should be (4 is the number of rows)"


# What files say -------------------------------------------------------------------------------

FILE = '''"""A title.

Some text.
"""


def inputs(generator):
    return {"x": generator.normal(size=3), "n": 2}


def forward(x, n):
    h = [x]
    for t in range(n):
        h.append(h[t] * 2)
    top = (h[-1] ** 2).sum()
    L = top * 3
    return L


def my_gradients(x, n):
    for t in range(n):
        dh = ...  # blank 1: ∂L/∂h[t], shape (3,)
        total += ...  # blank 2: ∂top/∂x, shape (3,)
        out[t] = ...  # blank 3: h, a list
    dx = ...  # blank 4: top, one number
    return {"x": dx}
'''


def test_a_file_is_read():
    exercise = read_exercise("made_up", FILE)
    assert (exercise.title, exercise.text, exercise.function) == (
        "A title",
        "Some text.",
        "my_gradients",
    )
    assert exercise.returned == {"x": "dx"}
    found = [(b.name, b.target, b.of, b.in_loop, b.at_end) for b in exercise.blanks]
    assert found == [
        ("dh", "h[t]", "L", True, False),
        ("total", "x", "top", False, True),
        ("out", "h", "", False, True),
        ("dx", "top", "", False, False),
    ]
    truth = Truth(exercise, {"x": np.array([1.0, 2.0, 3.0]), "n": 2})
    dh, total, _, dx = exercise.blanks
    assert truth.of(dh, {"t": 2}).tolist() == [24, 48, 72]
    assert truth.of(total, {}).tolist() == [32, 64, 96]
    assert float(truth.of(dx, {})) == 224
    with pytest.raises(NameError):  # not the t that the forward pass left over
        truth.of(dh, {})


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("blank 2", "blank 5", "blanks must be numbered from 1"),
        ("total +=", "dh +=", "each blank needs a variable of its own"),
        ('return {"x": dx}', "return dx", "must end with"),
    ],
)
def test_a_file_that_is_not_an_exercise_is_refused(before, after, message):
    with pytest.raises(ValueError, match=message):
        read_exercise("made_up", FILE.replace(before, after))


def test_the_truth_of_a_seed_is_computed_once():
    exercise = load_exercise("layer")
    assert truth_of(exercise, 3, 1) is truth_of(exercise, 3, 1)
    value = truth_of(exercise, 3, 1).of(exercise.blanks[0], {})
    value += 1
    assert not np.allclose(value, truth_of(exercise, 3, 1).of(exercise.blanks[0], {}))


@pytest.mark.parametrize("name", EXERCISES)
def test_the_shapes_in_comments_are_those_of_the_right_values(name):
    exercise = load_exercise(name)
    for seed in range(3):
        truth, shapes = truth_of(exercise, seed), {}

        def right(blank, variables, truth=truth, shapes=shapes):
            shapes[blank] = truth.right(blank, variables).shape
            return truth.right(blank, variables)

        learner_of(exercise, exercise.source).run(truth.inputs, right)
        for blank in exercise.blanks:
            found = re.search(r"shape \(([^)]*)\)", blank.words)
            sizes = [size.strip() for size in found[1].split(",") if size.strip()] if found else []
            if found:
                assert len(sizes) == len(shapes[blank.name])
            elif blank.words.endswith(", one number"):
                assert shapes[blank.name] == () or blank.name == "z"  # one at each place
            for size, expected in zip(sizes, shapes[blank.name], strict=False):
                assert not size.isdigit() or int(size) == expected


# Catalogue and command ------------------------------------------------------------------------


def test_the_catalogue_is_what_the_folders_contain():
    folder = Path(nn.classroom.__file__).parent
    assert sorted(EXERCISES) == sorted(path.stem for path in (folder / "exercises").glob("*.py"))
    assert sorted(HUNTS) == sorted(path.stem for path in (folder / "hunts").glob("*.py"))
    assert len(EXERCISES) == 26
    assert [page.number for page in PAGES] == list(range(1, 16))
    assert all(page.exercises for page in PAGES)
    assert page_of("lstm").number == 11
    assert next_after("lstm") == "attention"
    titles = [load_exercise(name).title for name in EXERCISES]
    assert len(set(titles)) == 26
    assert all(len(title) <= 55 for title in titles)


def test_the_command_lists_all(capsys):
    assert main(["exercise"]) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^ {6}(\w+) ", printed, re.M) == [
        name for page in PAGES for name in (*page.exercises, *page.hunts)
    ]


@pytest.mark.parametrize("name", ["slope", "hunt_03"])
def test_the_command_writes_a_file_that_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["exercise", name]) == 0
    assert Path(f"{name}.py").read_text("utf-8") == source_of(name)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", f"{name}.py"],
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "blank 1" in done.stdout or done.stdout.startswith("✗")
    assert main(["exercise", name]) != 0
    assert "exists already" in capsys.readouterr().err


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is not a clone")
def test_a_copy_for_students_has_no_solutions(tmp_path):
    def make(folder):
        command = ["make", "-s", "students", f"OUT={folder}"]
        return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)

    assert make(tmp_path / "course").returncode == 0
    assert (tmp_path / "course" / "nn" / "classroom" / "exercises" / "slope.py").is_file()
    assert not [path for path in (tmp_path / "course").rglob("*solutions*") if path.is_dir()]
    again = make(tmp_path / "course")
    assert again.returncode != 0
    assert "is not empty; name a new folder" in again.stdout


@pytest.mark.parametrize(
    ("exercise", "blank", "code", "words"),
    [
        ("slope", "dw", "2 * a^2", "write a power with **"),
        ("delta_rule", "dW2", "a1 @ delta2", "perhaps one of them needs .T"),
        ("activations", "du", "g[0] if u > 0 else 0", "np.where"),
    ],
)
def test_errors_of_numpy_are_said_in_plain_words(exercise, blank, code, words):
    _, text = reported({blank: code}, exercise)
    assert words in text


def test_a_few_numbers_are_shown_where_something_is_wrong():
    numbers = load_exercise("slope").draw(0)
    assert f"The numbers are w = {numbers['w']}" in reported({"dw": "a"}, "slope")[1]
    assert "The numbers are" not in reported({}, "slope")[1]
    assert "The numbers are" not in reported({"dW2": "0"}, "delta_rule")[1]


@pytest.mark.parametrize(
    ("exercise", "line", "changed"),
    [
        ("any_depth", "dWs[layer], dbs[layer] = dW, db", "dWs[layer], dbs[layer] = 2 * dW, db"),
        ("any_depth", 'return {"W": dWs, "b": dbs}', 'return {"W": dbs, "b": dWs}'),
        ("tiny_engine", "gradients[k] = g", "gradients[k] = 2 * g"),
        ("tiny_engine", "np.array(gradients)", "np.array(gradients[::-1])"),
    ],
)
def test_what_is_returned_counts_where_every_blank_is_right(exercise, line, changed):
    source = solutions().solved_source(exercise)
    assert source.count(line) == 1
    known = load_exercise(exercise)
    assert check(exercise, function_of(source, known.function)).solved
    report = check(exercise, function_of(source.replace(line, changed), known.function))
    assert all(one.is_right for one in report.blanks)
    assert not report.solved
    assert "the function returns a wrong" in str(report)


@pytest.mark.parametrize(
    "code", ["delta @ W.t()", "np.mat_mul(delta, W.T)", "my_gradients(x, W, b, delta)['x']"]
)
def test_any_error_of_a_blank_is_a_row(code):
    report, _ = reported({"dx": code}, "layer")
    assert report.blanks[0].state == "wrong"
    assert "Error" in report.blanks[0].words


def test_numbers_of_less_precision_are_named():
    _, text = reported({"dW": "(x.T @ delta).astype('float32')"}, "layer")
    assert "these are the right numbers in float32; compute in float64" in text
    _, text = reported({"dW": "(2 * x.T @ delta).astype('float32')"}, "layer")
    assert "these are the right numbers" not in text


def test_adding_to_a_number_of_the_inputs_does_not_change_it():
    drawn = load_exercise("convolution").draw()
    number = drawn["b"]
    number += 1
    assert number != drawn["b"]

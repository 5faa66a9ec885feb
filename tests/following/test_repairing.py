"""Tests that wrong lines are found with their corrections, by one test for each kind of edit.

Each mistake is an edit of the text of a right program. The line that is edited is the oracle, and
the corrected line must be what was there before.
"""

import functools
import inspect

import numpy as np
import pytest

from tests.diagnosing.line_scores import applied, named_lines
from tests.diagnosing.program_files import load, texts_of_programs
from tinygrad_edu import check_manual
from tinygrad_edu.diagnosing import code_reading
from tinygrad_edu.following.repairing import Repair

NETWORK = """
import numpy as np

rng = np.random.default_rng(12)
X = rng.normal(size=(7, 4))
Y = rng.normal(size=(7, 3))
lam = 0.3
POINT = (rng.normal(size=(4, 5)), rng.normal(size=5), rng.normal(size=(5, 3)), rng.normal(size=3))

def F(W1, b1, W2, b2):
    a = np.tanh(X @ W1 + b1)
    e = a @ W2 + b2 - Y
    return (e**2).sum() / len(X) + lam * (W2**2).sum()

def slope(a):
    return 1 - a**2

def slope_of_relu(a):
    return 1.0 * (a > 0)

def BY_HAND(W1, b1, W2, b2):
    n, known = len(X), {"tanh": slope, "relu": slope_of_relu}
    z = X @ W1 + b1
    a = np.tanh(z)
    e = a @ W2 + b2 - Y
    dout = 2 * e / n
    dW2 = a.T @ dout
    dW2 += 2 * lam * W2
    db2 = dout.sum(axis=0)
    da = dout @ W2.T
    dz = da * slope(a)
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    return dW1, db1, dW2, db2
"""

LOOPS = """
import numpy as np

rng = np.random.default_rng(16)
X = rng.normal(size=(6, 3, 4))
K = np.array([1, 0, 3, 1, 2, 1])
POINT = (rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(3, 3)))

def F(W, E, V):
    h = 0
    for t in range(3):
        h = h + np.tanh(X[:, t] @ W)
    z = h + E[K]
    mixed = z @ V
    return (np.maximum(mixed, 0) * z).sum()

def BY_HAND(W, E, V):
    hs = [np.tanh(X[:, t] @ W) for t in range(3)]
    z = hs[0] + hs[1] + hs[2] + E[K]
    mixed = z @ V
    mask = mixed > 0
    dmixed = z * mask
    dV = z.T @ dmixed
    dz = mixed * mask + dmixed @ V.T
    dE = np.zeros((4, 3))
    np.add.at(dE, K, dz)
    dW = np.zeros((4, 3))
    for t in range(3):
        dh = dz * (1 - hs[t]**2)
        dW += X[:, t].T @ dh
    return dW, dE, dV
"""

SOFTMAX = """
import numpy as np

rng = np.random.default_rng(14)
X = rng.normal(size=(6, 4))
POINT = (rng.normal(size=(4, 3)), rng.normal(size=(1, 3)))

def F(W, b):
    e = np.exp(X @ W + b)
    return e / e.sum(axis=1, keepdims=True)

def BY_HAND(g, W, b):
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    dz = p * (g - (g * p).sum(axis=1, keepdims=True))
    return X.T @ dz, dz.sum(axis=0, keepdims=True)
"""


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """The search ends after a time; here it must not depend on how busy the machine is."""
    monkeypatch.setattr(code_reading, "Repair", functools.partial(Repair, seconds=30.0))


def line_of(text, line):
    """Return the number of a line by its text, which occurs once in the hand-written part."""
    numbers = [n for n, one in enumerate(text.split("\n"), 1) if one.strip() == line]
    return numbers[-1]


def checked(text, folder):
    module = load(text, "program", folder)
    with np.errstate(all="ignore"):
        return check_manual(module.F, module.BY_HAND, *module.POINT)


def edited(text, *edits):
    """Replace lines of the hand-written part: pairs of what is there, and what is written."""
    head, mark, tail = text.partition("\ndef BY_HAND")
    for before, after in edits:
        if before in tail:
            tail = tail.replace(before, after, 1)
        else:
            assert before in head
            head = head.replace(before, after, 1)
    return head + mark + tail


@pytest.mark.parametrize("text", [NETWORK, LOOPS, SOFTMAX], ids=["network", "loops", "softmax"])
def test_right_programs_find_nothing(text, tmp_path):
    check = checked(text, tmp_path)
    assert check.agree
    assert check.diagnoses == ()


# The program, the right line, the wrong line, and the kinds that name it.
ONE = {
    "sign": (NETWORK, "dW1 = X.T @ dz", "dW1 = -X.T @ dz", {"sign"}),
    "operator": (NETWORK, "dW2 += 2 * lam * W2", "dW2 += 2 * lam / W2", None),
    "swap": (NETWORK, "e = a @ W2 + b2 - Y", "e = Y - (a @ W2 + b2)", {"sign"}),
    "name of a weight": (NETWORK, "dW1 = X.T @ dz", "dW1 = X.T @ da", None),
    "name of an activation": (NETWORK, "dW2 = a.T @ dout", "dW2 = z.T @ dout", {"pre-activation"}),
    "drop call": (NETWORK, "a = np.tanh(z)", "a = np.tanh(np.tanh(z))", None),
    "function": (NETWORK, "dz = da * slope(a)", "dz = da * slope_of_relu(a)", None),
    "exponent": (NETWORK, "return 1 - a**2", "return 1 - a**3", None),
    "constant": (NETWORK, "dW2 += 2 * lam * W2", "dW2 += 3 * lam * W2", None),
    "add factor": (NETWORK, "dz = da * slope(a)", "dz = da", {"no activation derivative"}),
    "drop factor": (NETWORK, "dz = da * slope(a)", "dz = da * slope(a) * a", None),
    "add factor, a number": (NETWORK, "dout = 2 * e / n", "dout = e / n", {"factor"}),
    "add divisor": (NETWORK, "dout = 2 * e / n", "dout = 2 * e", {"factor"}),
    "add term": (NETWORK, "e = a @ W2 + b2 - Y", "e = a @ W2 - Y", None),
    "drop term": (NETWORK, "dW1 = X.T @ dz", "dW1 = X.T @ dz + W1",
                  {"extra term", "regularisation missing"}),
    "reduction": (NETWORK, "db2 = dout.sum(axis=0)", "db2 = dout.mean(axis=0)", {"bias averaged"}),
    "not summed": (NETWORK, "db2 = dout.sum(axis=0)", "db2 = dout[0]", {"bias not summed"}),
    "overwrite": (LOOPS, "dW += X[:, t].T @ dh", "dW = X[:, t].T @ dh",
                  {"contribution missing"}),
    "comparison": (LOOPS, "mask = mixed > 0", "mask = mixed < 0", None),
    "transpose": (LOOPS, "dz = mixed * mask + dmixed @ V.T", "dz = mixed * mask + dmixed @ V",
                  {"transposed"}),
    "product": (LOOPS, "dV = z.T @ dmixed", "dV = dmixed.T @ z", {"transposed"}),
    "range": (LOOPS, "for t in range(3):", "for t in range(2):",
              {"index", "formula", "contribution missing"}),
    "scatter": (LOOPS, "np.add.at(dE, K, dz)", "dE[K] += dz", {"contribution missing"}),
    "softmax": (SOFTMAX, "dz = p * (g - (g * p).sum(axis=1, keepdims=True))",
                "dz = p * (1 - p) * g", {"softmax elementwise"}),
    "axis": (SOFTMAX, "p = e / e.sum(axis=1, keepdims=True)",
             "p = e / e.sum(axis=0, keepdims=True)", {"wrong axis"}),
    "keepdims": (SOFTMAX, "return X.T @ dz, dz.sum(axis=0, keepdims=True)",
                 "return X.T @ dz, dz.sum(axis=1, keepdims=True)[:1] + 0 * b", None),
    "upstream": (SOFTMAX, "dz = p * (g - (g * p).sum(axis=1, keepdims=True))",
                 "dz = p * (1 - (g * p).sum(axis=1, keepdims=True))", None),
}  # fmt: skip


@pytest.mark.parametrize("kind", ONE)
def test_one_mistake(kind, tmp_path):
    text, right, wrong, kinds = ONE[kind]
    wrong_text = edited(text, (right, wrong))
    check = checked(wrong_text, tmp_path)
    assert not check.agree
    assert check.diagnoses, "silent"
    first, *others = check.diagnoses
    assert others == []
    assert first.line is not None
    assert (first.line.line, first.line.code) == (line_of(wrong_text, wrong), wrong.rstrip())
    assert kinds is None or first.kind in kinds
    corrected = applied(wrong_text, check.diagnoses)
    assert corrected is not None
    assert checked(corrected, tmp_path).agree


# Where a mistake may be named at another line too, or has no correction: what is proposed is right.
ELSEWHERE = {
    "sign of a delta": (NETWORK, "da = dout @ W2.T", "da = -dout @ W2.T"),
    "times for divided": (NETWORK, "dout = 2 * e / n", "dout = 2 * e * n"),
    "constant of the forward pass": (NETWORK, "z = X @ W1 + b1", "z = X @ W1 + 2 * b1"),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_proposed_is_right(kind, tmp_path):
    text, right, wrong = ELSEWHERE[kind]
    wrong_text = edited(text, (right, wrong))
    check = checked(wrong_text, tmp_path)
    assert check.diagnoses, "silent"
    corrected = applied(wrong_text, check.diagnoses)
    assert corrected is not None
    assert checked(corrected, tmp_path).agree


def test_derivative_in_a_function(tmp_path):
    wrong_text = edited(NETWORK, ("return 1 - a**2", "return a**2"))
    check = checked(wrong_text, tmp_path)
    assert check.diagnoses[0].line.line == line_of(wrong_text, "return a**2")


# Several mistakes ---------------------------------------------------------------------------------

SEVERAL = {
    "a factor and a sum": (NETWORK, [("dW1 = X.T @ dz", "dW1 = X.T @ (2 * dz)"),
                                     ("db2 = dout.sum(axis=0)", "db2 = dout.mean(axis=0)")]),
    "a derivative and a weight": (NETWORK, [("dz = da * slope(a)", "dz = da"),
                                            ("dW2 += 2 * lam * W2", "dW2 += lam * W2")]),
    "two in a loop": (LOOPS, [("dW += X[:, t].T @ dh", "dW = X[:, t].T @ dh"),
                              ("dV = z.T @ dmixed", "dV = dmixed.T @ z")]),
    "three": (NETWORK, [("dW2 = a.T @ dout", "dW2 = z.T @ dout"),
                        ("db2 = dout.sum(axis=0)", "db2 = dout[0]"),
                        ("db1 = dz.sum(axis=0)", "db1 = -dz.sum(axis=0)")]),
    "three one after the other": (NETWORK, [("dout = 2 * e / n", "dout = 2 * e"),
                                            ("dz = da * slope(a)", "dz = da"),
                                            ("db1 = dz.sum(axis=0)", "db1 = dz.mean(axis=0)")]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_mistakes(kind, tmp_path):
    text, edits = SEVERAL[kind]
    wrong_text = edited(text, *edits)
    check = checked(wrong_text, tmp_path)
    found = {line for one in check.diagnoses for line in named_lines(one)}
    assert found == {line_of(wrong_text, wrong) for _, wrong in edits}
    corrected = applied(wrong_text, check.diagnoses)
    assert corrected is not None
    assert checked(corrected, tmp_path).agree


def test_the_same_mistake_on_two_lines_is_one_diagnosis(tmp_path):
    lines = "db2 = dout.sum(axis=0)", "db1 = dz.sum(axis=0)"
    wrong_text = edited(NETWORK, *((line, f"{line} / n") for line in lines))
    (one,) = checked(wrong_text, tmp_path).diagnoses
    numbers = [line_of(wrong_text, f"{line} / n") for line in lines]
    assert f"lines {numbers[0]}, {numbers[1]}:" in one.sentence
    assert set(one.explains) == {"b1", "b2"}


# Silence ------------------------------------------------------------------------------------------

UNEXPLAINED = {
    "noise": "dz = da * slope(a) + rng.normal(size=(7, 5))",
    "noise of the same numbers": "dz = da * slope(a) + 0.1 * np.sin(np.arange(35.0)).reshape(7, 5)",
    "an odd factor": "dz = da * slope(a) * np.linspace(0.3, 1.7, 5)",
}


@pytest.mark.parametrize("kind", UNEXPLAINED)
def test_a_mistake_that_nothing_explains_names_no_other_line(kind, tmp_path):
    wrong = UNEXPLAINED[kind]
    wrong_text = edited(NETWORK, ("dz = da * slope(a)", wrong))
    check = checked(wrong_text, tmp_path)
    assert not check.agree
    lines = {one.line.line for one in check.diagnoses if one.line is not None}
    assert lines <= {line_of(wrong_text, wrong)}


@pytest.mark.parametrize("seed", range(6))
def test_gradients_of_nowhere_name_no_line(seed, tmp_path):
    """The returned gradients are random numbers that no line computed."""
    module = load(NETWORK, "network", tmp_path)
    generator = np.random.default_rng(seed)
    noise = [generator.normal(size=one.shape) for one in module.POINT]

    def wrong(*arrays):
        return noise

    check = check_manual(module.F, wrong, *module.POINT)
    assert not check.agree
    assert [one for one in check.diagnoses if one.right] == []


PROGRAMS = list(texts_of_programs().items())[::5]


@pytest.mark.parametrize(("name", "text"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
def test_a_term_that_the_code_does_not_know_is_not_explained(name, text, tmp_path, monkeypatch):
    """The function has one more term, so each gradient by hand is right but for the first."""
    monkeypatch.setattr(code_reading, "Repair", functools.partial(Repair, seconds=0.2))
    module = load(text, name, tmp_path)
    factors = np.random.default_rng(8).normal(size=module.POINT[0].shape)

    def with_more(*arrays):
        return module.F(*arrays) + (factors * arrays[0]).sum()

    names = list(inspect.signature(module.F).parameters)
    names = names if len(names) == len(module.POINT) else None
    check = check_manual(with_more, module.BY_HAND, *module.POINT, names=names)
    assert not check.agree
    assert [one.sentence for one in check.diagnoses if one.right] == []


# Failing corrections ------------------------------------------------------------------------------


def test_a_correction_that_makes_the_code_fail_is_not_taken(tmp_path):
    """Of these, corrections were taken with which the code then raised an IndexError."""
    texts = texts_of_programs()
    for name, wrong in (("rows_relu_softmax", ("dscores /= N", "pass")),
                        ("rows_svm", ("dW /= num_train", "pass"))):  # fmt: skip
        text = texts[name].replace(*wrong)
        assert text != texts[name]
        check = checked(text, tmp_path)
        assert not check.agree

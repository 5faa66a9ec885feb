"""Tests `check_update`: right rules in many spellings, wrong ones, how it is called, errors."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from nn import check_update
from nn.by_hand.updates import diagnosis, lines
from nn.by_hand.updates.check_update import _PASSED, _RULES
from nn.by_hand.updates.slips import Slip, slips_of, step_of
from tinygrad_edu import GradientError

from . import right_updates, wrong_updates


def name_of(value):
    return getattr(value, "__name__", "")


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize(("rule", "settings", "step"), right_updates.RIGHT, ids=name_of)
def test_right_rules_agree(rule, settings, step, seed):
    check = check_update(step, rule, seed=seed, **settings)
    assert check.agree, str(check)
    assert check.first == ""
    assert check.diagnoses == ()
    assert all(row.agree for row in check.rows)
    check.assert_agree()


@pytest.mark.parametrize(
    ("rule", "settings", "words", "corrected", "step"), wrong_updates.WRONG, ids=name_of
)
def test_wrong_rules_are_named(rule, settings, words, corrected, step):
    check = check_update(step, rule, steps=2, **settings)  # as few as there may be
    assert not check.agree
    (diagnosis,) = check.diagnoses
    assert words in diagnosis.sentence
    assert "looks like this" in diagnosis.sentence
    first, lines = inspect.getsourcelines(step)[1], inspect.getsourcelines(step)[0]
    assert (diagnosis.line is None) == (corrected is None)
    assert diagnosis.line is None or first <= diagnosis.line.line < first + len(lines)
    if corrected:
        assert diagnosis.right == corrected
    with pytest.raises(GradientError, match=re.escape(words)):
        check.assert_agree()


def test_there_are_enough_cases():
    assert len(right_updates.RIGHT) >= 12
    assert len(wrong_updates.WRONG) >= 25


def of_equations(rule, slip):
    """Write a step from the equations of a rule with a slip."""
    equations = slip.equations(rule)
    kept = _RULES[rule][2]

    def step(params, grads, state, lr, eps, momentum, beta1, beta2, weight_decay, t):
        given = {"lr": lr, "eps": eps, "momentum": momentum, "beta1": beta1, "beta2": beta2}
        for name in params:
            values = {**given, "w": params[name], "g": grads[name], "t": t}
            values |= {one: state.get((one, name), np.zeros_like(params[name])) for one in kept}
            values |= {"decay_all": weight_decay}
            values["weight_decay"] = 0.0 if name[0] == "b" else weight_decay
            after = step_of(equations, values)
            params[name] = after["w"]
            state |= {(one, name): after[one] for one in kept}

    def called(params, grads, state, t, **settings):
        unused = dict.fromkeys(("eps", "momentum", "beta1", "beta2"), 0.5)
        step(params, grads, state, t=t, **{**unused, **settings})

    names = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
             for name in ("params", "grads", "state", "t")]  # fmt: skip
    names += [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in _RULES[rule][1]]
    called.__signature__ = inspect.Signature(names)
    return called


PLAIN = [rule for rule in _RULES if rule != "classic_momentum"]


@pytest.mark.parametrize("rule", PLAIN)
def test_every_slip_of_the_table_is_distinguished(rule, monkeypatch):
    """The table has no slip that is right, and none that looks like an earlier one."""
    monkeypatch.setattr(diagnosis, "follower_of", lambda *_: None)
    assert check_update(of_equations(rule, Slip("", "", {})), rule).agree
    found = slips_of(rule, _PASSED)
    assert len(found) >= 10
    for slip in found:
        check = check_update(of_equations(rule, slip), rule)
        assert not check.agree, slip
        assert [one.kind for one in check.diagnoses] == [slip.kind], slip
        assert slip.words in check.diagnoses[0].sentence


def test_two_slips_are_both_named():
    def step(w, g, m, v, t, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        return w + lr * m / (np.sqrt(v) + eps), m, v

    check = check_update(step, "adam")
    assert [one.kind for one in check.diagnoses] == ["gradient added", "no bias correction"]


def test_slips_that_look_the_same_are_both_named():
    """Here sqrt(1 - beta2) / (1 - beta1) is 1, so a correction by the first step does nothing."""

    def step(w, g, m, v, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        return w - lr * m / (np.sqrt(v) + eps), m, v

    (diagnosis,) = check_update(step, "adam").diagnoses
    assert "the bias correction is missing" in diagnosis.sentence
    assert "with these settings the same: t stays at 1" in diagnosis.sentence
    (diagnosis,) = check_update(step, "adam", beta2=0.98).diagnoses
    assert "the same" not in diagnosis.sentence


@pytest.mark.parametrize("rule", PLAIN)
def test_it_is_silent_where_nothing_explains_it(rule):
    """Numbers of another origin: the parameter after each step is drawn."""
    generator = np.random.default_rng()

    def step(w, g, lr):
        return generator.normal(size=w.shape)

    check = check_update(step, rule)
    assert not check.agree
    assert check.diagnoses == ()
    assert check.first.startswith("step 1 differs first: W1, b1")


def test_a_nudge_of_one_element_is_seen_and_not_explained():
    def step(w, g, v, lr, mu):
        v = mu * v + g
        w = w - lr * v
        w.flat[1] *= 1 + 1e-7
        return w, v

    check = check_update(step, "momentum")
    assert not check.agree
    assert all(one.line is not None for one in check.diagnoses)
    (row, *_) = [row for row in check.rows if not row.agree]
    assert row.element == (0, 1)


def test_a_drawn_right_rule_always_agrees():
    """No combination of settings and seeds makes a right rule look wrong."""
    generator = np.random.default_rng()

    def step(params, grads, m, v, t, lr, beta1, beta2, eps, weight_decay):
        for k, w in params.items():
            g = grads[k] + (weight_decay * w if w.ndim > 1 else 0)
            m[k] += (1 - beta1) * (g - m[k])
            v[k] = v[k] * beta2 + g * g * (1 - beta2)
            scale = np.sqrt(v[k] / (1 - beta2**t)) + eps
            params[k] = w - lr / scale * (m[k] / (1 - beta1**t))

    for _ in range(20):
        check = check_update(
            step,
            "adam",
            seed=int(generator.integers(10**6)),
            steps=int(generator.integers(2, 30)),
            lr=10 ** generator.uniform(-6, 0),
            beta1=generator.uniform(0, 0.99),
            beta2=generator.uniform(0.5, 0.9999),
            eps=10 ** generator.uniform(-12, -2),
            weight_decay=generator.uniform(0, 0.1),
        )
        assert check.agree, str(check)


# How it is called -------------------------------------------------------------------------------


def test_a_step_starts_afresh_and_leaves_no_trace():
    kept = {"n": 0}
    velocity = {}

    def step(params, grads, lr):
        kept["n"] += 1
        for k in params:
            velocity[k] = 0.9 * velocity.get(k, 0) + grads[k]
            params[k] -= lr * velocity[k]

    optimizer = right_updates.AdamOfAClass()
    for _ in range(2):
        assert check_update(step, "momentum").agree
        assert check_update(optimizer.update, "adam").agree
    assert (kept, velocity, optimizer.t, optimizer.m) == ({"n": 0}, {}, 0, {})


def test_parameters_are_those_given_and_stay_as_they_are():
    given = {"W": np.arange(6.0).reshape(2, 3), "bias": np.ones((2, 1))}
    before = {name: array.copy() for name, array in given.items()}

    def step(params, grads, lr):
        for k in params:
            params[k] -= lr * grads[k]

    check = check_update(step, "sgd", params=given, steps=2)
    assert check.agree
    assert {row.variable: row.yours.shape for row in check.rows} == {"W": (2, 3), "bias": (2, 1)}
    np.testing.assert_equal(given, before)


def test_biases_are_decayed_as_in_pytorch_on_request():
    def step(params, grads, lr, wd):
        for k in params:
            params[k] -= lr * (grads[k] + wd * params[k])

    assert not check_update(step, "sgd").agree
    assert check_update(step, "sgd", decay_biases=True).agree


def test_slips_are_found_where_all_arrays_are_decayed():
    def step(w, g, v):
        v = g + 0.02 * w - 0.8 * v
        return w - 0.1 * v, v

    (diagnosis,) = check_update(step, "momentum", lr=0.1, momentum=0.8, weight_decay=0.02).diagnoses
    assert diagnosis.kind == "momentum sign"
    assert diagnosis.right == "v = g + 0.02 * w + 0.8 * v"

    def uphill(params, grads, lr, wd):
        for k in params:
            params[k] += lr * (grads[k] + wd * params[k])

    (diagnosis,) = check_update(uphill, "sgd", decay_biases=True).diagnoses
    assert diagnosis.kind == "gradient added"


def test_settings_come_from_defaults_and_variables():
    rate = 0.3
    eta = rate

    def step(w, g, v, mu=0.6):
        v = mu * v + g
        return w - eta * v, v

    check = check_update(step, "momentum")
    assert check.agree
    assert "settings of your step: lr = 0.3, momentum = 0.6" in check.notes
    assert not check_update(step, "momentum", lr=0.31).agree
    assert check_update(step, "momentum", momentum=0.5).agree, "a setting that is passed on"


def test_the_first_step_that_differs_is_named():
    def step(w, g, v, lr, mu):
        v = g
        return w - lr * v, v

    check = check_update(step, "momentum")
    assert check.first == "step 2 differs first: W1, b1, v of W1, v of b1"
    assert [row.agree for row in check.rows if row.step == 1] == [True] * 4
    assert str(check).startswith("✗ 3 of 4 steps differ from momentum")


def test_a_velocity_that_contains_the_rate_matches():
    def step(w, g, v, lr, mu):
        v = mu * v - lr * g
        return w + v, v

    for rule in ("momentum", "classic_momentum"):
        check = check_update(step, rule)
        assert {row.word for row in check.rows} == {"match"}


def test_the_report_shows_both_lines_and_is_saved(tmp_path):
    check = check_update(wrong_updates.averages, "momentum")
    assert "yours  v = mu * v + (1 - mu) * g\n" in str(check)
    assert "right  v = mu * v + g\n" in str(check)
    assert "8 rows of later steps" in str(check)
    page = check.save(tmp_path / "update.html").read_text("utf-8")
    text = check.save(tmp_path / "update.txt").read_text("utf-8")
    for shown in (page, text):
        assert "later steps" not in shown
        assert "moving average" in shown
    assert len(re.findall(r"^ +\d  [Wbv]", text, re.M)) == 16
    with pytest.raises(ValueError, match=r"known are \.html, \.txt"):
        check.save(tmp_path / "update.pdf")
    assert "<table" in check._repr_html_()


PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "checking.md"


def test_the_page_shows_what_a_file_prints(tmp_path, monkeypatch, capsys):
    if not PAGE.is_file():
        pytest.skip("the documents are in the clone only")
    found = re.search(
        r"^```python\n(from nn import check_update\n.*?)^```\n.*?^```text\n(.*?)^```",
        PAGE.read_text("utf-8"),
        re.S | re.M,
    )
    (tmp_path / "my_rules.py").write_text(f"import numpy as np\n{found[1]}", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lines, "_SECONDS", 60.0)  # a slow machine finds less in the usual time
    importlib.import_module("my_rules")
    assert capsys.readouterr().out == found[2]
    del sys.modules["my_rules"]


# Errors -----------------------------------------------------------------------------------------


def sgd(w, g, lr):
    return w - lr * g


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: check_update(sgd, "adan"), ValueError, "rule must be one of sgd, .*got 'adan'"),
        (lambda: check_update(3, "sgd"), TypeError, "step must be a function, got a int"),
        (lambda: check_update(lambda w: w, "sgd"), TypeError, "a parameter and its gradient"),
        (lambda: check_update(lambda *all: 0, "sgd"), TypeError, "a parameter and its gradient"),
        (
            lambda: check_update(lambda w, b, dw, db: 0, "sgd"),
            TypeError,
            "gradients, dw, db;",
        ),
        (lambda: check_update(lambda w, g: w - 0.1 * g, "sgd"), ValueError, "lr is not known: .*"),
        (lambda: check_update(sgd, "sgd", beta1=0.9), TypeError, "sgd has no setting 'beta1'"),
        (lambda: check_update(sgd, "sgd", lr=0), ValueError, "lr must be > 0"),
        (lambda: check_update(sgd, "sgd", lr="0.1"), TypeError, "lr must be a number"),
        (lambda: check_update(sgd, "sgd", steps=1), ValueError, "steps must be 2 to"),
        (lambda: check_update(sgd, "sgd", steps=2.0), TypeError, "steps must be an int"),
        (lambda: check_update(sgd, "sgd", seed=-1), ValueError, "seed must be >= 0"),
        (lambda: check_update(sgd, "sgd", seed=None), TypeError, "seed must be an int"),
        (lambda: check_update(sgd, "sgd", params={}), ValueError, "params is empty"),
        (lambda: check_update(sgd, "sgd", params=["a"]), ValueError, "finite numbers"),
        (lambda: check_update(lambda w, g: w[9], "sgd", lr=1), ValueError, "IndexError"),
        (lambda: check_update(lambda w, g: "w", "sgd", lr=1), ValueError, "shape .* got a str"),
        (lambda: check_update(lambda w, g: w.T, "sgd", lr=1), ValueError, r"got shape \(4, 3\)"),
    ],
)
def test_errors_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)

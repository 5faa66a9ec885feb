"""Checks that reports are made of: networks with errors put in, and whatever is unusual."""

from dataclasses import replace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.diagnosing import check_manual

HOSTILE = "<script>$x_1$ 数 " + "long " * 20


def network(wrong=None, names=("W1", "b1", "W2", "b2"), sizes=(4, 5, 3), **options):
    """Check a network of two layers; `wrong` changes the right gradients, by name."""
    generator = np.random.default_rng(0)
    inputs, hidden, outputs = sizes
    shapes = ((inputs, hidden), (hidden,), (hidden, outputs), (outputs,))
    values = [generator.normal(size=shape) for shape in shapes]
    x = generator.normal(size=(6, inputs))

    def f(w1, b1, w2, b2):
        return (tg.tanh(x @ w1 + b1) @ w2 + b2).sum()

    leaves = [tg.Tensor(value, requires_grad=True) for value in values]
    gradients = dict(zip(names, tg.grad(f(*leaves), leaves), strict=True))
    gradients = {name: np.array(gradient) for name, gradient in gradients.items()}
    for name, change in (wrong or {}).items():
        gradients[name] = change(gradients[name])
    return check_manual(f, list(gradients.values()), *values, names=list(names), **options)


def added(index, amount):
    def change(gradient):
        gradient[index] += amount
        return gradient

    return change


def of_one(shape, errors, name="x"):
    """Check x.sum(), whose gradient is 1 everywhere, with these errors added."""
    value = np.ones(shape)
    return check_manual(lambda x: x.sum(), [value + errors], value, names=[name], samples=2)


def with_equations(check):
    rows = [
        replace(row, equation=f"∂L/∂{row.name} = …\nδ = …", equation_code="rule.py:7: x < y")
        for row in check.rows
    ]
    return replace(check, rows=tuple(rows))


def unusual():
    """Give checks that a report must survive, by what is unusual about them."""
    big = np.array([1e308, -1e308])
    return {
        "right": network(),
        "nothing": replace(network(), rows=()),
        "long and hostile names": network(
            {HOSTILE: np.negative}, names=(HOSTILE, HOSTILE + "2", "α" * 90, "d")
        ),
        "shapes": network({"W1": np.transpose, "b2": lambda g: g[:2]}),
        "one wrong shape": check_manual(lambda x: x.sum(), [np.ones(2)], np.ones(3)),
        "NaN": network({"W1": added((1, 2), np.nan), "b2": added(0, np.inf)}),
        "NaN everywhere": of_one((70, 70), np.nan),
        "overflow": check_manual(lambda x: (x * -big).sum(), [big], np.ones(2)),
        "smallest": check_manual(lambda x: (x * 0.0).sum(), [np.array([5e-324])], np.ones(1)),
        "whole numbers": check_manual(lambda x: x.sum(), [np.array([1, 2])], np.ones(2)),
        "single number": check_manual(lambda a, b: a * b, [2.0, 2.0], 2.0, 3.0),
        "no elements": check_manual(lambda x, y: x.sum() + y, [np.ones(0), 2.0], np.ones(0), 1.0),
        "three axes": of_one((2, 3, 4), np.eye(4)[None, :3]),
        "long vector": of_one(300, np.arange(300.0)),
        "unused": check_manual(lambda x, y: x.sum(), [np.ones(2), np.ones(1)], np.ones(2), [1.0]),
        "many": check_manual(
            lambda *values: sum(value.sum() for value in values),
            [np.zeros(2)] * 14 + [np.ones(2)] * 14,
            *[np.ones(2)] * 28,
        ),
        "five": check_manual(
            lambda *values: sum(value.sum() for value in values),
            [np.zeros(2)] * 5,
            *[np.ones(2)] * 5,
        ),
        "digits": of_one((2, 2), 1e-9),
        "equations": with_equations(network({"W2": added((0, 1), 0.5)})),
        "equations of what is right": with_equations(network()),
        "notes": replace(network(), notes=("a < b",)),
    }


CASES = unusual()
EACH = pytest.mark.parametrize("check", CASES.values(), ids=CASES)

"""Gradients of single operations and shared values, derived by hand, with the mistakes in them.

Each case has a function of tensors, a way to draw arrays for it, the right gradients of
``(g, *arrays)``, and wrong ones with the kinds of diagnosis that are right for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg

from .planted import sigmoid, softmax


@dataclass(frozen=True)
class Case:
    f: Callable[..., Any]
    draw: Callable[[np.random.Generator], list[np.ndarray]]
    right: Callable[..., tuple[Any, ...]]
    wrong: dict[str, tuple[tuple[str, ...], Callable[..., tuple[Any, ...]]]]
    gives_number: bool = False


def alike(count, low=-2.0, high=2.0):
    """Draw arrays of one shape: numbers, rows or tables."""

    def draw(generator):
        shape = [(), (3,), (2, 4), (3, 3)][generator.integers(4)]
        return [generator.uniform(low, high, shape) for _ in range(count)]

    return draw


def tables(generator):
    rows, columns = generator.integers(3, 6, 2)
    return [generator.normal(size=(rows, columns))]


def dense(generator):
    n, before, after = generator.integers([3, 2, 2], [9, 6, 6])
    shapes = [(n, before), (before, after), (after,)]
    return [generator.normal(size=shape) for shape in shapes]


def square_dense(generator):
    n, width = generator.integers([3, 2], [9, 5])
    return [generator.normal(size=shape) for shape in [(n, width), (width, width), (width,)]]


def squares(generator):
    width = generator.integers(2, 5)
    return [generator.normal(size=(width, width)) for _ in range(2)]


def row_added(generator):
    n, width = generator.integers([3, 2], [9, 6])
    return [generator.normal(size=(n, width)), generator.normal(size=width)]


def half_planted(generator):
    """Draw a table in which some elements are exactly zero."""
    x = generator.normal(size=(3, 4))
    x[generator.integers(3), 1:3] = 0.0
    return [x]


def rows(generator):
    n, width = generator.integers([3, 2], [9, 6])
    return [generator.normal(size=(n, width)), generator.normal(size=(n, width))]


def tanh_slope(x):
    return 1 - np.tanh(x) ** 2


def sigmoid_slope(x):
    return sigmoid(x) * (1 - sigmoid(x))


def softmax_rule(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=1, keepdims=True))


MISSING = ("contribution missing",)
FACTOR = ("factor",)
UPSTREAM = ("upstream missing",)
OTHER = ("other operand",)
NO_SLOPE = ("no activation derivative",)

OPERATIONS: dict[str, Case] = {
    "a * b": Case(
        lambda a, b: a * b,
        alike(2),
        lambda g, a, b: (g * b, g * a),
        {
            "operands exchanged": (OTHER, lambda g, a, b: (g * a, g * b)),
            "upstream forgotten": (UPSTREAM, lambda g, a, b: (b, a)),
            "sign": (("sign",), lambda g, a, b: (g * b, -g * a)),
        },
    ),
    "a * b + a": Case(
        lambda a, b: a * b + a,
        alike(2),
        lambda g, a, b: (g * b + g, g * a),
        {
            "the product's part missing": (MISSING, lambda g, a, b: (g, g * a)),
            "the sum's part missing": (MISSING, lambda g, a, b: (g * b, g * a)),
        },
    ),
    "a * a": Case(
        lambda a: a * a,
        alike(1),
        lambda g, a: (2 * g * a,),
        {"one factor alone": (MISSING + FACTOR, lambda g, a: (g * a,))},
    ),
    "x * sin(x)": Case(
        lambda x: x * tg.sin(x),
        alike(1),
        lambda g, x: (g * (np.sin(x) + x * np.cos(x)),),
        {
            "first factor alone": (MISSING, lambda g, x: (g * np.sin(x),)),
            "second factor alone": (MISSING, lambda g, x: (g * x * np.cos(x),)),
        },
    ),
    "a - b": Case(
        lambda a, b: a - b,
        alike(2),
        lambda g, a, b: (g, -g),
        {"sign": (("sign",), lambda g, a, b: (g, g))},
    ),
    "a / b": Case(
        lambda a, b: a / b,
        alike(2, 0.5, 2.0),
        lambda g, a, b: (g / b, -g * a / b**2),
        {"sign": (("sign",), lambda g, a, b: (g / b, g * a / b**2))},
    ),
    "tanh": Case(
        tg.tanh,
        alike(1),
        lambda g, x: (g * tanh_slope(x),),
        {
            "derivative forgotten": (
                ("no activation derivative",),
                lambda g, x: (g * np.ones_like(x),),
            ),
            "derivative at the output": (
                ("derivative at the output",),
                lambda g, x: (g * tanh_slope(np.tanh(x)),),
            ),
            "formula applied to the input": (
                ("derivative at the input",),
                lambda g, x: (g * (1 - x**2),),
            ),
            "sigmoid's derivative": (
                ("derivative of another activation",),
                lambda g, x: (g * sigmoid_slope(x),),
            ),
            "upstream forgotten": (UPSTREAM, lambda g, x: (tanh_slope(x),)),
        },
    ),
    "sigmoid": Case(
        tg.sigmoid,
        alike(1),
        lambda g, x: (g * sigmoid_slope(x),),
        {
            "derivative forgotten": (
                ("no activation derivative",),
                lambda g, x: (g * np.ones_like(x),),
            ),
            "derivative at the output": (
                ("derivative at the output",),
                lambda g, x: (g * sigmoid_slope(sigmoid(x)),),
            ),
            "formula applied to the input": (
                ("derivative at the input",),
                lambda g, x: (g * x * (1 - x),),
            ),
            "tanh's derivative": (
                ("derivative of another activation",),
                lambda g, x: (g * tanh_slope(x),),
            ),
        },
    ),
    "relu": Case(
        tg.relu,
        half_planted,
        lambda g, x: (g * (x > 0),),
        {
            "one at the kink": (("kink",), lambda g, x: (g * (x >= 0),)),
            "half at the kink": (("kink",), lambda g, x: (g * ((x > 0) + 0.5 * (x == 0)),)),
            "derivative forgotten": (NO_SLOPE, lambda g, x: (g,)),
        },
    ),
    "exp": Case(
        tg.exp,
        alike(1),
        lambda g, x: (g * np.exp(x),),
        {
            "taken at the output": (
                ("derivative at the output",),
                lambda g, x: (g * np.exp(np.exp(x)),),
            ),
            "formula applied to the input": (("derivative at the input",), lambda g, x: (g * x,)),
        },
    ),
    "sqrt": Case(
        tg.sqrt,
        alike(1, 0.5, 3.0),
        lambda g, x: (g / (2 * np.sqrt(x)),),
        {"the 1/2 forgotten": (FACTOR, lambda g, x: (g / np.sqrt(x),))},
    ),
    "softmax": Case(
        tg.softmax,
        tables,
        lambda g, x: (softmax_rule(g, x),),
        {
            "elementwise": (
                ("softmax elementwise",),
                lambda g, x: (g * softmax(x) * (1 - softmax(x)),),
            ),
        },
    ),
    "mean over rows": Case(
        lambda x: x.mean(axis=0),
        tables,
        lambda g, x: (np.broadcast_to(g / len(x), x.shape),),
        {"mean forgotten": (FACTOR, lambda g, x: (np.broadcast_to(g, x.shape),))},
    ),
    "mean of squares": Case(
        lambda x, t: ((x - t) ** 2).mean(),
        rows,
        lambda x, t: (2 * (x - t) / x.size, -2 * (x - t) / x.size),
        {
            "2 forgotten": (FACTOR, lambda x, t: ((x - t) / x.size, -(x - t) / x.size)),
            "mean forgotten": (FACTOR, lambda x, t: (2 * (x - t), -2 * (x - t))),
            "sign": (("sign",), lambda x, t: (2 * (x - t) / x.size, 2 * (x - t) / x.size)),
        },
        gives_number=True,
    ),
    "half of the squares": Case(
        lambda x, t: ((x - t) ** 2).sum() / 2,
        rows,
        lambda x, t: (x - t, t - x),
        {"the 1/2 forgotten": (FACTOR, lambda x, t: (2 * (x - t), 2 * (t - x)))},
        gives_number=True,
    ),
    "x + b": Case(
        lambda x, b: x + b,
        row_added,
        lambda g, x, b: (g, g.sum(axis=0)),
        {
            "not summed": (("bias not summed",), lambda g, x, b: (g, g)),
            "averaged": (("bias averaged", "factor"), lambda g, x, b: (g, g.mean(axis=0))),
        },
    ),
    "x @ W + b": Case(
        lambda x, W, b: x @ W + b,
        dense,
        lambda g, x, W, b: (g @ W.T, x.T @ g, g.sum(axis=0)),
        {
            "weight transposed": (
                ("transposed",),
                lambda g, x, W, b: (g @ W.T, g.T @ x, g.sum(axis=0)),
            ),
            "bias not summed": (("bias not summed",), lambda g, x, W, b: (g @ W.T, x.T @ g, g)),
        },
    ),
    "x @ W + b, W square": Case(
        lambda x, W, b: x @ W + b,
        square_dense,
        lambda g, x, W, b: (g @ W.T, x.T @ g, g.sum(axis=0)),
        {
            "W instead of its transpose": (
                ("transposed",),
                lambda g, x, W, b: (g @ W, x.T @ g, g.sum(axis=0)),
            ),
        },
    ),
    "A @ B": Case(
        lambda A, B: A @ B,
        squares,
        lambda g, A, B: (g @ B.T, A.T @ g),
        {
            "no transpose": (("transposed",), lambda g, A, B: (g @ B, A.T @ g)),
            "the other factor": ((*OTHER, "another weight"), lambda g, A, B: (g @ A.T, A.T @ g)),
            "order exchanged": ((*OTHER, "transposed"), lambda g, A, B: (B.T @ g, A.T @ g)),
        },
    ),
    "x + tanh(x)": Case(
        lambda x: x + tg.tanh(x),
        alike(1),
        lambda g, x: (g * (1 + tanh_slope(x)),),
        {
            "skip forgotten": (MISSING, lambda g, x: (g * tanh_slope(x),)),
            "only the skip": (MISSING, lambda g, x: (g,)),
            "relu's derivative": (
                ("derivative of another activation",),
                lambda g, x: (g * (1 + (x > 0)),),
            ),
        },
    ),
    "(x @ W) @ W": Case(
        lambda x, W: x @ W @ W,
        lambda generator: square_dense(generator)[:2],
        lambda g, x, W: (g @ W.T @ W.T, (x @ W).T @ g + x.T @ (g @ W.T)),
        {
            "first use forgotten": (MISSING, lambda g, x, W: (g @ W.T @ W.T, (x @ W).T @ g)),
            "second use forgotten": (MISSING, lambda g, x, W: (g @ W.T @ W.T, x.T @ (g @ W.T))),
        },
    ),
}

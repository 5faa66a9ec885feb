"""Tests that taking and putting elements by number is captured, with numbers that change from call
to call, and that a replay raises the same error for a number that is out of range.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor

from .test_twins import twins

ROWS, COLUMNS = 4, 3

CALLS = {
    "gather": lambda x, i: tg.gather(x, 1, i),
    "gather rows": lambda x, i: tg.gather(x, 0, i),
    "take_along_axis": lambda x, i: tg.take_along_axis(x, i, 1),
    "take": lambda x, i: tg.take(x, i[:, 1], 1),
    "take from all": lambda x, i: tg.take(x, i[0]),
    "take, wrapped": lambda x, i: tg.take(x, i[:, 1], 1, mode="wrap"),
    "take, clipped": lambda x, i: tg.take(x, i[:, 1], 1, mode="clip"),
    "index_select": lambda x, i: tg.index_select(x, 1, i[:, 1]),
    "index_add": lambda x, i: tg.index_add(x[:COLUMNS], i[:, 1], x),
    "embedding": lambda x, i: tg.embedding(i, x[:COLUMNS]),
    "scatter": lambda x, i: tg.scatter(x, 1, i, 2 * x),
    "scatter_add": lambda x, i: tg.scatter_add(x, 1, i, 2 * x),
    **{
        f"scatter_reduce {reduce}": lambda x, i, reduce=reduce: tg.scatter_reduce(
            x, 1, i, 2 * x, reduce, include_self=False
        )
        for reduce in ("sum", "mean", "amax", "amin")
    },
    **{
        name: lambda x, i, name=name: getattr(tg, name)(x, i[:, 1], COLUMNS)
        for name in ("segment_sum", "segment_mean", "segment_max", "segment_min", "segment_softmax")
    },
    "topk": lambda x, i: tg.topk(x * i, 2)[0],
    "cummax": lambda x, i: tg.cummax(x * i, 0)[0],
    "masked_fill": lambda x, i: tg.masked_fill(x, i > 0, 1.5),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_change_from_call_to_call(name):
    def make():
        x = Tensor(np.random.default_rng(1).normal(size=(ROWS, COLUMNS)), requires_grad=True)

        def step(numbers):
            out = CALLS[name](x, numbers)
            (out * out).sum().backward(keep_interior=False)
            gradient, x.grad = x.grad, None
            return out, gradient

        return step, x

    def feed(number):
        drawn = np.random.default_rng(number).integers(0, COLUMNS, (ROWS, COLUMNS))
        if number == 5:
            drawn[0, 1] = 99  # an error for most of them, the same with capturing and without
        return (drawn,)

    step, refusal = twins(make, feed, calls=8)
    assert refusal is None
    assert step._programs
    assert step.recordings < 8, "nothing was replayed"

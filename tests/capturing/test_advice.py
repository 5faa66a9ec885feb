"""Tests the messages of refusals: each names what cannot be replayed, and what to write instead."""

import logging
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture
from tinygrad_edu.capturing.recording import _Whole

X = np.array([-1.0, 2.0, 3.0])


def rebound():
    box = SimpleNamespace(
        acc=[np.ones(2)], table={"a": np.ones(2)}, w=Tensor([1.0, 1.0]), n=1, more=[]
    )

    def rebind_list(x):
        box.acc = [a + 1 for a in box.acc]

    def write_list(x):
        box.acc[:] = [a + 1 for a in box.acc]

    def rebind_table(x):
        box.table = {key: a + 1 for key, a in box.table.items()}

    def write_table(x):
        for key in box.table:
            box.table[key] = box.table[key] + 1

    def rebind_tensor(x):
        box.w = Tensor(box.w.data + 1)

    def write_tensor(x):
        box.w.data = box.w.data + 1

    def count(x):
        box.n += 1

    def count_in_array(x):
        box.m = box.m + 1

    box.m = np.ones(())
    return box, {
        "box.acc[:] = ...": (rebind_list, write_list),
        "box.table[key] = ...": (rebind_table, write_table),
        "box.w.data = ...": (rebind_tensor, write_tensor),
        "keep it in an array": (count, count_in_array),
    }


@pytest.mark.parametrize("advice", rebound()[1])
def test_advice_about_changes_at_each_call(advice):
    box, steps = rebound()
    refused, followed = steps[advice]
    first = box.acc
    step = capture(lambda x: refused(x) or x * 2)
    step(X)
    with pytest.raises(CaptureError, match=re.escape(advice)) as error:
        step(X)
    path = advice.partition("[")[0].removesuffix(".data = ...") if advice[:3] == "box" else "box.n"
    assert str(error.value).startswith(f"the step changes {path} at each call, and a replay")
    assert all(type(array) is np.ndarray for array in first)
    step = capture(lambda x: followed(x) or x * 2)
    for _ in range(4):
        step(X)
    assert step._programs


def test_a_tensor_that_depends_on_no_array():
    for argument, name in ((1.0, "x"), (2, "x")):
        step = capture(lambda x: Tensor(x) * 2)
        with pytest.raises(CaptureError, match=rf"pass {name} as an array, np\.array\({name}\)$"):
            step(argument)
        for value in (1.0, 5.0, 7.0, 8.0):
            assert step(np.array(value)).item() == 2 * value
    with pytest.raises(CaptureError, match="depends on no array among its arguments or in its env"):
        capture(lambda x: Tensor([1.0]))(X)


def test_a_constant_instead_of_an_array_is_refused():
    box = SimpleNamespace(m=X.copy())

    def step(x):
        y = x + box.m
        box.m = np.zeros(3)
        return y

    captured = capture(step)
    captured(X)
    with pytest.raises(CaptureError, match=r"box\.m at each call"):
        captured(X)


def test_a_refusal_without_a_tracer_is_passed_on():
    def refused(*arrays):
        raise CaptureError("why")

    with pytest.raises(CaptureError, match="why"):
        _Whole().evaluate(refused, X, X)


def test_a_value_that_is_kept_where_it_cannot_be_seen(monkeypatch):
    kept = []
    monkeypatch.setattr(logging.getLogger("capturing"), "kept", kept, raising=False)

    def step(x):
        logging.getLogger("capturing").kept.append(x * 2)
        return x + 1

    step = capture(step)
    step(X)
    with pytest.raises(CaptureError, match="was kept and is used outside"):
        kept[0] + 1
    with pytest.raises(CaptureError, match="or another plain array"):
        np.asarray(kept[0])


def test_a_refused_result_restores_everything():
    w = Tensor(X, requires_grad=True)

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        w.data, w.grad = w.data - w.grad, None
        return {loss.shape: iter([loss])}

    with pytest.raises(CaptureError, match="the step returns a list_iterator"):
        capture(step)(X)
    np.testing.assert_array_equal(w.data, X)
    assert w.grad is None

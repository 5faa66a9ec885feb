"""Tests all ways to call captured steps: by name and by position, with arrays, numbers and tensors,
and with arguments that share memory.
"""

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture, getitem, no_grad

from .test_refusals import plain
from .test_twins import Box, arrays_of, drawn, replayed

X = np.array([-1.0, 2.0, 3.0])


def called(step, *calls):
    """Compare the results of calls, ``(arguments, keywords)``, with those of the function."""
    captured = capture(step)
    for number, (arguments, keywords) in enumerate(calls):
        expected = step(*arguments, **keywords)
        assert arrays_of(captured(*arguments, **keywords)) == arrays_of(expected), number
    return captured


def test_parameters_by_name_and_by_default():
    def step(x, b=None, c=None, *, d=2.0):
        y = x * d
        y = y if b is None else y * b
        return y if c is None else y + c

    x, v = np.arange(3.0), np.full(3, 5.0)
    by_name, by_place = ((x,), {"c": v}), ((x, v), {})
    captured = called(step, *[by_name] * 4, *[by_place] * 4, by_name, ((x, v, v), {}), by_place)
    assert captured.recordings < 8
    called(step, *[((x,), {"d": 3.0})] * 4, *[((x,), {})] * 4, ((x,), {"d": 3.0}))
    for wrong in (((x, v, v, v), {}), ((), {}), ((x,), {"e": 1})):
        with pytest.raises(TypeError):
            captured(*wrong[0], **wrong[1])


def test_parameters_of_any_name():
    names = [
        *("add", "multiply", "subtract", "refs", "same", "c", "dtype"),
        *("kind", "t0", "t1", "t2", "t3", "t4", "others"),
        *("more", "x_", "h", "ndarray", "Tensor", "computed", "now"),
        *("tick", "has_begun", "own_box_w", "free_box_w", "box_w", "setting", "changed"),
        *("make", "replay", "MISS"),
    ]
    for name in names:
        for arguments in (f"x, {name}", f"{name}, x"):
            scope = {}
            exec(
                f"def step(w, {arguments}):\n"
                f"    z = w.array * x * 2.5 + {name} * 3.0\n"
                f"    w.array = w.array - z * 0.5\n"
                f"    return z + {name} + x\n",
                scope,
            )

            def make(step=scope["step"]):
                box = Box(array=np.ones(3))
                return step.__get__(box), box

            replayed(make, lambda number: (drawn(number, 3), drawn(number + 50, 3)))


def test_arguments_of_all_kinds():
    arguments = [
        np.float64(2.0), np.array(2.0), np.zeros((0, 3)), np.arange(3), np.ones(3, bool),
        np.arange(6.0)[::2], np.asfortranarray(np.ones((2, 3))), Tensor([1.0, 2.0]), 3, 2.5, True,
    ]  # fmt: skip
    captured = capture(lambda x: x * 2 + 1)
    for _ in range(4):
        for argument in arguments:
            expected = argument * 2 + 1
            found = captured(argument)
            assert arrays_of([found]) == arrays_of([expected])
            assert type(found) is type(expected)
    locked = np.ones(3)
    locked.flags.writeable = False
    called(lambda x: x * 2, *[((locked,), {})] * 4)


def test_arguments_that_are_one_array():
    def step(x, y):
        kept = y.copy()
        x += 1
        return kept * 2, x - y

    def feed(number):
        x = drawn(number, 3)
        return (x, x) if number > 4 else (x, drawn(number + 50, 3))

    assert plain(step, feed) in ("replayed", "recorded", "refused")


def test_tensors_as_arguments():
    def changes_it(t):
        t.data = t.data * 2
        return t * 3

    assert plain(lambda t: t * 2, lambda n: (Tensor(drawn(n, 3)),)) == "replayed"
    assert plain(changes_it, lambda n: (Tensor(drawn(n, 3)),)) in (
        "refused",
        "recorded",
        "replayed",
    )
    w = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises((ValueError, CaptureError), match="detach"):
        capture(lambda t: t * 2)(w * 2)
    with no_grad():
        assert capture(lambda t: t * 2)(w).data.tolist() == [2, 2, 2]


def test_a_graph_that_was_there_before():
    v = Tensor(np.ones(3), requires_grad=True)
    w = v * 2

    def step(x):
        (x * w).sum().backward()
        return v.grad

    captured = capture(step)
    try:
        captured(np.ones(3))
    except CaptureError:
        assert v.grad is None
    else:
        assert v.grad.tolist() == [2, 2, 2]


def test_places_by_where():
    step = capture(lambda x: np.where(x > 0)[0])
    for _ in range(4):
        np.testing.assert_array_equal(step(X), [1, 2])
    np.testing.assert_array_equal(step(-X), [0])


def test_an_index_among_others():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    captured = capture(lambda rows: getitem(x, (rows, 1)))
    for rows in ([0, 1], [1, 1], [0, 0], [1, 0]):
        np.testing.assert_array_equal(captured(np.array(rows)).data, x.data[rows, 1])

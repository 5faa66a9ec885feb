"""Tests that a step keeps few recordings and programs, whatever its shapes and settings."""

import gc
import tracemalloc
import types
from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_edu import Tensor, capture, capturing

X = np.array([-1.0, 2.0, 3.0])


def test_a_setting_that_changes_at_each_call_is_not_recorded_forever():
    box = SimpleNamespace(rate=0.0)
    w = Tensor(X, requires_grad=True)

    def step(x):
        loss = (w * x * box.rate).sum()
        loss.backward()
        w.data, w.grad = w.data - 0.1 * w.grad, None
        return loss

    captured = capture(step)
    for number in range(30):
        box.rate = 1 / (number + 1)
        before = w.numpy()
        loss = captured(X)
        after = w.numpy()
        w.data = before
        assert step(X).item() == loss.item()
        np.testing.assert_array_equal(w.data, after)
        assert loss.node is None
    assert captured.recordings == 30
    for _ in range(30):  # once it is constant, there is a replay
        captured(X)
    assert captured.source


def test_many_shapes_that_come_once():
    captured = capture(lambda x: x * 2)
    arrays = [x for size in range(40) for x in (X, np.ones(size))]
    with pytest.warns(UserWarning, match="32 calls of a captured step were recorded in vain"):
        assert all(np.array_equal(captured(x), 2 * x) for x in arrays)
    assert len(captured._programs) == 1
    for size in range(40, 140):  # it warns once
        np.testing.assert_array_equal(captured(np.ones(size)), np.full(size, 2.0))


def test_of_many_shapes_that_come_once_the_oldest_recordings_are_dropped():
    step = capture(lambda x: x * 2.0)
    sizes = range(1, 10 * capturing._MOST_PROGRAMS)
    with pytest.warns(UserWarning, match="recorded in vain"):  # and most calls skip recording
        assert all(np.array_equal(step(np.ones(size)), np.full(size, 2.0)) for size in sizes)
    assert len(step._previous) == capturing._MOST_PROGRAMS


def test_more_kinds_of_arguments_than_programs():
    step = capture(lambda x: x * 2.0)
    sizes = range(1, capturing._MOST_PROGRAMS + 5)
    with pytest.warns(UserWarning, match="more than 16 kinds of arguments") as warned:
        assert all(np.array_equal(step(np.ones(n)), np.full(n, 2.0)) for n in [*sizes] * 6)
    assert len(warned) == 1
    assert len(step._programs) == capturing._MOST_PROGRAMS
    before = step.recordings
    for size in sizes:
        step(np.ones(size))
    assert step.recordings - before <= 6  # most are replayed: programs do not replace each other
    for _ in range(2 * capturing._RETRY_PERIOD):  # a repeated new shape gets its program
        step(np.ones(100))
    before = step.recordings
    step(np.ones(100))
    assert step.recordings == before


def test_changes_of_many_kinds_of_arguments_are_not_kept_forever():
    box = types.SimpleNamespace(size=0)

    def step(x):
        box.size = len(x)  # a change that only the next call of the same kind could repeat
        return x * 2.0

    captured = capture(step)
    for n in range(1, capturing._MOST_PROGRAMS + 5):
        captured(np.ones(n))
        assert box.size == n
    assert 0 < len(captured._changes) <= capturing._MOST_PROGRAMS


def test_many_shapes_do_not_pile_up():
    step = capture(lambda x: (x * 2 + 1).sum())
    sizes = range(1, 61)

    def call_all():
        for size in sizes:
            for _ in range(3):
                assert step(np.ones((500, size))) == 1500 * size

    tracemalloc.start()
    try:
        with pytest.warns(UserWarning, match="more than 16 kinds of arguments"):
            call_all()
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    largest = 500 * 60 * 8
    assert len(step._programs) <= 16
    assert used < 4 * 16 * largest

"""Corners of capturing that other tests pass by: rare orders of events, rare kinds of values."""

import logging
import threading
import types
from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture, capturing, getitem
from tinygrad_edu.stand_in import as_a_whole

X = np.array([-1.0, 2.0, 3.0])


def test_a_setting_that_changes_at_each_call_is_not_recorded_for_ever():
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
    for _ in range(30):  # and when it rests, there is a replay
        captured(X)
    assert captured.source


def test_many_shapes_that_come_once():
    captured = capture(lambda x: x * 2)
    arrays = [x for size in range(40) for x in (X, np.ones(size))]
    with pytest.warns(UserWarning, match="32 calls of a captured step were recorded in vain"):
        assert all(np.array_equal(captured(x), 2 * x) for x in arrays)
    assert len(captured._programs) == 1
    for size in range(40, 140):  # it is said once
        np.testing.assert_array_equal(captured(np.ones(size)), np.full(size, 2.0))


def test_state_that_is_made_in_two_calls():
    box = SimpleNamespace(first=None, second=None)

    def step(x):
        if box.first is None:
            box.first = x * 0
        elif box.second is None:
            box.second = x * 0
        return x + box.first

    captured = capture(step)
    for _ in range(6):
        np.testing.assert_array_equal(captured(X), X)
    assert captured.recordings == 4
    assert captured.source


def test_a_number_of_another_type(monkeypatch):
    hidden = logging.getLogger("capturing")
    monkeypatch.setattr(hidden, "number", 1, raising=False)
    step = capture(lambda x: x * logging.getLogger("capturing").number)
    step(X)
    hidden.number = 1.0
    with pytest.raises(CaptureError, match=r"1 became 1\.0"):
        step(X)


def test_places_by_where():
    step = capture(lambda x: np.where(x > 0)[0])
    for _ in range(4):
        np.testing.assert_array_equal(step(X), [1, 2])
    np.testing.assert_array_equal(step(-X), [0])


def test_an_array_that_is_written_into_and_then_replaced():
    box, twin = SimpleNamespace(w=X.copy()), SimpleNamespace(w=X.copy())

    def make(box):
        def step(x):
            total = box.w.sum()
            box.w *= 2
            box.w = x - 1
            return total, x

        return step

    captured, eager = capture(make(box)), make(twin)
    for number in range(8):
        found, expected = captured(X + number), eager(X + number)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
        np.testing.assert_array_equal(box.w, twin.w)


def test_a_tensor_and_an_array_in_one_list():
    w = Tensor(X, requires_grad=True)

    def step(x):
        joined = np.concatenate([x, w])
        loss = (joined * joined).sum()
        loss.backward()
        gradient, w.grad = w.grad, None
        return loss, gradient

    captured = capture(step)
    for number in range(5):
        loss, gradient = captured(X + number)
        assert loss.item() == (np.concatenate([X + number, X]) ** 2).sum()
        np.testing.assert_array_equal(gradient, 2 * X)


def test_a_constant_in_the_place_of_an_array_is_refused():
    box = SimpleNamespace(m=X.copy())

    def step(x):
        y = x + box.m
        box.m = np.zeros(3)
        return y

    captured = capture(step)
    captured(X)
    with pytest.raises(CaptureError, match=r"box\.m at each call"):
        captured(X)


def test_an_attribute_that_goes_away():
    box = SimpleNamespace(m=X.copy(), extra=1)

    def step(x):
        if hasattr(box, "extra"):
            del box.extra
        return x + box.m

    captured = capture(step)
    for _ in range(5):
        np.testing.assert_array_equal(captured(X), X + X)
    assert captured.source


def test_an_index_among_others():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    captured = capture(lambda rows: getitem(x, (rows, 1)))
    for rows in ([0, 1], [1, 1], [0, 0], [1, 0]):
        np.testing.assert_array_equal(captured(np.array(rows)).data, x.data[rows, 1])


def test_a_refusal_without_a_stand_in_is_passed_on():
    with pytest.raises(CaptureError, match="why"):
        as_a_whole(np.add, (X, X), {}, CaptureError("why"))


def test_another_thread_computes_with_the_network_that_is_recorded():
    w = Tensor(X, requires_grad=True)
    found = []

    def look():
        found.extend([w.numpy(), w.data + 1, (w * 2).data, w._data + 1])

    def step(x):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return x * w

    capture(step)(X)
    assert found
    for value, expected in zip(found, (X, X + 1, X * 2, X + 1), strict=True):
        assert isinstance(value, np.ndarray)
        np.testing.assert_array_equal(value, expected)


def test_a_value_that_was_kept_where_nobody_looks(monkeypatch):
    kept = []
    monkeypatch.setattr(logging.getLogger("capturing"), "kept", kept, raising=False)

    def step(x):
        logging.getLogger("capturing").kept.append(x * 2)
        return x + 1

    step = capture(step)
    step(X)
    with pytest.raises(CaptureError, match="was kept and is used outside"):
        kept[0] + 1
    with pytest.raises(CaptureError, match="way to a plain array"):
        np.asarray(kept[0])


def test_a_result_that_is_refused_leaves_all_as_it_was():
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


def test_of_many_shapes_that_come_once_the_oldest_recordings_are_dropped():
    step = capture(lambda x: x * 2.0)
    sizes = range(1, 10 * capturing._MOST_PROGRAMS)
    with pytest.warns(UserWarning, match="recorded in vain"):  # and recording grows rare
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
    assert step.recordings - before <= 6  # most are replayed: they do not drive each other out
    for _ in range(2 * capturing._RARELY):  # and a new shape that stays gets its program
        step(np.ones(100))
    before = step.recordings
    step(np.ones(100))
    assert step.recordings == before


def test_changes_of_many_kinds_of_arguments_are_not_kept_for_ever():
    box = types.SimpleNamespace(size=0)

    def step(x):
        box.size = len(x)  # a change that only the next call of the same kind could show again
        return x * 2.0

    captured = capture(step)
    for n in range(1, capturing._MOST_PROGRAMS + 5):
        captured(np.ones(n))
        assert box.size == n
    assert 0 < len(captured._changes) <= capturing._MOST_PROGRAMS

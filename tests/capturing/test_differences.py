"""Tests that the error names what differs when two calls of a step did not do the same. The steps
read a logger of the standard library, which capturing cannot watch.
"""

import logging
import pathlib
import threading

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture

HIDDEN = logging.getLogger("capturing")


def setting():
    return logging.getLogger("capturing").number


X = np.array([-1.0, 2.0, 3.0])
STEPS = {
    "call 1 was add first and then multiply": lambda x: x + 2.0 if setting() == 1 else x * 2.0,
    "one made 1 calls of NumPy, the next 2": lambda x: x + 2 if setting() == 1 else (x + 2) * 3,
    "the results, or the slots that hold them, changed": lambda x: (x + 1, x + 2)[
        :: 1 if setting() == 1 else -1
    ],
    "in call 2, sum, the arguments changed": lambda x: np.sum(x[None], axis=setting() - 1),
    "slice(None, 1, None) became slice(None, 2, None)": lambda x: x[: setting()],
    "in call 1, multiply, 1.0 became 2.0": lambda x: x * float(setting()),
    "an array of shape (3,) that was made in the step became an array": lambda x: (
        x + np.arange(3.0) * setting()
    ),
    "a value of shape (3,) became a value of shape (3,)": lambda x: np.subtract(
        x, (x + 1, x + 2)[setting() - 1]
    ),
    "the shape of the result was (2,) and then (1,)": lambda x: (
        np.flatnonzero(x > 0) if setting() == 1 else np.flatnonzero(x > 2)
    ),
}


@pytest.mark.parametrize("difference", STEPS)
def test_the_first_difference_is_named(difference, monkeypatch):
    step = capture(STEPS[difference])
    monkeypatch.setattr(HIDDEN, "number", 1, raising=False)
    step(X.copy())
    HIDDEN.number = 2
    with pytest.raises(CaptureError) as error:
        step(X.copy())
    if "shape of the result" in difference:  # the masks differ before the shapes do
        assert "two calls of the step did not do the same" in str(error.value)
    else:
        assert difference in str(error.value)


def test_a_shape_that_follows_from_values():
    step = capture(lambda x: np.flatnonzero(x) * 2)
    step(np.array([1.0, 0.0]))
    with pytest.raises(CaptureError, match=r"shape of the result was \(1,\) and then \(2,\)"):
        step(np.array([1.0, 1.0]))


def test_nan_equals_nan():
    step = capture(lambda x: (x * float("nan"), np.sum(x, where=np.array([True, False, True]))))
    for _ in range(4):
        assert np.isnan(step(X)[0]).all()
    assert step.source


def test_parameters_need_names():
    with pytest.raises(TypeError, match=r"has the parameter \*arrays, expected named parameters"):
        capture(lambda *arrays: arrays[0])


class Config:
    """A class whose attributes are watched, and whose arrays are read at every call."""

    scale = np.array(2.0)
    where = pathlib.Path("somewhere")
    offset = 1.0


def test_attributes_of_classes(monkeypatch):
    def step(x):
        Config.scale = Config.scale * 1.5
        return x * Config.scale + Config.offset

    captured = capture(step)
    for number in range(8):
        if number == 5:
            monkeypatch.setattr(Config, "offset", 2.0)
        before = Config.scale
        found = captured(X)
        after, Config.scale = Config.scale, before
        np.testing.assert_array_equal(found, step(X))
        np.testing.assert_array_equal(after, Config.scale)
    assert captured.recordings == 4


def test_too_much_to_watch():
    numbers = [*range(20_000)]
    with pytest.raises(CaptureError, match="can reach more than 10,000 objects"):
        capture(lambda x: x * numbers[0])(X)


def test_a_setting_that_is_gone_is_recorded_anew():
    settings = {"a": 2.0, "b": 3.0}

    def step(x):
        return x * sum(settings.values())

    captured = capture(step)
    for _ in range(3):
        captured(X)
    settings["c"] = settings.pop("b")
    np.testing.assert_array_equal(captured(X), X * 5.0)


@pytest.mark.needs("threads")
def test_another_step_on_the_same_network_at_the_same_time(monkeypatch):
    w = Tensor(X, requires_grad=True)
    is_inside, may_go = threading.Event(), threading.Event()
    wait = {"inside": is_inside.set, "to go": may_go.wait}
    monkeypatch.setattr(HIDDEN, "wait", wait, raising=False)

    def slow(x):
        logging.getLogger("capturing").wait["inside"]()
        logging.getLogger("capturing").wait["to go"](5)
        return x * w

    thread = threading.Thread(target=capture(slow), args=(X,))
    thread.start()
    is_inside.wait(5)
    try:
        with pytest.raises(CaptureError, match="recorded by another thread"):
            capture(lambda x: x + w)(X)
    finally:
        may_go.set()
        thread.join()
    np.testing.assert_array_equal(w.data, X)


def test_a_number_of_another_type(monkeypatch):
    hidden = logging.getLogger("capturing")
    monkeypatch.setattr(hidden, "number", 1, raising=False)
    step = capture(lambda x: x * logging.getLogger("capturing").number)
    step(X)
    hidden.number = 1.0
    with pytest.raises(CaptureError, match=r"1 became 1\.0"):
        step(X)

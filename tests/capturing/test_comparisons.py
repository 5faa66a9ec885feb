"""Tests the comparisons of replays with the step itself, at calls 4, 8, 16 and so on: a difference
is an error that names the call since which it may exist, and the call changes nothing.
"""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture
from tinygrad_edu.errors import ReplayError


@pytest.fixture
def logger(monkeypatch):
    """Return an object from a library, which capturing cannot watch."""
    found = logging.getLogger("capturing")
    monkeypatch.setattr(found, "scale", 2.0, raising=False)
    monkeypatch.setattr(found, "kept", [], raising=False)
    return found


def hidden():
    return logging.getLogger("capturing")


@pytest.mark.parametrize(
    ("changed", "noticed"), [(3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (20, 32)]
)
def test_a_difference_is_noticed(changed, noticed, logger):
    w = Tensor(np.ones(3), requires_grad=True)
    box = SimpleNamespace(count=np.zeros(3), stage=None)

    def step(x):
        box.count += 1
        w.data = w.data * x * hidden().scale
        return w.data.sum()

    captured, last_right = capture(step), max(2, noticed // 2)
    for number in range(1, noticed):
        if number == changed:
            logger.scale = 3.0
        captured(np.ones(3))
        w.data = np.ones(3)
    if changed == noticed:
        logger.scale = 3.0
    before = w.data, box.count.copy()
    with pytest.raises(ReplayError) as error:
        captured(np.ones(3))
    assert f"call {noticed} of the step" in str(error.value)
    assert f"may be wrong since call {last_right + 1};" in str(error.value)
    assert "differs from the step itself in its result" in str(error.value)
    assert w.data is not before[0]
    np.testing.assert_array_equal(w.data, before[0])
    np.testing.assert_array_equal(box.count, before[1])
    for _ in range(4):  # and it is recorded anew
        assert captured(np.ones(3)) == w.data.sum()
        w.data = np.ones(3)
    assert captured(np.ones(3)) == 9.0


DIFFERENT = {
    "its result[1]": lambda box, x, new: (x, x * 3 if new else x * 2),
    "its result['a']": lambda box, x, new: {"a": x * 3 if new else x * 2},
    "its result": lambda box, x, new: [x] if new else [x, x],
    "its result ": lambda box, x, new: {"b": x} if new else {"a": x},
    "its result  ": lambda box, x, new: x.sum() if new else x,
    "its result   ": lambda box, x, new: 2 if new else 1,
    "box.values": lambda box, x, new: setattr(box, "values", box.values * (3 if new else 2)),
    "box.other": lambda box, x, new: setattr(box, "other", x * 2) if new else None,
    "box.empty": lambda box, x, new: setattr(box, "empty", x * 2 if new else None),
    "an array that it writes into": lambda box, x, new: np.add(
        box.written, 2 if new else 1, out=box.written
    )[:0],
    "box.flag": lambda box, x, new: setattr(box, "flag", 1 if new else 0),
    "the length of a list": lambda box, x, new: box.entries.append(1) if new else None,
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_differences_of_all_kinds(what, logger):
    logger.scale = False
    box = SimpleNamespace(
        values=np.ones(3), other=np.ones(3), written=np.ones(3), empty=None, flag=0, entries=[]
    )
    body = DIFFERENT[what]
    step = capture(lambda x: body(box, x, hidden().scale))
    for _ in range(3):
        step(np.ones(3))
    assert step._programs
    before = {name: np.copy(value) for name, value in vars(box).items() if value is not None}
    logger.scale = True
    with pytest.raises(ReplayError) as error:
        step(np.ones(3))
    message = f"differs from the step itself in {what.strip()}, and replays may be wrong since call"
    assert f"{message} 3;" in str(error.value)
    after = {name: value for name, value in vars(box).items() if value is not None}
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_an_error_of_the_step_in_a_comparison(logger):
    box = SimpleNamespace(values=np.ones(3), written=np.ones(3))

    def step(x):
        box.values = box.values * x
        box.written += 1
        if hidden().scale > 2:
            raise ValueError("the user's own")
        return x * 1

    captured = capture(step)
    for _ in range(3):
        captured(np.full(3, 2.0))
    logger.scale = 3.0
    for _ in range(2):  # and it is compared again until that has been done
        with pytest.raises(ValueError, match="the user's own"):
            captured(np.full(3, 2.0))
        np.testing.assert_array_equal(box.values, np.full(3, 8.0))
        np.testing.assert_array_equal(box.written, np.full(3, 4.0))
    logger.scale = 2.0
    captured(np.full(3, 2.0))
    np.testing.assert_array_equal(box.values, np.full(3, 16.0))


def test_comparisons_are_rare(logger):
    calls = logger.kept

    def step(x):
        hidden().kept.append(1)
        return x * 2

    captured = capture(step)
    at = []
    for number in range(1, 301):
        before = len(calls)
        captured(np.ones(2))
        at += [number] * (len(calls) - before)
    assert at == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_nan_is_like_nan():
    step = capture(lambda x: (np.sqrt(x), float("nan")))
    with np.errstate(invalid="ignore"):
        for _ in range(20):
            assert np.isnan(step(np.array([-1.0]))[0])
    assert step.recordings == 2


def test_refusals_are_not_differences():
    assert issubclass(ReplayError, CaptureError)

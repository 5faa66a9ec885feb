"""Compares a captured step with its twin, which is not captured; all tests of capturing use this.

Both start from equal states and get equal arguments, call by call. After each call, all that they
returned and changed must be equal to the last bit. The tests here show that the comparison works: a
planner with a broken rule is caught.
"""

import dataclasses
import types

import numpy as np
import pytest

from nn import MLP, SGD
from tinygrad_edu import CaptureError, Tensor, capture
from tinygrad_edu.capturing.plan import Plan
from tinygrad_edu.capturing.recorder import Tape, Tracer

__all__ = ["Box", "differing", "drawn", "outcome", "replayed", "snapshot", "trained", "twins"]


class Box(types.SimpleNamespace):
    """An object with attributes."""


def drawn(number, *shape, dtype=np.float64):
    """Draw the random array of a number: equal at every call, in new memory."""
    return np.asarray(np.random.default_rng(number).normal(size=shape)).astype(dtype)


def trained(structure=(4, 5, 3), activation="tanh", dtype="float32", **keywords):
    """Return a small network and its optimizer."""
    network = MLP(list(structure), activation, dtype, seed=0)
    return network, SGD(network.parameters(), **{"lr": 0.1, **keywords})


def snapshot(value, path="", found=None, above=()):
    """Return all arrays and numbers in a value, by path.

    Dictionaries may have any keys; what a tensor was computed from is not looked at.
    """
    found = {} if found is None else found
    if any(value is other for other in above):
        return found
    above = (*above, value)
    if isinstance(value, Tensor):
        parts = {"data": value._data, "grad": value._grad}
    elif isinstance(value, Tracer):
        found[path] = "a tracer"
        return found
    elif isinstance(value, np.ndarray | np.generic):
        kind = np.ndarray if isinstance(value, np.ndarray) else type(value)  # .data has its own
        found[path] = (kind, value.dtype, value.shape, value.tobytes())
        return found
    elif isinstance(value, dict):
        parts = dict(enumerate(value.values()))
        parts["keys"] = [key for key in value if isinstance(key, str | int)]
    elif isinstance(value, list | tuple):
        parts = dict(enumerate(value))
    elif type(value).__module__.partition(".")[0] in ("nn", "tests") and hasattr(value, "__dict__"):
        parts = vars(value)
    else:
        found[path] = value if isinstance(value, int | float | str) else type(value)
        return found
    for name, part in parts.items():
        snapshot(part, f"{path}.{name}", found, above)
    return found


def arrays_of(value):
    """Return the arrays and leftover tracers in a value, by path."""
    found = snapshot(value).items()
    return {place: v for place, v in found if isinstance(v, tuple) or v == "a tracer"}


def held(value, above=()):
    """Return the arrays of a value themselves, or views of them."""
    if any(value is other for other in above):
        return []
    if isinstance(value, np.ndarray):
        return [value[...] if value.flags.writeable else value]
    if isinstance(value, Tensor):
        return held(value._data) + held(value._grad)
    parts = value if isinstance(value, list | tuple) else []
    if isinstance(value, dict) or hasattr(value, "__dict__"):
        parts = list((value if isinstance(value, dict) else vars(value)).values())
    return [array for part in parts for array in held(part, (*above, value))]


def without_gradients(result):
    """Return the values of results: a captured step returns tensors without graph or gradient."""
    if isinstance(result, Tensor):
        return ("a tensor", result._data)
    if type(result) in (tuple, list):
        return type(result)(map(without_gradients, result))
    if type(result) is dict:
        return {key: without_gradients(value) for key, value in result.items()}
    return result


def differing(one, other):
    """Return the paths at which two values differ."""
    first, second = snapshot(one), snapshot(other)
    return [k for k in first | second if k not in first or k not in second or first[k] != second[k]]


def attempt(step, arguments):
    keywords = arguments[-1] if arguments and isinstance(arguments[-1], dict) else {}
    positional = arguments[:-1] if keywords else arguments
    try:
        return step(*positional, **keywords), None
    except CaptureError:
        raise
    except Exception as error:
        return None, (type(error), str(error))


def twins(make, feed, calls=10, between=None):
    """Call a captured step and its twin, and compare after each call.

    Parameters
    ----------
    make : callable
        Returns a step and the state that it changes.
    feed : callable
        ``feed(number)`` returns the arguments of a call; keywords in a dictionary at the end.
    between : callable, optional
        ``between(number, state)`` is called on both states before each call.

    Returns
    -------
    (CapturedStep, CaptureError or None)
        The error if the step was refused; until then the twins agreed, and the refused call has
        changed no array.
    """
    (plain, state), (function, captured_state) = make(), make()
    step = capture(function)
    kept, captured_kept = [], []
    for number in range(calls):
        if between is not None:
            between(number, state)
            between(number, captured_state)
        arguments, captured_arguments = feed(number), feed(number)
        before = arrays_of((captured_state, captured_arguments))
        result, error = attempt(plain, arguments)
        try:
            captured_result, captured_error = attempt(step, captured_arguments)
        except CaptureError as refusal:
            after = arrays_of((captured_state, captured_arguments))
            assert "a tracer" not in after.values(), "a tracer is left"
            assert {place: after.get(place) for place in before} == before, "not restored"
            return step, refusal
        assert captured_error == error, f"call {number}"
        kept.append((without_gradients(result), arguments))
        captured_kept.append((without_gradients(captured_result), captured_arguments))
        if number % 3 == 1:  # hold the current arrays; after the other calls, no code holds them
            kept.append(held(state))
            captured_kept.append(held(captured_state))
        places = differing((*kept[-1], state), (*captured_kept[-1], captured_state))
        assert not places, f"call {number}"
    assert not differing(kept, captured_kept), "an earlier result or argument has changed since"
    return step, None


def replayed(make, feed, calls=10, between=None):
    """Require that the twins do the same, and that most calls were replayed."""
    step, refusal = twins(make, feed, calls, between)
    if refusal is not None:
        raise refusal
    assert step._programs
    assert step.recordings < calls, "nothing was replayed"
    return step


def outcome(make, feed, calls=10, between=None):
    """Compare the twins; return whether the step was replayed, only recorded, or refused."""
    step, refusal = twins(make, feed, calls, between)
    return "refused" if refusal else "replayed" if step.recordings < calls else "recorded"


# Tests of the comparison ----------------------------------------------------------------------


def classify():
    network, optimizer = trained(momentum=0.9)

    def step(x, y):
        from tinygrad_edu import softmax_cross_entropy

        logits = network(Tensor(x))
        loss = softmax_cross_entropy(logits, Tensor(y))
        loss.backward(keep_interior=False)
        optimizer.step()
        optimizer.zero_grad()
        return loss, logits

    return step, (network, optimizer)


def batches(number):
    return drawn(number, 6, 4, dtype=np.float32), np.arange(6) * (number + 1) % 3


def test_the_memory_of_windows_is_not_taken_while_they_are_read():
    """The base of their view is not an array."""

    def step(x):
        y = x * 2.0
        windows = np.lib.stride_tricks.sliding_window_view(y, 2)
        z = x + 1.0  # of the size of y, which nothing else reads
        return windows * 3.0, z * z

    replayed = capture(step)
    for number in range(6):
        x = np.arange(4.0) + number
        for one, other in zip(step(x), replayed(x), strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_plan_of_a_network_passes():
    replayed(classify, batches)


def test_a_buffer_that_is_used_again_too_early_is_noticed(monkeypatch):
    taken = Plan._take_block

    def first_block_for_all(self, free, size):
        if not self.blocks:
            return taken(self, free, size)
        self.blocks[0] = max(self.blocks[0], size)
        return 0

    monkeypatch.setattr(Plan, "_take_block", first_block_for_all)
    with pytest.raises(AssertionError):
        replayed(classify, batches)


def test_a_call_that_is_dropped_is_noticed(monkeypatch):
    dropped = Plan._drop_unneeded

    def one_more(self):
        dropped(self)
        needless = next(i for i, c in enumerate(self.calls) if c.function is np.subtract)
        call = self.calls[needless]
        self.calls[needless] = dataclasses.replace(call, function=np.add)

    monkeypatch.setattr(Plan, "_drop_unneeded", one_more)
    with pytest.raises(AssertionError):
        replayed(classify, batches)


def test_an_array_that_is_overwritten_while_the_caller_holds_it_is_noticed(monkeypatch):
    from tinygrad_edu.capturing import program

    monkeypatch.setattr(program, "getrefcount", lambda array: 1 if array is None else 0)

    def make():
        box = Box(array=np.ones(3))

        def step(x):
            box.array = box.array * x

        return step, box

    with pytest.raises(AssertionError, match="changed since"):
        replayed(make, lambda number: (drawn(number, 3),))


def test_a_leftover_tracer_is_noticed():
    found = snapshot(Tape().tracer(np.ones(1)))
    assert found == {"": "a tracer"}
    assert differing(Tensor([1.0]), Tensor([-1.0])) == [".data"]
    assert differing([np.float64(1)], [np.array(1.0)]) == [".0"]
    assert differing([0.0], [np.zeros(())]) == [".0"]

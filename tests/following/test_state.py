"""Tests that what the code keeps outside of a call is what one call leaves, wherever it is kept.

A check calls the code once, and then runs it hundreds of times to find out what is wrong.
"""

import copy

import numpy as np
import pytest

from tests.diagnosing.program_files import load
from tinygrad_edu import check_manual

from .test_running import exact

PROGRAM = """
import collections
import numpy as np

DATA = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]])
W = np.array([[0.3, -1.0], [2.0, 0.7]])
KEPT = START

def f(W):
    return ((DATA @ W) ** 2).sum()

class Layer:
    count = 0

    def __init__(self):
        self.cache = {"x": np.zeros(2), "deep": [np.zeros(3), {"n": 0}]}

    def forward(self, W):
        x = DATA @ W
        CHANGE
        return x

def by_hand(W):
    x = LAYER.forward(W)
    return (DATA.T @ x,)

LAYER = Layer()
"""

# Where something is kept: its start, a statement that changes it, and an expression that shows it.
PLACES = {
    "a number": ("0", "global KEPT; KEPT += 1", "KEPT"),
    "an array in place": ("np.ones(3)", "KEPT[:] *= 2", "KEPT"),
    "a view of an array": ("np.ones((3, 2))", "v = KEPT[1:]; v += x[0]", "KEPT"),
    "a list": ("[1.0]", "KEPT.append(x.sum()); KEPT[0] += 1", "KEPT"),
    "a set": ("{1}", "KEPT.add(len(KEPT) + 1)", "sorted(KEPT)"),
    "a deque": ("collections.deque([0])", "KEPT.append(len(KEPT))", "list(KEPT)"),
    "a dictionary": ("{'a': {}}", "KEPT['a'][len(KEPT['a'])] = 1", "KEPT"),
    "the order of a dictionary": ("{'a': 1, 'b': 2}", "KEPT['a'] = KEPT.pop('a')", "list(KEPT)"),
    "a list of arrays": ("[np.zeros(2), np.zeros(2)]",
                         "KEPT[1] += x[0]; KEPT[0] = KEPT[1]", "KEPT"),
    "an attribute": ("0", "self.n = getattr(self, 'n', 0) + 1", "LAYER.n"),
    "deep in an object": ("0", "self.cache['deep'][1]['n'] += 1; self.cache['deep'][0] += 1",
                          "LAYER.cache"),
    "an attribute of a class": ("0", "Layer.count += 1", "Layer.count"),
    "an attribute of a function": ("0", "f.calls = getattr(f, 'calls', 0) + 1", "f.calls"),
    "a generator of random numbers": ("np.random.default_rng(3)", "KEPT.normal(size=2)",
                                      "copy.deepcopy(KEPT).normal(size=3)"),
    "a new global": ("0", "globals().setdefault('NEW', []).append(1)", "NEW"),
    "a global that is deleted": ("[0]", "globals().pop('OTHER', None)", "'OTHER' in globals()"),
}  # fmt: skip


def of(module, shown):
    return eval(shown, {**vars(module), "copy": copy, "globals": lambda: vars(module)})


@pytest.mark.parametrize("place", PLACES)
def test_state_is_that_of_one_call(place, tmp_path):
    start, change, shown = PLACES[place]
    text = PROGRAM.replace("START", start).replace("CHANGE", change)
    called, tested = load(text, "state", tmp_path), load(text, "state", tmp_path)
    called.OTHER = tested.OTHER = 1
    called.by_hand(called.W.copy())
    check = check_manual(tested.f, tested.by_hand, tested.W)
    assert not check.agree
    assert exact(of(tested, shown)) == exact(of(called, shown))


def test_objects_keep_their_identity(tmp_path):
    text = PROGRAM.replace("START", "[np.zeros(2)]").replace("CHANGE", "KEPT[0] += 1")
    module = load(text, "state", tmp_path)
    kept, array, cache = module.KEPT, module.KEPT[0], module.LAYER.cache
    assert not check_manual(module.f, module.by_hand, module.W).agree
    assert module.KEPT is kept
    assert module.KEPT[0] is array
    assert module.LAYER.cache is cache
    np.testing.assert_array_equal(array, [1.0, 1.0])

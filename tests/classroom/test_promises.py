"""Tests what the exercises promise of their numbers: they differ, fit on paper, and avoid kinks."""

import numpy as np
import pytest

from nn.classroom.catalogue import EXERCISES
from nn.classroom.exercise import load_exercise
from nn.classroom.truth import truth_of

each_exercise = pytest.mark.parametrize("name", EXERCISES)


@each_exercise
def test_draws_differ_and_fit_on_paper(name):
    exercise = load_exercise(name)
    draws = [exercise.draw(seed, again) for seed in range(3) for again in range(2)]
    for draw in draws:
        assert sum(np.size(v) for v in draw.values() if isinstance(v, np.ndarray)) <= 120
        for value in draw.values():
            if isinstance(value, np.ndarray | np.float64) and value.dtype.kind == "f":
                assert np.isfinite(value).all()
    texts = {repr(draw) for draw in draws}
    assert len(texts) >= (4 if name in ("slope", "graph", "chain_rule", "used_twice") else 6)
    again = load_exercise(name).draw(1, 1)
    assert repr(again) == repr(draws[3])


@each_exercise
def test_no_number_lies_at_a_kink(name):
    """Rounded numbers may meet a kink exactly, where the right answer is a convention."""
    if name == "activations":  # which asks for the convention
        return
    exercise = load_exercise(name)
    for again in range(60):
        truth = truth_of(exercise, 7, again)
        for node in nodes_of(truth.result):
            if node.primitive.name in ("relu", "absolute", "abs", "max", "huber_loss"):
                value = np.asarray(node.values[0])
                if node.primitive.name == "max":
                    ordered = np.sort(value, axis=-1)
                    assert (ordered[..., -1] - ordered[..., -2] > 1e-3).all()
                else:
                    assert (np.abs(value) > 1e-3).all()


def nodes_of(tensor):
    found, waiting = set(), [tensor]
    while waiting:
        node = waiting.pop().node
        if node is not None and node not in found:
            found.add(node)
            waiting += [one for one in node.inputs if hasattr(one, "node")]
    return found

"""Tests that the derivations equal the engine and finite differences, and that each edit shows."""

import ast
import inspect

import numpy as np
import pytest

from tests.test_budget import DERIVATIONS

from .cases import CASES, largest_difference, module_of
from .edits import edited_sources, module_from
from .equality import SHAPES, measured

MOST = 1e-12
NAMES = sorted(CASES)


def names_of(file):
    """List the cases of a derivation."""
    return [name for name in NAMES if name.partition(":")[0] == file]


def test_each_derivation_is_compared():
    assert {name.partition(":")[0] for name in NAMES} == set(DERIVATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_hand_equals_machine(name):
    found = measured(name)
    assert found.shapes >= SHAPES >= 100
    assert found.largest <= MOST


# Finite differences ---------------------------------------------------------------------------


def differences(problem, module, step=1e-6):
    """Differentiate what is computed by hand numerically, by each element of each array."""

    def loss(**changed):
        outputs, _ = problem.by_hand(module, problem.arrays | changed, problem.upstream)
        return sum(np.sum(out * g) for out, g in zip(outputs, problem.upstream, strict=True))

    found = {}
    for name, array in problem.arrays.items():
        found[name] = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            change = np.zeros(array.shape)
            change[index] = step
            ends = loss(**{name: array + change}), loss(**{name: array - change})
            found[name][index] = (ends[0] - ends[1]) / (2 * step)
    return found


def small(name, rng):
    """Draw a problem of some, but few numbers; a tie, as of two maxima, has no derivative."""
    while True:
        problem = CASES[name](rng)
        count = sum(array.size for array in problem.arrays.values())
        has_ties = any(len(np.unique(array)) < array.size for array in problem.arrays.values())
        if 10 <= count <= 200 and not has_ties:
            return problem


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith("momentum_step")])
def test_hand_equals_finite_differences(name):
    problem, module = small(name, np.random.default_rng(3)), module_of(name)
    _, gradients = problem.by_hand(module, problem.arrays, problem.upstream)
    for name, wanted in differences(problem, module).items():
        np.testing.assert_allclose(gradients[name], wanted, rtol=1e-5, atol=1e-7)


# A test of the tests above --------------------------------------------------------------------

# In any of these, what is added or subtracted cancels: an exponential that does not overflow.
WITHOUT_EFFECT = {"z - z.max(axis=1, keepdims=True)", "A - A.max(axis=-1, keepdims=True)"}


def is_noticed(file, source, draws=25):
    """Whether an edited derivation differs from the engine in one of some problems, or fails."""
    rng, module = np.random.default_rng(1), module_from(source, file)
    for _ in range(draws):
        for name in names_of(file):
            try:
                if not largest_difference(CASES[name](rng), module) <= MOST:
                    return True
            except Exception:  # whatever an edit raises
                return True
    return False


@pytest.mark.parametrize("file", DERIVATIONS)
@pytest.mark.filterwarnings("ignore")
def test_each_edit_is_noticed(file):
    right = ast.unparse(ast.parse(inspect.getsource(module_of(file))))
    assert not is_noticed(file, right)
    edits = [edit for edit in edited_sources(module_of(file)) if edit.old not in WITHOUT_EFFECT]
    assert [edit.words for edit in edits if not is_noticed(file, edit.source)] == []
    assert edits

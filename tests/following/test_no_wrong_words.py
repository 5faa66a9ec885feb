"""Tests that right programs are never called wrong, and that their code is not searched."""

import warnings

import numpy as np
import pytest

from tests.diagnosing.program_files import load, texts_of_programs, with_other_seed
from tinygrad_edu import check_manual
from tinygrad_edu.diagnosing.code_reading import CodeReader
from tinygrad_edu.following.quantities import Quantities
from tinygrad_edu.following.repairing import Repair
from tinygrad_edu.following.running import Follower
from tinygrad_edu.following.trying import Attempts

TEXTS = texts_of_programs()
OTHERS = 2


def checked(module):
    return check_manual(module.F, module.BY_HAND, *module.POINT)


def test_programs_are_many():
    assert len(TEXTS) >= 46


@pytest.mark.parametrize("name", TEXTS)
def test_right_programs_are_right(name, tmp_path, monkeypatch):
    """Also with other data and other parameters."""
    monkeypatch.setattr(CodeReader, "diagnoses", None)  # calling it would be an error
    for number in range(1 + OTHERS):
        check = checked(load(with_other_seed(TEXTS[name], number), name, tmp_path))
        assert check.agree, f"seed + {1000 * number}: {check}"
        assert check.diagnoses == ()
        assert check.doubts == ()


def test_another_seed_is_another_program(tmp_path):
    for name, text in list(TEXTS.items())[::9]:
        one, other = (load(with_other_seed(text, number), name, tmp_path) for number in (0, 1))
        same = [np.array_equal(a, b) for a, b in zip(one.POINT, other.POINT, strict=True)]
        assert not all(same), name
    with pytest.raises(ValueError, match="draws nothing"):
        with_other_seed("x = 1\n", 1)


@pytest.mark.parametrize("name", list(TEXTS)[::3])
def test_small_mistakes_of_right_programs_are_seen(name, tmp_path):
    """The same programs are called wrong as soon as one number is wrong in the ninth digit."""
    module = load(TEXTS[name], name, tmp_path)

    def spoilt(*arrays):
        found = module.BY_HAND(*arrays)
        key = next(iter(found)) if isinstance(found, dict) else 0
        found = dict(found) if isinstance(found, dict) else list(found)
        found[key] = np.array(found[key])
        place = np.unravel_index(np.abs(found[key]).argmax(), found[key].shape)
        found[key][place] *= 1 + 1e-8
        return found

    search = CodeReader.diagnoses
    try:
        CodeReader.diagnoses = lambda self, search, names: []  # the verdict alone is tested
        assert not check_manual(module.F, spoilt, *module.POINT).agree
    finally:
        CodeReader.diagnoses = search


@pytest.mark.parametrize("name", list(TEXTS)[::4])
def test_the_search_finds_nothing_to_repair_in_right_programs(name, tmp_path):
    """Even if it is asked: all wanted gradients are right at the start."""
    module = load(TEXTS[name], name, tmp_path)
    point = [np.array(one) for one in module.POINT]
    shape = module.F(*point).shape
    if np.prod(shape) != 1:
        point.insert(0, np.random.default_rng(1).normal(size=shape))
    expected = module.BY_HAND(*point)
    keys = list(expected) if isinstance(expected, dict) else range(len(expected))

    def read(result):
        return {str(key): result[key] for key in keys}

    def right(given):
        return frozenset(str(key) for key in keys if np.array_equal(given[str(key)], expected[key]))

    at = Attempts(Follower(module.BY_HAND, point), read, right, Quantities([], []))
    repair = Repair(at, [*map(str, keys)])
    assert repair.findings() == []
    assert repair.left == frozenset()


def test_warnings_of_right_code_are_the_learners(tmp_path):
    """What right code warns of is shown once, as in a call without a check."""
    text = TEXTS["planar_columns"].replace(
        "Z1 = np.dot(W1, X) + b1", "import warnings; warnings.warn('mine'); Z1 = np.dot(W1, X) + b1"
    )
    assert text != TEXTS["planar_columns"]
    module = load(text, "warning", tmp_path)
    module.F = load(TEXTS["planar_columns"], "planar", tmp_path).F
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        check = checked(module)
    assert check.agree
    assert [str(one.message) for one in seen] == ["mine"]

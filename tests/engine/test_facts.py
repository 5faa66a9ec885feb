"""Tests that the declared facts of operations are true, and that no tool names an operation."""

import ast
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from tinygrad_edu.primitive import PRIMITIVES

from ..test_budget import BASE

PARAMS = {
    "astype": {"dtype": "float64"},
    "broadcast_to": {"shape": (2, 2, 3)},
    "clip": {"min": 1.3, "max": 1.6},
    "concatenate": {"axis": 0},
    "getitem": {"index": (slice(None), [2, 0])},
    "put_at": {"index": (slice(2),), "shape": (4, 3)},
    "reshape": {"shape": (6,)},
    "scatter": {"axis": 0, "index": np.array([[1, 0, 1], [0, 1, 0]])},
    "segment_max": {"segment_ids": np.array([0, 0]), "num_segments": 1},
    "sinc": {"order": 0},
    "sliding_windows": {"kernel": 2},
    "softmax": {"axis": 0},
}


def those_with(fact):
    """List the operations that declare a fact."""
    return [pytest.param(made, id=n) for n, made in PRIMITIVES.items() if getattr(made, fact)]


def drawn(operation, shape=(2, 3), low=1.1, high=1.9):
    """Draw random operands, inside the declared domain if there is one."""
    generator = np.random.default_rng(0)
    count = len(operation.rules) or 2
    return [generator.uniform(low, high, shape) for _ in range(count)]


def computed(operation, arrays, **params):
    with np.errstate(all="ignore"):
        out = operation.forward(*arrays, **(params or PARAMS.get(operation.name, {})))
    return out[0] if operation.residual else out


@pytest.mark.parametrize("operation", those_with("carries"))
def test_carrying_operations_compute_nothing(operation):
    arrays = [
        array if rule else np.zeros((2, 3), int)  # the numbers of rows
        for array, rule in zip(drawn(operation), operation.rules or (True, True), strict=True)
    ]
    there = np.concatenate([array.ravel() for array in arrays])
    assert np.isin(computed(operation, arrays), [0.0, *there]).all()


@pytest.mark.parametrize("operation", those_with("commutes"))
def test_operands_that_can_be_exchanged(operation):
    x, y = drawn(operation)
    np.testing.assert_array_equal(computed(operation, [x, y]), computed(operation, [y, x]))


def test_operands_that_cannot_be_exchanged():
    """The converse: every commutative operation with two operands declares it."""
    for operation in PRIMITIVES.values():
        if operation.elementwise and len(operation.rules) == 2 and not operation.commutes:
            x, y = drawn(operation)
            pairs = [(x, y), (-x, y)]  # a step is the same for all positive numbers
            assert any(
                not np.array_equal(computed(operation, [a, b]), computed(operation, [b, a]))
                for a, b in pairs
            )


def test_elementwise_operations_declare_it():
    """The converse of the test of causes: changing one element changes other results too."""
    for operation in PRIMITIVES.values():
        if operation.elementwise or len(operation.rules) != 1 or "linalg" in operation.formula:
            continue
        (x,) = drawn(operation)
        try:
            out = computed(operation, [x])
        except (TypeError, ValueError):  # it needs metadata
            continue
        changed = x.copy()
        changed[1, 2] += 0.05
        if np.shape(out) == x.shape:
            different = computed(operation, [changed]) != out
            different[1, 2] = False
            is_choice = operation.carries  # equal shapes by chance
            assert different.any() or is_choice, operation.name


KINKS = {
    "absolute": ([0.0], 0),
    "arctan2": ([0.0, -1.0], 0),
    "clip": ([1.3], 0),
    "copysign": ([0.0, 1.0], 0),
    "fmod": ([3.0, 1.5], 0),
    "heaviside": ([0.0, 0.3], 0),
    "hypot": ([0.0, 0.0], 0),
    "max": ([[1.0, 1.0]], 0),
    "maximum": ([1.5, 1.5], 0),
    "min": ([[1.0, 1.0]], 0),
    "minimum": ([1.5, 1.5], 0),
    "relu": ([0.0], 0),
    "remainder": ([3.0, 1.5], 0),
    "segment_max": ([[1.0, 1.0]], 0),
    "sign": ([0.0], 0),
}


def test_all_kinks_are_tested():
    assert {name for name, made in PRIMITIVES.items() if made.kink} == {*KINKS, "where"}


@pytest.mark.parametrize("name", KINKS)
def test_slopes_differ_at_a_declared_kink_and_the_distance_changes_its_sign(name):
    operation, (point, moved) = PRIMITIVES[name], KINKS[name]
    params = PARAMS.get(name, {})

    def at(step):
        arrays = [np.array(value) for value in point]
        arrays[moved].reshape(-1)[:1] += step
        return arrays

    def signs(step):
        found = operation.kink(*at(step), **params)
        found = found if isinstance(found, tuple) else (found,)
        return [np.sign(np.round(part, 12)).tolist() for part in found]

    before, there, after = signs(-1e-3), signs(0.0), signs(1e-3)
    assert before != there != after
    values = [np.sum(computed(operation, at(step))) for step in (-2e-3, -1e-3, 1e-3, 2e-3)]
    slopes = [(high - low) / 1e-3 for low, high in pairwise(values)]
    jumps = abs(slopes[1]) > 100
    assert jumps or abs(slopes[0] - slopes[2]) > 0.5


def test_pitfalls_are_where_numbers_are_not_finite():
    """Some numbers reach each pitfall, and there the result or the gradient is not finite."""
    values = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 800.0, 1100.0, np.inf, -np.inf]
    for operation in PRIMITIVES.values():
        if not (operation.domain and operation.elementwise):
            continue
        count = len(operation.rules)
        grid = [axis.ravel() for axis in np.meshgrid(*[values] * count)]
        out = computed(operation, grid)
        entered = dict.fromkeys(map(id, operation.domain), 0)
        for place, numbers in enumerate(zip(*grid, strict=True)):
            for pitfall in operation.domain:
                result = out[place]
                if pitfall.gradient is not None and np.isfinite(result):
                    rule = operation.rules_for(count)[pitfall.gradient]
                    with np.errstate(all="ignore"):
                        result = rule(np.ones(()), np.asarray(result), *map(np.asarray, numbers))
                with np.errstate(all="ignore"):
                    is_in = bool(pitfall.where(*numbers))
                entered[id(pitfall)] += is_in and not np.isfinite(result)
        assert all(entered.values()), operation.name


def test_facts_fit_together():
    for name, operation in PRIMITIVES.items():
        assert not operation.applies or PRIMITIVES[operation.applies].name == operation.applies
        assert not operation.commutes or len(operation.rules) == 2
        assert len(operation.operands) in (0, len(operation.rules)), name
        assert not operation.activation or (operation.elementwise and len(operation.rules) == 1)
        for mistake in operation.mistakes:
            if operation.together is None:
                assert operation.rules[mistake.position] is not None
            else:  # one rule for all inputs, however many there are
                assert mistake.position >= 0
        for pitfall in operation.domain or ():
            assert "\n" not in pitfall.cause + pitfall.advice
            assert pitfall.gradient is None or operation.rules[pitfall.gradient] is not None


@pytest.mark.needs("processes")
def test_mistakes_of_recurrent_layers_are_imported_when_they_are_read():
    program = (
        "import sys, tinygrad_edu as tg\n"
        "name = 'tinygrad_edu.ops.networks.recurrent_mistakes'\n"
        "assert name not in sys.modules\n"
        "assert len(tg.lstm_sequence.primitive.mistakes) > 50\n"
        "assert tg.rnn_sequence.primitive.mistakes[0].position == 0\n"
        "assert name in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# No names in tools ----------------------------------------------------------------------------

TOOLS = (
    "debugging",
    "diagnosing",
    "documents",
    "drawing",
    "explaining",
    "recognising",
    "stepping",
)
FILES = ("probing.py", "slopes.py", "kinks.py", "checking.py")
# Words that do not mean an operation there.
WORDS = {
    ("diagnosing/microscope_view.py", "log"): "a scale of the axes",
    ("diagnosing/mistakes.py", "sign"): "a kind of mistake",
    ("diagnosing/arguments.py", "where"): "how much a hint says",
    ("diagnosing/correction_words.py", "mean"): "a function in the learner's code",
    ("diagnosing/correction_words.py", "scatter"): "a kind of correction",
    ("diagnosing/correction_words.py", "sign"): "a kind of mistake",
    ("diagnosing/correction_words.py", "softmax"): "a kind of correction",
    ("diagnosing/correction_words.py", "sum"): "a function in the learner's code",
    ("diagnosing/correction_words.py", "transpose"): "a kind of correction",
    ("diagnosing/observations.py", "sign"): "a kind of mistake",
    ("diagnosing/report.py", "where"): "how much a hint says",
    ("diagnosing/value_words.py", "sign"): "a kind of mistake",
    ("drawing/picture.py", "sum"): "a word about axes that is replaced",
    ("explaining/contribution.py", "sum"): "a word about axes that is replaced",
}


def names_in(source):
    """List the strings of a file that are names of operations, without docstrings and `__all__`."""
    tree = ast.parse(source)
    left_out = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                left_out.add(node.value)
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                left_out.update(ast.walk(node.value))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node not in left_out and node.value in NAMES
    ]


NAMES = frozenset(PRIMITIVES)


def test_no_operation_is_named_in_a_tool():
    root = BASE / "tinygrad_edu"
    files = [root / name for name in FILES]
    files += [file for tool in TOOLS for file in sorted((root / tool).rglob("*.py"))]
    found = {
        (file.relative_to(root).as_posix(), name)
        for file in files
        for name in names_in(file.read_text("utf-8"))
    }
    assert found == set(WORDS)


def test_names_are_found():
    source = '__all__ = ["exp"]\n"""exp"""\nif name == "exp" or name in {"log", "x"}: pass'
    assert sorted(names_in(source)) == ["exp", "log"]
    assert names_in('TABLE = {"exp": 1}') == ["exp"]
    assert names_in('def f():\n    """exp"""\n    return "an exp"') == []

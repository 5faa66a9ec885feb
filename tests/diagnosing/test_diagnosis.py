"""Tests the diagnosis of gradients with planted mistakes, and with noise that is not a mistake."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

import tinygrad_edu as tg
from tinygrad_edu.diagnosing import check_manual

from .draws import (
    EVERY_SLIP,
    Instance,
    draw_any_mistake,
    draw_mistake,
    draw_network,
    loss_of,
    plant,
    same,
)
from .planted import SLIPS, Network, gradients, loss
from .planted_operations import OPERATIONS
from .scores import named_layers, score
from .spoilt import PERTURBATIONS, draw_any_perturbation, draw_perturbed

NAMES = [f"{operation}: {name}" if operation else name for operation, name in EVERY_SLIP]
# As many as examples of a property: `make test-thorough` draws a thousand.
RANDOM = range(settings.default.max_examples)


# What is measured with ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_gradients_by_hand_are_right_before_a_mistake_is_made(seed):
    network = draw_network(np.random.default_rng(seed))
    found = gradients(network)
    for name, value in network.parameters.items():
        for index in list(np.ndindex(value.shape))[:6]:
            before, ends = value[index], []
            for step in (1e-6, -1e-6):
                value[index] = before + step
                ends.append(loss(network, network.weights, network.biases))
            value[index] = before
            slope = (ends[0] - ends[1]) / 2e-6
            # At a kink of relu central differences give the mean of both sides.
            assert network.has_kinks or abs(slope - found[name][index]) < 1e-7


@pytest.mark.parametrize("which", EVERY_SLIP, ids=NAMES)
def test_each_mistake_changes_something(which):
    instance = draw_mistake(np.random.default_rng(3), which)
    assert instance.wrong <= set(instance.names)
    assert instance.wrong
    assert instance.best in instance.kinds


def test_table_is_large():
    assert len(SLIPS) >= 28
    kinds = {slip.kinds[0] for slip in SLIPS.values()}
    assert len(kinds) >= 17


def test_score():
    instance = Instance(
        "half", None, (), ("W2",), None, frozenset({"factor"}), frozenset({2}), wrong={"W2"}
    )
    answer = SimpleNamespace(kind="factor", place="W2", explains=("W2",), sentence="looks like ...")
    judged = score(instance, SimpleNamespace(diagnoses=[answer]))
    assert (judged.is_right, judged.is_placed, judged.explains) == (True, True, True)
    answer.kind, answer.place, answer.explains = "sign", "layer 1", ("W1", "W2")
    judged = score(instance, SimpleNamespace(diagnoses=[answer]))
    assert (judged.is_right, judged.is_placed, judged.explains) == (False, False, False)
    assert judged.is_false
    assert not score(instance, SimpleNamespace(diagnoses=[])).is_false
    assert named_layers("relu after the add of b3 (operation 6 of 28) and linear12") == {3, 12}


# Right gradients ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_right_gradients_agree(seed):
    network = draw_network(np.random.default_rng(seed))
    right = gradients(network)
    found = check_manual(
        loss_of(network, written_out=seed % 2 == 1),
        list(right.values()),
        *network.parameters.values(),
        names=list(right),
        previous=list(network.before.values()),
    )
    assert found.agree
    assert found.diagnoses == ()
    assert found.first == ""


@pytest.mark.parametrize("name", OPERATIONS)
def test_right_gradients_of_an_operation_agree(name):
    case, generator = OPERATIONS[name], np.random.default_rng(0)
    arrays = case.draw(generator)
    while np.ndim(arrays[0]) == 0:  # a single number has no g
        arrays = case.draw(generator)
    found = check_manual(case.f, case.right, *arrays)
    assert found.agree
    assert found.diagnoses == ()


# One mistake ----------------------------------------------------------------------------------


@pytest.mark.hypothesis
@pytest.mark.parametrize("which", EVERY_SLIP, ids=NAMES)
def test_mistake_is_named(which):
    is_thorough = len(RANDOM) >= 1000
    for seed in range(2 if is_thorough and which[0] == "" else 1):
        instance = draw_mistake(np.random.default_rng(100 + seed), which)
        found = instance.check(samples=2)
        judged = score(instance, found)
        assert not found.agree
        assert judged.kind in instance.kinds, judged.sentence
        assert judged.is_right, judged.sentence
        assert judged.is_placed, found.diagnoses[0].place
        assert judged.explains, found.diagnoses[0].explains
        _check_sentences(found)


def _check_sentences(found):
    for diagnosis in found.diagnoses:
        assert "looks like" in diagnosis.sentence
        assert not re.search(r"\b(is|are) wrong because\b", diagnosis.sentence)
        assert "\n" not in diagnosis.sentence


def four_layers(hidden="tanh"):
    generator = np.random.default_rng(7)
    widths = [3, 4, 4, 4, 3]
    weights = [generator.normal(size=widths[k : k + 2]) for k in range(4)]
    biases = [generator.normal(size=width) for width in widths[1:]]
    x, labels = generator.normal(size=(6, 3)), generator.integers(0, 3, 6)
    return Network(weights, biases, (0, 1, 2, 3), x, labels, hidden)


@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize(
    "slip",
    [
        "derivative forgotten",
        "derivative at the output",
        "derivative formula applied to z",
        "derivative of another activation",
        "sign of a delta",
        "half a delta",
    ],
)
def test_one_wrong_delta_is_one_diagnosis(slip, layer):
    """It spoils all weights below, and is reported once, where it happened."""
    instance = plant(four_layers(), slip, layer)
    assert instance.wrong == {f"{letter}{k}" for k in range(1, layer + 1) for letter in "Wb"}
    found = instance.check()
    first = found.diagnoses[0]
    assert first.kind in instance.kinds
    assert set(first.explains) == instance.wrong
    assert named_layers(first.place) & instance.layers
    assert all(set(other.explains) == instance.wrong for other in found.diagnoses[1:])
    # Going backwards, the first that differs belongs to that layer.
    assert re.search(rf"first that differs is [Wb]{layer}\b", found.first), found.first


def test_wrong_weight_of_a_layer_leaves_the_others_alone():
    instance = plant(four_layers(), "weight transposed, square", 3)
    found = instance.check()
    differing = [row.name for row in found.rows if row.manual is None or not row.verdict.agree]
    assert differing == ["W3"]
    assert [diagnosis.explains for diagnosis in found.diagnoses][:1] == [("W3",)]


def test_row_is_not_a_column():
    """Subtracted from the weights it would stretch to a table."""
    x, W = np.ones((4, 3)), np.array([[0.2], [-0.1], [0.4]])
    found = check_manual(lambda W: (x @ W).sum(), [np.full((1, 3), 4.0)], W)
    assert not found.agree
    assert found.diagnoses[0].kind == "transposed"


def test_upper_of_two_mistakes_comes_first():
    network = four_layers()
    slips = {"sign of a delta": 3, "derivative forgotten": 1}
    manual = list(gradients(network, slips).values())
    values = network.parameters
    found = check_manual(loss_of(network), manual, *values.values(), names=list(values))
    assert "W3" in found.first or "b3" in found.first
    for diagnosis in found.diagnoses[:1]:
        assert diagnosis.kind == "sign"
        assert named_layers(diagnosis.place) & {3, 4}


def test_stale_gradient_is_not_guessed_without_the_step_before():
    network = four_layers()
    both = [gradients(one).values() for one in (network, four_layers("sigmoid"))]
    manual = [a + b for a, b in zip(*both, strict=True)]
    values = network.parameters
    found = check_manual(loss_of(network), manual, *values.values(), names=list(values))
    assert not found.agree
    assert found.diagnoses == ()


# Many -----------------------------------------------------------------------------------------


@pytest.mark.hypothesis
def test_random_mistakes():
    judged = []
    for seed in RANDOM:
        instance = draw_any_mistake(seed)
        found = instance.check(samples=2)
        assert not found.agree, (seed, instance.slip)
        _check_sentences(found)
        judged.append((instance.slip, score(instance, found)))
    missed = [(slip, one.kind) for slip, one in judged if not one.is_right]
    assert len(missed) <= 0.05 * len(judged), missed
    badly_placed = [slip for slip, one in judged if one.is_right and not one.is_placed]
    assert len(badly_placed) <= 0.05 * len(judged), badly_placed


@pytest.mark.hypothesis
def test_random_perturbations():
    false = []
    for seed in RANDOM:
        instance = draw_any_perturbation(1_000_000 + seed)
        found = instance.check(samples=2)
        assert not found.agree
        judged = score(instance, found)
        if judged.is_false:
            false.append((instance.slip, judged.kind, judged.sentence))
    assert len(false) <= 0.01 * len(RANDOM), false


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_perturbation_spoils_something(name):
    instance = draw_perturbed(np.random.default_rng(1), name)
    assert instance.wrong


def test_random_factor_is_not_named():
    network = four_layers()
    values = network.parameters
    manual = [0.37 * value for value in gradients(network).values()]
    found = check_manual(loss_of(network), manual, *values.values(), names=list(values))
    assert not found.agree
    assert found.diagnoses == ()


def test_same():
    assert same(np.ones(3), np.ones(3) + 1e-12)
    assert not same(np.ones(3), np.ones((3, 1)))
    assert not same(np.ones(3), np.ones(3) + 1e-6)


def test_factor_two_in_a_batch_of_two():
    """The mean over two rows and a factor of two cannot be told apart: either is right."""
    x = np.array([[1.0, 2.0], [3.0, -1.0]])

    def f(W):
        return tg.softmax_cross_entropy(x @ W, np.array([0, 1]))

    W = np.array([[0.3, -0.2], [0.5, 0.1]])
    e = np.exp(x @ W)
    delta = e / e.sum(axis=1, keepdims=True) - np.eye(2)
    found = check_manual(f, [x.T @ delta], W)
    assert found.diagnoses[0].kind == "factor"

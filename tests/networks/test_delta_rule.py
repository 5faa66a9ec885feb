"""Tests that the gradients written out by hand are those of the textbook and of the engine, and
that `compare_gradients` tells right gradients from wrong ones, row by row, without side effects.
"""

import ast
import inspect

import numpy as np
import pandas as pd
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, Linear, compare_gradients
from nn.by_hand import delta_rule
from nn.loss import binary_cross_entropy_with_logits, classification_loss, softmax_cross_entropy

LN3 = np.log(3.0)


def parts(mlp):
    """Weights and biases of a network, as the delta rule takes them."""
    return [w.weight.numpy() for w in mlp.layers], [w.bias.numpy() for w in mlp.layers]


def interleaved(weights, biases):
    """W1, b1, W2, b2, ..., the order of `mlp.parameters()`."""
    return [array for pair in zip(weights, biases, strict=True) for array in pair]


def with_random_biases(mlp, generator):
    for layer in mlp.layers:
        layer.bias.data = generator.normal(size=layer.bias.shape)
    return mlp


def test_two_samples_worked_by_hand():
    # Two features, two hidden ReLUs, two outputs; x = (1, 2), once with label 1, once with 0.
    #   z1 = (1·1 + 2·0.5, -1·1 + 2·0) + (0, 0.5) = (2, -0.5)       a1 = (2, 0)
    #   z2 = (2·ln3/2 + 0·3, 2·0 + 0·1) = (ln3, 0)                   p = (3/4, 1/4)
    #   L  = -(ln 1/4 + ln 3/4) / 2 = (ln 4 + ln 4/3) / 2
    # Equation 1, with y = (0, 1) and (1, 0), and n = 2:
    #   δ2 = (3/4, -3/4) / 2  and  (-1/4, 1/4) / 2;   their sum is (1/4, -1/4)
    # Equations 3 and 4, both samples having the same a1:
    #   ∂L/∂W2 = (2, 0)ᵀ (1/4, -1/4),   ∂L/∂b2 = (1/4, -1/4)
    # Equation 2: δ2 W2ᵀ ⊙ (1, 0), for the second unit is off:
    #   the sum over the samples is (1/4 · ln3/2 - 1/4 · 0, 0) = (ln3/8, 0)
    # Equations 3 and 4 again, both samples having the same x:
    #   ∂L/∂W1 = (1, 2)ᵀ (ln3/8, 0),   ∂L/∂b1 = (ln3/8, 0)
    x, labels = np.array([[1.0, 2.0], [1.0, 2.0]]), [1, 0]
    weights = [np.array([[1.0, -1.0], [0.5, 0.0]]), np.array([[LN3 / 2, 0.0], [3.0, 1.0]])]
    biases = [np.array([0.0, 0.5]), np.zeros(2)]

    assert delta_rule.loss(weights, biases, x, labels) == pytest.approx(np.log(16 / 3) / 2)
    (dW1, dW2), (db1, db2) = delta_rule.gradients(weights, biases, x, labels)
    np.testing.assert_allclose(dW2, [[0.5, -0.5], [0.0, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(db2, [0.25, -0.25], rtol=1e-14)
    np.testing.assert_allclose(dW1, [[LN3 / 8, 0.0], [LN3 / 4, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(db1, [LN3 / 8, 0.0], rtol=1e-14)

    # The same step taken by the machine, with a learning rate of 2.
    mlp = MLP([2, 2, 2], dtype="float64", seed=0)
    for layer, W, b in zip(mlp.layers, weights, biases, strict=True):
        layer.weight.data, layer.bias.data = W, b
    optimizer = SGD(mlp.parameters(), lr=2)
    softmax_cross_entropy(mlp(x), labels).backward()
    optimizer.step()
    np.testing.assert_allclose(mlp.layers[0].weight.data, weights[0] - 2 * dW1, rtol=1e-14)
    np.testing.assert_allclose(mlp.layers[0].bias.data, [-LN3 / 4, 0.5], rtol=1e-14)
    np.testing.assert_allclose(mlp.layers[1].weight.data, [[LN3 / 2 - 1, 1], [3, 1]], rtol=1e-14)
    np.testing.assert_allclose(mlp.layers[1].bias.data, [-0.5, 0.5], rtol=1e-14)


def test_one_sigmoid_neuron_worked_by_hand():
    # z = ln3 · x: p = 3/4 for x = 1 and 1/4 for x = -1; targets 0 and 1; n = 2.
    #   δ = (3/4 - 0) / 2 and (1/4 - 1) / 2, that is ±3/8
    #   ∂L/∂w = 1 · 3/8 + (-1) · (-3/8) = 3/4,   ∂L/∂b = 0,   L = ln 4
    arguments = [np.array([[LN3]])], [np.zeros((1, 1))], np.array([[1.0], [-1.0]]), [0, 1]
    (dW,), (db,) = delta_rule.gradients(*arguments, "sigmoid")
    np.testing.assert_allclose(dW, [[0.75]], rtol=1e-14)
    np.testing.assert_allclose(db, [[0.0]], atol=1e-16)  # of the shape of the bias, (1, 1)
    assert delta_rule.loss(*arguments, "sigmoid") == pytest.approx(np.log(4))


@pytest.mark.parametrize("chunk", range(8))
def test_by_hand_and_by_machine_agree_on_random_architectures(chunk):
    """8 times 25 networks; the difference is relative to the largest entry of each parameter."""
    generator = np.random.default_rng([6, chunk])
    for _ in range(25):
        depth, rows = generator.integers(1, 6), generator.integers(1, 65)
        structure = [int(width) for width in generator.integers(1, 41, depth + 1)]
        hidden = str(generator.choice(["relu", "tanh", "sigmoid"]))
        output = str(generator.choice(["softmax", "sigmoid"]))
        mlp = MLP(structure, hidden, "float64", seed=int(generator.integers(1000)))
        with_random_biases(mlp, generator)
        x = generator.normal(size=(rows, structure[0]))
        if output == "softmax":
            loss_of, labels = softmax_cross_entropy, generator.integers(0, structure[-1], rows)
        else:  # each output has a target of its own
            loss_of = binary_cross_entropy_with_logits
            labels = generator.integers(0, 2, (rows, structure[-1]))
        loss = loss_of(mlp(x), labels)
        loss.backward()
        arguments = *parts(mlp), x, labels, output, hidden
        assert delta_rule.loss(*arguments) == pytest.approx(loss.item(), rel=1e-12, abs=1e-15)
        manual = interleaved(*delta_rule.gradients(*arguments))
        for parameter, gradient in zip(mlp.parameters(), manual, strict=True):
            assert gradient.shape == parameter.grad.shape
            size = np.abs(parameter.grad).max()
            difference = np.abs(gradient - parameter.grad).max()
            assert difference <= 1e-12 * size, (structure, rows, hidden, output, difference / size)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid"])
def test_gradients_are_the_slopes_of_the_loss(hidden, output):
    generator = np.random.default_rng(1)
    shapes = [(3, 5), (5, 4), (4, 3)]
    weights = [generator.normal(size=shape) for shape in shapes]
    biases = [generator.normal(size=(1, shape[1])) for shape in shapes]
    x = generator.normal(size=(6, 3))
    labels = generator.integers(0, 3, 6) if output == "softmax" else generator.random((6, 3))
    arguments = weights, biases, x, labels, output, hidden
    found = interleaved(*delta_rule.gradients(*arguments))
    step = 1e-5  # no unit of these is that close to the kink of ReLU
    for values, gradient in zip(interleaved(weights, biases), found, strict=True):
        assert values.shape == gradient.shape
        slopes = np.zeros_like(values)
        for index in np.ndindex(values.shape):
            before = values[index]
            values[index] = before + step
            above = delta_rule.loss(*arguments)
            values[index] = before - step
            slopes[index] = (above - delta_rule.loss(*arguments)) / (2 * step)
            values[index] = before
        np.testing.assert_allclose(gradient, slopes, atol=1e-9)


@pytest.mark.parametrize("size", [1e3, 1e-3, 0.0])
def test_loss_is_that_of_the_engine_also_far_out(size):
    """A sigmoid or a softmax written naively overflows at 1000."""
    z = np.array([[1.0, -1.0, 0.5], [-0.2, 0.1, -1.0]]) * size
    arguments = [np.eye(3)], [np.zeros(3)], z
    expected = softmax_cross_entropy(tg.Tensor(z), [1, 2]).item()
    assert delta_rule.loss(*arguments, [1, 2]) == pytest.approx(expected, rel=1e-14)
    targets = np.array([[0, 1, 1], [1, 0, 1]])
    expected = binary_cross_entropy_with_logits(tg.Tensor(z), targets).item()
    assert delta_rule.loss(*arguments, targets, "sigmoid") == pytest.approx(expected, rel=1e-14)
    for output, labels in (("softmax", [1, 2]), ("sigmoid", targets)):
        (dW,), (db,) = delta_rule.gradients(*arguments, labels, output)
        assert np.isfinite(dW).all()
        assert np.isfinite(db).all()


@pytest.mark.parametrize(
    ("names", "words"),
    [(("linear", "relu"), "output.*'linear'"), (("softmax", "gelu"), "hidden.*relu.*'gelu'")],
)
def test_unknown_names_are_refused(names, words):
    arguments = [np.eye(2)], [np.zeros(2)], np.ones((1, 2)), [0]
    for function in (delta_rule.gradients, delta_rule.loss):
        with pytest.raises(ValueError, match=words):
            function(*arguments, *names)


def test_delta_rule_imports_numpy_alone():
    tree = ast.walk(ast.parse(inspect.getsource(delta_rule)))
    imported = set()
    for node in tree:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    assert imported <= {"__future__", "collections.abc", "typing", "numpy", "numpy.typing"}


# The comparison ----------------------------------------------------------------------------


def network_and_batch(hidden="tanh", structure=(5, 6, 4, 3), rows=7):
    generator = np.random.default_rng(2)
    mlp = with_random_biases(MLP(list(structure), hidden, seed=2), generator)
    classes = max(2, structure[-1])
    return mlp, generator.normal(size=(rows, structure[0])), generator.integers(0, classes, rows)


def differing(table):
    return set(table["parameter"][table["verdict"] == "DIFFERS"])


@pytest.mark.parametrize("structure", [(5, 6, 4, 3), (3, 1), (4, 2), (6, 5, 1)])
@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu"])
def test_right_gradients_match_in_every_row(hidden, structure):
    mlp, x, labels = network_and_batch(hidden, structure)
    table = compare_gradients(mlp, x, labels)
    assert table.agree is True
    assert list(table["parameter"]) == [name for name, _ in mlp.named_parameters()]
    assert list(table["shape"]) == [str(p.shape) for p in mlp.parameters()]
    assert list(table["equation"][:2]) == ["∂L/∂W1 = xᵀ δ1", "∂L/∂b1 = Σ δ1"]
    if len(structure) > 2:
        assert list(table["equation"][2:4]) == ["∂L/∂W2 = a1ᵀ δ2", "∂L/∂b2 = Σ δ2"]
    assert set(table["verdict"]) == {"match"}
    assert table["relative error"].max() < 1e-13
    assert table["max |auto-numeric|"].max() < 1e-8
    output = "sigmoid" if structure[-1] == 1 else "softmax"
    assert f"({output}(z" in table.attrs["notes"][0]


def test_networks_as_they_start_match_wherever_their_units_lie():
    """A step across the kink of a ReLU makes the numerical slope wrong, not the gradient."""
    wrong = {}
    for seed in range(60):
        generator = np.random.default_rng(seed)
        structure = [int(width) for width in generator.integers(1, 41, generator.integers(2, 7))]
        mlp, rows = MLP(structure, seed=seed), generator.integers(1, 65)
        x = generator.normal(size=(rows, structure[0]))
        table = compare_gradients(mlp, x, generator.integers(0, max(2, structure[-1]), rows))
        if not table.agree:
            wrong[seed] = structure, differing(table)
    assert not wrong


def test_xor_matches_although_its_first_row_puts_every_unit_at_the_kink():
    table = compare_gradients(
        MLP([2, 4, 2], seed=0), [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    )
    assert table.agree, table


def times(factor, kind=None, layer=None):
    """Gradients of the delta rule with a mistake: some of them off by a factor."""
    right = delta_rule.gradients

    def gradients(*arguments):
        dW, db = right(*arguments)
        for name, arrays in (("weight", dW), ("bias", db)):
            for number, array in enumerate(arrays, 1):
                if kind in (None, name) and layer in (None, number):
                    array *= factor
        return dW, db

    return gradients


ALL = {f"linear{i}.{kind}" for i in (1, 2, 3) for kind in ("weight", "bias")}
PLANTED = {
    "a wrong derivative": (
        lambda m: m.setitem(delta_rule.HIDDEN, "tanh", (np.tanh, lambda a: 1 - a)),
        ALL - {"linear3.weight", "linear3.bias"},  # no activation after the last layer
    ),
    "a forgotten 1/n": (lambda m: m.setattr(delta_rule, "gradients", times(7)), ALL),
    "a mean where a sum belongs": (
        lambda m: m.setattr(delta_rule, "gradients", times(1 / 7, "bias")),
        {name for name in ALL if name.endswith("bias")},
    ),
    "one parameter off by 1e-8": (
        lambda m: m.setattr(delta_rule, "gradients", times(1 + 1e-8, "weight", 2)),
        {"linear2.weight"},
    ),
    "a sign": (
        lambda m: m.setattr(delta_rule, "gradients", times(-1, "bias", 1)),
        {"linear1.bias"},
    ),
    "a gradient that is zero": (
        lambda m: m.setattr(delta_rule, "gradients", times(0, "weight", 3)),
        {"linear3.weight"},
    ),
    "a gradient that is no number": (
        lambda m: m.setattr(delta_rule, "gradients", times(np.nan, "weight", 1)),
        {"linear1.weight"},
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_differs_in_exactly_its_rows(monkeypatch, mistake):
    plant, expected = PLANTED[mistake]
    plant(monkeypatch)
    table = compare_gradients(*network_and_batch())
    assert differing(table) == expected
    assert table.agree is False
    assert table["max |auto-numeric|"].max() < 1e-8, "the other two still agree"


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_a_mistake_of_the_engine_is_found_too(monkeypatch, hidden):
    """The value of the activation is right, its gradient is twice what it should be."""
    f = getattr(tg, hidden)
    monkeypatch.setattr(f"nn.layers.activations.{hidden}", lambda z: f(z) * 2 - f(z).detach())
    table = compare_gradients(*network_and_batch(hidden))
    assert differing(table) == ALL - {"linear3.weight", "linear3.bias"}
    wrong = table[table["verdict"] == "DIFFERS"]
    assert wrong["relative error"].min() > 0.1
    assert wrong["max |auto-numeric|"].min() > 1e-4


@pytest.mark.parametrize("hidden", ["tanh", "relu"])
@pytest.mark.parametrize("factor", [2, 1.001, np.nan])
def test_numerical_gradients_that_are_wrong_or_missing_differ(monkeypatch, factor, hidden):
    """Both others may share a mistake, so agreement of two is not enough."""
    right = delta_rule.loss
    monkeypatch.setattr(delta_rule, "loss", lambda *arguments: factor * right(*arguments))
    table = compare_gradients(*network_and_batch(hidden))
    assert differing(table) == ALL
    assert table["relative error"].max() < 1e-13


def test_comparison_changes_nothing():
    mlp, x, labels = network_and_batch()
    given = x.copy()
    compare_gradients(mlp, x, labels)
    assert all(p.grad is None for p in mlp.parameters())
    classification_loss(mlp(x), labels).backward()
    values, gradients = mlp.state_dict(), [p.grad.copy() for p in mlp.parameters()]
    compare_gradients(mlp, x, labels)
    for p, value, gradient in zip(mlp.parameters(), values.values(), gradients, strict=True):
        np.testing.assert_array_equal(p.numpy(), value)
        np.testing.assert_array_equal(p.grad, gradient)
        assert p.dtype == np.float32
    np.testing.assert_array_equal(x, given)
    assert x.flags.writeable
    assert labels.flags.writeable


def test_table_prints_whole_where_there_is_no_terminal(monkeypatch, capsys):
    """80 columns and a small `display.max_rows` are what pandas goes by; nothing may be cut."""
    monkeypatch.setenv("COLUMNS", "80")
    structure = [100, *[30] * 40, 3]
    x = np.random.default_rng(0).normal(size=(4, 100))
    table = compare_gradients(MLP(structure, "tanh", seed=0), x, [0, 1, 2, 0], samples=1)
    limits = "display.width", 80, "display.max_rows", 5, "display.max_columns", 3
    with pd.option_context(*limits):
        print(table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 + 2 * 41 + len(table.attrs["notes"])
    assert "..." not in "\n".join(lines)
    assert lines[2].split()[:3] == ["parameter", "shape", "equation"]
    for line, (_, row) in zip(lines[4:], table.iterrows(), strict=False):
        assert line.split()[0] == row["parameter"]
        assert row["equation"] in line
        assert line.split()[-1] == row["verdict"]
    assert lines[-2:] == table.attrs["notes"]
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns[3:]) == [
        "max |manual-auto|",
        "max |auto-numeric|",
        "relative error",
        "verdict",
    ]


@pytest.mark.parametrize(
    ("samples", "stated"), [(20, "at most 20 elements"), (30, "every element")]
)
def test_table_says_how_many_elements_were_differentiated(monkeypatch, samples, stated):
    calls, right = [], delta_rule.loss
    monkeypatch.setattr(delta_rule, "loss", lambda *a: calls.append(0) or right(*a))
    mlp, x, labels = network_and_batch()  # its parameters have 30, 6, 24, 4, 12 and 3 elements
    table = compare_gradients(mlp, x, labels, samples=samples)
    assert stated in repr(table).splitlines()[-1]
    assert len(calls) >= 2 * sum(min(p.size, samples) for p in mlp.parameters())
    pd.testing.assert_frame_equal(table, compare_gradients(mlp, x, labels, samples=samples))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"network": Linear(5, 3).forward}, TypeError, ["method", "check_gradients"]),
        ({"x": np.ones((7, 4))}, ValueError, ["(7, 4)", "(N, 5)"]),
        ({"x": np.ones(5)}, ValueError, ["(5,)", "(N, 5)"]),
        ({"labels": [0, 1, 2]}, ValueError, ["(7, 3)", "(3,)"]),
        ({"labels": [0, 1, 2, 0, 3, 1, 9]}, ValueError, ["label 3 in row 4", "0..2"]),
        ({"labels": np.zeros(7)}, TypeError, ["float64"]),
        ({"samples": 0}, ValueError, ["samples", ">= 1", "0"]),
        ({"samples": 2.5}, TypeError, ["samples", "2.5"]),
    ],
)
def test_comparison_refuses_what_does_not_fit(change, error, words):
    mlp, x, labels = network_and_batch()
    with pytest.raises(error) as caught:
        compare_gradients(**{"network": mlp, "x": x, "labels": labels} | change)
    assert all(word in str(caught.value) for word in words), caught.value

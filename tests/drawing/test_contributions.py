"""Tests the gradients that are written on the edges of a picture against independent numbers.

The oracle changes one occurrence of an operand at a time and looks at the result: what an operation
sends back to that occurrence is the derivative by it alone.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw

from .test_draw_render import needs_dot


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def sent(drawing):
    """What is written on the edges, as {(source, operation, operand): text}."""
    names = {tensor.id: tensor.name for tensor in drawing.graph.tensors}
    names |= {operation.id: operation.name for operation in drawing.graph.operations}
    return {
        (names[edge.source], names[edge.target], edge.position): edge.contribution
        for edge in drawing.graph.edges
    }


def back_labels(drawing):
    return {wire.back_id: wire.back_label for wire in drawing.picture.wires if wire.back_id}


def number_in(text):
    return float(text.removeprefix("‖·‖ "))


def slope(function, value, step=1e-6):
    """The derivative of a function of an array, by central differences."""
    value = np.array(value, float)
    found = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        higher, lower = value.copy(), value.copy()
        higher[index] += step
        lower[index] -= step
        found[index] = (function(higher) - function(lower)) / (2 * step)
    return found


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
def test_a_square_gets_the_same_from_both_sides(engine):
    a = parameter(3.0, "a")
    c = a * a
    c.backward()
    drawing = draw(c, options=DrawOptions(engine=engine))
    assert sent(drawing) == {("a", "multiply", 0): "+3", ("a", "multiply", 1): "+3"}
    assert back_labels(drawing) == {"o0b0": "+3", "o0b1": "+3", "o0b": ""}
    assert sum(map(number_in, sent(drawing).values())) == a.grad == 6
    assert drawing.dot.count(">+3</TD>") == 2


def test_each_occurrence_against_finite_differences():
    generator = np.random.default_rng(3)
    values = {name: generator.normal(size=(4, 3)) for name in ("first", "second")}
    values |= {"w": generator.normal(size=(3,)), "b": generator.normal()}
    x, w, b = parameter(generator.normal(size=(4, 3)), "x"), parameter(values["w"], "w"), None
    b = parameter(values["b"], "b")
    values["first"] = values["second"] = x.numpy()

    def result(**changed):
        v = {**values, **changed}
        return float(np.sum(np.tanh(v["first"] * v["w"] + v["b"]) * v["second"]))

    product = x * w
    shifted = product + b
    bent = tg.tanh(shifted)
    weighted = bent * x
    loss = weighted.sum()
    loss.backward()
    names = {"product": product, "bent": bent, "weighted": weighted, "shifted": shifted}
    drawing = draw(loss, names=names)
    written = [(edge, number_in(edge.contribution)) for edge in drawing.graph.edges]
    found = {(edge.target, edge.position): value for edge, value in written}
    by_occurrence = {
        ("o0", 0): slope(lambda v: result(first=v), values["first"]),
        ("o0", 1): slope(lambda v: result(w=v), values["w"]),
        ("o1", 1): slope(lambda v: result(b=v), values["b"]),
        ("o3", 1): slope(lambda v: result(second=v), values["second"]),
    }
    for place, expected in by_occurrence.items():
        # The sign is written for single numbers alone.
        size = expected if expected.ndim == 0 else np.sqrt((expected**2).sum())
        assert found[place] == pytest.approx(float(size), rel=1e-3)
    axes = {(edge.target, edge.position): edge.summed_axes for edge in drawing.graph.edges}
    assert (axes["o0", 1], axes["o1", 1], axes["o0", 0]) == ((0,), (0, 1), ())
    labels = back_labels(drawing)
    assert labels["o0b1"].endswith(", Σ axis 0")
    assert labels["o1b1"].endswith(", Σ axes 0, 1")
    # x is used twice: both ways bring something, and together they are its gradient.
    whole = by_occurrence["o0", 0] + by_occurrence["o3", 1]
    np.testing.assert_allclose(x.grad, whole, rtol=1e-6, atol=1e-8)
    assert drawing.graph.tensors[0].tag == "parameter, used 2×"


def test_signs_of_single_numbers():
    a, b = parameter(5.0, "a"), parameter(2.0, "b")
    (a - b * a).backward()
    found = sent(draw(a - b * a, options=DrawOptions(backward=True)))
    assert set(found.values()) == {""}  # this result was never differentiated
    y = a - b * a
    y.backward()
    assert sorted(sent(draw(y)).values()) == ["+1", "-1", "-2", "-5"]


def test_nothing_is_said_before_backward_and_of_released_gradients():
    a = parameter(3.0, "a")
    middle = a * a
    y = middle * 2
    assert set(sent(draw(y, options=DrawOptions(backward=True))).values()) == {""}
    y.backward(keep_interior=False)
    assert middle.grad is None
    drawing = draw(y)
    assert set(sent(drawing).values()) == {""}
    # The way of gradients is drawn all the same, since the leaf has one.
    assert set(back_labels(drawing).values()) == {""}
    assert any(tensor.grad == "12" for tensor in drawing.graph.tensors)


def test_two_passes_add_up_in_the_leaf_and_not_on_the_edges():
    a = parameter(3.0, "a")
    y = a * a
    y.backward()
    y.backward()
    drawing = draw(y)
    assert sorted(sent(drawing).values()) == ["+3", "+3"]
    assert drawing.graph.tensors[0].grad == "12"


def test_a_value_that_was_changed_since_has_no_contribution_of_the_wrong_values():
    a, b = parameter(3.0, "a"), parameter(4.0, "b")
    y = a * b
    y.backward()
    a.data = 100.0
    drawing = draw(y)
    # What was sent is what the values of then give, or nothing is said.
    assert set(sent(drawing).values()) <= {"+4", "+3", ""}
    assert "changed since" in drawing.graph.tensors[0].tag
    assert drawing.graph.tensors[0].rows == (("data", "3"),)


def test_numbers_that_are_not_finite():
    a, b = parameter([1.0, 0.0], "a"), parameter([0.0, 0.0], "b")
    with np.errstate(all="ignore"):
        y = (a / b).sum()
        y.backward()
    drawing = draw(y)
    assert sent(drawing)["a", "divide", 0] == "‖·‖ inf"
    assert sent(drawing)["b", "divide", 1] == "‖·‖ NaN"
    assert "1 NaN, 1 inf" in drawing.graph.tensors[2].warning
    for engine in ("builtin", "auto"):
        assert "NaN" in draw(y, options=DrawOptions(engine=engine)).svg()


@pytest.mark.parametrize("view", ["ops", "layers"])
def test_drawing_calls_no_hook_and_leaves_all_gradients(view):
    a, seen = parameter([1.0, 2.0], "a"), []
    middle = a * 3
    y = (middle * middle).sum()
    for tensor in (a, middle, y):
        tensor.register_hook(seen.append)
    y.backward()
    assert len(seen) == 3
    before = [tensor.grad.copy() for tensor in (a, middle, y)]
    drawing = draw(y, view=view, compare={"a": [18.0, 36.0]}, options=DrawOptions(rules=True))
    assert drawing.svg()
    assert drawing.table()
    assert len(seen) == 3
    for tensor, grad in zip((a, middle, y), before, strict=True):
        np.testing.assert_array_equal(tensor.grad, grad)


def test_a_hook_that_replaces_a_gradient_is_seen_in_what_is_sent_on():
    a = parameter(1.0, "a")
    middle = a * 3
    y = middle * 5
    middle.register_hook(lambda gradient: gradient * 2)
    y.backward()
    drawing = draw(y)
    assert (middle.grad, a.grad) == (10, 30)
    assert sent(drawing)["a", "multiply", 0] in ("+30", "+5")
    ways = [edge.contribution for edge in drawing.graph.edges if edge.has_gradient]
    assert ways == ["+30", "+5"]


def test_constants_and_masks_get_nothing():
    a = parameter([1.0, -2.0], "a")
    y = tg.where(np.array([True, False]), a, 2.0).sum()
    y.backward()
    by_operand = {
        edge.operand: (edge.has_gradient, edge.contribution)
        for edge in draw(y).graph.edges
        if edge.operand
    }
    assert by_operand == {"if": (False, ""), "1": (True, "‖·‖ 1"), "2": (False, "")}


def test_linear_sends_to_each_operand_what_it_gets():
    generator = np.random.default_rng(0)
    x, w, b = (parameter(generator.normal(size=size)) for size in ((5, 2), (2, 3), (3,)))
    y = tg.linear(x, w, b)
    weights = generator.normal(size=(5, 3))
    (y * weights).sum().backward()
    edges = draw(y).graph.edges
    expected = [weights @ w.numpy().T, x.numpy().T @ weights, weights.sum(axis=0)]
    for edge, array in zip(edges, expected, strict=True):
        assert number_in(edge.contribution) == pytest.approx(np.sqrt((array**2).sum()), rel=1e-3)
    assert [edge.summed_axes for edge in edges] == [(), (), (0,)]

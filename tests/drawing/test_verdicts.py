"""Tests comparing gradients by hand with automatic ones: what a picture shows and refuses."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nn import MLP, softmax_cross_entropy
from tinygrad_edu import Tensor, stepper
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.drawing.verdicts import by_tensor, judge

from .test_draw_render import needs_dot, visible


def parameter(values, name=None, dtype=None):
    return Tensor(values, requires_grad=True, name=name, dtype=dtype)


def trained(dtype="float64"):
    """A network after one backward pass, and copies of its gradients by name."""
    net = MLP([2, 3, 2], seed=0, dtype=dtype)
    x = Tensor(np.random.default_rng(1).normal(size=(4, 2)), dtype=dtype)
    loss = softmax_cross_entropy(net(x), np.array([0, 1, 1, 0]))
    loss.backward()
    return net, loss, {name: p.grad.copy() for name, p in net.named_parameters()}


def found(drawing):
    return {t.name: t.manual for t in drawing.graph.tensors if t.manual}


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_agrees_has_a_check_mark_and_one_wrong_number_a_cross(dtype, engine):
    _, loss, gradients = trained(dtype)
    right = draw(loss, compare=gradients, options=DrawOptions(engine=engine))
    assert set(found(right)) == set(gradients)
    assert all(text.startswith("✓ max|Δ| 0") for text in found(right).values())
    assert (right.svg().count("✓"), right.svg().count("✗")) == (4, 0)
    gradients["linear1.weight"][1, 2] += 0.1
    wrong = draw(loss, compare=gradients, options=DrawOptions(engine=engine))
    assert (wrong.svg().count("✓"), wrong.svg().count("✗")) == (3, 1)
    assert found(wrong)["linear1.weight"] == "✗ max|Δ| 0.1 at [1, 2]"
    assert re.search(r"linear1\.weight .*✗ max\|Δ\| 0\.1 at \[1, 2\]", wrong.table())
    assert wrong.table().splitlines()[2].split()[-1] == "manual"
    assert "manual" not in draw(loss).table()


def test_each_of_all_places_is_found():
    _, loss, gradients = trained()
    for name, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            changed = gradient.copy()
            changed[index] -= 0.1
            (text,) = found(draw(loss, compare={name: changed})).values()
            assert text == f"✗ max|Δ| 0.1 at {list(index)}"


def test_rounding_in_another_order_is_not_a_mistake():
    net, loss, gradients = trained("float32")
    exact = {name: value.astype(float) * (1 + 3e-6) for name, value in gradients.items()}
    assert all(text.startswith("✓") for text in found(draw(loss, compare=exact)).values())
    off = {name: value.astype(float) * (1 + 3e-3) for name, value in gradients.items()}
    assert all(text.startswith("✗") for text in found(draw(loss, compare=off)).values())
    net.zero_grad()
    unknown = draw(loss, compare=gradients)
    assert set(found(unknown).values()) == {"- not computed"}


@pytest.mark.parametrize(
    ("manual", "automatic", "text"),
    [
        ([1.0, np.nan], [1.0, 2.0], "✗ max|Δ| inf at [1]"),
        ([1.0, 2.0], [np.nan, 2.0], "✗ max|Δ| inf at [0]"),
        ([np.nan, 2.0], [np.nan, 2.0], "✓ max|Δ| 0"),
        ([np.inf, 2.0], [np.inf, 2.0], "✓ max|Δ| 0"),
        ([np.inf, 2.0], [-np.inf, 2.0], "✗ max|Δ| inf at [0]"),
        ([0.0, 0.0], [0.0, 0.0], "✓ max|Δ| 0"),
        ([0.0, 1e-12], [0.0, 0.0], "✗ max|Δ| 1e-12 at [1]"),
        (3.5, 3.0, "✗ max|Δ| 0.5"),
        ([], [], "✓ max|Δ| 0"),
        ([2, 3], [2.0, 3.0], "✓ max|Δ| 0"),
    ],
)
def test_verdicts(manual, automatic, text):
    verdict = judge(np.array(manual), np.array(automatic, float))
    assert str(verdict) == text
    assert verdict.agree is text.startswith("✓")


def test_a_tensor_that_never_got_a_gradient_is_not_computed():
    a, b = parameter([1.0, 2.0], "a"), Tensor([1.0, 1.0], name="b")
    y = (a * b).sum()
    y.backward()
    assert found(draw(y, compare={"b": [1.0, 2.0]})) == {"b": "- not computed"}


def test_tensors_are_keys_too_and_those_that_were_computed():
    a, b = parameter([1.0, 2.0], "same"), parameter([3.0, 4.0], "same")
    product = a * b
    y = product.sum()
    y.backward()
    compare = {a: [3.0, 4.0], b: np.array([1.0, 2.5]), product: [1, 1]}
    texts = [tensor.manual for tensor in draw(y, compare=compare).graph.tensors]
    assert texts == ["✓ max|Δ| 0", "✗ max|Δ| 0.5 at [1]", "✓ max|Δ| 0", ""]


def test_names_are_those_of_the_picture():
    a = parameter(2.0)
    y = a * a
    y.backward()
    assert found(draw(y, names={"W": a}, compare={"W": 4.0})) == {"W": "✓ max|Δ| 0"}


def test_a_name_that_is_cut_in_the_picture_may_be_given_in_full():
    a = parameter(2.0, "weight " * 20)
    y = a * a
    y.backward()
    drawing = draw(y, compare={"weight " * 20: 4.0})
    assert found(drawing) == {drawing.graph.tensors[0].name: "✓ max|Δ| 0"}
    assert len(drawing.graph.tensors[0].name) < 41


def wrong_uses():
    a, b, stranger = parameter([1.0, 2.0], "a"), parameter([1.0, 2.0], "a"), parameter(1.0)
    nameless = parameter(1.0) * 2
    c = parameter([[1.0, 2.0]], "c")
    y = (a * b * c).sum()
    y.backward()
    return [
        (y, {"nobody": 1.0}, ValueError, r"'nobody', expected one of these names: a, a, t2, c"),
        (y, {"c": [1.0, 2.0]}, ValueError, r"of c has shape \(2,\), expected \(1, 2\)"),
        (y, {"a": [1.0, 2.0]}, ValueError, r"'a' names 2 tensors; use them as keys"),
        (y, {stranger: 1.0}, ValueError, r"a tensor that is not in the graph"),
        (y, {7: 1.0}, ValueError, r"found '7', expected one of"),
        (y, {"": 1.0}, ValueError, r"found '', expected one of"),
        (nameless, {"w": 2.0}, ValueError, r"found 'w', expected one of these names: t0"),
        (y, {"c": "much"}, TypeError, r"c must be an array of numbers, got text"),
        (y, {"c": None}, TypeError, r"c must be an array of numbers, got None; omit it"),
        (y, {c: np.ones((1, 2), bool)}, TypeError, r"must be an array of numbers, got bool"),
        (y, {c: np.ones((1, 2), complex)}, TypeError, r"must be an array of numbers, got complex"),
        (
            y,
            {"c": [[1.0], [1.0, 2.0]]},
            TypeError,
            r"c must be an array of numbers: setting",
        ),
        (y, [("c", 1.0)], TypeError, r"compare maps names to gradients.*got a list"),
        (y, {"n" * 100_000: 1.0}, ValueError, r"expected one of these names"),
        (y, {"two\nlines": 1.0}, ValueError, r"expected one of these names"),
    ]


@pytest.mark.parametrize("number", range(len(wrong_uses())))
def test_wrong_uses_raise_one_line_errors(number):
    y, compare, kind, message = wrong_uses()[number]
    for view in ("ops", "layers"):
        with pytest.raises(kind, match=message) as caught:
            draw(y, compare=compare, view=view)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_a_gradient_given_as_a_tensor():
    a = parameter([1.0, 2.0], "a")
    y = (a * a).sum()
    y.backward()
    assert found(draw(y, compare={"a": Tensor([2.0, 4.0])})) == {"a": "✓ max|Δ| 0"}


@pytest.mark.parametrize("name", ["linear1.weight", "W1", "dW1", "t3"])
def test_every_name_that_a_picture_shows_is_a_key(name):
    net, loss, gradients = trained()
    place = next(n.id for n in draw(loss, model=net).graph.tensors if n.name == "linear1.weight")
    key = place if name == "t3" else name
    wrong = 2 * gradients["linear1.weight"]
    assert found(draw(loss, model=net, compare={key: wrong}))["linear1.weight"].startswith("✗")
    last = stepper(loss, model=net, compare={key: wrong}).story.steps[-1]
    assert last.sentence.startswith("1 of 1 gradient differs: linear1.weight at")


def test_a_name_comes_before_the_other_names():
    a, b = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    both = by_tensor({"t1": [5.0, 6.0]}, [("t1", a), ("b", b)], [("t0", a), ("t1", b), ("b", b)])
    assert list(both) == [a]


def test_with_nothing_to_compare_there_is_no_verdict():
    a = parameter(2.0, "a")
    assert by_tensor(None, [("a", a)]) == by_tensor({}, [("a", a)]) == {}
    assert found(draw(a * a, compare={})) == {}


def test_comparing_needs_no_copy_that_lives_on():
    a = parameter([1.0, 2.0], "a")
    y = (a * a).sum()
    y.backward()
    manual = np.array([2.0, 4.0])
    drawing = draw(y, compare={"a": manual})
    manual[:] = 0
    a.grad = None
    assert found(drawing) == {"a": "✓ max|Δ| 0"}
    assert "✓" in drawing.svg()


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
def test_by_layers_a_module_says_which_of_its_gradients_differ(engine):
    _, loss, gradients = trained()
    gradients["linear1.weight"][1, 2] += 0.1
    drawing = draw(loss, compare=gradients, view="layers", options=DrawOptions(engine=engine))
    rows = {
        card.name: [(row.text, row.kind) for row in card.rows if row.label == "manual"]
        for card in drawing.picture.cards
        if card.role == "module"
    }
    assert rows == {
        "linear1": [("weight ✗ max|Δ| 0.1 at [1, 2]", "differ")],
        "relu1": [],
        "linear2": [("✓ 2 of 2", "match")],
    }
    texts = visible(ElementTree.fromstring(drawing.svg()))
    assert [text for text in texts if "✓" in text] == ["✓ 2 of 2"]
    assert [text for text in texts if "✗" in text] == ["weight ✗ max|Δ| 0.1 at [1, 2]"]
    assert drawing.table().splitlines()[2].split()[-1] == "manual"
    assert "weight ✗ max|Δ| 0.1 at [1, 2]" in drawing.table()
    assert "manual" not in draw(loss, view="layers").table()


def test_by_layers_before_backward():
    net, loss, gradients = trained()
    net.zero_grad()
    drawing = draw(loss, compare=gradients, view="layers")
    texts = [row for card in drawing.picture.cards for row in card.rows if row.label == "manual"]
    assert [(row.text, row.kind) for row in texts] == [
        ("weight - not computed\nbias - not computed", "value")
    ] * 2


def test_what_a_large_picture_leaves_out_may_be_compared_all_the_same():
    _, loss, gradients = trained()
    drawing = draw(
        loss, compare=gradients, view="ops", max_nodes=13, options=DrawOptions(on_large="truncate")
    )
    assert 0 < len(found(drawing)) < 4

"""Tests what a learner compares with the textbook: names such as z1 and δ2, one element worked out
in numbers, and the loss before and after the update.
"""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, BatchNorm1d, Dropout, Flatten, Linear, ReLU, Sequential, Tanh
from nn.layers.textbook import chain_names
from tinygrad_edu import Tensor, draw
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.explaining.contribution import Trace
from tinygrad_edu.stepping.forward_again import loss_after, loss_text
from tinygrad_edu.stepping.page_text import table_rows
from tinygrad_edu.stepping.story import build_story
from tinygrad_edu.stepping.worked_product import element_of

from .test_story import network, parameter, sentences, squeezed, text_of

# Names ------------------------------------------------------------------------------------------


def short_names(story):
    return {tensor.id: tensor.short for tensor in story.graph.tensors}


def test_a_network_names_what_it_computes():
    mlp, loss, _ = network()
    story = build_story(loss, model=mlp, names={"loss": loss})
    names = list(short_names(story).values())
    assert names == ["t0", "W1", "b1", "z1", "a1", "W2", "b2", "z2", "labels", "loss"]
    assert sentences(story, "forward")[:2] == [
        "z1 = t0 @ W1 + b1, shapes (4, 2) @ (2, 3) + (3,) -> (4, 3)",
        "relu: a1 = maximum(z1, 0), shapes (4, 3) -> (4, 3)",
    ]
    starts = [sentence.partition(":")[0] for sentence in sentences(story, "backward")]
    assert starts == [
        "softmax_cross_entropy sends δ2 = (p - y) / n to z2",
        "linear sends δ2 @ W2.T to a1",
        "linear sends dW2 = a1.T @ δ2 to W2",
        "linear sends db2 = sum(δ2, axis=0) to b2",
        "relu sends δ1 = g × (z1 > 0) to z1",
        "linear sends dW1 = t0.T @ δ1 to W1",
        "linear sends db1 = sum(δ1, axis=0) to b1",
    ]
    found = {tensor.name: (tensor.title, tensor.grad_name) for tensor in story.graph.tensors}
    assert found["linear2.weight"] == ("linear2.weight · W2", "dW2")
    assert found["z1"] == ("z1", "δ1")
    assert found["a1"] == ("a1", "")
    rows = table_rows(story).split("</tr>")
    assert ">z2 · t7</th>" in rows[7]
    assert '<td class="gradient"><small>δ2</small> ' in rows[7]
    assert "linear2.weight · W2</th>" in rows[5]
    assert "<small>dW2</small>" in rows[5]
    assert "δ" not in rows[4]


def test_a_picture_has_both_names():
    mlp, loss, _ = network()
    loss.backward()
    for drawing in (draw(loss, model=mlp), draw(loss)):  # the model is found by its calls
        cards = {card.id: card for card in drawing.picture.cards}
        assert (cards["t3"].name, cards["t3"].tag) == ("z1", "t3")
        assert [row.label for row in cards["t3"].rows] == ["data", "grad δ1"]
        assert cards["t1"].name == "linear1.weight · W1"
        rows = [line.split("  ")[0] for line in drawing.table().splitlines()]
        assert {"z2 · t7", "linear1.bias · b1"} <= set(rows)
        operations = {one.output: one for one in drawing.graph.operations}
        assert operations["t3"].rules[0] == ("W1", "t0.T @ δ1")


def test_names_of_the_user_win():
    mlp, loss, _ = network()
    hidden = loss.node.inputs[0].node.inputs[0]  # a1
    weight = mlp.linear1.weight
    story = build_story(loss, model=mlp, names={"h": hidden, "V": weight})
    names = short_names(story)
    assert (names["t4"], names["t1"], names["t3"]) == ("h", "V", "z1")
    assert {tensor.name: tensor.title for tensor in story.graph.tensors}["linear1.weight"] == (
        "linear1.weight · V"
    )
    assert "grad(V)" in text_of(story.steps[-1].__class__("", "", story.steps[11].sections))
    hidden.name = "mine"
    assert short_names(build_story(loss))["t4"] == "mine"
    logits = loss.node.inputs[0]
    named = build_story(loss, names={"logits": logits})
    assert short_names(named)["t7"] == "logits"
    assert sentences(named, "backward")[0].startswith(
        "softmax_cross_entropy sends δ2 = (p - y) / n to logits"
    )
    # A name that is taken is not given a second time.
    taken = build_story(loss, names={"z1": weight})
    assert list(short_names(taken).values()).count("z1") == 1


def test_one_name_never_means_two_tensors():
    mlp = MLP([2, 3, 2], dtype="float64", seed=0)
    x = np.ones((3, 2))
    twice = build_story(tg.softmax_cross_entropy(mlp(x) + mlp(2 * x), [0, 1, 0]), model=mlp)
    names = list(short_names(twice).values())
    assert "z1" not in names
    assert names.count("W1") == names.count("W2") == 1
    other = MLP([2, 3, 2], dtype="float64", seed=1)
    two = build_story(tg.softmax_cross_entropy(mlp(x) + other(x), [0, 1, 0]))
    assert not {"z1", "W1"} & set(short_names(two).values())
    one_of_two = build_story(tg.softmax_cross_entropy(mlp(x) + other(x), [0, 1, 0]), model=other)
    assert list(short_names(one_of_two).values()).count("z1") == 1


def test_a_delta_is_a_gradient_of_a_single_number():
    mlp = MLP([2, 3, 2], seed=0)
    graph = draw(mlp(np.ones((4, 2)))).graph
    assert [one.grad_name for one in graph.tensors] == [""] * len(graph.tensors)
    assert "z2" in {one.name for one in graph.tensors}


def test_chains_that_have_names():
    names = Sequential(Flatten(), Linear(2, 3), Tanh(), Dropout(0.5), Linear(3, 1, bias=False))
    assert names.textbook_names() == {
        "1": ("z1", "δ1"),
        "1.weight": ("W1", "dW1"),
        "1.bias": ("b1", "db1"),
        "2": ("a1", ""),
        "4": ("z2", "δ2"),
        "4.weight": ("W2", "dW2"),
    }
    shared = Linear(2, 2)
    for chain in (
        Sequential(Linear(2, 3), BatchNorm1d(3)),
        Sequential(shared, ReLU(), shared),
        type("Own", (Sequential,), {"forward": lambda self, x: x})(Linear(2, 2)),
        type("Mine", (MLP,), {"forward": lambda self, x: x})([2, 2]),
    ):
        assert chain.textbook_names() == {}
    assert chain_names([("relu", ReLU())]) == {}


def test_a_sequential_is_named_too():
    net = Sequential(Linear(2, 3, dtype="float64"), ReLU(), Linear(3, 2, dtype="float64"))
    loss = tg.softmax_cross_entropy(net(np.ones((4, 2))), [0, 1, 0, 1])
    names = list(short_names(build_story(loss, model=net)).values())
    assert names[1:8] == ["W1", "b1", "z1", "a1", "W2", "b2", "z2"]


@pytest.mark.parametrize("wrong", [["z1"], {"linear1": "z"}, {"linear1": ("z1", "d", "x")}, None])
def test_a_network_with_other_names(wrong):
    mlp, loss, _ = network()
    mlp.textbook_names = lambda: wrong
    with pytest.raises(TypeError, match=r"textbook_names\(\) of a MLP must return a mapping of"):
        build_story(loss, model=mlp)


# One element in numbers -------------------------------------------------------------------------


def products(trace):
    return {
        (one.tensor.node.primitive.name, one.position): element_of(one)
        for one in trace.sent
        if element_of(one)
    }


@pytest.mark.parametrize("rows", [4, 40])
def test_the_terms_add_up_to_the_element(rows):
    generator = np.random.default_rng(5)
    x = Tensor(generator.normal(size=(rows, 3)), True)
    W, V = (parameter(generator.normal(size=(n, m))) for n, m in ((3, 4), (4, 2)))
    b, c = parameter(generator.normal(size=4)), parameter(generator.normal(size=(1, 2)))
    weights = generator.normal(size=(rows, 2))  # so that no two elements have the same gradient
    loss = ((tg.relu(tg.linear(x, W, b)) @ V + c) * weights).sum()
    sent = Trace(loss, {}).sent
    found = 0
    for one in sent:
        element = element_of(one)
        if element is None:
            continue
        found += 1
        index, factors = element
        assert one.contribution[index] != 0
        np.testing.assert_allclose(np.prod(factors, axis=0).sum(), one.contribution[index])
    assert found == 6  # x, W, b; the left and the right of the product; c
    assert set(products(Trace(loss, {}))) == {
        ("linear", 0), ("linear", 1), ("linear", 2), ("matmul", 0), ("matmul", 1), ("add", 1),
    }  # fmt: skip


def worked(story, gradient):
    """What is written of one element of a gradient: the index, terms and result."""
    text = squeezed(" ".join(text_of(step) for step in story.steps if step.kind == "backward"))
    found = re.search(rf"{re.escape(gradient)}\[(\d+), (\d+)\] = (Σ.*?) = (.*?) = (\S+)", text)
    index = int(found[1]), int(found[2])
    return index, found[3], found[4], float(found[5])


def test_an_element_in_numbers_is_written_as_on_paper():
    mlp, loss, by_hand = network()
    story = build_story(loss, model=mlp)
    index, formula, terms, result = worked(story, "dW2")
    i, j = index
    assert formula == f"Σₙ a1[n, {i}] · δ2[n, {j}]"
    assert result == pytest.approx(by_hand["linear2.weight"][index], rel=1e-3)
    factors = [[float(one.strip("()")) for one in term.split("·")] for term in terms.split(" + ")]
    assert len(factors) == 4
    assert sum(a * b for a, b in factors) == pytest.approx(result, rel=2e-3)
    text = text_of(story.steps[9])
    assert "b2 was added to every row, so its gradient is the sum over the rows" in text
    assert "db2[0] = Σₙ δ2[n, 0]" in text


def test_many_terms_are_cut_and_the_page_says_so():
    x = Tensor(np.random.default_rng(0).normal(size=(64, 3)))
    W = parameter(np.ones((3, 2)), "W")
    story = build_story(((x @ W) ** 2).sum())
    text = text_of(story.steps[-1])
    assert "the first 6 of 64 terms are written" in text
    assert worked(story, "grad(W)")[2].count("·") == 6
    assert worked(story, "grad(W)")[2].endswith("…")


def test_what_is_not_worked_out():
    stack = parameter(np.ones((2, 3, 4)))
    W = parameter(np.ones((4, 2)))
    nothing = parameter(np.zeros((4, 2)))
    for loss in (
        (stack @ W).sum(),  # a stack of matrices
        (W * 3.0).sum(),
        (Tensor(np.ones((2, 4))) @ nothing * 0.0).sum(),  # no element that is not zero
        (Tensor(np.ones((2, 4))) + parameter(np.ones((2, 4)))).sum(),  # nothing was broadcast
    ):
        assert products(Trace(loss, {})) == {}, loss


# The loss before and after ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 50.0])
def test_the_loss_after_is_the_loss_after(rate):
    mlp, loss, _ = network()
    optimizer = SGD(mlp.parameters(), lr=rate)
    before = mlp.state_dict()
    last = build_story(loss, model=mlp, optimizer=optimizer, names={"loss": loss}).steps[-1]
    for name, value in mlp.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    leaves = [one for tensor in graph_order(loss) for one in tensor.node.inputs if not one.node]
    x, labels = leaves[-3], leaves[0]
    loss.backward()
    predicted = -rate * sum((one.grad**2).sum() for one in mlp.parameters())
    optimizer.step()
    after = tg.softmax_cross_entropy(mlp(x), labels).item()
    written = re.search(r"; loss (\S+) -> (\S+)$", last.sentence)
    assert float(written[1]) == pytest.approx(loss.item(), rel=1e-3)
    assert float(written[2]) == pytest.approx(after, rel=1e-3)
    text = text_of(last)
    assert ("it falls by" in text) == (after < loss.item()) == (rate < 1)
    assert ("it rises by" in text) == (rate > 1)
    assert f"= {predicted:.4g}" in text


def test_a_loss_that_cannot_be_computed_again_is_left_out():
    x, generator = parameter([1.0, 2.0], "x"), np.random.default_rng(0)
    noise = tg.primitive(lambda g, out, x, **_: g)(
        lambda x, /, *, generator: x + generator.normal(size=x.shape)
    )
    loss = noise(x, generator=generator).sum()
    state = generator.bit_generator.state
    assert loss_after([loss.node.inputs[0], loss], {x: x.data}) is None
    assert generator.bit_generator.state == state
    last = build_story(loss, optimizer=SGD([x], lr=0.1)).steps[-1]
    assert "->" not in last.sentence
    assert "before and after" not in text_of(last)
    # An operation whose result depends on more than its operands.
    counter = iter(range(9))
    counted = tg.primitive(lambda g, out, x: g)(lambda x, /: x + next(counter))(x)
    assert loss_after([counted, total := counted.sum()], {x: x.data * 0}) is None
    assert total.item() == 3.0
    # A body of one's own runs once: it may draw from a generator, or count.
    calls = []
    noted = tg.primitive(lambda g, out, x: 2 * g)(lambda x, /: calls.append(1) or 2 * x)
    last = build_story(noted(x).sum(), optimizer=SGD([x], lr=0.1)).steps[-1]
    assert "->" not in last.sentence
    assert len(calls) == 1
    masked = tg.dropout(x, 0.5, generator=np.random.default_rng(1)).sum()
    assert loss_after(graph_order(masked)[::-1], {x: 2 * x.data}) == 2 * masked.item()


@pytest.mark.parametrize(
    "constant", [lambda x: x.detach(), lambda x: Tensor(x.numpy()), lambda x: x.numpy()]
)
def test_no_loss_after_a_step_if_a_constant_was_copied_from_a_parameter(constant):
    x = parameter([1.0, 2.0], "x")
    last = build_story((x * constant(x)).sum(), optimizer=SGD([x], lr=0.1)).steps[-1]
    assert "->" not in last.sentence
    other = build_story((x * np.array([1.0, 3.0])).sum(), optimizer=SGD([x], lr=0.1)).steps[-1]
    assert "->" in other.sentence
    zeros = parameter([0.0, 0.0], "zeros")
    assert loss_after([out := zeros + np.zeros(2), out.sum()], {zeros: np.ones(2)}) == 2.0


def test_digits_by_which_two_losses_differ():
    assert loss_text(0.71671, 0.7) == "0.7167 -> 0.7"
    assert loss_text(0.716701, 0.716699) == "0.716701 -> 0.716699"
    assert loss_text(1.0, 1.0) == "1 -> 1"

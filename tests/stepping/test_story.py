"""Tests that a story describes what happens: its numbers against the delta rule and examples worked
out by hand, its steps against the graph, and that building it changes nothing.
"""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD
from nn.by_hand import delta_rule
from tinygrad_edu import Tensor
from tinygrad_edu.documents import Section, as_text
from tinygrad_edu.explaining.contribution import Trace
from tinygrad_edu.stepping.story import Stage, build_story
from tinygrad_edu.stepping.worked_softmax import row_gradient
from tinygrad_edu.texts import gradient_text


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def network(dtype="float64", rows=4):
    """A 2-3-2 network, its loss, its gradients derived by hand, and its inputs."""
    mlp = MLP([2, 3, 2], dtype=dtype, seed=0)
    generator = np.random.default_rng(1)
    x, labels = generator.normal(size=(rows, 2)), np.arange(rows) % 2
    loss = tg.softmax_cross_entropy(mlp(x.astype(dtype)), labels)
    layers = dict(mlp.named_parameters())
    weights = [layers[name].data for name in layers if name.endswith("weight")]
    biases = [layers[name].data for name in layers if name.endswith("bias")]
    manual = delta_rule.gradients(weights, biases, x, labels)
    by_hand = {f"linear{i + 1}.weight": gradient for i, gradient in enumerate(manual[0])}
    by_hand |= {f"linear{i + 1}.bias": gradient for i, gradient in enumerate(manual[1])}
    return mlp, loss, by_hand


def text_of(step):
    """The sentence and the sections of a step, as text."""
    return as_text(Section(step.sentence, step.sections))


def squeezed(text):
    """A text without the blanks that align numbers."""
    return re.sub(r"(?<=\[) | (?=\])", "", re.sub(r"\s+", " ", text))


def sentences(story, kind):
    return [step.sentence for step in story.steps if step.kind == kind]


def named(story, name):
    return next(tensor.id for tensor in story.graph.tensors if tensor.name == name)


# Single numbers -------------------------------------------------------------------------------


def test_single_numbers():
    # c = a * b = -6, d = c + a = -4: a gets 1 from the sum and b = -3 from the product, so -2.
    a, b = parameter(2.0, "a"), parameter(-3.0, "b")
    c = a * b
    d = c + a
    story = build_story(d, names={"c": c, "d": d})
    assert [step.sentence for step in story.steps[1:]] == [
        "c = a × b = 2 × (-3) = -6",
        "d = c + a = (-6) + 2 = -4",
        "d d / d d = 1: gradients start at d, which grows by 1 when it grows by 1",
        "add sends g = 1 to c; grad(c) = 1",
        "add sends g = 1 to a; grad(a): 1 (contribution 1 of 2)",
        "multiply sends g × b = 1 × (-3) = -3 to a; grad(a): 1 + (-3) = -2 (contribution 2 of 2)",
        "multiply sends g × a = 1 × 2 = 2 to b; grad(b) = 2",
    ]
    whole = [step.whole_sentence for step in story.steps if step.whole]
    assert whole[1] == "multiply sends g × b = 1 × (-3) = -3 to a; g × a = 1 × 2 = 2 to b"
    assert "d c / d a = b = -3" in text_of(story.steps[6])
    assert "upstream × local   1 × (-3) = -3" in text_of(story.steps[6])
    assert "1 of 2 contributions: the others are added when they arrive" in text_of(story.steps[5])
    assert story.values == {"t0": 0, "t1": 0, "t2": 1, "t3": 2}
    assert story.gradients["t0"] == (
        Stage(0, "not computed"),
        Stage(5, "1", "1 of 2"),
        Stage(6, "-2", "2 of 2"),
    )
    assert story.gradients["t3"] == (Stage(0, "not computed"), Stage(3, "1"))
    assert story.notes == ()


def test_an_operation_used_twice():
    x = parameter(3.0, "x")
    y = x * x
    story = build_story(y, names={"y": y})
    assert sentences(story, "backward") == [
        "multiply sends g × x = 1 × 3 = 3 to x; grad(x): 3 (contribution 1 of 2)",
        "multiply sends g × x = 1 × 3 = 3 to x; grad(x): 3 + 3 = 6 (contribution 2 of 2)",
    ]
    first, second = story.steps[-2:]
    assert (first.edges, second.edges) == (("o0b", "o0b0"), ("o0b", "o0b1"))
    assert (first.ends_operation, second.ends_operation) == (False, True)
    assert (first.reads, first.writes) == (("t1",), ("t0",))
    forward = story.steps[1]
    assert (forward.reads, forward.edges) == (("t0",), ("o0f0", "o0f1", "o0f"))


def test_why_an_operation_waits():
    x = parameter(0.5, "x")
    h = tg.sin(x)
    story = build_story(h * h, names={"h": h})
    (first, second) = [step for step in story.steps if step.writes == (named(story, "h"),)][1:]
    assert "1 of 2 contributions: h waits" in text_of(first)
    assert "reverse topological order" in text_of(first)
    assert "waits" not in text_of(second)
    fired = next(step for step in story.steps if step.sentence.startswith("sin sends"))
    assert "complete: all 2 contributions have arrived" in text_of(fired)


def test_formulas_with_names_and_numbers():
    x = parameter(4.0, "x")
    y = parameter(np.ones((2, 3)), "y")
    for out, expected in [
        (x / -2.0, "t2 = x / (-2) = 4 / (-2) = -2"),
        (x**2, "t2 = x**2 = 4**2 = 16"),
        (tg.sigmoid(x * 0.0), "sigmoid: t3 = 1 / (1 + exp(-t2)) = 1 / (1 + exp(-0)) = 0.5"),
        (-x, "t1 = -x = -4"),
        (y.sum(), "t1 = sum(y) = 6, shapes (2, 3) -> number"),
        (y.sum(axis=1)[0], "getitem: t2 = t1[0] = 3, shapes (2,) -> number"),
        (
            tg.concatenate([y, y], axis=1)[0, 0],
            "getitem: t2 = t1[(0, 0)] = 1, shapes (2, 6) -> number",
        ),
        (y.reshape(6)[0], "getitem: t2 = t1[0] = 1, shapes (6,) -> number"),
    ]:
        assert sentences(build_story(out), "forward")[-1] == expected
    joined = build_story(tg.concatenate([y, y], axis=1).sum())
    assert joined.steps[1].sentence == (
        "t1 = concatenate(y, y, axis=1), shapes (2, 3), (2, 3) -> (2, 6)"
    )
    assert sentences(joined, "backward")[1].startswith("concatenate sends what its rule makes of g")
    kept = build_story(y.sum(axis=0, keepdims=True).sum())
    assert "with keepdims = True" in text_of(kept.steps[1])
    assert kept.steps[1].sentence == "t1 = sum(y, axis=0), shapes (2, 3) -> (1, 3)"
    quotient = sentences(build_story(parameter(6.0, "n") / x), "backward")
    assert quotient[0].startswith("divide sends g / x = 1 / 4 = 0.25 to n")
    turned = build_story(tg.transpose(y).sum())
    assert turned.steps[1].sentence == "t1 = transpose(y), shapes (2, 3) -> (3, 2)"
    root = sentences(build_story(tg.sqrt(x)), "backward")
    assert root[0].startswith("sqrt sends g / (2 × t1) = 1 × 0.25 = 0.25 to x")
    clipped = build_story(tg.clip(x, None, 3.0))
    assert clipped.steps[1].sentence == "t1 = clip(x, None, 3) = clip(4, None, 3) = 3"


def test_a_formula_that_is_any_text():
    odd = tg.primitive.primitive(lambda g, out, x: g, formula="no { formula", derivatives=("g",))
    same = odd(lambda x, /: x + 0.0)
    try:
        story = build_story(same(parameter(2.0, "x")))
    finally:
        tg.primitive.PRIMITIVES.pop("<lambda>", None)
    assert "no { formula" in story.steps[1].sentence


# The network ----------------------------------------------------------------------------------


def test_steps_are_counted():
    """One for the overview, for each operation, for the seed, for each operation that a gradient
    reaches, for the check and the update: that many steps.
    """
    mlp, loss, by_hand = network()
    for extra in (
        {},
        {"compare": by_hand},
        {"compare": by_hand, "optimizer": SGD(mlp.parameters(), 0.1)},
    ):
        story = build_story(loss, model=mlp, **extra)
        steps = [step for step in story.steps if step.ends_operation]
        assert len(steps) == 1 + 4 + 1 + 4 + len(extra)
        # x requires no gradient: the first layer sends two, the second one three.
        assert len(story.steps) == len(steps) + 1 + 2
        kinds = [step.kind for step in story.steps]
        assert kinds == sorted(
            kinds, key=["overview", "forward", "seed", "backward", "check", "update"].index
        )
        for step in story.steps:
            assert bool(step.whole) == bool(step.whole_sentence)
            assert not (step.whole and not step.ends_operation)


def test_gradients_are_those_of_the_delta_rule():
    mlp, loss, by_hand = network()
    story = build_story(loss, model=mlp)
    for name, gradient in by_hand.items():
        assert story.gradients[named(story, name)][-1].text == gradient_text(gradient, True)[0]
    traced = {id(found[-1].source): found[-1].total for found in Trace(loss, {}).arrived.values()}
    for name, tensor in mlp.named_parameters():
        np.testing.assert_allclose(traced[id(tensor)], by_hand[name], rtol=0, atol=1e-12)


def test_sums_are_previous_and_contribution():
    x, b = parameter([[0.3, -1.2], [0.7, 2.1]]), parameter([0.4, -0.1])
    h = tg.tanh(x * b + b)
    loss = (h * h + h).sum() * b.sum()
    trace = Trace(loss, {})
    sums = {}
    for one in trace.sent:
        before = sums.get(one.source, 0.0)
        sums[one.source] = before + one.contribution
        np.testing.assert_allclose(one.total, sums[one.source], rtol=0, atol=1e-12)
    for leaf in (x, b):
        numerical = np.empty(leaf.shape)
        for index in np.ndindex(leaf.shape):
            moved = [leaf.data.copy(), leaf.data.copy()]
            moved[0][index] += 1e-6
            moved[1][index] -= 1e-6
            up, down = (slope(*((m, b.data) if leaf is x else (x.data, m))) for m in moved)
            numerical[index] = (up - down) / 2e-6
        np.testing.assert_allclose(sums[leaf], numerical, atol=1e-8)
    # And what is written is what was added up.
    story, single = build_story(loss), parameter(0.3)
    written = r"grad\((\S+)\): (\S+) \+ \(?([^ )]+)\)? = (\S+) "
    found = 0
    for each in (story, build_story(tg.sin(single) * single + single)):
        for step in each.steps:
            for _, start, added, total in re.findall(written, step.sentence):
                found += 1
                assert float(start) + float(added) == pytest.approx(float(total), rel=2e-3)
    assert found >= 2


def slope(x, b):
    h = np.tanh(x * b + b)
    return (h * h + h).sum() * b.sum()


def test_contributions_are_counted_before_the_producer_fires():
    mlp = MLP([2, 3, 2], dtype="float64", seed=0)
    x = np.ones((3, 2))
    loss = tg.softmax_cross_entropy(mlp(x) + mlp(2 * x), [0, 1, 0])
    story = build_story(loss, model=mlp)
    assert {call.number for call in story.graph.calls if call.name == "linear1"} == {1, 2}
    for name, _ in mlp.named_parameters():
        stages = story.gradients[named(story, name)]
        assert [stage.count for stage in stages] == ["", "1 of 2", "2 of 2"]
        assert [stage.step for stage in stages] == sorted(stage.step for stage in stages)
    arrays = [step for step in story.steps if "so far" in text_of(step)]
    assert len(arrays) == 4
    assert "contribution 2 of 2: complete" in text_of(arrays[0])


def test_rows_that_are_ignored_do_not_count():
    logits = tg.Tensor([[1.0, 3.0], [2.0, 0.5], [0.0, 1.0]], requires_grad=True)
    for labels, is_first in [([-1, 0, 1], False), ([0, -1, 1], True)]:
        loss = tg.cross_entropy(logits, labels, ignore_index=-1)
        trace = Trace(loss, {})
        sent = trace.sent[0]
        np.testing.assert_allclose(row_gradient(sent), sent.contribution[0], atol=1e-15)
        pages = " ".join(text_of(step) for step in build_story(loss).steps)
        assert ("average over the 2 rows" in pages) == ("× g / n = × 1 / 2" in pages) == is_first
        assert ("the label of row 0 is ignored" in pages) != is_first


def test_a_row_of_softmax_cross_entropy():
    mlp, loss, _ = network()
    story = build_story(loss, model=mlp)
    trace = Trace(loss, {})
    np.testing.assert_allclose(
        row_gradient(trace.sent[0]), trace.sent[0].contribution[0], atol=1e-15
    )
    backward = squeezed(text_of(next(step for step in story.steps if step.kind == "backward")))
    z = loss.node.values[0][0]
    softmax = np.exp(z) / np.exp(z).sum()
    for numbers in (z, softmax, softmax - [1, 0], (softmax - [1, 0]) / 4):
        assert f"[{' '.join(format(number, '.4g') for number in numbers)}]" in backward
    assert "y = one_hot(0) [1 0]" in backward
    assert "× g / n = × 1 / 4 [" in backward
    forward = squeezed(text_of(story.steps[4]))
    assert f"-log p[0] {-np.log(softmax[0]):.4g}" in forward
    halved = build_story(loss * 0.5, model=mlp).steps[8]
    assert "× g / n = × 0.5 / 4" in squeezed(text_of(halved))
    assert halved.sentence.startswith("softmax_cross_entropy sends δ2 = g × (p - y) / n to z2: ")
    assert sentences(story, "backward")[0].startswith("softmax_cross_entropy sends δ2 = (p - y) / ")
    wide = parameter(np.zeros((2, 20)))
    wide_story = build_story(tg.softmax_cross_entropy(wide, [3, 4]))
    assert "a row has 20 numbers" in text_of(wide_story.steps[-1])
    assert "Row 0" not in text_of(wide_story.steps[1])


@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.1}, {"weight": [1.0, 2.0]}, {"reduction": "sum"}]
)
def test_other_losses_are_explained_operation_by_operation(options):
    logits = parameter([[0.5, -1.0], [2.0, 0.0]], "logits")
    story = build_story(tg.cross_entropy(logits, [0, 1], **options))
    assert not any("Row 0" in text_of(step) for step in story.steps)
    assert any(operation.name == "log_softmax" for operation in story.graph.operations)
    expected = tg.grad(tg.cross_entropy(logits, [0, 1], **options), logits)
    assert story.gradients[named(story, "logits")][-1].text == gradient_text(expected, True)[0]


def test_broadcasting_is_undone_before_the_eyes():
    x, b = Tensor(np.ones((4, 2)), name="x"), parameter([1.0, -1.0], "b")
    story = build_story((x + b).sum())
    assert sentences(story, "backward")[1] == (
        "add sends g to b: shape (2,), norm 5.657, summed over axis 0 (broadcast)"
    )
    assert "the rule gave shape (4, 2), summed over axis 0" in text_of(story.steps[-1])
    number = parameter(3.0, "s")
    (last,) = sentences(build_story((Tensor([1, 2, 3], name="k") * number).sum()), "backward")[1:]
    assert last == "multiply sends g × k to s: 6, summed over axis 0 (broadcast); grad(s) = 6"


def test_every_edge_says_what_comes_back_along_it_whether_or_not_backward_was_called():
    a = parameter(3.0, "a")
    story = build_story(a * a + a)
    assert [edge.contribution for edge in story.graph.edges] == ["+3", "+3", "+1", "+1"]
    assert a.grad is None

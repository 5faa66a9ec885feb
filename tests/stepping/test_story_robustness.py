"""Tests stories in difficult cases: gradients that are zero, missing or not finite, hooks, earlier
calls of backward, and hostile names. Building a story changes nothing.
"""

import re
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from tinygrad_edu import GradientError, Tensor
from tinygrad_edu.documents import Section, as_text
from tinygrad_edu.stepping.story import Stage, build_story

from ..hostile_names import HOSTILE
from .test_story import named, network, parameter, sentences, text_of

# Zero, nothing, and what is not a number ------------------------------------------------------


def test_a_dead_relu_is_zero_and_not_uncomputed():
    x = parameter([1.0, 2.0], "x")
    story = build_story(tg.relu(-x).sum())
    assert [stage.text for stage in story.gradients["t0"]] == ["not computed", "0 (all zero)"]
    assert "all zero" in story.steps[-1].sentence


def test_what_no_gradient_reaches():
    condition, x = parameter(1.0, "condition"), Tensor([1.0], name="x")
    out = tg.where(condition, 3.0, 2.0)
    story = build_story(out, names={"out": out})
    assert story.steps[-1].sentence == "where sends nothing: the gradient of out ends here"
    assert "the operation has no derivative by it" in text_of(story.steps[-1])
    assert story.steps[-1].edges == ("o0b",)
    assert story.gradients["t0"] == (Stage(0, "not computed"),)
    assert story.notes == ("no gradient reaches condition: not computed, which is not 0",)
    assert story.gradients["t1"] == (Stage(0, "none (constant)"),)
    assert as_text(Section("", story.details["t1"])) == "Value\n  3"
    # What lies behind it has no step on the way back.
    deep = build_story(tg.where(tg.exp(parameter(1.0)) * 2.0, x, 2.0).sum())
    reached = [step.sentence.split()[0] for step in deep.steps if step.kind == "backward"]
    assert reached == ["sum", "where"]
    mixed = build_story((parameter([1.0, 2.0]) * Tensor([1, 2]) + Tensor([1.0, 1.0]) * 2).sum())
    assert {"none (constant)"} == {
        mixed.gradients[tensor.id][0].text
        for tensor in mixed.graph.tensors
        if tensor.role in ("input", "constant")
    }


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numbers_that_are_none():
    x = parameter(-1.0, "x")
    y = tg.log(x)
    story = build_story(y * 2, names={"y": y})
    assert story.steps[1].sentence == "y = log(x) = log(-1) = NaN"
    assert story.notes[0].startswith("not all numbers are finite in y")
    rows = parameter([[1.0, -1.0], [0.0, 2.0]])
    assert "it holds 1 NaN, 1 inf" in build_story(tg.log(rows).sum()).steps[1].sentence
    assert "it holds" not in build_story((rows * 2).sum()).steps[1].sentence
    counted = build_story((rows * Tensor([1, 2])).astype("float64").sum())
    assert counted.steps[1].sentence.endswith("(2, 2)")


def test_awkward_sizes():
    assert [step.kind for step in build_story(parameter(2.0, "x")).steps] == ["overview", "seed"]
    empty = build_story(parameter(np.zeros((0, 2)), "e").sum())
    assert empty.gradients["t0"][-1].text == "no elements"
    assert empty.steps[-1].sentence.endswith("to e: shape (0, 2)")
    one = build_story(parameter([[3.0]], "x") * 2.0)
    assert one.steps[1].sentence == "t2 = x × 2 = 3 × 2 = 6"
    assert "shapes (1, 1) × 2 -> (1, 1)" in text_of(one.steps[1])
    large = build_story(
        (parameter(np.ones((64, 10)), "W") @ parameter(np.ones((10, 1)), "v")).mean()
    )
    assert large.steps[1].sentence == "t2 = W @ v, shapes (64, 10) @ (10, 1) -> (64, 1)"
    assert "‖g‖ 0.3953" in text_of(large.steps[-2])


# Hooks, earlier calls of backward, and what stays as it is ------------------------------------


def test_hooks_are_mentioned():
    # g of z is doubled, so h = 3 gets 2 * 3 twice, which its own hook makes 13.
    h = parameter(3.0, "h")
    z = h * h
    z.register_hook(lambda g: 2 * g)
    h.register_hook(lambda g: g + 1)
    story = build_story(z * 1.0, names={"z": z})
    assert "a hook replaces it:  g = 2" in text_of(story.steps[-1])
    assert sentences(story, "backward")[0].endswith("grad(z) = 1; a hook changes it")
    assert "a hook replaces it:  13" in text_of(story.steps[-1])
    assert story.gradients["t0"][-1].text == "13"
    assert story.gradients["t1"][-1].text == "2"
    (z * 1.0).backward()
    assert h.grad == 13


def test_the_trace_starts_afresh():
    x = parameter(3.0, "x")
    y = x * x
    assert ".grad" not in text_of(build_story(y).steps[-1])
    y.backward()
    assert ".grad" not in text_of(build_story(y).steps[-1])
    y.backward()
    story = build_story(y)
    last = story.steps[-1]
    assert "x.grad holds 12" in text_of(last)
    assert "x.grad holds 12" in as_text(Section("", last.whole))
    assert "calls of backward() add up" in text_of(last)
    assert story.gradients["t0"][-1].text == "6"
    assert story.notes[0].startswith("the .grad of some leaves differs")


def test_nothing_is_changed():
    mlp, loss, by_hand = network()
    loss.backward()
    optimizer = SGD(mlp.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    optimizer.step()
    loss = tg.softmax_cross_entropy(mlp(np.ones((4, 2))), [0, 1, 0, 1])
    np.random.seed(5)  # noqa: NPY002
    next(iter(mlp.parameters())).register_hook(lambda g: g + np.random.normal() * 0)  # noqa: NPY002
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    before = [(p.data.copy(), p.grad.copy(), p._version) for p in mlp.parameters()]
    velocity = optimizer.state_dict()["state"]
    grads = [t.grad for t in tg.autodiff.graph_order(loss)]
    build_story(loss, model=mlp, compare=by_hand, optimizer=optimizer)
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert [t.grad for t in tg.autodiff.graph_order(loss)] == grads
    for parameter_, (data, grad, written) in zip(mlp.parameters(), before, strict=True):
        assert np.array_equal(parameter_.data, data)
        assert np.array_equal(parameter_.grad, grad)
        assert parameter_._version == written
    for number, state in optimizer.state_dict()["state"].items():
        assert np.array_equal(state["momentum_buffer"], velocity[number]["momentum_buffer"])
    loss.backward()  # which would refuse if anything had been written


@pytest.mark.needs("processes")
def test_two_processes_write_the_same_story():
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.stepping.test_story import network\n"
        "from tinygrad_edu.stepping.story import build_story\n"
        "from nn import SGD\n"
        "mlp, loss, by_hand = network()\n"
        "optimizer = SGD(mlp.parameters(), 0.1)\n"
        "print(ascii(build_story(loss, model=mlp, compare=by_hand, optimizer=optimizer)))"
    )
    told_twice = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told_twice) == 1
    assert b"0x" not in told_twice.pop()
    mlp, loss, _ = network()
    assert build_story(loss, model=mlp) == build_story(loss, model=mlp)


# Names, details, refusals ---------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(name):
    a, b = parameter(2.0, name), parameter([[1.0, -1.0]], name)
    c = a * b
    c.name = name
    story = build_story(
        c.sum(), names={name: c}, title=name, optimizer=SGD([a, b], 0.1), compare={b: [[1, 2]]}
    )
    for step in story.steps:
        for sentence in (step.sentence, step.whole_sentence):
            assert sentence.isprintable(), ascii(sentence)
            assert len(sentence) < 1000
        for section in step.sections:
            assert section.title.isprintable()
    for note in story.notes:
        assert note.isprintable()
    everything = repr(story)
    everything.encode()


def test_details_of_every_part():
    mlp, loss, _ = network()
    story = build_story(loss, model=mlp)
    parts = {node.id for node in (*story.graph.tensors, *story.graph.operations)}
    assert set(story.details) == parts == set(story.details)
    weight = as_text(Section("", story.details[named(story, "linear1.weight")]))
    assert "contribution 1 of 1: from linear" in weight
    operation = as_text(Section("", story.details["o0"]))
    assert " @ W1 + b1" in operation
    assert re.search(r"W1: g becomes t\d+.T @ g", operation)
    assert set(story.values) == {node.id for node in story.graph.tensors} == set(story.gradients)


def test_names_of_the_model_and_of_the_user():
    mlp, loss, _ = network()
    free = parameter(2.0)
    model = type("Model", (), {"named_parameters": lambda self: [("scale", free)]})()
    assert build_story(free * 3.0, model=model).steps[1].sentence == "t2 = scale × 3 = 2 × 3 = 6"
    assert (
        build_story(free * 3.0, model=model, names={"s": free})
        .steps[1]
        .sentence.startswith("t2 = s ×")
    )
    forward = build_story(loss, names={"loss": loss, "mlp": mlp}).steps[1]
    assert "linear1.weight · W1: shape" in text_of(forward)
    # The user's name for something else is not taken away by the model.
    other = parameter(5.0)
    clash = build_story(free * other, model=model, names={"scale": other})
    assert clash.steps[1].sentence == "t2 = t0 × scale = 2 × 5 = 10"


def test_refusals():
    x = parameter([1.0, 2.0], "x")
    loss = (x * x).sum()
    with pytest.raises(TypeError, match="needs one Tensor, the loss, got a list; compute a loss"):
        build_story([loss])
    with pytest.raises(GradientError, match="single number"):
        build_story(x * 2)
    with pytest.raises(GradientError, match="its gradient is 0"):
        build_story(Tensor(1.0) * 2)
    with pytest.raises(TypeError, match="names maps text"):
        build_story(loss, names=[x])
    with pytest.raises(TypeError, match="named_parameters"):
        build_story(loss, model=3)
    with pytest.raises(ValueError, match="max_nodes=2"):
        build_story(loss, max_nodes=2)
    x.data = [3.0, 4.0]
    with pytest.raises(GradientError, match="modified"):
        build_story(loss)

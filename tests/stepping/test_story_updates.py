"""Tests what a story says about gradients by hand and about the step of the optimizer."""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from tinygrad_edu.documents import Section, as_text
from tinygrad_edu.explaining.inline import values
from tinygrad_edu.stepping.story import build_story
from tinygrad_edu.stepping.updates import trial_step

from .test_story import network, parameter, text_of

# Gradients by hand ----------------------------------------------------------------------------


def test_gradients_by_hand_match():
    mlp, loss, by_hand = network()
    last = build_story(loss, model=mlp, compare=by_hand).steps[-1]
    assert last.kind == "check"
    assert last.sentence.startswith("manual and automatic gradients match for 4 gradients")
    assert last.sentence.endswith("allowed 1e-10")
    allowed = "they match: differences up to 1e-10 of the largest element are allowed"
    assert text_of(last).count(allowed) == 4


def test_one_wrong_number_is_found():
    mlp, loss, by_hand = network()
    wrong = by_hand["linear1.weight"].copy()
    wrong[1, 2] += 0.1
    story = build_story(loss, model=mlp, compare={**by_hand, "linear1.weight": wrong})
    last = story.steps[-1]
    assert last.sentence == "1 of 4 gradients differs: linear1.weight at [1, 2]"
    assert text_of(last).count("they differ") == 1
    assert text_of(last).count("they match") == 3
    assert "largest difference 0.1, at [1, 2]" in text_of(last)
    weight = dict(mlp.named_parameters())["linear1.weight"]
    by_tensor = build_story(loss, model=mlp, compare={weight: wrong}).steps[-1]
    assert by_tensor.sentence == "1 of 1 gradient differs: linear1.weight at [1, 2]"


def test_a_single_number_and_one_that_is_not_computed():
    x, condition = parameter(3.0, "x"), parameter(1.0, "condition")
    out = tg.where(condition, x * x, 0.0)
    last = build_story(out, compare={"x": 5.0, "condition": 1.0}).steps[-1]
    assert last.sentence == "2 of 2 gradients differ: x, condition not computed"
    assert "automatic  not computed" in text_of(last)


def test_gradients_by_hand_that_do_not_fit():
    mlp, loss, _ = network()
    calls = []
    dict(mlp.named_parameters())["linear1.weight"].register_hook(calls.append)
    for compare, kind, message in [
        ({"linear9.weight": 1.0}, ValueError, "found 'linear9.weight', expected one of"),
        ({"linear1.weight": np.ones((3, 2))}, ValueError, r"shape \(3, 2\), expected \(2, 3\)"),
        ([1.0], TypeError, "maps names to gradients"),
    ]:
        with pytest.raises(kind, match=message) as caught:
            build_story(loss, model=mlp, compare=compare)
        assert "\n" not in str(caught.value)
    assert not calls, "no gradient was followed"


# The step of the optimizer --------------------------------------------------------------------


OPTIONS = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"weight_decay": 0.1},
    {"momentum": 0.5, "weight_decay": 0.01},
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_step_that_is_announced_is_the_step_that_is_taken(options, dtype):
    mlp, loss, _ = network(dtype)
    optimizer = SGD(mlp.parameters(), lr=0.1, **options)
    for number in range(3):  # momentum has something to carry on from the second step on
        story = build_story(loss, model=mlp, optimizer=optimizer)
        old = [p.data.copy() for p in mlp.parameters()]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sections = {
            section.title: as_text(Section("", (section,))) for section in story.steps[-1].sections
        }
        for before, (name, parameter_) in zip(old, mlp.named_parameters(), strict=True):
            name = next(title for title in sections if title.startswith(f"{name} · "))
            lines = sections[name].replace("\n" + " " * 8, "\n")
            assert values(before).text in lines.replace("  old   ", "")
            assert values(parameter_.data).text in lines
        rule = story.steps[-1].sentence.partition("p <- p - ")[2].partition(";")[0]
        expected = "0.1 × grad"
        if options.get("weight_decay"):
            expected = f"0.1 × (grad + {options['weight_decay']} × p)"
        if options.get("nesterov") or (options.get("momentum") and number):
            expected = "step"
        assert rule == expected
        loss = tg.softmax_cross_entropy(mlp(np.ones((4, 2), dtype)), [0, 1, 0, 1])


def test_numbers_of_an_update():
    # 3 - 0.1 * 6 = 2.4
    x = parameter(3.0, "x")
    story = build_story(x * x, optimizer=SGD([x], lr=0.1))
    last = story.steps[-1]
    assert (last.kind, last.writes) == ("update", ("t0",))
    assert last.sentence == "the optimizer updates x: 3 - 0.1 × 6 = 2.4; t1 9 -> 5.76"
    assert "SGD: lr 0.1" in text_of(last)
    first = build_story(x * x, optimizer=SGD([x], lr=0.1, momentum=0.9)).steps[-1]
    assert "momentum has no earlier step to continue here" in text_of(first)
    large = parameter(np.ones(100), "W")
    norms = text_of(build_story(large.sum(), optimizer=SGD([large], lr=0.1)).steps[-1])
    assert "10 -> 9, of the step 1" in norms


def test_what_the_optimizer_does_not_move():
    x, y, condition = parameter(3.0, "x"), parameter(2.0, "y"), parameter(1.0, "condition")
    out = tg.where(condition, x * y, 0.0)
    last = build_story(out, optimizer=SGD([x, condition], lr=0.1)).steps[-1]
    assert last.sentence == "the optimizer updates x: 3 - 0.1 × 2 = 2.8; t5 6 -> 5.6"
    assert text_of(last).count("unchanged: ") == 2
    assert "no gradient arrived" in text_of(last)
    empty = parameter(np.zeros(0), "e")
    assert (
        "0 parameters"
        in build_story(empty.sum(), optimizer=SGD([empty], lr=0.1)).steps[-1].sentence
    )


class Decay:
    """Moves parameters without looking at gradients."""

    lr = 0.1

    def __init__(self, parameters):
        self.parameters = parameters

    def step(self):
        for each in self.parameters:
            each.data = each.data * np.float64(0.5)


def test_any_optimizer_is_known_by_what_it_can_do():
    x, condition = parameter(4.0, "x"), parameter(2.0, "condition")
    last = build_story(tg.where(condition, x, 0.0), optimizer=Decay([x, condition])).steps[-1]
    assert last.sentence == "the optimizer updates 2 parameters: p <- p - step; t3 4 -> 2"
    assert "the step depends on more than this gradient" in text_of(last)
    assert (x.item(), condition.item()) == (4, 2)
    Decay.lr = "fast"
    try:
        assert "step" in build_story(x * 2.0, optimizer=Decay([x])).steps[-1].sentence
    finally:
        Decay.lr = 0.1


def test_parameters_elsewhere_have_no_gradient_in_the_trial():
    x, elsewhere = parameter(4.0), parameter(2.0)
    elsewhere.grad = np.array(7.0)
    seen = []

    class Spy(Decay):
        def step(self):
            seen.extend(None if each.grad is None else float(each.grad) for each in self.parameters)

    (step,) = trial_step(Spy([x, elsewhere]), {x: "x"}, {x: np.array(5.0)})
    assert seen == [5.0, None]
    assert step.stays
    assert elsewhere.grad == 7


class Failing(Decay):
    """Cannot make its step."""

    def step(self):
        raise RuntimeError("no state yet")


def test_refused_optimizers():
    x = parameter(3.0)
    other = SGD([parameter(1.0)], lr=0.1)
    stuck = Decay([x])
    stuck.generator = (number for number in ())  # which cannot be copied
    failing = Failing([x])
    for optimizer, kind, message in [
        (3, TypeError, "needs a method step.., but a int has none"),
        (SGD, TypeError, "the class SGD has none"),
        (stuck, TypeError, "a Decay cannot be copied"),
        (other, ValueError, "a SGD has none of the parameters .* of the same network"),
        (failing, ValueError, "step.. of a Failing failed on copies .*: no state yet"),
    ]:
        with pytest.raises(kind, match=message) as caught:
            build_story(x * x, optimizer=optimizer)
        assert "\n" not in str(caught.value)

"""A nudge: one weight changes, the loss moves as its gradient said, and words say why not."""

import numpy as np
import pytest

from nn.playground.lane import loss_of
from nn.playground.nudging import compared
from nn.playground.session import Session


def weights(lane):
    return [p.data.copy() for p in lane.network.parameters()]


@pytest.mark.parametrize(
    ("state", "place"),
    [
        ("hidden=5tanh,4sigmoid&step=20", (1, 1, 3)),
        ("hidden=5gelu,4silu&step=20", (2, 4, 2)),
        ("hidden=5tanh&data=hills&step=20", (2, "bias", 0)),
        ("hidden=5tanh&frozen=1&step=20", (1, 0, 3)),  # its gradient is not needed for training
        ("hidden=5leaky_relu&l2=0.1&data=digits&step=3", (1, 20, 3)),
    ],
)
def test_a_nudge_is_what_the_gradient_predicted(state, place):
    """The slope at a small change in float64 is an oracle for the gradient, and for the loss."""
    session = Session.open(state)
    x, y = session.timeline.batch()

    def loss_at(by):
        network = session.lane.copied()[0].astype("float64")
        layer = [m for m in network if hasattr(m, "weight")][place[0] - 1]
        parameter = layer.bias if place[1] == "bias" else layer.weight
        index = place[2] if place[1] == "bias" else place[1:]
        values = parameter.data.copy()
        values[index] += by
        parameter.data = values
        targets = y if y.dtype.kind == "i" else y.astype(float)
        return loss_of(session.data.problem, network(x.astype(float)), targets).item()

    slope = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
    expected = {by: loss_at(by) for by in (0.0, 0.5, -0.01)}
    for by in (0.5, -0.01):
        found = session.nudge(*place, by)
        assert found.gradient == pytest.approx(slope, rel=1e-3, abs=1e-7)
        assert found.predicted == pytest.approx(found.gradient * by, rel=1e-5)
        assert found.before == pytest.approx(expected[0.0], rel=1e-5)
        assert found.after == pytest.approx(expected[by], rel=1e-5)
        assert found.difference == found.after - found.before
        session.seek(0, session.position[1])


def test_a_nudge_that_is_far_too_large_is_called_so():
    session = Session.open("data=circles&step=50")
    assert "far too large for a straight line" in session.nudge(1, "bias", 0, 1e6).text
    session = Session.open("data=circles&step=50")
    assert "too large" not in session.nudge(1, "bias", 0, 0.01).text


def test_a_nudge_begins_a_branch_and_changes_one_weight():
    session = Session.open("opt=SGD;Adam&lane=1&step=20")
    before, other = (weights(session.lanes[n]) for n in (1, 0))
    found = session.nudge(2, 3, 1, 0.5)
    assert session.position == (1, 20)
    assert session.timeline.branch.what == "W2[3, 1] + 0.5"
    after, unchanged = (weights(session.lanes[n]) for n in (1, 0))
    assert all(map(np.array_equal, unchanged, other))
    changed = [np.argwhere(a != b).tolist() for a, b in zip(before, after, strict=True)]
    assert changed == [[], [], [[3, 1]], [], [], []]
    assert after[2][3, 1] == before[2][3, 1] + np.float32(0.5)
    assert found.value == before[2][3, 1]


def test_the_gradient_of_a_nudge_is_the_one_that_is_shown():
    session = Session.open("step=20")
    loss, gradients = session.lane.gradients(*session.timeline.batch())
    found = session.nudge(1, 1, 4, 0.1)
    assert found.gradient == gradients[0][1, 4]
    assert found.before == loss


def test_switched_rectifiers_are_counted():
    session = Session.open("hidden=6relu&step=30")
    x, _ = session.timeline.batch()
    first = session.lane.network[0]
    on = first(x).data[:, 2] > 0
    found = session.nudge(1, "bias", 2, 0.4)
    now = session.lane.network[0](x).data[:, 2] > 0
    assert found.switched == (on != now).sum() > 0
    assert "switched on or off" in found.text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.1, 0.1001, 1.0, 0.5, 0), "The straight line of the gradient fits"),
        ((1e-9, 0.0, 1.0, 0.5, 0), "Both are within the rounding of float32"),
        ((0.1, 0.35, 1.0, 0.5, 0), "bends upwards along this weight: its second derivative is abo"),
        ((0.1, 0.05, 1.0, 0.5, 0), "bends downwards"),
        ((0.1, 0.35, 1.0, 0.5, 1), "because a rectifier output switched"),
        ((0.1, 0.35, 1.0, 0.5, 7), "because 7 rectifier outputs switched"),
        ((0.1, float("nan"), 1.0, 0.5, 0), "the loss is no longer finite"),
    ],
)
def test_a_nudge_is_compared_in_words(numbers, text):
    assert text in compared(*numbers)


def test_the_second_derivative_in_words():
    # loss(w + by) - loss(w) = slope by + ½ bend by², with slope 0.2, bend 3 and by 0.5
    assert "is about 3." in compared(0.1, 0.1 + 0.375, 1.0, 0.5, 0)


def test_a_nudge_to_a_loss_that_is_not_finite():
    session = Session.open("data=hills&hidden=3linear,3linear,3linear&step=2")
    found = [session.nudge(layer, 0, 0, 1e6) for layer in (1, 2, 3, 4)]
    assert np.isfinite(found[2].after)
    assert "the loss is no longer finite" in found[3].text
    assert (found[3].to_json()["after"], found[3].to_json()["difference"]) == (None, None)

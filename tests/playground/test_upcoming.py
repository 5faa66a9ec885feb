"""What the next step makes of a weight is what the step makes of it, for every optimizer."""

import numpy as np
import pytest

from nn.playground.choices import OPTIMIZERS
from nn.playground.session import Session


def after(session):
    """Return what `next` says about every weight and bias, in the order of the parameters."""
    found = []
    sizes = [p.data.shape for p in session.lane.network.parameters()]
    for layer, (rows, columns) in enumerate(sizes[::2], 1):
        for row in [*range(rows), "bias"]:
            found += [session.next(layer, row, column) for column in range(columns)]
    return [one["value"] for one in found], [one["to"] for one in found]


def flat(session):
    return np.concatenate([p.data.reshape(-1) for p in session.lane.network.parameters()])


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("more", ["", "&step=7&l2=0.01&frozen=1"])
def test_it_is_the_weight_after_the_step(name, more):
    session = Session.open(f"data=moons&hidden=3tanh,2relu&opt={name}{more}")
    before, state = flat(session), session.state
    value, to = after(session)
    assert session.state == state
    assert flat(session).tobytes() == before.tobytes()
    assert (np.float32(value) == before).all()
    session.step(1)
    assert np.float32(to).tobytes() == flat(session).tobytes()
    assert flat(session).tobytes() != before.tobytes()


def test_what_is_kept_belongs_to_a_step_a_lane_and_a_branch():
    """A branch that replaces an empty one has its number, and a new run has the same position."""
    session = Session.open("data=moons&hidden=3tanh&opt=SGD;Adam&step=4")
    for reach in (
        lambda: session.select(1),
        lambda: session.step(1),
        lambda: session.change({"l2": 0.1}),
        lambda: session.change({"l2": 0.3}),
        lambda: session.nudge(1, 0, 0, 0.5),
        lambda: session.seek(0, 4),
        lambda: session.change({"seed": 3}),
        session.restart,
    ):
        reach()
        _, to = after(session)
        position = session.position
        session.step(1)
        assert np.float32(to).tobytes() == flat(session).tobytes()
        session.seek(*position)


def test_a_step_that_is_not_finite_has_no_value():
    session = Session.open("data=hills&hidden=8relu&opt=SGD:lr=5")
    session.step(10_000)
    assert session.stopped
    value = session.next(1, 0, 0)
    assert value["to"] is None
    assert np.isfinite(value["value"])


@pytest.mark.parametrize("place", [(9, 0, 0), (1, 2, 0), (1, "b", 0), (1, 0, -1), (1, None, 99)])
def test_a_place_that_is_not_there_is_refused(place):
    with pytest.raises(ValueError, match="expected"):
        Session.open("data=moons&hidden=3tanh").next(*place)

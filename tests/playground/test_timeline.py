"""Any step of a run again, to the last bit: against a plain loop, without capturing and branches.

Two things that must be found are planted: a state that was kept and is then changed, and batches
in another order.
"""

import numpy as np
import pytest

from nn.playground import timeline as module
from nn.playground.branches import Schedule, matching
from nn.playground.lane import build_network, build_optimizer, freeze, loss_of
from nn.playground.session import Session
from nn.playground.settings import OptimizerSettings
from nn.playground.timeline import Timeline

OPTIMIZERS = {
    "momentum": [{"name": "SGD", "lr": 0.05, "momentum": 0.9}],
    "adam": [{"name": "Adam"}],
    "rmsprop": [{"name": "RMSprop", "momentum": 0.5}],
    "three": [{"name": "SGD"}, {"name": "Adam"}, {"name": "Adagrad"}],
}
NETWORK = {"hidden": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "relu"}]}


def session_of(**settings):
    session = Session()
    session.change({**NETWORK, **settings})
    return session


class Loop:
    """Trains as the playground says it does: eagerly, in order, with nothing kept."""

    def __init__(self, session, lane=0):
        self.settings, self.lane, self.data = session.settings, lane, session.data
        inputs = self.data.train.shape[1]
        self.network = build_network(self.settings, inputs, self.data.outputs)
        self._make_optimizer()
        self.epoch, self.rows = -1, np.empty(0, int)

    def _make_optimizer(self):
        settings = self.settings
        entry = settings.optimizers[self.lane]
        self.optimizer = build_optimizer(entry, self.network, settings.l2)

    def change(self, given, *, new_optimizer):
        old = self.settings
        self.settings = old.changed(given)
        freeze(self.network, self.settings.frozen)
        if new_optimizer:
            self._make_optimizer()
        elif "optimizers" in given:
            self.optimizer.lr = dict(self.settings.optimizers[self.lane].options)["lr"]
        if "batch" in given:
            self.rows = np.empty(0, int)  # the rest of the epoch is left out

    def train(self, steps):
        for _ in range(steps):
            if not len(self.rows):
                self.epoch += 1
                generator = np.random.default_rng([self.settings.seed, 2, self.epoch])
                self.rows = generator.permutation(len(self.data.train))
            rows, self.rows = np.split(self.rows, [self.settings.batch])
            self.optimizer.zero_grad()
            outputs = self.network(self.data.train[rows])
            loss_of(self.data.problem, outputs, self.data.train_labels[rows]).backward()
            self.optimizer.step()
        return self

    def weights(self):
        return [p.data for p in self.network.parameters()]


def weights(session, lane=0):
    return [p.data.copy() for p in session.lanes[lane].network.parameters()]


def same(ones, others):
    return all(np.array_equal(a, b) for a, b in zip(ones, others, strict=True))


# Straight through ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "data"), [*zip(OPTIMIZERS, ["moons", "hills"] * 2, strict=True)])
def test_training_equals_a_plain_loop(name, data):
    session = session_of(optimizers=OPTIMIZERS[name], batch=9, data={"name": data})
    session.step(90)  # epochs of 15 batches of 9, and one of 5
    for lane in range(len(session.lanes)):
        assert same(weights(session, lane), Loop(session, lane).train(90).weights())


def test_another_order_of_batches_is_found():
    session = session_of(batch=9)
    loop = Loop(session)
    loop.epoch = 0
    session.step(40)
    assert not same(weights(session), loop.train(40).weights())


@pytest.mark.parametrize(
    ("given", "new_optimizer"),
    [
        ({"optimizers": [{"name": "Adam", "lr": 0.003}]}, False),
        ({"optimizers": [{"name": "RMSprop"}]}, True),
        ({"frozen": [1, 3]}, False),
        ({"batch": 20}, False),
        ({"batch": 20, "frozen": [2]}, False),
    ],
)
def test_a_change_equals_a_changed_loop(given, new_optimizer):
    session = session_of(optimizers=OPTIMIZERS["adam"], batch=9)
    loop = Loop(session)
    session.step(37)
    session.change(given)
    session.step(30)
    loop.train(37).change(given, new_optimizer=new_optimizer)
    assert same(weights(session), loop.train(30).weights())


def test_weight_decay_begins_with_the_change_and_spares_biases():
    session = session_of()
    session.step(5)
    frozen_at = weights(session)
    session.change({"l2": 0.5, "frozen": []})
    session.step(1)
    decayed = weights(session)
    session.seek(0, 5)
    session.step(1)
    plain = weights(session)
    for before, with_decay, without in zip(frozen_at, decayed, plain, strict=True):
        expected = without - (np.float32(0.05) * before if before.ndim == 2 else 0)
        np.testing.assert_allclose(with_decay, expected, atol=1e-6)


def test_lanes_are_matched_when_some_are_removed_or_added():
    a, b, c = (OptimizerSettings.of({"name": name}) for name in ("SGD", "Adam", "RMSprop"))
    assert matching([a, b, c], [b]) == [1]
    assert matching([a, b, c], [a, c]) == [0, 2]
    assert matching([a, b], [a, b, c]) == [0, 1, None]
    slower = OptimizerSettings.of({"name": "Adam", "lr": 0.001})
    assert matching([a, b, c], [slower]) == [1]
    assert matching([a, b], [c, c]) == [0, 1]


def test_a_new_lane_starts_from_the_selected_one_and_others_keep_their_weights():
    session = session_of(optimizers=OPTIMIZERS["three"])
    session.step(20)
    before = [weights(session, n) for n in range(3)]
    session.select(1)
    session.change({"optimizers": [*OPTIMIZERS["three"], {"name": "RMSprop"}]})
    assert all(same(weights(session, n), before[n]) for n in range(3))
    assert same(weights(session, 3), before[1])
    session.step(10)
    session.select(3)
    copy = Session.open(session.state)
    assert copy.timeline.digest() == session.timeline.digest()
    session.change({"optimizers": OPTIMIZERS["three"][1:2]})
    assert session.selected == 0


# Back and forth ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_going_back_and_forth_changes_nothing(name):
    straight = session_of(optimizers=OPTIMIZERS[name], batch=9)
    digests = []
    for _ in range(100):
        digests.append(straight.timeline.digest())
        straight.step()
    session = session_of(optimizers=OPTIMIZERS[name], batch=9)
    session.step(99)
    generator = np.random.default_rng(0)
    for step in [*generator.integers(0, 100, 8).tolist(), 0, 99]:
        session.seek(0, step)
        assert session.position == (0, step)
        assert session.timeline.digest() == digests[step]
        ahead = int(generator.integers(0, 100 - step))
        session.step(ahead)
        assert session.timeline.digest() == digests[step + ahead]


def test_every_branch_is_reached_again():
    session = session_of(optimizers=OPTIMIZERS["adam"], batch=9)
    session.step(70)
    session.change({"frozen": [2]})
    session.step(70)
    session.nudge(1, 0, 2, 0.25)
    session.step(10)
    session.seek(0, 30)
    session.change({"optimizers": OPTIMIZERS["momentum"]})
    session.step(33)
    shown = {}
    for number, branch in session.timeline.branches.items():
        for step in {branch.at, (branch.at + branch.last) // 2, branch.last}:
            session.seek(number, step)
            shown[number, step] = session.timeline.digest()
    for branch in session.timeline.branches.values():
        branch.kept.clear()  # so that all of it is trained again, from the seed
    for place, digest in shown.items():
        session.seek(*place)
        assert session.timeline.digest() == digest


def test_a_state_that_was_changed_is_found():
    session = session_of()
    session.step(100)
    session.snapshot()
    kept = session.timeline.branch.kept
    assert 64 in kept
    session.seek(0, 70)
    kept[64][0].weights[0][0, 0] += np.float32(1e-6)
    session.seek(0, 0)
    with pytest.raises(RuntimeError, match="step 100 of branch 0 is not what it was before"):
        session.seek(0, 100)


def test_a_twin_leaves_the_timeline_alone():
    session = session_of()
    session.step(50)
    session.nudge(1, 0, 0, 0.5)
    session.step(10)
    before, place = session.timeline.digest(), session.position
    twin = session.timeline.twin()
    twin.seek(0, 20)
    twin.advance(10)
    assert (twin.branch.number, twin.step) == (0, 30)
    assert session.position == place
    assert session.timeline.digest() == before


@pytest.mark.parametrize(
    ("branch", "step", "part"),
    [
        (5, 0, "there is no branch 5"),
        (0, 51, "branch 0 has the steps 0 to 50"),
        (1, 10, "branch 1 has the steps 50 to 60"),
        (0, -1, "step: -1"),
        (0, 1.5, "step: 1.5"),
        ("0", 1, "there is no branch"),
        (0, True, "step: True"),
    ],
)
def test_a_step_that_was_not_reached_is_refused(branch, step, part):
    session = session_of()
    session.step(50)
    session.branch()
    session.step(10)
    with pytest.raises(ValueError, match=part):
        session.seek(branch, step)
    assert session.position == (1, 60)


def test_progress_is_reported_and_can_end_it():
    session = session_of()
    reached = []
    session.step(300, progress=reached.append)
    assert reached[-1] == 300
    assert reached == sorted(reached)
    assert max(np.diff(reached)) <= 64
    session.timeline.branch.kept.clear()
    session.seek(0, 0)
    session.timeline.branch.kept.clear()
    assert session.seek(0, 300, progress=lambda step: step < 100) is False
    assert 100 <= session.position[1] < 164
    assert session.seek(0, 300)
    assert session.step(100, progress=lambda step: False) < 100


# What is kept --------------------------------------------------------------------------------


def test_states_that_are_kept_are_few(monkeypatch):
    monkeypatch.setattr(module, "MOST_KEPT", 4)
    session = session_of(optimizers=OPTIMIZERS["adam"])
    session.step(600)
    branch = session.timeline.branch
    assert len(branch.kept) <= 4
    assert branch.size == sum(s.size for states in branch.kept.values() for s in states)
    digest = session.timeline.digest()
    session.seek(0, 300)
    session.seek(0, 600)
    assert session.timeline.digest() == digest
    assert len(branch.kept) <= 4


@pytest.mark.parametrize("size", [0, 2000])
def test_states_that_are_kept_are_small(monkeypatch, size):
    monkeypatch.setattr(module, "MOST_BYTES", size)
    session = session_of(optimizers=OPTIMIZERS["adam"])
    digests = {}
    for n in range(3):
        session.step(66)
        session.change({"batch": 11 + n})
        digests[session.position] = session.timeline.digest()
        assert session.timeline.bytes_kept <= size
    for place, digest in digests.items():
        session.seek(*place)
        assert session.timeline.digest() == digest
    assert session.timeline.bytes_kept <= size


def test_branches_that_lead_nowhere_are_forgotten(monkeypatch):
    monkeypatch.setattr(module, "MOST_BRANCHES", 5)
    session = session_of()
    for n in range(10):
        session.seek(0, 0)
        session.step(n + 1)
        session.branch()
        session.step(1)
    assert list(session.timeline.branches) == [0, 7, 8, 9, 10]
    session.branch()
    session.branch()
    session.branch()
    with pytest.raises(ValueError, match="5 changes in a row are the most"):
        session.branch()


def test_several_changes_at_one_step_are_one_branch():
    session = session_of(optimizers=OPTIMIZERS["momentum"])
    session.step(20)
    for lr in (0.04, 0.03, 0.02):
        session.change({"optimizers": [{"name": "SGD", "lr": lr, "momentum": 0.9}]})
    session.change({"batch": 20})
    assert [b.what for b in session.timeline.branches.values()] == [
        "start",
        "SGD: lr 0.05 → 0.02, batch 10 → 20",
    ]
    session.change({"batch": 10, "optimizers": OPTIMIZERS["momentum"]})
    assert session.position == (0, 20)
    assert len(session.timeline.branches) == 1
    session.nudge(1, 0, 0, 0.1)
    session.change({"batch": 20})
    assert [b.what for b in session.timeline.branches.values()][1:] == [
        "W1[0, 0] + 0.1",
        "batch 10 → 20",
    ]


def test_a_lane_of_a_branch_that_is_replaced_may_be_selected():
    session = session_of()
    session.step(5)
    session.change({"optimizers": OPTIMIZERS["three"]})
    session.select(2)
    session.change({"optimizers": [*OPTIMIZERS["three"][:2], *OPTIMIZERS["rmsprop"]]})
    assert session.selected == 2
    session.step(5)
    assert Session.open(session.state).timeline.digest() == session.timeline.digest()


def test_curves_are_thinned_and_are_those_of_each_step():
    session = session_of(optimizers=OPTIMIZERS["three"][:2])
    session.step(500)
    curve = session.timeline.branch.curve
    assert list(curve) == list(range(0, 501, 2))
    session.seek(0, 300)
    for n, lane in enumerate(session.snapshot()["lanes"]):
        found = curve[300][n]
        assert (found["train"], found["test"]) == (lane["loss"]["train"], lane["loss"]["test"])
    session.step(101)
    assert list(curve) == list(range(0, 501, 2))
    session.branch()
    session.step(500)
    assert list(session.timeline.branch.curve) == [401, *range(402, 902, 2)]


def test_schedule_uses_each_row_once_an_epoch():
    schedule = Schedule(seed=3, rows=23, batch=5)
    for epoch in range(3):
        rows = [schedule.batch_at(5 * epoch + n) for n in range(5)]
        assert [len(part) for part in rows] == [5, 5, 5, 5, 3]
        assert sorted(np.concatenate(rows)) == list(range(23))
    assert not np.array_equal(schedule.batch_at(0), schedule.batch_at(5))
    listed = list(schedule.batches(3, 17))
    assert all(np.array_equal(schedule.batch_at(3 + n), rows) for n, rows in enumerate(listed))
    later = schedule.changed(7, 12)
    assert (later.epoch_at(12), len(later.batch_at(12)), later.steps_per_epoch) == (3, 7, 4)
    assert schedule.changed(7, 10).epoch_at(10) == 2
    assert schedule.changed(5, 12) is schedule


# Steps that are not finite -------------------------------------------------------------------

WILD = {"name": "SGD", "lr": 5.0}


def test_a_lane_stops_before_the_step_that_is_not_finite():
    session = Session()
    hills = {"data": {"name": "hills"}, "hidden": [{"units": 8, "activation": "relu"}]}
    session.change({**hills, "optimizers": [WILD, {"name": "Adam"}]})
    assert session.step(100) == 100
    wild, tame = session.lanes
    assert (wild.stopped, tame.stopped, session.stopped) == (6, None, False)
    assert all(np.isfinite(values).all() for values in weights(session))
    alone = Session()
    alone.change({**hills, "optimizers": [WILD]})
    assert [alone.step(1) for _ in range(8)] == [1] * 6 + [0, 0]
    assert alone.stopped
    assert alone.position == (0, 6)
    assert same(weights(alone), weights(session))
    with np.errstate(all="ignore"):
        loop = Loop(alone).train(6)
        assert same(weights(alone), loop.weights())
        assert not all(np.isfinite(values).all() for values in loop.train(1).weights())
    session.seek(0, 3)
    assert session.lanes[0].stopped is None
    session.seek(0, 6)
    assert session.lanes[0].stopped == 6
    session.seek(0, 50)
    assert session.lanes[0].stopped == 6


def test_a_lane_that_stopped_goes_on_after_a_change():
    session = Session.open("data=hills&hidden=8relu&opt=SGD:lr=5;Adam&step=20")
    session.change({"optimizers": [{"name": "SGD", "lr": 1e-8}, {"name": "Adam"}]})
    assert session.timeline.branch.stopped == (6, None)
    assert session.lanes[0].stopped is None
    session.step(5)
    assert session.lanes[0].stopped in (None, 20)
    copy = Session.open(session.state)
    assert copy.timeline.digest() == session.timeline.digest()


def test_a_timeline_needs_only_settings_and_data():
    session = session_of()
    other = Timeline(session.settings, session.data)
    assert other.advance(30) == session.step(30) == 30
    assert other.digest() == session.timeline.digest()


def test_branches_are_shown_without_their_states():
    session = session_of()
    session.step(200)
    shown = repr(session.timeline.branches)
    assert "last=200" in shown
    assert len(shown) < 2000

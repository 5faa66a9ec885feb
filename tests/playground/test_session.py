"""A session: a link gives the same weights, wrong input changes nothing, a step is explained.

That any step is reached again is tested in `test_timeline`, and what a page shows in `test_frames`.
"""

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.playground.lane import loss_of
from nn.playground.session import Session
from nn.playground.settings import Settings
from nn.playground.tables import read_table
from tinygrad_edu.stepping import story


def weights(session, lane=None):
    chosen = session.lane if lane is None else session.lanes[lane]
    return [p.data.copy() for p in chosen.network.parameters()]


def same(ones, others):
    return all(np.array_equal(a, b) for a, b in zip(ones, others, strict=True))


# A link --------------------------------------------------------------------------------------

ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "leaky_relu", "gelu", "silu", "linear"])
OPTIMIZERS = st.sampled_from(
    [
        {"name": "SGD", "momentum": 0.9},
        {"name": "SGD", "lr": 0.3},
        {"name": "Adam"},
        {"name": "RMSprop"},
        {"name": "Lion"},
        {"name": "SGD", "lr": 5000.0},
    ]
)
CHANGES = st.one_of(
    st.builds(lambda n: {"batch": n}, st.sampled_from([3, 10, 50])),
    st.builds(lambda n: {"frozen": [n]}, st.integers(1, 2)),
    st.builds(lambda o: {"optimizers": o}, st.lists(OPTIMIZERS, min_size=1, max_size=3)),
    st.just({"frozen": []}),
    st.just({"l2": 0.01}),
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(1, 30)),
        st.tuples(st.just("change"), CHANGES),
        st.tuples(st.just("nudge"), st.floats(-2, 2).filter(bool)),
        st.tuples(st.just("back"), st.floats(0, 1)),
        st.tuples(st.just("select"), st.integers(0, 2)),
        st.tuples(st.just("branch"), st.none()),
    ),
    max_size=6,
)


def act(session, name, value):
    if name == "step":
        session.step(value)
    elif name == "change":
        session.change(value)
    elif name == "nudge":
        session.nudge(1, 1, 0, value)
    elif name == "branch":
        session.branch()
    elif name == "select":
        session.select(min(value, len(session.lanes) - 1))
    else:
        number = round(value * 1000) % len(session.timeline.branches)
        branch = list(session.timeline.branches.values())[number]
        session.seek(branch.number, branch.at + int(value * (branch.last - branch.at)))


@settings(max_examples=15)
@given(
    data=st.sampled_from(["circles", "moons", "hills"]),
    activation=ACTIVATIONS,
    units=st.integers(1, 4),
    seed=st.integers(0, 5),
    actions=ACTIONS,
)
def test_a_link_gives_the_same_weights(data, activation, units, seed, actions):
    session = Session()
    hidden = [{"units": units, "activation": activation}]
    session.change({"data": {"name": data, "points": 41}, "hidden": hidden, "seed": seed})
    for action in actions:
        act(session, *action)
    copy = Session.open(session.state)
    assert copy.timeline.digest() == session.timeline.digest()
    assert copy.state == session.state
    assert copy.settings == session.settings
    assert copy.selected == session.selected
    copy.step(7)
    session.step(7)
    assert copy.timeline.digest() == session.timeline.digest()


def test_another_seed_gives_other_weights():
    one, other = (Session.open(f"seed={seed}") for seed in (0, 1))
    assert not same(weights(one), weights(other))


def test_a_link_to_a_table():
    text = "a,b b,kind\n" + "".join(f"{i},{i * i % 7},{'xyz'[i % 3]}\n" for i in range(40))
    table = read_table(text, "my, table.csv")
    session = Session()
    session.load_table(table)
    csv = session.choices["csv"]
    assert (csv["file"], csv["label"], csv["features"]) == ("my, table.csv", "kind", ["a", "b b"])
    session.step(20)
    copy = Session.open(session.state, table)
    assert copy.timeline.digest() == session.timeline.digest()
    with pytest.raises(ValueError, match=r"the table my, table\.csv is not open"):
        Session.open(session.state)
    other = read_table(text + "1,2,x\n", "my, table.csv")
    with pytest.raises(ValueError, match="open that table"):
        Session.open(session.state, other)
    with pytest.raises(ValueError, match="1 different value,"):
        session.load_table(read_table("b,label\n" + "1,x\n" * 5, "bad.csv"))
    assert (session.table, session.offered) == (table, None)
    session.step(1)


def test_columns_of_a_refused_table_can_be_chosen():
    good = "".join(f"{i},{i % 7},{'xyz'[i % 3]}\n" for i in range(40))
    table = read_table("a,b,kind\n" + good, "t.csv")
    rows = "".join(f"{i / 7},{i % 5},x\n" for i in range(40))
    session = Session.open("data=csv&step=7", table)
    state, bad = session.state, read_table("a,b,label\n" + rows, "bad.csv")
    with pytest.raises(ValueError, match=r"1 different value,.*choose another column \(a, b\)"):
        session.load_table(bad)
    assert session.state == state  # the run and its table stay
    assert session.seek(0, 3)
    session.restart()
    assert (session.table, session.offered) == (table, bad)
    csv = session.choices["csv"]
    assert [column["predictable"] for column in csv["columns"]] == [True, True, False]
    chosen = {"label": "b", "features": ["b"], "file": "bad.csv", "digest": csv["digest"]}
    with pytest.raises(ValueError, match="a feature; choose one"):
        session.change({"data": {"name": "csv", **chosen}})
    chosen["features"] = ["a", "label"]
    session.change({"data": {"name": "csv", **chosen}})
    assert (session.table, session.offered) == (bad, None)
    assert session.data.features == ("a", "label = x")
    assert session.data.outputs == 5
    session.step(3)
    assert Session.open(session.state, bad).timeline.digest() == session.timeline.digest()


def test_columns_that_a_link_leaves_open_stay_the_same_after_a_change():
    text = "a,b,label\n" + "1,2,x\n3,4,y\n5,1,x\n" * 10
    table = read_table(text, "table.csv")
    session = Session.open("data=csv&file=table.csv&change=3:opt=SGD:lr=0.3&step=5", table)
    start, branch = session.timeline.line()
    assert branch.settings.data == start.settings.data
    assert session.settings.data.features == ("a", "b")


def test_drawn_points_begin_a_new_run():
    session = Session.open("step=20")
    session.points([[0.5, 0.25, 0], [-0.5, 0.1, 1], [0.1, -0.3, 2]])
    assert session.position == (0, 0)
    assert session.data.outputs == 3
    assert "drawn=0.5,0.25,0;-0.5,0.1,1;0.1,-0.3,2" in session.state
    session.step(10)
    assert Session.open(session.state).timeline.digest() == session.timeline.digest()


def test_a_session_of_settings():
    chosen = Settings.of({"data": {"name": "xor"}, "seed": 3})
    assert Session.open(chosen).state == Session(chosen).state == "data=xor&seed=3"
    assert repr(Session(chosen)) == "Session.open('data=xor&seed=3')"


# What is refused changes nothing -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("step", (-1,), "step: -1"),
        ("step", (1_000_000,), "step 1000030: a run has at most 1000000 steps"),
        ("step", ("3",), "step: '3'"),
        ("change", ({"hidden": [{"units": 0}]},), "units: 0"),
        ("change", ({"data": {"name": "csv"}},), "the table (no name) is not open"),
        ("change", ({"data": {"name": "drawn"}},), "drawn: 0 points"),
        ("change", (3,), "settings: 3"),
        ("points", ([[0, 0]],), "expected x, y and class"),
        ("nudge", (0, 0, 0, 1.0), "layer: 0"),
        ("nudge", (4, 0, 0, 1.0), "layer: 4"),
        ("nudge", (1, 2, 0, 1.0), "row: 2"),
        ("nudge", (1, "b", 0, 1.0), "row: 'b'"),
        ("nudge", (1, 0, 8, 1.0), "column: 8"),
        ("nudge", (1, 0, 0, 0.0), "by: 0"),
        ("nudge", (1, 0, 0, float("nan")), "by: nan"),
        ("nudge", (1, 0, 0, None), "by: None"),
        ("select", (1,), "lane: 1"),
        ("predict", ([1.0],), "values: shape (1,), expected 2 finite numbers"),
        ("predict", ([1.0, float("inf")],), "expected 2 finite numbers"),
        ("predict", (["a", "b"],), "values: expected numbers"),
        ("view", ([0, 2],), "features: 2"),
        ("view", ([0, 0],), "features: 0 twice"),
        ("view", (5,), "features: 5"),
        ("view", (None, {"7": 0}), "layer: 7"),
        ("view", (None, {"1": 8}), "first unit: 8"),
        ("view", (None, {"x": 8}), "layer: 'x'"),
        ("view", (None, [1]), "units: [1]"),
        ("explain", (0, 31), "step: 31"),
        ("explain", (0, 30, 1), "lane: 1"),
    ],
)
def test_what_is_refused_changes_nothing(name, arguments, part):
    session = Session.open("step=30")
    before = session.state, session.timeline.digest(), len(session.timeline.branches)
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        getattr(session, name)(*arguments)
    assert "\n" not in str(caught.value)
    assert (session.state, session.timeline.digest(), len(session.timeline.branches)) == before
    assert session.step(1) == 1


def test_a_nudge_in_a_link_that_does_not_fit_the_network():
    for place in ("0.1.2.0", "0.1.0.8", "0.2.b.8"):
        with pytest.raises(ValueError, match="nudge"):
            Session.open(f"change=1:nudge={place}:1&step=1")


# Why it stopped ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "parts"),
    [
        ("data=hills&hidden=8relu&opt=SGD:lr=5", ["in the backward pass, linear of layer 2"]),
        ("data=hills&hidden=8gelu&opt=SGD:lr=5", ["in the forward pass, power gave an infinite"]),
        (
            "data=hills&hidden=6linear,6linear,6linear,6linear,6linear,6linear&opt=SGD:lr=10",
            ["in the forward pass, linear of layer 2 gave an infinite", "W2 = "],
        ),
        (
            "hidden=&opt=SGD:lr=10000&l2=10",
            ["the update of W", "overflows, although loss and gradients are finite"],
        ),
        (
            # The weights would stay finite, and no step would change them any more.
            "data=hills&hidden=8relu,8relu&opt=Adam:lr=10000",
            ["exp_avg_sq, the optimizer's memory for W", "although loss and gradients are finite"],
        ),
    ],
)
def test_why_a_lane_stopped(state, parts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session = Session.open(state)
        session.step(200)
        assert session.stopped
        before = session.timeline.digest()
        found = session.why_stopped(0)
    step = session.lane.stopped
    for part in [*parts, f"Step {step + 1} cannot be made", "lower the learning rate"]:
        assert part in found.text
    assert found.step == found.rows[-1]["step"] == step
    sizes = [row["weight"] for row in found.rows]
    assert sizes[-1] == max(np.abs(w).max() for w in weights(session))
    assert session.timeline.digest() == before
    assert session.why_stopped(0) is found


def test_the_sizes_before_a_stop_are_those_of_the_steps():
    session = Session.open("data=hills&hidden=8relu&opt=SGD:lr=5")
    session.step(100)
    found = session.why_stopped(0)
    for row in found.rows:
        session.seek(0, row["step"])
        loss, gradients = session.lane.gradients(*session.timeline.batch())
        assert row["loss"] == pytest.approx(loss)
        assert row["weight"] == max(np.abs(w).max() for w in weights(session))
        largest = max(np.abs(g).max() for g in gradients)
        assert row["gradient"] == (largest if np.isfinite(largest) else None)


def test_a_lane_that_goes_on_has_no_reason():
    assert Session().why_stopped(0) is None


# Explaining ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        "hidden=3tanh&step=20",
        "hidden=3relu,2gelu&opt=SGD:momentum=0.9;Adam&lane=1&step=11&batch=9",
        "hidden=3silu&opt=RMSprop&data=hills&step=5&l2=0.3",
        "hidden=3tanh,3leaky_relu&frozen=2&step=9",
        "hidden=3tanh,3silu&frozen=1,2&step=9",
        "hidden=128relu,64relu&data=digits&step=2",
    ],
)
def test_the_step_that_is_explained_is_the_next_one(state, monkeypatch):
    updates = []

    def watched(*arguments):
        updates.extend(trial(*arguments))
        return updates

    trial = story.trial_step
    monkeypatch.setattr(story, "trial_step", watched)
    session = Session.open(state)
    before = session.timeline.digest()
    page = session.explain()
    assert session.timeline.digest() == before
    old = dict(session.lane.network.named_parameters())
    old = {name: p.data.copy() for name, p in old.items()}
    x, y = session.timeline.batch()
    loss = loss_of(session.data.problem, session.lane.network(x), y).item()
    session.step(1)
    new = {name: p.data for name, p in session.lane.network.named_parameters()}
    found = {update.name.partition(" ")[0]: update for update in updates}
    trained = {name for name, p in session.lane.network.named_parameters() if p.requires_grad}
    if "frozen=1" in state:  # x asks for a gradient, so that the frozen layers are on the page
        batch = found.pop("x")
        assert np.array_equal(batch.old, batch.new)
    assert set(found) == trained
    for name, update in found.items():
        assert np.array_equal(update.old, old[name])
        assert np.array_equal(update.new, new[name])
        assert not np.array_equal(update.old, update.new)
    sentences = " ".join(step.sentence for step in page.story.steps)
    has_derivation = "leaky" not in state
    assert ("manual and automatic gradients match" in sentences) == has_derivation
    assert f"{loss:.4g}" in sentences
    assert "W1" in page.html()
    assert {"x", "0.weight"} <= {tensor.name for tensor in page.story.graph.tensors}


def test_any_step_is_explained_from_anywhere():
    session = Session.open("hidden=3tanh&step=20&opt=SGD;Adam")
    there = Session.open("hidden=3tanh&step=7&opt=SGD;Adam&lane=1")
    session.nudge(1, 0, 0, 1.0)
    session.step(5)
    assert session.explain(0, 7, 1).to_json() == there.explain().to_json()
    assert session.position == (1, 25)


# Predicting ----------------------------------------------------------------------------------


def test_predictions_are_those_of_the_network():
    session = Session.open("data=spirals&classes=3&step=50")
    found = session.predict([0.3, -0.2])
    logits = session.lane.network(np.array([[0.3, -0.2]], np.float32)).data[0].astype(float)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(found["probabilities"], expected, rtol=1e-6)
    best = expected.argmax()
    assert found["text"] == f"class {best}, {expected[best]:.1%} sure"


def test_predictions_are_in_original_units():
    text = "a,b,y\n" + "".join(f"{i},{7 - i % 4},{100 + 3 * i}.5\n" for i in range(40))
    session = Session()
    session.load_table(read_table(text, "t.csv"))
    session.step(2000)
    for i in (3, 20, 33):
        assert session.predict([i, 7 - i % 4])["value"] == pytest.approx(100.5 + 3 * i, abs=5)


def test_restart_begins_again_with_the_settings_of_the_branch():
    session = Session.open("step=20")
    session.change({"batch": 20})
    session.step(5)
    session.restart()
    assert session.position == (0, 0)
    assert session.state == "data=circles&batch=20"

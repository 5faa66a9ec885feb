"""What a page gets: plain data that say what the network, the data and the history are."""

import base64
import json

import numpy as np
import pytest

from nn.playground.frames import encode
from nn.playground.session import Session
from nn.playground.tables import read_table


def decoded(entry):
    kind = {"u1": "<u1", "f4": "<f4", "i4": "<i4"}[entry["type"]]
    return np.frombuffer(base64.b64decode(entry["data"]), kind).reshape(entry["shape"])


@pytest.fixture(scope="module")
def session():
    state = "data=spirals&classes=3&hidden=8tanh,5relu&opt=SGD:lr=0.3;Adam&lane=1&step=130"
    return Session.open(state)


@pytest.fixture(scope="module")
def frame(session):
    return session.snapshot()


def network_of(session):
    """Compute what each linear layer and activation gives, in float64, without the engine."""
    values = [p.data.astype(float) for p in session.lane.network.parameters()]

    def layers(x):
        found, a = [], x.astype(float)
        for n in range(3):
            z = a @ values[2 * n] + values[2 * n + 1]
            a = [np.tanh, lambda z: np.maximum(z, 0), lambda z: z][n](z)
            found.append(a)
        return found

    return layers


def grid(side):
    line = np.linspace(-1.2, 1.2, side)
    return np.array([[x, y] for y in line for x in line])


@pytest.mark.parametrize(
    "state",
    [
        "",
        "step=20&hidden=",
        "data=digits&hidden=20relu&step=3&test=0",
        "data=hills&hidden=3sigmoid&step=3&frozen=1&test=0",
        "data=hills&hidden=8relu&opt=SGD:lr=5;Adam&step=20",
        "data=drawn&drawn=0,0,0;1,1,1&step=2",
    ],
)
@pytest.mark.parametrize("full", [True, False])
def test_frames_are_plain_data(state, full):
    session = Session.open(state)
    text = json.dumps(session.snapshot(full), allow_nan=False)
    assert json.loads(text)["state"] == session.state
    assert ("points" in json.loads(text)) == ("ghosts" in json.loads(text)) == full


def test_arrays_are_little_endian():
    found = encode(np.array([[1.5, -2.0]], ">f8"), "f4")
    assert found["shape"] == [1, 2]
    assert (decoded(found) == [[1.5, -2.0]]).all()
    assert decoded(encode(np.arange(6).reshape(2, 3).T, "i4")).tolist() == [[0, 3], [1, 4], [2, 5]]


def test_where_it_is(session, frame):
    assert (frame["branch"], frame["step"], frame["epoch"], frame["selected"]) == (0, 130, 9, 1)
    assert frame["features"] == ["x1", "x2"]
    assert frame["classes"] == ["class 0", "class 1", "class 2"]
    assert frame["batch"] == session.timeline.branch.schedule.batch_at(130).tolist()
    assert [lane["name"] for lane in frame["lanes"]] == ["SGD lr 0.3", "Adam lr 0.01"]
    assert frame["axes"]["x"] == frame["axes"]["y"] == pytest.approx([-1.2, 1.2])


def test_points_are_the_rows(session, frame):
    points = frame["points"]
    assert (decoded(points["train"]) == session.data.train).all()
    assert (decoded(points["test_labels"]) == session.data.test_labels).all()


def test_losses_scores_and_confusion(session, frame):
    outputs = network_of(session)(session.data.test)[-1]
    labels = session.data.test_labels
    shifted = outputs - outputs.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    lane = frame["lanes"][1]
    assert lane["loss"]["test"] == pytest.approx(-logs[range(60), labels].mean(), rel=1e-5)
    winners = outputs.argmax(1)
    assert lane["score"]["test"] == pytest.approx((winners == labels).mean())
    confusion = decoded(lane["confusion"])
    expected = [[((labels == i) & (winners == j)).sum() for j in range(3)] for i in range(3)]
    assert confusion.tolist() == expected


def test_decision_map(session, frame):
    outputs = network_of(session)(grid(50))[-1]
    shares = np.exp(outputs) / np.exp(outputs).sum(1, keepdims=True)
    found = frame["lanes"][1]["map"]
    assert (decoded(found["winner"]).ravel() == outputs.argmax(1)).mean() > 0.999
    sure = decoded(found["sure"]).ravel() / 255
    np.testing.assert_allclose(sure, (shares.max(1) - 1 / 3) / (2 / 3), atol=0.003)


def test_map_of_a_regression():
    session = Session.open("data=hills&hidden=4tanh&step=30")
    found = decoded(session.snapshot()["lanes"][0]["map"]["value"])
    corner = session.predict([-1.2, 1.2])["value"]
    assert found[-1, 0] == pytest.approx(corner, rel=1e-5)
    assert found[0, -1] == pytest.approx(session.predict([1.2, -1.2])["value"], rel=1e-5)


def test_layers_are_those_of_the_selected_network(session, frame):
    values = session.lane.network.parameters()
    _, gradients = session.lane.gradients(*session.timeline.batch())
    layers = frame["network"]["layers"]
    assert [layer["activation"] for layer in layers] == ["tanh", "relu", "linear"]
    assert [(layer["inputs"], layer["units"]) for layer in layers] == [(2, 8), (8, 5), (5, 3)]
    for n, layer in enumerate(layers):
        assert (decoded(layer["weights"]) == values[2 * n].data).all()
        assert (decoded(layer["bias"]) == values[2 * n + 1].data).all()
        assert (decoded(layer["gradients"]) == gradients[2 * n]).all()
        assert (decoded(layer["bias_gradients"]) == gradients[2 * n + 1]).all()


def test_gradients_are_those_of_the_next_step():
    session = Session.open("hidden=4tanh,3gelu&frozen=2&step=30")
    layers = session.snapshot()["network"]["layers"]
    shown = [layer[key] for layer in layers for key in ("gradients", "bias_gradients")]
    before = [p.data.copy() for p in session.lane.network.parameters()]
    session.step(1)
    for entry, old, p in zip(shown, before, session.lane.network.parameters(), strict=True):
        assert (old - np.float32(0.1) * decoded(entry) == p.data).all()
    assert not decoded(shown[2]).any()


def test_unit_maps_have_their_sign_and_scale(session, frame):
    on_grid = network_of(session)(grid(24))
    for n, layer in enumerate(frame["network"]["layers"]):
        maps = decoded(layer["maps"]).astype(float)
        assert maps.shape == (layer["shown"], 24, 24)
        expected = on_grid[n].T.reshape(-1, 24, 24)
        scale = np.abs(expected).max((1, 2), keepdims=True)
        assert np.abs((maps - 128) / 127 - expected / scale).max() <= 0.51 / 127
    first, second = (decoded(entry["map"]).astype(float) for entry in frame["network"]["inputs"])
    assert (np.diff(first, axis=1) > 0).all()
    assert (np.diff(second, axis=0) > 0).all()


def test_ranges_and_marks(session, frame):
    on_rows = network_of(session)(session.data.train)
    for n, layer in enumerate(frame["network"]["layers"]):
        expected = np.stack([on_rows[n].min(0), on_rows[n].max(0)], 1)
        np.testing.assert_allclose(layer["range"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "bias", "mark"),
    [
        ("relu", -50.0, "dead"),
        ("tanh", 50.0, "saturated"),
        ("tanh", -50.0, "saturated"),
        ("sigmoid", 50.0, "saturated"),
        ("sigmoid", -50.0, "saturated"),
        ("leaky_relu", -50.0, None),
        ("gelu", -50.0, None),
    ],
)
def test_dead_and_saturated_units(activation, bias, mark):
    session = Session.open(f"hidden=20{activation}")
    session.nudge(1, "bias", 18, bias)
    layer = session.snapshot()["network"]["layers"][0]
    assert layer["dead"] == [18] * (mark == "dead")
    assert layer["saturated"] == [18] * (mark == "saturated")


def test_a_dead_layer_is_marked_and_is_no_error():
    session = Session.open("hidden=2relu,2tanh&step=5")
    assert session.snapshot()["network"]["note"] == ""
    session.nudge(1, "bias", 0, -50.0)
    session.nudge(1, "bias", 1, -50.0)
    frame = session.snapshot()
    assert "All units of layer 1 are dead" in frame["network"]["note"]
    assert frame["lanes"][0]["stopped"] is None
    assert session.step(5) == 5


def test_wide_layers_are_shown_in_part():
    session = Session.open("hidden=40tanh,30relu&step=2")
    session.view(units={"1": 10, "2": 29})
    layers = session.snapshot()["network"]["layers"]
    assert [(layer["first"], layer["shown"]) for layer in layers] == [(10, 16), (14, 16), (0, 2)]
    values = session.lane.network.parameters()
    assert (decoded(layers[1]["weights"]) == values[2].data[10:26, 14:30]).all()
    assert (decoded(layers[0]["bias"]) == values[1].data[10:26]).all()
    assert decoded(layers[2]["gradients"]).shape == (16, 2)


def test_a_wide_table_is_shown_in_part_and_other_features_are_neutral():
    generator = np.random.default_rng(3)
    names = [f"f{n}" for n in range(40)]
    rows = [",".join([*map(str, generator.normal(size=40)), "ab"[i % 2]]) for i in range(30)]
    table = read_table("\n".join([",".join([*names, "label"]), *rows]) + "\n", "wide.csv")
    inputs = Session.open("data=csv", table).snapshot()["network"]["inputs"]
    assert [one["name"] for one in inputs] == names[:16]
    maps = np.array([decoded(one["map"]) for one in inputs])
    assert (abs(maps[:2].astype(int) - 128).max((1, 2)) == 127).all()
    assert (maps[2:] == 128).all()  # at their mean, whatever rounding left of it


def test_digits_are_images():
    session = Session.open("data=digits&hidden=20relu&step=5")
    frame = session.snapshot()
    assert frame["lanes"][0]["map"] is None
    examples = frame["examples"]
    images = decoded(examples["images"])
    assert (images == np.rint(session.data.test[:16].reshape(-1, 8, 8) * 255)).all()
    assert examples["labels"] == session.data.test_labels[:16].tolist()
    for image, predicted in zip(session.data.test, examples["predicted"], strict=False):
        found = session.predict(image.tolist())
        assert np.argmax(found["probabilities"]) == predicted
    layer = frame["network"]["layers"][0]
    assert layer["map_kind"] == "weights"
    maps, weight = decoded(layer["maps"]).astype(float), session.lane.network[0].weight.data
    scale = np.abs(weight[:, :16]).max(0)
    np.testing.assert_allclose(
        (maps.reshape(16, 64).T - 128) / 127 * scale, weight[:, :16], atol=0.51 / 127 * scale.max()
    )
    assert frame["network"]["layers"][1]["maps"] is None
    assert len(frame["network"]["inputs"]) == 64


def test_axes_of_a_table_are_in_its_units():
    text = "a,b,c,kind\n" + "".join(f"{i},{100 - i * 2},{i % 5},{'xy'[i % 2]}\n" for i in range(50))
    session = Session()
    session.load_table(read_table(text, "t.csv"))
    session.view(features=[1, 0])
    frame = session.snapshot()
    assert frame["axes"]["note"] == "other features at their mean"
    low, high = frame["axes"]["x"]
    assert low < 2 < 100 < high
    train = decoded(frame["points"]["train"])
    np.testing.assert_allclose(train[:, 0], 100 - 2 * train[:, 1], atol=1e-4)
    rows = session.viewed.axes.grid(session.data, 50)
    corner = session.viewed.axes.in_units(session.data, rows)[49]
    np.testing.assert_allclose(corner[:2], [frame["axes"]["y"][0], high], rtol=1e-4)


# History -------------------------------------------------------------------------------------


def test_curves_send_only_what_is_new():
    session = Session.open("opt=SGD;Adam")
    session.step(10)
    curves = session.snapshot()["curves"]
    assert (curves["from"], curves["steps"]) == (0, list(range(11)))
    session.step(3)
    curves = session.snapshot(full=False)["curves"]
    assert (curves["from"], curves["steps"]) == (11, [11, 12, 13])
    last = {name: values[-1] for name, values in curves["lanes"][1].items()}
    lane = session.snapshot(full=False)["lanes"][1]
    assert last == {**lane["loss"], "score": lane["score"]["test"]}
    assert session.snapshot(full=False)["curves"]["steps"] == []
    session.step(600)
    curves = session.snapshot(full=False)["curves"]
    assert (curves["from"], curves["steps"][:2]) == (0, [0, 2])
    session.nudge(1, 0, 0, 0.1)
    session.step(1)
    curves = session.snapshot(full=False)["curves"]
    assert (curves["from"], curves["steps"]) == (0, [613, 614])


def test_history_is_the_line_of_branches():
    session = Session.open("step=50")
    session.change({"batch": 20})
    session.step(30)
    session.seek(0, 20)
    session.nudge(1, 0, 0, 0.1)
    session.step(5)
    frame = session.snapshot()
    assert frame["history"] == {"line": [[0, 0, 20], [2, 20, 25]]}
    assert frame["branches"] == [
        {"id": 0, "parent": None, "at": 0, "last": 50, "what": "start"},
        {"id": 1, "parent": 0, "at": 50, "last": 80, "what": "batch 10 → 20"},
        {"id": 2, "parent": 0, "at": 20, "last": 25, "what": "W1[0, 0] + 0.1"},
    ]
    ghosts = {ghost["branch"]: ghost for ghost in frame["ghosts"]}
    assert ghosts.keys() == {0, 1}
    assert ghosts[1]["steps"] == list(range(50, 81))
    before = Session.open("step=50").snapshot()["lanes"][0]
    at = ghosts[0]["steps"].index(50)
    found = {name: values[at] for name, values in ghosts[0]["lanes"][0].items()}
    assert found == {**before["loss"], "score": before["score"]["test"]}
    # A branch begins where the other one was.
    assert found == {name: values[0] for name, values in ghosts[1]["lanes"][0].items()}


def test_a_snapshot_changes_nothing():
    session = Session.open("hidden=4relu&opt=Adam&step=20")
    other = Session.open("hidden=4relu&opt=Adam&step=20")
    for _ in range(5):
        session.snapshot()
        session.step(3)
        other.step(3)
    assert session.timeline.digest() == other.timeline.digest()


def test_a_lane_that_stopped_is_explained():
    session = Session.open("data=hills&hidden=8relu&opt=SGD:lr=5;Adam&step=20")
    wild, tame = session.snapshot()["lanes"]
    assert tame["stopped"] is None
    assert wild["stopped"]["step"] == 6
    assert "Step 7 cannot be made" in wild["stopped"]["text"]
    assert [row["step"] for row in wild["stopped"]["rows"]] == [1, 2, 3, 4, 5, 6]

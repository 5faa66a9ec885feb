"""Settings and the text of the address bar: everything comes back, and nothing wrong gets in."""

import math
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.playground.address import State, read_state, write_state
from nn.playground.branches import Change, Nudging
from nn.playground.choices import ACTIVATIONS, DATA, LIMITS, OPTIMIZERS, choices
from nn.playground.settings import Settings, plain_number

FLOATS = {"allow_nan": False, "allow_infinity": False}


@st.composite
def data(draw):
    name = draw(st.sampled_from(sorted(DATA)))
    kind = DATA[name]
    texts = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable())
    values = {
        "points": st.integers(*kind.points),
        "noise": st.floats(0, 1),
        "classes": st.integers(*kind.classes),
        "test": st.floats(0, 0.9),
        "drawn": st.lists(
            st.tuples(*[st.floats(-1.2, 1.2)] * 2, st.integers(0, 4)), min_size=2, max_size=5
        ),
        "label": texts,
        "features": st.lists(texts, max_size=4, unique=True),
        "file": texts,
        "digest": st.text(string.hexdigits, max_size=12),
    }
    return {"name": name, **{key: draw(values[key]) for key in kind.fields}}


@st.composite
def optimizers(draw):
    name = draw(st.sampled_from(sorted(OPTIMIZERS)))
    options = {
        option.name: draw(st.none() | st.floats(option.least, option.most))
        for option in OPTIMIZERS[name]
    }
    return {"name": name, **{key: value for key, value in options.items() if value is not None}}


def changing(layers):
    return st.fixed_dictionaries(
        {},
        optional={
            "frozen": st.lists(st.integers(1, layers), max_size=layers - 1, unique=True),
            "optimizers": st.lists(optimizers(), min_size=1, max_size=4),
            "batch": st.integers(1, 1000),
            "l2": st.floats(0, 10),
        },
    )


@st.composite
def states(draw):
    units = st.integers(1, LIMITS["units"])
    hidden = draw(st.lists(st.tuples(units, st.sampled_from(sorted(ACTIVATIONS))), max_size=6))
    layers = len(hidden) + 1
    given = {
        "data": draw(data()),
        "hidden": [{"units": n, "activation": activation} for n, activation in hidden],
        "seed": draw(st.integers(0, LIMITS["seed"])),
        **draw(changing(layers)),
    }
    settings = now = Settings.of(given)
    changes, step = [], 0
    for _ in range(draw(st.integers(0, 3))):
        step += draw(st.integers(0, 1000))
        before, now = now, now.changed(draw(changing(layers)))
        nudging = None
        if draw(st.booleans()):
            nudging = Nudging(
                lane=draw(st.integers(0, len(now.optimizers) - 1)),
                layer=draw(st.integers(1, layers)),
                row=draw(st.none() | st.integers(0, 255)),
                column=draw(st.integers(0, 255)),
                by=draw(st.floats(-1e6, 1e6)),
            )
        has_more = len(now.optimizers) > len(before.optimizers)
        lane = draw(st.integers(0, len(before.optimizers) - 1)) if has_more else 0
        changes.append(Change(step, now, nudging, lane))
    lane = draw(st.integers(0, len(now.optimizers) - 1))
    return State(settings, tuple(changes), step + draw(st.integers(0, 1000)), lane)


@given(states())
def test_everything_comes_back_from_the_address(state):
    text = write_state(state)
    assert read_state(text) == state
    assert read_state("#" + text) == state
    assert write_state(read_state(text)) == text
    assert text.isascii()
    assert not set(text) & set(' "<>#')


@given(states())
def test_settings_come_back_from_plain_data(state):
    assert Settings.of(state.settings.to_json()) == state.settings


def test_usual_state_is_short():
    assert write_state(State(Settings())) == "data=circles"
    assert read_state("") == State(Settings())


def test_a_state_reads_like_a_sentence():
    text = (
        "data=spirals&classes=3&noise=0.2&hidden=8tanh,8relu&opt=SGD:lr=0.03;Adam&batch=20&seed=4"
        "&change=120:opt=SGD:lr=0.01;Adam&change=200:nudge=1.2.0.1:0.1/frozen=1&change=200"
        "&step=340&lane=1"
    )
    state = read_state(text)
    assert state.settings.data.classes == 3
    assert [str(entry) for entry in state.settings.optimizers] == ["SGD lr 0.03", "Adam lr 0.01"]
    assert [change.step for change in state.changes] == [120, 200, 200]
    assert state.changes[1].settings.frozen == (1,)
    assert state.changes[1].nudging == Nudging(1, 2, 0, 1, 0.1)
    assert (state.step, state.lane) == (340, 1)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("data=circle", "data: 'circle', expected one of circles"),
        ("data=xor&classes=3", "classes: 3, expected a whole number 2 to 2"),
        ("data=plane&classes=2", "data plane has no classes"),
        ("data=circles&noise=2", "noise: 2, expected a number 0 to 1"),
        ("noise=nan", "noise: nan"),
        ("points=inf", "points: inf"),
        ("points=1e3000", "points"),
        ("points=20.5", "points: 20.5"),
        ("points=9999999", "points"),
        ("hidden=8what", "activation 'what'"),
        ("hidden=relu", "hidden: '', expected a number"),
        ("hidden=0tanh", "units"),
        ("hidden=257tanh", "units"),
        ("hidden=1,1,1,1,1,1,1", "hidden: 7 layers"),
        ("opt=SGD:speed=1", "SGD has no 'speed'"),
        ("opt=SGD:name=Adam", "opt"),
        ("opt=:\r", "opt ':\\r': '', expected a number"),
        # Cut off after 40 letters, this would be another number.
        ("noise=0." + "0" * 40 + "1e40", "noise: '0.000"),
        ("opt=Sgd", "optimizer: 'Sgd', expected one of SGD"),
        ("opt=SGD:lr=0", "SGD lr"),
        ("opt=SGD;SGD;SGD;SGD;SGD", "optimizers: 5"),
        ("frozen=1,2,3", "leave one free"),
        ("frozen=4", "frozen: 4,"),
        ("batch=0", "batch"),
        ("l2=-1", "l2"),
        ("seed=-1", "seed"),
        ("step=1000001", "step"),
        ("lane=1", "lane"),
        ("step=5&step=6", "step is there twice"),
        ("unknown=1", "'unknown' is unknown"),
        ("name=xor", "'name' is unknown"),
        ("change=5:seed=3&step=9", "change: 'seed=3'"),
        ("change=5:batch=3/batch=4&step=9", "once"),
        ("change=5:batch=3&change=4:batch=5&step=9", "change"),
        ("change=5:batch=3&step=4", "step: 4 is before the last change"),
        ("change=x", "change"),
        ("change=1:nudge=0.1.0:1&step=1", "nudge"),
        ("change=1:nudge=0.9.0.0:1&step=1", "nudge layer"),
        ("change=1:nudge=0.1.0.0:inf&step=1", "nudge"),
        ("data=drawn&drawn=1,2", "drawn: [1.0, 2.0], expected x, y and class"),
        ("data=drawn&drawn=1,5,0", "drawn: 5,"),
        ("data=drawn&drawn=" + "0,0,1;" * 1000 + "0,0,1", "drawn: 1001 points"),
        ("data=csv&features=a,a", "listed twice"),
        ("data=csv&label=" + "x" * 201, "label"),
        ("&".join(["change=1"] * 101), "101 changes"),
        ("x" * 70_000, "70000 letters"),
    ],
)
def test_wrong_text_is_refused_in_one_line(text, part):
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        read_state(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=80) | st.from_regex(r"(data|opt|change|hidden|drawn)=[\x20-\x7e]{0,30}"))
def test_any_text_is_read_or_refused(text):
    try:
        state = read_state(text)
    except ValueError as error:
        lines = str(error).splitlines()
    else:
        lines = [""]
        assert read_state(write_state(state)) == state
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"data": "xor"}, "data"),
        ({"data": {"name": ["xor"]}}, "data: ['xor']"),
        ({"hidden": 3}, "hidden: 3, expected a list"),
        ({"hidden": [{"units": True}]}, "units: True"),
        ({"hidden": [{"units": "8"}]}, "units: '8'"),
        ({"optimizers": []}, "optimizers: 0"),
        ({"optimizers": ["SGD"]}, "optimizer: 'SGD'"),
        ({"batch": None}, "batch: None"),
        ({"speed": 1}, "settings has no 'speed'"),
        ({"frozen": {}}, "frozen"),
        ([], "settings"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(given, part):
    with pytest.raises(ValueError, match=re.escape(part)) as caught:
        Settings.of(given)
    assert "\n" not in str(caught.value)


def test_other_data_start_from_their_usual_settings():
    settings = Settings.of({"data": {"name": "spirals", "classes": 4, "noise": 0.3}})
    assert settings.changed({"data": {"noise": 0.5}}).data.classes == 4
    assert settings.changed({"data": {"name": "spirals", "noise": 0.5}}).data.classes == 4
    other = settings.changed({"data": {"name": "blobs"}}).data
    assert (other.classes, other.noise) == (2, 0.1)


def test_fewer_layers_are_no_longer_frozen():
    settings = Settings.of({"frozen": [1, 3]})
    assert settings.changed({"hidden": [{"units": 3}]}).frozen == (1,)
    assert settings.changed({"hidden": []}).frozen == ()


def test_a_change_is_described_in_words():
    settings = Settings.of({"optimizers": [{"name": "SGD"}, {"name": "Adam"}]})
    new = settings.changed({"frozen": [2], "batch": 20, "l2": 0.01})
    assert settings.difference(new) == "layer 2 frozen, batch 10 → 20, L2 0 → 0.01"
    new = settings.changed({"optimizers": [{"name": "SGD", "lr": 0.03}, {"name": "RMSprop"}]})
    assert settings.difference(new) == "SGD: lr 0.1 → 0.03, Adam lr 0.01 → RMSprop lr 0.01"
    assert settings.difference(settings) == "nothing changed"
    assert str(Nudging(0, 1, 1, 3, 0.1)) == "W1[1, 3] + 0.1"
    assert str(Nudging(0, 2, None, 3, -0.1)) == "b2[3] − 0.1"


@given(st.floats(**FLOATS))
def test_numbers_are_read_back_to_the_last_bit(value):
    found = float(plain_number(value))
    assert found == value
    assert value == 0 or math.copysign(1, found) == math.copysign(1, value)


def test_choices_are_what_settings_accept():
    for kind in choices()["data"]:
        assert Settings.of({"data": {"name": kind["name"]}}).data.points == kind["default"]
    for entry in choices()["optimizers"]:
        for option in entry["options"]:
            for value in (option["least"], option["default"], option["most"]):
                Settings.of({"optimizers": [{"name": entry["name"], option["name"]: value}]})

"""What a person takes along from the playground: the program of a run, and the weights.

A program is executed in another process, and its weights are compared with those of the session bit
by bit. The page is tested in `test_exported_page`.
"""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from safetensors import safe_open

import nn
from nn.files import load_metadata
from nn.playground.exports import KINDS, write
from nn.playground.exports.course import course_of
from nn.playground.exports.trained import trained
from nn.playground.session import Session
from nn.playground.tables import read_table

from ..hostile_names import HOSTILE

DECAYED = ["data=hills&l2=0.05", "data=circles&opt=Adam&l2=0.05&frozen=1"]
# Runs all programs one after the other: starting Python for each would take most of the time.
DRIVER = """
import contextlib, io, json, runpy, sys, warnings
import numpy as np
warnings.simplefilter("ignore")  # a run that stopped is close to overflow
found = {}
for name in sys.argv[1:]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            names = runpy.run_path(name + ".py")
        np.savez(name + ".npz", *[p.data for p in names["network"].parameters()])
        error = ""
    except (SystemExit, Exception) as problem:
        error = f"{type(problem).__name__}: {problem}"
    found[name] = [said.getvalue(), error]
print(json.dumps(found))
"""


def table_text(names=("length", "width", "kind"), rows=40):
    """A table with two columns of numbers and a column with three classes."""
    g = np.random.default_rng(5)
    header = ",".join(f'"{name}"' for name in names)
    lines = [f"{g.normal():.3f},{g.normal(30, 5):.2f},{'abc'[k % 3]}" for k in range(rows)]
    return "\n".join([header, *lines, ""])


def optimizer(name):
    return lambda: Session.open(f"data=spirals&classes=3&noise=0.2&opt={name}&seed=3&step=33")


def remainder():
    return Session.open("data=xor&batch=33&hidden=5gelu&step=29")  # 140 rows: the last batch has 8


def everything():
    """Every kind of change, one after the other."""
    session = Session.open("data=circles&hidden=8tanh,4leaky_relu&step=21")
    session.change({"optimizers": [{"name": "SGD", "lr": 0.03, "momentum": 0.9}]})
    session.step(9)
    session.nudge(1, 0, 2, 0.1)
    session.step(8)
    session.change({"batch": 7, "l2": 0.01})
    session.step(31)
    session.change({"frozen": [2]})
    session.nudge(3, "bias", 1, -0.25)
    session.step(5)
    session.change({"optimizers": [{"name": "Adam", "beta2": 0.9}], "frozen": [], "l2": 0.0})
    session.step(12)
    return session


def frozen_from_the_start():
    return Session.open("data=moons&frozen=1&l2=0.02&opt=AdamW&hidden=6silu,5sigmoid&step=20")


def branch():
    """A branch that leaves another one behind, which has changes of its own."""
    session = Session.open("data=blobs&classes=4&step=30")
    session.change({"l2": 0.5})
    session.step(20)
    assert session.seek(0, 12)
    session.nudge(2, 3, 1, 0.5)
    session.step(11)
    assert session.seek(2, 18)
    return session


def regression():
    return Session.open("data=hills&opt=RMSprop:momentum=0.5&hidden=7linear,6relu&step=40")


def digits():
    return Session.open("data=digits&points=300&hidden=12relu&batch=32&step=15")


def drawn():
    points = [[0, 0.5, 0], [0.1, 0.2, 1], [-0.3, 0.7, 2], [0.7, -0.2, 0], [0.6, 0.1, 1]]
    session = Session.open()
    session.change({"data": {"name": "drawn", "drawn": points}})
    session.step(20)
    return session


def second_of_three_lanes():
    session = Session.open("data=plane&hidden=&opt=SGD;Adam;Lion&step=25")
    session.select(1)
    return session


def lane_under_another_number():
    """The lane at the end began as the third one, and lost the first one before it."""
    session = Session.open("data=circles&opt=SGD;Adam;Lion&step=25")
    session.change({"optimizers": [{"name": "Adam"}, {"name": "Lion"}]})
    session.step(10)
    session.select(1)
    session.change({"optimizers": [{"name": "Adam"}, {"name": "Lion"}, {"name": "Adagrad"}]})
    session.step(6)
    session.select(2)  # it continues the weights of the selected one, with no memory
    return session


def stopped():
    """A lane whose steps are not finite goes on after a change, at the step of the others."""
    session = Session.open("data=hills&opt=SGD:lr=0.05;SGD:lr=20&hidden=8relu&step=30")
    assert session.lanes[1].stopped is not None
    session.change({"optimizers": [{"name": "SGD"}, {"name": "SGD", "lr": 1e-8}]})
    session.step(6)
    session.select(1)
    return session


def untrained():
    return Session.open("data=spirals")


def table():
    session = Session.open("data=csv", read_table(table_text(), "flowers.csv"))
    session.step(18)
    return session


def hostile_table():
    names = ['</script><script>alert(1)</script>"', "it's \\N{DEGREE SIGN}", "🙂 'a' \u202ef"]
    names = [name.replace('"', '""') for name in names]
    session = Session.open("data=csv", read_table(table_text(names), "x.csv"))
    session.step(7)
    return session


RUNS = {
    **{name: optimizer(name) for name in ("SGD", "Adam", "AdamW", "NAdam", "RMSprop")},
    **{name: optimizer(name) for name in ("Adagrad", "Adadelta", "Lion")},
    **{
        make.__name__: make
        for make in (
            *(remainder, everything, frozen_from_the_start, branch, regression, digits, drawn),
            *(second_of_three_lanes, lane_under_another_number, stopped, untrained, table),
            hostile_table,
        )
    },
}
# Slips in the program of `everything`; each must be found at its end.
SLIPS = {
    "no nudge": (r"values\[0, 2\] \+= 0\.1\n", ""),
    "another learning rate": (r"optimizer\.lr = 0\.03", "optimizer.lr = 0.030000001"),
    "no momentum": (r"optimizer\.momentum = 0\.9", "pass"),
    "nothing frozen": (r"layers\[1\]\.requires_grad_\(False\).*", "pass"),
    "another seed": (r"SEED = 0", "SEED = 1"),
    "one step less": (r"train\(0, 21\)", "train(0, 20)"),
    "no new epoch": (r"epoch_0, step_0 = \d+, \d+\n(?=train)", ""),
    "the last bit": (
        r"weights = b",
        "network[0].bias.data = np.nextafter(network[0].bias.data, 1)\nweights = b",
    ),
}


def program(session):
    return write(session, "python")[2].decode()


@pytest.fixture(scope="module")
def sessions():
    return {name: make() for name, make in RUNS.items()}


@pytest.fixture(scope="module")
def ran(sessions, tmp_path_factory):
    """Run all programs, and those with a slip; return a folder, and what each of them printed."""
    folder = tmp_path_factory.mktemp("programs")
    texts = {name: program(session) for name, session in sessions.items()}
    for name, (pattern, text) in SLIPS.items():
        wrong, count = re.subn(pattern, text, texts["everything"], count=1)
        assert count == 1, name
        texts[name] = wrong
    texts["another table"] = texts["table"].replace("flowers.csv", "x.csv")
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    hostile = sessions["hostile_table"]
    names = [column.name.replace('"', '""') for column in hostile.table.columns]
    (folder / "x.csv").write_text(table_text(names), encoding="utf-8")
    (folder / "flowers.csv").write_text(table_text(), encoding="utf-8")
    run = [sys.executable, "-c", DRIVER, *texts]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=True)
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("name", RUNS)
def test_a_program_ends_with_the_same_weights(sessions, ran, name):
    folder, printed = ran
    said, error = printed[name]
    assert error == ""
    assert said.splitlines()[-1] == "same weights as in the playground: yes"
    with np.load(folder / f"{name}.npz") as arrays:
        found = list(arrays.values())
    expected = [parameter.data for parameter in sessions[name].lane.network.parameters()]
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]
    assert len({a.tobytes() for a in expected}) > len(expected) / 2  # they are not all zero


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_a_program_is_found(ran, name):
    said, error = ran[1][name]
    assert said.splitlines()[-1] == "same weights as in the playground: no"
    assert error.startswith("SystemExit: the weights differ")


def test_another_table_is_refused_in_one_line(ran):
    _, error = ran[1]["another table"]
    assert error.startswith("ValueError: data csv:")
    assert "digest" in error
    assert "\n" not in error


def test_a_program_says_how_good_the_network_is(sessions, ran):
    session = sessions["branch"]
    outputs = session.lane.outputs(session.data.test)[-1]
    right = (outputs.argmax(1) == session.data.test_labels).mean()
    assert ran[1]["branch"][0].startswith(f"{right:.1%} of the rows for testing are right\n")


@pytest.mark.parametrize("name", RUNS)
def test_a_program_is_readable(sessions, name):
    text = program(sessions[name])
    code = [line for line in text.splitlines() if not line.startswith("# #")]
    assert max(map(len, code)) <= 100
    assert len(code) < 160
    assert "ession" not in text.replace("regression", "")
    assert text == program(sessions[name])


def test_a_program_has_only_what_its_run_needs(sessions):
    plain = program(sessions["SGD"])
    assert "layers[" not in plain
    assert "weight_decay" not in plain
    assert "step_0" not in plain
    assert "read_table" not in plain
    assert plain.count("train(") == 2  # its definition and one call
    assert "weight_decay=0.0" in program(sessions["AdamW"])  # decays by itself otherwise
    assert "[0.1, 0.2, 1], [-0.3, 0.7, 2]" in program(sessions["drawn"])


def test_the_course_of_a_lane_follows_its_numbers(sessions):
    session = sessions["lane_under_another_number"]
    line = session.timeline.line()
    course = course_of(line, 2, session.timeline.step, None)
    assert [stretch.entry.name for stretch in course] == ["Lion", "Lion", "Adagrad"]
    assert [stretch.is_new for stretch in course] == [True, False, True]
    assert [(stretch.first, stretch.last) for stretch in course] == [(0, 25), (25, 35), (35, 41)]
    other = course_of(line, 0, session.timeline.step, None)
    assert [stretch.entry.name for stretch in other] == ["Adam"] * 3
    assert [stretch.is_new for stretch in other] == [True, False, False]


# Weights ---------------------------------------------------------------------------------------


def test_weights_load_into_a_network_of_the_same_layers(sessions, tmp_path):
    session = sessions["everything"]
    name, media_type, content = write(session, "safetensors")
    assert (name, media_type) == ("circles-86.safetensors", "application/octet-stream")
    file = tmp_path / name
    file.write_bytes(content)
    other = Session.open("data=circles&hidden=8tanh,4leaky_relu&seed=9").lane.network
    before = [parameter.data.copy() for parameter in other.parameters()]
    assert not any(other.load_state_dict(nn.load_state(file)))
    expected = [parameter.data for parameter in session.lane.network.parameters()]
    found = [parameter.data for parameter in other.parameters()]
    assert [a.tobytes() for a in found] == [a.tobytes() for a in expected]
    assert [a.tobytes() for a in found] != [a.tobytes() for a in before]
    assert write(session, "safetensors")[2] == content


def test_weights_have_notes_and_load_elsewhere(sessions, tmp_path):
    session = sessions["hostile_table"]
    file = tmp_path / "x.safetensors"
    file.write_bytes(write(session, "safetensors")[2])
    with safe_open(file, framework="numpy") as arrays:
        weight = session.lane.network[0].weight.data
        assert (arrays.get_tensor("0.weight") == weight).all()
    notes = load_metadata(file)
    assert json.loads(notes["classes"]) == ["a", "b", "c"]
    assert json.loads(notes["settings"]) == session.settings.to_json()
    assert notes["address"] == session.state
    features = json.loads(notes["features"])
    assert [feature["name"] for feature in features] == list(session.data.features)
    assert [feature["scale"] for feature in features] == pytest.approx(session.data.scale)


# All kinds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_named_and_does_not_change_the_session(sessions, kind):
    session = sessions["remainder"]
    state, digest = session.state, session.timeline.digest()
    name, media_type, content = write(session, kind)
    assert name == f"xor-29.{KINDS[kind][0]}"
    assert media_type == KINDS[kind][1]
    assert len(content) > 500
    assert (session.state, session.timeline.digest()) == (state, digest)


def test_the_name_of_a_file_does_not_come_from_a_table(sessions):
    assert write(sessions["hostile_table"], "python")[0] == "table-7.py"


def test_an_unknown_kind_is_refused(sessions):
    with pytest.raises(ValueError, match="export: 'pdf', expected one of python, "):
        write(sessions["SGD"], "pdf")


def test_weights_that_are_not_finite_make_no_page():
    session = Session.open("data=circles&step=3")
    weight = session.lane.network[0].weight
    weight.data = np.full_like(weight.data, np.nan)
    with pytest.raises(ValueError, match="not finite; go back to an earlier step"):
        write(session, "html")


@pytest.mark.parametrize(
    "state", ["data=circles&opt=SGD:lr=0.2&step=12", "data=hills&l2=0.05&opt=Adam&frozen=1"]
)
def test_a_step_in_numpy_is_the_next_step_of_the_session(state):
    """The text starts with an empty memory of the optimizer, as both sessions have it."""
    session = Session.open(state)
    names = {"__name__": "exported"}
    exec(write(session, "numpy")[2].decode(), names)
    names["start"](session.lane.network.state_dict())
    names["step"](*session.timeline.batch())
    session.step(1)
    expected = session.lane.network.state_dict()
    found = names["weights"]()
    assert found.keys() == expected.keys()
    assert all(found[key].tobytes() == np.asarray(expected[key]).tobytes() for key in found)


@pytest.mark.parametrize("state", DECAYED)
def test_weights_decay_in_a_step_in_pytorch_and_biases_do_not(state):
    text = write(Session.open(state), "torch")[2].decode()
    compile(text, "torch", "exec")
    assert (
        """
        {"params": [p["0.weight"], p["2.weight"], p["4.weight"]], "weight_decay": 0.05},
        {"params": [p["0.bias"], p["2.bias"], p["4.bias"]]},
"""
        in text
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("state", DECAYED)
def test_a_step_in_pytorch_is_the_next_step_of_the_session(state):
    pytest.importorskip("torch").set_num_threads(1)
    session, undecayed = Session.open(state), Session.open(state.replace("&l2=0.05", ""))
    names = {"__name__": "exported"}
    exec(write(session, "torch")[2].decode(), names)
    names["start"](session.lane.network.state_dict())
    for _ in range(10):
        names["step"](*session.timeline.batch())
        session.step(1)
        undecayed.step(1)
    expected, other = (one.lane.network.state_dict() for one in (session, undecayed))
    found = names["weights"]()
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(values), rtol=0, atol=2e-5)
        if not name.startswith("0.") or "frozen" not in state:
            assert np.abs(found[name] - np.asarray(other[name])).max() > 1e-4


def test_a_step_in_numpy_runs_next_to_the_exported_weights(tmp_path):
    session = Session.open("data=moons&hidden=3tanh&step=5")
    for kind in ("numpy", "safetensors"):
        name, _, content = write(session, kind)
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "moons-5.numpy.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) == 10


def test_what_is_said_of_a_network_is_right(sessions):
    found = trained(sessions["everything"])
    about = dict(found.about)
    assert found.structure == "2-8-4-2"
    assert about["Network"] == "2-8-4-2 with tanh, leaky_relu, 70 parameters"
    assert about["Training"] == "86 steps of Adam lr 0.01 beta2 0.9, batches of 7 rows, seed 0"
    assert "step 30: W1[0, 2] + 0.1" in about["Changed on the way"]
    of_table = trained(sessions["table"])
    assert len(of_table.points) == 0
    assert of_table.is_table
    lows = [feature.low for feature in of_table.features]
    assert lows[1] > 10  # in the units of the table


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_cannot_end_a_literal(name):
    from nn.playground.exports.python import quoted

    assert eval(quoted(name)) == name
    assert quoted(name).isprintable()

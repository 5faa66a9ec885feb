"""Tests that hand-ins are found in a folder, and that what their processes send is read safely."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from nn.classroom.grading.hand_ins import find
from nn.classroom.grading.wire import decode, encode

NAME = "one_neuron"

# The wire -------------------------------------------------------------------------------------


@given(arrays(scalar_dtypes().filter(lambda d: d.kind in "biuf"), array_shapes(min_dims=0)))
def test_arrays_arrive_as_they_are(array):
    found = decode(json.loads(json.dumps(encode({"x": [array, (1, "a", None, True)]}))))
    ((name, (arrived, rest)),) = found.items()
    assert (name, rest) == ("x", (1, "a", None, True))
    np.testing.assert_array_equal(arrived, array)
    assert arrived.dtype == array.dtype.newbyteorder("=")
    assert arrived.flags.writeable


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"plain": [1]},
        {"pickle": "x"},
        {"array": ["<f8", [3], "AAAA"]},
        {"array": ["<f8", [-1], ""]},
        {"array": ["O", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [2**62, 2**62], ""]},
        {"array": ["V1000000000", [0], ""]},
        {"array": ["<f8", ["a"], ""]},
        {"list": 3},
        {"list": [{"array": 1}]},
        {"dict": [[1]]},
        {"plain": 1, "list": []},
    ],
)
def test_what_is_not_a_value_is_refused(content):
    with pytest.raises(ValueError, match="not a value"):
        decode(content)


def test_other_objects_are_their_type_alone():
    assert type(decode(encode({1, 2}))).__name__ == "set"
    assert type(decode(encode(np.array([1j])))).__name__ == "ndarray"


# Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ana/one_neuron.py", ("ana", NAME)),
        ("ana/one_neuron.ipynb", ("ana", NAME)),
        ("ana/week 1/one_neuron.py", ("ana", NAME)),
        ("ana/one_neuron (2).py", ("ana", NAME)),
        ("ana/One_Neuron-copy.PY", ("ana", NAME)),
        ("one_neuron_ana.py", ("ana", NAME)),
        ("ana_one_neuron.ipynb", ("ana", NAME)),
        ("one_neuron-ana@uni.edu.py", ("ana@uni.edu", NAME)),
        ("layer_norm_ana.py", ("ana", "layer_norm")),
        ("layer_ana.py", ("ana", "layer")),
        ("one_neuron.py", "its name has no student in it"),
        ("ana/notes.py", "its name has no exercise in it"),
        ("ana/one_neurons.py", "its name has no exercise in it"),
        ("ana/one_neuron.docx", "neither a script (.py) nor a notebook"),
        ("ana/.ipynb_checkpoints/one_neuron-checkpoint.ipynb", None),
        ("ana/one_neuron.html", None),
    ],
)
def test_files_are_matched(path, found, tmp_path):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("x", "utf-8")
    there = find(tmp_path, (NAME, "layer", "layer_norm"))
    if isinstance(found, tuple):
        assert [(one.student, one.exercise) for one in there.hand_ins] == [found]
        assert there.others == ()
    else:
        assert there.hand_ins == ()
        assert [reason.startswith(found) for _, reason in there.others] == [True] * bool(found)


def test_one_exercise_is_found_whatever_its_name(tmp_path):
    for name in ("ana/my work.py", "bo/layer.py", "cy/a.py", "cy/b.ipynb", "di/one_neuron.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")
    (tmp_path / "di" / "more.py").write_text("x", "utf-8")
    found = find(tmp_path, (NAME,))
    assert {(one.student, one.path.name) for one in found.hand_ins} == {
        ("ana", "my work.py"),
        ("di", "one_neuron.py"),
    }
    unmatched = {who: [str(path) for path in paths] for who, paths in found.unmatched.items()}
    assert unmatched == {
        "bo": ["bo/layer.py"],
        "cy": ["cy/a.py", "cy/b.ipynb"],
        "di": ["di/more.py"],
    }
    several = find(tmp_path, (NAME, "layer"))
    assert [one.student for one in several.hand_ins] == ["bo", "di"]

"""Legacy pickles that are sound: of every NumPy and protocol, read back to the last bit."""

import pickle
import pickletools
import runpy
from pathlib import Path

import numpy as np
import pytest

from nn.errors import ModelFileError
from nn.files import legacy_pickle
from nn.files.legacy_pickle import Limits, dumps
from nn.files.pickle_opcodes import OPCODES
from tests.files.in_memory import read_legacy

DATA = Path(__file__).parent / "data"
MAKER = runpy.run_path(str(DATA / "make_pickles.py"))
GOOD = dumps([np.eye(3)], [np.zeros((1, 3))])


def same(found, expected):
    """Equal to the last bit, in the dtype that was stored, as plain memory of its own."""
    expected = np.asarray(expected)
    native = expected.astype(expected.dtype.newbyteorder("="))
    return (
        found.dtype == native.dtype
        and found.shape == native.shape
        and found.tobytes() == native.tobytes()
        and found.flags.c_contiguous
        and found.flags.aligned
        and found.flags.writeable
    )


@pytest.mark.parametrize("file", sorted(DATA.glob("*.pkl")), ids=lambda path: path.stem)
def test_files_of_old_and_new_numpy_read_back_bit_by_bit(file):
    weights, biases = read_legacy(file.read_bytes())
    expected = MAKER["arrays"]()
    assert [same(*pair) for pair in zip(weights, expected, strict=True)] == [True] * len(expected)
    assert [same(*pair) for pair in zip(biases, expected[:3], strict=True)] == [True] * 3


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("optimize", [False, True])
def test_files_of_the_numpy_installed_read_back_bit_by_bit(protocol, optimize):
    data = pickle.dumps(MAKER["content"](), protocol=protocol)
    weights, _ = read_legacy(pickletools.optimize(data) if optimize else data)
    assert all(same(*pair) for pair in zip(weights, MAKER["arrays"](), strict=True))


def test_large_arrays_outside_frames_read_back():
    matrix = np.random.default_rng(0).normal(size=(300, 200))
    for protocol in range(6):
        weights, _ = read_legacy(pickle.dumps({"weights": [matrix], "bias": []}, protocol=protocol))
        assert same(weights[0], matrix)


def test_what_is_written_opens_with_the_standard_reader():
    content = pickle.loads(dumps([np.ones((2, 3), "f4").T.copy(order="F")], [np.arange(2.0)]))
    assert list(content) == ["weights", "bias"]
    weight, bias = content["weights"][0], content["bias"][0]
    assert (weight.shape, weight.dtype, weight.flags.c_contiguous) == ((3, 2), "f4", True)
    assert bias.tolist() == [[0.0, 1.0]]


def test_same_array_twice_is_written_twice():
    shared = np.eye(50)
    weights, _ = read_legacy(dumps([shared, shared], [np.zeros(50), np.zeros(50)]))
    weights[0][:] = 7
    assert weights[1].sum() == 50


def test_written_names_are_those_numpy_1_26_knows():
    names = [a for o, a, _ in pickletools.genops(GOOD) if o.name == "SHORT_BINUNICODE"]
    assert "_reconstruct" in names, "and not _frombuffer, which NumPy 1.26 looks for elsewhere"


def test_every_truncation_is_named():
    for protocol in range(6):
        data = pickle.dumps({"weights": [np.eye(2)], "bias": []}, protocol=protocol)
        for length in range(1, len(data)):
            with pytest.raises(ModelFileError, match=r"offset \d+.*truncated"):
                read_legacy(data[:length])


def test_limits_can_be_lowered():
    with pytest.raises(ModelFileError, match="more than 10 opcodes"):
        read_legacy(GOOD, limits=Limits(opcodes=10))
    with pytest.raises(ModelFileError, match="2 arrays; the limit is 1"):
        read_legacy(GOOD, limits=Limits(arrays=1))
    with pytest.raises(ModelFileError, match="stack limit of 3"):
        read_legacy(GOOD, limits=Limits(stack=3))


def test_even_a_mistake_of_the_reader_is_a_model_file_error(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(legacy_pickle, "run", fail)
    with pytest.raises(ModelFileError, match="ZeroDivisionError: oops"):
        read_legacy(GOOD)


def test_every_opcode_of_python_is_known_by_its_name():
    standard = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
    assert {code: name for code, (name, _) in OPCODES.items()} == standard

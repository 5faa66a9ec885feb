"""Memory of reading a model: that of the arrays, whatever the file holds and however it is made."""

import json
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from nn.errors import DataWarning, ModelFileError
from nn.files import SavedNetwork, native, read_network, write_legacy, write_native

MEBIBYTE = 2**20
SIZE = (1000, 1500)


def peak_of(read, *arguments):
    """Most memory that was taken at any time, and what was returned or refused."""
    tracemalloc.start()
    try:
        return_value = read(*arguments)
    except ModelFileError as problem:
        return_value = problem
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, return_value


def legacy(path, matrix, protocol=4):
    content = {"weights": [matrix], "bias": [np.zeros((1, matrix.shape[1]), "f4")]}
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def layouts():
    numbers = np.random.default_rng(0).normal(size=SIZE) * 50
    floats = {code: numbers.astype(code) for code in ("f2", "f4", "f8", ">f4")}
    integers = {code: numbers.astype(code) for code in ("i1", "?", "i2", "i4", "i8")}
    yield from floats.items()
    yield "Fortran", np.asfortranarray(floats["f4"])
    yield from integers.items()


@pytest.mark.filterwarnings("ignore:.*not floating numbers:nn.errors.DataWarning")
@pytest.mark.parametrize(("name", "matrix"), list(layouts()))
def test_a_pickle_takes_its_arrays_and_nothing_else(name, matrix, tmp_path):
    path = legacy(tmp_path / "a", matrix)
    peak, network = peak_of(read_network, path)
    np.testing.assert_array_equal(network.weights[0], matrix)
    assert network.weights[0].flags.c_contiguous
    assert peak <= network.weights[0].nbytes + 1.5 * MEBIBYTE
    assert peak <= 2 * path.stat().st_size + 16 * MEBIBYTE


@pytest.mark.parametrize("protocol", [0, 2])
def test_bytes_written_as_text_are_not_held_either(protocol, tmp_path):
    matrix = np.random.default_rng(0).normal(size=(300, 1500))
    peak, network = peak_of(read_network, legacy(tmp_path / "a", matrix, protocol))
    np.testing.assert_array_equal(network.weights[0], matrix)
    assert peak <= matrix.nbytes + 4 * MEBIBYTE


@pytest.mark.parametrize("code", ["f4", "f8"])
def test_a_native_file_takes_its_arrays_and_nothing_else(code, tmp_path):
    matrix = np.random.default_rng(0).normal(size=SIZE).astype(code)
    path = write_native(tmp_path / "a", SavedNetwork((matrix,), (matrix[0],)))
    peak, network = peak_of(read_network, path)
    np.testing.assert_array_equal(network.weights[0], matrix)
    assert peak <= matrix.nbytes + 1.5 * MEBIBYTE


@pytest.mark.filterwarnings("ignore:.*not floating numbers:nn.errors.DataWarning")
def test_integers_that_would_become_much_larger_than_their_file_are_refused(tmp_path):
    path = legacy(tmp_path / "a", np.ones((4000, 2500), "u1"))
    peak, problem = peak_of(read_network, path)
    assert "would take 40010000 bytes as floating numbers" in str(problem)
    assert "save them as float32" in str(problem)
    assert peak < MEBIBYTE


def with_names(columns):
    source = np.random.default_rng(1)
    return SavedNetwork(
        (source.normal(size=(columns, 1)).astype("f4"),),
        (np.zeros(1, "f4"),),
        feature_names=[f"column {i:06d}" for i in range(columns)],
        feature_ranges=np.sort(source.normal(size=(columns, 2)), axis=1),
    )


@pytest.mark.parametrize(("write", "columns"), [(write_native, 100_000), (write_legacy, 9_000)])
def test_names_of_100000_columns_fit(write, columns, tmp_path):
    saved = with_names(columns)
    path = write(tmp_path / "a", saved)
    found = read_network(path)
    assert found.feature_names == saved.feature_names
    np.testing.assert_array_equal(found.feature_ranges, saved.feature_ranges)
    assert path.read_bytes() == write(tmp_path / "b", found).read_bytes()


def test_names_take_memory_in_proportion(tmp_path):
    path = write_native(tmp_path / "a", with_names(12_500))  # an eighth of the allowance, too
    peak, found = peak_of(read_network, path)
    assert found.feature_names is not None
    assert peak <= 2 * path.stat().st_size + 3 * MEBIBYTE


def packed(header):
    return struct.pack("<Q", len(header)) + header


def repeated(start, piece, end, size=MEBIBYTE - 64):
    return packed(start + piece * (size // len(piece)) + end)


def numbered(start, form, end, size=MEBIBYTE - 2**17):
    count = size // len(form % ((0,) * form.count("%")))
    pieces = ",".join(form % ((index,) * form.count("%")) for index in range(count // 2))
    return packed((start + pieces + end).encode())


def opcodes(piece, end=b".", count=100_000):
    return b"\x80\x04]" + piece * (count // len(piece)) + end


def with_texts(rows, **texts):
    """A sound network of so many features, with texts that are not."""
    arrays = {"weights.0": np.ones((rows, 1), "f4"), "biases.0": np.zeros(1, "f4")}
    return b"".join(native.lay_out(arrays, texts, long=list(texts)).pieces)


ENTRY = json.dumps({"dtype": "F32", "shape": [], "data_offsets": [0, 0]}, separators=(",", ":"))

# Each grows in another place; one mebibyte or less, so sixteen more are what they may take.
HOSTILE = {
    "lists": repeated(b'{"a":[', b"[],", b"1]}"),
    "dicts": repeated(b'{"a":[', b"{},", b"1]}"),
    "numbers": repeated(b'{"a":[', b"1.5,", b"1]}"),
    "one key": repeated(b"{", b'"":1,', b'"b":1}'),
    "keys": numbered("{", '"%x":0', "}"),
    "keys of dicts": numbered("{", '"%x":{}', "}"),
    "arrays": numbered("{", f'"%x":{ENTRY}', "}"),
    "metadata": numbered('{"__metadata__":{', '"%x":"%x"', "}}"),
    "wide text": packed(('{"a":"' + "\U0001f600" + "a" * 900_000 + '"}').encode()),
    "names": with_texts(10, feature_names="[" + '"a",\n' * 200_000 + '"b"]'),
    "names of lists": with_texts(10, feature_names="[" + "[],\n" * 200_000 + "[]]"),
    "one name of lists": with_texts(1, feature_names="[" + "[]," * 300_000 + "[]]"),
    "a name and more": with_texts(1, feature_names='["a",' + "[]," * 300_000 + "[]]"),
    "ranges": with_texts(10, feature_ranges="[" + "[0,1],\n" * 100_000 + "[0,1]]"),
    "one range": with_texts(1, feature_ranges="[[" + "0," * 500_000 + "1]]"),
    "classes": with_texts(1, class_names="[" + '"a",\n' * 200_000 + '"b"]'),
    "memo of lists": opcodes(b"]\x94"),
    "memo of dicts": opcodes(b"}\x94"),
    "tuples": opcodes(b")\x85\x85\x94"),
    "texts": opcodes(b"\x8c\x01\\\x94"),
    "bytes": opcodes(b"C\x01\\\x94"),
    "floats": opcodes(b"G" + bytes(8) + b"\x94", count=900_000),
    "empty calls": opcodes(b"cbuiltins\nbytes\n)R\x94", count=900_000),
    "appended": opcodes(b"]a"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_file_takes_no_more_than_twice_itself_and_16_mebibytes(case, tmp_path):
    data = HOSTILE[case]
    assert len(data) < 1.5 * MEBIBYTE
    (tmp_path / "a").write_bytes(data)
    peak, problem = peak_of(read_network, tmp_path / "a")
    assert isinstance(problem, ModelFileError), "it is refused"
    assert peak <= 2 * len(data) + 16 * MEBIBYTE


def test_note_of_integers_names_the_type_they_become(tmp_path):
    with pytest.warns(DataWarning, match=r"weights\[0\] holds uint8, .* converted to float32"):
        read_network(legacy(tmp_path / "a", np.ones((3, 2), "u1")))

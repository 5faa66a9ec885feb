"""Saved networks: both layouts told apart by content, checked, written, and read by others."""

import errno
import itertools
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from nn.errors import DataWarning, ModelFileError, UnsafeModelFileError
from nn.files import (
    SavedNetwork,
    read_network,
    write_legacy,
    write_native,
)
from tests.files.in_memory import native_bytes, read_legacy, read_native

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def network(*structure, dtype="f8", **options):
    """A random network of the given structure."""
    source = np.random.default_rng(0)
    pairs = list(itertools.pairwise(structure))
    return SavedNetwork(
        tuple(source.normal(size=pair).astype(dtype) for pair in pairs),
        tuple(source.normal(size=outputs).astype(dtype) for _, outputs in pairs),
        **options,
    )


def legacy(weights, biases):
    return pickle.dumps({"weights": weights, "bias": biases}, protocol=4)


def ours(arrays, **metadata):
    return native_bytes({name: np.asarray(array) for name, array in arrays.items()}, metadata)


W, B = np.ones((3, 2)), np.zeros((1, 2))
PAIR = {"weights.0": W, "biases.0": B[0]}
BROKEN = W.copy()
BROKEN[0, 0], BROKEN[1, 1] = np.nan, np.inf

# Name, beginning with the row in the table of bad inputs: file, what the message must contain.
BAD = {
    "81 empty": (b"", ["file is empty"]),
    "82 CSV": (b"label,pixel1,pixel2\n1,2,3\n", ["b'label,pixel1'", "not a model file"]),
    "82 CSV of one column": (b"city\nparis\nrome\n", ["b'city", "not a model file"]),
    "82 text in brackets": (b"(a, b) and more", ["b'(a, b) and m", "not a model file"]),
    "82 short text": (b"hello", ["b'hello'", "not a model file"]),
    "82 PNG": (b"\x89PNG\r\n\x1a\n" + bytes(9), ["PNG", "not a model file"]),
    "82 JSON": (b'{"weights": []}', ["not a model file"]),
    "83 one byte of native": (native_bytes({}, {})[:3], ["truncated at offset 3"]),
    "83 native": (ours(PAIR)[:-1], ["truncated"]),
    "83 legacy": (legacy([W], [B])[:-1], ["truncated", "offset"]),
    "84 trailing": (legacy([W], [B]) + b"\n", ["trailing"]),
    "105 zip": (b"PK\x03\x04" + bytes(20), ["zip archive", "torch.save", "numpy.savez"]),
    "105 HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(9), ["HDF5"]),
    "105 npy": (b"\x93NUMPY\x01\x00" + bytes(9), ["numpy.save"]),
    "105 torch": (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", ["torch.save before"]),
    "105 joblib compressed": (b"x\x9c" + bytes(9), ["joblib"]),
    "105 gzip": (b"\x1f\x8b\x08" + bytes(9), ["gzip"]),
    "106 legacy keys": (pickle.dumps({"w": [W], "bias": [B]}), ["['bias', 'w']", "weights"]),
    "106 native missing": (ours({"weights.0": W}), ["['weights.0']", "biases.0"]),
    "106 native extra": (ours(PAIR | {"momentum": W}), ["momentum", "biases.0"]),
    "106 native gap": (ours({"weights.1": W, "biases.1": B[0]}), ["weights.1", "weights.0"]),
    "107 lengths": (legacy([W, W], [B]), ["2 weight matrices", "1 biases"]),
    "108 vector": (legacy([W[0]], [B]), ["weights[0]", "1 dimensions"]),
    "108 three axes": (legacy([W, W[None]], [B, B]), ["weights[1]", "3 dimensions"]),
    "108 no inputs": (legacy([np.ones((0, 2))], [B]), ["weights[0]", "(0, 2)"]),
    "109 chain": (
        legacy([np.ones((9, 128)), np.ones((64, 2))], [np.zeros((1, 128)), B]),
        ["weights[0] has 128 columns, weights[1] 64 rows"],
    ),
    "110 bias size": (legacy([W], [np.zeros((1, 3))]), ["bias[0]", "(1, 3)", "(3, 2)"]),
    "110 bias column": (legacy([W], [np.zeros((2, 1))]), ["bias[0]", "(2, 1)", "(1, 2)"]),
    "111 NaN": (legacy([BROKEN], [B]), ["weights[0]", "2 numbers", "allow_nonfinite=True"]),
    "111 bias": (legacy([W], [B - np.inf]), ["bias[0]", "2 numbers"]),
    "111 native": (ours(PAIR | {"weights.0": BROKEN}), ["weights[0]", "2 numbers"]),
    "112 no layers": (legacy([], []), ["no layers"]),
    "112 native": (ours({}), ["found the tensors []"]),
    "113 Python 2": (b"(dp0\nS'weights'\np1\n(lp2\n.", ["written by Python 2"]),
    "115 header length": (bytes([255] * 8) + b"{}", [str(2**64 - 1), str(2**20)]),
    "activation": (ours(PAIR, activation="cos"), ["activation", "'cos'", "relu"]),
    "scale text": (ours(PAIR, scale="big"), ["scale", "'big'"]),
    "scale zero": (ours(PAIR, scale="0"), ["scale", "positive"]),
    "scale NaN": (ours(PAIR, scale="nan"), ["scale", "positive"]),
}
UNSAFE = {
    "86 protocol 0": (b"cos\nsystem\n(S'id'\ntR.", ["os.system"]),
    "86 protocol 4": (b"\x80\x04\x8c\x02os\x8c\x06system\x93)R.", ["os.system", "nothing was run"]),
    "89 INST": (b"(ios\nsystem\np0\n.", ["INST"]),
    "99 objects": (pickle.dumps({"weights": [np.array([None])], "bias": []}), ["object dtype"]),
    "105 joblib": (b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n.", ["joblib"]),
}


@pytest.mark.parametrize("case", BAD | UNSAFE)
def test_bad_file_is_refused_with_the_reason(case, tmp_path):
    data, words = (BAD | UNSAFE)[case]
    file = tmp_path / "model.any"
    file.write_bytes(data)
    with pytest.raises(ModelFileError) as caught:
        read_network(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert [word for word in words if word not in message] == []
    assert "\n" not in message
    assert type(caught.value) is (UnsafeModelFileError if case in UNSAFE else ModelFileError)


def test_row_120_size_limit(tmp_path):
    file = write_native(tmp_path / "a", network(3, 2))
    size = file.stat().st_size
    assert read_network(file, max_bytes=size).structure == (3, 2)
    with pytest.raises(ModelFileError, match=rf"{size} bytes, the limit is {size - 1} \(max_bytes"):
        read_network(file, max_bytes=size - 1)


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_row_122_folder_missing(write, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        write(tmp_path / "absent" / "model.pkl", network(3, 2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_row_123_disk_full(write, tmp_path, monkeypatch):
    file = write(tmp_path / "model.pkl", network(3, 2))
    before = file.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(file, network(5, 2))
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.pkl"]


@needs_posix
@pytest.mark.needs("processes")
def test_row_124_folder_read_only():
    """In a child, because a superuser may write everywhere and has to step down first."""
    program = """
import os, sys, tempfile
from nn.files import network_file
import numpy as np
net = network_file.SavedNetwork([np.ones((3, 2))], [np.zeros(2)])
with tempfile.TemporaryDirectory() as other:  # loads what another user may not be able to read
    network_file.write_legacy(other + "/model.pkl", net)
if os.geteuid() == 0:
    os.setuid(65534)
try:
    network_file.write_legacy(sys.argv[1] + "/model.pkl", net)
except PermissionError as problem:
    print(problem)
"""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        child = subprocess.run(
            [sys.executable, "-c", program, folder],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        os.chmod(folder, 0o755)
        assert folder in child.stdout
        assert "model.pkl" in child.stdout
        assert os.listdir(folder) == []


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_row_125_target_is_a_folder(write, tmp_path):
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        write(tmp_path, network(3, 2))


def test_missing_file_names_itself_and_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        read_network("absent.pkl")
    assert caught.value.filename == "absent.pkl"
    assert str(tmp_path) in str(caught.value)
    assert "absent.pkl" in str(caught.value)


@needs_posix
@pytest.mark.needs("pipes")
def test_only_regular_files_are_read(tmp_path):
    with pytest.raises(IsADirectoryError, match="folder"):
        read_network(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelFileError, match="regular file"):
            read_network(path)
    (tmp_path / "link").symlink_to(write_native(tmp_path / "a", network(3, 2)))
    assert read_network(tmp_path / "link").structure == (3, 2)


def assert_equal(found, expected):
    for pair in zip(found.weights + found.biases, expected.weights + expected.biases, strict=True):
        assert pair[0].dtype == pair[1].dtype
        np.testing.assert_array_equal(*pair)
    assert (found.activation, found.scale) == (expected.activation, expected.scale)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("structure", [(3, 2), (1, 1), (5, 4, 3, 1), (4, 70, 200, 3)])
def test_round_trips(structure, dtype, tmp_path):
    saved = network(*structure, dtype=dtype, activation="tanh", scale=255)
    found = read_network(write_native(tmp_path / "wrong_name.pkl", saved))
    assert_equal(found, saved)
    assert found.structure == structure
    plain = network(*structure, dtype=dtype)
    assert_equal(read_network(write_legacy(tmp_path / "wrong.safetensors", plain)), plain)


def test_more_than_ten_layers_keep_their_order(tmp_path):
    saved = network(*range(3, 17))
    assert_equal(read_network(write_native(tmp_path / "a", saved)), saved)


def test_native_file_says_what_it_is(tmp_path):
    file = write_native(tmp_path / "a", network(7, 5, 3, activation="sigmoid", scale=255))
    _, metadata = read_native(file.read_bytes())
    assert metadata["layers"] == "[7, 5, 3]"
    assert (metadata["features"], metadata["classes"]) == ("7", "3")
    assert (metadata["activation"], metadata["scale"]) == ("sigmoid", "255.0")
    assert set(safetensors.numpy.load_file(file)) == {
        *("weights.0", "weights.1", "biases.0", "biases.1")
    }


def test_equal_networks_make_equal_files(tmp_path):
    files = [write_native(tmp_path / name, network(7, 5, 3)) for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_file_of_safetensors_itself_is_read(tmp_path):
    safetensors.numpy.save_file(PAIR, tmp_path / "a")
    words = "no checksums, so nothing was verified; activation is taken to be 'relu', scale.* 1"
    with pytest.warns(DataWarning, match=words):
        found = read_network(tmp_path / "a")
    assert (found.activation, found.scale) == ("relu", 1)


@pytest.mark.parametrize("kept", [(), ("activation", "scale"), ("activation",)])
def test_native_file_without_its_checksums_says_that_nothing_was_verified(kept, tmp_path):
    """Stripped by another program, or by somebody who changed the numbers."""
    saved = network(3, 2, activation="tanh", scale=255)
    arrays, texts = read_native(write_native(tmp_path / "a", saved).read_bytes())
    metadata = {key: texts[key] for key in kept}
    safetensors.numpy.save_file(arrays, tmp_path / "a", metadata)
    with pytest.warns(DataWarning, match="nothing was verified") as caught:
        found = read_network(tmp_path / "a")
    assert found.activation == ("tanh" if "activation" in kept else "relu")
    message = str(caught[0].message)
    assert ("activation is taken" in message) == ("activation" not in kept)
    assert ("scale is taken" in message) == ("scale" not in kept)
    metadata["format"] = "tinygrad_edu"  # ours without checksums is damaged
    safetensors.numpy.save_file(arrays, tmp_path / "a", metadata)
    with pytest.raises(ModelFileError, match=r"format_version|checksum"):
        read_network(tmp_path / "a")


def test_legacy_file_opens_with_the_standard_reader(tmp_path):
    saved = network(4, 3, 2)
    content = pickle.loads(write_legacy(tmp_path / "model.pkl", saved).read_bytes())
    assert [array.shape for array in content["weights"]] == [(4, 3), (3, 2)]
    assert [array.shape for array in content["bias"]] == [(1, 3), (1, 2)]
    np.testing.assert_array_equal(content["weights"][1], saved.weights[1])


def test_legacy_file_holds_the_weights_as_trained(tmp_path):
    """The program the layout comes from divides the features itself, as in training."""
    saved = network(6, 4, 2, dtype="f4", scale=255)
    content = pickle.loads(write_legacy(tmp_path / "model.pkl", saved).read_bytes())
    for key, arrays in (("weights", saved.weights), ("bias", saved.biases)):
        for found, expected in zip(content[key], arrays, strict=True):
            np.testing.assert_array_equal(found.reshape(expected.shape), expected, strict=True)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_legacy_layout_refuses_other_activations(activation, tmp_path):
    with pytest.raises(ValueError, match=f"{activation}.*write_native"):
        write_legacy(tmp_path / "model.pkl", network(3, 2, activation=activation))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [write_native, write_legacy])
def test_broken_network_does_not_replace_a_good_file(write, tmp_path):
    file = write(tmp_path / "a", network(3, 2))
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"weights\[0\] holds 2 numbers.*nothing was written"):
        write(file, SavedNetwork((BROKEN,), (B,)))
    assert file.read_bytes() == before


def test_nonfinite_weights_can_be_read_on_request(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(legacy([BROKEN], [B]))
    assert np.isnan(read_network(file, allow_nonfinite=True).weights[0][0, 0])


INTEGERS = {"i8": "f8", "u8": "f8", "i4": "f8", "u4": "f8"}
INTEGERS |= dict.fromkeys(["i2", "u2", "i1", "u1", "?"], "f4")


@pytest.mark.parametrize("code", INTEGERS)
def test_integers_become_floating_with_a_note(code, tmp_path):
    extremes = [[0, 1], [1, 0]] if code == "?" else [[np.iinfo(code).min, 3], [5, 7]]
    matrix = np.array(extremes, dtype=code)
    (tmp_path / "a").write_bytes(legacy([matrix], [B]))
    name = np.dtype(INTEGERS[code]).name
    with pytest.warns(DataWarning, match=rf"weights\[0\] holds .*converted to {name}"):
        found = read_network(tmp_path / "a")
    assert found.weights[0].dtype == INTEGERS[code]
    assert found.weights[0].tolist() == matrix.tolist(), "exactly"


def test_other_floating_types_and_orders_are_converted_silently(tmp_path):
    matrices = [W.astype("f2"), W.T.astype(">f4"), np.asfortranarray(W).astype(">f8", order="F")]
    (tmp_path / "a").write_bytes(legacy(matrices, [B, np.zeros(3), B]))
    found = read_network(tmp_path / "a")
    assert [array.dtype for array in found.weights] == ["f4", "f4", "f8"]
    assert all(array.dtype.isnative and array.flags.c_contiguous for array in found.weights)
    assert [array.shape for array in found.biases] == [(2,), (3,), (2,)]


def test_single_number_is_the_bias_of_one_output():
    assert SavedNetwork((np.ones((3, 1)),), (np.float64(2),)).biases[0].tolist() == [2.0]
    with pytest.raises(ValueError, match=r"bias\[0\] has shape \(\)"):
        SavedNetwork((W,), (np.float64(2),))


@pytest.mark.parametrize("code", ["c16", "O", "U1", "M8[s]"])
def test_other_dtypes_make_no_network(code):
    with pytest.raises(ValueError, match=r"weights\[0\] is of dtype"):
        SavedNetwork((np.zeros((3, 2), dtype=code),), (B,))


def test_arguments_are_errors_of_value_not_of_a_file():
    for options in ({"scale": 0}, {"scale": float("inf")}, {"activation": "cos"}):
        with pytest.raises(ValueError, match=next(iter(options))) as caught:
            network(3, 2, **options)
        assert not isinstance(caught.value, ModelFileError)


def test_both_layouts_are_distinguished_at_every_header_length(tmp_path):
    """A native file starts with a length, any byte of which may look like another format."""
    for extra in range(600):
        data = native_bytes(PAIR, {"note": "x" * extra})
        (tmp_path / "a").write_bytes(data)
        assert read_network(tmp_path / "a").structure == (3, 2)


def test_legacy_files_of_all_protocols_are_recognised(tmp_path):
    folder = Path(__file__).parent / "data"
    kinds = len(runpy.run_path(str(folder / "make_pickles.py"))["arrays"]())
    for file in sorted(folder.glob("*.pkl")):
        with pytest.raises(ModelFileError, match=f"{kinds} weight matrices and 3 biases"):
            read_network(file)


def test_layouts_hold_what_they_say():
    weights, biases = read_legacy(legacy([W], [B]))
    assert (len(weights), len(biases)) == (1, 1)


ZEROS = [
    (write_native, lambda data: data + bytes(100), "100 trailing zero bytes"),
    (write_legacy, lambda data: data + bytes(100), "100 trailing zero bytes"),
    (write_native, lambda data: data[:-40] + bytes(40), "checksum.*ends with 40 zero bytes"),
    (write_legacy, lambda data: data[:200] + bytes(500), "ends with 500 zero bytes"),
    (write_native, lambda data: bytes(5), "first bytes are zero"),
    (write_legacy, lambda data: bytes(10**6), "ends with 1000000 zero bytes"),
]


@pytest.mark.parametrize(("write", "damage", "words"), ZEROS)
def test_zero_bytes_at_the_end_are_counted(write, damage, words, tmp_path):
    """A full disk or a power cut leaves them; the file is not truncated then."""
    path = write(tmp_path / "a", network(5, 3, scale=2))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelFileError, match=words) as caught:
        read_network(path)
    assert "truncated" not in str(caught.value)


def test_legacy_layout_is_not_written_where_its_reader_would_refuse_it(tmp_path):
    """The reader has a limit of opcodes, and every layer takes some."""
    one, none = (np.ones((1, 1)),), (np.zeros(1),)
    path = tmp_path / "a"
    assert (
        len(read_network(write_legacy(path, SavedNetwork(one * 1000, none * 1000))).weights) == 1000
    )
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"cannot hold 3000 layers .*write_native"):
        write_legacy(path, SavedNetwork(one * 3000, none * 3000))
    assert path.read_bytes() == before
    deep = SavedNetwork(one * 3000, none * 3000)
    assert len(read_network(write_native(path, deep)).weights) == 3000


def test_path_may_be_of_bytes(tmp_path):
    path = write_native(tmp_path / "a.safetensors", network(3, 2))
    assert read_network(os.fsencode(path)).structure == (3, 2)

"""The native layout: what safetensors and this module say to each other, and every damage."""

import hashlib
import json
import re
import struct

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from nn.errors import ModelFileError
from tests.files.in_memory import native_bytes, read_native

GOOD = native_bytes({"a": np.arange(3.0), "b": np.ones((2, 2), "f4")}, {"note": "x"})


def packed(header, numbers=b"", length=None):
    """A file around any header, sound or not."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


def tensor(begin, end, shape=None, dtype="F32"):
    sizes = [(end - begin) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": sizes, "data_offsets": [begin, end]}


def header_of(data):
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_metadata(**changes):
    """The good file with other texts in its header, without new checksums."""
    header = header_of(GOOD)
    header["__metadata__"].update(changes)
    return packed(header, GOOD[8 + int.from_bytes(GOOD[:8], "little") :])


FLIPPED = bytearray(GOOD)
FLIPPED[-1] ^= 1
SHA_GOOD = header_of(GOOD)["__metadata__"]["sha256"]
SHA_FLIPPED = hashlib.sha256(FLIPPED[-40:]).hexdigest()

# Name, beginning with the row in the table of bad inputs: file, what the message must contain.
BAD = {
    "81 empty": (b"", ["file is empty"]),
    "82 text": (b"label,pixel1\n1,2\n", ["not a model file"]),
    "83 truncated length": (GOOD[:5], ["truncated", "offset 5"]),
    "83 truncated header": (GOOD[:50], ["truncated", "offset 50"]),
    "83 truncated numbers": (GOOD[:-3], ["truncated", "offset 37"]),
    "84 trailing": (GOOD + b"xyz", ["3 trailing bytes", "offset 40"]),
    "85 flipped": (bytes(FLIPPED), ["checksum", SHA_GOOD[:8], SHA_FLIPPED[:8]]),
    "85 metadata changed": (with_metadata(note="y"), ["checksum of the header"]),
    "85 checksum missing": (with_metadata(sha256=""), ["checksum of the numbers"]),
    "115 over the file": (packed({}, length=5000), ["5000", "2 are there"]),
    "115 over the limit": (packed({}, length=2**20 + 1), [str(2**20 + 1), str(2**20)]),
    "115 huge": (packed({}, length=2**64 - 1), [str(2**64 - 1), str(2**20)]),
    "116 not JSON": (packed(b'{"a": }'), ["not JSON", "offset 14"]),
    "116 not UTF-8": (packed(b'{"\xff": 1}'), ["not UTF-8", "offset 10"]),
    "116 UTF-16": (packed('{"a": 1}'.encode("utf-16-le")), ["not JSON"]),
    "116 leading blank": (packed(b" {}"), ["starts with b' {}'"]),
    "116 a list": (packed(b"[]"), ["starts with b'[]'"]),
    "116 nothing": (packed(b""), ["starts with b''"]),
    "116 duplicate tensor": (
        packed(b'{"a": %b, "a": %b}' % ((json.dumps(tensor(0, 4)).encode(),) * 2), bytes(4)),
        ["duplicate key 'a'"],
    ),
    "116 duplicate inside": (
        packed(b'{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', bytes(4)),
        ["duplicate key 'dtype'"],
    ),
    "116 NaN": (packed(b'{"a": NaN}'), ["NaN"]),
    "116 Infinity": (packed(b'{"a": -Infinity}'), ["Infinity"]),
    "116 deep lists": (packed(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), ["nested"]),
    "116 deep dicts": (packed(b'{"a":' * 90_000 + b"1" + b"}" * 90_000), ["nested"]),
    "116 many digits": (packed(b'{"a": ' + b"9" * 10_000 + b"}"), ["not JSON a model has"]),
    "116 two values": (packed(b"{}{}"), ["not JSON"]),
    "116 metadata list": (packed({"__metadata__": []}), ["__metadata__"]),
    "116 metadata number": (packed({"__metadata__": {"a": 1}}), ["__metadata__"]),
    "117 hole": (packed({"a": tensor(4, 8)}, bytes(8)), ["'a'", "4 to 8", "gap"]),
    "117 overlap": (
        packed({"a": tensor(0, 8), "b": tensor(4, 12)}, bytes(12)),
        ["'b'", "4 to 12", "overlap"],
    ),
    "117 same place": (
        packed({"a": tensor(0, 8), "b": tensor(0, 8)}, bytes(8)),
        ["'b'", "0 to 8", "overlap"],
    ),
    "117 tail": (packed({"a": tensor(0, 4)}, bytes(8)), ["'a'", "offset 4", "at 8"]),
    "117 tail without tensor": (packed({}, bytes(8)), ["no tensor", "8 trailing"]),
    "117 over the end": (packed({"a": tensor(0, 8)}, bytes(4)), ["'a'", "0 to 8", "offset 4"]),
    "117 backwards": (packed({"a": tensor(8, 4, [1])}, bytes(8)), ["'a'", "8 to 4"]),
    "117 negative": (packed({"a": tensor(-4, 0, [1])}), ["'a'", "data_offsets"]),
    "117 three offsets": (
        packed({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4, 4]}}, bytes(4)),
        ["data_offsets"],
    ),
    "117 offsets true": (
        packed({"a": {"dtype": "F32", "shape": [0], "data_offsets": [False, False]}}),
        ["data_offsets"],
    ),
    "118 dtype I64": (packed({"a": tensor(0, 8, [1], "I64")}, bytes(8)), ["'I64'", "F32", "F64"]),
    "118 dtype unknown": (packed({"a": tensor(0, 8, [1], "Z99")}, bytes(8)), ["'Z99'"]),
    "118 dtype list": (packed({"a": tensor(0, 8, [1], ["F32"])}, bytes(8)), ["dtype list"]),
    "119 newer": (with_metadata(format_version="3"), ["format_version 3", "upgrade"]),
    "119 far newer": (with_metadata(format_version="999999999"), ["999999999", "upgrade"]),
    "119 no number": (with_metadata(format_version="1.0"), ["'1.0'", "number"]),
    "shape and bytes": (packed({"a": tensor(0, 8, [3])}, bytes(8)), ["12", "8"]),
    "shape negative": (packed({"a": tensor(0, 8, [-2, -1])}, bytes(8)), ["shape"]),
    "shape float": (packed({"a": tensor(0, 8, [2.0])}, bytes(8)), ["shape"]),
    "shape overflow": (packed({"a": tensor(0, 0, [2**62, 4])}), [str(2**66)]),
    "shape of 33 sizes": (packed({"a": tensor(0, 4, [1] * 33)}, bytes(4)), ["32 sizes"]),
    "shape missing": (packed({"a": {"dtype": "F32", "data_offsets": [0, 0]}}), ["exactly"]),
    "entry more": (packed({"a": tensor(0, 4) | {"code": "x"}}, bytes(4)), ["exactly"]),
    "entry number": (packed({"a": 1}), ["exactly"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_refused_with_the_reason(case):
    data, words = BAD[case]
    with pytest.raises(ModelFileError) as caught:
        read_native(data)
    message = str(caught.value)
    assert type(caught.value) is ModelFileError
    assert caught.value.__cause__ is None, "the check of this module sees it before the library"
    assert [word for word in words if word not in message] == []
    assert "\n" not in message
    assert len(message) < 400


def small_file():
    """About two thousand bytes, with texts and tensors of both dtypes."""
    source = np.random.default_rng(0)
    arrays = {f"weights.{i}": source.normal(size=(6, 6)) for i in range(2)}
    arrays |= {f"biases.{i}": source.normal(size=6).astype("f4") for i in range(2)}
    return native_bytes(arrays, {"activation": "relu", "scale": "255.0", "layers": "[6, 6, 6]"})


def test_every_flipped_bit_is_noticed():
    data = bytearray(small_file())
    assert 1_000 < len(data) < 3_000
    unnoticed = []
    for place in range(len(data)):
        for bit in range(8):
            data[place] ^= 1 << bit
            try:
                read_native(bytes(data))
                unnoticed.append((place, bit))
            except ModelFileError:
                pass
            data[place] ^= 1 << bit
    assert unnoticed == []


def test_every_truncation_is_noticed_and_named():
    data = small_file()
    for length in range(1, len(data)):
        with pytest.raises(ModelFileError, match=r"truncated") as caught:
            read_native(data[:length])
        assert re.search(r"offsets? \d+", str(caught.value))


def test_every_appended_byte_is_noticed():
    data = small_file()
    for byte in range(256):
        with pytest.raises(ModelFileError, match="1 trailing"):
            read_native(data + bytes([byte]))


SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
DTYPES = st.sampled_from(["<f4", "<f8", ">f4", ">f8"])
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter("__metadata__".__ne__)
ARRAYS = st.dictionaries(NAMES, arrays_of.arrays(DTYPES, SHAPES), max_size=4)
OWN = {"format", "format_version", "sha256", "header_sha256"}
TEXTS = st.dictionaries(NAMES.filter(lambda name: name not in OWN), NAMES, max_size=3)


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert (found[name].dtype, found[name].shape) == (native.dtype, native.shape)
        assert found[name].tobytes() == native.tobytes()


@given(ARRAYS, TEXTS)
def test_round_trip_and_the_library_reads_it_too(arrays, texts):
    data = native_bytes(arrays, texts)
    found, metadata = read_native(data)
    assert_same(found, arrays)
    assert_same(safetensors.numpy.load(data), arrays)
    assert {key: metadata[key] for key in texts} == texts
    assert all(array.flags.writeable for array in found.values())
    assert int.from_bytes(data[:8], "little") % 8 == 0


@given(ARRAYS, st.none() | TEXTS)
def test_what_the_library_writes_is_read(arrays, texts):
    plain = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    found, metadata = read_native(safetensors.numpy.save(plain, metadata=texts or None))
    assert_same(found, arrays)
    assert metadata == (texts or {})


def test_memory_order_does_not_matter():
    matrix = np.arange(6.0).reshape(2, 3)
    for view in (np.asfortranarray(matrix), matrix[:, ::-1][:, ::-1], np.flip(np.flip(matrix))):
        assert read_native(native_bytes({"a": view}, {}))[0]["a"].tolist() == matrix.tolist()


def test_equal_networks_make_equal_files():
    texts = {letter: letter for letter in "hgfedcba"}
    files = {
        native_bytes({"x": np.ones(2)}, dict(order))
        for order in (texts.items(), sorted(texts.items()))
    }
    assert len(files) == 1


def test_files_are_the_same_as_those_of_0_1_0():
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.arange(3, dtype="f4"), "c": np.ones(())}
    digest = hashlib.sha256(native_bytes(arrays, {"author": "é", "note": "1"})).hexdigest()
    assert digest == "4fdefe8a306b88f5d5836be0979c4321d4c5fa1d7625dcd0e48093b2ca86acf7"


def test_metadata_hold_format_version_and_checksum():
    metadata = read_native(GOOD)[1]
    assert metadata["format"] == "tinygrad_edu"
    assert metadata["format_version"] == "1"
    assert metadata["sha256"] == hashlib.sha256(GOOD[-40:]).hexdigest()


def test_files_that_are_read_and_written_again_do_not_change():
    assert native_bytes(*read_native(GOOD)) == GOOD


def test_version_of_another_format_is_not_ours_to_judge():
    data = safetensors.numpy.save({"a": np.ones(1)}, {"format": "pt", "format_version": "9"})
    assert read_native(data)[1]["format_version"] == "9"


@pytest.mark.parametrize(
    ("arrays", "metadata", "kind", "words"),
    [
        ({"a": np.arange(3)}, {}, TypeError, "'a' is of dtype int64"),
        ({"a": np.ones(3, "f2")}, {}, TypeError, "float16"),
        ({"a": np.ones(3)}, {"n": 1}, TypeError, "'n'"),
        ({"a": np.ones(3)}, {"n": "\ud800"}, ValueError, "surrogates"),
        ({"__metadata__": np.ones(3)}, {}, ValueError, "__metadata__"),
        ({"a": np.ones(3)}, {"n": "x" * 2**20}, ValueError, "1048576"),
    ],
)
def test_what_cannot_be_read_back_is_not_written(arrays, metadata, kind, words):
    with pytest.raises(kind, match=words):
        native_bytes(arrays, metadata)

"""Hostile and damaged pickles: each is refused for its own reason, and nothing is ever run."""

import collections
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from nn.errors import ModelFileError, UnsafeModelFileError
from nn.files.legacy_pickle import dumps
from tests.files.in_memory import read_legacy

GOOD = dumps([np.eye(3)], [np.zeros((1, 3))])


def framed(body):
    """A protocol 4 pickle with one frame around it, as Python writes it."""
    return b"\x80\x04\x95" + struct.pack("<Q", len(body)) + body


def name(module, attribute):
    """The opcodes that put a name on the stack."""
    return b"".join(b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, attribute)) + b"\x93"


def call(module, attribute, argument=b"\x8c\x02id"):
    """A protocol 4 pickle that calls a function with one argument."""
    return framed(name(module, attribute) + argument + b"\x85R.")


class Call:
    """Pickles as a call of any function; the standard reader would make that call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Own:
    """A class of the user's own program."""


F8 = name("numpy", "dtype") + b"\x8c\x02f8\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xff"
F8 += b"J\xff\xff\xff\xffK\x00tb"
FROM_BUFFER = name("numpy._core.numeric", "_frombuffer")
RECONSTRUCT = name("numpy._core.multiarray", "_reconstruct")
EMPTY_ARRAY = RECONSTRUCT + name("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
ONE = b"C\x08" + struct.pack("<d", 1.0)


def model(weight=None, bias=None, raw=ONE, shape=b"K\x01K\x01\x86"):
    """A hand-made protocol 5 model of one weight, in which any part can be replaced."""
    array = FROM_BUFFER + b"(" + raw + F8 + shape + b"\x8c\x01CtR"
    parts = b"\x8c\x07weights]" + (weight or array) + b"a\x8c\x04bias]" + (bias or array) + b"a"
    return b"\x80\x05}(" + parts + b"u."


def straddle():
    """A frame that ends inside the bytes a reader is to skip: two readers, two programs."""
    hidden = b"cbuiltins\nprint\n)R."
    body = b"C" + bytes([len(hidden)]) + hidden
    return b"\x80\x04\x95" + struct.pack("<Q", 4) + body + b"."


def shared_bytes():
    """Ten thousand arrays that all show the same block of bytes, so that a small file grows."""
    parts = [FROM_BUFFER, F8, b"B" + struct.pack("<I", 8000) + bytes(8000), b"M\xe8\x03\x85"]
    parts = [part + b"q" + bytes([index]) for index, part in enumerate(parts)]
    first = parts[0] + b"(" + parts[2] + parts[1] + parts[3] + b"\x8c\x01CtRa"
    again = b"h\x00(h\x02h\x01h\x03\x8c\x01CtRa"
    return b"\x80\x05}(\x8c\x07weights]" + first + again * 9_999 + b"\x8c\x04bias]u."


def same_array():
    """One array that is in the list nine thousand times."""
    array = FROM_BUFFER + b"(B" + struct.pack("<I", 8000) + bytes(8000)
    array += F8 + b"M\xe8\x03\x85\x8c\x01CtRq\x00a"
    return b"\x80\x05}(\x8c\x07weights]" + array + b"(" + b"h\x00" * 9_000 + b"e\x8c\x04bias]u."


UNSAFE, BAD = UnsafeModelFileError, ModelFileError
PICKLED = {p: pickle.dumps({"weights": [np.eye(2)], "bias": []}, protocol=p) for p in range(6)}

# Name: file, type of error, what its message must contain. A name starts with the number of the
# row in the table of bad inputs, where there is one.
HOSTILE = {
    "81 empty": (b"", BAD, ["file is empty"]),
    "82 text": (b"label,pixel1\n1,2\n", BAD, ["offset 0"]),
    "83 no opcode": (b"\x80\x04", BAD, ["offset 2", "truncated"]),
    "84 trailing": (GOOD + b"xx", BAD, [f"offset {len(GOOD)}", "2 trailing"]),
    "86 os.system": (
        framed(name("os", "system") + b"\x8c\x02id\x85R."),
        UNSAFE,
        ["os.system", "offset 23", "refused; nothing was run"],
    ),
    "86 posix.system": (pickle.dumps(Call(os.system, "id")), UNSAFE, ["system", "refused"]),
    "86 protocol 0": (b"cos\nsystem\n(Vid\ntR.", UNSAFE, ["os.system", "offset 0"]),
    "87 eval": (pickle.dumps(Call(eval, "1")), UNSAFE, ["builtins.eval"]),
    "87 exec": (pickle.dumps(Call(exec, "1")), UNSAFE, ["builtins.exec"]),
    "87 getattr": (pickle.dumps(Call(getattr, 1, "real")), UNSAFE, ["builtins.getattr"]),
    "87 import": (pickle.dumps(Call(__import__, "os"), 2), UNSAFE, ["__builtin__.__import__"]),
    "87 numpy.load": (pickle.dumps(Call(np.load, "x")), UNSAFE, ["numpy.load"]),
    "87 runstring": (call("numpy.testing._private.utils", "runstring"), UNSAFE, ["runstring"]),
    "87 codecs.lookup": (call("_codecs", "lookup"), UNSAFE, ["_codecs.lookup"]),
    "87 pip": (call("pip", "main"), UNSAFE, ["pip.main"]),
    "88 dotted": (call("numpy", "core.sys.modules"), UNSAFE, ["numpy.core.sys.modules"]),
    "88 dotted ndarray": (call("numpy", "ndarray.tofile"), UNSAFE, ["numpy.ndarray.tofile"]),
    "88 name as number": (framed(b"K\x01K\x02\x93."), UNSAFE, ["two texts"]),
    "89 INST": (b"(Vid\nios\nsystem\n.", UNSAFE, ["INST", "offset 5"]),
    "89 OBJ": (b"\x80\x02(c_codecs\nencode\no.", UNSAFE, ["OBJ", "offset 19"]),
    "89 NEWOBJ": (b"\x80\x02cnumpy\ndtype\n)\x81.", UNSAFE, ["NEWOBJ", "offset 16"]),
    "89 NEWOBJ_EX": (b"\x80\x04cnumpy\ndtype\n)}\x92.", UNSAFE, ["NEWOBJ_EX"]),
    "90 PERSID": (b"Pid\n.", UNSAFE, ["PERSID"]),
    "90 BINPERSID": (b"\x80\x02K\x01Q.", UNSAFE, ["BINPERSID"]),
    "90 EXT1": (b"\x80\x02\x82\x01.", UNSAFE, ["EXT1"]),
    "90 EXT2": (b"\x80\x02\x83\x01\x00.", UNSAFE, ["EXT2"]),
    "90 EXT4": (b"\x80\x02\x84\x01\x00\x00\x00.", UNSAFE, ["EXT4"]),
    "90 NEXT_BUFFER": (b"\x80\x05\x97.", UNSAFE, ["NEXT_BUFFER"]),
    "91 BUILD dict": (b"\x80\x02}}b.", UNSAFE, ["BUILD on dict"]),
    "91 BUILD list": (b"\x80\x02]}b.", UNSAFE, ["BUILD on list"]),
    "91 BUILD name": (b"\x80\x02cnumpy\nndarray\n}b.", UNSAFE, ["BUILD on the name ndarray"]),
    "91 BUILD twice": (b"\x80\x05" + F8 + F8[F8.index(b"(") :] + b".", UNSAFE, ["second time"]),
    "92 SETITEM on list": (b"\x80\x02]K\x00K\x01s.", UNSAFE, ["SETITEM on list", "dict"]),
    "92 SETITEM on array": (model(FROM_BUFFER + b"K\x00K\x01s"), UNSAFE, ["SETITEM on the name"]),
    "92 key is int": (b"\x80\x02}K\x00K\x01s.", UNSAFE, ["key is int", "str"]),
    "92 APPEND on dict": (b"\x80\x02}K\x00a.", UNSAFE, ["APPEND on dict", "list"]),
    "93 memo index": (b"\x80\x02]r\xff\xff\xff\x7f.", BAD, ["holds list"]),
    "93 memo line": (b"]p99999999999999999999999\n.", BAD, ["20 digits"]),
    "93 memo of 30,000": (b"\x80\x04]" + b"]\x94a" * 30_000 + b".", BAD, ["holds list"]),
    "94 BINBYTES8": (
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"abc.",
        BAD,
        [str(2**62), "4 are available"],
    ),
    "94 BYTEARRAY8": (b"\x80\x05\x96" + struct.pack("<Q", 2**30), BAD, [str(2**30), "0 are"]),
    "94 BINUNICODE": (b"\x80\x02X\xff\xff\xff\xff", BAD, [str(2**32 - 1)]),
    "94 FRAME": (b"\x80\x04\x95" + struct.pack("<Q", 2**63), BAD, [str(2**63), "frame"]),
    "95 hash bomb": (b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"Ns.", UNSAFE, ["key is tuple"]),
    "95 hash bomb by DUP": (b"\x80\x02})" + b"2\x86" * 60 + b"Ns.", UNSAFE, ["DUP"]),
    "96 nested lists": (b"\x80\x02" + b"]" * 90_000 + b"a" * 89_999 + b".", BAD, ["stack limit"]),
    "96 nested marks": (b"\x80\x02" + b"(" * 90_000 + b".", BAD, ["stack limit"]),
    "96 nested tuples": (b"\x80\x02)" + b"\x85" * 90_000 + b".", BAD, ["holds tuple"]),
    "96 many opcodes": (b"\x80\x02](" + b"NNN" * 40_000 + b"e.", BAD, ["limit"]),
    "97 straddle": (straddle(), BAD, ["frame"]),
    "97 nested frames": (framed(framed(b"N")[2:] + b"."), BAD, ["frame"]),
    "98 two pickles": (GOOD + GOOD, BAD, ["trailing"]),
    "99 object array": (
        pickle.dumps({"weights": [np.array([Own(), None])], "bias": []}),
        UNSAFE,
        ["object dtype"],
    ),
    **{
        f"100 {code}": (
            pickle.dumps({"weights": [np.zeros(2, dtype=code)], "bias": []}),
            BAD,
            ["dtype", repr(shown)],
        )
        for code, shown in {
            "c16": "c16",
            "U3": "U3",
            "S3": "S3",
            "M8[s]": "M8",
            "f4,i4": "V8",
        }.items()
    },
    "100 dtype with names": (model(F8.replace(b"<NNN", b"<N)N")), BAD, ["state", "f8"]),
    "101 too few bytes": (model(shape=b"K\x01K\x02\x86"), BAD, ["16 bytes", "found 8"]),
    "102 negative": (model(shape=b"J\xff\xff\xff\xffK\x01\x86"), BAD, ["shape (-1, 1)"]),
    "102 huge": (
        model(shape=b"\x8a\x08" + b"\xff" * 7 + b"\x7fK\x01\x86"),
        BAD,
        [f"shape ({2**63 - 1}, 1)"],
    ),
    "102 overflow": (
        model(shape=b"J\xff\xff\xff\x7f" * 2 + b"\x86"),
        BAD,
        ["shape (2147483647, 2147483647)", str(8 * (2**31 - 1) ** 2)],
    ),
    "102 nested": (model(shape=b")" + b"\x85" * 50_000), BAD, ["shape (tuple)"]),
    "103 shared bytes": (shared_bytes(), BAD, ["array bytes exceed file size", "80000000"]),
    "103 one array 9,000 times": (same_array(), BAD, ["array bytes exceed file size"]),
    "104 matrix": (
        model(RECONSTRUCT + name("numpy", "matrix") + b"K\x00\x85C\x01b\x87R"),
        UNSAFE,
        ["numpy.matrix", "plain arrays"],
    ),
    "104 masked": (
        pickle.dumps({"weights": [np.ma.ones(2)]}),
        UNSAFE,
        ["numpy.ma", "plain arrays"],
    ),
    "104 ordered": (
        pickle.dumps(collections.OrderedDict(weights=[])),
        UNSAFE,
        ["collections.OrderedDict", "save plain arrays"],
    ),
    "104 own class": (pickle.dumps(Own()), UNSAFE, ["Own", "save plain arrays"]),
    "104 pandas": (call("pandas.core.frame", "DataFrame"), UNSAFE, ["pandas.core.frame.DataFrame"]),
    "104 torch": (call("torch._utils", "_rebuild_tensor_v2"), UNSAFE, ["torch._utils"]),
    "105 joblib": (
        call("joblib.numpy_pickle", "NumpyArrayWrapper"),
        UNSAFE,
        ["joblib.numpy_pickle.NumpyArrayWrapper"],
    ),
    "106 missing": (pickle.dumps({"weights": []}), BAD, ["['weights']", "['bias', 'weights']"]),
    "106 extra": (
        pickle.dumps({"weights": [], "bias": [], "more": []}),
        BAD,
        ["['bias', 'more', 'weights']"],
    ),
    "106 twice": (b"\x80\x02}(X\x01\x00\x00\x00aNX\x01\x00\x00\x00aNu.", BAD, ["'a'", "twice"]),
    "106 no dict": (pickle.dumps([1, 2]), BAD, ["holds list", "plain arrays"]),
    "106 no list": (pickle.dumps({"weights": 1.5, "bias": []}), BAD, ["weights is float"]),
    "106 no array": (pickle.dumps({"weights": [[1.5]], "bias": []}), BAD, ["weights[0] is list"]),
    "113 Python 2": (b"(dp0\nS'weights'\np1\n.", BAD, ["written by Python 2", "STRING"]),
    "113 Python 2 short": (b"\x80\x02}U\x04bias].", BAD, ["written by Python 2"]),
    "114 protocol": (b"\x80\x06N.", BAD, ["protocol 6"]),
    "protocol inside": (b"\x80\x02\x80\x02N.", BAD, ["protocol"]),
    "call of ndarray": (b"\x80\x02cnumpy\nndarray\n)R.", UNSAFE, ["calls the name ndarray"]),
    "call of a list": (b"\x80\x02])R.", UNSAFE, ["calls list"]),
    "call without tuple": (b"\x80\x02cnumpy\ndtype\nNR.", UNSAFE, ["with NoneType"]),
    "encode as rot13": (
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
        UNSAFE,
        ["encode is called"],
    ),
    "bytes(2**40)": (b"\x80\x03cbuiltins\nbytes\n\x8a\x06" + b"\0" * 5 + b"\1\x85R.", UNSAFE, []),
    "array of another class": (
        model(RECONSTRUCT + name("numpy", "dtype") + b"K\x00\x85C\x01b\x87R"),
        UNSAFE,
        ["_reconstruct is called", "ndarray"],
    ),
    "scalar of no dtype": (
        model(name("numpy._core.multiarray", "scalar") + b"N" + ONE + b"\x86R"),
        UNSAFE,
        ["scalar is called"],
    ),
    "array built twice": (
        model(EMPTY_ARRAY + 2 * (b"(K\x01)" + F8 + b"\x89" + ONE + b"tb")),
        UNSAFE,
        ["array", "second time"],
    ),
    "array built of nothing": (model(EMPTY_ARRAY + b"Nb"), BAD, ["built from NoneType"]),
    "dtype without byte order": (
        model(FROM_BUFFER + b"(" + ONE + F8[: F8.index(b"(")] + b")\x8c\x01CtR"),
        BAD,
        ["no byte order"],
    ),
    "nine axes": (model(shape=b"(" + b"K\x01" * 9 + b"t"), BAD, ["(1, 1, 1, 1, ...)", "8 sizes"]),
    "empty stack": (b"\x80\x02a.", BAD, ["stack is empty"]),
    "no mark": (b"\x80\x02e.", BAD, ["needs a mark"]),
    "across a mark": (b"\x80\x02](Na.", BAD, ["stack is empty"]),
    "two results": (b"\x80\x02NN.", BAD, ["expected one object"]),
    "open mark": (b"\x80\x02N(.", BAD, ["open marks"]),
    "odd items": (b"\x80\x02}(Nu.", BAD, ["odd"]),
    "unknown memo": (b"\x80\x02h\x05.", BAD, ["memoized as 5"]),
    "long integer": (b"\x80\x02\x8a\xff" + b"\1" * 255 + b".", BAD, ["255 bytes"]),
    "many digits": (b"I" + b"9" * 100_000 + b"\n.", BAD, ["20 digits"]),
    "float words": (b"Fone\n.", BAD, ["number"]),
    "line without end": (b"Vweights", BAD, ["truncated"]),
    "list holds itself": (b"\x80\x02]q\x00h\x00a.", BAD, ["holds list"]),
    "array without data": (
        model(EMPTY_ARRAY),
        BAD,
        ["weights[0]", "without data"],
    ),
    "text that is no bytes": (
        PICKLED[2].replace(b"\xc3\xb0?", "\u20ac".encode()),
        BAD,
        ["weights[0]", "text"],
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_or_damaged_file_is_refused_with_the_reason(case):
    data, kind, words = HOSTILE[case]
    with pytest.raises(ModelFileError) as caught:
        read_legacy(data)
    message = str(caught.value)
    assert type(caught.value) is kind, message
    assert caught.value.__cause__ is None, "only the net of the reader caught this"
    assert [word for word in words if word not in message] == []
    assert "\n" not in message
    assert len(message) < 400


def test_corpus_is_hostile_enough():
    assert sum(kind is UNSAFE for _, kind, _ in HOSTILE.values()) >= 30


def test_hand_made_model_is_sound():
    """What the damaged ones are made from does load, so they fail for the reason they name."""
    weights, biases = read_legacy(model())
    assert weights[0].tolist() == biases[0].tolist() == [[1.0]]


def test_memory_stays_within_twice_the_file():
    peaks = {}
    for case, (data, _, _) in HOSTILE.items():
        tracemalloc.start()
        with pytest.raises(ModelFileError):
            read_legacy(data)
        peaks[case] = tracemalloc.get_traced_memory()[1] - 2 * len(data)
        tracemalloc.stop()
    assert {case: peak for case, peak in peaks.items() if peak > 16 * 2**20} == {}


def test_text_of_wide_characters_is_not_decoded_early():
    text = ("a" * 2**20 + "\U0001f600").encode()
    data = b"\x80\x02X" + struct.pack("<I", len(text)) + text + b"."
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="holds long text"):
        read_legacy(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20

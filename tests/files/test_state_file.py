"""States of modules, optimizers and trainings: saved exactly, and read safely."""

import json
import math
import pickle

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import nn
import tinygrad_edu as tg
from nn.errors import DataWarning, ModelFileError
from nn.files import load_metadata, load_state, read_network, save_state, write_native
from nn.files.nested import pack_state, unpack_state
from tests.files.in_memory import native_bytes
from tests.files.test_memory_of_reading import MEBIBYTE, peak_of


def same(one, other):
    """Equal in type and value down to the last bit, NaN and the sign of zero included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


class Tagger(nn.Module):
    """An LSTM of the user's own, with a name that a file keeps for itself."""

    def __init__(self):
        self.text = nn.Embedding(11, 5)
        self.lstm = nn.LSTM(5, 4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        states, _ = self.lstm(self.text(tokens))
        return self.head(self.drop(states))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)
    )


def test_own_modules_are_restored_exactly(tmp_path):
    tokens = np.arange(6).reshape(2, 3)
    one, two = Tagger(), Tagger()
    one(tokens)  # so that its generator has moved on
    saved = one.state_dict()
    path = save_state(tmp_path / "lstm.safetensors", saved)
    found = load_state(path)
    assert same(found, saved)
    assert two.load_state_dict(found) == ([], [])
    np.testing.assert_array_equal(one(tokens).data, two(tokens).data)

    images = np.random.default_rng(0).normal(size=(3, 1, 6, 6)).astype("f4")
    first, second = cnn(), cnn()
    first(images)  # running averages
    save_state(tmp_path / "cnn.safetensors", first.state_dict())
    second.load_state_dict(load_state(tmp_path / "cnn.safetensors"))
    np.testing.assert_array_equal(first.eval()(images).data, second.eval()(images).data)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "NAdam", "Adagrad", "Lion", "LBFGS"])
def test_a_training_goes_on_bit_by_bit(name, tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 4))

    def start():
        network = nn.MLP([4, 3, 1], seed=1, dtype="float64")
        return network, getattr(nn, name)(network.parameters(), lr=0.01)

    def step(network, optimizer):
        def closure():
            optimizer.zero_grad()
            loss = (network(x) ** 2).mean()
            loss.backward()
            return loss

        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()

    straight, its = start()
    for _ in range(4):
        step(straight, its)
    network, optimizer = start()
    for _ in range(2):
        step(network, optimizer)
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    path = save_state(tmp_path / "a", state)
    assert same(load_state(path), state)
    network, optimizer = start()
    network.load_state_dict(load_state(path)["network"])
    optimizer.load_state_dict(load_state(path)["optimizer"])
    for _ in range(2):
        step(network, optimizer)
    for one, other in zip(straight.parameters(), network.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


NESTED = {
    "generator": np.random.default_rng(5).bit_generator.state,  # integers of 128 bits
    "twister": np.random.RandomState(5).get_state(legacy=False),
    "numbers": [0, -1, 2**53, -(2**53), 2**53 + 1, 2**63, -(2**64), 10**100 - 1],
    "floats": [0.1, -0.0, 1.0, 1e22, 5e-324, math.nan, math.inf, -math.inf],
    "words": ["", "é", "\udc80", "\0", '"$array"', "a, b", "[{", 1.5, True, False, None],
    "empty": [{}, [], (), np.zeros(0), np.zeros((0, 3), "i2")],
    "tuple": (1, (2.0, [3]), {"a": (4,)}),
    "keys": {0: "zero", -1: [1], 2.5: 1, True: 2, None: 3, "$int": 4, 2**70: 5},
    "$array": {"$": 1, "$$": 2, "$tuple": [3]},
    "only": {"$dict": 1},
    "scalars": [np.float64(0.1), np.float32(0.1), np.int8(-3), np.bool_(True), np.array(2.5)],
    **{
        code: np.array([[0, 1], [7, 200]]).astype(code)
        for code in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
    },
    "special": np.array([math.nan, -math.inf, -0.0]),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a.b": np.ones(1),
    "a": {"b": np.zeros(1)},
    "text": {"state": np.ones(2, "u1"), "x": np.ones(2, "f4")},
    "__metadata__": np.ones(1),
    "": np.ones(1),
    "\udc80": np.ones(1),
    "x" * 300: np.ones(1),
}


def test_nested_states_are_exact(tmp_path):
    path = save_state(tmp_path / "a", NESTED)
    found = load_state(path)
    assert same(found, NESTED)
    assert save_state(tmp_path / "b", found).read_bytes() == path.read_bytes()
    np.random.default_rng().bit_generator.state = found["generator"]
    np.random.RandomState().set_state(found["twister"])
    names = set(safetensors.numpy.load_file(path))
    assert {"generator", "f2", "a.b"} & names == {"f2", "a.b"}, "names are paths"


@pytest.mark.parametrize("state", [{}, [], None, 3, "a", (), np.ones(2), np.float32(1)])
def test_a_state_may_be_anything(state, tmp_path):
    assert same(load_state(save_state(tmp_path / "a", state)), state)


KEYS = st.text(max_size=3) | st.sampled_from(["$", "$array", "$$", "a.b", "text.a", "0"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**130), 2**130)
    | st.floats()
    | KEYS
    | arrays_of.arrays(
        st.sampled_from(["f2", "f4", "f8", "i1", "u8", "?"]),
        arrays_of.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2),
    )
)
STATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEYS | st.integers(-3, 3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(STATES)
def test_packing_is_exact_for_any_nesting(state):
    arrays, text = pack_state(state)
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)  # as other programs read it
    assert same(unpack_state(arrays, text), state)


def test_tensors_become_arrays_and_what_is_loaded_can_be_written_to(tmp_path):
    found = load_state(save_state(tmp_path / "a", {"w": tg.Tensor([1.0, 2.0], requires_grad=True)}))
    assert type(found["w"]) is np.ndarray
    found["w"][0] = 5


def test_metadata_are_kept_for_the_reader(tmp_path):
    notes = {"author": "Ada é", "commit": "1234"}
    path = save_state(tmp_path / "a", {"w": np.ones(1)}, metadata=notes)
    assert load_metadata(path) == notes
    with safetensors.safe_open(path, framework="np") as file:
        assert notes.items() <= file.metadata().items()
    with pytest.raises(ValueError, match="metadata has the name 'format', which the file uses"):
        save_state(tmp_path / "b", {}, metadata={"format": "pt"})
    with pytest.raises(TypeError, match="metadata 'a': int"):
        save_state(tmp_path / "b", {}, metadata={"a": 1})
    assert not (tmp_path / "b").exists()


ITSELF: list = []
ITSELF.append(ITSELF)


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ({"a": [1, {2}]}, TypeError, r"state 'a\.1' is of type set, expected arrays"),
        ({"a": b"bytes"}, TypeError, "state 'a' is of type bytes"),
        ({"a": print}, TypeError, "builtin_function"),
        ({"a": np.array([None])}, TypeError, "state 'a' is an array of dtype object"),
        ({"a": np.ones(1, "c8")}, TypeError, "dtype complex64, expected real"),
        ({"a": np.array(["x"])}, TypeError, "dtype <U1"),
        ({"a": {(1, 2): 3}}, TypeError, "state 'a' has a key of type tuple"),
        (object(), TypeError, "the state is of type object"),
        ({"a": nn.ReLU()}, TypeError, r"state 'a' is a ReLU; pass its state_dict\(\)"),
        ({"a": ITSELF}, ValueError, "nested too deep, or contains itself"),
        ({"a": 10**100}, ValueError, "integer of more than a hundred digits"),
        ([0.5] * 200_000, ValueError, "200000 values outside of arrays.*keep long lists"),
        (["x" * 3_000_000], ValueError, "3000004 characters outside of arrays"),
    ],
)
def test_what_cannot_be_loaded_is_not_saved(state, kind, words, tmp_path):
    with pytest.raises(kind, match=words):
        save_state(tmp_path / "a", state)
    assert list(tmp_path.iterdir()) == []


def test_100000_numbers_fit_and_text_may_hold_commas(tmp_path):
    state = {"losses": [1 / 3] * 100_000, "csv": "1,2,[{" * 10_000}
    assert same(load_state(save_state(tmp_path / "a", state)), state)


A = {"a": np.ones(1)}
WRONG = {
    "not JSON": (A, '{"a": ', "damaged: Expecting value"),
    "NaN": ({}, '{"a": NaN}', "NaN in the text of the state"),
    "deep": ({}, "[" * 50_000 + "]" * 50_000, "nested too deep"),
    "many digits": ({}, '{"a": ' + "9" * 10_000 + "}", "damaged: Exceeds the limit"),
    "no array": ({}, '{"a": {"$array": "a"}}', r"'\$array' with 'a', which is not a value"),
    "array twice": (A, '[{"$array": "a"}, {"$array": "a"}]', r"'\$array' with 'a'"),
    "array of a list": (A, '{"$array": ["a"]}', r"'\$array' with \"\['a'\]\""),
    "array left": (A, "{}", "no place for the array 'a'"),
    "scalar of a vector": (A, '{"$scalar": "a"}', r"'\$scalar' with 'a'"),
    "unknown mark": ({}, '{"$call": "os.system"}', r"'\$call' with 'os.system'"),
    "mark and more": ({}, '{"$tuple": [], "a": 1}', r"'\$tuple' next to other keys"),
    "key twice": ({}, '{"a": 1, "a": 2}', "key twice"),
    "key twice in a list": ({}, '{"$dict": [1, 2, 1, 3]}', "key twice"),
    "key without value": ({}, '{"$dict": [1, 2, 3]}', r"'\$dict' with"),
    "key is a list": ({}, '{"$dict": [[], 1]}', r"'\$dict' with"),
    "int": ({}, '{"$int": "1e5"}', r"'\$int' with '1e5'"),
    "long int": ({}, '{"$int": "%s"}' % ("9" * 101), r"'\$int' with"),
    "float": ({}, '{"$float": "0.5"}', r"'\$float' with '0.5'"),
    "tuple of a number": ({}, '{"$tuple": 5}', r"'\$tuple' with '5'"),
    "empty": ({}, "", "damaged"),
}


def hostile_file(case):
    """A file with sound checksums and a state that is not sound."""
    arrays, text, _ = WRONG[case]
    texts = {"content": "state", "state": text}
    return native_bytes(arrays, texts, long=["state"], version=2)


@pytest.mark.parametrize("case", WRONG)
def test_damaged_text_is_an_error_of_the_file(case):
    arrays, text, words = WRONG[case]
    with pytest.raises(ModelFileError, match=words) as caught:
        unpack_state(arrays, text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def hostile_texts():
    size = 2 * MEBIBYTE
    yield "lists", "[" + "[]," * (size // 3) + "[]]"
    yield "dictionaries", "[" + "{}," * (size // 3) + "{}]"
    yield "most dictionaries", "[" + "{}," * 26_000 + "{}]"
    yield "most lists", "[" + "[]," * 52_000 + "[]]"
    yield "most pairs", "[" + '{"a":0},' * 26_000 + "0]"
    yield "most keys", "{" + ",".join(f'"{n:x}":0.5' for n in range(104_000)) + "}"
    yield "wide", '"' + "\\ud83d\\ude00" + "a" * (size - 40) + '"'
    yield "many wide", "[" + ('"\\ud83d\\ude00' + "a" * 20 + '",') * 52_000 + "0]"
    yield "marks", "[" + '{"$tuple":[]},' * 25_000 + "0]"
    yield "long", '"' + "a" * (size + 1) + '"'


TEXTS = dict(hostile_texts())


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_takes_no_more_than_twice_the_file_and_16_mebibytes(name):
    text = TEXTS[name]
    peak, _ = peak_of(unpack_state, {}, text)
    # The file holds the text once, and reading it takes that again.
    assert peak + len(text) <= 2 * len(text) + 16 * MEBIBYTE


def test_other_files_are_recognised(tmp_path):
    network = write_native(tmp_path / "n", nn.files.SavedNetwork([np.ones((1, 1))], [np.zeros(1)]))
    with pytest.raises(ModelFileError, match="a trained network, not the state of a module; load"):
        load_state(network)
    state = save_state(tmp_path / "s", {"weights.0": np.ones((1, 1)), "biases.0": np.zeros(1)})
    with pytest.raises(ModelFileError, match="the state of a module, not a trained network"):
        read_network(state)
    (tmp_path / "p").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelFileError, match="p: a pickle; expected the state of a module"):
        load_state(tmp_path / "p")
    (tmp_path / "z").write_bytes(b"PK\3\4" + bytes(20))
    with pytest.raises(ModelFileError, match=r"a zip archive, as torch\.save"):
        load_state(tmp_path / "z")
    with pytest.raises(FileNotFoundError, match="no model file of this name"):
        load_state(tmp_path / "none")
    with pytest.raises(ModelFileError, match="limit is 10"):
        load_state(state, max_bytes=10)


def test_files_of_other_programs_are_loaded_with_a_warning(tmp_path):
    arrays = {"text.weight": np.ones(2, "f2"), "b": np.arange(3)}
    safetensors.numpy.save_file(arrays, tmp_path / "a", {"format": "pt", "content": "x"})
    with pytest.warns(DataWarning, match="no checksums, so nothing was verified"):
        found = load_state(tmp_path / "a")
    assert found.layout == "unknown"
    assert same(dict(found), {"b": arrays["b"], "text.weight": arrays["text.weight"]})


def test_an_older_version_refuses_a_state(tmp_path):
    """It could take arrays of these names for a network."""
    path = save_state(tmp_path / "a", {"weights.0": np.ones((1, 1)), "biases.0": np.zeros(1)})
    assert b'"format_version":"2"' in path.read_bytes()


def test_every_flipped_bit_and_every_truncation_is_noticed(tmp_path):
    path = save_state(tmp_path / "a", {"w": np.arange(20, dtype="i2"), "n": [1, None, (2.5,)]})
    data = bytearray(path.read_bytes())
    unnoticed = []
    for place in range(len(data)):
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        data[place] ^= 1 << place % 8
        try:
            load_state(path)
            unnoticed.append(place)
        except ModelFileError:
            pass
        path.write_bytes(data[:place])
        with pytest.raises(ModelFileError):
            load_state(path)
    assert unnoticed == []

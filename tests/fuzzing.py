"""Changes model files at random and reads them: only a `ModelFileError` may be raised.

The tests call `mutate_many`. `python -m tests.fuzzing --seconds 600` runs Atheris, which looks for
changes that reach new lines of the readers; install it with `pip install atheris`.
"""

import argparse
import contextlib
import io
import pickle
import random
import sys
import tempfile
import warnings

import numpy as np

from nn.errors import ModelFileError
from nn.files import SavedNetwork, legacy_pickle, read_network
from nn.files.description import describe_network, legacy_bytes, native_layout, read_description
from nn.files.nested import pack_state, unpack_state

# What the texts of a file are likely to have at a place.
_WORDS = (b"null", b"nan", b"inf", b"-", b"1e999", b"[", b"]", b",\n", b'"', b"\\ud800", b"{", b"}")
_WORDS += (b'{"$array": "a"}', b'{"$tuple": [', b"$", b"\0", b"\x80", b"9" * 30)


def network():
    """A small network that knows everything about its data and its training."""
    source = np.random.default_rng(0)
    return SavedNetwork(
        [source.normal(size=(4, 3)), source.normal(size=(3, 2))],
        [source.normal(size=3), source.normal(size=2)],
        feature_names=["age", "sex", "fare"],
        feature_values=[(), ("female", "male"), ()],
        feature_ranges=[[0, 80], [0, 1], [-1.5, 500]],
        feature_fills=[30, 1, np.nan],
        feature_means=[29.7, 0, 32.2],
        missing="mean",
        input_means=source.normal(size=4),
        input_deviations=[1, 2, 3, 4],
        classes=["no", "yes"],
        label_name="survived",
        dropout=0.5,
        history_columns=["epoch", "loss"],
        history=[[1, 0.5], [2, None]],
    )


def plain_network():
    """A network that both layouts can store."""
    return SavedNetwork(
        [np.arange(6.0).reshape(3, 2)], [np.zeros(2)], feature_names=["a", "b", "c"], scale=255
    )


STATE = {"step": 3, "lr": [0.1, float("nan"), 2**70], "moments": {0: np.ones(2)}, "t": (1, None)}


class Pickles:
    """Pickles of all protocols, and the one that this program writes."""

    def __init__(self):
        content = {"weights": [np.arange(6.0).reshape(2, 3)], "bias": [np.zeros((1, 3))]}
        own = plain_network()
        self.files = [pickle.dumps(content, protocol=protocol) for protocol in range(6)]
        self.files.append(legacy_bytes(own, native_layout(own)))

    def read(self, data):
        """Read a pickle from memory, with its arrays."""
        model = legacy_pickle.read(io.BytesIO(data), len(data))
        for item in (*model.weights, *model.biases):
            legacy_pickle.to_array(item, "array")


class NativeFiles:
    """Native files; the checksums notice nearly every change."""

    def __init__(self):
        self.files = [b"".join(native_layout(one()).pieces) for one in (network, plain_network)]
        self.file = tempfile.NamedTemporaryFile()  # noqa: SIM115

    def read(self, data):
        """Read a native file; the library needs a true one."""
        self.file.seek(0)
        self.file.truncate()
        self.file.write(data)
        self.file.flush()
        read_network(self.file.name)


class Texts:
    """The texts of a file, as if its checksums were made to fit them; a file is one of them."""

    def __init__(self):
        self.pair = network()
        self.texts = describe_network(self.pair)
        self.files = [f"{key}\n{text}".encode() for key, text in self.texts.items()]

    def read(self, data):
        """Do what the reader of both layouts does, with this text instead of the right one."""
        key, _, text = data.decode("latin-1").partition("\n")
        parts = read_description(self.texts | {key: text}, 4, 2)
        try:
            SavedNetwork(self.pair.weights, self.pair.biases, **parts)
        except ValueError as problem:  # as `opened_model` does
            raise ModelFileError(str(problem)) from None


class States:
    """The text of a state, as if the checksums were made to fit it."""

    def __init__(self):
        self.arrays, text = pack_state(STATE)
        self.files = [text.encode()]

    def read(self, data):
        """Build the state again."""
        unpack_state(self.arrays, data.decode("latin-1"))


KINDS = {"pickles": Pickles, "native files": NativeFiles, "texts": Texts, "states": States}


def mutated(data, source):
    """One to four random edits: a byte set, taken out, put in, a piece or a word copied over."""
    data = bytearray(data)
    for _ in range(source.choice([1, 1, 2, 4])):
        place, kind = source.randrange(len(data)), source.randrange(5)
        if kind == 0:
            data[place] = source.randrange(256)
        elif kind == 1 and len(data) > 10:
            del data[place : place + source.randrange(1, 4)]
        elif kind == 2:
            data[place:place] = source.randbytes(source.randrange(1, 4))
        elif kind == 3:
            word = source.choice(_WORDS)
            data[place : place + source.choice([0, 1, len(word)])] = word
        else:
            start = source.randrange(len(data))
            data[place : place + 8] = data[start : start + 8]
        if not data:
            data = bytearray(b"N")
    return bytes(data)


def mutate_many(kind, count, seed):
    """Read so many changed files of a kind; return how many loaded, and what caused errors.

    Any other exception than a `ModelFileError` is raised, with the file as a note.
    """
    target, source, loaded, causes = KINDS[kind](), random.Random(seed), 0, set()
    for _ in range(count):
        data = mutated(source.choice(target.files), source)
        try:
            target.read(data)
            loaded += data not in target.files  # a byte may be replaced by itself
        except ModelFileError as problem:
            causes.add(repr(problem.__cause__))
        except Exception as problem:
            problem.add_note(f"for the file {data!r}")
            raise
    return loaded, causes


def _run_atheris(seconds):
    """Let Atheris change files of all kinds; it ends the process, with 0 if nothing was found."""
    import atheris

    warnings.simplefilter("ignore")
    targets = [kind() for kind in KINDS.values()]
    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as corpus:
        for number, target in enumerate(targets):
            for index, data in enumerate(target.files):
                with open(f"{corpus}/{number}-{index}", "wb") as stream:
                    stream.write(bytes([number]) + data)

        def one(data):
            if data:
                with contextlib.suppress(ModelFileError):
                    targets[data[0] % len(targets)].read(data[1:])

        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-timeout=10", corpus], one)
        atheris.Fuzz()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=600, help="how long Atheris runs (600)")
    _run_atheris(parser.parse_args().seconds)

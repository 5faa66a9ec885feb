"""What reaches the screen: no escape codes of files, and what to install where a package lacks."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from nn.errors import ModelFileError
from nn.files import SavedNetwork, read_network, write_native, write_pair
from nn.packages import require
from tests.files.in_memory import native_bytes
from tinygrad_edu.errors import printable

EVIL = "red\x1b[31m\nsecond line\r\x07\u202egnp.\x9b0m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain (1).pkl", "plain (1).pkl"),
        ("modèle 花弁 \\n", "modèle 花弁 \\n"),
        ("\x1b[2J\n\t\x9b", r"\x1b[2J\n\t\x9b"),
        ("\u202egnp\u2028\udc80", r"\u202egnp\u2028\udc80"),
        (Path("a\nb"), r"a\nb"),
        (b"a\n\xff", r"a\n\udcff"),
        (ValueError("a\nb"), r"a\nb"),
        (12, "12"),
    ],
)
def test_printable_escapes_what_is_not_and_keeps_the_rest(text, expected):
    assert printable(text) == expected


def test_printable_shortens():
    assert printable("abcdef", 6) == "abcdef"
    assert printable("abcdefg", 6) == "abcde…"
    assert printable("\n" * 9, 4) == r"\n\…"


@pytest.fixture
def evil(tmp_path):
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    return folder


def check(message):
    assert message.isprintable(), ascii(message)


def test_no_message_of_a_model_file_carries_an_escape_code(evil, monkeypatch):
    network = SavedNetwork((np.ones((3, 2)),), (np.zeros(2),))
    path = evil / f"{EVIL}.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        read_network(path)
    check(str(caught.value))
    monkeypatch.chdir(evil)
    with pytest.raises(FileNotFoundError) as caught:
        read_network("absent")
    check(str(caught.value))
    for wrong in (evil, evil / "absent" / "a"):
        with pytest.raises(OSError, match="folder") as caught:
            write_native(wrong, network)
        check(str(caught.value))
    with pytest.raises(FileNotFoundError) as caught:
        write_pair(evil / "absent", network)
    check(str(caught.value))
    write_native(path, network)
    os.link(path, evil / "other")
    with pytest.warns(UserWarning, match="other name") as warned:
        write_native(path, network)
    check(str(warned[0].message))
    path.with_suffix(".pkl").write_bytes(b"")
    path.with_suffix(".pkl").unlink()


@pytest.mark.parametrize("key", ["activation", "scale", "feature_names", "feature_ranges", EVIL])
def test_no_text_of_a_file_reaches_a_message_raw(key, evil):
    arrays = {"weights.0": np.ones((3, 2)), "biases.0": np.zeros(2)}
    file = evil / "model"
    contents = [
        native_bytes(arrays, {key: EVIL} if key != EVIL else {"format_version": "1"}),
        native_bytes(arrays | {EVIL: np.ones(2)}, {}),
        native_bytes({EVIL: np.ones(2)}, {}),
        native_bytes(arrays, {})[:-1],
        EVIL.encode(),
        b"c" + EVIL.replace("\n", "").encode() + b"\nname\n.",
    ]
    refused = 0
    for content in contents:
        file.write_bytes(content)
        try:
            read_network(file)
        except ModelFileError as problem:
            refused += 1
            check(str(problem))
    assert refused >= len(contents) - 1


def test_require_returns_the_package():
    assert require("numpy", "to compute") is np


def test_missing_package_is_one_line_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("pandas", "to read CSV files")
    assert str(caught.value) == (
        "the package pandas is needed to read CSV files and is not installed; install it with: "
        "python -m pip install pandas"
    )
    assert caught.value.name == "pandas"


def test_missing_package_of_a_bridge_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ModuleNotFoundError) as caught:
        require("mpi4py.MPI", "to train on several processes")
    assert str(caught.value) == (
        "the package mpi4py is needed to train on several processes and is not installed; install "
        'it with: python -m pip install "tinygrad_edu[distributed]"'
    )
    assert caught.value.name == "mpi4py"


def test_broken_package_says_why_it_cannot_be_imported(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_another.py").write_text("import surely_not_installed\n", "utf-8")
    (tmp_path / "broken.py").write_text("raise ImportError('libz.so:\\ncannot open')\n", "utf-8")
    with pytest.raises(ImportError, match="No module named 'surely_not_installed'; repair it"):
        require("needs_another", "to test")
    with pytest.raises(ImportError, match=r"libz.so: cannot open; repair it with: python -m pip"):
        require("broken", "to test")

"""The library `safetensors` in its place: missing, broken, and a file that changes under it."""

import os
import sys

import pytest

from nn.errors import ModelFileError
from nn.files import (
    native,
    read_network,
    write_legacy,
    write_native,
    write_pair,
)
from tests.files.in_memory import read_native
from tests.files.test_network_file import B, W, assert_equal, legacy, needs_posix, network

LIBRARY = {
    "missing": (None, "is not installed; install it with: python -m pip install safetensors"),
    "broken": ("import absent_part", "cannot be imported: No module named 'absent_part'; repair"),
}


@pytest.fixture(params=LIBRARY)
def no_library(request, monkeypatch, tmp_path):
    """Safetensors cannot be imported; returns what an error says of it."""
    content, words = LIBRARY[request.param]
    for name in [name for name in sys.modules if name.partition(".")[0] == "safetensors"]:
        monkeypatch.delitem(sys.modules, name)
    if content is None:
        monkeypatch.setitem(sys.modules, "safetensors", None)
    else:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib" / "safetensors.py").write_text(content, "utf-8")
        monkeypatch.syspath_prepend(tmp_path / "lib")
    return words


@pytest.fixture
def files(tmp_path):
    """Written while the library is still there: a native file, and a pickle without a digest."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_native(folder / "model.safetensors", network(3, 2))
    (folder / "model.pkl").write_bytes(legacy([W], [B]))
    return folder


def test_package_that_is_needed_for_the_native_file_is_named_in_one_line(files, no_library):
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    saves = [
        lambda: write_pair(files, network(3, 2)),
        lambda: write_native(files / "model.safetensors", network(3, 2)),
        lambda: write_legacy(files / "new.pkl", network(3, 2)),
    ]
    loads = [
        lambda: read_network(files / "model.safetensors"),
        lambda: read_native(before["model.safetensors"]),
    ]
    for calls, purpose in ((saves, "to save a model"), (loads, "to load a model")):
        for call in calls:
            with pytest.raises(ImportError, match=f"safetensors is needed {purpose}") as caught:
                call()
            assert no_library in str(caught.value)
            assert str(caught.value).isprintable()
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_pickles_are_read_without_the_package(files, no_library, tmp_path):
    assert read_network(files / "model.pkl").structure == (3, 2)
    (tmp_path / "a").write_bytes(b"{" * 20)
    with pytest.raises(ModelFileError, match="the header claims"):  # no package mends that
        read_network(tmp_path / "a")


@pytest.fixture
def after_the_header(monkeypatch):
    """Do something to the file when its header has been checked, as another process might."""

    def arrange(action):
        check = native.read_header

        def checked(stream, size, *options):
            header = check(stream, size)
            action()
            return header

        monkeypatch.setattr(native, "read_header", checked)

    return arrange


@needs_posix
def test_file_that_is_saved_anew_while_it_is_read_is_read_as_it_was(tmp_path, after_the_header):
    path = write_native(tmp_path / "a", network(3, 2))
    before = network(3, 2)
    after_the_header(lambda: write_native(path, network(5, 4)))
    assert_equal(read_network(path), before)


def test_library_opens_by_name_where_a_descriptor_has_none(tmp_path, monkeypatch):
    path = write_native(tmp_path / "a", network(3, 2))
    monkeypatch.setattr(os.path, "exists", lambda name: False)
    assert_equal(read_network(os.fsencode(path)), network(3, 2))


@needs_posix
def test_errors_of_the_library_are_errors_of_the_file(tmp_path, after_the_header):
    path = write_native(tmp_path / "a", network(3, 2))
    after_the_header(lambda: os.truncate(path, path.stat().st_size - 8))
    with pytest.raises(ModelFileError, match="safetensors cannot read the file") as caught:
        read_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


@needs_posix
def test_numbers_that_change_under_the_library_are_noticed(tmp_path, after_the_header):
    """The checksum is of what was read, not of what was in the file a moment before."""
    path = write_native(tmp_path / "a", network(3, 2))

    def change():
        with open(path, "r+b") as stream:
            stream.seek(-3, os.SEEK_END)
            stream.write(b"\xff")

    after_the_header(change)
    with pytest.raises(ModelFileError, match="checksum of the numbers"):
        read_network(path)

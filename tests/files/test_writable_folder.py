"""The check before hours of work that a folder takes what will be written into it."""

import errno
import os

import pytest

from tinygrad_edu import atomic_file
from tinygrad_edu.atomic_file import check_writable_folder


def test_folder_that_takes_files_is_left_as_it_is(tmp_path):
    check_writable_folder(tmp_path)
    check_writable_folder(str(tmp_path), 1)
    assert os.listdir(tmp_path) == []


def test_free_space_is_checked_with_the_folder(tmp_path):
    with pytest.raises(OSError, match=rf"are free on its disk, {2**70} are needed") as caught:
        check_writable_folder(tmp_path, 2**70)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_missing_folder_and_file_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"create it first.*absent"):
        check_writable_folder(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"expected a folder.*file"):
        check_writable_folder(tmp_path / "file")


def test_folder_that_takes_no_file_is_named_and_not_the_file_that_was_tried(tmp_path, monkeypatch):
    def fail(path, *arguments):
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Read-only") as caught:
        check_writable_folder(tmp_path)
    message = (
        f"[Errno {errno.EROFS}] Read-only file system; it takes no new files: {str(tmp_path)!r}"
    )
    assert str(caught.value) == message


@pytest.mark.skipif(os.name != "posix", reason="the steps are those of POSIX")
def test_a_file_is_written_where_no_folder_can_be_opened(tmp_path, monkeypatch):
    class Windows:
        """The system as Python shows it there: folders cannot be opened."""

        name = "nt"

        def __getattr__(self, name):
            return getattr(os, name)

        def open(self, path, *flags):
            if os.path.isdir(path):
                raise PermissionError(13, "Permission denied", str(path))
            return os.open(path, *flags)

    monkeypatch.setattr(atomic_file, "os", Windows())
    target = tmp_path / "model.pkl"
    target.write_bytes(b"old")
    assert atomic_file.write_atomically(target, b"new") == target
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.pkl"]

"""The one writer of files, when all goes well, when a step fails, and when the power goes."""

import errno
import os
import signal
import stat
import subprocess
import sys
import types
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tinygrad_edu import atomic_file
from tinygrad_edu.atomic_file import write_atomically

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the steps are those of POSIX")


@pytest.fixture
def old(tmp_path):
    """A file that is there already."""
    file = tmp_path / "model.pkl"
    file.write_bytes(b"old")
    return file


def test_writes_bytes_and_text(tmp_path):
    assert write_atomically(tmp_path / "a", b"\x00\xff").read_bytes() == b"\x00\xff"
    assert write_atomically(str(tmp_path / "b"), "δ\n").read_bytes() == "δ\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_relative_path_is_given_back_as_it_came(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_atomically("a", b"x") == Path("a")


@pytest.mark.needs("links")
def test_link_is_followed_and_stays(tmp_path, old):
    (tmp_path / "link").symlink_to(old)
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
@pytest.mark.needs("permissions")
def test_permissions_of_the_old_file_stay(old, mode):
    old.chmod(mode)
    write_atomically(old, b"new")
    assert stat.S_IMODE(old.stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
@pytest.mark.needs("permissions")
def test_new_file_gets_the_permissions_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        file = write_atomically(tmp_path / "a", b"x")
    finally:
        assert os.umask(before) == mask, "the mask is as it was"
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~mask


def test_folder_and_missing_folder_are_errors(tmp_path):
    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        write_atomically(tmp_path, b"x")
    with pytest.raises(FileNotFoundError, match="absent"):
        write_atomically(tmp_path / "absent" / "a", b"x")
    assert os.listdir(tmp_path) == []


def test_text_that_cannot_be_encoded_leaves_the_old_file(old):
    with pytest.raises(UnicodeEncodeError):
        write_atomically(old, "\ud800")
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]


def test_steps_come_in_the_order_that_survives_a_power_cut(old, monkeypatch):
    """Content to disk, then the rename, then the folder to disk."""
    steps = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            steps.append("fsync folder")
        else:
            steps.append(f"fsync file of {os.fstat(descriptor).st_size} bytes")
        fsync(descriptor)

    def logged_replace(source, target):
        assert Path(source).read_bytes() == b"new content"
        assert Path(source).parent == Path(target).parent, "a rename only works on one disk"
        steps.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    write_atomically(old, b"new content")
    assert steps == ["fsync file of 11 bytes", "replace", "fsync folder"]


class FailingStream:
    """A file on a full disk: half of what is written gets there."""

    def __init__(self, stream, step, problem):
        self.stream, self.step, self.problem = stream, step, problem

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.stream.close()

    def write(self, content):
        self.stream.write(content[: len(content) // 2])
        if self.step == "write":
            raise self.problem

    def flush(self):
        raise self.problem


CODES = [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["create", "write", "flush", "chmod", "fsync", "replace"])
def test_failing_step_leaves_the_old_file_and_nothing_else(old, monkeypatch, step, code):
    problem = OSError(code, os.strerror(code))
    failed = []

    def fail(*arguments, **options):
        failed.append(step)
        raise problem

    if step == "create":
        monkeypatch.setattr(os, "open", fail)
    elif step in ("write", "flush"):
        fdopen = os.fdopen

        def failing(*arguments, **options):
            failed.append(step)
            return FailingStream(fdopen(*arguments, **options), step, problem)

        monkeypatch.setattr(os, "fdopen", failing)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        write_atomically(old, b"new content")
    assert caught.value.errno == code
    assert caught.value.filename == str(old), "the file that was asked for is named"
    assert failed == [step]
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no such device")
def test_full_disk_leaves_the_old_file_and_nothing_else(old, monkeypatch):
    """The error is the kernel's: the stream writes to a device that is always full."""
    fdopen = os.fdopen

    def full(descriptor, mode):
        os.dup2(device, descriptor)
        return fdopen(descriptor, mode)

    device = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(os, "fdopen", full)
    for size in (3, 1_000_000):  # in the buffer until it is flushed, and not
        with pytest.raises(OSError, match="No space left on device; the old file") as caught:
            write_atomically(old, bytes(size))
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(old))
        assert old.read_bytes() == b"old"
        assert os.listdir(old.parent) == [old.name]
    os.close(device)


def test_folder_that_cannot_be_synced_is_not_a_failure(old, monkeypatch):
    """Some network drives refuse; the rename has happened by then, and the file is whole."""
    fsync = os.fsync

    def fail_for_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "folder")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_folders)
    write_atomically(old, b"new")
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.needs("pipes")
def test_pipe_is_refused_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        write_atomically(pipe, b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.needs("processes")
def test_what_a_killed_process_left_is_removed_at_the_next_save(old):
    """A real kill, in the middle of the write."""
    program = START + (
        "import os, signal\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "module.write_atomically(sys.argv[1], b'half of someth')\n"
    )
    child = subprocess.run([sys.executable, "-I", "-c", program, str(old)], check=False)
    assert child.returncode == -signal.SIGKILL
    [left] = [name for name in os.listdir(old.parent) if name != old.name]
    write_atomically(old, b"new")
    assert sorted(os.listdir(old.parent)) == sorted([old.name, left]), "it may be a minute old"
    os.utime(old.parent / left, (0, 0))
    write_atomically(old, b"new")
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.needs("processes")
def test_writer_that_pauses_for_long_keeps_its_file(old):
    """Its temporary file looks old, and another process cleans up; then it goes on."""
    program = START + (
        "import os\n"
        "fsync = os.fsync\n"
        "def pausing(descriptor):\n"
        "    os.utime(descriptor, (0, 0))\n"
        "    print(flush=True)\n"
        "    sys.stdin.readline()\n"
        "    os.fsync = fsync\n"
        "    fsync(descriptor)\n"
        "os.fsync = pausing\n"
        "module.write_atomically(sys.argv[1], b'of the paused one')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", program, str(old)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        write_atomically(old, b"new")
        child.communicate("\n")
    assert child.returncode == 0
    assert old.read_bytes() == b"of the paused one"
    assert os.listdir(old.parent) == [old.name]


@pytest.mark.needs("pipes")
def test_files_of_the_user_are_not_cleaned_up(old):
    """Whatever their age: no name of 0.1.0, no near miss, no folder and no link."""
    stem = atomic_file._temporary_in(old.parent).name
    names = [".writing-old.tmp", f".writing-{16 * 'a'}.tmp", f"{stem}.txt", f"x{stem}"]
    for name in names:
        (old.parent / name).write_bytes(b"of the user")
        os.utime(old.parent / name, (0, 0))
    pipe, link = (atomic_file._temporary_in(old.parent) for _ in range(2))
    os.mkfifo(pipe)
    os.utime(pipe, (0, 0))
    link.symlink_to(old)
    os.utime(link, (0, 0), follow_symlinks=False)
    before = sorted(os.listdir(old.parent))
    write_atomically(old, b"new")
    assert sorted(os.listdir(old.parent)) == before


@pytest.mark.needs("permissions")
def test_file_of_another_user_or_machine_is_not_cleaned_up(old, monkeypatch):
    left = atomic_file._temporary_in(old.parent)
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
        write_atomically(old, b"new")
    other = left.with_name(left.name.replace(atomic_file._PREFIX, ".writing-00000000-"))
    left.rename(other)
    write_atomically(old, b"new")
    assert sorted(os.listdir(old.parent)) == sorted([old.name, other.name])


@pytest.mark.needs("locks")
def test_without_locks_files_are_written_and_none_is_cleaned_up(old, monkeypatch):
    left = atomic_file._temporary_in(old.parent)
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    write_atomically(old, b"new")
    assert old.read_bytes() == b"new"
    assert left.exists()


def test_lock_of_windows(tmp_path, monkeypatch):
    class Windows(types.ModuleType):
        LK_NBLCK = 2
        calls: ClassVar[list[tuple[int, int]]] = []

        @classmethod
        def locking(cls, descriptor, mode, count):
            place = os.lseek(descriptor, 0, os.SEEK_CUR)
            cls.calls.append((mode, count))
            assert place > 10**9, "a lock on the content would keep readers out"
            if len(cls.calls) > 1:
                raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setitem(sys.modules, "msvcrt", Windows("msvcrt"))
    monkeypatch.setattr(sys, "platform", "win32")
    with open(tmp_path / "a", "wb") as stream:
        assert atomic_file.try_lock(stream.fileno())
        assert not atomic_file.try_lock(stream.fileno())
    assert Windows.calls == [(2, 1), (2, 1)]


@pytest.mark.needs("permissions")
def test_other_users_cannot_read_a_private_file_while_it_is_written(old, monkeypatch):
    """And the permissions are there before the name is."""
    old.chmod(0o640)
    modes = []
    write, replace = os.fdopen, os.replace

    def seen(descriptor, *arguments):
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return write(descriptor, *arguments)

    def seen_again(source, target):
        modes.append(stat.S_IMODE(os.stat(source).st_mode))
        replace(source, target)

    monkeypatch.setattr(os, "fdopen", seen)
    monkeypatch.setattr(os, "replace", seen_again)
    write_atomically(old, b"new")
    assert modes == [0o600, 0o640]


@pytest.mark.parametrize("allowed", ["all", "group", "nothing"])
@pytest.mark.needs("permissions")
def test_owner_and_group_stay_where_the_system_allows_it(old, monkeypatch, allowed):
    old.chmod(0o664)
    status = os.stat(old)
    other = os.stat_result((*status[:4], status.st_uid + 1, status.st_gid + 1, *status[6:]))
    monkeypatch.setattr(atomic_file, "_status_of", lambda target, given: other)
    changed = []

    def change(descriptor, owner, group):
        if allowed == "nothing" or (allowed == "group" and owner != -1):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        changed.append((owner, group))

    monkeypatch.setattr(os, "fchown", change)
    write_atomically(old, b"new")
    owner, group = (status.st_uid + 1, -1), (-1, status.st_gid + 1)
    assert changed == {"all": [owner, group], "group": [group], "nothing": []}[allowed]
    expected = 0o644 if allowed == "nothing" else 0o664
    assert stat.S_IMODE(old.stat().st_mode) == expected, "another group gets no more than others"


def test_hard_link_is_cut_with_a_warning_before_it_is_written(old, tmp_path):
    other = tmp_path / "other\x1b[2J"
    os.link(old, other)
    with pytest.warns(UserWarning, match=r"model.pkl' has 1 other name.*keep the old content"):
        write_atomically(old, b"new")
    assert (old.read_bytes(), other.read_bytes()) == (b"new", b"old")
    os.link(old, tmp_path / "third")
    with pytest.raises(UserWarning):  # where warnings are errors, nothing is written
        write_atomically(old, b"newer")
    assert old.read_bytes() == b"new"


def test_pieces_are_written_one_after_the_other(tmp_path):
    pieces = [b"ab", memoryview(b"cd"), b"", np.arange(2, dtype=np.uint8).data]
    assert write_atomically(tmp_path / "a", pieces).read_bytes() == b"abcd\x00\x01"
    assert write_atomically(tmp_path / "a", bytearray(b"xy")).read_bytes() == b"xy"


def test_error_is_one_line_with_path_and_reason(old, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="unchanged") as caught:
        write_atomically(old, b"new")
    reason = "No space left on device; the old file is unchanged"
    assert str(caught.value) == f"[Errno {errno.ENOSPC}] {reason}: {str(old)!r}"
    new = old.with_name("new\x1b[2J\n")
    with pytest.raises(OSError, match="nothing was written") as caught:
        write_atomically(new, b"new")
    assert str(caught.value).isprintable()


def test_interrupt_leaves_the_old_file_and_nothing_else(old, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(old, b"new")
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]


# Both programs load the one file they test, not the package, so that they start in no time.
START = f"""
import importlib.util, resource, sys
spec = importlib.util.spec_from_file_location("atomic_file", {atomic_file.__file__!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


@pytest.mark.needs("processes")
def test_real_limit_of_the_system_leaves_the_old_file(old):
    """No patch here: the kernel itself refuses to write more than 1,000 bytes."""
    program = START + (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n"
        "try:\n"
        "    module.write_atomically(sys.argv[1], bytes(1_000_000))\n"
        "except OSError as problem:\n"
        "    print(problem.errno)\n"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-c", program, str(old)], capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == str(errno.EFBIG)
    assert old.read_bytes() == b"old"
    assert os.listdir(old.parent) == [old.name]

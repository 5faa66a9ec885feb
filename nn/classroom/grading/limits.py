"""Limits of the process that runs a hand-in: memory, time, files, processes and the network.

They are set by the process itself, before it reads the hand-in, and cannot be raised afterwards.
They hold off accidents and simple attacks; SECURITY.md says what they do not hold off.
What the kernel refuses is in `landlock`; the hook here can be removed by Python code, and raises
errors that say what is wrong.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import stat
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["NOBODY", "drop_rights", "limit_resources", "refuse"]

NOBODY = 65534
"""The user and group without rights, on Linux and elsewhere."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Each event with the places of its arguments that are paths; they must be in the folder.
_CHANGES = {
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.mkdir": (0,),
    "os.link": (0, 1),
    "os.symlink": (0, 1),
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.chflags": (0,),
    "os.lockf": (0,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "os.setxattr": (0,),
    "os.removexattr": (0,),
    "os.chdir": (0,),
    "shutil.rmtree": (0,),
}
_LOOKS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "glob.glob")
_REFUSED = (
    *("socket.", "subprocess.", "ctypes.", "winreg.", "ftplib.", "urllib.", "http.", "smtplib."),
    *("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile"),
    *("os.kill", "pty.spawn", "signal.pthread_kill", "resource.", "fcntl.", "syslog."),
    *("sqlite3.", "webbrowser."),
)
# Modules that start processes, reach memory, or read and write files, without an event.
_NOT_IMPORTED = (
    *("_posixsubprocess", "_ctypes", "_testcapi", "_testinternalcapi", "_multiprocessing"),
    *("_posixshmem", "_xxsubinterpreters", "_interpreters", "_winapi", "readline", "_tkinter"),
    *("_dbm", "_gdbm"),
)
# Functions without an event: (module, function).
_REMOVED = (
    *(("os", name) for name in ("mkfifo", "mknod", "pidfd_open")),
    *(("posix", name) for name in ("mkfifo", "mknod", "pidfd_open")),
    *((module, "pidfd_send_signal") for module in ("signal", "_signal")),
)


def limit_resources(memory: int, seconds: int) -> None:
    """Limit this process, where the system can (POSIX).

    Parameters
    ----------
    memory : int
        Address space, in MiB.
    seconds : int
        Time on the processor.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        "RLIMIT_CPU": seconds,
        "RLIMIT_AS": memory * 2**20,
        "RLIMIT_FSIZE": 2**20,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": 0,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            _, most = resource.getrlimit(kind)
            least = value if most == resource.RLIM_INFINITY else min(value, most)
            with contextlib.suppress(ValueError):  # macOS knows no limit of the address space
                resource.setrlimit(kind, (least, least))


def drop_rights(files: Sequence[str]) -> bool:
    """Become the user without rights, if this process is root and that user can read some files.

    Parameters
    ----------
    files : sequence of str
        What has to stay readable, such as the file of NumPy.

    Returns
    -------
    bool
        Whether this process has no rights of root.
    """
    if not hasattr(os, "geteuid"):
        return True
    if os.geteuid() != 0:
        return True
    try:
        os.seteuid(NOBODY)
        for file in files:
            os.close(os.open(file, os.O_RDONLY))
    except OSError:
        os.seteuid(0)
        return False
    try:
        os.seteuid(0)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    except OSError:  # a container may lack this user
        return os.geteuid() != 0
    return True


def refuse(folder: str, readable: Sequence[str], hidden: Sequence[str]) -> None:
    """Refuse, from now on, what a hand-in does not need: it raises a `PermissionError`.

    Parameters
    ----------
    folder : str
        The only folder in which files may be changed.
    readable : sequence of str
        Other folders whose files may be read.
    hidden : sequence of str
        Folders in these that may not be read, except what is listed as readable in them.
    """
    import signal  # noqa: F401 - so that its function is removed

    for name in _NOT_IMPORTED:
        sys.modules.pop(name, None)
    for module, name in _REMOVED:
        if hasattr(sys.modules.get(module), name):
            delattr(sys.modules[module], name)
    # Functions of this file that look up all names in copies, which a hand-in does not exchange.
    # Who follows the hand-in would take those of this file for a part of this project.
    names = _private(globals())
    names["__name__"] = "limits"
    # `numpy.testing` imports `subprocess`, which needs this one.
    processes = types.ModuleType("_posixsubprocess")
    vars(processes)["fork_exec"] = names["_start_nothing"]
    sys.modules["_posixsubprocess"] = processes
    sys.addaudithook(names["_hook"](folder, readable, hidden))


def _private(names: dict[str, Any]) -> dict[str, Any]:
    """Return the names of a module, with functions that look up their names in this copy."""
    found = {**names, "__builtins__": {**vars(builtins)}}
    for module in (os, stat):
        if module.__name__ in found:
            found[module.__name__] = types.SimpleNamespace(**vars(module))
    for name, one in names.items():
        if isinstance(one, types.FunctionType) and one.__globals__ is names:
            copy = types.FunctionType(
                one.__code__, found, one.__name__, one.__defaults__, one.__closure__
            )
            copy.__kwdefaults__ = one.__kwdefaults__
            found[name] = copy
    return found


def _start_nothing(*_: object) -> None:
    raise PermissionError("a hand-in may not use _posixsubprocess")


def _hook(
    folder: str, readable: Sequence[str], hidden: Sequence[str]
) -> Callable[[str, tuple[Any, ...]], None]:
    # All that is needed later, so that a hand-in cannot exchange it easily.
    paths = _private(vars(os.path))
    real, join, separator, plain = paths["realpath"], paths["join"], os.sep, os.fspath
    here = real(folder)
    readable, hidden = [real(one) for one in readable], [real(one) for one in hidden]
    devices = ("/dev/null", "/dev/urandom", "/dev/random")
    not_imported = frozenset(_NOT_IMPORTED)
    path_types, most, length = (str, bytes, os.PathLike), max, len

    def is_in(path: str, places: Sequence[str]) -> bool:
        return any(path == one or path.startswith(one + separator) for one in places)

    def found(path: Any) -> str | None:
        if not isinstance(path, path_types):
            return None  # a file that is open already
        path = plain(path)
        if isinstance(path, bytes):
            path = path.decode("utf-8", "surrogateescape")
        return real(join(here, path))  # type: ignore[no-any-return]

    def depth(path: str, places: Sequence[str]) -> int:
        return most([length(one) for one in places if is_in(path, (one,))], default=0)

    def may_read(path: str) -> bool:
        if is_in(path, (here,)) or path in devices:
            return True
        # NumPy may be in a hidden folder, and a hidden folder in a readable one.
        return 0 < depth(path, readable) >= depth(path, hidden)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, flags = found(arguments[0]), arguments[2]
            writes = isinstance(flags, int) and flags & _WRITING
            if path is None or path in devices or (may_read(path) and not writes):
                return
            if not is_in(path, (here,)):
                what = "write" if writes else "read"
                raise PermissionError(f"a hand-in may not {what} files outside its folder")
        elif event == "import":
            if arguments[0] in not_imported:
                raise PermissionError(f"a hand-in may not use {arguments[0]}")
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                path = found(arguments[place])
                if path is None or not is_in(path, (here,)):
                    raise PermissionError("a hand-in may not change files outside its folder")
        elif event in _LOOKS:
            path = found(arguments[0])
            if path is not None and not may_read(path):
                raise PermissionError("a hand-in may not look into other folders")
        elif event.startswith(_REFUSED):
            raise PermissionError(f"a hand-in may not use {event}")

    return hook

"""Asks the kernel to refuse this process all files except some: Landlock, on Linux 5.13 and newer.

Unlike a hook of the interpreter, it cannot be removed by the program that it limits. It needs no
rights of root. It does not cover the names, sizes and rights of files; SECURITY.md says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["only_these_files"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same for all processors
_ASK_VERSION, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_OF_FILES = _WRITE_FILE | _READ_FILE
_TRUNCATE, _DEVICE = 1 << 14, 1 << 15
# By the version of Landlock: how many of its rights for files there are.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK = 0b11  # TCP: bind and connect
_SCOPES = 0b11  # abstract sockets, and signals to other processes


def only_these_files(folder: str, readable: Sequence[str], devices: Sequence[str] = ()) -> bool:
    """Refuse, from now on, all other files; where the kernel can, TCP and signals, too.

    Parameters
    ----------
    folder : str
        What may be read and changed.
    readable : sequence of str
        Files and folders that may be read.
    devices : sequence of str
        Files that may be read and written.

    Returns
    -------
    bool
        Whether the kernel does so: it may be too old, or not Linux.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    every = (1 << _RIGHTS[min(version, max(_RIGHTS))]) - 1
    # Older kernels know a shorter structure.
    fields = [every, *[_NETWORK] * (version >= 4), *[_SCOPES] * (version >= 6)]
    rules = (ctypes.c_uint64 * len(fields))(*fields)
    ruleset = call(_CREATE_RULESET, rules, ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if ruleset < 0:
        return False

    class Rule(ctypes.Structure):
        _pack_ = 1
        _fields_ = (("allowed", ctypes.c_uint64), ("place", ctypes.c_int32))

    def allow(path: str, rights: int) -> bool:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return True  # it is not there, so nothing has to be allowed
        try:
            if not os.path.isdir(path):
                rights &= _OF_FILES | _TRUNCATE | _DEVICE
            rule = Rule(rights & every, place)
            return bool(call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0) == 0)
        finally:
            os.close(place)

    try:
        # No program can be started, not even one that was written into the folder.
        read = _READ_FILE | _READ_FOLDER
        done = allow(folder, every & ~(_DEVICE | _EXECUTE))
        done &= all(allow(path, read) for path in readable)
        done &= all(allow(path, _READ_FILE | _WRITE_FILE) for path in devices)
        lost = ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(done and lost == 0 and call(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)

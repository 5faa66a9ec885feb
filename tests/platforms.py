"""What a platform can do, found by asking it, and the mark of tests that need it.

``@pytest.mark.needs("threads")`` marks a test that cannot hold where the platform cannot start
one. `tests/conftest.py` turns it into an expected failure there, so that a test that passes all the
same fails the run: the mark would hide a failure some day. Where the platform can, the mark does
nothing.
"""

import functools
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import numpy as np
import pytest

__all__ = ["CAPABILITIES", "is_able", "mark"]


def _starts_threads():
    try:
        threading.Thread(target=int).start()
    except RuntimeError:
        return False
    return True


def _warns():
    try:
        with np.errstate(all="raise"):
            np.ones(1) / np.zeros(1)
    except FloatingPointError:
        return True
    return False


def _links():
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.symlink(folder, os.path.join(folder, "link"))
        except OSError:
            return False
    return True


def _opens_sockets():
    try:
        socket.socket().close()
    except OSError:
        return False
    return True


def _writes_jpeg():
    try:
        from PIL import features
    except ImportError:
        return False
    return features.check("jpg")


# The name of the mark: whether the platform can, and the reason of the mark where it cannot.
CAPABILITIES = {
    "threads": (_starts_threads, "no thread can be started"),
    "processes": (
        lambda: sys.platform == "win32" or getattr(subprocess, "_can_fork_exec", True),
        "no other process can be started",
    ),
    "64 bit": (
        lambda: struct.calcsize("P") == 8,
        "addresses and NumPy's default integers have 32 bits",
    ),
    "floating-point warnings": (_warns, "NumPy does not notice overflows and invalid values"),
    "locks": (
        lambda: sys.platform == "win32" or importlib.util.find_spec("fcntl") is not None,
        "files cannot be locked",
    ),
    "permissions": (
        lambda: sys.platform == "win32" or hasattr(os, "fchmod"),
        "files have neither owners nor permissions",
    ),
    "links": (
        lambda: sys.platform == "win32" or _links(),
        "no symbolic link can have an absolute path",
    ),
    "pipes": (
        lambda: sys.platform == "win32" or hasattr(os, "mkfifo"),
        "there are no named pipes",
    ),
    "signals": (
        lambda: sys.platform == "win32" or hasattr(signal, "pthread_sigmask"),
        "no signals arrive",
    ),
    "sockets": (_opens_sockets, "there is no network, not even to this machine"),
    "reading at positions": (
        lambda: hasattr(os, "preadv"),
        "two readers of a file cannot have a position each",
    ),
    "JPEG": (_writes_jpeg, "Pillow is built without JPEG"),
    "native speed": (
        lambda: sys.platform not in ("wasi", "emscripten"),
        "everything takes several times as long, and a time is measured",
    ),
}


@functools.cache
def is_able(capability):
    """Return whether this platform has a capability; the names are those of `CAPABILITIES`."""
    return bool(CAPABILITIES[capability][0]())


def mark(item):
    """Expect a test to fail where the platform lacks what the test needs.

    Parameters
    ----------
    item : pytest.Item
        The test; its marks name the capabilities. ``run=False`` is for a test that would not end.
    """
    for needs in item.iter_markers("needs"):
        unknown = [name for name in needs.args if name not in CAPABILITIES]
        if unknown or not needs.args:
            raise pytest.UsageError(
                f"{item.nodeid}: needs({', '.join(map(repr, needs.args))}); expected some of "
                f"{', '.join(CAPABILITIES)}"
            )
        for name in needs.args:
            if not is_able(name):
                run = needs.kwargs.get("run", True)
                reason = f"needs {name}: {CAPABILITIES[name][1]}"
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True, run=run))
                break

"""Hand-ins that do what hand-ins should not, with what the report must say and the points they get.

All are of the exercise `one_neuron`. Each is a text, or a function that makes the file. `CANARY`
stands for the path of a file that none of them may read or change.
"""

import json
import os
from dataclasses import dataclass

import nn
from nn.classroom.exercise import source_of

NAME = "one_neuron"
RIGHT = {"delta": "(a - y) * (1 - a**2)", "dw": "delta * x", "db": "delta"}
FIRST = "    a = np.tanh(w @ x + b)\n"
CANARY = "CANARY"


def filled(code=None, first="", top=""):
    """Return the file with code in its blanks, a line at the start of the function, and another
    line at the start of the file.
    """
    source = source_of(NAME)
    for name, line in (RIGHT if code is None else code).items():
        source = source.replace(f"    {name} = ...", f"    {name} = {line}")
    lines = "".join(f"    {line}\n" for line in first.splitlines())
    source = source.replace(FIRST, FIRST + lines)
    return source.replace("import numpy as np\n", f"import numpy as np\n{top}\n", 1)


def notebook(source, outputs=()):
    """Return a notebook with the source in one cell."""
    cell = {"cell_type": "code", "source": source.splitlines(keepends=True)}
    return json.dumps({"cells": [{**cell, "outputs": list(outputs)}], "nbformat": 4})


@dataclass(frozen=True)
class Hostile:
    """A hand-in: what it is, its file, what the report must say of it, and its points."""

    name: str
    content: object
    says: str
    points: int = 0
    suffix: str = ".py"


def link(path):
    os.symlink("/etc/passwd", path)


def large(path):
    with open(path, "wb") as file:
        file.truncate(200 * 2**20)


PAGE = "np.array([0.3, -0.1, 0.2])"  # any numbers: right for no draw
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FLOOD = """import os
for descriptor in range(3, 20):
    try:
        os.write(descriptor, b'{"seen": {"delta": 1}}' + bytes([10]))
    except OSError:
        pass"""
FORGED = """import os, json
text = json.dumps({"seen": {n: [[{"plain": 1}, {}, 1]] for n in ("delta", "dw", "db")},
    "passes": {"delta": 1, "dw": 1, "db": 1}, "result": {"plain": None}, "error": None, "line": 0})
for descriptor in range(3, 20):
    try:
        for _ in range(50):
            os.write(descriptor, text.encode() + bytes([10]))
    except OSError:
        pass"""
ENGINE = f"""import sys
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "_Finder"]
for name in [name for name in sys.modules if name.startswith(("nn", "tinygrad_edu"))]:
    del sys.modules[name]
sys.path.insert(0, {_ROOT!r})
from tinygrad_edu import Tensor"""
CHECKER = """import sys
for module in list(sys.modules.values()):
    if hasattr(module, "difference"):
        module.difference = lambda *a: ""
    if hasattr(module, "Learner"):
        module.Learner.run = lambda *a: None"""
FRAMES = """import sys
frame, dw = sys._getframe(), 0
while frame:
    for value in list(frame.f_locals.values()):
        if isinstance(value, dict) and "given" in value:
            dw = value["given"].get("dw", 0)
    frame = frame.f_back"""
FILES = f"""import os, shutil
for action in (lambda: os.remove({CANARY!r}), lambda: open({CANARY!r}, "w"),
               lambda: os.rename({CANARY!r}, "mine"), lambda: os.chmod({CANARY!r}, 0),
               lambda: os.truncate({CANARY!r}, 0),
               lambda: shutil.rmtree(os.path.dirname({CANARY!r})),
               lambda: os.symlink({CANARY!r}, "link") or open("link", "w")):
    try:
        action()
    except PermissionError:
        pass
    else:
        raise RuntimeError("it could")"""
EQUAL = "type('E', (), {'__eq__': lambda *a: True, '__array__': lambda *a, **k: delta * x})()"
SUBCLASS = "type('A', (np.ndarray,), {'astype': lambda *a, **k: x})((3,))"
NETWORK = "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)"
LIMITS = "import resource as r\nr.setrlimit(r.RLIMIT_AS, (-1, -1))"
# Without an event that a hook sees: only the limit on the number of processes is left.
QUIET_FORK = """import _posixsubprocess as p, os
r, w = os.pipe()
import sys; del sys.modules["_posixsubprocess"]
import _posixsubprocess as p
p.fork_exec([b"/bin/sh", b"-c", b"exit"], [b"/bin/sh"], True, (), None, None, -1, -1, -1, -1,
    -1, -1, r, w, True, False, 0, None, None, None, -1, None, True)"""
# Exchanges what a hook in Python could look up while it runs.
EXCHANGED = """import posixpath, builtins, os
posixpath._joinrealpath = lambda *a: ("/dev/null", True)
os.readlink = lambda *a: "/dev/null"
builtins.any = lambda *a: True
builtins.max = lambda *a, **k: 10**6
"""
# Removes the hook: what it decides with is in the cells of its function.
UNHOOKED = """import gc, types
for one in gc.get_objects():
    if isinstance(one, types.FunctionType) and one.__qualname__ == "_hook.<locals>.hook":
        for name, cell in zip(one.__code__.co_freevars, one.__closure__):
            if name in ("may_read", "is_in"):
                cell.cell_contents = lambda *a: True
        one.__globals__.update(_REFUSED=("nothing",), _CHANGES={}, _LOOKS=())
"""
WRITTEN = """import os
open("mine", "w").write("nothing that runs")
os.chmod("mine", 0o700)
os.execv("mine", ["mine"])"""
READLINE = f"import readline\nreadline.read_history_file({CANARY!r})"
PIDFD = "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)"
FINE = """import math, random, itertools, tempfile, warnings
np.testing.assert_allclose(np.linalg.norm(x), math.sqrt(x @ x))
np.save("kept", np.random.default_rng(0).normal(size=3) + random.random())
warnings.warn(str(np.load("kept.npy")) + tempfile.gettempdir())"""
TABLE = """table = []
table.append(np.float64(7))
table.append(helper() if False else 1.0)
np.never_called("it would raise an error")
def helper():
    return 3"""
EMPTY = """import json, os, sys
text = json.dumps({"seen": {n: [] for n in ("delta", "dw", "db")}, "passes": {"delta": 1},
    "result": {"plain": None}, "error": None, "line": 0})
for descriptor in range(3, 20):
    try:
        for _ in range(50):
            os.write(descriptor, text.encode() + bytes([10]))
    except OSError:
        pass"""
WRONG = {**RIGHT, "dw": "delta"}

HOSTILE = (
    Hostile("forks without an event", filled(first=QUIET_FORK), "may not use _posix"),
    Hostile("uses what it may", filled(first=FINE), "", 3),
    Hostile("writes empty results", filled(WRONG, first=EMPTY), "not reached"),
    # In the function.
    Hostile("never ends", filled(first="while True: pass"), "still running after"),
    Hostile("sleeps", filled(first="import time; time.sleep(1000)"), "still running after"),
    Hostile("eats memory", filled(first="kept = [0] * 10**10"), "MemoryError"),
    Hostile("prints megabytes", filled(first="print('x' * 10**7)"), "", 3),
    Hostile(
        "writes a large file", filled(first="open('big', 'wb').write(b'x' * 10**8)"), "OSError"
    ),
    Hostile("forks", filled(first="import os\nos.fork()"), "may not use os.fork"),
    Hostile(
        "starts a program", filled(first="import os\nos.system('true')"), "may not use os.system"
    ),
    Hostile(
        "starts a process", filled(first="import subprocess as s\ns.run(['true'])"), "may not use"
    ),
    Hostile(
        "kills its parent",
        filled(first="import os\nos.kill(os.getppid(), 9)"),
        "may not use os.kill",
    ),
    Hostile("uses the network", filled(first=NETWORK), "may not use socket"),
    Hostile(
        "uses ctypes", filled(first="import ctypes\nctypes.CDLL(None).fork()"), "may not use ctypes"
    ),
    Hostile("raises its limits", filled(first=LIMITS), "may not use resource"),
    Hostile("deletes files", filled(first=FILES), "", 3),
    Hostile(
        "reads a file",
        filled(first=f"raise ValueError(open({CANARY!r}).read())"),
        "may not read files",
    ),
    Hostile(
        "looks around",
        filled(first="import os\nraise ValueError(os.listdir('/'))"),
        "may not look into",
    ),
    Hostile(
        "exchanges what the hook uses, and reads",
        filled(first=f"{EXCHANGED}raise ValueError(open({CANARY!r}).read())"),
        "may not read files",
    ),
    Hostile(
        "exchanges what the hook uses, and writes",
        filled(first=f"{EXCHANGED}open({CANARY!r}, 'w')"),
        "may not write files",
    ),
    Hostile("makes a pipe", filled(first="import os\nos.mkfifo('/tmp/pipe')"), "no attribute"),
    Hostile("makes a device", filled(first="import os\nos.mknod('/tmp/node')"), "no attribute"),
    Hostile("reads a file as a history", filled(first=READLINE), "may not use readline"),
    Hostile("uses Tcl", filled(first="import _tkinter\n_tkinter.create()"), "may not use _tkinter"),
    Hostile("signals without a number", filled(first=PIDFD), "no attribute"),
    Hostile("raises", filled(first="raise ValueError('no')"), "ValueError: no"),
    Hostile(
        "raises much", filled(first="raise ValueError('<b>' + 'x' * 10**6)"), "ValueError: <b>xxx"
    ),
    Hostile("never returns", filled(first="def f(): return f()\nf()"), "RecursionError"),
    Hostile("exits", filled(first="raise SystemExit(0)"), "SystemExit"),
    Hostile(
        "ends its process",
        filled(first="import os\nos._exit(0)"),
        "ended before the function returned",
    ),
    Hostile(
        "crashes",
        filled(first="np.lib.stride_tricks.as_strided(x, (2**40,), (8,))[:] = 1"),
        "crashed",
    ),
    Hostile(
        "imports the engine",
        filled(first="from tinygrad_edu import Tensor\nTensor(x)"),
        "calls Tensor of tinygrad_edu",
    ),
    Hostile(
        "uses a gradient by hand",
        filled(first="from nn.by_hand.delta_rule import gradients\ngradients(x)"),
        "calls gradients of nn.by_hand.delta_rule",
    ),
    Hostile("finds the engine on the disk", filled(first=ENGINE), "may not"),
    Hostile(
        "imports the solutions",
        filled(first="import tinygrad_edu_solutions as s"),
        "tinygrad_edu_solutions",
    ),
    Hostile("imports another engine", filled(first="import torch"), "not torch"),
    Hostile("uses the hooks", filled({**RIGHT, "dw": "_right_('dw', {})"}), "name of the check"),
    Hostile("looks at the frames", filled(WRONG | {"dw": "0"}, first=FRAMES), "dw", 2),
    Hostile("exchanges the checker", filled(WRONG, first=CHECKER), "AttributeError"),
    Hostile(
        "exchanges NumPy",
        filled(WRONG, first="np.allclose = np.asarray = lambda *a: True"),
        "AttributeError",
    ),
    Hostile("writes into the pipe", filled(WRONG, first=FLOOD), "channel of its results"),
    Hostile("writes false results", filled(WRONG, first=FORGED), "delta"),
    Hostile("sends too much", filled({**RIGHT, "dw": "np.zeros(5 * 10**6)"}), "more than 16 MiB"),
    Hostile("hard-codes numbers", filled({"delta": "-0.1", "dw": PAGE, "db": "-0.1"}), "delta"),
    Hostile("is always equal", filled({**RIGHT, "dw": EQUAL}), "not numbers", 2),
    Hostile("hides in a class", filled({**RIGHT, "dw": SUBCLASS}), "dw", 2),
    # Outside of the function.
    Hostile("never ends outside", filled(top="while True: pass"), "", 3),
    Hostile("ends its process outside", filled(top="import os; os._exit(0)"), "", 3),
    Hostile("needs a table", filled({**RIGHT, "dw": "delta * x * table[1]"}, top=TABLE), "", 3),
    Hostile(
        "has a decorator", filled().replace("def my_gradients", "@print\ndef my_gradients"), "", 3
    ),
    Hostile(
        "has no function",
        filled().replace("def my_gradients", "def another"),
        "no function my_gradients",
    ),
    Hostile(
        "has a syntax error",
        filled().replace("def my_gradients(", "def my_gradients(:"),
        "SyntaxError",
    ),
    Hostile("is nested deeply", f"x = {'(' * 5000}1{')' * 5000}\n", "no function my_gradients"),
    Hostile("says that it is right", "print('3 of 3 right')\n", "no function my_gradients"),
    # Files.
    Hostile("is untouched", source_of(NAME), "left it open"),
    Hostile("is empty", "", "empty"),
    Hostile("is binary", b"\x7fELF\x00\x01\xff", "not text in UTF-8"),
    Hostile("is a link", link, "links are not followed"),
    Hostile("is large", large, "200.0 MiB"),
    Hostile("is no notebook", "{}", "not a notebook", 0, ".ipynb"),
    Hostile("is nested JSON", "[" * 100_000, "not a notebook", 0, ".ipynb"),
    Hostile(
        "has outputs", notebook(filled(), [{"data": {"image/png": "A" * 10**6}}]), "", 3, ".ipynb"
    ),
    Hostile("has magic", notebook("%matplotlib inline\n!rm -rf /\n" + filled()), "", 3, ".ipynb"),
)
"""All of them."""

WITHOUT_HOOK = (
    Hostile(
        "reads the engine",
        filled(first=f"{UNHOOKED}open({nn.__file__!r})"),
        "Permission denied",
    ),
    Hostile(
        "writes into a folder of all",
        filled(first=f"{UNHOOKED}open('/tmp/written by a hand-in', 'w')"),
        "Permission denied",
    ),
    Hostile(
        "starts a program",
        filled(first=f"{UNHOOKED}import os\nraise ValueError(os.system('true'))"),
        "ValueError: 32512",
    ),
    Hostile(
        "becomes a program that it wrote",
        filled(first=f"{UNHOOKED}{WRITTEN}"),
        "Permission denied",
    ),
    Hostile("uses what it may", filled(first=f"{UNHOOKED}{FINE}"), "", 3),
)
"""Those that remove the hook: the kernel holds them off, where it has Landlock."""

assert len({one.name for one in HOSTILE}) == len(HOSTILE)


def write(hostile, path, canary):
    """Write the file of a hand-in."""
    content = hostile.content
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content.replace(CANARY, str(canary)), "utf-8")

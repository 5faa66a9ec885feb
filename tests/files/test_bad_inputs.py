"""All hostile and damaged model files, read in a child process that watches what Python does.

Which message each must have is tested where the layouts are. Here it is tested that reading runs
nothing, opens nothing else, and takes no more memory than promised.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from nn.files import SavedNetwork, save_state, write_legacy, write_native
from tests.files import (
    test_hostile_pickles,
    test_memory_of_reading,
    test_native_file,
    test_network_file,
    test_state_file,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

MEBIBYTE = 2**20
REFUSED = {"ModelFileError", "UnsafeModelFileError"}
SIZE_LIMIT = "120 size limit"


def first_of(cases):
    """The files of a table whose entries are a file and what its message must contain."""
    return {case: entry[0] for case, entry in cases.items()}


CASES = {
    f"{kind}: {case}": data
    for kind, cases in {
        "pickle": first_of(test_hostile_pickles.HOSTILE),
        "native": first_of(test_native_file.BAD),
        "network": first_of(test_network_file.BAD | test_network_file.UNSAFE),
        "large": test_memory_of_reading.HOSTILE,
        "state": {case: test_state_file.hostile_file(case) for case in test_state_file.WRONG},
        "other": {SIZE_LIMIT: bytes(100)},
    }.items()
    for case, data in cases.items()
}

# Reading each file in three ways; the sound ones first, so that everything has been imported.
CHILD = """
import json, os, pickle, resource, sys, warnings
from nn.errors import ModelFileError
from nn.files import load_state, read_network
from nn.files.inspecting import inspect_model

folder, sound, files, canary = json.loads(sys.stdin.read())
os.chdir(folder)
warnings.simplefilter("ignore")
events, watching = [], False

def watch(event, arguments):
    # The file itself, and its descriptor, which was opened just before.
    if watching and not (event == "open" and (arguments[0] == name or type(arguments[0]) is int)):
        events.append([event, repr(arguments)[:80]])

def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

def read(name, limit):
    outcomes = []
    for reader in (read_network, load_state, inspect_model):
        try:
            reader(name, max_bytes=limit)
            outcomes.append("")
        except ModelFileError as problem:
            outcomes.append(type(problem).__name__)
        except Exception as problem:
            outcomes.append(repr(problem)[:200])
    return outcomes

for name in sound:
    read(name, 2**31)
sys.addaudithook(watch)
# A single allocation in proportion to what a file claims would be refused.
address_space = status("VmSize") + 64 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
found = {}
for case, (name, limit) in files.items():
    events.clear()
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the peak starts at what is taken now
    before = status("VmRSS")
    watching = True
    outcomes = read(name, limit)
    watching = False
    found[case] = [outcomes, list(events), status("VmHWM") - before]
watching, name = True, ""
events.clear()
pickle.loads(bytes.fromhex(canary))  # what the standard reader does with such a file
open("colors", "w").close()
watching = False
print(json.dumps([found, sorted({event for event, _ in events})]))
"""


# Memory that a process keeps for later would hide what the next file takes.
FREED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    """What the child found: for each case the outcomes, the events and the growth in bytes."""
    folder = tmp_path_factory.mktemp("bad")
    network = SavedNetwork([np.ones((3, 2))], [np.zeros(2)])
    write_native(folder / "sound0", network)
    write_legacy(folder / "sound1", network)
    save_state(folder / "sound2", {"a": np.ones(3)})
    (folder / "sound3").write_bytes(b"no model")
    files = {}
    for number, (case, data) in enumerate(CASES.items()):
        (folder / f"file{number}").write_bytes(data)
        files[case] = [f"file{number}", 10 if SIZE_LIMIT in case else 2**31]
    canary = CASES["pickle: 87 eval"].hex()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD],
        input=json.dumps([str(folder), [f"sound{n}" for n in range(4)], files, canary]),
        env={**os.environ, **FREED_AT_ONCE, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    found, canaries = json.loads(done.stdout)
    assert {"pickle.find_class", "compile", "exec", "open"} <= set(canaries), "the hook sees them"
    return found


@pytest.mark.parametrize("case", CASES)
def test_bad_file_is_refused_and_runs_nothing(case, child):
    outcomes, events, growth = child[case]
    network, state, report = outcomes
    assert {network} <= REFUSED
    assert {state, report} <= REFUSED | {""}, "a state may hold what a network may not"
    assert state or not case.startswith("state: ")
    assert events == [], "an import, a call, or another file"
    assert growth <= 2 * len(CASES[case]) + 16 * MEBIBYTE


def test_the_table_of_bad_inputs_is_complete():
    rows = {int(word) for case in CASES if (word := case.split(": ")[1].split()[0]).isdigit()}
    assert set(range(81, 121)) <= rows
    assert sum(case.startswith("pickle") for case in CASES) >= 80
    headers = tuple(f"native: {row}" for row in range(115, 120))
    assert sum(case.startswith(headers) for case in CASES) >= 21

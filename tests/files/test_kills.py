"""Programs that are killed while they save: whatever is left is a whole model."""

import os
import subprocess
import sys

import numpy as np
import pytest

from nn.files import SavedNetwork, read_network, write_native
from tests.files.test_atomic_file import START

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the signals are those of POSIX")

# The children are forked from one process that has loaded the file, so that they start in no time.
KILLS = (
    START
    + """
import hashlib, os, random, signal, time
target, kills = sys.argv[1], int(sys.argv[2])
contents = [open(name, "rb").read() for name in sys.argv[3:]]
known = [hashlib.sha256(content).hexdigest() for content in contents]
chance, found = random.Random(60), []
for _ in range(kills):
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        while True:
            for content in contents:
                module.write_atomically(target, content)
                os.write(started, b"x")
    os.read(ready, 1)  # the first save is done, the next one is under way
    time.sleep(chance.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready); os.close(started)
    with open(target, "rb") as stream:
        found.append(known.index(hashlib.sha256(stream.read()).hexdigest()))
left = len([name for name in os.listdir(os.path.dirname(target)) if name.endswith(".tmp")])
print(found.count(0), found.count(1), left)
"""
)


@pytest.mark.hypothesis  # `make test-thorough` runs it
def test_kills_in_the_middle_of_saving_leave_a_whole_model(tmp_path):
    """The child saves two models in turn, all the time; whatever is there must be one of them."""
    kills = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 200
    source = np.random.default_rng(0)
    written = []
    for name, size in (("a", 100), ("b", 160)):
        network = SavedNetwork((source.normal(size=(size, size)),), (np.zeros(size),))
        written.append(write_native(tmp_path / name, network))
    target = tmp_path / "saves" / "model"
    target.parent.mkdir()
    child = subprocess.run(
        [sys.executable, "-I", "-S", "-c", KILLS, target, str(kills), *written],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second, left = map(int, child.stdout.split())
    assert first + second == kills, "each file is one of the two, to the last byte"
    assert min(first, second) > kills // 10
    assert left > 0, "no kill fell into a save"
    assert read_network(target).structure in {(100, 100), (160, 160)}

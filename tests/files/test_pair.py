"""Two files of one model: which is newer after a crash, and who may write into a folder."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from nn.errors import DataWarning, ModelFileError
from nn.files import (
    SavedNetwork,
    folder_lock,
    legacy_pickle,
    read_network,
    write_legacy,
    write_native,
    write_pair,
)
from nn.files.locking import LOCK_FILE, holds_folder_lock
from nn.files.pair import LEGACY_FILE, NATIVE_FILE
from tests.files.in_memory import native_bytes

needs_posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def network(number=1.0, **options):
    """A network that the number identifies."""
    options = {"scale": 255, "feature_names": ["a", "b", "c"]} | options
    return SavedNetwork((np.full((3, 2), float(number)),), (np.full(2, float(number)),), **options)


def messages(path):
    """What reading a file warns of, and its number."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        number = read_network(path).weights[0][0, 0]
    assert all(entry.category is DataWarning for entry in caught)
    return number, [str(entry.message) for entry in caught]


def set_times(folder, native_time, legacy_time):
    for name, when in ((NATIVE_FILE, native_time), (LEGACY_FILE, legacy_time)):
        os.utime(folder / name, (when, when))


def test_both_files_hold_the_same_network(tmp_path):
    written = write_pair(tmp_path, network())
    assert written == (tmp_path / NATIVE_FILE, tmp_path / LEGACY_FILE, None)
    assert sorted(os.listdir(tmp_path)) == [LEGACY_FILE, NATIVE_FILE]
    for path in written[:2]:
        assert messages(path) == (1, [])
        found = read_network(path)
        assert (found.scale, found.feature_names) == (255, ("a", "b", "c"))


@pytest.mark.parametrize("legacy_time", [99, 100])
def test_reading_either_file_reports_an_old_copy(tmp_path, legacy_time):
    write_pair(tmp_path, network(1))
    write_native(tmp_path / NATIVE_FILE, network(2))
    set_times(tmp_path, 100, legacy_time)
    number, [message] = messages(tmp_path / LEGACY_FILE)
    assert number == 1
    assert f"{NATIVE_FILE} next to it holds another model, which is newer" in message
    number, [message] = messages(tmp_path / NATIVE_FILE)
    assert number == 2
    assert f"{LEGACY_FILE} next to it holds another model, which is older" in message
    assert message.endswith(f"{NATIVE_FILE} was written last")


def test_copy_that_was_written_later_is_reported_as_newer(tmp_path):
    write_pair(tmp_path, network(1))
    write_legacy(tmp_path / LEGACY_FILE, network(2))
    set_times(tmp_path, 100, 101)
    number, [message] = messages(tmp_path / NATIVE_FILE)
    assert (number, "which is newer" in message) == (1, True)
    assert message.endswith(f"{LEGACY_FILE} was written last")


@pytest.mark.parametrize("change", [{"scale": 1}, {"feature_names": None}, {"classes": ["x"]}])
def test_networks_of_the_same_numbers_differ_by_what_is_said_about_them(tmp_path, change):
    write_pair(tmp_path, network())
    write_native(tmp_path / NATIVE_FILE, network(**change))
    assert len(messages(tmp_path / LEGACY_FILE)[1]) == 1


def old_pair(folder, first, second):
    """Two files as 0.1.0 wrote them: the pickle names nothing, and the scale is folded in."""
    arrays = {"weights.0": first.weights[0], "biases.0": first.biases[0]}
    texts = {"activation": "relu", "scale": repr(first.scale)}
    (folder / NATIVE_FILE).write_bytes(native_bytes(arrays, texts))
    folded = second.weights[0] / second.scale
    (folder / LEGACY_FILE).write_bytes(legacy_pickle.dumps([folded], second.biases))


def test_pair_of_version_0_1_0_is_read_and_compared_by_its_biases(tmp_path):
    old_pair(tmp_path, network(1), network(1))
    assert messages(tmp_path / NATIVE_FILE) == (1, [])
    assert messages(tmp_path / LEGACY_FILE) == (1 / 255, [])
    found = read_network(tmp_path / LEGACY_FILE)
    assert (found.scale, found.feature_names, found.classes) == (1, None, None)
    old_pair(tmp_path, network(2), network(1))
    for name in (NATIVE_FILE, LEGACY_FILE):
        assert "holds another model" in messages(tmp_path / name)[1][0]
    old_pair(tmp_path, network(1), SavedNetwork((np.ones((3, 5)),), (np.ones(5),)))
    for name in (NATIVE_FILE, LEGACY_FILE):
        assert "holds another model" in messages(tmp_path / name)[1][0]


def test_sibling_that_is_not_a_model_or_has_another_name_is_not_compared(tmp_path):
    path = write_native(tmp_path / NATIVE_FILE, network())
    (tmp_path / LEGACY_FILE).write_bytes(b"something else")
    assert messages(path)[1] == []
    (tmp_path / LEGACY_FILE).unlink()
    (tmp_path / LEGACY_FILE).mkdir()
    assert messages(path)[1] == []
    other = write_native(tmp_path / "plain", network(2))
    write_legacy(tmp_path / "plain.pkl", network(3))
    assert messages(other)[1] == []


@pytest.mark.parametrize("options", [{"activation": "tanh"}, {"layers": 3000}])
def test_copy_of_another_network_is_removed_where_there_can_be_none(tmp_path, options):
    write_pair(tmp_path, network(1))
    layers = options.pop("layers", 1)
    one, none = (np.ones((1, 1)),), (np.zeros(1),)
    written = write_pair(tmp_path, SavedNetwork(one * layers, none * layers, **options))
    assert written.legacy is None
    assert "model.pkl held another model and was removed: the legacy layout" in str(written.note)
    assert os.listdir(tmp_path) == [NATIVE_FILE]
    assert messages(tmp_path / NATIVE_FILE) == (1, [])
    assert write_pair(tmp_path, network(2, activation="tanh")).note == (
        "model.pkl, for the original project, is not written: the legacy layout has no place for "
        "the activation 'tanh', it is always 'relu' there"
    )


def test_copy_of_another_program_stays_and_is_named(tmp_path):
    content = pickle.dumps({"weights": [np.ones((3, 2))], "bias": [np.ones((1, 2))]})
    (tmp_path / LEGACY_FILE).write_bytes(content)
    written = write_pair(tmp_path, network(2, activation="tanh"))
    assert "of another program, and stays" in str(written.note)
    assert (tmp_path / LEGACY_FILE).read_bytes() == content
    assert len(messages(tmp_path / NATIVE_FILE)[1]) == 1


def test_nothing_is_written_where_one_of_both_could_not_be(tmp_path):
    write_pair(tmp_path, network(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="nothing was written"):
        write_pair(tmp_path, network(np.nan))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(FileNotFoundError):
        write_pair(tmp_path / "absent", network(1))
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        write_pair(tmp_path / NATIVE_FILE, network(1))


def test_damaged_or_changed_copy_is_noticed(tmp_path):
    """Only a pickle with a digest can tell; a flipped bit in a number is otherwise a number."""
    path = write_legacy(tmp_path / "a", network())
    data = bytearray(path.read_bytes())
    data[data.index(np.ones(1).tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        ModelFileError, match=r"checksum of the network.*another program changed it"
    ):
        read_network(path)
    content = pickle.loads(write_legacy(path, network()).read_bytes())
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):  # written again, unchanged
        path.write_bytes(pickle.dumps(content, protocol))
        assert messages(path) == (1, [])
    content["tinygrad_edu"]["scale"] = "1.0"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ModelFileError, match="checksum of the network"):
        read_network(path)
    del content["tinygrad_edu"]
    path.write_bytes(pickle.dumps(content))
    assert messages(path) == (1, [])


def test_copy_of_a_newer_version_is_refused(tmp_path):
    path = write_legacy(tmp_path / "a", network())
    content = pickle.loads(path.read_bytes())
    content["tinygrad_edu"]["format_version"] = "3"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ModelFileError, match=r"format_version 3 is newer.*upgrade"):
        read_network(path)


# Each child writes models of rising numbers into the folder, until it is killed. They are forked
# from one process that has imported everything, and the same process reads what they left.
KILLS = """
import json, os, random, signal, sys, time, warnings
import numpy as np
from nn.files import SavedNetwork, read_network, write_pair

folder, kills = sys.argv[1], int(sys.argv[2])
def network(number):
    return SavedNetwork((np.full((60, 50), float(number)),), (np.full(50, float(number)),))

def read(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        number = int(read_network(os.path.join(folder, name)).weights[0][0, 0])
    return number, [str(entry.message) for entry in caught]

chance, found, number, durations = random.Random(28), [], 0, []
for _ in range(5):
    start = time.perf_counter()
    write_pair(folder, network(0))
    durations.append(time.perf_counter() - start)
longest = 1.5 * sorted(durations)[2]  # however fast the disk is, kills fall on every step
for _ in range(kills):
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(started, b"x")
        while True:
            number += 1
            write_pair(folder, network(number))
    os.read(ready, 1)
    os.close(ready); os.close(started)
    time.sleep(chance.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    native, legacy = read("model.safetensors"), read("model.pkl")
    found.append([native, legacy])
    number = native[0]
print(json.dumps([found, os.listdir(folder)]))
"""


@needs_posix
@pytest.mark.hypothesis  # `make test-thorough` runs it
def test_after_each_kill_the_reader_reports_which_file_is_newer(tmp_path):
    kills = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 60
    torn = 0
    for _ in range(5):  # on a busy machine, kills seldom fall between the two files
        torn += torn_pairs(tmp_path, kills)
        if torn > kills // 40:
            return
    pytest.fail(f"in 5 rounds of {kills} kills, {torn} fell between the two files")


def torn_pairs(folder, kills):
    """Kill a process that saves again and again; check each pair, and count those of two saves."""
    child = subprocess.run(
        [sys.executable, "-c", KILLS, folder, str(kills)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    found, _ = json.loads(child.stdout)
    assert len(found) == kills
    torn = 0
    for (native_number, native_words), (legacy_number, legacy_words) in found:
        if native_number == legacy_number:
            assert (native_words, legacy_words) == ([], [])
            continue
        torn += 1
        assert native_number > legacy_number, "the native file is the model"
        assert "which is older; model.safetensors was written last" in native_words[0]
        assert "which is newer; model.safetensors was written last" in legacy_words[0]
    return torn


HOLD = """
import sys
from nn.files import folder_lock
with folder_lock(sys.argv[1]):
    print(flush=True)
    sys.stdin.readline()
"""


@needs_posix
def test_second_process_in_a_folder_is_refused_until_the_first_is_dead(tmp_path):
    write_pair(tmp_path, network(1))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(BlockingIOError, match=f"process {child.pid} is writing") as caught:
            write_pair(tmp_path, network(2))
        assert str(tmp_path) in str(caught.value)
        with pytest.raises(BlockingIOError), folder_lock(tmp_path):
            pass
        assert messages(tmp_path / NATIVE_FILE) == (1, [])
        child.send_signal(signal.SIGKILL)
    assert (tmp_path / LOCK_FILE).exists(), "a kill leaves the file, and it locks nothing"
    write_pair(tmp_path, network(2))
    assert sorted(os.listdir(tmp_path)) == [LEGACY_FILE, NATIVE_FILE]


def test_lock_of_a_folder_is_one_of_a_thread(tmp_path):
    outcomes = []

    def other():
        try:
            with folder_lock(tmp_path):
                outcomes.append("locked")
        except BlockingIOError as problem:
            outcomes.append(str(problem))
        outcomes.append(str(write_pair(tmp_path, network(3)).note))

    with folder_lock(tmp_path), folder_lock(str(tmp_path)):
        assert holds_folder_lock(tmp_path)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "another thread of this program" in outcomes[0]
    assert outcomes[1] == "None", "a thread of the trainer may save"
    assert not holds_folder_lock(tmp_path)
    other()
    assert outcomes[2] == "locked"


@needs_posix
def test_child_that_was_forked_does_not_hold_the_lock(tmp_path):
    program = (
        "import os, sys\n"
        "from nn.files import folder_lock\n"
        "from nn.files.locking import holds_folder_lock\n"
        "with folder_lock(sys.argv[1]):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        "            assert not holds_folder_lock(sys.argv[1])\n"
        "            folder_lock(sys.argv[1]).__enter__()\n"
        "        except BlockingIOError as problem:\n"
        "            os._exit(7 if f'process {os.getppid()}' in str(problem) else 2)\n"
        "        os._exit(1)\n"
        "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == "7"


def test_lock_is_left_out_where_there_are_no_locks(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError("No locks available")

    monkeypatch.setattr("nn.files.locking.try_lock", fail)
    with folder_lock(tmp_path):
        pass
    assert os.listdir(tmp_path) == []


@needs_posix
def test_lock_file_that_was_removed_in_between_is_made_again(tmp_path, monkeypatch):
    """The one before removes it after this one has opened it, and before it locks it."""
    from nn.files import locking as module

    real, calls = module.try_lock, []

    def late(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            (tmp_path / LOCK_FILE).unlink()
        return real(descriptor)

    monkeypatch.setattr(module, "try_lock", late)
    with folder_lock(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text("utf-8") == f"{os.getpid()}\n"
    assert len(calls) == 2


@needs_posix
def test_something_else_instead_of_the_lock_file_is_named(tmp_path):
    os.mkfifo(tmp_path / LOCK_FILE)
    with pytest.raises(OSError, match=rf"remove it.*{LOCK_FILE}"), folder_lock(tmp_path):
        pass
    (tmp_path / LOCK_FILE).unlink()
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=LOCK_FILE), folder_lock(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()

"""Tests signals during a training: Ctrl-C, SIGTERM and SIGHUP leave a saved model, and nothing of
a program's own handling of signals changes.
"""

import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from nn.files import read_network
from nn.training import loop
from nn.training.signals import StopSignals, Terminated, unwinding

from .small_training import GOOD, RESULTS, files, new

# Signals -----------------------------------------------------------------------------------

_FIT = """
import sys
from nn import model
net = model([4, 12, 3], sys.argv[2])
net.fit(sys.argv[1], epoch=10**6, alpha=0.2, batch_size=8, scale=10)
"""


def stopped(command, *signals):
    """Start a training, send signals in its third epoch, and give code, output and errors."""
    command = [sys.executable, *map(str, command)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch") and int(line.split("/")[0][5:]) >= 3:
                break
        for number in signals:
            process.send_signal(number)
            time.sleep(0.002)
        out, err = process.stdout.read(), process.stderr.read()
    return process.returncode, line + out, err


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ([signal.SIGINT, signal.SIGINT], 130),
        ([signal.SIGTERM], 143),
    ],
)
@pytest.mark.needs("processes")
def test_a_signal_ends_the_command_with_a_saved_model(data, out, signals, code):
    words = ["train", data, "--structure", "4,12,3", "--out", out / "a", "--epochs", 10**6]
    settings = ["--learning-rate", 0.2, "--batch-size", 8, "--scale", 10]
    found, printed, err = stopped(["-m", "nn", *words, *settings], *signals)
    by = "" if signals[0] == signal.SIGINT else f" by {signals[0].name}"
    told = re.fullmatch(
        rf"stopped{by} in epoch (\d+); the model of epoch (\d+) is saved in {out}/a; "
        r"go on with --resume\n",
        err,
    )
    assert told, err
    assert found == code
    epochs = int(told[2])
    assert int(told[1]) == epochs + 1
    assert f"epoch {epochs:>7}/" in printed
    assert f"epoch {epochs + 1:>7}/" not in printed
    found_files = [name for name in files(out / "a") if not name.endswith(".png")]
    assert found_files == ["checkpoint.safetensors", *RESULTS, "run.toml"]
    assert read_network(out / "a" / "model.safetensors").learned


def test_in_python_the_signal_then_does_what_it_always_does(data, out):
    code, printed, err = stopped(["-c", _FIT, data, out], signal.SIGTERM)
    assert (code, err) == (-signal.SIGTERM, "")
    assert re.search(
        r"\nstopped by SIGTERM in epoch \d+; the model of epoch \d+ is saved in", printed
    )
    assert files(out) == ["checkpoint.safetensors", *RESULTS]


@pytest.mark.needs("processes")
def test_ctrl_c_while_it_is_loaded_prints_no_traceback():
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "nn", "--version"], stderr=subprocess.PIPE
    ) as process:
        for line in process.stderr:
            if b"numpy" in line:
                process.send_signal(signal.SIGINT)
                break
        err = process.stderr.read().decode()
    assert "Traceback" not in err
    assert process.returncode == 130
    assert "\nstopped\n" in err


def handlers():
    return [signal.getsignal(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP")]


@pytest.mark.parametrize("ending", ["well", "error"])
def test_handlers_are_there_during_the_training_alone(data, out, monkeypatch, ending):
    before, seen = handlers(), []
    right = loop.Step.__call__

    def step(*arguments):
        seen.append(handlers())
        if ending == "error":
            raise RuntimeError("broken")
        return right(*arguments)

    monkeypatch.setattr(loop.Step, "__call__", step)
    if ending == "error":
        with pytest.raises(RuntimeError, match="broken"):
            new(out).fit(data, **GOOD)
    else:
        new(out).fit(data, **GOOD)
    assert handlers() == before
    assert all(handler not in before for handler in seen[0])


def test_a_programs_own_handlers_other_threads_and_ignored_signals_are_left_alone():
    calls, previous = [], signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    own = signal.signal(signal.SIGTERM, lambda *_: calls.append(1))
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            signals.check()
        before, seen = handlers(), []

        def elsewhere():
            with StopSignals(), unwinding():
                seen.append(handlers())

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    finally:
        signal.signal(signal.SIGTERM, own)
        signal.signal(signal.SIGHUP, previous)
    assert calls == [1]
    assert seen == [before]


def test_signals_raise_once_between_batches_and_never_while_saving():
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)  # nothing is raised here
        with pytest.raises(KeyboardInterrupt):
            signals.check()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        signals.check()
        assert signals.received == signal.SIGTERM, "which ends the process"
    with StopSignals() as signals:
        signals.hold()
        signal.raise_signal(signal.SIGINT)
        signals.check()
    with unwinding(), pytest.raises(Terminated, match="stopped by SIGTERM"):
        signal.raise_signal(signal.SIGTERM)


def test_a_batch_that_takes_long_can_be_interrupted(monkeypatch):
    monkeypatch.setattr("nn.training.signals._IMPATIENT_AFTER", 0.0)
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.002)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signals.received == signal.SIGINT

"""Tests what is left of a training however it ends: by itself, by a signal, by being killed, or
having learned nothing; and what becomes of the files that were there before.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from nn import MLP, SGD, Classifier, TrainingWarning, cli
from nn.files import folder_lock, read_network
from nn.training import loop, session
from nn.training.history import History
from nn.training.metrics import Measured, measure
from nn.training.objectives import Classification
from nn.training.outcome import learned_nothing
from tinygrad_edu import GradientError

from .small_training import GOOD, PAIR, RESULTS, files, new, write_csv

FUTILE = {"epoch": 2, "alpha": 1e-12, "batch_size": 8, "scale": 10}


# An epoch counts at one moment -------------------------------------------------------------


def test_an_interrupt_at_any_line_leaves_weights_and_history_of_the_same_epoch(monkeypatch):
    monkeypatch.setattr("nn.training.step.capture", lambda step: step)  # for the time that it takes
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(6, 3)), np.arange(6) % 2

    def trained(interrupt_at):
        """Train, and interrupt at the line of the loop with that number."""
        network, history, count = MLP([3, 4, 2], "tanh", "float64", seed=0), History(), [0]

        def trace(frame, event, _):
            if frame.f_code.co_filename != loop.__file__:
                return None
            if event == "line":
                count[0] += 1
                if count[0] == interrupt_at:
                    raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            loop.Loop(
                *(network, SGD(network.parameters(), lr=0.3), samples, samples),
                epochs=3,
                batch_size=3,
                generator=np.random.default_rng(1),
                history=history,
                measure_end=lambda: measure(network, *samples).loss,
            ).run()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        return network, history, count[0]

    expected = [MLP([3, 4, 2], "tanh", "float64", seed=0).state_dict()]
    network = MLP([3, 4, 2], "tanh", "float64", seed=0)
    loop.Loop(
        *(network, SGD(network.parameters(), lr=0.3), samples),
        epochs=3,
        batch_size=3,
        generator=np.random.default_rng(1),
        on_epoch=lambda epoch: expected.append(network.state_dict()),
    ).run()
    _, _, lines = trained(0)
    lengths = set()
    for at in range(1, lines + 1):
        found, history, _ = trained(at)
        lengths.add(len(history))
        for name, values in expected[len(history)].items():
            np.testing.assert_array_equal(found.state_dict()[name], values, str(at))
    assert lengths == {0, 1, 2, 3}
    assert lines > 60


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_loss_after_the_last_step_is_measured(data, out):
    """With one batch there is no later loss that would show it."""
    net = new(out)
    with pytest.raises(
        GradientError, match=r"became .* The weights are those from before the train"
    ):
        net.fit(data, epoch=1, alpha=1e38, batch_size=64)
    assert files(out) == []
    with pytest.raises(GradientError, match="the loss after the last step became"):
        new(out).fit(data, epoch=1, alpha=1e30, batch_size=64)
    assert files(out) == []


# Stopped -----------------------------------------------------------------------------------


def test_nothing_is_called_saved_that_is_not(data, out, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("nn.optim.SGD.step", interrupt)
    assert (
        cli.main(
            [
                "train",
                str(data),
                "--structure",
                "4,3",
                "--learning-rate",
                "0.1",
                "--out",
                str(out / "a"),
            ]
        )
        == 130
    )
    assert capsys.readouterr().err == "stopped in epoch 1; nothing was saved\n"
    assert files(out) == []
    monkeypatch.setattr("nn.cli.pictures.compare_gradients", interrupt)
    assert cli.main(["compare", "--structure", "4,3"]) == 130
    assert capsys.readouterr().err == "stopped\n"


# At intervals ------------------------------------------------------------------------------


def test_the_model_is_saved_while_its_training_goes_on(data, out, monkeypatch):
    monkeypatch.setattr(session, "INTERVAL", 0.0)
    right, seen = session.Session._save_unfinished, []

    def save(training):
        right(training)
        path, _ = training._unfinished
        weights = read_network(path).weights[0]
        np.testing.assert_array_equal(weights, training.network.layers[0].weight.data)
        seen.append(path)

    monkeypatch.setattr(session.Session, "_save_unfinished", save)
    new(out).fit(data, **GOOD | {"epoch": 2}, figures=[])
    assert seen == [out / "model.safetensors"] * 8
    assert files(out) == RESULTS
    seen.clear()
    good = (out / "model.safetensors").read_bytes()

    def kill(training):
        save(training)
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "_save_unfinished", kill)
    with pytest.raises(KeyboardInterrupt, match=r"in epoch 1; .*/unfinished/model.safetensors h"):
        new(out).fit(data, **GOOD, figures=[])
    assert (out / "model.safetensors").read_bytes() == good, "of a finished training"
    assert files(out / "unfinished") == PAIR
    monkeypatch.undo()
    new(out).fit(data, **GOOD, figures=[])
    assert files(out) == RESULTS


def test_a_disk_that_is_full_for_a_while_does_not_end_the_training(data, out, monkeypatch, capsys):
    monkeypatch.setattr(session, "INTERVAL", 0.0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nn.training.model_folder.ModelFolder.save_unfinished", full)
    new(out, verbose=True).fit(data, **GOOD | {"epoch": 1}, figures=[])
    assert "note: the model could not be saved during the training" in capsys.readouterr().out
    assert files(out) == RESULTS


# What was learned --------------------------------------------------------------------------


def test_learning_nothing_has_many_faces():
    labels = np.array([0] * 6 + [1] * 2 + [2] * 2)

    def said(loss, accuracy, predicted, start=1.2, end=0.8):
        measured = Measured(loss, accuracy, predicted)
        return learned_nothing(measured, labels, Classification(3), start, end)

    assert said(0.8, 0.7, (0, 1)) is None
    assert said(np.nan, 0.7, (0, 1)) == "its loss is nan"
    often = "60.00% of the rows are of class 0"
    assert said(0.8, 0.2, (1,)) == f"it predicts class 1 for every row, and {often}"
    assert said(0.8, 0.6, (0, 1)) == f"its train accuracy is 60.00%, and {often}"
    assert said(0.8, 0.7, (0, 1), end=1.3) == "its loss went up, from 1.2 to 1.3"
    assert said(0.8, 0.7, (0, 1), end=1.205) is None, "it wavers"
    assert said(1.1, 0.7, (0, 1)) == "its loss is 1.1, and guessing has ln 3 = 1.099"


def test_who_learned_nothing_does_not_replace_who_did(data, out, capsys):
    net = new(out)
    net.fit(data, **GOOD, figures=["confusion"])
    assert net.saved_in == out
    before = {name: (out / name).read_bytes() for name in files(out)}
    futile = new(out)
    with pytest.warns(
        TrainingWarning, match="is kept, because this training learned nothing; over"
    ):
        futile.fit(data, **FUTILE, figures=[])
    inside = out / "learned-nothing"
    assert futile.saved_in == inside
    assert files(inside) == RESULTS
    assert {name: (out / name).read_bytes() for name in before} == before
    assert not read_network(inside / "model.safetensors").learned

    new(out, verbose=True).fit(data, **FUTILE, figures=[])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("note: the network learned nothing: ") for line in lines)
    assert lines[-1].endswith(f"; saved in {inside}")
    words = f"train {data} --structure 4,12,3 --learning-rate 1e-12 --scale 10 --out {out}"
    words += " --figures none"
    assert cli.main(words.split()) == 1
    assert "; --overwrite replaces it" in capsys.readouterr().out
    assert {name: (out / name).read_bytes() for name in before} == before

    # One that learned something replaces it, says so, and takes away the attempt.
    new(out, verbose=True).fit(data, **GOOD, figures=["curves"])
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"replaced the model of \d{4}-\d\d-\d\d \d\d:\d\d$", x) for x in lines)
    (removed,) = [line for line in lines if line.startswith("removed, from an earlier training: ")]
    assert "confusion.png" in removed
    assert "learned-nothing/model.safetensors" in removed
    assert files(out) == ["curves.png", *RESULTS]
    assert cli.main([*words.split(), "--overwrite"]) == 0
    assert not read_network(out / "model.safetensors").learned
    new(out).fit(
        data, **FUTILE, figures=[]
    )  # and one that learned nothing may be replaced by another
    assert "learned-nothing" not in files(out)


def test_a_model_that_got_worse_does_not_replace_the_better_one(data, out):
    net = new(out)
    net.fit(data, **GOOD, figures=[])
    before = (out / "model.safetensors").read_bytes()
    loaded = Classifier.load(out / "model.safetensors")
    loaded.verbose = False
    with pytest.warns(TrainingWarning, match="learned nothing"):
        loaded.fit(data, epoch=1, alpha=20, batch_size=8, figures=[])
    assert (out / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("tested", [False, True])
def test_the_last_line_is_the_accuracy_of_what_was_saved(data, out, capsys, tested):
    other = write_csv(data.with_name("test.csv"), rows=17) if tested else None
    new(out, verbose=True).fit(data, other, **GOOD | {"epoch": 3}, figures=["curves"])
    rows = np.loadtxt(other or data, delimiter=",", skiprows=1)
    saved = Classifier.load(out / "model.safetensors")
    accuracy = np.mean(saved.predict(rows[:, 1:]) == rows[:, 0])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{'test' if tested else 'train'} accuracy {accuracy:.2%}; saved in {out}"


def test_what_was_measured_for_an_epoch_that_does_not_count_is_not_reported(
    data, out, monkeypatch, capsys
):
    settings = {"epoch": 9, "alpha": 0.05, "batch_size": 8, "scale": 10, "figures": []}
    new(out, verbose=True).fit(data, **settings)
    finished = capsys.readouterr().out.splitlines()[-1]
    right = loop.Epoch

    def interrupt(number, *values):
        if number == 9:
            raise KeyboardInterrupt
        return right(number, *values)

    monkeypatch.setattr(loop, "Epoch", interrupt)
    with pytest.raises(KeyboardInterrupt, match="in epoch 9; the model of epoch 8 is saved"):
        new(out, verbose=True).fit(data, **settings, overwrite=True)
    rows = np.loadtxt(data, delimiter=",", skiprows=1)
    saved = Classifier.load(out / "model.safetensors")
    accuracy = np.mean(saved.predict(rows[:, 1:]) == rows[:, 0])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"train accuracy {accuracy:.2%}; saved in {out}"
    assert last != finished, "a test that can fail"


# Before the first epoch --------------------------------------------------------------------


def test_a_second_training_in_a_folder_is_refused_with_a_reason(data, out):
    busy = []

    def other():
        try:
            new(out).fit(data, **GOOD)
        except BlockingIOError as error:
            busy.append(str(error))

    with folder_lock(out):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "is writing a model into this folder" in busy[0]
    assert files(out) == []
    new(out).fit(data, **GOOD, figures=[])
    assert files(out) == RESULTS, "and no lock is left"


def test_a_full_disk_is_found_before_the_training(data, out, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 9)
    )
    with pytest.raises(OSError, match=r"No space left|free"):
        new(out).fit(data, **GOOD)
    assert files(out) == []


@pytest.mark.parametrize("package", ["pandas", "matplotlib", "safetensors"])
def test_a_missing_package_is_named_before_the_training(data, out, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"package {package} .* pip install .*{package}"):
        new(out).fit(data, **GOOD)
    assert files(out) == []
    if package == "matplotlib":
        new(out).fit(data, **GOOD, figures=[])
        assert files(out) == RESULTS


_FIT = """
import sys
from nn import model
net = model([4, 12, 3], sys.argv[2])
net.fit(sys.argv[1], epoch=10**6, alpha=0.2, batch_size=8, scale=10)
"""


@pytest.mark.needs("processes")
def test_a_wrong_setting_of_matplotlib_is_found_before_the_training(data, out):
    code = _FIT.replace("10**6", "3")
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    command = [sys.executable, "-c", code, str(data), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert re.search(r"ValueError: .*nonsense.*MPLBACKEND, or train .*: figures=\[\]$", done.stderr)
    assert files(out) == []


def test_pictures_that_cannot_be_drawn_do_not_hide_the_model(data, out, monkeypatch, capsys):
    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nn.training.figures.saving.Pictures.save", broken)
    with pytest.raises(RuntimeError, match=rf"the model is saved in {out}, but its pictures are n"):
        new(out, verbose=True).fit(data, **GOOD)
    assert capsys.readouterr().out.endswith(f"; saved in {out}\n")
    assert files(out) == RESULTS
    assert Path(out / "model.safetensors").stat().st_size > 0

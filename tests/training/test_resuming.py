"""Tests that a training which was killed and resumed ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nn import Callback, model
from nn.training import session
from nn.training.checkpoint import epochs_as_arrays, epochs_from
from nn.training.history import Epoch
from nn.training.stopping import Divergence

SETTINGS = {
    "optimizer": {"name": "adam", "amsgrad": False},
    "learning_rate": 0.01,
    "schedule": "one-cycle",
    "epochs": 10,
    "batch_size": 16,
    "validation": 0.2,
    "class_weight": "balanced",
    "standardize": True,
    "clip": 1.0,
    "checkpoint_every": 1,
    "figures": [],
}


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 5))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def new(out, **settings):
    return model([5, 16, 2], out, verbose=False, dropout=0.2, seed=4, **settings)


def result(net):
    """Everything that must be equal: the weights, and the history without the times."""
    rows = [
        (e.number, e.train_loss, e.train_accuracy, e.validation_loss, e.learning_rate)
        for e in net.history
    ]
    return {k: v.tobytes() for k, v in net.network.state_dict().items()}, rows


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    net = new(tmp_path_factory.mktemp("whole"))
    net.fit(*data(), **SETTINGS)
    return result(net)


class KillAfter(Callback):
    """Ends the training after so many batches, without any chance to save."""

    def __init__(self, batches):
        self.left = batches

    def on_batch(self, run):
        self.left -= 1
        if self.left < 0:
            raise SystemExit  # nothing is caught and saved for it that a kill would not leave


@pytest.mark.parametrize("batch", [1, 9, 10, 11, 37, 50, 99])
def test_resumed_after_any_batch_it_ends_bit_for_bit_the_same(out, whole, batch, monkeypatch):
    monkeypatch.setattr(session, "INTERVAL", 0.0)  # a checkpoint after each batch
    with pytest.raises(SystemExit):
        new(out).fit(*data(), callbacks=[KillAfter(batch)], **SETTINGS)
    monkeypatch.undo()
    net = new(out)
    net.fit(*data(), resume=True, **SETTINGS)
    assert result(net) == whole


def test_without_the_generators_it_would_differ(out, whole, monkeypatch):
    """The test of the test."""
    monkeypatch.setattr(session, "INTERVAL", 0.0)
    with pytest.raises(SystemExit):
        new(out).fit(*data(), callbacks=[KillAfter(37)], **SETTINGS)
    right = session.Loop.load_state_dict

    def forget(loop, state):
        fresh = np.random.default_rng(9).bit_generator.state
        right(loop, {**state, "generator": fresh})

    monkeypatch.setattr(session.Loop, "load_state_dict", forget)
    net = new(out)
    net.fit(*data(), resume=True, **SETTINGS)
    assert result(net) != whole


_CHILD = """
import sys, numpy as np
sys.path.insert(0, sys.argv[2])
from tests.training.test_resuming import SETTINGS, data, new
from nn.training import session
session.INTERVAL = float(sys.argv[3])
net = new(sys.argv[1])
print("ready", flush=True)
net.fit(*data(), resume=True, **SETTINGS)
print("done", flush=True)
"""


@pytest.mark.parametrize("interval", [0.0, 30.0])
def test_killed_again_and_again_it_ends_the_same(out, whole, interval):
    """SIGKILL at random moments: while training, while saving, while reading."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    generator = np.random.default_rng(int(interval))
    kills = 0
    for attempt in range(12):
        command = [sys.executable, "-c", _CHILD, str(out), root, str(interval)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == "ready\n"
            if attempt < 4:
                time.sleep(generator.uniform(0, 0.15))
                child.send_signal(signal.SIGKILL)
            said = child.stdout.read()
            kills += child.wait() == -signal.SIGKILL
        if "done" in said:
            break
    assert kills >= 1
    net = new(out)
    net.fit(*data(), resume=True, **SETTINGS)
    assert result(net) == whole
    left = [name for name in os.listdir(out) if name.startswith(".writing")]
    assert len(left) <= 1, "files of killed savings are removed by the next one"


def test_every_difference_is_named(out):
    net = new(out)
    with pytest.raises(SystemExit):
        net.fit(*data(), callbacks=[KillAfter(30)], **SETTINGS)
    x, y = data()
    other = SETTINGS | {"learning_rate": 0.02, "batch_size": 8, "clip": None}
    with pytest.raises(ValueError, match="differs from the interrupted one") as caught:
        new(out).fit(x, y, resume=True, **other)
    text = str(caught.value)
    for difference in ("learning_rate was 0.01, and is 0.02", "batch_size was 16, and is 8"):
        assert difference in text
    assert "clip was 1.0, and is not given" in text
    with pytest.raises(ValueError, match="the training data have changed"):
        new(out).fit(np.where(x == x.max(), 0, x), y, resume=True, **SETTINGS)
    with pytest.raises(ValueError, match="network was"):
        model([5, 8, 2], out, verbose=False, dropout=0.2, seed=4).fit(x, y, resume=True, **SETTINGS)
    with pytest.raises(ValueError, match="seed was 4, and is 5"):
        model([5, 16, 2], out, verbose=False, dropout=0.2, seed=5).fit(
            x, y, resume=True, **SETTINGS
        )


def test_other_versions_are_a_warning(out, monkeypatch):
    with pytest.raises(SystemExit):
        new(out).fit(*data(), callbacks=[KillAfter(30)], **SETTINGS)
    monkeypatch.setattr(np, "__version__", "9.9.9")
    with pytest.warns(UserWarning, match=r"numpy \d.* then, 9.9.9 now; .* not bit for bit"):
        new(out).fit(*data(), resume=True, **SETTINGS)


def test_a_finished_training_is_not_repeated(out, capsys):
    x, y = data()
    plain = {"epochs": 3, "learning_rate": 0.1, "checkpoint_every": 1, "figures": []}
    one = model([5, 4, 2], out, verbose=False)
    one.fit(x, y, **plain)
    before = result(one)
    again = model([5, 4, 2], out)
    again.fit(x, y, resume=True, **plain)
    assert result(again) == before
    assert "nothing is left to train" in capsys.readouterr().out
    longer = model([5, 4, 2], out, verbose=False)
    longer.fit(x, y, resume=True, **plain | {"epochs": 5})
    whole = model([5, 4, 2], verbose=False)
    whole.fit(x, y, epochs=5, learning_rate=0.1)
    assert result(longer) == result(whole), "more epochs are not another training"
    with pytest.raises(ValueError, match=r"epochs was 5, and is 6|schedule was"):
        model([5, 4, 2], out, verbose=False).fit(
            x, y, resume=True, schedule="cosine", **plain | {"epochs": 6}
        )


def test_without_a_checkpoint_it_starts_anew(out, capsys):
    net = model([5, 4, 2], out)
    net.fit(*data(), epochs=1, resume=True, figures=[])
    assert "there is no checkpoint to resume from; the training starts anew" in (
        capsys.readouterr().out
    )
    assert not (out / "checkpoint.safetensors").exists(), "a finished training needs none"


def test_ctrl_c_leaves_a_checkpoint_history_curves_and_says_how_to_go_on(out, whole, capsys):
    class Interrupt(Callback):
        def on_batch(self, run):
            if run.epoch == 4:
                os.kill(os.getpid(), signal.SIGINT)

    settings = SETTINGS | {"figures": ["curves"], "checkpoint_every": None}
    with pytest.raises(KeyboardInterrupt, match=r"in epoch 4; .* go on with resume=True"):
        new(out).fit(*data(), callbacks=[Interrupt()], **settings)
    assert {"checkpoint.safetensors", "history.csv", "curves.png"} <= set(os.listdir(out))
    net = new(out)
    net.fit(*data(), resume=True, **settings)
    assert result(net) == whole


def test_a_damaged_checkpoint_is_an_error(out):
    with pytest.raises(SystemExit):
        new(out).fit(*data(), callbacks=[KillAfter(30)], **SETTINGS)
    path = out / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksum"):
        new(out).fit(*data(), resume=True, **SETTINGS)


def test_epochs_survive_as_arrays():
    epochs = [Epoch(1, 0.1, 0.2, None, None, 0.3), Epoch(2, np.nan, 0.2, 0.5, 0.25, 0.3, 0.7, 0.5)]
    again = epochs_from(epochs_as_arrays(epochs))
    assert repr(again) == repr(epochs)
    assert epochs_from(epochs_as_arrays([])) == []


_TWIN = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from tests.training.test_resuming import SETTINGS, data, new, result
from nn import model
net = model([5, 16, 2], verbose=False, dropout=0.2, seed=4)
net.fit(*data(), **{k: v for k, v in SETTINGS.items() if k != "checkpoint_every"})
print(hashlib.sha256(repr(result(net)).encode()).hexdigest())
"""


def test_the_same_seed_makes_the_same_model_in_every_process():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = set()
    for hash_seed in ("0", "1", "random"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _TWIN, root]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        found.add(done.stdout)
    assert len(found) == 1


def test_both_limits_of_a_divergence_are_restored():
    """They follow the loss before the first epoch; a resumed network starts at another one."""
    first, resumed = Divergence(2.0), Divergence(7.0)
    resumed.limit = first.limit
    assert resumed.epoch_limit == first.epoch_limit == 200

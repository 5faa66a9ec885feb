"""Tests that a training only continues with what it was begun with."""

import numpy as np
import pandas as pd
import pytest

from nn import Callback, DataError, ModelFileError, model

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 2))
Y = (X[:, 0] > X[:, 1]).astype(int)
OPTIONS = {"epochs": 4, "learning_rate": 0.1, "batch_size": 16, "figures": []}


def new(out=None):
    return model([2, 4, 2], out, verbose=False)


def weights(net):
    return np.concatenate([one.ravel() for one in net.network.state_dict().values()])


class Interrupt(Callback):
    def __init__(self):
        self.left = 6

    def on_batch(self, run):
        self.left -= 1
        if not self.left:
            raise RuntimeError("interrupted")


def interrupted(out, x=X, y=Y, **options):
    with pytest.raises(RuntimeError, match="interrupted"):
        new(out).fit(x, y, callbacks=[Interrupt()], checkpoint_every=1, **OPTIONS | options)


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True)])
def test_a_second_training_does_not_silently_skip_an_option(first, then):
    net = new()
    net.fit(X, Y, standardize=first, **OPTIONS)
    with pytest.raises(ValueError, match=rf"standardize is {then}, but the weights were trained"):
        net.fit(X, Y, standardize=then, **OPTIONS)
    net.fit(X, Y, standardize=first, **OPTIONS)


def test_missing_cells_need_a_network_that_fills_them():
    net = new()
    net.fit(X, Y, **OPTIONS)
    before = weights(net)
    lacking = np.where(X > 1, np.nan, X)
    for data in ({"train_data": lacking}, {"train_data": X, "validation": (lacking, Y)}):
        with pytest.raises(DataError, match="trained on complete rows; pass missing='drop'"):
            net.fit(y=Y, missing="mean", **data, **OPTIONS)
    assert (weights(net) == before).all()
    net.fit(lacking, Y, missing="drop", **OPTIONS)


def test_resuming_takes_a_renamed_file_and_names_what_changed(out, tmp_path):
    table = pd.DataFrame(X, columns=["a", "b"]).assign(label=Y)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    table.to_csv(first, index=False)
    table[::2].to_csv(tmp_path / "other.csv", index=False)
    table[::2].to_csv(tmp_path / "again.csv", index=False)
    options = {"validation": str(tmp_path / "other.csv"), "test_data": (table[["a", "b"]], Y)}
    interrupted(out, first, None, **options)
    first.rename(second)
    options["validation"] = tmp_path / "again.csv"
    net, whole = new(out), new()
    net.fit(second, resume=True, checkpoint_every=1, **OPTIONS | options)
    whole.fit(second, **OPTIONS | options)
    assert (weights(net) == weights(whole)).all()

    interrupted(out, table, None, test_data=table)
    reordered = table[["b", "a", "label"]]
    with pytest.raises(ValueError, match="the training data have changed; the test data have"):
        new(out).fit(reordered, test_data=table, resume=True, **OPTIONS)
    changes = {
        "the training data": {"train_data": table.assign(a=-X[:, 0]), "test_data": table},
        "the test data": {"train_data": table, "test_data": table[:50]},
    }
    for name, changed in changes.items():
        with pytest.raises(ValueError, match=rf"interrupted one: {name} have changed\. Repeat"):
            new(out).fit(**changed, resume=True, **OPTIONS)
    named = table.assign(label=np.where(Y, "p", "q"))
    with pytest.raises(ValueError, match="the training data have changed"):
        new(out).fit(named, test_data=named, resume=True, **OPTIONS)


def test_a_damaged_checkpoint_can_be_removed(out):
    interrupted(out)
    path = out / "checkpoint.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"Remove the file to start anew"):
        new(out).fit(X, Y, resume=True, **OPTIONS)

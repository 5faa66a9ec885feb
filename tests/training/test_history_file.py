"""Tests that the history of a training is written beside the model and stored in it."""

import json

from nn import model
from nn.files import read_network

from .test_fitting import blobs


def test_the_history_is_written_and_stored(tmp_path):
    x, y = blobs()
    net = model(base_address=tmp_path, verbose=False)
    history = net.fit(x, y, epochs=3, validation=0.2, figures=[])
    table = (tmp_path / "history.csv").read_text("utf-8").splitlines()
    assert len(table) == 4
    assert float(table[1].split(",")[1]) == history[0].train_loss
    saved = read_network(tmp_path / "model.safetensors")
    assert len(saved.history) == 3
    assert saved.history[0][saved.history_columns.index("train_loss")] == history[0].train_loss
    json.dumps(history.to_dict())

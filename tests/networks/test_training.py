"""Tests the parts of training: the measuring, the order of the batches, what is
kept when training ends early, and how well the digits are learned.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from nn import MLP, SGD, Linear, Module, NotFittedError, model
from nn.by_hand import delta_rule
from nn.data.digits import write_digits
from nn.training import loop, metrics
from nn.training.history import History
from nn.training.progress import Progress
from tinygrad_edu import GradientError

# Measuring ---------------------------------------------------------------------------------


class Watched(Module):
    """A network that notes what it was asked."""

    def __init__(self, features, outputs):
        generator = np.random.default_rng(0)
        self.layer = Linear(features, outputs, generator=generator, dtype="float64")
        self.layer.bias.data = generator.normal(size=outputs)
        self.seen = []

    def forward(self, x):
        self.seen.append((x.numpy()[:, 0].tolist(), self.layer(x).requires_grad))
        return self.layer(x)


@pytest.mark.parametrize("rows", [7, 100])
@pytest.mark.parametrize("outputs", [1, 3])
def test_measure_is_the_plain_average_however_it_is_split(monkeypatch, rows, outputs):
    monkeypatch.setattr(metrics, "_ROWS", rows)
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(23, 4)), generator.integers(0, max(2, outputs), 23)
    network = Watched(4, outputs)
    before = network.state_dict()
    measured = metrics.measure(network, x, y)
    loss, accuracy = measured.loss, measured.accuracy

    assert [len(seen) for seen, _ in network.seen] == ([7, 7, 7, 2] if rows == 7 else [23])
    assert not any(requires_grad for _, requires_grad in network.seen), "without a graph"
    arguments = [network.layer.weight.numpy()], [network.layer.bias.numpy()], x
    output = "sigmoid" if outputs == 1 else "softmax"
    assert loss == pytest.approx(delta_rule.loss(*arguments, y, output), rel=1e-12)
    z = delta_rule.forward(*arguments)[1]
    answers = z[:, 0] > 0 if outputs == 1 else z.argmax(axis=1)
    assert accuracy == np.sum(answers == y) / 23
    assert (type(loss), type(accuracy)) == (float, float)
    for name, parameter in network.named_parameters():
        np.testing.assert_array_equal(parameter.numpy(), before[name])
        assert parameter.grad is None


def test_logits_of_no_rows():
    assert metrics.logits_of(MLP([4, 3], seed=0), np.zeros((0, 4), np.float32)).shape == (0, 3)


# The order of the batches ------------------------------------------------------------------


def test_batches_come_in_the_order_of_the_generator():
    network = Watched(1, 2)
    x, y = np.arange(10.0)[:, None], np.arange(10) % 2
    history, finished, batches = History(), [], []
    result = loop.Loop(
        *(network, SGD(network.parameters(), lr=0.01), (x, y)),
        epochs=3,
        batch_size=4,
        generator=np.random.default_rng(4),
        history=history,
        on_batch=lambda: batches.append(len(network.seen)),
        on_epoch=lambda epoch: finished.append((epoch, len(network.seen))),
    ).run()
    generator, expected = np.random.default_rng(4), []
    for _ in range(3):
        order = generator.permutation(10).astype(float).tolist()
        expected += [order[:4], order[4:8], order[8:]]
    assert [seen for seen, _ in network.seen] == expected
    assert len({str(seen) for seen in expected}) == 9, "another order each epoch"
    assert batches == list(range(1, 10))
    assert finished == [(epoch, 3 * epoch.number) for epoch in history]
    assert result is history
    assert x.flags.writeable
    assert y.flags.writeable


# Training that ends early ------------------------------------------------------------------

STEPS = 4  # an epoch has: 30 rows in batches of 8
SETTINGS = {"alpha": 0.2, "batch_size": 8, "scale": 16}
FILES = ["curves.png", "model.pkl", "model.safetensors"]
EXPLODING = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def write_csv(path, rows, seed):
    labels = np.arange(rows) % 3
    values = labels[:, None] * 4 + np.random.default_rng(seed).integers(0, 6, (rows, 4))
    table, header = np.column_stack([labels, values]), "label, a, b, c, d"
    np.savetxt(path, table, fmt="%d", delimiter=", ", header=header, comments="")
    return path


@pytest.fixture
def data(tmp_path):
    return write_csv(tmp_path / "train.csv", 30, 0), write_csv(tmp_path / "test.csv", 15, 1)


def new(out):
    return model([4, 8, 3], out, verbose=False)


def after(patch, step, act):
    """Let something happen right after a step of the training."""
    right, count = loop.Step.__call__, [0]

    def wrong(training, *batch):
        result = right(training, *batch)
        count[0] += 1
        if count[0] == step:
            act(training.optimizer)
        return result

    patch.setattr(loop.Step, "__call__", wrong)


def interrupt(*_):
    raise KeyboardInterrupt


def spoil(optimizer):
    weight = optimizer.params[0]
    weight.data = np.full(weight.shape, np.nan)


def check_kept(net, out, data, epochs):
    """Check that history, weights and files are those after so many epochs."""
    assert len(net.history) == epochs
    kept = {name: (out / name).read_bytes() for name in FILES}
    twin = new(out)
    twin.fit(*data, epoch=epochs, **SETTINGS, figures=[])
    for name, values in twin.network.state_dict().items():
        np.testing.assert_array_equal(net.network.state_dict()[name], values)
    assert kept["model.safetensors"] == (out / "model.safetensors").read_bytes()
    assert kept["model.pkl"] == (out / "model.pkl").read_bytes()
    rows = np.loadtxt(data[0], delimiter=",", skiprows=1)[:, 1:]
    np.testing.assert_array_equal(net.predict(rows), twin.predict(rows))


@pytest.mark.parametrize("where", ["middle", "last step", "evaluation"])
def test_80_ctrl_c_keeps_the_last_finished_epoch(data, out, monkeypatch, where):
    net, right, count = new(out), loop.measure, [0]

    def measure(*arguments):
        count[0] += 1
        return interrupt() if count[0] == 3 else right(*arguments)

    with monkeypatch.context() as patch:
        if where == "evaluation":
            patch.setattr(loop, "measure", measure)
        else:
            after(patch, 3 * STEPS if where == "last step" else 2 * STEPS + 2, interrupt)
        with pytest.raises(KeyboardInterrupt):
            net.fit(*data, epoch=5, **SETTINGS)
    check_kept(net, out, data, 2)


def test_80_ctrl_c_after_an_epoch_was_counted_keeps_it(data, out, monkeypatch):
    net = new(out)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "epoch", lambda self, epoch: epoch.number == 2 and interrupt())
        with pytest.raises(KeyboardInterrupt):
            net.fit(*data, epoch=5, **SETTINGS)
    check_kept(net, out, data, 2)


def test_80_ctrl_c_in_the_first_epoch_leaves_all_as_it_was(data, out, monkeypatch):
    net = new(out)
    before = net.network.state_dict()
    after(monkeypatch, 2, interrupt)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*data, epoch=5, **SETTINGS)
    assert os.listdir(out) == []
    assert len(net.history) == 0
    for name, values in net.network.state_dict().items():
        np.testing.assert_array_equal(values, before[name])
    with pytest.raises(NotFittedError):
        net.predict([[1, 2, 3, 4]])


@EXPLODING
def test_71_a_loss_that_is_nan_stops_training(data, out, monkeypatch):
    net = new(out)
    with monkeypatch.context() as patch:
        after(patch, 2 * STEPS + 1, spoil)
        with pytest.raises(GradientError, match="nan in epoch 3, batch 2; try a smaller alpha"):
            net.fit(*data, epoch=5, **SETTINGS)
    check_kept(net, out, data, 2)


@EXPLODING
@pytest.mark.parametrize("epoch", [2, 5])
@pytest.mark.parametrize("tested", [False, True])
def test_71_no_batch_of_the_epoch_comes_after_the_bad_step(data, out, monkeypatch, epoch, tested):
    net = new(out)
    with monkeypatch.context() as patch:
        after(patch, epoch * STEPS, spoil)
        with pytest.raises(GradientError, match=r"epoch .*try a smaller alpha"):
            net.fit(data[0], data[1] if tested else None, epoch=5, **SETTINGS)
    check_kept(net, out, data if tested else data[:1], epoch - 1)


@EXPLODING
@pytest.mark.parametrize("alpha", [1e20, 1e39])
def test_71_a_learning_rate_far_too_large_with_one_batch_an_epoch(data, out, alpha):
    net = new(out)
    with pytest.raises(GradientError, match=r"epoch .*try a smaller alpha"):
        net.fit(data[0], epoch=5, alpha=alpha, batch_size=64)
    assert all(np.isfinite(values).all() for values in net.network.state_dict().values())


# How well it learns ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("digits"))


def test_digits_for_testing_are_not_among_those_for_training(digits, tmp_path):
    train, test = (path.read_text("utf-8").splitlines() for path in digits)
    assert train[0] == test[0] == ",".join(["label", *(f"pixel{i}" for i in range(1, 65))])
    assert (len(train), len(test)) == (1438, 361), "with their headers"
    assert not set(train[1:]) & set(test[1:])
    for path, again in zip(digits, write_digits(tmp_path), strict=True):
        assert path.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_digits_are_learned(digits, out, seed):
    net = model([64, 128, 64, 10], out, seed=seed, verbose=False)
    history = net.fit(*digits, epoch=20, alpha=0.1, batch_size=32, scale=16, figures=[])
    assert history[-1].test_accuracy >= 0.96


def test_mnist_is_learned(out):
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("TINYGRAD_EDU_DATA", beside))
    files = [folder / f"mnist_{part}.csv.gz" for part in ("train", "test")]
    if not all(file.is_file() for file in files):
        pytest.skip(f"no {' and '.join(f.name for f in files)}; TINYGRAD_EDU_DATA names the folder")
    net = model([784, 128, 64, 10], out, seed=0, verbose=False)
    history = net.fit(*files, epoch=10, alpha=0.1, batch_size=64, scale=255)
    assert history[-1].test_accuracy >= 0.965

"""Tests that several ranks, which are threads here, train as one process does."""

import csv

import numpy as np
import pytest

import nn.training.step as step_module
from nn import MLP, Callback, model
from nn.distributed import Alone, RankError, SharedGradients, run_threads
from nn.training.choices import OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule
from nn.training.loop import Loop
from nn.training.objectives import Classification, Regression

RATE = 0.05


@pytest.fixture(autouse=True)
def _uncaptured(monkeypatch):
    """Recordings of several threads disturb each other; captured steps are tested with mpiexec."""
    monkeypatch.setattr(step_module, "capture", lambda step: step)


def loop_of(
    group,
    *,
    optimizer="sgd",
    schedule=None,
    rows=37,
    batch_size=8,
    weighted=False,
    dropout=0.0,
    clip=None,
    decay=0.0,
    outputs=3,
):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, 5))
    y = generator.integers(0, 3, rows) if outputs > 1 else x @ [1.0, -2, 0, 1, 3]
    samples = (x, y, generator.uniform(0.1, 3, rows)) if weighted else (x, y)
    network = MLP([5, 6, outputs], dtype="float64", seed=0, dropout=dropout)
    updates = make_optimizer(optimizer, network.parameters(), RATE, decay)
    return Loop(
        network,
        updates,
        samples,
        (x[:7], y[:7]),
        epochs=3,
        batch_size=batch_size,
        generator=np.random.default_rng(3),
        validation=(x[7:9], y[7:9]),
        objective=Classification(3) if outputs > 1 else Regression(float(y.var())),
        schedule=make_schedule(schedule, updates, 3, -(-rows // batch_size), RATE),
        clip=clip,
        collective=group,
    )


def result(loop):
    history = loop.run()
    numbers = [
        (e.train_loss, e.train_accuracy, e.test_loss, e.test_accuracy, e.validation_loss)
        for e in history
    ]
    weights = np.concatenate([p.data.ravel() for p in loop.network.parameters()])
    return weights, np.array(numbers)


def assert_equal(one, other, tolerance=1e-12):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


CASES = [
    *({"optimizer": name} for name in OPTIMIZERS if name != "lbfgs"),
    {"optimizer": {"name": "lbfgs", "max_iter": 4}, "batch_size": 37},
    {
        "optimizer": {"name": "lbfgs", "max_iter": 4, "line_search_fn": "strong_wolfe"},
        "batch_size": 37,
    },
    *({"schedule": name} for name in SCHEDULES),
    {"weighted": True, "clip": 0.1, "optimizer": "adamw", "decay": 0.01},
    {"dropout": 0.3},
    {"dropout": 0.3, "batch_size": 3, "rows": 10, "weighted": True},
    {"batch_size": 2},
    {"batch_size": 1, "rows": 9},
    {"batch_size": 100},
    {"outputs": 1, "optimizer": "adam"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("size", [2, 4])
def test_several_ranks_train_as_one(case, size):
    one = result(loop_of(Alone(), **case))
    ranks = run_threads(size, lambda group: result(loop_of(group, **case)))
    assert_equal(one, ranks[0])
    for weights, numbers in ranks[1:]:
        assert weights.tobytes() == ranks[0][0].tobytes()
        assert numbers.tobytes() == ranks[0][1].tobytes()
    again = run_threads(size, lambda group: result(loop_of(group, **case)))
    assert again[0][0].tobytes() == ranks[0][0].tobytes()


@pytest.mark.parametrize("batch_size", [36, 1])
def test_lbfgs_on_parts_of_the_data_is_refused(batch_size):
    with pytest.raises(ValueError, match=r"LBFGS .* 37 rows"):
        run_threads(2, lambda group: loop_of(group, optimizer="lbfgs", batch_size=batch_size))
    loop_of(Alone(), optimizer="lbfgs", batch_size=batch_size)


# Faults that these tests find -------------------------------------------------------------------


def wrong_order(monkeypatch):
    """Let one rank shuffle with another seed."""
    original = Loop.__init__

    def init(self, *arguments, collective, generator, **options):
        if collective.rank == 1:
            generator = np.random.default_rng(99)
        original(self, *arguments, collective=collective, generator=generator, **options)

    monkeypatch.setattr(Loop, "__init__", init)


def unweighted_mean(monkeypatch):
    """Let each rank count the same, however many rows it has."""
    original = SharedGradients.mean_of
    monkeypatch.setattr(
        SharedGradients,
        "mean_of",
        lambda self, gradients, weight, extras=(): original(self, gradients, 1.0, extras),
    )


def own_masks(monkeypatch):
    """Let each rank draw masks for its own rows only."""
    original = step_module._Masks.of_rows
    monkeypatch.setattr(
        step_module._Masks,
        "of_rows",
        lambda self, x, rows, own: original(self, x, len(x), slice(len(x))),
    )


@pytest.mark.parametrize("fault", [wrong_order, unweighted_mean, own_masks])
def test_faults_are_seen(fault, monkeypatch):
    case = {"rows": 37, "batch_size": 8, "dropout": 0.3 * (fault is own_masks)}
    one = result(loop_of(Alone(), **case))
    fault(monkeypatch)
    other = run_threads(3, lambda group: result(loop_of(group, **case)))[0]
    with pytest.raises(AssertionError):
        assert_equal(one, other)


# Classifier.fit ---------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 3))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 1)
    rows = [[label, *row] for label, row in zip(labels, x.tolist(), strict=True)]
    path = tmp_path / "train.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["label", "a", "b", "c"], *rows])
    return path


SETTINGS = {"epochs": 4, "learning_rate": 0.1, "batch_size": 16, "figures": [], "overwrite": True}


def fitted(group, table, out, **options):
    seed, dropout = options.pop("seed", 0), options.pop("dropout", 0.0)
    net = model([3, 6, 3], out, verbose=False, dtype="float64", seed=seed, dropout=dropout)
    net.fit(table, **{**SETTINGS, **options}, distributed=group)
    return net


def numbers_of(net):
    weights = np.concatenate([p.data.ravel() for p in net.network.parameters()])
    names = ("train_loss", "train_accuracy", "validation_loss", "test_loss", "learning_rate")
    return weights, np.array(
        [[getattr(e, name) or 0.0 for name in names] for e in net.history], float
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation": 0.2, "patience": 2, "epochs": 9, "optimizer": "adam", "standardize": True},
        {"class_weight": "balanced", "schedule": "plateau", "clip": 0.5},
        {"dropout": 0.2, "stream": True, "standardize": True},
    ],
    ids=str,
)
def test_fit(table, tmp_path, options, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = fitted(None, table, tmp_path / "one", **options)
    both = run_threads(3, lambda group: fitted(group, table, tmp_path / "two", **options))
    for net in both:
        assert_equal(numbers_of(one), numbers_of(net))
        assert net.saved_in == tmp_path / "two"
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == sorted(
        p.name for p in (tmp_path / "two").iterdir()
    )


def test_a_group_of_one_changes_no_bit(table, tmp_path):
    one, other = fitted(None, table, None), fitted(Alone(), table, None)
    assert numbers_of(one)[0].tobytes() == numbers_of(other)[0].tobytes()


def test_without_a_seed_all_ranks_start_as_rank_0(table):
    nets = run_threads(2, lambda group: fitted(group, table, None, seed=None, validation=0.3))
    assert numbers_of(nets[0])[0].tobytes() == numbers_of(nets[1])[0].tobytes()


def test_a_callback_of_one_rank_stops_all(table):
    class Stop(Callback):
        def on_batch(self, run):
            if run.rank == 1 and run.epoch == 2:
                run.stop("enough")

    nets = run_threads(3, lambda group: fitted(group, table, None, callbacks=[Stop()]))
    assert [len(net.history) for net in nets] == [2, 2, 2]


def test_another_file_on_a_rank_is_named(table, tmp_path):
    text = table.read_text("utf-8")
    other = tmp_path / "other.csv"
    other.write_text(text.replace(text.split(",")[5], "0.25"), "utf-8")
    with pytest.raises(RankError, match="rank 1 has other training data than rank 0"):
        run_threads(2, lambda group: fitted(group, [table, other][group.rank], None))


def test_another_option_on_a_rank_is_named(table):
    with pytest.raises(RankError, match="batch_size: 16 on rank 0, 17 on rank 1"):
        run_threads(2, lambda group: fitted(group, table, None, batch_size=16 + group.rank))


def test_a_file_that_one_rank_lacks(table, tmp_path):
    old = fitted(None, table, tmp_path).network.state_dict()
    before = (tmp_path / "model.safetensors").read_bytes()
    errors = []

    def program(group):
        try:
            fitted(group, table if group.rank != 2 else tmp_path / "no.csv", tmp_path)
        except Exception as error:
            errors.append((group.rank, str(error)))

    run_threads(3, program)
    assert sorted(rank for rank, _ in errors) == [0, 1, 2]
    assert all("no.csv" in text for _, text in errors)
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert old


def test_a_rank_that_raises_leaves_the_old_model(table, tmp_path):
    fitted(None, table, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    class Break(Callback):
        def on_batch(self, run):
            if run.rank == 1 and run.epoch == 3:
                raise ArithmeticError("broken")

    with pytest.raises(ArithmeticError, match="broken"):
        run_threads(2, lambda group: fitted(group, table, tmp_path, callbacks=[Break()]))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_rank_whose_weights_change_is_found(table, tmp_path):
    fitted(None, table, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    class Change(Callback):
        def on_batch(self, run):
            if run.rank == 1:
                weight = run.network.linear1.weight
                weight.data = weight.data + 1e-9

    with pytest.raises(RankError, match="rank 1 has other weights or random numbers"):
        run_threads(2, lambda group: fitted(group, table, tmp_path, callbacks=[Change()]))
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("sizes", [(1, 3), (4, 2), (3, 1)])
def test_resumed_with_another_number_of_ranks(table, tmp_path, sizes):
    options = {"optimizer": "adam", "dropout": 0.2, "validation": 0.2, "checkpoint_every": 1}
    whole = fitted(None, table, None, **{**options, "checkpoint_every": None})

    class Stop(Callback):
        def on_batch(self, run):
            if run.epoch == 3:
                raise KeyboardInterrupt

    def program(group):
        with pytest.raises(KeyboardInterrupt):
            fitted(group, table, tmp_path, callbacks=[Stop()], **options)

    run_threads(sizes[0], program)
    nets = run_threads(
        sizes[1], lambda group: fitted(group, table, tmp_path, resume=True, **options)
    )
    for net in nets:
        assert len(net.history) == 4
        assert_equal(numbers_of(whole), numbers_of(net))

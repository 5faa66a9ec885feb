"""Tests that each rank reads only its own rows of a table on disk, and one of them writes it."""

import threading

import numpy as np
import pytest

import nn.training.step as step_module
from nn import model
from nn.data.streaming import cache
from nn.data.streaming.stored import StoredTable
from nn.distributed import run_threads
from nn.training.loop import Loop

ROWS, EPOCHS, BATCH = 301, 3, 16


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(step_module, "capture", lambda step: step)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    lines = [f"{int(a > b)},{a!r},{b!r},{c!r}" for a, b, c in x.tolist()]
    path = tmp_path / "train.csv"
    path.write_text("label,a,b,c\n" + "\n".join(lines) + "\n", "utf-8")
    return path


def fit(group, path):
    net = model([3, 4, 2], verbose=False, dtype="float64")
    net.fit(
        path,
        epochs=EPOCHS,
        learning_rate=0.1,
        batch_size=BATCH,
        stream=True,
        standardize=True,
        distributed=group,
    )
    return net.network.linear1.weight.data


@pytest.mark.parametrize("size", [2, 4])
def test_each_rank_reads_its_rows(table, size, monkeypatch):
    read, training = {}, set()
    stored, run = StoredTable.stored_rows, Loop.run

    def counted(self, rows):
        read.setdefault(threading.get_ident(), []).extend(np.asarray(rows).tolist())
        return stored(self, rows)

    def others(self, rows):
        assert threading.get_ident() not in training, "rows are read besides those of batches"
        return taken(self, rows)

    def marked(self):
        training.add(threading.get_ident())
        self.measure_end = None  # which reads each rank's share of all rows once more
        try:
            return run(self)
        finally:
            training.discard(threading.get_ident())

    taken = StoredTable._taken
    monkeypatch.setattr(StoredTable, "stored_rows", counted)
    monkeypatch.setattr(StoredTable, "_taken", others)
    monkeypatch.setattr(Loop, "run", marked)
    run_threads(size, lambda group: fit(group, table))
    counts = sorted(len(rows) for rows in read.values())
    assert len(counts) == size
    assert sum(counts) == EPOCHS * ROWS
    batches = -(-ROWS // BATCH)
    assert counts[-1] - counts[0] <= EPOCHS * batches
    # Each row is read once in an epoch, by one rank.
    together = sorted(row for rows in read.values() for row in rows)
    assert together == sorted(list(range(ROWS)) * EPOCHS)


def test_the_table_is_written_once(table, monkeypatch):
    written, save = [], cache.save

    def counted(*arguments):
        written.append(threading.get_ident())
        return save(*arguments)

    monkeypatch.setattr(cache, "save", counted)
    weights = run_threads(4, lambda group: fit(group, table))
    assert len(written) == 1
    assert all(one.tobytes() == weights[0].tobytes() for one in weights)
    np.testing.assert_allclose(weights[0], fit(None, table), rtol=0, atol=1e-12)


def test_tables_that_many_processes_would_not_hold_are_read_from_disk(table, monkeypatch):
    size = ROWS * 4 * 8
    monkeypatch.setattr("nn.data.files.free_memory", lambda: 5 * size)
    used = []
    original = StoredTable.stored_rows
    monkeypatch.setattr(
        StoredTable, "stored_rows", lambda self, rows: (used.append(1), original(self, rows))[1]
    )

    def program(group):
        net = model([3, 4, 2], verbose=False, dtype="float64")
        net.fit(table, epochs=1, learning_rate=0.1, distributed=group)

    run_threads(1, program)
    assert not used
    run_threads(4, program)
    assert used

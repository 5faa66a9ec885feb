"""Tests training on a Dask cluster: equal to one process, repeatable, and ended by a failure."""

import os
import threading
import time

import numpy as np
import pytest

pytest.importorskip("distributed")
import dask.array
import dask.dataframe
import pandas
from distributed import Client, get_worker, wait

import nn
from nn.bridges.dask import WorkerError, fit, predict
from nn.bridges.dask.sockets import Sockets, listen
from nn.bridges.dask.training import rows_of_steps
from nn.distributed import RankError
from tests.networks.test_networks import refused

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::UserWarning")

N, FEATURES, BATCH, EPOCHS, SEED = 90, 4, 25, 3, 7
CHUNKS = (20, 30, 10, 30)  # two blocks of unequal size: 50 and 40 rows
RATE = 0.3


def data():
    x = np.random.default_rng(0).normal(size=(N, FEATURES))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def collections():
    x, y = data()
    return dask.array.from_array(x, chunks=(CHUNKS, FEATURES)), dask.array.from_array(y, (CHUNKS,))


def network():
    return nn.MLP([FEATURES, 8, 2], seed=1, dtype="float64")


def sgd(parameters):
    return nn.SGD(parameters, lr=RATE, momentum=0.5)


def trained(client, net, **options):
    settings = {"batch_size": BATCH, "epochs": EPOCHS, "seed": SEED, **options}
    loss = settings.pop("loss", None) or nn.CrossEntropyLoss()
    return fit(net, *collections(), loss=loss, optimizer=sgd, client=client, **settings)


def in_one_process(counts):
    """Train on the same batches without a cluster."""
    (x, y), net, criterion = data(), network(), nn.CrossEntropyLoss()
    optimizer, starts, losses = sgd(net.parameters()), np.cumsum([0, *counts]), []
    for epoch in range(EPOCHS):
        of_ranks = [rows_of_steps(counts, r, BATCH, SEED, epoch) for r in range(len(counts))]
        total = 0.0
        for parts in zip(*of_ranks, strict=True):
            rows = np.concatenate([s + part for s, part in zip(starts, parts, strict=False)])
            optimizer.zero_grad()
            loss = criterion(net(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / N)
    return net, losses


@pytest.fixture(scope="module")
def threads():
    options = {"processes": False, "n_workers": 2, "threads_per_worker": 1}
    with Client(**options, dashboard_address=":0") as client:
        yield client


def test_workers_equal_one_process_and_repeat_all_bits(threads):
    one, other = network(), network()
    found = trained(threads, one)
    assert found.rows == [50, 40]
    expected, losses = in_one_process(found.rows)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)
    for name, values in expected.state_dict().items():
        np.testing.assert_allclose(one.state_dict()[name], values, rtol=0, atol=1e-12)
    assert trained(threads, other).losses == found.losses
    for name, values in one.state_dict().items():
        assert other.state_dict()[name].tobytes() == values.tobytes()


def test_predictions_are_lazy(threads):
    net, (X, _) = network(), collections()
    found = predict(net, X)
    assert isinstance(found, dask.array.Array)
    np.testing.assert_allclose(found.compute(), net(data()[0]).data, rtol=1e-12)


def test_an_error_of_a_worker_is_raised_and_changes_nothing(threads):
    def loss(outputs, targets):
        raise KeyError("no such loss")

    net = network()
    before = net.state_dict()
    with pytest.raises(WorkerError, match="no such loss"):
        trained(threads, net, loss=loss)
    assert all((net.state_dict()[name] == values).all() for name, values in before.items())


def test_wrong_arguments_are_refused_before_anything_is_sent(threads):
    X, y = collections()
    options = {"loss": nn.CrossEntropyLoss(), "optimizer": sgd, "client": threads}
    net = network()
    refused(lambda: fit(net, data()[0], y, **options), TypeError, ["ndarray", "from_array"])
    refused(lambda: fit(net, X, y.rechunk(45), **options), ValueError, ["4 partitions", "2"])
    optimizer = sgd(net.parameters())
    wrong = options | {"optimizer": optimizer}
    refused(lambda: fit(net, X, y, **wrong), TypeError, ["SGD", "lambda parameters"])
    wrong = options | {"loss": nn.CrossEntropyLoss(reduction="sum")}
    refused(lambda: fit(net, X, y, **wrong), ValueError, ["mean"])
    other = y.rechunk(((20, 30, 15, 25),))
    with pytest.raises(ValueError, match="partition 2 has 10 rows in X and 15 in y"):
        fit(net, X, other, **options)


def test_tables_and_data_on_the_workers_are_used_as_they_are(threads):
    x, y = data()
    X = dask.dataframe.from_pandas(pandas.DataFrame(x), npartitions=3)
    Y = dask.dataframe.from_pandas(pandas.Series(y), npartitions=3)
    options = {"loss": nn.CrossEntropyLoss(), "optimizer": sgd, "client": threads, "epochs": 2}
    found = fit(network(), X, Y, **options)
    assert sum(found.rows) == N
    assert len(found.workers) == 2
    second = found.workers[1]
    own = [one + 0 for one in collections()]  # no earlier test left them on another worker
    kept = threads.persist(own, workers=[second], allow_other_workers=False)
    wait(kept)
    found = fit(network(), *kept, **options)
    assert found.workers == [second]
    assert found.rows == [N]


def test_a_worker_that_hangs_is_noticed_after_the_timeout(threads, tmp_path):
    last, end = max(threads.nthreads()), tmp_path / "end"

    def loss(outputs, targets):
        while get_worker().address == last and not end.exists():
            time.sleep(0.02)
        return nn.CrossEntropyLoss()(outputs, targets)

    net = network()
    before = net.state_dict()
    try:
        with pytest.raises(WorkerError, match=r"rank 1 of 2 hangs: no message for 0\.5 seconds"):
            trained(threads, net, loss=loss, timeout=0.5)
    finally:
        end.touch()
    assert all((net.state_dict()[name] == values).all() for name, values in before.items())


def test_killed_workers_end_the_training():
    def loss(outputs, targets):
        if get_worker().name in killed:
            os._exit(1)
        return nn.CrossEntropyLoss()(outputs, targets)

    options = {"processes": True, "n_workers": 2, "threads_per_worker": 1}
    with Client(**options, dashboard_address=":0") as client:
        for nanny in client.cluster.workers.values():
            nanny.auto_restart = False
        killed = [1]
        with pytest.raises(WorkerError):
            trained(client, network(), loss=loss)
        killed = [0, 1]  # now the only worker
        with pytest.raises(WorkerError):
            trained(client, network(), loss=loss)
        with pytest.raises(WorkerError, match="no workers"):
            trained(client, network())


# The group -----------------------------------------------------------------------------------


def run(size, function, keys=None):
    """Call a function on the ranks of a group, as threads; return results and errors."""
    server = listen("127.0.0.1")
    address, found = server.getsockname(), [None] * size

    def rank(n):
        key = (keys or [b"k" * 32] * size)[n]
        where = {"server": server} if n == 0 else {"address": address}
        try:
            with Sockets(n, size, key, **where) as group:
                found[n] = function(group)
        except RankError as error:
            found[n] = error

    workers = [threading.Thread(target=rank, args=(n,)) for n in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
        assert not worker.is_alive()
    return found


def test_sums_are_in_the_order_of_the_ranks():
    arrays = [np.random.default_rng(n).normal(size=999) * 10.0 ** (8 * n - 8) for n in range(4)]

    def function(group):
        array = arrays[group.rank].copy()
        group.allreduce(array)
        group.barrier()
        return array, group.broadcast({"a": [array, None]} if group.rank == 0 else None)

    expected = ((arrays[0] + arrays[1]) + arrays[2]) + arrays[3]
    for array, sent in run(4, function):
        assert array.tobytes() == sent["a"][0].tobytes() == expected.tobytes()


def test_a_rank_that_leaves_or_calls_something_else_is_noticed():
    def leaves(group):
        if group.rank != 2:
            group.barrier()

    found = run(3, leaves)
    assert "rank 2 of 3 has left" in str(found[0])
    assert isinstance(found[1], RankError)
    found = run(2, lambda group: group.allreduce(np.zeros(2 + group.rank)))
    assert "rank 1 adds <f8(3,) and rank 0 adds <f8(2,)" in str(found[0])


def test_a_stranger_is_not_admitted(monkeypatch):
    monkeypatch.setattr("nn.bridges.dask.sockets._SECONDS_TO_CONNECT", 1.0)
    found = run(2, lambda group: group.barrier(), [b"k" * 32, b"x" * 32])
    assert all(isinstance(error, RankError) for error in found)

"""Tests that all ranks get one network, and that a rank whose network differs is found."""

import warnings

import numpy as np
import pytest

from nn import MLP, BatchNorm1d, Dropout, InstanceNorm1d, Linear, Sequential
from nn.distributed import (
    Alone,
    RankError,
    SharedGradients,
    average_buffers,
    broadcast_state,
    check_state,
    run_threads,
)

from .models import mlp, values
from .test_message import on_all


def network(seed):
    g = np.random.default_rng(seed)
    layers = Linear(3, 4, generator=g), BatchNorm1d(4), Dropout(0.5, generator=g)
    return Sequential(*layers, Linear(4, 2, generator=g))


def test_all_ranks_get_the_state_of_rank_0():
    def program(collective):
        found = network(collective.rank)
        found[1].running_mean.data = np.full(4, collective.rank + 1.0)
        broadcast_state(found, collective)
        check_state(found, collective)
        return found.state_dict()

    first, *others = run_threads(3, program)
    expected = network(0).state_dict()
    assert (first["1.running_mean"] == 1).all()
    for other in others:
        assert other.keys() == first.keys()
        for name, array in other.items():
            np.testing.assert_array_equal(array, first[name])
            if name != "1.running_mean":
                np.testing.assert_array_equal(array, expected[name])


def test_a_forgotten_broadcast_is_found():
    errors = on_all(3, lambda group: check_state(network(int(group.rank == 2)), group))
    for error in errors:
        assert isinstance(error, RankError)
        assert "rank 2 has other values of 0.weight than rank 0" in str(error)


def test_one_flipped_bit_is_found():
    def program(collective):
        module, _ = mlp()
        if collective.rank:
            weight = module[2].weight
            bits = weight.data.copy().view(np.uint64)
            bits[1, 1] ^= 1
            weight.data = bits.view(np.float64)
        check_state(module, collective)

    for error in on_all(2, program):
        assert "2.weight" in str(error)
        assert "0.weight" not in str(error)


def test_other_structure_is_refused_before_anything_changes():
    found = {}

    def program(collective):
        module = MLP([3, 4 + collective.rank, 2], seed=collective.rank)
        found[collective.rank] = module, values(module)
        broadcast_state(module, collective)

    assert all(isinstance(error, RankError) for error in on_all(2, program))
    for module, before in found.values():
        np.testing.assert_array_equal(values(module), before)


def test_running_averages_become_their_mean():
    def program(collective):
        layer = BatchNorm1d(2, momentum=1.0, dtype="float64")
        for _ in range(1 + collective.rank):
            layer(np.random.default_rng(collective.rank).normal(size=(5, 2)))
        own = layer.running_var.data
        average_buffers(layer, collective)
        check_state(layer, collective)
        return own, layer.running_var.data, layer.num_batches_tracked.item()

    found = run_threads(2, program)
    for _, variance, count in found:
        np.testing.assert_allclose(variance, (found[0][0] + found[1][0]) / 2, rtol=1e-15)
        assert count == 1


def test_layers_that_depend_on_the_division_of_rows_are_named():
    with pytest.warns(UserWarning, match="2 ranks do not train the same") as caught:
        run_threads(2, lambda group: SharedGradients(network(0), group))
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2  # rank 0 alone warns
    assert "1 (BatchNorm1d) normalises by the rows of each rank" in texts[0]
    assert "2 (Dropout) draws other masks" in texts[1]


def test_nothing_is_said_where_nothing_differs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SharedGradients(network(0), Alone())
        plain = Sequential(Linear(2, 3), InstanceNorm1d(3, affine=True), Dropout(0.0))
        run_threads(2, lambda group: SharedGradients(plain, group))

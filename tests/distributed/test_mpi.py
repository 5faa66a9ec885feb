"""Tests the group of processes over MPI: sums, equal bits, values, and a training on it."""

import json

import numpy as np
import pytest

from .launching import launch


def run(ranks, folder):
    out = folder / f"{ranks}.json"
    done, _ = launch(ranks, "-m", "tests.distributed.program", "all", str(out))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(out.read_text("utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mpi")
    return {ranks: run(ranks, folder) for ranks in (2, 4)}


@pytest.mark.parametrize("ranks", [2, 4])
def test_sums_and_values(found, ranks):
    assert found[ranks]["size"] == ranks
    assert {name for name, right in found[ranks]["sums"].items() if not right} == set()
    assert all(found[ranks]["values"])
    assert found[ranks]["left behind"] == []
    read_only, *others = found[ranks]["refused"]
    assert "read-only" in read_only
    assert len(others) == 4
    assert all(error.startswith("allreduce adds up an array of numbers") for error in others)


def test_each_run_gets_the_same_bits(found, tmp_path):
    assert run(4, tmp_path) == found[4]  # checksums of sums and of weights, and all else


@pytest.mark.parametrize("ranks", [2, 4])
def test_all_ranks_get_the_same_bits(found, ranks):
    for bits in found[ranks]["bits"]:
        assert len(set(bits["of all ranks"])) == 1
        assert bits["repeated"]
        assert bits["in order of ranks"]
    assert len(set(found[ranks]["trained"]["checksums"])) == 1


@pytest.mark.parametrize("ranks", [2, 4])
def test_training_is_that_of_one_process(found, ranks):
    assert found[ranks]["trained"]["difference"] < 1e-12
    assert found[ranks]["trained"]["loss"] < 1e-12


def test_a_program_without_mpiexec_is_a_group_of_one():
    pytest.importorskip("mpi4py")
    from nn.bridges.mpi import connect

    with connect() as group:
        array = np.array([1.0, 2.0])
        group.allreduce(array)
        group.barrier()
        value = object()
        assert group.broadcast(value) is value
        assert (group.rank, group.size, array.tolist()) == (0, 1, [1.0, 2.0])
    with pytest.raises(RuntimeError, match="call connect"):
        group.barrier()
    with pytest.raises(ZeroDivisionError), connect():
        _ = 1 / 0

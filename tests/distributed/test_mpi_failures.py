"""Tests that a job ends, with a status other than 0 and one error, when one of its ranks does."""

import pytest

from .launching import launch

LEFT = "left after 2 collective calls"
# What a rank does, the status of the job, and what is printed.
FAILURES = {
    "raise": (1, "ZeroDivisionError: division by zero"),
    "raise0": (1, "ZeroDivisionError: division by zero"),
    "raise*": (1, "ZeroDivisionError: division by zero"),
    "plain-raise": (1, "ZeroDivisionError: division by zero"),
    "killed": (9, "Killed"),
    "crashed": (11, "Segmentation fault"),
    "exit": (1, LEFT),
    "exit-text": (1, "there is no such file"),
    "os-exit-0": (1, "called os._exit(0)"),
    "os-exit-3": (3, ""),
    "return": (1, LEFT),
    "return0": (1, LEFT),
    "plain-return": (1, LEFT),
    "another-call": (1, "waits in allreduce of float64[4]"),
    "interrupted": (130, "was interrupted"),
}


@pytest.mark.parametrize("way", FAILURES)
def test_the_job_fails_as_a_whole(way):
    status, words = FAILURES[way]
    done, end = launch(2, "-m", "tests.distributed.program", way)
    seconds = end - float(done.stdout.partition("at ")[2].split()[0])
    print(f"{way}: status {done.returncode} after {seconds:.2f} s")  # pytest -rP
    assert done.returncode != 0
    assert done.returncode == status
    assert done.stdout.count("not reached") == 0
    everything = done.stdout + done.stderr
    if words:
        # Some builds of MPI report a crash themselves, too.
        assert everything.count(words) == 1 or (way == "crashed" and words in everything), (
            everything
        )


@pytest.mark.parametrize("way", ["raise", "os-exit-0", "return0"])
def test_four_ranks_fail_as_a_whole(way):
    done, _ = launch(4, "-m", "tests.distributed.program", way)
    assert done.returncode == 1
    assert done.stderr.count(FAILURES[way][1]) == 1


def test_without_the_watch_a_rank_that_leaves_is_not_noticed(tmp_path):
    """Why there is one: MPICH alone reports success."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os\nfrom mpi4py.MPI import COMM_WORLD as world\nworld.Barrier()\n"
        "if world.rank: os._exit(0)\nworld.Barrier()\n",
        "utf-8",
    )
    done, _ = launch(2, str(program))
    if done.returncode:
        pytest.skip("this MPI library notices it")
    assert done.returncode == 0

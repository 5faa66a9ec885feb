"""What `mpiexec` starts for the tests: ``python -m tests.distributed.program WHAT [OUT]``.

``all OUT`` tries each method and trains, and writes what all ranks got; anything else is a way to
fail, on the last rank, or on rank 0 with a ``0`` after its name, or on all with an ``*``.
"""

import json
import os
import signal
import sys
import time

import numpy as np

from nn.bridges import mpi
from nn.distributed import Alone


def of_all(group, number):
    """Return the numbers of all ranks."""
    places = np.zeros(group.size, np.int64)
    places[group.rank] = number
    group.allreduce(places)
    return places.tolist()


def checksum(array):
    return int.from_bytes(np.ascontiguousarray(array).tobytes()[:4096], "little") % (2**61 - 1)


def sums(group):
    """Add up arrays of each kind; return whether the sums are right, by what they test."""
    rank, size, right = group.rank, group.size, {}
    total = size * (size + 1) // 2
    for dtype in ("float16", "float32", "float64", "int64", "int32", "uint8", "complex128", ">f8"):
        array = np.full((3, 4), rank + 1, dtype)
        group.allreduce(array)
        right[dtype] = bool((array == total).all() and array.dtype == dtype)
    whole = np.arange(24.0).reshape(4, 6)
    part = whole[::2, 1::2]
    group.allreduce(part)
    expected = np.arange(24.0).reshape(4, 6)
    expected[::2, 1::2] *= size
    right["strided"] = whole.tolist() == expected.tolist()
    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    group.allreduce(turned)
    right["transposed"] = turned.tolist() == (np.arange(6.0).reshape(2, 3) * size).tolist()
    # 2048 + 1 + 1 is 2050 in float16 only if it is rounded once.
    half = np.array([2048.0 if rank == 0 else 1.0 / (size - 1) * 2], np.float16)
    group.allreduce(half)
    right["rounded once"] = half.item() == 2050.0
    scalar = np.array(float(rank))
    group.allreduce(scalar)
    right["no axes"] = scalar.item() == total - size
    empty = np.zeros((0, 3))
    group.allreduce(empty)
    most, mpi._MOST_ELEMENTS = mpi._MOST_ELEMENTS, 7
    long = np.arange(30.0)
    group.allreduce(long)
    value = group.broadcast({"long": np.arange(50)} if rank == 0 else None)
    mpi._MOST_ELEMENTS = most
    right["pieces"] = long.tolist() == (np.arange(30.0) * size).tolist()
    right["broadcast in pieces"] = value["long"].tolist() == list(range(50))
    return right


def values(group):
    given = {"a": [np.eye(2), (1, "x", None)], "b": {"c": np.float32(2), "d": np.ones(3, "f2")}}
    got = group.broadcast(given if group.rank == 0 else "ignored")
    return [
        np.array_equal(got["a"][0], np.eye(2)) and got["a"][1] == (1, "x", None),
        got["b"]["c"] == 2 and got["b"]["d"].dtype == "f2" and got["b"]["d"].tolist() == [1] * 3,
        group.broadcast(group.rank) == 0 and group.broadcast(np.array(3)).item() == 3,
    ]


def refused(group):
    """Return the errors for what cannot be added up; nothing was sent for them."""
    fixed = np.ones(3)
    fixed.flags.writeable = False
    found = []
    for bad in (fixed, np.array(["a"]), np.array([True]), [1.0], np.array([None])):
        try:
            group.allreduce(bad)
        except (TypeError, ValueError) as error:
            found.append(str(error))
    return found


def wild(rank, count):
    """Draw numbers of 16 decades."""
    draw = np.random.default_rng([rank, count])
    return draw.normal(size=count) * 10.0 ** draw.integers(-8, 8, count)


def named_memory():
    """Return the shared memory of this process that a job which is killed would leave behind."""
    if not os.path.exists("/proc/self/maps"):
        return []
    with open("/proc/self/maps", encoding="utf-8") as file:
        return [line for line in file if "/mpich_shm" in line and "(deleted)" not in line]


def same_bits(group):
    """Add up with lengths for which the library has different algorithms; return checksums."""
    found = []
    for count in (3, 1001, 100_003):
        results = []
        for strict in (False, False, True):
            array = wild(group.rank, count)
            group._strict = strict
            group.allreduce(array)
            results.append(array)
        group._strict = False
        in_order = sum((wild(rank, count) for rank in range(1, group.size)), wild(0, count))
        found.append(
            {
                "of all ranks": of_all(group, checksum(results[0])),
                "repeated": results[0].tobytes() == results[1].tobytes(),
                "in order of ranks": results[2].tobytes() == in_order.tobytes(),
            }
        )
    return found


def trained(group):
    """Train with uneven rows, of which rank 1 has none if there are more than two ranks."""
    from .models import ROWS, train  # a rank that fails does without all this

    ends = [round(ROWS * (rank / group.size) ** 2) for rank in range(group.size + 1)]
    if group.size > 2:
        ends[2] = ends[1]
    losses, weights = train(group, "mlp", "Adam", ends, steps=8)
    expected_losses, expected = train(Alone(), "mlp", "Adam", (0, ROWS), steps=8)
    return {
        "checksums": of_all(group, checksum(weights)),
        "difference": float(np.abs(weights - expected).max()),
        "loss": float(np.abs(np.subtract(losses, expected_losses)).max()),
    }


def try_all(group, out):
    found = {
        "size": group.size,
        "sums": sums(group),
        "values": values(group),
        "refused": refused(group),
        "left behind": named_memory(),
        "bits": same_bits(group),
        "trained": trained(group),
    }
    if group.rank == 0:
        time.sleep(0.3)  # the others leave earlier
        with open(out, "w", encoding="utf-8") as file:
            json.dump(found, file)


WAYS_TO_FAIL = {
    "raise": lambda: 1 / 0,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crashed": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": sys.exit,
    "exit-3": lambda: sys.exit(3),
    "exit-text": lambda: sys.exit("there is no such file"),
    "os-exit-0": lambda: os._exit(0),
    "os-exit-3": lambda: os._exit(3),
    "return": lambda: "left",
    "interrupted": lambda: os.kill(os.getpid(), signal.SIGINT),
}


def fail(group, way):
    array = np.ones(4)
    group.allreduce(array)
    group.barrier()
    who = {"0": 0, "*": group.rank}.get("" if way == "os-exit-0" else way[-1:], group.size - 1)
    if group.rank == who:
        time.sleep(0.1)
        print(f"at {time.time()}", flush=True)
        if way.strip("*") == "another-call":
            group.allreduce(array)
        elif WAYS_TO_FAIL[way.rstrip("0*") if way != "os-exit-0" else way]() == "left":
            return
    for _ in range(3):
        group.barrier()
    print("not reached", flush=True)


def main(what, *arguments):
    if what.startswith("plain-"):  # no with block
        fail(mpi.connect(), what.removeprefix("plain-"))
        return
    with mpi.connect() as group:
        if what == "all":
            try_all(group, *arguments)
        else:
            fail(group, what)


if __name__ == "__main__":
    main(*sys.argv[1:])

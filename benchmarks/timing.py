"""How things are timed: several candidates in turn, many rounds, medians and ratios in one run.

A shared machine changes its speed from second to second. Candidates that take turns see the same
machine, so a ratio means more than either time.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["interleaved", "machine"]


def interleaved(
    candidates: Sequence[Callable[[], object]], seconds: float = 0.05, rounds: int = 21
) -> tuple[list[float], list[float]]:
    """Time candidates in turn.

    Parameters
    ----------
    candidates : sequence of callable
        What to time; the first is what the others are compared with.
    seconds : float
        How long a candidate may run in one round, about.
    rounds : int
        How many turns each gets.

    Returns
    -------
    medians : list of float
        Seconds a call.
    ratios : list of float
        Medians, over the rounds, of the ratio to the first candidate.
    """
    repeats = []
    for candidate in candidates:
        candidate()  # warm
        start = time.perf_counter()
        candidate()
        repeats.append(max(1, int(seconds / max(time.perf_counter() - start, 1e-7))))
    times: list[list[float]] = [[] for _ in candidates]
    for _ in range(rounds):
        for number, candidate in enumerate(candidates):
            start = time.perf_counter()
            for _ in range(repeats[number]):
                candidate()
            times[number].append((time.perf_counter() - start) / repeats[number])
    ratios = [
        statistics.median(own / first for own, first in zip(column, times[0], strict=True))
        for column in times
    ]
    return [statistics.median(column) for column in times], ratios


def machine() -> str:
    """Name the versions, and the BLAS kernel and threads that NumPy really uses here."""
    import platform

    from threadpoolctl import threadpool_info

    pools = [
        f"{pool['internal_api']} {pool['version']}, kernel {pool.get('architecture', 'unknown')}, "
        f"{pool['num_threads']} thread{'s' * (pool['num_threads'] > 1)}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return (
        f"Python {platform.python_version()}, NumPy {np.__version__}; "
        f"{'; '.join(pools) or 'BLAS unknown'}"
    )

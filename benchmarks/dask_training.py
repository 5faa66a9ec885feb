"""Two workers of a Dask cluster compared with one process: ``python -m benchmarks.dask_training``.

[200, 512, 512, 10] with 256 rows a step in one process, and 512 on two workers: 256 each on
average. The workers are processes with one BLAS thread each and take turns with the single one.
The time of an epoch is the difference of two trainings, so starting one does not count.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from statistics import median

from benchmarks.tables import number, table

ROWS, BATCH = 8192, 256


def main() -> None:
    """Print rows a second of both, and the speed-up of each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"  # before NumPy is imported, here and by the workers
    import dask.array
    import numpy as np
    from distributed import Client

    from nn.bridges.dask import DaskMLPClassifier
    from nn.bridges.sklearn import MLPClassifier

    draw = np.random.default_rng(0)
    x, y = draw.random((ROWS, 200), dtype=np.float32), draw.integers(0, 10, ROWS)
    chunk = ROWS // 2
    X, Y = dask.array.from_array(x, chunks=(chunk, 200)), dask.array.from_array(y, chunks=chunk)
    settings = {"hidden_layer_sizes": (512, 512), "random_state": 0, "tol": 0.0}
    settings["n_iter_no_change"] = 10**6

    def seconds_of_epoch(kind, data, **others):
        taken = []
        for epochs in (1, 1 + options.epochs):
            model = kind(max_iter=epochs, **settings, **others)
            start = time.perf_counter()
            model.fit(*data)
            taken.append(time.perf_counter() - start)
        return (taken[1] - taken[0]) / options.epochs

    ones, twos = [], []
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with warnings.catch_warnings(), Client(**workers) as client:
        warnings.simplefilter("ignore")
        X, Y = client.persist([X, Y])
        for _ in range(options.rounds):
            ones.append(seconds_of_epoch(MLPClassifier, (x, y), batch_size=BATCH))
            on_both = {"batch_size": 2 * BATCH, "client": client}
            twos.append(seconds_of_epoch(DaskMLPClassifier, (X, Y), **on_both))
    rows = [
        ("one process", [number(ROWS / median(ones), 0)]),
        ("two workers", [number(ROWS / median(twos), 0)]),
    ]
    table("[200, 512, 512, 10], 256 rows a process", ["rows a s"], rows)
    ratios = [one / two for one, two in zip(ones, twos, strict=True)]
    print(
        f"  speed-up of each round: {', '.join(map(number, ratios))}; median {median(ratios):.2f}, "
        f"of the fastest {min(ones) / min(twos):.2f}; load {os.getloadavg()[0]:.1f} on "
        f"{os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()

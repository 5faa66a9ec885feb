"""Time to the same score: our estimators, and scikit-learn's own networks, on five data sets.

Both have the same parameters, initial weights and order of the rows, and so the same weights after
each epoch. The epoch at which scikit-learn's network reaches the score is found first, without a
clock; then `fit` with so many epochs is timed, in turn, and the scores are compared. Times are
processor times, the shortest of several rounds, which other programs on the machine disturb less.
The first fit of a new process has columns of its own: it loads modules and fills caches.
"""

from __future__ import annotations

import json
import time
import warnings
from statistics import median
from typing import Any

import numpy as np

from benchmarks.goals import Goals
from benchmarks.processes import note, run_code
from benchmarks.tables import number, table

__all__ = ["first_fit", "measure"]

MOST_EPOCHS = 300
ROUNDS = 5
# The data set, the score that is to be reached, and settings of both networks.
CASES: dict[str, tuple[float, dict[str, Any]]] = {
    "digits": (0.97, {}),
    "breast cancer": (0.97, {}),
    "wine": (0.97, {}),
    "moons, 2,000 rows": (0.96, {"hidden_layer_sizes": (64, 64)}),
    "Friedman, 5,000 rows": (0.90, {"hidden_layer_sizes": (64, 64)}),
}
WAYS = ("scikit-learn", "ours", "ours, float32")


def _data(name: str) -> tuple[Any, ...]:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    if name.startswith("moons"):
        X, y = datasets.make_moons(2_000, noise=0.2, random_state=0)
    elif name.startswith("Friedman"):
        X, y = datasets.make_friedman1(5_000, n_features=10, noise=0.5, random_state=0)
        y = (y - y.mean()) / y.std()
    else:
        X, y = getattr(datasets, f"load_{name.replace(' ', '_')}")(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def _make(way: str, name: str, **settings: Any) -> Any:
    import sklearn.neural_network

    import nn.bridges.sklearn

    module = sklearn.neural_network if way == "scikit-learn" else nn.bridges.sklearn
    if way.endswith("float32"):
        settings["dtype"] = "float32"
    kind = "MLPRegressor" if name.startswith("Friedman") else "MLPClassifier"
    return getattr(module, kind)(tol=0.0, n_iter_no_change=np.inf, **CASES[name][1], **settings)


def _epochs(name: str, seed: int, data: tuple[Any, ...]) -> int:
    """Return the epoch at which scikit-learn's network reaches the score."""
    X, X_test, y, y_test = data
    model = _make("scikit-learn", name, random_state=np.random.RandomState(seed))
    more = {} if name.startswith("Friedman") else {"classes": np.unique(y)}
    for epoch in range(1, MOST_EPOCHS + 1):
        model.partial_fit(X, y, **more)
        if model.score(X_test, y_test) >= CASES[name][0]:
            return epoch
    return MOST_EPOCHS


def measure(goals: Goals, seeds: int) -> dict[str, Any]:
    """Measure and print all ways, in turn, for each seed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        print("\nestimators: scikit-learn is not installed (make bench-peers)")
        return {}
    results: dict[str, Any] = {}
    rows, firsts = [], []
    for name in CASES:
        runs = [_run(name, seed) for seed in range(seeds)]
        results[name] = runs
        ratios = {kind: _ratios(runs, kind) for kind in ("seconds", "first")}
        cells = [number(median(run["epochs"] for run in runs), 0)]
        for way in WAYS:
            cells.append(number(median(run["seconds"][way] for run in runs) * 1e3, 1))
            cells.append(number(median(run["scores"][way] for run in runs), 3))
        cells += [number(ratios["seconds"][way], 2) for way in WAYS[1:]]
        rows.append((name, cells))
        cells = [number(median(run["first"][way] for run in runs) * 1e3, 1) for way in WAYS]
        firsts.append((name, cells + [number(ratios["first"][way], 2) for way in WAYS[1:]]))
        goals.other(
            f"time to the same score, {name}: scikit-learn / ours", ratios["seconds"]["ours"]
        )
    heads = [f"{head}" for way in WAYS for head in (f"{way} ms", "score")]
    table("time to the same score, later fits", ["epochs", *heads, "ratio", "ratio, float32"], rows)
    heads = [f"{way} ms" for way in WAYS]
    table("the first fit of a process", [*heads, "ratio", "ratio, float32"], firsts)
    goals.print()
    return results


def _ratios(runs: list[dict[str, Any]], kind: str) -> dict[str, float]:
    """Return how many times the time of each way scikit-learn needs; the median of the seeds."""
    return {way: median(run[kind]["scikit-learn"] / run[kind][way] for run in runs) for way in WAYS}


def _fit(way: str, name: str, seed: int, epochs: int, data: tuple[Any, ...]) -> tuple[float, float]:
    """Fit a network; return the processor time, and the score for rows not trained on."""
    X, X_test, y, y_test = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = _make(way, name, random_state=seed, max_iter=epochs)
        start = time.process_time()
        model.fit(X, y)
        return time.process_time() - start, float(model.score(X_test, y_test))


def first_fit(way: str, name: str, seed: int, epochs: int) -> None:
    """Print the seconds of a fit, in a process that has fitted nothing yet."""
    print(json.dumps({"seconds": _fit(way, name, seed, epochs, _data(name))[0]}))


def _run(name: str, seed: int) -> dict[str, Any]:
    note(f"{name}, seed {seed}")
    data = _data(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        epochs = _epochs(name, seed, data)
    first = {}
    for way in WAYS:
        given = f"{way!r}, {name!r}, {seed}, {epochs}"
        code = f"from benchmarks.estimators import first_fit; first_fit({given})"
        first[way] = run_code(code)["seconds"]
    seconds: dict[str, float] = {}
    scores = {}
    for _ in range(ROUNDS):
        for way in WAYS:
            needed, scores[way] = _fit(way, name, seed, epochs, data)
            seconds[way] = min(needed, seconds.get(way, needed))
    note("")
    return {"epochs": epochs, "seconds": seconds, "scores": scores, "first": first}

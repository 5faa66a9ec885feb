"""Time to the same score: our estimators, and scikit-learn's own networks, on five data sets.

Both have the same parameters, initial weights and order of the rows, and so the same weights after
each epoch. The epoch at which scikit-learn's network reaches the score is found first, without a
clock; then `fit` with so many epochs is timed, in turn, and the scores are compared.
"""

from __future__ import annotations

import time
import warnings
from statistics import median
from typing import Any

import numpy as np

from benchmarks.goals import Goals
from benchmarks.processes import note
from benchmarks.tables import number, table

__all__ = ["measure"]

MOST_EPOCHS = 300
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
    rows = []
    for name in CASES:
        runs = [_run(name, seed) for seed in range(seeds)]
        results[name] = runs
        ratios = {
            way: median(run["seconds"]["scikit-learn"] / run["seconds"][way] for run in runs)
            for way in WAYS
        }
        cells = [number(median(run["epochs"] for run in runs), 0)]
        for way in WAYS:
            cells.append(number(median(run["seconds"][way] for run in runs) * 1e3, 1))
            cells.append(number(median(run["scores"][way] for run in runs), 3))
        cells += [number(ratios[way], 2) for way in WAYS[1:]]
        rows.append((name, cells))
        goals.other(f"time to the same score, {name}: scikit-learn / ours", ratios["ours"])
    heads = [f"{head}" for way in WAYS for head in (f"{way} ms", "score")]
    table("time to the same score", ["epochs", *heads, "ratio", "float32"], rows)
    goals.print()
    return results


def _run(name: str, seed: int) -> dict[str, Any]:
    note(f"{name}, seed {seed}")
    data = _data(name)
    X, X_test, y, y_test = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        epochs = _epochs(name, seed, data)
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        scores = {}
        for _ in range(3):
            for way in WAYS:
                model = _make(way, name, random_state=seed, max_iter=epochs)
                start = time.perf_counter()
                model.fit(X, y)
                seconds[way].append(time.perf_counter() - start)
                scores[way] = float(model.score(X_test, y_test))
    note("")
    middle = {way: median(times) for way, times in seconds.items()}
    return {"epochs": epochs, "seconds": middle, "scores": scores}

"""How well the defaults learn: five public tables of scikit-learn, against its own network.

Both get the same ten splits of each table, 75 % for training. Ours chooses everything itself;
theirs is ``make_pipeline(StandardScaler(), MLPClassifier())``, or `MLPRegressor`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.processes import note
from benchmarks.tables import table

__all__ = ["measure"]

TABLES = ("iris", "wine", "breast_cancer", "digits", "diabetes")


def measure(seeds: int) -> dict[str, Any]:
    """Measure and print both, on the same splits."""
    try:
        import sklearn.datasets
    except ImportError:
        print("learning: scikit-learn is not installed; make bench-peers installs it\n")
        return {}
    results, rows = {}, []
    for name in TABLES:
        note(f"learning, {name}")
        data = getattr(sklearn.datasets, f"load_{name}")()
        pairs = np.array([_scores(data, name == "diabetes", seed) for seed in range(seeds)])
        ours, theirs = pairs.T
        error = float((ours - theirs).std(ddof=1) / np.sqrt(seeds))
        difference = float((ours - theirs).mean())
        within = "yes" if difference >= -error * (1 + 1e-9) else "no"
        cells = [f"{ours.mean():.4f}", f"{theirs.mean():.4f}", f"{difference:+.4f}"]
        rows.append((name, [*cells, f"{error:.4f}", within]))
        results[name] = {"ours": ours.tolist(), "theirs": theirs.tolist()}
    note("")
    table(
        f"accuracy (diabetes: R²), {seeds} splits",
        ["ours", "sklearn", "difference", "one SE", "not worse"],
        rows,
    )
    print()
    return results


def _scores(data: Any, is_regression: bool, seed: int) -> tuple[float, float]:
    """Return the scores of both on one split."""
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from nn import model

    stratify = None if is_regression else data.target
    split = train_test_split(
        data.data, data.target, test_size=0.25, random_state=seed, stratify=stratify
    )
    x, x_test, y, y_test = split
    network = (MLPRegressor if is_regression else MLPClassifier)(random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs ends before it has converged
        theirs = make_pipeline(StandardScaler(), network).fit(x, y).score(x_test, y_test)
    ours = model(seed=seed, verbose=False, task="regression" if is_regression else "classification")
    ours.fit(x, y)
    return ours.score(x_test, y_test, check_ranges=False), theirs

"""Trains a network on the workers of a Dask cluster, each on the partitions that it holds.

`fit` trains, `predict` predicts lazily. The package needs the extra: ``tinygrad_edu[dask]``.
`DaskMLPClassifier` and `DaskMLPRegressor` are estimators of scikit-learn and need its extra too:
``tinygrad_edu[dask,sklearn]``.
"""

from typing import TYPE_CHECKING, Any

from .prediction import predict
from .training import Fitted, fit
from .watching import WorkerError

if TYPE_CHECKING:
    from .estimators import DaskMLPClassifier, DaskMLPRegressor

__all__ = ["DaskMLPClassifier", "DaskMLPRegressor", "Fitted", "WorkerError", "fit", "predict"]


def __getattr__(name: str) -> Any:
    """Import the estimators when they are used, because only they need scikit-learn."""
    if name not in ("DaskMLPClassifier", "DaskMLPRegressor"):
        raise AttributeError(f"module {__name__} has no attribute {name!r}")
    from . import estimators

    return getattr(estimators, name)

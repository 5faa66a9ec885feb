"""Trains a network on the workers of a Dask cluster, each on the partitions that it holds.

`fit` trains, `predict` predicts lazily. The package needs the extra: ``tinygrad_edu[dask]``.
"""

from .prediction import predict
from .training import Fitted, WorkerError, fit

__all__ = ["Fitted", "WorkerError", "fit", "predict"]

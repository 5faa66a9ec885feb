"""Checks the parameters of the estimators, when `fit` is called: scikit-learn wants it there.

Errors say what was found and what is expected. Data are checked in `base.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...checks import check_count, check_flag, check_number
from .networks import ACTIVATIONS

__all__ = ["check_parameters"]

_SOLVERS = ("adam", "sgd", "lbfgs")
_RATES = ("constant", "invscaling", "adaptive")


def check_parameters(estimator: Any) -> list[int]:
    """Check the parameters of an estimator; return the widths of the hidden layers.

    Raises
    ------
    TypeError, ValueError
        If one cannot be used.
    """
    sizes = estimator.hidden_layer_sizes
    hidden = list(sizes) if np.iterable(sizes) else [sizes]
    if estimator.network is None:
        for size in hidden:
            if not isinstance(size, int | np.integer) or isinstance(size, bool) or size < 1:
                raise ValueError(
                    f"hidden_layer_sizes must be > 0, got {sizes!r}; pass widths such as (100,)"
                )
        if estimator.network_parameters is not None:
            raise ValueError("network_parameters are for network=, a function; pass it too")
    elif (tuple(hidden), estimator.activation) != ((100,), "relu"):
        raise ValueError(
            "hidden_layer_sizes and activation describe the built-in network; with network= "
            "leave them out, and pass network_parameters="
        )
    _check_settings(estimator)
    return hidden


def _check_settings(estimator: Any) -> None:
    """Check everything but the network."""
    _check_choice("activation", estimator.activation, tuple(ACTIVATIONS))
    _check_choice("learning_rate", estimator.learning_rate, _RATES)
    if not callable(estimator.solver):
        _check_choice("solver", estimator.solver, _SOLVERS)
    if estimator.dtype not in ("auto", "float32", "float64", np.float32, np.float64):
        raise ValueError(f"dtype must be 'auto', 'float32' or 'float64', got {estimator.dtype!r}")
    if not (isinstance(estimator.batch_size, str) and estimator.batch_size == "auto"):
        check_count("batch_size", estimator.batch_size)
    for name in ("max_iter", "max_fun"):
        check_count(name, getattr(estimator, name))
    if estimator.n_iter_no_change != math.inf:
        check_count("n_iter_no_change", estimator.n_iter_no_change)
    for name in ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping"):
        check_flag(name, getattr(estimator, name))
    for name in ("alpha", "tol", "power_t"):
        check_number(name, getattr(estimator, name), least=0.0)
    for name in ("learning_rate_init", "epsilon"):
        check_number(name, getattr(estimator, name), above=0.0)
    for name in ("beta_1", "beta_2", "momentum", "validation_fraction"):
        check_number(name, getattr(estimator, name), least=0.0, below=1.0)


def _check_choice(name: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")

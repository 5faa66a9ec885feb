"""The regressor: numbers, or several numbers for a row, and counts with the Poisson loss.

Its training is in `base.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from .base import NetworkEstimator, is_stochastic

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc, unused-ignore]
    """A network that learns numbers, as an estimator of scikit-learn.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}
        What is minimised; "poisson" is for counts, and predicts ``exp`` of the outputs.
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers.
    activation : {"relu", "tanh", "logistic", "identity"}
        Activation of the hidden layers.
    solver : {"adam", "sgd", "lbfgs"} or callable
        How the weights are trained; ``solver(parameters, learning_rate)`` may make any optimizer of
        `nn`, such as ``nn.AdamW``.
    alpha : float
        The L2 penalty: ``alpha / 2`` times the squared weights, without biases, divided by the rows
        of the batch.
    batch_size : int or "auto"
        Rows of a step; "auto" is 200, or all rows if there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"}
        The schedule of "sgd".
    learning_rate_init : float
        The learning rate, above 0.
    power_t : float
        The exponent of "invscaling".
    max_iter : int
        The largest number of epochs; of iterations for "lbfgs".
    shuffle : bool
        Whether each epoch has another order of the rows.
    random_state : int, RandomState or None
        Draws weights, the order, and the held out rows.
    tol : float
        An improvement below it counts as none.
    verbose : bool
        Whether to print the loss of each epoch.
    warm_start : bool
        Whether `fit` continues: with the weights, the optimizer, the held out rows and the random
        numbers of the last fit. In scikit-learn, it continues with the weights alone.
    momentum, nesterovs_momentum : float, bool
        For "sgd".
    early_stopping : bool
        Whether to hold rows out, to stop by their score, and to keep the best weights.
    validation_fraction : float
        The share of these rows.
    beta_1, beta_2, epsilon : float
        For "adam".
    n_iter_no_change : int or inf
        The training stops after more epochs than these without an improvement.
    max_fun : int
        The largest number of evaluations of "lbfgs".
    network : callable, optional
        ``network(n_features, n_outputs, generator, **network_parameters)`` makes a new Module that
        takes (N, n_features) and returns (N, n_outputs), logits or numbers. Each parameter of the
        function can be searched: ``network__name``.
    network_parameters : dict, optional
        Its other arguments.
    dtype : {"auto", "float32", "float64"}
        Of the weights and the computation: "auto" is float32 for data in float32, else float64,
        as in scikit-learn. With `network`, it is that of its parameters.

    Attributes
    ----------
    network_ : Module
        The network; it returns predictions, or their logarithms with ``loss="poisson"``.
    n_iter_, t_ : int
        Epochs of the last fit, and rows seen in all.
    loss_, best_loss_ : float
        The loss of the last epoch, and the lowest: half of the squared error, summed over outputs.
    loss_curve_ : list of float
        The loss of each epoch, of all fits that continue each other.
    validation_scores_, best_validation_score_ : list of float, float
        With `early_stopping`: R² on the held out rows.
    n_outputs_, n_features_in_, feature_names_in_ : int, int, ndarray
        As in scikit-learn.
    coefs_, intercepts_, n_layers_, out_activation_ : list, list, int, str
        As in scikit-learn, of the built-in network.

    Raises
    ------
    ValueError
        For data and parameters that cannot be used, and if the training diverges.

    Notes
    -----
    In float64, with the same `random_state`, `fit` reaches the weights of scikit-learn's own class
    up to round-off. With several outputs, scikit-learn reports the mean of their losses, and this
    class the sum, which is what both minimise; so the rule of `tol` may stop at another epoch.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from nn.bridges.sklearn import MLPRegressor
    >>> X, y = make_regression(200, 5, random_state=0)
    >>> model = MLPRegressor(learning_rate_init=0.05, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _kind = "regressor"

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        network: Callable[..., Any] | None = None,
        network_parameters: dict[str, Any] | None = None,
        dtype: Any = "auto",
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.network = network
        self.network_parameters = network_parameters
        self.dtype = dtype

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train the network.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (N, features)
            Finite numbers. They are not scaled.
        y : array_like, shape (N,) or (N, outputs)
            Finite numbers. They are not scaled either; see `TransformedTargetRegressor`.
        sample_weight : array_like, shape (N,), optional
            At least 0; a row of weight 2 counts as two rows.
        """
        return self._fit(X, y, sample_weight)  # type: ignore[no-any-return]

    @available_if(is_stochastic)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        """
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return a number for each row, shape (N,), or several, shape (N, outputs)."""
        return self._numbers_of(self._outputs(X))

    @property
    def out_activation_(self) -> str:
        """What turns the outputs into predictions: ``"identity"`` or ``"exp"``."""
        self._layers("out_activation_")
        return "exp" if self.loss == "poisson" else "identity"

    @property
    def _loss_name(self) -> str:
        return self.loss

    def _check_parameters(self) -> list[int]:
        if self.loss not in ("squared_error", "poisson"):
            raise ValueError(f"loss must be one of squared_error, poisson, got {self.loss!r}")
        return super()._check_parameters()

    def _numbers_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        numbers = np.exp(outputs) if self.loss == "poisson" else outputs
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def _targets(self, y: Any, first: bool, classes: Any, partial: bool) -> NDArray[Any]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"loss='poisson' needs y >= 0, got {y.min()}")
        columns = 1 if y.ndim == 1 else y.shape[1]
        if not first and columns != self.n_outputs_:
            raise ValueError(f"y has {columns} columns, and the network has {self.n_outputs_}")
        return np.asarray(y)

    def _encoded(self, y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], str, int]:
        targets = y.reshape(len(y), -1).astype(dtype)
        return targets, self.loss, targets.shape[1]

    def _score_of(self, outputs: NDArray[Any], y: NDArray[Any], weights: Any) -> float:
        numbers = self._numbers_of(outputs)
        # A score of predictions that are not finite would raise an error without a remedy.
        self._check_finite(float(np.abs(numbers).max()), self.n_iter_)
        return float(r2_score(y, numbers, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

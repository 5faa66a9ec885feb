"""What both estimators share: checks of the parameters, the fit, and when it stops.

How a batch is trained is in `training.py`. What the targets mean is in `classifier.py` and
`regressor.py`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ...module import Module
from .networks import layers_of, make_built_in, make_from, names_of
from .parameters import check_parameters
from .training import Trainer, outputs_of
from .updating import make_optimizer

__all__ = ["NetworkEstimator", "is_stochastic"]

_GROWN = 2.0  # a last loss above so many times the first one is a training that went wrong


def is_stochastic(estimator: Any) -> bool:
    """Whether an estimator takes steps, and so has `partial_fit`."""
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit takes steps, and solver='lbfgs' does not; use 'adam'")
    return True


class NetworkEstimator(BaseEstimator):  # type: ignore[misc, unused-ignore]
    """The base class of the estimators; a subclass has `__init__`, and knows the targets."""

    hidden_layer_sizes: Any
    network: Any
    network_parameters: Any
    _architecture: Any
    _made_for: Any
    _kind: str
    _loss_name: Any

    # What a subclass defines ---------------------------------------------------------------------

    def _targets(self, y: Any, first: bool, classes: Any, partial: bool) -> NDArray[Any]:
        """Check the targets, learn the classes at the first fit, and return the encoded targets."""
        raise NotImplementedError

    def _encoded(self, y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], str, int]:
        """Return the targets as the loss takes them, the name of the loss, and the outputs."""
        raise NotImplementedError

    def _class_weights(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return a weight for each row from its class; None where classes have none."""
        return None

    def _score_of(self, outputs: NDArray[Any], y: NDArray[Any], weights: Any) -> float:
        """Return the score of outputs, for early stopping."""
        raise NotImplementedError

    # Parameters ----------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with `deep` also those of the function `network`.

        Parameters
        ----------
        deep : bool
            Add ``network__name`` for each parameter of the function.
        """
        found: dict[str, Any] = super().get_params(deep=deep)
        if deep and self.network is not None:
            given = names_of(self.network)
            if isinstance(self.network_parameters, dict):
                given |= self.network_parameters
            found |= {f"network__{name}": value for name, value in given.items()}
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``network__name`` is an entry of `network_parameters`."""
        own = {k: v for k, v in params.items() if not k.startswith("network__")}
        super().set_params(**own)
        inner = {k.removeprefix("network__"): v for k, v in params.items() if k not in own}
        if inner:
            if self.network is None:
                raise ValueError(f"network__{next(iter(inner))} needs network=, a function")
            self.network_parameters = {**(self.network_parameters or {}), **inner}
        return self

    def _check_parameters(self) -> list[int]:
        """Check the parameters; return the widths of the hidden layers."""
        return check_parameters(self)

    # Fitting -------------------------------------------------------------------------------------

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, classes: Any = None, incremental: bool = False
    ) -> Any:
        hidden = self._check_parameters()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True; use fit")
        first = not hasattr(self, "network_") or not (self.warm_start or incremental)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=self._kind == "regressor",
            dtype=(np.float64, np.float32),
            reset=first,
        )
        y = self._targets(y, first, classes, incremental)
        architecture = (hidden, self.activation, self.network, self.network_parameters)
        if first:
            for name in ("network_", "_trainer"):  # a fit that fails leaves no older model
                self.__dict__.pop(name, None)
            self._random_state = check_random_state(self.random_state)
        elif architecture != self._architecture:
            raise ValueError(
                "the fit continues a network, and hidden_layer_sizes, activation or network= are "
                "other than when it was made; set warm_start=False to make a new one"
            )
        dtype = X.dtype if self.dtype == "auto" else np.dtype(self.dtype)
        kept = None
        try:
            if first:
                outputs = self._encoded(y, dtype)[2]
                self._start(self._make_network(X, hidden, outputs, dtype), outputs)
                self._architecture = architecture
            else:
                kept = self._trainer.snapshot()
            self._prepare_optimizer()
            dtype = self._trainer.dtype
            weights = self._weights(sample_weight, X, y, dtype)
            X = X if X.dtype == dtype else X.astype(dtype)
            if self.solver == "lbfgs":
                self._fit_lbfgs(X, y, weights)
            else:
                self._fit_batches(X, y, weights, incremental)
        except BaseException:
            if kept is not None:
                self._trainer.restore(kept)
            else:
                for name in ("network_", "_trainer"):
                    self.__dict__.pop(name, None)
            raise
        return self

    def _make_network(self, X: Any, hidden: list[int], outputs: int, dtype: Any) -> Module:
        features = X.shape[1]
        if self.network is None:
            return make_built_in(
                [features, *hidden, outputs], self.activation, dtype, self._random_state
            )
        network = make_from(
            self.network, features, outputs, self._random_state, self.network_parameters or {}
        )
        own = network.parameters()[0].dtype
        if self.dtype != "auto" and own != dtype:
            raise ValueError(f"network= made parameters of {own}, and dtype={self.dtype!r}")
        found = outputs_of(network, X[:2].astype(own)).shape
        if found != (min(2, X.shape[0]), outputs):
            raise ValueError(
                f"network= returns outputs of shape {found} for {min(2, X.shape[0])} rows; "
                f"expected (N, n_outputs) with n_outputs={outputs}"
            )
        return network

    def _start(self, network: Module, outputs: int) -> None:
        """Set everything that a fit counts from."""
        self.network_, self.n_outputs_ = network, outputs
        self.n_iter_, self.t_, self._no_improvement = 0, 0, 0
        self.loss_curve_: list[float] = []
        self._trainer: Any = None
        self._split_state: Any = None
        self._order: Any = None
        scores = self.early_stopping and self.solver != "lbfgs"
        self.validation_scores_: Any = [] if scores else None
        self.best_validation_score_: Any = -math.inf if scores else None
        self.best_loss_: Any = None if scores else math.inf
        self._best: Any = None

    def _prepare_optimizer(self) -> None:
        """Make the optimizer; one that continues keeps what it has summed up."""
        settings = {
            "adam": (self.beta_1, self.beta_2, self.epsilon),
            "sgd": (self.momentum, self.nesterovs_momentum),
        }.get(self.solver if isinstance(self.solver, str) else "", ())
        made_for = (self.solver, settings, self.learning_rate_init, self._loss_name)
        if self._trainer is not None and self._made_for == made_for:
            return
        optimizer, flat = make_optimizer(
            self.solver,
            self.network_.parameters(),
            self.learning_rate_init,
            settings,
            joins=self.network is None,
        )
        self._trainer = Trainer(self.network_, self._loss_name, optimizer, flat)
        self._made_for = made_for

    def _weights(self, sample_weight: Any, X: Any, y: Any, dtype: Any) -> NDArray[Any] | None:
        """Return the weights of the rows, from both sources; None if all are 1."""
        weights = self._class_weights(y)
        if sample_weight is not None:
            checked = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            weights = checked if weights is None else weights * checked
        if weights is None:
            return None
        if not weights.any():
            raise ValueError("all sample weights are zero; at least one row must count")
        return np.asarray(weights, dtype)

    def _fit_batches(self, X: Any, y: Any, weights: Any, incremental: bool) -> None:
        """Take steps, epoch after epoch, until the rules of scikit-learn say that it is enough."""
        trainer, held_out = self._trainer, None
        if self.early_stopping:
            X, y, weights, held_out = self._split(X, y, weights)
        targets = self._encoded(y, trainer.dtype)[0]
        rows = X.shape[0]
        size = min(200, rows) if self.batch_size == "auto" else int(self.batch_size)
        if size > rows and not incremental:
            warnings.warn(
                f"batch_size={size} is larger than the {rows} rows; all of them are one batch",
                UserWarning,
                stacklevel=3,
            )
        start, order = len(self.loss_curve_), self._order
        if order is None or len(order) != rows:
            order = np.arange(rows)
        self.n_iter_, converged = 0, False
        try:
            for _ in range(1 if incremental else self.max_iter):
                order = self._epoch(X, targets, weights, order, size, held_out)
                if incremental or self.warm_start:  # the next fit shuffles this order again
                    self._order = order
                if self._no_improvement > self.n_iter_no_change and self._has_converged():
                    converged = True
                    break
        except KeyboardInterrupt:
            warnings.warn(
                "the training was interrupted; the weights are those reached", stacklevel=3
            )
        else:
            if not converged and not incremental:
                self._warn_unconverged("Stochastic Optimizer: Maximum iterations")
        if held_out is not None and self._best is not None:
            self.network_.load_state_dict(self._best)
        elif len(self.loss_curve_) - start > 1:
            self._warn_grown(self.loss_curve_[start])

    def _epoch(
        self, X: Any, targets: Any, weights: Any, order: NDArray[Any], size: int, held_out: Any
    ) -> NDArray[Any]:
        """Train for an epoch, note how it went, and return the order of its rows."""
        trainer, rows = self._trainer, len(order)
        if self.shuffle:
            permutation = np.arange(rows)
            self._random_state.shuffle(permutation)
            order = order[permutation]
        loss = trainer.epoch(X, targets, weights, order, size, self.alpha)
        self._check_finite(loss, self.n_iter_ + 1)
        self.n_iter_, self.loss_ = self.n_iter_ + 1, loss
        self.t_ += rows
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
        self._note_improvement(held_out)
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            trainer.learning_rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
        return order

    def _split(self, X: Any, y: Any, weights: Any) -> tuple[Any, Any, Any, Any]:
        """Hold rows out; a fit that continues holds the same ones out."""
        rng = self._random_state
        if self._split_state is None:
            self._split_state = rng.get_state()
        else:
            rng = np.random.RandomState()
            rng.set_state(self._split_state)
        given = [X, y] if weights is None else [X, y, weights]
        parts = train_test_split(
            *given,
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=self._strata(y),
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of "
                "your dataset."
            )
        if weights is None:
            return parts[0], parts[2], None, (parts[1], parts[3], None)
        return parts[0], parts[2], parts[4], (parts[1], parts[3], parts[5])

    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        """Return what the held out rows keep the shares of."""
        return None

    def _note_improvement(self, held_out: Any) -> None:
        """Count the epochs that improved nothing by `tol`."""
        if held_out is None:
            is_better = self.loss_curve_[-1] <= self.best_loss_ - self.tol
            self.best_loss_ = min(self.best_loss_, self.loss_curve_[-1])
        else:
            X, y, weights = held_out
            score = self._score_of(outputs_of(self.network_, X), y, weights)
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            is_better = score >= self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_ = score
                self._best = self.network_.state_dict()
        self._no_improvement = 0 if is_better else self._no_improvement + 1

    def _has_converged(self) -> bool:
        """Whether the training ends; an adaptive learning rate falls instead."""
        trainer = self._trainer
        what = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} "
            "consecutive epochs."
        )
        if self.solver != "sgd" or self.learning_rate != "adaptive":
            ends, then = True, "Stopping."
        elif trainer.learning_rate <= 1e-6:
            ends, then = True, "Learning rate too small. Stopping."
        else:
            trainer.learning_rate /= 5.0
            self._no_improvement = 0
            ends, then = False, f"Setting learning rate to {trainer.learning_rate:f}"
        if self.verbose:
            print(message, then)
        return ends

    def _fit_lbfgs(self, X: Any, y: Any, weights: Any) -> None:
        """Minimise the loss of all rows with SciPy's L-BFGS-B."""
        trainer = self._trainer
        targets = self._encoded(y, trainer.dtype)[0]

        def loss_of(vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            trainer.vector = vector
            found: tuple[float, NDArray[np.float64]] = trainer.slope(
                X, targets, weights, self.alpha
            )
            return found

        start = trainer.vector
        if loss_of(start)[0] != loss_of(start)[0]:
            raise ValueError(
                "solver='lbfgs' needs a loss that does not change by itself, and this network has "
                "a random part, such as dropout; use solver='adam'"
            )
        options = {"maxfun": self.max_fun, "maxiter": self.max_iter, "gtol": self.tol}
        result = minimize(loss_of, start, method="L-BFGS-B", jac=True, options=options)
        trainer.vector = result.x
        self.n_iter_, self.loss_ = max(1, min(int(result.nit), self.max_iter)), float(result.fun)
        self._check_finite(self.loss_, self.n_iter_)
        self.loss_curve_.append(self.loss_)
        self.best_loss_ = min(self.loss_, self.best_loss_ or math.inf)
        if self.verbose:
            print(f"lbfgs, {self.n_iter_} iterations, loss = {self.loss_:.8f}")
        if result.status == 1:
            self._warn_unconverged("lbfgs: Maximum iterations")
        elif result.status:
            warnings.warn(
                f"lbfgs failed to converge: {result.message}; scale the features",
                ConvergenceWarning,
                stacklevel=3,
            )

    # Messages ------------------------------------------------------------------------------------

    def _check_finite(self, loss: float, iteration: int) -> None:
        if math.isfinite(loss) and self._trainer.is_finite():
            return
        raise ValueError(
            f"the training diverged: loss {loss} or weights that are not finite in iteration "
            f"{iteration}; scale the features (StandardScaler in a Pipeline), or lower "
            f"learning_rate_init={self.learning_rate_init:g}"
        )

    def _warn_unconverged(self, what: str) -> None:
        warnings.warn(
            f"{what} ({self.max_iter}) reached and the optimization hasn't converged yet; raise "
            "max_iter, or scale the features (StandardScaler in a Pipeline)",
            ConvergenceWarning,
            stacklevel=4,
        )

    def _warn_grown(self, first: float) -> None:
        if self.loss_ > _GROWN * first:
            warnings.warn(
                f"the loss grew from {first:.4g} to {self.loss_:.4g}: the training went wrong; "
                f"lower learning_rate_init={self.learning_rate_init:g}, or scale the features",
                ConvergenceWarning,
                stacklevel=4,
            )

    # What is learned -----------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def _outputs(self, X: Any) -> NDArray[Any]:
        """Return the outputs of the network for checked data."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        dtype = self._trainer.dtype
        return outputs_of(self.network_, X if X.dtype == dtype else X.astype(dtype))

    @property
    def coefs_(self) -> list[NDArray[Any]]:
        """The weights of each layer of the built-in network, (inputs, outputs)."""
        return [layer.weight.numpy().copy() for layer in self._layers("coefs_")]

    @property
    def intercepts_(self) -> list[NDArray[Any]]:
        """The biases of each layer of the built-in network."""
        layers = self._layers("intercepts_")
        return [layer.bias.numpy().copy() for layer in layers if layer.bias is not None]

    @property
    def n_layers_(self) -> int:
        """The number of layers of the built-in network, the features included."""
        return len(self._layers("n_layers_")) + 1

    def _layers(self, name: str) -> list[Any]:
        if not hasattr(self, "network_"):
            raise AttributeError(f"{type(self).__name__} has no {name} before it is fitted")
        if self.network is not None:
            raise AttributeError(f"{name} is of the built-in network; use network_.state_dict()")
        return list(layers_of(self.network_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

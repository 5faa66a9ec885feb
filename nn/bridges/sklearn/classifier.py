"""The classifier: labels of any kind, probabilities, and several labels for a row.

Its training is in `base.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from .base import NetworkEstimator, is_stochastic

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc, unused-ignore]
    """A network that learns classes, as an estimator of scikit-learn.

    Parameters
    ----------
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
    class_weight : dict, "balanced" or None
        A weight for each class, which multiplies `sample_weight`.

    Attributes
    ----------
    classes_ : ndarray
        The labels, sorted.
    network_ : Module
        The network; it returns logits, one for two classes.
    n_iter_, t_ : int
        Epochs of the last fit, and rows seen in all.
    loss_, best_loss_ : float
        The loss of the last epoch, and the lowest.
    loss_curve_ : list of float
        The loss of each epoch, of all fits that continue each other.
    validation_scores_, best_validation_score_ : list of float, float
        With `early_stopping`: accuracies on the held out rows.
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
    up to round-off.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from nn.bridges.sklearn import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.95
    True
    """

    classes_: Any
    _is_multilabel: bool
    _kind = "classifier"

    def __init__(
        self,
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
        class_weight: Any = None,
        network: Callable[..., Any] | None = None,
        network_parameters: dict[str, Any] | None = None,
        dtype: Any = "auto",
    ) -> None:
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
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPClassifier:
        """Train the network.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (N, features)
            Finite numbers. They are not scaled.
        y : array_like, shape (N,) or (N, labels)
            Labels of any kind; or zeros and ones, several labels for a row.
        sample_weight : array_like, shape (N,), optional
            At least 0; a row of weight 2 counts as two rows.
        """
        return self._fit(X, y, sample_weight)  # type: ignore[no-any-return]

    @available_if(is_stochastic)  # type: ignore[untyped-decorator, unused-ignore]
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> MLPClassifier:
        """Train for one epoch on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like
            All labels; needed at the first call.
        """
        return self._fit(X, y, sample_weight, classes, incremental=True)  # type: ignore[no-any-return]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row, shape (N,) or (N, labels)."""
        outputs = self._outputs(X)
        return self._labels_of(outputs)

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, in the order of `classes_`, shape (N, classes)."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithms of the probabilities; they are finite for unlikely classes too."""
        outputs = self._outputs(X)
        if self._is_multilabel:
            return np.asarray(-np.logaddexp(0, -outputs))
        if outputs.shape[1] == 1:
            return np.asarray(-np.logaddexp(0, np.concatenate([outputs, -outputs], axis=1)))
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    @property
    def out_activation_(self) -> str:
        """What turns the outputs into probabilities: ``"softmax"`` or ``"logistic"``."""
        self._layers("out_activation_")
        return "softmax" if self._loss_name == "softmax" else "logistic"

    @property
    def _loss_name(self) -> str:
        return "sigmoid" if self._is_multilabel or len(self.classes_) == 2 else "softmax"

    def _labels_of(self, outputs: NDArray[Any]) -> NDArray[Any]:
        if self._is_multilabel:
            return (outputs > 0).astype(int)
        best = outputs[:, 0] > 0 if outputs.shape[1] == 1 else outputs.argmax(axis=1)
        return np.asarray(self.classes_[best.astype(int)])

    def _targets(self, y: Any, first: bool, classes: Any, partial: bool) -> NDArray[Any]:
        """Return the number of the class of each row, or the zeros and ones of several labels."""
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError("y has several columns of classes; expected one, or zeros and ones")
        multilabel = kind.startswith("multilabel")
        if multilabel:
            y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
            found = np.arange(y.shape[1])
        else:
            y = column_or_1d(y, warn=True)
            found = unique_labels(y)
        known = self._known(found, first, classes, partial, multilabel)
        self.classes_, self._is_multilabel = known, multilabel
        return np.asarray(y if multilabel else np.searchsorted(known, y))

    def _known(
        self, found: NDArray[Any], first: bool, classes: Any, partial: bool, multilabel: bool
    ) -> Any:
        """Return all classes; refuse those that do not fit what was learned."""
        if classes is not None and not multilabel:
            classes = np.unique(classes)
        if first:
            if partial and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            known = found if classes is None or multilabel else classes
            if not multilabel and len(known) < 2:
                raise ValueError(
                    f"y has one class, {known[0]!r}; a classifier needs at least two classes"
                )
        else:
            known = self.classes_
            if classes is not None and not np.array_equal(classes, known):
                raise ValueError(f"classes={classes} is not the same as before: {known}")
            if multilabel != self._is_multilabel or (multilabel and len(found) != len(known)):
                raise ValueError("y has labels of another kind than in the last call to fit")
        strange = np.setdiff1d(found, known)
        absent: Any = [] if partial or first else np.setdiff1d(known, found)
        if len(strange) or len(absent):
            raise ValueError(
                f"`y` has the classes {found}, and the model knows {known}; warm_start and "
                "partial_fit need the same ones"
            )
        return known

    def _encoded(self, y: NDArray[Any], dtype: Any) -> tuple[NDArray[Any], str, int]:
        if self._loss_name == "softmax":
            return y.astype(np.int64), "softmax", len(self.classes_)
        return y.reshape(len(y), -1).astype(dtype), "sigmoid", 1 if y.ndim == 1 else y.shape[1]

    def _class_weights(self, y: NDArray[Any]) -> NDArray[Any] | None:
        if self.class_weight is None:
            return None
        labels = y if self._is_multilabel else self.classes_[y]
        return np.asarray(compute_sample_weight(self.class_weight, labels))

    def _strata(self, y: NDArray[Any]) -> NDArray[Any] | None:
        # As in scikit-learn, where the targets of more than two classes are several columns.
        return y if self._loss_name == "sigmoid" and not self._is_multilabel else None

    def _score_of(self, outputs: NDArray[Any], y: NDArray[Any], weights: Any) -> float:
        labels = y if self._is_multilabel else self.classes_[y]
        return float(accuracy_score(labels, self._labels_of(outputs), sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

"""What the estimators do on the workers: check a partition, and train on the rows of a rank.

All ranks shuffle the numbers of all rows as the estimator of one process does. Of each batch, a
rank takes the rows that it holds. Therefore the batches do not depend on where the rows are.
"""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, validate_data

from tinygrad_edu import Tensor

from ...distributed import Collective, SharedGradients, average_buffers, check_state
from ...distributed.gradients import split
from ...optim import Optimizer
from ..sklearn.training import LOSSES, Trainer
from .placement import check_rows

__all__ = ["About", "Job", "check_partition", "describe", "train_rank"]

Array = NDArray[Any]


class About(NamedTuple):
    """What the client learns of a partition.

    Attributes
    ----------
    number, rows, features : int
        Of the partition, and its size.
    names : list of str or None
        The names of the columns.
    dtype : dtype
        In which a network would be trained on its rows.
    examples : ndarray
        Targets: the labels of a classifier, each once.
    counts : ndarray
        How many rows have each of them.
    """

    number: int
    rows: int
    features: int = 0
    names: Any = None
    dtype: Any = None
    examples: Any = None
    counts: Any = None


class Part(NamedTuple):
    """A checked partition, which stays on its worker."""

    about: About
    x: Any = None
    y: Any = None
    weights: Any = None


def check_partition(
    number: int, x: Any, y: Any, *weights: Any, estimator: Any, names: list[str]
) -> Part:
    """Check one partition as the estimator of one process checks its data.

    Parameters
    ----------
    number : int
        Of the partition.
    x, y : array or table
    *weights : array
        Those of the rows, or nothing.
    estimator : estimator
        It is not changed.
    names : list of str
        Of the arguments, for errors.
    """
    given = [x, y, *weights]
    check_rows(number, dict(zip(names, given, strict=True)))
    if not len(x):
        return Part(About(number, 0))
    probe = copy.copy(estimator)
    try:
        x, y = validate_data(
            probe,
            x,
            y,
            multi_output=True,
            y_numeric=probe._kind == "regressor",
            dtype=(np.float64, np.float32),
        )
        if weights:
            values = np.asarray(weights[0])
            if values.any():  # a partition may have zeros alone, which scikit-learn refuses
                values = _check_sample_weight(values, x, ensure_non_negative=True)
            weights = (values.astype(np.float64),)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        examples, counts = _examples(probe, y)
    except (TypeError, ValueError) as error:
        raise type(error)(f"partition {number}: {str(error).splitlines()[0]}") from error
    found = getattr(probe, "feature_names_in_", None)
    columns = None if found is None else list(found)
    about = About(number, len(x), x.shape[1], columns, x.dtype, examples, counts)
    return Part(about, x, y, *weights)


def _examples(probe: Any, y: Array) -> tuple[Array, Array]:
    """Return some targets from which the estimator learns what they are, and how often they are."""
    if probe._kind == "regressor":
        probe._targets(y, True, None, False)
        return y[:1], np.ones(1, int)
    check_classification_targets(y)
    if y.ndim == 1:
        return np.unique(y, return_counts=True)
    if not type_of_target(y).startswith("multilabel"):
        raise ValueError("y has several columns of classes; expected one, or zeros and ones")
    return np.array([np.zeros(y.shape[1], int), np.ones(y.shape[1], int)]), np.ones(2, int)


def describe(part: Part) -> About:
    """Return what the client learns of a partition."""
    return part.about


class Job(NamedTuple):
    """What all ranks get.

    Attributes
    ----------
    estimator : estimator
        With a new network; each rank copies it.
    starts : dict of int to int
        The first row of each partition with rows, by its number.
    rows : int
        The number of all rows.
    is_weighted : bool
        Whether partitions have weights of rows.
    class_weights : ndarray or None
        The weight of each class.
    """

    estimator: Any
    starts: dict[int, int]
    rows: int
    is_weighted: bool
    class_weights: Any


class _Rows(NamedTuple):
    """The inputs of a rank, with the shape of those of all ranks."""

    values: Array
    places: Array  # by the number of a row: where it is in `values`, or -1
    shape: tuple[int, int]


def train_rank(job: Job, group: Collective, parts: list[Part]) -> Any:
    """Train on the rows of a rank; rank 0 returns the estimator, and its warnings.

    Parameters
    ----------
    job : Job
    group : Collective
    parts : list of Part
        Those of this rank.
    """
    estimator = copy.deepcopy(job.estimator)  # workers may share a process
    plain = estimator._trainer
    x = np.concatenate([part.x for part in parts]).astype(plain.dtype, copy=False)
    y = estimator._targets(np.concatenate([part.y for part in parts]), False, None, True)
    numbers = np.concatenate(
        [job.starts[part.about.number] + np.arange(part.about.rows) for part in parts]
    )
    places = np.full(job.rows, -1)
    places[numbers] = np.arange(len(numbers))
    weights: Any = None
    if job.is_weighted or job.class_weights is not None:
        weights = np.zeros(job.rows)
        own = np.ones(len(numbers)) if job.class_weights is None else job.class_weights[y]
        if job.is_weighted:
            own = own * np.concatenate([part.weights for part in parts])
        weights[numbers] = own
        group.allreduce(weights)
        if not weights.any():
            raise ValueError("all sample weights are zero; at least one row must count")
        weights = weights.astype(plain.dtype)
    estimator._trainer = trainer = _SharedTrainer(plain, group, estimator.solver == "adam")
    warned: list[tuple[str, Any]] = []  # a warning on a worker would not reach the user
    for name in ("_warn_unconverged", "_warn_grown"):
        setattr(estimator, name, lambda what, name=name: warned.append((name, what)))
    shape = (job.rows, x.shape[1])
    estimator._fit_batches(_Rows(x, places, shape), y, weights, False)
    for name in ("_warn_unconverged", "_warn_grown"):
        delattr(estimator, name)
    average_buffers(estimator.network_, group)
    check_state(estimator.network_, group)
    plain.steps, plain.learning_rate = trainer.steps, trainer.learning_rate
    estimator._trainer = plain
    return (estimator, warned) if group.rank == 0 else None


class _SharedTrainer:
    """What `NetworkEstimator` needs of a trainer; its steps take the rows of all ranks."""

    def __init__(self, plain: Trainer, group: Collective, is_adam: bool) -> None:
        self._plain, self._is_adam = plain, is_adam
        self.dtype, self.steps, self.learning_rate = plain.dtype, plain.steps, plain.learning_rate
        self._shared = SharedGradients(plain.network, group, 1)
        self.is_finite = plain.is_finite

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # losses are checked instead
    def epoch(
        self, x: Any, y: Array, weights: Array | None, order: Array, size: int, alpha: float
    ) -> float:
        """Take one step for each batch, as `Trainer.epoch` does with the rows of one process.

        Parameters
        ----------
        x : _Rows
            The inputs of this rank.
        y : ndarray
            Its targets.
        weights : ndarray or None
            Those of the rows of all ranks.
        order : ndarray of int
            The numbers of the rows of all ranks.
        size, alpha
            As for `Trainer.epoch`.
        """
        flat = self._plain.flat
        self._plain.network.train()
        if flat is not None:
            flat.gather()
        total = 0.0
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            places = x.places[batch]
            own = places >= 0
            rows = places[own]
            of_rows, whole = None, float(len(batch))
            if weights is not None:
                of_rows, whole = weights[batch[own]], float(weights[batch].sum(dtype=np.float64))
                if not whole:
                    continue
            self.steps += 1
            self._optimizer.lr = self._rate()
            value, mean = self._shared_gradients(x.values[rows], y[rows], of_rows)
            total += (value + self._update(mean, alpha / whole)) * len(batch)
        if flat is not None:
            flat.release()
        return total / len(order)

    @property
    def _optimizer(self) -> Optimizer:
        assert self._plain.optimizer is not None
        return self._plain.optimizer

    def _rate(self) -> float:
        """Return the learning rate, for Adam with both corrections for the start at 0."""
        if not self._is_adam:
            return self.learning_rate
        (group,) = self._optimizer.param_groups
        first, second = (float(group[name]) ** self.steps for name in ("beta_1", "beta_2"))
        return self.learning_rate * math.sqrt(1 - second) / (1 - first)

    def _shared_gradients(self, x: Array, y: Array, weights: Any) -> tuple[float, list[Any]]:
        """Return the mean loss over the rows of all ranks, and its gradients."""
        network, value = self._plain.network, 0.0
        weight = float(len(x)) if weights is None else float(weights.sum(dtype=np.float64))
        parameters = self._shared.parameters
        if weight:
            losses = LOSSES[self._plain.loss](network(Tensor(x, copy=False)), Tensor(y, copy=False))
            shares = None if weights is None else Tensor(weights / weights.dtype.type(weight))
            mean = losses.mean() if shares is None else (losses * shares).sum()
            mean.backward(keep_interior=False)
            value = mean.item()
        gradients = [parameter.grad if weight else None for parameter in parameters]
        network.zero_grad()
        flat, present, (of_all, loss) = self._shared.mean_of(gradients, weight, (value * weight,))
        parts = zip(split(flat, parameters), present, strict=True)
        return loss / of_all, [part if has_one else None for part, has_one in parts]

    def _update(self, gradients: list[Any], decay: float) -> float:
        """Make the update of all ranks; return the penalty."""
        flat, own, penalty = self._plain.flat, self._plain.dtype.type(decay), 0.0
        for p, gradient in zip(self._shared.parameters, gradients, strict=True):
            p.grad = gradient
        if flat is not None:
            penalty = flat.take_gradients(own if decay else None) or 0.0
        elif decay:
            for p in self._plain.parameters:
                if p.ndim > 1:  # no biases, no gains
                    penalty += 0.5 * decay * float(np.vdot(p.data, p.data))
                    p.grad = None if p.grad is None else p.grad + own * p.data
        self._optimizer.step()
        self._optimizer.zero_grad()
        if flat is not None:
            flat.spread()
        return float(penalty)

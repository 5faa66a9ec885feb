"""Reports of what a model predicts: for each class, its calibration, its largest confusions.

A report is made of labels and predictions; no network is called here. Those of a regression are in
`regression_report`, whose names are public here, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.documents import Figure, Section, Shown, as_text

from ..figures.calibration import calibration_figure
from ..figures.mistakes import confusion_figure, confusion_matrix
from ..texts import count_text
from .calibration import CalibrationBin, calibration_error, reliability
from .checks import checked_names, checked_probabilities, checked_weights
from .regression import RegressionReport, regression_report
from .tables import WIDTH, classification_sections

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ClassScores",
    "ClassificationReport",
    "Confusion",
    "RegressionReport",
    "classification_report",
    "regression_report",
]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is recognised, or an average over the classes.

    Attributes
    ----------
    name : str
        The name of the class, or of the average.
    precision : float or None
        Which share of the predictions of this class is correct; None if it is never predicted.
    recall : float or None
        Which share of its samples is recognised; None if it has no samples.
    f1 : float or None
        The harmonic mean of both, ``2 TP / (2 TP + FP + FN)``: 0 if a class with samples is never
        predicted, None if it has neither samples nor predictions.
    support, predicted : float
        The number of samples of this class, and of predictions of it; with weights, their sums.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """One kind of mistake: samples of a class that were predicted as another one.

    Attributes
    ----------
    right, predicted : str
        The correct and the predicted class.
    samples : float
        How many samples.
    share : float
        Which share of the samples of the correct class, 0..1.
    """

    right: str
    predicted: str
    samples: float
    share: float


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationReport(Shown):
    """What a classifier gets right, what it confuses, and how far its confidence can be trusted.

    Attributes
    ----------
    class_names : tuple of str
        The names of the classes.
    samples : float
        The number of samples; with weights, the sum of these.
    classes : tuple of ClassScores
        One for each class, in their order.
    macro, weighted : ClassScores
        Averages over the classes: each class counts once, or by its number of samples. A class
        without a value (None) is left out of the average of that value.
    accuracy, largest_share : float
        Share of correct predictions, and what always predicting the largest class would reach.
    largest_class : str
        The name of the class with the most samples.
    log_loss, log_loss_of_shares : float
        Mean of ``-ln(probability of the correct class)``, and the same for a model that always
        predicts the shares of the classes. A probability is at least the precision of its dtype.
    impossible : int
        How many samples have a smaller probability of their class than that.
    matrix : ndarray, shape (classes, classes)
        A row for each correct class, a column for each predicted one.
    confusions : tuple of Confusion
        All kinds of mistakes, the most frequent first.
    bins : tuple of CalibrationBin
        The reliability table.
    calibration_error : float
        The expected calibration error of `bins`.
    """

    class_names: tuple[str, ...]
    samples: float
    classes: tuple[ClassScores, ...]
    macro: ClassScores
    weighted: ClassScores
    accuracy: float
    largest_class: str
    largest_share: float
    log_loss: float
    log_loss_of_shares: float
    impossible: int
    matrix: NDArray[Any]
    confusions: tuple[Confusion, ...]
    bins: tuple[CalibrationBin, ...]
    calibration_error: float

    def __str__(self) -> str:
        return as_text(self.document(), WIDTH)

    def document(self) -> Section:
        """Return the tables, and the pictures for a notebook."""
        confusion = partial(confusion_figure, self.matrix, class_names=self.class_names)
        pictures = (
            Figure(confusion, "how often each class was predicted as each class"),
            Figure(partial(calibration_figure, self.bins), "accuracy over confidence"),
        )
        title = f"Classification of {count_text(self.samples)} samples"
        return Section(title, (*classification_sections(self), *pictures))

    def to_frame(self) -> pd.DataFrame:
        """Return precision, recall, F1, support and predictions: a row for each class."""
        import pandas as pd

        frame = pd.DataFrame([asdict(each) for each in self.classes]).set_index("name")
        return frame.rename_axis("class").astype(float)

    def matrix_frame(self) -> pd.DataFrame:
        """Return the confusion matrix with the names of the classes at rows and columns."""
        import pandas as pd

        rows, columns = (
            pd.Index(self.class_names, name=called) for called in ("right", "predicted")
        )
        return pd.DataFrame(self.matrix, index=rows, columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists, strings and finite numbers, as JSON has them.

        What has no value is None.
        """
        return asdict(self) | {
            "class_names": list(self.class_names),
            "classes": [asdict(each) for each in self.classes],
            "matrix": self.matrix.tolist(),
            "confusions": [asdict(each) for each in self.confusions],
            "bins": [asdict(each) for each in self.bins],
        }


def classification_report(
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str] | None = None,
    *,
    sample_weight: ArrayLike | None = None,
) -> ClassificationReport:
    """Report how well classes are recognised, and how far the probabilities can be trusted.

    Parameters
    ----------
    labels : array_like of int, shape (N,)
        The correct classes, from 0 to ``classes - 1``.
    probabilities : array_like, shape (N, classes)
        The predictions, as `Classifier.predict_proba` returns them. The class with the largest
        probability is the predicted one; of equal ones, the first.
    class_names : sequence of str, optional
        Their names; by default their numbers.
    sample_weight : array_like, shape (N,), optional
        How often each sample counts: a weight of 2 has the effect of listing a sample twice.

    Returns
    -------
    ClassificationReport

    Raises
    ------
    ValueError, TypeError
        For arrays that do not fit together, labels out of range, rows of probabilities that do not
        add up to 1, and weights that are negative or all 0.

    Notes
    -----
    Precision, recall and F1 are those of C. J. van Rijsbergen, "Information retrieval", 1979,
    chapter 7; where they are not defined they are None, written ``-``, and not 0.

    Examples
    --------
    >>> p = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]
    >>> report = classification_report([0, 0, 1, 1], p, ["cat", "dog"])
    >>> report.accuracy, report.classes[1].precision, report.classes[1].recall
    (0.75, 1.0, 0.5)
    >>> report.confusions[0].right, report.confusions[0].samples
    ('dog', 1)
    """
    p = checked_probabilities(probabilities)
    names = checked_names(class_names, p.shape[1])
    right, said = np.asarray(labels), p.argmax(axis=1)
    weights = checked_weights(sample_weight, len(p))
    matrix = confusion_matrix(right, said, len(names), sample_weight=weights)
    right = right.astype(np.int64)
    total = matrix.sum()
    shares = matrix.sum(axis=1) / total
    classes = _class_scores(matrix, names)
    largest = int(shares.argmax())
    floor = float(np.finfo(p.dtype).eps)
    chances = p[np.arange(len(p)), right].astype(np.float64)
    bins = reliability(p.max(axis=1), said == right, weights)
    counted = np.ones(len(p)) if weights is None else weights
    return ClassificationReport(
        class_names=names,
        samples=total.item(),
        classes=classes,
        macro=_average("macro average", classes, np.ones(len(classes))),
        weighted=_average("weighted average", classes, shares),
        accuracy=float(np.trace(matrix) / total),
        largest_class=names[largest],
        largest_share=float(shares[largest]),
        log_loss=float(np.average(-np.log(np.maximum(chances, floor)), weights=counted)),
        log_loss_of_shares=float(-sum(s * np.log(s) for s in shares if s)) + 0.0,
        impossible=int(np.count_nonzero((chances < floor) & (counted > 0))),
        matrix=matrix,
        confusions=_confusions(matrix, names),
        bins=bins,
        calibration_error=calibration_error(bins),
    )


def _class_scores(matrix: NDArray[Any], names: Sequence[str]) -> tuple[ClassScores, ...]:
    hits, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return tuple(
        ClassScores(
            name,
            _ratio(hits[i], predicted[i]),
            _ratio(hits[i], support[i]),
            _ratio(2 * hits[i], support[i] + predicted[i]),
            support[i].item(),
            predicted[i].item(),
        )
        for i, name in enumerate(names)
    )


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None


def _average(name: str, classes: Sequence[ClassScores], weights: NDArray[Any]) -> ClassScores:
    def mean(key: str) -> float | None:
        pairs = [(getattr(each, key), w) for each, w in zip(classes, weights, strict=True)]
        counted = [(value, weight) for value, weight in pairs if value is not None]
        total = sum(weight for _, weight in counted)  # 0 if these classes have no samples
        return float(sum(value * weight for value, weight in counted) / total) if total else None

    support, predicted = (sum(getattr(c, key) for c in classes) for key in ("support", "predicted"))
    return ClassScores(name, mean("precision"), mean("recall"), mean("f1"), support, predicted)


def _confusions(matrix: NDArray[Any], names: Sequence[str]) -> tuple[Confusion, ...]:
    """List what is off the diagonal: the most samples first, then the largest share."""
    mistakes = np.where(np.eye(len(matrix), dtype=bool), 0, matrix)
    support = matrix.sum(axis=1)
    found = [
        Confusion(names[i], names[j], mistakes[i, j].item(), float(mistakes[i, j] / support[i]))
        for i, j in np.argwhere(mistakes)
    ]
    return tuple(sorted(found, key=lambda each: (-each.samples, -each.share)))

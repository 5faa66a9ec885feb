"""Rows whose label is likely wrong, the likeliest first.

Confident learning, after C. Northcutt et al., "Confident Learning: Estimating Uncertainty in
Dataset Labels", JAIR 70, 2021: a label is suspected if another class is at least as probable as
that class usually is for rows of its own. A person must look at each; nothing is corrected here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count, check_seed
from .pictures import bars_figure, images_figure
from .result import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tinygrad_edu.documents import Section

    from .trained import Array, Trained

__all__ = ["Mislabelled", "Refit", "find_mislabelled"]

Refit: TypeAlias = Callable[[Any, Any], Callable[[Any], Any]]
"""``refit(features, labels)`` trains a new model on raw rows and returns the function that computes
probabilities, or for regression predictions, of other raw rows."""


@dataclass(frozen=True, eq=False, repr=False)
class Mislabelled(Result):
    """The rows of some data, ordered by how wrong their labels look.

    Attributes
    ----------
    scores : ndarray, shape (N,)
        Probability of the label minus that of the most probable other class, from -1 to 1; for
        regression minus the size of the error. The lowest looks most wrong.
    suggested : ndarray, shape (N,)
        The most probable other class, or the predicted number.
    suspected : ndarray of bool, shape (N,)
        Whether the label looks wrong by the rule of confident learning; for regression, whether
        the error is above three times the usual one.
    source : str
        Where the predictions come from.
    is_honest : bool
        Whether no row was predicted by a model that was trained on it.
    most : int
        How many rows are shown.
    trained : Trained
        The network and the rows.
    """

    scores: NDArray[np.float64]
    suggested: Array
    suspected: NDArray[np.bool]
    source: str
    is_honest: bool
    most: int
    trained: Trained

    @property
    def order(self) -> NDArray[np.intp]:
        """All rows: suspected ones first, each group from the lowest score on."""
        return np.lexsort((self.scores, ~self.suspected))

    def to_frame(self) -> pd.DataFrame:
        """Return all rows, the likeliest wrong label first."""
        import pandas as pd

        name = self.trained.class_name
        columns = {
            "row": self.order + self.trained.first_row,
            "label": [name(self.trained.labels[i], 1000) for i in self.order],
            "suggested": [name(self.suggested[i], 1000) for i in self.order],
            "score": self.scores[self.order],
            "suspected": self.suspected[self.order],
        }
        return pd.DataFrame(columns)

    def _title(self) -> str:
        count = int(np.count_nonzero(self.suspected))
        what = "target" if self.trained.is_regression else "label"
        looks = "1 looks wrong" if count == 1 else f"{count:,} look wrong"
        return f"{what}s to check in {self.trained.data}: {looks} of {len(self.scores):,}"

    def document(self) -> Section:
        """List the rows to check first, and say what the order relies on."""
        from tinygrad_edu.documents import Figure, Section, Table

        shown = self.order[: self.most]
        name, first = self.trained.class_name, self.trained.first_row
        rows = [
            [
                str(i + first),
                name(self.trained.labels[i]),
                name(self.suggested[i]),
                f"{self.scores[i]:+.4g}",
                "yes" if self.suspected[i] else "-",
            ]
            for i in shown
        ]
        lines = [f"Rows are counted from {first}; predictions: {self.source}."]
        if not self.is_honest:
            lines.append(
                "A network that was trained on these rows may have learned wrong labels by heart, "
                "and then finds few of them; pass refit= to retrain without them."
            )
        if not self.trained.is_regression:
            lines.append("score: probability of the label minus that of the suggested class")
        lines.append(
            "Look at each row: a hard or rare example looks the same as a wrong label, and a "
            "mistake that is made systematically is not found."
        )
        heads = ["row", "label", "looks like", "score", "suspected"]
        numbers = (0, 1, 2, 3) if self.trained.is_regression else (0, 3)
        title = self._title()
        picture = Figure(self.figure, "the rows to check first; the table has the numbers")
        table = Table(heads, rows, numbers=numbers)
        return Section(title[0].upper() + title[1:], (table, *lines, picture))

    def figure(self) -> Figure:
        """Draw the rows to check first, as images or as bars."""
        trained, first = self.trained, self.trained.first_row
        shown = self.order[: min(self.most, 16)]
        labels = [trained.class_name(trained.labels[i]) for i in shown]
        suggested = [trained.class_name(self.suggested[i]) for i in shown]
        if trained.side is not None:
            images = trained.features[shown].reshape(-1, trained.side, trained.side)
            texts = [
                f"is {label}, looks like {other}\n{self.scores[i]:+.3g}, row {i + first}"
                for i, label, other in zip(shown, labels, suggested, strict=True)
            ]
            note = f"rows are counted from {first}"
            return images_figure(images, texts, title=self._title(), note=note)
        return bars_figure(
            [
                f"row {i + first}: {label}\nlooks like {other}"
                for i, label, other in zip(shown, labels, suggested, strict=True)
            ],
            self.scores[shown],
            title=self._title(),
            xlabel="minus the error" if trained.is_regression else "score",
            note="the further to the left, the more wrong the label looks",
            lines=2,
        )


def find_mislabelled(
    trained: Trained,
    refit: Refit | None = None,
    *,
    predictions: ArrayLike | None = None,
    folds: int = 5,
    seed: int | None = 0,
    most: int = 20,
) -> Mislabelled:
    """Order the rows by how wrong their labels look.

    The best predictions are those of models that did not see the row: pass `refit`, which is called
    once for each fold, or such `predictions`. Without both, those of the network itself are used,
    which is right for rows that it was not trained on.

    Parameters
    ----------
    trained : Trained
        The network and the rows to check.
    refit : callable, optional
        ``refit(features, labels)`` trains a new model on some of the raw rows and returns the
        function that computes probabilities of others, shape (n, classes), or for regression
        numbers, shape (n,).
    predictions : array_like, optional
        Such probabilities or numbers for all rows, computed by the caller.
    folds : int
        The number of parts; each is predicted by a model that was trained on the others.
    seed : int or None
        Fixes the parts.
    most : int
        How many rows to show.

    Returns
    -------
    Mislabelled

    Raises
    ------
    ValueError
        If both `refit` and `predictions` are passed, for fewer rows than folds, or predictions of
        another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.understanding.trained import Trained
    >>> network = Linear(1, 1, dtype="float64")
    >>> network.weight.data = np.array([[3.0]])
    >>> X, y = np.array([[-1.0], [2.0], [1.0], [-2.0]]), np.array([0, 0, 1, 0])
    >>> found = find_mislabelled(Trained(network, X, y))
    >>> found.order[0], found.suspected.tolist()
    (np.int64(1), [False, True, False, False])
    """
    check_count("most", most)
    if refit is not None and not callable(refit):
        raise TypeError(
            f"refit must be a function (features, labels), got a {type(refit).__name__}"
        )
    if refit is not None and predictions is not None:
        raise ValueError("pass refit or predictions, not both")
    expected = (
        (len(trained.features),)
        if trained.is_regression
        else (len(trained.features), trained.classes)
    )
    if refit is not None:
        found = _out_of_fold(trained, refit, folds, seed, expected)
        source = f"{folds} models, each without the rows that it predicts"
    elif predictions is not None:
        found = _checked(predictions, expected, "predictions")
        source = "passed by the caller"
    else:
        found = trained.predictions() if trained.is_regression else trained.probabilities()
        source = "the network itself"
    judge = _judge_numbers if trained.is_regression else _judge_classes
    scores, suggested, suspected = judge(found.astype(np.float64), trained.labels)
    is_honest = refit is not None or predictions is not None
    return Mislabelled(scores, suggested, suspected, source, is_honest, most, trained)


def _judge_classes(
    p: NDArray[np.float64], labels: Array
) -> tuple[NDArray[np.float64], Array, NDArray[np.bool]]:
    rows = np.arange(len(p))
    own = p[rows, labels]
    others = p.copy()
    others[rows, labels] = -1.0
    suggested = others.argmax(axis=1)
    # How probable a class is for the rows of its own: no row, no threshold that can be reached.
    usual = np.array(
        [own[labels == k].mean() if (labels == k).any() else np.inf for k in range(p.shape[1])]
    )
    confident = np.where(p >= usual, p, -1.0)
    best = confident.argmax(axis=1)
    suspected = (confident[rows, best] >= 0) & (best != labels)
    return own - others[rows, suggested], suggested, suspected


def _judge_numbers(
    predicted: NDArray[np.float64], labels: Array
) -> tuple[NDArray[np.float64], Array, NDArray[np.bool]]:
    errors = np.abs(predicted - labels)
    # 1.4826 times the median is the standard deviation of a normal distribution.
    usual = 1.4826 * float(np.median(errors))
    return -errors, predicted, errors > 3 * usual


def _out_of_fold(
    trained: Trained, refit: Refit, folds: int, seed: int | None, expected: tuple[int, ...]
) -> Array:
    check_count("folds", folds)
    rows = len(trained.features)
    if not 2 <= folds <= rows:
        raise ValueError(f"folds is {folds}, expected 2 to {rows}, the number of rows")
    generator = np.random.default_rng(check_seed(seed))
    order = generator.permutation(rows)
    if not trained.is_regression:  # the same share of each class in every part
        order = order[np.argsort(trained.labels[order], kind="stable")]
    part = np.empty(rows, dtype=np.int64)
    part[order] = np.arange(rows) % folds
    found = np.zeros(expected)
    for number in range(folds):
        held = part == number
        predict = refit(trained.features[~held], trained.labels[~held])
        shape = (int(held.sum()), *expected[1:])
        found[held] = _checked(predict(trained.features[held]), shape, "refit's predictions")
    return found


def _checked(predictions: ArrayLike, expected: tuple[int, ...], what: str) -> Array:
    array = np.asarray(predictions)
    if array.shape != expected:
        raise ValueError(f"{what} have shape {array.shape}, expected {expected}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} contain NaN or inf; expected finite numbers")
    return array

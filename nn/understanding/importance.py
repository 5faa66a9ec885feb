"""Which features matter: how much worse the predictions become when one column is shuffled.

Permutation importance, after L. Breiman, "Random Forests", Machine Learning 45, 2001. It needs no
gradients, and compares columns of numbers and of texts alike. Single rows are explained in
`explanation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import Tensor
from tinygrad_edu.texts import clean

from ..checks import check_count, check_seed
from ..loss import classification_loss
from .pictures import bars_figure, heat_maps_figure
from .result import Result

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tinygrad_edu.documents import Section

    from .trained import Array, Trained

__all__ = ["MEASURES", "Importance", "important_features"]

MEASURES = {
    "accuracy": "drop of the accuracy",
    "loss": "rise of the loss",
    "r2": "drop of R²",
}
"""What can be measured. Each is larger, the more the predictions need the column."""

_SHOWN = 20


@dataclass(frozen=True, eq=False, repr=False)
class Importance(Result):
    """How much each column matters to the predictions.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    drops : ndarray, shape (columns, repeats)
        For each shuffling of a column, how much worse the predictions became.
    measure : str
        A key of `MEASURES`.
    score : float
        The measure on the unchanged rows.
    rows, of : int
        The number of rows that were used, and of all.
    data : str
        What the rows are called.
    side : int or None
        The side of the images; None for a table.
    """

    names: tuple[str, ...]
    drops: NDArray[np.float64]
    measure: str
    score: float
    rows: int
    of: int
    data: str
    side: int | None

    @property
    def means(self) -> NDArray[np.float64]:
        """The importance of each column: the mean over the repeats."""
        return np.asarray(self.drops.mean(axis=1))

    @property
    def spreads(self) -> NDArray[np.float64]:
        """The standard deviation over the repeats."""
        if self.drops.shape[1] == 1:
            return np.zeros(len(self.drops))
        return np.asarray(self.drops.std(axis=1, ddof=1))

    @property
    def order(self) -> NDArray[np.intp]:
        """The columns, the most important one first."""
        return np.argsort(-self.means, kind="stable")

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column, the most important one first."""
        import pandas as pd

        columns = {"feature": self.names, "importance": self.means, "spread": self.spreads}
        return pd.DataFrame(columns).iloc[self.order].reset_index(drop=True)

    def document(self) -> Section:
        """List the most important columns, and say how to read the numbers."""
        from tinygrad_edu.documents import Figure, Section, Table

        shown = self.order[:_SHOWN]
        means, spreads = self.means, self.spreads
        rows = [
            [clean(self.names[i], 48), self._text(means[i]), f"± {self._text(spreads[i], '')}"]
            for i in shown
        ]
        used = (
            f"{self.rows:,} rows" if self.rows == self.of else f"{self.rows:,} of {self.of:,} rows"
        )
        repeats = self.drops.shape[1]
        title = f"Which features matter: {MEASURES[self.measure]} when a column is shuffled"
        lines = [f"{self.data}: {used}, {self._score_text()}; each column shuffled {repeats} times"]
        if more := len(self.names) - len(shown):
            lines.append(f"{more} less important columns are in to_frame()")
        doubtful = np.count_nonzero(means <= 2 * spreads)
        if doubtful:
            lines.append(
                f"{doubtful} of {len(self.names)} columns have no effect beyond chance on these "
                "rows: their importance is at most twice its spread"
            )
        lines.append(
            "It measures what this network uses, not what causes what. Of two columns that carry "
            "the same information, both can look unimportant, because the other one remains."
        )
        table = Table(["feature", "importance", "spread"], rows, numbers=(1, 2))
        picture = Figure(self.figure, "the importance of each feature; the table has the numbers")
        return Section(title, (table, *lines, picture))

    def figure(self) -> Figure:
        """Draw the most important columns as bars, or all pixels as a heat map."""
        title = f"which features matter, {self.data}: {self._score_text()}"
        if self.side is not None:
            return heat_maps_figure(
                [self._in_units(self.means).reshape(self.side, self.side)],
                ["each pixel shuffled among the rows"],
                title=title,
                label=self._label(),
            )
        shown = self.order[:_SHOWN]
        more = len(self.names) - len(shown)
        return bars_figure(
            [self.names[i] for i in shown],
            self._in_units(self.means[shown]),
            points=self._in_units(self.drops[shown]),
            title=title,
            xlabel=self._label(),
            note="bar: mean, marks: single shufflings"
            + (f"; {more} less important columns are not shown" if more else ""),
        )

    def _in_units(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return 100 * values if self.measure == "accuracy" else values

    def _label(self) -> str:
        return MEASURES[self.measure] + (" (percent points)" if self.measure == "accuracy" else "")

    def _text(self, value: float, sign: str = "+") -> str:
        if self.measure == "accuracy":
            return f"{100 * value:{sign}.2f} pp"
        return f"{value:{sign}.4f}"

    def _score_text(self) -> str:
        if self.measure == "accuracy":
            return f"accuracy {self.score:.2%}"
        return f"{'R²' if self.measure == 'r2' else 'loss'} {self.score:.4f}"


def important_features(
    trained: Trained,
    *,
    measure: str | None = None,
    repeats: int | None = None,
    seed: int | None = 0,
    most_rows: int | None = 2000,
) -> Importance:
    """Measure how much each column matters.

    A column is shuffled among the rows, so it keeps its values but loses its connection to the
    labels. A column of texts is shuffled as one column, whatever number of inputs it becomes.
    Measure it on rows that the network was not trained on: on the training rows, a column that was
    only learned by heart looks important, too.

    Parameters
    ----------
    trained : Trained
        The network and the rows.
    measure : {"accuracy", "loss", "r2"}, optional
        What becomes worse; by default the accuracy, for regression R², and for images the loss,
        because a single pixel hardly ever changes a prediction. The loss is the mean cross-entropy
        in nats, or the mean squared error.
    repeats : int, optional
        How often each column is shuffled; by default 10 times, and 3 times for images, which have
        many columns.
    seed : int or None
        Fixes the permutations.
    most_rows : int or None
        If there are more rows, that many are drawn. None uses all.

    Returns
    -------
    Importance

    Raises
    ------
    ValueError
        For an unknown measure, or one that does not fit the task.

    Examples
    --------
    The first column decides the class; the second is noise that the network ignores.

    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.understanding.trained import Trained
    >>> network = Linear(2, 1, dtype="float64")
    >>> network.weight.data = np.array([[1.0], [0.0]])
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> found = important_features(Trained(network, X, (X[:, 0] > 0).astype(int), ("a", "b")))
    >>> found.score, found.means.round(1).tolist()
    (1.0, [0.5, 0.0])
    """
    if measure is None:
        measure = "r2" if trained.is_regression else "loss" if trained.is_image else "accuracy"
    if repeats is None:
        repeats = 3 if trained.is_image else 10
    fitting = ("r2", "loss") if trained.is_regression else ("accuracy", "loss")
    if measure not in fitting:
        raise ValueError(
            f"measure must be one of {', '.join(map(repr, fitting))} for {trained.task}, "
            f"got {measure!r}"
        )
    check_count("repeats", repeats)
    generator = np.random.default_rng(check_seed(seed))
    features, labels = trained.features, trained.labels
    if most_rows is not None and len(features) > most_rows:
        check_count("most_rows", most_rows)
        drawn = np.sort(generator.choice(len(features), most_rows, replace=False))
        features, labels = features[drawn], labels[drawn]

    def score(rows: Array) -> float:
        return _score(trained, measure, rows, labels)

    whole = score(features)
    sign = -1.0 if measure == "loss" else 1.0
    drops = np.zeros((features.shape[1], repeats))
    shuffled = features.copy()
    for column in range(features.shape[1]):
        values = features[:, column]
        if (values == values[0]).all():
            continue  # nothing changes, which saves most of the time of images
        for repeat in range(repeats):
            shuffled[:, column] = generator.permutation(values)
            drops[column, repeat] = sign * (whole - score(shuffled))
        shuffled[:, column] = values
    return Importance(
        trained.feature_names,
        drops,
        measure,
        whole,
        len(features),
        len(trained.features),
        trained.data,
        trained.side,
    )


def _score(trained: Trained, measure: str, features: Array, labels: Array) -> float:
    """Measure predictions: accuracy and R² grow with their quality, the loss falls."""
    outputs = trained.outputs(features)
    if trained.is_regression:
        squares = float(np.mean((outputs[:, 0].astype(np.float64) - labels) ** 2))
        return squares if measure == "loss" else _r_squared(squares, labels)
    if measure == "loss":
        return float(classification_loss(Tensor(outputs, copy=False), labels).item())
    return float(np.mean(trained.predicted(outputs) == labels))


def _r_squared(squares: float, labels: Array) -> float:
    variance = float(np.var(labels.astype(np.float64)))
    if variance == 0:
        raise ValueError("all targets are equal, so R² does not exist; pass measure='loss'")
    return 1 - squares / variance

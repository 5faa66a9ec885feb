"""The most confident mistakes, and which features spoke for the wrong class.

For regression these are the rows with the largest errors. Each mistake is explained by its
contributions (`explanation`); likely wrong labels are a question of its own (`mislabelled`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_count
from .explanation import Explanation, explain_rows
from .pictures import bars_figure, images_figure
from .result import Result, share_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tinygrad_edu.documents import Section

    from .trained import Trained

__all__ = ["Mistake", "Mistakes", "find_mistakes"]


@dataclass(frozen=True, eq=False)
class Mistake:
    """One row that was predicted wrongly.

    Attributes
    ----------
    row : int
        Its number, from 0.
    label, predicted : int or float
        The class in the data and the predicted one; for regression two numbers.
    label_name, predicted_name : str
        Their names.
    confidence : float
        The probability of the predicted class; for regression the size of the error.
    explanation : Explanation
        The predicted class against the one in the data.
    """

    row: int
    label: Any
    predicted: Any
    label_name: str
    predicted_name: str
    confidence: float
    explanation: Explanation

    @property
    def reasons(self) -> list[str]:
        """Up to three columns that pushed the prediction most in the wrong direction."""
        # Below the target, the contributions that lower the prediction are the wrong ones.
        is_low = self.explanation.quantity == "prediction" and self.predicted < self.label
        return self.explanation.strongest(3, -1 if is_low else 1)


@dataclass(frozen=True, eq=False, repr=False)
class Mistakes(Result):
    """The most confident mistakes of a network; an element is a `Mistake`.

    Attributes
    ----------
    mistakes : tuple of Mistake
        The most confident one first.
    wrong, rows : int
        The number of wrong predictions, and of rows.
    trained : Trained
        The network and the rows.
    """

    mistakes: tuple[Mistake, ...]
    wrong: int
    rows: int
    trained: Trained

    def __len__(self) -> int:
        return len(self.mistakes)

    def __getitem__(self, place: int) -> Mistake:
        return self.mistakes[place]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each mistake."""
        import pandas as pd

        rows = [
            {
                "row": self._number(one),
                "label": self.trained.class_name(one.label, 1000),
                "predicted": self.trained.class_name(one.predicted, 1000),
                self._sure: one.confidence,
                "reasons": "; ".join(one.reasons),
            }
            for one in self.mistakes
        ]
        return pd.DataFrame(rows, columns=["row", "label", "predicted", self._sure, "reasons"])

    def _number(self, one: Mistake) -> int:
        """Return the number of a row as the reader counts."""
        return one.row + self.trained.first_row

    @property
    def _counting(self) -> str:
        return f"rows are counted from {self.trained.first_row}"

    @property
    def _sure(self) -> str:
        return "error" if self.trained.is_regression else "confidence"

    def _sure_text(self, one: Mistake) -> str:
        if self.trained.is_regression:
            return self.trained.class_name(one.confidence)
        return share_text(one.confidence)

    def _title(self) -> str:
        if self.trained.is_regression:
            return f"the largest errors in {self.rows:,} rows of {self.trained.data}"
        if not self.mistakes:
            return f"no mistakes in {self.rows:,} rows of {self.trained.data}"
        return (
            f"the most confident mistakes: {len(self)} of {self.wrong:,}, in {self.rows:,} rows "
            f"of {self.trained.data}"
        )

    def document(self) -> Section:
        """List the mistakes, each with the features that spoke for the wrong class."""
        from tinygrad_edu.documents import Figure, Section, Table

        title = self._title()
        if not self.mistakes:
            return Section(title[0].upper() + title[1:])
        rows = [
            [str(self._number(one)), one.label_name, one.predicted_name, self._sure_text(one)]
            for one in self.mistakes
        ]
        lines = [f"{self._counting.capitalize()}. The label in the data may be the mistake."]
        if self.trained.side is None:
            lines.append("What spoke for the prediction most, by gradient x input:")
            for one in self.mistakes:
                spoke = ", ".join(one.reasons) or "no single feature"
                lines.append(f"row {self._number(one)}, {one.predicted_name}:  {spoke}")
        else:
            lines.append(
                "Element 0 of this result is the first one: its explanation.save('why.png') draws "
                "what spoke for it."
            )
        numbers = (0, 1, 2, 3) if self.trained.is_regression else (0, 3)
        table = Table(["row", "label", "predicted", self._sure], rows, numbers=numbers)
        picture = Figure(self.figure, "the mistakes; the table has the numbers")
        return Section(title[0].upper() + title[1:], (table, *lines, picture))

    def figure(self) -> Figure:
        """Draw the rows as images, or bars of the confidence with the strongest feature."""
        shown = self.mistakes[:16]
        side = self.trained.side
        if side is not None and shown:
            images = self.trained.features[[one.row for one in shown]].reshape(-1, side, side)
            names = [
                f"is {one.label_name}, said {one.predicted_name}\n"
                f"{self._sure_text(one)}, row {self._number(one)}"
                for one in shown
            ]
            return images_figure(images, names, title=self._title(), note=self._counting)
        return bars_figure(
            [
                f"row {self._number(one)}: {one.label_name}, said {one.predicted_name}\n"
                + (one.reasons or ["no single feature"])[0]
                for one in shown
            ],
            np.array([one.confidence for one in shown]),
            title=self._title(),
            xlabel=self._sure,
            note="below each row: the feature that spoke most for it",
            lines=2,
        )


def find_mistakes(trained: Trained, *, most: int = 10) -> Mistakes:
    """Find the mistakes that the network is most sure of.

    Parameters
    ----------
    trained : Trained
        The network and the rows.
    most : int
        The largest number of mistakes to explain.

    Returns
    -------
    Mistakes

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.understanding.trained import Trained
    >>> network = Linear(2, 1, dtype="float64")
    >>> network.weight.data = np.array([[2.0], [0.0]])
    >>> X = np.array([[-1.0, 0.0], [3.0, 1.0], [-2.0, 0.0]])
    >>> found = find_mistakes(Trained(network, X, np.array([0, 0, 0]), ("a", "b")))
    >>> found[0].row, found[0].reasons
    (1, ['a = 3'])
    """
    check_count("most", most)
    outputs = trained.outputs()
    predicted = trained.predicted(outputs)
    if trained.is_regression:
        sure = np.abs(predicted.astype(np.float64) - trained.labels)
        wrong: NDArray[np.intp] = np.arange(len(sure))
    else:
        sure = trained.probabilities_of(outputs).max(axis=1)
        wrong = np.flatnonzero(predicted != trained.labels)
    shown = wrong[np.argsort(-sure[wrong], kind="stable")][:most]
    is_class = not trained.is_regression
    explanations = (
        explain_rows(
            trained,
            trained.features[shown],
            numbers=[int(i) for i in shown],
            targets=[int(predicted[i]) if is_class else None for i in shown],
            against=[int(trained.labels[i]) if is_class else None for i in shown],
        )
        if len(shown)
        else []
    )
    mistakes = tuple(
        Mistake(
            int(i),
            trained.labels[i].item(),
            predicted[i].item(),
            trained.class_name(trained.labels[i]),
            trained.class_name(predicted[i]),
            float(sure[i]),
            explanation,
        )
        for i, explanation in zip(shown, explanations, strict=True)
    )
    return Mistakes(mistakes, len(wrong), len(sure), trained)

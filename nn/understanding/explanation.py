"""Why this prediction: what each feature of one row contributes to it.

Gradient times input, compared with a baseline: A. Shrikumar et al., "Not Just a Black Box", 2016;
with several steps the integrated gradients of M. Sundararajan et al., "Axiomatic Attribution for
Deep Networks", ICML 2017. The network is differentiated by the engine; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, grad
from tinygrad_edu.texts import clean, number_text

from ..checks import check_count
from .modes import evaluating
from .pictures import bars_figure, heat_maps_figure
from .result import Result, row_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tinygrad_edu.documents import Section

    from .trained import Array, Trained

__all__ = ["Explanation", "explain_row", "explain_rows"]

_SHOWN = 15
_NOTABLE = 0.05
"""A remainder is mentioned from this share of the difference on."""


@dataclass(frozen=True, eq=False, repr=False)
class Explanation(Result):
    """What each raw column contributed to the prediction of one row.

    Attributes
    ----------
    names : tuple of str
        Names of the raw columns.
    values : ndarray, shape (columns,)
        The row as it is in the file.
    value_texts : tuple of str
        Its cells as a reader knows them.
    gradients : ndarray, shape (columns,)
        Derivative of the quantity with respect to the raw value; NaN for a column of texts and
        for a missing cell, which have none.
    contributions : ndarray, shape (columns,)
        Gradient times the difference from the baseline, in units of the quantity.
    quantity : str
        What is explained, such as ``log-odds of 'a' against 'b'``.
    value, baseline_value : float
        The quantity of this row, and of the baseline.
    baseline : str
        What the row is compared with.
    steps : int
        1 for gradient times input, more for integrated gradients.
    row : int or None
        Number of the row from 0; None for a row from elsewhere.
    verdict : str
        The prediction in words.
    data : str
        What the rows are called.
    side : int or None
        The side of the image; None for a table.
    first_row : int
        The number of the first row in texts; `row` is counted from 0, whatever it is.
    """

    names: tuple[str, ...]
    values: NDArray[Any]
    value_texts: tuple[str, ...]
    gradients: NDArray[np.float64]
    contributions: NDArray[np.float64]
    quantity: str
    value: float
    baseline_value: float
    baseline: str
    steps: int
    row: int | None
    verdict: str
    data: str
    side: int | None
    first_row: int = 0

    @property
    def remainder(self) -> float:
        """The part of the difference that the contributions leave open; 0 if all is linear."""
        return self.value - self.baseline_value - float(self.contributions.sum())

    @property
    def order(self) -> NDArray[np.intp]:
        """The columns, the largest contribution of either sign first."""
        return np.argsort(-np.abs(self.contributions), kind="stable")

    @property
    def method(self) -> str:
        """The name of the method in the literature."""
        if self.steps == 1:
            return "gradient x input"
        return f"integrated gradients, {self.steps} steps"

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each column, the largest contribution first."""
        import pandas as pd

        columns = {
            "feature": self.names,
            "value": self.value_texts,
            "gradient": self.gradients,
            "contribution": self.contributions,
        }
        return pd.DataFrame(columns).iloc[self.order].reset_index(drop=True)

    def strongest(self, most: int = 3, sign: int = 1) -> list[str]:
        """List the columns with the largest contributions of one sign, as ``name = value``."""
        signed = sign * self.contributions
        found = [i for i in np.argsort(-signed, kind="stable")[:most] if signed[i] > 0]
        return [f"{clean(self.names[i], 30)} = {self.value_texts[i]}" for i in found]

    def document(self) -> Section:
        """List the contributions, their sum, and what the numbers mean."""
        from tinygrad_edu.documents import Figure, Section, Table

        shown = self.order[:_SHOWN]
        rows = [
            [
                clean(self.names[i], 32),
                self.value_texts[i],
                "-" if np.isnan(self.gradients[i]) else number_text(self.gradients[i]),
                _signed(self.contributions[i]),
            ]
            for i in shown
        ]
        if len(self.names) > len(shown):
            rest = float(self.contributions[self.order[_SHOWN:]].sum())
            rows.append([f"{len(self.names) - len(shown)} more", "", "", _signed(rest)])
        total = float(self.contributions.sum())
        sum_text = (
            f"contributions {_signed(total)} = {self.quantity} {_signed(self.value)} minus "
            f"{_signed(self.baseline_value)} for {self.baseline}"
        )
        lines = [f"{self._where()}: {self.verdict}", sum_text + self._remainder_text()]
        if abs(self.remainder) > _NOTABLE * abs(self.value - self.baseline_value):
            advice = (
                "more steps follow it more closely" if self.steps > 1 else "steps=64 follows it"
            )
            lines.append(
                f"The network is not linear between {self.baseline} and this row, so the "
                f"contributions are approximate; {advice}."
            )
        lines.append(
            "Positive contributions speak for the prediction, negative ones against it. They "
            "describe this network at this row, not the world."
        )
        table = Table(["feature", "value", "gradient", "contribution"], rows, numbers=(1, 2, 3))
        picture = Figure(self.figure, "the contribution of each feature; the table has the numbers")
        return Section(f"Why this prediction: {self.method}", (table, *lines, picture))

    def _kind(self) -> str:
        return self.quantity.partition(" of ")[0]

    def _where(self) -> str:
        if self.row is None:
            return "this row"
        return f"{self.data}, {row_text(self.row, self.first_row)}"

    def _remainder_text(self) -> str:
        spread = abs(self.value) + abs(self.baseline_value) + float(abs(self.contributions).sum())
        if abs(self.remainder) <= 1e-5 * spread:
            return ""
        return f", with {_signed(self.remainder)} left over"

    def figure(self) -> Figure:
        """Draw the contributions as bars, or as a heat map next to the image."""
        title = f"{self._where()}: {self.verdict}\n{self.quantity}"
        if self.side is not None:
            return heat_maps_figure(
                [self.contributions.reshape(self.side, self.side)],
                [self.method],
                image=np.nan_to_num(self.values).reshape(self.side, self.side),
                title=title,
                label="contribution",
                note=f"blue raises the {self._kind()}, orange lowers it",
            )
        shown = self.order[:_SHOWN]
        more = len(self.names) - len(shown)
        return bars_figure(
            [f"{clean(self.names[i], 22)} = {self.value_texts[i]}" for i in shown],
            self.contributions[shown],
            title=title,
            xlabel=f"contribution to the {self._kind()}",
            note=f"{self.method}, compared with {self.baseline}"
            + (f"; {more} smaller ones are not shown" if more else ""),
        )


def _signed(value: float) -> str:
    return f"{value + 0.0:+.4g}"


def explain_row(
    trained: Trained,
    row: int | ArrayLike,
    *,
    target: int | str | None = None,
    against: int | str | None = None,
    baseline: ArrayLike | None = None,
    steps: int = 1,
) -> Explanation:
    """Explain the prediction of one row by the contributions of its columns.

    Explained are the log-odds of the predicted class against the second most probable one: the
    difference of their logits. For regression it is the prediction itself. The contribution of a
    column is the derivative of that quantity, times the difference from the baseline, summed over
    the inputs that the column becomes. For a linear network the contributions add up exactly to
    the difference of the quantity between the row and the baseline.

    Parameters
    ----------
    trained : Trained
        The network and the rows.
    row : int or array_like, shape (columns,)
        The number of a row of the data, from 0, or a raw row.
    target, against : int or str, optional
        The numbers or names of the classes to compare; by default the most and the second most
        probable one.
    baseline : array_like, shape (columns,), optional
        A raw row to compare with; by default the mean of the inputs over the data.
    steps : int
        1 takes the derivative at the row. More take the mean of the derivatives at that many
        points on the straight way from the baseline: integrated gradients, which add up also for
        a network that is not linear.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        For a row or class that does not exist, and if the inputs cannot be assigned to columns.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear
    >>> from nn.understanding.trained import Trained
    >>> network = Linear(2, 1, dtype="float64")
    >>> network.weight.data = np.array([[3.0], [-1.0]])
    >>> trained = Trained(network, np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([0, 1]), ("a", "b"))
    >>> found = explain_row(trained, 1)
    >>> found.contributions.tolist(), found.value - found.baseline_value
    ([3.0, -2.0], 1.0)
    """
    number = int(row) if isinstance(row, int | np.integer) and not isinstance(row, bool) else None
    raw = trained.one_row(row) if number is None else trained.row(number)
    return explain_rows(
        trained,
        raw,
        numbers=[number],
        targets=[target],
        against=[against],
        baseline=baseline,
        steps=steps,
    )[0]


def explain_rows(
    trained: Trained,
    raw: Array,
    *,
    numbers: list[int | None],
    targets: Sequence[int | str | None],
    against: Sequence[int | str | None],
    baseline: ArrayLike | None = None,
    steps: int = 1,
) -> list[Explanation]:
    """Explain several rows, and prepare the baseline only once.

    Parameters
    ----------
    trained : Trained
        The network and the rows.
    raw : ndarray, shape (N, columns)
        The rows to explain.
    numbers, targets, against : list of int or None
        For each of them its number, and the classes as for `explain_row`.
    baseline, steps
        As for `explain_row`.
    """
    check_count("steps", steps)
    widths = _widths(trained)
    start, called = _baseline(trained, baseline)
    texts = trained.feature_values or ((),) * raw.shape[1]
    distances = _distances(trained)
    found = []
    for one, number, target, other in zip(raw[:, None], numbers, targets, against, strict=True):
        quantity = _Quantity.of(trained, one, target, other)
        end = trained.inputs(one)
        gradient = _mean_gradient(trained, quantity, start, end, steps)
        shares = (gradient * (end - start)).reshape(-1).astype(np.float64)
        slopes = gradient.reshape(-1) * _slopes(trained, one, distances, widths)
        is_number = np.array([not values for values in texts]) & ~np.isnan(one[0].astype(float))
        value, base = (float(quantity.measured(trained, x)) for x in (end, start))
        found.append(
            Explanation(
                trained.feature_names,
                one[0],
                tuple(trained.value_text(i, float(cell)) for i, cell in enumerate(one[0])),
                np.where(is_number, _by_column(slopes, widths), np.nan),
                _by_column(shares, widths),
                quantity.name,
                value,
                base,
                called,
                steps,
                number,
                trained.verdict(one),
                trained.data,
                trained.side,
                trained.first_row,
            )
        )
    return found


@dataclass(frozen=True)
class _Quantity:
    """What is explained: weights of the outputs, an offset, and a name."""

    weights: NDArray[np.float64]
    offset: float
    name: str

    @classmethod
    def of(
        cls, trained: Trained, raw: Array, target: int | str | None, other: int | str | None
    ) -> _Quantity:
        given = [("target", target), ("against", other)]
        target, other = (
            None if label is None else trained.class_number(label, what) for what, label in given
        )
        if trained.is_regression:
            return cls(np.array([trained.target_deviation]), trained.target_mean, "prediction")
        p = trained.probabilities(raw)[0]
        first = int(p.argmax()) if target is None else target
        rest = np.where(np.arange(len(p)) == first, -np.inf, p)
        second = int(rest.argmax()) if other is None else other
        if first == second:
            raise ValueError(f"target and against are both class {first}; choose two classes")
        outputs = trained.outputs(raw).shape[1]
        signs = np.zeros(len(p))
        signs[first], signs[second] = 1.0, -1.0
        names = [trained.class_name(label) for label in (first, second)]
        # A single output is the logit of class 1; that of class 0 is 0.
        return cls(signs[-outputs:], 0.0, f"log-odds of {names[0]!r} against {names[1]!r}")

    def tensor(self, outputs: Tensor) -> Tensor:
        total: Tensor = (outputs * self.weights.astype(outputs.dtype)).sum()
        return total

    def measured(self, trained: Trained, inputs: Array) -> float:
        with evaluating(trained.network):
            outputs = trained.network(Tensor(inputs)).detach().numpy()
        return float(outputs[0].astype(np.float64) @ self.weights) + self.offset


def _mean_gradient(
    trained: Trained, quantity: _Quantity, start: Array, end: Array, steps: int
) -> Array:
    """Average the gradient with respect to the inputs over points on the way to the row."""
    shares = (np.arange(steps) + 0.5) / steps if steps > 1 else np.ones(1)
    shares = shares.reshape(-1, *[1] * (end.ndim - 1))
    points = Tensor((start + shares * (end - start)).astype(end.dtype), requires_grad=True)
    with evaluating(trained.network):
        gradient = grad(quantity.tensor(trained.network(points)), points, allow_unused=True)
    if gradient is None:
        return np.zeros_like(end)
    average: Array = np.asarray(gradient).mean(axis=0, keepdims=True)
    return average


def _baseline(trained: Trained, baseline: ArrayLike | None) -> tuple[Array, str]:
    if baseline is None:
        sums = [part.sum(axis=0, keepdims=True, dtype=np.float64) for _, part in trained.parts()]
        return np.sum(sums, axis=0) / len(trained.features), f"the mean of {trained.data}"
    return trained.inputs(trained.one_row(baseline, "baseline")), "the given baseline"


def _widths(trained: Trained) -> list[int]:
    """Return for each raw column the number of inputs that it becomes."""
    columns = trained.features.shape[1]
    widths = [len(values) or 1 for values in trained.feature_values or ((),) * columns]
    inputs = trained.inputs(trained.features[:1])[0].size
    if sum(widths) != inputs:
        raise ValueError(
            f"prepare makes {inputs} inputs of {columns} columns, expected {sum(widths)}; pass "
            "feature_values with the texts of each one-hot column"
        )
    return widths


def _by_column(values: Array, widths: list[int]) -> NDArray[np.float64]:
    starts = np.cumsum([0, *widths[:-1]])
    return np.asarray(np.add.reduceat(values.astype(np.float64), starts))


def _distances(trained: Trained) -> NDArray[np.float64]:
    """Return for each raw column a step about as large as its deviation; 0 for texts."""
    known = np.ma.masked_invalid(trained.features.astype(np.float64))
    steps = known.std(axis=0).filled(0.0)
    steps = np.exp2(np.round(np.log2(steps, out=np.zeros_like(steps), where=steps > 0)))
    if trained.feature_values:  # codes of texts have no neighbours
        steps[[bool(values) for values in trained.feature_values]] = 0.0
    return np.asarray(steps)


def _slopes(
    trained: Trained, raw: Array, steps: NDArray[np.float64], widths: list[int]
) -> NDArray[np.float64]:
    """Measure how the inputs change with the raw numbers, all columns at once.

    Numbers are prepared column by column, so a step in every column is a step in each.
    """
    ends = [trained.inputs(raw + sign * steps).reshape(-1).astype(np.float64) for sign in (1, -1)]
    per_input = np.repeat(np.where(steps > 0, steps, np.inf), widths)
    return np.asarray((ends[0] - ends[1]) / (2 * per_input))

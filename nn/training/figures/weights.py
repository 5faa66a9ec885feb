"""Draws what is inside the layers: first-layer weights as images, gradients, updates.

The gradients are measured here, too, by `LayerWatch`; nothing is trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, grad
from tinygrad_edu.leaving import values_of

from ... import figure_style as style
from ...module import Module
from ..history import Epoch, LayerRecord
from ..objectives import Classification, Objective

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerWatch", "layers_figure", "weights_figure"]

_MOST_ROWS = 256
_USUAL_RATIO = 1e-3
_RATIO = "norm of update / norm of weights"


def weights_figure(weight: ArrayLike, *, most: int = 64) -> Figure:
    """Show the weights of each unit of the first layer as an image.

    Parameters
    ----------
    weight : array_like, shape (side * side, units)
        The weights of the first `Linear`.
    most : int
        The largest number of units; on a slide it is 24.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the inputs do not form a square image.

    Examples
    --------
    >>> from nn import MLP
    >>> figure = weights_figure(MLP([64, 12, 10], seed=0).layers[0].weight)
    >>> figure.get_suptitle()
    'weights of the first layer: 12 of 12 units'
    """
    columns_of_weights = values_of(weight)
    inputs, units = columns_of_weights.shape
    side = style.required_side(inputs, "inputs")
    shown = min(units, min(most, 24) if style.is_slide() else most)
    images = columns_of_weights[:, :shown].T.reshape(shown, side, side)
    columns = style.balanced_columns(shown, 4 if style.is_slide() and shown <= 12 else 8)
    rows = -(-shown // columns)
    figure, axes = style.blank_axes(max(0.95 * columns + 1.6, 4.4), max(1.1 * rows + 0.8, 2.4))
    # Symmetric, so that white is 0; a few extreme weights do not make all others pale.
    finite = np.abs(images[np.isfinite(images)])
    limit = float(np.quantile(finite, 0.998)) if finite.any() else 1.0
    limit = limit or float(finite.max())  # almost all of them are 0
    names = [str(number) for number in range(1, shown + 1)]
    scale = style.mosaic(
        axes,
        images,
        names,
        columns,
        style.gaps_on_a_slide(columns, rows, names) if style.is_slide() else (0.08, 0.22),
        colours="PuOr_r",
        limits=(-limit, limit),
        fontsize=7,
        ink=style.MUTED,
    )
    extend = "both" if finite.max(initial=0.0) > limit else "neither"
    bar = figure.colorbar(
        scale, ax=axes, shrink=0.8, aspect=30, extend=extend, extendfrac=0.03, label="weight"
    )
    style.large_ticks(bar.ax)
    title = f"weights of the first layer: {shown} of {units} units"
    if lost := images.size - finite.size:
        title += f"\nred: {lost:,} of {images.size:,} weights are infinite or NaN"
    figure.suptitle(title, fontsize=style.lettering(10))
    return figure


class LayerWatch:
    """Measures gradients and updates of each layer after an epoch.

    Gradients are those of one batch, the first rows of the data, in evaluation mode; the update is
    the last step of the epoch. Neither weights, gradients nor random numbers are changed. Biases
    are not measured, because they start at zero.

    Parameters
    ----------
    network : Module
        Returns outputs of shape (N, outputs).
    inputs, targets : ndarray
        The data; at most 256 rows are used.
    objective : Objective, optional
        Whose gradients are measured; by default the cross-entropy.

    Attributes
    ----------
    record : LayerRecord
        The measurements so far.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP
    >>> watch = LayerWatch(MLP([3, 4, 2], seed=0), np.ones((5, 3)), np.array([0, 1, 0, 1, 1]))
    >>> watch.measure(1)
    >>> watch.record.names, len(watch.record.ratios[0])
    (['linear1', 'linear2'], 2)
    """

    def __init__(
        self, network: Module, inputs: Any, targets: Any, objective: Objective | None = None
    ) -> None:
        self._network, self._objective = network, objective or Classification()
        self._weights = {
            name.removesuffix(".weight"): parameter
            for name, parameter in network.named_parameters()
            if parameter.ndim >= 2
        }
        dtype = next(iter(self._weights.values())).dtype
        self._batch = inputs[:_MOST_ROWS].astype(dtype), targets[:_MOST_ROWS]
        self._before = self._now = self._values()
        self.record = LayerRecord(names=list(self._weights))

    def _values(self) -> list[NDArray[Any]]:
        # Without copies: a step never writes into the arrays of the parameters.
        return [weight.data for weight in self._weights.values()]

    def step(self) -> None:
        """Note that a step was taken; for ``on_batch=`` of `train`."""
        self._before, self._now = self._now, self._values()

    def __call__(self, epoch: Epoch) -> None:
        """Measure at the end of an epoch; for ``on_epoch=`` of `train`."""
        self.measure(epoch.number)

    def measure(self, number: int) -> None:
        """Measure now, and record it as the epoch with this number."""
        inputs, targets = self._batch
        mode = self._network.training
        self._network.eval()
        try:
            loss = self._objective.loss(self._network(Tensor(inputs)), targets)
            gradients = grad(loss, list(self._weights.values()))
        finally:
            self._network.train(mode)
        self.record.epochs.append(number)
        self.record.gradient_norms.append([_norm(gradient) for gradient in gradients])
        self.record.ratios.append(
            [
                _norm(now - before) / (_norm(before) or np.nan)
                for before, now in zip(self._before, self._now, strict=True)
            ]
        )


def _norm(values: Any) -> float:
    return float(np.linalg.norm(np.asarray(values)))


def layers_figure(record: LayerRecord) -> Figure:
    """Draw the size of gradients and updates of each layer over the epochs.

    A layer with a much smaller gradient than the others learns almost nothing. Updates of about a
    thousandth of the weights are usual.

    Parameters
    ----------
    record : LayerRecord
        At least one epoch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If nothing was measured.

    Examples
    --------
    >>> from nn.training.history import LayerRecord
    >>> record = LayerRecord(["linear1"], [1, 2], [[0.5], [0.3]], [[2e-3], [1e-3]])
    >>> [axes.get_title() for axes in layers_figure(record).axes]
    ['size of the gradient', 'update / weight']
    """
    if not record.epochs:
        raise ValueError("the record of the layers is empty; train with figures=[..., 'gradients']")
    figure, panels = style.panels_over_epochs("size of the gradient", "update / weight", height=3.8)
    # A logarithmic axis cannot show 0, infinity and NaN.
    norms, ratios = (
        np.array([np.where(np.isfinite(row) & (np.array(row) > 0), row, np.nan) for row in rows])
        for rows in (record.gradient_norms, record.ratios)
    )
    for axes, values in zip(panels, (norms, ratios), strict=True):
        for number, name in enumerate(record.names):
            style.draw_line(axes, record.epochs, values[:, number], name, style.series_look(number))
        axes.set_yscale("log")
        if np.isnan(values).all():
            axes.set_xlim(record.epochs[0] - 0.5, record.epochs[-1] + 0.5)
            axes.set_ylim(1e-4, 1.0)
            axes.set_title(f"{axes.get_title()}: 0, infinite or NaN")
    panels[0].set_ylabel("norm of the gradient")
    panels[1].set_ylabel("ratio of norms" if style.is_slide() else _RATIO)
    width, color = style.zoom(), style.MUTED
    usual = panels[1].axhline(_USUAL_RATIO, color=color, linewidth=width, linestyle=":")
    lines = [*panels[0].get_lines(), usual]
    names = [*record.names, "1/1000, a usual ratio"]
    columns = min(len(names), 2 if style.is_slide() else 6)
    figure.legend(lines, names, loc="outside lower center", ncols=columns, frameon=False)
    return figure

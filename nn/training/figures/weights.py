"""What the layers look like from inside: first-layer weights as images, gradients, updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import Tensor, grad

from ...loss import classification_loss
from ...module import Module
from ..history import Epoch, LayerRecord
from .style import CLASSES, GRID, MARKERS, MUTED, blank_axes, image_side, mosaic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LayerWatch", "layers_figure", "weights_figure"]

_MOST_ROWS = 256
_USUAL_RATIO = 1e-3


def weights_figure(weight: ArrayLike, *, most: int = 64) -> Figure:
    """Show what each unit of the first layer looks for: its weights, as an image.

    Parameters
    ----------
    weight : array_like, shape (side * side, units)
        As the first `Linear` has it.
    most : int
        How many units at most, from the first on.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the inputs form no square image.

    Examples
    --------
    >>> from nn import MLP
    >>> figure = weights_figure(MLP([64, 12, 10], seed=0).layers[0].weight)
    >>> figure.get_suptitle()
    'weights of the first layer: 12 of 12 units'
    """
    columns_of_weights = np.asarray(weight)
    inputs, units = columns_of_weights.shape
    side = image_side(inputs)
    if side is None:
        raise ValueError(
            f"{inputs} inputs form no square image; expected 64 for 8x8, 784 for 28x28"
        )
    shown = min(units, most)
    images = columns_of_weights[:, :shown].T.reshape(shown, side, side)
    columns = min(shown, 8)
    rows = -(-shown // columns)
    figure, axes = blank_axes(max(0.95 * columns + 1.0, 4.4), 1.1 * rows + 0.7)
    # Symmetric, so that white is 0; a few extreme weights must not make all others pale.
    limit = float(np.quantile(np.abs(images), 0.998)) or 1.0
    image, places = mosaic(
        axes, images, columns, (0.08, 0.22), colours="PuOr_r", limits=(-limit, limit)
    )
    for number, (x, y) in enumerate(places, start=1):
        axes.text(
            x,
            y - 0.02 * side,
            f"{number}",
            ha="center",
            va="bottom",
            fontsize=6.5,
            color=MUTED,
            in_layout=False,
        )
    extend = "both" if float(np.abs(images).max()) > limit else "neither"
    figure.colorbar(
        image, ax=axes, shrink=0.8, aspect=30, extend=extend, extendfrac=0.03, label="weight"
    )
    figure.suptitle(f"weights of the first layer: {shown} of {units} units", fontsize=10)
    return figure


class LayerWatch:
    """Measures gradients and updates of each layer, after an epoch.

    It looks at one batch, the first rows of the data, and changes nothing: no weight, no
    gradient that is kept, no random number. Biases are left out, for they start at zero.

    Parameters
    ----------
    network : Module
        Gives logits of shape (N, outputs).
    features, labels : ndarray
        The data; at most 256 rows are looked at.
    learning_rate : float
        Of plain gradient descent: an update is this times the gradient.

    Attributes
    ----------
    record : LayerRecord
        What was measured so far.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP
    >>> watch = LayerWatch(MLP([3, 4, 2], seed=0), np.ones((5, 3)), np.array([0, 1, 0, 1, 1]), 0.1)
    >>> watch.measure(1)
    >>> watch.record.names, len(watch.record.ratios[0])
    (['linear1', 'linear2'], 2)
    """

    def __init__(
        self, network: Module, features: NDArray[Any], labels: NDArray[Any], learning_rate: float
    ) -> None:
        self._network = network
        self._weights = {
            name.removesuffix(".weight"): parameter
            for name, parameter in network.named_parameters()
            if parameter.ndim >= 2
        }
        dtype = next(iter(self._weights.values())).dtype
        self._batch = features[:_MOST_ROWS].astype(dtype), labels[:_MOST_ROWS]
        self._learning_rate = learning_rate
        self.record = LayerRecord(names=list(self._weights))

    def __call__(self, epoch: Epoch) -> None:
        """Measure at the end of an epoch; for ``on_epoch=`` of `train`."""
        self.measure(epoch.number)

    def measure(self, number: int) -> None:
        """Measure now, and note it as the epoch of that number."""
        features, labels = self._batch
        weights = list(self._weights.values())
        gradients = grad(classification_loss(self._network(Tensor(features)), labels), weights)
        norms = [float(np.linalg.norm(np.asarray(gradient))) for gradient in gradients]
        sizes = [float(np.linalg.norm(np.asarray(weight))) for weight in weights]
        self.record.epochs.append(number)
        self.record.gradient_norms.append(norms)
        self.record.ratios.append(
            [
                self._learning_rate * norm / (size or np.nan)
                for norm, size in zip(norms, sizes, strict=True)
            ]
        )


def layers_figure(record: LayerRecord) -> Figure:
    """Draw how large gradients and updates were, layer by layer, over the epochs.

    A layer whose gradient is much smaller than that of the others learns next to nothing.
    Updates of about a thousandth of the weights are usual.

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
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.0, 3.8), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, rows, title in (
        (panels[0], record.gradient_norms, "size of the gradient"),
        (panels[1], record.ratios, "update / weight"),
    ):
        for number, name in enumerate(record.names):
            values = [row[number] or np.nan for row in rows]  # a logarithm has no place for 0
            axes.plot(
                record.epochs,
                values,
                color=CLASSES[number % len(CLASSES)],
                marker=MARKERS[number % len(MARKERS)],
                linestyle=("-", "--", "-.", ":")[number % 4],
                markersize=4,
                linewidth=1.6,
                label=name,
            )
        axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_title(title)
        axes.grid(True, which="both", color=GRID, linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[0].set_ylabel("norm of the gradient")
    panels[1].set_ylabel("norm of update / norm of weights")
    usual = panels[1].axhline(_USUAL_RATIO, color=MUTED, linewidth=1.0, linestyle=":")
    lines = [*panels[0].get_lines(), usual]
    names = [*record.names, "1/1000, a usual ratio"]
    figure.legend(lines, names, loc="outside lower center", ncols=min(len(names), 6), frameon=False)
    return figure

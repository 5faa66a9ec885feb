"""Selects the figures that `fit` draws, and saves each in a file in the folder of the model.

They are made without pyplot, which would keep figures in memory and choose a backend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.atomic_file import write_atomically
from tinygrad_edu.figure_files import figure_bytes

from ...images import SMALLEST_SIDE, image_side
from ...loss import classes_of, predicted_labels, probabilities
from ...mlp import MLP
from ..history import History
from ..metrics import logits_of
from ..reports.calibration import reliability
from ..reports.regression import regression_report
from ..weight_record import Scene, WeightRecord
from .calibration import calibration_figure
from .curves import training_curves
from .film import Film
from .film_file import save_film
from .mistakes import confusion_figure, confusion_matrix, mistakes_figure
from .predicted import predicted_figure
from .regions import regions_figure
from .weights import layers_figure, weights_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "Pictures", "check_figures", "file_of", "save_figure"]

FIGURES = {
    "curves": "loss and accuracy over the epochs",
    "confusion": "how often each class was taken for each other",
    "calibration": "whether it is right as often as its confidence says",
    "predicted": "predicted over true values, for a regression",
    "mistakes": "the samples it is wrong about and most sure of",
    "weights": "what each unit of the first layer looks for",
    "regions": "which class it sees where, for two features",
    "gradients": "how large gradients and updates were in each layer",
    "film": "what it predicts, epoch by epoch, for two features",
}
"""The names of all figures and their content; `file_of` names their files."""

_ROWS = 512
_MOST_IN_A_FILM = 400


_OF_CLASSES = ("confusion", "calibration", "mistakes", "regions")


def check_figures(
    figures: Sequence[str] | None, features: int, task: str = "classification"
) -> tuple[str, ...]:
    """Check which figures to draw.

    Parameters
    ----------
    figures : sequence of str or None
        Names from `FIGURES`; None for all that apply, except ``calibration``, ``gradients`` and
        ``film``; the last two are recorded during the training.
    features : int
        Number of features of the network.
    task : {"classification", "regression"}
        What the network learns.

    Raises
    ------
    TypeError, ValueError
        For names that do not exist, and figures that need images, two features or another task.

    Examples
    --------
    >>> check_figures(None, features=64)
    ('curves', 'confusion', 'mistakes', 'weights')
    """
    side = image_side(features)
    if figures is None:
        images = ("mistakes", "weights") if side is not None and side >= SMALLEST_SIDE else ()
        if task == "regression":
            return ("curves", "predicted", *images[1:])
        return ("curves", "confusion", *images, *(("regions",) if features == 2 else ()))
    if isinstance(figures, str) or not isinstance(figures, Sequence):
        raise TypeError(f"figures must be a list of names such as ['curves'], got {figures!r}")
    for name in figures:
        if name not in FIGURES:
            raise ValueError(f"unknown figure {name!r}; known are {', '.join(FIGURES)}")
        if name in (_OF_CLASSES if task == "regression" else ("predicted",)):
            other = "classification" if task == "regression" else "regression"
            raise ValueError(f"figure {name!r} needs a {other}, but this is a {task}")
        needs = _needed(name, features, task)
        if needs:
            raise ValueError(f"figure {name!r} needs {needs}, but there are {features} features")
    return tuple(dict.fromkeys(figures))


def _needed(name: str, features: int, task: str) -> str | None:
    """Return what a figure needs and these features are not; None if it can be drawn."""
    if name in ("mistakes", "weights") and image_side(features) is None:
        return "a square image"
    if name == "regions" and features != 2:
        return "two features"
    if name == "film" and features not in ((1, 2) if task == "regression" else (2,)):
        return "one or two features" if task == "regression" else "two features"
    return None


def file_of(name: str) -> str:
    """Return the name of the file of a figure.

    Examples
    --------
    >>> file_of("curves"), file_of("film")
    ('curves.png', 'film.gif')
    """
    return f"{name}.{'gif' if name == 'film' else 'png'}"


@dataclass(frozen=True)
class Pictures:
    """The figures of a training, and the samples that they show.

    Attributes
    ----------
    wanted : tuple of str
        From `check_figures`.
    samples : tuple of (features, labels)
        The samples for the evaluation, with scaled features; in a regression, with the targets that
        the network is trained on.
    data : str
        The name of these samples: ``"test data"``.
    scale : float or ndarray
        The features were divided by it, all or each.
    columns : sequence of str
        Names of the features.
    shift : float or ndarray
        What was subtracted from the features before: their means, if they are standardised.
    class_names : sequence of str or None
        The names of the classes; None for their numbers.
    task : {"classification", "regression"}
        What the network learns.
    target_mean, target_deviation : float
        In a regression, a target is what the network is trained on, times the deviation, plus the
        mean.
    """

    wanted: tuple[str, ...]
    samples: tuple[NDArray[Any], NDArray[Any]]
    data: str
    scale: float | NDArray[Any]
    columns: Sequence[str]
    shift: float | NDArray[Any] = field(default=0.0, kw_only=True)
    class_names: Sequence[str] | None = field(default=None, kw_only=True)
    task: str = field(default="classification", kw_only=True)
    target_mean: float = field(default=0.0, kw_only=True)
    target_deviation: float = field(default=1.0, kw_only=True)

    def save(self, folder: Path, network: MLP, history: History) -> list[str]:
        """Write each figure to a file.

        Parameters
        ----------
        folder : Path
            The folder for the files.
        network : MLP
            The trained network.
        history : History
            Its training.

        Returns
        -------
        list of str
            The names of the files.
        """
        from matplotlib.backend_bases import FigureCanvasBase

        files = []
        with np.errstate(over="ignore", invalid="ignore"):  # from weights about to diverge
            for name, figure in self.draw(network, history):
                files.append(save_figure(figure, folder / file_of(name)).name)
                # The figure is a reference cycle: release its memory now.
                figure.clear()
                figure.set_canvas(FigureCanvasBase(figure))
            if "film" in self.wanted and history.weights is not None and history.weights.states:
                film = Film(history.weights, history)
                files.append(save_film(film, folder / file_of("film")).name)
        return files

    def recorder(self, network: MLP, samples: tuple[Any, ...], epochs: int) -> WeightRecord | None:
        """Return what records the weights of a training for its film; None without a film.

        Parameters
        ----------
        network : MLP
            The network.
        samples : tuple of (inputs, targets)
            What it learns; of more than 400 samples, 400 are in the film, chosen at random once.
        epochs : int
            The largest number of epochs.
        """
        if "film" not in self.wanted:
            return None
        rows = np.random.default_rng(0).permutation(len(samples[1]))[:_MOST_IN_A_FILM]
        points = np.asarray(samples[0][np.sort(rows)], np.float64) * self.scale + self.shift
        targets = np.asarray(samples[1])[np.sort(rows)]
        if self.task == "regression":
            targets = targets * self.target_deviation + self.target_mean
        scene = Scene(
            points,
            targets,
            self.columns,
            self.class_names,
            self.task,
            self.shift,
            self.scale,
            self.target_mean,
            self.target_deviation,
        )
        return WeightRecord(network, scene, epochs)

    def _logits(self, network: MLP) -> NDArray[Any]:
        """Compute logits in small batches, because they are copied and memory may be short."""
        features = self.samples[0]
        starts = range(0, len(features), _ROWS)
        return np.concatenate([logits_of(network, features[i : i + _ROWS]) for i in starts])

    def draw(self, network: MLP, history: History) -> Iterator[tuple[str, Figure]]:
        """Yield the figures one by one, so that only one is in memory."""
        (features, labels), wanted, data = self.samples, self.wanted, self.data
        named: dict[str, Any] = {"data": data, "class_names": self.class_names}
        if "curves" in wanted:
            yield "curves", training_curves(history)
        if {"confusion", "calibration", "mistakes", "predicted"}.intersection(wanted):
            logits = self._logits(network)
        if "confusion" in wanted:
            classes = classes_of(network.structure[-1])
            matrix = confusion_matrix(labels, predicted_labels(logits), classes)
            yield "confusion", confusion_figure(matrix, **named)
        if "calibration" in wanted:
            correct = predicted_labels(logits) == labels
            bins = reliability(probabilities(logits).max(axis=1), correct)
            yield "calibration", calibration_figure(bins, data=data)
        if "predicted" in wanted:
            yield "predicted", self._draw_predicted(logits)
        if "mistakes" in wanted:
            yield "mistakes", mistakes_figure(features, labels, probabilities(logits), **named)
        if "weights" in wanted:
            yield "weights", weights_figure(network.layers[0].weight)
        if "regions" in wanted:

            def judge(points: NDArray[Any]) -> NDArray[Any]:
                inputs = ((points - self.shift) / self.scale).astype(features.dtype)
                return probabilities(logits_of(network, inputs))

            plane = features * self.scale + self.shift
            yield "regions", regions_figure(judge, plane, labels, names=self.columns, **named)
        if "gradients" in wanted:
            yield "gradients", layers_figure(history.layers)

    def _draw_predicted(self, outputs: NDArray[Any]) -> Figure:
        """Draw predictions over targets, both in the unit of the data."""
        targets, predictions = (
            np.asarray(values, dtype=np.float64) * self.target_deviation + self.target_mean
            for values in (self.samples[1], outputs)
        )
        return predicted_figure(regression_report(targets, predictions), data=self.data)


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure to a file; the format follows the suffix.

    The same training writes the same file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : Path
        Ends in ``.png``, ``.svg`` or ``.pdf``.

    Returns
    -------
    Path
        The same path.
    """
    return write_atomically(path, figure_bytes(figure, path.suffix.lstrip(".") or "png"))

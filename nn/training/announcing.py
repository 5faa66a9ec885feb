"""The lines before a training: the network, the data, what was chosen, and probable mistakes.

The lines during a training are in `progress`, those after it in `session`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..data.blocks import column_ranges
from ..data.known_inputs import doubts
from ..loss import classes_of
from ..mlp import MLP
from .dataset.learning_data import LearningData
from .options import Plan

__all__ = ["announcement"]

_LARGE = 10.0
_UNEQUAL = 1000.0
"""Pixels of 8 bits differ less, even rarely lit ones."""
_RARE = 20.0
_MOST_NAMES = 8


def announcement(network: MLP, data: LearningData, plan: Plan) -> str:
    """Return the lines before a training: network, data, and notes about probable mistakes.

    Parameters
    ----------
    network : MLP
        The network before the training.
    data : LearningData
        The data, before they are prepared.
    plan : Plan
        The arguments of `fit`.
    """
    train, knowledge = data.train, data.knowledge
    assert train.labels is not None  # training needs them
    rows, features = train.features.shape
    lines = [repr(network)]
    line = f"{train.path}: {rows:,} rows, {features} features"
    if knowledge.is_regression:
        low, high = float(train.labels.min()), float(train.labels.max())
        lines.append(f"{line}, {train.label_name} from {low:.4g} to {high:.4g}")
    else:
        counts = np.bincount(train.labels, minlength=1)
        present = np.flatnonzero(counts)
        lines.append(f"{line}, {len(present)} classes{_counted(knowledge, counts, present)}")
    if data.validation_rows is not None:
        lines.append(f"validation: {len(data.validation_rows):,} of these rows, drawn at random")
    elif data.validation is not None:
        lines.append(f"validation: {data.validation.path}: {len(data.validation.features):,} rows")
    if data.test is not None:
        when = ", read once, at the end" if data.has_validation else ""
        lines.append(f"{data.test.path}: {len(data.test.features):,} rows{when}")
    if plan.chosen:
        lines.append(_chosen(data, plan))
    notes = [*data.notes, *_notes_on_scale(data, plan.options)]
    if not knowledge.is_regression:
        notes += _notes_on_classes(network, data, plan)
    if plan.batch_size > rows:
        notes.append(f"batch_size {plan.batch_size} is more than {rows} rows; one batch an epoch")
    lines += [f"note: {note}" for note in notes]
    return "\n".join(lines)


def _chosen(data: LearningData, plan: Plan) -> str:
    """Return what was chosen for the user, who can choose otherwise."""
    prepare = data.knowledge.prepare
    features = "features standardised"
    if prepare.means is None:
        features = "features as they are" if prepare.scale == 1 else f"features / {prepare.scale:g}"
    waits = "" if plan.patience is None else ", until the loss stops falling"
    return (
        f"chosen: {plan.optimizer} with learning rate {plan.alpha:g}, {features}, "
        f"at most {plan.epochs} epochs{waits}"
    )


def _counted(knowledge: object, counts: np.ndarray, present: np.ndarray) -> str:
    """Return the number of rows of each class, for a few named classes."""
    names = getattr(knowledge, "classes", None)
    if names is None or len(present) > _MOST_NAMES:
        return ""
    return f" ({', '.join(f'{names[i]}: {counts[i]}' for i in present)})"


def _notes_on_classes(network: MLP, data: LearningData, plan: Plan) -> list[str]:
    counts = np.bincount(data.train.labels)  # type: ignore[arg-type]
    present = counts[counts > 0]
    notes = []
    if len(present) < classes_of(network.structure[-1]):
        notes.append(f"{len(present)} classes for {network.structure[-1]} outputs")
    if present.max() > _RARE * present.min() and plan.get("class_weight") is None:
        names = data.knowledge.class_names(len(counts))
        rare = names[int(np.where(counts > 0, counts, counts.max() + 1).argmin())]
        notes.append(
            f"class {rare} has {present.min()} of {counts.sum()} rows, so the network may ignore "
            f"it; {plan.options['class_weight']} makes all classes count the same"
        )
    return notes


def _notes_on_scale(data: LearningData, options: Mapping[str, str]) -> list[str]:
    """Return notes about features that are too small or too large for the network."""
    inputs, prepare = data.knowledge.inputs, data.knowledge.prepare
    assert inputs.ranges is not None  # they were measured
    is_number = prepare.is_number(len(inputs.ranges))
    ranges = inputs.ranges[is_number]
    if not len(ranges):
        return []
    varies = bool((ranges[:, 0] < ranges[:, 1]).any())
    if varies and prepare.means is not None:
        return []
    notes: list[str] = []
    columns = np.array(data.train.columns)[is_number].tolist()
    if varies or not prepare.values:
        table = prepare.filled(data.train.features)
        # The smallest and the largest values are enough, and a table on disk stays there.
        extremes = column_ranges(table)[is_number].T[: len(table)]
        notes = doubts(extremes, prepare.scale, options["standardize"], columns)
    sizes = np.abs(ranges).max(axis=1)
    largest = float(sizes.max())
    small = np.flatnonzero((sizes > 0) & (sizes < largest / _UNEQUAL))
    after = largest / prepare.scale
    divided = f"divided by the scale {prepare.scale:g}, " if prepare.scale != 1 else ""
    if len(small):
        first, last = int(small[0]), int(sizes.argmax())
        more = f" and {len(small) - 1} more" if len(small) > 1 else ""
        notes.append(
            f"{str(columns[first])!r}{more} goes up to {sizes[first]:g}, {str(columns[last])!r} up "
            f"to {largest:g}; one scale for both hides the small ones: "
            f"{options['standardize']} brings each feature to a like size"
        )
    elif after > _LARGE:
        notes.append(
            f"{divided}features go up to {after:g}; networks learn best from values around 1, so "
            f"{options['standardize']} may help, or for pixels {options['scale']}{largest:g}"
        )
    return notes

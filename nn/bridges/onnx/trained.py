"""Exports trained models with what belongs to them: preparation, probabilities, names of classes.

The whole way from a row of the table to a label is one `Module`, which `exporting` translates like
any other. What a file cannot do is left out: it does not check ranges, and a missing or unknown
cell is no error there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import concatenate, softmax, take, where

from ...files import SavedNetwork, read_network
from ...loss import classes_of
from ...mlp import MLP
from ...module import Module
from ...training.knowledge import Knowledge
from ...training.saved import saved_network, set_biases
from .exporting import Exported, export

if TYPE_CHECKING:
    from ...training.classifier import Classifier

__all__ = ["export_model"]


class _Pipeline(Module):
    """From the columns of a table to the prediction.

    Parameters
    ----------
    saved : SavedNetwork
    """

    def __init__(self, saved: SavedNetwork) -> None:
        dtype = np.result_type(*saved.weights)
        weights = iter(saved.weights)
        self.network = MLP(
            saved.structure, saved.activation, dtype, initializer=lambda *_: next(weights)
        )
        set_biases(self.network, saved)
        self.knowledge = Knowledge.of(saved)
        self.columns, self.dtype = saved.feature_count, dtype
        values = self.knowledge.prepare.values or ((),) * self.columns
        self.numbers = [i for i, texts in enumerate(values) if not texts]
        self.texts = {i: texts for i, texts in enumerate(values) if texts}

    def forward(self, *given: Any) -> dict[str, Any]:
        """Return what `Classifier.predict` and `predict_proba` return for these rows."""
        logits = self.network(self._prepared(list(given)))
        knowledge = self.knowledge
        if knowledge.is_regression:
            values = logits[:, 0].astype(np.float64)
            return {"value": values * knowledge.target_deviation + knowledge.target_mean}
        if logits.shape[-1] == 1:
            codes = np.greater(logits[:, 0], 0).astype(np.int64)
            logits = concatenate([logits * 0.0, logits], axis=1)
        else:
            codes = np.argmax(logits, axis=1)
        names = knowledge.named(np.arange(len(self.class_names())))
        is_code = names.dtype == np.int64 and np.array_equal(names, np.arange(len(names)))
        label = codes if is_code else np.take_along_axis(names, codes, axis=0)
        return {"label": label, "probabilities": softmax(logits, axis=1)}

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes; none in a regression."""
        if self.knowledge.is_regression:
            return ()
        count = classes_of(self.network.structure[-1])
        return self.knowledge.class_names(count)[:count]

    def _prepared(self, given: list[Any]) -> Any:
        """Do on tensors what `Preparation` does on arrays."""
        prepare = self.knowledge.prepare
        x: Any = given.pop(0) if self.numbers else None
        if x is not None and prepare.fills is not None:
            fills = prepare.fills[self.numbers].astype(x.dtype)
            x = where(np.isnan(x), fills, x)
        if prepare.is_plain:
            return x if prepare.scale == 1.0 else x / self.dtype.type(prepare.scale)
        if x is not None and prepare.scale != 1.0:
            x = x / prepare.scale
        if self.texts:
            places = {column: place for place, column in enumerate(self.numbers)}
            x = concatenate(
                [
                    self._encoded(i, given.pop(0)) if i in self.texts else take(x, [places[i]], 1)
                    for i in range(self.columns)
                ],
                axis=1,
            )
        if prepare.means is not None:
            x = (x - prepare.means) / prepare.deviations
        return x.astype(self.dtype)

    def _encoded(self, column: int, texts: Any) -> Any:
        """Return a one for the value of each text, and a replacement of missing ones."""
        known = self.texts[column]
        found = np.equal(texts[:, None], np.array(known))
        fills = self.knowledge.prepare.fills
        if fills is not None and not np.isnan(fills[column]):
            replaced = np.arange(len(known)) == int(fills[column])
            is_missing = np.equal(texts[:, None], np.array([""]))
            found = np.logical_or(found, np.logical_and(is_missing, replaced))
        return where(found, np.float64(1), np.float64(0))


def export_model(
    model: Classifier | SavedNetwork | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Write a trained model with its preparation, so that it takes rows as they are in the table.

    The input ``features`` has the columns of numbers, in the order of the training; it is float64
    if they are standardised or there are columns of text, and else of the dtype of the model. Each
    column of text is an input of its own, of strings, with the name of the column. The outputs are
    ``label`` and ``probabilities``, or ``value`` of a regression.

    Parameters
    ----------
    model : Classifier, SavedNetwork or path
        A trained model, or its file: native, or a pickle.
    path : str or path-like
        The file to write.
    metadata : mapping of str to str, optional
        Is added to ``metadata_props``, which holds the names of features and classes, and of a
        model file its SHA-256.

    Returns
    -------
    Exported

    Raises
    ------
    ExportError
        If the model cannot be written.
    NotFittedError
        If it was not trained.
    ModelFileError
        If its file is damaged.

    Notes
    -----
    The file does not compare features with the ranges of the training. A text that the training did
    not have is no value of its column there, as with ``unknown="ignore"``; an empty one is a
    missing cell, and replaced if the training did that.
    """
    saved, properties = _read(model)
    pipeline = _Pipeline(saved)
    names = saved.feature_names or tuple(f"feature_{i}" for i in range(pipeline.columns))
    inputs = [names[i] for i in pipeline.texts]
    if pipeline.numbers:
        taken = set(inputs)
        numbers = next(
            n for i in range(len(inputs) + 1) if (n := "features" + "_" * i) not in taken
        )
        inputs.insert(0, numbers)
    properties |= {
        "task": saved.task,
        "feature_names": _json([names[i] for i in pipeline.numbers]),
        "text_features": _json({names[i]: texts for i, texts in pipeline.texts.items()}),
        "class_names": _json(pipeline.class_names()),
        "label_name": saved.label_name or "",
    }
    return export(
        pipeline,
        _example(pipeline, saved),
        path,
        input_names=inputs,
        output_names=("value",) if pipeline.knowledge.is_regression else ("label", "probabilities"),
        metadata=properties | dict(metadata or {}),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _read(model: Any) -> tuple[SavedNetwork, dict[str, str]]:
    if isinstance(model, SavedNetwork):
        return model, {}
    if isinstance(model, str | os.PathLike):
        file = Path(model).expanduser()
        saved = read_network(file)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return saved, {"model_sha256": digest}
    if not hasattr(model, "knowledge"):
        raise TypeError(
            f"export_model takes a Classifier, a SavedNetwork or a path, got a "
            f"{type(model).__name__}; use export for a network without a preparation"
        )
    model._check_fitted()
    return saved_network(model.network, model.knowledge), {}


def _example(pipeline: _Pipeline, saved: SavedNetwork) -> tuple[Any, ...]:
    """Draw rows within the ranges of the training, with missing cells if they are replaced."""
    generator, rows = np.random.default_rng(0), 16
    found: list[Any] = []
    prepare = pipeline.knowledge.prepare
    if pipeline.numbers:
        shape = (rows, len(pipeline.numbers))
        x = generator.normal(size=shape)
        if saved.feature_ranges is not None:
            low, high = saved.feature_ranges[pipeline.numbers].T
            x = low + (high - low) * generator.random(shape)
        if prepare.fills is not None:
            x[generator.random(shape) < 0.2] = np.nan
        found.append(x.astype(pipeline.dtype if prepare.is_plain else np.float64))
    found += [generator.choice([*texts, ""], rows) for texts in pipeline.texts.values()]
    return tuple(found)

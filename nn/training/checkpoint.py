"""Checkpoints: everything that a training needs to continue as if it had not been interrupted.

A checkpoint also holds the options of the training and a fingerprint of its data; a training that
differs from them does not continue. The file is written in `nn.files`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import __version__

from ..errors import DataWarning, ModelFileError
from .epoch import Epoch
from .options import Plan

__all__ = ["Checkpoints", "epochs_as_arrays", "epochs_from", "settings_of"]

_NOT_SETTINGS = {
    *("callbacks", "figures", "overwrite", "checkpoint_every", "resume", "stream", "check_ranges"),
    *("max_bytes", "max_classes", "max_columns", "max_line_bytes"),
}
"""Options that do not change what a training computes."""
_FREE_EPOCHS = (None, "constant", "exponential", "plateau")
"""Schedules that do not depend on the number of epochs."""


def settings_of(plan: Plan, network: str, seed: Any) -> dict[str, str]:
    """Return everything that decides what a training computes, besides the data, as texts.

    Parameters
    ----------
    plan : Plan
        The arguments of `fit`.
    network : str
        A description of the network.
    seed : object
        Its seed.
    """
    settings = {name: repr(value) for name, value in plan.given.items()}
    # Data are in the fingerprint; a file may have another name.
    for name, kept in (("sample_weight", str), ("validation", int | float | np.number)):
        if name in settings and not isinstance(plan.given[name], kept):
            settings[name] = "data"
    settings |= {
        "network": network,
        "seed": repr(seed),
        "epochs": repr(plan.epochs),
        "learning_rate": repr(plan.alpha),
        "batch_size": repr(plan.batch_size),
        "optimizer": repr(plan.optimizer),
        "patience": repr(plan.patience),
    }
    return {name: text for name, text in sorted(settings.items()) if name not in _NOT_SETTINGS}


class Checkpoints:
    """The checkpoint file of one training.

    Parameters
    ----------
    path : Path or None
        The file; None saves nothing.
    settings : mapping of str to str
        From `settings_of`.
    data : callable
        Returns fingerprints of the data by name; called at the first checkpoint.
    every : int or None
        Epochs between two checkpoints; None saves only twice a minute and at a stop.
    schedule : str or None
        The name of the schedule: with some, the number of epochs may change.

    Attributes
    ----------
    is_saved : bool
        Whether this training has written a checkpoint.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Mapping[str, str],
        data: Any,
        every: int | None,
        schedule: str | None,
    ) -> None:
        self.path, self.settings, self._data = path, dict(settings), cache(data)
        self.was_asked_for = every is not None
        self.every = every or 10**12
        self.is_saved = False
        self._schedule = schedule

    def save(self, state: Mapping[str, Any], *, is_complete: bool = False) -> None:
        """Write a checkpoint atomically.

        Parameters
        ----------
        state : mapping
            Nested dictionaries of arrays, numbers, texts and lists.
        is_complete : bool
            Whether nothing is left to train.
        """
        if self.path is None:
            return
        from ..files import save_state

        content = {
            "state": state,
            "settings": self.settings,
            "data": self._data(),
            "versions": _versions(),
        }
        complete = "yes" if is_complete else "no"
        save_state(self.path, content, metadata={"kind": "checkpoint", "complete": complete})
        self.is_saved = True

    def keep_earlier(self) -> str | None:
        """Keep the checkpoint of an earlier training that was interrupted; return a note on it."""
        if self.path is None or not self.path.exists():
            return None
        from ..files import load_metadata

        try:
            if load_metadata(self.path).get("complete") == "yes":
                return None
        except (OSError, ValueError):
            pass  # a damaged one is kept, too
        kept = self.path.with_name(f"{self.path.stem}.earlier{self.path.suffix}")
        self.path.replace(kept)
        return (
            f"{self.path.name} of an interrupted training is kept as {kept.name}; rename it to "
            "continue from it"
        )

    def load(self) -> Mapping[str, Any] | None:
        """Return the state of the checkpoint; None if there is no file.

        Raises
        ------
        ValueError
            If the options or the data are not those of the checkpoint; each difference is named.
        ModelFileError
            If the file is damaged.

        Warns
        -----
        DataWarning
            If it was written with other versions of packages, which may round differently.
        """
        if self.path is None or not self.path.exists():
            return None
        from ..files import load_state

        try:
            content = load_state(self.path)
        except ModelFileError as error:
            raise type(error)(f"{error}. Remove the file to start anew") from None
        differences = self._differences(content)
        if differences:
            raise ValueError(
                f"{self.path}: this training differs from the interrupted one: "
                f"{'; '.join(differences)}. Repeat its options, or remove the file to start anew"
            )
        versions = _versions()
        changed = [
            f"{name} {content['versions'].get(name)} then, {version} now"
            for name, version in versions.items()
            if content["versions"].get(name) != version
        ]
        if changed:
            warnings.warn(
                f"{self.path}: written with {', '.join(changed)}; the training continues, but not "
                "bit for bit as it would have",
                DataWarning,
                stacklevel=5,
            )
        self.is_saved = True
        state: Mapping[str, Any] = content["state"]
        return state

    def _differences(self, content: Mapping[str, Any]) -> list[str]:
        before, now = content["settings"], self.settings
        found = []
        for name in sorted({*before, *now}):
            if name == "epochs" and self._schedule in _FREE_EPOCHS:
                continue
            then, this = before.get(name, "not given"), now.get(name, "not given")
            if then != this:
                found.append(f"{name} was {then}, and is {this}")
        for name, digest in self._data().items():
            if content["data"].get(name) != digest:
                found.append(f"the {name} have changed")
        return found


def epochs_as_arrays(epochs: Sequence[Epoch]) -> dict[str, NDArray[Any]]:
    """Return the epochs as two arrays: their numbers, and which of these were measured."""
    rows = [[getattr(epoch, one.name) for one in fields(Epoch)] for epoch in epochs]
    table = np.array(rows, dtype=object).reshape(len(rows), len(fields(Epoch)))
    measured = np.array([[value is not None for value in row] for row in rows], bool)
    measured = measured.reshape(table.shape)
    return {"numbers": np.where(measured, table, 0.0).astype(np.float64), "measured": measured}


def epochs_from(arrays: Mapping[str, NDArray[Any]]) -> list[Epoch]:
    """Return the epochs that `epochs_as_arrays` stored."""
    epochs = []
    for numbers, measured in zip(arrays["numbers"].tolist(), arrays["measured"], strict=True):
        pairs = zip(numbers, measured, strict=True)
        values: list[Any] = [number if known else None for number, known in pairs]
        epochs.append(Epoch(int(numbers[0]), *values[1:]))
    return epochs


def _versions() -> dict[str, str]:
    return {"tinygrad_edu": __version__, "numpy": np.__version__}

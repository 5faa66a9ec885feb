"""How a model is loaded from a file, and what is stored in one.

It is a part of `Classifier`. Files are read and written in `nn.files`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.errors import printable

from ..errors import DataWarning
from ..mlp import MLP
from .knowledge import Knowledge
from .options import PYTHON

if TYPE_CHECKING:
    from ..files import SavedNetwork
    from .history import History

__all__ = ["StoresModel"]


class StoresModel:
    """The files of a `Classifier`."""

    network: MLP
    knowledge: Knowledge
    history: History | None

    def saved(self) -> SavedNetwork:
        """Return the content of a model file, for `nn.files`."""
        from .saved import saved_network

        return saved_network(self.network, self.knowledge, history=self.history)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_nonfinite: bool = False,
        max_bytes: int | None = None,
    ) -> Any:
        """Load a saved model, native or legacy; the content decides, not the name.

        Parameters
        ----------
        path : str or path-like
            The file. `fit` saves into its folder.
        allow_nonfinite, max_bytes
            As in `nn.files.read_network`.

        Raises
        ------
        ModelFileError
            If the file is not a valid model.

        Warns
        -----
        DataWarning
            If the file has no names and ranges of features, as files of version 0.1.0.
        """
        return cls._load(path, PYTHON, allow_nonfinite, max_bytes)

    @classmethod
    def _load(
        cls,
        path: str | os.PathLike[str],
        options: Mapping[str, str],
        allow_nonfinite: bool = False,
        max_bytes: int | None = None,
    ) -> Any:
        """Load a model; its messages write options as in the table `options`."""
        from ..files import read_network
        from .saved import set_biases

        path = Path(path).expanduser()
        limit = {} if max_bytes is None else {"max_bytes": max_bytes}
        saved = read_network(
            path, allow_nonfinite=allow_nonfinite, names_options=options is PYTHON, **limit
        )
        if saved.feature_names is None and saved.feature_ranges is None:
            message = (
                f"{printable(path)}: this model knows no names and ranges of its features; columns "
                "are taken by their position, and features must be scaled as in its training"
            )
            warnings.warn(message, DataWarning, stacklevel=3)
        dtype = np.result_type(*saved.weights)
        weights = iter(saved.weights)
        # Subclasses may have other arguments, so only those of the original are passed.
        make: Any = cls
        loaded = make(saved.structure, path.parent, activation=saved.activation, dtype=dtype)
        loaded.task, loaded._settings["dropout"] = saved.task, saved.dropout
        loaded._make_network(saved.structure, lambda generator, inputs, outputs: next(weights))
        set_biases(loaded.network, saved)
        loaded.knowledge = Knowledge.of(saved)
        loaded._fitted, loaded._options = True, options
        return loaded

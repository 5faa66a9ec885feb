"""The short way: a classifier that is trained on a CSV file and saved, in three lines.

It checks its arguments, and uses the other files of this folder, `nn.data` and `nn.files`, which do
the work.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu.errors import printable

from ..checks import check_count, check_positive_number, check_seed
from ..data.features import check_features, check_scale
from ..data.known_inputs import KnownInputs
from ..errors import DataWarning, NotFittedError
from ..layers import Initializer
from ..loss import predicted_labels, probabilities
from ..mlp import MLP
from .options import LIMITS, PYTHON, SYNONYMS, Plan, refuse_unknown_arguments
from .prediction import Prediction

if TYPE_CHECKING:
    from ..files import SavedNetwork
    from .history import History

__all__ = ["Classifier", "Prediction"]

_FROM_FILE: ContextVar[Initializer | None] = ContextVar("weights from a file", default=None)
"""While a model is loaded: returns its weights, so that none are drawn."""


class Classifier:
    r"""A multilayer perceptron that learns from a CSV file.

    ReLU in the hidden layers; softmax over the outputs, or the sigmoid for a single one.

    Parameters
    ----------
    structure : sequence of int
        Widths of the layers, from the features to the outputs, such as ``[784, 128, 64, 10]``.
    base_address : str or path-like
        An existing folder for the model and the training curves, with or without a slash at the
        end.
    seed : int or None
        Fixes the initial weights and the order of the samples. On one machine, the same seed
        always leads to the same weights, bit for bit.
    activation : {"relu", "tanh", "sigmoid"}
        Activation of the hidden layers. The file ``model.pkl`` is only written for ReLU, because
        it does not store the activation.
    dtype : dtype
        Dtype of parameters and features.
    verbose : bool
        Whether `fit` prints a line for each epoch, and what it saved.

    Attributes
    ----------
    network : MLP
        The network.
    history : History or None
        The epochs of the last `fit`, even if it was interrupted.
    scale : float
        The features are divided by it; see `fit`.
    inputs : KnownInputs
        Names, ranges and scale of the training features; other data are compared with them.
    saved_in : Path or None
        The folder in which the last `fit` saved its model; None if it did not save one.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from nn import model
    >>> folder = tempfile.TemporaryDirectory()
    >>> csv = pathlib.Path(folder.name, "or.csv")
    >>> _ = csv.write_text("label, a, b\n0, 0, 0\n1, 0, 1\n1, 1, 0\n1, 1, 1\n")
    >>> net = model(structure=[2, 4, 1], base_address=folder.name, verbose=False)
    >>> history = net.fit(train_data=csv, epoch=200, alpha=0.5, batch_size=4)
    >>> net.predict([[0, 0], [1, 1]])
    array([0, 1])
    >>> folder.cleanup()
    """

    def __init__(
        self,
        structure: Sequence[int],
        base_address: str | os.PathLike[str],
        *,
        seed: int | None = 0,
        activation: str = "relu",
        dtype: DTypeLike = "float32",
        verbose: bool = True,
    ) -> None:
        if not isinstance(base_address, str | os.PathLike):
            raise TypeError(
                f"base_address must be the path of a folder, got a {type(base_address).__name__}"
            )
        self.base_address = Path(base_address)
        self._generator = np.random.default_rng(check_seed(seed))
        self.network = MLP(
            structure, activation, dtype, generator=self._generator, initializer=_FROM_FILE.get()
        )
        self.verbose = verbose
        self.inputs = KnownInputs()
        self.history: History | None = None
        self.saved_in: Path | None = None
        self._fitted = False
        self._options: Mapping[str, str] = PYTHON

    @property
    def scale(self) -> float:
        """The features are divided by it before the first layer."""
        return self.inputs.scale

    @scale.setter
    def scale(self, value: float) -> None:
        self.inputs = replace(self.inputs, scale=value)

    # Training ------------------------------------------------------------------------------

    def fit(
        self,
        train_data: str | os.PathLike[str],
        test_data: str | os.PathLike[str] | None = None,
        epoch: int = 10,
        alpha: float = 0.01,
        batch_size: int = 64,
        *,
        scale: float | None = None,
        figures: Sequence[str] | None = None,
        overwrite: bool = False,
        by_position: bool = False,
        check_ranges: bool = True,
        max_bytes: int | None = None,
        max_classes: int | None = None,
        max_columns: int | None = None,
        max_line_bytes: int | None = None,
        **unknown: Any,
    ) -> History:
        """Train on a CSV file, and save the model and pictures of the training.

        The first column of the file is ``label``, the others are features. Training is mini-batch
        gradient descent on the mean cross-entropy, with the samples shuffled for each epoch.

        Parameters
        ----------
        train_data, test_data : str or path-like
            The files, ``.csv`` or ``.csv.gz``. Without test data only training is measured.
        epoch : int
            Number of passes over the training data.
        alpha : float
            The learning rate.
        batch_size : int
            Number of samples in a step.
        scale : float, optional
            Features are divided by it: 255 for pixels. The saved model does that too, so `predict`
            and `run` always take features as they are in the file. By default 1, or the scale of
            an earlier training.
        figures : sequence of str, optional
            The pictures to save, such as ``["curves", "gradients"]``; see
            `nn.training.figures.saving.FIGURES`. By default ``curves`` and ``confusion``, with
            ``mistakes`` and ``weights`` for square images (from 5x5), and ``regions`` for two
            features. They show the test data, or the training data without test data.
        overwrite : bool
            Replace an earlier model in the folder even if this training learned nothing. By
            default, the result is then saved in the subfolder ``learned-nothing``.
        by_position : bool
            Take the columns of the test data by position, and also those of the training data if
            the network is trained already. By default they are matched by name, in any order.
        check_ranges : bool
            Refuse test data whose features are scaled differently from those of the training.
        max_bytes, max_classes, max_columns, max_line_bytes : int, optional
            Limits on the files; see `nn.data.csv.read_csv`.

        Returns
        -------
        History
            One entry for each epoch.

        Raises
        ------
        TypeError, ValueError
            For invalid arguments.
        ImportError
            If a package is missing; the message explains how to install it.
        OSError
            If a file cannot be read, or the folder of the model is not writable.
        DataError
            If the data cannot be used; the error names file, line and column.
        GradientError
            If the loss is not finite any more; the last good weights are kept.

        Warns
        -----
        TrainingWarning
            If the model was not saved in its folder itself, and ``verbose`` is off.

        Notes
        -----
        All errors except the last are raised before anything is computed or written. The model is
        saved twice a minute, and also if Ctrl-C, SIGTERM or SIGHUP ends the training: with the
        weights, files and history of the last finished epoch. A second Ctrl-C does not interrupt
        the saving. Then the signal has its usual effect. Signal handlers of the program, and
        threads other than the main one, are not changed.

        Calling `fit` again continues with the current weights.
        """
        from .fitting import fit

        refuse_unknown_arguments(unknown, self.fit, type(self), SYNONYMS)
        check_count("epoch", epoch)
        check_positive_number("alpha", alpha)
        check_count("batch_size", batch_size)
        given = (max_bytes, max_classes, max_columns, max_line_bytes)
        limits = {name: n for name, n in zip(LIMITS, given, strict=True) if n is not None}
        for name, limit in limits.items():
            check_count(name, limit)
        plan = Plan(
            train_data,
            test_data,
            int(epoch),
            alpha,
            int(batch_size),
            self._checked_scale(scale),
            figures,
            overwrite,
            by_position,
            check_ranges,
            limits,
            self._options,
        )
        return fit(self, plan)

    def _checked_scale(self, scale: float | None) -> float:
        if scale is None:
            return self.scale
        checked = check_scale(scale, self.network.layers[0].weight.dtype)
        if self._fitted and checked != self.scale:
            raise ValueError(
                f"scale is {scale}, but the weights were trained with {self.scale:g}; omit it to "
                "go on with them, or make a new model"
            )
        return checked

    def _remember(self, inputs: KnownInputs) -> None:
        """Mark the network as trained on these inputs."""
        self._fitted, self.inputs = True, inputs

    def _say(self, text: str) -> None:
        if self.verbose:
            print("\n".join(map(printable, text.split("\n"))), flush=True)

    # Using ---------------------------------------------------------------------------------

    def predict_proba(self, x: ArrayLike, *, check_ranges: bool = True) -> NDArray[Any]:
        """Return the probability of each class for each row of features.

        Parameters
        ----------
        x : array_like or data frame, shape (N, features)
            Features as they are in the CSV file, not scaled. The columns of a data frame are
            matched by their names, in any order; those of an array by their position.
        check_ranges : bool
            Refuse features far outside the ranges of the training, or in a small part of them, as
            if they were scaled twice or not at all.

        Returns
        -------
        numpy.ndarray, shape (N, classes)

        Raises
        ------
        NotFittedError
            Before `fit` or `load`.
        TypeError, ValueError
            For features that do not match, are not finite numbers, or are scaled differently from
            those of the training.
        """
        return probabilities(self._logits(x, check_ranges))

    def predict(self, x: ArrayLike, *, check_ranges: bool = True) -> NDArray[np.int64]:
        """Return the most probable class for each row of features; see `predict_proba`."""
        return predicted_labels(self._logits(x, check_ranges))

    def _logits(self, x: ArrayLike, check_ranges: bool, what: str = "X") -> NDArray[Any]:
        from .metrics import logits_of

        if not self._fitted:
            raise NotFittedError("this network was never trained; call fit or load first")
        dtype = self.network.layers[0].weight.dtype
        features = check_features(self.inputs.matched(x), self.network.structure[0], dtype)
        if check_ranges:
            self.inputs.check_ranges(features, what, self._options["check_ranges"])
        return logits_of(self.network, features / dtype.type(self.scale))

    def run(
        self, path: str | os.PathLike[str], x: ArrayLike, *, check_ranges: bool = True
    ) -> Prediction:
        """Load a saved model, predict one sample, print the prediction and return it.

        Parameters
        ----------
        path : str or path-like
            A ``model.pkl`` or a native file. The network of this object does not change.
        x : array_like
            The features of one sample, as they are in a CSV file: in a row, or as an image with
            as many pixels as the model has features. A row of a data frame is matched by name.
        check_ranges : bool
            As in `predict_proba`.

        Returns
        -------
        Prediction
            With ``label``, ``confidence`` and ``probabilities``.

        Raises
        ------
        ModelFileError
            If the file is not a valid model.
        TypeError, ValueError
            If `x` does not match the model.
        """
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be that of a model file, got a {type(path).__name__}")
        loaded = type(self).load(path)
        features = loaded.network.structure[0]
        if hasattr(x, "to_frame") and hasattr(x, "index"):  # a row of a data frame
            x = x.to_frame().T
        sample = np.asarray(loaded.inputs.matched(x))
        if sample.size != features:
            raise ValueError(
                f"x has {sample.size} features (shape {sample.shape}), expected {features}: "
                "run predicts one sample; use load(path).predict(rows) for several"
            )
        row: ArrayLike = sample.reshape(1, -1)
        p = probabilities(loaded._logits(row, check_ranges, "x"))[0]
        label = int(p.argmax())
        prediction = Prediction(label, float(p[label]), p)
        self._say(str(prediction))
        return prediction

    # Files ---------------------------------------------------------------------------------

    def saved(self) -> SavedNetwork:
        """Return the content of a model file, for `nn.files`."""
        from .saved import saved_network

        return saved_network(self.network, self.inputs)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_nonfinite: bool = False,
        max_bytes: int | None = None,
    ) -> Classifier:
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
            If the file has no names of features, as files of version 0.1.0.
        """
        return cls._load(path, PYTHON, allow_nonfinite, max_bytes)

    @classmethod
    def _load(
        cls,
        path: str | os.PathLike[str],
        options: Mapping[str, str],
        allow_nonfinite: bool = False,
        max_bytes: int | None = None,
    ) -> Classifier:
        """Load a model; its messages write options as in the table `options`."""
        from ..files import read_network
        from .saved import known_inputs, set_biases

        limit = {} if max_bytes is None else {"max_bytes": max_bytes}
        saved = read_network(
            path, allow_nonfinite=allow_nonfinite, names_options=options is PYTHON, **limit
        )
        if saved.feature_names is None:
            message = (
                f"{printable(path)}: this model knows no names and ranges of its features; columns "
                "are taken by their position, and features must be scaled as in its training"
            )
            warnings.warn(message, DataWarning, stacklevel=3)
        folder = Path(path).parent
        dtype = np.result_type(*saved.weights)
        weights = iter(saved.weights)
        with _weights_from(lambda generator, inputs, outputs: next(weights)):
            loaded = cls(saved.structure, folder, activation=saved.activation, dtype=dtype)
        set_biases(loaded.network, saved)
        loaded.inputs = known_inputs(saved)
        loaded._fitted, loaded._options = True, options
        return loaded

    def __repr__(self) -> str:
        state = "trained" if self._fitted else "not trained yet"
        return f"{type(self).__name__}({list(self.network.structure)}, {state})"


@contextlib.contextmanager
def _weights_from(initializer: Initializer) -> Iterator[None]:
    """Create networks in the block with weights from a function.

    This cannot be an argument, because subclasses of `Classifier` have their own arguments.
    """
    token = _FROM_FILE.set(initializer)
    try:
        yield
    finally:
        _FROM_FILE.reset(token)

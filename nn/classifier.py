"""The short way: a classifier that is trained on a CSV file and saved, in three lines.

It checks what it is given, calls reading, training, saving and drawing in order, and prints what
a person wants to see. How each of them works stands in `training` and `files`.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu.atomic_file import check_writable_folder
from tinygrad_edu.leaving import values_of

from .checks import check_count, check_features, check_positive_number, check_seed
from .errors import NotFittedError
from .loss import predicted_labels, probabilities
from .mlp import MLP
from .optim import SGD

if TYPE_CHECKING:
    from .csv_data import CsvData
    from .files import SavedNetwork
    from .training.figures.saving import Pictures
    from .training.history import History

__all__ = ["Classifier", "Prediction"]

NATIVE_FILE = "model.safetensors"
LEGACY_FILE = "model.pkl"

_SYNONYMS = {"lr": "alpha", "learning_rate": "alpha", "eta": "alpha", "batch": "batch_size"}
"""What other libraries call the arguments of `fit`."""


class Prediction(NamedTuple):
    """What a network says about one sample.

    Attributes
    ----------
    label : int
        The most probable class.
    confidence : float
        Its probability, 0..1.
    probabilities : numpy.ndarray
        Of all classes.
    """

    label: int
    confidence: float
    probabilities: NDArray[Any]

    def __str__(self) -> str:
        return f"prediction = {self.label} with {self.confidence:.1%} confidence"


class Classifier:
    r"""A multilayer perceptron that learns from a CSV file.

    ReLU in the hidden layers; softmax over the outputs, or the sigmoid for a single one.

    Parameters
    ----------
    structure : sequence of int
        Widths of the layers, from the features to the outputs, such as ``[784, 128, 64, 10]``.
    base_address : str or path-like
        An existing folder: the model and the training curves are saved there. The slash at its
        end may be left out.
    seed : int or None
        Fixes the weights it starts from and the order of the samples. With one seed, one machine
        gives the same weights, bit for bit, every time.
    activation : {"relu", "tanh", "sigmoid"}
        Of the hidden layers. The file ``model.pkl`` is written for ReLU alone: it cannot say so.
    dtype : dtype
        Of parameters and features.

    Attributes
    ----------
    network : MLP
    history : History or None
        What happened in the last `fit`, also if it was interrupted.
    scale : float
        What features are divided by; see `fit`.

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
        self.network = MLP(structure, activation, dtype, generator=self._generator)
        self.verbose = verbose
        self.scale = 1.0
        self.history: History | None = None
        self._fitted = False

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
        **unknown: Any,
    ) -> History:
        """Train on a CSV file, and save the model and pictures of how it went.

        The first column of the file is ``label``, the others are features. Training is mini-batch
        gradient descent on the mean cross-entropy, with the samples shuffled for each epoch.

        Parameters
        ----------
        train_data, test_data : str or path-like
            The files, ``.csv`` or ``.csv.gz``. Without test data only training is measured.
        epoch : int
            How many passes over the training data.
        alpha : float
            The learning rate.
        batch_size : int
            How many samples a step looks at.
        scale : float, optional
            Features are divided by it: 255 for pixels. The saved model does so too, so `predict`
            and `run` always take features as they stand in the file. By default 1, or that of the
            training before.
        figures : sequence of str, optional
            Which pictures to save, such as ``["curves", "gradients"]``; see
            `nn.training.figures.saving.FIGURES`. By default ``curves`` and ``confusion``, with
            ``mistakes`` and ``weights`` for square images (from 5x5), and ``regions`` for two
            features. They show the test data, or else the training data.

        Returns
        -------
        History
            One entry for each epoch.

        Raises
        ------
        TypeError, ValueError
            For arguments that cannot be used.
        OSError
            If a file cannot be read, or the folder of the model cannot be written to.
        DataError
            If the data cannot be trusted; file, line and column are named.
        GradientError
            If the loss is no finite number any more; the last good weights are kept.

        Notes
        -----
        All errors but the last come before anything is computed or written. Ctrl-C ends the
        training with the weights, files and history of the last finished epoch. Calling it again
        goes on from the weights that are there.
        """
        from .training.figures.saving import Pictures, check_figures
        from .training.inputs import read_samples, scaled

        self._refuse_unknown(unknown)
        check_count("epoch", epoch)
        check_positive_number("alpha", alpha)
        check_count("batch_size", batch_size)
        scale = self._checked_scale(scale)
        wanted = check_figures(figures, self.network.structure[0])
        check_writable_folder(self.base_address)
        train, test = read_samples(self.network, train_data, test_data)
        samples = scaled(train, scale)
        test_samples = None if test is None else scaled(test, scale)
        if self.verbose:
            self._announce(train, test, batch_size, scale)
        name = "training data" if test_samples is None else "test data"
        pictures = Pictures(wanted, test_samples or samples, name, scale, train.columns)
        return self._train(samples, test_samples, int(epoch), alpha, int(batch_size), pictures)

    def _refuse_unknown(self, unknown: dict[str, Any]) -> None:
        known = [name for name in inspect.signature(self.fit).parameters if name != "unknown"]
        for name in unknown:
            close = difflib.get_close_matches(_SYNONYMS.get(name, name), known, 1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
            raise TypeError(f"fit() got an unexpected keyword argument {name!r}; {hint}")

    def _checked_scale(self, scale: float | None) -> float:
        if scale is None:
            return self.scale
        check_positive_number("scale", scale)
        if self._fitted and scale != self.scale:
            raise ValueError(
                f"scale is {scale}, but the weights were trained with {self.scale:g}; leave it "
                "away to go on with them, or make a new model"
            )
        dtype = self.network.layers[0].weight.dtype
        with np.errstate(all="ignore"):
            converted = np.array(scale).astype(dtype)
        if not np.isfinite(converted) or converted == 0:
            raise ValueError(f"scale {scale} is {converted} in {dtype}; choose one nearer to 1")
        return float(scale)

    def _announce(
        self, train: CsvData, test: CsvData | None, batch_size: int, scale: float
    ) -> None:
        from .training.progress import announcement

        self._say(announcement(self.network, train, test, batch_size, scale))
        if self._fitted:
            self._say("note: training goes on from the weights that are there")
        if self.network.activation != "relu" and (self.base_address / LEGACY_FILE).exists():
            self._say(f"note: {LEGACY_FILE} there is of another network, and stays as it is")

    def _train(
        self,
        samples: tuple[NDArray[Any], NDArray[Any]],
        test: tuple[NDArray[Any], NDArray[Any]] | None,
        epochs: int,
        alpha: float,
        batch_size: int,
        pictures: Pictures,
    ) -> History:
        from .training.figures.weights import LayerWatch
        from .training.history import Epoch, History
        from .training.loop import train
        from .training.progress import Progress

        self.history = history = History()
        watch = (
            LayerWatch(self.network, *samples, alpha) if "gradients" in pictures.wanted else None
        )
        files: list[str] = []
        batches = -(-len(samples[0]) // batch_size)
        optimizer = SGD(self.network.parameters(), lr=alpha)
        try:
            with Progress(epochs, batches, self.verbose) as progress:

                def report(epoch: Epoch) -> None:
                    progress.epoch(epoch)
                    if watch is not None:
                        watch(epoch)
                        history.layers = watch.record

                train(
                    self.network,
                    optimizer,
                    samples,
                    test,
                    epochs=epochs,
                    batch_size=batch_size,
                    generator=self._generator,
                    history=history,
                    on_batch=progress.batch,
                    on_epoch=report,
                )
        finally:
            if len(history):  # also after Ctrl-C: what was learned is saved
                self._fitted = True
                self.scale = pictures.scale
                self._save()
                files = pictures.save(self.base_address, self.network, history)
        self._say(self._conclusion(history))
        if files:
            self._say(f"pictures: {', '.join(files)}")
        return history

    def _save(self) -> None:
        from .files import write_legacy, write_native

        saved = self.saved()
        write_native(self.base_address / NATIVE_FILE, saved)
        if saved.activation == "relu":
            write_legacy(self.base_address / LEGACY_FILE, saved)

    def _conclusion(self, history: History) -> str:
        last = history[-1]
        text = f"train accuracy {last.train_accuracy:.2%}"
        if last.test_accuracy is not None:
            text = f"test accuracy {last.test_accuracy:.2%}"
        return f"{text}; saved in {self.base_address}"

    def _say(self, text: str) -> None:
        if self.verbose:
            print(text, flush=True)

    # Using ---------------------------------------------------------------------------------

    def predict_proba(self, x: ArrayLike) -> NDArray[Any]:
        """Give the probability of each class for each row of features.

        Parameters
        ----------
        x : array_like, shape (N, features)
            Features as they stand in the CSV file, not scaled.

        Returns
        -------
        numpy.ndarray, shape (N, classes)

        Raises
        ------
        NotFittedError
            Before `fit` or `load`.
        TypeError, ValueError
            For arrays that do not fit, are not numbers, or hold NaN or inf.
        """
        return probabilities(self._logits(x))

    def predict(self, x: ArrayLike) -> NDArray[np.int64]:
        """Give the most probable class for each row of features; see `predict_proba`."""
        return predicted_labels(self._logits(x))

    def _logits(self, x: ArrayLike) -> NDArray[Any]:
        from .training.metrics import logits_of

        if not self._fitted:
            raise NotFittedError("this network was never trained; call fit or load first")
        dtype = self.network.layers[0].weight.dtype
        features = check_features(x, self.network.structure[0], dtype)
        return logits_of(self.network, features / dtype.type(self.scale))

    def run(self, path: str | os.PathLike[str], x: ArrayLike) -> Prediction:
        """Load a saved model and let it judge one sample; prints and returns what it says.

        Parameters
        ----------
        path : str or path-like
            A ``model.pkl`` or a native file; the network of this object is not changed.
        x : array_like
            The features of one sample, as they stand in a CSV file: in a row, or as an image
            with as many pixels as the model has features.

        Returns
        -------
        Prediction
            With ``label``, ``confidence`` and ``probabilities``.

        Raises
        ------
        ModelFileError
            If the file is no sound model.
        TypeError, ValueError
            If `x` does not fit it.
        """
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"path must be that of a model file, got a {type(path).__name__}")
        loaded = type(self).load(path)
        features = loaded.network.structure[0]
        sample = np.asarray(x)
        if sample.size != features:
            raise ValueError(
                f"x has {sample.size} features (shape {sample.shape}), expected {features}: "
                "run judges one sample; use load(path).predict(rows) for several"
            )
        p = loaded.predict_proba(sample.reshape(1, -1))[0]
        label = int(p.argmax())
        prediction = Prediction(label, float(p[label]), p)
        self._say(str(prediction))
        return prediction

    # Files ---------------------------------------------------------------------------------

    def saved(self) -> SavedNetwork:
        """Give what a model file holds, for `nn.files`."""
        from .files import SavedNetwork

        layers = self.network.layers
        return SavedNetwork(
            weights=tuple(layer.weight.numpy() for layer in layers),
            biases=tuple(np.array(values_of(layer.bias)) for layer in layers),
            activation=self.network.activation,
            scale=self.scale,
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Classifier:
        """Load a saved model, native or legacy; it is known by its content, not by its name.

        Raises
        ------
        ModelFileError
            If the file is no sound model.
        """
        from .files import read_network

        saved = read_network(path)
        folder = Path(path).parent
        dtype = np.result_type(*saved.weights)
        loaded = cls(saved.structure, folder, activation=saved.activation, dtype=dtype)
        state = {}
        for (name, _), values in zip(
            loaded.network.named_parameters(),
            (array for pair in zip(saved.weights, saved.biases, strict=True) for array in pair),
            strict=True,
        ):
            state[name] = values
        loaded.network.load_state_dict(state)
        loaded.scale = saved.scale
        loaded._fitted = True
        return loaded

    def __repr__(self) -> str:
        state = "trained" if self._fitted else "not trained yet"
        return f"{type(self).__name__}({list(self.network.structure)}, {state})"

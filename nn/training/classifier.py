"""The short way: a model that is trained on a CSV file and saved, in three lines.

It checks its arguments, and uses the other files of this folder, `nn.data` and `nn.files`, which do
the work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_edu.errors import printable

from ..checks import check_seed
from ..data.known_inputs import KnownInputs
from ..errors import NotFittedError
from ..layers import Initializer
from ..mlp import MLP, check_mlp, check_structure
from .asking import AsksModel
from .knowledge import Knowledge
from .objectives import TASKS
from .options import PYTHON, SEARCH
from .planning import checked_options, planned
from .prediction import Prediction
from .progress import say
from .storing import StoresModel
from .unknown_arguments import refuse_unknown_arguments

if TYPE_CHECKING:
    from ..distributed import Collective
    from .history import History
    from .learning_rate import RateSearch

__all__ = ["Classifier", "Prediction"]


class Classifier(AsksModel, StoresModel):
    r"""A multilayer perceptron that learns from a table: a CSV file, a data frame or arrays.

    ReLU in the hidden layers; softmax over the outputs, or the sigmoid for a single one. With
    ``task="regression"`` it learns numbers.

    Parameters
    ----------
    structure : sequence of int, optional
        Widths of the layers, from the features to the outputs, such as ``[784, 128, 64, 10]``. By
        default `fit` makes a network for its data, with one hidden layer of 100 units.
    base_address : str or path-like, optional
        An existing folder for the model and the training curves, with or without a slash at the
        end. Without it nothing is saved.
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
    task : {"classification", "regression"}
        Whether it learns classes or numbers.
    dropout : float
        The probability that a hidden unit is dropped in training, at least 0 and below 1.

    Attributes
    ----------
    network : MLP
        The network.
    history : History or None
        The epochs of the last `fit`, even if it was interrupted.
    scale : float
        The features are divided by it; see `fit`.
    knowledge : Knowledge
        The columns of the training, their preparation, and the names of the classes.
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
        structure: Sequence[int] | None = None,
        base_address: str | os.PathLike[str] | None = None,
        *,
        seed: int | None = 0,
        activation: str = "relu",
        dtype: DTypeLike = "float32",
        verbose: bool = True,
        task: str = "classification",
        dropout: float = 0.0,
    ) -> None:
        if base_address is not None and not isinstance(base_address, str | os.PathLike):
            raise TypeError(
                f"base_address must be the path of a folder, got a {type(base_address).__name__}"
            )
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
        check_mlp(activation, dtype, dropout)
        self.base_address = None if base_address is None else Path(base_address).expanduser()
        self.seed = check_seed(seed)
        self._generator = np.random.default_rng(self.seed)
        self._settings = {"activation": activation, "dtype": np.dtype(dtype), "dropout": dropout}
        self._structure = None if structure is None else check_structure(structure)
        self._network: MLP | None = None
        self.task, self.verbose = task, verbose
        self.knowledge = Knowledge(task=task)
        self.history: History | None = None
        self.saved_in: Path | None = None
        self._fitted = False
        self._options: Mapping[str, str] = PYTHON
        self._beside: Mapping[str, str] = {}  # texts of files that are saved with the model

    @property
    def structure(self) -> tuple[int, ...] | None:
        """The widths of the layers; None before `fit` chooses them for its data."""
        return self._structure

    @property
    def network(self) -> MLP:
        """The network. Its weights are drawn when it is used for the first time."""
        if self._network is None:
            if self._structure is None:
                raise NotFittedError(
                    "there is no network yet: fit makes one for its data, or pass structure="
                )
            self._make_network(self._structure)
        assert self._network is not None  # it was just made
        return self._network

    @network.setter
    def network(self, network: MLP) -> None:
        self._network, self._structure = network, network.structure

    def _make_network(
        self, structure: Sequence[int], initializer: Initializer | None = None
    ) -> None:
        settings: Any = self._settings
        self.network = MLP(
            structure, **settings, generator=self._generator, initializer=initializer
        )

    def _copy_of_network(self, structure: Sequence[int]) -> MLP:
        """Return a network with the same weights, or with new ones if there are none yet."""
        settings: Any = self._settings
        copy = MLP(structure, **settings, seed=self.seed)
        if self._network is not None:
            copy.load_state_dict(self._network.state_dict())
        return copy

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters."""
        if self._network is not None:
            return self._network.layers[0].weight.dtype
        return np.dtype(self._settings["dtype"])  # type: ignore[arg-type]

    @property
    def inputs(self) -> KnownInputs:
        """Names and ranges of the training features; other data are compared with them."""
        return self.knowledge.inputs

    @property
    def scale(self) -> float:
        """The features are divided by it before the first layer."""
        return self.knowledge.prepare.scale

    @scale.setter
    def scale(self, value: float) -> None:
        prepare = replace(self.knowledge.prepare, scale=value)
        self.knowledge = replace(self.knowledge, prepare=prepare)

    # Training ------------------------------------------------------------------------------

    def fit(
        self,
        train_data: Any,
        y: Any = None,
        epoch: int | None = None,
        alpha: float | None = None,
        batch_size: int | None = None,
        *,
        test_data: Any = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        label: str | int | None = None,
        id: str | None = None,
        drop: Sequence[str] | None = None,
        encode: str | Sequence[str] | None = None,
        missing: str | None = None,
        unknown: str | None = None,
        sep: str | None = None,
        decimal: str | None = None,
        header: bool | None = None,
        by_position: bool | None = None,
        check_ranges: bool | None = None,
        stream: bool | None = None,
        max_bytes: int | None = None,
        max_classes: int | None = None,
        max_columns: int | None = None,
        max_line_bytes: int | None = None,
        scale: float | None = None,
        standardize: bool | None = None,
        optimizer: str | Mapping[str, Any] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        weight_decay: float | None = None,
        clip: float | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        sample_weight: str | ArrayLike | None = None,
        validation: Any = None,
        patience: int | None = None,
        callbacks: Sequence[Any] | None = None,
        figures: Sequence[str] | None = None,
        overwrite: bool | None = None,
        checkpoint_every: int | None = None,
        resume: bool | None = None,
        distributed: Collective | None = None,
        **others: Any,
    ) -> History:
        """Train on a table, and save the model and pictures of the training.

        Parameters
        ----------
        train_data : path, data frame, or array_like of shape (rows, features)
            What to learn: a file ``.csv`` or ``.csv.gz``, several files in a list or a folder, a
            pandas DataFrame, or an array of features.
        y : array_like of shape (rows,)
            The labels of an array or a data frame. Anything else here is taken as `test_data`, as
            in the original: ``fit("train.csv", "test.csv")``.
        test_data : path, data frame or tuple (X, y)
            Measured after each epoch; with validation data only once, at the end.
        epoch, epochs : int
            Number of passes over the training data.
        alpha, learning_rate : float
            The learning rate.
        batch_size : int
            Number of samples in a step; 64 by default.
        label : str or int
            The column of the classes or numbers to learn, by name or position (0 is the first, -1
            the last). By default ``label``, or the only column that can be it.
        id : str
            A column that names the rows; it is not a feature, and is copied to predictions.
        drop : list of str
            Columns that are not used.
        encode : "onehot" or list of str
            Turn columns of text, or these columns, into one input for each of their values.
        missing : {"drop", "mean", "median"}
            What is done about missing cells: drop the row, or fill in the mean or median of the
            training rows; in columns of text the most frequent value. By default an error.
        unknown : "ignore"
            Accept a text that the training did not have; none of its inputs is 1 then.
        sep, decimal, header
            Separator and decimal mark of the files, by default recognised; ``header=False`` if the
            first line holds data.
        by_position : bool
            Take the columns of the test data by position, and also those of the training data if
            the network is trained already. By default they are matched by name, in any order.
        check_ranges : bool
            Refuse data whose features are scaled differently from those of the training; True by
            default.
        stream : bool
            Read rows from disk while training, with the same result bit for bit. By default for
            tables that would take more than half of the free memory. They are kept in
            ``$XDG_CACHE_HOME/tinygrad_edu`` or ``~/.cache/tinygrad_edu``, at most 20 GiB of them.
        max_bytes, max_classes, max_columns, max_line_bytes : int
            Limits on the files; see `nn.data.csv.read_csv`.
        scale : float
            Features are divided by it: 255 for pixels. The saved model does that too, so `predict`
            and `run` always take features as they are in the file.
        standardize : bool
            Bring each feature to mean 0 and deviation 1 on the training rows. Stored in the model.
        optimizer, schedule : str or dict
            Of `nn.optim`, by name: ``"adam"``, ``"cosine"``; a dict has ``"name"`` and options of
            the class. See `nn.training.choices`.
        weight_decay, clip : float
            Passed to the optimizer; the largest norm of all gradients together.
        class_weight : "balanced" or dict
            Weights of the classes in the loss; ``"balanced"`` lets all classes count the same.
        sample_weight : str or array_like of shape (rows,)
            A weight for each row, or the column with it: weight 2 counts like the row twice.
        validation : float, path, data frame or tuple (X, y)
            Rows to choose the best epoch by: a share of the training rows, drawn at random with
            the same share of each class, or other data. The weights of that epoch are kept.
        patience : int
            Stop after so many epochs in which the validation loss (without validation data the
            training loss) has not fallen by 0.0001.
        callbacks : list of Callback or callable
            Called during the training; see `nn.Callback`.
        figures : list of str
            The pictures to save, such as ``["curves", "gradients"]``; see
            `nn.training.figures.saving.FIGURES`. By default those that apply.
        overwrite : bool
            Replace an earlier model in the folder even if this training learned nothing. By
            default, the result is then saved in the subfolder ``learned-nothing``.
        checkpoint_every : int
            Number of epochs between two checkpoints, from which ``resume=True`` continues. By
            default one is written twice a minute, and when the training is stopped.
        resume : bool
            Continue from the checkpoint in the folder: the result is bit for bit that of a
            training without interruption.
        distributed : Collective
            The group of processes that train together, all with the same arguments, such as
            ``nn.bridges.mpi.connect()``. Each takes its share of each batch, and the result is that
            of one process up to rounding. Rank 0 alone writes, draws and prints.
        **others : object
            Raise an error, with a hint at the right name.

        Returns
        -------
        History
            One entry for each epoch.

        Raises
        ------
        TypeError, ValueError
            For invalid arguments, and a checkpoint of another training.
        ImportError
            If a package is missing; the message explains how to install it.
        OSError
            If a file cannot be read, or the folder of the model is not writable.
        DataError
            If the data cannot be used; the error names file, line and column.
        GradientError
            If the loss is not finite any more, or grows for 50 steps; the last good weights are
            kept.

        Warns
        -----
        TrainingWarning
            If the model was not saved in its folder itself, and ``verbose`` is off.

        Notes
        -----
        What is not passed is chosen, and printed. Without a learning rate and an optimizer: Adam
        with its usual rate, at most 200 epochs, until the loss does not fall for 10 epochs;
        features are standardised, or divided by the largest value for square images. With a
        learning rate: gradient descent, 10 epochs, features as they are.

        All errors except the last are raised before anything is computed or written. The model is
        saved twice a minute, and also if Ctrl-C, SIGTERM or SIGHUP ends the training: with the
        weights, files and history of the last finished epoch. A second Ctrl-C does not interrupt
        the saving. Then the signal has its usual effect. Signal handlers of the program, and
        threads other than the main one, are not changed.

        Calling `fit` again continues with the current weights.
        """
        from .fitting import fit

        passed = dict(locals())
        for name in ("self", "train_data", "y", "test_data", "distributed", "fit", "others"):
            passed.pop(name, None)
        refuse_unknown_arguments(others, self.fit, maker=type(self))
        plan = planned(train_data, y, test_data, checked_options(passed, self), self)
        return fit(self, plan, distributed)

    def _remember(self, knowledge: Knowledge) -> None:
        """Mark the network as trained with this knowledge."""
        self._fitted, self.knowledge = True, knowledge

    def _say(self, text: str) -> None:
        if self.verbose:
            say("\n".join(map(printable, text.split("\n"))))

    def find_learning_rate(
        self,
        train_data: Any,
        y: ArrayLike | None = None,
        *,
        smallest: float = 1e-6,
        largest: float = 10.0,
        steps: int = 100,
        **options: Any,
    ) -> RateSearch:
        """Train with a learning rate that grows in each step, and suggest one.

        Nothing is changed or saved: the search trains a copy of the network.

        Parameters
        ----------
        train_data, y
            As for `fit`.
        smallest, largest : float
            The first and the last rate.
        steps : int
            The number of steps.
        **options : object
            Options of `fit` for the data and for a step, such as ``optimizer="adam"``. The others,
            such as ``epochs``, change nothing in a search and are refused.

        Returns
        -------
        RateSearch
            Prints the suggestion; ``save("rates.png")`` draws the curve.
        """
        from .rate_finder import find_rate

        unknown = [name for name in options if name not in SEARCH]
        refuse_unknown_arguments(unknown, self.find_learning_rate, SEARCH, type(self))
        plan = planned(train_data, y, None, checked_options(options, self), self)
        return find_rate(self, plan, smallest, largest, steps)

    def __repr__(self) -> str:
        state = "trained" if self._fitted else "not trained yet"
        structure = None if self._structure is None else list(self._structure)
        return f"{type(self).__name__}({structure}, {state})"

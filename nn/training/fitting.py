"""What `Classifier.fit` does once its arguments are checked: read, announce, train, remember.

Everything that can fail before the first epoch fails here: packages, folder, disk, data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..data.known_inputs import KnownInputs
from .figures.saving import Pictures, check_figures
from .history import History
from .inputs import Reading, read_samples, scaled
from .model_folder import ModelFolder
from .progress import announcement
from .requirements import check_packages
from .session import Session, end_by_signal
from .signals import Terminated

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["Plan", "fit"]


@dataclass(frozen=True)
class Plan:
    """The arguments of a training, checked.

    Attributes
    ----------
    train_data, test_data : str or path-like
        The files; the second one may be None.
    epochs, alpha, batch_size, scale, figures, overwrite
        As `Classifier.fit` takes them.
    reading : Reading
        How the files are read.
    """

    train_data: str | os.PathLike[str]
    test_data: str | os.PathLike[str] | None
    epochs: int
    alpha: float
    batch_size: int
    scale: float
    figures: Sequence[str] | None
    overwrite: bool
    reading: Reading


def fit(net: Classifier, plan: Plan) -> History:
    """Train a classifier; see `Classifier.fit`."""
    wanted = check_figures(plan.figures, net.network.structure[0])
    check_packages(wanted, plan.reading.options, has_bar=net.verbose)
    folder = ModelFolder(net.base_address)
    folder.check_room(net.network, len(wanted))
    try:
        with folder.locked():
            session = _prepared(net, plan, folder, wanted)
            net.history, net.saved_in = session.history, None
            try:
                session.run(plan.epochs, plan.alpha, plan.batch_size, net.verbose)
            finally:
                net.saved_in = session.saved_in
                if len(session.history):  # also after Ctrl-C
                    net._remember(session.inputs)
    except Terminated as terminated:  # now that the folder is no longer locked
        end_by_signal(terminated, net._say)
    return session.history


def _prepared(net: Classifier, plan: Plan, folder: ModelFolder, wanted: tuple[str, ...]) -> Session:
    """Read the data, and say what is going to be trained on what."""
    train, test = read_samples(
        net.network, net.inputs, plan.train_data, plan.test_data, plan.reading
    )
    inputs = KnownInputs.of(train, plan.scale)
    if net.verbose:
        net._say(
            announcement(net.network, train, test, plan.batch_size, inputs, plan.reading.options)
        )
    if net._fitted:
        net._say("note: training goes on from the weights that are there")
        inputs = net.inputs.together(inputs)
    samples = scaled(train, plan.scale)
    test_samples = None if test is None else scaled(test, plan.scale)
    name = "training data" if test_samples is None else "test data"
    return Session(
        net.network,
        inputs,
        samples,
        test_samples,
        folder=folder,
        overwrite=plan.overwrite,
        pictures=Pictures(wanted, test_samples or samples, name, plan.scale, train.columns),
        generator=net._generator,
        say=net._say,
        options=plan.reading.options,
    )

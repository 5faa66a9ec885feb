"""The steps of `Classifier.fit` after its arguments are checked: check, read, announce, train.

Missing packages, a full disk and wrong data raise their errors here, before the first epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_edu.memory import keep_memory

from ..data.known_inputs import KnownInputs
from .figures.saving import Pictures, check_figures
from .history import History
from .inputs import read_samples, scaled
from .model_folder import ModelFolder
from .options import Plan
from .progress import announcement
from .requirements import check_packages
from .session import Session, end_by_signal
from .signals import Terminated

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["fit"]


def fit(net: Classifier, plan: Plan) -> History:
    """Train a classifier; see `Classifier.fit`."""
    wanted = check_figures(plan.figures, net.network.structure[0])
    check_packages(wanted, plan.options, has_bar=net.verbose)
    folder = ModelFolder(net.base_address)
    folder.check_room(net.network, len(wanted))
    try:
        with folder.locked():
            session = _prepared(net, plan, folder, wanted)
            net.history, net.saved_in = session.history, None
            keep_memory()
            try:
                session.run(net.verbose)
            finally:
                net.saved_in = session.saved_in
                if len(session.history):  # also after Ctrl-C
                    net._remember(session.inputs)
    except Terminated as terminated:  # after the folder is unlocked
        end_by_signal(terminated, net._say)
    return session.history


def _prepared(net: Classifier, plan: Plan, folder: ModelFolder, wanted: tuple[str, ...]) -> Session:
    """Read the data, and print what will be trained."""
    train, test = read_samples(net.network, net.inputs, plan)
    inputs = KnownInputs.of(train, plan.scale)
    if net.verbose:
        net._say(announcement(net.network, train, test, inputs, plan))
    if net._fitted:
        net._say("note: training continues with the current weights")
        inputs = net.inputs.together(inputs)
    samples = scaled(train, plan.scale)
    test_samples = None if test is None else scaled(test, plan.scale)
    name = "training data" if test_samples is None else "test data"
    return Session(
        net.network,
        inputs,
        samples,
        test_samples,
        plan=plan,
        folder=folder,
        pictures=Pictures(wanted, test_samples or samples, name, plan.scale, train.columns),
        generator=net._generator,
        say=net._say,
    )

"""The steps of `Classifier.fit` after its arguments are checked: check, read, announce, train.

Missing packages, a full disk and wrong data raise their errors here, before the first epoch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.memory import keep_memory

from ..distributed import Agreement, Collective
from ..files import SavedNetwork
from .announcing import announcement
from .checkpoint import Checkpoints, settings_of
from .choices import check_schedule
from .dataset.learning_data import LearningData, read_learning_data
from .figures.saving import Pictures, check_figures
from .fingerprints import fingerprint
from .history import History
from .model_folder import ModelFolder, Nowhere
from .objectives import objective_of
from .options import Plan
from .requirements import check_packages
from .saved import saved_network
from .session import Session, end_by_signal
from .signals import Terminated
from .together import checked_sources, same_generator, same_start

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["fit", "structure_for"]

_MOST_SHOWN = 10_000
"""So many rows of a stream are in the pictures."""
_HIDDEN = 100
"""Units of the hidden layer of a network that is made for the data, as in scikit-learn."""


def fit(net: Classifier, plan: Plan, collective: Collective | None = None) -> History:
    """Train a classifier; see `Classifier.fit`.

    Parameters
    ----------
    net : Classifier
        What is trained.
    plan : Plan
        The checked arguments.
    collective : Collective, optional
        The processes that train it together.
    """
    agreement = Agreement(collective)
    with contextlib.ExitStack() as stack:
        with agreement.together():
            plan = checked_sources(agreement, net, plan)
            folder, figures = _checked_folder(net, plan, agreement)
            stack.enter_context(folder.locked())
        try:
            return _trained(net, plan, folder, figures, agreement)
        except Terminated as terminated:
            stack.close()  # the folder is unlocked
            end_by_signal(terminated, net._say)


def _checked_folder(
    net: Classifier, plan: Plan, agreement: Agreement
) -> tuple[ModelFolder | Nowhere, Any]:
    """Check the folder and the packages; return it, and the pictures that are wanted.

    Only rank 0 writes, draws and prints.
    """
    figures = plan.get("figures")
    if net.base_address is None:
        if plan.get("resume") or plan.get("checkpoint_every"):
            raise ValueError("a checkpoint needs a folder; make the model with base_address=")
        # Nothing is saved, but a film is recorded: History.film writes it.
        if not isinstance(figures, str):
            figures = [name for name in figures or () if name == "film"]
    if not agreement.is_first:
        return Nowhere(), []
    folder = Nowhere() if net.base_address is None else ModelFolder(net.base_address)
    check_packages(("curves",) if figures is None else figures, plan.options, has_bar=net.verbose)
    if net.structure is not None:
        wanted = check_figures(figures, net.network.structure[0], net.task)
        folder.check_room(net.network, wanted)
    return folder, figures


def _trained(
    net: Classifier, plan: Plan, folder: ModelFolder | Nowhere, figures: Any, agreement: Agreement
) -> History:
    with agreement.together():
        session = _prepared(net, plan, folder, figures, agreement)
    knowledge = session.knowledge
    net.history, net.saved_in = session.history, None
    keep_memory()
    try:
        session.run(net.verbose and agreement.is_first)
    finally:
        net.saved_in = session.saved_in
        if len(session.history):  # also after Ctrl-C
            net._remember(knowledge)
    if agreement.is_shared:
        saved_in = agreement.broadcast(None if net.saved_in is None else str(net.saved_in))
        net.saved_in = None if saved_in is None else Path(saved_in)
    return session.history


def _prepared(
    net: Classifier, plan: Plan, folder: ModelFolder | Nowhere, figures: Any, agreement: Agreement
) -> Session:
    """Read the data, and print what will be trained."""
    known = net.knowledge if net._fitted else None
    structure = net.structure
    # A stream of its own, so that weights and order are the same with and without validation.
    splitting = np.random.default_rng(None if net.seed is None else [net.seed, 1])
    if agreement.is_shared:
        same_generator(agreement, splitting)
    data = read_learning_data(plan, known, structure, net.dtype, splitting, net.task, agreement)
    if structure is None:
        net._make_network(structure_for(data))
    same_start(agreement, net.network, net._generator)
    network, knowledge, train = net.network, data.knowledge, data.train
    prepare = knowledge.prepare
    wanted = check_figures(figures, network.structure[0], net.task)
    if structure is None:
        folder.check_room(network, wanted)
    if net.verbose and agreement.is_first:
        net._say(announcement(network, data, plan))
    if net._fitted and agreement.is_first:
        net._say("note: training continues with the current weights")

    def content(learned: bool, history: History) -> SavedNetwork:
        return saved_network(network, knowledge, learned, history)

    dtype = network.layers[0].weight.dtype
    test, validation = data.test_samples(dtype), data.validation_samples(dtype)
    samples = data.samples(dtype)
    checkpoints = _checkpoints(
        net,
        plan,
        folder,
        {
            "training data": (
                *samples,
                *(train.columns, knowledge.label_name, knowledge.classes, prepare.values),
            ),
            "validation data": validation or (),
            "test data": test or (),
        },
    )
    named = "test data" if test else "validation data" if validation else "training data"
    shown, named = _shown(test or validation or samples[:2], named)
    session = Session(
        network,
        samples,
        test,
        validation,
        plan=plan,
        objective=objective_of(net.task, samples[1], network.structure[-1]),
        knowledge=knowledge,
        content=content,
        folder=folder,
        checkpoints=checkpoints,
        pictures=Pictures(
            wanted,
            (shown[0], shown[1]),
            named,
            prepare.scale if prepare.deviations is None else prepare.deviations,
            prepare.input_names(train.columns),
            shift=0.0 if prepare.means is None else prepare.means,
            class_names=knowledge.classes,
            task=net.task,
            target_mean=knowledge.target_mean,
            target_deviation=knowledge.target_deviation,
        ),
        generator=net._generator,
        beside=net._beside,
        say=net._say if agreement.is_first else lambda text: None,
        agreement=agreement,
    )
    _continue(session, plan)
    return session


def _continue(session: Session, plan: Plan) -> None:
    """Continue from the checkpoint if that is wanted; otherwise keep that of another training."""
    if not plan.get("resume"):
        if (note := session.checkpoints.keep_earlier()) is not None:
            session.say(f"note: {note}")
    else:
        if session.resume():
            session.say(f"resumed after epoch {len(session.history)}")
            if session.is_complete:
                session.say("note: this training was finished already; nothing is left to train")
        else:
            session.say("note: there is no checkpoint to resume from; the training starts anew")


def _shown(samples: tuple[Any, ...], named: str) -> tuple[tuple[Any, ...], str]:
    """Return the samples that the pictures show, and their name: of a stream the first ones."""
    inputs, targets = samples
    if isinstance(inputs, np.ndarray):
        return samples, named
    if len(inputs) > _MOST_SHOWN:
        named = f"first {_MOST_SHOWN:,} rows of the {named}"
    return (inputs[:_MOST_SHOWN], targets[:_MOST_SHOWN]), named


def _checkpoints(
    net: Classifier, plan: Plan, folder: ModelFolder | Nowhere, data: Mapping[str, tuple[Any, ...]]
) -> Checkpoints:
    schedule = plan.get("schedule")
    return Checkpoints(
        folder.checkpoint,
        settings_of(plan, f"{net.network.describe()}, {net.task}", net.seed),
        lambda: {name: fingerprint(*parts) for name, parts in data.items()},
        plan.get("checkpoint_every"),
        None if schedule is None else check_schedule(schedule)[0],
    )


def structure_for(data: LearningData) -> tuple[int, int, int]:
    """Return the widths of a network for these data, with one hidden layer."""
    inputs = data.knowledge.prepare.inputs(data.train.features.shape[1])
    if data.knowledge.is_regression:
        return inputs, _HIDDEN, 1
    assert data.train.labels is not None  # training needs them
    return inputs, _HIDDEN, int(data.train.labels.max()) + 1

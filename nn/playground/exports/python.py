"""A run of the playground as a readable program, which ends with the same weights to the last bit.

The program uses the public parts of the package and nothing of the session. It checks at its end
that the weights are the same.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.errors import printable

from ... import optim
from ...initializers import he_normal
from ..choices import ACTIVATIONS
from ..lane import initializer_of
from ..settings import DataSettings, OptimizerSettings, Settings, plain_number
from .course import Stretch, course_of

if TYPE_CHECKING:
    from ...module import Module
    from ..session import Session

__all__ = ["LONGEST_STATE", "program_of", "weights_digest"]

_WIDTH = 100
_HEAD = '''\
"""Trains a {structure} network for {last} steps: a run of the playground, as a program.

Everything that is random follows from the seed, so each time the weights are the same, to the last
bit. Written by tinygrad_edu {version}, with NumPy {numpy}.
"""'''
_BATCHES = '''\
def batches(first, last):
    """Yield the rows of each step from `first` up to, and without, `last`.

    An epoch visits all rows once, in an order of its own; its last batch has what is left.
    """
    for step in range(first, last):
        epoch, place = divmod({step}, -(-len(x) // {size}))
        order = np.random.default_rng([SEED, 2, {epoch}]).permutation(len(x))
        yield order[place * {size} : (place + 1) * {size}]'''
_TRAIN = '''\
def train(first, last):
    """Train from step `first` to step `last`."""
    for rows in batches(first, last):
        optimizer.zero_grad()
        loss = {loss}
        loss.backward()
        optimizer.step()'''
_GROUPS = """\
    [
        {{"params": [layer.weight for layer in layers], "weight_decay": {l2}}},
        {{"params": [layer.bias for layer in layers], "weight_decay": 0.0}},
    ],"""
_CHECK = """\
# A digest changes with every single bit of the weights.
weights = b"".join(parameter.data.tobytes() for parameter in network.parameters())
expected = "{digest}"
same = hashlib.sha256(weights).hexdigest() == expected
print("same weights as in the playground:", "yes" if same else "no")
if not same:
    raise SystemExit(
        "the weights differ from those of the playground; run this program unchanged, on the same "
        "machine with NumPy {numpy}: others may round differently"
    )

# To keep the network, and to load it again into one of the same layers:
#     nn.save_state("network.safetensors", network.state_dict())
#     network.load_state_dict(nn.load_state("network.safetensors"))"""
LONGEST_STATE = 400
"""A longer state of the playground is no longer readable in a comment."""


def weights_digest(network: Module) -> str:
    """Return a digest of all weights and biases, equal only if all their bits are.

    Examples
    --------
    >>> from nn import MLP
    >>> from nn.playground.exports.python import weights_digest
    >>> one, two = weights_digest(MLP([2, 2], seed=0)), weights_digest(MLP([2, 2], seed=1))
    >>> len(one), one == two
    (64, False)
    """
    weights = b"".join(parameter.data.tobytes() for parameter in network.parameters())
    return hashlib.sha256(weights).hexdigest()


def program_of(session: Session, lane: int | None = None) -> str:
    """Write the program of a lane up to the step where the session is.

    Parameters
    ----------
    session : Session
    lane : int, optional
        By default the one that is selected.

    Returns
    -------
    str
    """
    number = session.selected if lane is None else lane
    chosen = session.lanes[number]
    timeline = session.timeline
    course = course_of(timeline.line(), number, timeline.step, chosen.stopped)
    writer = _Writer(session, course)
    return writer.program(weights_digest(chosen.network))


class _Writer:
    """Writes the parts of a program, each as lines.

    Parameters
    ----------
    session : Session
    course : tuple of Stretch
    """

    def __init__(self, session: Session, course: tuple[Stretch, ...]) -> None:
        self.session, self.course = session, course
        self.settings: Settings = session.settings
        self.data = session.data
        self.sizes = [len(self.data.features), *(h.units for h in self.settings.hidden)]
        self.sizes.append(self.data.outputs)
        self.decays = any(stretch.l2 for stretch in course)
        self.rebatched = len({(s.schedule.batch, s.schedule.step) for s in course}) > 1
        nudged = any(stretch.nudging for stretch in course)
        self.names_layers = self.decays or nudged or any(s.frozen for s in course)

    def program(self, digest: str) -> str:
        """Join all parts."""
        parts = [
            self._head(),
            self._imports(),
            self._data(),
            self._network(),
            self._first_optimizer(),
            self._batches(),
            "\n" + self._train(),
            "\n" + "\n\n".join(self._steps()),
            self._score(),
            _CHECK.format(digest=digest, numpy=np.__version__),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    # The head --------------------------------------------------------------------------------

    def _head(self) -> str:
        lines = [
            _HEAD.format(
                structure="-".join(map(str, self.sizes)),
                last=f"{self.course[-1].last:,}",
                version=__version__,
                numpy=np.__version__,
            )
        ]
        state = self.session.state
        if len(state) <= LONGEST_STATE:
            lines += ["", "# The same state in the playground:", f"# #{printable(state)}"]
        return "\n".join(lines)

    def _imports(self) -> str:
        draws = {initializer_of(name).__name__ for name in self.settings.activations}
        table = self.settings.data.name == "csv"
        lines = ["import hashlib", "", "import numpy as np", "", "import nn"]
        lines.append(f"from nn.initializers import {', '.join(sorted(draws))}")
        lines.append("from nn.playground.datasets import make_data")
        lines.append("from nn.playground.settings import DataSettings")
        lines += ["from nn.playground.tables import read_table"] if table else []
        lines += ["from tinygrad_edu import no_grad", "", f"SEED = {self.settings.seed}"]
        return "\n".join(lines)

    # Data and network ------------------------------------------------------------------------

    def _data(self) -> str:
        settings, data = self.settings.data, self.data
        lines = [f"# The data: {len(data.train)} rows for training, {len(data.test)} for testing."]
        call = "make_data(settings, SEED)"
        if settings.name == "csv":
            lines.append("# The table, in the current folder; its digest is checked.")
            call = "make_data(settings, SEED, table)"
        lines += ["settings = DataSettings.of(", *_indented(_dictionary(settings)), ")"]
        if settings.name == "csv":
            lines.append(f"table = read_table({quoted(settings.file)})")
        lines += [f"data = {call}", "x, y = data.train, data.train_labels"]
        return "\n".join(lines)

    def _network(self) -> str:
        activations = self.settings.activations
        draws = {initializer_of(name) for name in activations}
        lines = ["# The network. Weights are drawn in this order, so the seed decides all of them."]
        if he_normal in draws:
            lines.append("# A rectifier sets about half of its inputs to 0, so the weights before ")
            lines[-1] += "it are larger: He's rule."
        lines += ["generator = np.random.default_rng([SEED, 1])", "network = nn.Sequential("]
        for n, activation in enumerate(activations):
            draw = initializer_of(activation).__name__
            lines.append(
                f"    nn.Linear({self.sizes[n]}, {self.sizes[n + 1]}, generator=generator, "
                f"initializer={draw}),"
            )
            if name := ACTIVATIONS[activation]:
                lines.append(f"    nn.{name}(),")
        lines.append(")")
        if self.names_layers:
            lines.append("layers = [layer for layer in network if isinstance(layer, nn.Linear)]")
        return "\n".join(lines)

    # The optimizer ---------------------------------------------------------------------------

    def _first_optimizer(self) -> str:
        first = self.course[0]
        lines = ["# The optimizer."]
        if self.decays:
            lines[0] += " Weight decay (L2) is for weights; biases have none."
        lines += self._optimizer(first.entry, first.l2)
        lines += self._freezing((), first.frozen)
        return "\n".join(lines)

    def _optimizer(self, entry: OptimizerSettings, l2: float) -> list[str]:
        options = [f"{name}={value}" for name, value in _options(entry) if _is_said(entry, name)]
        if not self.decays:
            # AdamW decays unless it is asked not to.
            if _default(entry, "weight_decay"):
                options.append("weight_decay=0.0")
            return [f"optimizer = nn.{entry.name}(network.parameters(), {', '.join(options)})"]
        return [
            f"optimizer = nn.{entry.name}(",
            _GROUPS.format(l2=_number(l2)),
            *(f"    {option}," for option in options),
            ")",
        ]

    def _freezing(self, before: tuple[int, ...], after: tuple[int, ...]) -> list[str]:
        lines = [
            f"layers[{n - 1}].requires_grad_(False)  # layer {n} keeps its weights"
            for n in after
            if n not in before
        ]
        return lines + [
            f"layers[{n - 1}].requires_grad_(True)  # layer {n} trains again"
            for n in before
            if n not in after
        ]

    # The loop --------------------------------------------------------------------------------

    def _batches(self) -> str:
        if not self.rebatched:
            given = f"BATCH = {self.course[0].schedule.batch}\n\n\n"
            step, epoch, size = "step", "epoch", "BATCH"
        else:
            given = f"batch = {self.course[0].schedule.batch}  # rows of a batch\n"
            given += "epoch_0, step_0 = 0, 0  # an epoch, and the step at which it begins\n\n\n"
            step, epoch, size = "step - step_0", "epoch_0 + epoch", "batch"
        return given + _BATCHES.format(step=step, epoch=epoch, size=size)

    def _train(self) -> str:
        loss = "((network(x[rows]) - y[rows]) ** 2).mean()"
        if self.data.classes:
            loss = "nn.softmax_cross_entropy(network(x[rows]), y[rows])"
        return _TRAIN.format(loss=loss)

    def _steps(self) -> Iterator[str]:
        """Yield a paragraph for each change that concerns this lane, with the steps after it."""
        lines: list[str] = []
        first = 0
        for n, stretch in enumerate(self.course):
            changes = self._changes(self.course[n - 1], stretch) if n else []
            if changes:
                # What did not concern this lane needs no stop.
                lines += _training(first, stretch.first)
                if lines:
                    yield "\n".join(lines)
                lines = [f"# Step {stretch.first}: {printable(stretch.what)}.", *changes]
                first = stretch.first
            if stretch.stopped:
                if made := _training(first, stretch.last):
                    lines += [*made, "# There it stopped: the next step is not finite."]
                first = stretch.last if n + 1 == len(self.course) else self.course[n + 1].first
        lines += _training(first, self.course[-1].last)
        yield "\n".join(lines)

    def _changes(self, before: Stretch, after: Stretch) -> list[str]:
        lines: list[str] = []
        if after.is_new:
            lines += self._optimizer(after.entry, after.l2)
        elif before.entry != after.entry:
            old = dict(_options(before.entry))
            changed = [(k, v) for k, v in _options(after.entry) if old[k] != v]
            lines += [f"optimizer.{name} = {value}" for name, value in changed]
        if before.l2 != after.l2 and not after.is_new:
            lines.append(f'optimizer.param_groups[0]["weight_decay"] = {_number(after.l2)}')
        lines += self._freezing(before.frozen, after.frozen)
        if before.schedule != after.schedule:
            new = after.schedule
            lines.append(f"batch = {new.batch}")
            lines.append(f"epoch_0, step_0 = {new.epoch}, {new.step}")
        if (nudging := after.nudging) is not None:
            name = "bias" if nudging.row is None else "weight"
            place = f"{nudging.column}"
            if nudging.row is not None:
                place = f"{nudging.row}, {nudging.column}"
            lines += [
                f"values = layers[{nudging.layer - 1}].{name}.data.copy()",
                f"values[{place}] += {_number(nudging.by)}",
                f"layers[{nudging.layer - 1}].{name}.data = values",
            ]
        return lines

    # The end ---------------------------------------------------------------------------------

    def _score(self) -> str:
        if not len(self.data.test):
            return ""
        lines = ["# How good it is on rows that it was not trained on."]
        lines += ["with no_grad():", "    outputs = network(data.test).data"]
        if self.data.classes:
            lines.append("right = (outputs.argmax(axis=1) == data.test_labels).mean()")
            lines.append('print(f"{right:.1%} of the rows for testing are right")')
        else:
            lines.append("loss = ((outputs - data.test_labels) ** 2).mean()")
            lines.append('print(f"mean squared error of the rows for testing: {loss:.4g}")')
        return "\n".join(lines)


def _training(first: int, last: int) -> list[str]:
    return [f"train({first}, {last})"] if first < last else []


# Values as text ------------------------------------------------------------------------------


def _number(value: float) -> str:
    """Write a float as Python writes it."""
    return repr(float(value))


def _options(entry: OptimizerSettings) -> list[tuple[str, str]]:
    """Return the options of an optimizer of `nn` with their values as text."""
    found = {name: _number(value) for name, value in entry.options}
    if "beta1" in found:
        found["betas"] = f"({found.pop('beta1')}, {found.pop('beta2')})"
    return list(found.items())


def _default(entry: OptimizerSettings, name: str) -> Any:
    return inspect.signature(getattr(optim, entry.name)).parameters[name].default


def _is_said(entry: OptimizerSettings, name: str) -> bool:
    """Whether an option is not the usual one; the learning rate is always said."""
    return name == "lr" or repr(_default(entry, name)) != dict(_options(entry))[name]


def quoted(text: str) -> str:
    """Write a text of a person as a literal in one line; what is not printable is escaped."""
    shown = repr(text)
    return shown if '"' in shown else f'"{shown[1:-1]}"'


def _dictionary(settings: DataSettings) -> list[str]:
    """Write the settings of the data as a literal, one line for each of them."""
    lines = ["{"]
    for key, value in settings.to_json().items():
        if key == "drawn":
            points = [f"[{plain_number(x)}, {plain_number(y)}, {label}]" for x, y, label in value]
            lines += [f'    "{key}": [', *_filled(points), "    ],"]
        elif isinstance(value, list):
            lines += [f'    "{key}": [', *_filled([quoted(name) for name in value]), "    ],"]
        else:
            lines.append(f'    "{key}": {quoted(value) if isinstance(value, str) else value},')
    return [*lines, "}"]


def _filled(items: list[str]) -> list[str]:
    """Fill lines with items."""
    lines = [" " * 7]
    for item in items:
        if len(lines[-1]) + len(item) + 2 > _WIDTH - 4 and lines[-1].strip():
            lines.append(" " * 7)
        lines[-1] += f" {item},"
    return lines if items else []


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]

"""Compares three gradients of a network: by hand, automatic, and numerical.

By hand means the textbook's derivations, automatic means the engine, numerical means central
differences of the loss. Everything runs in float64 on copies. What is compared is in `compared`,
how the table looks in `comparison_table`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.deprecation import warn_deprecated

from ..checks import check_count, check_seed
from ..module import Module
from .compared import Compared, compared
from .moved import constants_of, moved

if TYPE_CHECKING:
    from tinygrad_edu.diagnosing import GradientRow, ManualCheck

    from .comparison_table import GradientComparison

__all__ = ["compare_gradients", "manual_gradients"]

Array: TypeAlias = NDArray[Any]
P = ParamSpec("P")
R = TypeVar("R")


def _formerly_mlp(function: Callable[P, R]) -> Callable[P, R]:
    """Accept the former name of the first parameter, with a warning."""

    @functools.wraps(function)
    def accepting(*args: P.args, **kwargs: P.kwargs) -> R:
        if "mlp" in kwargs and "network" not in kwargs:
            message = f"{function.__name__}: the parameter mlp is now called network"
            warn_deprecated(message, "0.3")
            kwargs["network"] = kwargs.pop("mlp")
        return function(*args, **kwargs)

    return accepting


@_formerly_mlp
def compare_gradients(
    network: Module,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    loss: str | None = None,
    manual: Any = None,
    previous: Mapping[str, Any] | None = None,
    samples: int = 20,
    seed: int = 0,
) -> GradientComparison:
    """Compare the gradients of the loss on a batch, parameter by parameter.

    Parameters
    ----------
    network : Module
        An `MLP`, or any network of layers that have a derivation by hand: convolution, pooling,
        normalization, embedding, `RNN`, `LSTM`, attention, `TransformerBlock`, linear layers and
        activations, called in a `Sequential` or in a ``forward`` of your own. Neither its values
        nor its gradients change. If it returns several values, the first is compared.
    x : array_like, shape (N, features)
        A batch; for other networks what they take, such as images, or integers for an embedding.
    labels : array_like of int, shape (N,)
        The right classes; shape (N, T) for outputs (N, T, classes), and targets of the shape of
        the outputs for other losses.
    loss : str, optional
        One of ``"softmax_cross_entropy"``, ``"sigmoid_cross_entropy"``, ``"squared_error"``,
        ``"absolute_error"``, ``"huber"``, ``"hinge"``, averaged as in `nn.by_hand.losses`. By
        default the cross-entropy: with softmax, or with the sigmoid if there is a single output.
    manual : mapping, pair or callable, optional
        Gradients that you derived yourself, instead of those of the package, by the names of the
        parameters; then the network can be any module. Or a function that returns them, called as
        ``manual(parameters, x, labels)`` with copies in float64, the parameters by name. For an
        `MLP` it is called as ``manual(weights, biases, x, labels)``, and a pair, all weights' and
        all biases' gradients, is accepted too.
    previous : mapping of str to array_like, optional
        The gradients of the previous step, to recognise gradients that were not reset.
    samples : int
        How many elements of a parameter are differentiated numerically: all, if it has no more;
        otherwise the one with the largest gradient, and others at random. Elements whose step
        would cross a kink, such as that of ReLU, are skipped; the last line of the table counts
        them.
    seed : int
        Fixes that choice.

    Returns
    -------
    GradientComparison
        A pandas DataFrame with the columns ``parameter``, ``shape``, ``equation`` (of the
        textbook), ``max |manual-auto|``, ``max |auto-numeric|``, ``relative error`` (of manual
        against automatic) and ``verdict``: ``match`` if all three agree, ``DIFFERS`` if
        two of them do not, and ``UNDECIDED`` if round-off is too large to decide. Print it;
        ``.agree`` is True if all rows match, and ``.check`` explains where they first differ and
        what that looks like.

    Raises
    ------
    TypeError
        If a layer or an operation has no derivation by hand, and `manual` is not given.
    ValueError
        If the batch or the gradients do not match the network.

    Notes
    -----
    Dropout is off. Batch normalization is compared in the mode that its layer is in: with the
    averages of the batch in training, the default, and with its running averages after `eval`.
    If a parameter is 0 or 1 everywhere, as biases and gains are at first, a formula that forgets it
    gives the same numbers; so derivations and a function `manual` are called a second time with
    slightly moved parameters. Where only these differ, the table shows them, and a note reports it.

    For networks other than an `MLP`, one call of the network records which layer gets what; all
    values by hand are then computed in NumPy, from the parameters and `x`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, compare_gradients
    >>> x = np.random.default_rng(0).normal(size=(5, 4))
    >>> table = compare_gradients(MLP([4, 3, 2], seed=0), x, [0, 1, 1, 0, 1])
    >>> table["equation"][0], table.agree
    ('∂L/∂W1 = xᵀ δ1', True)

    A network of other layers:

    >>> from nn import LSTM, Linear, Module
    >>> class Classifier(Module):
    ...     def __init__(self):
    ...         self.lstm = LSTM(4, 3, batch_first=True)
    ...         self.linear = Linear(3, 2)
    ...
    ...     def forward(self, x):
    ...         outputs, states = self.lstm(x)
    ...         return self.linear(outputs[:, -1])
    >>> table = compare_gradients(Classifier(), np.ones((2, 6, 4)), [0, 1])
    >>> table["parameter"][1], table["equation"][1], table.agree
    ('lstm.weight_hh_l0', '∂L/∂W_hh = Σ_t h_t-1ᵀ dz_t', True)
    """
    from .comparison_table import GradientComparison

    check_count("samples", samples)
    check_seed(seed)
    if previous is not None and not isinstance(previous, Mapping):
        raise TypeError(f"previous maps names to gradients, got a {type(previous).__name__}")
    subject = compared("compare_gradients", network, x, labels, loss)
    by_hand = subject.by_hand() if manual is None else subject.read(manual)
    found, note = _examined(subject, by_hand, samples, seed, previous), ""
    constants = constants_of(subject.twin) if found.agree else ""
    if constants:
        again = compared("compare_gradients", moved(subject.twin, seed), x, labels, loss)
        elsewhere = _computed_again(again, manual, by_hand)
        if elsewhere is None:
            note = f"{constants} everywhere: a formula that forgets such a parameter matches too"
        elif not _examined(again, elsewhere, 0, seed).agree:
            note = f"at the given parameters all match, because {constants} everywhere; here they "
            note += "are compared at slightly moved ones"
            subject, found = again, _examined(again, elsewhere, samples, seed)
    table = GradientComparison([_row(row) for row in found.rows])
    table.attrs["agree"] = found.agree
    table.attrs["notes"] = _notes(subject, samples, found, note)
    table.keep(found)
    return table


@_formerly_mlp
def manual_gradients(
    network: Module, x: ArrayLike, labels: ArrayLike, *, loss: str | None = None
) -> dict[str, Array]:
    """Compute the gradients of the loss on a batch by hand, parameter by parameter.

    For an `MLP` by the delta rule, otherwise by the derivations of the layers. Pass them to `draw`
    and `stepper` as ``compare=``, to see them next to the automatic ones.

    Parameters
    ----------
    network : Module
        The network, which does not change.
    x, labels : array_like
        A batch and its labels.
    loss : str, optional
        The loss; all as for `compare_gradients`.

    Returns
    -------
    dict of str to ndarray
        In float64, by the names of the parameters.

    Raises
    ------
    TypeError
        If a layer or an operation has no derivation by hand.
    ValueError
        If the batch does not match the network.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, manual_gradients
    >>> gradients = manual_gradients(MLP([3, 2], seed=0), np.ones((1, 3)), [1])
    >>> {name: gradient.shape for name, gradient in gradients.items()}
    {'linear1.weight': (3, 2), 'linear1.bias': (2,)}
    """
    return compared("manual_gradients", network, x, labels, loss).by_hand()


def _examined(
    subject: Compared,
    by_hand: Mapping[str, Any],
    samples: int,
    seed: int,
    previous: Mapping[str, Any] | None = None,
) -> ManualCheck:
    """Compare gradients by hand with the automatic and the numerical ones."""
    from tinygrad_edu.diagnosing import examine

    found = examine(
        subject.output,
        dict(subject.twin.named_parameters()),
        by_hand,
        cotangent=np.ones(()),
        evaluate=subject.evaluate,
        previous=previous,
        samples=samples,
        seed=seed,
        equations=subject.equations(),
    )
    return replace(found, agree=False) if subject.difference else found


def _computed_again(
    subject: Compared, manual: Any, before: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Compute gradients at moved parameters; None for arrays, and where nothing has changed."""
    if manual is None:
        return subject.by_hand()
    if not callable(manual):
        return None
    found = subject.read(manual)
    is_same = found.keys() == before.keys() and all(
        np.array_equal(found[name], before[name]) for name in found
    )
    return None if is_same else found  # it may ignore its arguments, and read the network


def _row(row: GradientRow) -> dict[str, Any]:
    """Return the row of the table for one parameter."""
    error = row.numerical_error
    return {
        "parameter": row.name,
        "shape": str(row.shape),
        "equation": row.equation.partition("\n")[0],
        "max |manual-auto|": np.nan if row.problem else row.verdict.difference,
        "max |auto-numeric|": np.nan if error is None else error,
        "relative error": np.nan if row.problem else row.verdict.relative,
        "verdict": row.word if row.word in ("match", "UNDECIDED") else "DIFFERS",
    }


def _notes(subject: Compared, samples: int, found: ManualCheck, note: str) -> list[str]:
    """Explain the symbols, what was measured, and what a difference looks like."""
    lines = subject.symbols() + [note] * bool(note)
    is_sampled = any(row.automatic.size > samples for row in found.rows)
    share = f"at most {samples} elements of each parameter" if is_sampled else "every element"
    kinks = sum(row.kinks for row in found.rows)
    if kinks:
        share += f", less {kinks} at a kink{subject.kinked and f' of {subject.kinked}'}"
    lines.append(f"float64; numerical: central differences, {share}")
    lines += [note for note in found.notes if note.startswith("not checked")]
    unused = [row.name for row in found.rows if row.agree and not row.place]
    if unused:
        lines.append(f"not used by the output: {', '.join(unused)}")
    cancelled = [row.name for row in found.rows if row.agree and row.cancels]
    if cancelled:
        lines.append(f"0 apart from round-off, because terms cancel: {', '.join(cancelled)}")
    lines += [row.name + ": " + row.problem for row in found.rows if row.problem]
    return lines + [subject.difference] * bool(subject.difference) + found.conclusion()

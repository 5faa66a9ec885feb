"""Compares three gradients of a network: by hand, automatic, and numerical.

By hand means `delta_rule`, automatic means the engine, numerical means central differences of
the loss. Everything runs in float64 on copies. How the table looks is in `comparison_table`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_count, check_seed
from ..loss import classification_loss, output_activation
from ..mlp import MLP
from . import delta_rule
from .equations import equation_of

if TYPE_CHECKING:
    from tinygrad_edu import Tensor
    from tinygrad_edu.diagnosing import GradientRow, ManualCheck

    from .comparison_table import GradientComparison

__all__ = ["compare_gradients", "manual_gradients"]

Array: TypeAlias = NDArray[Any]


def compare_gradients(
    mlp: MLP,
    x: ArrayLike,
    labels: ArrayLike,
    *,
    manual: Any = None,
    previous: Mapping[str, Any] | None = None,
    samples: int = 20,
    seed: int = 0,
) -> GradientComparison:
    """Compare the gradients of the loss on a batch, parameter by parameter.

    Parameters
    ----------
    mlp : MLP
        The network; neither its values nor its gradients change.
    x : array_like, shape (N, features)
        A batch.
    labels : array_like of int, shape (N,)
        The right classes.
    manual : mapping, pair or callable, optional
        Gradients that you derived yourself, instead of those of the delta rule: by the names of
        the parameters; or a pair, all weights' and all biases'; or a function that returns
        either, called as ``manual(weights, biases, x, labels)`` with copies in float64.
    previous : mapping of str to array_like, optional
        The gradients of the previous step, to recognise gradients that were not reset.
    samples : int
        How many elements of a parameter are differentiated numerically: all, if it has no more;
        otherwise the one with the largest gradient, and others at random. Elements whose step
        would cross a kink of ReLU are skipped; the last line of the table counts them.
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
        If the network is not an `MLP`.
    ValueError
        If the batch or the gradients do not match the network.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, compare_gradients
    >>> x = np.random.default_rng(0).normal(size=(5, 4))
    >>> table = compare_gradients(MLP([4, 3, 2], seed=0), x, [0, 1, 1, 0, 1])
    >>> table["equation"][0], table.agree
    ('∂L/∂W1 = xᵀ δ1', True)
    """
    from tinygrad_edu.diagnosing import examine

    from .comparison_table import GradientComparison

    check_count("samples", samples)
    check_seed(seed)
    if previous is not None and not isinstance(previous, Mapping):
        raise TypeError(f"previous maps names to gradients, got a {type(previous).__name__}")
    twin, batch, classes, loss = _doubled("compare_gradients", mlp, x, labels)
    by_hand = (
        _by_name(twin, batch, classes) if manual is None else _read(manual, twin, batch, labels)
    )
    output = output_activation(twin.structure[-1])

    def evaluate(arrays: Mapping[str, Array]) -> tuple[float, list[tuple[str, bytes]]]:
        values = list(arrays.values())
        weights, biases = values[::2], values[1::2]
        number = delta_rule.loss(weights, biases, batch, classes, output, twin.activation)
        if twin.activation != "relu":
            return number, []
        hidden, _ = delta_rule.forward(weights, biases, batch, twin.activation)
        return number, [("relu", (a > 0).tobytes()) for a in hidden[1:]]

    found = examine(
        loss,
        dict(twin.named_parameters()),
        by_hand,
        cotangent=np.ones(()),
        evaluate=evaluate,
        previous=previous,
        samples=samples,
        seed=seed,
        equations=_equations(twin),
    )
    table = GradientComparison([_row(row) for row in found.rows])
    table.attrs["agree"] = found.agree
    table.attrs["notes"] = _notes(twin, samples, found)
    table.keep(found)
    return table


def manual_gradients(mlp: MLP, x: ArrayLike, labels: ArrayLike) -> dict[str, Array]:
    """Compute the gradients of the loss on a batch by the delta rule, parameter by parameter.

    Pass them to `draw` and `stepper` as ``compare=``, to see them next to the automatic ones.

    Parameters
    ----------
    mlp : MLP
        The network, which does not change.
    x : array_like, shape (N, features)
        A batch.
    labels : array_like of int, shape (N,)
        The right classes.

    Returns
    -------
    dict of str to ndarray
        In float64, by the names of the parameters.

    Raises
    ------
    TypeError
        If the network is not an `MLP`.
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
    twin, batch, classes, _ = _doubled("manual_gradients", mlp, x, labels)
    return _by_name(twin, batch, classes)


def _doubled(
    function: str, mlp: MLP, x: ArrayLike, labels: ArrayLike
) -> tuple[MLP, Array, Array, Tensor]:
    """Copy a network and its batch in float64, and compute the loss."""
    if not isinstance(mlp, MLP):
        raise TypeError(
            f"{function} knows the delta rule of an MLP, got a {type(mlp).__name__}; "
            "use check_gradients for other functions"
        )
    batch, classes = np.asarray(x, dtype=np.float64), np.asarray(labels)
    if batch.ndim != 2 or batch.shape[1] != mlp.structure[0]:
        raise ValueError(
            f"x has shape {batch.shape}, expected (N, {mlp.structure[0]}): one row for each sample"
        )
    # Gradients of frozen parameters too, and without dropout, which the delta rule does not know.
    twin = mlp.astype(np.float64).requires_grad_(True)
    twin.eval()
    return twin, batch, classes, classification_loss(twin(batch), classes)


def _by_name(twin: MLP, batch: Array, classes: Array) -> dict[str, Array]:
    """Apply the delta rule; return the gradients by the names of the parameters."""
    weights, biases = _weights_and_biases(twin)
    output = output_activation(twin.structure[-1])
    by_layer = delta_rule.gradients(weights, biases, batch, classes, output, twin.activation)
    names = [name for name, _ in twin.named_parameters()]
    pairs = [gradient for pair in zip(*by_layer, strict=True) for gradient in pair]
    return dict(zip(names, pairs, strict=True))


def _weights_and_biases(twin: MLP) -> tuple[list[Array], list[Array]]:
    """Copy the parameters, as the delta rule takes them."""
    values = [parameter.numpy() for parameter in twin.parameters()]
    return values[::2], values[1::2]


def _read(manual: Any, twin: MLP, batch: Array, labels: Any) -> dict[str, Array]:
    """Read a learner's gradients: by name, as (weights, biases), or from a function of theirs."""
    names = [name for name, _ in twin.named_parameters()]
    if callable(manual):
        manual = _called(manual, *_weights_and_biases(twin), batch.copy(), np.array(labels))
    if isinstance(manual, Mapping):
        unknown = [name for name in manual if name not in names]
        if unknown:
            raise ValueError(f"manual: found {unknown[0]!r}, expected some of {', '.join(names)}")
        return {name: gradient for name, gradient in manual.items() if gradient is not None}
    try:
        weights, biases = manual
        pairs = [g for pair in zip(weights, biases, strict=True) for g in pair]
        return dict(zip(names, pairs, strict=True))
    except (TypeError, ValueError):
        raise ValueError(
            f"manual: expected gradients by name, or a pair (of all weights, of all biases) with "
            f"{len(names) // 2} arrays each, for {', '.join(names)}"
        ) from None


def _called(manual: Callable[..., Any], *arguments: Any) -> Any:
    """Call a learner's function; if its parameters do not match, the error explains the call."""
    try:
        inspect.signature(manual).bind(*arguments)
    except TypeError as error:
        message = f"manual is called with (weights, biases, x, labels), but {error}"
        raise TypeError(message) from None
    return manual(*arguments)


def _equations(twin: MLP) -> dict[str, tuple[str, str]]:
    """Return the textbook's equations for each parameter and its delta, as text and as code."""
    depth, output = len(twin.layers), output_activation(twin.structure[-1])
    found = {}
    for number, (name, _) in enumerate(twin.named_parameters()):
        kind = "bias" if number % 2 else "weight"
        parts = [
            equation_of(number // 2 + 1, what, depth, twin.activation, output)
            for what in (kind, "delta")
        ]
        found[name] = "\n".join(part.text for part in parts), "\n".join(p.code for p in parts)
    return found


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


def _notes(twin: MLP, samples: int, found: ManualCheck) -> list[str]:
    """Explain the symbols, what was measured, and what a difference looks like."""
    depth, hidden = len(twin.layers), twin.activation
    lines = [f"δ{depth} = ({output_activation(twin.structure[-1])}(z{depth}) - y) / n"]
    if depth > 1:
        lines[0] += f",  δl = (δl+1 Wl+1ᵀ) ⊙ {hidden}′(zl)"
    is_sampled = any(row.automatic.size > samples for row in found.rows)
    share = f"at most {samples} elements of each parameter" if is_sampled else "every element"
    kinks = sum(row.kinks for row in found.rows)
    if kinks:
        share += f", less {kinks} at a kink of {hidden}"
    lines.append(f"float64; numerical: central differences, {share}")
    lines += [note for note in found.notes if note.startswith("not checked")]
    lines += [row.name + ": " + row.problem for row in found.rows if row.problem]
    return lines + found.conclusion()

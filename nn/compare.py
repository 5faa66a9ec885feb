"""Puts three gradients of a network side by side: by hand, automatic, and numerical.

By hand means `delta_rule`, automatic means the engine, numerical means central differences of
the loss. All of it runs in float64 on copies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import delta_rule
from .checks import check_count, check_seed
from .loss import classification_loss, output_activation
from .mlp import MLP

if TYPE_CHECKING:
    from tinygrad_edu import Tensor

    from .comparison_table import GradientComparison

__all__ = ["compare_gradients", "manual_gradients"]

Array: TypeAlias = NDArray[Any]

# Manual and automatic gradients are the same sums in another order: round-off alone may differ.
_EXACT = 1e-10
# Central differences lose about two thirds of the digits to their step.
_NUMERICAL = 1e-6
_STEP: float = np.finfo(np.float64).eps.item() ** (1 / 3)


def compare_gradients(
    mlp: MLP, x: ArrayLike, labels: ArrayLike, *, samples: int = 20, seed: int = 0
) -> GradientComparison:
    """Compare the gradients of the loss on a batch, parameter by parameter.

    Parameters
    ----------
    mlp : MLP
        The network; it is copied, and neither its values nor its gradients change.
    x : array_like, shape (N, features)
        A batch.
    labels : array_like of int, shape (N,)
        The right classes.
    samples : int
        How many elements of a parameter are differentiated numerically: all, if it has no more;
        otherwise the one with the largest gradient, and others at random. Elements whose step
        would cross a kink of ReLU are left out; the last line of the table says how many.
    seed : int
        Of that choice.

    Returns
    -------
    GradientComparison
        A pandas DataFrame with the columns ``parameter``, ``shape``, ``equation`` (of the
        textbook), ``max |manual-auto|``, ``max |auto-numeric|``, ``relative error`` (of manual
        against automatic) and ``verdict``. Print it; ``.agree`` is True if all rows match.

    Raises
    ------
    TypeError
        If the network is no `MLP`.
    ValueError
        If the batch does not fit the network.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, compare_gradients
    >>> x = np.random.default_rng(0).normal(size=(5, 4))
    >>> table = compare_gradients(MLP([4, 3, 2], seed=0), x, [0, 1, 1, 0, 1])
    >>> table["equation"][0], table.agree
    ('∂L/∂W1 = xᵀ δ1', True)
    """
    from .comparison_table import GradientComparison

    check_count("samples", samples)
    twin, batch, classes, loss_of_twin = _doubled("compare_gradients", mlp, x, labels)
    loss_of_twin.backward()
    parameters = dict(twin.named_parameters())
    automatic = [np.asarray(parameter.grad) for parameter in parameters.values()]
    manual = _by_hand(twin, batch, classes)
    weights, biases = _weights_and_biases(twin)
    output = output_activation(mlp.structure[-1])
    values = [v for pair in zip(weights, biases, strict=True) for v in pair]

    def loss() -> float:
        return delta_rule.loss(values[::2], values[1::2], batch, classes, output, mlp.activation)

    def active() -> list[Array]:
        hidden, _ = delta_rule.forward(values[::2], values[1::2], batch, mlp.activation)
        return [a > 0 for a in hidden[1:]] if mlp.activation == "relu" else []

    generator = np.random.default_rng(check_seed(seed))
    rows, kinks = [], 0
    for number, (name, value) in enumerate(zip(parameters, values, strict=True)):
        chosen = _chosen(automatic[number], samples, generator)
        found, skipped = _numerical_error(loss, active, value, automatic[number], chosen)
        rows.append(_row(name, number, manual[number], automatic[number], found))
        kinks += skipped
    table = GradientComparison(rows)
    table.attrs["agree"] = bool((table["verdict"] == "match").all())
    table.attrs["notes"] = _notes(len(weights), output, mlp.activation, samples, values, kinks)
    return table


def manual_gradients(mlp: MLP, x: ArrayLike, labels: ArrayLike) -> dict[str, Array]:
    """Compute the gradients of the loss on a batch by the delta rule, parameter by parameter.

    They can be handed to `draw` and `stepper` as ``compare=``, to be put beside the automatic
    ones.

    Parameters
    ----------
    mlp : MLP
        The network; nothing of it changes.
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
        If the network is no `MLP`.
    ValueError
        If the batch does not fit the network.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import MLP, manual_gradients
    >>> gradients = manual_gradients(MLP([3, 2], seed=0), np.ones((1, 3)), [1])
    >>> {name: gradient.shape for name, gradient in gradients.items()}
    {'linear1.weight': (3, 2), 'linear1.bias': (2,)}
    """
    twin, batch, classes, _ = _doubled("manual_gradients", mlp, x, labels)
    names = [name for name, _ in mlp.named_parameters()]
    return dict(zip(names, _by_hand(twin, batch, classes), strict=True))


def _doubled(
    function: str, mlp: MLP, x: ArrayLike, labels: ArrayLike
) -> tuple[MLP, Array, Array, Tensor]:
    """Copy a network and its batch in float64, and compute the loss; refuse what does not fit."""
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
    twin = mlp.astype(np.float64)
    return twin, batch, classes, classification_loss(twin(batch), classes)


def _by_hand(twin: MLP, batch: Array, classes: Array) -> list[Array]:
    """Apply the delta rule; give the gradients as W1, b1, W2, b2 and so on."""
    weights, biases = _weights_and_biases(twin)
    output = output_activation(twin.structure[-1])
    by_layer = delta_rule.gradients(weights, biases, batch, classes, output, twin.activation)
    return [gradient for pair in zip(*by_layer, strict=True) for gradient in pair]


def _weights_and_biases(twin: MLP) -> tuple[list[Array], list[Array]]:
    """Copy the parameters, as the delta rule takes them."""
    values = [parameter.numpy() for parameter in twin.parameters()]
    return values[::2], values[1::2]


def _chosen(gradient: Array, samples: int, generator: np.random.Generator) -> Array:
    """Choose the elements to differentiate numerically, the one with the largest gradient first."""
    if gradient.size <= samples:
        return np.arange(gradient.size)
    chosen = generator.choice(gradient.size, samples, replace=False)
    chosen[0] = np.abs(gradient).argmax()
    return chosen


def _numerical_error(
    loss: Callable[[], float],
    active: Callable[[], list[Array]],
    value: Array,
    automatic: Array,
    chosen: Array,
) -> tuple[float | None, int]:
    """Compare with central differences: the largest difference, and how many were left out.

    Where a step switches a ReLU on or off the slope has a kink, and differences across it say
    nothing. The difference is None if no element is left, and infinite if one is no number.
    """
    flat, expected = value.reshape(-1), automatic.reshape(-1)
    pattern = active()
    worst, skipped = None, 0
    for position in chosen:
        before = flat[position]
        step = _STEP * max(1.0, abs(before))
        ends, is_smooth = [], True
        for end in (before + step, before - step):
            flat[position] = end
            ends.append(loss())
            is_smooth &= all(map(np.array_equal, active(), pattern))
        flat[position] = before
        difference = float(abs(expected[position] - (ends[0] - ends[1]) / (2 * step)))
        if not np.isfinite(difference):
            return np.inf, skipped
        if is_smooth:
            worst = difference if worst is None else max(worst, difference)
        else:
            skipped += 1
    return worst, skipped


def _row(
    name: str, number: int, manual: Array, automatic: Array, numerical_error: float | None
) -> dict[str, Any]:
    """Judge one parameter."""
    layer, is_bias = number // 2 + 1, number % 2 == 1
    before = "x" if layer == 1 else f"a{layer - 1}"
    equation = f"∂L/∂b{layer} = Σ δ{layer}" if is_bias else f"∂L/∂W{layer} = {before}ᵀ δ{layer}"
    difference = float(np.abs(manual - automatic).max())
    size = float(max(np.abs(manual).max(), np.abs(automatic).max()))
    relative = difference / size if size else 0.0
    matches = relative <= _EXACT
    if numerical_error is not None:
        matches = matches and numerical_error <= _NUMERICAL * max(size, 1e-3)
    return {
        "parameter": name,
        "shape": str(automatic.shape),
        "equation": equation,
        "max |manual-auto|": difference,
        "max |auto-numeric|": np.nan if numerical_error is None else numerical_error,
        "relative error": relative,
        "verdict": "match" if matches else "DIFFERS",
    }


def _notes(
    depth: int, output: str, hidden: str, samples: int, values: Sequence[Array], kinks: int
) -> list[str]:
    """Say what the symbols mean, and what was measured."""
    lines = [f"δ{depth} = ({output}(z{depth}) - y) / n"]
    if depth > 1:
        lines[0] += f",  δl = (δl+1 Wl+1ᵀ) ⊙ {hidden}′(zl)"
    is_sampled = any(value.size > samples for value in values)
    share = f"at most {samples} elements of each parameter" if is_sampled else "every element"
    if kinks:
        share += f", less {kinks} at a kink of {hidden}"
    lines.append(f"float64; numerical: central differences, {share}")
    return lines

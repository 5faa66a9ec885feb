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
from .loss import classification_loss, output_activation
from .mlp import MLP

if TYPE_CHECKING:
    from .comparison_table import GradientComparison

__all__ = ["compare_gradients"]

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
        otherwise the one with the largest gradient, and others at random.
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

    if not isinstance(mlp, MLP):
        raise TypeError(
            f"compare_gradients knows the delta rule of an MLP, got a {type(mlp).__name__}; "
            "use check_gradients for other functions"
        )
    batch, classes = np.asarray(x, dtype=np.float64), np.asarray(labels)
    if batch.ndim != 2 or batch.shape[1] != mlp.structure[0]:
        raise ValueError(
            f"x has shape {batch.shape}, expected (N, {mlp.structure[0]}): one row for each sample"
        )
    twin = mlp.astype(np.float64)
    classification_loss(twin(batch), classes).backward()  # refuses labels that do not fit
    parameters = dict(twin.named_parameters())
    automatic = [np.asarray(parameter.grad) for parameter in parameters.values()]
    weights = [layer.weight.numpy() for layer in twin.layers]
    biases = [np.asarray(layer.bias) for layer in twin.layers]
    output = output_activation(mlp.structure[-1])

    by_layer = delta_rule.gradients(weights, biases, batch, classes, output, mlp.activation)
    manual = [g for pair in zip(*by_layer, strict=True) for g in pair]  # W1, b1, W2, b2, ...
    values = [v for pair in zip(weights, [b.copy() for b in biases], strict=True) for v in pair]

    def loss() -> float:
        return delta_rule.loss(values[::2], values[1::2], batch, classes, output, mlp.activation)

    generator = np.random.default_rng(seed)
    rows = []
    for number, (name, value) in enumerate(zip(parameters, values, strict=True)):
        found = _numerical_error(loss, value, automatic[number], samples, generator)
        rows.append(_row(name, number, manual[number], automatic[number], found))
    table = GradientComparison(rows)
    table.attrs["agree"] = bool((table["verdict"] == "match").all())
    table.attrs["notes"] = _notes(len(weights), output, mlp.activation, samples, values)
    return table


def _numerical_error(
    loss: Callable[[], float],
    value: Array,
    automatic: Array,
    samples: int,
    generator: np.random.Generator,
) -> float:
    """Give the largest difference between automatic and numerical gradient over some elements."""
    chosen = np.arange(value.size)
    if value.size > samples:
        chosen = generator.choice(value.size, samples, replace=False)
        chosen[0] = np.abs(automatic).argmax()
    flat = value.reshape(-1)
    worst = 0.0
    for position in chosen:
        before = flat[position]
        step = _STEP * max(1.0, abs(before))
        flat[position] = before + step
        above = loss()
        flat[position] = before - step
        below = loss()
        flat[position] = before
        difference = abs(automatic.reshape(-1)[position] - (above - below) / (2 * step))
        worst = max(worst, float(difference))
    return worst


def _row(
    name: str, number: int, manual: Array, automatic: Array, numerical_error: float
) -> dict[str, Any]:
    """Judge one parameter."""
    layer, is_bias = number // 2 + 1, number % 2 == 1
    before = "x" if layer == 1 else f"a{layer - 1}"
    equation = f"∂L/∂b{layer} = Σ δ{layer}" if is_bias else f"∂L/∂W{layer} = {before}ᵀ δ{layer}"
    difference = float(np.abs(manual - automatic).max())
    size = float(max(np.abs(manual).max(), np.abs(automatic).max()))
    relative = difference / size if size else 0.0
    matches = relative <= _EXACT and numerical_error <= _NUMERICAL * max(size, 1e-3)
    return {
        "parameter": name,
        "shape": str(automatic.shape),
        "equation": equation,
        "max |manual-auto|": difference,
        "max |auto-numeric|": numerical_error,
        "relative error": relative,
        "verdict": "match" if matches else "DIFFERS",
    }


def _notes(
    depth: int, output: str, hidden: str, samples: int, values: Sequence[Array]
) -> list[str]:
    """Say what the symbols mean, and what was measured."""
    lines = [f"δ{depth} = ({output}(z{depth}) - y) / n"]
    if depth > 1:
        lines[0] += f",  δl = (δl+1 Wl+1ᵀ) ⊙ {hidden}′(zl)"
    is_sampled = any(value.size > samples for value in values)
    share = f"at most {samples} elements of each parameter" if is_sampled else "every element"
    lines.append(f"float64; numerical: central differences, {share}")
    return lines

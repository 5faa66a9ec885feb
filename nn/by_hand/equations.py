"""The textbook's equations for the gradients of an MLP, each with the line that computes it.

The equations are those of `delta_rule`. Its lines are looked up on demand, by the comment at their
end, so the line shown is the line that runs. Nothing is computed here.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

from . import delta_rule

__all__ = ["Equation", "equation_of"]

_NUMBERS = {"weight": 3, "bias": 4}


class Equation(NamedTuple):
    """One equation of the delta rule.

    Attributes
    ----------
    number : int
        1 to 4, as in `delta_rule.gradients`.
    text : str
        The equation for one layer, such as ``"∂L/∂W1 = xᵀ δ1"``.
    code : str
        File, number and text of the line of `delta_rule` that computes it; empty without source
        code.
    """

    number: int
    text: str
    code: str


def equation_of(
    layer: int, kind: str, depth: int, hidden: str = "relu", output: str = "softmax"
) -> Equation:
    """Return the equation for a parameter, or for the delta in its gradient.

    Parameters
    ----------
    layer : int
        The number of the layer, from 1 at the input.
    kind : {"weight", "bias", "delta"}
        What the equation is for.
    depth : int
        The number of layers.
    hidden : str
        The activation of the hidden layers.
    output : str
        The activation of the outputs.

    Raises
    ------
    ValueError
        If there is no such layer, or the kind is unknown.

    Examples
    --------
    >>> equation_of(2, "weight", 3).text
    '∂L/∂W2 = a1ᵀ δ2'
    >>> equation_of(2, "delta", 3, "tanh").text
    'δ2 = (δ3 W3ᵀ) ⊙ tanh′(z2)'
    """
    if not 1 <= layer <= depth:
        raise ValueError(f"layer must be 1 to {depth}, got {layer}")
    if kind == "delta":
        number = 1 if layer == depth else 2
    elif kind in _NUMBERS:
        number = _NUMBERS[kind]
    else:
        raise ValueError(f"kind must be 'weight', 'bias' or 'delta', got {kind!r}")
    before = "x" if layer == 1 else f"a{layer - 1}"
    text = {
        1: f"δ{layer} = ({output}(z{layer}) - y) / n",
        2: f"δ{layer} = (δ{layer + 1} W{layer + 1}ᵀ) ⊙ {hidden}′(z{layer})",
        3: f"∂L/∂W{layer} = {before}ᵀ δ{layer}",
        4: f"∂L/∂b{layer} = Σ δ{layer}",
    }[number]
    return Equation(number, text, _line_of(number))


def _line_of(number: int) -> str:
    """Return the line of the delta rule that computes an equation."""
    try:
        lines, first = inspect.getsourcelines(delta_rule.gradients)
    except (OSError, TypeError):  # installed without its source
        return ""
    mark = f"# equation {number}"
    for place, line in enumerate(lines, first):
        if mark in line:
            return f"delta_rule.py:{place}: {line.partition(mark)[0].strip()}"
    return ""  # the function was replaced, for example in a test

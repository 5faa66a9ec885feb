"""The three functions that a text has in every language, from the lines of their bodies.

What the lines are is decided in `programs.py` and `module_texts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["three_functions"]

_HEADS = {
    "start(arrays)": "Set the parameters, weights as (in, out); the optimizer remembers nothing.",
    "step(x, labels)": "Take a step with one batch; return its loss before the step.",
    "weights()": "Copy the parameters, weights as (in, out).",
}


def three_functions(start: Sequence[str], step: Sequence[str], weights: Sequence[str]) -> list[str]:
    """Return the lines of the functions, each below two empty lines.

    Parameters
    ----------
    start, step, weights : sequence of str
        The lines of each body, without indentation.

    Examples
    --------
    >>> lines = three_functions(["p.update(arrays)"], ["return 0.0"], ["return p"])
    >>> lines[2], lines[4]
    ('def start(arrays):', '    p.update(arrays)')
    """
    lines = []
    for (head, purpose), body in zip(_HEADS.items(), (start, step, weights), strict=True):
        lines += ["", "", f"def {head}:", f'    """{purpose}"""']
        lines += [f"    {line}" if line else "" for line in body]
    return lines

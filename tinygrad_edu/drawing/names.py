"""What tensors and modules are called by those who ask for a picture or an explanation.

Names are found by identity: two tensors with equal values are not one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .text import clean

__all__ = ["free", "names_by_identity"]


def names_by_identity(names: Mapping[str, object] | None, model: Any = None) -> dict[int, str]:
    """Turn names around: from the `id` of an object to what it is called.

    Of several names for one object the first counts, and ``_`` the least: a notebook keeps
    results in variables such as ``_`` and ``_12``.

    Parameters
    ----------
    names : mapping of str to object, optional
        Such as ``locals()``.
    model : optional
        Something with `named_parameters`, which names its parameters where `names` does not.

    Raises
    ------
    TypeError
        If the names are no mapping from text, or the model names no parameters.

    Examples
    --------
    >>> x = object()
    >>> names_by_identity({"_": x, "x": x})[id(x)]
    'x'
    """
    names = {} if names is None else names
    if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names):
        raise TypeError('names maps text to tensors: names={"W": W}, or names=locals()')
    found: dict[int, str] = {}
    for name in sorted(names, key=lambda name: str(name).startswith("_")):
        shown = clean(name)
        if shown:
            found.setdefault(id(names[name]), shown)
    if model is not None:
        if not hasattr(model, "named_parameters"):
            raise TypeError(
                f"model needs a method named_parameters(), but a {type(model).__name__} has none; "
                "pass the network, or names={...}"
            )
        for name, parameter in model.named_parameters():
            found.setdefault(id(parameter), clean(name))
    return found


def free(name: str, taken: Collection[str]) -> str:
    """Change an invented name until it is not the name of something else.

    Examples
    --------
    >>> free("g", []), free("g", ["g", "x"]), free("out", ["out"])
    ('g', 'upstream', 'result')
    """
    others = {"g": "upstream", "out": "result"}
    while name in taken:
        name = others.get(name, f"{name}_")
    return name

"""Names for tensors and modules, as the user passes them for a picture or an explanation.

Names belong to objects, not to values: two tensors with equal values can have different names.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..texts import clean

__all__ = ["free", "names_by_identity"]


def names_by_identity(names: Mapping[str, object] | None, model: Any = None) -> dict[int, str]:
    """Invert a mapping of names: from the `id` of an object to its name.

    The first name of an object counts; names with a leading underscore come last, because a
    notebook keeps results in variables such as ``_12``.

    Parameters
    ----------
    names : mapping of str to object, optional
        Such as ``locals()``.
    model : optional
        An object with `named_parameters`, which names parameters that `names` does not name.

    Raises
    ------
    TypeError
        If `names` does not map text to objects, or the model has no `named_parameters`.

    Examples
    --------
    >>> x = object()
    >>> names_by_identity({"_": x, "x": x})[id(x)]
    'x'
    """
    names = {} if names is None else names
    is_mapping = isinstance(names, Mapping)
    if not is_mapping or not all(isinstance(name, str) for name in names):
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
            if name not in names:  # the user may have given that name to another object
                found.setdefault(id(parameter), clean(name))
    return found


def free(name: str, taken: Collection[str]) -> str:
    """Change a generated name until it is not taken.

    Examples
    --------
    >>> free("g", []), free("g", ["g", "x"]), free("out", ["out"])
    ('g', 'upstream', 'result')
    """
    others = {"g": "upstream", "out": "result"}
    while name in taken:
        name = others.get(name, f"{name}_")
    return name

"""The options of `draw` for which it has no argument, and the keywords that they replace.

What the options do is decided where they are read; here they are only checked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any

from ..deprecation import warn_deprecated

__all__ = ["DrawOptions", "checked_choice", "checked_number", "with_old_keywords"]

_CHOICES = {
    "view": ("auto", "ops", "layers"),
    "direction": ("LR", "TB"),
    "values": ("auto", "full", "stats", "shape", "none"),
    "on_large": ("error", "truncate"),
    "engine": ("auto", "dot", "builtin"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawOptions:
    """Options of a picture, for ``draw(loss, options=DrawOptions(...))``.

    Parameters
    ----------
    depth : int, optional
        In the view of layers, draw modules at this depth as boxes; 1 means the outermost. Modules
        without submodules are boxes at any depth; by default only they are.
    expand : collection of str
        Paths of modules that are not drawn as boxes: ``{"encoder.block1"}``.
    collapse : callable, optional
        Called with the path of each module; where it returns True, the module is a box.
    fold : bool
        Whether the view of layers draws once what repeats, as ``TransformerBlock × 12``: modules
        and operations that do the same, with the same shapes, one repetition after the other.
        `depth` opens all repetitions together, and `expand` single ones.
    values : {"auto", "full", "stats", "shape", "none"}
        How much to show of each value: up to 24 numbers where they fit into a box, else
        statistics; up to 64 numbers;
        statistics only; the shape only; nothing.
    backward : bool, optional
        Whether to draw gradients, with what each operation sends back; by default if any gradient
        has been computed.
    rules : bool
        Whether to show in each operation what it computes from the upstream gradient g.
    legend : bool
        Whether a line below the picture explains colours and lines.
    on_large : {"error", "truncate"}
        What to do with more than ``max_nodes`` nodes that modules cannot shorten: raise an error,
        or draw the nodes next to the outputs and count the others.
    engine : {"auto", "dot", "builtin"}
        The layout engine. ``"dot"`` is Graphviz; ``"builtin"`` is our own layout, which draws SVG
        only. ``"auto"`` uses `dot` if it is installed and finishes in time; otherwise the built-in
        layout, and the caption says so.
    timeout : float
        The time limit for Graphviz, in seconds.
    notebook_png : bool
        Whether a notebook also gets a PNG, for viewers that refuse SVG.

    Raises
    ------
    TypeError
        If the timeout is not a number.
    ValueError
        For an unknown choice, a timeout or depth that is not positive, or a string for `expand`.

    Examples
    --------
    >>> from tinygrad_edu import DrawOptions, Tensor, draw
    >>> x = Tensor(3.0, requires_grad=True, name="x")
    >>> drawing = draw(x * x, options=DrawOptions(rules=True, backward=True))
    >>> [row.text for row in drawing.picture.cards[-1].rows]
    ['to x: g * x', 'to x: g * x']
    """

    depth: int | None = None
    expand: Collection[str] = ()
    collapse: Callable[[str], bool] | None = None
    fold: bool = True
    values: str = "auto"
    backward: bool | None = None
    rules: bool = False
    legend: bool = True
    on_large: str = "error"
    engine: str = "auto"
    timeout: float = 20.0
    notebook_png: bool = False

    def __post_init__(self) -> None:
        for name in ("values", "on_large", "engine"):
            checked_choice(name, getattr(self, name))
        if not checked_number("timeout", self.timeout) > 0:
            raise ValueError(f"timeout must be a number of seconds above 0, got {self.timeout!r}")
        if self.depth is not None and not (type(self.depth) is int and self.depth > 0):
            raise ValueError(f"depth must be a positive integer, got {self.depth!r}")
        if isinstance(self.expand, str):
            raise ValueError(f"expand must be a set of paths, got text; write {{{self.expand!r}}}")


def checked_choice(name: str, value: str) -> str:
    """Return the value of an option, or raise a ValueError that lists the known ones."""
    if value not in _CHOICES[name]:
        known = ", ".join(map(repr, _CHOICES[name]))
        raise ValueError(f"unknown {name} {value!r}; known are {known}")
    return value


def checked_number(name: str, value: Any) -> Any:
    """Return a number, or raise a TypeError."""
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return value


def with_old_keywords(options: DrawOptions | None, old: dict[str, Any]) -> DrawOptions:
    """Accept the options as keywords of `draw`, as in version 0.1, with a DeprecationWarning.

    Parameters
    ----------
    options : DrawOptions or None
    old : dict of str to object
        The keywords for which `draw` has no parameter.

    Raises
    ------
    TypeError
        If `options` is not a DrawOptions, if it is given together with old keywords, or if a
        keyword is unknown.
    """
    unknown = [name for name in old if name not in {field.name for field in fields(DrawOptions)}]
    if unknown:
        raise TypeError(f"draw() got an unexpected keyword argument {unknown[0]!r}")
    if options is not None and not isinstance(options, DrawOptions):
        raise TypeError(
            f"options must be a DrawOptions, got a {type(options).__name__}; write "
            "options=DrawOptions(rules=True)"
        )
    if not old:
        return options or DrawOptions()
    written = ", ".join(f"{name}=..." for name in old)
    if options is not None:
        raise TypeError(f"write all options of draw() as options=DrawOptions({written}, ...)")
    warn_deprecated(
        f"draw({written}) is deprecated; write draw(..., options=DrawOptions({written}))",
        "0.3",
        stacklevel=3,
    )
    return DrawOptions(**old)

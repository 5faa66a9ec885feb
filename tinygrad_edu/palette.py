"""The colours and outlines of a picture, by role and theme.

In every theme, text has a contrast of at least 4.5 to 1 against its background, and lines have 3
to 1 against the page. Every colour comes with a shape, an outline, a dash or a word as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["DARK", "LIGHT", "MONO", "Look", "Theme", "theme_named"]


@dataclass(frozen=True, slots=True)
class Look:
    """The look of one kind of node.

    Attributes
    ----------
    fill, line : str
        The colours of the background and of the outline.
    style : str
        As in Graphviz: ``rounded``, ``dashed``, ``filled``.
    width : float
        Of the outline, in points.
    outlines : int
        2 for a double outline.
    """

    fill: str
    line: str
    style: str = "filled"
    width: float = 1.0
    outlines: int = 1


# Distinguishes the roles without colour; an operation is also an ellipse.
_OUTLINES: dict[str, tuple[str, float, int]] = {
    "computed": ("rounded,filled", 1.0, 1),
    "input": ("filled", 1.0, 1),
    "constant": ("filled", 1.0, 1),
    "parameter": ("filled", 1.0, 2),
    "loss": ("rounded,filled", 3.0, 1),
    "output": ("rounded,filled", 3.0, 1),
    "operation": ("filled", 1.0, 1),
    "module": ("rounded,filled", 1.0, 1),
    "more": ("rounded,filled,dashed", 1.0, 1),
}


@dataclass(frozen=True, slots=True)
class Theme:
    """All colours of a picture.

    Attributes
    ----------
    page, text, muted, line : str
        The background, text, less important text, and the lines of values.
    gradient, gradient_fill : str
        Text and lines of gradients, and the background of such text.
    warning, match, differ : str
        Text: numbers that are not finite, and the results of a comparison.
    roles : mapping of str to (fill, line)
        Of ``computed``, ``input``, ``constant``, ``parameter``, ``loss``, ``output``,
        ``operation``, ``module`` and ``more`` (the nodes that are not drawn).
    """

    page: str
    text: str
    muted: str
    line: str
    gradient: str
    gradient_fill: str
    warning: str
    match: str
    differ: str
    roles: Mapping[str, tuple[str, str]] = field(hash=False)

    def look(self, role: str) -> Look:
        """Return the look of a role."""
        fill, line = self.roles[role]
        style, width, outlines = _OUTLINES[role]
        return Look(fill, line, style, width, outlines)


LIGHT = Theme(
    page="#FFFFFF",
    text="#1B1B1B",
    muted="#595959",
    line="#4D4D4D",
    gradient="#A63C00",
    gradient_fill="#FDEBDD",
    warning="#A3123A",
    match="#00527A",
    differ="#A3123A",
    roles={
        "computed": ("#FFFFFF", "#4D4D4D"),
        "input": ("#ECECEC", "#4D4D4D"),
        "constant": ("#ECECEC", "#4D4D4D"),
        "parameter": ("#FFE9A8", "#7A5200"),
        "loss": ("#FFFFFF", "#1B1B1B"),
        "output": ("#FFFFFF", "#1B1B1B"),
        "operation": ("#D6E8FA", "#0B5394"),
        "module": ("#F7F9FA", "#6B7680"),
        "more": ("#FFFFFF", "#4D4D4D"),
    },
)
DARK = Theme(
    page="#14181C",
    text="#ECEFF2",
    muted="#AEB6BE",
    line="#AEB6BE",
    gradient="#FFA36B",
    gradient_fill="#4A2A14",
    warning="#FF93A9",
    match="#7CC7F2",
    differ="#FF93A9",
    roles={
        "computed": ("#22272D", "#AEB6BE"),
        "input": ("#343A41", "#AEB6BE"),
        "constant": ("#343A41", "#AEB6BE"),
        "parameter": ("#4A3A0C", "#F2C14E"),
        "loss": ("#22272D", "#ECEFF2"),
        "output": ("#22272D", "#ECEFF2"),
        "operation": ("#12395C", "#7CB9F2"),
        "module": ("#1C2126", "#8A949E"),
        "more": ("#14181C", "#AEB6BE"),
    },
)
# For a printer without colours: gradients are dashed; ✓ and ✗ need no colour.
MONO = Theme(
    page="#FFFFFF",
    text="#000000",
    muted="#4D4D4D",
    line="#333333",
    gradient="#333333",
    gradient_fill="#F0F0F0",
    warning="#000000",
    match="#000000",
    differ="#000000",
    roles={
        "computed": ("#FFFFFF", "#333333"),
        "input": ("#E0E0E0", "#333333"),
        "constant": ("#E0E0E0", "#333333"),
        "parameter": ("#FFFFFF", "#000000"),
        "loss": ("#FFFFFF", "#000000"),
        "output": ("#FFFFFF", "#000000"),
        "operation": ("#EBEBEB", "#333333"),
        "module": ("#FAFAFA", "#707070"),
        "more": ("#FFFFFF", "#333333"),
    },
)
_THEMES = {"light": LIGHT, "dark": DARK, "mono": MONO}
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def theme_named(theme: str | Mapping[str, object] | Theme) -> Theme:
    """Return a theme by name, or with some colours changed.

    Parameters
    ----------
    theme : {"light", "dark", "mono"}, mapping or Theme
        A mapping has colours such as ``"#A63C00"`` for fields of a theme, and pairs of them,
        background and outline, for roles; ``"base"`` names the theme with all other colours.

    Raises
    ------
    ValueError
        For an unknown name, or an invalid colour.

    Examples
    --------
    >>> theme_named({"base": "dark", "parameter": ("#003B2F", "#35C49A")}).look("parameter").line
    '#35C49A'
    """
    if isinstance(theme, Theme):
        return theme
    if isinstance(theme, str) and theme in _THEMES:
        return _THEMES[theme]
    if not isinstance(theme, Mapping):
        known = ", ".join(map(repr, _THEMES))
        raise ValueError(f"unknown theme {theme!r}; known are {known}, or a mapping of colours")
    base = theme_named(str(theme.get("base", "light")))
    roles, colors = dict(base.roles), {}
    for name, value in theme.items():
        if name == "base":
            continue
        if name in roles:
            pair = value if isinstance(value, tuple | list) else ()
            if len(pair) != 2:
                raise ValueError(f"theme: {name} takes (background, outline), got {value!r}")
            roles[name] = (_checked(name, pair[0]), _checked(name, pair[1]))
        elif name in Theme.__slots__:
            colors[name] = _checked(name, value)
        else:
            known = ", ".join([*(slot for slot in Theme.__slots__ if slot != "roles"), *roles])
            raise ValueError(f"theme: unknown name {name!r}; known are base, {known}")
    return replace(base, **colors, roles=roles)


def _checked(name: str, color: object) -> str:
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise ValueError(f"theme: {name} needs a colour such as '#A63C00', got {color!r}")
    return color

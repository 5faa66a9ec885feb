"""A trained network as one HTML file with a field for its input; it opens without a server.

The page computes in plain JavaScript. Its content security policy allows its own script and style
sheet, and no request. Names from a table reach the script as JSON and the page as text.
"""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.documents.html import escaped
from tinygrad_edu.documents.page import colours, content_policy
from tinygrad_edu.errors import printable
from tinygrad_edu.palette import DARK, LIGHT

from .trained import Trained

__all__ = ["page_of"]

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_PARTS = ("forward.js", "page.js", "map.js", "digits.js", "start.js")
_COLOUR = re.compile(r"--(?:class-\d|low|mid|high): #[0-9a-f]{6};")
_LONGEST_NAME = 60
_LIMITS = {
    "all": "This is a small network from a lesson, and not a tested product: decide nothing "
    "important by it.",
    "classification": "It always names one of its classes, also for an input that belongs to none "
    "of them. The percentages are the outputs of a softmax; they were not calibrated. The page "
    "shows “not sure” if the first class has less than twice the share of the second.",
    "regression": "It returns a number for every input, without an error bar. Far from the "
    "training data the number means nothing.",
    "digits": "It was trained on digits of 8 × 8 pixels. A drawing is cropped, scaled and "
    "centred as those images were. "
    "A letter gets a digit as its answer, too.",
    "table": "No row of the table is in this page. The names of its columns and classes, the mean "
    "and the range of each column, and the weights are.",
}


def page_of(trained: Trained) -> str:
    """Write the page.

    Parameters
    ----------
    trained : Trained

    Returns
    -------
    str
        Equal networks give equal text.

    Raises
    ------
    ValueError
        If a weight is not finite.
    """
    if not trained.is_finite:
        raise ValueError(
            "the network has weights that are not finite; go back to an earlier step and export "
            "that"
        )
    style, script = _style(), _script()
    about = "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>" for k, v in trained.about)
    return _filled(
        _read("page.html"),
        {
            "policy": content_policy(style, script),
            "style": style,
            "script": script,
            "title": _text(trained.title),
            "lead": _text(trained.lead),
            "about": about,
            "limits": "".join(f"<p>{_text(line)}</p>" for line in _limits(trained)),
            "model": _json(_model(trained)),
        },
    )


def _limits(trained: Trained) -> list[str]:
    kinds = ["all", "classification" if trained.classes else "regression"]
    kinds += ["digits"] if trained.field == "digits" else []
    kinds += ["table"] if trained.is_table else []
    return [_LIMITS[kind] for kind in kinds]


def _model(trained: Trained) -> dict[str, Any]:
    """Return what the script needs, as plain values."""
    target = trained.target
    return {
        "problem": "classification" if trained.classes else "regression",
        "field": trained.field,
        "classes": [_name(name) for name in trained.classes],
        "features": [
            {**vars(one), "name": _name(one.name), "text": _name(one.text) if one.text else ""}
            for one in trained.features
        ],
        "target": {**vars(target), "name": _name(target.name)} if target else None,
        "axes": [{**vars(axis), "name": _name(axis.name)} for axis in trained.axes],
        # The map is 100 units wide, so more digits would not be seen.
        "points": [[float(f"{value:.4g}") for value in point] for point in trained.points.tolist()],
        "examples": [
            {"label": label, "pixels": _encoded(np.rint(pixels * 16), "u1")}
            for label, pixels in trained.examples
        ],
        "layers": [
            {
                "weight": _encoded(layer.weight, "<f4"),
                "bias": _encoded(layer.bias, "<f4"),
                "activation": layer.activation,
            }
            for layer in trained.layers
        ],
    }


def _name(text: str) -> str:
    """Make a name of a table safe to show: one line, not too long, visible."""
    return printable(text, _LONGEST_NAME).strip() or "(no name)"


def _text(text: str) -> str:
    return escaped(text)


def _encoded(values: ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode("ascii")


def _json(model: dict[str, Any]) -> str:
    """Write JSON that cannot end its script element, whatever the names are."""
    text = json.dumps(model, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _filled(template: str, parts: dict[str, str]) -> str:
    """Fill the placeholders in one pass, because the text of a part may look like one."""
    return _PLACEHOLDER.sub(lambda found: parts[found[1]], template)


def _read(name: str, package: str = __name__.rpartition(".")[0]) -> str:
    """Read a part of the page, without its comments and indentation."""
    lines = files(package).joinpath(name).read_text(encoding="utf-8").splitlines()
    lines = [line.strip() for line in lines]
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/**")))


def _script() -> str:
    """Join the scripts, each of which knows those before; `strokes.js` is a module elsewhere."""
    strokes = _read("page/strokes.js", "nn.playground").replace("export ", "")
    return "\n".join(['"use strict";', strokes, *map(_read, _PARTS)])


def _style() -> str:
    """Return the style sheet, with the colours of the palette and of the playground first."""
    light, dark = _colours()
    return (
        f":root{{color-scheme:light dark;{colours(LIGHT)}{light}}}\n"
        "@media screen and (prefers-color-scheme:dark)"
        f"{{:root{{{colours(DARK)}{dark}}}}}\n{_read('page.css')}"
    )


def _colours() -> tuple[str, str]:
    """Return the colours of classes and of values, light and dark, as the playground has them."""
    found = _COLOUR.findall(_read("page/style.css", "nn.playground"))
    half = len(found) // 2  # the dark ones come after the light ones
    return "".join(found[:half]), "".join(found[half:])

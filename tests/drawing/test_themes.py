"""The colours of all themes: contrast, colour-vision deficiencies, printers without colours.

The formulas are written out here: WCAG 2 for contrast, the matrices of Machado, Oliveira and
Fernandes (2009) for colour vision, CIE 1976 for the distance of two colours.
"""

import dataclasses
import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.palette import DARK, LIGHT, MONO, Theme, theme_named

from .test_draw_render import SVG, needs_dot, network_drawing

THEMES = {"light": LIGHT, "dark": DARK, "mono": MONO}
SEEN_BY = {
    "all": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def linear_light(color):
    values = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    weights = np.array([0.2126, 0.7152, 0.0722])
    lighter, darker = sorted(float(weights @ linear_light(c)) for c in (first, second))[::-1]
    return (lighter + 0.05) / (darker + 0.05)


def lab(color, seen=SEEN_BY["all"]):
    light = np.clip(seen @ linear_light(color), 0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratios = to_xyz @ light / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.where(ratios > (6 / 29) ** 3, np.cbrt(ratios), ratios * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(first, second, seen):
    return float(np.linalg.norm(lab(first, seen) - lab(second, seen)))


def test_the_formulas_give_known_values():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    np.testing.assert_allclose(lab("#FFFFFF"), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab("#FF0000"), [53.24, 80.09, 67.20], atol=0.02)
    for name, matrix in SEEN_BY.items():  # greys look the same to everybody
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5, err_msg=name)
    # Red and green of one lightness: far apart, and near each other without that distinction.
    assert distance("#B04040", "#567A2A", SEEN_BY["all"]) > 60
    assert distance("#B04040", "#567A2A", SEEN_BY["deutan"]) < 20


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_contrast_of_every_pair(theme):
    for role, (fill, line) in theme.roles.items():
        assert contrast(theme.text, fill) >= 7, role
        assert contrast(line, theme.page) >= 3, role
        for ink in (theme.muted, theme.warning, theme.match, theme.differ):
            assert contrast(ink, fill) >= 4.5, role
    operation = theme.roles["operation"][0]
    assert contrast(theme.gradient, operation) >= 4.5  # what an operation makes of a gradient
    for ground in (theme.gradient_fill, theme.page):
        assert contrast(theme.gradient, ground) >= 4.5
        assert contrast(theme.muted, ground) >= 4.5  # the word grad; the note below a picture
    assert contrast(theme.text, theme.page) >= 7
    assert contrast(theme.line, theme.page) >= 4.5
    for ink in (theme.line, theme.gradient, theme.warning):
        assert contrast(ink, theme.roles["module"][0]) >= 3
        assert contrast(ink, theme.page) >= 3


@pytest.mark.parametrize("seen", SEEN_BY)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_kinds_of_nodes_differ_whatever_colours_one_sees(name, seen):
    theme = THEMES[name]
    fills = {role: theme.roles[role][0] for role in ("computed", "parameter", "operation")}
    for first, second in combinations(fills.values(), 2):
        assert distance(first, second, SEEN_BY[seen]) >= 12
    assert distance(theme.line, theme.gradient, SEEN_BY[seen]) >= 35


def colors_in(text):
    return set(re.findall(r"#[0-9A-Fa-f]{3,8}\b", text))


def full_picture(options, **settings):
    x = Tensor([[1.0, np.nan]], name="x")
    w = Tensor([[0.5], [0.75]], requires_grad=True, name="w")
    loss = ((x @ w) ** 2).sum()
    loss.backward()
    return draw(
        loss,
        compare={"w": [[1.0], [2.0]]},
        options=dataclasses.replace(options, rules=True),
        **settings,
    )


@pytest.mark.parametrize("engine", ["builtin", pytest.param("dot", marks=needs_dot)])
@pytest.mark.parametrize("view", ["ops", "layers"])
def test_mono_has_only_greys_and_distinguishes_roles_without_them(engine, view):
    shown = set()
    for make in (full_picture, network_drawing):
        drawing = make(theme="mono", view=view, options=DrawOptions(engine=engine))
        for text in (drawing.svg(), drawing.dot, drawing.html()):
            colors = colors_in(text)
            assert colors
            for color in colors:
                assert len(set(re.findall("..", color[1:]))) == 1, color
            for word in ("red", "blue", "green", "orange", "lightgrey"):
                assert f'"{word}"' not in text
        shown |= {card.role for card in drawing.picture.cards}
    assert {"input", "loss", "operation"} <= shown
    looks = {}
    for role in ("computed", "input", "parameter", "loss", "operation"):
        look = MONO.look(role)
        looks[role] = (role == "operation", "rounded" in look.style, look.width, look.outlines)
    assert len(set(looks.values())) == len(looks)
    # The test of this test: the theme for a screen has a colour that is not grey.
    light = network_drawing(theme="light", options=DrawOptions(engine=engine)).svg()
    assert "#fde" in light.lower()


def test_shapes_in_mono_are_drawn():
    svg = network_drawing(theme="mono", options=DrawOptions(engine="builtin")).svg()
    root = ElementTree.fromstring(svg)
    kinds = {}
    for group in root.iter(SVG + "g"):
        css = group.get("class", "")
        if css.startswith("node"):
            rounds = len(list(group.iter(SVG + "ellipse")))
            framed = [r for r in group.iter(SVG + "rect") if r.get("stroke") != "none"]
            thick = framed[-1].get("stroke-width", "1") if framed else ""
            corners = framed[-1].get("rx", "0") if framed else ""
            kinds[css] = (rounds, len(framed), thick, corners)
    assert len(kinds) == len(set(kinds.values())) == 5
    assert {g.get("class") for g in root.iter(SVG + "g")} >= {"edge fwd", "edge bwd"}
    for group in root.iter(SVG + "g"):
        if group.get("class") == "edge bwd":
            assert next(group.iter(SVG + "path")).get("stroke-dasharray")


def grounds(drawing):
    """Each piece of text with the colour that is painted below its start, end or middle."""
    found, painted = [], []
    root = ElementTree.fromstring(drawing.svg())
    page = root.find(SVG + "g")
    below_all = page.find(SVG + "rect").get("fill")
    # Within one group all has the same coordinates; the caption is moved on its own.
    for element in page.find(SVG + "g").iter():
        kind, get = element.tag.removeprefix(SVG), lambda name, e=element: float(e.get(name))
        fill = element.get("fill", "none")
        if kind == "rect" and fill != "none":
            x, y = get("x"), get("y")
            painted.append((x, y, x + get("width"), y + get("height"), fill))
        elif kind == "ellipse":
            x, y, wide, high = get("cx"), get("cy"), get("rx"), get("ry")
            painted.append((x - wide, y - high, x + wide, y + high, fill))
        elif kind == "text" and (element.text or "").strip("\xa0 "):
            x, y = get("x"), get("y") - 3
            x += {"end": -2, "middle": 0}.get(element.get("text-anchor"), 2)
            below = [p[4] for p in painted if p[0] <= x <= p[2] and p[1] <= y <= p[3]]
            found.append((element.text, fill, below[-1] if below else below_all))
    return found


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_text_is_readable_on_its_background(name, direction):
    for make in (full_picture, network_drawing):
        for view in ("ops", "layers"):
            options = DrawOptions(engine="builtin")
            drawing = make(theme=name, view=view, direction=direction, options=options)
            texts = grounds(drawing)
            assert len(texts) > 20
            for text, ink, ground in texts:
                assert contrast(ink, ground) >= 4.5, (text, ink, ground)


def test_a_theme_of_ones_own():
    own = {"base": "dark", "parameter": ("#003B2F", "#35C49A"), "gradient": "#ABCDEF"}
    theme = theme_named(own)
    assert theme.roles["parameter"] == ("#003B2F", "#35C49A")
    assert (theme.gradient, theme.page) == ("#ABCDEF", DARK.page)
    assert theme.roles["input"] == DARK.roles["input"]
    assert DARK.roles["parameter"] == ("#4A3A0C", "#F2C14E")
    for engine in ("builtin", "auto"):
        drawing = network_drawing(theme=own, options=DrawOptions(engine=engine))
        for color in ("#003B2F", "#35C49A", "#ABCDEF"):
            assert color.lower() in drawing.svg().lower()
            assert color in drawing.dot
    assert theme_named({}) == LIGHT
    assert theme_named(MONO) is MONO
    assert theme_named({"parameter": ["#000001", "#000002"]}).look("parameter").fill == "#000001"
    assert network_drawing(theme=dataclasses.replace(LIGHT, page="#FFFFF0")).dot.count("#FFFFF0")


@pytest.mark.parametrize(
    ("theme", "message"),
    [
        ("solarized", "unknown theme 'solarized'; known are 'light', 'dark', 'mono', or a mapping"),
        (7, "unknown theme 7"),
        (None, "unknown theme None"),
        (["light"], "unknown theme"),
        ({"base": "blue"}, "unknown theme 'blue'"),
        ({"colour": "#000000"}, "unknown name 'colour'; known are base, page, text"),
        ({"page": "white"}, r"page needs a colour such as '#A63C00', got 'white'"),
        ({"page": "#FFF"}, "got '#FFF'"),
        ({"page": '#FFFFFF"/><script>'}, "page needs a colour"),
        ({"page": "#FFFFFF\n"}, "page needs a colour"),
        ({"page": 3}, "got 3"),
        ({"parameter": "#FFFFFF"}, r"parameter takes \(background, outline\), got '#FFFFFF'"),
        ({"parameter": ("#FFFFFF",)}, r"\(background, outline\)"),
        ({"parameter": ("#FFFFFF", "red")}, "parameter needs a colour .* got 'red'"),
        ({"roles": {}}, "theme: "),
        ({"look": "#FFFFFF"}, "unknown name 'look'"),
        ({3: "#FFFFFF"}, "unknown name 3"),
    ],
)
def test_wrong_themes_raise_one_line_errors(theme, message):
    with pytest.raises(ValueError, match=message) as caught:
        network_drawing(theme=theme)
    assert "\n" not in str(caught.value)


def test_every_theme_has_every_colour():
    for theme in THEMES.values():
        assert set(theme.roles) == set(LIGHT.roles)
        values = [getattr(theme, name) for name in Theme.__slots__ if name != "roles"]
        for color in (*values, *(c for pair in theme.roles.values() for c in pair)):
            assert re.fullmatch("#[0-9A-F]{6}", color)

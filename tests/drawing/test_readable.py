"""Tests that a picture is readable: its size, the shapes in its legend, and its fonts."""

import re
import shutil
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as tg
from nn.cli import main
from tinygrad_edu import DrawOptions, Tensor, draw
from tinygrad_edu.drawing import fonts

SVG = "{http://www.w3.org/2000/svg}"
needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
ENGINES = [pytest.param("dot", marks=needs_dot), "builtin"]


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


@pytest.fixture
def long():
    """A picture that is wider than a window."""
    x = parameter(np.ones((3, 3)), "x")
    out = x
    for _ in range(12):
        out = tg.tanh(out)
    return out.sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_picture_has_its_own_size_and_nothing_fits_it(engine, long):
    drawing = draw(long, options=DrawOptions(engine=engine))
    root = ElementTree.fromstring(drawing.svg())
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox").split() == ["0", "0", root.get("width"), root.get("height")]
    assert width > 1400
    assert height > 50
    assert root.get("style") is None
    assert root.get("preserveAspectRatio") is None
    sizes = [float(text.get("font-size", 99)) for text in root.iter(f"{SVG}text")]
    assert min(sizes) >= 9
    assert "style=" not in drawing.html()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("theme", ["light", "mono"])
@pytest.mark.parametrize("name", ["a", "operation"])
def test_the_legend_draws_an_operation_as_the_picture_does(engine, theme, name):
    a = parameter(2.0, name)
    with_legend = draw(a * a, theme=theme, options=DrawOptions(engine=engine))
    count = len(re.findall("<ellipse", with_legend.svg()))
    bare = len(
        re.findall(
            "<ellipse",
            draw(a * a, theme=theme, options=DrawOptions(engine=engine, legend=False)).svg(),
        )
    )
    assert bare == 1, "the operation"
    assert count > bare
    root = ElementTree.fromstring(with_legend.svg())
    ellipses = [e for e in root.iter(f"{SVG}ellipse") if e.get("fill") != "none"]
    for ellipse in ellipses:
        assert float(ellipse.get("rx")) > float(ellipse.get("ry")) > 5
    (label,) = [
        text
        for text in root.iter(f"{SVG}text")
        if text.text == "operation" and float(text.get("font-size")) == 10
    ]
    x, y = float(label.get("x")), float(label.get("y"))
    assert any(
        abs(float(e.get("cx")) - x) <= float(e.get("rx"))
        and abs(float(e.get("cy")) - y) <= float(e.get("ry"))
        for e in ellipses
    )


# Fonts ---------------------------------------------------------------------------------------


@pytest.fixture
def fontconfig(tmp_path, monkeypatch):
    """A machine whose fonts have these letters."""

    def fontconfig(script):
        program = tmp_path / "fc-list"
        program.write_text(f"#!{sys.executable}\nimport sys\n{script}\n", "utf-8")
        program.chmod(0o755)
        monkeypatch.setattr(shutil, "which", lambda name: str(program) if name else None)
        fonts._known_letters.cache_clear()

    yield fontconfig
    fonts._known_letters.cache_clear()


@pytest.mark.needs("processes")
def test_letters_that_no_font_has_are_named(fontconfig):
    fontconfig("assert sys.argv[1] == '--format'; print('20-7e 627', '3a0-3a9')")
    assert fonts.missing_letters("w ä Σ ا 权 重 权\x01\u202e") == "权重"
    assert fonts.missing_letters("weights: (2, 3)") == ""
    warning = fonts.warning_of("权重", "png")
    assert "no font on this machine has 权 重" in warning
    assert ".svg" in warning
    assert fonts.warning_of("一二三四五六七八九", "pdf").count("…") == 1


def test_where_nothing_is_known_of_fonts_nothing_is_said(fontconfig, monkeypatch):
    fontconfig("sys.exit(1)")
    assert fonts.missing_letters("权") == ""
    monkeypatch.setattr(shutil, "which", lambda name: "/nonexistent/fc-list")
    fonts._known_letters.cache_clear()
    assert fonts.missing_letters("权") == ""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    fonts._known_letters.cache_clear()
    assert fonts.missing_letters("权") == ""


@needs_dot
@pytest.mark.parametrize("ending", ["png", "pdf"])
def test_a_png_with_boxes_is_not_made_without_a_word(tmp_path, monkeypatch, ending):
    monkeypatch.setattr(fonts, "missing_letters", lambda text: "权" if "权" in text else "")
    drawing = draw(parameter(2.0, "权") * 2.0)
    with pytest.warns(UserWarning, match="no font on this machine has 权"):
        assert drawing.save(tmp_path / f"graph.{ending}").stat().st_size > 100
    drawing.save(tmp_path / "graph.svg")
    draw(parameter(2.0, "w") * 2.0).save(tmp_path / f"other.{ending}")


# The command line ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_the_labels_of_a_demonstration_vary(tmp_path, seed):
    path = tmp_path / "graph.txt"
    options = ["--structure", "2,3,3", "--rows", "4", "--seed", str(seed)]
    assert main(["graph", *options, "--out", str(path)]) == 0
    (line,) = [line for line in path.read_text("utf-8").splitlines() if line.startswith("labels")]
    labels = re.search(r"\[([\d ]+)\]", line)[1].split()
    assert set(labels) == {"0", "1", "2"}

"""Tests the texts of a picture: values, gradients, printable names, and visible colours."""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import draw
from tinygrad_edu.palette import DARK, LIGHT, MONO
from tinygrad_edu.texts import clean, fits_a_box, gradient_text, number_text, value_rows


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def by_name(drawing):
    return {tensor.name: tensor for tensor in drawing.graph.tensors}


def rows(drawing, name):
    return dict(by_name(drawing)[name].rows)


# What the rows say -----------------------------------------------------------------------------


def test_values_are_written_by_size():
    x = Tensor(np.arange(640.0).reshape(64, 10), name="big")
    drawing = draw(x, Tensor(0.693147, name="scalar"), Tensor(np.eye(3), name="small"))
    assert dict(rows(drawing, "big")) == {
        "shape": "(64, 10) · f64",
        "mean": "319.5",
        "range": "0 … 639",
    }
    assert rows(drawing, "scalar") == {"data": "0.6931"}
    assert rows(drawing, "small") == {"data": "[[1 0 0]\n [0 1 0]\n [0 0 1]]"}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0, 1, 1, 0], "[0 1 1 0]"),
        ([True, False], "[True False]"),
        ([[-1.5]], "[[-1.5]]"),
        ([[1.0, 2.0]], "[[1 2]]"),
        ([float("nan"), float("-inf")], "[NaN -inf]"),
        ([1 / 3] * 9, "[0.3333 0.3333 0.3333 0.3333 0.3333\n 0.3333 0.3333 0.3333 0.3333]"),
        (np.zeros((1, 1, 1)), "[[[0]]]"),
        ([[-2.5, 7], [10, -0.25]], "[[-2.5  7   ]\n [10   -0.25]]"),
        ([[np.nan, 1e-5], [1.5, 20.0]], "[[NaN    1e-05]\n [  1.5 20    ]]"),
        (1234567890, "1.235e+09"),
    ],
)
def test_short_arrays_are_written_in_full(values, text):
    assert value_rows(np.array(values))[0] == (("data", text),)


@pytest.mark.parametrize(
    ("shape", "is_literal"),
    [((4, 3), True), ((8, 3), True), ((4, 6), True), ((12,), True), ((9, 1), True), ((1, 9), True),
     ((5, 5), False), ((2, 12), False), ((12, 2), False), ((13,), False), ((2, 2, 2), False)],
)  # fmt: skip
def test_what_fits_into_a_box(shape, is_literal):
    values = np.random.default_rng(0).normal(size=shape)
    assert (len(value_rows(values)[0]) == 1) == is_literal == fits_a_box(values)
    assert gradient_text(values, True)[0].startswith("‖g‖") != is_literal


def test_points_are_below_each_other():
    values = np.random.default_rng(1).normal(scale=[1e-3, 10, 1000], size=(6, 3)).round(2)
    lines = value_rows(values)[0][0][1].split("\n")
    plain = {len(number_text(value)) for value in values[:, 2]}
    assert len(plain) > 1, "they differ in length"
    for column in range(3):
        ends = set()
        for line in lines:
            spans = [found.span() for found in re.finditer(r"-?[\d.]+(e-?\d+)?", line)]
            start, end = spans[column]
            ends.add(start + len(line[start:end].partition(".")[0]))
        assert len(ends) == 1


def test_rows_of_a_matrix_are_not_broken():
    values = np.random.default_rng(2).normal(size=(4, 6)) * 1e-3
    assert value_rows(values)[0][0][1].count("\n") == 3


def test_arrays_in_a_table_have_no_blanks_of_columns():
    x = Tensor([[-2.5, 7.0], [10.0, -0.25]], name="x")
    assert "[[-2.5 7] [10 -0.25]]" in draw(x).table()


def test_numbers_that_are_not_finite_are_counted():
    values = np.ones((10, 10))
    values[0, :2], values[1, 0] = np.nan, -np.inf
    drawing = draw(Tensor(values, name="x"))
    assert by_name(drawing)["x"].warning == "2 NaN, 1 inf"
    assert rows(drawing, "x")["finite mean"] == "1"
    assert "NaN" in drawing.dot
    assert "penwidth=3" in drawing.dot
    assert value_rows(np.full(20, np.nan)) == ((("shape", "(20,) · f64"),), "20 NaN")


def test_empty_and_huge_arrays():
    assert dict(value_rows(np.zeros((0, 3)))[0])["data"] == "no elements"
    huge = np.broadcast_to(np.float32(1), (10_000_001,))
    assert dict(value_rows(huge)[0])["data"] == "stats skipped"
    assert gradient_text(huge, True)[0] == "stats skipped"


def test_extreme_numbers_give_no_warning():
    assert gradient_text(np.full(20, 1e200), True)[0] == "‖g‖ 4.472e+200, max 1e+200"
    assert value_rows(np.full(20, np.finfo(float).max))[0][1] == ("mean", "inf")
    assert value_rows(np.full(20, 6e4, np.float16))[0][1] == ("mean", "6e+04")
    assert gradient_text(np.array([np.nan] * 20), True) == ("‖g‖ NaN, max NaN", "NaN", "20 NaN")
    assert number_text(10**30) == "1e+30"


def test_no_gradient_zero_gradient_and_gradient_not_computed_differ():
    x, w = Tensor([1.0, 2.0], name="x"), parameter([-1.0, -2.0], "w")
    loss = tg.relu(x * w).sum()
    before = draw(loss)
    assert by_name(before)["w"].grad == "not computed"
    assert by_name(before)["x"].grad == "none (constant)"
    assert 'class="bwd"' not in before.dot
    loss.backward()
    after = draw(loss)
    assert by_name(after)["w"].grad == "0 (all zero)"
    assert by_name(after)["x"].grad == "none (constant)"
    assert 'class="bwd"' in after.dot
    w.grad = None
    assert by_name(draw(loss))["w"].grad == "not computed"
    assert by_name(before)["w"].grad == "not computed"


def test_gradient_norm_of_a_large_tensor():
    w = parameter(np.ones((10, 10)), "w")
    (w * 0.5).sum().backward()
    assert gradient_text(w.grad, True)[0] == "‖g‖ 5, max 0.5"


# Text and colours ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\nc\td", "a b c d"),
        ("a\x01b\x1fc", "a\ufffdb\ufffdc"),
        ("abc\u202edef", "abc\ufffddef"),
        ("\ud800sur\ufeff", "\ufffdsur\ufffd"),
        ("   ", ""),
        ("x" * 500, "x" * 19 + "…" + "x" * 19),
        (7, "7"),
    ],
)
def test_text_is_made_fit_to_show(text, shown):
    assert clean(text) == shown


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK, MONO])
def test_every_text_and_line_can_be_seen(theme):
    for role in theme.roles:
        look = theme.look(role)
        assert contrast(theme.text, look.fill) >= 7
        assert contrast(look.line, theme.page) >= 3
        for ink in (theme.muted, theme.warning, theme.match, theme.differ):
            assert contrast(ink, look.fill) >= 4.5
    assert contrast(theme.gradient, theme.gradient_fill) >= 4.5
    assert contrast(theme.gradient, theme.page) >= 4.5  # the labels on the edges
    assert contrast(theme.line, theme.page) >= 4.5
    for line in (theme.line, theme.gradient):
        assert contrast(line, theme.look("module").fill) >= 3


def test_leaf_that_was_changed_is_drawn_as_the_graph_has_it():
    """A picture shows one moment: the values that everything else in it was computed from."""
    x, w = Tensor(3.0, name="x"), Tensor(2.0, requires_grad=True, name="w")
    y = x * w
    assert "changed since" not in draw(y).dot
    w.data = 7.0
    (leaf,) = [tensor for tensor in draw(y).graph.tensors if tensor.name == "w"]
    assert "changed since" in leaf.tag
    assert "2" in str(leaf.rows)
    assert "7" not in str(leaf.rows)


@pytest.mark.parametrize("names", [["a"], {1: Tensor(1.0)}, "x"])
def test_names_that_are_not_a_mapping_of_text_are_refused(names):
    with pytest.raises(TypeError, match="names maps text to tensors"):
        draw(Tensor(1.0) * 2, names=names)

"""Tests that maps of errors have the right colours at the right places, and name the rest."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from tinygrad_edu.diagnosing.report_figure import in_blocks
from tinygrad_edu.palette import LIGHT

from .report_cases import CASES, EACH, added, network, of_one


def error_maps(check):
    return check.figure()


def texts(figure):
    """Gather all that is written in a figure."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    return [text for text in found if text]


def panel(figure, name):
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left").startswith(f"✗ {name} ")]
    return axes


def marks(axes, marker):
    lines = [line for line in axes.lines if line.get_marker() == marker]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines}


@EACH
def test_maps_can_be_drawn_of_everything(check, tmp_path):
    error_maps(check).savefig(tmp_path / "maps.png")
    width, height = error_maps(check).get_size_inches()
    assert 6 <= width <= 11
    assert 0.4 < height <= 17


def test_colours_say_the_sign_and_marks_the_place():
    wrong = {"W1": added((2, 3), 0.5), "W2": added((4, 0), -0.5), "b1": added(1, -0.25)}
    figure = error_maps(network(wrong))
    for name, place, end in (
        ("W1", (2, 3), LIGHT.gradient),
        ("W2", (4, 0), LIGHT.look("operation").line),
    ):
        axes = panel(figure, name)
        (image,) = axes.images
        pixels = np.asarray(image.get_array())
        np.testing.assert_allclose(pixels[place], to_rgba(end), atol=0.01)
        others = np.ones(pixels.shape[:2], bool)
        others[place] = False
        np.testing.assert_allclose(pixels[others], 1.0, atol=0.01)
        assert marks(axes, "s") == {place[::-1]}
    axes = panel(figure, "b1")
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, [0, -0.5, 0, 0, 0], atol=1e-9)  # shares of the largest
    assert marks(axes, "s") == {(1.0, heights[1])}
    assert "+0.5" in [label.get_text() for label in axes.get_yticklabels()]
    assert "by hand − automatic" in texts(figure)
    assert any(text.startswith("✓ b2 (3,) agrees\nmax |manual-auto| ") for text in texts(figure))


def test_both_ends_of_the_scale_are_equally_dark():
    def brightness(colour):
        linear = [c / 12.92 if c < 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return np.dot(linear, (0.2126, 0.7152, 0.0722))

    ends = [brightness(to_rgba(c)) for c in (LIGHT.gradient, LIGHT.look("operation").line)]
    contrasts = [1.05 / (end + 0.05) for end in ends]
    assert min(contrasts) > 4.5
    assert max(contrasts) / min(contrasts) < 1.3


def test_nan_is_marked():
    figure = error_maps(CASES["NaN"])
    assert marks(panel(figure, "W1"), "x") == {(2.0, 1.0)}
    assert marks(panel(figure, "b2"), "x") == {(0.0, 0.0)}
    assert any(text.endswith("; 1 NaN") for text in texts(figure))
    # No difference is a number: a scale would say nothing.
    assert "by hand − automatic" not in texts(figure)
    (legend,) = [legend for part in figure.subfigs for legend in part.legends]
    assert [text.get_text() for text in legend.get_texts()] == ["differs most", "NaN or infinite"]
    assert len(marks(panel(error_maps(CASES["NaN everywhere"]), "x"), "x")) == 60


def test_wrong_shapes_have_words_instead_of_a_map():
    figure = error_maps(CASES["shapes"])
    assert not panel(figure, "W1").images
    assert "shape (5, 4), expected (4, 5)\nso there is no map" in texts(figure)


def test_a_large_matrix_is_cut_into_blocks_and_says_so():
    errors = np.zeros((784, 128))
    errors[600, 77], errors[3, 3] = -2.0, 1.0
    axes = panel(error_maps(of_one((784, 128), errors)), "x")
    (image,) = axes.images
    pixels = np.asarray(image.get_array())
    assert max(pixels.shape[:2]) <= 64
    rows, columns = map(int, re.findall(r"\d+", axes.get_xlabel()))
    assert axes.get_xlabel() == f"a cell: the largest error of {rows} × {columns} elements"
    coloured = {tuple(place) for place in np.argwhere(np.ptp(pixels[..., :3], axis=2) > 0.1)}
    assert coloured == {(600 // rows, 77 // columns), (0, 3 // columns)}
    assert marks(axes, "s") == {(77.0, 600.0)}
    ends = np.multiply(pixels.shape[:2], (rows, columns)) - 0.5
    np.testing.assert_array_equal(image.get_extent(), (-0.5, ends[1], ends[0], -0.5))
    assert axes.get_xlim() == (-0.5, 127.5)
    assert axes.get_ylim() == (783.5, -0.5)
    bars = panel(error_maps(CASES["long vector"]), "x")
    assert bars.get_xlabel() == "a bar: the largest error of 3 elements"
    assert len(bars.patches) == 100
    assert "leading 2 axes as one" in texts(error_maps(CASES["three axes"]))


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (64, 64), (65, 3), (130, 129)])
def test_blocks_keep_the_farthest_of_their_elements(shape):
    matrix = np.random.default_rng(0).normal(size=shape)
    matrix[-1, -1] = np.nan
    found = in_blocks(matrix, 64, 64)
    assert max(found.values.shape) <= 64
    for i, row in enumerate(found.values):
        for j, value in enumerate(row):
            rows = slice(i * found.rows, (i + 1) * found.rows)
            block = matrix[rows, j * found.columns : (j + 1) * found.columns]
            largest = np.abs(block).max()
            assert np.isnan(largest) if np.isnan(value) else value in block
            assert abs(value) == largest or np.isnan(largest)


def test_more_than_fit_are_counted():
    figure = error_maps(CASES["many"])
    assert "not shown: 2 that differ and 2 that agree" in figure.get_suptitle()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    titles = [title for title in titles if title.startswith("✗")]
    assert titles == [f"✗ input{number} (2,)" for number in range(2, 14)]
    assert sum("agrees" in text for text in texts(figure)) == 12


def test_titles_do_not_run_into_each_other():
    check = network({name: added(-1, 1 / 3e11) for name in ("W1", "b1", "W2")}, sizes=(400, 4, 3))
    figure = error_maps(check)
    assert "is off by" in " ".join(texts(figure))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for axes in figure.axes for text in axes.texts]
    for number, box in enumerate(boxes):
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[:number])

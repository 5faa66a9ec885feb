"""Tests the curves of training: they show every epoch, mark the kept one in both plots, hide
nothing, and the file they are saved to is always the same.
"""

import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from nn.figure_style import MARKERS, part_look, series_look
from nn.training.figures.curves import training_curves
from nn.training.figures.saving import save_figure
from nn.training.history import Epoch, History

TESTED = History(
    [
        Epoch(1, 0.9, 0.60, 0.80, 0.70, 0.0021),
        Epoch(2, 0.5, 0.85, 0.61234, 0.90, 0.25),
        Epoch(3, 0.4, 0.95, 0.65, 0.90, 75.0),
    ]
)
UNTESTED = History([Epoch(1, 0.9, 0.6, None, None, 0.1), Epoch(2, 0.5, 0.8, None, None, 0.1)])


def named(axes):
    """Give the lines that the legend names, with what it says of them."""
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    lines = {line.get_label(): line for line in axes.lines}
    return {text: lines[text].get_xydata().tolist() for text in texts}


def test_curves_show_both_parts_and_mark_the_kept_epoch_in_both_plots():
    figure = training_curves(TESTED)
    assert type(figure) is Figure
    loss, accuracy = figure.axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    assert loss.get_xlabel() == accuracy.get_xlabel() == "epoch"
    assert named(loss) == {
        "train": [[1, 0.9], [2, 0.5], [3, 0.4]],
        "test": [[1, 0.8], [2, 0.61234], [3, 0.65]],
        "epoch 3: 0.6500": [[3, 0.65]],
    }
    assert named(accuracy) == {
        "train": [[1, 0.6], [2, 0.85], [3, 0.95]],
        "test": [[1, 0.7], [2, 0.9], [3, 0.9]],
        "epoch 3: 90.00%": [[3, 0.9]],
    }
    check_star(figure, 3, "test")
    assert figure.get_supxlabel() == (
        "★ kept: epoch 3, the last\ntrain: mean over the epoch, while the weights still improve; "
        "test: after it, so better at first"
    )


def check_star(figure, epoch, part):
    """Check in both plots the place of the star, and that of the line through it."""
    for axes, quantity in zip(figure.axes, ("loss", "accuracy"), strict=True):
        (star,) = (line for line in axes.lines if line.get_marker() == "*")
        assert star.get_color() == part_look(part)["color"], quantity
        assert star.get_xdata() == [epoch]
        (upright,) = (line for line in axes.lines if line.get_linestyle() == ":")
        assert upright.get_xdata() == [epoch, epoch]


def test_the_star_is_on_the_lowest_validation_loss_and_not_on_the_best_test():
    history = History(
        [
            Epoch(1, 0.9, 0.60, 0.80, 0.99, 0.1, 0.85, 0.66),
            Epoch(2, 0.5, 0.85, 0.61, 0.90, 0.1, 0.62, 0.70),
            Epoch(3, 0.4, 0.95, 0.10, 0.90, 0.1, 0.71, 0.80),
        ]
    )
    figure = training_curves(history)
    loss, accuracy = map(named, figure.axes)
    assert list(loss) == ["train", "validation", "test", "epoch 2: 0.6200"]
    assert loss["epoch 2: 0.6200"] == [[2, 0.62]]
    assert accuracy["epoch 2: 70.00%"] == [[2, 0.7]]
    check_star(figure, 2, "validation")
    assert figure.get_supxlabel().startswith("★ kept: epoch 2, lowest validation loss\n")


@pytest.mark.parametrize("validation", [False, True])
def test_a_test_measured_once_is_a_point_at_the_kept_epoch(validation):
    parts = [(0.5, 0.8), (0.4, 0.85), (0.6, 0.9)] if validation else [(None, None)] * 3
    history = History([Epoch(n, 1 / n, 0.5, None, None, 0.1, *p) for n, p in enumerate(parts, 1)])
    history.record_test(0.45, 0.875)
    figure = training_curves(history)
    kept = 2 if validation else 3
    loss, accuracy = map(named, figure.axes)
    assert loss["test, once: 0.4500"] == [[kept, 0.45]]
    assert accuracy["test, once: 87.50%"] == [[kept, 0.875]]
    for axes in figure.axes:
        (point,) = (line for line in axes.lines if line.get_label().startswith("test"))
        assert point.get_markerfacecolor() == "none", "it hides no star"
    check_star(figure, kept, "validation" if validation else "train")


def test_curves_of_a_regression():
    history = History([Epoch(1, 9.0, -3.5, 8.0, -2.5, 0.1), Epoch(2, 0.5, 0.8, 0.6, 0.7, 0.1)])
    history.measure = "R²"
    loss, measure = training_curves(history).axes
    assert (loss.get_ylabel(), measure.get_title()) == ("mean squared error", "R²")
    low, high = measure.get_ylim()
    assert low < -3.5
    assert high > 0.8
    assert "epoch 2: 0.7000" in named(measure)
    measure.figure.draw_without_rendering()
    assert not any("%" in label.get_text() for label in measure.get_yticklabels())


def test_curves_without_test_data():
    loss, accuracy = training_curves(UNTESTED).axes
    assert list(named(loss)) == ["train", "epoch 2: 0.5000"]
    assert list(named(accuracy)) == ["train", "epoch 2: 80.00%"]


def level(number, loss, accuracy, *, parts="all"):
    test = (loss, accuracy) if parts in ("test", "all") else (None, None)
    validation = (loss, accuracy) if parts in ("once", "all") else (None, None)
    numbers = range(1, number + 1)
    history = History([Epoch(n, loss, accuracy, *test, 0.1, *validation) for n in numbers])
    if parts == "once":
        history.record_test(loss, accuracy)
    return history


@pytest.mark.parametrize("epochs", [1, 200])
@pytest.mark.parametrize(("loss", "accuracy"), [(2.3, 0.1), (0.0, 1.0), (1e12, 0.0)])
@pytest.mark.parametrize("parts", ["train", "once", "all"])
def test_nothing_of_the_curves_is_cut_or_hidden(epochs, loss, accuracy, parts):
    figure = training_curves(level(epochs, loss, accuracy, parts=parts))
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    boxes = [figure._supxlabel.get_window_extent(renderer)]
    for axes in figure.axes:
        boxes += [axes.get_window_extent(), axes.get_legend().get_window_extent(renderer)]
        boxes += [part.get_window_extent(renderer) for part in (axes.title, axes.xaxis.label)]
        low, high = axes.get_ylim()
        for line in axes.lines:
            if line.get_label() in named(axes):
                assert not line.get_clip_on()
                assert np.all((low <= line.get_ydata()) & (line.get_ydata() <= high))
    for box in boxes:
        assert min(box.x0, box.y0) >= 0, box
        assert box.x1 <= figure.bbox.x1, box
        assert box.y1 <= figure.bbox.y1, box
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other), (one, other)
    low, high = figure.axes[1].get_ylim()
    assert low >= 0
    seen = [tick for tick in figure.axes[1].get_yticks() if low <= tick <= high]
    assert max(seen) <= 1, "no accuracy of 104 %"


@pytest.mark.parametrize(("epochs", "markers"), [(1, 1), (20, 20), (21, 11), (200, 20)])
def test_many_epochs_do_not_make_a_line_of_markers(epochs, markers):
    line = training_curves(level(epochs, 0.5, 0.5)).axes[0].lines[0]
    assert len(line.get_xdata()) == epochs
    assert len(range(0, epochs, line.get_markevery())) == markers


def test_lines_are_distinguished_without_colour():
    looks = [*map(part_look, ("train", "test", "validation")), *map(series_look, range(12))]
    plain = [(look["marker"], look["linestyle"]) for look in looks]
    assert len(set(plain[:3])) == 3
    assert len(set(plain[3:])) == 12
    assert {marker for marker, _ in plain} == set(MARKERS)


def test_no_epochs_no_curves():
    with pytest.raises(ValueError, match="no epochs"):
        training_curves(History())


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_histories_make_equal_files(tmp_path, suffix):
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for path in paths:
        assert save_figure(training_curves(TESTED), path) == path
    content = paths[0].read_bytes()
    assert content.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix])
    assert content == paths[1].read_bytes()
    assert b"CreationDate" not in content, "a second later it would be another file"
    assert b"dc:date" not in content


@pytest.mark.needs("processes")
def test_curves_need_neither_pyplot_nor_a_display(tmp_path):
    code = """
import sys
from pathlib import Path
from nn.training.history import Epoch, History
from nn.training.figures.curves import training_curves
from nn.training.figures.saving import save_figure
save_figure(training_curves(History([Epoch(1, 0.9, 0.6, 0.8, 0.7, 0.1)])), Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    path = tmp_path / "curves.png"
    subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=True)
    assert path.stat().st_size > 5000

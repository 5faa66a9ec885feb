"""Tests the figures of reports: names of classes of any length and script, the reliability
diagram, predictions over targets, the curve of rates, and which of them `fit` draws for which task.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from nn import MLP
from nn.figure_style import BLUE, ORANGE
from nn.training.figures import saving
from nn.training.figures.calibration import calibration_figure
from nn.training.figures.mistakes import confusion_figure, confusion_matrix, mistakes_figure
from nn.training.figures.predicted import predicted_figure
from nn.training.figures.rates import rates_figure
from nn.training.figures.regions import regions_figure
from nn.training.figures.saving import FIGURES, Pictures, check_figures
from nn.training.history import Epoch, History
from nn.training.learning_rate import search_rates
from nn.training.reports.calibration import reliability
from nn.training.reports.classification import regression_report

from ..hostile_names import HOSTILE
from .test_figures import check_whole, texts

GENERATOR = np.random.default_rng(0)
LONG = [f"a class with quite a long name, number {i} of all of them" for i in range(100)]


# Names of classes --------------------------------------------------------------------------


def labels_of(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.mark.parametrize(
    ("classes", "names"),
    [(2, LONG), (3, LONG), (24, LONG), (24, [f"c{i}" for i in range(24)]), (100, LONG)],
)
def test_a_confusion_matrix_has_the_names_of_the_classes(classes, names):
    matrix = np.eye(classes, dtype=int) * 50
    matrix[0] = 50
    figure = confusion_figure(matrix, data="test data", class_names=names[:classes])
    check_whole(figure)
    (axes,) = figure.axes
    step = 1 if classes <= 60 else 2
    assert len(labels_of(axes.xaxis)) == len(range(0, classes, step))
    assert labels_of(axes.xaxis) == labels_of(axes.yaxis)
    for i, shown in zip(range(0, classes, step), labels_of(axes.yaxis), strict=True):
        assert len(shown) <= 24
        start, _, end = shown.partition("…")
        assert names[i].startswith(start)
        assert names[i].endswith(end)
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    for axis in (axes.xaxis, axes.yaxis):
        boxes = [label.get_window_extent(canvas.get_renderer()) for label in axis.get_ticklabels()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    if classes <= 24:
        cell = axes.get_window_extent().width / classes
        for text in axes.texts[:3]:
            box = text.get_window_extent(canvas.get_renderer())
            assert max(box.width, box.height) < cell - 2, "names leave room for the numbers"


def test_names_that_cannot_be_drawn_are_numbers_and_warn_nowhere():
    names, count = HOSTILE, len(HOSTILE)
    figure = confusion_figure(np.eye(count, dtype=int), class_names=names)
    check_whole(figure)  # a warning would be an error
    shown = labels_of(figure.axes[0].xaxis)
    assert shown[HOSTILE.index("🙂 Ω μ∂ 中文")] == f"class {HOSTILE.index('🙂 Ω μ∂ 中文')}"
    assert shown[HOSTILE.index("")] == f"class {HOSTILE.index('')}"
    assert all(shown)
    dollars = confusion_figure([[1, 0], [0, 1]], class_names=["5 $ to $ 9", "$x^2$"])
    check_whole(dollars)
    assert labels_of(dollars.axes[0].xaxis) == [r"5 \$ to \$ 9", r"\$x^2\$"]
    images = np.random.default_rng(0).random((count, 25))
    p = np.eye(count)[np.arange(1, count + 1) % count]
    check_whole(mistakes_figure(images, np.arange(count), p, class_names=names))


def test_mistakes_and_regions_have_the_names_of_the_classes():
    images, p = np.zeros((2, 25)), [[0.9, 0.1], [0.2, 0.8]]
    short = mistakes_figure(images, [1, 1], p, class_names=["cat", "dog"])
    assert texts(short.axes[0]) == ["is dog, said cat\n90.0%, row 1"]
    long = mistakes_figure(images, [1, 1], p, class_names=["Amphibian", "reptile"])
    assert texts(long.axes[0]) == ["is reptile\nsaid Amphibian\n90.0%, row 1"]
    check_whole(long)

    def judge(points):
        right = points[:, :1] > 0
        return np.hstack([~right, right, np.zeros((len(points), 8))]).astype(float)

    samples, labels = np.array([[-1.0, 0], [1, 0], [2, 1]]), np.array([0, 1, 0])
    for classes, expected in ((2, ["cat", "dog"]), (10, ["0: cat", "1: dog"])):
        names = ["cat", "dog", *LONG[: classes - 2]]
        figure = regions_figure(
            lambda x, k=classes: judge(x)[:, :k], samples, labels, class_names=names
        )
        check_whole(figure)
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()][:2] == expected


def test_a_weighted_confusion_matrix():
    matrix = confusion_matrix([0, 0, 1], [0, 1, 1], 2, sample_weight=[1, 0.25, 2])
    assert matrix.tolist() == [[1.0, 0.25], [0.0, 2.0]]
    figure = confusion_figure(matrix)
    assert texts(figure.axes[0]) == ["1\n80.0%", "0.25\n20.0%", "2\n100%"]
    assert figure.axes[0].get_title() == "right: 3 of 3.25 (92.31%)"
    with pytest.raises(TypeError, match="predictions of dtype float64; expected integers"):
        confusion_matrix([0, 1], [0.5, 1.0], 2)


# Calibration -------------------------------------------------------------------------------


def test_the_reliability_diagram():
    sure = np.array([0.95, 0.95, 0.55, 0.55, 0.55])
    bins = reliability(sure, np.array([True, False, True, True, True]))
    figure = calibration_figure(bins, data="test data")
    check_whole(figure)
    axes, counts = figure.axes
    points = {
        (line.get_color(), line.get_marker()): line.get_xydata().tolist()
        for line in axes.lines
        if line.get_marker() in "^v"
    }
    assert points == {
        (BLUE, "^"): [[pytest.approx(0.55), 1.0]],
        (ORANGE, "v"): [[pytest.approx(0.95), 0.5]],
    }
    assert [bar.get_height() for bar in counts.patches] == [0, 0, 0, 0, 0, 3, 0, 0, 0, 2]
    assert texts(counts) == ["3", "2"]
    assert figure.get_suptitle() == (
        "test data\nExpected calibration error 45.00%\nConfidence is on average 9.00 points too low"
    )


@pytest.mark.parametrize("rows", [1, 10, 1_000_000])
def test_any_reliability_diagram_is_whole(rows):
    sure = np.random.default_rng(rows).random(rows)
    check_whole(calibration_figure(reliability(sure, sure > 0.5)))
    with pytest.raises(ValueError, match="all bins are empty"):
        calibration_figure(reliability(sure[:0], sure[:0] > 0.5))


# Regression --------------------------------------------------------------------------------


def test_predictions_over_targets():
    report = regression_report([1.0, 2.0, 3.0, 6.0], [1.0, 2.0, 5.0, 6.0])
    figure = predicted_figure(report, data="test data")
    check_whole(figure)
    (axes,) = figure.axes
    assert axes.get_title() == "test data\nR² 0.7143, RMSE 1; the mean alone: RMSE 1.871"
    exact, mean = axes.lines
    assert exact.get_xdata().tolist() == exact.get_ydata().tolist()
    assert mean.get_ydata() == [3.0, 3.0]
    samples, _, ring = axes.collections
    points = sorted(map(tuple, samples.get_offsets().tolist()))
    assert points == [(1, 1), (2, 2), (3, 5), (6, 6)]
    assert ring.get_offsets().tolist() == [[3, 5]]
    assert texts(axes) == ["3"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("exact", "mean of the targets", "largest errors, with their row")
    ]


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        ([3], [3]),
        ([0, 0], [0, 0]),
        ([5, 5], [5, 6]),
        ([1, 2, 3], [1e6, 2, 3]),
        ([1e200, -1e200], [1e200, 0]),
        ([1e-200, -1e-200], [1e-200, 0]),
        (GENERATOR.normal(size=5000) * 1e5, GENERATOR.normal(size=5000) * 1e5),
    ],
)
def test_any_predictions_are_whole(y, predicted):
    figure = predicted_figure(regression_report(y, predicted))
    check_whole(figure)
    assert ("2,000 of 5,000 samples" in figure.axes[0].get_title()) == (len(y) == 5000)


# Rates -------------------------------------------------------------------------------------


def falling(rates):
    """Give a search whose loss falls and then diverges."""
    losses = iter([*np.linspace(1, 0.1, rates - 3), 0.1, 1, 100])
    return search_rates(lambda rate: next(losses), 1e-4, 1.0, rates)


def test_the_curve_of_rates():
    search = falling(30)
    figure = rates_figure(search)
    check_whole(figure)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_title() == f"suggested learning rate: {search.suggestion:g}"
    (star,) = (line for line in axes.lines if line.get_marker() == "*")
    assert star.get_xdata() == [search.suggestion]
    low, high = axes.get_ylim()
    assert low < star.get_ydata()[0] < high
    assert high < 2, "what diverges hides nothing"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        *("loss of a step", "smoothed loss"),
        f"diverges: {search.diverged:.3g}",
        f"suggested: {search.suggestion:g}",
    ]


def test_curves_of_rates_without_a_suggestion():
    for losses in ([1.0] * 10, [0.0] * 10, range(1, 11), [1.0, np.nan]):
        values = iter(losses)
        figure = rates_figure(search_rates(lambda rate, v=values: next(v), steps=10))
        check_whole(figure)
        assert figure.axes[0].get_title() == "no learning rate is suggested: the loss did not fall"


# What fit draws ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "task", "figures", "expected"),
    [
        (3, "classification", None, ("curves", "confusion")),
        (3, "classification", ["calibration"], ("calibration",)),
        (2, "regression", None, ("curves", "predicted")),
        (64, "regression", None, ("curves", "predicted", "weights")),
        (64, "regression", ["gradients", "weights"], ("gradients", "weights")),
    ],
)
def test_which_figures_apply(features, task, figures, expected):
    assert check_figures(figures, features, task) == expected


@pytest.mark.parametrize(
    ("figure", "task", "words"),
    [
        ("predicted", "classification", "needs a regression, but this is a classification"),
        *(
            (name, "regression", "needs a classification, but this is a regression")
            for name in ("confusion", "calibration", "mistakes", "regions")
        ),
    ],
)
def test_figures_of_another_task_are_refused(figure, task, words):
    assert figure in FIGURES
    with pytest.raises(ValueError, match=f"figure '{figure}' {words}"):
        check_figures([figure], 64, task)


HISTORY = History([Epoch(1, 0.9, 0.6, None, None, 0.1)])


def test_pictures_of_a_classification_have_names(tmp_path, monkeypatch):
    seen = {}
    for name in ("confusion_figure", "mistakes_figure", "regions_figure"):
        made = getattr(saving, name)

        def record(*arguments, made=made, **options):
            seen[made.__name__] = options
            return made(*arguments, **options)

        monkeypatch.setattr(saving, name, record)
    x, labels = GENERATOR.normal(size=(20, 2)), GENERATOR.integers(0, 3, 20)
    pictures = Pictures(
        ("curves", "confusion", "calibration", "regions"),
        (x, labels),
        "test data",
        np.array([10.0, 100.0]),
        ("height", "weight"),
        shift=np.array([170.0, 60.0]),
        class_names=["cat", "dog", "fish"],
    )
    files = pictures.save(tmp_path, MLP([2, 3, 3], seed=0, dtype="float64"), HISTORY)
    assert files == ["curves.png", "confusion.png", "calibration.png", "regions.png"]
    assert seen.keys() == {"confusion_figure", "regions_figure"}
    assert all(options["class_names"] == ["cat", "dog", "fish"] for options in seen.values())
    images = replace(pictures, wanted=("mistakes",), samples=(np.tile(x, 8), labels), scale=1.0)
    images.save(tmp_path, MLP([16, 3], seed=0, dtype="float64"), HISTORY)
    assert seen["mistakes_figure"]["class_names"] == ["cat", "dog", "fish"]


def test_regions_are_in_the_unit_of_the_data(monkeypatch):
    """Standardised features are turned back for the axes, and the judge turns them again."""
    seen = []
    monkeypatch.setattr(saving, "regions_figure", lambda *parts, **_: seen.append(parts))
    network = MLP([2, 3, 3], seed=0, dtype="float64")
    x = GENERATOR.normal(size=(20, 2))
    deviation, mean = np.array([10.0, 100.0]), np.array([170.0, 60.0])
    pictures = Pictures(("regions",), (x, x), "", deviation, ("a", "b"), shift=mean)
    list(pictures.draw(network, HISTORY))
    ((judge, plane, _),) = seen
    np.testing.assert_allclose(plane, x * deviation + mean)
    logits = network(x).data
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(judge(plane), p)


def test_pictures_of_a_regression_are_in_the_unit_of_the_data(tmp_path, monkeypatch):
    reports = []
    made = saving.predicted_figure
    monkeypatch.setattr(
        saving, "predicted_figure", lambda r, data: reports.append(r) or made(r, data=data)
    )
    network = MLP([3, 4, 1], seed=0, dtype="float64")
    x, y = GENERATOR.normal(size=(20, 3)), GENERATOR.normal(size=20)
    pictures = Pictures(
        *(("curves", "predicted"), (x, y), "test data", 1.0, "abc"),
        task="regression",
        target_mean=50.0,
        target_deviation=20.0,
    )
    assert pictures.save(tmp_path, network, HISTORY) == ["curves.png", "predicted.png"]
    (report,) = reports
    np.testing.assert_allclose(report.targets, 20 * y + 50)
    np.testing.assert_allclose(report.predictions, 20 * network(x).data[:, 0] + 50)

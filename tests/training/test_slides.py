"""Tests figures at slide size: every letter is large, nothing is cut off, no texts overlap, and a
page looks as it did before.
"""

from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from nn import MLP, cli, model
from nn.data.digits import write_digits
from nn.loss import probabilities
from nn.slides import SMALLEST_LETTERS, lettering, slides
from nn.training.figures.calibration import calibration_figure
from nn.training.figures.curves import training_curves
from nn.training.figures.film import Film
from nn.training.figures.mistakes import confusion_figure, confusion_matrix, mistakes_figure
from nn.training.figures.predicted import predicted_figure
from nn.training.figures.rates import rates_figure
from nn.training.figures.regions import regions_figure
from nn.training.figures.weights import layers_figure, weights_figure
from nn.training.history import Epoch, History, LayerRecord
from nn.training.learning_rate import search_rates
from nn.training.reports import regression_report
from nn.training.reports.calibration import reliability
from nn.understanding.pictures import bars_figure, heat_maps_figure, images_figure


def history(epochs, measure="accuracy"):
    numbers = [
        Epoch(k, 2 / k, 1 - 0.5 / k, None, None, 0.1, 2.1 / k + k / 99, 0.9 - 0.5 / k)
        for k in range(1, epochs + 1)
    ]
    made = History(numbers, measure=measure)
    made.record_test(0.43, 0.912)
    return made


def confusion(classes, names=None):
    right, said = np.random.default_rng(classes).integers(0, classes, (2, 3000))
    matrix = confusion_matrix(right, np.where(right % 3 == said % 3, said, right), classes)
    names = names and [f"{names} {number}" for number in range(classes)]
    return confusion_figure(matrix, data="test data", class_names=names)


def mistakes(count, names=None):
    generator = np.random.default_rng(0)
    p = probabilities(generator.normal(size=(count, 10)) * 3)
    names = names and [f"{names} {number}" for number in range(10)]
    images = generator.random((count, 64))
    return mistakes_figure(images, np.arange(count) % 10, p, data="test data", class_names=names)


def regions(classes):
    centres = np.random.default_rng(classes).normal(size=(classes, 2)) * 300
    labels = np.arange(120) % classes
    samples = centres[labels] + np.random.default_rng(1).normal(size=(120, 2)) * 60

    def judge(x):
        return probabilities(-np.square(x[:, np.newaxis] - centres).sum(axis=-1) / 9000)

    names = ("petal length in cm", "petal width in cm")
    return regions_figure(judge, samples, labels, names=names, data="first 10,000 rows of it")


def layers(count):
    numbers = list(range(1, 31))
    table = [[0.5 / k / j for j in range(1, count + 1)] for k in numbers]
    return layers_figure(LayerRecord([f"block{j}.attention" for j in range(count)], *[numbers],
                                     table, table))  # fmt: skip


def predicted():
    targets = np.random.default_rng(0).normal(1000, 200, 300)
    report = regression_report(targets, targets + np.random.default_rng(1).normal(0, 90, 300))
    return predicted_figure(report, data="test data")


def rates():
    losses = iter([2.3] * 20 + list(np.linspace(2.3, 0.5, 30)) + list(np.geomspace(0.5, 50, 50)))
    return rates_figure(search_rates(lambda rate: next(losses), 1e-5, 10.0, 100))


def calibration():
    sure = np.random.default_rng(0).uniform(0.1, 1, 80_000)
    return calibration_figure(reliability(sure, sure > 0.5), data="test data")


def bars(count):
    values = np.random.default_rng(0).normal(size=count)
    names = [f"a long name of a feature, number {number}" for number in range(count)]
    note = "blue: the model needs it; orange: it does better without this feature, on these rows"
    return bars_figure(names, values, title="importance", xlabel="accuracy lost", note=note)


def heat():
    maps = np.random.default_rng(0).normal(size=(3, 8, 8))
    return heat_maps_figure(
        list(maps[1:]), ["for 3", "for 8"], title="why 3", label="effect", image=maps[0], note="n"
    )


def images():
    pixels = np.random.default_rng(0).random((20, 8, 8))
    names = [f"row {number}: is 3\nlooks like 8" for number in range(20)]
    return images_figure(pixels, names, title="rows that may be mislabelled", note="from 1")


def film(features, outputs, epochs=3):
    """Return the last frame of a film; classes if there are several outputs."""
    x = np.random.default_rng(0).normal(size=(80, features)) * 1000
    task = "regression" if outputs == 1 else "classification"
    y = 1e5 * np.sin(x[:, 0] / 500) if outputs == 1 else np.arange(80) % outputs
    net = model([features, 8, outputs], verbose=False, task=task)
    options = {"standardize": True, "validation": 0.3, "figures": ["film"]}
    history = net.fit(x, y, epochs=epochs, batch_size=80, learning_rate=0.1, **options)
    return Film(history.weights, history).figure


FIGURES = {
    "film of 2 classes": lambda: film(2, 2),
    "film of a long training": lambda: film(2, 2, epochs=130),
    "film of 8 classes": lambda: film(2, 8),
    "film of a regression": lambda: film(2, 1),
    "film of a curve": lambda: film(1, 1),
    "curves": lambda: training_curves(history(40)),
    "curves of a short training": lambda: training_curves(history(1)),
    "curves of a long regression": lambda: training_curves(history(1000, "R²")),
    "confusion 2": lambda: confusion(2),
    "confusion 3, names": lambda: confusion(3, "Iris versicolor"),
    "confusion 10": lambda: confusion(10),
    "confusion 12, names": lambda: confusion(12, "handwritten digit"),
    "confusion 40": lambda: confusion(40),
    "calibration": calibration,
    "predicted": predicted,
    "mistakes": lambda: mistakes(50),
    "mistakes, names": lambda: mistakes(50, "handwritten digit"),
    "few mistakes": lambda: mistakes(2),
    "weights": lambda: weights_figure(MLP([64, 64, 10], seed=0).layers[0].weight),
    "few weights": lambda: weights_figure(MLP([64, 5, 10], seed=0).layers[0].weight),
    "regions 2": lambda: regions(2),
    "regions 10": lambda: regions(10),
    "gradients": lambda: layers(3),
    "gradients of many layers": lambda: layers(8),
    "rates": rates,
    "bars": lambda: bars(5),
    "many bars": lambda: bars(30),
    "heat maps": heat,
    "images": images,
}


def problems(figure):
    """List what a person in the last row would complain about."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, found, boxes = canvas.get_renderer(), [], []
    page = figure.bbox
    for text in figure.findobj(Text):
        if not (text.get_visible() and text.get_text().strip()):
            continue
        box = text.get_window_extent(renderer)
        ticks = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
        if any(text in labels_outside(axis, renderer) for axis in ticks):
            continue  # matplotlib does not draw it
        if text.get_fontsize() < SMALLEST_LETTERS:
            found.append(f"{text.get_text()!r} has {text.get_fontsize()} points")
        if box.x0 < 0 or box.y0 < 0 or box.x1 > page.x1 or box.y1 > page.y1:
            found.append(f"{text.get_text()!r} leaves the slide")
        # Lines of a letter's height overlap by a hair where nothing is seen.
        boxes.append((text.get_text(), box.padded(-2)))
    for (one, first), (other, second) in combinations(boxes, 2):
        if first.overlaps(second):
            found.append(f"{one!r} overlaps {other!r}")
    return found


def labels_outside(axis, renderer):
    drawn = axis._update_ticks()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [
        label
        for tick in ticks
        for label in (tick.label1, tick.label2)
        if tick not in drawn or not axis.get_visible() or not axis.axes.axison
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_everything_on_a_slide_is_large_whole_and_apart(name):
    with slides():
        figure = FIGURES[name]()
    assert problems(figure) == []
    assert figure.get_size_inches() == pytest.approx([40 / 3, 7.5])


@pytest.mark.parametrize("name", ["curves", "confusion 10", "mistakes", "regions 2"])
def test_a_page_is_not_a_slide(name):
    """A test of the test: the same figure for a page has small letters, which are found."""
    figure = FIGURES[name]()
    assert any("points" in problem for problem in problems(figure))
    assert figure.get_size_inches()[1] < 7.5


def test_problems_are_found():
    figure = Figure(figsize=(4, 3))
    figure.text(0.5, 0.5, "here", fontsize=20)
    assert problems(figure) == []
    figure.text(0.55, 0.5, "there", fontsize=20)
    figure.text(0.9, 0.1, "outside", fontsize=20)
    figure.text(0.1, 0.9, "small", fontsize=19)
    assert problems(figure) == [
        "'outside' leaves the slide",
        "'small' has 19.0 points",
        "'here' overlaps 'there'",
    ]


def test_what_a_slide_leaves_out_is_counted():
    with slides():
        figures = [bars(30), images(), weights_figure(np.ones((64, 100))), mistakes(50)]
    notes = [figure.get_supxlabel() for figure in figures[:2]]
    assert notes[0].startswith("12 of 30 shown; blue")
    assert notes[1] == "8 of 20 shown; from 1"
    assert "24 of 100 units" in figures[2].get_suptitle()
    assert "8 of 4" in figures[3].get_suptitle()  # of forty-odd mistakes


def test_the_setting_ends_even_after_an_error():
    before = dict(matplotlib.rcParams)
    seen = []

    def fail():
        with slides():
            seen.extend([lettering(8), matplotlib.rcParams["font.size"]])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [20, 20]
    assert lettering(8) == 8
    assert dict(matplotlib.rcParams) == before
    with slides(wanted=False):
        assert lettering(8) == 8


def test_fit_saves_slides(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    net = model([2, 4, 2], tmp_path, verbose=False)
    with slides():
        net.fit(x, (x[:, 0] > 0).astype(int), epochs=1, learning_rate=0.1, figures=["curves"])
    with Image.open(tmp_path / "curves.png") as image:
        assert image.size == (1920, 1080)


def test_the_command_line_saves_slides(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_digits(".")
    words = [
        "train",
        "test.csv",
        "--epochs",
        "1",
        "--figures",
        "confusion",
        "--out",
        "a",
        "--structure",
        "64,4,10",
    ]
    for more, size in ((["--slides"], (1920, 1080)), ([], None)):
        cli.main([*words, *more, "--quiet"])
        with Image.open("a/confusion.png") as image:
            assert (image.size == (1920, 1080)) == (size is not None)

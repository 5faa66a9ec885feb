"""Tests the figures of training: they show the numbers that counting by hand gives, no text of
them is cut, `fit` saves those that apply, and measuring gradients leaves training alone.
"""

import gc
import subprocess
import sys
import weakref
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import TransformedBbox

from nn import MLP, SGD, model, softmax_cross_entropy
from nn.by_hand import delta_rule
from nn.figure_style import CLASSES, MARKERS, balanced_columns, ink_on
from nn.images import image_side
from nn.training.figures.mistakes import confusion_figure, confusion_matrix, mistakes_figure
from nn.training.figures.regions import regions_figure
from nn.training.figures.saving import FIGURES, check_figures
from nn.training.figures.weights import LayerWatch, layers_figure, weights_figure
from nn.training.history import LayerRecord

from .pictures import count_colours


def texts(axes):
    return [text.get_text() for text in axes.texts]


def check_whole(figure):
    """Lay it out, and check that all of it lies within the page."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    page = figure.bbox
    renderer = canvas.get_renderer()
    inside = [text.get_window_extent(renderer) for axes in figure.axes for text in axes.texts]
    for box in (TransformedBbox(figure.get_tightbbox(renderer), figure.dpi_scale_trans), *inside):
        assert min(box.x0, box.y0) >= -1, box
        assert box.x1 <= page.x1 + 1, box
        assert box.y1 <= page.y1 + 1, box


# Confusion ---------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 10, 24, 50])
def test_confusion_is_counted(classes):
    generator = np.random.default_rng(classes)
    right, said = generator.integers(0, classes, (2, 300))
    expected = [[int(np.sum((right == i) & (said == j))) for j in range(classes)]
                for i in range(classes)]  # fmt: skip
    matrix = confusion_matrix(right, said, classes)
    assert matrix.tolist() == expected
    figure = confusion_figure(matrix, data="test data")
    (axes,) = figure.axes
    check_whole(figure)
    hits = int(np.sum(right == said))
    assert axes.get_title() == f"test data\nright: {hits} of 300 ({hits / 300:.2%})"
    shown = {tuple(map(int, t.get_position()[::-1])): t.get_text() for t in axes.texts}
    filled = {(i, j) for i in range(classes) for j in range(classes) if expected[i][j]}
    assert set(shown) == (filled if classes <= 32 else set())
    for (i, j), text in shown.items():
        count, *share = text.split("\n")
        assert int(count) == expected[i][j]
        assert len(share) == (i == j or classes <= 12)
        for percent in share:
            assert float(percent.rstrip("%")) == pytest.approx(
                100 * count_share(expected, i, j), abs=0.06
            )


def count_share(table, row, column):
    return table[row][column] / sum(table[row])


def test_numbers_of_a_confusion_matrix_stay_within_their_cells():
    """A cell is a square, and the text of it has to be smaller, for many classes and samples."""
    for classes, count in (
        *((2, 12_345_678), (10, 5_000), (10, 1_234_567), (12, 99_999)),
        *((13, 1), (24, 9_999), (24, 99_999), (24, 12_345_678), (32, 500)),
    ):
        matrix = np.eye(classes, dtype=int) * count
        matrix[0] = count
        figure = confusion_figure(matrix)
        canvas = FigureCanvasAgg(figure)
        figure.draw_without_rendering()  # lays it out
        axes = figure.axes[0]
        cell = axes.get_window_extent().width / classes
        for text in axes.texts[:3]:
            box = text.get_window_extent(canvas.get_renderer())
            assert max(box.width, box.height) < cell - 2, (classes, count)


@pytest.mark.parametrize(("classes", "step"), [(32, 1), (33, 5), (60, 5), (150, 10)])
def test_classes_are_numbered_without_a_crowd(classes, step):
    figure = confusion_figure(np.eye(classes, dtype=int))
    (axes,) = figure.axes
    FigureCanvasAgg(figure).draw()
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [int(label.get_text()) for label in labels] == list(range(0, classes, step))
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_shares_are_not_rounded_to_all_or_nothing():
    figure = confusion_figure([[99_999, 1], [0, 5]])
    assert texts(figure.axes[0]) == ["99999\n99.9%", "1\n0.1%", "5\n100%"]


def test_classes_without_samples_do_not_divide_by_zero():
    figure = confusion_figure(confusion_matrix([0], [1], 3))
    assert texts(figure.axes[0]) == ["1\n100%"]


@pytest.mark.parametrize(
    ("labels", "predicted", "words"),
    [
        ([0, 1], [0], r"shape \(2,\).*shape \(1,\).*expected \(N,\)"),
        ([0, 2], [0, 1], "label 2 is out of range; 2 classes are numbered 0..1"),
        ([0, 1], [0, -1], "prediction -1 is out of range"),
    ],
)
def test_confusion_refuses(labels, predicted, words):
    with pytest.raises(ValueError, match=words):
        confusion_matrix(labels, predicted, 2)


def test_ink_has_the_contrast_that_guidelines_ask_for():
    def brightness(colour):
        return sum(
            factor * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
            for factor, c in zip((0.2126, 0.7152, 0.0722), colour, strict=True)
        )

    for colour in np.random.default_rng(0).random((200, 3)):
        light, dark = brightness(colour), 1.0 if ink_on(colour) == "white" else 0.0
        low, high = sorted((light, dark))
        assert (high + 0.05) / (low + 0.05) >= 4.5


# Mistakes and weights ----------------------------------------------------------------------


def test_the_surest_mistakes_come_first():
    labels = np.array([0, 1, 2, 0, 1])
    p = np.array([[0.9, 0.1, 0], [0.6, 0.3, 0.1], [0, 0.99999, 0], [0.1, 0.2, 0.7], [0, 1, 0]])
    images = np.arange(5 * 36.0).reshape(5, 36)
    figure = mistakes_figure(images, labels, p)
    check_whole(figure)
    assert texts(figure.axes[0]) == [
        "is 2, said 1\n99.9%, row 3",
        "is 0, said 2\n70.0%, row 4",
        "is 1, said 0\n60.0%, row 2",
    ]
    assert "3 of 3, in 5 samples" in figure.get_suptitle()
    assert texts(mistakes_figure(images, labels, p, most=1).axes[0])[0].endswith("row 3")


def test_the_image_is_the_right_way_up():
    image = np.zeros((5, 5))
    image[0, 4] = 1.0  # above, on the right
    (axes,) = mistakes_figure(image.reshape(1, -1), [1], [[1.0, 0.0]]).axes
    (mesh,) = axes.collections
    corners = mesh.get_coordinates()
    bright = np.argwhere(np.asarray(mesh.get_array())[..., :3].sum(axis=-1) == 3)
    (place,) = [corners[i, j] for i, j in bright if np.asarray(mesh.get_array())[i, j, 3] == 1]
    middle = axes.texts[0].get_position()[0], corners[:, 0, 1].max() - 2.5
    seen = axes.transData.transform(place) - axes.transData.transform(middle)
    assert (seen > 0).all(), "to the right, and up, on the page"


def test_without_mistakes_the_closest_answers_are_shown():
    figure = mistakes_figure(np.zeros((2, 25)), [0, 1], [[0.9, 0.1], [0.4, 0.6]])
    check_whole(figure)
    assert texts(figure.axes[0]) == ["is 1, said 1\n60.0%, row 2", "is 0, said 0\n90.0%, row 1"]
    assert "no mistakes in 2 samples" in figure.get_suptitle()


def test_weights_are_shown_unit_by_unit():
    weight = np.random.default_rng(0).normal(size=(25, 70))
    figure = weights_figure(weight)
    check_whole(figure)
    axes, _ = figure.axes
    assert texts(axes) == [str(number) for number in range(1, 65)]
    assert "64 of 70 units" in figure.get_suptitle()
    colours = np.asarray(axes.collections[0].get_array())
    x, y = axes.texts[9].get_position()  # the second in the second row
    x, y = round(x), round(y + 0.5)
    tile = colours[y : y + 5, x - 2 : x + 3, :3]
    orange = tile[..., 0] > tile[..., 2]  # and purple where it is negative
    np.testing.assert_array_equal(orange, weight[:, 9].reshape(5, 5) > 0)


def test_weights_that_are_nan_are_red_and_do_not_change_other_colours():
    weight = np.array([[0.5], [-0.5], [0.25], [0.1], [0.1], [0.1], [0.1], [0.1], [0.1]])
    weight = np.hstack([weight, weight, weight * np.nan])
    weight[0, 1], weight[1, 1] = np.inf, np.nan
    figure = weights_figure(weight)
    check_whole(figure)
    assert figure.get_suptitle().endswith("\nred: 11 of 27 weights are infinite or NaN")
    tiles = np.asarray(figure.axes[0].collections[0].get_array())[-3:]
    one, two, three = tiles[:, :3], tiles[:, 4:7], tiles[:, 8:]
    np.testing.assert_array_equal(one[1:], two[1:])
    np.testing.assert_array_equal(one[0, 2], two[0, 2])
    for red in (two[0, 0], two[0, 1], *three.reshape(-1, 4)):
        np.testing.assert_allclose(red, [0xA3 / 255, 0x12 / 255, 0x3A / 255, 1])


@pytest.mark.parametrize(("weight", "limit"), [(np.nan, 1), (0, 1), (1e-30, 1e-30)])
def test_the_scale_of_weights_is_never_empty(weight, limit):
    weights = np.zeros((900, 1))
    weights[0] = weight
    if np.isnan(weight):
        weights[:] = weight
    figure = weights_figure(weights)
    check_whole(figure)
    np.testing.assert_allclose(figure.axes[1].get_ylim(), (-limit, limit))


def test_rows_of_images_are_about_equally_long():
    for most in (6, 8):
        for images in range(1, 65):
            columns = balanced_columns(images, most)
            assert columns <= most
            rows = -(-images // columns)
            assert rows == -(-images // most), "no more rows than there must be"
            assert rows * (columns - 1) < images, "one column less would not do"


def test_no_image_is_made_of_what_is_none():
    assert [n for n in range(1, 100) if image_side(n)] == [1, 4, 9, 16, 25, 36, 49, 64, 81]
    message = "10 features do not form a square image; expected 64 for 8x8"
    with pytest.raises(ValueError, match=message):
        mistakes_figure(np.zeros((2, 10)), [0, 1], np.eye(2))
    with pytest.raises(ValueError, match="10 inputs do not form a square image"):
        weights_figure(np.zeros((10, 3)))


# Gradients ---------------------------------------------------------------------------------


def test_layers_are_measured_as_the_delta_rule_does():
    network = MLP([4, 5, 3], seed=0, dtype="float64")
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(300, 4)), generator.integers(0, 3, 300)
    optimizer = SGD(network.parameters(), lr=0.2)
    watch = LayerWatch(network, x, labels)
    start = [layer.weight.numpy() for layer in network.layers]
    softmax_cross_entropy(network(x[:50]), labels[:50]).backward()
    optimizer.step()
    optimizer.zero_grad()
    watch.step()
    before = network.state_dict()
    watch.measure(7)
    weights = [layer.weight.numpy() for layer in network.layers]
    biases = [layer.bias.numpy() for layer in network.layers]
    expected, _ = delta_rule.gradients(weights, biases, x[:256], labels[:256])
    norms = [np.sqrt((g**2).sum()) for g in expected]
    updates = [np.sqrt(((w - s) ** 2).sum()) for w, s in zip(weights, start, strict=True)]
    sizes = [np.sqrt((s**2).sum()) for s in start]
    record = watch.record
    assert (record.names, record.epochs) == (["linear1", "linear2"], [7])
    np.testing.assert_allclose(record.gradient_norms, [norms])
    np.testing.assert_allclose(record.ratios, [np.divide(updates, sizes)])
    assert all(parameter.grad is None for parameter in network.parameters())
    for name, values in network.state_dict().items():
        np.testing.assert_array_equal(values, before[name])


def test_layers_are_drawn():
    record = LayerRecord(["a", "b"], [1, 2], [[0.5, 0.0], [0.3, 0.1]], [[1e-3, 0.0], [2e-3, 1e-4]])
    figure = layers_figure(record)
    check_whole(figure)
    norms, ratios = figure.axes
    drawn = [line.get_ydata().tolist() for line in norms.lines]
    assert drawn[0] == [0.5, 0.3]
    assert np.isnan(drawn[1][0]), "a logarithm has no place for 0"
    assert ratios.lines[0].get_ydata().tolist() == [1e-3, 2e-3]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()][:2] == ["a", "b"]
    with pytest.raises(ValueError, match="empty; train with figures"):
        layers_figure(LayerRecord())


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_layers_without_numbers_do_not_warn(value):
    """A logarithm has no place for them; the title says that there is nothing to see."""
    figure = layers_figure(LayerRecord(["a"], [1, 2], [[value], [value]], [[value], [value]]))
    check_whole(figure)
    for axes in figure.axes:
        assert axes.get_title().endswith(": 0, infinite or NaN")
        assert axes.get_xlim() == (0.5, 2.5)
    mixed = layers_figure(LayerRecord(["a"], [1, 2], [[value], [0.5]], [[value], [0.1]]))
    check_whole(mixed)
    assert mixed.axes[0].get_title() == "size of the gradient"


# Regions -----------------------------------------------------------------------------------


def nearest(centres):
    def judge(points):
        closeness = -np.square(points[:, None] - centres).sum(axis=-1)
        p = np.exp(closeness - closeness.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    return judge


@pytest.mark.parametrize("classes", [2, 10, 24])
def test_regions_hold_samples_and_numbers(classes):
    centres = np.random.default_rng(1).uniform(0, 30, (classes, 2))
    labels = np.arange(1500) % classes
    samples = centres[labels] + np.random.default_rng(2).normal(0, 1, (1500, 2))
    judge = nearest(centres)
    figure = regions_figure(judge, samples, labels, names=("a $x$", "b" * 99), data="test data")
    check_whole(figure)
    (axes,) = figure.axes
    right = int(np.sum(judge(samples).argmax(axis=1) == labels))
    assert f"{right:,} of 1,500 samples" in axes.get_title()
    assert axes.get_title().endswith("; 1,000 drawn")
    assert len(axes.texts) == (classes if classes > 8 else 0)
    for text in axes.texts:  # each number stands in the region of its class
        assert judge(np.array([text.get_position()])).argmax() == int(text.get_text())
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:classes] == [f"class {number}" for number in range(classes)]
    assert axes.get_xlabel() == r"a \$x\$"
    assert 35 < len(axes.get_ylabel()) <= 40


def test_regions_of_one_point_and_one_class():
    figure = regions_figure(lambda x: np.tile([0.9, 0.1], (len(x), 1)), [[3.0, 4.0]], [0])
    check_whole(figure)
    with pytest.raises(ValueError, match=r"shape \(1, 3\); expected \(N, 2\)"):
        regions_figure(lambda x: x, [[1, 2, 3]], [0])


def test_24_classes_have_looks_of_their_own():
    from nn.training.figures.regions import _marker

    assert len({(CLASSES[n % len(CLASSES)], _marker(n)) for n in range(24)}) == 24
    assert len(MARKERS) == 6


# What fit saves ----------------------------------------------------------------------------


def write(path, labels, features):
    columns = ",".join(f"x{number}" for number in range(features.shape[1]))
    table = np.column_stack([labels, features])
    np.savetxt(path, table, fmt="%g", delimiter=",", header=f"label,{columns}", comments="")
    return path


def data_of(path, features, rows=60, seed=0):
    labels = np.arange(rows) % 2
    values = np.random.default_rng(seed).normal(size=(rows, features)).round(3)
    return write(path, labels, values + 3 * labels[:, None])


@pytest.mark.parametrize(
    ("features", "figures", "made"),
    [
        (2, None, ["curves", "confusion", "regions"]),
        (3, None, ["curves", "confusion"]),
        (4, None, ["curves", "confusion"]),  # not every four columns are an image
        (4, ["mistakes", "weights"], ["mistakes", "weights"]),
        (25, None, ["curves", "confusion", "mistakes", "weights"]),
        (3, [], []),
        (3, ("gradients", "curves", "curves"), ["curves", "gradients"]),
    ],
)
def test_fit_saves_the_figures_that_apply(tmp_path, capsys, features, figures, made):
    out = tmp_path / "out"
    out.mkdir()
    train = data_of(tmp_path / "train.csv", features)
    net = model([features, 4, 1], out)
    history = net.fit(train, epoch=3, alpha=0.1, figures=figures, scale=2)
    assert sorted(path.name for path in out.glob("*.png")) == sorted(f"{n}.png" for n in made)
    for path in out.glob("*.png"):
        assert count_colours(path) > 5, "not a blank page"
    line = f"pictures: {', '.join(f'{name}.png' for name in made)}"
    *_, pictures, last = capsys.readouterr().out.splitlines()
    assert (pictures == line) == bool(made)
    assert last.endswith(f"; saved in {out}")
    assert history.layers.epochs == ([1, 2, 3] if "gradients" in made else [])


def test_watching_gradients_changes_nothing(tmp_path):
    train = data_of(tmp_path / "train.csv", 3)
    states = []
    for figures in (None, list(FIGURES)[:1], ["gradients"]):
        net = model([3, 4, 2], tmp_path, verbose=False)
        net.fit(train, epoch=3, figures=figures)
        states.append(b"".join(v.tobytes() for v in net.network.state_dict().values()))
    assert states[0] == states[1] == states[2]


def test_figures_show_the_test_data(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "nn.training.figures.saving.confusion_figure",
        lambda matrix, data, class_names: (
            seen.append((int(matrix.sum()), data)) or confusion_figure(matrix)
        ),
    )
    train = data_of(tmp_path / "train.csv", 3, rows=700)
    test = data_of(tmp_path / "test.csv", 3, rows=20, seed=1)
    model([3, 2], tmp_path, verbose=False).fit(train, test, epoch=1)
    model([3, 2], tmp_path, verbose=False).fit(train, epoch=1)
    assert seen == [(20, "test data"), (700, "training data")]


@pytest.mark.parametrize(
    ("figures", "error", "words"),
    [
        ("curves", TypeError, "list of names such as .*got 'curves'"),
        (3, TypeError, "list of names"),
        (["curve"], ValueError, "unknown figure 'curve'; known are curves, confusion"),
        (["weights"], ValueError, "'weights' needs a square image, but there are 3 features"),
        (["regions"], ValueError, "needs two features, but there are 3"),
    ],
)
def test_figures_that_cannot_be_are_refused_first(tmp_path, figures, error, words):
    with pytest.raises(error, match=words):
        check_figures(figures, 3)
    with pytest.raises(error, match=words):
        model([3, 2], tmp_path).fit("nowhere.csv", figures=figures)


@pytest.mark.needs("processes")
def test_figures_need_no_pyplot_and_are_not_kept():
    code = """
import sys
from nn.training.figures import mistakes, regions, saving, weights
assert "matplotlib" not in sys.modules
mistakes.confusion_figure([[1]])
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    figure = weakref.ref(confusion_figure([[1]]))
    gc.collect()
    assert figure() is None

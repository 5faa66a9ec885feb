"""Tests the film of a training: its frames show what the network predicted after each epoch, as
computed here from weights that a callback copied; its length, its end, and what cannot be filmed.
"""

import contextlib
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageSequence

from nn import Classifier, model
from nn.figure_style import CLASSES, rgb
from nn.training.figures import film as film_module
from nn.training.figures import film_file
from nn.training.figures.film import Film
from nn.training.figures.film_file import save_film
from nn.training.history import History
from nn.training.weight_record import MOST_FRAMES, epochs_of_film
from tinygrad_edu.errors import GradientError

FEATURES = np.random.default_rng(3).normal(size=(90, 2)) * [1, 20] + [5, -40]
LABELS = np.argmax(FEATURES @ [[1, -0.5, 0], [0, 0.05, -0.06]] + [0, 9, 0], axis=1)


@pytest.fixture
def small(monkeypatch):
    """Draw fewer pixels, which is quicker, where the test does not look at them."""
    monkeypatch.setattr(film_module, "_DPI", 32)
    monkeypatch.setattr(film_module, "_POINTS", 40)


def trained(*, epochs=4, labels=LABELS, features=FEATURES, structure=(2, 6, 3), **options):
    """Return a history, and the weights after each epoch as a callback saw them."""
    seen = {}

    def copy(run, epoch):
        seen[epoch.number] = [np.array(p.data) for p in run.network.parameters()]

    settings = {name: options.pop(name) for name in ("task", "base_address") if name in options}
    net = model(list(structure), activation="tanh", verbose=False, **settings)
    start = [np.array(p.data) for p in net.network.parameters()]
    defaults = {"learning_rate": 0.3, "batch_size": 16, "standardize": True, "figures": ["film"]}
    history = net.fit(features, labels, epochs=epochs, callbacks=[copy], **defaults | options)
    return history, {0: start} | seen, net


def outputs_by_hand(weights, points, features=FEATURES):
    """Compute the outputs with NumPy in float64, from features as they are in the data."""
    x = (points - features.mean(axis=0)) / features.std(axis=0)
    first, bias, second, last = (np.float64(w) for w in weights)
    return np.tanh(x @ first + bias) @ second + last


def surely(outputs):
    """Where one output is clearly the largest: float32 and float64 agree there."""
    *_, second, first = np.sort(outputs, axis=-1).T
    return (first - second).T > 1e-3


@pytest.mark.usefixtures("small")
def test_each_frame_shows_the_regions_after_its_epoch():
    history, weights, _ = trained()
    film = Film(history.weights, history)
    assert film.numbers == [0, 1, 2, 3, 4]
    for number in film.numbers:
        film.show(number)
        outputs = outputs_by_hand(weights[number], film.grid)
        sure, winner = surely(outputs), outputs.argmax(axis=-1)
        assert sure.mean() > 0.95
        np.testing.assert_array_equal(film.predicted(number).argmax(axis=-1)[sure], winner[sure])
        assert (nearest_class(film.image.get_array()[..., :3])[sure] == winner[sure]).all()
        wrong = outputs_by_hand(weights[number], FEATURES).argmax(axis=1) != LABELS
        # The samples were float32 in between.
        ringed = np.abs(film.rings.get_offsets()[:, np.newaxis] - FEATURES).max(axis=-1) < 1e-4
        assert (np.flatnonzero(wrong) == np.sort(ringed.argmax(axis=1))).all()


def nearest_class(tints):
    """Return of which class a tint is: the class whose colour is in the same direction of white."""
    away = 1 - np.asarray(tints)
    directions = 1 - np.array([rgb(colour) for colour in CLASSES[:3]])
    cosines = away @ directions.T / np.linalg.norm(directions, axis=1)
    return cosines.argmax(axis=-1)


def pixels_of(path):
    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


def seconds_of(path):
    with Image.open(path) as image:
        return [frame.info["duration"] / 1000 for frame in ImageSequence.Iterator(image)]


def tints_in(pixels, film):
    """Return pixels of the map, and the points of the plane that they show."""
    axes, (height, width) = film.map, pixels.shape[:2]
    x, y = np.meshgrid(np.linspace(*axes.get_xlim(), 60)[2:-2], np.linspace(*axes.get_ylim(), 60))
    points = np.stack([x, y], axis=-1)[2:-2]
    places = axes.transData.transform(points.reshape(-1, 2))
    columns, rows = places.astype(int).T
    assert columns.max() < width
    return pixels[height - 1 - rows, columns] / 255, points.reshape(-1, 2)


@pytest.mark.parametrize("ending", ["gif", "png"])
def test_pixels_of_the_file_are_the_regions(tmp_path, ending):
    history, weights, _ = trained(epochs=3)
    path = history.film(tmp_path / f"film.{ending}")
    film, frames = Film(history.weights, history), pixels_of(path)
    assert [frame.shape for frame in frames] == [(720, 1280, 3)] * 4
    assert len({frame.tobytes() for frame in frames}) == 4
    for number, frame in enumerate(frames):
        assert share_of_right_pixels(frame, film, weights[number]) > 0.97
    # A test of the test: the weights of another epoch do not fit.
    assert share_of_right_pixels(frames[0], film, weights[3]) < 0.9


def share_of_right_pixels(frame, film, weights):
    tints, points = tints_in(frame, film)
    # Samples, rings, borders and the palest tints do not count.
    away = (1 - tints).sum(axis=1)
    outputs = outputs_by_hand(weights, points)
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    counted = (away > 0.15) & (tints.min(axis=1) > 0.55) & (np.sort(p)[:, -1] > 0.5)
    assert counted.sum() > 500
    return np.mean(nearest_class(tints[counted]) == p[counted].argmax(axis=1))


@pytest.mark.usefixtures("small")
def test_curve_grows_and_the_scale_stays():
    history, *_ = trained(validation=0.3, epochs=5)
    film = Film(history.weights, history)
    limits = film.map.axis(), film.curve.axis()
    known, line, _ = film.lines["validation"]
    assert known.tolist() == [[e.number, e.validation_loss] for e in history]
    for number in (0, 2, 5):
        film.show(number)
        assert (film.map.axis(), film.curve.axis()) == limits
        assert line.get_xydata().tolist() == known[:number].tolist()
        assert film.star.get_visible() == (number >= history.best.number)
    assert film.map.get_title() == "epoch 5 of 5"
    loss, share = history[4].validation_loss, history[4].validation_accuracy
    assert film.curve.get_title() == f"validation loss {loss:.3g}, {share:.2%} right"


@pytest.mark.usefixtures("small")
def test_film_ends_with_the_weights_that_are_kept(tmp_path):
    # A large step: the validation loss rises again.
    history, weights, net = trained(epochs=12, learning_rate=3.0, validation=0.3, batch_size=4)
    best = history.best.number
    assert best < 12
    film = Film(history.weights, history)
    assert film.numbers == [*range(13), best]
    kept = [np.array(p.data) for p in net.network.parameters()]
    for one, other in zip(kept, weights[best], strict=True):
        np.testing.assert_array_equal(one, other)
    path = history.film(tmp_path / "film.gif")
    assert seconds_of(path) == [1.0, *[0.5] * 12, 3.0]
    assert film.map.get_title() == f"kept: epoch {best} of 12" or not film.show(best, as_kept=True)
    assert film.map.get_title() == f"kept: epoch {best} of 12"
    known, line, _ = film.lines["train"]
    assert len(line.get_xdata()) == len(known) == 12  # the whole curve


@pytest.mark.parametrize("epochs", [1, 5, 119, 120, 121, 300, 4000])
def test_long_trainings_are_thinned(epochs):
    shown = epochs_of_film(epochs)
    assert shown[0] == 0
    assert shown[-1] == epochs
    assert len(shown) == min(epochs + 1, MOST_FRAMES)
    steps = np.diff(shown)
    assert (steps >= 1).all()
    assert (steps[: len(steps) // 4] == 1).all() or epochs > 1000, "early epochs are dense"
    assert steps.max() <= 2 + epochs * 0.1


def test_record_stays_small_and_keeps_what_is_needed():
    history, weights, net = trained(epochs=300, patience=40, validation=0.3, batch_size=90)
    record, last = history.weights, history[-1].number
    assert {0, last, history.best.number} <= set(record.states)
    assert len(record.states) <= MOST_FRAMES + 2
    assert record.bytes == len(record.states) * sum(p.data.nbytes for p in net.network.parameters())
    for number, state in record.states.items():
        for stored, copied in zip(state.values(), weights[number], strict=True):
            np.testing.assert_array_equal(stored, copied)


@pytest.mark.usefixtures("small")
def test_regression_with_two_features_and_with_one():
    for count in (2, 1):
        features = FEATURES[:, :count]
        targets = 100 + 7 * np.sin(features[:, 0])
        history, weights, _ = trained(
            features=features, labels=targets, structure=(count, 6, 1), task="regression"
        )
        film = Film(history.weights, history)
        for number in (0, 4):
            film.show(number)
            outputs = outputs_by_hand(weights[number], film.grid, features)[..., 0]
            expected = outputs * targets.std() + targets.mean()
            shown = film.image.get_array() if count == 2 else film.line.get_ydata()
            np.testing.assert_allclose(shown, expected, rtol=1e-5)
        film.show(4)
        assert f"R² {history[-1].train_accuracy:.4f}" in film.curve.get_title()


@pytest.mark.usefixtures("small")
def test_fit_writes_the_film_and_the_same_one_again(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        trained(epochs=1, base_address=tmp_path / name)
    first = (tmp_path / "a" / "film.gif").read_bytes()
    assert first == (tmp_path / "b" / "film.gif").read_bytes()
    assert len(pixels_of(tmp_path / "a" / "film.gif")) == 2
    trained(epochs=1, base_address=tmp_path / "a", figures=["curves"])
    assert not (tmp_path / "a" / "film.gif").exists()  # of an earlier training


@pytest.mark.usefixtures("small")
def test_single_frames(tmp_path):
    history, *_ = trained(epochs=1)
    folder = history.film(tmp_path / "frames")
    names = ["film-001.png", "film-002.png", "film.json"]
    assert sorted(p.name for p in folder.iterdir()) == names
    listed = json.loads((folder / "film.json").read_text("utf-8"))
    assert listed["frames"] == [{"epoch": i, "files": [names[i]]} for i in range(2)]
    (folder / "mine.txt").write_text("stays", "utf-8")
    first = (folder / "film-001.png").read_bytes()
    film = Film(history.weights, history)
    save_film(film, folder)
    assert sorted(p.name for p in folder.iterdir()) == [*names, "mine.txt"]
    assert (folder / "film-001.png").read_bytes() == first


@pytest.mark.usefixtures("small")
def test_single_frames_of_a_longer_film_are_removed(tmp_path):
    longer, shorter = (trained(epochs=epochs)[0] for epochs in (3, 1))
    longer.film(tmp_path)
    (tmp_path / "film-900.png").write_text("mine", "utf-8")
    (tmp_path / "film-004.png").write_text("changed", "utf-8")
    shorter.film(tmp_path)
    kept = ["film-001.png", "film-002.png", "film-004.png", "film-900.png", "film.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == kept
    assert (tmp_path / "film-004.png").read_text("utf-8") == "changed"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("how", ["foreign", "changed", "list"])
def test_a_picture_that_no_film_wrote_is_never_replaced(how, tmp_path, monkeypatch):
    history, *_ = trained(epochs=1)
    if how == "changed":
        history.film(tmp_path)
    name = "film.json" if how == "list" else "film-002.png"
    (tmp_path / name).write_text("mine", "utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    drawn = []
    monkeypatch.setattr(film_file, "figure_bytes", lambda *_: drawn.append(1) or b"a picture")
    problem = {
        "foreign": "was not written by an export",
        "changed": "was changed after the export",
        "list": "is not the list of an export",
    }[how]
    with pytest.raises(
        FileExistsError, match=rf"{name}' {problem}; move it, or choose another folder$"
    ):
        history.film(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert drawn == []


@pytest.mark.usefixtures("small")
def test_all_frames_are_drawn_before_the_first_is_written(tmp_path, monkeypatch):
    drawn = []

    def second_fails(figure, kind):
        drawn.append(kind)
        if len(drawn) == 2:
            raise MemoryError
        return b"a picture"

    history, *_ = trained(epochs=1)
    monkeypatch.setattr(film_file, "figure_bytes", second_fails)
    with pytest.raises(MemoryError):
        history.film(tmp_path / "frames")
    assert list(tmp_path.iterdir()) == []
    drawn.extend("no more errors")
    assert len(list(history.film(tmp_path / "frames").iterdir())) == 3


@pytest.mark.usefixtures("small")
def test_resumed_film_is_that_of_a_training_without_interruption(tmp_path, monkeypatch):
    # Drawing is tested above.
    monkeypatch.setattr("nn.training.figures.saving.save_film", lambda film, path: path)
    films = []
    for name, stop_after in (("whole", None), ("parts", 3)):
        folder = tmp_path / name
        folder.mkdir()

        def interrupt(run, epoch, after=stop_after):
            if epoch.number == after:
                raise KeyboardInterrupt

        options = {
            "epochs": 6,
            "learning_rate": 0.3,
            "validation": 0.3,
            "checkpoint_every": 1,
            "figures": ["film"],
        }
        for resume in (False, True) if stop_after else (False,):
            net = model([2, 4, 3], folder, verbose=False)
            calls = [] if resume else [interrupt]
            with contextlib.suppress(KeyboardInterrupt):
                net.fit(FEATURES, LABELS, callbacks=calls, resume=resume, **options)
        films.append(Film(net.history.weights, net.history))
    whole, parts = films
    assert whole.numbers == parts.numbers
    assert set(range(7)) <= set(whole.numbers)
    for number in whole.numbers:
        np.testing.assert_array_equal(whole.predicted(number), parts.predicted(number))
    assert whole.history.best.number == parts.history.best.number


@pytest.mark.usefixtures("small")
def test_film_that_was_not_asked_for_before_an_interruption(tmp_path, capsys):
    def interrupt(run, epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    options = {"epochs": 4, "learning_rate": 0.3, "checkpoint_every": 1}
    net = Classifier([2, 4, 3], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        net.fit(FEATURES, LABELS, callbacks=[interrupt], figures=[], **options)
    net = Classifier([2, 4, 3], tmp_path)
    history = net.fit(FEATURES, LABELS, resume=True, figures=["film"], **options)
    assert "note: the film has no epoch up to 1: it was not recorded" in capsys.readouterr().out
    assert Film(history.weights, history).numbers == [2, 3, 4]


@pytest.mark.usefixtures("small")
def test_film_of_a_training_that_diverged(tmp_path):
    def explode(run, epoch):
        run.optimizer.param_groups[0]["lr"] = 1e30 if epoch.number == 2 else 0.1

    net = model([2, 6, 3], tmp_path, verbose=False)
    options = {"epochs": 5, "learning_rate": 0.1, "standardize": True, "figures": ["film"]}
    with pytest.raises(GradientError):
        net.fit(FEATURES, LABELS, callbacks=[explode], **options)
    assert len(net.history) == 2
    assert Film(net.history.weights, net.history).numbers == [0, 1, 2]
    assert len(pixels_of(tmp_path / "film.gif")) == 3


def test_what_cannot_be_filmed(tmp_path):
    with pytest.raises(ValueError, match=r"no weights to film; train with figures=\['film'\]"):
        History().film(tmp_path / "film.gif")
    history, *_ = trained(epochs=1, figures=[])
    with pytest.raises(ValueError, match=r"no weights to film; train with figures=\['film'\]"):
        history.film(tmp_path / "film.gif")
    history, *_ = trained(epochs=1)
    with pytest.raises(
        ValueError, match=r"cannot be written to 'film\.mp4'; end the name in \.gif"
    ):
        history.film(tmp_path / "film.mp4")
    with pytest.raises(ValueError, match="frames must be one of png, svg, pdf, got 'jpg'"):
        history.film(tmp_path / "frames", frames="jpg")
    with pytest.raises(FileNotFoundError, match="this folder does not exist; create it first"):
        history.film(tmp_path / "no" / "film.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("features", "task", "needs"),
    [
        (3, "classification", "needs two features, but there are 3 features"),
        (1, "classification", "needs two features, but there are 1 features"),
        (3, "regression", "needs one or two features, but there are 3 features"),
    ],
)
def test_refused_before_the_first_epoch(features, task, needs):
    net = model([features, 4, 1 if task == "regression" else 3], task=task, verbose=False)
    x = np.random.default_rng(0).normal(size=(30, features))
    y = np.arange(30) % 3 if task == "classification" else x[:, 0]
    with pytest.raises(ValueError, match=f"figure 'film' {needs}"):
        net.fit(x, y, epochs=1, learning_rate=0.1, figures=["film"])
    assert net.history is None


def test_nothing_heavy_is_imported_by_a_history_without_film():
    script = (
        "import sys, nn.training.history; "
        "print(*[m for m in ('matplotlib', 'PIL') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout.split() == []

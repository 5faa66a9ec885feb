"""Tests what all answers have in common: text, table, notebook form and picture."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nn import MLP, BatchNorm1d, Dropout, Linear, Sequential
from nn.understanding.trained import Trained
from tests.hostile_names import HOSTILE

from .models import amount_model, digit_model, flower_model, mixed_model

MODELS = {
    "flowers": flower_model,
    "amounts": amount_model,
    "texts": mixed_model,
    "digits": digit_model,
}
QUESTIONS = {
    "importance": lambda trained: trained.important_features(repeats=2),
    "explanation": lambda trained: trained.explain(1),
    "mistakes": lambda trained: trained.mistakes(most=3),
    "influence": lambda trained: trained.influential_rows(2, most=3),
    "mislabelled": lambda trained: trained.mislabelled(most=4),
}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("model", MODELS)
def test_every_answer_is_a_text_a_table_a_page_and_a_picture(model, question, tmp_path):
    trained = MODELS[model]()
    state = {name: value.copy() for name, value in trained.network.state_dict().items()}
    found = QUESTIONS[question](trained)
    text = str(found)
    assert max(map(len, text.split("\n"))) <= 80
    assert repr(found) == text
    assert len(found.to_frame().columns) >= 3
    bundle = found._repr_mimebundle_()
    assert bundle["text/plain"] == text
    assert "<table" in bundle["text/html"] or "No mistakes" in text
    path = found.save(tmp_path / "picture.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    again = QUESTIONS[question](trained)
    assert again.save(tmp_path / "again.png").read_bytes() == path.read_bytes()
    assert str(again) == text
    for name, value in trained.network.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    assert all(parameter.grad is None for parameter in trained.network.parameters())


def test_a_picture_has_a_format_that_is_known(tmp_path):
    found = flower_model().explain(0)
    with pytest.raises(ValueError, match=r"'why.gif'; end the name in .png, .svg, .pdf"):
        found.save(tmp_path / "why.gif")
    assert found.save(tmp_path / "why.SVG").read_text("utf-8").startswith("<?xml")
    with pytest.raises(FileNotFoundError):
        found.save(tmp_path / "missing" / "why.png")


@pytest.mark.filterwarnings("ignore:Glyph")  # the font has no emoji
@pytest.mark.parametrize("question", QUESTIONS)
def test_hostile_names_do_no_harm(question, tmp_path):
    names = (*HOSTILE, "$x^$", "x" * 300)
    columns = len(names)
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(30, columns)), np.arange(30) % columns
    network = MLP([columns, columns], dtype="float64", seed=0)
    found = QUESTIONS[question](Trained(network, X, y, names, names))
    text = str(found)
    assert max(map(len, text.split("\n"))) <= 80
    assert not set(text) & set("\x00\x01\x1f\u202e")
    assert "<script" not in found._repr_mimebundle_()["text/html"]
    found.save(tmp_path / "picture.png")
    found.to_frame()


def test_questions_leave_modes_and_statistics_as_they_are():
    generator = np.random.default_rng(0)
    network = Sequential(Linear(4, 5), BatchNorm1d(5), Dropout(0.5), Linear(5, 3))
    network[1].eval()
    modes = [module.training for module in network.modules()]
    trained = Trained(network, generator.normal(size=(20, 4)), np.arange(20) % 3)
    state = network.state_dict()
    texts = [[str(ask(trained)) for ask in QUESTIONS.values()] for _ in range(2)]
    assert texts[0] == texts[1], "dropout does not take part"
    assert [module.training for module in network.modules()] == modes
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


def test_a_network_of_float32_is_asked_in_its_dtype():
    trained = flower_model()
    small = Trained(
        trained.network.astype("float32"),
        trained.features,
        trained.labels,
        trained.feature_names,
        trained.class_names,
        trained.prepare,
    )
    assert small.inputs().dtype == np.float32
    np.testing.assert_allclose(small.probabilities(), trained.probabilities(), atol=1e-4)
    pulls = [one.influential_rows(0).pulls for one in (small, trained)]
    np.testing.assert_allclose(*pulls, atol=1e-2)
    assert small.explain(0).contributions == pytest.approx(
        trained.explain(0).contributions, rel=1e-3, abs=1e-3
    )


@pytest.mark.parametrize(
    ("names", "columns", "is_image"),
    [
        ([f"pixel{i}" for i in range(64)], 64, True),
        ([f"{i}x{j}" for i in range(28) for j in range(28)], 784, True),
        ([], 25, True),
        ([f"pixel{i}" for i in range(30)], 30, False),
        ([f"f{i}" for i in range(16)], 16, False),
        ([*"abcdefghijklmnopqrstuvwxy"], 25, False),
    ],
)
def test_images_are_recognised_by_their_names(names, columns, is_image):
    X = np.zeros((2, columns))
    trained = Trained(MLP([columns, 2], seed=0), X, np.array([0, 1]), tuple(names))
    assert trained.is_image == is_image
    assert (trained.side is not None) == is_image


def test_what_does_not_fit_together_is_refused():
    network, X, y = MLP([3, 2], seed=0), np.zeros((4, 3)), np.array([0, 1, 0, 1])
    for change, message in [
        ({"features": np.zeros(4)}, r"features have shape \(4,\)"),
        ({"features": np.zeros((0, 3)), "labels": y[:0]}, "at least one of each"),
        ({"labels": y[:3]}, r"labels have shape \(3,\), expected \(4,\)"),
        ({"labels": y + 1}, "label 2 is out of range; the network has 2 classes, 0..1"),
        ({"labels": y * 1.0}, "expected integers; for numbers to predict pass task='regression'"),
        ({"task": "ranking"}, "got 'ranking'"),
        ({"feature_names": ("a",)}, "feature_names has 1 entries, expected one for each of the 3"),
        ({"class_names": ("a",)}, "class_names has 1 entries"),
        ({"is_image": True}, "3 columns are not a square image"),
        ({"task": "regression", "labels": y * 1.0}, r"shape \(4, 2\), expected \(N, 1\)"),
    ]:
        arguments = {"network": network, "features": X, "labels": y} | change
        with pytest.raises(ValueError, match=message):
            Trained(**arguments).outputs()


def figure_texts(figure):
    """All that a picture says."""
    texts = [figure.get_suptitle(), *(text.get_text() for text in figure.texts)]
    for axes in figure.axes:
        texts += [axes.get_title(), *(text.get_text() for text in axes.texts)]
        texts += [label.get_text() for label in axes.get_yticklabels()]
    return "\n".join(texts)


@pytest.mark.parametrize("question", ["explanation", "mistakes", "influence", "mislabelled"])
@pytest.mark.parametrize("model", ["flowers", "amounts", "digits"])
def test_rows_are_counted_from_the_number_that_is_asked_for(model, question):
    trained = MODELS[model]()
    found, other = (QUESTIONS[question](replace(trained, first_row=n)) for n in (0, 1))

    def rows_in(text):
        return [int(number) for number in re.findall(r"\brow (\d+)", text)]

    for show in (str, lambda one: figure_texts(one.figure())):
        text, moved = show(found), show(other)
        assert rows_in(moved) == [row + 1 for row in rows_in(text)]
        assert "from 0" not in moved
        assert ("from 1" in moved) == ("from 0" in text)
    assert rows_in(figure_texts(found.figure()))
    assert "from 0" in str(found)
    tables = [one.to_frame() for one in (found, other)]
    if "row" in tables[0]:
        assert (tables[1]["row"] == tables[0]["row"] + 1).all()
        listed = [re.findall(r"^ *(\d+)  ", str(one), re.MULTILINE) for one in (found, other)]
        assert listed[0]
        assert [int(row) + 1 for row in listed[0]] == [int(row) for row in listed[1]]
    for name in ("row", "order", "supporting", "opposing"):
        if hasattr(found, name):
            np.testing.assert_array_equal(getattr(found, name), getattr(other, name))


def test_a_row_that_cannot_be_prepared_has_its_number_among_all():
    X = np.zeros((5000, 3))
    X[4500, 1] = np.nan
    trained = Trained(MLP([3, 2], seed=0), X, np.zeros(5000, np.int64))
    for ask in (trained.outputs, lambda: list(trained.parts()), trained.inputs):
        with pytest.raises(ValueError, match="the prepared row 4500, counted from 0, has NaN"):
            ask()
    with pytest.raises(ValueError, match="the prepared row 4501, counted from 1, has NaN"):
        replace(trained, first_row=1).outputs()


@pytest.mark.parametrize("question", QUESTIONS)
def test_true_and_false_are_the_classes_1_and_0(question):
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2
    network = MLP([3, 2], dtype="float64", seed=0)
    texts = [str(QUESTIONS[question](Trained(network, X, labels))) for labels in (y, y == 1)]
    assert texts[0] == texts[1]

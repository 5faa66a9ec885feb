"""Tests the reports of predictions: the measures are those of worked examples and scikit-learn,
weights count as repetitions, nothing is NaN, and the text fits into 80 columns for any classes.
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn.training.reports.calibration import calibration_error, gap_words, reliability
from nn.training.reports.classification import classification_report

from ..engine.test_tensor_html import HOSTILE, Reader


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def drawn(rows, classes, seed=0, strength=2.0):
    """Draw labels, and probabilities that know something of them."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, rows)
    logits = generator.normal(size=(rows, classes))
    logits[np.arange(rows), labels] += strength
    return labels, softmax(2 * logits)


def sure_of(said, classes=3):
    """Give probabilities for a list of predictions."""
    return np.eye(classes)[said] * 0.7 + 0.3 / classes


# Classification: worked examples -----------------------------------------------------------

# Three cats: two right, one taken for a dog. Two dogs: one right, one taken for a cat. One fish,
# taken for a dog; fish is never predicted.
LABELS, SAID = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 0, 1]
PETS = classification_report(LABELS, sure_of(SAID), ["cat", "dog", "fish"])


def test_a_worked_example():
    cat, dog, fish = PETS.classes
    assert (cat.name, cat.precision, cat.recall, cat.f1) == ("cat", 2 / 3, 2 / 3, 2 / 3)
    assert (dog.precision, dog.recall, dog.f1) == (1 / 3, 1 / 2, 2 / 5)
    assert (fish.precision, fish.recall, fish.f1) == (None, 0.0, 0.0)
    assert [each.support for each in PETS.classes] == [3, 2, 1]
    assert [each.predicted for each in PETS.classes] == [3, 3, 0]
    assert PETS.accuracy == 0.5
    assert (PETS.largest_class, PETS.largest_share) == ("cat", 0.5)
    assert PETS.matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert PETS.macro.precision == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert PETS.macro.recall == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert PETS.macro.f1 == pytest.approx((2 / 3 + 2 / 5) / 3)
    assert PETS.weighted.precision == pytest.approx((3 * 2 / 3 + 2 * 1 / 3) / 5)
    assert PETS.weighted.recall == pytest.approx(0.5), "which is the accuracy"
    assert PETS.weighted.f1 == pytest.approx((3 * 2 / 3 + 2 * 2 / 5) / 6)
    p = np.where(np.array(LABELS) == SAID, 0.8, 0.1)
    assert PETS.log_loss == pytest.approx(-np.log(p).mean())
    shares = np.array([1 / 2, 1 / 3, 1 / 6])
    assert PETS.log_loss_of_shares == pytest.approx(-(shares * np.log(shares)).sum())
    found = [(each.right, each.predicted, each.samples, each.share) for each in PETS.confusions]
    assert found == [("fish", "dog", 1, 1.0), ("dog", "cat", 1, 0.5), ("cat", "dog", 1, 1 / 3)]


def test_text_of_the_worked_example():
    lines = [line.strip() for line in str(PETS).splitlines()]
    assert lines[0] == "Classification of 6 samples"
    for line in (
        "accuracy      50.00%           50.00%",
        "cat                  66.67%  66.67%  66.67%        3",
        "fish                      -   0.00%   0.00%        1",
        "macro average        50.00%  38.89%  35.56%        6",
        "- for precision: the class is never predicted. Averages leave out a -.",
        "cat     2    1     0",
        "fish predicted as dog: 1 of 1 (100.00%)",
        "70% to 80%        6           80.00%   50.00%",
        "Expected calibration error 30.00% (top class, 10 equal bins, Guo et al. 2017).",
        "Confidence is on average 30.00 points too high.",
    ):
        assert line in lines, line
    assert "nan" not in str(PETS).lower()
    assert repr(PETS) == str(PETS)


def test_the_majority_is_not_a_success():
    """198 rows of one class and 2 of the other, always predicted as the first."""
    report = classification_report([0] * 198 + [1] * 2, [[0.99, 0.01]] * 200, ["good", "faulty"])
    assert report.accuracy == report.largest_share == 0.99
    assert report.log_loss == pytest.approx(report.log_loss_of_shares)
    assert report.classes[1].precision is None
    assert report.classes[1].recall == 0.0
    assert report.macro.recall == 0.5
    assert "faulty predicted as good: 2 of 2 (100.00%)" in str(report)


def test_classes_without_samples_and_without_predictions():
    report = classification_report([0, 0], sure_of([0, 1], 4))
    absent = report.classes[2]
    assert (absent.precision, absent.recall, absent.f1) == (None, None, None)
    assert report.classes[1].recall is None, "no samples"
    assert (report.classes[1].precision, report.classes[1].f1) == (0.0, 0.0)
    assert report.macro.recall == 0.5
    assert report.macro.precision == 0.5
    assert report.weighted.recall == 0.5
    assert "- for recall: the class has no samples." in str(report)
    # Classes that are predicted, and have no samples at all: an average by samples has none.
    alone = classification_report([0], sure_of([1], 2))
    assert alone.macro.precision == 0.0
    assert alone.weighted.precision is None
    assert alone.weighted.recall == 0.0


def test_probabilities_of_zero_are_counted_and_not_infinite():
    report = classification_report([0, 1], [[0.0, 1.0], [0.25, 0.75]])
    eps = np.finfo(float).eps
    assert report.log_loss == pytest.approx(-(math.log(eps) + math.log(0.75)) / 2)
    assert report.impossible == 1
    assert "1 sample has a probability of 0 for the correct class" in str(report)
    assert "probability of 0" not in str(PETS)


def test_perfect_predictions():
    report = classification_report([0, 1, 1], np.eye(2)[[0, 1, 1]])
    assert report.accuracy == 1.0
    assert report.log_loss == report.calibration_error == 0.0
    assert math.copysign(1, report.log_loss) == 1, "not -0.0"
    assert report.confusions == ()
    assert "none: all predictions are correct" in str(report)
    assert "Confidence is on average right." in str(report)


def test_rounding_is_not_an_error():
    exact = classification_report([0, 1], [[1.0, 0.0], [0.5, 0.5]])
    rounded = classification_report([0, 1], [[1.0 + 1e-7, -1e-7], [0.5, 0.5]])
    assert rounded.to_dict() == exact.to_dict()
    _, p = drawn(50, 100)
    for dtype in (np.float16, np.float32):
        classification_report(np.arange(50), p.astype(dtype))


# Calibration -------------------------------------------------------------------------------


def test_bins_are_closed_at_their_upper_end():
    sure = np.array([0.0, 0.1, 0.3, 0.7, 0.75, 0.8, 1.0])
    bins = reliability(sure, np.array([0, 1, 1, 0, 1, 1, 1], dtype=bool))
    assert [each.samples for each in bins] == [2, 0, 1, 0, 0, 0, 1, 2, 0, 1]
    assert bins[7].confidence == pytest.approx(0.775)
    assert (bins[7].low, bins[7].high, bins[7].accuracy) == (0.7, 0.8, 1.0)
    assert (bins[1].confidence, bins[1].accuracy) == (None, None)
    gaps = 2 * abs(0.05 - 0.5) + abs(0.3 - 1) + 0.7 + 2 * (1 - 0.775) + 0
    assert calibration_error(bins) == pytest.approx(gaps / 7)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_error_is_that_of_a_loop(seed):
    labels, p = drawn(500, 4, seed)
    report = classification_report(labels, p)
    expected = 0.0
    for low in range(10):
        inside = [i for i in range(500) if low < 10 * p[i].max() <= low + 1]
        if inside:
            right = sum(p[i].argmax() == labels[i] for i in inside) / len(inside)
            sure = sum(p[i].max() for i in inside) / len(inside)
            expected += len(inside) / 500 * abs(right - sure)
    assert report.calibration_error == pytest.approx(expected)


def test_gap_words():
    sure, right = np.full(4, 0.75), np.array([True, True, True, False])
    assert gap_words(reliability(sure, right)) == "Confidence is on average right"
    assert gap_words(reliability(sure, ~right)).endswith("50.00 points too high")
    assert gap_words(reliability(sure, right | True)).endswith("25.00 points too low")


# Oracles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("rows", "classes"), [(300, 2), (200, 7), (40, 30)])
def test_measures_are_those_of_scikit_learn(rows, classes, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, p = drawn(rows, classes, seed=classes)
    said, every = p.argmax(axis=1), list(range(classes))
    weights = np.random.default_rng(1).random(rows) if weighted else None
    report = classification_report(labels, p, sample_weight=weights)
    options = {"labels": every, "sample_weight": weights}
    np.testing.assert_allclose(report.matrix, metrics.confusion_matrix(labels, said, **options))
    scores = metrics.precision_recall_fscore_support(labels, said, zero_division=np.nan, **options)
    for name, values in zip(("precision", "recall", "f1", "support"), scores, strict=True):
        found = [getattr(each, name) for each in report.classes]
        np.testing.assert_allclose(np.array(found, dtype=float), values)
    averages = {"macro": report.macro, "weighted": report.weighted}
    for kind, average in averages.items():
        *expected, _ = metrics.precision_recall_fscore_support(
            labels, said, average=kind, zero_division=np.nan, **options
        )
        np.testing.assert_allclose([average.precision, average.recall, average.f1], expected)
    assert report.accuracy == pytest.approx(
        metrics.accuracy_score(labels, said, sample_weight=weights)
    )
    assert report.log_loss == pytest.approx(metrics.log_loss(labels, p, **options))


def numbers_of(written):
    """Walk all numbers of a dictionary."""
    if isinstance(written, dict):
        written = list(written.values())
    if isinstance(written, list):
        return [number for item in written for number in numbers_of(item)]
    return [written] if isinstance(written, int | float) else []


def test_a_weight_of_two_is_the_row_twice():
    labels, p = drawn(60, 4)
    weights = np.random.default_rng(0).integers(0, 4, 60)
    rows = np.repeat(np.arange(60), weights)
    found = classification_report(labels, p, sample_weight=weights).to_dict()
    expected = classification_report(labels[rows], p[rows]).to_dict()
    np.testing.assert_allclose(numbers_of(found), numbers_of(expected))


def test_rows_of_weight_zero_are_not_there():
    report = classification_report([0, 1], [[0.0, 1.0], [0.2, 0.8]], sample_weight=[0, 3])
    assert report.impossible == 0
    assert report.accuracy == 1.0
    assert report.confusions == ()


# Texts and forms ---------------------------------------------------------------------------

LONG = [f"a class with quite a long name, number {i} of all of them" for i in range(100)]


@pytest.mark.parametrize("classes", [2, 3, 9, 24, 25, 100])
@pytest.mark.parametrize("kind", ["numbers", "long", "hostile"])
def test_texts_fit_into_80_columns(classes, kind):
    names = {
        "numbers": None,
        "long": LONG[:classes],
        "hostile": [f"{i} {HOSTILE[i % len(HOSTILE)]}" for i in range(classes)],
    }[kind]
    labels, p = drawn(40 * classes, classes, strength=1.0)
    for weights in (None, np.random.default_rng(0).random(len(labels)) * 1e7):
        report = classification_report(labels, p, names, sample_weight=weights)
        lines = str(report).splitlines()
        assert max(map(len, lines)) <= 80, max(lines, key=len)
        start = next(i for i, line in enumerate(lines) if line.startswith("Classes")) + 4
        end = next(i for i, line in enumerate(lines) if line.startswith("  macro average"))
        assert end - start == (classes if classes <= 24 else 21)
        assert (f"… {classes - 20} more" in map(str.strip, lines)) == (classes > 24)
        assert f"Classes: 20 of {classes}, those with the lowest F1 first" in lines or classes <= 24
        if classes <= 3:
            assert "do not fit" not in str(report)
        if classes >= 25:
            assert f"{classes} x {classes} cells do not fit" in str(report)
        str(report).encode()


def test_the_matrix_has_names_if_they_fit_and_numbers_if_not():
    def matrix_of(names):
        report = classification_report([0, 1, 2], sure_of([0, 1, 1]), names)
        lines = str(report).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("Confusion"))
        return [lines[i].split() for i in (start + 2, start + 6)]

    assert matrix_of(["a", "b", "see"]) == [["a", "b", "see"], ["see", "0", "1", "0"]]
    heads, last = matrix_of(LONG[:3])
    assert heads == ["[0]", "[1]", "[2]"]
    assert (last[0], last[-3:]) == ("[2]", ["0", "1", "0"])


def test_the_worst_of_many_classes_are_shown():
    labels = np.repeat(np.arange(30), 4)
    said = labels.copy()
    said[labels == 17] = 3
    text = str(classification_report(labels, sure_of(said, 30), [f"c{i}" for i in range(30)]))
    table = text[text.index("Classes: 20 of 30") :].splitlines()
    assert [line.split()[0] for line in table[4:6]] == ["c17", "c3"]
    assert "c17 predicted as c3: 4 of 4 (100.00%)" in text


def test_other_confusions_are_counted():
    labels, p = drawn(400, 10, strength=0.5)
    report = classification_report(labels, p)
    rest = sum(each.samples for each in report.confusions[5:])
    assert f"… {len(report.confusions) - 5} more kinds of mistakes, with {rest} samples" in str(
        report
    )
    counts = [each.samples for each in report.confusions]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == 400 - np.trace(report.matrix)


def test_frames_and_dictionaries():
    frame = PETS.to_frame()
    assert frame.index.tolist() == ["cat", "dog", "fish"]
    assert list(frame.columns) == ["precision", "recall", "f1", "support", "predicted"]
    assert np.isnan(frame.loc["fish", "precision"])
    assert PETS.matrix_frame().loc["fish", "dog"] == 1
    assert PETS.matrix_frame().index.name == "right"
    written = json.loads(json.dumps(PETS.to_dict(), allow_nan=False))
    assert written == PETS.to_dict()
    assert written["classes"][2]["precision"] is None
    assert written["matrix"] == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert written["class_names"] == ["cat", "dog", "fish"]


def test_notebooks_show_tables_and_pictures():
    bundle = PETS._repr_mimebundle_()
    assert bundle["text/plain"] == str(PETS)
    reader = Reader(bundle["text/html"])
    assert ["fish", "-", "0.00%", "0.00%", "1"] in reader.rows
    assert bundle["text/html"].count("data:image/png") == 2


def test_hostile_names_stay_text(monkeypatch):
    for figure in ("confusion_figure", "calibration_figure"):
        monkeypatch.setattr(f"nn.training.reports.classification.{figure}", lambda *_, **__: None)
    for name in HOSTILE:
        report = classification_report(LABELS, sure_of(SAID), [name, "b", "c"])
        page = report._repr_html_()
        assert "$" not in Reader(page).typeset
        assert "<script" not in page


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_any_report_is_json_and_consistent(classes, rows, seed, weighted):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, rows)
    p = softmax(generator.normal(size=(rows, classes)) * generator.choice([0.1, 1, 300]))
    weights = generator.random(rows) if weighted else None
    report = classification_report(labels, p, sample_weight=weights)
    json.dumps(report.to_dict(), allow_nan=False)
    assert 0 <= report.calibration_error <= 1
    assert report.log_loss >= 0
    assert report.weighted.recall == pytest.approx(report.accuracy)
    assert sum(each.samples for each in report.bins) == pytest.approx(report.samples)
    assert max(map(len, str(report).splitlines())) <= 80


# Errors ------------------------------------------------------------------------------------

P = [[0.5, 0.5], [0.2, 0.8]]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([0, 1], [0.2, 0.8]), ValueError, r"shape \(2,\); expected \(N, classes\).*column_stack"),
        (([0, 1], [[0.2], [0.8]]), ValueError, r"shape \(2, 1\).*column_stack"),
        (([], np.empty((0, 2))), ValueError, r"at least one row and two classes$"),
        (([0, 1], [[2.0, -1.0], [0.5, 0.5]]), ValueError, "row 1 has the probability 2.*softmax"),
        (([0, 1], [[0.5, 0.5], [np.nan, 1]]), ValueError, "row 2 has the probability nan"),
        (([0, 1], [[0.5, 0.5], [0.5, 0.9]]), ValueError, "probabilities of row 2 add up to 1.4"),
        (([0, 1], [["a", "b"], ["c", "d"]]), TypeError, "probabilities of dtype"),
        (([0, 2], P), ValueError, r"label 2 is out of range; 2 classes are numbered 0\.\.1"),
        (([0, -1], P), ValueError, "label -1 is out of range"),
        (([0, 1, 1], P), ValueError, r"labels of shape \(3,\).*one for each sample"),
        (([0.0, 0.5], P), TypeError, "labels of dtype float64; expected integers"),
        ((["a", "b"], P), TypeError, "labels of dtype <U1; expected integers"),
        (([0, 1], P, ["a"]), ValueError, "1 class_names for 2 classes"),
        (([0, 1], P, ["a", "a"]), ValueError, "class_names has 'a' twice"),
        (([0, 1], P, "ab"), TypeError, "class_names must be a list of names, got the text 'ab'"),
    ],
)
def test_classification_refuses(arguments, error, words):
    with pytest.raises(error, match=words) as caught:
        classification_report(*arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1], ValueError, r"sample_weight of shape \(1,\); expected \(2,\)"),
        ([1, -1], ValueError, "sample_weight of row 2 is -1; expected 0 or more"),
        ([0, 0], ValueError, "sample_weight is 0 for every row"),
        ([1, np.nan], ValueError, "sample_weight of row 2 is nan; expected a finite number"),
        ("balanced", TypeError, "sample_weight of dtype"),
    ],
)
def test_weights_that_are_refused(weights, error, words):
    with pytest.raises(error, match=words):
        classification_report([0, 1], P, sample_weight=weights)

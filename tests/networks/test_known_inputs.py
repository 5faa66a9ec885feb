"""Tests what a model knows of its inputs: columns are matched by name, and values that are scaled
twice or not at all are refused, while unusual but right ones pass.
"""

import warnings

import numpy as np
import pandas as pd
import pytest

from nn import Classifier, DataError, DataWarning, model
from nn.data.csv import CsvData
from nn.data.known_inputs import KnownInputs
from nn.files import SavedNetwork, write_legacy


def known(x, scale=1.0):
    x = np.asarray(x, dtype=np.float64)
    names = tuple(f"f{i}" for i in range(x.shape[1]))
    return KnownInputs.of(CsvData("t.csv", names, x, np.arange(len(x)) % 3), scale)


def verdict(inputs, x):
    """Say what becomes of samples: "passes", "warns" or the text of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            inputs.check_ranges(np.asarray(x, dtype=np.float64), "X", "this=True")
        except ValueError as error:
            return str(error)
        except DataWarning as warning:
            return f"warns: {warning}"
    return "passes"


def draw(kind, rows, generator):
    """Data of the kinds that people have, each with its own difficulty."""
    if kind == "images":  # most pixels dark, some always
        x = np.round(generator.random((rows, 64)) * 255) * (generator.random((rows, 64)) < 0.2)
        x[:, :5] = 0
        x[:, 10] = 255  # no image is all dark
        return x
    if kind == "measurements":
        return generator.normal([5.8, 3.0, 3.7, 1.2], [0.4, 0.3, 0.9, 0.4], (rows, 4))
    if kind == "standardised":
        return generator.normal(size=(rows, 6))
    if kind == "constant":
        return np.column_stack([np.ones(rows), generator.random((rows, 4)), np.zeros(rows)])
    if kind == "amounts":  # a few are a thousand times the usual
        return np.exp(generator.normal(0, 2, (rows, 3)))
    return generator.poisson(0.05, (rows, 200)) * 1.0  # words, most of them rare


KINDS = ["images", "measurements", "standardised", "constant", "amounts", "words"]


@pytest.mark.parametrize("kind", KINDS)
def test_data_like_those_of_the_training_pass_whole_and_row_by_row(kind):
    generator = np.random.default_rng(1)
    inputs = known(draw(kind, 300, generator))
    new = draw(kind, 300, generator)
    assert verdict(inputs, new) == "passes"
    assert {verdict(inputs, row[None]) for row in new[:200]} == {"passes"}
    assert verdict(inputs, 0 * new) == "passes", "of zeros, nobody can say"
    assert verdict(inputs, new[:0]) == "passes"


@pytest.mark.parametrize("factor", [100.0, 255.0, 1000.0, 65535.0])
@pytest.mark.parametrize("kind", ["images", "measurements", "standardised", "constant"])
def test_another_scale_is_refused_and_named(kind, factor):
    generator = np.random.default_rng(2)
    inputs = known(draw(kind, 300, generator))
    new = draw(kind, 300, generator)
    assert f"it looks divided by {factor:g}. Multiply it by {factor:g};" in verdict(
        inputs, new / factor
    )
    assert " times too large. Divide it by " in verdict(inputs, new * factor)
    said = verdict(inputs, new[:1] / factor)
    assert "it looks divided by" in said, "a single row too"
    assert said.endswith("; this=True skips this check")
    # One sample with a wild value does not hide the others, and they do not hide it.
    new[7] *= 1e6
    assert "it looks divided by" in verdict(inputs, np.vstack([new[:7], new[8:]]) / factor)
    assert "1 of 300 rows goes far beyond" in verdict(inputs, new)


def test_the_scale_of_the_model_is_named_when_it_is_applied_twice():
    generator = np.random.default_rng(3)
    for scale in (16.0, 255.0):
        x = np.round(generator.random((100, 64)) * scale)
        said = verdict(known(x, scale), x / scale)
        assert f"it looks divided by {scale:g} already. The model does that itself" in said


def test_further_training_widens_what_is_known():
    one, two = known([[0, 1], [2, 3], [1, 1]]), known([[-1, 2], [1, 9], [0, 2]])
    both = one.together(two)
    np.testing.assert_array_equal(both.ranges, [[-1, 2], [1, 9]])
    assert both.names == ("f0", "f1")
    nothing = KnownInputs(scale=2.0)
    assert nothing.together(two) is two
    assert verdict(nothing, [[1e30, -1e30]]) == "passes", "without ranges, none is wrong"
    assert verdict(known(np.zeros((3, 2))), [[5.0, 5.0]]) == "passes"


# In use ------------------------------------------------------------------------------------


def write_csv(path, order="label,a,b,c,d", rows=60, **columns):
    generator = np.random.default_rng(0)
    label = np.arange(rows) % 3
    values = np.array([[0, 9, 2, 5], [5, 0, 9, 2], [9, 4, 0, 9]])[label]
    frame = pd.DataFrame(values + generator.random((rows, 4)), columns=list("abcd"))
    frame = frame.assign(label=label, **columns)[order.split(",")]
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    frame = write_csv(folder / "train.csv")
    net = model([4, 12, 3], folder, verbose=False)
    net.fit(folder / "train.csv", epoch=40, alpha=0.2, batch_size=8, scale=10, figures=[])
    return folder, frame


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl"])
def test_a_data_frame_is_matched_by_name_and_an_array_by_position(trained, name):
    folder, frame = trained
    net = Classifier.load(folder / name)
    labels = frame["label"].to_numpy()
    x = frame[list("abcd")]
    for right in (x, x.to_numpy(), frame, frame[["d", "label", "b", "a", "c"]]):
        if isinstance(right, pd.DataFrame):
            np.testing.assert_array_equal(net.predict(right), labels)
    np.testing.assert_array_equal(net.predict(x.to_numpy()), labels)
    np.testing.assert_array_equal(net.predict(x.rename(columns=" {} ".format)), labels)
    np.testing.assert_array_equal(net.predict(pd.DataFrame(x.to_numpy())), labels)
    assert net.run(folder / name, frame.iloc[1][["d", "b", "a", "c"]]).label == labels[1]
    with pytest.warns(DataWarning, match=r"the model has no feature 'Id' and 1 more; ignored"):
        assert net.predict(frame.assign(Id=1, z=2))[0] == labels[0]
    with pytest.raises(ValueError, match=r"no column 'b', which .* pass X.to_numpy\(\)"):
        net.predict(x.drop(columns="b"))
    with pytest.raises(ValueError, match="has the column 'a' more than once"):
        net.predict(pd.concat([x, x[["a"]]], axis=1))


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl"])
def test_input_that_was_scaled_already_is_refused_with_a_way_around(trained, name):
    folder, frame = trained
    x = frame[list("abcd")].to_numpy()
    net = Classifier.load(folder / name)
    for call in (
        lambda **way: net.predict(x / 10, **way),
        lambda **way: net.predict_proba(x / 10, **way),
        lambda **way: net.run(folder / name, x[0] / 10, **way),
    ):
        with pytest.raises(
            ValueError, match=r"divided by 10 already.*check_ranges=False skips this check"
        ):
            call()
        call(check_ranges=False)


def test_test_data_are_matched_by_name_and_checked(trained, tmp_path):
    folder, _ = trained
    settings = {"epoch": 20, "alpha": 0.2, "batch_size": 8, "scale": 10, "figures": []}
    write_csv(tmp_path / "test.csv", "d,label,b,a,c")
    history = model([4, 12, 3], tmp_path, verbose=False).fit(
        folder / "train.csv", tmp_path / "test.csv", **settings
    )
    assert history[-1].test_accuracy > 0.95
    write_csv(tmp_path / "more.csv", "Id,d,label,b,a,c", Id=range(60))
    with pytest.warns(DataWarning, match="not used, because the model has no such features: 'Id'"):
        model([4, 12, 3], tmp_path, verbose=False).fit(
            folder / "train.csv", tmp_path / "more.csv", **settings
        )
    write_csv(tmp_path / "other.csv", "label,w,x,y,z", **dict.fromkeys("wxyz", 1.0))
    with pytest.raises(DataError, match="by_position=True"):
        model([4, 12, 3], tmp_path, verbose=False).fit(
            folder / "train.csv", tmp_path / "other.csv", **settings
        )
    frame = write_csv(tmp_path / "large.csv")
    frame[list("abcd")] *= 255
    frame.to_csv(tmp_path / "large.csv", index=False)
    arguments = (folder / "train.csv", tmp_path / "large.csv")
    with pytest.raises(ValueError, match=r"large.csv .* times too large.*check_ranges=False"):
        model([4, 12, 3], tmp_path, verbose=False).fit(*arguments, **settings)
    model([4, 12, 3], tmp_path, verbose=False).fit(*arguments, **settings, check_ranges=False)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pkl"])
def test_training_goes_on_rightly_from_either_file(trained, tmp_path, name):
    folder, frame = trained
    (tmp_path / name).write_bytes((folder / name).read_bytes())
    net = Classifier.load(tmp_path / name)
    net.verbose = False
    history = net.fit(folder / "train.csv", epoch=2, alpha=0.01, figures=[])
    assert history[0].train_accuracy > 0.95
    assert history[0].train_loss < 0.2
    scaled = frame.assign(**{name: frame[name] / 10 for name in "abcd"})
    scaled.to_csv(tmp_path / "scaled.csv", index=False)
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match="it looks divided by 10 already"):
        net.fit(tmp_path / "scaled.csv")
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_file_without_names_says_so_once_and_takes_columns_by_position(tmp_path):
    generator = np.random.default_rng(0)
    network = SavedNetwork([generator.normal(size=(4, 3))], [np.zeros(3)])
    path = write_legacy(tmp_path / "old.pkl", network)
    with pytest.warns(DataWarning, match="old.pkl: this model knows no names and ranges of its f"):
        net = Classifier.load(path)
    x = generator.normal(size=(5, 4))
    np.testing.assert_array_equal(
        net.predict(pd.DataFrame(1e9 * x, columns=list("wxyz"))), net.predict(1e9 * x)
    )

"""Tests the search for a learning rate: rates of known stable limits, when it stops, and what it
suggests.
"""

import math

import numpy as np
import pytest

from nn import MLP, SGD
from nn.loss import classification_loss
from nn.training.learning_rate import RateSearch, search_rates
from tinygrad_edu import Tensor

from .pictures import count_colours


def quadratic(curvatures, seed=0, noise=0.1):
    """Give steps of gradient descent on a noisy quadratic; they grow at rates above 2 / largest."""
    generator = np.random.default_rng(seed)
    curvatures = np.repeat(np.array(curvatures, dtype=float), 10)
    x = [np.ones(len(curvatures))]

    def step(rate):
        distance = x[0] - generator.normal(0, noise, len(curvatures))
        x[0] = x[0] - rate * curvatures * distance
        return float(curvatures @ distance**2 / 2)

    return step


@pytest.mark.parametrize("largest", [0.1, 1, 10, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_the_limit_of_a_quadratic_is_found(largest, seed):
    limit = 2 / largest
    search = search_rates(quadratic([largest, largest / 10], seed), limit / 1e5, limit * 100)
    assert limit <= search.diverged < 3 * limit
    assert limit / 200 < search.suggestion < limit
    assert search.steepest < limit


def test_the_rule():
    search = search_rates(quadratic([10, 1]), 1e-5, 10)
    assert search.suggestion == float(f"{math.sqrt(search.steepest * search.diverged / 10):.2g}")
    slopes = np.gradient(search.smoothed, np.log(search.rates))
    assert slopes[search.rates.index(search.steepest)] < -1
    assert search_rates(quadratic([10, 1]), 1e-5, 0.05).diverged is None
    alone = search_rates(quadratic([10, 1]), 1e-5, 0.05)
    assert alone.suggestion == float(f"{alone.steepest:.2g}")


def test_noise_before_the_fall_is_not_the_steepest():
    """Slopes of noisy losses at tiny rates are larger than those of the fall."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        levels = iter(
            [1 + generator.normal(0, 0.15) for _ in range(60)]
            + [1 - i / 45 + generator.normal(0, 0.05) for i in range(40)]
        )
        search = search_rates(lambda rate, v=levels: next(v), 1e-6, 1.0)
        assert search.steepest > search.rates[50]


def test_rates_grow_evenly_and_reach_the_ends():
    asked = []
    search_rates(lambda rate: asked.append(rate) or 1.0, 1e-4, 1.0, 13)
    np.testing.assert_allclose(asked, 10 ** np.linspace(-4, 0, 13))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_ends_the_search(bad):
    losses = iter([1.0, 0.9, 0.7, 0.5, 0.4, 0.35, 0.3, bad])
    search = search_rates(lambda rate: next(losses), 1e-5, 1e4, 10)
    assert search.diverged == pytest.approx(1e2)
    assert search.losses == (1.0, 0.9, 0.7, 0.5, 0.4, 0.35, 0.3)
    assert len(search.rates) == len(search.smoothed) == 7
    frame = search.to_frame()
    assert list(frame.columns) == ["rate", "loss", "smoothed"]
    assert np.isfinite(frame).all(axis=None)


def test_four_times_the_lowest_loss_ends_the_search():
    losses = iter([1.0] * 10 + [50.0] * 10)
    search = search_rates(lambda rate: next(losses), 1e-3, 1.0, 20)
    assert len(search.rates) == 11
    assert search.diverged == search.rates[-1]
    assert search.suggestion is None, "it never fell"


def test_one_bad_batch_does_not_end_the_search():
    losses = iter([1.0] * 10 + [5.0] + [0.9] * 9)
    assert search_rates(lambda rate: next(losses), 1e-3, 1.0, 20).diverged is None


def test_a_negative_loss_may_rise_and_fall():
    losses = iter([*np.linspace(-1, -2, 20), *np.linspace(-2, -1, 20), *[7.0] * 20])
    search = search_rates(lambda rate: next(losses), steps=60)
    assert 40 <= len(search.rates) < 60


def test_smoothing_lags_in_neither_direction():
    losses = [1.0] * 20 + [0.0] * 20
    values = iter(losses)
    smoothed = search_rates(lambda rate: next(values), steps=40).smoothed
    assert smoothed[0] == pytest.approx(1.0, abs=0.03)
    middle = np.array(smoothed[10:30])
    np.testing.assert_allclose(middle + middle[::-1], 1, atol=0.15)
    assert (np.diff(smoothed) <= 1e-12).all()


def test_texts():
    search = search_rates(quadratic([10, 1]), 1e-5, 10)
    text = str(search)
    assert text.startswith(f"Learning rate: {search.suggestion:g} is suggested\n")
    assert f"The loss diverges at {search.diverged:.3g}." in text
    assert "their geometric mean" in text
    assert max(map(len, text.splitlines())) <= 80
    assert repr(search) == text
    flat = str(search_rates(lambda rate: 1.0))
    assert flat.startswith("Learning rate: no suggestion\n")
    assert "The loss did not fall." in flat
    assert "The loss did not diverge; a search up to a larger rate may find more." in flat
    page = search._repr_mimebundle_()
    assert page["text/plain"] == text
    assert "data:image/png" in page["text/html"]


def test_the_curve_is_saved(tmp_path, monkeypatch):
    search = search_rates(quadratic([10, 1]), 1e-5, 10)
    path = tmp_path / "rates.png"
    assert search.save(path) == path
    assert count_colours(path) > 5
    monkeypatch.setenv("HOME", str(tmp_path))
    assert search.save("~/rates.svg") == tmp_path / "rates.svg"
    with pytest.raises(FileNotFoundError, match="no folder"):
        search.save(tmp_path / "nowhere" / "rates.png")


def test_a_network_learns_with_the_suggested_rate():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(64, 5))
    labels = (x[:, 0] * x[:, 1] > 0).astype(int)

    def trainer():
        network = MLP([5, 16, 2], seed=0, dtype="float64")
        optimizer = SGD(network.parameters(), lr=1.0)

        def step(rate):
            optimizer.lr = rate
            loss = classification_loss(network(Tensor(x)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    search = search_rates(trainer(), 1e-4, 100)
    assert isinstance(search, RateSearch)
    step = trainer()
    losses = [step(search.suggestion) for _ in range(200)]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((lambda rate: Tensor(1.0),), TypeError, r"step returned Tensor; .* such as loss\.item"),
        ((lambda rate: None,), TypeError, "step returned NoneType"),
        ((lambda rate: math.nan,), ValueError, "the loss is nan at the smallest rate 1e-06"),
        ((lambda rate: 1.0, 1.0, 0.1), ValueError, "smallest is 1 and largest 0.1"),
        ((lambda rate: 1.0, 0.1, 0.1), ValueError, "smallest is 0.1 and largest 0.1"),
        ((lambda rate: 1.0, 0.0), ValueError, "smallest must be > 0"),
        ((lambda rate: 1.0, 0.1, math.inf), ValueError, "largest must be finite"),
        ((lambda rate: 1.0, 0.1, 1.0, 9), ValueError, "steps must be at least 10, got 9"),
        ((lambda rate: 1.0, 0.1, 1.0, 10.5), TypeError, "steps must be an int"),
    ],
)
def test_searches_that_are_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        search_rates(*arguments)


def test_an_error_of_the_step_is_not_hidden():
    def step(rate):
        if rate > 0.01:
            raise ZeroDivisionError("of the caller")
        return 1.0

    with pytest.raises(ZeroDivisionError, match="of the caller"):
        search_rates(step)

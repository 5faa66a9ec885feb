"""Tests the initialisers: their variances, shapes and orthogonality, for weights of any shape."""

import functools

import numpy as np
import pytest

from nn import Conv2d, Linear, initializers
from nn.initializers import fans, gain_of

from .test_networks import refused

MATRIX, KERNEL = (200, 300), (60, 40, 3, 3)  # fans (200, 300) and (360, 540)


def draw(name, *shape, seed=0, **settings):
    return getattr(initializers, name)(np.random.default_rng(seed), *shape, **settings)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("name", "shape", "settings", "variance"),
    [
        ("kaiming", MATRIX, {}, 2 / 200),
        ("kaiming", MATRIX, {"mode": "fan_out"}, 2 / 300),
        ("kaiming", KERNEL, {}, 2 / 360),
        ("kaiming", KERNEL, {"mode": "fan_out", "nonlinearity": "tanh"}, 25 / 9 / 540),
        ("kaiming", KERNEL, {"nonlinearity": "leaky_relu", "a": 2.0}, 2 / 5 / 360),
        ("xavier", MATRIX, {}, 2 / 500),
        ("xavier", KERNEL, {"gain": 3.0}, 9 * 2 / 900),
    ],
)
def test_variances(name, kind, shape, settings, variance):
    weights = draw(f"{name}_{kind}", *shape, **settings)
    assert (weights.shape, weights.dtype) == (shape, np.float64)
    assert weights.var() == pytest.approx(variance, rel=0.03)
    if kind == "uniform":
        assert np.sqrt(2.99 * variance) < np.abs(weights).max() <= np.sqrt(3 * variance)
    np.testing.assert_array_equal(weights, draw(f"{name}_{kind}", *shape, **settings))


def test_those_for_matrices_are_the_same_under_both_names():
    for old, new in (("he", "kaiming"), ("glorot", "xavier")):
        for kind in ("normal", "uniform"):
            one, two = (draw(f"{name}_{kind}", *MATRIX) for name in (old, new))
            np.testing.assert_allclose(one, two, rtol=1e-15)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 3), (30, 2, 3, 3)])
def test_orthogonal(shape):
    weights = draw("orthogonal", *shape, gain=2.0)
    assert weights.shape == shape
    flat = weights.reshape(shape[0], -1)
    product = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    signs = [draw("orthogonal", 2, 2, seed=seed)[0, 0] > 0 for seed in range(40)]
    assert 10 < sum(signs) < 30, "signs are random too"


def test_truncated_normal():
    values = draw("truncated_normal", 100_000, mean=1.0, std=2.0, low=0.0, high=4.0)
    assert 0 <= values.min() < values.max() <= 4
    grid = np.linspace(0, 4, 100_001)
    density = np.exp(-(((grid - 1) / 2) ** 2) / 2)
    mean = (grid * density).sum() / density.sum()
    assert values.mean() == pytest.approx(mean, abs=0.02)
    variance = ((grid - mean) ** 2 * density).sum() / density.sum()
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert draw("truncated_normal").shape == ()


def test_simple_ones():
    assert draw("normal", 10_000, mean=3.0, std=0.5).mean() == pytest.approx(3.0, abs=0.03)
    assert draw("uniform", 10_000, low=2.0, high=4.0).mean() == pytest.approx(3.0, abs=0.03)
    assert draw("zeros", 2).tolist() == [0.0, 0.0]
    assert draw("ones", 2).tolist() == [1.0, 1.0]
    assert draw("constant", 1, 2, value=7).tolist() == [[7.0, 7.0]]
    assert {gain_of(name) for name in ("linear", "sigmoid")} == {1.0}


def test_layers_take_initialisers():
    for name in initializers.__all__:
        if name not in ("fans", "gain_of"):
            initializer = getattr(initializers, name)
            assert Linear(3, 2, initializer=initializer).weight.shape == (3, 2)
            if not name.startswith(("he", "glorot")):
                assert Conv2d(2, 3, 2, initializer=initializer).weight.shape == (3, 2, 2, 2)
    small = functools.partial(initializers.normal, std=1e-3)
    layer = Linear(30, 20, initializer=small)
    assert layer.weight.data.std() == pytest.approx(1e-3, rel=0.2)
    layer.weight.data = initializers.ones(np.random.default_rng(0), *layer.weight.shape)
    assert layer.weight.data.all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fans((3,)), ["(3,)", "zeros"]),
        (lambda: draw("orthogonal", 3), ["(3,)"]),
        (lambda: draw("kaiming_normal", 3, 2, mode="in"), ["'in'", "fan_out"]),
        (lambda: draw("kaiming_normal", 3, 2, nonlinearity="gelu"), ["'gelu'", "leaky_relu"]),
        (lambda: draw("truncated_normal", 3, std=0.0), ["deviation 0"]),
        (lambda: draw("truncated_normal", 3, low=2.0, high=1.0), ["2..1"]),
        (lambda: draw("truncated_normal", 3, low=50.0, high=51.0), ["50..51"]),
    ],
)
def test_initialisers_refuse(make, words):
    refused(make, ValueError, words)


def test_a_shape_may_be_a_tuple():
    for name in ("kaiming_normal", "xavier_uniform", "orthogonal", "truncated_normal", "zeros"):
        initializer = getattr(initializers, name)
        one, other = (
            initializer(np.random.default_rng(0), *shape) for shape in ((4, 3), ((4, 3),))
        )
        np.testing.assert_array_equal(one, other)

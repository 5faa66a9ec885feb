"""Tests that created tensors hold the arrays that NumPy creates, and are leaves."""

import builtins
import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, creation

CALLS = {
    "zeros": [((2, 3),), (3,), ((),), ((2, 0),), ((2,), int), ((2,), "float32")],
    "ones": [((2, 3),), (3,), ((),), ((2,), bool)],
    "full": [((2, 3), 1.5), (2, 3), ((), 2.0), ((2, 2), [1.0, 2.0]), ((2,), 1, float)],
    "arange": [(3,), (3.0,), (1, 4), (1.0, 2.0, 0.25), (5, 0, -2), (0,), (0, 3, 1, "float32")],
    "linspace": [(0, 1), (0, 1, 5), (0, 1, 4, False), ([0.0, 1.0], 2.0, 3), (1, 2, 0), (1, 2, 1)],
    "eye": [(3,), (2, 3), (3, 3, 1), (3, None, -1), (2, 2, 0, "float32"), (0,)],
}
X = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad=True)
LIKE = {
    "zeros_like": [(X,), (X, int), (np.arange(3),), (2.0,), ([1, 2],)],
    "ones_like": [(X,), (X, "float64"), (np.zeros((0, 2)),)],
    "full_like": [(X, 1.5), (X, 1.5, "float64"), (np.arange(3), 7)],
}
ALL = [(name, arguments) for name, calls in (CALLS | LIKE).items() for arguments in calls]


@pytest.mark.parametrize(("name", "arguments"), ALL, ids=str)
def test_same_as_numpy(name, arguments):
    plain = [value.data if isinstance(value, Tensor) else value for value in arguments]
    found, expected = getattr(tg, name)(*arguments), getattr(np, name)(*plain)
    assert type(found) is Tensor
    assert (found.node, found.requires_grad, found.name) == (None, False, None)
    np.testing.assert_array_equal(found.data, expected, strict=True)


def test_keywords_of_numpy():
    assert tg.linspace(start=0.0, stop=1.0, num=2, endpoint=True, axis=0).tolist() == [0, 1]
    assert tg.linspace(0, 3, 4, dtype=int).dtype == int
    assert tg.linspace([0, 1], 2, 3, axis=1).shape == (2, 3)
    assert tg.full(shape=(2,), fill_value=3, dtype="float16").dtype == np.float16
    assert tg.eye(N=2, M=3, k=1).tolist() == [[0, 1, 0], [0, 0, 1]]


def test_leaves_can_be_trained():
    for make in (
        lambda **k: tg.zeros(2, **k),
        lambda **k: tg.ones(2, **k),
        lambda **k: tg.full(2, 3.0, **k),
        lambda **k: tg.arange(2.0, **k),
        lambda **k: tg.linspace(0, 1, 2, **k),
        lambda **k: tg.eye(2, **k),
        lambda **k: tg.zeros_like(X, **k),
        lambda **k: tg.ones_like(X, **k),
        lambda **k: tg.full_like(X, 2, **k),
        lambda **k: tg.randn(2, **k),
        lambda **k: tg.rand(2, **k),
    ):
        w = make(requires_grad=True, name="w")
        assert (w.name, w.requires_grad, w.node) == ("w", True, None)
        (w * w).sum().backward()
        np.testing.assert_array_equal(w.grad, 2 * w.data)
        w.data = w.data - w.grad
    assert X.grad is None


def test_integers_cannot_require_gradients():
    for make in (lambda **k: tg.arange(3, **k), lambda **k: tg.full(2, 1, **k)):
        with pytest.raises(TypeError, match=r"int\d\d.*floating.*3\.0"):
            make(requires_grad=True)


@pytest.mark.parametrize("make", [tg.arange, lambda t: tg.arange(0.0, 3.0, t)])
def test_no_graph_is_lost(make):
    with pytest.raises(TypeError, match="arange"):
        make(Tensor(1.0, requires_grad=True))


ENDS = np.array([1.5, 2.5, 0.75])


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda t: tg.full((2, 3), t), lambda a: np.broadcast_to(a, (2, 3))),
        (lambda t: tg.full((2, 3), t, "float32"), lambda a: np.broadcast_to(a, (2, 3))),
        (lambda t: tg.full_like(np.ones((2, 3)), t), lambda a: np.broadcast_to(a, (2, 3))),
        (lambda t: tg.linspace(t, 3.0, 4), lambda a: np.linspace(a, 3.0, 4)),
        (
            lambda t: tg.linspace(0, t, 4, False, axis=1),
            lambda a: np.linspace(0, a, 4, False, axis=1),
        ),
        (lambda t: tg.linspace(t, 2 * t, 3, retstep=True)[1], lambda a: a / 2),
        (lambda t: tg.geomspace(1.0, t, 4), lambda a: np.geomspace(1.0, a, 4)),
        (lambda t: tg.geomspace(-t, -2 * t, 4), lambda a: np.geomspace(-a, -2 * a, 4)),
        (lambda t: tg.logspace(0.0, t, 4), lambda a: np.logspace(0.0, a, 4)),
        (lambda t: tg.logspace(0, 1, 4, base=t[0]), lambda a: np.logspace(0, 1, 4, base=a[0])),
    ],
)
def test_ends_and_values_may_be_tensors(make, reference):
    t = Tensor(ENDS, requires_grad=True)
    found, expected = make(t), reference(ENDS)
    narrow = found.dtype == np.float32
    np.testing.assert_allclose(found.data, expected, rtol=1e-6 if narrow else 1e-13)
    random = np.random.default_rng(2)
    g, direction = random.normal(size=expected.shape), random.normal(size=3)
    moved = [reference(ENDS + sign * 1e-6 * direction) for sign in (1, -1)]
    slope = np.sum(g * (moved[0] - moved[1])) / 2e-6
    np.testing.assert_allclose(np.sum(tg.grad(found, t, g) * direction), slope, rtol=1e-6)


def test_numbers_in_a_row_without_tensors():
    assert tg.logspace(0, 2, 3).tolist() == [1, 10, 100]
    assert tg.geomspace(1, 4, 3, requires_grad=True).requires_grad
    numbers, step = tg.linspace(0, 1, 3, retstep=True)
    assert (numbers.tolist(), step) == ([0, 0.5, 1], 0.5)
    end = Tensor(1.0, requires_grad=True)
    assert tg.linspace(0, end, 3, name="row").name == "row"


def test_numpy_still_returns_plain_arrays():
    for f in (np.zeros_like, np.ones_like):
        assert type(f(X)) is np.ndarray


def test_random_numbers_are_those_of_the_generator():
    for make, method in ((tg.randn, "standard_normal"), (tg.rand, "random")):
        for dtype in (np.float64, np.float32):
            draw = getattr(np.random.default_rng(5), method)
            found = make(2, 3, generator=5, dtype=dtype)
            np.testing.assert_array_equal(found.data, draw((2, 3), dtype), strict=True)
        np.testing.assert_array_equal(make((2, 3), generator=5).data, make(2, 3, generator=5).data)
        generator = np.random.default_rng(5)
        first, second = make(4, generator=generator), make(4, generator=generator)
        expected = getattr(np.random.default_rng(5), method)(8)
        np.testing.assert_array_equal([*first.data, *second.data], expected)
        assert not np.array_equal(make(8).data, make(8).data)  # a different one each time
        assert make(generator=1).shape == make((), generator=1).shape == ()
        assert make(0).shape == (0,)
        for dtype in (int, "float16", complex):
            with pytest.raises(TypeError):
                make(2, dtype=dtype)
    values = tg.rand(10_000, generator=0).data
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    normal = tg.randn(10_000, generator=0).data  # five standard errors
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


def test_star_import_hides_no_builtin():
    assert set(creation.__all__) <= set(tg.__all__)
    assert not set(tg.__all__) & set(vars(builtins))
    assert len(tg.__all__) == len(set(tg.__all__))


def pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("twin_of", [copy.copy, copy.deepcopy, pickled])
def test_copies_are_new_leaves(twin_of):
    x = tg.linspace(0.0, 1.0, 3, requires_grad=True, name="w")
    x.register_hook(lambda g: 100 * g)  # not shared with x
    twin = twin_of(x)
    assert (twin.name, twin.requires_grad) == ("w", True)
    (twin * 2.0).sum().backward()
    assert (x.grad, twin.grad.tolist()) == (None, [2, 2, 2])


def test_assigning_elements_raises_an_error_with_the_alternative():
    x = tg.zeros(3, requires_grad=True)
    with pytest.raises(TypeError, match=r"x = index_update\(x, index, value\).*x\.data = array"):
        x[0] = 1.0
    array = x.numpy()  # as the message says for a leaf
    array[0] = 1.0
    x.data = array
    assert x.tolist() == [1, 0, 0]
    with pytest.raises(TypeError, match="index_update"):
        (x * 2)[0] = 1.0
    y = tg.index_update(x * 2, 0, 5.0)  # and as it says for all others
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([5, 0, 0], [0, 2, 2])
    with pytest.raises(GradientError, match="result of multiply"):
        (x * 2).data = array

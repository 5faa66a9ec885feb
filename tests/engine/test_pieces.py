"""The cotangents of the pieces of a tensor meet in one array, and are what sums of zeros are."""

import tracemalloc

import numpy as np
import pytest

from tinygrad_edu import Tensor, capture, grad, split, stack
from tinygrad_edu.primitive import PRIMITIVES

GENERATOR = np.random.default_rng(3)
INDICES = [
    0, -1, slice(1, 3), slice(None, None, -2), (slice(None), 1), (0, 2), (..., 0), (None, 2),
    (slice(0, 3), slice(None, None, 2)), (1, ...), slice(0, 0), (np.int64(2), slice(1, None)),
]  # fmt: skip


def expected(x, weights):
    """Add every cotangent to zeros, element by element."""
    total = np.zeros(x.shape)
    for index, weight in weights:
        numbers = np.arange(x.size).reshape(x.shape)[index]
        for number, value in zip(np.ravel(numbers), np.ravel(weight), strict=True):
            total.reshape(-1)[number] += value
    return total


@pytest.mark.parametrize("order", range(6))
def test_gradients_of_overlapping_pieces(order):
    x = Tensor(GENERATOR.normal(size=(4, 5)), requires_grad=True)
    y = x * 1.0
    chosen = [INDICES[i] for i in np.random.default_rng(order).permutation(len(INDICES))]
    weights = [(index, GENERATOR.normal(size=np.shape(x.data[index]))) for index in chosen]
    loss = sum((y[index] * weight).sum() for index, weight in weights) + (y * 2.0).sum()
    wanted = expected(x, weights) + 2.0
    np.testing.assert_allclose(grad(loss, x), wanted, rtol=1e-12)
    np.testing.assert_allclose(grad(loss, y), wanted, rtol=1e-12)
    again = grad(loss, x, create_graph=True)
    np.testing.assert_allclose(again.data, wanted, rtol=1e-12)
    loss.backward()
    np.testing.assert_allclose(x.grad, wanted, rtol=1e-12)
    np.testing.assert_allclose(y.grad, wanted, rtol=1e-12)


def test_a_wrong_piece_is_caught():
    """The test of the test: pieces at another place give other gradients."""
    declared = PRIMITIVES["getitem"]
    right = declared.piece
    x = Tensor(np.arange(3.0), requires_grad=True)
    try:
        object.__setattr__(declared, "piece", lambda index: (index + 1) % 3)
        (x[0] * 2.0).backward()
    finally:
        object.__setattr__(declared, "piece", right)
    assert x.grad.tolist() == [0.0, 2.0, 0.0]


def test_one_array_serves_all_pieces():
    """Memory, not time: T slices of a tensor used to make T arrays of its size, one at a time."""
    x = Tensor(np.ones((8, 64, 1000), np.float32), requires_grad=True)
    made = []
    counted = np.zeros_like

    def counting(*arguments, **keywords):
        made.append(keywords.get("shape"))
        return counted(*arguments, **keywords)

    y = stack([x[:, t] * float(t) for t in range(64)]).sum()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "zeros_like", counting)
        y.backward()
    assert made.count(x.shape) == 1
    np.testing.assert_array_equal(x.grad, np.arange(64.0)[None, :, None] + np.zeros(x.shape))


def test_a_gradient_is_not_changed_by_a_later_piece():
    """What a hook or a user holds stays as it was."""
    x = Tensor(np.ones(4), requires_grad=True)
    y = x * 1.0
    z = y + 0.0
    loss = (y[0] * 2.0).sum() + (z * 3.0).sum() + (y[1:3] * 5.0).sum()
    loss.backward()
    assert z.grad.tolist() == [3.0, 3.0, 3.0, 3.0]
    assert y.grad.tolist() == [5.0, 8.0, 8.0, 3.0]
    seen = []
    x2 = Tensor(np.ones(4), requires_grad=True)
    x2.register_hook(lambda g: seen.append(g.copy()))
    ((x2[0] * 2.0) + (x2[0] * 3.0)).backward()
    assert seen[0].tolist() == [5.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes(dtype):
    x = Tensor(np.ones((3, 4), dtype), requires_grad=True)
    parts = split(x, 2, axis=1)
    (parts[0] * parts[1]).sum().backward()
    assert x.grad.dtype == dtype
    assert x.grad.tolist() == np.ones((3, 4)).tolist()


def test_captured_steps_have_the_same_bits():
    w = Tensor(GENERATOR.normal(size=(3, 8)), requires_grad=True)

    def step(x):
        h = x
        for _ in range(3):
            z = h @ w
            h = z[:, :3] * z[:, 3:6] + z[:, 5:]
        loss = (h * h).mean()
        loss.backward()
        gradient, w.grad = w.grad, None
        return loss, gradient

    replayed = capture(step)
    for _ in range(5):
        x = GENERATOR.normal(size=(4, 3))
        for one, other in zip(step(x), replayed(x), strict=True):
            assert (
                np.asarray(getattr(one, "data", one)).tobytes()
                == np.asarray(getattr(other, "data", other)).tobytes()
            )


def test_memory_of_a_long_recurrence_grows_with_its_length():
    def peak(length):
        x = Tensor(np.ones((4, length, 256), np.float32), requires_grad=True)
        loss = sum((x[:, t] * x[:, t]).sum() for t in range(length))
        tracemalloc.start()
        loss.backward(keep_interior=False)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(64) < 6 * peak(16)

"""Tests capturing for a device, with the stand-in for CuPy: training, ownership, and all errors."""

import pickle
import sys

import numpy as np
import pytest

import nn
from nn import SGD, Adam, softmax_cross_entropy
from tinygrad_edu import CaptureError, Tensor, capture, einsum
from tinygrad_edu.errors import ReplayError

from .stand_in import make_module
from .test_twins import Box, drawn


@pytest.fixture
def cupy(monkeypatch):
    module = make_module()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


class Characters(nn.Module):
    """Numbers of characters, by an LSTM or a block of a transformer, to scores of the next one."""

    def __init__(self, middle):
        super().__init__()
        self.table = nn.Embedding(7, 8, generator=np.random.default_rng(0))
        self.middle = middle
        self.head = nn.Linear(8, 7, generator=np.random.default_rng(1))

    def forward(self, x):
        found = self.middle(self.table(x))
        return self.head(found[0] if isinstance(found, tuple) else found)


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, generator=np.random.default_rng(0)),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3, generator=np.random.default_rng(1)),
    )


# No transformer by Adam: the gradient of the bias of keys is rounding, which Adam scales up.
NETWORKS = {
    "MLP": (lambda: nn.MLP([5, 6, 3], seed=0), SGD),
    "MLP by Adam": (lambda: nn.MLP([5, 6, 3], "tanh", seed=0), Adam),
    "CNN": (convolutional, SGD),
    "LSTM": (lambda: Characters(nn.LSTM(8, 8, generator=np.random.default_rng(2))), SGD),
    "GPT": (
        lambda: Characters(
            nn.TransformerBlock(
                8, 2, 16, dropout=0.0, causal=True, generator=np.random.default_rng(2)
            )
        ),
        SGD,
    ),
}


def batch(name, number):
    generator = np.random.default_rng(number)
    if name in ("LSTM", "GPT"):
        return generator.integers(0, 7, (2, 4)), generator.integers(0, 7, (2, 4))
    shape = (4, 1, 6, 6) if name == "CNN" else (4, 5)
    return generator.random(shape, dtype=np.float32), generator.integers(0, 3, 4)


def training(name):
    make, optimizer_of = NETWORKS[name]
    network = make()
    optimizer = optimizer_of(network.parameters(), lr=0.05)

    def step(x, labels):
        scores = network(x)
        loss = softmax_cross_entropy(scores.reshape(-1, scores.shape[-1]), labels.reshape(-1))
        loss.backward(keep_interior=False)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return network, step


@pytest.mark.parametrize("name", NETWORKS)
def test_training(cupy, name):
    (plain, step), (network, function) = training(name), training(name)
    captured = capture(function, device="cupy")
    for number in range(8):
        expected, found = step(*batch(name, number)), captured(*batch(name, number))
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-4)
    assert captured.recordings <= 3, "calls are replayed"
    assert "cupy" in captured.explain()
    for one, other in zip(plain.parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(other.data, one.data, rtol=1e-3, atol=1e-5)
        assert type(other._data) is np.ndarray


def momentum():
    """Return a state and a step that replaces its arrays."""
    box = Box(w=drawn(0, 3, 2), v=np.zeros((3, 2)))

    def step(x, y):
        gradient = x.T @ (x @ box.w - y)
        box.v = 0.9 * box.v + gradient
        box.w = box.w - 0.01 * box.v
        return (gradient * gradient).sum()

    return box, step


def feed(number):
    return drawn(number, 4, 3), drawn(number + 100, 4, 2)


def test_values_stay_on_the_device_until_they_are_replaced(cupy):
    (box, step), (twin, plain) = momentum(), momentum()
    captured = capture(step, device="cupy")
    sizes = []
    for number in range(12):
        if number == 9:
            box.w, twin.w = drawn(9, 3, 2), drawn(9, 3, 2)
        before = cupy.uploaded
        np.testing.assert_allclose(captured(*feed(number)), plain(*feed(number)))
        sizes.append(cupy.uploaded - before)
        np.testing.assert_allclose(box.w, twin.w)
        np.testing.assert_allclose(box.v, twin.v)
    arguments = sum(array.nbytes for array in feed(0))
    assert sizes[5] == arguments
    assert sizes[10] == arguments
    assert sizes[9] == arguments + box.w.nbytes, "the new array is copied there"


def test_an_array_that_is_on_the_device_cannot_be_changed_unnoticed(cupy):
    box, step = momentum()
    captured = capture(step, device="cupy")
    for number in range(6):
        captured(*feed(number))
    with pytest.raises(ValueError, match="read-only"):
        box.w[0, 0] = 7.0
    box.w.flags.writeable = True
    box.w[0, 0] = 7.0
    twin, plain = momentum()
    twin.w, twin.v = box.w.copy(), box.v.copy()
    np.testing.assert_allclose(captured(*feed(6)), plain(*feed(6)))


def test_the_comparison_names_the_call_that_differs(cupy):
    box, step = momentum()
    captured = capture(step, device="cupy")
    cupy.wrong["multiply"] = lambda array: array + 0.001
    for number in range(2):
        captured(*feed(number))
    state = box.w, box.v
    with pytest.raises(CaptureError, match=r"multiply\(0.9, box.v\) at test_device.py:\d+: the de"):
        captured(*feed(2))
    assert box.w is state[0]
    assert box.v is state[1]


def test_a_later_comparison_says_that_replays_may_be_wrong(cupy):
    box, step = momentum()
    captured = capture(step, device="cupy")
    for number in range(4):
        captured(*feed(number))
    cupy.wrong["subtract"] = lambda array: array + 0.001
    for number in range(4, 7):
        captured(*feed(number))
    kept = box.w
    with pytest.raises(ReplayError, match="subtract"):
        captured(*feed(7))  # the eighth call is compared
    assert box.w is kept


def test_a_rounding_within_the_tolerance_passes_and_one_beyond_does_not(cupy):
    for change, passes in ((1e-14, True), (1e-9, False)):
        cupy.wrong["exp"] = lambda array, change=change: array * (1 + change)
        captured = capture(lambda x: np.exp(x) + x, device="cupy")
        captured(drawn(0, 5)), captured(drawn(1, 5))
        if passes:
            captured(drawn(2, 5))
        else:
            with pytest.raises(CaptureError, match="exp"):
                captured(drawn(2, 5))


def test_no_memory_on_the_device_changes_nothing(cupy):
    box, step = momentum()
    captured = capture(step, device="cupy")
    for number in range(5):
        captured(*feed(number))
    for more in range(1, 8):
        state = box.w, box.v
        cupy.fails_at = len(cupy.calls) + more
        with pytest.raises(MemoryError, match="the memory of the device is too small"):
            captured(*feed(5))
        assert box.w is state[0]
        assert box.v is state[1]
    cupy.fails_at = None
    twin, plain = momentum()
    twin.w, twin.v = box.w, box.v
    np.testing.assert_allclose(captured(*feed(6)), plain(*feed(6)))
    np.testing.assert_allclose(box.w, twin.w)


def test_indices_out_of_range_are_found_although_the_device_accepts_them(cupy):
    captured = capture(lambda x, index: x[index] * 2.0, device="cupy")
    x = drawn(0, 5)
    for _ in range(5):
        captured(x, np.array([0, -1, 4]))
    for wrong in (5, -6):
        with pytest.raises(IndexError, match="out of bounds"):
            captured(x, np.array([0, 1, wrong]))


def test_one_place_twice_is_refused(cupy):
    def step(x, index, values):
        y = x * 1.0
        y[index] = values
        return y

    captured = capture(step, device="cupy")
    x, values = np.zeros(4), np.array([1.0, 2.0])
    for _ in range(5):
        found = captured(x, np.array([0, 2]), values)
    np.testing.assert_array_equal(found, [1, 0, 2, 0])
    with pytest.raises(CaptureError, match="has one place twice"):
        captured(x, np.array([1, 1]), values)


def test_random_numbers_are_those_of_the_generator(cupy):
    box, twin = (Box(generator=np.random.default_rng(5)) for _ in range(2))
    captured = capture(lambda x: x * box.generator.random(3), device="cupy")
    for number in range(9):
        x = drawn(number, 3)
        np.testing.assert_allclose(captured(x), x * twin.generator.random(3))
    assert box.generator.random() == twin.generator.random()


def test_views_and_arrays_that_are_written_into_belong_to_the_host(cupy):
    def step(x, total):
        y = np.exp(x)
        total += y
        return y, y[1:], x[::2], total

    captured = capture(step, device="cupy")
    total, twin = np.zeros(4), np.zeros(4)
    for number in range(6):
        x = drawn(number, 4)
        y, part, of_argument, same = captured(x, total)
        for one, other in zip((y, part, of_argument), step(x, twin), strict=False):
            np.testing.assert_allclose(one, other)
        assert np.shares_memory(y, part)
        assert np.shares_memory(of_argument, x)
        assert same is total
        np.testing.assert_allclose(total, twin)


def test_shared_memory_that_is_written_into_is_refused(cupy):
    def step(x, y):
        x += 1.0
        return x * y

    captured, x = capture(step, device="cupy"), np.zeros(4)
    captured(x, x[:])
    with pytest.raises(CaptureError):
        captured(x, x[:])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: np.argsort(x) * x, "argsort without stable=True"),
        (lambda x: np.linalg.inv(x[:, None] * x + np.eye(4)), "inv"),
        (lambda x: np.add.reduce(x, where=x > 0), "the option where= of sum"),
        (lambda x: np.multiply(x, 2.0, dtype=np.longdouble), "dtype float128"),
    ],
)
def test_refused_by_name(cupy, function, name):
    if np.longdouble == np.float64:
        pytest.skip("this machine has no longdouble")
    captured = capture(function, device="cupy")
    captured(drawn(0, 4))
    place = rf"at test_device.py:\d+: a device does not have {name}"
    with pytest.raises(CaptureError, match=place):
        captured(drawn(1, 4))


def test_floating_point_errors_that_are_to_be_raised_are_refused(cupy):
    captured = capture(lambda x: x / 2.0, device="cupy")
    with np.errstate(divide="raise"):
        captured(drawn(0, 4)), captured(drawn(1, 4))
        with pytest.raises(CaptureError, match="floating-point errors"):
            captured(drawn(2, 4))


def test_what_opening_a_device_reports(cupy, monkeypatch):
    with pytest.raises(ValueError, match="device is 'tpu', expected 'cupy'"):
        capture(abs, device="tpu")
    cupy.available = False
    with pytest.raises(RuntimeError, match="found no device"):
        capture(abs, device="cupy")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ModuleNotFoundError, match="pip install cupy-cuda12x") as caught:
        capture(abs, device="cupy")
    assert "\n" not in str(caught.value)


def double(x):
    return einsum("i,i->i", Tensor(x), Tensor(x))


def test_copies_keep_the_device(cupy):
    copy = pickle.loads(pickle.dumps(capture(double, device="cupy")))
    assert copy.device == "cupy"
    for number in range(5):
        x = drawn(number, 3)
        np.testing.assert_allclose(copy(x).data, x * x)
    assert copy.recordings == 2

"""A captured step draws anew at each replay, exactly as the step itself would."""

import threading

import numpy as np
import pytest

from nn import SGD, Linear, Module
from tinygrad_edu import CaptureError, Tensor, capture, dropout, relu, softmax_cross_entropy
from tinygrad_edu.capturing.generators import _Drawing
from tinygrad_edu.capturing.recorder import Tape


class Noisy(Module):
    def __init__(self, draw):
        self.first = Linear(4, 8, generator=np.random.default_rng(0))
        self.last = Linear(8, 3, generator=np.random.default_rng(1))
        self.generator = np.random.default_rng(5)
        self.draw = draw

    def forward(self, x):
        return self.last(self.draw(self.generator, relu(self.first(x))))


def noise(generator, x):
    return x + generator.normal(0.0, 0.1, x.shape).astype(np.float32)


def twice(generator, x):
    generator.random(3)  # it advances the generator, although nothing reads it
    return dropout(dropout(x, 0.2, generator=generator), 0.3, generator=generator)


def picked(generator, x):
    rows = generator.integers(0, len(x), len(x))
    return x[rows] * generator.choice(np.array([0.5, 2.0], np.float32), x.shape)


DRAWS = [
    lambda generator, x: dropout(x, 0.5, generator=generator), noise, twice, picked,
    lambda generator, x: x * generator.permutation(8).astype(np.float32),
    lambda generator, x: x + generator.uniform(size=(1,)).astype(np.float32),
]  # fmt: skip


def trained(draw, wrap):
    network = Noisy(draw)
    optimizer = SGD(network.parameters(), lr=0.1)

    def step(x, labels):
        loss = softmax_cross_entropy(network(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return network, wrap(step)


def state(network):
    return repr(network.generator.bit_generator.state)


@pytest.mark.parametrize("draw", DRAWS)
def test_replays_have_the_same_bits_as_the_step(draw):
    network, step = trained(draw, lambda f: f)
    twin, replayed = trained(draw, capture)
    data = np.random.default_rng(9)
    for _ in range(20):
        x, labels = data.normal(size=(16, 4)).astype(np.float32), data.integers(0, 3, 16)
        assert step(x, labels).item() == replayed(x, labels).item()
        assert state(network) == state(twin)
    assert replayed.recordings == 2
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        assert one.data.tobytes() == other.data.tobytes()


def test_a_replay_that_does_not_draw_is_caught():
    """The test of the test: the comparison of call 4 sees other random numbers."""
    _, replayed = trained(DRAWS[0], capture)
    data = np.random.default_rng(9)
    x, labels = data.normal(size=(16, 4)).astype(np.float32), data.integers(0, 3, 16)
    losses = {replayed(x, labels).item() for _ in range(10)}
    assert len(losses) == 10
    assert "random(" in replayed.explain()


@pytest.mark.parametrize("calls", [1, 3])
def test_an_error_leaves_the_generator_as_it_was(calls):
    network, replayed = trained(DRAWS[0], capture)
    data = np.random.default_rng(9)
    x, labels = data.normal(size=(16, 4)).astype(np.float32), data.integers(0, 3, 16)
    for _ in range(calls):
        replayed(x, labels)
    before = state(network)
    with pytest.raises(ValueError, match="label 7"):
        replayed(x, np.full(16, 7))
    # The step itself ran and raised after its draw, so the draw of that call counts.
    network_2, step = trained(DRAWS[0], lambda f: f)
    network_2.generator.bit_generator.state = eval(before)
    with pytest.raises(ValueError, match="label 7"):
        step(x, np.full(16, 7))
    assert state(network) in (before, state(network_2))


def test_a_generator_that_nothing_watches_is_refused():
    hidden = (np.random.default_rng(0),)
    step = capture(lambda x: x + hidden[0].random(3))
    step(np.ones(3))
    with pytest.raises(CaptureError, match="random numbers of hidden"):
        step(np.ones(3))


def test_one_generator_under_two_names_is_watched_once():
    generator = np.random.default_rng(0)
    names = {"one": generator, "other": generator}
    step = capture(lambda x: x + names["one"].random(3) - names["other"].random(3))
    twin = np.random.default_rng(0)
    for _ in range(6):
        assert step(np.zeros(3)).tolist() == (twin.random(3) - twin.random(3)).tolist()


def test_a_number_without_a_size_is_refused():
    generators = [np.random.default_rng(0)]
    before = repr(generators[0].bit_generator.state)
    step = capture(lambda x: x * generators[0].random())
    with pytest.raises(CaptureError, match="random returns a Python float"):
        step(np.ones(3))
    assert repr(generators[0].bit_generator.state) == before


def test_a_state_that_is_read_or_set_is_refused():
    generators = [np.random.default_rng(0)]
    step = capture(lambda x: x + (generators[0].bit_generator is None))
    with pytest.raises(CaptureError, match=r"uses \.bit_generator of a random generator"):
        step(np.ones(3))
    assert type(generators[0]) is np.random.Generator


@pytest.mark.needs("threads")
def test_another_thread_draws_from_the_generator_itself():
    tape = Tape()
    drawing = _Drawing(np.random.default_rng(0), tape, None)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(drawing.random(2)))
    thread.start()
    thread.join()
    assert type(seen[0]) is np.ndarray
    assert tape.calls == []


def test_dropout_scales_what_it_keeps():
    x = Tensor(np.ones(1000, np.float32), requires_grad=True)
    y = dropout(x, 0.25, generator=np.random.default_rng(0))
    y.backward(np.ones(1000, np.float32))
    assert set(np.unique(y.data).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    np.testing.assert_array_equal(x.grad, y.data)

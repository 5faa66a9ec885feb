"""Tests the single interface for observing the engine: what a watcher sees, and when."""

import contextvars

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, checkpoint, grad
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.tracing import trace_gradients
from tinygrad_edu.watching import Watcher, Watching, watcher


class Diary(Watching):
    """Records what it sees."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def evaluate(self, function, *arrays, **params):
        self.seen.append(("evaluate", len(arrays)))
        return function(*arrays, **params)

    def called(self, node, result):
        self.seen.append(("called", node.primitive.name, result.node is node))

    def arrived(self, tensor, g):
        self.seen.append(("arrived", tensor.name or tensor._label()))
        return g

    def sent(self, sent, order):
        self.seen.append(("sent", sent.position, float(sent.contribution), float(sent.total)))


class Other(Diary):
    """A second kind of watcher."""


class Doubling(Watching):
    def arrived(self, tensor, g):
        return 2 * g


def test_a_watcher_sees_calls_and_contributions():
    # y = a * a with a = 3 sends 3 to each of its operands: 6 in all.
    a, diary = Tensor(3.0, True, name="a"), Diary()
    with diary:
        y = a * a
        y.backward()
    assert diary.seen == [
        ("evaluate", 2),
        ("called", "multiply", True),
        ("arrived", "the result of multiply"),
        ("evaluate", 4),  # each rule gets g, out, and both operands
        ("evaluate", 4),
        ("sent", 0, 3.0, 3.0),
        ("sent", 1, 3.0, 6.0),
        ("arrived", "a"),
    ]
    assert a.grad == 6


def test_unrecorded_calls_are_seen_too():
    a, diary = Tensor(3.0, True), Diary()
    with diary, tg.no_grad():
        y = a * 2
    with tg.no_grad(), diary:
        _ = Tensor(1.0) + 1
    assert [one for one in diary.seen if one[0] == "called"] == [
        ("called", "multiply", False),
        ("called", "add", False),
    ]
    assert y.node is None
    assert not y.requires_grad


def test_recording_switched_on_again_does_not_hide_a_watcher():
    a, diary = Tensor(3.0, True), Diary()
    with diary, tg.enable_grad():
        y = a * 2
    with diary, tg.no_grad(), tg.enable_grad():
        z = a * 2
    assert y.requires_grad
    assert z.requires_grad
    assert diary.seen == [("evaluate", 2), ("called", "multiply", True)] * 2


def test_arrays_alone_are_not_seen():
    diary = Diary()
    with diary:
        assert tg.exp(np.zeros(2)).tolist() == [1, 1]
    assert diary.seen == []


def test_the_gradient_that_flows_on_is_the_one_returned():
    x = Tensor(5.0, True)
    y = x * 3
    with Doubling():
        assert grad(y, x) == 12  # doubled at y, and again at x
        assert grad(y, y) == 2
        interior = y * 1
        interior.backward()
    assert (y.grad, x.grad) == (4, 24)
    with Doubling():
        second = grad(y, x, create_graph=True)
    assert second.item() == 12


def test_the_innermost_watcher_of_each_kind_watches():
    outer, inner, other = Diary(), Diary(), Other()
    x = Tensor(1.0, True)
    with outer, other, inner:
        (x * 2).backward()
    assert outer.seen == []
    assert inner.seen == other.seen != []


def test_a_trace_hides_the_others():
    diary, x = Diary(), Tensor(2.0, True)
    y = checkpoint(lambda x: x * x, x) * 3
    with diary:
        (sent, inner) = trace_gradients(graph_order(y), y, np.float64(1))
    assert (sent.source, sent.contribution) == (y.node.inputs[0], 3)
    assert (inner.source, inner.contribution) == (x, 12)  # one entry for a checkpoint
    assert diary.seen == []


def test_it_ends_with_its_block_in_every_context():
    diary = Diary()
    with diary:
        assert watcher() is diary
        context = contextvars.copy_context()
    assert watcher() is None
    assert context.run(watcher) is None


def test_the_base_class_changes_nothing():
    class Idle(Watching):
        pass

    x = Tensor([1.0, 2.0], True)
    with Idle(), Diary.__mro__[1]():
        (x * x).sum().backward()
    assert x.grad.tolist() == [2, 4]
    assert Watcher().arrived(x, 1) == 1


@pytest.mark.parametrize("create_graph", [False, True])
def test_an_error_of_a_watcher_comes_before_any_gradient_is_kept(create_graph):
    class Strict(Watching):
        def sent(self, sent, order):
            raise ArithmeticError

    x = Tensor(1.0, True)
    y = x * 2
    with Strict(), pytest.raises(ArithmeticError):
        grad(y, x, create_graph=create_graph)
    with Strict(), pytest.raises(ArithmeticError):
        y.backward()
    assert x.grad is y.grad is None

"""Tests that gradients are exact in every shape of graph, that graphs take no more memory and time
than necessary, and that no later write silently makes a gradient wrong.
"""

import asyncio
import contextlib
import subprocess
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from tinygrad_edu import GradientError, Tensor, enable_grad, grad, no_grad
from tinygrad_edu.autodiff import graph_order, pull_back
from tinygrad_edu.primitive import PRIMITIVES, primitive

from ..cycles import no_cycles


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


def step(parameter, change):
    """Move a parameter with an optimizer, which writes into the array in place."""
    parameter.grad = change
    SGD([parameter], lr=1.0).step()


# Graphs ---------------------------------------------------------------------------------------


def test_shared_value():
    # d(x*x + x) = 2x + 1 = 7 at 3: three paths lead to x.
    x = Tensor(3.0, requires_grad=True)
    y = x * x + x
    y.backward()
    assert x.grad == 7
    assert y.grad == 1
    assert [t.node.primitive.name for t in graph_order(y)] == ["add", "multiply"]


def test_interior_value_used_at_several_depths():
    # b = 2a, c = 3b, d = b + c = 8a: b must wait for c.
    a = Tensor(1.0, requires_grad=True)
    b = a * 2
    c = b * 3
    (b + c).backward()
    assert (a.grad, b.grad, c.grad) == (8, 4, 1)


def test_sixty_diamonds():
    # Path by path this would take 2**60 steps; the gradient is 2**60 as well.
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_long_chain():
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward(keep_interior=False)
    assert x.grad == 1
    second = grad(y * y, x, create_graph=True)
    assert second.item() == 2 * 100_001
    del y, second  # a chain of owners is freed one by one, not by recursion


@pytest.mark.needs("processes")
def test_chain_of_a_million():
    # In a new process, because a recursion that is too deep kills Python without a traceback.
    script = """
from tinygrad_edu import Tensor
x = y = Tensor(1.0, requires_grad=True)
for _ in range(1_000_000): y = -y
y.backward(keep_interior=False)
del y
print(x.grad)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1.0\n", "")


def test_order_visits_each_tensor_once():
    x = leaf(1.0, 2.0)
    a, b = x * 2, x * 3
    out = (b * a + a).sum()
    numbers = [tensor.node.sequence for tensor in graph_order(out, a, b)]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 5
    assert graph_order(x) == []


# backward and grad ----------------------------------------------------------------------------


def test_backward_twice_is_exact():
    x = leaf(1.5, -2.0)
    y = x * x
    z = (y * 3).sum()
    z.backward()
    once, inner = x.grad.copy(), y.grad.copy()
    z.backward()
    np.testing.assert_array_equal(x.grad, 2 * once)  # leaves accumulate
    np.testing.assert_array_equal(y.grad, inner)  # interior gradients are fresh
    y.backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, 2 * once + 2 * x.data)


def test_keep_interior():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y.sum()
    z.backward()
    assert y.grad is not None
    assert z.grad == 1
    z.backward(keep_interior=False)
    assert (y.grad, z.grad) == (None, None)
    np.testing.assert_array_equal(x.grad, [4, 4])


def test_grad_is_pure():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    x.grad = [9.0, 9.0]
    y = x * w
    gx, gy = grad(y.sum(), (x, y))
    np.testing.assert_array_equal(gx, w.data)
    np.testing.assert_array_equal(gy, [1, 1])
    np.testing.assert_array_equal(x.grad, [9, 9])
    assert w.grad is y.grad is None
    assert type(grad(y.sum(), x)) is np.ndarray
    assert grad(y.sum(), []) == ()
    assert grad(Tensor(2.0, True), y, allow_unused=True) is None
    scalar = Tensor(2.0, True)
    assert grad(scalar, scalar) == 1
    assert set(pull_back(y, np.ones(2))) == {x, w}


def test_unused_input():
    x, unused, constant = leaf(1.0), leaf(2.0), Tensor([3.0])
    y = (x * constant).sum()
    assert grad(y, [x, unused, constant], allow_unused=True)[1:] == (None, None)
    with pytest.raises(GradientError, match=r"input 1 .*is not used.*allow_unused=True"):
        grad(y, [x, unused])
    with pytest.raises(GradientError, match="does not require gradients"):
        grad(y, constant)
    with pytest.raises(TypeError):
        grad(y, 3.0)


def test_only_gradients_that_lead_to_the_inputs_are_computed():
    calls = []

    @primitive(lambda g, out, x: calls.append("rule") or g)
    def watched(x, /):
        return x + 0

    del PRIMITIVES["watched"]
    x, w = leaf(1.0), leaf(2.0)
    out = (watched(x) * w).sum()
    grad(out, w)
    assert calls == []
    grad(out, x)
    assert calls == ["rule"]


def test_derivatives_to_third_order():
    # x**4 at 2: 32, 48, 48; and the mixed ones of x**2 * y**3 at (2, 3).
    x = Tensor(2.0, requires_grad=True)
    first = grad(x**4, x, create_graph=True)
    second = grad(first, x, create_graph=True)
    third = grad(second, x)
    assert (first.item(), second.item(), third) == (32, 48, 48)
    y = Tensor(3.0, requires_grad=True)
    fx = grad(x**2 * y**3, x, create_graph=True)
    fxy = grad(fx, y, create_graph=True)
    fxyy = grad(fxy, y, create_graph=True)
    assert (fx.item(), fxy.item(), fxyy.item()) == (108, 108, 72)
    assert grad(fxyy, x) == 36
    output = x**3
    with no_grad():  # with create_graph it makes one
        first = grad(output, x, create_graph=True)
    assert grad(first, x) == 12


def test_hessian_vector_product_through_the_cotangent():
    # g -> J^T g is linear in g: its derivative with respect to g, in direction v, is J v.
    x = leaf(1.0, 2.0, 3.0)
    v = leaf(0.0, 0.0, 0.0)
    pulled = grad(x * x, x, v, create_graph=True)
    direction = np.array([1.0, -1.0, 2.0])
    np.testing.assert_array_equal(grad(pulled, v, direction), 2 * x.data * direction)


def test_non_scalar_output():
    x = leaf(1.0, 2.0)
    y = x * x
    with pytest.raises(GradientError, match=r"shape \(2,\).*pass gradient="):
        y.backward()
    y.backward([1.0, 10.0])
    np.testing.assert_array_equal(x.grad, [2, 40])
    x.grad = None
    y.backward(Tensor([1, 10]))
    np.testing.assert_array_equal(x.grad, [2, 40])
    for shape in [(), (1,), (2, 1), (3,)]:
        with pytest.raises(ValueError, match=r"\(2,\)") as caught:
            y.backward(np.ones(shape))
        assert str(shape) in str(caught.value)
    one = (x[:1] * 3).reshape(1, 1)
    one.backward()  # several axes, but one element
    assert one.grad.shape == (1, 1)


def test_wrong_cotangent_names_the_primitive():
    for rule in (lambda g, out, x: g[:1], lambda g, out, x: 0.0, lambda g, out, x: [g, g]):

        @primitive(rule)
        def careless(x, /):
            return x + 0

        del PRIMITIVES["careless"]
        with pytest.raises(GradientError, match="careless"):
            careless(leaf(1.0, 2.0)).sum().backward()


def test_requires_grad():
    x = leaf(1.0)
    y = Tensor([2.0])
    assert not (y * 2).requires_grad
    assert (x * y).requires_grad
    (x * y).sum().backward()
    assert y.grad is None
    x.requires_grad = False
    assert (x * 2).node is None
    with pytest.raises(GradientError, match="detach"):
        (leaf(1.0) * 2).requires_grad = False


def test_requires_grad_switched_on_too_late():
    # One use of c is recorded and one is not: half a gradient would be silently wrong.
    x, c = Tensor(5.0, requires_grad=True), Tensor(3.0)
    z = x * c + c * 2.0
    c.requires_grad = True
    with contextlib.suppress(GradientError):
        z.backward()
    assert c.grad is None or c.grad == 7


# Memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_interior", [True, False])
def test_dropped_graph_is_freed_without_the_collector(keep_interior):
    with no_cycles():
        x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
        inner = tg.softmax(x * w)
        loss = tg.softmax_cross_entropy(inner.reshape(1, 2), [1])
        loss.backward(keep_interior=keep_interior)
        second = grad(loss, x, create_graph=True)
        graph = [inner, loss, *graph_order(loss), *graph_order(second)]
        watched = [weakref.ref(tensor) for tensor in graph]
        del inner, loss, second, graph
        assert [reference() for reference in watched] == [None] * len(watched)


def test_training_and_failing_leave_no_cycles():
    x = leaf(1.0, 2.0)
    failures = [x.backward, lambda: x @ np.ones(3), lambda: grad(x.sum(), leaf(1.0))]
    with no_cycles():
        for _ in range(3):
            (x * x).sum().backward()
            SGD([x], lr=0.1).step()
            for fail in failures:
                with contextlib.suppress(GradientError, ValueError):
                    fail()


def test_arrays_of_a_dropped_graph_are_freed():
    x = Tensor(np.zeros(100_000), requires_grad=True)
    tracemalloc.start()
    try:
        y = x
        for _ in range(20):
            y = tg.tanh(y)
        full = tracemalloc.get_traced_memory()[0]
        del y
        assert tracemalloc.get_traced_memory()[0] < full / 10
    finally:
        tracemalloc.stop()


# The recording switch -------------------------------------------------------------------------


def records():
    return (leaf(1.0) * 2).requires_grad


def test_no_grad_and_enable_grad_nest():
    with no_grad():
        assert not records()
        with enable_grad():
            assert records()
        assert not records()
    assert records()
    assert no_grad()(records)() is False
    assert no_grad()(enable_grad()(records))() is True


def test_no_grad_ends_with_an_exception():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert records()


@pytest.mark.needs("threads")
def test_no_grad_stays_in_its_thread():
    entered, asked, answers = threading.Event(), threading.Event(), []

    def without():
        with no_grad():
            entered.set()
            asked.wait(10)
            answers.append(records())

    thread = threading.Thread(target=without)
    thread.start()
    assert entered.wait(10)
    answers.append(records())
    asked.set()
    thread.join()
    assert answers == [True, False]


@pytest.mark.needs("sockets", run=False)
def test_no_grad_stays_in_its_task():
    async def without(pause):
        with no_grad():
            await pause.wait()
            return records()

    async def main():
        pause = asyncio.Event()
        task = asyncio.ensure_future(without(pause))
        await asyncio.sleep(0)
        answer = records()
        pause.set()
        return answer, await task, records()

    assert asyncio.run(main()) == (True, False, True)


def test_no_grad_decorates_functions_that_run_later():
    # A coroutine or a generator runs after the call that makes it has returned.
    async def coroutine():
        return records()

    def generator():
        yield records()

    with contextlib.suppress(TypeError):  # refusing them would be right as well
        assert asyncio.run(no_grad()(coroutine)()) is False
    with contextlib.suppress(TypeError):
        assert list(no_grad()(generator)()) == [False]


# Values that change ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [lambda x: setattr(x, "data", [5.0, 6.0]), lambda x: step(x, [1.0, 1.0])]
)
@pytest.mark.parametrize(
    "use", [lambda x: x * x, lambda x: x[:1], lambda x: x + 1, lambda x: tg.exp(x.reshape(2, 1))]
)
def test_leaf_changed_after_its_use(use, change):
    x = leaf(1.0, 2.0, name="w")
    y = use(x).sum()
    change(x)
    for ask in (y.backward, lambda: grad(y, x), lambda: grad(y, x, create_graph=True)):
        with pytest.raises(GradientError, match=r"tensor 'w' was modified after \w+ used it"):
            ask()
    use(x).sum().backward()  # computed again, it is right


@pytest.mark.parametrize(
    ("see", "use"),
    [
        (lambda w: w.T, lambda y, a: y * a),
        (lambda w: w[:], lambda y, a: y * a),
        (lambda w: w.reshape(-1).reshape(2, 2), lambda y, a: a / y),
        (lambda w: w[:], lambda y, a: tg.where(y, a, 0.0)),
        (lambda w: w.data, lambda y, a: y * a),
        (lambda w: w.data, lambda y, a: tg.where(y, a, 0.0)),
        (lambda w: w.data, lambda y, a: a.clip(y, None)),
    ],
)
def test_view_of_a_leaf_that_is_changed_after_its_use(see, use):
    # The gradient of `a` needs the old values of w, which it sees through a view.
    w, a = Tensor([[1.0, 0.0], [0.0, 2.0]], True), Tensor(np.full((2, 2), 0.5), True)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = grad(use(see(w), a), a, np.ones((2, 2)))
        z = use(see(w), a)
        step(w, [[10.0, -10.0], [-3.0, 7.0]])
        try:
            found = grad(z, a, np.ones((2, 2)))
        except GradientError:  # an error is as right as the correct gradient
            return
    np.testing.assert_array_equal(found, expected)


def test_gradients_share_no_memory():
    x, y, z, w = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(1.0), Tensor(0.0, requires_grad=True)
    a = x + y
    b = (a.reshape(2, 1) - z).reshape(2) + w
    given = np.array([1.0, 2.0])
    for _ in range(2):
        b.backward(given)
        tensors = [x, y, z, w, a, b]
        for tensor in tensors:
            assert type(tensor.grad) is np.ndarray
            others = [t.grad.copy() for t in tensors if t is not tensor]
            tensor.grad += 100
            for other, before in zip((t for t in tensors if t is not tensor), others, strict=True):
                np.testing.assert_array_equal(other.grad, before)
    np.testing.assert_array_equal(given, [1, 2])
    first, second = grad(x + y, (x, y), given)
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, given)

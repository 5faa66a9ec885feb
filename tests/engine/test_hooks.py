"""Tests that hooks see complete gradients once per pass, that their results replace the gradients,
and that unused hooks cost nothing and keep nothing alive.
"""

import gc
import weakref

import numpy as np
import pytest

from tinygrad_edu import GradientError, Tensor, grad, hooks, no_grad

from ..cycles import no_cycles


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


class Seen(list):
    """A hook that records its arguments and changes nothing."""

    def __call__(self, g):
        self.append(np.array(g).tolist())


def test_hooks_see_complete_gradients_and_replace_them():
    # z = 3y + y with y = x²: 4 arrives at y, ten times that flows on. PyTorch returns the same.
    x = leaf(1.0, 2.0)
    y = x * x
    z = y * 3 + y
    at_x, at_y, at_z = Seen(), Seen(), Seen()
    x.register_hook(at_x)
    handle = y.register_hook(lambda g: 10 * g)
    y.register_hook(at_y)
    z.register_hook(at_z)
    z.sum().backward()
    assert (at_z, at_y, at_x) == ([[1, 1]], [[40, 40]], [[80, 160]])
    np.testing.assert_array_equal(x.grad, [80, 160])
    np.testing.assert_array_equal(y.grad, [40, 40])
    np.testing.assert_array_equal(grad(z.sum(), y), [40, 40])
    assert (len(at_x), len(at_y)) == (1, 2)  # x is not an input
    handle.remove()
    np.testing.assert_array_equal(grad(z.sum(), x), [8, 16])
    assert at_x[1:] == [[8, 16]]


def test_leaf_used_twice_is_seen_once_a_pass_and_accumulates():
    x, seen = leaf(3.0), Seen()
    x.register_hook(seen)
    x.register_hook(lambda g: g + 100)
    y = (x * x + x).sum()
    for keep_interior in (True, False):
        y.backward(keep_interior=keep_interior)
    assert seen == [[7], [7]]  # the gradient of this pass, not what is in .grad
    assert x.grad == 2 * 107
    out = leaf(5.0)
    out.register_hook(lambda g: g + 1)
    out.backward()  # an output that is a leaf
    assert out.grad == 2


def test_order_of_several_hooks():
    x = leaf(1.0)
    x.register_hook(lambda g: g + 1)
    doubled = x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g - 3)
    assert grad(x.sum(), x) == (1 + 1) * 2 - 3
    doubled.remove()
    doubled.remove()  # a second call does no harm
    assert grad(x.sum(), x) == 1 + 1 - 3
    same = Seen()
    with x.register_hook(same), x.register_hook(same) as second:
        grad(x.sum(), x)
        second.remove()  # one of them
        grad(x.sum(), x)
    grad(x.sum(), x)
    assert len(same) == 3


def test_handle_ends_with_an_exception():
    x, seen = leaf(1.0), Seen()
    with pytest.raises(ZeroDivisionError), x.register_hook(seen):
        raise ZeroDivisionError
    x.sum().backward()
    assert seen == []


def test_hooks_may_come_and_go_while_they_run():
    x = leaf(1.0)
    seen = Seen()

    def once(g):
        handle.remove()
        x.register_hook(seen)

    handle = x.register_hook(once)
    for _ in range(3):
        x.sum().backward()
    assert seen == [[1], [1]]


def test_hooks_of_a_tensor_that_was_used_before():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y.sum()
    seen = Seen()
    y.register_hook(seen)
    with no_grad():
        z.backward()
    assert seen == [[1, 1]]


def test_the_argument_of_a_hook_is_read_only():
    kept = []
    for x in (leaf(1.0, 2.0), Tensor(1.0, requires_grad=True)):
        y = x * 3.0

        def write(g):
            g[...] = 0

        for tensor in (x, y):
            with tensor.register_hook(write), pytest.raises(ValueError, match="read-only"):
                y.sum().backward()
        assert x.grad is y.grad is None  # nothing was stored by the passes that failed
        x.register_hook(kept.append)
        y.sum().backward()
        assert isinstance(kept[-1], np.ndarray)
        x.grad[...] = 100
        assert (kept[-1] == 3).all()  # it shares no memory with arrays that may be written into
        x.grad = None


def test_the_result_of_a_hook_is_copied():
    mine = np.array([5.0, 6.0])
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    for tensor in (x, w):
        tensor.register_hook(lambda g: mine)
    (x * w).sum().backward()
    for tensor in (x, w):
        np.testing.assert_array_equal(tensor.grad, mine)
        tensor.grad += 1
    assert mine.tolist() == [5, 6]


def test_shape_and_dtype_of_the_result_of_a_hook():
    x = leaf(1.0, 2.0, dtype="float32", name="w")
    y = x * 2
    for given in ([[1.0, 2.0]], 1.0, [1.0]):
        for tensor in (x, y):
            with tensor.register_hook(lambda g, given=given: given):
                for ask in (y.sum().backward, lambda: grad(y.sum(), x, create_graph=True)):
                    with pytest.raises(ValueError, match=r"hook.*\(2,\)") as caught:
                        ask()
                    assert str(np.shape(given)) in str(caught.value)
                    assert tensor._label() in str(caught.value)
    for given in ([3, 4], np.array([3.0, 4.0]), Tensor([3.0, 4.0])):
        with x.register_hook(lambda g, given=given: given):
            found = grad(y.sum(), x)
            np.testing.assert_array_equal(found, np.array([3, 4], np.float32), strict=True)
            found = grad(y.sum(), x, create_graph=True)
            np.testing.assert_array_equal(found.data, np.array([3, 4], np.float32), strict=True)
    with x.register_hook(lambda g: g * 1j), pytest.raises(TypeError, match="complex"):
        y.sum().backward()


def test_under_create_graph_hooks_are_differentiated():
    # The hook turns the slope 3x² into 9x⁴, whose own slope is 36x³.
    x = leaf(2.0)
    y = x * 1.0
    for tensor in (x, y):
        kinds = []

        def squared(g, kinds=kinds):
            kinds.append(type(g))
            return g * g

        z = (y**3).sum()
        with tensor.register_hook(squared), no_grad():  # with create_graph it makes one
            first = grad(z, x, create_graph=True)
        assert first.item() == 9 * 2**4
        np.testing.assert_array_equal(grad(first, x), [36 * 2**3])
        assert kinds == [Tensor]


def test_tensors_without_gradient_refuse_hooks():
    x = leaf(1.0, name="w")
    with pytest.raises(TypeError, match=r"requires_grad=False.*requires_grad=True"):
        Tensor(1.0).register_hook(print)
    with pytest.raises(TypeError, match="tensor 'v'"):
        Tensor(1, name="v").register_hook(print)
    with pytest.raises(TypeError, match="function of the gradient, got a int"):
        x.register_hook(3)
    with x.register_hook(lambda g: None), pytest.raises(GradientError):
        (x * np.ones(2)).backward()


def test_nothing_is_kept_alive():
    with no_cycles():
        before = set(hooks.hooked)
        x, hook = leaf(1.0, 2.0), Seen()
        y = x * 2
        handles = [x.register_hook(hook), y.register_hook(hook)]
        y.sum().backward()
        assert len(hooks.hooked) == len(before) + 2
        watched = [weakref.ref(thing) for thing in (x, y, hook)]
        del x, y, hook
        assert [reference() for reference in watched] == [None] * 3
        assert hooks.hooked == before
        for handle in handles:
            handle.remove()  # of freed tensors


def test_hook_that_refers_to_its_own_tensor_is_collected():
    def hooked_to_itself():
        x = leaf(1.0, 2.0)
        x.register_hook(lambda g: x.data * g)
        (x * 3).sum().backward()
        np.testing.assert_array_equal(x.grad, [3, 6])
        return weakref.ref(x)

    gc.collect()
    before = set(hooks.hooked)
    watched = hooked_to_itself()
    gc.collect()
    assert watched() is None
    assert hooks.hooked == before


def test_registering_many_times_leaves_one_entry():
    x = leaf(1.0)
    before = len(hooks.hooked)
    for _ in range(100):
        x.register_hook(print).remove()
    assert len(hooks.hooked) == before + 1
    assert x._hooks == {}

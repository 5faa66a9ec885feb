"""Tests the functions that compute a gradient: `grad`, `backward` and their building blocks."""

import numpy as np
import pytest

from tinygrad_edu import GradientError, Tensor, grad
from tinygrad_edu.autodiff import graph_order, pull_back
from tinygrad_edu.leaving import values_of


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


VECTOR = np.array([1.5, -0.5, 2.0])


def test_part_of_a_graph():
    x = leaf(2.0)
    a = x * x
    b = a + x
    c = b * a
    assert graph_order(c) == [c, b, a]
    assert graph_order(c, since=b.node.sequence) == [c, b]
    assert graph_order(c, since=c.node.sequence) == [c]
    assert graph_order(a, b, since=b.node.sequence) == [b]
    assert graph_order(a, since=c.node.sequence) == []


def test_pull_back_returns_arrays_unless_asked():
    x = leaf(3.0)
    assert type(pull_back(x * x, np.ones(1))[x]) is np.ndarray
    with_graph = pull_back(x * x, Tensor([1.0]), create_graph=True)[x]
    assert type(with_graph) is Tensor
    assert with_graph.requires_grad


def test_backward_takes_a_tensor_as_gradient():
    x, weight = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x * x).backward(weight)
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, [6, 16])
    assert weight.grad is None


def test_empty_output_has_no_single_gradient():
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    with pytest.raises(GradientError, match=r"\(0, 3\)"):
        (x * 2).backward()


def test_switches_are_keyword_only():
    x = leaf(2.0)
    for call in (lambda: grad(x * x, x, None, True), lambda: (x * x).backward(None, False)):
        with pytest.raises(TypeError, match="positional"):
            call()


def test_a_list_is_a_gradient_to_start_from():
    x = leaf(1.0, 2.0)
    for create_graph in (False, True):
        found = grad(x * x, x, [1.0, 10.0], create_graph=create_graph)
        np.testing.assert_array_equal(values_of(found), [2, 40])


@pytest.mark.parametrize(
    ("output", "inputs"),
    [(3.0, leaf(1.0)), (leaf(1.0) * 2, [leaf(1.0), 3.0]), (leaf(1.0) * 2, VECTOR)],
    ids=["output", "one input", "array"],
)
def test_grad_takes_tensors(output, inputs):
    with pytest.raises(TypeError, match=r"grad takes one output and its inputs.* Tensors"):
        grad(output, inputs)


def test_gradients_own_their_memory():
    """A number among the gradients becomes an array by itself, without a hidden second one."""
    x = Tensor(2.0, requires_grad=True)
    numbers = [x * 3, x * 3 * x, x * 3 + np.ones(())]
    for y in numbers:
        y.backward()
        for tensor in (x, *graph_order(y)):
            assert type(tensor.grad) is np.ndarray
            assert tensor.grad.base is None
            tensor.grad += 1  # which reaches no other
    assert [float(y.grad) for y in numbers] == [2, 2, 2]

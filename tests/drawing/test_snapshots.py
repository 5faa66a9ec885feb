"""Tests what a snapshot holds: metadata of operations, gradients, and modules in modules."""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import Linear, Module
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import draw

MATRIX = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])


def test_metadata_that_says_nothing_new_is_not_drawn():
    x = Tensor(MATRIX, requires_grad=True)
    shown = [
        draw(output).graph.operations[0].params
        for output in (
            x.sum(axis=None, keepdims=False),
            tg.softmax(x, axis=-1),
            x.sum(axis=0),
            tg.softmax(x, axis=0),
        )
    ]
    assert shown == [(), (), (("axis", "0"),), (("axis", "0"),)]


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype(np.float32)])
def test_a_dtype_is_drawn_by_its_name_however_it_was_given(dtype):
    drawing = draw(Tensor(MATRIX, requires_grad=True).astype(dtype))
    assert drawing.graph.operations[0].params == (("dtype", "float32"),)


def test_gradient_without_elements_differs_from_one_that_was_not_computed():
    x = Tensor(np.zeros((0, 3)), requires_grad=True, name="x")
    total = x.sum()
    assert draw(total).graph.tensors[0].grad == "not computed"
    total.backward()
    tensor = draw(total).graph.tensors[0]
    assert (tensor.name, tensor.grad, tensor.warning) == ("x", "no elements", "")


def test_a_module_called_in_another_that_does_not_hold_it():
    guest = Linear(3, 1)

    class Host(Module):
        def forward(self, x):
            return guest(x)

    drawing = draw(Host()(MATRIX.astype(np.float32)))
    host, called = drawing.graph.calls
    assert called.parent == host.id
    assert (called.name, called.path) == ("", "Linear")
    assert called.title == "Linear(3 -> 1)"  # it has no name there, so its class stands alone
    weight = next(tensor for tensor in drawing.graph.tensors if tensor.shape == (3, 1))
    assert (weight.role, weight.name) == ("parameter", "weight")

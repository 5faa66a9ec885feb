"""Tests what a declaration of an operation accepts, and what the engine does with it: rules, nodes,
metadata by position and by name.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor
from tinygrad_edu.primitive import PRIMITIVES, Node, primitive
from tinygrad_edu.scope import ModuleCall


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


M = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


VECTOR = np.array([1.5, -0.5, 2.0])


@pytest.mark.parametrize("wider", ["float16", "float64"])
def test_gradient_has_the_dtype_of_its_tensor_whatever_the_rule_returns(wider):
    @primitive(lambda g, out, x: g.astype(wider), formula="x")
    def passed(x, /):
        return x + 0

    x = leaf(1.0, 2.0, dtype="float32")
    passed(x).backward(np.ones(2, "float32"))
    assert x.grad.dtype == np.float32


def test_rule_may_return_a_number_or_a_list():
    @primitive(lambda g, out, x: [3.0, 4.0], formula="x")
    def listed(x, /):
        return x + 0

    @primitive(lambda g, out, x: 3.0, formula="x")
    def numbered(x, /):
        return x + 0

    x, y = leaf(1.0, 2.0), Tensor(1.0, True)
    listed(x).sum().backward()
    numbered(y).backward()
    np.testing.assert_array_equal(x.grad, [3, 4])
    np.testing.assert_array_equal(y.grad, 3, strict=False)


def test_declaration_with_too_few_or_too_many_rules():
    for rules in ((), (None,), (None, None, None)):
        with pytest.raises(TypeError, match=f"two: 2 arrays.*{len(rules)} rules"):

            @primitive(*rules)
            def two(x, y, /):
                return x + y

    assert "two" not in PRIMITIVES

    @primitive(each=lambda position, g, out, *arrays: g)
    def many(*arrays):
        return sum(arrays)

    x = leaf(1.0)
    many(x, x, x).backward()
    np.testing.assert_array_equal(x.grad, [3])


def test_a_declaration_with_too_few_rules_declares_nothing():
    before = dict(PRIMITIVES)
    with pytest.raises(TypeError, match="power_of_two: 2 arrays before '/', but 1 rules"):

        @primitive(lambda g, out, x, y: g)
        def power_of_two(x, y, /):
            return x * 2.0**y

    assert before == PRIMITIVES


def test_positional_metadata():
    np.testing.assert_array_equal(tg.clip(M, 1.5).data, np.clip(M.data, 1.5, None))
    np.testing.assert_array_equal(tg.clip(M, 1.5, 3).data, np.clip(M.data, 1.5, 3))
    for call, message in [
        (lambda: tg.exp(M, 1, 2), "exp"),
        (lambda: tg.clip(M, 0, 1, 2), "clip"),
        (lambda: tg.clip(M, 0, min=1), "min"),
        (lambda: tg.softmax(M, 1, axis=1), "axis"),
        (lambda: tg.sum(M, 0, True), "dtype=True.*by name"),  # keepdims is keyword-only
        (lambda: tg.add(M), "add"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_errors_without_shapes_get_them():
    with pytest.raises(ValueError, match=r"^transpose: .*\(shapes \(2, 3\)\)$"):
        tg.transpose(M, (0,))


def test_kinds_of_the_engine():
    node = (M * 2).node
    power = tg.power.primitive
    assert type(node) is Node
    for thing in (node, power, ModuleCall(None, None)):
        assert not hasattr(thing, "__dict__")
        assert thing == thing
        assert hash(thing) == hash(thing)
    with pytest.raises(AttributeError):
        power.name = "other"


def test_a_node_shows_its_operation_and_its_place_in_order():
    x = leaf(*VECTOR)
    first = tg.exp(x)
    second = first.sum()
    assert repr(first.node) == f"Node(exp, sequence={first.node.sequence})"
    assert repr(second.node) == f"Node(sum, sequence={second.node.sequence})"
    assert first.node.sequence < second.node.sequence

"""Proves small promises of the engine, of reductions and of indexing, each by one sharp example.

They were found by changing single signs and words of the sources: each of these changes has to be
noticed by some test.
"""

import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, grad, no_grad
from tinygrad_edu.autodiff import graph_order, pull_back
from tinygrad_edu.leaving import values_of
from tinygrad_edu.ops import indexing
from tinygrad_edu.primitive import PRIMITIVES, Node, primitive
from tinygrad_edu.scope import ModuleCall


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


M = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)


@pytest.fixture
def declared():
    """Declare operations, and take them out of the registry afterwards."""
    before = set(PRIMITIVES)
    yield primitive
    for name in set(PRIMITIVES) - before:
        del PRIMITIVES[name]


# The engine -----------------------------------------------------------------------------------


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


def test_pull_back_gives_arrays_unless_asked():
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


@pytest.mark.parametrize("view", [tg.ravel, lambda x: x[::-1], lambda x: x.T, lambda x: +x])
def test_gradient_is_no_view_of_the_cotangent(view):
    x = leaf(1.0, 2.0)
    cotangent = np.array([5.0, 7.0])
    view(x).backward(cotangent)
    expected = x.grad.copy()
    cotangent[:] = 0
    np.testing.assert_array_equal(x.grad, expected)
    assert expected.sum() == 12


def test_gradients_are_no_views_of_each_other():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x.reshape(2, 1) + y.reshape(2, 1)).backward([[5.0], [6.0]])
    assert not np.shares_memory(x.grad, y.grad)
    x.grad *= 0
    np.testing.assert_array_equal(y.grad, [5, 6])


def test_switches_go_by_name():
    x = leaf(2.0)
    for call in (lambda: grad(x * x, x, None, True), lambda: (x * x).backward(None, False)):
        with pytest.raises(TypeError, match="positional"):
            call()


def test_a_list_is_a_gradient_to_start_from():
    x = leaf(1.0, 2.0)
    for create_graph in (False, True):
        found = grad(x * x, x, [1.0, 10.0], create_graph=create_graph)
        np.testing.assert_array_equal(values_of(found), [2, 40])


@pytest.mark.parametrize("wider", ["float16", "float64"])
def test_gradient_has_the_dtype_of_its_tensor_whatever_the_rule_gives(declared, wider):
    @declared(lambda g, out, x: g.astype(wider), formula="x")
    def passed(x, /):
        return x + 0

    x = leaf(1.0, 2.0, dtype="float32")
    passed(x).backward(np.ones(2, "float32"))
    assert x.grad.dtype == np.float32


def test_rule_may_give_a_number_or_a_list(declared):
    @declared(lambda g, out, x: [3.0, 4.0], formula="x")
    def listed(x, /):
        return x + 0

    @declared(lambda g, out, x: 3.0, formula="x")
    def numbered(x, /):
        return x + 0

    x, y = leaf(1.0, 2.0), Tensor(1.0, True)
    listed(x).sum().backward()
    numbered(y).backward()
    np.testing.assert_array_equal(x.grad, [3, 4])
    np.testing.assert_array_equal(y.grad, 3, strict=False)


def test_declaration_with_too_few_or_too_many_rules(declared):
    for rules in ((), (None,), (None, None, None)):
        with pytest.raises(TypeError, match=f"two: 2 arrays.*{len(rules)} rules"):

            @declared(*rules)
            def two(x, y, /):
                return x + y

    assert "two" not in PRIMITIVES

    @declared(each=lambda position, g, out, *arrays: g)
    def many(*arrays):
        return sum(arrays)

    x = leaf(1.0)
    many(x, x, x).backward()
    np.testing.assert_array_equal(x.grad, [3])


def test_positional_metadata():
    np.testing.assert_array_equal(tg.clip(M, 1.5).data, np.clip(M.data, 1.5, None))
    np.testing.assert_array_equal(tg.clip(M, 1.5, 3).data, np.clip(M.data, 1.5, 3))
    for call, message in [
        (lambda: tg.exp(M, 1, 2), "exp"),
        (lambda: tg.clip(M, 0, 1, 2), "clip"),
        (lambda: tg.clip(M, 0, min=1), "min"),
        (lambda: tg.softmax(M, 1, axis=1), "axis"),
        (lambda: tg.sum(M, 0, True), "positional"),  # keepdims goes by name
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


def test_drawing_is_imported_when_it_is_asked_for():
    script = (
        "import sys, tinygrad_edu as tg; early = 'tinygrad_edu.drawing' in sys.modules; tg.draw"
    )
    script += "; print(early, 'tinygrad_edu.drawing' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
    assert tg.Drawing is tg.drawing.Drawing
    with pytest.raises(AttributeError, match="'tinygrad_edu' has no attribute 'drow'"):
        tg.drow  # noqa: B018


def test_no_grad_keeps_what_a_function_is_called():
    @no_grad
    def well_named():
        """Do nothing."""

    assert (well_named.__name__, well_named.__doc__) == ("well_named", "Do nothing.")


# Reductions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [tg.var, tg.std])
def test_degrees_of_freedom(f):
    with pytest.raises(ValueError, match=r"over 2 elements with ddof=3 would divide by -1;"):
        f(M, axis=0, ddof=3)
    np.testing.assert_allclose(f(M, axis=0, ddof=1.5).data, [9.0] * 3 if f is tg.var else [3.0] * 3)


def test_median_with_nan():
    x = leaf([1.0, np.nan, 3.0, 2.0, 5.0], [4.0, 2.0, 6.0, 8.0, 7.0])
    for keywords in ({"axis": 1}, {"axis": 0}, {}):
        np.testing.assert_array_equal(tg.median(x, **keywords).data, np.median(x.data, **keywords))
    np.testing.assert_array_equal(grad(tg.median(x, axis=1)[1], x), [[0] * 5, [0, 0, 1, 0, 0]])


def test_weights_of_an_average():
    for weights, axis in [
        ([1.0, 2.0], None),
        ([1.0, 2.0], 1),
        ([1.0] * 4, 1),
        (np.ones((3, 2)), 0),
    ]:
        with pytest.raises(ValueError, match=r"average: weights of shape .*\(2, 3\)"):
            tg.average(M, axis=axis, weights=weights)
    for weights in ([1.0, -1.0], [[0.0] * 3, [0.0] * 3]):
        with pytest.raises(ZeroDivisionError, match="average: weights add up to 0"):
            tg.average(M, axis=0, weights=weights)
    for weights in ([2.0, -1.0], [-2.0, 1.0], [0.25, 0.75]):
        expected = np.average(M.data, axis=0, weights=weights)
        np.testing.assert_allclose(tg.average(M, axis=0, weights=weights).data, expected)


def test_logsumexp_of_nothing_but_minus_infinity():
    x = leaf(-np.inf, -np.inf)
    with np.errstate(divide="ignore"):
        out = tg.logsumexp(x)
    assert out.item() == -np.inf
    np.testing.assert_array_equal(grad(out, x), [0, 0])


# Indexing -------------------------------------------------------------------------------------


def test_whole_numbers_are_not_what_a_fraction_becomes():
    x = Tensor([1, 2, 3])
    for value in (2.5, np.array([2.5]), Tensor(2.5)):
        np.testing.assert_array_equal(tg.index_update(x, [0], value).data, [2.5, 2, 3])
        np.testing.assert_array_equal(tg.index_add(x, [0], value).data, [3.5, 2, 3])
        flags = tg.index_update(Tensor([True, False]), [0], value)
        np.testing.assert_array_equal(flags.data, [2.5, 0])


@pytest.mark.parametrize("f", [tg.median, tg.diff, tg.norm, tg.flip, tg.std, tg.cumsum])
def test_lists_alone_give_arrays(f):
    assert isinstance(f([1.0, 2.0]), np.ndarray | np.generic)


def test_what_is_put_has_the_shape_of_its_places():
    for index, shape in [([[1, 0, 0], [1, 1, 0]], (3,)), (slice(2), ()), ([0, 1], (1,))]:
        with pytest.raises(ValueError, match=r"put_at: x of shape .* does not fit the places"):
            tg.put_at(Tensor(np.ones(shape)), index, (2,))


def test_nothing_to_do():
    np.testing.assert_array_equal(tg.diff([1.0, 2.0], n=0, prepend=5.0), [1, 2])
    assert tg.pad(Tensor(1.5), 3).item() == 1.5


def test_numbers_that_are_no_indices():
    for wrong in (-1, 52, 0.5):
        with pytest.raises(ValueError, match=f"einsum: {wrong} is not an index"):
            tg.einsum(M, [0, wrong])
    for wrong in (1.5, [0.5, 1.0]):
        with pytest.raises(TypeError, match=r"split: .*whole numbers"):
            tg.split(M, wrong)


def test_places_along_the_last_axis_by_default():
    x = Tensor(np.arange(24.0).reshape(2, 3, 4))
    places = np.array([3, 0]) * np.ones((2, 3, 1), int)
    expected = np.take_along_axis(x.data, places, -1)
    np.testing.assert_array_equal(tg.take_along_axis(x, places).data, expected)
    for wrong in ([0, 1], [[[[0]]]]):
        with pytest.raises(ValueError, match="x has 3 axes"):
            tg.take_along_axis(x, wrong)


def test_what_takes_each_element_at_most_once():
    # For these, cotangents are put back by a plain assignment, which is much quicker.
    for index in (1, None, ..., slice(2), (None, ..., 1, slice(None)), (np.int64(1), ...), True):
        assert indexing._is_basic(index)
    for index in ([0], (slice(None), [0]), np.array([True]), (..., np.array(0))):
        assert not indexing._is_basic(index)

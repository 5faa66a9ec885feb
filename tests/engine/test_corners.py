"""Proves what is promised where people seldom come: arguments that NumPy refuses as well, dtypes
that meet, operators in place, and the corners of a check. `test_drawing_corners.py` has pictures.
"""

import operator
import os

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, atomic_file, check_gradients, grad
from tinygrad_edu.primitive import PRIMITIVES, primitive

from ..drawing.test_engines import posix

MATRIX = np.array([[0.5, -1.25, 2.0], [1.5, 0.75, -0.5]])
VECTOR = np.array([1.5, -0.5, 2.0])


def leaf(values, dtype=None, name=None):
    return Tensor(values, requires_grad=True, dtype=dtype, name=name)


# What NumPy refuses --------------------------------------------------------------------------

# Of a library and an array: NumPy refuses the call on an array, and we do on arrays and tensors.
# The message says what was found and what would do.
REFUSED = {
    "more indices than operands": (
        lambda f, x: f.einsum("ij,jk->ik", x),
        ValueError,
        r"einsum: 'ij,jk->ik' names 2 operands, but 1 were given",
    ),
    "an index that is no letter": (
        lambda f, x: f.einsum("i1->i", x),
        ValueError,
        r"einsum: \['1'\] in 'i1->i' are not letters",
    ),
    "too many indices": (
        lambda f, x: f.einsum("ijk->k", x),
        ValueError,
        r"einsum: 'ijk' does not fit operand 0 of shape \(2, 3\); write one letter for each axis",
    ),
    "too few indices": (
        lambda f, x: f.einsum("ij,i->j", x, x),
        ValueError,
        r"einsum: 'i' does not fit operand 1 of shape \(2, 3\).* or \.\.\. for several",
    ),
    "a stray dot": (
        lambda f, x: f.einsum("i.j->ij", x),
        ValueError,
        r"einsum: 'i\.j' does not fit operand 0 of shape \(2, 3\)",
    ),
    "a diagonal of axes that differ": (
        lambda f, x: f.einsum("ii->i", x[:1]),  # not even size 1 is stretched within an operand
        ValueError,
        r"einsum: index 'i' .* sizes 1 and 3 of one operand; they must be equal",
    ),
    "an output out of nothing": (
        lambda f, x: f.einsum("ij->k", x),
        ValueError,
        r"einsum: the output of 'ij->k' has index 'k'.* no operand has this index",
    ),
    "an output index twice": (
        lambda f, x: f.einsum("ij->ii", x),
        ValueError,
        r"einsum: the output of 'ij->ii' has index 'i' twice",
    ),
    "no subscripts": (
        lambda f, x: f.einsum(x),
        ValueError,
        r"einsum: expected subscripts and operands, such as einsum\('ij->ji', x\)",
    ),
    "a cross product of lengths 2 and 4": (
        lambda f, x: f.cross(x[:, :2], f.reshape(x[:, :2], (4,))),
        ValueError,
        r"cross: vectors of lengths 2 and 4; both must be 3",
    ),
    "the diagonal of a stack": (
        lambda f, x: f.diag(f.reshape(x, (1, 2, 3))),
        ValueError,
        r"diag takes a vector or a matrix, got shape \(1, 2, 3\)",
    ),
    "a way of padding that is unknown": (
        lambda f, x: f.pad(x, 1, mode="mirror"),
        ValueError,
        r"pad: mode 'mirror'; expected constant, edge, reflect, symmetric, wrap",
    ),
    "parts that do not come out even": (
        lambda f, x: f.split(x, 2, axis=1),
        ValueError,
        r"split: 3 elements do not make 2 equal parts; use array_split, whose parts differ",
    ),
    "weights that add up to 0": (
        lambda f, x: f.average(x, axis=1, weights=[1.0, -1.0, 0.0]),
        ZeroDivisionError,
        r"average: weights add up to 0; expected another sum",
    ),
    "differences taken -1 times": (
        lambda f, x: f.diff(x, n=-1),
        ValueError,
        r"diff: n must be at least 0, got -1",
    ),
    "differences within a number": (
        lambda f, x: f.diff(x[0, 0]),
        ValueError,
        r"diff: x is a number; expected at least one axis",
    ),
    "two axes to one place": (
        lambda f, x: f.moveaxis(x, (0, 1), 1),
        ValueError,
        r"moveaxis: 2 axes cannot go to 1 places; .* must have equally many",
    ),
    "an order of memory that is unknown": (
        lambda f, x: f.ravel(x, order="X"),
        ValueError,
        r"ravel: order must be 'C' or 'F', got 'X'",
    ),
    "an axis twice": (
        lambda f, x: f.sum(x, 0, axis=1),
        TypeError,
        r"sum\(\) got multiple values for argument 'axis'",
    ),
    "too many arguments": (
        lambda f, x: f.cumsum(x, 0, None, None, None),
        TypeError,
        r"cumsum\(\) takes from 1 to \d positional arguments but 5 were given",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_numpy_refuses_is_refused_in_words_that_help(call, error, message):
    with pytest.raises(error):
        call(np, MATRIX)
    x = leaf(MATRIX)
    for library, source in ((tg, MATRIX), (tg, x), (np, x)):
        with pytest.raises(error, match=message) as caught:
            call(library, source)
        assert "\n" not in str(caught.value)
    assert x.grad is None


def test_stacks_of_matrices_that_do_not_meet_are_put_below_each_other():
    x, y = np.ones((2, 4, 3)), np.ones((5, 3, 4))  # as matrices alone they would fit
    with pytest.raises(ValueError, match="2"):
        np.matmul(x, y)
    with pytest.raises(ValueError, match="matmul") as caught:
        tg.matmul(leaf(x), y)
    told, *picture = str(caught.value).splitlines()
    assert "along axis -3 they have sizes 2 and 5, which must be equal, or 1" in told
    assert picture == ["    x  2  4  3", "    y  5  3  4", "       ^"]
    assert tg.matmul(leaf(x[:1]), y).shape == (5, 4, 4)


@pytest.mark.parametrize("kind", [np.asarray, leaf], ids=["arrays", "tensors"])
def test_networks_functions_say_what_they_take(kind):
    with pytest.raises(ValueError, match=r"gelu: .* 'none' or 'tanh', got 'fast'"):
        tg.gelu(kind(VECTOR), approximate="fast")
    with pytest.raises(ValueError, match="no elements have no average loss"):
        tg.binary_cross_entropy_with_logits(kind(np.zeros((0, 2))), np.zeros((0, 2)))
    # Their sum is another matter.
    total = tg.binary_cross_entropy_with_logits(
        kind(np.zeros((0, 2))), np.zeros((0, 2)), reduction="sum"
    )
    assert total.item() == 0


# Values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
def test_median_is_nan_only_where_a_nan_is(keepdims):
    values = np.array([[1.0, np.nan, 3.0, 0.0], [4.0, 6.0, 5.0, 8.0]], np.float32)
    x = leaf(values)
    result = tg.median(x, axis=1, keepdims=keepdims)
    np.testing.assert_array_equal(result.data, np.median(values, axis=1, keepdims=keepdims))
    assert result.dtype == np.float32
    result.backward(np.full(result.shape, 3.0))
    np.testing.assert_array_equal(x.grad[1], [0, 1.5, 1.5, 0])
    assert np.isnan(tg.median(x).item())
    assert np.isnan(tg.median(values))


@pytest.mark.parametrize("put", [tg.index_update, tg.index_add], ids=["update", "add"])
def test_what_is_put_into_an_array_takes_its_dtype(put):
    x, value = leaf(VECTOR, np.float32), leaf([7.0, 0.25])
    result = put(x, [2, 0], value)
    expected = VECTOR.astype(np.float32)
    if put is tg.index_update:
        expected[[2, 0]] = value.data
    else:
        expected[[2, 0]] += value.data.astype(np.float32)
    assert result.dtype == np.float32  # a float64 value makes no float64 network
    np.testing.assert_array_equal(result.data, expected)
    result.backward([2.0, 3.0, 5.0])
    assert (x.grad.dtype, value.grad.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(value.grad, [5, 2])
    np.testing.assert_array_equal(x.grad, [0, 3, 0] if put is tg.index_update else [2, 3, 5])


def test_array_of_another_dtype_is_a_copy():
    x = leaf(VECTOR).detach()
    asked = np.asarray(x, dtype=np.float32), np.array(x, dtype=np.float32), x.__array__(np.float32)
    for array in asked:
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, VECTOR.astype(np.float32))
        array[0] = 100.0
    np.testing.assert_array_equal(x.data, VECTOR)
    with pytest.raises(ValueError, match="view of a float64 tensor cannot have dtype float32"):
        np.array(x, dtype=np.float32, copy=False)
    view = np.array(x, dtype=np.float64, copy=False)
    assert np.shares_memory(view, x.data)
    assert not view.flags.writeable


def test_error_of_a_source_of_data_reaches_the_user():
    problem = ValueError("the sensor is switched off")

    class Sensor:
        def __array__(self, dtype=None, copy=None):
            raise problem

    with pytest.raises(ValueError, match="switched off") as caught:
        Tensor(Sensor())
    assert caught.value is problem  # and is not taken for a ragged list
    deep = 1.0
    for _ in range(65):
        deep = [deep]
    with pytest.raises(ValueError, match="maximum number of dimension"):
        Tensor(deep)


# In place ------------------------------------------------------------------------------------

IN_PLACE = [
    (operator.iadd, operator.add),
    (operator.isub, operator.sub),
    (operator.imul, operator.mul),
    (operator.itruediv, operator.truediv),
    (operator.ipow, operator.pow),
    (operator.imatmul, operator.matmul),
]


@pytest.mark.parametrize(("in_place", "plain"), IN_PLACE, ids=[f.__name__ for f, _ in IN_PLACE])
def test_in_place_operators_record_and_write_nowhere(in_place, plain):
    x, y = leaf(MATRIX[:, :2] ** 2), leaf([[0.5, 2.0], [1.5, 3.0]])
    total = other_name = x * 3.0
    before = total.numpy()
    total = in_place(total, y)
    assert total is not other_name
    np.testing.assert_array_equal(other_name.data, before)
    expected = plain(x * 3.0, y)
    np.testing.assert_array_equal(total.data, expected.data)
    g = np.array([[1.0, -2.0], [0.5, 3.0]])
    for found, wanted in zip(grad(total, [x, y], g), grad(expected, [x, y], g), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.any()


@pytest.mark.parametrize(
    "in_place", [f for f, _ in IN_PLACE], ids=[f.__name__ for f, _ in IN_PLACE]
)
def test_in_place_operators_do_not_lose_a_leaf(in_place):
    weight = leaf(np.eye(2), name="weight")
    with pytest.raises(GradientError, match=r"'weight' cannot be changed.*write x\.data ="):
        in_place(weight, np.ones((2, 2)))
    np.testing.assert_array_equal(weight.data, np.eye(2))
    constant = other_name = Tensor(np.eye(2))  # without a gradient there is nothing to lose
    constant = in_place(constant, np.full((2, 2), 2.0))
    np.testing.assert_array_equal(other_name.data, np.eye(2))
    assert not constant.requires_grad


# Declaring and differentiating ---------------------------------------------------------------


def test_a_declaration_with_a_rule_too_few_declares_nothing():
    before = dict(PRIMITIVES)
    with pytest.raises(TypeError, match="power_of_two: 2 arrays stand before '/', but 1 rules"):

        @primitive(lambda g, out, x, y: g)
        def power_of_two(x, y, /):
            return x * 2.0**y

    assert before == PRIMITIVES


def test_a_node_shows_its_operation_and_its_place_in_order():
    x = leaf(VECTOR)
    first = tg.exp(x)
    second = first.sum()
    assert repr(first.node) == f"Node(exp, sequence={first.node.sequence})"
    assert repr(second.node) == f"Node(sum, sequence={second.node.sequence})"
    assert first.node.sequence < second.node.sequence


@pytest.mark.parametrize(
    ("output", "inputs"),
    [(3.0, leaf(1.0)), (leaf(1.0) * 2, [leaf(1.0), 3.0]), (leaf(1.0) * 2, VECTOR)],
    ids=["output", "one input", "array"],
)
def test_grad_takes_tensors(output, inputs):
    with pytest.raises(TypeError, match=r"grad takes one output and its inputs.* Tensors"):
        grad(output, inputs)


@pytest.mark.parametrize(
    ("f", "method"),
    [
        (lambda x: Tensor([1.0, 2.0]), "complex step"),
        (lambda x: Tensor(np.sign(x.data)), "central differences"),
    ],
    ids=["constant", "steps"],
)
def test_function_that_does_not_change_passes_the_check_to_any_order(f, method):
    check = check_gradients(f, VECTOR, order=4)
    assert (check.method, check.errors) == (method, (0.0,) * 4)
    assert check_gradients(lambda x: x * x, VECTOR, order=5).errors[-1] == 0


@pytest.fixture
def _registry():
    """Leave the registry as it was."""
    before = dict(PRIMITIVES)
    yield
    PRIMITIVES.clear()
    PRIMITIVES.update(before)


@pytest.mark.usefixtures("_registry")
def test_a_failed_check_of_a_large_input_ends_soon():
    calls = []

    @primitive(lambda g, out, x: 2.5 * g)
    def same(x, /):
        calls.append(x.size)
        return x * 1.0

    with pytest.raises(
        GradientError,
        match=r"order 1.*worst element of the first 2,000: input 0\[\d+\].*ratio 2\.5$",
    ):
        check_gradients(lambda x: same(x).sum(), np.ones(5000))
    assert len(calls) < 2500  # it looks at some elements one by one, and not at all of them


# Files ---------------------------------------------------------------------------------------


@posix
def test_a_file_is_written_where_no_folder_can_be_opened(tmp_path, monkeypatch):
    class Windows:
        """The system as Python shows it there: folders cannot be opened."""

        name = "nt"

        def __getattr__(self, name):
            return getattr(os, name)

        def open(self, path, *flags):
            if os.path.isdir(path):
                raise PermissionError(13, "Permission denied", str(path))
            return os.open(path, *flags)

    monkeypatch.setattr(atomic_file, "os", Windows())
    target = tmp_path / "model.pkl"
    target.write_bytes(b"old")
    assert atomic_file.write_atomically(target, b"new") == target
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["model.pkl"]

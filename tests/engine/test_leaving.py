"""Tests that values leave a graph only explicitly, and that no gradient is lost: in conversions to
arrays and numbers, in copies, in threads, and in sums of float16.
"""

import copy
import math
import pickle
import statistics
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, GraphCutWarning, Tensor, grad, no_grad
from tinygrad_edu.leaving import ReadOnlyArray, values_of

from .threads import run_at_once


def leaf(values, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


V = leaf([0.5, 1.5, 2.5], name="v")
S = leaf(0.7, name="s")

# Plain arrays ---------------------------------------------------------------------------------

ASKED_FOR = {
    "asarray": lambda: np.asarray(V),
    "array": lambda: np.array(V),
    "of a result": lambda: np.asarray(V * 2),
    "another dtype": lambda: np.asarray(V, np.float32),
    "a list of tensors": lambda: np.array([S, S]),
    "a list of a tensor and a number": lambda: np.array([S, 1.0]),
    "vectorize": lambda: np.vectorize(lambda x: x * x)(V),
    "frompyfunc": lambda: np.frompyfunc(math.exp, 1, 1)(np.array([V[0]])),
    "dot of an array": lambda: np.ones(3).dot(V),
    "assignment": lambda: np.zeros(3).__setitem__(slice(None), V),
    "random numbers": lambda: np.random.default_rng(0).normal(V),
    "testing": lambda: np.testing.assert_allclose(V, V.data),
    "asanyarray": lambda: np.asanyarray(V),
    "ascontiguousarray": lambda: np.ascontiguousarray(V),
    "matrix": lambda: np.array(V, ndmin=2),
    "a new value": lambda: setattr(leaf([1.0, 1.0, 1.0]), "data", V),
    "a gradient": lambda: setattr(leaf([1.0, 1.0, 1.0]), "grad", V),
    "a new tensor": lambda: Tensor(V),
    "a new tensor of a result": lambda: Tensor(V * 2, requires_grad=True),
}


@pytest.mark.parametrize("name", ASKED_FOR)
def test_cutting_a_graph_is_refused(name):
    with pytest.raises(GradientError, match=r"cut its graph; .*\.data.*\.numpy\(\).*\.detach\(\)"):
        ASKED_FOR[name]()


class Sparse:
    """A matrix that converts its operand to an array, as those of SciPy do."""

    def __matmul__(self, other):
        return np.array([[2.0, 1.0], [0.0, 3.0]]) @ np.asarray(other)


def test_a_matrix_of_another_library_is_refused():
    w = leaf([1.0, 2.0])
    with pytest.raises(GradientError, match="cut its graph"):
        ((Sparse() @ w - w) ** 2).sum()


def test_pandas_is_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(GradientError, match="cut its graph"):
        pandas.DataFrame({"v": pandas.Series(V)})


@pytest.mark.parametrize("tensor", [V.detach(), Tensor([1, 2]), Tensor([True])])
def test_without_a_graph_it_is_a_view(tensor):
    array = np.asarray(tensor)
    assert np.shares_memory(array, tensor._data)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5


def test_under_no_grad_it_is_a_view():
    with no_grad():
        array = np.asarray(V)
        assert np.shares_memory(array, V._data)
        np.testing.assert_array_equal(Tensor(V).data, V.data)
    with pytest.raises(ValueError, match="read-only"):
        array += 1


def test_explicit_conversions_do_not_warn():
    assert V.data.sum() == V.numpy().sum() == sum(V.tolist()) == V.detach().data.sum() == 4.5
    assert (S.item(), S.detach().item(), float(S.data)) == (0.7, 0.7, 0.7)


class Measurement:
    """An array of another library, with a private name for its values."""

    _data = "centimetres"

    def __array__(self, dtype=None, copy=None):
        return np.array([1.0, 2.0], dtype)


def test_only_tensors_are_read_by_their_values():
    np.testing.assert_array_equal(values_of(Measurement()), [1, 2])
    np.testing.assert_array_equal(values_of(V), [0.5, 1.5, 2.5])
    assert tg.check_gradients(lambda x: x * x, Measurement())


# Numbers --------------------------------------------------------------------------------------

NUMBERS = {
    "float": float,
    "int": int,
    "complex": complex,
    "exp": math.exp,
    "hypot": lambda t: math.hypot(t, 2.0),
    "floor": math.floor,
    "map": lambda t: list(map(float, [t])),
    "fromiter": lambda t: np.fromiter([t], float),
    "element": lambda t: np.zeros(2).__setitem__(0, t),
    "float64": np.float64,
    "variance": lambda t: statistics.NormalDist(float(t), 1.0),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_cut_a_graph_warn(name):
    with pytest.warns(
        GraphCutWarning, match=r"(float|int)\(\) of tensor 's' cuts its graph"
    ) as found:
        NUMBERS[name](S)
    assert all(one.filename == __file__ for one in found)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        NUMBERS[name](S.detach())
        with no_grad():
            NUMBERS[name](S)
    assert found == []


def test_it_warns_once_per_line():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        for _ in range(3):
            math.exp(S)
        math.exp(S)
    assert len(found) == 2


def test_formatting_does_not_warn():
    text = "%.2f" % S  # noqa: UP031
    text += f" {S:.2f} " + "{:.2f}".format(S) + " %d" % S  # noqa: UP031, UP032
    assert text == "0.70 0.70 0.70 0"
    assert "0.7" in f"{S} {S!r}"


# Arrays that cannot be written into -----------------------------------------------------------


def minus(name):
    def change():
        w = leaf([1.0, 2.0])
        array = w.data
        getattr(array, f"__i{name}__")(2)

    return change


def downhill():
    w = leaf([1.0, 2.0])
    w.data -= 0.1 * np.ones(2)


def in_a_hook():
    w = leaf([1.0, 2.0])
    y = w * 2
    with y.register_hook(lambda g: g.__imul__(0)):
        y.sum().backward()


IN_PLACE = [downhill, in_a_hook, *map(minus, ["add", "mul", "truediv", "pow", "floordiv", "mod"])]


@pytest.mark.parametrize("change", IN_PLACE)
def test_errors_of_changes_in_place_name_the_alternative(change):
    expected = r"read-only.*write x\.data = x\.data - step.*return 2 \* g from a hook"
    with pytest.raises(ValueError, match=expected):
        change()


def test_values_are_a_plain_array_in_all_other_ways():
    values = V.data
    assert repr(values) == repr(V.numpy())
    assert str(values) == str(V.numpy())
    made = {
        "sum": values.sum(axis=0, keepdims=True),
        "product": values * 2,
        "function": np.exp(values),
        "like": np.zeros_like(values),
        "sorted": np.sort(values),
        "order": values.argsort(),
        "copy": values.copy(),
        "deep copy": copy.deepcopy(values),
        "pickled": pickle.loads(pickle.dumps(values)),
        "dtype": values.astype(np.float32),
        "taken": values.take([0, 1]),
        "split": np.split(values * 1, 3)[0],
        "modf": np.modf(values)[0],
        "divmod": np.divmod(values, 2)[1],
        "repeat": np.repeat(values, 2),
    }
    for name, array in made.items():
        assert type(array) is np.ndarray, name
        assert array.flags.writeable, name
    assert type(values[0]) is type(values.sum()) is type(np.add(S.data, 1)) is np.float64
    for view in (values[1:], values.T, values.reshape(3, 1), np.flip(values)):
        assert isinstance(view, ReadOnlyArray)
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0


def test_a_writeable_array_of_that_kind_can_be_changed():
    array = np.zeros(3).view(ReadOnlyArray)
    array[0] = 2
    array += 1
    assert array.tolist() == [3, 1, 1]


# Comparisons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["a", b"a", None, object(), ["a", "b", "c"], np.array("x")])
@pytest.mark.parametrize("tensor", [V, S, Tensor([1, 2, 3])])
def test_comparing_a_tensor_with_other_objects(tensor, other):
    with no_grad():
        expected = np.asarray(tensor) == other
    np.testing.assert_array_equal(tensor == other, expected, strict=False)
    np.testing.assert_array_equal(tensor != other, ~np.asarray(expected))
    assert (tensor == other).dtype == bool


@pytest.mark.parametrize("tensor", [V, S, leaf(np.zeros((0, 2)))])
def test_strings_are_not_tensors(tensor):
    if tensor.size:
        assert tensor not in ("sum", "mean")
        assert tensor != "sum"
    assert "sum" not in tensor
    assert repr(tensor == "a") == repr(np.zeros(tensor.shape, bool))


def test_comparisons_of_order_and_masked_arrays_are_refused():
    with pytest.raises(TypeError):
        V < "a"  # noqa: B015
    with pytest.raises(TypeError, match="mask"):
        np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]) == V  # noqa: B015
    mixed = (V == "a") | (V > 1)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(mixed)


# Copies ---------------------------------------------------------------------------------------


class Weight(Tensor):
    __slots__ = ("__private", "unit")

    def __init__(self, values, unit):
        super().__init__(values, True, name="weight")
        self.unit, self.__private = unit, unit * 2

    def both(self):
        return self.unit, self.__private


class Tagged(Tensor):
    pass


COPIES = [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("copied", COPIES)
def test_copies_keep_the_subclass(copied):
    weight, tagged = Weight([1.0, 2.0], "kg"), Tagged([3.0])
    weight.grad = np.ones(2)
    tagged.tag = ["a", {"b": 1}]
    for original in (weight, tagged):
        twin = copied(original)
        assert type(twin) is type(original)
        assert (twin.requires_grad, twin.name) == (original.requires_grad, original.name)
        np.testing.assert_array_equal(twin.data, original.data)
        assert not np.shares_memory(twin._data, original._data)
    assert copied(weight).both() == ("kg", "kgkg")
    np.testing.assert_array_equal(copied(weight).grad, [1, 1])
    assert copied(tagged).tag == tagged.tag
    assert (copied(tagged).tag is tagged.tag) == (copied is copy.copy)
    loss = (copied(weight) ** 2).sum()
    loss.backward()


def test_pickles_of_version_0_1_0_are_read():
    call = b"ctinygrad_edu.tensor\n_restored\n"
    values = pickle.dumps((np.array([1.0, 2.0]), True, "w", None), 0)[:-1]
    found = pickle.loads(call + values + b"R.")
    assert (type(found), found.requires_grad, found.name) == (Tensor, True, "w")


# Threads --------------------------------------------------------------------------------------


@pytest.mark.needs("threads")
def test_gradients_of_threads_add_up():
    x = leaf(np.zeros(50_000))
    weights = np.random.default_rng(3).integers(1, 5, size=(4, 60, 1)).astype(float)

    def work(number):
        for row in weights[number]:
            (x * row).sum().backward()

    run_at_once(work)
    np.testing.assert_array_equal(x.grad, np.full(50_000, weights.sum()))


# float16 --------------------------------------------------------------------------------------


def test_many_contributions_of_float16_do_not_stall():
    x = leaf(np.ones(2, np.float16))
    y = x * 1
    weights = np.random.default_rng(5).integers(1, 4, size=3000)
    tg.stack([(y * int(k)) for k in weights]).sum(axis=0).backward(np.ones(2))
    expected = np.float16(weights.sum())
    assert x.grad.dtype == np.float16
    np.testing.assert_array_equal(x.grad, expected)
    np.testing.assert_array_equal(y.grad, expected)


def test_many_contributions_of_float16_to_be_differentiated_again():
    x = leaf(np.float16(0.5))
    y = x * x
    first = grad(tg.stack([y] * 3000).sum(), x, create_graph=True)
    assert (first.dtype, first.item()) == (np.float16, 3000)
    assert grad(first, x) == 6000


# Names in other libraries ---------------------------------------------------------------------

HINTS = {
    "view": r"reshape\(shape\)",
    "unsqueeze": "expand_dims",
    "permute": "transpose",
    "cuda": "leave it out",
    "cpu": "leave it out",
    "requires_grad_": "x.requires_grad = True",
    "zero_": "x.data = new_values",
    "add_": "x.data = new_values",
    "softmax": r"tinygrad_edu\.softmax\(x\)",
    "det": r"tinygrad_edu\.linalg\.det\(x\)",
    "nbytes": r"x\.data\.nbytes",
}


@pytest.mark.parametrize("name", HINTS)
def test_attributes_of_other_libraries(name):
    with pytest.raises(
        AttributeError, match=rf"'Tensor' object has no attribute '{name}'; .*{HINTS[name]}"
    ):
        getattr(V, name)


def test_an_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'Weight' object has no attribute 'nonsense'$"):
        Weight([1.0], "m").nonsense  # noqa: B018
    assert not hasattr(V, "__nonsense__")
    assert not hasattr(Tensor, "view")
    assert "view" not in dir(V)
    assert {"data", "reshape"} <= set(dir(V))


def test_size_is_a_number_that_cannot_be_called():
    assert V.size == 3
    assert type(pickle.loads(pickle.dumps(V.size))) is int
    with pytest.raises(TypeError, match=r"write x\.shape for"):
        V.size()
    with pytest.raises(TypeError, match=r"write x\.shape\[0\]"):
        V.size(0)


@pytest.mark.parametrize(
    "keyword", ["retain_graph", "create_graph", "inputs", "nonsense", "gradien"]
)
def test_arguments_of_other_libraries(keyword):
    hints = {"retain_graph": "leave it out", "create_graph": r"grad\(", "gradien": "'gradient'"}
    expected = hints.get(keyword, "it takes gradient|grad\\(output, inputs")
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{keyword}'; .*({expected})"):
        V.sum().backward(**{keyword: True})
    if keyword == "retain_graph":
        with pytest.raises(TypeError, match="leave it out"):
            grad(V.sum(), V, retain_graph=True)


def test_a_constant_has_the_gradient_0():
    x = leaf(2.0)
    first = grad(3 * x, x, create_graph=True)
    with pytest.raises(GradientError, match="is a constant, and its gradient is 0"):
        grad(first, x)
    assert grad(first, x, allow_unused=True) is None
    assert grad(first, [x, x], allow_unused=True) == (None, None)

"""Tests that every operation of the table in `cases/` computes what NumPy computes, and that its
gradients are right to second order, for every layout, dtype and broadcasting.
"""

import inspect
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import tinygrad_edu as tg
from tinygrad_edu import Tensor, check_gradients, grad, notation, ops
from tinygrad_edu.autodiff import graph_order
from tinygrad_edu.leaving import values_of
from tinygrad_edu.ops import plain
from tinygrad_edu.primitive import PRIMITIVES

from .cases import CASES, Case
from .cases.one_by_one import every

every_case = every(CASES)
FLOATING = [case for case in CASES if any(a.size for a in case.arrays if a.dtype.kind == "f")]


NOT_RECORDED = {"linalg", "one_hot", *plain.__all__}
# What every operation is reached by; the functions of `linalg` by way of that.
DIFFERENTIABLE = {name: getattr(tg, name) for name in ops.__all__ if name not in NOT_RECORDED}
DIFFERENTIABLE |= {f"fft.{name}": getattr(tg.fft, name) for name in ("fft", "rfft", "irfft")}
DIFFERENTIABLE |= {f"linalg.{name}": getattr(ops.linalg, name) for name in ops.linalg.__all__}


def random_like(array, seed=0):
    """A cotangent that is not uniform, under which mistakes could cancel."""
    return np.asarray(np.random.default_rng(seed).normal(size=np.shape(array)))


def gradients_of(out, leaves, cotangent):
    """The gradients of all leaves among the inputs, given a cotangent of the output."""
    leaves = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    return grad(out, leaves, cotangent, allow_unused=True)


def test_every_operation_has_a_case():
    covered = {DIFFERENTIABLE[case.operation] for case in CASES}  # under whatever name
    recorded = {
        tensor.node.primitive.name
        for case in CASES
        for tensor in graph_order(case.f(*case.inputs()))
    }
    assert [name for name, f in DIFFERENTIABLE.items() if f not in covered] == []
    assert recorded == set(PRIMITIVES), "a primitive that no case reaches"
    described = [case.f(*case.inputs()).node.primitive.name for case in CASES if case.text]
    assert sorted(described) == sorted(PRIMITIVES), "one case for the text of each primitive"


@every_case
def test_forward_is_what_numpy_computes(case):
    copies = [array.copy() for array in case.arrays]
    for locked in case.arrays:
        locked.flags.writeable = False
    inputs = case.inputs()
    out = case.f(*inputs)
    expected = case.expected(*case.arrays)
    assert type(out) is Tensor
    assert out.shape == expected.shape
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out.data, expected, rtol=1e-13, atol=1e-15)
    out.backward(random_like(expected))
    for given_, array, copy in zip(inputs, case.arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)
        np.testing.assert_array_equal(values_of(given_), copy, strict=True)


@every(FLOATING)
def test_gradients_to_second_order(case):
    check = check_gradients(case.f, *case.inputs(), order=2)
    nodes = [tensor.node for tensor in graph_order(case.f(*case.inputs()))]
    exact = all(node.primitive.analytic for node in nodes)
    assert check.method == ("complex step" if exact else "central differences")


@every_case
def test_gradients_against_differences_taken_here(case):
    # Written without the checker: should that be blind in some place, this is not. It moves the
    # arrays that NumPy alone computes with, so it is blind to nothing in this package.
    inputs = case.inputs()
    out = case.f(*inputs)
    cotangent = random_like(out.data)
    found = iter(gradients_of(out, inputs, cotangent))
    step = 1e-5
    for place, array in enumerate(case.arrays):
        if array.dtype.kind != "f":
            continue
        slopes = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in case.arrays]
                moved[place][index] += sign * step
                ends.append(np.sum(cotangent * case.expected(*moved)))
            slopes[index] = (ends[0] - ends[1]) / (2 * step)
        gradient = next(found)
        if gradient is None:  # the output is empty, or a constant
            gradient = np.zeros(array.shape)
        assert type(gradient) is np.ndarray
        assert gradient.shape == array.shape
        np.testing.assert_allclose(gradient, slopes, rtol=2e-7, atol=2e-8)


DESCRIBED = [case for case in CASES if case.text]


@pytest.mark.parametrize("case", DESCRIBED, ids=lambda case: case.operation)
def test_text_says_what_is_computed(case):
    out = case.f(*case.inputs())
    node = out.node
    primitive = node.primitive
    parameters = inspect.signature(primitive.forward).parameters.values()
    metadata = {
        p.name: p.default
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.default is not p.empty
    }
    arrays = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY] or ["x", "y"]
    names = dict(zip(arrays, node.values, strict=True)) | metadata | dict(node.params)
    # NumPy's own functions come before those of this package, so that the text is compared with
    # something else than itself.
    namespace = vars(tg) | vars(np) | names | {"one_hot": lambda labels: np.eye(K)[labels]}
    if "logits" in names:
        namespace["N"], K = len(names["logits"]), np.shape(names["logits"])[-1]

    def value(text):
        return eval(text, namespace)

    # Small elements of a matrix are known to the rounding of the large ones.
    np.testing.assert_allclose(value(primitive.formula), out.data, rtol=1e-13, atol=1e-14)
    namespace["out"] = out.data
    namespace["g"] = g = random_like(out.data)
    rules = primitive.rules_for(len(node.inputs))
    assert len(primitive.derivatives) == len(rules)
    params = dict(node.params, **({"residual": None} if primitive.residual else {}))
    for text, rule in zip(primitive.derivatives, rules, strict=True):
        assert bool(text) == (rule is not None)
        if rule is not None:
            expected = rule(g, out.data, *node.values, **params)
            found = np.broadcast_to(value(text), expected.shape)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def strided(array):
    """The same values as every other element of something larger."""
    larger = np.full([2 * n for n in array.shape], np.nan)
    view = larger[(..., *[slice(None, None, 2)] * array.ndim)]  # an array, also in 0 dimensions
    view[...] = array
    return view


LAYOUTS = {
    "fortran": lambda a: np.array(a, order="F"),
    "strided": strided,
    "backwards": lambda a: np.flip(np.array(np.flip(a), order="C")),
    "transposed": lambda a: np.array(a.T, order="C").T,
}


@every_case
def test_layout_of_the_memory_does_not_matter(case):
    plain = case.inputs()
    expected = case.f(*plain)
    cotangent = random_like(expected.data)
    wanted = gradients_of(expected, plain, cotangent)
    for layout, change in LAYOUTS.items():
        # Shared, so that the layout arrives; and locked by that, so that writing would be an error.
        others = [
            Tensor(change(a.data), True, copy=False) if isinstance(a, Tensor) else a for a in plain
        ]
        out = case.f(*others)
        np.testing.assert_allclose(out.data, expected.data, 1e-13, 1e-15, err_msg=layout)
        for order in "CF":
            found = gradients_of(out, others, np.array(cotangent, order=order))
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_allclose(a, b, 1e-12, 1e-14, err_msg=f"{layout}, g in {order}")


@every_case
def test_rules_are_pure(case):
    """They change nothing, and what they give is theirs, or a view of the cotangent."""
    for tensor in graph_order(case.f(*case.inputs())):
        node = tensor.node
        primitive = node.primitive
        out = np.asarray(tensor._data)
        g = random_like(out)
        held = [out, *node.values, *node.params.values()]
        if primitive.residual:
            assert node.residual is not None
            held.append(node.residual)
        held = [value for value in held if isinstance(value, np.ndarray)]
        before = [value.copy() for value in [g, *held]]
        for rule in primitive.rules_for(len(node.inputs)):
            if rule is None:
                continue
            params = dict(node.params)
            if primitive.residual:
                params["residual"] = node.residual
            found = rule(g, tensor._data, *node.values, **params)
            assert not any(np.shares_memory(found, value) for value in held)
            for value, copy in zip([g, *held], before, strict=True):
                np.testing.assert_array_equal(value, copy)
            if primitive.residual:
                # The same without what the forward pass left: that is how it is differentiated.
                params["residual"] = None
                again = rule(g, tensor._data, *node.values, **params)
                np.testing.assert_allclose(again, found, rtol=1e-12, atol=1e-15)


KEEPS_DTYPE = [
    case
    for case in CASES
    if case.operation not in ("astype", "float_power") and "constant" not in case.label
]


@every(KEEPS_DTYPE)
def test_dtype_is_kept(case):
    for dtype in ("float16", "float32", "float64"):
        check_dtype(case, dtype)


def check_dtype(case, dtype):
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.arrays]
    wider = case.operation == "power" and "whole exponents" in case.label
    wider |= case.operation == "clip" and case.label in ("arrays", "to a larger shape")
    expected = np.result_type(dtype, np.float64) if wider else np.dtype(dtype)
    inputs = case.inputs(dtype)
    out = case.f(*inputs)
    assert out.dtype == expected
    assert np.asarray(out.data).dtype == expected
    tolerance = {"float16": 2e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    exact = case.expected(*[a.astype(float) if a.dtype.kind == "f" else a for a in arrays])
    np.testing.assert_allclose(out.data, exact, tolerance, tolerance, err_msg=dtype)
    out.backward(random_like(out.data).astype(expected))
    for leaf in inputs:
        if isinstance(leaf, Tensor) and leaf.grad is not None:
            assert leaf.grad.dtype == dtype
            assert leaf.grad.shape == leaf.shape
    create = grad(out, [t for t in inputs if isinstance(t, Tensor)], np.ones(out.shape, expected),
                  create_graph=True, allow_unused=True)  # fmt: skip
    assert all(gradient is None or gradient.dtype == dtype for gradient in create)


def test_gradients_pass_conversions_in_the_dtype_of_each_tensor():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x.astype("float32")
    z = (y * y).astype("float16")
    z.sum().backward()
    assert (y.dtype, z.dtype) == (np.float32, np.float16)
    assert (x.grad.dtype, y.grad.dtype, z.grad.dtype) == (np.float64, np.float32, np.float16)
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])
    assert not x.astype(int).requires_grad
    assert not x.astype(bool).requires_grad
    with pytest.raises(TypeError, match="complex is not supported"):
        x.astype(complex)


IN_NUMPY = [case for case in CASES if case.numpy_has_it and case.operation != "astype"]


@every(IN_NUMPY)
def test_numpy_functions_record(case):
    ours, theirs = case.inputs(), case.inputs()
    expected, out = case.f(*ours), case.call(np, *theirs)
    assert type(out) is Tensor
    assert out.node.primitive is expected.node.primitive
    np.testing.assert_array_equal(out.data, expected.data)
    cotangent = random_like(out.data)
    wanted = gradients_of(expected, ours, cotangent)
    for a, b in zip(gradients_of(out, theirs, cotangent), wanted, strict=True):
        np.testing.assert_array_equal(a, b)


OPERATORS = {
    operator.add: tg.add,
    operator.sub: tg.subtract,
    operator.mul: tg.multiply,
    operator.truediv: tg.divide,
    operator.pow: tg.power,
}
OPERANDS = [
    2.5,
    3,
    True,
    np.float64(2.5),
    np.float32(2.5),
    np.int64(3),
    np.array(2.5),
    np.array([1.5, 2.5, 3.5]),
    np.array([[1], [2]]),
    np.array([[1.5], [2.5]], dtype=np.float32),
]


@pytest.mark.parametrize("symbol", OPERATORS, ids=lambda symbol: symbol.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("other", OPERANDS, ids=lambda other: " ".join(repr(other).split()))
def test_operators_take_numbers_and_arrays_on_either_side(symbol, dtype, other):
    array = np.array([0.5, 1.25, 2.0], dtype)
    as_tensor = Tensor(np.asarray(other, float), True)
    for turn in (lambda a, b: (a, b), lambda a, b: (b, a)):
        x = Tensor(array, True)
        out = symbol(*turn(x, other))
        expected = symbol(*turn(array, other))
        assert type(out) is Tensor
        assert out.node.primitive is OPERATORS[symbol].primitive
        np.testing.assert_allclose(out.data, expected, strict=True)  # the dtype as well
        # The gradient is the one that x has when its partner is a tensor too.
        reference = Tensor(array, True, dtype=float)
        cotangent = random_like(out.data)
        wanted = grad(symbol(*turn(reference, as_tensor)), reference, cotangent)
        out.backward(cotangent.astype(out.dtype))
        assert x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad, wanted, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_matmul_takes_arrays_on_either_side():
    a, b = random_like(np.zeros((2, 3))), random_like(np.zeros((3, 4)), seed=1)
    g = random_like(np.zeros((2, 4)), seed=2)
    x, y = Tensor(a, True), Tensor(b, True)
    for out, leaf, expected in [(x @ b, x, g @ b.T), (a @ y, y, a.T @ g)]:
        np.testing.assert_allclose(out.data, a @ b)
        np.testing.assert_allclose(grad(out, leaf, g), expected)


METHODS = {
    "absolute": (), "all": (1,), "any": (), "argmax": (1,), "argmin": (), "argpartition": (1,),
    "argsort": (0,), "astype": ("float32",), "clip": (-0.5, 0.5), "copy": (), "cumprod": (1,),
    "cumsum": (), "diagonal": (1,), "dot": (np.ones((3, 2)),), "exp": (), "flatten": (), "log": (),
    "max": (1,), "mean": (0,), "min": (-1,), "nonzero": (), "partition": (1, 0), "prod": (0,),
    "ravel": ("F",), "relu": (), "repeat": (2, 1), "reshape": ((3, 2),), "round": (1,),
    "searchsorted": (0.7,), "sigmoid": (), "sort": (0,), "sqrt": (), "square": (), "squeeze": (),
    "std": (1,), "sum": ((0, 1),), "swapaxes": (0, 1), "take": ([2, 2], 1), "tanh": (),
    "trace": (), "transpose": (), "var": (1,),
    "chunk": (2, 1), "cummax": (1,), "cummin": (0,), "div": (2.0,), "fmod": (0.3,),
    "gather": (1, [[0], [2]]), "index_select": (1, [2, 0]), "lerp": (3.0, 0.5),
    "logcumsumexp": (1,), "masked_fill": ([True, False, True], 7.0),
    "masked_select": ([True, False, True],), "rsqrt": (), "scatter": (1, [[0], [2]], 5.0),
    "scatter_add": (1, [[0], [2]], 5.0), "scatter_reduce": (1, [[0], [2]], 5.0, "amax"),
    "topk": (2,), "unfold": (1, 2, 1),
}  # fmt: skip


def test_every_method_is_tested():
    assert set(METHODS) == set(notation.Notation.__annotations__)


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_the_operations(name):
    shape = (6,) if name == "searchsorted" else (2, 3)
    x = Tensor(np.random.default_rng(3).uniform(0.5, 2, size=shape), True)
    expected = getattr(tg, notation.RENAMED.get(name, name))(x, *METHODS[name])
    out = getattr(x, name)(*METHODS[name])
    several = name in ("chunk", "cummax", "cummin", "topk")
    for found, wanted in zip(out, expected, strict=True) if several else [(out, expected)]:
        np.testing.assert_array_equal(values_of(found), values_of(wanted), strict=True)
        if isinstance(found, Tensor):
            assert found.node.primitive is wanted.node.primitive
    x = x if x.ndim == 2 else x.reshape(2, 3)
    np.testing.assert_array_equal(x.T.data, x.data.T)
    np.testing.assert_array_equal(x.mT.data, x.data.T)
    np.testing.assert_array_equal(x.reshape(3, 2).data, x.data.reshape(3, 2))
    np.testing.assert_array_equal((-x).data, -x.data)
    np.testing.assert_array_equal(abs(-x).data, x.data)


# Broadcasting, with shapes that nobody chose --------------------------------------------------


def added_back(array, shape):
    """Sum over what broadcasting repeated, written for comparison."""
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    return array.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


ELEMENTWISE = set(dir(tg)) - {"matmul"}  # that has a test of its own
BROADCASTING = sorted(
    name
    for name, p in PRIMITIVES.items()
    if p.broadcasts and len(p.rules) > 1 and name in ELEMENTWISE
)


@pytest.mark.parametrize("name", BROADCASTING)
@given(data=st.data())
def test_broadcasting_is_undone(name, data):
    operation = getattr(tg, name)
    count = 3 if name == "where" else 2
    drawn = data.draw(
        mutually_broadcastable_shapes(num_shapes=count, min_side=0, max_dims=4, max_side=3)
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    arrays = [generator.uniform(0.5, 2.0, size=shape) for shape in drawn.input_shapes]
    if name == "where":
        arrays[0] = arrays[0] < 1
    leaves = [Tensor(a, a.dtype.kind == "f") for a in arrays]
    # The reference gets operands that are of the full size already.
    full = [Tensor(np.broadcast_to(a, drawn.result_shape), t.requires_grad) for a, t in
            zip(arrays, leaves, strict=True)]  # fmt: skip
    cotangent = generator.normal(size=drawn.result_shape)
    out, reference = operation(*leaves), operation(*full)
    np.testing.assert_array_equal(out.data, reference.data)
    out.backward(cotangent)
    reference.backward(cotangent)
    for leaf, whole in zip(leaves, full, strict=True):
        if leaf.requires_grad:
            expected = added_back(whole.grad, leaf.shape)
            np.testing.assert_allclose(leaf.grad, expected, rtol=1e-12, atol=1e-13)


@given(data=st.data())
def test_broadcasting_of_matmul_is_undone(data):
    drawn = data.draw(
        mutually_broadcastable_shapes(signature="(n?,k),(k,m?)->(n?,m?)", max_dims=3, max_side=3)
    )
    generator = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    a, b = (generator.normal(size=shape) for shape in drawn.input_shapes)
    x, y = Tensor(a, True), Tensor(b, True)
    g = generator.normal(size=np.matmul(a, b).shape)
    (x @ y).backward(g)
    # Bilinear: both gradients together give back the product, and each its share of it.
    product = np.sum(g * np.matmul(a, b))
    for leaf, moved in ((x, lambda d: np.matmul(d, b)), (y, lambda d: np.matmul(a, d))):
        direction = generator.normal(size=leaf.shape)
        assert leaf.grad.shape == leaf.shape
        np.testing.assert_allclose(
            np.sum(leaf.grad * direction), np.sum(g * moved(direction)), atol=1e-12
        )
        np.testing.assert_allclose(np.sum(leaf.grad * leaf.data), product, atol=1e-12)


def test_case_is_frozen():
    with pytest.raises(AttributeError):
        CASES[0].label = ""
    assert isinstance(CASES[0], Case)

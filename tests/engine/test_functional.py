"""Tests that the derivatives of functions are those worked out by hand, that products agree with
whole Jacobians, and that nothing of the caller is changed.
"""

from collections import namedtuple

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, grad, hessian, hvp, jacobian, jvp, no_grad, vjp

generator = np.random.default_rng(11)
W = generator.normal(size=(3, 4))
X, V = generator.normal(size=(2, 2, 3))
Y, U = generator.normal(size=(2, 3))
C = generator.normal(size=(2, 4))


def leaf(values, **keywords):
    return Tensor(values, requires_grad=True, **keywords)


def layer(x):
    return tg.tanh(x @ W)


def pair(x, y):
    """Two outputs of two inputs; the second one does not depend on all of x."""
    return tg.tanh(x @ W) * (y * y).sum(), y * x[0]


def energy(x, y):
    return (tg.tanh(x @ W) ** 2).sum() * (y**3).sum() + tg.exp(y).sum()


def same(found, expected, **tolerances):
    tolerances = {"rtol": 1e-12, "atol": 1e-12, **tolerances}
    assert type(found) is np.ndarray
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, **tolerances)


# By hand --------------------------------------------------------------------------------------


def test_jacobian_by_hand():
    # f(a, b) = (a²b, 5a + tanh b) has the rows (2ab, a²) and (5, 1 - tanh²b).
    def f(x):
        return tg.stack([x[0] ** 2 * x[1], 5.0 * x[0] + tg.tanh(x[1])])

    a, b = 2.0, 3.0
    same(jacobian(f, [a, b]), [[2 * a * b, a**2], [5, 1 - np.tanh(b) ** 2]])
    same(jacobian(layer, X)[1, 2, 1], (1 - np.tanh(X[1] @ W[:, 2]) ** 2) * W[:, 2])
    same(jacobian(layer, X)[1, 2, 0], np.zeros(3))  # another row
    same(jacobian(lambda x: x @ W, Y), W.T)


def test_hessian_by_hand():
    # The quadratic form xᵀAx / 2 has the Hessian (A + Aᵀ) / 2, and its product with v.
    A = generator.normal(size=(3, 3))

    def form(x):
        return 0.5 * (x @ A @ x)

    same(hessian(form, Y), (A + A.T) / 2)
    output, product = hvp(form, Y, U)
    same(output, 0.5 * Y @ A @ Y)
    same(product, (A + A.T) / 2 @ U)
    # x²y³ at (2, 3): 2y³, 6xy², 6x²y.
    H = hessian(lambda x, y: x**2 * y**3, (2.0, 3.0))
    assert [[block.item() for block in row] for row in H] == [[54, 108], [108, 72]]
    # Rosenbrock's valley, 100 (b - a²)² + (1 - a)², at its minimum (1, 1).
    valley = hessian(lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, [1.0, 1.0])
    same(valley, [[802, -400], [-400, 200]])


def test_products_by_hand():
    same(vjp(lambda x: x @ W, Y, C[0])[1], W @ C[0])
    output, product = jvp(lambda x: x @ W, Y, U)
    same(output, Y @ W)
    same(product, U @ W)
    # Several inputs: the parts add up. (x y)' = x' y + x y'.
    same(jvp(lambda x, y: x * y, (Y, U), (2 * Y, 3 * U))[1], 2 * Y * U + Y * 3 * U)
    same(vjp(lambda x: (x * x).sum(), Y)[1], 2 * Y)  # one number needs no cotangent
    same(vjp(lambda x: (x * x).sum().reshape(1, 1), Y)[1], 2 * Y)


# Consistency ----------------------------------------------------------------------------------


def test_products_agree_with_the_whole_jacobian():
    (J_xx, J_xy), (J_yx, J_yy) = jacobian(pair, (X, Y))
    outputs, tangents = jvp(pair, (X, Y), (V, U))
    same(tangents[0], np.tensordot(J_xx, V) + J_xy @ U)
    same(tangents[1], np.tensordot(J_yx, V) + J_yy @ U)
    again, cotangents = vjp(pair, (X, Y), (C, U))
    same(cotangents[0], np.tensordot(C, J_xx) + np.tensordot(U, J_yx, 1))
    same(cotangents[1], np.tensordot(C, J_xy) + U @ J_yy)
    for output, other, tensor in zip(outputs, again, pair(Tensor(X), Tensor(Y)), strict=True):
        np.testing.assert_array_equal(output, tensor.data)
        np.testing.assert_array_equal(output, other)
    # Both sides are one number: <c, J v> = <Jᵀ c, v>.
    forward = np.sum(C * tangents[0]) + U @ tangents[1]
    same(np.asarray(forward), np.sum(cotangents[0] * V) + cotangents[1] @ U)


def test_hessian_is_symmetric_and_matches_the_products():
    (xx, xy), (yx, yy) = hessian(energy, (X, Y))
    same(xx, xx.transpose(2, 3, 0, 1))
    same(yy, yy.T)
    same(xy, yx.transpose(1, 2, 0))
    output, (along_x, along_y) = hvp(energy, (X, Y), (V, U))
    same(along_x, np.tensordot(xx, V) + xy @ U)
    same(along_y, np.tensordot(yx, V) + yy @ U)
    same(output, energy(Tensor(X), Tensor(Y)).data)


def test_against_differences():
    step = 1e-6
    ends = [layer(Tensor(X + sign * step * V)).data for sign in (1, -1)]
    same(jvp(layer, X, V)[1], (ends[0] - ends[1]) / (2 * step), rtol=1e-7, atol=1e-8)
    slopes = [vjp(energy, (X, Y + sign * step * U))[1][1] for sign in (1, -1)]
    same(hessian(energy, (X, Y))[1][1] @ U, (slopes[0] - slopes[1]) / (2 * step), rtol=1e-6)


def test_through_operations_without_derivative_and_kinks():
    same(jacobian(lambda x: x * (x > 0).astype(float), Y), np.diag((Y > 0) * 1.0))
    same(jvp(tg.sign, Y, U)[1], np.zeros(3))
    with np.errstate(divide="ignore"):  # inf where the derivative is infinite, nan nowhere
        same(jvp(tg.sqrt, [0.0, 4.0], [1.0, 1.0])[1], [np.inf, 0.25])


# Structure ------------------------------------------------------------------------------------


def test_results_have_the_structure_of_the_function():
    J = jacobian(pair, (X, Y))
    assert [[block.shape for block in row] for row in J] == [
        [(2, 4, 2, 3), (2, 4, 3)],
        [(3, 2, 3), (3, 3)],
    ]
    assert jacobian(layer, X).shape == (2, 4, 2, 3)
    (only,) = jacobian(layer, (X,))
    assert only.shape == (2, 4, 2, 3)
    (only,) = jacobian(lambda x: (x.sum(),), X)
    assert only.shape == (2, 3)
    ((only,),) = hessian(lambda x: (x * x).sum(), (X,))
    assert only.shape == (2, 3, 2, 3)
    assert jacobian(lambda x: x * x, 3.0).shape == ()
    assert jacobian(lambda x: x[:0], Y).shape == (0, 3)
    assert jacobian(lambda x: x[:0], Y, create_graph=True).shape == (0, 3)
    assert jacobian(lambda x: x.sum(), np.zeros((0, 2))).shape == (0, 2)
    (output,), (product,) = jvp(lambda x: (x * 2,), (Y,), (U,))
    same(output, 2 * Y)
    same(product, 2 * U)


@pytest.mark.parametrize("create_graph", [False, True])
def test_derivatives_of_independent_outputs_are_zero(create_graph):
    constant = Tensor([1.0, 2.0])
    kind = Tensor if create_graph else np.ndarray
    options = {"create_graph": create_graph}

    def outputs(x, y):
        return constant, x * 2

    blocks = jacobian(outputs, (Y, U), **options)
    assert all(type(block) is kind for row in blocks for block in row)
    expected = [[np.zeros((2, 3)), np.zeros((2, 3))], [2 * np.eye(3), np.zeros((3, 3))]]
    for row, wanted in zip(blocks, expected, strict=True):
        for block, values in zip(row, wanted, strict=True):
            np.testing.assert_array_equal(np.asarray(block), values, strict=True)
    for found, wanted in [
        (vjp(outputs, (Y, U), (constant.data, Y), **options)[1], (2 * Y, 0 * U)),
        (jvp(outputs, (Y, U), (Y, U), **options)[1], (np.zeros(2), 2 * Y)),
        (hvp(lambda x, y: (x * 3).sum(), (Y, U), (Y, U), **options)[1], (0 * Y, 0 * U)),
        (hvp(lambda x, y: constant[0], (Y, U), (Y, U), **options)[1], (0 * Y, 0 * U)),
        (hessian(lambda x, y: x[0] * 3, (Y, U), **options)[0], (np.zeros((3, 3)),) * 2),
    ]:
        for block, values in zip(found, wanted, strict=True):
            assert type(block) is kind
            np.testing.assert_array_equal(np.asarray(block), values)
    same(np.asarray(jacobian(lambda x: x, Y, **options)), np.eye(3))  # the input itself
    counted = jacobian(lambda x: Tensor([1, 2]), Y, **options)
    assert (counted.shape, counted.dtype) == ((2, 3), float)


def test_dtypes():
    x = Tensor(Y, dtype="float32")
    for found in (
        jacobian(lambda x: x * x, x),
        hessian(lambda x: (x * x).sum(), x),
        vjp(lambda x: x * x, x, [1, 2, 3])[1],
        jvp(lambda x: x * x, x, U)[1],
        hvp(lambda x: (x**3).sum(), x, U)[1],
    ):
        assert found.dtype == np.float32
    assert jvp(lambda x: x * Y, x, U)[1].dtype == np.float64  # that of the output
    assert jacobian(lambda x: x * Y, x).dtype == np.float32  # that of the input


# Purity, and graphs ---------------------------------------------------------------------------


def test_the_callers_tensors_are_unchanged():
    x, w = leaf(X, name="x"), leaf(W)
    y = x * 2
    x.grad = np.ones((2, 3))
    seen = []
    for tensor in (x, y):
        tensor.register_hook(seen.append)

    def f(x):
        return tg.tanh(x @ w)

    for point in (x, y, Tensor(X)):
        for create_graph in (False, True):
            options = {"create_graph": create_graph}
            jacobian(f, point, **options)
            vjp(f, point, C, **options)
            jvp(f, point, V, **options)
            hvp(lambda x: f(x).sum(), point, V, **options)
    assert w.grad is y.grad is None
    np.testing.assert_array_equal(x.grad, np.ones((2, 3)))
    assert seen == []
    assert not Tensor(X).requires_grad
    array = X.copy()
    found = vjp(lambda x: x, array, C[:, :3])
    found[0][...] = 0
    np.testing.assert_array_equal(array, X)  # results share no memory with the arguments
    given = C[:, :3].copy()
    found = vjp(lambda x: x, array, given)
    found[1][...] = 0
    np.testing.assert_array_equal(given, C[:, :3])


def test_with_a_graph_they_can_be_differentiated_again():
    x = leaf(Y)
    for found, slope in [
        (jacobian(lambda x: x**3, x, create_graph=True), 6 * Y),  # from diag(3x²)
        (hessian(lambda x: (x**4).sum(), x, create_graph=True), 24 * Y),
        (vjp(lambda x: x**3, x, np.ones(3), create_graph=True)[1], 6 * Y),
        (jvp(lambda x: x**3, x, np.ones(3), create_graph=True)[1], 6 * Y),
        (hvp(lambda x: (x**4).sum(), x, np.ones(3), create_graph=True)[1], 24 * Y),
    ]:
        assert type(found) is Tensor
        same(grad(found.sum(), x), slope)
    # A computed input passes gradients on to its own inputs, and outputs have a graph as well.
    output, product = vjp(lambda y: y**2, x * 3, np.ones(3), create_graph=True)
    same(grad(product.sum(), x), np.full(3, 6.0))
    same(grad(output.sum(), x), 18 * Y)


def test_with_a_graph_products_depend_on_their_vectors():
    v = leaf(U)
    for found, slope in [
        (vjp(lambda x: x**2, Y, v, create_graph=True)[1], 2 * Y),
        (jvp(lambda x: x**2, Y, v, create_graph=True)[1], 2 * Y),
        (hvp(lambda x: (x**3).sum(), Y, v, create_graph=True)[1], 6 * Y),
    ]:
        same(grad(found.sum(), v), slope)


def test_they_can_be_differentiated_like_operations():
    # Their derivatives pass the check of operations.
    functions = [
        lambda x: jacobian(layer, x, create_graph=True),
        lambda x: jvp(layer, x, V, create_graph=True)[1],
        lambda x: vjp(layer, x, C, create_graph=True)[1],
        lambda x: hvp(lambda x: (layer(x) ** 2).sum(), x, V, create_graph=True)[1],
    ]
    for f in functions:
        tg.check_gradients(f, X, order=1)
    # And a Jacobian of the Jacobian is the tensor of second derivatives: those of x³ are 6x.
    second = jacobian(lambda x: jacobian(lambda x: x**3, x, create_graph=True), Y)
    expected = np.zeros((3, 3, 3))
    expected[range(3), range(3), range(3)] = 6 * Y
    same(second, expected)


def test_inside_no_grad():
    with no_grad():
        same(jacobian(lambda x: x * x, Y), np.diag(2 * Y))
        same(hessian(lambda x: (x**3).sum(), Y), np.diag(6 * Y))
        same(vjp(lambda x: x * x, Y, U)[1], 2 * Y * U)
        same(jvp(lambda x: x * x, Y, U)[1], 2 * Y * U)
        same(hvp(lambda x: (x**3).sum(), Y, U)[1], 6 * Y * U)
        assert not (leaf(Y) * 2).requires_grad  # afterwards recording is off again


# Refusals -------------------------------------------------------------------------------------


def double(x):
    return x * 2.0


REFUSED = {
    "integers": (lambda: jacobian(double, [1, 2]), TypeError, r"int\d\d.*floating.*3\.0"),
    "an integer among others": (lambda: jvp(tg.add, (Y, 1), (Y, 1)), TypeError, r"int64.*3\.0"),
    "an array": (lambda: jacobian(lambda x: x.data, Y), TypeError, "f must return a Tensor.*Array"),
    "a list of arrays": (lambda: vjp(lambda x: [Y], Y, Y), TypeError, "of Tensors.*got a ndarray"),
    "another key": (
        lambda: vjp(lambda x: {"y": x}, Y, {"z": Y}),
        ValueError,
        r"cotangent 0.*\(\).*output 0.*\(3,\)",
    ),
    "no dictionary": (
        lambda: vjp(lambda x: {"y": x, "z": x}, Y, Y),
        ValueError,
        "1 cotangent.*2 o",
    ),
    "too short a list": (
        lambda: vjp(lambda x: [x, x], Y, [Y]),
        ValueError,
        "1 cotangent.*2 output",
    ),
    "no graph": (lambda: hessian(lambda x: x.data.sum(), Y), TypeError, "float64"),
    "hessian of many": (lambda: hessian(double, Y), ValueError, r"one number.*\(3,\).*sum"),
    "hvp of many": (lambda: hvp(double, Y, U), ValueError, r"one number.*\(3,\).*sum"),
    "hessian of two": (lambda: hessian(lambda x: (x[0], x[1]), Y), ValueError, r"\(\) and \(\)"),
    "tangent": (lambda: jvp(double, Y, U[:2]), ValueError, r"tangent 0.*\(2,\).*input 0.*\(3,\)"),
    "second tangent": (
        lambda: jvp(tg.multiply, (Y, U), (Y, X)),
        ValueError,
        r"tangent 1.*\(2, 3\).*input 1.*\(3,\)",
    ),
    "cotangent": (lambda: vjp(double, Y, 1.0), ValueError, r"cotangent 0.*\(\).*output 0.*\(3,\)"),
    "no cotangent": (lambda: vjp(double, Y), ValueError, r"cotangent 0.*output 0.*\(3,\)"),
    "vector": (
        lambda: hvp(lambda x: x.sum(), Y, X),
        ValueError,
        r"vector 0.*\(2, 3\).*input 0.*\(3,\)",
    ),
    "too few": (lambda: jvp(tg.multiply, (Y, U), Y), ValueError, r"1 tangent.*2 input.*tuple"),
    "too many": (lambda: vjp(double, Y, (Y, Y)), ValueError, r"2 cotangent.*1 output.*tuple"),
    "complex": (lambda: vjp(double, Y, Y * 1j), TypeError, "complex"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


def test_wrong_shapes_are_refused_before_anything_is_computed():
    calls = []
    with pytest.raises(ValueError, match="tangent"):
        jvp(calls.append, Y, X)
    with pytest.raises(ValueError, match="vector"):
        hvp(calls.append, Y, X)
    assert calls == []


def test_change_inside_f_is_found():
    w = leaf(2.0)

    def careless(x):
        y = x * w
        w.data = 3.0
        return y

    with pytest.raises(GradientError, match="modified"):
        jacobian(careless, Y)


# Structures of tensors -------------------------------------------------------------------------


Pair = namedtuple("Pair", "first second")


def test_functions_may_return_lists_dictionaries_and_named_tuples():
    parts = jacobian(lambda x: tg.split(x, 3), Y)
    assert type(parts) is list
    same(np.concatenate(parts), np.eye(3))
    found = jacobian(lambda x: {"a": x * x, "b": [x[:1], (x[1:] * 3,)]}, Y)
    same(found["a"], np.diag(2 * Y))
    same(found["b"][1][0], 3 * np.eye(3)[1:])
    output, product = jvp(lambda x: Pair(x * x, [x]), Y, U)
    assert type(output) is type(product) is Pair
    same(product.first, 2 * Y * U)
    same(product.second[0], U)
    output, product = vjp(lambda x: {"a": x * x, "b": [x]}, Y, {"b": [U], "a": Y})
    same(output["a"], Y * Y)
    same(product, 2 * Y * Y + U)
    same(vjp(lambda x: [x, x * 2], Y, (Y, U))[1], Y + 2 * U)  # a tuple works like a list


def test_inputs_may_be_dictionaries_and_lists_of_tensors():
    parameters = {"w": Tensor(W), "b": [Tensor(C[0]), Tensor(C[0])]}

    def f(p, x):
        return (x @ p["w"] + p["b"][0] * p["b"][1]).sum()

    gradient, by_x = jacobian(f, (parameters, Y))
    assert list(gradient) == ["w", "b"]
    same(gradient["w"], np.repeat(Y[:, None], W.shape[1], axis=1))
    same(gradient["b"][1], C[0])
    same(by_x, W.sum(axis=1))
    same(vjp(f, (parameters, Y))[1][0]["b"][0], C[0])
    direction = {"w": 0 * W, "b": [C[0], 0 * C[0]]}
    same(jvp(f, (parameters, Y), (direction, 0 * Y))[1], (C[0] * C[0]).sum())
    second = hessian(lambda p: f(p, Y), parameters)
    same(second["b"][0]["b"][1], np.eye(len(C[0])))
    same(second["w"]["b"][0], np.zeros((*W.shape, len(C[0]))))
    same(hvp(lambda p: f(p, Y), parameters, direction)[1]["b"][1], C[0])


def test_cotangents_that_require_gradients_are_values_where_no_graph_is_asked_for():
    same(vjp(lambda x: x * x, Y, Tensor(U, requires_grad=True))[1], 2 * Y * U)

"""Tests functions that return functions: gradients of functions against derivatives worked out by
hand and the complex step, nested to any order, over every structure of arguments.
"""

import inspect
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import (
    GradientError,
    Tensor,
    elementwise_grad,
    enable_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
    vmap,
)

generator = np.random.default_rng(3)
A, B = generator.normal(size=(2, 4, 3))
V = generator.normal(size=3)
Pair = namedtuple("Pair", "first second")


def leaf(values):
    return Tensor(values, requires_grad=True)


def same(found, expected, rtol=1e-12):
    assert type(found) is np.ndarray
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-12)


def complex_step(f, x):
    """Compute the gradient of a NumPy function at an array by the complex step."""
    step = 1e-30
    found = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1j * step
        found[index] = f(moved).imag / step
    return found


def network(p, x, y):
    h = np.tanh(x @ p["layers"][0]["w"] + p["layers"][0]["b"])
    return ((h @ p["out"] - y) ** 2).mean()


PARAMETERS = {
    "layers": [{"w": generator.normal(size=(3, 2)), "b": generator.normal(size=2)}],
    "unused": None,
    "out": generator.normal(size=2),
}
Y = generator.normal(size=4)


# By hand, and by the complex step -----------------------------------------------------------------


def test_nesting_to_any_order():
    # sin: every fourth derivative is sin again. x⁵ at 2: 80, 160, 240, 240, 120, 0.
    f, expected = np.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]
    for number in range(6):
        f = grad(f)
        same(f(0.7), expected[number % 4](0.7))
    f = lambda x: x**5  # noqa: E731
    for value in (80, 160, 240, 240, 120, 0):
        f = grad(f)
        same(f(2.0), value)


def test_gradient_of_a_network_by_the_complex_step():
    found = grad(network)(PARAMETERS, A, Y)
    assert list(found) == ["layers", "unused", "out"]
    assert found["unused"] is None

    def at(w=PARAMETERS["layers"][0]["w"], b=PARAMETERS["layers"][0]["b"], out=PARAMETERS["out"]):
        return network({"layers": [{"w": w, "b": b}], "out": out}, A, Y)

    for name in ("w", "b"):
        point = PARAMETERS["layers"][0][name]
        same(found["layers"][0][name], complex_step(lambda x, n=name: at(**{n: x}), point), 1e-10)
    same(found["out"], complex_step(lambda x: at(out=x), PARAMETERS["out"]), 1e-10)
    value, again = value_and_grad(network)(PARAMETERS, A, Y)
    same(value, at())
    np.testing.assert_array_equal(again["out"], found["out"])


def test_an_inner_derivative_sees_the_variable_of_the_outer_one():
    # d/dx of (x · d/dy (x + y)) is 1; of (d/dy xy) at any y, 1; of x · d/dy (x y²), 4xy.
    same(grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0), 1)
    same(grad(lambda x: grad(lambda y: x * y)(3.0))(2.0), 1)
    same(grad(lambda x: x * grad(lambda y: x * y**2)(3.0))(2.0), 2 * 2 * 2 * 3)
    same(grad(grad(lambda y: 3 * y))(2.0), 0)  # a constant gradient
    # One level deeper: d³/dx dy dz of x y² z³.
    third = grad(lambda x: grad(lambda y: grad(lambda z: x * y**2 * z**3)(2.0))(3.0))(5.0)
    same(third, 2 * 3 * 3 * 2**2)


@pytest.mark.parametrize(
    ("inner", "slope"),
    [
        (lambda x: jacobian(lambda y: y**3, x).sum(), 6 * V),
        (lambda x: hessian(lambda y: (y**4).sum(), x).sum(), 24 * V),
        (lambda x: vjp(lambda y: y**3, x, np.ones(3))[1].sum(), 6 * V),
        (lambda x: jvp(lambda y: y**3, x, np.ones(3))[1].sum(), 6 * V),
        (lambda x: hvp(lambda y: (y**4).sum(), x, np.ones(3))[1].sum(), 24 * V),
        (lambda x: jacobian(lambda y: y**3)(x).sum(), 6 * V),
        (lambda x: elementwise_grad(lambda y: y**3)(x).sum(), 6 * V),
        (lambda x: value_and_grad(lambda y: (y**3).sum())(x)[1].sum(), 6 * V),
        (lambda x: vmap(grad(lambda y: y**3))(x).sum(), 6 * V),
    ],
)
def test_every_derivative_can_be_inside_of_another(inner, slope):
    same(grad(inner)(V), slope)
    same(jacobian(inner, V), slope)
    same(vjp(inner, V)[1], slope)
    tg.check_gradients(inner, V)
    x = leaf(V)
    tg.checkpoint(inner, x).backward()
    same(x.grad, slope)
    assert tg.check_manual(inner, [slope], V).agree


def test_the_microscope_looks_at_derivatives():
    found = tg.microscope(lambda x: grad(lambda y: (y**3).sum())(x).sum(), V)
    slope = 6 * V[abs(V).argmax()]  # of the largest gradient
    assert f"automatic in float64: {slope:.6g}" in str(found)


def test_jacobians_and_hessians_of_functions():
    same(jacobian(grad(lambda x: (x**3).sum()))(V), np.diag(6 * V))
    same(hessian(lambda x: (x**3).sum())(V), np.diag(6 * V))
    by_x, by_y = jacobian(lambda x, y: x * y, argnums=(0, -1))(V, 2 * V)
    same(by_x, np.diag(2 * V))
    same(by_y, np.diag(V))
    H = hessian(lambda x, y: x**2 * y**3, argnums=(0, 1))(2.0, 3.0)
    assert [[block.item() for block in row] for row in H] == [[54, 108], [108, 72]]
    parts = jacobian(lambda x: tg.split(x, 3))(V)
    assert type(parts) is list
    same(np.concatenate(parts), np.eye(3))


def test_elementwise_derivatives():
    second = elementwise_grad(elementwise_grad(np.tanh))
    t = np.tanh(A)
    same(second(A), -2 * t * (1 - t**2))
    same(elementwise_grad(lambda a, x: a * x * x, argnums=1)(3.0, V), 6 * V)
    same(elementwise_grad(np.exp)(1.0), np.e)


# Arguments ----------------------------------------------------------------------------------------


def test_argnums():
    def f(x, y, scale=1.0):
        return x**2 * y * scale

    same(grad(f)(3.0, 5.0), 30)
    same(grad(f, 1)(3.0, 5.0), 9)
    same(grad(f, argnums=-1)(3.0, 5.0), 9)
    same(grad(f, argnum=1)(3.0, 5.0, scale=2.0), 18)  # as in HIPS autograd
    by_y, by_x = grad(f, argnums=(1, 0))(3.0, 5.0)
    same(by_y, 9)
    same(by_x, 30)
    (only,) = grad(f, (np.int64(0),))(3.0, 5.0)
    same(only, 30)
    value, (by_x, by_y) = value_and_grad(f, (0, 1))(3.0, 5.0, scale=2.0)
    same(value, 90)
    same(by_x, 60)
    same(by_y, 18)


def test_other_arguments_arrive_unchanged():
    seen = []

    def f(x, *others, **keywords):
        seen.append((others, keywords))
        return x

    others, keywords = ("text", [1, 2], None), {"flag": True}
    grad(f)(1.0, *others, **keywords)
    assert seen == [(others, keywords)]


def test_auxiliary_results():
    def f(x):
        return x**2, {"tripled": 3 * x, "kept": [x, "text", None, 7]}

    gradient, auxiliary = grad(f, has_aux=True)(2.0)
    same(gradient, 4)
    same(auxiliary["tripled"], 6)
    same(auxiliary["kept"][0], 2)
    assert auxiliary["kept"][1:] == ["text", None, 7]
    (value, auxiliary), gradient = value_and_grad(f, has_aux=True)(2.0)
    same(value, 4)
    same(auxiliary["tripled"], 6)
    same(gradient, 4)
    # Inside of another derivative, the auxiliary result has a graph: d/dx of 2x + 3x.
    same(grad(lambda x: sum_of(grad(f, has_aux=True)(x)))(2.0), 5)


def sum_of(pair):
    return pair[0] + pair[1]["tripled"]


def test_gradients_have_the_structure_and_the_dtypes_of_the_argument():
    weights = [(A.T, np.zeros(4)), (B, np.zeros(3))]  # as HIPS autograd's users write a network

    def chain(weights, x):
        for w, b in weights:
            x = np.tanh(x @ w + b)
        return (x**2).sum()

    found = grad(chain)(weights, V)
    assert [type(layer) for layer in found] == [tuple, tuple]
    assert [[g.shape for g in layer] for layer in found] == [[(3, 4), (4,)], [(4, 3), (3,)]]
    same(found[1][1], complex_step(lambda b: chain([weights[0], (B, b)], V), np.zeros(3)), 1e-9)
    pair = grad(lambda p: (p.first * p.second[0]).sum())(Pair(A, (B, None)))
    assert type(pair) is Pair
    same(pair.first, B)
    assert pair.second[1] is None
    for kind in (OrderedDict, lambda d: defaultdict(list, d)):
        given = kind({"z": 2.0, "a": np.float32(3.0)})
        found = grad(lambda p: p["z"] * p["a"])(given)
        assert type(found) is type(given)
        assert list(found) == ["z", "a"]
        assert found["a"].dtype == np.float32
        assert given["z"] == 2.0
    same(grad(lambda x: (x * x).sum())([1.0, 2.0]), [2, 4])  # a list of numbers is an array
    same(grad(lambda x: (x * x).sum())([[1.0], (2.0,)]), [[2], [4]])
    assert grad(lambda p: Tensor(1.0))({}) == {}
    same(jacobian(lambda p: p.first * 2, Pair(V, V)).first, 2 * np.eye(3))


def test_the_other_derivatives_take_and_return_every_structure():
    given = {"p": Pair(V, [2 * V, None]), "n": 3.0}

    def f(s):
        return [{"a": s["p"].first * s["p"].second[0]}, None, (s["n"] * s["p"].first[:1],)]

    J = jacobian(f, given)
    same(J[0]["a"]["p"].first, np.diag(2 * V))
    same(J[0]["a"]["p"].second[0], np.diag(V))
    assert J[1] is None
    same(J[2][0]["n"], V[:1])
    outputs, product = jvp(f, given, {"p": Pair(V, [V, None]), "n": 1.0})
    same(outputs[0]["a"], 2 * V * V)
    same(product[0]["a"], 3 * V * V)
    assert product[1] is None
    same(product[2][0], 3 * V[:1] + V[:1])
    _, back = vjp(f, given, [{"a": V}, None, (np.ones(1),)])
    same(back["p"].second[0], V * V)
    same(back["n"], V[0])
    H = hessian(lambda s: (f(s)[0]["a"] ** 2).sum(), given)
    same(H["p"].first["p"].second[0], np.diag(4 * V * 2 * V))
    _, product = hvp(lambda s: (f(s)[0]["a"] ** 2).sum(), given, given)
    same(product["n"], 0)


def test_gradients_of_a_tensor_in_a_structure():
    w, b = leaf(V), leaf(2.0)
    loss = (w * w).sum() * b
    found = grad(loss, {"w": w, "b": b})
    assert list(found) == ["w", "b"]
    same(found["w"], 4 * V)
    same(found["b"], V @ V)
    nested = grad(loss, [{"w": w}, [b, None]])
    assert type(nested) is tuple, "as for any sequence"
    same(nested[0]["w"], 4 * V)
    assert nested[1][1] is None
    assert type(grad(loss, Pair(w, b))) is Pair
    flat = grad(loss, [w, b])
    assert type(flat) is tuple
    assert type(grad(loss, {"w": w}.values())) is tuple
    assert grad(loss, {"b": b, "other": leaf(1.0)}, allow_unused=True)["other"] is None
    found = grad(loss, {"w": w}, create_graph=True)
    same(grad(found["w"].sum(), b), 2 * V.sum())
    with pytest.raises(GradientError, match=r"input 1 .* is not used"):
        grad(loss, {"b": b, "other": leaf(1.0)})


# What has a graph ---------------------------------------------------------------------------------


def test_results_have_a_graph_where_they_depend_on_further_tensors():
    w = leaf(2.0)

    def f(x):
        return w * x**2

    for x in (3.0, Tensor(3.0), leaf(3.0)):
        found = grad(f)(x)
        assert type(found) is Tensor, "f closes over w"
        same(grad(found, w), 6)
    same(grad(lambda x: x**2)(leaf(3.0)), 6)  # as grad(output, x)
    value, _ = value_and_grad(f)(3.0)
    same(grad(value, w), 9)
    computed = w * 3
    same(grad(grad(lambda x: x**2)(computed), w), 6)
    same(grad(grad(lambda x, v: x**2 * v)(3.0, w), w), 6)
    same(grad(jacobian(f)(3.0), w), 6)
    same(grad(hessian(f)(3.0), w), 2)
    same(grad(elementwise_grad(f)(3.0), w), 6)
    _, auxiliary = grad(lambda x: (f(x), w * x), has_aux=True)(3.0)
    same(grad(auxiliary, w), 3)
    assert type(grad(lambda x: w)(1.0)) is Tensor, "a constant, but of w"
    assert w.grad is None


def test_create_graph_decides():
    w = leaf(2.0)
    same(grad(lambda x: w * x**2, create_graph=False)(3.0), 12)
    with no_grad():
        same(grad(lambda x: w * x**2)(3.0), 12)
        with enable_grad():
            assert type(grad(lambda x: w * x**2)(3.0)) is Tensor
    x = leaf(3.0)
    for derivative in (grad, elementwise_grad, jacobian):
        found = derivative(lambda x: x**3, create_graph=True)(x)
        same(grad(found, x), 18)
    same(grad(lambda x: grad(lambda y: y**2, create_graph=False)(x) * x)(3.0), 6)
    same(grad(lambda x: no_grad()(grad(lambda y: y**2))(x) * x)(3.0), 6)


def test_the_callers_tensors_are_unchanged():
    x, w = leaf(V), leaf(V)
    x.grad = np.ones(3)
    grad(lambda x: (x * w).sum())(x)
    value_and_grad(lambda p: (p["x"] ** 2).sum())({"x": x})
    np.testing.assert_array_equal(x.grad, np.ones(3))
    assert w.grad is None
    array = V.copy()
    found = grad(lambda x: (x * array).sum())(array)
    found[...] = 0
    np.testing.assert_array_equal(array, V)


def test_captured_steps_replay_them():
    def step(x):
        value, gradient = value_and_grad(lambda x: (np.tanh(x) ** 2).sum())(x)
        return value, gradient, grad(lambda x: grad(lambda y: (y**3).sum())(x).sum())(x)

    captured = tg.capture(step)
    for number in range(4):
        for found, expected in zip(captured(V + number), step(V + number), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert "1 program" in repr(captured)


def test_a_captured_step_cannot_be_differentiated_but_used():
    step = tg.capture(lambda x: x**2)
    for derivative in (grad(step), jacobian(step), lambda x: tg.check_gradients(step, x)):
        with pytest.raises(tg.CaptureError, match=r"cannot be differentiated; .*capture\(grad"):
            derivative(np.array(3.0))
    same(grad(lambda x: x * step(np.array(3.0)))(2.0), 9)
    per_example = tg.capture(vmap(grad(lambda x: (x**3).sum())))
    for _ in range(3):
        same(per_example(A), 3 * A**2)


# The function that is returned; PyTorch ----------------------------------------------------------


def test_the_returned_function_describes_itself():
    def energy(x, y=1.0):
        return x * y

    found = grad(energy)
    assert found.__name__ == "grad_of_energy"
    assert "grad(energy) with respect to argument 0" in found.__doc__
    assert inspect.signature(found) == inspect.signature(energy)
    same(found(2.0), 1)

    class Model:
        def __call__(self, x):
            return x * x

    assert grad(Model()).__name__ == "grad_of_Model"
    same(grad(Model())(2.0), 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of its own, when it is imported
def test_pytorch_agrees():
    torch = pytest.importorskip("torch")

    def loss(p, x, y):
        h = torch.tanh(x @ p["layers"][0]["w"] + p["layers"][0]["b"])
        return ((h @ p["out"] - y) ** 2).mean()

    given = {k: v for k, v in PARAMETERS.items() if v is not None}
    theirs = torch.utils._pytree.tree_map(torch.tensor, given)
    x, y = torch.tensor(A), torch.tensor(Y)
    found, expected = grad(network)(given, A, Y), torch.func.grad(loss)(theirs, x, y)
    same(found["layers"][0]["w"], expected["layers"][0]["w"].numpy(), 1e-10)
    H, K = hessian(network)(given, A, Y), torch.func.hessian(loss)(theirs, x, y)
    same(H["out"]["layers"][0]["w"], K["out"]["layers"][0]["w"].numpy(), 1e-9)
    rows = vmap(grad(network), in_axes=(None, 0, 0))(given, A, Y)
    wanted = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(theirs, x, y)
    same(rows["layers"][0]["b"], wanted["layers"][0]["b"].numpy(), 1e-10)

"""Tests that mistakes in calls of functions of functions are errors that name the argument and say
what to write.
"""

from collections import namedtuple

import numpy as np
import pytest

from tinygrad_edu import Tensor, elementwise_grad, grad, jacobian, value_and_grad, vjp, vmap

V = np.array([0.5, -1.5, 2.0])
Pair = namedtuple("Pair", "first second")


def leaf(values):
    return Tensor(values, requires_grad=True)


def cube(x):
    return x**3


REFUSED = {
    "a number": (lambda: grad(3.0), TypeError, r"got a float and no inputs.*grad\(f\)"),
    "no inputs": (lambda: grad(leaf(1.0)), TypeError, "got a Tensor and no inputs"),
    "argnums of a tensor": (lambda: grad(leaf(1.0), argnums=1), TypeError, "are for functions"),
    "argnum of a tensor": (lambda: grad(leaf(1.0), argnum=1), TypeError, "are for functions"),
    "a cotangent": (lambda: grad(cube, gradient=1.0), TypeError, "belong to grad.output, inputs"),
    "a point": (lambda: grad(cube, 2.0), TypeError, r"got a float; write grad\(f\)\(x\)"),
    "a flag": (lambda: grad(cube, argnums=True), TypeError, "position such as 0.*got a bool"),
    "an unknown keyword": (lambda: grad(cube, has_auxx=True), TypeError, "did you mean 'has_aux'"),
    "no function": (lambda: vmap(3), TypeError, "expected a function first, got an int"),
    "a tensor": (lambda: jacobian(leaf(V), V), TypeError, "a function first.*got a Tensor.*grad"),
    "whole numbers": (lambda: grad(cube)(3), TypeError, r"argument 0 has dtype int64.*3\.0 for 3"),
    "a flag as argument": (lambda: grad(cube)(True), TypeError, "argument 0 has dtype bool"),
    "an integer inside": (
        lambda: grad(lambda x, p: p["w"], argnums=1)(1.0, {"w": 1.0, "at": [0, 3]}),
        TypeError,
        r"argument 1\['at'\] has dtype int64",
    ),
    "a text inside": (
        lambda: jacobian(lambda p: p.first, (Pair(1.0, ["x"]),)),
        TypeError,
        r"input 0\.second cannot be differentiated.*got dtype <U1",
    ),
    "a ragged list": (lambda: grad(cube)([[1.0], [1.0, 2.0]]), ValueError, "argument 0.*ragged"),
    "too few arguments": (
        lambda: grad(cube, argnums=1)(1.0),
        ValueError,
        r"argnums=1, but .* 1 positional argument\(s\)$",
    ),
    "a keyword": (lambda: grad(cube)(x=1.0), ValueError, "0 positional.*pass it by position"),
    "twice": (
        lambda: grad(np.add, argnums=(0, -2))(1.0, 1.0),
        ValueError,
        r"\(0, -2\) name an argument twice",
    ),
    "an array": (
        lambda: grad(cube)(V),
        ValueError,
        r"grad needs .* one number, but f returned shape \(3,\).*sum.*jacobian",
    ),
    "a tuple": (
        lambda: value_and_grad(lambda x: (x, x))(1.0),
        TypeError,
        "value_and_grad .* f returned a tuple of 2.*has_aux=True",
    ),
    "a dictionary": (
        lambda: grad(lambda x: {"loss": x})(1.0),
        TypeError,
        "a dictionary with the keys 'loss'",
    ),
    "no auxiliary": (
        lambda: grad(cube, has_aux=True)(1.0),
        TypeError,
        r"returns \(value, auxiliary\), but f returned a Tensor",
    ),
    "nothing": (lambda: grad(lambda x: None)(1.0), TypeError, "got None.*return statement"),
    "nothing but aux": (
        lambda: grad(lambda x: (None, x), has_aux=True)(1.0),
        TypeError,
        "got None.*return statement",
    ),
    "a number without graph": (
        lambda: grad(lambda x: x.item() ** 2)(1.0),
        TypeError,
        r"got a float; .*without float\(\), \.item\(\)",
    ),
    "a reduction": (
        lambda: elementwise_grad(lambda x: x.sum())(V),
        ValueError,
        r"f returned \(\) for \(3,\).*jacobian",
    ),
    "several arguments": (
        lambda: elementwise_grad(np.multiply, argnums=(0, 1))(V, V),
        ValueError,
        r"for \(3,\) and \(3,\)",
    ),
    "further keys": (
        lambda: vjp(lambda x: {"y": x}, V, {"y": V, "z": V}),
        ValueError,
        "cotangents are a dictionary with the keys 'y', 'z', expected .* 'y'; use the same keys",
    ),
    "a missing key of a number": (
        lambda: vjp(lambda x: {"a": x.sum(), "b": x.sum()}, V, {"a": 1.0}),
        ValueError,
        "cotangent 1 is missing.*under each key",
    ),
    "a cotangent for None": (
        lambda: vjp(lambda x: [x, None], V, [V, V]),
        ValueError,
        r"2 cotangent\(s\) for 1 output",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value).split("inhomogeneous")[0]

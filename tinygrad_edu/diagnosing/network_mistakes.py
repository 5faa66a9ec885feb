"""Slips that belong to networks: at activations, at their kinks, and at matrix products."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..kinks import is_at_kink
from ..primitive import PRIMITIVES
from ..tensor import Tensor
from .site import Array, Site, Slip, WrongRule

__all__ = ["at_a_kink", "of_a_product", "of_an_activation", "of_its_values"]


def of_an_activation(site: Site) -> Iterator[Slip]:
    """Yield slips at elementwise functions: their derivative forgotten, or taken elsewhere."""
    local = site.local() if site.is_unary else np.ones(())
    if np.all(local == 1) or np.all(local == -1):
        return  # forgetting it makes no difference, or flips the sign
    right, name, forward = site.right, site.primitive.name, site.forward
    yield Slip(
        "no activation derivative",
        f"the derivative of {name} was forgotten: the gradient passed through it unchanged",
        lambda g, out, x: g,
    )
    yield Slip(
        "derivative at the output",
        f"the derivative of {name} was taken at its output, not at its input",
        lambda g, out, x: right(g, forward(out), out),
    )
    yield Slip(
        "derivative at the input",
        f"the derivative of {name} in terms of its output was given its input",
        lambda g, out, x: right(g, x, x),
    )
    others = [one for one in PRIMITIVES.values() if one.activation and one.name != name]
    for other in others if site.primitive.activation else []:
        rule = other.rules[0]
        assert rule is not None  # activations have derivatives
        for wrong in _taken_for(rule, other.forward):
            words = f"the derivative of {other.name} was taken for that of {name}"
            yield Slip("derivative of another activation", words, wrong)
    if site.primitive.activation:
        yield from of_its_values(name, forward, np.asarray(site.node.values[0]), local)


def _taken_for(rule: WrongRule, forward: WrongRule) -> Iterator[WrongRule]:
    """Yield the rule of another activation: at the input, with this output, at the output."""
    yield lambda g, out, x: rule(g, _plain(forward, x), x)
    yield rule
    yield lambda g, out, x: rule(g, _plain(forward, out), out)


def _plain(forward: WrongRule, x: Array) -> Array:
    out = forward(x)
    return np.asarray(out[0] if isinstance(out, tuple) else out)


def of_its_values(name: str, forward: WrongRule, x: Array, slope: Array) -> Iterator[Slip]:
    """Yield slips at an activation where something was made of its values, not of its derivative.

    Parameters
    ----------
    name : str
    forward : callable
        The activation, on arrays.
    x, slope : ndarray
        Its input and its derivative.
    """
    with np.errstate(all="ignore"):
        out, ends = _plain(forward, x), _plain(forward, np.array([-1e3, 1e3]))
        factor = out / x
    if not np.array_equal(out, slope):  # as of exp
        yield Slip(
            "value for the derivative",
            f"{name} itself was taken instead of its derivative",
            lambda g, *others: g * out,
        )
    # x times a gate from 0 to 1, such as x * sigmoid(x) and gelu; relu has no second term.
    is_gated = np.allclose(ends, [0.0, 1e3], 1e-9, 1e-9) and bool(np.isfinite(factor).all())
    if is_gated and not np.allclose(factor, slope, 1e-6, 1e-9):
        yield Slip(
            "contribution missing",
            f"a term of the derivative of {name} is missing: {name} is a product of x and a "
            "function of x, so its derivative has two terms",
            lambda g, *others: g * factor,
        )


def at_a_kink(site: Site) -> Iterator[Slip]:
    """Yield slips at a kink: the slope of one side, or the mean of both, against convention."""
    if not site.is_unary or site.primitive.kink is None:
        return
    there = is_at_kink(site.node)
    if not np.any(there):
        return
    (x,), right = site.node.values, site.right
    sides = [np.where(there, np.nextafter(x, end), x) for end in (np.inf, -np.inf)]
    above, below = (right(np.ones_like(x), site.forward(side), side) for side in sides)
    convention = float(site.local()[there][0])
    for share in (1.0, 0.5, 0.0):
        slopes = share * above + (1 - share) * below
        slope = float(slopes[there][0])
        if slope != convention:
            yield Slip(
                "kink",
                f"the derivative of {site.primitive.name} at exactly {x[there][0]:g} was taken as "
                f"{slope:g}; by the convention it is {convention:g}",
                lambda g, out, x, slopes=slopes: np.where(there, g * slopes, right(g, out, x)),
            )


def of_a_product(site: Site) -> Iterator[Slip]:
    """Yield slips at matrix products: factors transposed, swapped, or taken from elsewhere."""
    if not site.primitive.matrix_product:
        return
    x, weight = (np.asarray(value) for value in site.node.values[:2])
    if x.ndim == weight.ndim >= 2 and site.position == 0:
        yield from _towards_the_input(site, x, weight)
    if x.ndim == weight.ndim >= 2 and site.position == 1:
        yield from _towards_the_weights(site, x, weight)
    if x.ndim == weight.ndim >= 2 and site.position < 2:
        yield from _exchanged(site, x, weight)
    if x.ndim >= 2 and weight.ndim == 2 and site.position == 1:
        yield from _not_added_up(site, x)


def _turned(array: Array) -> Array:
    """Transpose a matrix, or each of several."""
    return array.swapaxes(-1, -2)


def _towards_the_input(site: Site, x: Array, weight: Array) -> Iterator[Slip]:
    if weight.shape[-2] == weight.shape[-1]:
        yield Slip(
            "transposed",
            "the gradient was multiplied by W, not by its transpose: g @ W.T is right",
            lambda g, out, x, w, *others: g @ w,
        )
    if weight.shape[-2] == x.shape[-2] == x.shape[-1]:
        yield Slip(
            "transposed",
            "the factors are in the wrong order: g @ W.T is right, not W.T @ g",
            lambda g, out, x, w, *others: _turned(w) @ g,
        )
    for other in site.weights if weight.ndim == 2 else ():
        values = other.data
        if other is not site.node.inputs[1] and values.shape == weight.shape:
            name = f", {other.name}" if other.name else ""
            yield Slip(
                "another weight",
                f"the gradient was multiplied by the weights of another layer{name}",
                lambda g, out, x, w, *others, values=values: g @ values.T,
            )


def _towards_the_weights(site: Site, x: Array, weight: Array) -> Iterator[Slip]:
    if weight.shape[-2] == weight.shape[-1]:
        yield Slip(
            "transposed",
            "the gradient of the weights is transposed: x.T @ g is right, not g.T @ x",
            lambda g, out, x, w, *others: _turned(g) @ x,
        )
    if x.shape[-2] == x.shape[-1]:
        yield Slip(
            "transposed",
            "the first factor was not transposed: of x @ y, the gradient of y is x.T @ g, "
            "not x @ g",
            lambda g, out, x, w, *others: x @ g,
        )
    if x.shape[-2] == weight.shape[-1]:
        yield Slip(
            "transposed",
            "the gradient that arrives was not transposed: of x @ y.T, the gradient of y is "
            "g.T @ x, not g @ x",
            lambda g, out, x, w, *others: _turned(g @ x),
        )
    for later in site.later:
        if later.shape == x.shape and x.ndim == 2:
            yield Slip(
                "other operand",
                "the output of the layer was taken instead of its input",
                lambda g, out, x, w, *others, later=later: later.T @ g,
            )
    made = site.node.inputs[0]
    if isinstance(made, Tensor) and made.node is not None and len(made.node.values) == 1:
        before = np.asarray(made.node.values[0])
        if before.shape == x.shape and x.ndim == 2:
            yield Slip(
                "pre-activation",
                "the values before the activation were used instead of those after it",
                lambda g, out, x, w, *others: before.T @ g,
            )


def _exchanged(site: Site, x: Array, weight: Array) -> Iterator[Slip]:
    """Yield the slip of exchanging what the factors of ``x @ y.T`` get, of the same shape."""
    is_leaf = any(isinstance(one, Tensor) and one.node is None for one in site.node.inputs[:2])
    if is_leaf or x.shape != _turned(weight).shape:
        return  # the gradients of two leaves are compared as a whole
    words = "the gradients of the two factors of the product are exchanged"
    if site.position == 0:
        yield Slip("exchanged", words, lambda g, out, x, w, *others: _turned(g) @ x)
    else:
        yield Slip("exchanged", words, lambda g, out, x, w, *others: _turned(g @ _turned(w)))


def _not_added_up(site: Site, x: Array) -> Iterator[Slip]:
    """Yield the slip of keeping one term of the sum over samples or steps."""
    if site.source.node is not None:
        return
    for axis in range(x.ndim - 1):
        n = x.shape[axis]
        for place, which in ((-1, "last"), (0, "first")) if n > 1 else ():
            chosen = (*(slice(None),) * axis, place)
            yield Slip(
                "one term alone",
                f"only the {which} of {n} counts, not the sum of all: = instead of +=",
                lambda g, out, x, w, *others, chosen=chosen: _flat(x[chosen]).T @ _flat(g[chosen]),
            )


def _flat(array: Array) -> Array:
    return array.reshape(-1, array.shape[-1])

"""Slips that belong to networks: at activations, at losses on logits, and at matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..primitive import PRIMITIVES
from ..tensor import Tensor
from .site import Site, Slip

__all__ = ["of_a_loss", "of_a_product", "of_an_activation"]

Array = NDArray[Any]

_ACTIVATIONS = ("relu", "tanh", "sigmoid")


def of_an_activation(site: Site) -> Iterator[Slip]:
    if not site.is_unary:
        return
    right, name, forward = site.right, site.name, site.node.primitive.forward
    yield Slip(
        "no activation derivative",
        f"the derivative of {name} was forgotten: the gradient passed it unchanged",
        lambda g, out, x: g,
    )
    yield Slip(
        "derivative at the output",
        f"the derivative of {name} was taken at its output, not at its input",
        lambda g, out, x: right(g, _plain(forward, out), out),
    )
    yield Slip(
        "derivative at the input",
        f"the derivative of {name} in terms of its output was given its input",
        lambda g, out, x: right(g, x, x),
    )
    if name == "relu":
        yield Slip(
            "kink",
            "the derivative of relu at exactly 0 was taken as 1; by the convention it is 0",
            lambda g, out, x: g * (x >= 0),
        )
        yield Slip(
            "kink",
            "the derivative of relu at exactly 0 was taken as 1/2; by the convention it is 0",
            lambda g, out, x: g * ((x > 0) + 0.5 * (x == 0)),
        )
    for other in _ACTIVATIONS:
        if other == name or name not in _ACTIVATIONS:
            continue
        declared = PRIMITIVES[other]
        rule, other_forward = declared.rules[0], declared.forward
        assert rule is not None  # activations have derivatives
        words = f"the derivative of {other} was taken for that of {name}"
        yield Slip(
            "derivative of another activation",
            words,
            lambda g, out, x, rule=rule, f=other_forward: rule(g, _plain(f, x), x),
        )
        yield Slip(
            "derivative of another activation",
            words,
            lambda g, out, x, rule=rule: rule(g, out, x),
        )
        yield Slip(
            "derivative of another activation",
            words,
            lambda g, out, x, rule=rule, f=other_forward: rule(g, _plain(f, out), out),
        )


def _plain(forward: Callable[..., Any], x: Any) -> Any:
    """Compute an activation of an array; what it leaves for its rule is not needed."""
    out = forward(x)
    return out[0] if isinstance(out, tuple) else out


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _normalised(z: Array, axis: int | None) -> Array:
    """Compute what softmax gives if its sum is taken over another axis."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def of_a_loss(site: Site) -> Iterator[Slip]:
    if site.position != 0:
        return
    if site.name == "softmax":
        yield Slip(
            "softmax elementwise",
            "softmax was treated as a function of each element alone, p (1 - p); every output "
            "depends on every input",
            lambda g, out, x, **params: g * out * (1 - out),
        )
    if site.name == "softmax_cross_entropy":
        yield from _of_cross_entropy()
    if site.name == "binary_cross_entropy_with_logits":
        right = site.right

        def twice(g: Any, out: Any, z: Array, *others: Any, **params: Any) -> Any:
            p = 1 / (1 + np.exp(-z))
            return right(g, out, z, *others, **params) * p * (1 - p)

        yield Slip(
            "softmax elementwise",
            "the derivative of the sigmoid, p (1 - p), was multiplied in once more; p - y has it",
            twice,
        )

        def forgotten(g: Any, out: Any, z: Array, *others: Any, **params: Any) -> Any:
            p = 1 / (1 + np.exp(-z))
            return right(g, out, z, *others, **params) / (p * (1 - p))

        yield Slip(
            "no activation derivative",
            "the derivative of the sigmoid at the output was forgotten: (p - y) / (p (1 - p)) is "
            "the gradient of p, p - y that of the logits",
            forgotten,
        )
        for words, change in (
            ("the targets are off by a row", lambda y: np.roll(y, 1, 0)),
            ("the targets are off by a row", lambda y: np.roll(y, -1, 0)),
            ("the targets are exchanged: 1 - y in place of y", lambda y: 1 - y),
            ("the targets were left out: p in place of p - y", lambda y: 0 * y),
        ):
            yield Slip(
                "labels off",
                words,
                lambda g, out, z, y, change=change, **params: (
                    g * (1 / (1 + np.exp(-z)) - change(np.asarray(y))) / z.size
                ),
            )


def _of_cross_entropy() -> Iterator[Slip]:
    def delta(g: Any, z: Array, labels: Any) -> Array:
        y = np.eye(z.shape[1])[np.asarray(labels, dtype=int)]
        return np.asarray((_softmax(z) - y) * g / len(z))

    for step, which in ((1, "row before"), (-1, "row after")):
        yield Slip(
            "labels off",
            f"the labels are off by a row: each row was given that of the {which}",
            lambda g, out, z, labels, step=step, **_: delta(g, z, np.roll(labels, step)),
        )
    for step in (1, -1):
        yield Slip(
            "labels off",
            f"the classes are off by one: {step:+d} in each row",
            lambda g, out, z, labels, step=step, **_: delta(
                g, z, (np.asarray(labels) + step) % z.shape[1]
            ),
        )

    yield Slip(
        "labels off",
        "the labels were left out: p in place of p - y",
        lambda g, out, z, labels, **_: _softmax(z) * g / len(z),
    )

    for axis, which in ((0, "over axis 0, the batch"), (None, "over all elements")):
        yield Slip(
            "softmax over the wrong axis",
            f"the sum in softmax was taken {which}, not over axis 1, the classes",
            lambda g, out, z, labels, axis=axis, **_: (
                (_normalised(z, axis) - np.eye(z.shape[1])[np.asarray(labels, dtype=int)])
                * g
                / len(z)
            ),
        )
    yield Slip(
        "factor",
        "the mean was taken over all elements, not over the rows: 1/K too small for K classes",
        lambda g, out, z, labels, **_: delta(g, z, labels) / z.shape[1],
    )

    def of_p(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Any:
        y = np.eye(z.shape[1])[np.asarray(labels, dtype=int)]
        return -y / _softmax(z) * g / len(z)

    yield Slip(
        "no activation derivative",
        "the derivative of softmax was forgotten: -y / p is the gradient of p, p - y that of the "
        "logits",
        of_p,
    )

    def elementwise(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Any:
        y = np.eye(z.shape[1])[np.asarray(labels, dtype=int)]
        return -y * (1 - _softmax(z)) * g / len(z)

    def twice(g: Any, out: Any, z: Array, labels: Any, **_: Any) -> Any:
        p = _softmax(z)
        return delta(g, z, labels) * p * (1 - p)

    yield Slip(
        "softmax elementwise",
        "softmax was treated as a function of each element alone: its derivative p (1 - p) is "
        "only the diagonal of the Jacobian",
        elementwise,
    )
    yield Slip(
        "softmax elementwise",
        "p (1 - p) was multiplied in once more; p - y has the derivative of softmax already",
        twice,
    )


def of_a_product(site: Site) -> Iterator[Slip]:
    """Matrix products: what is transposed, exchanged, or taken from elsewhere."""
    if site.name not in ("matmul", "linear") or len(site.node.values) < 2:
        return
    x, weight = (np.asarray(value) for value in site.node.values[:2])
    if x.ndim != 2 or weight.ndim != 2:
        return
    g_rows = x.shape[0]
    if site.position == 0:
        if weight.shape[0] == weight.shape[1]:
            yield Slip(
                "transposed",
                "the gradient went back through W, not through its transpose: g @ W.T is right",
                lambda g, out, x, w, *others: g @ w,
            )
        if weight.shape[0] == g_rows == x.shape[1]:
            yield Slip(
                "transposed",
                "the factors stand in the wrong order: g @ W.T is right, not W.T @ g",
                lambda g, out, x, w, *others: w.T @ g,
            )
        for other in site.weights:
            values = other.data
            if other is not site.node.inputs[1] and values.shape == weight.shape:
                yield Slip(
                    "another weight",
                    f"the gradient went back through the weights of another layer"
                    f"{f', {other.name}' if other.name else ''}",
                    lambda g, out, x, w, *others, values=values: g @ values.T,
                )
    if site.position == 1:
        square = weight.shape[0] == weight.shape[1]
        if square:
            yield Slip(
                "transposed",
                "the gradient of the weights is transposed: x.T @ g is right, not g.T @ x",
                lambda g, out, x, w, *others: g.T @ x,
            )
        for later in site.later:
            if later.shape == x.shape:
                yield Slip(
                    "other operand",
                    "the output of the layer was taken in place of its input",
                    lambda g, out, x, w, *others, later=later: later.T @ g,
                )
        made = site.node.inputs[0]
        if isinstance(made, Tensor) and made.node is not None and len(made.node.values) == 1:
            before = np.asarray(made.node.values[0])
            if before.shape == x.shape:
                yield Slip(
                    "pre-activation",
                    "the values before the activation were taken for those after it",
                    lambda g, out, x, w, *others: before.T @ g,
                )

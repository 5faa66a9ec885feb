"""The slips that people make when they derive gradients by hand, each as a wrong rule.

A slip is tried by putting its wrong rule in the place of the right one, and letting the chain rule
do the rest. Nothing here decides which slip it was: see `search`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .network_mistakes import of_a_loss, of_a_product, of_an_activation
from .site import Site, Slip, WrongRule

__all__ = ["AVERAGING", "ORDER", "slips_at"]

# Which explanation is preferred where several fit: the more particular one.
ORDER = (
    "sign",
    "bias averaged",
    "bias not summed",
    "factor",
    "kink",
    "labels off",
    "softmax elementwise",
    "softmax over the wrong axis",
    "no activation derivative",
    "derivative at the output",
    "derivative at the input",
    "derivative of another activation",
    "transposed",
    "another weight",
    "pre-activation",
    "regularisation missing",
    "contribution missing",
    "other operand",
    "exponent",
    "upstream missing",
)

AVERAGING = ("mean", "softmax_cross_entropy", "binary_cross_entropy_with_logits", "divide")


def slips_at(site: Site) -> Iterator[Slip]:
    """Give all slips that can be made at a site."""
    for family in (
        _factors,
        _of_a_bias,
        of_an_activation,
        of_a_loss,
        of_a_product,
        _of_a_sum,
        _of_anything,
    ):
        yield from family(site)


def _scaled(site: Site, factor: float) -> WrongRule:
    right = site.right
    return lambda g, out, *inputs, **params: factor * right(g, out, *inputs, **params)


def _factors(site: Site) -> Iterator[Slip]:
    yield Slip("sign", "the sign is turned", _scaled(site, -1.0))
    for n in site.batches:
        averages = site.name in AVERAGING
        forgotten = f"the mean over {n} was forgotten: it is {n} times too large"
        twice = f"the mean over {n} was taken twice: it is 1/{n} of what it should be"
        if n not in site.means:
            forgotten = f"it is {n} times too large"
            twice = f"it is 1/{n} of what it should be; nothing is averaged over {n}"
        yield Slip("factor", forgotten, _scaled(site, float(n)), averages)
        yield Slip("factor", twice, _scaled(site, 1.0 / n), averages)
    squares = _squares(site)
    half = "half of what it should be"
    forgotten = f"{half}, without the 2 of the square" if squares else half
    yield Slip("factor", "there is a factor 2 too much", _scaled(site, 2.0), squares)
    yield Slip("factor", forgotten, _scaled(site, 0.5), squares)


def _squares(site: Site) -> bool:
    """Tell whether an operation squares this input."""
    if site.name == "multiply":
        return site.is_repeated
    exponent = site.node.values[1:2] if site.name == "power" else ()
    return bool(exponent) and np.size(exponent[0]) == 1 and float(exponent[0]) == 2


def _of_a_bias(site: Site) -> Iterator[Slip]:
    """What is summed over the batch, as the gradient of a bias is."""
    out, source = site.tensor, site.source
    rows = out.shape[0] if out.ndim == 2 else 0
    if rows < 2 or source.shape not in ((out.shape[1],), (1, out.shape[1])):
        return
    shape = source.shape
    yield Slip(
        "bias averaged",
        f"the mean over the {rows} rows was taken in place of their sum",
        _scaled(site, 1.0 / rows),
    )
    if rows == out.shape[1]:
        yield Slip(
            "bias not summed",
            "the sum was taken over axis 1, not over axis 0, the batch",
            lambda g, out, *inputs, **params: g.sum(axis=1).reshape(shape),
        )
    for row, which in ((0, "first"), (-1, "last")):
        yield Slip(
            "bias not summed",
            f"only the {which} row was taken in place of the sum of all {rows}",
            lambda g, out, *inputs, row=row, **params: g[row].reshape(shape),
        )


def _of_a_sum(site: Site) -> Iterator[Slip]:
    """Where several contributions meet: one of them forgotten."""
    if site.contributions < 2:
        return
    if site.is_pull:
        kind = "regularisation missing"
        words = "the term of the regularisation was forgotten, a multiple of the weights"
    else:
        kind = "contribution missing"
        words = "a value is used several times and one contribution was forgotten: = in place of +="
    shape = site.source.shape
    yield Slip(kind, words, lambda g, out, *inputs, **params: np.zeros(shape))


def _of_anything(site: Site) -> Iterator[Slip]:
    node, shape, right = site.node, site.source.shape, site.right
    if site.name == "power":
        yield Slip(
            "exponent",
            "the exponent was not lowered by one: n x**(n-1) is right, not n x**n",
            lambda g, out, x, *others, **params: right(g, out, x, *others, **params) * x,
        )
    rules = node.primitive.rules_for(len(node.inputs))
    if len(node.inputs) == 2 and site.name in ("multiply", "matmul", "divide", "subtract"):
        other = rules[1 - site.position]
        if other is not None:
            yield Slip(
                "other operand",
                "the derivative by the other operand was taken",
                other,
            )
    if site.tensor.shape == shape or site.tensor.size == 1:
        yield Slip(
            "upstream missing",
            "the local derivative was taken alone, without the gradient that arrives from above",
            lambda g, out, *inputs, **params: right(np.ones_like(g), out, *inputs, **params),
            site.source.node is None,
        )

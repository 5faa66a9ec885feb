"""The slips that people make when they derive gradients by hand, each as a wrong rule.

A slip is tried by replacing the right rule with its wrong one in the chain rule. This file does
not decide which slip it was: see `search`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .averages import divisor
from .network_mistakes import at_a_kink, of_a_product, of_an_activation
from .site import Site, Slip, WrongRule

__all__ = ["ORDER", "slips_at"]

# Which explanation is preferred if several fit: the more specific one.
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
    "value for the derivative",
    "transposed",
    "not moved back",
    "another weight",
    "pre-activation",
    "regularisation missing",
    "contribution missing",
    "other operand",
    "exponent",
    "upstream missing",
)


def slips_at(site: Site) -> Iterator[Slip]:
    """Yield all slips that are possible at a site."""
    for family in (
        _factors,
        _of_a_bias,
        _declared,
        of_an_activation,
        at_a_kink,
        of_a_product,
        _of_moved_values,
        _of_a_sum,
        _of_anything,
    ):
        yield from family(site)


def _scaled(site: Site, factor: float) -> WrongRule:
    right = site.right
    return lambda g, out, *inputs, **params: factor * right(g, out, *inputs, **params)


def _declared(site: Site) -> Iterator[Slip]:
    """Yield the mistakes that the operation declares."""
    for mistake in site.primitive.mistakes:
        if mistake.position == site.position:
            yield Slip(mistake.kind, mistake.words, mistake.rule)


def _factors(site: Site) -> Iterator[Slip]:
    yield Slip("sign", "the sign is flipped", _scaled(site, -1.0))
    averages = site.primitive.averages or divisor(site.tensor) > 0
    for n in site.batches:
        forgotten = f"the mean over {n} was forgotten: it is {n} times too large"
        twice = f"the mean over {n} was taken twice: it is 1/{n} of what it should be"
        if site.is_pull:
            forgotten = f"the regularization term is {n} times too large"
            twice = f"the regularization term is 1/{n} of what it should be"
        elif n not in site.means:
            forgotten = f"it is {n} times too large"
            twice = f"it is 1/{n} of what it should be"
        yield Slip("factor", forgotten, _scaled(site, float(n)), averages)
        yield Slip("factor", twice, _scaled(site, 1.0 / n), averages)
    half = "half of what it should be"
    forgotten = f"{half}, without the 2 of the square" if site.is_square else half
    yield Slip("factor", "an extra factor of 2", _scaled(site, 2.0), site.is_square)
    yield Slip("factor", forgotten, _scaled(site, 0.5), site.is_square)


def _of_a_bias(site: Site) -> Iterator[Slip]:
    """Yield slips at a sum over the batch, such as the gradient of a bias."""
    out, source = site.tensor, site.source
    if out.ndim != 2:
        return
    rows, columns = out.shape
    if rows > 1 and source.shape in ((columns,), (1, columns)):
        yield from _of_a_sum_over(site, 0, "row")
    elif columns > 1 and source.shape == (rows, 1) and source.node is None:
        yield from _of_a_sum_over(site, 1, "column")


def _of_a_sum_over(site: Site, axis: int, what: str) -> Iterator[Slip]:
    """Yield slips at a sum over an axis, the batch."""
    out, shape = site.tensor, site.source.shape
    count, others = out.shape[axis], out.shape[1 - axis]
    yield Slip(
        "bias averaged",
        f"the mean over the {count} {what}s was taken instead of their sum",
        _scaled(site, 1.0 / count),
    )
    if count == others:
        yield Slip(
            "bias not summed",
            f"the sum was taken over axis {1 - axis}, not over axis {axis}, the batch",
            lambda g, out, *inputs, **params: g.sum(axis=1 - axis).reshape(shape),
        )
    for place, which in ((0, "first"), (-1, "last")):
        yield Slip(
            "bias not summed",
            f"only the {which} {what} was taken instead of the sum of all {count}",
            lambda g, out, *inputs, place=place, **params: g.take(place, axis).reshape(shape),
        )


def _of_a_sum(site: Site) -> Iterator[Slip]:
    """Yield the slip of forgetting one of several contributions."""
    if site.contributions < 2:
        return
    if site.is_pull:
        kind = "regularisation missing"
        words = "the regularization term was forgotten, a multiple of the weights"
    else:
        kind = "contribution missing"
        words = "a value is used several times, and one of its contributions was forgotten"
    shape = site.source.shape
    yield Slip(kind, words, lambda g, out, *inputs, **params: np.zeros(shape))


def _of_moved_values(site: Site) -> Iterator[Slip]:
    """Yield the slip of not moving the gradient back where values were only moved."""
    out, source, primitive = site.tensor, site.source, site.primitive
    if not primitive.carries or len(site.node.inputs) != 1 or out.size != source.size:
        return
    probe = np.arange(1.0, out.size + 1).reshape(out.shape)
    moved = np.asarray(site.right(probe, out.data, *site.node.values, **site.node.params))
    is_transposed = probe.ndim == 2 and np.array_equal(moved, probe.T)
    kind, need = "not moved back", "the gradient needs to be moved back"
    if is_transposed:
        kind, need = "transposed", "the gradient needs to be transposed"
    rule = primitive.derivatives[site.position] if primitive.derivatives else "its rule"
    yield Slip(
        kind,
        f"{need}: {primitive.name} only moves values, so their gradient is {rule}",
        lambda g, out, *inputs, **params: g.reshape(source.shape),
    )


def _of_anything(site: Site) -> Iterator[Slip]:
    node, shape, right = site.node, site.source.shape, site.right
    rules = node.primitive.rules_for(len(node.inputs))
    other = rules[1 - site.position] if len(rules) == 2 else None
    if other is not None and site.primitive.broadcasts:
        yield Slip(
            "other operand", "the derivative with respect to the other operand was taken", other
        )
    if site.tensor.shape == shape or site.tensor.size == 1:
        yield Slip(
            "upstream missing",
            "the local derivative was taken alone, without the upstream gradient",
            lambda g, out, *inputs, **params: right(np.ones_like(g), out, *inputs, **params),
            site.source.node is None,
        )

"""The slips that people make when they derive gradients by hand, each as a wrong rule.

A slip is tried by replacing the right rule with its wrong one in the chain rule. This file does
not decide which slip it was: see `search`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .averages import divisor
from .bias_mistakes import of_a_bias
from .network_mistakes import at_a_kink, of_a_product, of_an_activation
from .site import Site, Slip, scaled

__all__ = ["ORDER", "slips_at"]

# Which explanation is preferred if several fit: the more specific one.
ORDER = (
    "sign",
    "bias averaged",
    "bias not summed",
    "factor",
    "kink",
    "flipped",
    "not added up",
    "not the largest alone",
    "statistics constant",
    "weight forgotten",
    "labels off",
    "softmax elementwise",
    "softmax over the wrong axis",
    "no activation derivative",
    "derivative at the output",
    "derivative at the input",
    "derivative of another activation",
    "value for the derivative",
    "through time",
    "exchanged",
    "transposed",
    "not moved back",
    "another weight",
    "pre-activation",
    "regularisation missing",
    "contribution missing",
    "one term alone",
    "other operand",
    "exponent",
    "upstream missing",
)


def slips_at(site: Site) -> Iterator[Slip]:
    """Yield all slips that are possible at a site."""
    for family in (
        _of_a_constant,
        _factors,
        of_a_bias,
        _declared,
        of_an_activation,
        at_a_kink,
        of_a_product,
        _of_moved_values,
        _of_a_kernel,
        _of_a_sum,
        _of_anything,
    ):
        yield from family(site)


def _declared(site: Site) -> Iterator[Slip]:
    """Yield the mistakes that the operation declares."""
    for mistake in site.primitive.mistakes:
        if mistake.position == site.position:
            yield Slip(mistake.kind, mistake.words, mistake.rule)


def _of_a_constant(site: Site) -> Iterator[Slip]:
    """Yield the slips of forgetting a constant factor: here, or for one operand of a product."""
    factor = site.factor
    if abs(factor) != 1 and factor and not site.is_added:  # at a loss, it is the mean or a half
        yield Slip(
            "factor",
            f"the constant factor {factor:.4g} was forgotten on the way back: {_times(factor)}",
            scaled(site, 1 / factor),
        )
    after = site.scaled_by
    if abs(after) != 1 and after and site.primitive.matrix_product:
        yield Slip(
            "factor",
            f"the constant factor {after:.4g} of the product was forgotten in the gradient of its "
            f"{('first', 'second')[site.position % 2]} factor: {_times(after)}",
            scaled(site, 1 / after),
        )


def _times(forgotten: float) -> str:
    """Say how large a gradient is without a factor."""
    ratio = 1 / abs(forgotten)
    return f"it is {ratio:.4g} times " + ("too large" if ratio > 1 else "what it should be")


def _factors(site: Site) -> Iterator[Slip]:
    yield Slip("sign", "the sign is flipped", scaled(site, -1.0))
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
        yield Slip("factor", forgotten, scaled(site, float(n)), averages)
        yield Slip("factor", twice, scaled(site, 1.0 / n), averages)
    half = "half of what it should be"
    forgotten = f"{half}, without the 2 of the square" if site.is_square else half
    yield Slip("factor", "an extra factor of 2", scaled(site, 2.0), site.is_square)
    yield Slip("factor", forgotten, scaled(site, 0.5), site.is_square)


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


def _of_a_kernel(site: Site) -> Iterator[Slip]:
    """Yield the slip of flipping the gradient of a kernel, which has axes for channels before."""
    source = site.source
    if not site.primitive.carries or source.node is not None or source.ndim < 3:
        return
    axes, right = tuple(range(2, source.ndim)), site.right
    yield Slip(
        "flipped",
        "the gradient of the kernel is flipped along its last axes",
        lambda g, out, *inputs, **params: np.flip(right(g, out, *inputs, **params), axes),
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

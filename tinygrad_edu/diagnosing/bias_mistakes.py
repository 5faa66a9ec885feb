"""Slips where a bias is added: its gradient is a sum over rows, over steps, or over places.

A bias of a layer is one number for each feature or channel, so it meets all other axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tensor import Tensor
from .site import Site, Slip, WrongRule, scaled

__all__ = ["of_a_bias"]


def of_a_bias(site: Site) -> Iterator[Slip]:
    """Yield slips at a sum over the batch, such as the gradient of a bias."""
    out, source = site.tensor, site.source
    if out.ndim != 2:
        yield from _of_several_axes(site)
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
        scaled(site, 1.0 / count),
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


def _of_several_axes(site: Site) -> Iterator[Slip]:
    """Yield slips where a bias is added to sequences or images: one number for each channel."""
    axes = _summed_axes(site)
    batch = [k for k in axes if site.tensor.shape[k] in site.rows]
    yield from _averaged(site, axes, batch)
    for k, (place, which) in itertools.product(axes, ((0, "first"), (-1, "last"))):
        words = f"only the {which} step or place was taken instead of the sum of all"
        if len(batch) != 1:
            words = f"only the {which} entry along axis {k} was taken instead of the sum of all"
        elif batch == [k]:
            words = f"only the {which} sample was taken instead of the sum over the batch"
        yield Slip("bias not summed", words, _alone(site, (*(slice(None),) * k, place)))


def _summed_axes(site: Site) -> tuple[int, ...]:
    """Return the axes that the gradient of a bias is summed over; empty if it is not a bias."""
    primitive, out, source = site.primitive, site.tensor, site.source
    kept = (1,) * (out.ndim - source.ndim) + source.shape
    is_added = primitive.broadcasts or (primitive.matrix_product and site.position == 2)
    is_repeated = len(kept) == out.ndim and all(
        n in (1, m) for n, m in zip(kept, out.shape, strict=True)
    )
    if not is_added or not is_repeated or not _is_bias(source):
        return ()
    if source.size < 2 or source.size != max(kept):
        return ()  # not one number for each channel
    return tuple(k for k, size in enumerate(kept) if size == 1 and out.shape[k] > 1)


def _averaged(site: Site, axes: tuple[int, ...], batch: list[int]) -> Iterator[Slip]:
    """Yield the slips of averaging along some axes, or all."""
    # Words without numbers are the same in all layers, so one slip explains all of them.
    for several in range(len(axes), 0, -1):
        for some in itertools.combinations(axes, several):
            words = "the mean over samples and places was taken instead of their sum"
            if several < len(axes):
                words = "the mean was taken along some of the axes, instead of the sum along all"
            share = 1.0 / math.prod(site.tensor.shape[k] for k in some)
            if batch != list(some) or several == len(axes):
                yield Slip("bias averaged", words, scaled(site, share))
            if batch == list(some):
                words = "the mean over the batch was taken instead of the sum over the batch"
                yield Slip("bias averaged", words, scaled(site, share))


def _alone(site: Site, chosen: tuple[Any, ...]) -> WrongRule:
    """Return the right rule for a part of the upstream gradient."""
    right = site.right

    def rule(g: Any, out: Any, *inputs: Any, **params: Any) -> Any:
        part = np.zeros_like(g)
        part[chosen] = g[chosen]
        return right(part, out, *inputs, **params)

    return rule


def _is_bias(source: Tensor) -> bool:
    """Whether it is a leaf, a leaf in another shape, or a sum of leaves."""
    node = source.node
    if node is None:
        return True
    return all(
        isinstance(value, Tensor) and value.node is None and value.size == source.size
        for value in node.inputs
    )

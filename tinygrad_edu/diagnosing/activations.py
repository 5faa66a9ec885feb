"""The activations in a graph, whichever way they were spelled, and slips at each of them.

An activation that was written out is recognised by its values. It is called anew on a copy of its
input, so that the slips of a call of the library's function hold for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import ops
from ..primitive import PRIMITIVES
from ..recognising import recognised
from ..scope import enable_grad
from ..tensor import Tensor
from .network_mistakes import of_an_activation
from .search import Search
from .site import Site, Slip

__all__ = ["Activation", "activations_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """An activation in a graph.

    Attributes
    ----------
    name : str
        Such as ``"relu"``.
    source, result : Tensor
        Its input and its output.
    site : Site
        A call of the library's function on the same numbers.
    arriving : ndarray
        The gradient of its output.
    """

    name: str
    source: Tensor
    result: Tensor
    site: Site
    arriving: NDArray[Any]

    def slips(self) -> Iterator[tuple[Slip, NDArray[Any]]]:
        """Yield the slips at the activation, each with the wrong gradient of its input."""
        out, (x,) = self.site.tensor.data, self.site.node.values
        for slip in of_an_activation(self.site):
            try:
                with np.errstate(all="ignore"):
                    yield slip, np.asarray(slip.rule(self.arriving, out, x))
            except (ValueError, TypeError, IndexError):
                continue


def activations_of(search: Search) -> list[Activation]:
    """List the activations of a graph."""
    arriving = {one.source: np.asarray(one.total) for one in search.sent}
    arriving[search.output] = np.asarray(search.cotangent)
    found = []
    for one in recognised(search.order):
        primitive = PRIMITIVES.get(one.name)
        function = getattr(ops, one.name, None)  # a person's own operation is not there
        if primitive is None or function is None or one.result not in arriving:
            continue
        if not primitive.activation:
            continue
        with enable_grad():
            call = function(Tensor(one.source.data, True), **one.params)
        if call.node is not None and call.node.primitive is primitive and not call.node.params:
            site = Site(call, 0, 1, (), ())
            found.append(Activation(one.name, one.source, one.result, site, arriving[one.result]))
    return found

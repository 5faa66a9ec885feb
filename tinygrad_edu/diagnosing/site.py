"""A place where an operation sends a gradient to an input, and a slip at such a place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..primitive import Node, Primitive
from ..tensor import Tensor

__all__ = ["Site", "Slip", "WrongRule", "passes_linearly", "scale_after", "scaled"]

Array: TypeAlias = NDArray[Any]
WrongRule: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A place in a graph where an operation sends a gradient to one of its inputs.

    Attributes
    ----------
    tensor : Tensor
        The result of the operation.
    position : int
        Which input.
    contributions : int
        How many contributions the input receives in the whole graph.
    batches : tuple of int
        Numbers that someone may divide by, such as sizes of a batch.
    weights : tuple of Tensor
        All leaves that are matrices.
    later : tuple of array
        The next values that are computed from the result.
    means : tuple of int
        Those of `batches` that something is averaged over in the graph.
    is_added : bool
        Whether the output depends on the result by sums and constant factors alone.
    scaled_by : float
        The constant that the result is multiplied by next; 1 if it is not.
    rows : tuple of int
        Sizes of what is computed that are likely those of a batch.
    """

    tensor: Tensor
    position: int
    contributions: int
    batches: tuple[int, ...]
    weights: tuple[Tensor, ...]
    later: tuple[Array, ...] = ()
    means: tuple[int, ...] = ()
    is_added: bool = False
    scaled_by: float = 1.0
    rows: tuple[int, ...] = ()

    @property
    def node(self) -> Node:
        assert self.tensor.node is not None  # sites are of computed tensors
        return self.tensor.node

    @property
    def primitive(self) -> Primitive:
        return self.node.primitive

    @property
    def source(self) -> Tensor:
        source: Tensor = self.node.inputs[self.position]
        return source

    @property
    def right(self) -> WrongRule:
        rule = self.primitive.rules_for(len(self.node.inputs))[self.position]
        assert rule is not None  # or no gradient would be sent
        return rule

    @property
    def is_repeated(self) -> bool:
        """Whether the operation takes this input more than once, as in ``x * x``."""
        return sum(value is self.source for value in self.node.inputs) > 1

    @property
    def is_pull(self) -> bool:
        """Whether it is a regularization term, which pulls a leaf towards zero.

        Its contribution is a multiple of the values and is added to the output, and the leaf is
        used elsewhere too. So the norm in ``x / norm(x)`` is none.
        """
        if not self.is_added:
            return False
        source, uses = self.source, sum(value is self.source for value in self.node.inputs)
        if source.node is not None or source.size < 2 or self.contributions <= uses:
            return False
        varies = bool(np.ptp(source.data) > 0)
        return self.primitive.elementwise and varies and _is_multiple(self.local(), source.data)

    @property
    def factor(self) -> float:
        """The constant that this input is multiplied by, if the operation does just that; else 1.

        Examples
        --------
        >>> x = Tensor([1.0, 2.0], requires_grad=True)
        >>> [Site(y, 0, 1, (), ()).factor for y in (x * 0.5, x / 4, x + 2, x * [1, 3])]
        [0.5, 0.25, 1.0, 1.0]
        """
        inputs = self.node.inputs
        others = [value for k, value in enumerate(self.node.values) if k != self.position]
        if not self.primitive.elementwise or len(inputs) != 2 or np.ndim(others[0]):
            return 1.0
        if (
            isinstance(inputs[1 - self.position], Tensor)
            and inputs[1 - self.position].requires_grad
        ):
            return 1.0
        local = self.local()
        is_constant = local.size and np.isfinite(local).all() and np.all(local == local.flat[0])
        factor = float(local.flat[0]) if is_constant else 1.0
        values = np.asarray(self.node.values[self.position])
        return factor if np.allclose(self.tensor.data, factor * values, 1e-12, 0.0) else 1.0

    @property
    def is_square(self) -> bool:
        """Whether the operation squares this input: twice the input is four times the result."""
        if not self.primitive.elementwise:
            return False
        values = [
            2 * value if made is self.source else value
            for made, value in zip(self.node.inputs, self.node.values, strict=True)
        ]
        out = self.tensor.data
        with np.errstate(all="ignore"):
            return bool(np.any(out)) and np.array_equal(self.forward(*values), 4 * out)

    @property
    def is_unary(self) -> bool:
        """Whether it computes a function of each element alone, like an activation."""
        return (
            self.primitive.elementwise
            and not self.primitive.carries
            and len(self.node.inputs) == 1
            and not self.node.params
        )

    def forward(self, *values: Any) -> Any:
        """Compute the operation on arrays, without the residual for its rules."""
        out = self.primitive.forward(*values, **self.node.params)
        return out[0] if self.primitive.residual else out

    def local(self) -> Array:
        """Return what the right rule returns for a gradient of ones."""
        out = self.tensor.data
        with np.errstate(all="ignore"):
            return np.asarray(
                self.right(np.ones_like(out), out, *self.node.values, **self.node.params)
            )


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip at one site.

    Attributes
    ----------
    kind : str
        Its name; see `ORDER`.
    words : str
        What was done, and what to do.
    rule : callable
        The wrong rule, ``rule(g, out, *inputs, **params)``.
    is_usual : bool
        Whether it is usual at this kind of place. If several places explain a difference
        equally well, the usual one is named.
    """

    kind: str
    words: str
    rule: WrongRule
    is_usual: bool = True


def scaled(site: Site, factor: float) -> WrongRule:
    """Return the right rule of a site times a factor.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> scaled(Site(x * 3.0, 0, 1, (), ()), 2.0)(1.0, None, x.data, 3.0)
    6.0
    """
    right = site.right
    return lambda g, out, *inputs, **params: factor * right(g, out, *inputs, **params)


def passes_linearly(tensor: Tensor, source: Tensor) -> bool:
    """Whether an operation adds one of its inputs to others, or multiplies it by a constant.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> passes_linearly(0.5 * x, x), passes_linearly(x.sum(), x), passes_linearly(x**2, x)
    (True, True, False)
    """
    site = Site(tensor, 0, 1, (), ())
    values = site.node.values
    places = [place for place, one in enumerate(site.node.inputs) if one is source]

    def at(factor: float) -> Array:
        moved = [factor * value if n in places else value for n, value in enumerate(values)]
        return np.asarray(site.forward(*moved))

    with np.errstate(all="ignore"):
        try:
            once, twice, thrice = at(1.0), at(2.0), at(3.0)
        except (ValueError, TypeError, IndexError):
            return False
        size = float(np.abs(thrice).max(initial=0.0))
        return bool(np.abs(thrice - 2 * twice + once).max(initial=0.0) <= 1e-12 * size)


def _is_multiple(array: Array, of: Array) -> bool:
    if array.shape != of.shape:
        return False
    with np.errstate(all="ignore"):
        ratios = (array / of)[np.abs(of) > 0]
    return bool(ratios.size) and bool(np.allclose(ratios, ratios[0], rtol=1e-9))


def scale_after(tensor: Tensor, users: Mapping[Tensor, list[Tensor]]) -> float:
    """Return the constant that a value is multiplied by next; 1 if it is used for something else.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * x
    >>> scale_after(y, {y: [y * 0.5]}), scale_after(y, {y: [y + 1, y * 2]})
    (0.5, 1.0)
    """
    after = users.get(tensor, [])
    if len(after) != 1:
        return 1.0
    assert after[0].node is not None  # it was computed
    position = next(k for k, one in enumerate(after[0].node.inputs) if one is tensor)
    return Site(after[0], position, 1, (), ()).factor

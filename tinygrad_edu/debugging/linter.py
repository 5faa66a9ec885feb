"""Reads a finished graph for well-known mistakes, and is silent where nothing is certain.

Each rule states a fact of the graph, why it matters, and what to do. A rule that could be wrong
about sound code does not belong here. The rules are in `rules.py`; the one about gradients and
optimizers is in `gradients.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..autodiff import graph_order
from ..capturing.recorder import Tracer
from ..errors import CaptureError
from ..tensor import Tensor
from .findings import LintFinding, LintReport
from .gradients import check_gradients_to_step, check_optimizer, check_reached
from .graph import Graph
from .rules import RULES

__all__ = ["LintFinding", "LintReport", "lint"]


def lint(loss: Tensor, parameters: Any = None, optimizer: Any = None) -> LintReport:
    """Look for mistakes that run without an error: in the graph of a loss, and what it leaves out.

    Nothing is changed, and no `.grad` is touched. Use `record_source_lines` around the forward
    pass to see the lines of your code in the report.

    Parameters
    ----------
    loss : Tensor
        What is differentiated. For saturated and dead layers, of a whole batch.
    parameters : module, mapping of str to Tensor, or iterable of Tensor, optional
        What the loss is meant to train. With them, those that it does not reach are reported.
    optimizer : optional
        Something with ``params``, such as `nn.SGD`, whose `step` comes next. With it, its
        parameters are looked at too, and after `backward`, gradients that are not those of
        this loss alone are reported. Omit it where you add up several losses on purpose.

    Returns
    -------
    LintReport
        Print it; ``report.ok`` is True if nothing was found.

    Raises
    ------
    TypeError
        If the loss or a parameter is not a Tensor.
    CaptureError
        Inside a captured step, whose values are not known yet.

    Notes
    -----
    Functions are recognised in any spelling. These are reported:

    * losses: a softmax or sigmoid before a loss that has its own; logits that cannot be negative;
      a softmax along the samples, or over one class; labels of one class only; shapes (N, 1) and
      (N,), which compare all with all;
    * layers: relu units that are 0 for all samples, a whole layer or most of it; sigmoid and tanh
      layers of which nine tenths have less than a thousandth of their steepest slope; inputs that
      were not scaled; hidden layers whose weights are equal; gradients that vanish;
    * parameters: those that the loss does not reach, and the detached value on the way to it where
      that still exists; those that are computed, and not leaves; those that no optimizer updates;
      and gradients that were cleared, or left from another pass.

    Examples
    --------
    >>> from tinygrad_edu import Tensor, lint, softmax, softmax_cross_entropy
    >>> logits = Tensor([[2.0, 0.0]], requires_grad=True)
    >>> print(lint(softmax_cross_entropy(softmax(logits), [0])).findings[0].found)
    softmax_cross_entropy is given the result of softmax, and applies softmax itself
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"lint() needs the loss as a Tensor, got a {type(loss).__name__}")
    if isinstance(loss._data, Tracer):
        raise CaptureError(
            "lint() looks at values, which a captured step must not; call it outside"
        )
    named = _named(parameters)
    if optimizer is not None:
        if not hasattr(optimizer, "params"):
            raise TypeError(
                f"a {type(optimizer).__name__} has no params; pass an optimizer, such as "
                "SGD(network.parameters(), lr=0.1)"
            )
        known = {id(tensor) for _, tensor in named}
        named += [(t.name or "", t) for t in optimizer.params if id(t) not in known]
    graph = Graph(graph_order(loss), loss)
    found: list[LintFinding] = []
    for rule in RULES:
        found += rule(graph)
    found += check_reached(graph, named)
    if optimizer is not None:
        found += check_optimizer(graph, named, optimizer)
        found += check_gradients_to_step(graph, named)
    return LintReport(tuple(found))


def _named(parameters: Any) -> list[tuple[str, Tensor]]:
    """Return the parameters with their names, in whichever form they are given."""
    if parameters is None:
        return []
    if hasattr(parameters, "named_parameters"):
        pairs = list(parameters.named_parameters())
    elif isinstance(parameters, Mapping):
        pairs = list(parameters.items())
    elif isinstance(parameters, Iterable) and not isinstance(parameters, Tensor):
        pairs = [(getattr(tensor, "name", None) or "", tensor) for tensor in parameters]
    else:
        pairs = [(getattr(parameters, "name", None) or "", parameters)]
    for _, tensor in pairs:
        if hasattr(tensor, "params"):
            raise TypeError(
                f"parameters are Tensors, got the optimizer {type(tensor).__name__}; pass it by "
                "name: lint(loss, optimizer=...)"
            )
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"parameters are Tensors, got a {type(tensor).__name__}; pass a module, its "
                "parameters(), or names with Tensors"
            )
    return [(str(name), tensor) for name, tensor in pairs]

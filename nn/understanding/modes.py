"""Evaluation mode for a while: a question about a network does not change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..module import Module

__all__ = ["evaluating"]


@contextmanager
def evaluating(network: Module) -> Iterator[None]:
    """Use a network in evaluation mode, and restore the mode of each of its modules."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode

"""A chain of operations on one number, forward and backward: almost pure overhead.

It repeats ``y = y * 1.0001 + 0.1`` in each library, and in a minimal engine on Python floats.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

__all__ = ["chain", "hips_autograd", "mygrad", "ours", "python_floats", "pytorch"]

FACTOR, TERM = 1.0001, 0.1
Made = tuple[Callable[[], Any], dict[str, Any]]


def ours(length: int) -> Made:
    """Use a Tensor."""
    from tinygrad_edu import Tensor

    def call() -> float:
        x = Tensor(1.0, requires_grad=True)
        chain(x, length).backward()
        return float(x.grad)

    return _checked(call, length, {})


def python_floats(length: int) -> Made:
    """Use `Value`, below."""

    def call() -> float:
        x = Value(1.0)
        chain(x, length).backward()
        return x.grad

    return _checked(call, length, {})


def pytorch(length: int) -> Made:
    """Use a float64 tensor without axes."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

    def call() -> float:
        x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        chain(x, length).backward()
        return x.grad.item()

    return _checked(call, length, {"library": "PyTorch", "version": version("torch")})


def mygrad(length: int) -> Made:
    """Use a tensor without axes, not guarded against writes."""
    import mygrad

    mygrad.turn_memory_guarding_off()

    def call() -> float:
        x = mygrad.tensor(1.0)
        chain(x, length).backward()
        return float(x.grad)

    return _checked(call, length, {"library": "MyGrad", "version": version("mygrad")})


def hips_autograd(length: int) -> Made:
    """Use `grad` of the chain."""
    from autograd import grad

    slope = grad(lambda x: chain(x, length))
    about = {"library": "HIPS autograd", "version": version("autograd")}
    return _checked(lambda: float(slope(1.0)), length, about)


def chain(y: Any, length: int) -> Any:
    """Run a chain of `length` operations, two at a time."""
    for _ in range(length // 2):
        y = y * FACTOR
        y = y + TERM
    return y


def _checked(call: Callable[[], float], length: int, about: dict[str, Any]) -> Made:
    slope, expected = call(), FACTOR ** (length // 2)
    if not abs(slope - expected) <= 1e-9 * expected:
        raise ArithmeticError(f"not the same work: slope {slope} instead of {expected}")
    return call, about


class Value:
    """A number with the numbers it was computed from, and the slope with respect to each."""

    __slots__ = ("data", "grad", "slopes", "sources")

    def __init__(self, data: float, sources: tuple[Any, ...] = (), slopes: Any = ()) -> None:
        self.data, self.grad, self.sources, self.slopes = data, 0.0, sources, slopes

    def __add__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def backward(self) -> None:
        """Sort the graph, sources first, and apply the chain rule from the end."""
        order: list[Value] = []
        seen: set[Value] = set()
        stack = [(self, False)]
        while stack:
            value, finished = stack.pop()
            if finished:
                order.append(value)
            elif value not in seen:
                seen.add(value)
                stack.append((value, True))
                stack.extend((source, False) for source in value.sources)
        self.grad = 1.0
        for value in reversed(order):
            for source, slope in zip(value.sources, value.slopes, strict=True):
                source.grad += slope * value.grad

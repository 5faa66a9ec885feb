"""Draws problems for the derivations of `nn.by_hand`, and solves each by hand and by machine.

A problem has random sizes, random arrays and random, non-uniform upstream gradients. Nothing is
judged here, and nothing is printed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

import nn
import tinygrad_edu as tg

Arrays = dict[str, Any]


@dataclass
class Problem:
    """One problem: what goes in, and how it is solved by hand and by machine.

    Attributes
    ----------
    sizes : tuple
        What was drawn besides the values.
    arrays : dict
        What is differentiated by.
    upstream : tuple
        The gradient of each output.
    by_hand : callable
        ``by_hand(module, arrays, upstream) -> (outputs, gradients by name)``.
    by_machine : callable
        ``by_machine(**tensors) -> outputs``.
    """

    sizes: tuple[Any, ...]
    arrays: Arrays
    upstream: tuple[Any, ...]
    by_hand: Callable[[ModuleType, Arrays, tuple[Any, ...]], tuple[tuple[Any, ...], Arrays]]
    by_machine: Callable[..., tuple[Any, ...]] = field(repr=False)


Draw = Callable[[np.random.Generator], Problem]
CASES: dict[str, Draw] = {}


def case(name: str) -> Callable[[Draw], Draw]:
    """Register a function that draws problems, as ``derivation`` or ``derivation: what``."""

    def register(draw: Draw) -> Draw:
        CASES[name] = draw
        return draw

    return register


def module_of(name: str) -> ModuleType:
    """Import the derivation that a case is about."""
    return importlib.import_module(f"nn.by_hand.{name.partition(':')[0]}")


def solved_by_machine(problem: Problem) -> tuple[tuple[Any, ...], Arrays]:
    """Return outputs and gradients as the engine computes them."""
    tensors = {name: tg.Tensor(a, requires_grad=True) for name, a in problem.arrays.items()}
    outputs = problem.by_machine(**tensors)
    pairs = zip(outputs, problem.upstream, strict=True)
    if tensors:
        sum(((out * g).sum() for out, g in pairs), start=tg.Tensor(0.0)).backward()
    gradients = {name: t.grad for name, t in tensors.items() if t.grad is not None}
    return tuple(out.data for out in outputs), gradients


def largest_difference(problem: Problem, module: ModuleType) -> float:
    """Return the largest difference of hand and machine.

    It is relative to the largest element of an array. Gradients that are nearly 0, because terms
    cancel, are measured by what flows in.
    """
    outputs, gradients = problem.by_hand(module, problem.arrays, problem.upstream)
    wanted_outputs, wanted = solved_by_machine(problem)
    assert gradients.keys() == wanted.keys()
    flows_in = max(np.abs(g).max(initial=0.0) for g in problem.upstream)
    pairs = [(a, b, 0.0) for a, b in zip(outputs, wanted_outputs, strict=True)]
    pairs += [(gradients[name], wanted[name], flows_in) for name in wanted]
    return max(_relative(*pair) for pair in pairs)


def _relative(found: Any, wanted: Any, floor: float) -> float:
    assert np.shape(found) == np.shape(wanted)
    difference = np.abs(found - wanted).max(initial=0.0)
    largest = np.abs(wanted).max(initial=0.0)
    scale = largest if largest > 1e-3 * floor else floor
    return float(difference / scale) if difference else 0.0


# Draws ----------------------------------------------------------------------------------------


def sizes_up_to(rng: np.random.Generator, *most: int) -> list[int]:
    return [int(rng.integers(1, top + 1)) for top in most]


def drawn(rng: np.random.Generator, **shapes: tuple[int, ...]) -> Arrays:
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def _pair(rng: np.random.Generator, low: int, high: int) -> int | tuple[int, int]:
    one, two = (int(n) for n in rng.integers(low, high + 1, 2))
    return one if rng.random() < 0.5 else (one, two)


def _loss(name: str, machine: Callable[..., Any], targets: str) -> None:
    def draw(rng: np.random.Generator) -> Problem:
        rows, classes = (n + 1 for n in sizes_up_to(rng, 40, 12))
        y = {
            "classes": rng.integers(0, classes, rows),
            "signs": rng.choice([-1.0, 1.0], (rows, classes)),
            "shares": rng.random((rows, classes)),
            "numbers": rng.normal(size=(rows, classes)),
        }[targets]

        def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
            loss, delta = getattr(module, name)(arrays["z"], y)
            return (loss,), {"z": upstream[0] * delta}

        z = 2 * rng.normal(size=(rows, classes))
        return Problem(
            (rows, classes), {"z": z}, (rng.normal(),), by_hand, lambda z: (machine(z, y),)
        )

    CASES[f"losses: {name}"] = draw


def _multiclass_hinge(z: tg.Tensor, y: Any) -> tg.Tensor:
    rows = np.arange(len(y))
    margins = tg.relu(1 + z - z[rows, y].reshape(-1, 1))
    return (margins.sum() - margins[rows, y].sum()) / len(y)


_loss("softmax_cross_entropy", tg.softmax_cross_entropy, "classes")
_loss("sigmoid_cross_entropy", tg.binary_cross_entropy_with_logits, "shares")
_loss("squared_error", tg.mse_loss, "numbers")
_loss("absolute_error", tg.l1_loss, "numbers")
_loss("hinge", tg.hinge_loss, "signs")
_loss("multiclass_hinge", _multiclass_hinge, "classes")


@case("losses: huber")
def _huber(rng: np.random.Generator) -> Problem:
    shape, bend = tuple(sizes_up_to(rng, 40, 12)), 0.1 + 2 * rng.random()
    y = rng.normal(size=shape)

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        loss, delta = module.huber(arrays["z"], y, bend)
        return (loss,), {"z": upstream[0] * delta}

    def by_machine(z: tg.Tensor) -> tuple[Any, ...]:
        return (tg.huber_loss(z, y, delta=bend),)

    return Problem(shape, {"z": 2 * rng.normal(size=shape)}, (rng.normal(),), by_hand, by_machine)


@case("penalty_and_momentum: penalty")
def _penalty(rng: np.random.Generator) -> Problem:
    shape, decay = tuple(sizes_up_to(rng, 20, 20)), rng.random()

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        penalty, gradient = module.penalty(arrays["w"], decay)
        return (penalty,), {"w": upstream[0] * gradient}

    def by_machine(w: tg.Tensor) -> tuple[Any, ...]:
        return (decay / 2 * (w**2).sum(),)

    return Problem(shape, drawn(rng, w=shape), (rng.normal(),), by_hand, by_machine)


@case("penalty_and_momentum: momentum_step")
def _momentum(rng: np.random.Generator) -> Problem:
    """Some steps; decay is coupled, decoupled or 0. There is nothing to differentiate."""
    (*shape, steps), (lr, momentum) = sizes_up_to(rng, 20, 20, 5), rng.random(2)
    decay, is_coupled = rng.choice([0.0, 0.3]), rng.random() < 0.5
    w_0, gradients = rng.normal(size=shape), rng.normal(size=(steps, *shape))

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        w, v = w_0, np.zeros(shape)
        for g in gradients:
            if is_coupled:
                w, v = module.momentum_step(w, g + module.penalty(w, decay)[1], v, lr, momentum)
            else:
                w, v = module.momentum_step(w, g, v, lr, momentum, decay)
        return (w,), {}

    def by_machine() -> tuple[Any, ...]:
        w = tg.Tensor(w_0, requires_grad=True)
        coupled = decay if is_coupled else 0.0
        optimizer = nn.SGD([w], lr=float(lr), momentum=float(momentum), weight_decay=coupled)
        for g in gradients:
            before, w.grad = w.data, g
            optimizer.step()
            if not is_coupled:
                w.data = w.data - lr * decay * before
        return (w.detach(),)

    sizes = (*shape, steps, decay, is_coupled)
    return Problem(sizes, {}, (np.zeros(shape),), by_hand, by_machine)


@case("dropout")
def _dropout(rng: np.random.Generator) -> Problem:
    shape, p, seed = tuple(sizes_up_to(rng, 4, 9, 9)), 0.9 * rng.random(), int(rng.integers(1000))
    mask = tg.dropout(np.ones(shape), p, generator=seed) != 0

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out = module.forward(arrays["x"], mask, p)
        return (out,), {"x": module.backward(upstream[0], mask, p)}

    def by_machine(x: tg.Tensor) -> tuple[Any, ...]:
        return (tg.dropout(x, p, generator=seed),)

    arrays = drawn(rng, x=shape)
    return Problem(shape, arrays, (rng.normal(size=shape),), by_hand, by_machine)


def _normalization(name: str, machine: Callable[..., Any], draw_shape: Callable[..., Any]) -> None:
    def draw(rng: np.random.Generator) -> Problem:
        (shape, size), eps = draw_shape(rng), float(rng.choice([1e-5, 0.1]))

        def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
            out, cache = module.forward(*arrays.values(), eps=eps)
            gradients = module.backward(upstream[0], cache)
            return (out,), dict(zip(arrays, gradients, strict=True))

        def by_machine(x: tg.Tensor, gamma: tg.Tensor, beta: tg.Tensor) -> tuple[Any, ...]:
            return (machine(x, gamma, beta, eps=eps),)

        arrays = drawn(rng, x=shape, gamma=(size,), beta=(size,))
        return Problem((shape, eps), arrays, (rng.normal(size=shape),), by_hand, by_machine)

    CASES[name] = draw


def _shape_of_batch(rng: np.random.Generator) -> tuple[tuple[int, ...], int]:
    shape = tuple(n + 1 for n in sizes_up_to(rng, 6, 5, 4, 4)[: rng.choice([2, 4])])
    return shape, shape[1]


def _shape_of_rows(rng: np.random.Generator) -> tuple[tuple[int, ...], int]:
    shape = tuple(n + 1 for n in sizes_up_to(rng, 4, 5, 9)[rng.integers(0, 3) :])
    return shape, shape[-1]


_normalization("batch_norm", tg.batch_norm, _shape_of_batch)
_normalization("layer_norm", tg.layer_norm, _shape_of_rows)


@case("convolution")
def _convolution(rng: np.random.Generator) -> Problem:
    n, c, f, kh, kw = sizes_up_to(rng, 3, 3, 3, 3, 3)
    h, w = kh + int(rng.integers(0, 4)), kw + int(rng.integers(0, 4))
    stride, padding = _pair(rng, 1, 3), _pair(rng, 0, 2)

    def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
        out = module.forward(*arrays.values(), stride, padding)
        x, weight, _ = arrays.values()
        gradients = module.backward(upstream[0], x, weight, stride, padding)
        return (out,), dict(zip(arrays, gradients, strict=True))

    def by_machine(x: tg.Tensor, W: tg.Tensor, b: tg.Tensor) -> tuple[Any, ...]:
        return (tg.conv2d(x, W, b, stride=stride, padding=padding),)

    arrays = drawn(rng, x=(n, c, h, w), W=(f, c, kh, kw), b=(f,))
    g = rng.normal(size=tg.conv2d(*arrays.values(), stride=stride, padding=padding).shape)
    sizes = (n, c, f, kh, kw, h, w, stride, padding)
    return Problem(sizes, arrays, (g,), by_hand, by_machine)


def _pooling(kind: str, machine: Callable[..., Any]) -> None:
    def draw(rng: np.random.Generator) -> Problem:
        size, stride = _pair(rng, 1, 3), rng.choice([None, 1, 2])
        n, c, h, w = sizes_up_to(rng, 3, 3, 5, 5)
        shape = n, c, h + 2, w + 2

        def by_hand(module: ModuleType, arrays: Arrays, upstream: tuple[Any, ...]) -> Any:
            out, cache = getattr(module, f"{kind}_forward")(arrays["x"], size, stride)
            return (out,), {"x": getattr(module, f"{kind}_backward")(upstream[0], cache)}

        def by_machine(x: tg.Tensor) -> tuple[Any, ...]:
            return (machine(x, size, stride),)

        x = rng.normal(size=shape)
        x = x.round() if rng.random() < 0.5 else x  # with ties
        g = rng.normal(size=machine(x, size, stride).shape)
        return Problem((*shape, size, stride), {"x": x}, (g,), by_hand, by_machine)

    CASES[f"pooling: {kind}"] = draw


_pooling("max", tg.max_pool2d)
_pooling("average", tg.avg_pool2d)

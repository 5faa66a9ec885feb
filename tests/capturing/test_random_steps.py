"""Tests random steps against their twins: chains of NumPy calls and of operations on tensors, in
which values are used again, are views of each other, are written into, and are stored in slots for
the next call.
"""

import random

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import Tensor

from .test_twins import Box, outcome, replayed

BINARY = [
    *("add", "subtract", "multiply", "maximum", "minimum", "greater", "arctan2", "hypot"),
    *("matmul", "dot", "outer", "logaddexp"),
]
UNARY = [
    *("negative", "tanh", "absolute", "square", "sign", "cos", "sort", "cumsum", "transpose"),
    *("copy", "ravel", "isfinite", "floor", "argsort", "round", "flip", "zeros_like", "ones_like"),
]
NUMBERS = [
    *(lambda a: a * 2, lambda a: a + 1.5, lambda a: 0.5 - a, lambda a: a / 3, lambda a: a**2),
    *(lambda a: a * np.float32(0.5), lambda a: a * np.float64(0.3), lambda a: a > 0),
    *(lambda a: -a, abs, lambda a: a**3, lambda a: a // 1, lambda a: a % 2),
]
REDUCTIONS = [
    *(lambda a: a.sum(), lambda a: a.sum(0), lambda a: a.sum(axis=-1, keepdims=True)),
    *(lambda a: np.max(a, axis=0), lambda a: np.mean(a, axis=-1), np.add.reduce),
    *(lambda a: a.max(), lambda a: a.std(), np.linalg.norm, lambda a: a.argmax()),
    *(lambda a: np.any(a > 0, axis=0), lambda a: a.var(axis=0), lambda a: a.mean()),
]
VIEWS = [
    *(lambda a: a[1:], lambda a: a[::-1], lambda a: a.T, lambda a: a.reshape(-1)),
    *(lambda a: a.reshape(3, 3), lambda a: a[0], lambda a: a[:, None], lambda a: a[..., 0]),
    *(lambda a: np.broadcast_to(a, (3, 3)), lambda a: a[None], lambda a: np.swapaxes(a, 0, -1)),
    *(lambda a: a[1:2], lambda a: a.ravel(), np.squeeze, lambda a: a[...]),
    *(lambda a: a.view(), lambda a: np.split(a, 3)[1], lambda a: a.diagonal()),
]
COPIES = [
    *(lambda a, b: a.copy(), lambda a, b: np.copy(a), lambda a, b: a.astype(np.float32)),
    *(lambda a, b: a.astype(np.float64), lambda a, b: a.astype(a.dtype, copy=False)),
    *(lambda a, b: a.take([0, 2], axis=0), lambda a, b: a[[0, 2]], lambda a, b: a.flatten()),
    *(lambda a, b: np.where(a > 0, a, b), lambda a, b: np.clip(a, -1, 1), lambda a, b: a * (b > 0)),
    *(lambda a, b: np.concatenate([a, b]), lambda a, b: np.stack([a, b])),
    *(lambda a, b: np.ones((3, 3)), lambda a, b: np.arange(3.0), lambda a, b: np.full(3, 2.0)),
    *(lambda a, b: np.copy(a, order="F"), lambda a, b: np.take_along_axis(a, np.argsort(a), -1)),
]
WRITES = [
    *(lambda a, b: np.add(a, b, out=a), lambda a, b: np.multiply(a, 0.5, out=a)),
    *(lambda a, b: a.__setitem__(..., b), lambda a, b: a.__setitem__(slice(1, None), b)),
    *(lambda a, b: a.__setitem__([0, 1], b), lambda a, b: a.__setitem__(a > 0, 0.5)),
    *(np.copyto, lambda a, b: a.fill(2.0), lambda a, b: a.sort()),
    *(lambda a, b: np.clip(a, -1, 1, out=a), lambda a, b: np.clip(a, -1, 1, a)),
    *(lambda a, b: np.tanh(b, out=a), lambda a, b: np.add(b, 1, out=a, casting="same_kind")),
    *(lambda a, b: np.subtract(b, a, a), lambda a, b: np.minimum(a, b, out=a)),
    *(lambda a, b: np.matmul(a, b, out=a), lambda a, b: np.sum(a, axis=0, out=b)),
    *(lambda a, b: np.putmask(a, a > 0, b), lambda a, b: np.negative(a, out=a, where=a > 0)),
    *(lambda a, b: a.__iadd__(b), lambda a, b: a.__imul__(0.5), lambda a, b: a.__isub__(b)),
    *(lambda a, b: np.nan_to_num(a, copy=False), lambda a, b: np.cumsum(a, -1, None, a)),
]
LOSSES = [
    *(lambda h, v: (tg.tanh(h) ** 2).mean(), lambda h, v: tg.relu(h).sum()),
    *(lambda h, v: (h * h).sum() + (v * 2).sum(), lambda h, v: tg.sigmoid(h).mean()),
    lambda h, v: tg.softmax_cross_entropy(h, np.zeros(len(h), int)),
]
KINDS = (
    ["binary"] * 4 + ["view"] * 4 + ["write"] * 4 + ["copy"] * 3 + ["keep"] * 3 + ["find"] * 3
    + ["unary", "number", "reduction", "loss", "update"] * 2
)  # fmt: skip


def starting_state(dtype):
    g = np.random.default_rng(7)
    matrix, vector = (lambda: g.normal(size=(3, 3)).astype(dtype)), g.normal(size=3).astype(dtype)
    return Box(
        a=matrix(),
        b=matrix(),
        entries=[vector],
        table={"k": matrix()},
        w=Tensor(matrix(), requires_grad=True),
        v=Tensor(vector, requires_grad=True),
        momentum=[np.zeros((3, 3), dtype), np.zeros(3, dtype)],
    )


def keep(box, where, a):
    if where == 0:
        box.a = a
    elif where == 1:
        box.b = a
    elif where == 2:
        box.entries[0] = a
    elif where == 3:
        box.table["k"] = a
    else:
        (box.w, box.v)[where % 2].data = a


def find(box, where, a):
    gradients = (box.w.grad, box.v.grad)
    found = (box.a, box.b, box.entries[0], box.table["k"], box.w.data, box.v.data, *gradients)
    return a if found[where] is None else found[where]


def update(box, how):
    for number, parameter in enumerate((box.w, box.v)):
        if parameter.grad is None:
            continue
        direction = parameter.grad
        if how == 2:
            box.momentum[number] = direction = box.momentum[number] * 0.9 + direction
        elif how == 3:
            box.momentum[number] *= 0.9
            box.momentum[number] += direction
        parameter.data = parameter.data - 0.1 * direction
        if how:
            parameter.grad = None


def do(instruction, pool, box):
    """Run one instruction; return the new values."""
    kind, first, second, choice = instruction
    a, b = pool[first % len(pool)], pool[second % len(pool)]

    def one_of(functions):
        return functions[choice % len(functions)]

    if kind in ("binary", "unary"):
        return (
            getattr(np, one_of(BINARY))(a, b) if kind == "binary" else getattr(np, one_of(UNARY))(a)
        )
    if kind in ("number", "reduction", "view"):
        return one_of({"number": NUMBERS, "reduction": REDUCTIONS, "view": VIEWS}[kind])(a)
    if kind == "copy":
        return one_of(COPIES)(a, b)
    if kind == "find":
        return find(box, choice % 8, a)
    if kind == "loss":
        loss = one_of(LOSSES)(Tensor(a) @ box.w + box.v, box.v)
        loss.backward(keep_interior=False)
        return loss._data
    if kind == "write":
        one_of(WRITES)(a, b)
    elif kind == "keep":
        keep(box, choice % 6, a)
    else:
        update(box, choice % 4)
    return None


def follow(instructions, arguments, box):
    pool = list(arguments)
    for instruction in instructions:
        found = do(instruction, pool, box)
        if found is not None:
            pool.append(found)
    return pool


def sensible(instructions, dtype, feed):
    """Skip instructions that NumPy refuses, and those that make arrays too large."""
    kept = []
    for instruction in instructions:
        box, attempt = starting_state(dtype), [*kept, instruction]
        try:
            pools = [follow(attempt, feed(number), box) for number in range(3)]
        except (ValueError, TypeError, IndexError, AttributeError, np.exceptions.AxisError):
            continue
        if all(np.size(value) < 200 for pool in pools for value in pool):
            kept = attempt
    return kept


def random_step(seed, length):
    """Draw a random step, and the arguments of its calls."""
    draw = random.Random(seed)
    dtype, layout, alias = draw.choice(["f4", "f8"]), draw.randrange(3), draw.randrange(4)

    def feed(number):
        g = np.random.default_rng(number)
        x, y = g.normal(size=(2, 3, 3)).astype(dtype)
        z = g.normal(size=3).astype(dtype)
        if layout:
            x = np.asfortranarray(x) if layout == 1 else np.repeat(x, 2, axis=1)[:, ::2]
        if alias and number >= 5:  # not before there is a program
            y = (x, x[::-1], x.T)[alias - 1]
        return x, y, z

    def instruction():
        return draw.choice(KINDS), draw.randrange(40), draw.randrange(40), draw.randrange(1000)

    instructions = sensible([instruction() for _ in range(length)], dtype, feed)
    returned = draw.sample(range(length + 3), 3)

    def make():
        box = starting_state(dtype)

        def step(x, y, z):
            pool = follow(instructions, (x, y, z), box)
            return [pool[number] for number in returned if number < len(pool)]

        return step, box

    def between(number, box):
        if number == 6 and seed % 3 == 0:
            box.a = box.a * 2

    return make, feed, 9, between


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_random_steps(seed, length):
    with np.errstate(all="ignore"):
        event(outcome(*random_step(seed, length)))


@pytest.mark.parametrize("length", [4, 8])
def test_many_random_steps(length):
    """The same with fixed seeds; many steps must be replayed, or the test would prove nothing."""
    found = []
    with np.errstate(all="ignore"):
        for seed in range(20):
            try:
                found.append(outcome(*random_step(seed, length)))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
    assert found.count("replayed") > len(found) / 3, {name: found.count(name) for name in found}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("where", ["argument", "attribute", "value", "view"])
def test_writes(write, where):
    def make():
        box = Box(array=np.linspace(-1, 1, 9).reshape(3, 3))

        def step(x, y):
            target = {
                "argument": lambda: x,
                "attribute": lambda: box.array,
                "value": lambda: x * 2,
                "view": lambda: box.array[::-1],
            }[where]()
            before = target * 3
            write(target, y if len(y) else target)
            return before, target * 2, box.array + 1

        return step, box

    def feed(number):
        g = np.random.default_rng(number)
        return g.normal(size=(3, 3)), g.normal(size=3)

    try:
        make()[0](*feed(0))
    except (ValueError, TypeError, IndexError):
        return
    assert outcome(make, feed) in ("replayed", "refused")


def test_writes_that_must_be_replayed():
    def make():
        box = Box(m=np.ones((3, 3)), count=np.zeros(()))

        def step(x):
            box.count += 1
            old = box.m.copy()
            box.m *= 0.9
            box.m[0] += x[1]
            box.m[1:] = x[1:] * box.count
            change = x / 3
            change -= old
            box.m += change
            x -= change
            return old, change, box.m.sum()

        return step, box

    replayed(make, lambda number: (np.random.default_rng(number).normal(size=(3, 3)),))


IN_ORDER = {
    "value of a place": lambda box, x, y: (m := np.minimum(x, y), x.__iadd__(y), box.keep(m)),
    "temporary": lambda box, x, y: (t := x // 1, x.__isub__(t)),
    "old array": lambda box, x, y: (
        old := box.a,
        box.keep(x - y),
        np.tanh(np.minimum(x, y), out=old),
    ),
    "view before": lambda box, x, y: (v := x[1:], np.clip(x, -1, 1, out=x), v.fill(2.0)),
    "turned before": lambda box, x, y: (t := x.T, x.fill(2.0), np.copyto(t, y)),
    "read between": lambda box, x, y: (box.keep(box.a + x), x.__imul__(2.0), box.a.__iadd__(x)),
}


class Keeper(Box):
    def keep(self, array):
        self.a = array


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("what", IN_ORDER)
def test_calls_keep_their_order(what, order):
    body = IN_ORDER[what]

    def make():
        box = Keeper(a=np.ones((3, 3), order=order))

        def step(x, y):
            body(box, x, y)
            return box.a * 2

        return step, box

    def feed(number):
        arrays = np.random.default_rng(number).normal(size=(2, 3, 3))
        return tuple(np.array(array, order=order) for array in arrays)

    assert outcome(make, feed) in ("replayed", "refused")

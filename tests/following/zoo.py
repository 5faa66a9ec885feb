"""Functions of all kinds of Python statements, to be followed: each with its arguments.

It is not a test module, because pytest rewrites those, and a rewritten function has no source.
"""

import contextlib
import functools

import numpy as np

A = np.random.default_rng(5).normal(size=(3, 4))
B = np.random.default_rng(6).normal(size=(4, 3))

TOTAL = 0.0


def straight(a, b):
    c = a @ b
    d: np.ndarray = c.T * 2
    d += 1
    return c, d


def loops(a):
    total = np.zeros(a.shape[1])
    for i, row in enumerate(a):
        if i == 1:
            continue
        for j in range(len(row)):
            total[j] += row[j] * i
        total *= 1.5
    return total


def while_loop(a):
    n, steps = float(np.abs(a).sum()), []
    while n > 1:
        n /= 2
        steps.append(n)
        if len(steps) > 30:
            break
    else:
        steps.append(-1.0)
    return steps


def try_finally(a):
    seen = []
    try:
        try:
            seen.append(a[10, 10])
        except IndexError as error:
            seen.append(len(error.args))
            raise ValueError("again") from error
        else:
            seen.append(0)
        finally:
            seen.append(1)
    except ValueError:
        seen.append(2)
    return seen


def return_in_finally_order(a):
    order = []

    def inner():
        try:
            order.append("body")
            return a.sum()
        finally:
            order.append("finally")

    return inner(), order


def with_statement(a):
    with contextlib.suppress(ZeroDivisionError), contextlib.nullcontext(a) as state:
        b = state * 2
        _ = 1 // len(a[:0])
        b = a
    return b, state


def comprehensions(a):
    rows = [row * k for k, row in enumerate(a) if k != 1]
    sums = {k: float(row.sum()) for k, row in enumerate(rows)}
    signs = sorted({bool(x > 0) for row in a for x in row})
    return rows, sums, signs, sum(x * x for x in a.reshape(-1))


def numbers_of(a):
    for row in a:
        got = yield float(row.sum())
        if got is not None:
            yield got
    return 7.0


def delegating(a):
    result = yield from numbers_of(a)
    yield result


def generators(a):
    running = numbers_of(a)
    first = next(running)
    return first, running.send(3.0), list(running), list(delegating(a))


def walrus(a):
    if (n := len(a)) > 2:
        values = [y := float(a[0, 0]), y**2, n]
    return values, y


def matching(a, what=("row", 2)):
    match what:
        case ("row", int(k)) if k < 3:
            found = a[k]
        case {"column": k}:
            found = a[:, k]
        case _:
            found = a
    match a.shape:
        case (n, 4):
            return found * n
    return None


def stars(a):
    def inner(first, *rest, scale=1.0, **options):
        head, *middle, last = rest
        return first * scale + head + last, len(middle), sorted(options)

    options = {"scale": 2.0, "other": 1}
    return inner(*a, *a, **options, more=3)


def nonlocal_name(a):
    count = 0

    def add(x):
        nonlocal count
        count += x
        return count

    return [add(float(x)) for x in a[0]], count


def global_name(a):
    global TOTAL  # noqa: PLW0603
    TOTAL = 0.0
    TOTAL += float(a.sum())
    return TOTAL


def recursion(a):
    return a.sum() if len(a) == 1 else a[0].sum() + 2 * recursion(a[1:])


def lambdas(a):
    double, add = lambda x: 2 * x, lambda x, y=3: x + y
    return list(map(double, a)), add(a), functools.reduce(lambda x, y: x - y, a)


def chained(a):
    b = c = a * 2
    b[0], c[1, ::2] = c[1], -1.0
    (d, e), f = (a[0], a[1]), [*a[2]]
    return b, d, e, f, 0 < len(a) <= 3 != 4


def deletes(a):
    assert a.size, "empty"
    store = {"a": a, "b": 2}
    del store["b"]
    from math import tau

    return store, tau, a if len(store) == 1 else None, f"{a[0, 0]:.3f} {len(a)!r:>3}"


class Layer:
    """A class with private names, properties, inheritance and a call."""

    scale = 2.0

    def __init__(self, W):
        self.__W = W
        self.calls = 0

    @property
    def W(self):
        return self.__W * self.scale

    @W.setter
    def W(self, value):
        self.__W = value

    @staticmethod
    def square(x):
        return x**2

    @classmethod
    def made(cls, W):
        return cls(W)

    def __call__(self, x):
        self.calls += 1
        self.__last = x
        return x @ self.W

    def __matmul__(self, x):
        return self.W @ x

    def last(self):
        return self.__last


class Child(Layer):
    def __init__(self, W):
        super().__init__(W)
        self.shift = 1

    def __call__(self, x):
        before = super().__call__(x)
        return before + self.shift + super().scale


def classes(a, b):
    child = Child.made(b)
    out = child(a)
    child.W = b * 3
    return out, child(a), child.calls, child.last(), child.square(a), Layer(a) @ b


def wrapped(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return 2 * function(*args, **kwargs)

    return inner


@wrapped
def decorated(a):
    b = a * 3
    return b.sum(axis=0)


@functools.cache
def cached(n):
    m = n + 1
    return m * 2


def decorators(a):
    return decorated(a), cached(len(a)), cached(len(a))


def einsum_and_indices(a, b):
    c = np.einsum("ij,jk->ik", a, b)
    c[np.arange(3), np.arange(3)] -= 1
    np.add.at(c, ([0, 0, 1], [1, 1, 2]), 5.0)
    c[..., -1] = np.where(c[..., 0] > 0, c[..., 1], 0)
    return c


def local_class(a):
    class Inner:
        size = len(a)

        def twice(self):
            return 2 * self.size

    return Inner().twice(), Inner.size


def unicode_names(a):
    δ, σ = a * 2, "ünïcödé"
    return δ + len(σ) * δ, σ


def global_functions(a):
    names = sorted(locals())
    return names, len(globals()) > 3, eval("a.sum() + 1")


def early(a):
    for row in a:
        for x in row:
            if x > 0:
                return x
    return None


def defaults(a, k=len(A), *, axis=0):  # noqa: B008
    return a.sum(axis=axis) * k


A_AND_B = (straight, classes, einsum_and_indices)
ZOO = [
    straight, loops, while_loop, try_finally, return_in_finally_order, with_statement,
    comprehensions, generators, walrus, matching, stars, nonlocal_name, global_name, recursion,
    lambdas, chained, deletes, classes, decorated, decorators, einsum_and_indices, local_class,
    unicode_names, global_functions, early, defaults,
]  # fmt: skip


def arguments_of(function):
    """Return fresh arguments for a function of the zoo."""
    return (A.copy(), B.copy()) if function in A_AND_B else (A.copy(),)

"""Tests that steps that cannot be replayed are refused by name, or recorded anew, without side
effects. Also tests what a step returns, creates and writes into.
"""

import collections
import copy
import dataclasses
import itertools
import math

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture, dropout

from .test_twins import Box, arrays_of, drawn, outcome, replayed, trained, twins

Two = collections.namedtuple("Two", "first second")


@dataclasses.dataclass
class Answer:
    value: object


def vector(number):
    return (drawn(number, 3),)


def plain(function, feed=vector, calls=10, require=outcome):
    return require(lambda: (function, None), feed, calls)


# Values that are read ---------------------------------------------------------------------------

READING = {
    "if": lambda x: x * 2 if x.sum() > 0 else x * 3,
    "float": lambda x: x * float(x.sum()),
    "int": lambda x: x * int(x.sum()),
    "bool": lambda x: x * bool(x[0] > 0),
    "item": lambda x: x * x.sum().item(),
    "item of a tensor": lambda x: x * Tensor(x).sum().item(),
    "tolist": lambda x: x * x.tolist()[0],
    "round": lambda x: x * round(x.sum(), 1),
    "math": lambda x: x * math.exp(x.sum()),
    "format": lambda x: x * float(f"{x.sum():.2f}"),
    "text": lambda x: x * len(str(x)),
    "representation": lambda x: x * len(repr(Tensor(x))),
    "range": lambda x: x * sum(range(x.argmax())),
    "index": lambda x: x * (5.0, 6.0, 7.0)[x.argmax()],
    "in": lambda x: x * (0.0 in x),
    "maximum of Python": lambda x: x * max(x[0], x[1]),
    "sorted": lambda x: x * sorted([x[0], x[1]])[0],
    "mask": lambda x: x[x > 0].sum() + x,
    "mask by function": lambda x: np.compress(x > 0, x).sum() + x,
    "extract": lambda x: np.extract(x > 0, x).sum() + x,
    "nonzero": lambda x: len(np.nonzero(x > 0)[0]) + x,
    "nonzero of an array": lambda x: x.clip(0).nonzero()[0].size + x,
    "flatnonzero": lambda x: x.sum() / max(len(np.flatnonzero(x > 0)), 1),
    "argwhere": lambda x: np.argwhere(x > 0).shape[0] * x,
    "where": lambda x: np.where(x > 0)[0].size * x,
    "unique": lambda x: np.unique(np.sign(x)).size * x,
    "repeat": lambda x: np.repeat(x, (x > 0).astype(int)).size * x,
    "bincount": lambda x: np.bincount((x > 0).astype(int)).size * x,
    "slice": lambda x: x[: x.argmax()].size + x,
    "equal": lambda x: np.array_equal(x, abs(x)) * x,
    "allclose": lambda x: np.allclose(x, abs(x)) * x,
    "array": lambda x: np.array([x[0], x[1]]).sum() * x,
    "asarray": lambda x: np.asarray(x) * 2,
    "bytes": lambda x: len(x.tobytes()) * x,
    "hash": lambda x: hash(x.tobytes()) % 2 * x,
    "deep copy": lambda x: copy.deepcopy(x) * 2,
    "copy": lambda x: copy.copy(x) * 2,
    "is an array": lambda x: x * 2 if isinstance(x, np.ndarray) else x * 3,
    "is a float": lambda x: x * 2 if isinstance(x.sum(), float) else x * 3,
    "is a number": lambda x: x * 2 if isinstance(x.sum(), np.floating) else x * 3,
    "is a scalar": lambda x: x * 2 if np.isscalar(x.sum()) else x * 3,
    "base": lambda x: x * (x.base is None),
    "flat": lambda x: x.flat[0] * x,
    "vectorized": lambda x: np.vectorize(lambda v: v * 2)(x) + 1,
    "along an axis": lambda x: np.apply_along_axis(lambda v: v * 2, 0, x),
    "dynamic zeros": lambda x: np.zeros(x.argmax()).size + x,
    "linspace": lambda x: np.linspace(0, x[0], 3) + x,
    "full": lambda x: np.full(3, x[0]) + x,
    "try": lambda x: np.sqrt(np.linalg.norm(x)) * x,
}


@pytest.mark.parametrize("how", READING)
def test_values_that_are_read(how):
    assert plain(READING[how]) in ("refused", "recorded", "replayed")


@pytest.mark.parametrize(
    "how",
    [
        *(
            "if",
            "float",
            "int",
            "bool",
            "item",
            "item of a tensor",
            "tolist",
            "math",
            "range",
            "index",
        ),
        *("index", "in", "maximum of Python", "sorted", "mask", "equal", "hash"),
    ],
)
def test_values_that_may_not_be_read(how):
    assert plain(READING[how]) == "refused"


def test_the_error_names_the_reason():
    for how, reason in (("if", "if"), ("item", "item"), ("mask", "where"), ("float", "float")):
        with pytest.raises(CaptureError, match=reason):
            capture(READING[how])(np.ones(3))


# Side effects ----------------------------------------------------------------------------------


def test_random_numbers():
    generator = np.random.default_rng(0)
    drawing = {
        "function": lambda x: x * np.random.normal(size=3),  # noqa: NPY002
        "new generator": lambda x: x * np.random.default_rng().normal(size=3),
        "decision": lambda x: x if generator.random() < 0.9 else -x,
        "dropout": lambda x: dropout(Tensor(x), 0.5),
    }
    for name, step in drawing.items():
        captured = capture(step)
        with pytest.raises(CaptureError):
            [captured(np.ones(3)) for _ in range(20)]
        assert captured._programs == [], name


def test_counters_and_histories():
    counts = itertools.count()

    def make():
        return Box(count=0, history=[], seen=set(), names=collections.deque(), text="")

    changes = {
        "count": lambda box, x: setattr(box, "count", box.count + 1),
        "history": lambda box, x: box.history.append(x.sum()),
        "set": lambda box, x: box.seen.add(len(box.seen)),
        "deque": lambda box, x: box.names.append(1),
        "text": lambda box, x: setattr(box, "text", box.text + "."),
        "new": lambda box, x: setattr(box, f"name{next(counts)}", x * 2),
        "dictionary": lambda box, x: vars(box).update({f"n{len(vars(box))}": 1}),
    }
    for name, change in changes.items():

        def twin(change=change):
            box = make()

            def step(x):
                change(box, x)
                return x * 2

            return step, box

        assert outcome(twin, vector) in ("refused", "recorded"), name


def test_a_counter_that_is_nonlocal():
    def make():
        count = 0

        def step(x):
            nonlocal count
            count += 1
            return x * count

        return step, None

    assert outcome(make, vector) == "refused"


def test_a_refusal_restores_everything():
    """The step makes, replaces and writes into arrays before it is refused."""
    network, optimizer = trained(momentum=0.9)
    box = Box(total=np.ones(3), entries=[None, np.zeros(3)], table={})

    def step(x):
        loss = (network(Tensor(x)) ** 2).mean()
        loss.backward()
        optimizer.step()
        box.fresh = x * 2
        box.total *= 2
        box.total = box.total + 1
        box.entries[0] = x[0]
        box.entries[1][...] = 7
        box.table["new"] = x + 1
        x += 1
        return loss.item()

    state = (network, optimizer, box)
    x = drawn(0, 6, 4, dtype=np.float32)
    before = arrays_of((state, x))
    for _ in range(3):
        with pytest.raises(CaptureError, match=r"item|float"):
            capture(step)(x)
        assert {k: v for k, v in arrays_of((state, x)).items() if k in before} == before
        assert "a tracer" not in arrays_of(state).values()
    step(x)
    assert all(type(s["momentum_buffer"]) is np.ndarray for s in optimizer.state.values())


def test_a_second_recording_that_differs_restores_everything():
    def make():
        box = Box(array=np.ones(3), count=0)

        def step(x):
            box.array *= x
            box.count += 1
            return x * 2

        return step, box

    step, refusal = twins(make, vector)
    assert "count" in str(refusal)
    assert step.recordings == 2


# Results ---------------------------------------------------------------------------------------

RETURNED = {
    "nothing": lambda x: None,
    "nested": lambda x: {"a": [x * 2, (x, None, 3, "text")], "b": Tensor(x)},
    "views": lambda x: [(x * 2)[:1], (x * 2).reshape(-1, 1), x[::-1], x],
    "one twice": lambda x: [y := x * 2, y],
    "scalars": lambda x: (x.sum(), x[0], Tensor(x).sum()),
    "shape": lambda x: (x.shape, x.dtype, len(x)),
    "constant": lambda x: (np.arange(3), x * 2),
    "named": lambda x: Two(x * 2, x + 1),
    "object": lambda x: Answer(x * 2),
    "ordered": lambda x: collections.OrderedDict(a=x * 2),
    "default": lambda x: collections.defaultdict(list, a=x * 2),
    "set": lambda x: {1, 2},
    "function": lambda x: lambda: x * 2,
    "zeros": lambda x: np.zeros(3),
}


@pytest.mark.parametrize("what", RETURNED)
def test_kinds_of_results(what):
    function, step = RETURNED[what], capture(RETURNED[what])
    kept = []
    for number in range(8):
        expected = function(*vector(number))
        try:
            found = step(*vector(number))
        except CaptureError:
            return
        kept.append((found, expected))
        assert type(found) is type(expected)
        for one, other in kept:
            if what == "function":
                one, other = one(), other()
            elif what == "object":
                one, other = one.value, other.value
            assert arrays_of(one) == arrays_of(other), number


def test_results_belong_to_the_caller():
    """Writing into a result changes nothing else."""
    step = capture(lambda x: (np.arange(3.0), x * 2, [np.ones(2)]))
    for number in range(8):
        try:
            constant, doubled, (ones,) = step(*vector(number))
        except CaptureError:
            return
        assert constant.tolist() == [0, 1, 2]
        assert ones.tolist() == [1, 1]
        assert np.array_equal(doubled, vector(number)[0] * 2)
        for array in (constant, doubled, ones):
            array[...] = -9


def test_a_constant_that_is_written_into_by_the_step():
    def step(x):
        ones = np.ones(3)
        first = x * ones
        ones *= 2
        second = x * ones
        ones[0] = 7
        return first, second, ones * x, ones

    assert plain(step) in ("replayed", "refused")


def test_dtypes_and_shapes_of_arrays_that_are_written_into():
    def mixed(x, y):
        total = np.zeros_like(x)
        total += y
        wide = np.empty_like(np.stack([x, x]))
        np.multiply(y, 2, out=wide, casting="same_kind")
        return total, wide

    def feed(number):
        return drawn(number, 3, dtype=np.float32), drawn(number + 50, 3)

    assert plain(mixed, feed) in ("replayed", "refused")


def test_views_of_copies():
    def step(x, y):
        a = x * 2
        turned = a.copy().T
        u = turned * 1.5
        b = y * 3
        d = b * b
        return u + turned * d

    plain(step, lambda number: (drawn(number, 3, 3), drawn(number + 50, 3, 3)), require=replayed)


def test_numbers_of_numpy():
    def step(x):
        s = x.sum()
        t = s
        t += 1
        s = 1 - s
        return (
            s,
            2 / s,
            2**s,
            1.5 // s,
            1.7 % s,
            s < 1,
            t,
            t.reshape(1),
            t.copy(),
            t.astype("f4"),
            t.T,
        )

    assert plain(step) == "replayed"

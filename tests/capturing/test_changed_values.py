"""Tests that changes of values that a step can reach are noticed, in every kind of container.

After the change the step must do what its twin does, or be refused; a stale replay fails.
"""

import array
import collections
import contextvars
import dataclasses
import enum
import functools
import operator
import random
import sys
import threading
import types
import weakref

import numpy as np
import pytest

from tinygrad_edu import CaptureError, Tensor, capture

from .test_twins import Box, drawn, outcome, replayed

LIMIT = [2.0]
CONFIGURATION = {"scale": 2.0}
scale = 2.0


def vector(number):
    return (drawn(number, 3),)


def holding(value, use, change, require=outcome):
    """Compare twins of a step that uses a value in a closure, which changes before a call."""

    def make():
        kept = value()
        return (lambda x: use(kept, x)), kept

    def between(number, kept):
        if number == 5:
            change(kept)

    return require(make, vector, 10, between)


def with_attribute(kind, *arguments):
    kept = kind(*arguments)
    kept.scale = 2.0
    return kept


class Table(dict):
    pass


class Entries(list):
    pass


class Pair(tuple):
    pass


class Slots:
    __slots__ = ("__hidden", "scale")

    def __init__(self):
        self.__hidden = self.scale = 2.0

    def hidden(self):
        return self.__hidden

    def hide(self, value):
        self.__hidden = value


@dataclasses.dataclass
class Data:
    scale: float = 2.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    values: np.ndarray
    scale: float = 2.0


class Strict:
    def __init__(self):
        self.values = np.ones(3)

    def __setattr__(self, name, value):
        if not isinstance(value, np.ndarray):
            raise TypeError("arrays alone")
        object.__setattr__(self, name, value)


class Key(enum.Enum):
    FIRST = 1


def by_attribute(kept, x):
    return x * kept.scale


def by_first(kept, x):
    return x * kept[0]


def by_key(kept, x):
    return x * kept["scale"]


def set_attribute(kept):
    kept.scale = 3.0


def set_first(kept):
    kept[0] = 3.0


def set_key(kept):
    kept["scale"] = 3.0


def local():
    return with_attribute(threading.local)


def reordered(kept):
    kept["a"] = kept.pop("a")


def replaced_member(kept):
    kept.remove("a")
    kept.add("b")


PLACES = {
    "attribute": (Box, lambda kept, x: x * getattr(kept, "scale", 2.0), set_attribute),
    "dataclass": (Data, by_attribute, set_attribute),
    "slot": (Slots, by_attribute, set_attribute),
    "hidden slot": (Slots, lambda kept, x: x * kept.hidden(), lambda kept: kept.hide(3.0)),
    "list": (lambda: [2.0], by_first, set_first),
    "dictionary": (lambda: {"scale": 2.0}, by_key, set_key),
    "ordered": (lambda: collections.OrderedDict(scale=2.0), by_key, set_key),
    "attribute of a dictionary": (lambda: with_attribute(Table), by_attribute, set_attribute),
    "attribute of a list": (lambda: with_attribute(Entries), by_attribute, set_attribute),
    "attribute of a tuple": (lambda: with_attribute(Pair), by_attribute, set_attribute),
    "deque": (lambda: collections.deque([2.0]), by_first, set_first),
    "deque that is turned": (lambda: collections.deque([2.0, 3.0]), by_first, lambda k: k.rotate()),
    "array in a deque": (
        lambda: collections.deque([np.ones(3)]),
        by_first,
        lambda kept: kept.__setitem__(0, np.full(3, 2.0)),
    ),
    "set": (lambda: {"a"}, lambda kept, x: x * (2 if "a" in kept else 3), replaced_member),
    "order of a dictionary": (
        lambda: {"a": 0.1, "b": 0.7, "c": 1e8},
        lambda kept, x: functools.reduce(lambda y, value: y * value + value, kept.values(), x),
        reordered,
    ),
    "UserDict": (lambda: collections.UserDict(scale=2.0), by_key, set_key),
    "ChainMap": (lambda: collections.ChainMap({"scale": 2.0}), by_key, set_key),
    "mapping proxy": (
        lambda: (inner := {"scale": 2.0}, types.MappingProxyType(inner)),
        lambda kept, x: x * kept[1]["scale"],
        lambda kept: set_key(kept[0]),
    ),
    "thread": (local, by_attribute, set_attribute),
    "context": (
        lambda: contextvars.ContextVar("scale", default=2.0),
        lambda kept, x: x * kept.get(),
        lambda kept: kept.set(3.0),
    ),
    "bytes": (lambda: bytearray(b"\2"), by_first, lambda kept: kept.__setitem__(0, 3)),
    "numbers": (lambda: array.array("d", [2.0]), by_first, set_first),
    "weak reference": (
        lambda: (box := Data(), weakref.ref(box)),
        lambda kept, x: x * kept[1]().scale,
        lambda kept: set_attribute(kept[0]),
    ),
    "array behind a weak reference": (
        lambda: (box := Box(values=np.ones(3)), weakref.ref(box)),
        lambda kept, x: x * kept[1]().values,
        lambda kept: setattr(kept[0], "values", np.full(3, 3.0)),
    ),
    "object array": (
        lambda: np.array([2.0, None], dtype=object),
        lambda kept, x: x * kept[0],
        set_first,
    ),
    "method of a container": (
        lambda: (table := {"scale": 2.0}, table.get),
        lambda kept, x: x * kept[1]("scale"),
        lambda kept: set_key(kept[0]),
    ),
    "partial": (
        lambda: functools.partial(by_key, {"scale": 2.0}),
        lambda kept, x: kept(x),
        lambda kept: set_key(kept.args[0]),
    ),
    "sign of zero": (
        lambda: Box(scale=0.0),
        by_attribute,
        lambda kept: setattr(kept, "scale", -0.0),
    ),
    "integer for a float": (
        lambda: [2.0],
        lambda kept, x: x.astype(int) // kept[0],
        lambda kept: kept.__setitem__(0, 2),
    ),
    "array in a tuple": (
        lambda: (np.ones(3), 2),
        lambda kept, x: kept[0] * 2 * x,
        lambda kept: kept[0].__setitem__(0, 9.0),
    ),
    "array in a tuple, as it is": (
        lambda: (np.ones(3), 2),
        lambda kept, x: kept[0] * x,
        lambda kept: kept[0].__setitem__(0, 9.0),
    ),
    "array of a partial": (
        lambda: functools.partial(lambda a, x: a * 2 * x, np.ones(3)),
        lambda kept, x: kept(x),
        lambda kept: kept.args[0].__setitem__(0, 9.0),
    ),
    "array as a default": (
        lambda: lambda x, a=np.ones(3): a * 2 * x,  # noqa: B008
        lambda kept, x: kept(x),
        lambda kept: kept.__defaults__[0].__setitem__(0, 9.0),
    ),
    "read-only view": (
        lambda: (a := np.ones(3), Box(view=np.broadcast_to(a, (3,)))),
        lambda kept, x: kept[1].view * 2 * x,
        lambda kept: kept[0].__setitem__(0, 9.0),
    ),
    "operator": (
        lambda: (operator.itemgetter(0), [2.0]),
        lambda kept, x: x * kept[0](kept[1]),
        lambda kept: set_first(kept[1]),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place(place):
    assert holding(*PLACES[place]) in ("replayed", "recorded", "refused")


@pytest.mark.parametrize(
    "place", ["attribute", "dataclass", "slot", "list", "dictionary", "ordered"]
)
def test_a_place_that_is_watched(place):
    holding(*PLACES[place], require=replayed)


def test_places_of_functions():
    def make():
        def helper(x):
            return x * helper.scale

        helper.scale = 2.0
        return (lambda x: helper(x) + 1), helper

    def between(number, helper):
        if number == 5:
            helper.scale = 3.0

    assert outcome(make, vector, 10, between) != "wrong"


def globals_by_name(x):
    return x * scale * CONFIGURATION["scale"] * LIMIT[0]


def globals_by_text(x):
    return x * globals()["scale"]


def globals_by_getattr(x):
    return x * getattr(sys.modules[__name__], "sc" + "ale")


def global_of_a_module(x):
    import tests.capturing.test_changed_values as this  # noqa: PLW0406 (a name of its own)

    return x * this.scale


@pytest.mark.parametrize(
    "step", [globals_by_name, globals_by_text, globals_by_getattr, global_of_a_module]
)
@pytest.mark.parametrize("name", ["scale", "LIMIT", "CONFIGURATION"])
def test_globals(step, name, monkeypatch):
    captured = capture(step)
    try:
        for number in range(10):
            if number == 5 and name == "scale":
                monkeypatch.setattr(sys.modules[__name__], "scale", 3.0)
            elif number == 5 and name == "LIMIT":
                monkeypatch.setattr(sys.modules[__name__], "LIMIT", LIMIT[:])
                LIMIT[0] = 3.0
            elif number == 5:
                monkeypatch.setitem(CONFIGURATION, "scale", 3.0)
            assert np.array_equal(captured(*vector(number)), step(*vector(number))), number
    except CaptureError:
        assert step is not globals_by_name


def of_a_class(change, body=None):
    class Base:
        scale = 2.0

        @property
        def factor(self):
            return 2.0

    class Module(Base):
        def forward(self, x):
            return x * self.scale * self.factor

    def make():
        base = type("Base", (Base,), {"scale": 2.0, "factor": Base.factor})
        kind = type("Module", (base,), {"forward": Module.forward})
        module = kind()
        return (lambda x: module.forward(x) + 1), (base, kind, module)

    def between(number, classes):
        if number == 5:
            change(*classes)

    return outcome(make, vector, 10, between)


@pytest.mark.parametrize(
    "change",
    [
        lambda base, kind, module: setattr(base, "scale", 3.0),
        lambda base, kind, module: setattr(kind, "scale", 3.0),
        lambda base, kind, module: setattr(module, "scale", 3.0),
        lambda base, kind, module: setattr(kind, "forward", lambda self, x: x * 5),
        lambda base, kind, module: setattr(module, "forward", lambda x: x * 5),
        lambda base, kind, module: setattr(base, "factor", property(lambda self: 5.0)),
    ],
    ids=["base", "subclass", "instance", "method", "own method", "property"],
)
def test_classes(change):
    assert of_a_class(change) != "wrong"


def test_arrays_of_objects_that_refuse_other_things():
    for kind in (lambda: Frozen(np.ones(3)), Strict):

        def make(kind=kind):
            kept = kind()
            return (lambda x: x * kept.values), kept

        assert outcome(make, vector) in ("replayed", "refused")


def test_keys_of_all_kinds():
    def make():
        keys = (Key.FIRST, np.int64(3), float("inf"), (1, "a"), None, b"b", Tensor(1.0))
        table = {key: np.ones(3) for key in keys}

        def step(x):
            for key in table:
                table[key] = table[key] * x

        return step, table

    assert outcome(make, vector) in ("replayed", "refused")


def test_one_array_in_two_places():
    def between(number, box):
        if number == 4:
            box.b = np.full(3, 7.0)
        elif number == 8:
            box.a = box.b
        elif number == 12:
            box.a = box.b[::-1]

    for write in (False, True):

        def make(write=write):
            a = np.ones(3)
            box = Box(a=a, b=a)

            def step(x):
                if write:
                    box.a *= 0.5
                return box.a * x + box.b

            return step, box

        assert outcome(make, vector, 16, between) in ("replayed", "recorded", "refused")


def test_random_numbers_and_iterators():
    """Both are in the environment of a step, and lead to the same numbers at first."""
    kinds = {
        "generator": lambda: (g := np.random.default_rng(3), g.random),
        "state": lambda: (g := np.random.RandomState(3), g.random_sample),
        "python": lambda: (g := random.Random(3), g.random),
        "iterator": lambda: (i := iter([0, 0, 0, 1, 1, 1] * 4), i.__next__),
        "next": lambda: (i := iter([0, 0, 0, 1, 1, 1] * 4), lambda: next(i)),
        "tuple": lambda: ((i := (iter([0, 0, 0, 1, 1, 1] * 4),)), lambda: next(i[0])),
    }
    for name, kind in kinds.items():

        def make(kind=kind):
            _, draw = kind()
            return (lambda x: x * 2 if draw() < 0.75 else x * 3), None

        assert outcome(make, vector, 16) in ("refused", "recorded"), name


def test_random_numbers_and_iterators_as_arguments():
    source = iter([2.0] * 4 + [3.0] * 8)
    for argument, use in (
        (np.random.default_rng(3), lambda x, g: x * (2 if g.random() < 0.75 else 3)),
        (source, lambda x, i: x * next(i)),
    ):
        step = capture(use)
        with pytest.raises(CaptureError):
            [step(np.ones(1), argument) for _ in range(12)]

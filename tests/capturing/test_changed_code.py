"""Tests that changes of code that a step can reach are noticed: modules, functions, classes,
globals. Each is changed after some replays; the captured step must do what the step does, or be
refused.
"""

import builtins
import functools
import importlib
import inspect
import math
import operator
import os
import sys
import types

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from tinygrad_edu import CaptureError, Tensor, capture

X = np.array([1.0, 2.0])
number = 2.0
part = "sca"

__all__ = ["array", "is_seen"]
FILES = {
    "kinds/__init__.py": "",
    "kinds/config.py": (
        "scale = 2.0\ndeep = {'a': [1.0, {'scale': 2.0}]}\n"
        "class Settings:\n    scale = 2.0\n"
        "def __getattr__(name):\n    return scale if name == 'lazy' else None\n"
    ),
    "kinds/steps.py": (
        "from . import config\n"
        "def step(x):\n    from .config import scale\n    return x * scale\n"
        "def whole(x):\n    import kinds.config\n    return x * kinds.config.scale\n"
    ),
    "queue.py": "scale = 2.0\n",  # named like a module of the standard library
    "site-packages/far.py": (
        "table = {'scale': 2.0}\ndef scale(x):\n    return x * table['scale']\n"
    ),
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Make some modules of the user, and an installed one."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "site-packages"), *sys.path])
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("kinds", "queue", "far"):
            monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()
    found = types.SimpleNamespace(
        **{n: importlib.import_module(f"kinds.{n}") for n in ("config", "steps")},
        kinds=importlib.import_module("kinds"),
        queue=importlib.import_module("queue"),
        far=importlib.import_module("far"),
    )
    yield found
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("kinds", "queue", "far"):
            del sys.modules[name]


def array(value):
    return np.asarray(value._data if isinstance(value, Tensor) else value)


def is_seen(step, change, calls=7):
    """Change something before the sixth call, and compare the captured step with the step."""
    captured = capture(step)
    for call in range(calls):
        if call == 5:
            before = array(step(X))
            change()
            assert not np.array_equal(before, array(step(X))), "nothing has changed"
        np.testing.assert_array_equal(array(captured(X)), array(step(X)))
    assert captured._programs
    assert captured.recordings < calls, "nothing was replayed"


# Modules --------------------------------------------------------------------------------------


def steps_of_modules(m):
    kinds, config, queue, steps = m.kinds, m.config, m.queue, m.steps
    namespace = {"m": config}
    return {
        "module in a module": lambda x: x * kinds.config.scale,
        "container in it": lambda x: x * kinds.config.deep["a"][1]["scale"],
        "class in it": lambda x: x * kinds.config.Settings.scale,
        "its __getattr__": lambda x: x * kinds.config.lazy,
        "module in a dictionary": lambda x: x * namespace["m"].scale,
        "name of the standard library": lambda x: x * queue.scale,
        "import from": steps.step,
        "import": steps.whole,
        "a name that is put together": lambda x: x * getattr(config, part + "le"),
        "vars": lambda x: x * vars(config)[part + "le"],
        "__dict__": lambda x: x * config.__dict__[part + "le"],
        "attrgetter": lambda x: x * operator.attrgetter(part + "le")(config),
        "attrgetter of a closure": (lambda get: lambda x: x * get(kinds))(
            operator.attrgetter("config.scale")
        ),
        "getmembers": lambda x: x * dict(inspect.getmembers(config))["scale"],
    }


@pytest.mark.parametrize("kind", steps_of_modules(types.SimpleNamespace(
    kinds=None, config=None, queue=None, steps=types.SimpleNamespace(step=None, whole=None)
)))  # fmt: skip
def test_modules(kind, modules):
    def change():
        modules.config.scale = modules.queue.scale = modules.config.Settings.scale = 3.0
        modules.config.deep["a"][1]["scale"] = 3.0

    is_seen(steps_of_modules(modules)[kind], change)


def test_a_module_that_is_replaced(modules, monkeypatch):
    other = types.ModuleType("kinds.config")
    other.scale = 3.0

    def change():
        monkeypatch.setitem(sys.modules, "kinds.config", other)
        modules.kinds.config = other

    is_seen(modules.steps.step, change)


def test_a_module_that_is_imported_by_the_step(modules, monkeypatch):
    monkeypatch.delitem(sys.modules, "kinds.config")
    is_seen(modules.steps.step, lambda: setattr(sys.modules["kinds.config"], "scale", 3.0))


def test_installed_code_is_not_searched(modules):
    step = capture(lambda x: modules.far.scale(x) + 1)
    for _ in range(3):
        step(X)
    assert step._programs
    modules.far.table["scale"] = 3.0  # only the comparison finds this
    with pytest.raises(CaptureError, match="may be wrong since call 3"):
        step(X)


# Functions and classes ------------------------------------------------------------------------


def test_code_of_functions():
    def helper(x, factor=2.0, *, other=1.0):
        return x * factor * other

    def another(x, factor=2.0, *, other=1.0):
        return x + factor + other

    def step(x):
        return helper(x)

    is_seen(step, lambda: setattr(helper, "__code__", another.__code__))
    is_seen(step, lambda: setattr(helper, "__defaults__", (5.0,)))
    is_seen(step, lambda: setattr(helper, "__kwdefaults__", {"other": 7.0}))
    is_seen(step, lambda: helper.__kwdefaults__.update(other=9.0))
    is_seen(step, lambda: setattr(step, "__code__", (lambda x: x * 8 if helper else x).__code__))


class Keeping:
    """A data descriptor that keeps the value in itself."""

    def __init__(self):
        self.value = 2.0

    def __get__(self, instance, owner):
        return self.value

    def __set__(self, instance, value):
        self.value = value


class Special(property):
    factor = 1.0


def changes_of_classes():
    class Base:
        kept = Keeping()

        def method(self):
            return 2.0

        @functools.cached_property
        def cached(self):
            return 2.0

        @property
        def computed(self):
            return self.method()

        special = Special(lambda self: Base.__dict__["special"].factor)

        half = functools.partialmethod(lambda self, a: a / number, 4.0)

    class Other:
        __slots__ = ("slot",)
        method = lambda self: 4.0  # noqa: E731
        __version__ = 2.0

    class Derived(Base):
        pass

    class Mixed:
        def method(self):
            return 5.0

    class Loose:
        def method(self):
            return 2.0

    box, slotted, loose = Derived(), Other(), Loose()
    return {
        "descriptor": (lambda x: x * box.kept, lambda: setattr(box, "kept", 3.0)),
        "method of a base": (
            lambda x: x * box.method(),
            lambda: setattr(Base, "method", lambda self: 3.0),
        ),
        "property": (
            lambda x: x * box.computed,
            lambda: setattr(Base, "computed", property(lambda self: 3.0)),
        ),
        "what a property calls": (
            lambda x: x * box.computed,
            lambda: setattr(Derived, "method", lambda self: 3.0),
        ),
        "property with attributes": (
            lambda x: x * box.special,
            lambda: setattr(Base.__dict__["special"], "factor", 3.0),
        ),
        "cached property": (lambda x: x * box.cached, lambda: setattr(box, "cached", 3.0)),
        "partial method": (
            lambda x: x * box.half(),
            lambda: setattr(Base, "half", functools.partialmethod(lambda self, a: a, 4.0)),
        ),
        "bases": (
            lambda x: x * box.method(),
            lambda: setattr(Derived, "__bases__", (Mixed, Base)),
        ),
        "class of an object": (
            lambda x: x * loose.method(),
            lambda: setattr(loose, "__class__", Mixed),
        ),
        "method of one object": (
            lambda x: x * loose.method(),
            lambda: setattr(loose, "method", lambda: 3.0),
        ),
        "slot that was empty": (
            lambda x: x * getattr(slotted, "slot", 2.0),
            lambda: setattr(slotted, "slot", 3.0),
        ),
        "dunder of a class": (
            lambda x: x * Other.__version__,
            lambda: setattr(Other, "__version__", 3.0),
        ),
    }


@pytest.mark.parametrize("kind", changes_of_classes())
def test_classes(kind):
    is_seen(*changes_of_classes()[kind])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (nn.MLP, "forward"),
        (nn.MLP, "__call__"),
        (nn.Linear, "forward"),
        (nn.Module, "__call__"),
        (Tensor, "relu"),
        (nn.MLP, "extra"),
    ],
)
def test_methods_of_this_project(kind, name, monkeypatch):
    network = nn.MLP([2, 2], seed=0)

    def step(x):
        return network(Tensor(x)).relu() * getattr(network, "extra", 2.0)

    new = 3.0 if name == "extra" else lambda self, x=None: Tensor(X * 3)
    is_seen(step, lambda: monkeypatch.setattr(kind, name, new, raising=False))


def test_methods_of_optimizers(monkeypatch):
    network = nn.MLP([2, 2], seed=0)
    optimizer = nn.SGD(network.parameters(), lr=0.1, momentum=0.5)

    def step(x):
        network(Tensor(x)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    captured = capture(step)
    for _ in range(4):
        captured(X)
    assert captured.recordings == 3
    monkeypatch.setattr(nn.SGD, "update", lambda self, p, g, state, lr, **others: p - lr * g)
    before = network.state_dict()
    captured(X)
    for name, values in network.state_dict().items():
        gradient = np.outer(X, np.ones(2)) if values.ndim == 2 else np.ones(2)
        np.testing.assert_allclose(values, before[name] - 0.1 * gradient, rtol=1e-6)


# Globals and other people's modules -----------------------------------------------------------


def late(x):
    try:
        return x * it_comes_later
    except NameError:
        return x * 1.0


def shadowed(x):
    return x * len([1, 2])


def stored(x):
    global last  # noqa: PLW0603
    last = x * 2
    return x * 3


def test_globals_that_appear(monkeypatch):
    this = sys.modules[__name__]
    is_seen(late, lambda: monkeypatch.setattr(this, "it_comes_later", 3.0, raising=False))
    monkeypatch.undo()
    is_seen(late, lambda: monkeypatch.setattr(builtins, "it_comes_later", 3.0, raising=False))
    is_seen(shadowed, lambda: monkeypatch.setattr(this, "len", lambda x: 3, raising=False))


def test_a_global_that_is_only_written(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "last", np.zeros(2), raising=False)
    captured = capture(stored)
    for factor in range(5):
        captured(X * factor)
        np.testing.assert_array_equal(last, X * factor * 2)
    assert captured.recordings == 2


@pytest.mark.parametrize("module", [np, math, builtins, tg, nn])
def test_attributes_put_on_modules(module, monkeypatch):
    monkeypatch.setattr(module, "number_of_mine", 2.0, raising=False)
    monkeypatch.setattr(module, "table_of_mine", {"scale": 2.0}, raising=False)
    monkeypatch.setattr(module, "array_of_mine", X.copy(), raising=False)

    def change():
        monkeypatch.setattr(module, "number_of_mine", module.number_of_mine + 1)

    is_seen(lambda x: x * module.number_of_mine, change)
    is_seen(lambda x: x * getattr(module, "number_" + part[:0] + "of_mine"), change)
    table = module.table_of_mine
    is_seen(lambda x: x * module.table_of_mine["scale"], lambda: table.update(scale=3.0))
    is_seen(
        lambda x: x * getattr(module, "new_of_mine", 2.0),
        lambda: monkeypatch.setattr(module, "new_of_mine", 3.0, raising=False),
    )

    def with_array(x):
        module.array_of_mine = module.array_of_mine + x
        return module.array_of_mine * 1

    captured = capture(with_array)
    for count in range(2, 8):
        np.testing.assert_array_equal(captured(X), X * count)
    assert captured.recordings == 2


def test_functions_of_modules_that_are_replaced(monkeypatch):
    def twice(x, *others, **keywords):
        return x * 2

    is_seen(lambda x: np.tanh(x) + 1, lambda: monkeypatch.setattr(np, "tanh", twice))
    monkeypatch.undo()
    is_seen(lambda x: tg.tanh(Tensor(x)), lambda: monkeypatch.setattr(np, "tanh", twice))
    monkeypatch.undo()
    is_seen(lambda x: tg.tanh(Tensor(x)), lambda: monkeypatch.setattr(tg, "tanh", twice))
    is_seen(lambda x: x * math.sqrt(4.0), lambda: monkeypatch.setattr(math, "sqrt", lambda x: 3.0))


@pytest.mark.parametrize(
    "read",
    [
        lambda: os.environ["CAPTURING_TEST"],
        lambda: os.getenv("CAPTURING_TEST"),
        lambda: os.environ.get("CAPTURING_TEST_2", "2"),
        (lambda environ: lambda: environ["CAPTURING_TEST"])(os.environ),
        (lambda getenv: lambda: getenv("CAPTURING_TEST"))(os.getenv),
    ],
)
def test_the_environment(read, monkeypatch):
    def change():
        monkeypatch.setenv("CAPTURING_TEST", "3")
        monkeypatch.setenv("CAPTURING_TEST_2", "3")

    monkeypatch.setenv("CAPTURING_TEST", "2")
    is_seen(lambda x: x * float(read()), change)


def decorated(function):
    @functools.wraps(function)
    def call(*arguments):
        return function(*arguments)

    return call


@pytest.mark.parametrize("decorate", [decorated, tg.no_grad, tg.no_grad()])
def test_decorated_functions(decorate, monkeypatch):
    helper = decorate(lambda x: x * number)
    this = sys.modules[__name__]
    is_seen(lambda x: helper(x) + 1, lambda: monkeypatch.setattr(this, "number", 3.0))

"""Tests names that a step computes while it runs: the objects behind them are refused by name, or
everything that they could reach is watched. Also tests rare kinds of values.
"""

import collections
import dataclasses
import gc
import importlib
import inspect
import math
import pkgutil
import sys
import time
import types

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from tinygrad_edu import CaptureError, Tensor, capture

from .test_changed_code import is_seen

X = np.array([1.0, 2.0])
number, part = 2.0, "sca"


def function(x):
    return x


REFUSED = {
    "globals()": lambda x: x * globals()["num" + "ber"],
    "eval()": (lambda name: lambda x: x * name("number"))(eval),
    "exec()": lambda x: exec("y = 1") or x,
    "__import__()": lambda x: x * __import__("os").environ["A"],
    "importlib.import_module()": lambda x: x * importlib.import_module("math").pi,
    "importlib.reload()": lambda x: x * importlib.reload(math).pi,
    "sys.modules": lambda x: x * sys.modules[__name__].number,
    "sys._getframe()": lambda x: x * sys._getframe().f_lineno,
    "inspect.stack()": lambda x: x * len(inspect.stack()),
    "pkgutil.resolve_name()": lambda x: x * pkgutil.resolve_name("math.pi"),
    "gc.get_objects()": lambda x: x * len(gc.get_objects()),
    "__globals__": lambda x: x * function.__globals__["number"],
    "__builtins__": lambda x: x * function.__builtins__["len"]([1]),
    "__subclasses__": lambda x: x * len(object.__subclasses__()),
    "open()": lambda x: x * len(open(__file__, encoding="utf-8").read()),  # noqa: SIM115
    "time.time()": lambda x: x * time.time(),
    "time.perf_counter()": (lambda clock: lambda x: x * clock())(time.perf_counter),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_watched_is_refused_by_name(name):
    with pytest.raises(CaptureError) as error:
        capture(REFUSED[name])(X)
    assert str(error.value).startswith(f"the step uses {name}, which ")


def test_names_that_are_written_out_need_no_search_of_whole_modules(monkeypatch):
    """A `getattr` with a constant counts as an attribute: other names in the module are ignored."""
    module = types.ModuleType("module")
    module.scale, module.iterator = 2.0, iter([1])  # the iterator would be refused

    def step(x):
        scale = getattr(module, "scale", 1.0) if hasattr(module, "scale") else 1.0
        return x * scale * getattr(Tensor(getattr(x, "T")), "size", 1)  # noqa: B009

    is_seen(step, lambda: setattr(module, "scale", 3.0))
    with pytest.raises(CaptureError, match=r"the step can reach module\.iterator"):
        capture(lambda x: x * getattr(module, part + "le"))(X)
    with pytest.raises(CaptureError, match=r"the step can reach module\.iterator"):
        capture(lambda x: x * sum(map(getattr, [module], ["scale"])))(X)


# Values of rare kinds -------------------------------------------------------------------------


class Named(Tensor):
    """A tensor with an additional attribute."""

    factor = 2.0


def test_values_of_rare_kinds():
    tensor = Named(X)
    tensor.number = 2.0
    missing, options, dense = object(), frozenset(["a", ("b", 2.0)]), type("Dense", (), {})()
    type(dense).__module__ = "nowhere"
    dense.number = 2.0
    is_seen(lambda x: x * tensor * tensor.number, lambda: setattr(tensor, "number", 3.0))
    is_seen(lambda x: x * tensor * tensor.factor, lambda: setattr(Named, "factor", 3.0))
    is_seen(lambda x: x * dense.number, lambda: setattr(dense, "number", 3.0))
    is_seen(
        lambda x: x * getattr(dense, "other", missing) if hasattr(dense, "other") else x,
        lambda: setattr(dense, "other", 3.0),
    )
    is_seen(
        lambda x: x * len(options) * dense.number,
        lambda: setattr(dense, "number", 5.0),
    )
    is_seen(lambda x: x[np.int64(1) :] * dense.number, lambda: setattr(dense, "number", 6.0))


def test_a_function_of_a_library_whose_cell_is_empty():
    def of_a_library(x):
        return x * 2 if True else never

    if X is None:
        never = 1
    function = types.FunctionType(of_a_library.__code__, vars(math), "f", None, (types.CellType(),))
    captured = capture(lambda x: function(x) + 1)
    for _ in range(3):
        np.testing.assert_array_equal(captured(X), X * 2 + 1)
    assert captured.recordings == 2


def test_what_a_decorator_of_this_project_holds():
    network = nn.MLP([2, 2], seed=0)
    helper = tg.no_grad()(network)
    network.scale = 2.0

    def step(x):
        return helper(Tensor(x)) * network.scale

    def change():
        network.parameters()[0].data = np.ones((2, 2))

    is_seen(lambda x: helper(Tensor(x)), change)
    is_seen(step, lambda: setattr(network, "scale", 3.0))


Point = collections.namedtuple("Point", "scale entries")


@dataclasses.dataclass
class Settings:
    scale: float = 2.0
    entries: list = dataclasses.field(default_factory=lambda: [2.0])


def test_classes_that_libraries_write():
    box = types.SimpleNamespace(point=Point(2.0, [2.0]), settings=Settings())
    is_seen(lambda x: x * box.point.scale, lambda: setattr(box, "point", Point(3.0, [2.0])))
    is_seen(
        lambda x: x * box.point.entries[0],
        lambda: box.point.entries.append(0) or box.point.entries.reverse(),
    )
    is_seen(lambda x: x * box.settings.scale, lambda: setattr(box.settings, "scale", 3.0))
    is_seen(lambda x: x * box.settings.entries[0], lambda: box.settings.entries.insert(0, 3.0))
    is_seen(lambda x: x * Settings().scale, lambda: setattr(Settings, "__init__", twice))


def twice(self):
    self.scale = 4.0


def test_code_that_is_made_at_run_time():
    space = {}
    exec("k = 2.0\ndef f(x):\n    return x * k", space)
    is_seen(lambda x: space["f"](x) + 1, lambda: space.update(k=3.0))

"""Names that are put together while a step runs: what they reach is refused by name, or all that
they could reach is watched.
"""

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

from tinygrad_edu import CaptureError, Tensor, capture

from .test_capturing_kinds import is_seen

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
    "open()": lambda x: x * len(open(__file__).read()),  # noqa: SIM115
    "time.time()": lambda x: x * time.time(),
    "time.perf_counter()": (lambda clock: lambda x: x * clock())(time.perf_counter),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_watched_is_refused_by_name(name):
    with pytest.raises(CaptureError) as error:
        capture(REFUSED[name])(X)
    assert str(error.value).startswith(f"the step uses {name}, which ")


def test_names_that_are_written_out_need_no_search_of_whole_modules(monkeypatch):
    """A `getattr` with a constant is like an attribute: other names of the module do not matter."""
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

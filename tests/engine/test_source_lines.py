"""Tests that an operation records the line of the user's code, however it was called; that other
threads, exceptions and nesting do not change it; and that it keeps nothing alive.
"""

import contextvars
import inspect
import linecache
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, Linear, Module
from tinygrad_edu import Tensor, checkpoint, made_at, record_source_lines, source_lines, watching
from tinygrad_edu.autodiff import graph_order

from ..cycles import no_cycles

FILE = "test_source_lines.py"


def leaf(*values):
    return Tensor(np.array(values), requires_grad=True)


def here():
    """Return the number of the line that calls this."""
    return inspect.currentframe().f_back.f_lineno


class Twice(Module):
    """A module of the user, whose lines are recorded."""

    def __init__(self):
        self.linear = Linear(2, 2, generator=np.random.default_rng(0))

    def forward(self, x):
        return self.linear(x) * 2.0


def test_operators_methods_and_functions():
    x = leaf(1.0, 2.0)
    with record_source_lines():
        first = here() + 1
        found = [
            x * x,
            2.0 - x,
            x.sum(),
            tg.exp(x),
            np.exp(x),
            np.add.reduce(x),
            np.concatenate([x, x]),
            x[0],
            np.array([1.0, 1.0]) * x,
            sum(x),
            x.T,
        ]
    for number, tensor in enumerate(found, first + 1):
        line = made_at(tensor)
        assert (line.file, line.line) == (FILE, number), tensor
        assert line.function == "test_operators_methods_and_functions"
        assert line.code == linecache.getline(__file__, number).strip()
    assert str(made_at(found[0])) == f"{FILE}:{first + 1}: x * x,"


def test_composed_operations_and_layers_lead_to_the_call():
    net, x = MLP([2, 3, 1], generator=np.random.default_rng(0)), np.ones((4, 2))
    with record_source_lines():
        line = here() + 1
        loss = tg.mse_loss(net(x), np.zeros((4, 1))) + tg.var(net.parameters()[0])
    order = graph_order(loss)
    assert len(order) > 6
    assert {made_at(tensor).line for tensor in order} == {line}


def test_lines_of_a_module_of_the_user():
    with record_source_lines():
        out = Twice()(np.ones((1, 2), np.float32))
    line = made_at(out)
    assert line.code == "return self.linear(x) * 2.0"
    assert line.function == "Twice.forward"
    assert made_at(out.node.inputs[0]).code == line.code


def test_second_order_leads_to_the_call_of_grad():
    x = leaf(2.0)
    with record_source_lines():
        y = (x * x * x).sum()
        line = here() + 1
        (slope,) = tg.grad(y, [x], create_graph=True)
    assert made_at(slope).line == line


def test_tensors_without_a_line():
    x = leaf(1.0)
    with record_source_lines():
        inside = x * 2
        constant = Tensor([1.0]) * 2
        with tg.no_grad():
            silent = x * 2
    outside = x * 2
    assert made_at(inside)
    for tensor in (x, constant, silent, outside, inside.detach()):
        assert made_at(tensor) is None
    with pytest.raises(TypeError, match="needs a Tensor, got a ndarray"):
        made_at(np.ones(2))


def test_nesting_and_exceptions():
    x = leaf(1.0)
    assert watching.watcher() is None
    with record_source_lines():
        same = record_source_lines()
        with same, same:
            assert made_at(x * 2)
        with pytest.raises(ZeroDivisionError), record_source_lines():
            1 / 0  # noqa: B018
        assert made_at(x * 2)
    assert made_at(x * 2) is None
    with pytest.raises(ZeroDivisionError), record_source_lines():
        1 / 0  # noqa: B018
    assert watching.watcher() is None, "without recording of lines it costs one check"
    assert made_at(x * 2) is None


@pytest.mark.needs("threads")
def test_threads_are_independent():
    x, found = leaf(1.0), {}
    inside, done = threading.Event(), threading.Event()

    def recording():
        with record_source_lines():
            found["recording"] = x * 2
            inside.set()
            done.wait(10)
            found["later"] = x * 3

    def bystander():
        inside.wait(10)
        found["bystander"] = x * 4
        with record_source_lines():
            found["also"] = x * 5
        done.set()

    def started(name):
        found[name] = x * 6

    threads = [threading.Thread(target=run) for run in (recording, bystander)]
    with record_source_lines():
        contextvars.copy_context().run(started, "inside")
        context = contextvars.copy_context()
    with record_source_lines():
        context.run(started, "outlived")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert made_at(found["recording"]).function.endswith("recording")
    assert made_at(found["later"]).code == 'found["later"] = x * 3'
    assert made_at(found["also"]).code == 'found["also"] = x * 5'
    assert made_at(found["bystander"]) is None
    assert made_at(found["inside"]).code == "found[name] = x * 6"
    assert made_at(found["outlived"]) is None  # its block had ended, although another was open
    assert watching.watcher() is None


@pytest.mark.needs("threads")
def test_many_threads_at_once_end_it_only_with_the_last():
    x, wrong = leaf(1.0), []

    def run():
        for _ in range(200):
            with record_source_lines():
                if made_at(x * 2) is None:
                    wrong.append(threading.current_thread())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert watching.watcher() is None


def test_a_dropped_graph_is_released():
    class Witness:
        """An object that a frame would keep alive."""

    def build():
        witness, x = Witness(), leaf(1.0)
        with record_source_lines():
            y = (x * 2).sum()
        return weakref.ref(witness), weakref.ref(x), weakref.ref(y.node.inputs[0]), y

    with no_cycles():
        *gone, y = build()
        assert gone[0]() is None, "lines keep no variable of the user's"
        assert made_at(y).function.endswith("build")
        del y
        assert [reference() for reference in gone] == [None] * 3


def compiled(text, name, **changes):
    """Compile and run a line of code under a file name, on a leaf called x."""
    scope = {"x": leaf(1.0)}
    exec(compile(text, name, "exec").replace(**changes), scope)
    return scope["y"]


def test_source_of_cells_and_code_without_source():
    cell = "/somebody/private/ipykernel_7/123.py"
    text = "\n  # a cell\ny = x * 2  # twice\n"
    linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
    try:
        with record_source_lines():
            found = [
                made_at(compiled(text, cell)),
                made_at(compiled("y = x * 2", "<string>")),
                made_at(compiled("y = x * 2", "C:\\somebody\\train.py")),
                made_at(compiled("y = x * 2", "bare.py", co_linetable=b"", co_firstlineno=7)),
            ]
    finally:
        del linecache.cache[cell]
    assert [str(line) for line in found] == [
        "123.py:3: y = x * 2  # twice",
        "<string>:1",
        "train.py:1",
        "bare.py:7",
    ]
    assert {line.function for line in found} == {"<module>"}


@pytest.mark.needs("processes")
def test_program_on_the_command_line():
    script = """
from tinygrad_edu import Tensor, made_at, record_source_lines
x = Tensor(1.0, requires_grad=True)
with record_source_lines():
    y = x * x
print(made_at(y))
"""
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert answer in ("<string>:5", "<string>:5: y = x * x")  # newer versions keep the text


def test_name_that_no_file_can_have():
    x = leaf(1.0)
    with record_source_lines():
        y = x * 2
    # Such code is not run here, because coverage and pytest cannot handle it.
    code = compile("\n\n3", "x", "exec").replace(co_filename="nul\0.py")
    y.node.caller = code, max(start for start, _, line in code.co_lines() if line == 3)
    assert str(made_at(y)) == "nul\0.py:3"


def test_no_line_without_user_code(monkeypatch):
    x = leaf(1.0)
    monkeypatch.setattr(source_lines, "_passes_on", lambda file: True)
    with record_source_lines():
        y = x * 2
    assert made_at(y) is None


def test_start_of_a_program_is_not_user_code():
    # `python -m nn` has no line of user code: only these packages and Python's startup code.
    assert source_lines._passes_on("<frozen runpy>")
    assert source_lines._passes_on(inspect.getfile(MLP))
    assert source_lines._passes_on(source_lines.__file__)
    assert not source_lines._passes_on(__file__)
    assert not source_lines._passes_on("/somewhere/else/nn/layers.py")
    assert not source_lines._passes_on("<string>")


def test_captured_steps_are_not_disturbed():
    def step(x):
        y = (weight * x).sum()
        y.backward()
        weight.data = weight.data - 0.5 * weight.grad
        weight.grad = None
        return y

    results = []
    for recorded in (False, True):
        weight = leaf(1.0, 2.0)
        captured = tg.capture(step)
        values = []
        for number in range(4):
            if recorded:
                with record_source_lines():
                    values.append(captured(np.full(2, 1.0 + number)).item())
            else:
                values.append(captured(np.full(2, 1.0 + number)).item())
        results.append(values)
    assert results[0] == results[1]


def test_the_result_of_a_checkpoint_has_the_line_of_its_call():
    x = Tensor(0.5, requires_grad=True)
    with record_source_lines():
        y = checkpoint(np.sin, x)
    assert made_at(y).code == "y = checkpoint(np.sin, x)"

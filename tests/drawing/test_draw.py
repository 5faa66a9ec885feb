"""Drawing graphs: what a snapshot holds, what the DOT text says, and that nothing is changed."""

import dataclasses
import graphlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, Linear, Module, ReLU, Sequential, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import Drawing, DrawOptions, draw
from tinygrad_edu.scope import ModuleCall


def parameter(values, name=None):
    return Tensor(values, requires_grad=True, name=name)


def by_name(drawing):
    return {tensor.name: tensor for tensor in drawing.graph.tensors}


def edges_in(dot, kind):
    """The edges of a class, as pairs of ids."""
    lines = [line.split() for line in dot.splitlines() if f'class="{kind}"' in line]
    return [(words[0], words[2]) for words in lines]


def reference_network():
    """A small network after one backward pass, as a lesson would have it."""
    generator = np.random.default_rng(0)
    net = MLP([2, 3, 2], seed=0)
    x = Tensor(generator.normal(size=(4, 2)), dtype="float32", name="x")
    loss = softmax_cross_entropy(net(x), np.array([0, 1, 1, 0]))
    loss.backward()
    return net, loss


# What is in a snapshot -------------------------------------------------------------------------


def test_roles_ids_and_names():
    x, w = Tensor([1.0, 2.0], name="x"), parameter([3.0, 4.0])
    loss = (x * w + 1).sum()
    graph = draw(loss, names={"w": w}).graph
    found = [(tensor.id, tensor.role, tensor.name) for tensor in graph.tensors]
    assert found == [
        ("t0", "input", "x"),
        ("t1", "parameter", "w"),
        ("t2", "computed", "t2"),
        ("t3", "constant", "1"),
        ("t4", "computed", "t4"),
        ("t5", "loss", "t5"),
    ]
    assert [(op.id, op.name, op.symbol) for op in graph.operations] == [
        ("o0", "multiply", "×"),
        ("o1", "add", "+"),
        ("o2", "sum", "Σ"),
    ]


def test_each_occurrence_of_an_operand_is_an_edge():
    a = parameter(3.0, "a")
    c = a * a
    c.backward()
    drawing = draw(c)
    assert edges_in(drawing.dot, "fwd") == [("t0", "o0"), ("t0", "o0"), ("o0", "t1")]
    assert edges_in(drawing.dot, "bwd") == [("o0", "t0"), ("o0", "t0"), ("t1", "o0")]
    assert by_name(drawing)["a"].tag == "parameter, used 2×"


def test_operands_are_distinguished_where_their_order_counts():
    a, b = parameter(5.0), parameter(3.0)
    for output in (a - b, a / b, a**b):
        assert [edge.operand for edge in draw(output).graph.edges] == ["1", "2"]
    for output in (a + b, a * b, -a):
        assert {edge.operand for edge in draw(output).graph.edges} == {""}
    x, w = parameter(np.ones((4, 2))), parameter(np.ones((2, 3)))
    assert 'headlabel="2"' in draw(x @ w).dot
    assert "headlabel" not in draw(a + b).dot
    joined = draw(tg.concatenate([parameter([1.0]), parameter([2.0])]))
    assert [edge.operand for edge in joined.graph.edges] == ["1", "2"]
    chosen = draw(tg.where(np.array(True), a, b))
    assert [edge.operand for edge in chosen.graph.edges] == ["if", "1", "2"]
    assert [edge.has_gradient for edge in chosen.graph.edges] == [False, True, True]
    assert by_name(chosen)["condition"].role == "input"


def test_metadata_is_written_where_it_is_not_as_always():
    x = parameter(np.ones((4, 3)))
    assert draw(x.sum(axis=1)).graph.operations[0].params == (("axis", "1"),)
    assert draw(x.sum()).graph.operations[0].params == ()
    kept = draw(x.sum(axis=(0, 1), keepdims=True)).graph.operations[0].params
    assert kept == (("axis", "(0, 1)"), ("keepdims", "True"))
    assert draw(x[1:3, 0]).graph.operations[0].params == (("index", "(1:3, 0)"),)
    assert draw(x[np.array([0, 1])]).graph.operations[0].params == (("index", "array (2,)"),)
    assert draw(x[..., None]).graph.operations[0].params == (("index", "(..., None)"),)
    assert draw(x.astype("float32")).graph.operations[0].params == (("dtype", "float32"),)


@pytest.mark.parametrize(
    ("make", "axes"),
    [
        (lambda x, b: x + b, [(), (0,)]),
        (lambda x, b: b.reshape(1, 3) * x, [(0,), ()]),
        (lambda x, b: tg.linear(x, parameter(np.ones((3, 3))), b), [(), (), (0,)]),
        (lambda x, b: x @ b, [(), ()]),
        (lambda x, b: x.reshape(2, 2, 3) @ b, [(), (0,)]),
        (lambda x, b: x.reshape(2, 2, 3) @ parameter(np.ones((3, 1))), [(), (0,)]),
        (lambda x, b: x * 2, [(), ()]),
        (lambda x, b: x + parameter(1.0), [(), (0, 1)]),
    ],
)
def test_axes_where_broadcasting_is_undone(make, axes):
    x, b = parameter(np.ones((4, 3))), parameter(np.ones(3))
    edges = draw(make(x, b)).graph.edges
    last = edges[-1].target
    assert [edge.summed_axes for edge in edges if edge.target == last] == axes


def test_summed_axes_are_written_on_the_gradient():
    x, b = parameter(np.ones((4, 3))), parameter(np.ones(3))
    (x + b).sum().backward()
    assert "Σ axis 0" in draw((x + b).sum(), options=DrawOptions(backward=True)).dot
    assert "Σ axis" not in draw((x + b).sum(), options=DrawOptions(backward=False)).dot


def test_several_outputs_and_a_leaf():
    x = parameter([1.0, 2.0], "x")
    graph = draw(x * 2, x + 1, x * 2).graph
    assert [tensor.role for tensor in graph.tensors].count("output") == 3
    lone = draw(Tensor(1.0, name="x"))
    assert [(tensor.name, tensor.role) for tensor in lone.graph.tensors] == [("x", "input")]
    assert lone.dot.count("->") == 0


def test_names_come_by_identity_and_the_first_counts():
    x = parameter(1.0)
    twin = parameter(1.0)
    y = x * twin
    drawing = draw(y, names={"_": x, "x": x, "again": x, "number": 1.0, "": y})
    assert [tensor.name for tensor in drawing.graph.tensors] == ["x", "t1", "t2"]


# Modules ---------------------------------------------------------------------------------------


def test_modules_are_boxes_within_boxes():
    net, loss = reference_network()
    drawing = draw(loss, names={"net": net, "loss": loss})
    calls = {call.id: call for call in drawing.graph.calls}
    assert [(call.path, call.parent) for call in calls.values()] == [
        ("", None),
        ("linear1", "m0"),
        ("relu1", "m0"),
        ("linear2", "m0"),
    ]
    assert calls["m0"].title.startswith("net  MLP(2 -> 3 -> 2")
    assert calls["m1"].title == "linear1  Linear(2 -> 3)"
    tensors = by_name(drawing)
    assert {name for name, tensor in tensors.items() if tensor.role == "parameter"} == {
        name for name, _ in net.named_parameters()
    }
    assert tensors["linear1.weight"].call == "m1"
    assert tensors["x"].call is None
    assert tensors["labels"].role == "input"
    assert drawing.dot.count("subgraph cluster_") == 4


def test_a_module_called_twice_has_two_boxes_and_its_parameters_once():
    class Twice(Module):
        def __init__(self):
            self.inner = Linear(2, 2, generator=np.random.default_rng(0))

        def forward(self, x):
            return self.inner(self.inner(x))

    drawing = draw(Twice()(np.ones((3, 2), np.float32)).sum())
    assert [call.title for call in drawing.graph.calls] == [
        "Twice()",
        "inner  Linear(2 -> 2)",
        "inner (call 2)  Linear(2 -> 2)",
    ]
    weights = [t for t in drawing.graph.tensors if t.name == "inner.weight"]
    assert [(tensor.call, tensor.uses) for tensor in weights] == [("m1", 2)]
    followers = {}
    for source, target in edges_in(drawing.dot, "fwd"):
        followers.setdefault(target, set()).add(source)
    graphlib.TopologicalSorter(followers).prepare()  # raises CycleError for a cycle


def test_unnamed_modules_are_distinguished():
    first, second = Linear(2, 2), Linear(2, 1)
    loss = second(tg.tanh(first(np.ones((1, 2), np.float32)))).sum()
    names = {t.name for t in draw(loss).graph.tensors if t.role == "parameter"}
    assert {"Linear1.weight", "Linear2.weight"} < names
    named = draw(loss, names={"first": first, "second": second})
    assert "second.bias" in by_name(named)
    assert named.graph.calls[0].title == "first  Linear(2 -> 2)"


def test_modules_in_lists_and_deep_below():
    class Net(Module):
        def __init__(self):
            self.blocks = [Sequential(Linear(2, 2), ReLU())]

        def forward(self, x):
            return self.blocks[0][0](x)  # the block itself is never called

    drawing = draw(Net()(np.ones((1, 2), np.float32)))
    assert [call.path for call in drawing.graph.calls] == ["", "blocks.0.0"]
    assert "blocks.0.0.weight" in by_name(drawing)


def test_an_input_that_requires_gradients_is_not_part_of_a_module():
    x = parameter(np.ones((1, 2)), "x")
    drawing = draw(Linear(2, 1, dtype=float)(x))
    assert by_name(drawing)["x"].call is None


def test_any_object_can_be_a_module():
    class Layer:
        pass

    y = parameter(1.0, "w") * 2
    y.node.module_call = ModuleCall(Layer(), None)
    drawing = draw(y)
    assert drawing.graph.calls[0].title == "Layer()"
    assert by_name(drawing)["w"].call == "m0"


# Snapshots do not change, and drawing changes nothing ---------------------------------------


def test_a_snapshot_stays_as_it_is():
    net, loss = reference_network()
    drawing = draw(loss)
    before = drawing.dot, drawing.table(), drawing.to_json()
    SGD(net.parameters(), 0.5).step()
    loss_again = softmax_cross_entropy(net(np.ones((1, 2), np.float32)), [1])
    loss_again.backward()
    assert (drawing.dot, drawing.table(), drawing.to_json()) == before
    # The test of this test: a picture taken now does differ.
    assert draw(loss).dot != before[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        drawing.graph.title = "other"
    with pytest.raises(dataclasses.FrozenInstanceError):
        drawing.graph.tensors[0].grad = "0"


def legacy_state():
    """The state of NumPy's global generator, as bytes."""
    return np.random.get_state()[1].tobytes()  # noqa: NPY002


def test_drawing_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net, loss = reference_network()
    values = [(p.numpy(), p.grad.copy()) for p in net.parameters()]
    generator_state = legacy_state()
    before = (loss * 1).node.sequence
    drawing = draw(loss, names=locals())
    assert drawing.table()
    assert drawing.dot
    assert drawing.to_json()
    assert (loss * 1).node.sequence == before + 1
    assert os.listdir(tmp_path) == []
    assert legacy_state() == generator_state
    for p, (data, grad) in zip(net.parameters(), values, strict=True):
        assert np.array_equal(p.data, data)
        assert np.array_equal(p.grad, grad)


def test_a_snapshot_keeps_no_tensor_alive():
    import gc
    import weakref

    x = parameter(1.0)
    y = x * 2
    remembered = weakref.ref(y)
    drawing = draw(y)
    gc.disable()
    try:
        del y
        assert remembered() is None
    finally:
        gc.enable()
    assert drawing.graph.tensors


SCRIPT = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from test_draw import reference_network
from tinygrad_edu.drawing import DrawOptions, draw
net, loss = reference_network()
drawing = draw(loss, names=dict(net=net, loss=loss))
print(hashlib.sha256((drawing.dot + drawing.table() + drawing.to_json()).encode()).hexdigest())
"""


@pytest.mark.needs("processes")
def test_two_processes_write_the_same_bytes():
    script = SCRIPT.format(tests=os.path.dirname(__file__))
    digests = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, check=True
        )
        digests.add(found.stdout)
    assert len(digests) == 1


def test_the_text_holds_no_addresses():
    import re

    net, loss = reference_network()
    dot = draw(loss, names={"net": net}).dot
    assert "0x" not in dot
    assert not re.search(r"\d{10}", dot)


@pytest.mark.needs("processes")
def test_importing_is_light():
    script = (
        "import sys, numpy, tinygrad_edu; before = set(sys.modules); import tinygrad_edu.drawing; "
        "print(sorted(name for name in set(sys.modules) - before if 'tinygrad_edu' not in name))"
        "; print(sorted({'graphviz', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert found.stdout.split() == [b"[]", b"[]"]


# Size ------------------------------------------------------------------------------------------


def test_a_chain_of_5000_operations_needs_no_recursion():
    x = parameter(1.0)
    y = x
    for _ in range(5000):
        y = -y
    graph = draw(y, max_nodes=20_000).graph
    assert len(graph.operations) == 5000
    assert len(draw(y, max_nodes=20_000).dot.splitlines()) > 20_000


def test_a_diamond_is_not_walked_path_by_path():
    x = parameter(1.0, "x")
    for _ in range(60):
        x = x + x
    assert len(draw(x).graph.edges) == 120


def test_too_many_nodes_are_refused():
    x = parameter(1.0)
    for _ in range(200):
        x = -x
    with pytest.raises(ValueError, match=r"401 nodes.*max_nodes=250.*max_nodes=401"):
        draw(x)
    assert isinstance(draw(x, max_nodes=401), Drawing)


# Arguments -------------------------------------------------------------------------------------


def test_wrong_arguments_are_errors():
    with pytest.raises(TypeError, match="needs a tensor"):
        draw()
    with pytest.raises(TypeError, match=r"got a ndarray; pass what .* such as draw\(loss\)"):
        draw(np.ones(3))
    with pytest.raises(TypeError, match=r"got a str; name .*title=.*save\('graph.svg'\)"):
        draw(Tensor(1.0), "graph.svg")
    with pytest.raises(TypeError, match=r"got a MLP; draw what it computes"):
        draw(reference_network()[0])
    with pytest.raises(TypeError, match=r"got a list; pass several tensors one by one"):
        draw([Tensor(1.0)])
    with pytest.raises(ValueError, match="'LR', 'TB'"):
        draw(Tensor(1.0), direction="up")
    with pytest.raises(ValueError, match="above 0"):
        draw(Tensor(1.0), options=DrawOptions(timeout=0))
    with pytest.raises(TypeError, match="timeout must be a number, got 'long'"):
        draw(Tensor(1.0), options=DrawOptions(timeout="long"))
    with pytest.raises(TypeError, match="max_nodes must be a number, got 'all'"):
        draw(Tensor(1.0), max_nodes="all")


def test_legend_title_and_direction():
    _, loss = reference_network()
    drawing = draw(loss, title="a <lesson>")
    for word in ("a &lt;lesson&gt;", "parameter", "operation", "module", "value", "gradient"):
        assert word in drawing.dot
    bare = draw(loss, options=DrawOptions(legend=False))
    assert "operation<" not in bare.dot
    assert "Computation graph" not in bare.dot
    assert "rankdir=TB" in draw(loss, direction="TB").dot
    assert "gradient<" not in draw(loss, options=DrawOptions(backward=False)).dot


def test_gradients_are_drawn_where_there_are_any_or_as_asked():
    x = parameter(2.0)
    y = x * x
    assert not edges_in(draw(y).dot, "bwd")
    assert edges_in(draw(y, options=DrawOptions(backward=True)).dot, "bwd")
    y.backward()
    assert edges_in(draw(y).dot, "bwd")
    assert not edges_in(draw(y, options=DrawOptions(backward=False)).dot, "bwd")


def test_table_and_json():
    _, loss = reference_network()
    drawing = draw(loss, names={"loss": loss}, title="lesson")
    lines = drawing.table().splitlines()
    assert lines[0] == "lesson: 4 operations, 10 tensors (4 parameters)"
    assert lines[2].split() == ["name", "role", "shape", "value", "grad"]
    assert len(lines) == 4 + len(drawing.graph.tensors)
    assert any(line.startswith("linear2.bias") and "parameter" in line for line in lines)
    loaded = json.loads(drawing.to_json())
    assert loaded["tensors"][0]["name"] == drawing.graph.tensors[0].name
    assert [op["name"] for op in loaded["operations"]][-1] == "softmax_cross_entropy"
    assert repr(drawing) == "Drawing(4 operations, 10 tensors (4 parameters))"

"""Tests the picture by layers: which modules are boxes or frames, and what passes between them.

Norms and counts are computed with NumPy from the tensors. One function has the checks that hold for
every such picture.
"""

import graphlib

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, Linear, Module, ReLU, Sequential, softmax_cross_entropy
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw


def linear(inputs, outputs):
    return Linear(inputs, outputs, generator=np.random.default_rng(0), dtype=float)


def some_input(size=2, rows=3):
    return Tensor(np.random.default_rng(1).normal(size=(rows, size)), name="x")


def layers(*outputs, names=None, **options):
    """Draw by layers, and check what holds for every such picture."""
    drawing = draw(
        *outputs, view="layers", names=names, options=DrawOptions(engine="builtin", **options)
    )
    picture = drawing.picture
    cards = {card.id: card for card in picture.cards}
    assert len(cards) == len(picture.cards)
    frames = {frame.id: frame for frame in picture.frames}
    before = {}
    for wire in picture.wires:
        assert {wire.source, wire.target} <= set(cards)
        before.setdefault(wire.target, set()).add(wire.source)
    graphlib.TopologicalSorter(before).prepare()  # raises CycleError for a cycle
    ids = [wire.id for wire in picture.wires] + [w.back_id for w in picture.wires if w.back_id]
    assert len(set(ids)) == len(ids)
    assert not set(frames) & set(cards)  # never a box and a frame
    around = {card.frame for card in picture.cards} | {frame.parent for frame in picture.frames}
    assert around - {None} <= set(frames)
    filled = set()
    for card in picture.cards:
        frame = card.frame
        while frame is not None:
            filled.add(frame)
            frame = frames[frame].parent
    assert filled == set(frames)
    assert set(picture.alt_texts) >= set(cards) | set(frames) | set(ids)
    linked = {wire.source for wire in picture.wires} | {wire.target for wire in picture.wires}
    assert len(cards) == 1 or linked == set(cards)
    assert drawing.svg().count('class="node ') == len(cards)
    assert drawing.dot.count("subgraph cluster_") == len(frames)
    if boxes(drawing):
        assert drawing.table().count("\n") == len(cards) + 3
    return drawing


def boxes(drawing):
    return [card.name for card in drawing.picture.cards if card.role == "module"]


def frames(drawing):
    return [frame.path for frame in drawing.picture.frames]


def row(drawing, name, label):
    (card,) = [card for card in drawing.picture.cards if card.name == name]
    return {row.label: row.text for row in card.rows}.get(label)


def links(drawing):
    """The wires by the names at their ends, with what is written on them."""
    names = {card.id: card.name for card in drawing.picture.cards}
    return [(names[w.source], names[w.target], w.label) for w in drawing.picture.wires]


def norm(tensors):
    return f"{np.sqrt(sum((tensor.grad**2).sum() for tensor in tensors)):.4g}"


def test_a_plain_network():
    net = MLP([2, 3, 2], seed=0, dtype="float64")
    x = some_input(rows=4)
    loss = softmax_cross_entropy(net(x), np.array([0, 1, 1, 0]))
    loss.backward()
    drawing = layers(loss, names={"net": net, "loss": loss})
    assert boxes(drawing) == ["linear1", "relu1", "linear2"]
    others = [(card.name, card.role) for card in drawing.picture.cards if card.role != "module"]
    expected = [("x", "input"), ("labels", "input"), ("softmax_cross_entropy", "operation")]
    assert sorted(others) == sorted([*expected, ("loss", "loss")])
    assert frames(drawing) == [""]
    assert row(drawing, "linear1", "in → out") == "(4, 2) → (4, 3)"
    assert row(drawing, "linear1", "parameters") == "9"
    assert row(drawing, "relu1", "parameters") is None
    for layer, name in zip(net.parameters(), ("linear1", "linear2"), strict=False):
        own = [p for path, p in net.named_parameters() if path.startswith(name)]
        assert row(drawing, name, "‖∂L/∂θ‖") == norm(own)
        assert layer is not None
    assert links(drawing) == [
        ("x", "linear1", ""),
        ("linear1", "relu1", "(4, 3)"),
        ("relu1", "linear2", "(4, 3)"),
        ("linear2", "softmax_cross_entropy", "(4, 2)"),
        ("labels", "softmax_cross_entropy", ""),
        ("softmax_cross_entropy", "loss", ""),
    ]
    assert drawing.picture.counts == "3 modules, 1 operation outside of them (4 parameters)"
    # At depth 1 the network is one box, and it has the norm of all.
    whole = layers(loss, names={"net": net}, depth=1)
    (name,) = boxes(whole)
    assert row(whole, name, "‖∂L/∂θ‖") == norm(net.parameters())
    assert row(whole, name, "parameters") == "17"
    assert frames(whole) == []
    assert layers(loss, depth=9).picture.cards == layers(loss).picture.cards


def test_gradients_between_modules_are_those_of_the_tensors():
    first, second = linear(2, 3), linear(3, 1)
    hidden = first(some_input())
    loss = second(hidden).sum()
    loss.backward()
    drawing = layers(loss)
    texts = {wire.label: wire.back_label for wire in drawing.picture.wires}
    assert texts["(3, 3)"] == f"‖g‖ {np.sqrt((hidden.grad**2).sum()):.4g}"
    assert not any(w.back_id for w in layers(loss, backward=False).picture.wires)
    assert row(layers(loss), "Linear1", "‖∂L/∂θ‖") == norm(first.parameters())


def test_before_backward_and_with_a_gradient_of_zero():
    net = linear(2, 1)
    loss = net(some_input()).sum()
    assert row(layers(loss), "Linear(2 -> 1)", "‖∂L/∂θ‖") == "not computed"
    (loss * 0).backward()
    assert row(layers(loss), "Linear(2 -> 1)", "‖∂L/∂θ‖") == "0 (all zero)"


class Inner(Module):
    def __init__(self):
        self.one, self.two = linear(2, 2), linear(2, 2)

    def forward(self, x):
        return self.two(tg.tanh(self.one(x)))


class Middle(Module):
    def __init__(self):
        self.left, self.right = Inner(), Inner()

    def forward(self, x):
        return self.right(self.left(x))


class Outer(Module):
    def __init__(self):
        self.body, self.head = Middle(), linear(2, 1)

    def forward(self, x):
        return self.head(self.body(x))


LEAVES = [f"body.{side}.{name}" for side in ("left", "right") for name in ("one", "two")]


def test_three_levels_by_depth_by_name_and_by_function():
    loss = Outer()(some_input()).sum()
    loss.backward()
    assert boxes(layers(loss)) == [*LEAVES, "head"]
    assert frames(layers(loss)) == ["", "body", "body.left", "body.right"]
    (whole,) = boxes(layers(loss, depth=1))
    assert whole.startswith("Outer")
    assert boxes(layers(loss, depth=2)) == ["body", "head"]
    assert boxes(layers(loss, depth=3)) == ["body.left", "body.right", "head"]
    opened = layers(loss, depth=3, expand={"body.left"})
    assert boxes(opened) == ["body.left.one", "body.left.two", "body.right", "head"]
    assert frames(opened) == ["", "body", "body.left"]
    by_function = layers(loss, collapse=lambda path: path.endswith("right"))
    assert boxes(by_function) == ["body.left.one", "body.left.two", "body.right", "head"]
    # A leaf that is opened shows its operation and its parameters.
    leaf = layers(loss, expand=["head"])
    assert boxes(leaf) == LEAVES
    assert {"head.weight", "head.bias", "linear"} <= {card.name for card in leaf.picture.cards}
    assert row(layers(loss, depth=3), "body.left", "parameters") == "12"


def test_expand_and_collapse_do_not_contradict_each_other():
    loss = Outer()(some_input()).sum()
    both = layers(loss, expand={"body"}, collapse=lambda path: path == "body")
    assert "body" not in boxes(both)
    everything = layers(loss, collapse=lambda path: True)
    assert len(boxes(everything)) == 1
    assert boxes(layers(loss, collapse=lambda path: False)) == [*LEAVES, "head"]


def test_wrong_choices():
    loss = Outer()(some_input()).sum()
    with pytest.raises(ValueError, match=r"no module 'boby' here; known are Outer, body, body\.l"):
        draw(loss, view="layers", options=DrawOptions(expand={"boby"}))
    with pytest.raises(ValueError, match=r"set of paths, got text; write \{'body'\}"):
        draw(loss, view="layers", options=DrawOptions(expand="body"))
    for depth in (0, -1, 1.0, True, "2"):
        with pytest.raises(ValueError, match="depth must be a positive integer"):
            draw(loss, view="layers", options=DrawOptions(depth=depth))
    with pytest.raises(ValueError, match="no module 'fc'"):
        draw(Tensor(1.0) + 1, view="layers", options=DrawOptions(expand={"fc"}))


def test_a_module_called_twice_is_two_boxes_and_owns_its_parameters_once():
    class Twice(Module):
        def __init__(self):
            self.inner = linear(2, 2)

        def forward(self, x):
            return self.inner(self.inner(x))

    net = Twice()
    loss = net(some_input()).sum()
    loss.backward()
    drawing = layers(loss)
    assert boxes(drawing) == ["inner", "inner"]
    cards = [card for card in drawing.picture.cards if card.role == "module"]
    assert [card.tag for card in cards] == ["", "call 2"]
    assert [any(row.label == "parameters" for row in card.rows) for card in cards] == [True, False]
    assert drawing.picture.counts == "2 modules, 1 operation outside of them (2 parameters)"


def test_a_connection_around_a_block():
    class Block(Module):
        def __init__(self):
            self.layer = linear(2, 2)

        def forward(self, x):
            return x + tg.relu(self.layer(x))

    net = Sequential(Block(), Block())
    loss = net(some_input()).sum()
    loss.backward()
    drawing = layers(loss, depth=2)
    assert boxes(drawing) == ["0", "1"]
    assert links(drawing)[:2] == [("x", "0", ""), ("0", "1", "(3, 2)")]  # one wire, two uses
    opened = layers(loss)
    assert boxes(opened) == ["0.layer", "1.layer"]
    assert ("x", "add", "") in links(opened)
    # What a block hands on is used twice, so no single number is said at the box that uses it.
    assert [w.back_label for w in opened.picture.wires if w.target.startswith("m")] == ["", ""]


def test_the_loss_may_come_out_of_a_module():
    class WithLoss(Module):
        def __init__(self):
            self.layer = linear(2, 2)

        def forward(self, x, labels):
            return softmax_cross_entropy(self.layer(x), labels)

    loss = WithLoss()(some_input(), np.array([0, 1, 1]))
    loss.backward()
    drawing = layers(loss, depth=1, names={"loss": loss})
    (name,) = boxes(drawing)
    # The loss itself is drawn outside its module, so that it is easy to find.
    assert drawing.picture.cards[-1].role == "loss"
    assert (name, "loss", "") in links(drawing)
    assert row(drawing, name, "in → out").endswith("→ ()")
    assert layers(loss).picture.cards[-1].role == "loss"


def test_parameters_that_two_modules_share():
    first, second = linear(2, 2), linear(2, 2)
    second.weight = first.weight
    loss = second(first(some_input())).sum()
    loss.backward()
    drawing = layers(loss)
    assert boxes(drawing) == ["Linear1", "Linear2"]
    assert drawing.picture.counts == "2 modules, 1 operation outside of them (3 parameters)"
    shown = [int(row(drawing, name, "parameters")) for name in boxes(drawing)]
    assert sum(shown) == 4 + 2 + 2  # each number is counted at one of them


def test_operations_between_modules_and_parameters_of_no_module():
    scale = Tensor(np.full(2, 2.0), requires_grad=True, name="scale")
    first, second = linear(2, 2), linear(2, 1)
    loss = (second(tg.tanh(first(some_input()) * scale)) ** 2).mean()
    loss.backward()
    drawing = layers(loss)
    names = [card.name for card in drawing.picture.cards]
    assert names.index("Linear1") < names.index("multiply") < names.index("Linear2")
    assert {"scale", "tanh", "2"} <= set(names)
    ways = {(source, target): label for source, target, label in links(drawing)}
    assert ways["Linear1", "multiply"] == ways["multiply", "tanh"] == "(3, 2)"
    assert ways["scale", "multiply"] == ""


def test_several_outputs():
    layer = linear(2, 2)
    hidden = layer(some_input())
    drawing = layers(hidden, hidden.sum(), tg.tanh(hidden))
    assert [card.role for card in drawing.picture.cards].count("output") == 2
    assert [card.role for card in drawing.picture.cards].count("loss") == 1
    assert boxes(drawing) == ["Linear(2 -> 2)"]
    # One that is inside of a network leaves it as well.
    net = Sequential(linear(2, 2), ReLU(), linear(2, 1))
    inside = net[0](some_input())
    layers(inside, net[2](net[1](inside)).sum())


def test_a_module_that_is_left_and_entered_again_is_opened():
    class Late(Module):
        """Has a function called between two of its parts that knows it not."""

        def __init__(self, between):
            self.one, self.two = linear(2, 2), linear(2, 2)
            self.between = [between]

        def forward(self, x):
            first = self.one(x)
            return self.two(x) + self.between[0](first)

    net = Late(lambda first: first * 2)
    assert len(boxes(layers(net(some_input()).sum(), depth=1))) == 1

    outside = Sequential(linear(2, 2))

    class Borrowing(Module):
        def __init__(self):
            self.one, self.two = linear(2, 2), linear(2, 2)

        def forward(self, x):
            return self.one(x)

    net = Borrowing()
    first = net(some_input())
    stranger = tg.tanh(first)
    last = net.two(stranger)
    # Said to be made in the same call, as a generator of a module would have it.
    last.node.module_call = first.node.module_call
    while last.node.module_call.parent is not None:
        last.node.module_call = last.node.module_call.parent
    loss = last.sum()
    loss.backward()
    drawing = layers(loss, depth=1)
    names = [card.name for card in drawing.picture.cards]
    assert "tanh" in names
    assert outside is not None
    assert not [name for name in boxes(drawing) if name.startswith("Borrowing")]


def test_without_modules_it_is_the_picture_of_operations():
    a, b = (Tensor(2.0, requires_grad=True, name=name) for name in "ab")
    loss = a * b + a
    loss.backward()
    drawing = layers(loss)
    names = [card.name for card in drawing.picture.cards]
    assert names == ["a", "b", "multiply", "add", "t3"]
    assert drawing.picture.counts == "0 modules, 2 operations outside of them (2 parameters)"
    labels = sorted(w.back_label for w in drawing.picture.wires)
    assert labels == ["", "+1", "+1", "+2", "+2"]
    layers(Tensor(1.0, name="alone"))


def test_a_network_that_gets_a_parameter_as_its_input():
    x = Tensor(np.ones((1, 2)), requires_grad=True, name="x")
    loss = linear(2, 1)(x).sum()
    loss.backward()
    drawing = layers(loss)
    first = drawing.picture.cards[0]
    assert (first.name, first.role) == ("x", "parameter")
    (wire,) = [wire for wire in drawing.picture.wires if wire.target.startswith("m")]
    assert wire.back_id


def test_nothing_of_a_layer_is_said_where_no_gradient_goes():
    net, x = linear(2, 2), some_input()
    loss = net(x).sum()
    loss.backward()
    drawing = layers(loss, names={"x": x})
    assert [bool(wire.back_id) for wire in drawing.picture.wires] == [False, True, True]
    for parameter in net.parameters():
        parameter.requires_grad = False
    scale = Tensor(1.0, requires_grad=True, name="scale")
    loss = (net(x) * scale).sum()  # without parameters, nothing of the module is recorded
    assert boxes(layers(loss)) == []


def test_auto_opens_as_deep_as_there_is_room():
    loss = Outer()(some_input()).sum()
    for nodes, count in ((100, None), (20, 10), (9, 8), (7, 6), (5, 5)):
        drawing = draw(loss, max_nodes=nodes)
        found = len(drawing.picture.cards)
        assert found <= nodes
        assert count is None or found <= count
    sizes = [len(layers(loss, depth=depth).picture.cards) for depth in (1, 2, 3, 4)]
    for depth, size in enumerate(sizes, 1):
        drawing = draw(loss, max_nodes=size)
        assert len(drawing.picture.cards) == size
        assert boxes(drawing) == boxes(layers(loss, depth=depth))
    with pytest.raises(ValueError, match=rf"nodes, and {sizes[0]} by layers, more than max_node"):
        draw(loss, max_nodes=sizes[0] - 1)
    with pytest.raises(ValueError, match=rf"{sizes[2]} by layers"):
        draw(loss, max_nodes=sizes[1], options=DrawOptions(depth=3))


def test_released_gradients_between_modules_are_not_written():
    first, second = linear(2, 3), linear(3, 1)
    loss = second(first(some_input())).sum()
    loss.backward(keep_interior=False)
    drawing = layers(loss)
    assert {wire.back_label for wire in drawing.picture.wires} == {""}
    assert any(wire.back_id for wire in drawing.picture.wires)
    assert row(drawing, "Linear1", "‖∂L/∂θ‖") == norm(first.parameters())


def test_a_number_between_modules():
    first, second = linear(2, 1), linear(1, 1)
    middle = first(some_input(rows=1)).sum()
    loss = second(middle.reshape(1, 1)).sum()
    loss.backward()
    wires = {wire.label: wire.back_label for wire in layers(loss).picture.wires}
    assert wires["()"] == f"{float(middle.grad):+.4g}"

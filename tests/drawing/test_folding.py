"""Tests of folding: what repeats is drawn once, what differs is not, and opening shows the parts.

Sizes and norms are computed with NumPy from the parameters; the rest are statements about graphs
that are built to repeat, or to differ in one place.
"""

from itertools import pairwise

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import Linear, Module, Sequential
from tinygrad_edu import Tensor
from tinygrad_edu.drawing import DrawOptions, draw
from tinygrad_edu.scope import ModuleCall

from .test_layers import boxes, frames, layers, links, norm, row

DRAWN = np.random.default_rng


def block(hidden=8, **options):
    options = {"dropout": 0.0, "norm_first": True, "causal": True, **options}
    return nn.TransformerBlock(4, 2, hidden, generator=DRAWN(0), dtype=float, **options)


class GPT(Module):
    def __init__(self, *blocks):
        self.tokens = nn.Embedding(7, 4, generator=DRAWN(0), dtype=float)
        self.blocks = Sequential(*blocks)
        self.head = Linear(4, 7, generator=DRAWN(0), dtype=float)

    def forward(self, tokens):
        return self.head(self.blocks(self.tokens(tokens)))


def loss_of(net, length=5):
    tokens = DRAWN(1).integers(0, 7, (2, length))
    loss = (net(tokens) ** 2).mean()
    loss.backward()
    return loss


def kinds(drawing):
    return [card.kind for card in drawing.picture.cards if card.role == "module"]


def notes(drawing, name):
    (card,) = [card for card in drawing.picture.cards if card.name == name]
    return [row.text for row in card.rows if row.kind == "note"]


def test_blocks_in_a_row_are_one_box():
    net = GPT(*(block() for _ in range(12)))
    drawing = layers(loss_of(net))
    assert kinds(drawing) == ["Embedding", "TransformerBlock × 12", "Linear"]
    name = "blocks.0 … blocks.11"
    assert boxes(drawing) == ["tokens", name, "head"]
    assert notes(drawing, name)[0] == "TransformerBlock × 12, in a row"
    each = net.blocks[0].num_parameters()
    assert row(drawing, name, "parameters") == f"12 × {each:,} = {12 * each:,}"
    assert row(drawing, name, "‖∂L/∂θ‖") == norm(net.blocks.parameters())
    ends = [norm(net.blocks[place].parameters()) for place in (0, -1)]
    assert row(drawing, name, "first … last") == " … ".join(ends)
    assert row(drawing, name, "in → out") == "(2, 5, 4) → (2, 5, 4)"
    assert ("tokens", name, "(2, 5, 4)") in links(drawing)
    assert (name, "head", "(2, 5, 4)") in links(drawing)
    assert drawing.picture.counts.startswith("14 modules, 2 operations outside")
    assert f"GPT(), {net.num_parameters():,} parameters" in drawing.svg()
    for text in (drawing.svg(), drawing.html(), drawing.dot, drawing.table()):
        assert "TransformerBlock × 12" in text
    # What goes back into the last block is on the line that leaves all of them.
    (wire,) = [wire for wire in drawing.picture.wires if wire.label and wire.back_label]
    assert "‖g‖" in wire.back_label


def test_depth_opens_all_blocks_together():
    net = GPT(*(block() for _ in range(5)))
    drawing = layers(loss_of(net), depth=4)
    parts = ["norm1", "self_attn", "norm2", "linear1", "linear2"]
    assert boxes(drawing) == ["tokens", *(f"blocks.*.{part}" for part in parts), "head"]
    assert [frame.title for frame in drawing.picture.frames][2:] == [
        "blocks.0 … blocks.4  TransformerBlock × 5, in a row"
    ]
    own = [blk.linear1 for blk in net.blocks]
    sizes = own[0].num_parameters()
    assert row(drawing, "blocks.*.linear1", "parameters") == f"5 × {sizes} = {5 * sizes}"
    together = norm([p for layer in own for p in layer.parameters()])
    assert row(drawing, "blocks.*.linear1", "‖∂L/∂θ‖") == together
    # Within a repetition there is no single gradient to write on a line.
    inside = [wire for wire in drawing.picture.wires if wire.source.startswith("m")]
    assert [wire.back_label for wire in inside if wire.target in ("o9", "m9")] == []
    assert drawing.picture.counts.startswith("27 modules")


def test_paths_open_single_blocks_and_the_others_stay_folded():
    net = GPT(*(block() for _ in range(8)))
    loss = loss_of(net)
    drawing = layers(loss, expand={"blocks.3"})
    parts = [f"blocks.3.{part}" for part in ("norm1", "self_attn", "norm2", "linear1", "linear2")]
    folded = ["blocks.0 … blocks.2", "blocks.4 … blocks.7"]
    assert boxes(drawing) == ["tokens", folded[0], *parts, folded[1], "head"]
    assert "blocks.3" in frames(drawing)
    # A part deep inside is shown too; then its block is open.
    deep = layers(loss, expand={"blocks.3.linear1"})
    names = [card.name for card in deep.picture.cards]
    assert {*folded, "blocks.3.linear1.weight"} <= set(names)
    # All that are opened fold with each other.
    every = layers(loss, expand={f"blocks.{number}" for number in range(8)})
    assert boxes(every) == boxes(layers(loss, depth=4))


def test_without_folding_every_block_is_drawn():
    loss = loss_of(GPT(*(block() for _ in range(3))))
    assert "blocks.2.linear2" in boxes(layers(loss, fold=False))
    drawing = layers(loss, fold=False, depth=3)
    assert boxes(drawing) == ["tokens", "blocks.0", "blocks.1", "blocks.2", "head"]


def frozen(made):
    made.linear1.weight.requires_grad = False
    return made


def tied(made):
    made.linear2.bias = made.self_attn.out_proj.bias
    return made


@pytest.mark.parametrize(
    "other",
    [
        lambda: block(hidden=9),
        lambda: block(norm_first=False),
        lambda: block(causal=False),
        lambda: block(dropout=0.5),
        lambda: block(activation="gelu"),
        lambda: block(activation=lambda x: tg.relu(x) * 2.0),
        lambda: block(bias=False),
        lambda: frozen(block()),
        lambda: tied(block()),
    ],
)
def test_a_block_that_differs_is_not_folded(other):
    made = [block() for _ in range(7)]
    made[3] = other()
    drawing = layers(loss_of(GPT(*made)))
    assert {"blocks.0 … blocks.2", "blocks.4 … blocks.6"} <= set(boxes(drawing))


def test_a_number_in_a_formula_makes_a_difference():
    def scaled(factor):
        return block(activation=lambda x: tg.relu(x) * factor)

    same = layers(loss_of(GPT(scaled(2.0), scaled(2.0), scaled(2.0))))
    assert "TransformerBlock × 3" in kinds(same)
    other = layers(loss_of(GPT(scaled(2.0), scaled(3.0), scaled(2.0))))
    assert "×" not in "".join(kinds(other))


def test_frozen_parameters_are_counted():
    net = GPT(*(block() for _ in range(3)))
    net.blocks.requires_grad_(False)
    net.head.bias.requires_grad = False
    drawing = layers(loss_of(net))
    name = "blocks.0 … blocks.2"
    assert row(drawing, name, "frozen") == str(net.blocks.num_parameters())
    assert row(drawing, name, "parameters") is None
    assert f"{net.blocks.num_parameters()} frozen" in drawing.table()
    assert (row(drawing, "head", "frozen"), row(drawing, "head", "parameters")) == ("7", "28")


def test_pairs_fold_if_that_saves_much():
    assert "TransformerBlock × 2" in kinds(layers(loss_of(GPT(block(), block()))))
    assert "×" not in "".join(kinds(layers(loss_of(GPT(Linear(4, 4), Linear(4, 4))))))
    three = GPT(*(Linear(4, 4, generator=DRAWN(0)) for _ in range(3)))
    assert "Linear × 3" in kinds(layers(loss_of(three)))


class Cells(Module):
    def __init__(self):
        self.cell = nn.LSTMCell(4, 3, generator=DRAWN(0), dtype=float)

    def forward(self, x):
        state, states = None, []
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
            states.append(state[0])
        return tg.stack(states, 1)


def test_a_cell_that_is_called_at_every_step():
    net = Cells()
    x = Tensor(DRAWN(0).normal(size=(2, 32, 4)), requires_grad=True, name="x")
    loss = (net(x) ** 2).mean()
    loss.backward()
    drawing = layers(loss)
    assert kinds(drawing) == ["LSTMCell × 32"]
    assert row(drawing, "cell", "parameters") == str(net.num_parameters())
    assert row(drawing, "cell", "‖∂L/∂θ‖") == norm(net.parameters())
    (card,) = [card for card in drawing.picture.cards if card.role == "module"]
    assert card.tag == "32 calls"
    assert [frame.title for frame in drawing.picture.frames][1:] == ["× 32, in a row"]
    found = {(source, target): label for source, target, label in links(drawing)}
    assert found["getitem", "cell"] == "(2, 4)"
    assert found["cell", "reshape"] == "32 × (2, 3)"
    assert notes(drawing, "getitem") == ["index=(:, 0) … (:, 31)"]
    opened = layers(loss, expand={"cell"})
    names = [card.name for card in opened.picture.cards]
    assert names.count("sigmoid") == 3
    assert names.count("cell.weight_hh") == 1
    assert drawing.picture.counts.startswith("32 modules")


def recurrence(x, h, U, W, b):
    states = []
    for t in range(x.shape[1]):
        h = tg.tanh(x[:, t] @ U + h @ W + b)
        states.append(h)
    return tg.stack(states, 1)


def test_a_loop_in_natural_code():
    generator = DRAWN(0)
    shapes = {"x": (2, 16, 3), "h": (2, 4), "U": (3, 4), "W": (4, 4), "b": (4,)}
    tensors = {n: Tensor(generator.normal(size=s), True, name=n) for n, s in shapes.items()}
    loss = (recurrence(**tensors) ** 2).sum()
    loss.backward()
    drawing = layers(loss)
    assert [frame.title for frame in drawing.picture.frames] == ["× 16, in a row"]
    names = [card.name for card in drawing.picture.cards]
    assert [names.count(name) for name in ("tanh", "matmul", "getitem", "W")] == [1, 2, 1, 1]
    found = {(source, target): label for source, target, label in links(drawing)}
    assert found["h", "matmul"] == ""  # the first step reads it
    assert found["tanh", "reshape"] == "16 × (2, 4)"
    # Every operation and tensor of the graph has a card, which the page of the stepper lights.
    cards = {card.id for card in drawing.picture.cards}
    assert set(drawing.picture.card_of.values()) <= cards


def test_weights_of_each_step_are_one_card():
    generator = DRAWN(0)
    weights = [Tensor(generator.normal(size=(3, 3)), True, name=f"W{i}.w") for i in range(6)]
    h = Tensor(generator.normal(size=(2, 3)), name="x")
    for weight in weights:
        h = tg.tanh(h @ weight + h)
    loss = h.sum()
    loss.backward()
    drawing = layers(loss)
    (card,) = [card for card in drawing.picture.cards if card.role == "parameter"]
    assert (card.name, card.tag) == ("*.w", "parameter × 6")
    assert row(drawing, "*.w", "grad") == norm(weights)
    assert row(drawing, "*.w", "shape") == "(3, 3)"


def test_names_of_different_depth():
    weights = [Tensor(np.eye(3), True, name=name) for name in ("a.w", "b", "c.w", "d", "e", "f")]
    h = Tensor(np.ones((2, 3)), name="x")
    for weight in weights:
        h = tg.tanh(h @ weight + h)
    (card,) = [c for c in layers(h.sum()).picture.cards if c.role == "parameter"]
    assert card.name == "a.w … f"


def test_metadata_are_shown_without_addresses():
    @tg.primitive(lambda g, out, x, how=None, over=None: g)
    def kept(x, /, how=None, over=None):
        return x * 1.0

    x = Tensor([1.0], True, name="x")
    (operation,) = draw(kept(x, how=object(), over=[1, (2,)])).graph.operations
    assert operation.params == (("how", "object"), ("over", "(1, (2,))"))


def test_any_object_may_be_the_module_of_a_call():
    class Plain:
        def describe(self):
            return ""

    y = Tensor([1.0], True, name="x") * Tensor([2.0])
    y.node.module_call = ModuleCall(Plain(), None, (np.array([1.0]),))
    drawing = layers(y.sum())
    assert kinds(drawing) == ["Plain"]
    assert len(cards_of_inputs(drawing)) == 1  # the constant may be a copy of the array


def test_heads_side_by_side():
    class Heads(Module):
        def __init__(self):
            self.heads = [Linear(4, 2, generator=DRAWN(i), dtype=float) for i in range(3)]

        def forward(self, x):
            return tg.concatenate([head(x) for head in self.heads], 1)

    x = Tensor(DRAWN(0).normal(size=(5, 4)), requires_grad=True, name="x")
    net = Heads()
    loss = net(x).sum()
    loss.backward()
    drawing = layers(loss)
    name = "heads.0 … heads.2"
    assert notes(drawing, name) == ["Linear × 3, side by side", "(4 -> 2)"]
    assert links(drawing)[:2] == [("x", name, ""), (name, "concatenate", "3 × (5, 2)")]


def test_loops_inside_of_blocks_that_repeat():
    class Stage(Module):
        def __init__(self):
            self.layers = [Linear(4, 4, generator=DRAWN(i), dtype=float) for i in range(3)]

        def forward(self, x):
            for layer in self.layers:
                x = tg.tanh(layer(x))
            return x

    net = Sequential(*(Stage() for _ in range(4)))
    loss = net(Tensor(DRAWN(0).normal(size=(5, 4)), name="x")).sum()
    loss.backward()
    assert kinds(layers(loss)) == ["Stage × 4"]
    opened = layers(loss, depth=3)
    assert kinds(opened) == ["Linear × 12"]
    titles = [frame.title for frame in opened.picture.frames]
    assert titles[1:] == ["0 … 3  Stage × 4, in a row", "× 3, in a row"]
    assert row(opened, "*.layers.*", "parameters") == "12 × 20 = 240"
    assert row(opened, "*.layers.*", "‖∂L/∂θ‖") == norm(net.parameters())


def test_a_run_begins_where_least_is_handed_on():
    class Residual(Module):
        def __init__(self):
            self.norms = [nn.LayerNorm(4, dtype=float) for _ in range(4)]
            self.layers = [Linear(4, 4, generator=DRAWN(i), dtype=float) for i in range(4)]

        def forward(self, x):
            x = x + 0.0 * x  # this sum looks like those at the ends of the repetitions
            for norm_, layer in zip(self.norms, self.layers, strict=True):
                x = x + layer(norm_(x))
            return x

    loss = Residual()(Tensor(DRAWN(0).normal(size=(5, 4)), True, name="x")).sum()
    loss.backward()
    drawing = layers(loss)
    assert [frame.title for frame in drawing.picture.frames][1:] == ["× 4, in a row"]
    inside = [card.name for card in drawing.picture.cards if card.frame == "r0"]
    assert inside == ["norms.*", "layers.*", "add"]


def test_folds_that_something_in_between_would_close_to_a_circle_are_undone():
    layer = [Linear(3, 3, generator=DRAWN(i), dtype=float) for i in range(3)]
    x = Tensor(DRAWN(0).normal(size=(2, 3)), requires_grad=True, name="x")
    # Recorded after all three layers, but the third reads it: calls that were made in advance.
    first = layer[0](x)
    between = tg.tanh(first)
    rest = [layer[1](x), layer[2](between)]
    loss = (first + rest[0] + rest[1]).sum()
    newest = max(one.node.sequence for one in rest)
    assert between.node.sequence < newest
    loss.backward()
    layers(loss)


# Inputs -----------------------------------------------------------------------------------------


def cards_of_inputs(drawing):
    return [card.name for card in drawing.picture.cards if card.role == "input"]


def test_images_of_which_a_convolution_reads_windows_are_drawn():
    net = Sequential(nn.Conv2d(1, 2, 3, generator=DRAWN(0)), nn.ReLU(), nn.MaxPool2d(2))
    images = Tensor(DRAWN(0).normal(size=(2, 1, 6, 6)), dtype=np.float32, name="images")
    loss = net(images).sum()
    drawing = layers(loss)
    assert cards_of_inputs(drawing) == ["images"]
    assert links(drawing)[0] == ("images", "0", "")
    assert kinds(drawing) == ["Conv2d", "ReLU", "MaxPool2d"]
    shapes = [row(drawing, name, "in → out") for name in "012"]
    sizes = ["(2, 1, 6, 6)", "(2, 2, 4, 4)", "(2, 2, 4, 4)", "(2, 2, 2, 2)"]
    assert shapes == [f"{a} → {b}" for a, b in pairwise(sizes)]
    # An array has the name of the parameter of `forward`; a user's name counts more.
    array = images.numpy()
    loss = net(array).sum()
    assert cards_of_inputs(layers(loss)) == ["x"]
    assert cards_of_inputs(layers(loss, names={"digits": array})) == ["digits"]
    assert "i0" not in layers(loss).picture.card_of
    assert len(cards_of_inputs(layers(net(array.tolist()).sum()))) == 1


def test_what_a_module_makes_for_itself_is_not_an_input():
    lstm = nn.LSTM(3, 2, generator=DRAWN(0))
    x = Tensor(np.ones((4, 1, 3), np.float32), name="x")
    assert cards_of_inputs(layers(lstm(x)[0].sum())) == ["x"]  # and not the states of zeros
    # An array is one input, and its copy in reverse is made inside.
    both = nn.LSTM(3, 2, bidirectional=True, generator=DRAWN(0))
    drawn = layers(both(DRAWN(0).normal(size=(4, 1, 3)).astype(np.float32))[0].sum())
    assert len(cards_of_inputs(drawn)) == 1
    h = Tensor(np.zeros((1, 1, 2), np.float32), name="h")
    assert cards_of_inputs(layers(lstm(x, (h, h))[0].sum())) == ["x", "h"]
    norm_ = nn.BatchNorm1d(3).eval()
    x = Tensor(np.ones((4, 3), np.float32), True, name="x")
    assert cards_of_inputs(layers(norm_(x).sum())) == []  # the running statistics
    # In the picture of operations they have their paths.
    found = [card.name for card in draw(norm_(x).sum()).picture.cards if card.role == "input"]
    assert "running_mean" in found


def test_a_mask_for_all_blocks_is_one_input():
    class Masked(Module):
        def __init__(self):
            self.blocks = [block(causal=False) for _ in range(3)]

        def forward(self, x, mask):
            for one in self.blocks:
                x = one(x, mask)
            return x

    x = Tensor(DRAWN(0).normal(size=(2, 5, 4)), True, name="x")
    drawing = layers(Masked()(x, np.triu(np.ones((5, 5), bool), 1)).sum())
    assert kinds(drawing) == ["TransformerBlock × 3"]
    assert len(cards_of_inputs(drawing)) == 1


def test_steps_that_get_an_array_each_have_one_input():
    cell = nn.GRUCell(3, 2, generator=DRAWN(0))
    h = Tensor(np.zeros((1, 2), np.float32), True, name="h")
    for step in np.ones((5, 1, 3), np.float32):
        h = cell(Tensor(step), h)
    drawing = layers(h.sum())
    assert kinds(drawing) == ["GRUCell × 5"]
    assert len(cards_of_inputs(drawing)) == 1


def test_the_options_are_independent_of_each_other():
    loss = loss_of(GPT(*(block() for _ in range(4))))
    collapsed = layers(loss, collapse=lambda path: path.count(".") == 1)
    assert "TransformerBlock × 4" in kinds(collapsed)
    some = layers(loss, collapse=lambda path: path == "blocks.0")
    assert "blocks.0" in boxes(some)
    assert "blocks.1.norm1" not in boxes(some)  # those of the other three are folded
    assert "blocks.*.norm1" in boxes(some)
    auto = draw(loss, max_nodes=30, options=DrawOptions(engine="builtin"))
    assert "TransformerBlock × 4" in kinds(auto)

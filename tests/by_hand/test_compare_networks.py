"""Tests that gradients of whole networks by hand are compared layer by layer: right ones match, and
a slip in any derivation differs in the rows that it reaches.
"""

import inspect

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import compare_gradients, manual_gradients
from nn.by_hand import (
    affine,
    attention,
    batch_norm,
    convolution,
    embedding,
    layer_norm,
    losses,
    lstm,
    pooling,
    rnn,
    transformer_block,
)
from nn.by_hand.networks.operations import OPERATIONS
from nn.by_hand.networks.table import LAYERS, equation_at, equations_of

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.normal(size=(5, 2, 6, 6))
WORDS = GENERATOR.integers(0, 7, (4, 6))
LABELS = np.array([0, 1, 2, 0, 1])


def moved(network):
    """Move all parameters, so that no gain is 1 and no bias 0."""
    generator = np.random.default_rng(1)
    for parameter in network.parameters():
        parameter.data = parameter.data + 0.3 * generator.normal(size=parameter.shape)
    return network


def cnn():
    g = np.random.default_rng(2)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, generator=g), nn.BatchNorm2d(3), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(3, 4, 3, padding=1, generator=g), nn.Tanh(),
        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS


class Classifier(nn.Module):
    """Words, a recurrent layer, and a decision after the last step."""

    def __init__(self, kind, **options):
        g = np.random.default_rng(3)
        self.embedding = nn.Embedding(7, 4, generator=g)
        self.recurrent = kind(4, 5, generator=g, **options)
        self.linear = nn.Linear(5, 3, generator=g)

    def forward(self, words):
        x = self.embedding(words)
        if self.recurrent.batch_first:
            return self.linear(self.recurrent(x)[0][:, -1])
        _, states = self.recurrent(x.swapaxes(0, 1))
        last = states[0] if isinstance(states, tuple) else states
        return self.linear(last[-1])


def classifier(kind, **options):
    return moved(Classifier(kind, **options)), WORDS, LABELS[:4]


class Tagger(nn.Module):
    """Returns scores for each step, and the states."""

    def __init__(self):
        g = np.random.default_rng(4)
        self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True, generator=g)
        self.linear = nn.Linear(4, 3, bias=False, generator=g)

    def forward(self, x):
        outputs, states = self.lstm(x)
        return self.linear(outputs), states


class GPT(nn.Module):
    """Words and places, a block, a norm, and a score for each word at each place."""

    def __init__(self, **options):
        g = np.random.default_rng(5)
        self.tokens = nn.Embedding(7, 8, generator=g)
        self.places = nn.Embedding(6, 8, generator=g)
        self.blocks = [nn.TransformerBlock(8, 2, 12, 0.2, generator=g, **options)]
        self.norm = nn.LayerNorm(8)
        self.linear = nn.Linear(8, 7, generator=g)

    def forward(self, words):
        x = self.tokens(words) + self.places(np.arange(words.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.linear(self.norm(x))


def gpt(**options):
    usual = {"activation": "gelu", "norm_first": True, "causal": True}
    return moved(GPT(**(usual | options))), WORDS[:3], np.roll(WORDS[:3], -1, axis=1)


def residual():
    g = np.random.default_rng(6)
    body = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False, generator=g), nn.Sigmoid()
    network = nn.Sequential(
        nn.Residual(*body, shortcut=nn.Conv2d(2, 4, 1, stride=2, generator=g)),
        nn.Flatten(), nn.Unflatten(1, (4, 9)), nn.LayerNorm((4, 9)), nn.Flatten(), nn.GELU(),
        nn.Linear(36, 5, generator=g), nn.SiLU(), nn.BatchNorm1d(5), nn.Linear(5, 1, generator=g),
    )  # fmt: skip
    return moved(network), IMAGES, LABELS % 2


NETWORKS = {
    "cnn": cnn,
    "residual": residual,
    "lstm": lambda: classifier(nn.LSTM, batch_first=True),
    "lstm, steps first": lambda: classifier(nn.LSTM, num_layers=2),
    "rnn": lambda: classifier(nn.RNN, batch_first=True, bias=False),
    "rnn, steps first": lambda: classifier(nn.RNN),
    "tagger": lambda: (
        Tagger(), np.random.default_rng(7).normal(size=(3, 5, 3)), WORDS[:3, :5] % 3
    ),
    "gpt": gpt,
    "gpt, relu": lambda: gpt(activation="relu", causal=False),
    "encoder of 2017": lambda: gpt(norm_first=False, causal=False),
    "block, steps first": lambda: gpt(batch_first=False),
}  # fmt: skip


def differing(table):
    return set(table["parameter"][table["verdict"] == "DIFFERS"])


@pytest.mark.parametrize("name", NETWORKS)
def test_right_gradients_match_in_every_row(name):
    network, x, labels = NETWORKS[name]()
    before = network.state_dict()
    table = compare_gradients(network, x, labels, samples=3)
    assert table.agree is True, table
    assert list(table["parameter"]) == [path for path, _ in network.named_parameters()]
    assert list(table["shape"]) == [str(p.shape) for p in network.parameters()]
    assert set(table["verdict"]) == {"match"}
    assert all(table["equation"]), "each parameter has its equation"
    assert table["max |auto-numeric|"].max() < 1e-6
    for path, values in network.state_dict().items():
        np.testing.assert_array_equal(values, before[path])
    assert all(p.grad is None and p.dtype == np.float32 for p in network.parameters())
    assert all(part.training for part in network.modules())


def test_forward_pass_by_hand_equals_that_of_the_network():
    from nn.by_hand.networks.chain import Chain

    for make in NETWORKS.values():
        network, x, _ = make()
        network = network.astype(np.float64).eval()
        x = x.astype(np.float64) if x.dtype.kind == "f" else x
        z, _ = Chain(network, x).run()
        out = network(x)
        np.testing.assert_allclose(z, (out[0] if isinstance(out, tuple) else out).data, rtol=1e-10)
        assert all("forward" not in vars(part) for part in network.modules())


# Slips, and tests of the test -----------------------------------------------------------------


def planted(monkeypatch, module, right, wrong):
    """Replace the functions of a derivation by those of its text with a slip."""
    source = inspect.getsource(module)
    assert right in source
    scope = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(source.replace(right, wrong), "slip", "exec"), scope)
    for name, function in scope.items():
        if inspect.isfunction(function):
            monkeypatch.setattr(module, name, function)


FIRST = {"0.weight", "1.weight", "1.bias"}  # 0.bias has gradient 0: batch norm follows
RECURRENT = {f"recurrent.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
BEFORE = {"tokens.weight", "places.weight", "blocks.0.norm1.weight", "blocks.0.norm1.bias"}
INNER = {f"blocks.0.self_attn.{name}" for name in ("in_proj_weight", "in_proj_bias")}
SLIPS = {
    "flipped kernel": (cnn, convolution, "g, W[:, :, u, v])", "g, W[:, :, -1 - u, -1 - v])", FIRST),
    "db averaged": (cnn, convolution, "g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))",
                    {"4.bias"}),
    "max to all": (cnn, pooling, "is_largest / is_largest.sum(axis=0)", "np.ones_like(is_largest)",
                   FIRST),
    "average without 1/K": (cnn, pooling, "g / len(places)", "g", FIRST | {"4.weight", "4.bias"}),
    "statistics constant": (cnn, batch_norm, "r / M * (M * dx_hat - total - x_hat * along)",
                            "r * dx_hat", {"0.weight", "0.bias"}),
    "embedding not added up": (NETWORKS["lstm"], embedding, "np.add.at(dtable, indices, g)",
                               "dtable[indices] += g", {"embedding.weight"}),
    "one gate of the lstm": (NETWORKS["lstm"], lstm, "dc * n * i * (1 - i)", "dc * n",
                             RECURRENT | {"embedding.weight"}),
    "truncated": (NETWORKS["rnn, steps first"], rnn, "dh = g[:, t] + dz @ W_hh.T", "dh = g[:, t]",
                  RECURRENT | {"embedding.weight"}),
    "scale forgotten": (gpt, attention, "dq = dA @ k / np.sqrt(q.shape[-1])", "dq = dA @ k",
                        BEFORE | INNER),
    "dk and dq exchanged": (gpt, attention, "return dq, dk, dv", "return dk, dq, dv",
                            BEFORE | INNER),
    "residual forgotten": (gpt, transformer_block, "return dy + back, d", "return back, d",
                           {"tokens.weight", "places.weight"}),
    "norm of layers": (gpt, layer_norm, "dgamma = (g * x_hat)", "dgamma = g",
                       {"blocks.0.norm1.weight", "blocks.0.norm2.weight", "norm.weight"}),
    "linear": (cnn, affine, "g_rows.sum(axis=0)", "g_rows.mean(axis=0)", {"9.bias"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_a_derivation_differs_in_the_rows_that_it_reaches(monkeypatch, name):
    make, module, right, wrong, expected = SLIPS[name]
    planted(monkeypatch, module, right, wrong)
    network, x, labels = make()
    table = compare_gradients(network, x, labels, samples=2)
    assert differing(table) == expected
    assert table.agree is False
    assert "✗" in str(table).splitlines()[0]
    assert table["max |auto-numeric|"].max() < 1e-6, "the other two still agree"


@pytest.mark.parametrize(
    ("layer", "name"), [(nn.Flatten, "0.weight"), (nn.MaxPool2d, "1.weight"), (nn.AvgPool2d, "4.")]
)
def test_a_layer_without_parameters_is_checked_by_those_before_it(monkeypatch, layer, name):
    """The way back through it is twice what it should be."""
    derivation = LAYERS[layer]

    def doubled(*arguments):
        outputs, back = derivation.run(*arguments)

        def twice(g):
            gradients, others = back(g)
            return tuple(2 * one for one in gradients), others

        return outputs, twice

    monkeypatch.setitem(LAYERS, layer, type(derivation)(doubled))
    table = compare_gradients(*cnn(), samples=1)
    assert any(one.startswith(name) for one in differing(table))
    assert not any(one.startswith("9.") for one in differing(table))


@pytest.mark.parametrize("name", ["tanh", "add", "getitem", "transpose"])
def test_an_operation_between_layers_is_checked_too(monkeypatch, name):
    run = OPERATIONS[name]

    def doubled(*arguments, **params):
        outputs, back = run(*arguments, **params)
        return outputs, lambda g: (tuple(2 * one for one in back(g)[0]), {})

    monkeypatch.setitem(OPERATIONS, name, doubled)
    make = {"tanh": cnn, "add": gpt}.get(name, lambda: classifier(nn.LSTM))
    table = compare_gradients(*make(), samples=1)
    assert differing(table)
    assert table["verdict"].iloc[-1] == "match", "the last layer comes after it"


def test_a_wrong_forward_pass_is_reported(monkeypatch):
    planted(monkeypatch, convolution, "+ b[:, None, None]", "+ 2 * b[:, None, None]")
    network, x, labels = cnn()
    table = compare_gradients(network, x, labels, samples=1)
    assert not table.agree
    assert "already the forward passes differ" in str(table)


def test_forward_passes_that_differ_never_agree(monkeypatch):
    """Also where no gradient differs."""
    network = nn.Linear(3, 2)
    x, labels = np.ones((2, 3)), [0, 1]
    assert compare_gradients(network, x, labels).agree
    loss = losses.softmax_cross_entropy
    monkeypatch.setattr(
        losses, "softmax_cross_entropy", lambda z, y: (loss(z, y)[0] + 1e-3, loss(z, y)[1])
    )
    table = compare_gradients(network, x, labels)
    assert not table.agree
    assert set(table["verdict"]) == {"match"}
    assert "the forward passes differ" in str(table).splitlines()[0]


def test_a_mistake_of_the_engine_is_found_too(monkeypatch):
    """The value is right, its gradient is twice what it should be: numerical disagrees."""
    monkeypatch.setattr(
        "nn.layers.activations.tanh", lambda z: tg.tanh(z) * 2 - tg.tanh(z).detach()
    )
    table = compare_gradients(*cnn(), samples=1)
    assert {"0.weight", "4.weight"} <= differing(table)
    assert table["max |auto-numeric|"].max() > 1e-4


def test_a_lost_graph_is_not_right():
    """By hand and automatically, a constant is a constant; the numerical gradient says no."""

    class Lost(nn.Module):
        def __init__(self):
            self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            x = self.one(x)
            return self.two(x * tg.Tensor(np.tanh(x.data)))

    table = compare_gradients(Lost(), GENERATOR.normal(size=(4, 3)), [0, 1, 1, 0])
    assert differing(table) == {"one.weight", "one.bias"}
    assert table["relative error"].max() < 1e-12


# Modes, losses, shared parameters -------------------------------------------------------------


def test_batch_norm_is_compared_in_its_own_mode():
    network, x, labels = cnn()
    assert "averages of the batch, as in training" in str(compare_gradients(network, x, labels))
    for _ in range(3):
        network(x + 1)
    training = manual_gradients(network, x, labels)
    counted = network[1].num_batches_tracked.item()
    network.eval()
    table = compare_gradients(network, x, labels, samples=2)
    assert table.agree
    assert "running averages, as in evaluation" in str(table)
    assert not np.allclose(manual_gradients(network, x, labels)["0.weight"], training["0.weight"])
    assert network[1].num_batches_tracked.item() == counted


def test_dropout_is_off_and_the_network_stays_as_it_is():
    network, x, labels = cnn()
    state = network[8].generator.bit_generator.state
    one, two = (manual_gradients(network, x, labels)["0.weight"] for _ in "ab")
    np.testing.assert_array_equal(one, two)
    assert network[8].generator.bit_generator.state == state


Y = np.random.default_rng(8).normal(size=(4, 2))


@pytest.mark.parametrize(
    ("loss", "labels", "symbols"),
    [
        ("softmax_cross_entropy", [0, 1, 1, 0], "(softmax(z) - y) / n"),
        ("sigmoid_cross_entropy", Y > 0, "(sigmoid(z) - y) / n"),
        ("squared_error", Y, "2 (z - y) / n"),
        ("absolute_error", Y, "sign(z - y) / n"),
        ("huber", 2 * Y, "(z - y) / n, at most 1 / n"),
        ("hinge", np.sign(Y), "-y / n where y z < 1, else 0"),
    ],
)
@pytest.mark.parametrize("mlp", [True, False])
def test_losses(loss, labels, symbols, mlp):
    x = np.random.default_rng(9).normal(size=(4, 3))
    network = nn.MLP([3, 4, 2], "tanh", seed=0) if mlp else nn.Sequential(nn.Linear(3, 2))
    table = compare_gradients(network, x, labels, loss=loss)
    assert table.agree
    assert symbols in str(table) or (mlp and loss == "softmax_cross_entropy")
    wrong = {n: 1.01 * g for n, g in manual_gradients(network, x, labels, loss=loss).items()}
    assert not compare_gradients(network, x, labels, loss=loss, manual=wrong).agree


def test_shared_parameters_get_the_sum_of_their_uses():
    class Tied(nn.Module):
        def __init__(self):
            g = np.random.default_rng(10)
            self.table = nn.Embedding(7, 4, generator=g)
            self.layer = nn.Linear(4, 4, generator=g)
            self.gain = tg.Tensor(np.array([0.5, 2.0, -1.0, 3.0]), True)

        def forward(self, words):
            x = (self.table(words) * self.gain).mean(axis=1)
            x = self.layer(tg.tanh(self.layer(x)) - 1.0)
            return x @ self.table.weight.T / 2.0

    table = compare_gradients(Tied(), WORDS, LABELS[:4])
    assert table.agree, table
    assert list(table["parameter"]) == ["table.weight", "layer.weight", "layer.bias", "gain"]
    assert table["equation"].iloc[-1] == ""


def test_a_parameter_that_is_not_used_has_gradient_zero():
    class Half(nn.Module):
        def __init__(self):
            self.used, self.other = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    found = manual_gradients(Half(), np.ones((1, 2)), [0])
    assert not found["other.weight"].any()
    assert found["used.weight"].any()


def test_a_bias_before_batch_norm_has_no_effect():
    table = compare_gradients(*cnn(), samples=2)
    assert "0 apart from round-off, because terms cancel: 0.bias" in str(table)


def test_masks_and_several_calls_of_attention():
    class Attends(nn.Module):
        def __init__(self):
            g = np.random.default_rng(11)
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True, generator=g)
            self.linear = nn.Linear(4, 3, generator=g)

        def forward(self, x):
            x, _ = self.attention(x, x, x, is_causal=True)
            return self.linear(x + self.attention(x, need_weights=False)[0])

    x = np.random.default_rng(12).normal(size=(2, 3, 4))
    assert compare_gradients(Attends(), x, WORDS[:2, :3] % 3).agree


# manual= ----------------------------------------------------------------------------------------


class Own(nn.Module):
    """Computes what has no derivation by hand."""

    def __init__(self):
        self.weight = tg.Tensor(np.random.default_rng(13).normal(size=(3, 2)), True)
        self.shift = tg.Tensor(np.ones(2), True)

    def forward(self, x):
        return tg.exp(-(x @ self.weight)) + self.shift


X = np.random.default_rng(14).normal(size=(4, 3))


def own_gradients(parameters, x, labels):
    W, shift = parameters["weight"], parameters["shift"]
    e = np.exp(-x @ W)
    z = e + shift
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    delta = (p - np.eye(2)[labels]) / len(x)
    return {"weight": x.T @ (-e * delta), "shift": delta.sum(axis=0)}


def test_manual_gradients_of_any_module():
    network, labels = Own(), [0, 1, 1, 0]
    table = compare_gradients(network, X, labels, manual=own_gradients)
    assert table.agree
    assert list(table["equation"]) == ["", ""]
    values = {name: p.numpy() for name, p in network.named_parameters()}
    mine = own_gradients(values, X, np.array(labels))
    assert compare_gradients(network, X, labels, manual=mine).agree
    part = compare_gradients(network, X, labels, manual={"weight": -mine["weight"], "shift": None})
    assert differing(part) == {"weight"}
    assert "the sign is flipped" in str(part)
    assert "not checked, because no gradient was given: shift" in str(part)


def test_a_function_gets_copies_in_float64():
    given = {}

    def mine(parameters, x, labels):
        given.update(parameters=parameters, x=x, labels=labels)
        for array in (*parameters.values(), x, labels):
            array *= 0
        return manual_gradients(*cnn())

    network, x, labels = cnn()
    assert compare_gradients(network, x, labels, manual=mine, samples=1).agree
    assert {array.dtype for array in given["parameters"].values()} == {np.dtype(np.float64)}
    assert x.any()
    assert labels.any()


def test_gradients_of_the_previous_step_are_recognised():
    network, x, labels = classifier(nn.LSTM)
    before, now = manual_gradients(network, x, labels[::-1]), manual_gradients(network, x, labels)
    mine = {name: now[name] + before[name] for name in now}
    table = compare_gradients(network, x, labels, manual=mine, previous=before, samples=1)
    assert table.check.diagnoses[0].kind == "stale gradient"


# Refused ----------------------------------------------------------------------------------------


def applied(function):
    return nn.Sequential(nn.Linear(3, 4), nn.Lambda(function), nn.Linear(4, 2))


REFUSED = {
    "a layer without a derivation": (
        lambda: compare_gradients(nn.Sequential(nn.GRU(3, 2)), X, [0, 1, 1, 0]),
        TypeError, ["GRU (0) has no derivation by hand", "known are Linear", "LSTM", "manual="],
    ),
    "an option": (
        lambda: compare_gradients(
            nn.Sequential(nn.Conv2d(2, 2, 3, groups=2), nn.Flatten()), IMAGES, LABELS
        ),
        TypeError, ["Conv2d (0) with groups=2", "check_gradients"],
    ),
    "padding of a pool": (
        lambda: manual_gradients(
            nn.Sequential(nn.Conv2d(2, 2, 3), nn.MaxPool2d(2, padding=1), nn.Flatten()),
            IMAGES, LABELS
        ),
        TypeError, ["manual_gradients: MaxPool2d (1) with padding=(1, 1)"],
    ),
    "two directions": (
        lambda: compare_gradients(nn.RNN(3, 2, bidirectional=True), X, [0, 1, 1, 0]),
        TypeError, ["RNN with bidirectional=True"],
    ),
    "an operation": (
        lambda: compare_gradients(applied(tg.exp), X, [0, 1, 1, 0]),
        TypeError, ["Lambda (1) has no derivation"],
    ),
    "an operation of one's own module": (
        lambda: compare_gradients(Own(), X, [0, 1, 1, 0]),
        TypeError, ["the operation exp in Own", "manual="],
    ),
    "no network": (
        lambda: compare_gradients(len, X, [0, 1, 1, 0]),
        TypeError, ["takes a network", "builtin_function_or_method"],
    ),
    "no parameters": (
        lambda: compare_gradients(nn.ReLU(), X, [0, 1, 1, 0]), ValueError, ["ReLU has no param"],
    ),
    "a lost graph": (
        lambda: compare_gradients(applied(lambda x: np.array(x.data))[:2], X, [0, 1, 1, 0]),
        TypeError, ["returned a ndarray", "expected a tensor"],
    ),
    "labels of another length": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1]),
        ValueError, ["(4, 2)", "(3,)", "(4,)"],
    ),
    "labels of another shape": (
        lambda: compare_gradients(*gpt()[:2], WORDS[:3, 0]), ValueError, ["(3, 6, 7)", "(3,)"],
    ),
    "labels out of range": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 2, 0]), ValueError, ["label 2"],
    ),
    "targets of another shape": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y[:, :1], loss="squared_error"),
        ValueError, ["(4, 2)", "(4, 1)"],
    ),
    "hinge labels": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y > 0, loss="hinge"),
        ValueError, ["-1 or 1"],
    ),
    "another loss": (
        lambda: compare_gradients(nn.Linear(3, 2), X, Y, loss="l3"),
        ValueError, ["'l3'", "squared_error"],
    ),
    "x of another shape": (
        lambda: compare_gradients(cnn()[0], IMAGES[:, :1], LABELS), ValueError, ["channels"],
    ),
    "an unknown name": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual={"W": Y}),
        ValueError, ["'W'", "weight, bias"],
    ),
    "a pair": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual=(Y, Y)),
        ValueError, ["got a tuple", "weight, bias"],
    ),
    "a function of other parameters": (
        lambda: compare_gradients(nn.Linear(3, 2), X, [0, 1, 1, 0], manual=lambda W, b, x, y: W),
        TypeError, ["(parameters, x, labels)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compared_is_one_line(name):
    call, error, words = REFUSED[name]
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_subclass_that_computes_something_else_has_no_derivation():
    class Doubled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * 2.0

    class Named(nn.Linear):
        pass

    x, labels = X, [0, 1, 1, 0]
    assert compare_gradients(nn.Sequential(Named(3, 2)), x, labels).agree
    table = compare_gradients(nn.Sequential(Doubled(3, 2)), x, labels)  # by its operations
    assert table.agree
    assert list(table["equation"]) == ["", ""]


def test_layers_of_constants_are_not_left_to_the_engine():
    network = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(TypeError, match=r"Conv1d \(0\)"):
        compare_gradients(network, np.ones((4, 1, 8)), [0, 1, 1, 0])


# Equations ------------------------------------------------------------------------------------


def test_each_equation_is_in_its_docstring_and_in_the_code():
    for derivation in LAYERS.values():
        for place in derivation.equations.values():
            number, part = place if isinstance(place, tuple) else (place, 0)
            text, code = equation_at(derivation.source, number, part)
            assert text.startswith("∂L/∂")
            file, line, _ = code.split(":", 2)
            written = inspect.getsource(derivation.source).splitlines()[int(line) - 1]
            assert f"# equation {number}" in written
            assert derivation.source.__name__.endswith(file.removesuffix(".py"))


@pytest.mark.parametrize(
    ("network", "name", "word"),
    [
        (nn.Conv2d(1, 1, 2), "weight", "∂L/∂W[f,c,u,v]"),
        (nn.Conv2d(1, 1, 2), "bias", "∂L/∂b[f]"),
        (nn.LSTM(1, 1), "weight_hh_l0", "∂L/∂W_hh"),
        (nn.RNN(1, 1), "weight_ih_l0", "∂L/∂W_ih"),
        (nn.RNN(1, 1), "bias_hh_l0", "∂L/∂b_hh"),
        (nn.LayerNorm(2), "weight", "∂L/∂γ"),
        (nn.BatchNorm1d(2), "bias", "∂L/∂β"),
        (nn.Embedding(2, 2), "weight", "∂L/∂table"),
        (nn.MultiheadAttention(2, 1), "in_proj_weight", "∂L/∂W_in"),
        (nn.MultiheadAttention(2, 1), "out_proj.bias", "∂L/∂b_out"),
    ],
)
def test_equations_are_those_of_the_parameter(network, name, word):
    assert word in equations_of(network)[name][0]


def test_the_explanation_shows_equation_and_code():
    network, x, labels = classifier(nn.LSTM)
    mine = manual_gradients(network, x, labels)
    mine["recurrent.weight_hh_l0"] = mine["recurrent.weight_hh_l0"] * 3
    text = str(compare_gradients(network, x, labels, manual=mine, samples=1).check)
    assert "∂L/∂W_hh = Σ_t h_t-1ᵀ dz_t" in text
    assert "lstm.py:" in text

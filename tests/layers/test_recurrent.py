"""Tests that recurrent layers compute what their cells compute step by step, and what PyTorch does.

The cells are compared with NumPy, the layers with the cells: sequences of different lengths, both
directions, several layers, gradients to second order, and captured steps.
"""

import itertools
import warnings

import numpy as np
import pytest

import nn
from nn.bridges.pytorch import from_pytorch, to_pytorch
from tinygrad_edu import Tensor, capture, check_gradients, concatenate, grad, stack
from tinygrad_edu.primitive import PRIMITIVES

KINDS = ("RNN", "LSTM", "GRU")
STEPS, BATCH, INPUTS, SIZE = 5, 3, 2, 4


def made(kind, *arguments, **options):
    """A layer or cell of float64, with the same weights each time."""
    options = {"dtype": "float64", "generator": np.random.default_rng(0), **options}
    return getattr(nn, kind)(*arguments, **options)


def drawn(*shape, seed=1):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def flat(outputs):
    """The tensors in nested tuples."""
    if not isinstance(outputs, tuple):
        return [outputs]
    return [tensor for entry in outputs for tensor in flat(entry)]


def states_of(kind, *shape):
    """States to start from, and the argument that holds them."""
    states = [Tensor(drawn(*shape, seed=7 + i), True) for i in range(1 + (kind == "LSTM"))]
    return states, (tuple(states) if kind == "LSTM" else states[0])


def gradients(outputs, leaves):
    """Gradients of all outputs together, each with a cotangent that is not uniform."""
    pairs = zip(outputs, range(100), strict=False)
    total = sum((out * drawn(*out.shape, seed=20 + i)).sum() for out, i in pairs)
    return grad(total, leaves)


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(getattr(one, "data", one), other, rtol=1e-10, atol=1e-12)


# Cells ----------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def one_step(kind, cell, x, h, c):
    """The equations of a cell, in NumPy."""
    w, u = cell.weight_ih.data, cell.weight_hh.data
    b, d = (0.0 if p is None else p.data for p in (cell.bias_ih, cell.bias_hh))
    of_input, of_state = x @ w + b, h @ u + d
    if kind == "RNN":
        return [np.tanh(of_input + of_state)]
    if kind == "LSTM":
        i, f, g, o = np.split(of_input + of_state, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(c), c]
    (r, z, n), (s, y, m) = np.split(of_input, 3, axis=-1), np.split(of_state, 3, axis=-1)
    n = np.tanh(n + sigmoid(r + s) * m)
    return [(1 - sigmoid(z + y)) * n + sigmoid(z + y) * h]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (BATCH,)])
@pytest.mark.parametrize("kind", KINDS)
def test_cell_computes_its_equations(kind, batch, bias):
    cell = made(kind + "Cell", INPUTS, SIZE, bias)
    x, (states, hx) = drawn(*batch, INPUTS), states_of(kind, *batch, SIZE)
    arrays = [state.data for state in (*states, states[0])][:2]
    assert_close(flat(cell(x, hx)), one_step(kind, cell, x, *arrays))
    zeros = np.zeros((*batch, SIZE))
    assert_close(flat(cell(x)), one_step(kind, cell, x, zeros, zeros))


def test_relu_cell():
    cell = made("RNNCell", INPUTS, SIZE, nonlinearity="relu")
    x, h = drawn(BATCH, INPUTS), drawn(BATCH, SIZE)
    z = x @ cell.weight_ih.data + cell.bias_ih.data + h @ cell.weight_hh.data + cell.bias_hh.data
    assert_close([cell(x, h)], [np.maximum(z, 0)])


# Layers, as loops of cells --------------------------------------------------------------------


def looped(layer, kind, x, states):
    """Run a layer step by step, each by a cell that holds the weights of the layer."""
    directions = 2 if layer.bidirectional else 1
    finals = []
    for number in range(layer.num_layers):
        outputs = []
        for suffix in ("", "_reverse")[:directions]:
            options = {"nonlinearity": layer.nonlinearity} if kind == "RNN" else {}
            cell = made(kind + "Cell", 1, layer.hidden_size, **options)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                object.__setattr__(cell, name, getattr(layer, f"{name}_l{number}{suffix}"))
            current = tuple(state[len(finals)] for state in states)
            found = []
            for step in range(len(x))[:: -1 if suffix else 1]:
                current = flat(cell(x[step], tuple(current) if kind == "LSTM" else current[0]))
                found.append(current[0])
            outputs.append(stack(found[::-1] if suffix else found))
            finals.append(current)
        x = concatenate(outputs, axis=-1)
    return [x, *(stack(several) for several in zip(*finals, strict=True))]


OPTIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 3, "bidirectional": True},
    {"bias": False},
    {"batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False, "batch_first": True},
]


def case_name(options):
    return ", ".join(f"{k}={v}" for k, v in options.items()) or "plain"


RELU = pytest.param("RNN", {"nonlinearity": "relu"}, id="RNN-relu")
LAYERS = [
    *(
        pytest.param(kind, options, id=f"{kind}-{case_name(options)}")
        for kind, options in itertools.product(KINDS, OPTIONS)
    ),
    RELU,
]


def count_of(options):
    return options.get("num_layers", 1) * (1 + options.get("bidirectional", False))


@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_layer_is_a_loop_of_cells(kind, options):
    layer = made(kind, INPUTS, SIZE, **options)
    x = Tensor(drawn(STEPS, BATCH, INPUTS), True)
    states, hx = states_of(kind, count_of(options), BATCH, SIZE)
    given = x.swapaxes(0, 1) if layer.batch_first else x
    output, *finals = flat(layer(given, hx))
    found = [output.swapaxes(0, 1) if layer.batch_first else output, *finals]
    expected = looped(layer, kind, x, states)
    assert_close(found, [tensor.data for tensor in expected])
    leaves = [x, *states, *layer.parameters()]
    assert_close(gradients(found, leaves), gradients(expected, leaves))


@pytest.mark.parametrize("kind", KINDS)
def test_one_sequence_is_a_batch_of_one(kind):
    layer = made(kind, INPUTS, SIZE, 2, bidirectional=True, batch_first=True)
    x, (states, hx) = drawn(STEPS, INPUTS), states_of(kind, 4, SIZE)
    batch = tuple(state[:, None] for state in states)
    expected = flat(layer(x[None], batch if kind == "LSTM" else batch[0]))
    found = flat(layer(x, hx))
    assert [out.shape for out in found] == [(STEPS, 2 * SIZE), *[(4, SIZE)] * len(states)]
    assert_close(found, [expected[0].data[0], *(final.data[:, 0] for final in expected[1:])])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_as_if_each_sequence_were_alone(kind, batch_first):
    layer = made(kind, INPUTS, SIZE, 2, bidirectional=True, batch_first=batch_first)
    lengths, x = [3, STEPS, 1], drawn(STEPS, BATCH, INPUTS)
    for which, length in enumerate(lengths):
        x[length:, which] = np.nan  # is not read
    states, hx = states_of(kind, 4, BATCH, SIZE)
    found = flat(layer(x.swapaxes(0, 1) if batch_first else x, hx, lengths=lengths))
    output = found[0].data.swapaxes(0, 1) if batch_first else found[0].data
    for which, length in enumerate(lengths):
        own = tuple(state.data[:, which] for state in states)
        alone = flat(layer(x[:length, which], own if kind == "LSTM" else own[0]))
        assert_close([output[:length, which]], [alone[0].data])
        assert_close([final.data[:, which] for final in found[1:]], [f.data for f in alone[1:]])
        assert not output[length:, which].any()
    for gradient in gradients(found, layer.parameters()):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_to_second_order(kind):
    layer = made(kind, 1, 2)
    x, (states, hx) = Tensor(drawn(3, 1, 1), True), states_of(kind, 1, 1, 2)
    parameters = layer.parameters()

    def run(x, *others):
        return flat(layer(x, hx, lengths=[2]))[0]

    check_gradients(run, x, *states, *parameters, order=2)


@pytest.mark.parametrize(
    ("kind", "position"), [("rnn", 2), ("lstm", 0), ("lstm", 3), ("gru", 1), ("gru", 2)]
)
def test_wrong_rule_is_found(kind, position, monkeypatch):
    made_here = PRIMITIVES[f"{kind}_sequence"]
    right = made_here.together

    def wrong(*given, **params):
        cotangents = list(right(*given, **params))
        cotangents[position] = cotangents[position] * 1.001
        return cotangents

    case = kind.upper(), OPTIONS[0]
    test_layer_is_a_loop_of_cells(*case)
    object.__setattr__(made_here, "together", wrong)
    try:
        with pytest.raises(AssertionError):
            test_layer_is_a_loop_of_cells(*case)
    finally:
        object.__setattr__(made_here, "together", right)


# Training -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "dtype", "steps", "options"),
    [
        ("RNN", "float32", 4, {"bidirectional": True}),
        ("GRU", "float64", 4, {"num_layers": 2, "batch_first": True}),
        ("LSTM", "float32", 4, {"num_layers": 2, "bidirectional": True}),
        ("LSTM", "float64", 35, {}),
    ],
)
def test_captured_step_is_bit_identical(kind, dtype, steps, options):
    x = drawn(steps, steps, INPUTS).astype(dtype)
    most = np.arange(steps)[::-1] + 1

    def training(wrap):
        layer = made(kind, INPUTS, SIZE, **options, dtype=dtype)
        optimizer = nn.SGD(layer.parameters(), lr=0.1)

        def step(x, lengths):
            output, final = layer(x, lengths=lengths)
            loss = (output * output).mean() + sum(f.sum() for f in flat(final))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(step)
        losses = [step(i * x, np.roll(most, i)).data for i in range(6)]
        return losses, layer.state_dict(), step

    losses, state, _ = training(lambda step: step)
    again, replayed, step = training(capture)
    assert step.recordings < 6
    np.testing.assert_array_equal(losses, again)
    for name, values in state.items():
        np.testing.assert_array_equal(values, replayed[name], err_msg=name)


def test_a_replay_refuses_lengths_out_of_range():
    layer = made("GRU", INPUTS, SIZE)
    step = capture(lambda x, lengths: layer(x, lengths=lengths)[1])
    x = drawn(STEPS, 2, INPUTS)
    for last in (2, 3, 4):
        step(x, np.array([last, 1]))
    for wrong in (0, STEPS + 1):
        with pytest.raises(ValueError, match=r"lengths\[0\] is|invalid entry"):
            step(x, np.array([wrong, 1]))


def test_dropout_is_between_layers_and_while_training():
    layer = made("GRU", INPUTS, SIZE, 2, dropout=1.0)
    x = drawn(STEPS, BATCH, INPUTS)
    output, final = layer(x)
    last = made("GRU", SIZE, SIZE)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(last, f"{name}_l0").data = getattr(layer, f"{name}_l1").data
    assert_close([output], [last(np.zeros((STEPS, BATCH, SIZE)))[0].data])
    assert final.data[0].any()
    plain = made("GRU", INPUTS, SIZE, 2)
    assert_close(flat(layer.eval()(x)), [out.data for out in flat(plain(x))])


def test_dropout_resumes_with_the_state():
    layer, x = made("LSTM", INPUTS, SIZE, 2, dropout=0.5), drawn(STEPS, BATCH, INPUTS)
    state = layer.state_dict()
    first, second = layer(x)[0].data, layer(x)[0].data
    assert (first != second).any()
    layer.load_state_dict(state)
    np.testing.assert_array_equal(layer(x)[0].data, first)
    assert "generator" not in made("LSTM", INPUTS, SIZE, 2).state_dict()


def test_dropout_without_effect_is_a_warning():
    with pytest.warns(UserWarning, match="acts between layers") as caught:
        made("RNN", INPUTS, SIZE, dropout=0.5)
    assert len(caught) == 1


def test_first_weights_are_uniform():
    layer = nn.LSTM(30, 25, generator=np.random.default_rng(3))
    for name, parameter in layer.named_parameters():
        assert abs(parameter.data).max() < 0.2
        assert abs(parameter.data).max() > 0.19, name
        assert abs(parameter.data.mean()) < 0.03
        assert parameter.dtype == np.float32


def test_describe():
    assert repr(nn.LSTM(2, 3)) == "LSTM(2, 3)"
    layer = nn.RNN(2, 3, 2, "relu", batch_first=True, dropout=0.25)
    expected = "RNN(2, 3, num_layers=2, batch_first=True, dropout=0.25, nonlinearity=relu)"
    assert repr(layer) == expected
    assert repr(nn.GRUCell(2, 3, bias=False)) == "GRUCell(2, 3, bias=False)"


def test_weights_are_turned_for_pytorch():
    for kind, gates in [("RNN", 1), ("LSTM", 4), ("GRU", 3)]:
        layer = made(kind, INPUTS, SIZE, 2, bidirectional=True)
        state = to_pytorch(layer)
        assert state["weight_ih_l0_reverse"].shape == (gates * SIZE, INPUTS)
        np.testing.assert_array_equal(state["weight_hh_l1"], layer.weight_hh_l1.data.T)
        np.testing.assert_array_equal(state["bias_hh_l1"], layer.bias_hh_l1.data)


X = np.zeros((STEPS, BATCH, INPUTS))
GOOD, PAIR = np.zeros((1, BATCH, SIZE)), np.zeros((2, 1, BATCH, SIZE))
REFUSED = [
    (lambda: nn.LSTM(0, 4), "input_size must be >= 1"),
    (lambda: nn.LSTM(2, 4, 0), "num_layers must be >= 1"),
    (lambda: nn.LSTM(2, 4, 2, dropout=1.5), "dropout must be a probability, 0..1, got 1.5"),
    (lambda: nn.LSTM(2, 4, proj_size=3), "proj_size is 3.*pass proj_size=0"),
    (lambda: nn.RNN(2, 4, nonlinearity="sin"), "nonlinearity is 'sin'; expected 'tanh' or 'relu'"),
    (lambda: nn.RNNCell(2, 4, nonlinearity="sin"), "nonlinearity is 'sin'"),
    (lambda: made("LSTM", INPUTS, SIZE)(X[..., :1]), r"x has shape \(5, 3, 1\); expected"),
    (lambda: made("LSTM", INPUTS, SIZE)(X[0, 0]), r"x has shape \(2,\); expected"),
    (lambda: made("LSTM", INPUTS, SIZE)(X[:0]), "at least one step"),
    (lambda: made("GRU", INPUTS, SIZE, batch_first=True)(X[:, :0]), r"\(batch, steps, 2\)"),
    (lambda: made("LSTM", INPUTS, SIZE)(X, GOOD), "hx is a ndarray; expected the pair"),
    (
        lambda: made("LSTM", INPUTS, SIZE)(X, (GOOD, GOOD[0])),
        r"c0 has shape \(3, 4\); expected \(1",
    ),
    (lambda: made("GRU", INPUTS, SIZE)(X, PAIR), r"h0 has shape \(2, 1, 3, 4\); expected"),
    (lambda: made("GRU", INPUTS, SIZE)(X[:, 0], GOOD), r"expected \(1, 4\)"),
    (lambda: made("GRU", INPUTS, SIZE)(X, lengths=[1, 2]), "expected 3 integers, one for each"),
    (lambda: made("GRU", INPUTS, SIZE)(X, lengths=[1.0, 2.0, 3.0]), "dtype float64; expected 3"),
    (lambda: made("GRU", INPUTS, SIZE)(X, lengths=[1, 0, 3]), r"lengths\[1\] is 0; expected 1..5"),
    (lambda: made("GRU", INPUTS, SIZE)(X, lengths=[1, 2, 6]), r"lengths\[2\] is 6; expected 1..5"),
    (lambda: made("GRUCell", INPUTS, SIZE)(X), "a cell computes one step"),
    (
        lambda: made("LSTMCell", INPUTS, SIZE)(X[0], [1, 2, 3]),
        "hx has 3 entries; expected the pair",
    ),
    (lambda: made("LSTMCell", INPUTS, SIZE)(X[0], 0.0), "hx is a float; expected the pair"),
    (lambda: made("GRUCell", INPUTS, SIZE)(X[0], GOOD), "GRUCell: hx has shape"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refusals(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# PyTorch --------------------------------------------------------------------------------------


def numbers(tensors):
    return [tensor.detach().numpy() for tensor in tensors]


@pytest.mark.parametrize("lengths", [None, [STEPS, 2, 1]], ids=["full", "lengths"])
@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_layer_is_that_of_pytorch(kind, options, lengths):
    torch = pytest.importorskip("torch")
    ours = made(kind, INPUTS, SIZE, **options)
    theirs = getattr(torch.nn, kind)(INPUTS, SIZE, **options, dtype=torch.float64)
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in to_pytorch(ours).items()})
    shape = (BATCH, STEPS, INPUTS) if ours.batch_first else (STEPS, BATCH, INPUTS)
    x, (states, hx) = Tensor(drawn(*shape), True), states_of(kind, count_of(options), BATCH, SIZE)
    inputs = [torch.from_numpy(t.data.copy()).requires_grad_() for t in (x, *states)]
    given, start = inputs[0], tuple(inputs[1:]) if kind == "LSTM" else inputs[1]
    if lengths is not None:
        rnn = torch.nn.utils.rnn
        given = rnn.pack_padded_sequence(given, lengths, ours.batch_first, enforce_sorted=False)
    expected = theirs(given, start)
    if lengths is not None:
        expected = rnn.pad_packed_sequence(expected[0], ours.batch_first)[0], expected[1]
    found, expected = flat(ours(x, hx, lengths=lengths)), flat(expected)
    assert_close(found, numbers(expected))
    leaves = [x, *states, *ours.parameters()]
    cotangents = [torch.from_numpy(drawn(*t.shape, seed=20 + i)) for i, t in enumerate(expected)]
    wanted = torch.autograd.grad(expected, [*inputs, *theirs.parameters()], cotangents)
    parameters = zip(ours.named_parameters(), wanted[len(inputs) :], strict=True)
    turned = [g.T if name in ours.transposed else g for (name, _), g in parameters]
    assert_close(gradients(found, leaves), numbers([*wanted[: len(inputs)], *turned]))


@pytest.mark.parametrize("kind", KINDS)
def test_cell_is_that_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    ours = made(kind + "Cell", INPUTS, SIZE)
    theirs = getattr(torch.nn, kind + "Cell")(INPUTS, SIZE, dtype=torch.float64)
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    x, (states, hx) = drawn(BATCH, INPUTS), states_of(kind, BATCH, SIZE)
    copies = [torch.from_numpy(state.data.copy()) for state in states]
    expected = theirs(torch.from_numpy(x), tuple(copies) if kind == "LSTM" else copies[0])
    assert_close(flat(ours(x, hx)), numbers(flat(expected)))


@pytest.mark.parametrize("kind", KINDS)
def test_signature_is_that_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        theirs = getattr(torch.nn, kind)(3, 4, 2, bias=False, dropout=0.5, bidirectional=True)
    ours = getattr(nn, kind)(3, 4, 2, bias=False, dropout=0.5, bidirectional=True)
    assert [name for name, _ in ours.named_parameters()] == [*theirs.state_dict()]

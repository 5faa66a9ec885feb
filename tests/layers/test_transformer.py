"""Tests of the block that a transformer repeats: both orders of normalisation, masks, dropout,
captured steps, and PyTorch.
"""

import itertools

import numpy as np
import pytest

import nn
from tinygrad_edu import Tensor, capture, check_gradients

from .attention_cases import L, N, assert_close, compare_gradients, copied, drawn, made

BLOCKS = [
    {},
    {"norm_first": True},
    {"norm_first": True, "activation": "gelu", "causal": True},
    {"activation": "silu", "bias": False, "batch_first": False, "causal": True},
]
WIDTH, HIDDEN = 4, 5
blocks = pytest.mark.parametrize("options", BLOCKS, ids=str)


def block_of(options, dropout=0.0):
    return made(nn.TransformerBlock, WIDTH, 2, HIDDEN, dropout, **options)


@blocks
def test_block_is_what_its_docstring_has(options):
    block = block_of(options)
    first = block.batch_first = block.self_attn.batch_first
    x = drawn(N, L, WIDTH)
    turn = (lambda x: x) if first else (lambda x: np.swapaxes(x, 0, 1))

    def attend(x):
        given = Tensor(turn(getattr(x, "data", x)))
        return turn(block.self_attn(given, is_causal=options.get("causal", False))[0].data)

    def norm(layer, x):
        scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return scaled * layer.weight.data + (0 if layer.bias is None else layer.bias.data)

    def feed(x):
        return block.linear2(block.activation(block.linear1(x))).data

    if options.get("norm_first"):
        expected = x + attend(norm(block.norm1, x))
        expected = expected + feed(norm(block.norm2, expected))
    else:
        expected = norm(block.norm1, x + attend(x))
        expected = norm(block.norm2, expected + feed(expected))
    assert_close(turn(block(turn(x)).data), expected)


@blocks
def test_gradients_of_a_block(options):
    block, x = block_of(options), Tensor(drawn(2, 2, WIDTH), True)
    check_gradients(lambda x, *parameters: block(x), x, *block.parameters())


def test_a_causal_block_does_not_look_ahead():
    x = drawn(1, L, WIDTH)
    later = x.copy()
    later[:, 1:] += 1
    block, other = block_of({"causal": True}), block_of({})
    assert_close(block(x)[:, 0], block(later).data[:, 0])
    assert_close(other(x, is_causal=True), block(x).data)
    assert_close(other(x, src_mask=np.triu(np.ones((L, L), bool), 1)), block(x).data)
    assert abs(other(x).data - other(later).data)[:, 0].max() > 0.01


def test_padding_of_a_block_is_not_seen():
    block, x = block_of({"norm_first": True}), drawn(2, L, WIDTH)
    padding = np.array([[False] * L, [False, False, True]])
    expected = block(x[1:, :2])
    x[1, 2] = 100.0
    assert_close(block(x, src_key_padding_mask=padding)[1:, :2], expected.data)


def test_dropout_of_a_block_has_one_generator_and_resumes():
    block, x = block_of({}, dropout=0.5), drawn(N, L, WIDTH)
    generators = {id(m.generator) for m in block.modules() if hasattr(m, "generator")}
    assert len(generators) == 1
    state = block.state_dict()
    first, second = block(x).data, block(x).data
    assert (first != second).any()
    block.load_state_dict(state)
    np.testing.assert_array_equal(block(x).data, first)
    assert_close(block.eval()(x), block_of({})(x).data)


def test_a_captured_block_is_bit_identical():
    def training(wrap):
        block = made(nn.TransformerBlock, WIDTH, 2, HIDDEN, 0.0, "gelu", causal=True,
                     norm_first=True, dtype="float32")  # fmt: skip
        optimizer = nn.SGD(block.parameters(), lr=0.1)

        def step(x, padding):
            loss = (block(x, src_key_padding_mask=padding) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(step)
        x, padding = drawn(N, L, WIDTH).astype(np.float32), np.zeros((N, L), bool)
        losses = []
        for i in range(6):
            padding[i % N, -1] = True
            losses.append(step(i * x, padding.copy()).data)
        return losses, block.state_dict(), step

    losses, state, _ = training(lambda step: step)
    again, replayed, step = training(capture)
    assert step.recordings < 6
    np.testing.assert_array_equal(losses, again)
    for name, values in state.items():
        np.testing.assert_array_equal(values, replayed[name], err_msg=name)


def test_dropout_of_a_captured_step_draws_as_the_step_would():
    def losses(wrap):
        generator = np.random.default_rng(0)
        block = nn.TransformerBlock(WIDTH, 2, HIDDEN, 0.3, generator=generator)
        lstm = nn.LSTM(WIDTH, 3, 2, dropout=0.4, generator=generator, batch_first=True)
        step = wrap(lambda x: (lstm(block(x))[0] ** 2).mean())
        found = [step(drawn(N, L, WIDTH)).item() for _ in range(6)]
        return found, generator.random(), step

    *expected, _ = losses(lambda step: step)
    *found, step = losses(capture)
    assert found == expected
    assert step.recordings < 6


def test_an_own_activation():
    block = nn.TransformerBlock(WIDTH, 2, HIDDEN, activation=np.tanh)
    assert block.activation is np.tanh
    assert block(drawn(N, L, WIDTH)).shape == (N, L, WIDTH)
    assert repr(nn.TransformerBlock(4, 2, 8, causal=True)).startswith(
        "TransformerBlock(4, nhead=2, dim_feedforward=8, causal=True\n"
    )


REFUSED = [
    (lambda: nn.TransformerBlock(6, 4), "d_model 6 must be divisible by nhead 4"),
    (lambda: nn.TransformerBlock(6, 2, activation="sin"), "expected one of relu, gelu, silu"),
    (lambda: nn.TransformerBlock(6, 2, 0), "dim_feedforward must be >= 1"),
    (lambda: nn.TransformerBlock(6, 2, dropout=-1), "dropout must be >= 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


TORCH_BLOCKS = [
    {"norm_first": a, "activation": b, "bias": c, "batch_first": d}
    for (a, b), c, d in itertools.product(
        [(False, "relu"), (True, "gelu")], [False, True], [False, True]
    )
]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("options", TORCH_BLOCKS, ids=str)
def test_block_is_that_of_pytorch(options, causal):
    torch = pytest.importorskip("torch")
    layer = torch.nn.TransformerEncoderLayer
    ours, theirs = copied(
        block_of({**options, "causal": causal}),
        layer(WIDTH, 2, HIDDEN, 0.0, **options, dtype=torch.float64),
        torch,
    )
    x = drawn(*((N, L) if options["batch_first"] else (L, N)), WIDTH)
    tensor, copy = Tensor(x, True), torch.tensor(x, requires_grad=True)
    mask = torch.ones(L, L, dtype=torch.bool).triu(1) if causal else None
    output, expected = ours(tensor), theirs(copy, mask)
    assert_close(output, expected.detach().numpy())
    compare_gradients(ours, theirs, (expected, [copy]), (output, [tensor]))
    assert_close(ours.eval()(x), theirs.eval()(torch.tensor(x), mask).detach().numpy())

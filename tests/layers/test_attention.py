"""Tests that attention is what the textbook has, head by head, and what PyTorch computes.

Masks of each kind, cross attention, causal attention, dropout, weights, and positions.
"""

import numpy as np
import pytest

import nn
from tinygrad_edu import Tensor, check_gradients, grad, scaled_dot_product_attention

from .attention_cases import (
    HEADS,
    E,
    L,
    N,
    S,
    assert_close,
    compare_gradients,
    copied,
    drawn,
    made,
)

PAIRS = np.array([[0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]], bool)
PADDING = np.array([[0, 0, 0, 1], [0, 0, 1, 1]], bool)
MASKS = {
    "none": {},
    "causal": {"is_causal": True},
    "pairs": {"attn_mask": PAIRS},
    "pairs of each head": {"attn_mask": np.array([PAIRS, ~PAIRS, PAIRS, PAIRS])},
    "added": {"attn_mask": drawn(L, S)},
    "added to each head": {"attn_mask": drawn(N * HEADS, L, S)},
    "padding": {"key_padding_mask": PADDING},
    "added padding": {"key_padding_mask": drawn(N, S)},
    "pairs and padding": {"attn_mask": np.roll(PAIRS, 1, 1), "key_padding_mask": PADDING},
    "pairs and added padding": {"attn_mask": PAIRS, "key_padding_mask": drawn(N, S)},
    "added and padding": {"attn_mask": drawn(L, S), "key_padding_mask": PADDING},
    "causal and padding": {"is_causal": True, "key_padding_mask": PADDING},
}
masked = pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS.keys())


def scores_to_add(masks):
    """All masks as numbers that are added to the scores, of shape (N, HEADS, L, S)."""
    total = np.zeros((N, HEADS, L, S))
    if masks.get("is_causal"):
        total = total + np.where(np.arange(L)[:, None] < np.arange(S), -np.inf, 0)
    for name, shape in [("attn_mask", (-1, HEADS, L, S)), ("key_padding_mask", (N, 1, 1, S))]:
        if name in masks:
            mask = masks[name]
            mask = np.where(mask, -np.inf, 0) if mask.dtype == bool else mask
            mask = mask if mask.ndim == 2 and name == "attn_mask" else mask.reshape(shape)
            total = total + mask
    return total


def by_hand(attention, query, key, value, masks):
    """Compute the output and the weights of each head with NumPy."""
    if attention.in_proj_weight is not None:
        projections = np.split(attention.in_proj_weight.data, 3, axis=1)
    else:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        projections = [getattr(attention, name).data for name in names]
    biases = np.zeros((3, E))
    if attention.in_proj_bias is not None:
        biases = attention.in_proj_bias.data.reshape(3, E)
    q, k, v = (x @ w + b for x, w, b in zip((query, key, value), projections, biases, strict=True))
    add, size = scores_to_add(masks), E // HEADS
    output, weights = np.zeros((N, L, E)), np.zeros((N, HEADS, L, S))
    for n, head in np.ndindex(N, HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = np.exp(q[n, :, part] @ k[n, :, part].T / np.sqrt(size) + add[n, head])
        weights[n, head] = scores / scores.sum(axis=1, keepdims=True)
        output[n, :, part] = weights[n, head] @ v[n, :, part]
    bias = 0 if attention.out_proj.bias is None else attention.out_proj.bias.data
    return output @ attention.out_proj.weight.data + bias, weights


SIZES = {"equal": {}, "kdim": {"kdim": 5}, "kdim and vdim": {"kdim": 5, "vdim": 7, "bias": False}}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@masked
def test_attention_is_what_the_textbook_has(masks, sizes):
    attention = made(nn.MultiheadAttention, E, HEADS, batch_first=True, **sizes)
    inputs = [drawn(N, L, E), drawn(N, S, sizes.get("kdim", E)), drawn(N, S, sizes.get("vdim", E))]
    output, weights = attention(*inputs, average_attn_weights=False, **masks)
    expected = by_hand(attention, *inputs, masks)
    assert_close(output, expected[0])
    assert_close(weights, expected[1])
    assert_close(attention(*inputs, **masks)[1], expected[1].mean(axis=1))
    attention.batch_first = False
    turned = [x.swapaxes(0, 1) for x in inputs]
    output, weights = attention(*turned, need_weights=False, **masks)
    assert weights is None
    assert_close(output, expected[0].swapaxes(0, 1))


@pytest.mark.parametrize("is_causal", [False, True])
def test_self_attention_is_attention_to_equal_sequences(is_causal):
    attention, x = made(nn.MultiheadAttention, E, HEADS, batch_first=True), drawn(N, L, E)
    tensors = [Tensor(x, True) for _ in range(4)]
    alone, _ = attention(tensors[0], is_causal=is_causal)
    pairs, _ = attention(*tensors[1:], is_causal=is_causal)
    assert_close(alone, pairs.data)
    assert_close(attention(x, x)[0] if not is_causal else alone, alone.data)
    g, parameters = drawn(N, L, E, seed=2), attention.parameters()
    found = grad(alone, [tensors[0], *parameters], g)
    others = grad(pairs, [*tensors[1:], *parameters], g)
    assert_close(found[0], sum(others[:3]))
    for one, other in zip(found[1:], others[3:], strict=True):
        assert_close(one, other)


def test_one_sequence_is_a_batch_of_one():
    attention = made(nn.MultiheadAttention, E, HEADS)
    query, key = drawn(L, E), drawn(S, E)
    masks = {"key_padding_mask": PADDING[0], "attn_mask": PAIRS}
    output, weights = attention(query, key, **masks)
    batch = attention(query[:, None], key[:, None], None, PADDING[:1], attn_mask=PAIRS)
    assert (output.shape, weights.shape) == ((L, E), (L, S))
    assert_close(output, batch[0].data[:, 0])
    assert_close(weights, batch[1].data[0])


@masked
def test_gradients_to_second_order(masks):
    attention = made(nn.MultiheadAttention, E, HEADS, batch_first=True)
    leaves = [Tensor(0.1 * drawn(N, n, E), True) for n in (L, S, S)]
    check_gradients(lambda *x: attention(*x, **masks)[0][:1], *leaves)
    small = made(nn.MultiheadAttention, 2, 1)
    x = Tensor(drawn(2, 1, 2), True)
    check_gradients(lambda x, *p: small(x, is_causal=True)[0], x, *small.parameters(), order=2)


def test_a_query_that_may_see_nothing_gets_zeros():
    attention = made(nn.MultiheadAttention, E, HEADS, batch_first=True)
    x = Tensor(drawn(N, L, E), True)
    hidden = np.array([[True] * L, [False] * L])
    output, weights = attention(x, key_padding_mask=hidden)
    assert not weights.data[0].any()
    assert_close(output[0], np.tile(attention.out_proj.bias.data, (L, 1)))
    assert all(np.isfinite(g).all() for g in grad(output.sum(), [x, *attention.parameters()]))
    added = np.full((L, L), -np.inf)
    assert not scaled_dot_product_attention(*[x.data] * 3, added).any()


def test_large_scores_do_not_overflow():
    x = 1e4 * drawn(N, L, E).astype(np.float32)
    out = scaled_dot_product_attention(x, x, x, is_causal=True)
    assert np.isfinite(out).all()
    assert out.dtype == np.float32
    half = (x / 200).astype(np.float16)
    assert np.isfinite(scaled_dot_product_attention(half, half, half, is_causal=True)).all()


def test_a_mask_that_is_learned():
    mask = Tensor(drawn(L, S), True)
    shapes = [(L, E), (S, E), (S, E)]
    arrays = [drawn(*shape, seed=i) for i, shape in enumerate(shapes)]
    check_gradients(lambda mask: scaled_dot_product_attention(*arrays, mask), mask, order=2)
    attention = made(nn.MultiheadAttention, E, HEADS)
    output, _ = attention(*arrays, attn_mask=mask, key_padding_mask=PADDING[0])
    output.sum().backward()
    assert not mask.grad[:, 3].any()
    assert mask.grad[:, :3].all()


def test_dropout_of_weights_while_training():
    attention = made(nn.MultiheadAttention, E, HEADS, 0.5, batch_first=True)
    x = drawn(N, L, E)
    state = attention.state_dict()
    output, weights = attention(x, average_attn_weights=False)
    kept = weights.data != 0
    assert kept.any()
    assert not kept.all()
    attention.load_state_dict(state)
    assert_close(attention(x)[0], output.data)
    plain = made(nn.MultiheadAttention, E, HEADS, batch_first=True)
    expected, all_weights = plain(x, average_attn_weights=False)
    assert_close(weights, np.where(kept, 2 * all_weights.data, 0))
    assert_close(attention.eval()(x)[0], expected.data)


def test_positions():
    found = nn.sinusoidal_positions(5, 3, base=100.0, dtype="float64")
    for position, column in np.ndindex(5, 3):
        wave = np.cos if column % 2 else np.sin
        angle = position / 100.0 ** (column // 2 * 2 / 3)
        np.testing.assert_allclose(found[position, column], wave(angle), atol=1e-15)
    assert nn.sinusoidal_positions(2, 4).dtype == np.float32


def attention(*inputs, **masks):
    return made(nn.MultiheadAttention, E, HEADS)(*inputs, **masks)


INTEGERS, X = np.ones((L, L), int), drawn(L, N, E)
X3 = drawn(N, L, E)
REFUSED = [
    (lambda: nn.MultiheadAttention(6, 4), "embed_dim 6 must be divisible by num_heads 4"),
    (lambda: nn.MultiheadAttention(6, 2, 2.0), "dropout must be a probability"),
    (lambda: nn.MultiheadAttention(6, 2, add_bias_kv=True), "pass add_bias_kv=False"),
    (lambda: nn.MultiheadAttention(6, 2, add_zero_attn=True), "pass add_zero_attn=False"),
    (lambda: nn.MultiheadAttention(6, 2, kdim=0), "kdim must be >= 1"),
    (lambda: attention(X[..., :2]), r"expected \[6, 6, 6\] features"),
    (lambda: attention(X, X[0]), r"expected \(length, batch, features\)"),
    (lambda: attention(X[None]), "for one sequence"),
    (lambda: attention(X, X[:, :1]), "equal batches"),
    (lambda: attention(X, X, X[:1]), "as many values as keys"),
    (lambda: attention(X, attn_mask=PAIRS), r"attn_mask has shape \(3, 4\)"),
    (lambda: attention(X, attn_mask=INTEGERS), "of dtype int64"),
    (lambda: attention(X, key_padding_mask=PAIRS), r"expected \(2, 3\)"),
    (lambda: nn.sinusoidal_positions(0, 2), "length must be >= 1"),
    (lambda: nn.sinusoidal_positions(2, 2, base=1), "base must be > 1"),
    (lambda: scaled_dot_product_attention(X3[0, 0], X3, X3), r"expected \(..., length, features\)"),
    (lambda: scaled_dot_product_attention(X3, X3, X3, enable_gqa=True, is_causal=True), None),
    (lambda: scaled_dot_product_attention(X3[0], X3, X3, enable_gqa=True), "heads, length"),
    (lambda: scaled_dot_product_attention(X3, X3[:1], X3, enable_gqa=True), "must be a multiple"),
    (lambda: scaled_dot_product_attention(X3, X3[..., :2], X3), "query has 6 features and key 2"),
    (lambda: scaled_dot_product_attention(X3, X3, X3[:, :1]), "there are 3 keys, but 1 values"),
    (lambda: scaled_dot_product_attention(X3, X3, X3, PAIRS), r"does not broadcast to the scores"),
    (lambda: scaled_dot_product_attention(X3, X3, X3, X3[None, ..., :3]), "does not broadcast"),
    (lambda: scaled_dot_product_attention(X3, X3, X3, INTEGERS), "attn_mask of dtype int64"),
    (lambda: scaled_dot_product_attention(X3, X3, X3, dropout_p=2), "expected a probability"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[str(message) for _, message in REFUSED])
def test_refusals(call, message):
    if message is None:  # the same call with fitting shapes
        call()
        return
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# PyTorch --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@masked
def test_attention_is_that_of_pytorch(masks, sizes, average):
    torch = pytest.importorskip("torch")
    ours, theirs = copied(
        made(nn.MultiheadAttention, E, HEADS, batch_first=average, **sizes),
        torch.nn.MultiheadAttention(E, HEADS, batch_first=average, dtype=torch.float64, **sizes),
        torch,
    )
    shapes = [(N, L, E), (N, S, sizes.get("kdim", E)), (N, S, sizes.get("vdim", E))]
    tensors = [Tensor(drawn(*shape).swapaxes(0, 1 - average), True) for shape in shapes]
    copies = [torch.from_numpy(t.data.copy()).requires_grad_() for t in tensors]
    output, weights = ours(*tensors, average_attn_weights=average, **masks)
    masks = {name: torch.tensor(mask) for name, mask in masks.items() if name != "is_causal"} | (
        {"attn_mask": torch.ones(L, S, dtype=torch.bool).triu(1)} if "is_causal" in masks else {}
    )
    expected, others = theirs(*copies, average_attn_weights=average, **masks)
    assert_close(output, expected.detach().numpy())
    assert_close(weights, others.detach().numpy())
    compare_gradients(ours, theirs, (expected, copies), (output, tensors))


def test_function_is_that_of_pytorch_in_float32():
    torch = pytest.importorskip("torch")
    x = drawn(N, HEADS, 40, 8).astype(np.float32)
    theirs = torch.nn.functional.scaled_dot_product_attention
    expected = theirs(*[torch.tensor(x)] * 3, is_causal=True).numpy()
    found = scaled_dot_product_attention(x, x, x, is_causal=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)

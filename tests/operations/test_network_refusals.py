"""Tests that convolution, pooling, normalisation, dropout, tables and losses refuse what does not
fit, in one line that names what was found and what was expected.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import Tensor, one_hot


def leaf(values):
    return Tensor(np.asarray(values, float), requires_grad=True)


def drawn(*shape):
    return np.random.default_rng(0).normal(size=shape)


X, W, Z = leaf(drawn(2, 4, 5, 5)), leaf(drawn(6, 4, 3, 3)), leaf(drawn(2, 3))
G, H = leaf(drawn(4, 2, 12)), leaf(drawn(2, 3))
BINARY = tg.binary_cross_entropy_with_logits

BAD = {
    "no batch": (lambda: tg.conv2d(X[0], W), r"conv2d: .*\(4, 5, 5\).*\(6, 4, 3, 3\).*x\[None\]"),
    "no sequences": (lambda: tg.conv1d(X, W), r"conv1d: .*\(N, channels, length\)"),
    "a number": (lambda: tg.conv2d(X, 2.0), r"weight of shape \(\)"),
    "channels": (lambda: tg.conv2d(X, W[:, :3]), r"4 channels.*takes 3; .*\(6, 4, 3, 3\)"),
    "channels of groups": (
        lambda: tg.conv2d(X, W, groups=2), r"4 channels.*takes 4 in each of 2.*\(6, 2, 3, 3\)"),
    "groups": (lambda: tg.conv2d(X, W, groups=4), "groups=4 must divide.* 4 .* 6 outputs"),
    "no groups": (lambda: tg.conv2d(X, W, groups=0), "groups is 0"),
    "bias": (lambda: tg.conv2d(X, W, np.ones(4)), r"bias of shape \(6,\).*got \(4,\)"),
    "kernel": (lambda: tg.conv2d(X[:, :, :2], W), r"kernel of \(3, 3\).*input of \(2, 5\)"),
    "dilated": (lambda: tg.conv2d(X, W, dilation=4, padding=1), r"\(9, 9\) by dil.*padded to"),
    "stride": (lambda: tg.conv2d(X, W, stride=0), "stride is 0; expected a whole number >= 1"),
    "strides": (lambda: tg.conv2d(X, W, stride=(1, 1, 1)), "or 2 of them"),
    "half a stride": (lambda: tg.conv2d(X, W, stride=1.5), "stride is 1.5"),
    "padding": (lambda: tg.conv2d(X, W, padding=-1), "padding is -1; expected .* >= 0"),
    "padding word": (lambda: tg.conv2d(X, W, padding="full"), "'full'; expected numbers, 'same'"),
    "same": (lambda: tg.conv2d(X, W, padding="same", stride=2), "'same' needs stride 1"),
    "pool": (lambda: tg.max_pool2d(X, 6), r"kernel of \(6, 6\).*\(5, 5\)"),
    "pool padding": (lambda: tg.avg_pool2d(X, 3, padding=2), r"padding of \(2, 2\).*\(3, 3\)"),
    "pool axes": (lambda: tg.max_pool2d(leaf([1.0]), 1), r"\(1,\).*expected images"),
    "pool number": (lambda: tg.max_pool2d(1.0, 1), r"\(\).*expected images"),
    "windows": (lambda: tg.sliding_windows(leaf([1.0]), (1, 1)), r"needs 2 axes.*\(1,\)"),
    "few windows": (lambda: tg.overlap_add(X, (2, 4, 8)), r"\(2, 4, 5, 5\).*\(2, 4, 8\).*expected"),
    "no windows": (lambda: tg.overlap_add(X, X.shape), "one axis more"),
    "too many windows": (lambda: tg.overlap_add(X, (9,)), "one axis more"),
    "one axis": (lambda: tg.batch_norm(leaf([1.0])), r"\(1,\).*\(N, channels, \.\.\.\)"),
    "one value": (lambda: tg.batch_norm(leaf([[1.0, 2.0]])), r"\(1, 2\).*at most one value"),
    "mean alone": (lambda: tg.batch_norm(X, mean=np.ones(4)), "only one of mean and variance"),
    "scale": (lambda: tg.batch_norm(X, np.ones(5)), r"weight of shape \(5,\).*expected \(4,\)"),
    "variance": (
        lambda: tg.batch_norm(X, mean=np.ones(4), variance=np.ones((4, 1))), r"variance.*\(4, 1\)"),
    "eps": (lambda: tg.layer_norm(X, eps=0), "eps is 0"),
    "shift": (
        lambda: tg.layer_norm(Z, np.ones(3), np.ones(2)), r"bias of shape \(2,\).*expected \(3,\)"),
    "nothing to average": (lambda: tg.layer_norm(Z[:, :0]), r"\(2, 0\).*nothing to average"),
    "probability": (lambda: tg.dropout(Z, 1.5), "p is 1.5.*0..1"),
    "not a probability": (lambda: tg.dropout(Z, np.nan), "p is nan"),
    "index": (lambda: tg.embedding([[0, 1], [2, 0]], Z), r"index 2 at \(1, 0\); expected 0..1"),
    "index below": (lambda: tg.embedding([0, -1], Z), r"index -1 at \(1,\)"),
    "table": (lambda: tg.embedding([0], Z[0]), r"weight of shape \(3,\); expected \(rows, feat"),
    "one_hot": (lambda: one_hot([0, 3], 3), r"label 3 at \(1,\); expected 0..2"),
    "one_hot below": (lambda: one_hot([0, -3]), "label -3"),
    "one_hot of nothing": (lambda: one_hot([]), "no labels to count the classes"),
    "label": (lambda: tg.nll_loss(Z, [0, 3]), r"nll_loss: label 3 in row 1; with 3 .* 0..2"),
    "label below": (lambda: tg.cross_entropy(Z, [-1, 0], weight=[1, 1, 1]), "label -1 in row 0"),
    "label of a place": (
        lambda: tg.cross_entropy(leaf(drawn(2, 3, 2)), [[0, 1], [1, 7]]), r"label 7 at \(1, 1\)"),
    "labels shape": (lambda: tg.cross_entropy(Z, [[0], [1]]), r"\(2, 3\).*\(2, 1\).*reshape\(-1\)"),
    "column of labels": (lambda: tg.nll_loss(Z, [[0], [1]]), r"scores of .*\(2, 3\).*\(2, 1\)"),
    "all ignored": (lambda: tg.cross_entropy(Z, [-100, -100]), "only labels that are ignored, "),
    "all weigh 0": (lambda: tg.cross_entropy(Z, [0, 0], weight=[0, 1, 1]), "labels of weight 0"),
    "no rows": (lambda: tg.nll_loss(Z[:0], np.zeros(0, int)), "no labels, and so no average"),
    "weights": (lambda: tg.nll_loss(Z, [0, 1], weight=[1, 2]), r"\(2,\); expected \(3,\)"),
    "weight below": (lambda: tg.nll_loss(Z, [0, 1], weight=[1, -2, 1]), r"is -2.0 at \(1,\)"),
    "smoothing": (lambda: tg.cross_entropy(Z, [0, 1], label_smoothing=2), "is 2; expected 0..1"),
    "reduction": (lambda: tg.cross_entropy(Z, [0, 1], reduction="avg"), "'avg'; expected one of"),
    "batchmean": (lambda: tg.mse_loss(Z, Z, reduction="batchmean"), "'batchmean'; expected one"),
    "batchmean of a number": (
        lambda: tg.kl_div(Z[0, 0], 1.0, reduction="batchmean"), r"\(N, \.\.\.\)"),
    "column": (
        lambda: tg.mse_loss(leaf([1.0, 2.0]), [[1.0], [2.0]]),
        r"mse_loss: .*\(2,\).*\(2, 1\).*targets\.reshape\(\(2,\)\)"),
    "broadcast": (lambda: tg.l1_loss(Z, np.ones(3)), r"\(2, 3\).*\(3,\).*must be the same$"),
    "nothing": (lambda: tg.huber_loss(Z[:0], Z[:0]), "no elements have no average"),
    "delta": (lambda: tg.huber_loss(Z, Z, delta=0), "delta is 0"),
    "hinge": (lambda: tg.hinge_loss(leaf([1.0, 2.0]), [1, 0]), r"target 0.0 at \(1,\).*2 \* t"),
    "kl": (lambda: tg.kl_div(leaf([1.0]), [-0.5]), r"target -0.5 at \(0,\)"),
    "binary": (lambda: BINARY(leaf([1.0]), [2.0], reduction="sum"), r"target 2.0 at \(0,\)"),
    "binary weight": (
        lambda: BINARY(Z, np.ones((2, 3)), weight=[1, 2]), r"weight of shape \(2,\).*\(2, 3\)"),
    "larger weight": (
        lambda: BINARY(Z[0], np.ones(3), pos_weight=np.ones((2, 3))), r"pos_weight.*\(2, 3\)"),
    "recurrent weight": (
        lambda: tg.lstm_sequence(G, G[0], H, H), r"lstm_sequence: weight.*\(2, 12\).*4 \* size"),
    "recurrent weight, square": (
        lambda: tg.rnn_sequence(H[None], H, H), r"rnn_sequence: weight.*\(2, 3\).*\(size, size\)"),
    "recurrent weight, axes": (lambda: tg.rnn_sequence(G, G, H), r"weight of shape \(4, 2, 12\)"),
    "gates": (lambda: tg.gru_sequence(G, drawn(3, 9), np.ones(9), H), r"gates.*3 \* size.*size 3"),
    "no steps": (lambda: tg.lstm_sequence(G[:0], drawn(3, 12), H, H), "at least one step"),
    "one step": (lambda: tg.lstm_sequence(G[0], drawn(3, 12), H, H), r"\(steps, batch, 4"),
    "state": (
        lambda: tg.lstm_sequence(G, drawn(3, 12), H, H[0]), r"c0 of shape \(3,\); .*\(2, 3\)"),
    "recurrent bias": (
        lambda: tg.gru_sequence(G[..., :9], drawn(3, 9), np.ones(3), H), r"bias.*\(9,\)"),
    "nonlinearity": (
        lambda: tg.rnn_sequence(G[..., :3], drawn(3, 3), H, nonlinearity="sin"), "'tanh' or 're"),
    "no query": (lambda: tg.scaled_dot_product_attention(H[0], H, H), r"\(..., length, features\)"),
    "features": (lambda: tg.scaled_dot_product_attention(H, H[:, :2], H), "3 features and key 2"),
    "values": (lambda: tg.scaled_dot_product_attention(H, H, H[:1]), "2 keys, but 1 values"),
    "mask": (
        lambda: tg.scaled_dot_product_attention(H, H, H, H > 0), r"\(2, 3\) does not broadcast"),
    "heads": (
        lambda: tg.scaled_dot_product_attention(X[:, :3], X[:, :2], X[:, :2], enable_gqa=True),
        "must be a multiple"),
    "no heads": (
        lambda: tg.scaled_dot_product_attention(H, H, H, enable_gqa=True), r"\(..., heads, length"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_refused(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


WRONG_TYPES = {
    "float labels": (lambda: tg.cross_entropy(Z, [0.0, 1.0], weight=[1, 1, 1]), "float64.*int"),
    "boolean labels": (lambda: tg.nll_loss(Z, [True, False]), "bool.*int"),
    "float indices": (lambda: tg.embedding([0.0], Z), "float64; expected integers"),
    "float classes": (lambda: one_hot([0.5]), "float64; expected integers"),
    "generator": (lambda: tg.dropout(Z, generator="seed"), "a str; expected a numpy.random"),
    "weight": (lambda: tg.nll_loss(Z, [0, 1], weight=leaf([1, 2, 3])), "no gradient flows to w"),
    "list of tensors": (lambda: tg.mse_loss([Z[0], Z[1]], np.ones((2, 3))), "stack"),
    "list of images": (lambda: tg.max_pool2d([X[0], X[1]], 2), "stack"),
    "mask, a number": (
        lambda: tg.scaled_dot_product_attention(H, H, H, True), "attn_mask is True.*is_causal"),
    "mask of integers": (
        lambda: tg.scaled_dot_product_attention(H, H, H, np.ones((2, 2), "i8")), "int64.*bool"),
    "list of kernels": (lambda: tg.conv2d(X, [W[0], W[1]]), "stack"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_types(name):
    call, message = WRONG_TYPES[name]
    with pytest.raises(TypeError, match=message):
        call()

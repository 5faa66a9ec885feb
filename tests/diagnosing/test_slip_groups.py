"""Tests the groups of slips that people make most: each kind in rows and in columns.

The groups are: known slips in NumPy's spelling, several at once, updates that come too early,
constant ratios, `=` for `+=`, factors left out on the way back, derivatives of activations, and
slips in one gradient alone. `test_slip_groups_of_layers` has the groups that belong to layers.
"""

import functools
from dataclasses import replace

import pytest

from tinygrad_edu.diagnosing import code_reading
from tinygrad_edu.following.repairing import Repair

from .slip_checks import (
    TEXTS,
    Slip,
    assert_all_named,
    assert_corrected,
    assert_named,
    checked,
    edited,
)

R, C = "rows_softmax", "columns_softmax"
RN, CN = "rows_net", "columns_net"
RL, CL = "rows_layers", "columns_layers"

# In words, or as the transpose of all.
TRANSPOSED = r"transpose|should be \(.*\)\.T"


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """The search ends after a time; here it must not depend on how busy the machine is."""
    monkeypatch.setattr(code_reading, "Repair", functools.partial(Repair, seconds=30.0))


@pytest.mark.parametrize("name", TEXTS)
def test_right_programs_agree(name, tmp_path):
    check = checked(TEXTS[name], name, tmp_path)
    assert check.agree, str(check)
    assert check.diagnoses == ()


def test_what_is_not_named_is_seen(tmp_path):
    """The test of a slip fails if the line, the words or the number of mistakes is another."""
    slip = Slip(R, "db1 = np.sum(dz, axis=0)", "db1 = np.mean(dz, axis=0)", "mean")
    text = edited(TEXTS[R], slip.before, slip.after)
    check = checked(text, R, tmp_path)
    assert_named(check, [slip])
    assert_corrected(text, check, R, tmp_path)
    for other in (
        slip._replace(line="db2 = np.sum"),
        slip._replace(words="the sign is flipped"),
    ):
        with pytest.raises(AssertionError):
            assert_named(check, [other])
    with pytest.raises(AssertionError):
        assert_named(replace(check, diagnoses=check.diagnoses * 2), [slip])
    with pytest.raises(AssertionError):
        assert_named(checked(TEXTS[R], R, tmp_path), [slip])
    (one,) = check.diagnoses
    wrong = replace(check, diagnoses=(replace(one, right="db1 = dz[0]"),))
    with pytest.raises(AssertionError):
        assert_corrected(text, wrong, R, tmp_path)


# 1. Known slips in NumPy's spelling -----------------------------------------------------------

SPELLINGS = {
    "mean forgotten, rows": Slip(
        R, "    dscores /= N\n", "", "mean over 7|7 times", "dscores"),
    "mean forgotten, columns": Slip(C, "db2 = 1.0 / m *", "db2 = 1.0 *", "mean over 7|7 times"),
    "mean taken twice, rows": Slip(
        R, "dh = dscores @ W2.T", "dh = dscores @ W2.T / N", "twice|1/7|/ N does not belong"),
    "mean taken twice, columns": Slip(
        C, "dW2 = 1.0 / m *", "dW2 = 1.0 / m / m *", "twice|1/7|/ m does not belong"),
    "sign, rows": Slip(R, "dW1 = X.T @ dz", "dW1 = -X.T @ dz", "sign"),
    "sign, columns": Slip(C, "dZ2 = A2 - Y", "dZ2 = Y - A2", "sign|wrong way round"),
    "W for W.T, rows": Slip(
        RL, "delta @ Ws[l + 1].T", "delta @ Ws[l + 1]", "transpose|should be .*T",
        "back = delta @ Ws[l + 1]"),
    "W for W.T, columns": Slip(
        CL, "dA = W[l + 1].T @ dZ", "dA = W[l + 1] @ dZ", "transpose|should be .*T"),
    "another layer's W, rows": Slip(
        RL, "back = delta @ Ws[l + 1].T", "back = delta @ Ws[l].T", r"layer|l should be l \+ 1"),
    "another layer's W, columns": Slip(
        CL, "dA = W[l + 1].T @ dZ", "dA = W[l].T @ dZ", r"layer|l should be l \+ 1"),
    "z for a, rows": Slip(
        R, "dW2 = h.T @ dscores", "dW2 = z.T @ dscores", "before|z .*instead of h"),
    "z for a, columns": Slip(
        C, "np.dot(dZ2, A1.T)", "np.dot(dZ2, Z1.T)", "before|Z1 .*instead of A1",
        "dW2 = 1.0 / m * np.dot(dZ2, Z1.T)"),
    "dW transposed, rows": Slip(
        RL, "grads[l] = acts[l].T @ delta", "grads[l] = delta.T @ acts[l]", TRANSPOSED),
    "dW transposed, columns": Slip(
        CL, "dW[3] = dZ @ A[2].T", "dW[3] = A[2] @ dZ.T", TRANSPOSED),
    "bias averaged, rows": Slip(
        R, "db1 = np.sum(dz, axis=0)", "db1 = np.mean(dz, axis=0)", "mean"),
    "bias averaged, columns": Slip(
        C, "db1 = 1.0 / m * np.sum(", "db1 = 1.0 / m * np.mean(", "mean"),
    "bias not summed, rows": Slip(
        R, "db2 = np.sum(dscores, axis=0)", "db2 = dscores[-1]", "not summed|last row"),
    "bias not summed, columns": Slip(
        C, "db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)", "db1 = 1.0 / m * dZ1[:, :1]",
        "summed|first column|sum"),
    "derivative forgotten, rows": Slip(R, "dz = dh * (z > 0)", "dz = dh", "derivative"),
    "derivative forgotten, columns": Slip(
        C, "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1", "derivative"),
    "derivative at the output, rows": Slip(
        RL, "sigmoid(zs[l]) * (1 - sigmoid(zs[l]))",
        "sigmoid(acts[l + 1]) * (1 - sigmoid(acts[l + 1]))", "output|after",
        "slope = sigmoid(acts[l + 1])"),
    "derivative at the output, columns": Slip(
        CL, "1 - np.tanh(Z[l]) ** 2", "1 - np.tanh(A[l]) ** 2", r"output|after|of Z\[l\]",
        "dZ = dA * (1 - np.tanh(A[l]) ** 2)"),
    "derivative at the input, rows": Slip(
        RN, "dz2 = da * (1 - a**2)", "dz2 = da * (1 - z2**2)", "input|before"),
    "derivative at the input, columns": Slip(
        C, "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * Z1 * (1 - Z1)", "input|before"),
    "another activation's derivative, rows": Slip(
        RN, "dz2 = da * (1 - a**2)", "dz2 = da * a * (1 - a)", "sigmoid .*for .*tanh"),
    "another activation's derivative, columns": Slip(
        C, "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * (1 - A1**2)",
        r"tanh .*for .*sigmoid|should be A1 \* \(1 - A1\)"),
    "labels of the wrong class, rows": Slip(
        R, "dscores[range(N), y] -= 1", "dscores[range(N), y - 1] -= 1",
        "class|- 1 does not belong"),
    "labels of the next sample, columns": Slip(
        C, "dZ2 = A2 - Y", "dZ2 = A2 - np.roll(Y, 1, axis=1)",
        "sample|1 should be 0|labels are off by a column"),
    "softmax over the wrong axis, rows": Slip(
        R, "p = e / np.sum(e, axis=1, keepdims=True)", "p = e / np.sum(e, axis=0)", "axis"),
    "softmax over the wrong axis, columns": Slip(
        C, "A2 = E / np.sum(E, axis=0, keepdims=True)", "A2 = E / np.sum(E, axis=1, keepdims=True)",
        "axis"),
}  # fmt: skip

# 3. Updated too early, and dW used instead of W ------------------------------------------------

EARLY = {
    "updated before the delta, rows": Slip(
        R, "dh = dscores @ W2.T", "dh = dscores @ (W2 - 0.1 * dW2).T", "changed|not belong"),
    "updated before the delta, in place, rows": Slip(
        R, "dh = dscores", "W2 = W2 - 0.3 * dW2\n    dh = dscores", "changed"),
    "updated before the delta, columns": Slip(
        C, "dA1 = np.dot(W2.T, dZ2)", "W2 -= 0.5 * dW2\n    dA1 = np.dot(W2.T, dZ2)",
        "changed|this line does not belong"),
    "dW for W, rows": Slip(
        RL, "back = delta @ Ws[l + 1].T", "back = delta @ grads[l + 1].T",
        "gradient of the weights|instead of Ws"),
    "dW for W, columns": Slip(
        C, "dA1 = np.dot(W2.T, dZ2)", "dA1 = np.dot(dW2.T, dZ2)", "gradient of the weights"),
}  # fmt: skip

# 4. Constant ratios, zeros, not finite, results that contain the step -------------------------

RATIOS = {
    "k times, rows": Slip(R, "dW1 = X.T @ dz", "dW1 = 3 * X.T @ dz", "3 times|3 .*not belong"),
    "k times, columns": Slip(
        C, "dA1 = np.dot(W2.T, dZ2)", "dA1 = 4 * np.dot(W2.T, dZ2)", "4 times|4 .*not belong"),
    "1/k, rows": Slip(RN, "da = dz3 @ W3.T", "da = dz3 @ W3.T / 5", "0.2 times|5 .*not belong"),
    "1/k, columns": Slip(CN, "dZ2 = dA2 *", "dZ2 = 0.25 * dA2 *", "0.25"),
    "m times, rows": Slip(R, "db1 = np.sum(dz", "db1 = N * np.sum(dz", "7 times|N .*not belong"),
    "m times, columns": Slip(C, "dW1 = 1.0 / m *", "dW1 =", "7 times|mean|m is missing"),
    "elements for rows, rows": Slip(
        R, "dscores /= N", "dscores /= p.size",
        "0.3333|1/3|p.size should be N|mean was taken over all elements"),
    "elements for rows, columns": Slip(
        CN, "dZ3 = A3 - Y", "dZ3 = (A3 - Y) / Y.shape[0]", "0.3333|1/3|not belong"),
    "zeros, rows": Slip(R, "dz = dh * (z > 0)", "dz = dh * (h < 0)", "<|every element is 0"),
    "zeros, columns": Slip(
        "columns_regularized", "np.int64(A1 > 0)", "np.int64(A1 < 0)", "<|every element is 0",
        "dZ1 = np.multiply(dA1, np.int64(A1 < 0))"),
    "zeros of another formula, columns": Slip(
        C, "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1 * (A1 < 0)", "every element is 0|derivative"),
    "not finite, rows": Slip(
        "rows_dropout", "da = dh * U", "da = dh / U", r"should be dh \* U|finite"),
    "not finite, columns": Slip(
        "columns_dropout", "dR1 = dA1 * D1 / keep_prob", "dR1 = dA1 / D1 / keep_prob",
        r"should be dA1 \* D1|finite"),
    "-lr g, rows": Slip(R, "dW1 = X.T @ dz", "dW1 = -0.1 * X.T @ dz", "-0.1|0.1 .*not belong"),
    "-lr g, columns": Slip(
        C, "db2 = 1.0 / m *", "db2 = -0.01 / m *", "-0.01"),
    "W - lr g, rows": Slip(
        R, "dW2 = h.T @ dscores", "dW2 = W2 - 0.1 * h.T @ dscores", "updated|W2 does not belong"),
    "W - lr g, columns": Slip(
        CN, "dW1 = (1 / m) * dZ1 @ X.T", "dW1 = W1 - 0.5 / m * dZ1 @ X.T",
        "updated|W1 does not belong"),
}  # fmt: skip

# 5. = for +=, and other mistakes in loops -----------------------------------------------------

LOOPS = {
    "over samples, rows": Slip(
        "rows_samples", "dW1 += np.outer(X[i], dz)", "dW1 = np.outer(X[i], dz)", "only the last"),
    "over samples, a bias, rows": Slip("rows_samples", "db1 += dz", "db1 = dz", "only the last"),
    "over samples, columns": Slip(
        "columns_samples", "nabla_w2 += np.dot(", "nabla_w2 = np.dot(", "only the last"),
    "over time steps, rows": Slip(
        "rows_rnn", "dWh += hs[t - 1].T @ dz", "dWh = hs[t - 1].T @ dz", "only the last"),
    "over time steps, columns": Slip(
        "columns_rnn", "dba += np.sum(dz", "dba = np.sum(dz", "only the last"),
    "over windows of a pool": Slip(
        "conv_taps", "dy[:, t : t + 2] += mask", "dy[:, t : t + 2] = mask", "only the last"),
    "over taps": Slip(
        "conv_taps", "dx[:, k : k + L] += dy", "dx[:, k : k + L] = dy", "only the last"),
    "over windows of a convolution": Slip(
        "conv_loops", "dw += np.einsum", "dw = np.einsum", "only the last"),
    "over windows, the padded input": Slip(
        "conv_loops", "j : j + 3] += np.einsum", "j : j + 3] = np.einsum", "only the last",
        "dxp[:, :, i : i + 3, j : j + 3] = np.einsum"),
    "over words": Slip(
        "embedding", "dE[words[i]] += dx[i]", "dE[words[i]] = dx[i]", "only the last"),
    "repeated indices": Slip(
        "embedding", "for i in range(len(words)):\n        dE[words[i]] += dx[i]",
        "dE[words] += dx", "np.add.at"),
    "break too early, rows": Slip(
        "rows_samples", "db1 += dz", "db1 += dz\n        if i == 3:\n            break",
        "break|3 should be", "if i == 3:"),
    "break too early, columns": Slip(
        "columns_rnn", "dWax += np.dot", "if t == 1:\n            break\n        dWax += np.dot",
        r"break|1 should be -|1 should be T_x", "if t == 1:"),
    "an index off by one, rows": Slip(
        "rows_samples", "dW1 += np.outer(X[i], dz)", "dW1 += np.outer(X[i - 1], dz)",
        "- 1 does not belong|i - 1 should"),
    "an index off by one, columns": Slip(
        "columns_rnn", "dWaa += np.dot(dz, a[t].T)", "dWaa += np.dot(dz, a[t + 1].T)",
        r"\+ 1 does not belong|t \+ 1 should"),
    "a range too short, rows": Slip(
        "rows_samples", "range(len(X))", "range(len(X) - 1)", "range|- 1",
        "for i in range(len(X) - 1):"),
    "a range too short, columns": Slip(
        "columns_samples", "range(X.shape[1])", "range(X.shape[0])", "0 should be 1|range|shape",
        "for k in range(X.shape[0]):"),
    "a range too short, taps": Slip(
        "conv_taps", "for t in range(P):", "for t in range(P - 1):", "range|- 1"),
}  # fmt: skip

# 6. A factor or a mask left out on the way back -----------------------------------------------

LEFT_OUT = {
    "dropout mask, rows": Slip("rows_dropout", "da = dh * U", "da = dh", "U is missing"),
    "dropout mask, columns": Slip(
        "columns_dropout", "dR1 = dA1 * D1 /", "dR1 = dA1 /", "D1|mask", "dR1"),
    "1 / keep, rows": Slip("rows_dropout", "da = dh * U", "da = dh * (U > 0)", "0.6 times|keep"),
    "1 / keep, columns": Slip(
        "columns_dropout", "dR1 = dA1 * D1 / keep_prob", "dR1 = dA1 * D1", "keep_prob|0.7"),
    "1 / sqrt(d), rows": Slip(
        "rows_dropout", "dh = dscores @ K / np.sqrt(H)", "dh = dscores @ K", r"sqrt\(H\)|2.236"),
    "1 / sqrt(d), columns": Slip(
        "columns_dropout", "(Z2 - Y) / np.sqrt(d_k)", "(Z2 - Y)", r"sqrt\(d_k\)|2.236",
        "dZ2 = 2 * mask * (Z2 - Y)"),
    "mask of the sequence, rows": Slip("rows_dropout", "(scores - T) * real", "(scores - T)",
        "real", "dscores = 2 * (scores - T)"),
    "mask of the sequence, columns": Slip(
        "columns_dropout", "dZ2 = 2 * mask * (Z2", "dZ2 = 2 * (Z2", "mask"),
    "mask drawn again, rows": Slip(
        "rows_dropout", "da = dh * U",
        "U2 = (np.random.default_rng(1).random((B, H)) < keep) / keep\n"
        "    da = dh * U2", "instead of U", "U2"),
    "mask drawn again, columns": Slip(
        "columns_dropout", "dR1 = dA1 * D1",
        "D1b = np.random.default_rng(2).random((5, m)) < keep_prob\n    dR1 = dA1 * D1b",
        "instead of D1",
        "D1b"),
}  # fmt: skip

# 7. Derivatives of activations, mistyped ------------------------------------------------------

ACTIVATIONS = {
    "the square of the whole, rows": Slip(
        RN, "(1 - a**2)", "(1 - a) ** 2", r"should be 1 - a\*\*2"),
    "the square of the whole, columns": Slip(
        "columns_squared", "(1 - A1**2)", "(1 - A1) ** 2", r"should be 1 - A1\*\*2"),
    "a alone, columns": Slip(C, "dA1 * A1 * (1 - A1)", "dA1 * A1", "1 - A1", "dZ1 = dA1 * A1"),
    "1 - a alone, columns": Slip(
        C, "dA1 * A1 * (1 - A1)", "dA1 * (1 - A1)", r"should be A1 \*|A1 is missing",
        "dZ1 = dA1 * (1 - A1)"),
    "a alone, rows": Slip(
        "rows_squared", "(p - T) * p * (1 - p)", "(p - T) * p", "1 - p",
        "dz = 2 / N * (p - T) * p"),
    "1 - a alone, rows": Slip(
        "rows_squared", "(p - T) * p * (1 - p)", "(p - T) * (1 - p)",
        r"should be p \*|p is missing",
        "dz = 2 / N * (p - T) * (1 - p)"),
    "relu(z) for its slope, rows": Slip(
        R, "dz = dh * (z > 0)", "dz = dh * np.maximum(0, z)", "maximum|> 0|derivative"),
    "relu(z) for its slope, columns": Slip(
        CN, "np.multiply(dA1, Z1 > 0)", "np.multiply(dA1, A1)", "A1|> 0|derivative",
        "dZ1 = np.multiply(dA1, A1)"),
    "z < 0, rows": Slip(R, "dz = dh * (z > 0)", "dz = dh * (z < 0)", "<|> 0"),
    "z < 0, columns": Slip(
        CN, "dZ1 = np.multiply(dA1, Z1 > 0)", "dZ1 = np.multiply(dA1, Z1 < 0)", "<|> 0"),
    "mask of the gradient, rows": Slip(
        R, "dz = dh * (z > 0)", "dz = dh * (dh > 0)", "dh .*instead of (z|h)|should be z"),
    "mask of the gradient, columns": Slip(
        CN, "dZ1 = np.multiply(dA1, Z1 > 0)", "dZ1 = np.multiply(dA1, dA1 > 0)",
        "dA1 .*instead of (Z1|A1)|should be Z1"),
    "tanh not squared, rows": Slip(
        RN, "dz2 = da * (1 - a**2)", "dz2 = da * (1 - a)", r"a\*\*2|square|a \* a|missing"),
    "tanh not squared, columns": Slip(
        CN, "dZ2 = dA2 * (1 - np.power(A2, 2))", "dZ2 = dA2 * (1 - A2)", r"A2\*\*2|square|power"),
    "divided by 1 - h**2, rows": Slip(
        RN, "dz2 = da * (1 - a**2)", "dz2 = da / (1 - a**2)", r"should be da \* \(1"),
    "divided by 1 - h**2, columns": Slip(
        "columns_squared", "* (1 - A1**2)", "/ (1 - A1**2)", r"should be .* \* \(1",
        "dZ1 = (W2.T @ dZ2) / (1 - A1**2)"),
    "slope ignored, rows": Slip(
        "rows_leaky", "np.where(z > 0, 1, alpha)", "np.where(z > 0, 1, 0)",
        "0 should be alpha|derivative of relu|slope", "dz = dh * np.where(z > 0, 1, 0)"),
    "slope ignored, columns": Slip(
        "columns_leaky", "mask[Z1 < 0] = slope", "mask[Z1 < 0] = 0",
        "0 should be slope|derivative of relu"),
    "g forgotten, rows": Slip(RN, "dz2 = da * (1 - a**2)", "dz2 = 1 - a**2", "da|upstream"),
    "g forgotten, columns": Slip(
        CN, "dZ1 = np.multiply(dA1, Z1 > 0)", "dZ1 = 1.0 * (Z1 > 0)", "dA1|upstream"),
}  # fmt: skip

# 8. In dW alone while the delta goes on rightly, and the reverse ------------------------------

ALONE = {
    "dW alone, rows": Slip(
        RN, "dW2 = h.T @ dz2", "dW2 = h.T @ da", "da .*instead of dz2|derivative"),
    "dW alone, columns": Slip(
        CN, "dW1 = (1 / m) * dZ1 @ X.T", "dW1 = (1 / m) * dA1 @ X.T",
        "dA1 .*instead of dZ1|derivative"),
    "delta alone, rows": Slip(
        RN, "dh = dz2 @ W2.T", "dh = da @ W2.T", "da .*instead of dz2|derivative"),
    "delta alone, columns": Slip(
        CN, "dA1 = W2.T @ dZ2", "dA1 = W2.T @ dA2", "dA2 .*instead of dZ2|derivative"),
    "db alone, rows": Slip(
        RN, "db1 = dz1.sum(axis=0)", "db1 = dh.sum(axis=0)", "dh .*instead of dz1|derivative"),
    "db alone, columns": Slip(
        CN, "db2 = (1 / m) * np.sum(dZ2", "db2 = (1 / m) * np.sum(dA2",
        "dA2 .*instead of dZ2|derivative"),
}  # fmt: skip

GROUPS = {
    "spelling": SPELLINGS, "early": EARLY, "ratio": RATIOS, "loop": LOOPS, "left out": LEFT_OUT,
    "activation": ACTIVATIONS, "alone": ALONE,
}  # fmt: skip
ALL = {f"{group}: {kind}": slip for group, found in GROUPS.items() for kind, slip in found.items()}


@pytest.mark.parametrize("kind", ALL)
def test_a_slip_is_named(kind, tmp_path):
    assert_all_named([ALL[kind]], tmp_path)


# 2. Several independent slips -----------------------------------------------------------------

SEVERAL = {
    "a delta and a bias, rows": [
        Slip(R, "dz = dh * (z > 0)", "dz = dh", "derivative"),
        Slip(R, "db2 = np.sum(dscores, axis=0)", "db2 = np.mean(dscores, axis=0)", "mean")],
    "a delta and a bias, columns": [
        Slip(C, "dZ1 = dA1 * A1 * (1 - A1)", "dZ1 = dA1", "derivative"),
        Slip(C, "db2 = 1.0 / m * np.sum(", "db2 = 1.0 / m * np.mean(", "mean")],
    "as an exercise plants them, columns": [
        Slip(CN, "dW2 = (1 / m) * dZ2 @ A1.T", "dW2 = (1 / m) * dZ2 @ A1.T * 2", "2"),
        Slip(CN, "db1 = (1 / m) * np.sum(", "db1 = (4 / m) * np.sum(", "4")],
    "as an exercise plants them, rows": [
        Slip(RN, "dW2 = h.T @ dz2", "dW2 = h.T @ dz2 * 2", "2"),
        Slip(RN, "db1 = dz1.sum(axis=0)", "db1 = 4 * dz1.sum(axis=0)", "4")],
    "a sign and a transpose, rows": [
        Slip(RL, "error = (acts[-1] - T)", "error = (T - acts[-1])", "sign|wrong way round"),
        Slip(RL, "grads[l] = acts[l].T @ delta", "grads[l] = delta.T @ acts[l]", TRANSPOSED)],
    "a sign and a transpose, columns": [
        Slip(CL, "error = (A[3] - Y)", "error = (Y - A[3])", "sign|wrong way round"),
        Slip(CL, "dW[3] = dZ @ A[2].T", "dW[3] = A[2] @ dZ.T", TRANSPOSED)],
    "three, rows": [
        Slip(RN, "dW3 = a.T @ dz3", "dW3 = z2.T @ dz3", "before"),
        Slip(RN, "dz2 = da * (1 - a**2)", "dz2 = da * (1 - a)", r"a\*\*2|square|a \* a|missing"),
        Slip(RN, "db1 = dz1.sum(axis=0)", "db1 = dz1[0]", "summed|first row")],
    "three, columns": [
        Slip(CN, "dW3 = (1 / m) * dZ3", "dW3 = dZ3", "mean over 8|8 times|m"),
        Slip(CN, "dZ1 = np.multiply(dA1, Z1 > 0)", "dZ1 = dA1", "derivative"),
        Slip(CN, "db2 = (1 / m) *", "db2 = -(1 / m) *", "sign")],
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_slips_are_each_named(kind, tmp_path):
    slips = SEVERAL[kind]
    check = assert_all_named(slips, tmp_path)
    assert str(check).count(f"{len(slips)} mistakes") == 1

"""Tests the groups of slips in layers, losses and whole networks, in rows and in columns.

The groups are: batch and layer norm, convolution and recurrent networks, losses, attention,
penalties, and networks. `test_slip_groups` has the others.
"""

import functools

import pytest

from tinygrad_edu.diagnosing import code_reading
from tinygrad_edu.following.repairing import Repair

from .slip_checks import (
    Slip,
    assert_all_named,
)

RB, CB = "rows_batchnorm", "columns_batchnorm"
RL, CL = "rows_layernorm", "columns_layernorm"
RA, CA = "rows_attention", "columns_attention"
PENALTY = "regulari[sz]ation|L2|penalty|weight decay"


@pytest.fixture(autouse=True)
def time_enough(monkeypatch):
    """The search ends after a time; here it must not depend on how busy the machine is."""
    monkeypatch.setattr(code_reading, "Repair", functools.partial(Repair, seconds=30.0))


# 9. Batch norm and layer norm -----------------------------------------------------------------

NORMS = {
    "statistics constant, batch, rows": Slip(
        RB, "dx = dxhat / std + dvar * 2 * xmu / N + dmu / N", "dx = dxhat / std",
        "term|missing|contribution"),
    "statistics constant, batch, columns": Slip(
        CB, "dZ = ivar * (dZhat - mean1 - Zhat * mean2)", "dZ = ivar * dZhat",
        "term|missing|contribution|constant"),
    "statistics constant, layer, rows": Slip(
        RL, "dx = rstd / D * (D * dxhat - total - xhat * along)", "dx = rstd * dxhat",
        "term|missing|contribution|constant"),
    "the variance constant, layer, columns": Slip(
        CL, "dA = dAhat / std + dvar * 2 / n * centred + dmean / n", "dA = dAhat / std + dmean / n",
        "dvar .*missing|contribution|variance"),
    "the mean constant, batch, columns": Slip(
        CB, "(dZhat - mean1 - Zhat * mean2)", "(dZhat - Zhat * mean2)",
        "mean1 is missing|contribution",
        "dZ = ivar * (dZhat - Zhat * mean2)"),
    "gamma forgotten, batch, rows": Slip(RB, "dxhat = g * gamma", "dxhat = g", "gamma", "dxhat"),
    "gamma forgotten, batch, columns": Slip(CB, "dZhat = dY * gamma", "dZhat = dY", "gamma"),
    "gamma forgotten, layer, rows": Slip(RL, "dxhat = dout * gamma", "dxhat = dout", "gamma"),
    "gamma forgotten, layer, columns": Slip(CL, "dAhat = gamma * dout", "dAhat = dout", "gamma"),
    "gamma late, layer, rows": Slip(
        RL, "total = np.sum(dxhat, axis", "total = gamma * np.sum(dout, axis",
        "gamma|dout .*instead of dxhat"),
    "gamma late, layer, columns": Slip(
        CL, "dvar = np.sum(dAhat * centred, axis=0)", "dvar = np.sum(dout * centred, axis=0)",
        "gamma|dout .*instead of dAhat"),
    "gamma late, batch, rows": Slip(
        RB, "dmu = -np.sum(dxhat, axis=0) / std", "dmu = -np.sum(g, axis=0) / std",
        "gamma|g .*instead of dxhat"),
    "gamma late, batch, columns": Slip(
        CB, "mean2 = np.mean(dZhat * Zhat", "mean2 = np.mean(dY * Zhat",
        "gamma|dY .*instead of dZhat", "mean2"),
    "x for x hat, layer, rows": Slip(
        RL, "dgamma = np.sum(dout * xhat", "dgamma = np.sum(dout * x", "x .*instead of xhat"),
    "x for x hat, batch, rows": Slip(
        RB, "dgamma = np.sum(g * xhat", "dgamma = np.sum(g * x", "x .*instead of xhat"),
    "x for x hat, batch, columns": Slip(
        CB, "dgamma = np.sum(dY * Zhat", "dgamma = np.sum(dY * Z", "Z .*instead of Zhat"),
    "x - mean for x hat, layer, columns": Slip(
        CL, "dgamma = np.sum(dout * Ahat", "dgamma = np.sum(dout * centred",
        "centred .*instead of Ahat|/ std|std is missing"),
    "wrong axis, batch, rows": Slip(
        RB, "dvar = np.sum(dxhat * xmu, axis=0)", "dvar = np.sum(dxhat * xmu, axis=1)[:D]", "axis"),
    "wrong axis, batch, columns": Slip(
        CB, "mean1 = np.mean(dZhat, axis=1", "mean1 = np.mean(dZhat, axis=0", "axis"),
    "wrong axis, layer, rows": Slip(
        RL, "total = np.sum(dxhat, axis=-1", "total = np.sum(dxhat, axis=0", "axis"),
    "wrong axis, layer, columns": Slip(
        CL, "dgamma = np.sum(dout * Ahat, axis=1, keepdims=True)",
        "dgamma = np.sum(dout * Ahat, axis=0)[:n, None]", "axis"),
    "N - 1, batch, rows": Slip(
        RB, "dvar * 2 * xmu / N", "dvar * 2 * xmu / (N - 1)", "1 does not belong|N - 1",
        "dx = dxhat / std + dvar * 2 * xmu / (N - 1)"),
    "N - 1, batch, columns": Slip(
        CB, "np.var(Z, axis=1, keepdims=True)", "np.var(Z, axis=1, keepdims=True, ddof=1)",
        r"ddof=1\) should be",
        "var = np.var(Z, axis=1, keepdims=True, ddof=1)"),
    "N for D, layer, rows": Slip(
        RL, "dx = rstd / D *", "dx = rstd / N *", "0.8|N .*instead of D|4/5"),
    "the exponent, layer, columns": Slip(CL, "** (-3 / 2)", "** (-1 / 2)", r"\*\*-1.5|3|exponent",
        "dvar = np.sum(dAhat * centred, axis=0) * (-1 / 2) * (var + eps) ** (-1 / 2)"),
}  # fmt: skip

# 10. Convolution and recurrent networks -------------------------------------------------------

SEQUENCES = {
    "kernel not flipped": Slip(
        "conv_valid", "dx = correlate(padded, w[::-1, ::-1])", "dx = correlate(padded, w)",
        "flip|::-1"),
    "kernel flipped along one axis": Slip(
        "conv_valid", "dx = correlate(padded, w[::-1, ::-1])", "dx = correlate(padded, w[::-1])",
        "flip|::-1"),
    "kernel transposed for flipped": Slip(
        "conv_valid", "dx = correlate(padded, w[::-1, ::-1])", "dx = correlate(padded, w.T)",
        "flip|::-1"),
    "dw flipped": Slip(
        "conv_valid", "dw = correlate(x, g)", "dw = correlate(x, g)[::-1, ::-1]",
        r"flip|::-1\] should be"),
    "dw with a flipped gradient": Slip(
        "conv_valid", "dw = correlate(x, g)", "dw = correlate(x, g[::-1, ::-1])",
        "flip|not belong|should be g"),
    "db over wrong axes": Slip(
        "conv_loops", "db = R.sum(axis=(0, 2, 3))", "db = R.sum(axis=(0, 1, 3))[:K]", "axis|axes"),
    "db averaged": Slip(
        "conv_loops", "db = R.sum(axis=(0, 2, 3))", "db = R.mean(axis=(0, 2, 3))", "mean"),
    "db averaged over the batch": Slip(
        "conv_loops", "db = R.sum(axis=(0, 2, 3))", "db = R.sum(axis=(0, 2, 3)) / N",
        "N does not belong|half|1/2|mean over the batch"),
    "db of one image": Slip(
        "conv_loops", "db = R.sum(axis=(0, 2, 3))", "db = R[0].sum(axis=(1, 2))", "over the batch"),
    "padding not cut": Slip(
        "conv_loops", "dxp[:, :, pad : pad + H, pad : pad + H]", "dxp[:, :, :H, :H]",
        "pad|shift|moved", "dx = dxp[:, :, :H, :H]"),
    "truncated, rows": Slip(
        "rows_rnn", "for t in reversed(range(T)):", "for t in reversed(range(1, T)):",
        "range|1 should be 0|1 .*not belong"),
    "truncated, columns": Slip(
        "columns_rnn", "range(T_x - 1, -1, -1)", "range(T_x - 1, 0, -1)", "range|0 should be -1",
        "for t in range(T_x - 1, 0, -1):"),
    "no gradient through time, columns": Slip(
        "columns_rnn", "da_next = da[:, :, t] + da_prev", "da_next = da[:, :, t]",
        "da_prev is missing|contribution"),
    "time index off by one, rows": Slip(
        "rows_rnn", "dWh += hs[t - 1].T @ dz", "dWh += hs[t].T @ dz",
        "t should be t - 1|- 1 is missing|output"),
    "time index off by one, columns": Slip(
        "columns_rnn", "(1 - a[t + 1] ** 2)", "(1 - a[t] ** 2)",
        r"t should be t \+ 1|\+ 1 is missing", "dz = da_next * (1 - a[t] ** 2)"),
    "upstream added at every step, rows": Slip(
        "rows_rnn", "dh = dz @ Wh.T", "dh = dz @ Wh.T + Y", "Y does not belong"),
    "upstream of one step at all, columns": Slip(
        "columns_rnn", "da_next = da[:, :, t] + da_prev", "da_next = da[:, :, T_x - 1] + da_prev",
        "T_x - 1|index|should be t"),
    "the weights of the input, rows": Slip(
        "rows_rnn", "dh = dz @ Wh.T", "dh = dz @ Wh", "transpose|should be Wh.T"),
    "the weights of the input, columns": Slip(
        "columns_rnn", "da_prev = np.dot(Waa.T, dz)", "da_prev = np.dot(Waa, dz)",
        "transpose|should be Waa.T"),
    "the derivative forgotten, rows": Slip(
        "rows_rnn", "dz = dh * (1 - hs[t] ** 2)", "dz = dh", "derivative"),
}  # fmt: skip

# 11. Losses -----------------------------------------------------------------------------------

LOSSES = {
    "cross-entropy's delta with a squared error, rows": Slip(
        "rows_squared", "(p - T) * p * (1 - p)", "(p - T)", "derivative", "dz = 2 / N * (p - T)"),
    "cross-entropy's delta with a squared error, columns": Slip(
        "columns_samples", "delta = (a2 - y) * sigmoid_prime(z2)", "delta = a2 - y",
        "derivative|sigmoid_prime.* missing"),
    "the squared error's delta with cross-entropy, rows": Slip(
        "rows_net", "dz3 = dp * p * (1 - p)", "dz3 = (p - T) / N * p * (1 - p)",
        "not belong|twice|dp"),
    "the squared error's delta with cross-entropy, columns": Slip(
        "columns_net", "dZ3 = A3 - Y", "dZ3 = (A3 - Y) * A3 * (1 - A3)", "not belong|twice"),
    "sigma' again, one output, columns": Slip(
        "columns_regularized", "dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)",
        "not belong|twice"),
    "sigma' not at all, rows": Slip(
        "rows_net", "dz3 = dp * p * (1 - p)", "dz3 = dp", "derivative|not at all", "dp"),
    "log-softmax without the sum, rows": Slip(
        "rows_logsoftmax", "dz = g - p * g.sum(axis=1, keepdims=True)", "dz = g - p * g", "sum"),
    "log-softmax without the sum, columns": Slip(
        "columns_logsoftmax", "dZ = dout - P * np.sum(dout, axis=0)", "dZ = dout - P", "sum"),
    "the count of an SVM's correct class, rows": Slip(
        "rows_svm", "mask[rows, y] = -np.sum(mask, axis=1)", "mask[rows, y] = -1", "sum|count"),
    "the count of an SVM's correct class, columns": Slip(
        "columns_svm", "dS[y, cols] -= counts", "dS[y, cols] -= 1",
        "1 should be counts|instead of"),
    "an SVM without the margin, rows": Slip(
        "rows_svm", "[:, None] + 1", "[:, None]", "1 is missing|0 should be -1", "margins"),
}  # fmt: skip

# 12. Attention --------------------------------------------------------------------------------

ATTENTION = {
    "scale forgotten, rows": Slip(
        RA, "    dS = dS / np.sqrt(d)\n", "", "sqrt|2 times|factor of 2", "dS"),
    "scale forgotten, columns": Slip(
        CA, "    dS = dS / np.sqrt(n)\n", "", "sqrt|2 times|factor of 2", "dS"),
    "scale in the score alone, rows": Slip(RA, "dS / np.sqrt(d)", "dS / d", "sqrt|half|0.5",
        "dS = dS / d"),
    "scale multiplied, columns": Slip(CA, "dS / np.sqrt(n)", "dS * np.sqrt(n)",
        "4 times|should be .*/",
        "dS = dS * np.sqrt(n)"),
    "transpose of dK, rows": Slip(RA, "dK = dS.T @ Q", "dK = dS @ Q", "transpose|should be dS.T"),
    "transpose of dK, columns": Slip(
        CA, "dK = Q @ dS.T", "dK = Q @ dS", "transpose|should be dS.T"),
    "transpose of dV, rows": Slip(RA, "dV = P.T @ g", "dV = P @ g", "transpose|should be P.T"),
    "transpose of dV, columns": Slip(CA, "dV = G @ A.T", "dV = G @ A", "transpose|should be A.T"),
    "transpose of V, rows": Slip(RA, "dP = g @ V.T", "dP = g @ V", "transpose|should be V.T"),
    "softmax as diagonal, rows": Slip(
        RA, "dS = P * (dP - np.sum(dP * P, axis=-1, keepdims=True))", "dS = P * (1 - P) * dP",
        "softmax|sum"),
    "softmax as diagonal, columns": Slip(
        CA, "dS = A * (dA - np.sum(dA * A, axis=0, keepdims=True))", "dS = dA * A * (1 - A)",
        "softmax|sum"),
    "softmax over the wrong axis, columns": Slip(
        CA, "np.sum(dA * A, axis=0, keepdims=True)", "np.sum(dA * A, axis=1, keepdims=True)",
        "axis", "dS = A * (dA - np.sum(dA * A, axis=1, keepdims=True))"),
}  # fmt: skip

# 13. Penalties --------------------------------------------------------------------------------

PENALTIES = {
    "L1 for L2, rows": Slip(
        "rows_regularized", "lam / m * W1", "lam / m * np.sign(W1)", "sign|W1",
        "dW1 = X.T @ dz + lam / m * np.sign(W1)"),
    "L1 for L2, columns": Slip(
        "columns_regularized", "lambd / m * W2", "lambd / m * np.sign(W2)", "sign|W2",
        "dW2 = 1.0 / m * np.dot(dZ2, A1.T) + lambd / m * np.sign(W2)"),
    "lambda without 1 / m, rows": Slip(
        "rows_regularized", "lam / m * W2", "lam * W2", "7 times|m is missing",
        "dW2 = a.T @ dout + lam * W2"),
    "lambda without 1 / m, columns": Slip(
        "columns_regularized", "lambd / m * W1", "lambd * W1", "7 times|m is missing",
        "dW1 = 1.0 / m * np.dot(dZ1, X.T) + lambd * W1"),
    "the 2 of the square kept, rows": Slip(
        "rows_regularized", "lam / m * W1", "lam / (2 * m) * W1", "half|2 .*not belong",
        "dW1 = X.T @ dz + lam / (2 * m) * W1"),
    "penalty forgotten, rows": Slip(
        "rows_regularized", "dW2 = a.T @ dout + lam / m * W2", "dW2 = a.T @ dout",
        "regularization"),
    "penalty forgotten, columns": Slip(
        "columns_regularized", "np.dot(dZ1, X.T) + lambd / m * W1", "np.dot(dZ1, X.T)",
        "regularization", "dW1 = 1.0 / m * np.dot(dZ1, X.T)"),
    "penalty subtracted, columns": Slip(
        "columns_regularized", "np.dot(dZ1, X.T) + lambd", "np.dot(dZ1, X.T) - lambd", "sign",
        "dW1 = 1.0 / m * np.dot(dZ1, X.T) - lambd / m * W1"),
    "penalty on the bias, rows": Slip(
        "rows_regularized", "db2 = dout.sum(axis=0)", "db2 = dout.sum(axis=0) + lam / m * b2",
        "not belong|regularization"),
    "penalty on the bias, columns": Slip(
        "columns_regularized", "db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True)",
        "db1 = 1.0 / m * np.sum(dZ1, axis=1, keepdims=True) + lambd / m * b1",
        "not belong|regularization"),
    "penalty of the other weights, rows": Slip(
        "rows_net", "dW3 = a.T @ dz3", "dW3 = a.T @ dz3 + 0.1 * W3", "not belong|regularization"),
}  # fmt: skip

# 14. Networks ---------------------------------------------------------------------------------

NETWORKS = {
    "the error for the delta on the hidden path, rows": Slip(
        "rows_net", "da = dz3 @ W3.T", "da = dp @ W3.T", "dp .*instead of dz3|derivative"),
    "the error for the delta on the hidden path, columns": Slip(
        "columns_layers", "dA = W[l + 1].T @ dZ", "dA = W[l + 1].T @ (error if l == 2 else dZ)",
        "error.*dZ|derivative"),
    "the error for the delta, sample by sample, columns": Slip(
        "columns_samples", "delta = np.dot(w2.T, delta)", "delta = np.dot(w2.T, a2 - y)",
        "delta|derivative"),
    "p - y[:, None], rows": Slip(
        "rows_softmax", "dscores[range(N), y] -= 1", "dscores = p - y[:, None]", "label|one-hot"),
    "p[:, y] -= 1, rows": Slip(
        "rows_softmax", "dscores[range(N), y] -= 1", "dscores[:, y] -= 1",
        r"range\(N\)|index|: should be"),
    "A - y, columns": Slip(
        "columns_softmax", "dZ2 = A2 - Y", "dZ2 = A2 - np.argmax(Y, axis=0)",
        "label|one-hot|argmax|should be Y"),
    "A[y, :] -= 1, columns": Slip(
        "columns_svm", "dS[y, cols] -= counts", "dS[y, :] -= counts", r"cols|index|: should be"),
    "layer loop off by one, a, rows": Slip(
        "rows_layers", "grads[l] = acts[l].T @ delta", "grads[l] = acts[l + 1].T @ delta",
        r"\+ 1 .*not belong|l \+ 1 should be l|output of the layer"),
    "layer loop off by one, a, columns": Slip(
        "columns_layers", "dW[l] = dZ @ A[l - 1].T", "dW[l] = dZ @ A[l].T",
        "l should be l - 1|output of the layer|- 1 is missing"),
    "layer loop off by one, z, rows": Slip(
        "rows_layers", "sigmoid(zs[l]) * (1 - sigmoid(zs[l]))",
        "sigmoid(zs[l + 1]) * (1 - sigmoid(zs[l + 1]))", r"l \+ 1|layer", "slope = "),
    "layer loop off by one, z, columns": Slip(
        "columns_layers", "1 - np.tanh(Z[l]) ** 2", "1 - np.tanh(Z[l + 1]) ** 2",
        r"\+ 1 .*not belong|l \+ 1 should be l|layer", "dZ = dA *"),
    "layer loop off by one, W, columns": Slip(
        "columns_layers", "dA = W[l + 1].T @ dZ", "dA = W[l].T @ dZ", r"l should be l \+ 1|layer"),
    "layer loop too short, rows": Slip(
        "rows_layers", "for l in (1, 0):", "for l in (1,):", r"loop|range|\(1, 0\)"),
    "sample loop starts at 1, rows": Slip(
        "rows_samples", "range(len(X))", "range(1, len(X))", "range|1 should be 0|1, .*not belong",
        "for i in range(1, len(X)):"),
    "sample loop starts at 1, columns": Slip(
        "columns_samples", "range(X.shape[1])", "range(1, X.shape[1])", "range|1 should be 0",
        "for k in range(1, X.shape[1]):"),
    "the squared error's gradient of an absolute error, rows": Slip(
        "rows_leaky", "dout = np.sign(out - T) / T.size", "dout = 2 * (out - T) / T.size", "sign"),
    "the squared error's gradient of an absolute error, columns": Slip(
        "columns_leaky", "dA2 = np.sign(A2 - Y) / m", "dA2 = 2 * (A2 - Y) / m", "sign"),
    "2 and 1 / N forgotten together, rows": Slip(
        "rows_squared", "dz = 2 / N * (p - T)", "dz = (p - T)", r"3.5 times|2 / N"),
    "2 and 1 / m forgotten together, columns": Slip(
        "columns_squared", "dZ2 = 2 * (A2 - Y) / m", "dZ2 = A2 - Y", "3.5 times|2 / m"),
    "L2 without 1 / m named as L2, rows": Slip(
        "rows_regularized", "lam / m * W1", "lam * W1", PENALTY, "dW1 = X.T @ dz + lam * W1"),
    "L2 without 1 / m named as L2, columns": Slip(
        "columns_regularized", "lambd / m * W2", "lambd * W2", PENALTY,
        "dW2 = 1.0 / m * np.dot(dZ2, A1.T) + lambd * W2"),
    "the inner derivative of cos(x**2)": Slip(
        "inner_square", "dcos = -np.sin(u) * 2 * x", "dcos = -np.sin(u)", r"2 \* x|x is missing"),
    "the 2 of the inner derivative": Slip(
        "inner_square", "dcos = -np.sin(u) * 2 * x", "dcos = -np.sin(u) * x", "2|half"),
    "the inner derivative of a Gaussian": Slip(
        "inner_square", "dexp = -2 * d * s * e", "dexp = -2 * d * e", "s is missing|factor s"),
    "the sign of the inner derivative": Slip(
        "inner_square", "dcos = -np.sin(u) * 2 * x", "dcos = np.sin(u) * 2 * x", "sign"),
    "norm constant, rows": Slip(
        "rows_unit_norm", "dx = (g - unit * along) / norm", "dx = g / norm",
        "along|term|contribution"),
    "norm constant, columns": Slip(
        "columns_unit_norm", "dx = g / norm - x * np.sum(g * x, axis=0) / norm**3", "dx = g / norm",
        "term|norm|contribution"),
    "norm to the second power, columns": Slip(
        "columns_unit_norm", "norm**3", "norm**2", r"2 should be .*3|norm is missing",
        "dx = g / norm - x * np.sum(g * x, axis=0) / norm**2"),
    "sums over wrong axes of (B, T, D)": Slip(
        "sliding_sums", "dw = np.sum(g * sums, axis=(0, 1))",
        "dw = np.sum(g * sums, axis=(1, 2))[:D]", "axis|axes"),
    "sums over one axis of (B, T, D)": Slip(
        "sliding_sums", "dw = np.sum(g * sums, axis=(0, 1))",
        "dw = np.sum(g * sums, axis=1)[0]", "axis|axes|summed|batch|sum of all"),
    "sliding sums of the window before": Slip(
        "sliding_sums", "dsums[:, t : t + 1]", "dsums[:, [t - 1]]", "- 1|index",
        "dx[:, t : t + k] +="),
    "sliding sums overwritten": Slip(
        "sliding_sums", "dx[:, t : t + k] +=", "dx[:, t : t + k] =", "only the last"),
}  # fmt: skip

GROUPS = {
    "norm": NORMS, "sequence": SEQUENCES, "loss": LOSSES, "attention": ATTENTION,
    "penalty": PENALTIES, "network": NETWORKS,
}  # fmt: skip
ALL = {f"{group}: {kind}": slip for group, found in GROUPS.items() for kind, slip in found.items()}


@pytest.mark.parametrize("kind", ALL)
def test_a_slip_is_named(kind, tmp_path):
    assert_all_named([ALL[kind]], tmp_path)

"""Tries to make `check_manual`, `microscope` and `lint` say something wrong, or change something.

Right gradients come at odd scales, shapes and in odd forms, wrong ones look almost right, and
student code writes activations and losses out by hand. Everything by hand is plain NumPy.
"""

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import MLP, compare_gradients, manual_gradients
from tinygrad_edu import Tensor, check_manual, lint
from tinygrad_edu.diagnosing import microscope

X = np.random.default_rng(0).normal(size=(4, 3))
ROW = np.array([1.5, -2.0, 0.5])
SIDE = np.random.default_rng(4)


def times(a, b):
    return (a * b).sum()


def square(x):
    return (x**2).sum()


def doubled(x):
    return (x * 2).sum()


# Right gradients are found right -----------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-12, 1e-6, 1e6, 1e12, 1e150])
def test_no_scale_makes_right_gradients_wrong(scale):
    x = X * scale
    assert check_manual(square, [2 * x], x).agree
    assert check_manual(lambda x: (x * X).sum(), [X], x).agree
    assert check_manual(lambda x: (x * (X * scale)).sum(), [X * scale], X).agree
    wrong = check_manual(square, [-2 * x], x)
    assert [one.kind for one in wrong.diagnoses][:1] == ["sign"]


def yielding(a, b):
    yield b
    yield a


def in_place(a, b):
    a *= 1.0
    result = b.copy(), a.copy()
    a[:], b[:] = 0, 0
    return result


@pytest.mark.parametrize(
    "mine",
    [
        yielding,
        in_place,
        lambda a, b: (g for g in (b, a)),
        lambda a, b: (Tensor(b), Tensor(a)),
        map(np.copy, [2 * X, X]),
        {"a": 2 * X, "b": X}.values(),
        [Tensor(2 * X, requires_grad=True), Tensor(X)],
    ],
)
def test_odd_forms_of_gradients_are_read(mine):
    a, b = X.copy(), 2 * X
    assert check_manual(times, mine, a, b).agree
    np.testing.assert_array_equal(a, X)
    np.testing.assert_array_equal(b, 2 * X)


@pytest.mark.parametrize(
    ("f", "mine", "inputs"),
    [
        (lambda x: x.sum(), [np.zeros((0, 3))], [np.zeros((0, 3))]),
        (lambda x: x * 2, lambda g, x: g * 2, [np.zeros((0, 3))]),
        (lambda x, w: (x @ w).sum(), [np.zeros((0, 3)), np.zeros((3, 2))], [X[:0], X.T[:, :2]]),
        (lambda x: x * x, [6.0], [3.0]),
        (lambda x: x * x, 6.0, [3.0]),
        (lambda x: x * x, lambda x: 2 * x, [np.array(3.0)]),
        (lambda x: x * x, lambda x: 2 * x, [np.array([3.0])]),
        (doubled, [[2, 2, 2]], [ROW]),
        (lambda x: tg.relu(x).sum(), [X > 0], [X]),
        (lambda x: (x * 0).sum(), [np.zeros((4, 3))], [X]),
        (lambda x, n: (x * n).sum(), [[1, 2, 3]], [ROW, [1, 2, 3]]),
        (lambda x: x.max(), [np.array([0.5, 0.5, 0.0])], [np.array([1.0, 1.0, 0.0])]),
        (times, [X, X], [X, X]),
        (lambda a, b: (a * 2).sum(), [np.full((4, 3), 2.0), None], [X, X]),
        (lambda x: (X + x).sum(), [np.full((1, 3), 4.0)], [ROW]),
        (lambda x: (x + np.ones((3, 4))).sum(), [np.full((3, 1), 4.0)], [np.ones((3, 1))]),
        (lambda x: (x * X).sum(), [X.sum()], [2.0]),
        (lambda x: x.sum().reshape(1), np.ones_like, [X]),
        (lambda z: tg.softmax_cross_entropy(z, [0] * 4), [np.zeros((4, 1))], [X[:, :1]]),
    ],
)
def test_odd_shapes_and_dtypes_agree(f, mine, inputs):
    found = check_manual(f, mine, *inputs)
    assert found.agree, str(found)
    assert (found.first, found.diagnoses) == ("", ())


def test_one_tensor_given_twice_is_two_inputs():
    both = Tensor(X, requires_grad=True)
    assert check_manual(times, [X, X], both, both).agree
    assert not check_manual(times, [2 * X, 2 * X], both, both).agree
    assert both.grad is None


# Wrong gradients are not found right -------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        *[np.full(shape, 4.0) for shape in ((), 0, (0, 3), (3, 1), (4, 3), (4, 1), 4, (1, 1, 3))],
        *[[4.0, other, 4.0] for other in (np.nan, np.inf, -np.inf, 4.0 + 1e-8)],
        [np.nan] * 3,
    ],
)
def test_what_would_broadcast_or_is_nan_is_wrong(wrong):
    found = check_manual(lambda b: (X + b).sum(), [wrong], ROW)
    assert not found.agree
    assert not found.rows[0].verdict.agree
    assert str(found).count("✗") >= 2
    assert found.html()


@pytest.mark.parametrize("wrong", [X + 0j, X.astype(object), "2", [None, 2], np.array(["a"])])
def test_what_is_not_an_array_of_real_numbers_is_refused(wrong):
    with pytest.raises(TypeError, match="the gradient of x must be numeric, got"):
        check_manual(square, [wrong], X)


def test_the_border_is_a_ten_billionth_of_the_largest_element():
    x = np.random.default_rng(1).uniform(-1, 1, size=(300, 200))
    x[0, 0] = 1.0  # its gradient, 2, is the largest
    for relative, agrees in ((0.5e-10, True), (2e-10, False), (1e-5, False)):
        mine = 2 * x
        mine[7, 5] += 2 * relative
        found = check_manual(square, [mine], x, samples=3)
        assert found.agree is agrees
        assert found.rows[0].verdict.tolerance == 1e-10
        if not agrees:
            assert found.rows[0].verdict.index == (7, 5)
            assert np.isfinite(found.rows[0].numerical[7, 5]), "the worst element is measured"


# Student code ------------------------------------------------------------------------------------

N, K = 5, 4
INPUT, TARGET = SIDE.normal(size=(N, 3)), SIDE.normal(size=(N, K))
W, B = SIDE.normal(size=(3, K)), SIDE.normal(size=K)
LABELS = np.array([0, 3, 1, 1, 2])
Y = np.eye(K)[LABELS]


def affine(w, b):
    return Tensor(INPUT) @ w + b


def by_exp(w, b):
    e = tg.exp(affine(w, b))
    return -(tg.log(e / e.sum(axis=1, keepdims=True)) * Y).sum() / N


def by_log_sum_exp(w, b):
    z = affine(w, b)
    return (tg.log(tg.exp(z).sum(axis=1)) - (z * Y).sum(axis=1)).mean()


CROSS_ENTROPIES = {
    "exp": by_exp,
    "log sum exp": by_log_sum_exp,
    "log softmax": lambda w, b: -(tg.log_softmax(affine(w, b)) * Y).sum() / N,
    "picked": lambda w, b: -tg.log_softmax(affine(w, b))[np.arange(N), LABELS].mean(),
    "softmax": lambda w, b: -(tg.log(tg.softmax(affine(w, b))) * Y).sum() / N,
}
P = np.exp(INPUT @ W + B) / np.exp(INPUT @ W + B).sum(axis=1, keepdims=True)
DELTA = (P - Y) / N
# What is wrong, and the kinds that may be named; silence is right for all but the first three.
AT_THE_LOSS = {
    "mean": (DELTA * N, {"factor"}),
    "twice": (DELTA / N, {"factor"}),
    "sign": (-DELTA, {"sign"}),
    "rows": ((P - np.roll(Y, 1, 0)) / N, {"labels off"}),
    "classes": ((P - np.roll(Y, 1, 1)) / N, {"labels off"}),
    "labels": (P / N, {"labels off", "contribution missing"}),
    "elementwise": (-Y * (1 - P) / N, {"softmax elementwise"}),
    "again": (DELTA * P * (1 - P), {"softmax elementwise"}),
    "probabilities": (-Y / P / N, {"no activation derivative", "softmax elementwise"}),
    "axis": ((P / P.sum(axis=0) - Y) / N, {"softmax over the wrong axis"}),
}


def backwards(delta):
    return INPUT.T @ delta, delta.sum(axis=0)


def sound(found):
    """Whether its sentences can be read: no claim, whole brackets, a place for each slip."""
    assert found.first.startswith("going backwards, ")
    for one in found.diagnoses:
        start = f"line {one.line.line}: {one.line.code} - " if one.line else ""
        assert one.sentence.startswith(f"{start}looks like this: ")
        assert "wrong because" not in one.sentence
        assert one.sentence.count("(") == one.sentence.count(")")
        assert not any(bad in one.sentence for bad in ("None", "  ", "nan", " ,", "()"))
        assert one.place in one.sentence or one.line
        assert set(one.explains) <= {row.name for row in found.rows if not row.verdict.agree}
    return True


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
def test_a_cross_entropy_written_out_never_gets_a_wrong_diagnosis(loss):
    f = CROSS_ENTROPIES[loss]
    assert check_manual(f, backwards(DELTA), W, B).agree
    for name, (delta, kinds) in AT_THE_LOSS.items():
        found = check_manual(f, backwards(delta), W, B, samples=2)
        assert not found.agree
        assert sound(found)
        kind = found.diagnoses[0].kind if found.diagnoses else ""
        assert kind in (kinds if name in ("mean", "twice", "sign") else kinds | {""}), (name, kind)


@pytest.mark.parametrize("loss", CROSS_ENTROPIES)
def test_the_bias_of_a_loss_written_out(loss):
    for db, kind in ((DELTA, "bias not summed"), (DELTA.mean(axis=0), "bias averaged")):
        found = check_manual(CROSS_ENTROPIES[loss], [INPUT.T @ DELTA, db], W, B, samples=2)
        assert found.diagnoses[0].kind == kind
        assert found.diagnoses[0].explains == ("b",)
        assert sound(found)
    half = [INPUT.T @ DELTA, DELTA[:2].sum(axis=0)]
    assert check_manual(CROSS_ENTROPIES[loss], half, W, B, samples=2).diagnoses == ()


@pytest.mark.parametrize(
    ("f", "scale"),
    [
        (lambda w, b: ((affine(w, b) - TARGET) ** 2).sum(axis=1).mean(), 2 / N),
        (lambda w, b: ((affine(w, b) - TARGET) ** 2).sum(axis=1).mean() / 2, 1 / N),
        (lambda w, b: 0.5 * ((TARGET - affine(w, b)) ** 2).sum() / N, 1 / N),
    ],
)
def test_a_squared_error_with_and_without_its_half(f, scale):
    error = INPUT @ W + B - TARGET
    delta = scale * error
    assert check_manual(f, backwards(delta), W, B).agree
    for factor, word in ((N, f"over {N} was forgotten"), (2, "factor of 2"), (0.5, "half")):
        found = check_manual(f, backwards(factor * delta), W, B, samples=2)
        assert found.diagnoses[0].kind == "factor"
        assert word in found.diagnoses[0].sentence
        assert sound(found)
    for wrong in (np.sign(error) * scale, scale * error**3, scale * (INPUT @ W + B)):
        assert check_manual(f, backwards(wrong), W, B, samples=2).diagnoses == ()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def tanh_written_out(z):
    return (tg.exp(z) - tg.exp(-z)) / (tg.exp(z) + tg.exp(-z))


@pytest.mark.parametrize(
    ("act", "forward", "slope"),
    [
        (lambda z: 1 / (1 + tg.exp(-z)), sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
        (lambda z: tg.exp(z) / (tg.exp(z) + 1), sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
        (tanh_written_out, np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        (lambda z: tg.maximum(z, 0.0), lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
        (lambda z: tg.log(1 + tg.exp(z)), lambda z: np.log1p(np.exp(z)), sigmoid),
    ],
)
def test_an_activation_written_out_is_diagnosed_rightly_or_not_at_all(act, forward, slope):
    v = np.array([[1.0], [-2.0], [0.7], [1.3]])

    def f(w, b, v):
        return ((act(affine(w, b)) @ v - TARGET[:, :1]) ** 2).sum() / (2 * N)

    h = forward(z := INPUT @ W + B)
    top = (h @ v - TARGET[:, :1]) / N

    def mine(slopes):
        return *backwards(top @ v.T * slopes), h.T @ top

    assert check_manual(f, mine(slope(z)), W, B, v).agree
    kinds = ("no activation derivative", "", "", "derivative at the input" * (forward is sigmoid))
    for slopes, kind in zip((1.0, slope(h) + 0.1, z, z * (1 - z)), kinds, strict=True):
        found = check_manual(f, mine(slopes), W, B, v, samples=2)
        assert not found.agree
        assert found.first.startswith("going backwards, v agrees; the first that differs is b")
        assert [one.kind for one in found.diagnoses] == [kind] * bool(kind)
    turned = check_manual(f, mine(-slope(z)), W, B, v, samples=2)
    assert turned.diagnoses[0].kind == "sign"
    assert sound(turned)


def recurrent(slip="", steps=5):
    """Gradients of a recurrent net whose weights are used at every step, and the net."""
    generator = np.random.default_rng(2)
    xs, target = generator.normal(size=(steps, N, 3)), generator.normal(size=(N, K))
    wx, wh, b = generator.normal(size=(3, K)), generator.normal(size=(K, K)) / 2, B

    def f(wx, wh, b):
        h = Tensor(np.zeros((N, K)))
        for x in xs:
            h = tg.tanh(Tensor(x) @ wx + h @ wh + b)
        return ((h - target) ** 2).mean()

    h = [np.zeros((N, K))]
    for x in xs:
        h.append(np.tanh(x @ wx + h[-1] @ wh + b))
    arrives = 2 * (h[-1] - target) / target.size
    dx, dh, db = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    for k in range(steps - 1, -1, -1):
        delta = arrives * (1 if slip == "derivative" else 1 - h[k + 1] ** 2)
        if slip == "before":
            delta = arrives * (1 - h[k] ** 2)
        dx, db = dx + xs[k].T @ delta, db + delta.sum(axis=0)
        if slip != "third" or k != 2:
            dh = (0 if slip == "last" else dh) + h[k + (slip == "new")].T @ delta
        arrives = delta @ (wh if slip == "through" else wh.T)
        if slip == "detached":
            break
    return f, (dx, dh, db), (wx, wh, b)


@pytest.mark.parametrize(
    ("slip", "kind"),
    [
        *[("derivative", "no activation derivative"), ("third", "contribution missing")],
        *[("new", "other operand"), ("through", "transposed")],
        *[("before", ""), ("last", ""), ("detached", "")],
    ],
)
def test_weights_that_are_used_five_times(slip, kind):
    f, mine, inputs = recurrent(slip)
    found = check_manual(f, mine, *inputs, samples=2)
    assert not found.agree
    assert sound(found)
    assert [one.kind for one in found.diagnoses][:1] == [kind] * bool(kind)
    right, gradients, inputs = recurrent()
    assert check_manual(right, gradients, *inputs, samples=2).agree


def test_attention():
    q, k, v, g = (np.random.default_rng(n).normal(size=(4, 3)) for n in range(4))

    def f(q, k, v):
        return ((tg.softmax(q @ k.T / np.sqrt(3)) @ v) * g).sum()

    s = q @ k.T / np.sqrt(3)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(3)
    right = (ds @ k, ds.T @ q, p.T @ g)
    assert check_manual(f, right, q, k, v).agree
    alone = p * (1 - p) * dp / np.sqrt(3)
    for mine, kind in (
        ((alone @ k, alone.T @ q, right[2]), "softmax elementwise"),
        ((right[1], right[0], right[2]), "exchanged"),
        ((right[0], -right[1], right[2]), "sign"),
        ((ds @ k * 1.7, ds.T @ q * 1.7, right[2]), ""),
        ((right[0], ds @ q, right[2]), "transposed"),
        ((right[0], right[1], p @ g), "transposed"),
    ):
        found = check_manual(f, mine, q, k, v, samples=2)
        assert [one.kind for one in found.diagnoses][:1] == [kind] * bool(kind)
        assert sound(found)


# Nothing is changed ------------------------------------------------------------------------------


def test_nothing_of_the_caller_is_changed():
    a, b = (Tensor(n * X, requires_grad=True) for n in (1, 2))
    times(a, b).backward()
    data, grads, called = [a.data, b.data], [a.grad, b.grad], []
    a.register_hook(called.append)
    state = np.random.get_state()  # noqa: NPY002
    found = check_manual(times, [b.numpy(), -a.numpy()], a, b)
    assert found.diagnoses[0].kind == "sign"
    assert (a.grad, b.grad) == tuple(grads)
    np.testing.assert_array_equal(data, [X, 2 * X])
    np.testing.assert_array_equal([a.data, b.data], [X, 2 * X])
    assert called == []
    after = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(x, y) for x, y in zip(state, after, strict=True))


def test_a_module_inside_of_f_stays_as_it_is():
    mlp = MLP([3, 4, 2], "tanh", seed=0)
    before = [parameter.numpy() for parameter in mlp.parameters()]
    check_manual(lambda x: mlp(x).sum(), [np.zeros((4, 3))], X)
    assert mlp.training
    for parameter, value in zip(mlp.parameters(), before, strict=True):
        assert parameter.grad is None
        assert parameter.dtype == value.dtype
        np.testing.assert_array_equal(parameter.numpy(), value)


def test_a_function_that_clears_its_arguments_clears_copies():
    mlp, labels = MLP([3, 4, 2], "tanh", seed=0), np.array([0, 1, 1, 0])
    right = manual_gradients(mlp, X, labels)
    before = [parameter.numpy() for parameter in mlp.parameters()]

    def mine(weights, biases, x, y):
        for array in (*weights, *biases, x, y):
            array[...] = 0
        return right

    assert compare_gradients(mlp, X, labels, manual=mine).agree
    check_manual(tg.softmax_cross_entropy, lambda z, y: y.fill(0) or [z], X, labels)
    np.testing.assert_array_equal(labels, [0, 1, 1, 0])
    for parameter, value in zip(mlp.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.numpy(), value)


# Microscope and lint -----------------------------------------------------------------------------


def test_the_microscope_is_not_fooled():
    line = microscope(doubled, ROW).curve("central differences")
    assert line.best_step == pytest.approx(0.1), "no truncation: the largest step is the best"
    still = microscope(square, [0.0])
    assert any("errors are absolute" in note for note in still.notes)
    there = microscope(lambda x: tg.relu(x).sum(), [0.0])
    assert "no step is right" in str(there.kink)
    assert np.isnan(there.curve("central differences").best_error)


def test_lint_is_not_fooled():
    logits = Tensor(SIDE.normal(size=(4, 3)), requires_grad=True)
    warm = tg.softmax_cross_entropy(tg.softmax(logits) @ SIDE.normal(size=(3, 3)), [0, 1, 2, 0])
    assert lint(warm).ok, "a softmax inside of a network is none at its end"
    few = Tensor(-np.ones((3, 20)), requires_grad=True)
    assert lint(tg.relu(few).sum()).ok, "three samples say nothing"
    mlp = MLP([3, 4, 2], seed=0)
    sgd = nn.SGD(mlp.parameters(), lr=0.1)
    loss = 2 * tg.softmax_cross_entropy(mlp(X), [0, 1, 1, 0])
    loss.backward()
    grads = [parameter.grad for parameter in mlp.parameters()]
    assert lint(loss, mlp, sgd).ok, "twice the loss is not twice its gradient"
    assert all(p.grad is g for p, g in zip(mlp.parameters(), grads, strict=True))

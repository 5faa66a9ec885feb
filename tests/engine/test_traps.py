"""Proves that the awkward points of numerics and the bad inputs of users get what is promised:
a stated value, or an error that says what to do, and never a wrong number without a word.
"""

import contextlib
import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import SGD
from tinygrad_edu import GradientError, Tensor, grad, no_grad

inf, nan = np.inf, np.nan


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


def step(parameter, change):
    """Let an optimiser move a parameter: it writes into the array in place."""
    parameter.grad = change
    SGD([parameter], lr=1.0).step()


LARGE = [("float32", 1e4), ("float64", 1e4), ("float64", 1e300), ("float64", 1.7e308)]


@pytest.mark.parametrize(("dtype", "size"), LARGE)
@pytest.mark.parametrize("other", [0.0, 1.0, -1.0, 0.5])
def test_large_logits_stay_finite(dtype, size, other):
    rows = np.array([[size, other * size, 0.0], [-size, 1.0, -1.0], [size] * 3], dtype)
    functions = [
        tg.sigmoid,
        tg.softmax,
        tg.log_softmax,
        lambda x: tg.logsumexp(x, axis=1),
        lambda x: tg.softmax_cross_entropy(x, [1, 0, 2]),
        lambda x: tg.binary_cross_entropy_with_logits(x, np.eye(3, dtype=dtype)),
    ]
    # Differences and sums of the very largest numbers are beyond float64.
    for f in functions if size <= 1e300 else functions[:1]:
        x = Tensor(rows, requires_grad=True)
        out = f(x)
        out.backward(np.linspace(0.5, 1, out.size, dtype=dtype).reshape(out.shape))
        assert out.dtype == dtype
        assert np.isfinite(out.data).all()
        assert np.isfinite(x.grad).all()


def test_large_logits_have_the_right_loss():
    x = Tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    loss = tg.softmax_cross_entropy(x, [2])
    loss.backward()
    assert loss.item() == 2000
    np.testing.assert_array_equal(x.grad, [[1, 0, -1]])
    z = Tensor([800.0, -800.0], requires_grad=True)
    loss = tg.binary_cross_entropy_with_logits(z, [0, 1])
    loss.backward()
    assert loss.item() == 800
    np.testing.assert_array_equal(z.grad, [0.5, -0.5])


# Bad inputs -----------------------------------------------------------------------------------

M = Tensor(np.ones((2, 3)), requires_grad=True)
binary, entropy = tg.binary_cross_entropy_with_logits, tg.softmax_cross_entropy
AxisError = np.exceptions.AxisError

BAD = {
    "text": (lambda: Tensor("abc"), TypeError, "dtype"),
    "text to be numbers": (lambda: Tensor(["1", "2"], dtype=float), TypeError, "dtype|text"),
    "objects": (lambda: Tensor([object()]), TypeError, "dtype"),
    "None": (lambda: M * None, TypeError, "dtype"),
    "dates": (lambda: Tensor(np.array(["2020-01-01"], "M8[D]")), TypeError, "dtype"),
    "masked": (lambda: M * np.ma.array([1.0, 2.0, 3.0]), TypeError, "mask"),
    "masked left": (lambda: np.ma.array([1.0, 2.0, 3.0]) * M, TypeError, "mask"),
    "tensors in a list": (lambda: Tensor([M, M]), TypeError, "stack"),
    "tensors in nested lists": (lambda: Tensor([[M[0, 0]], [M[0, 1]]]), TypeError, "stack"),
    "operand of tensors": (lambda: M * [[M[0, 0]], [M[0, 1]]], TypeError, "stack"),
    "ragged": (lambda: Tensor([[1.0, 2.0], [3.0]]), ValueError, "ragged"),
    "integers": (lambda: Tensor([1, 2], requires_grad=True), TypeError, r"int64.*floating.*3\.0"),
    "booleans": (lambda: Tensor(True, requires_grad=True), TypeError, "bool.*floating"),
    "complex": (lambda: Tensor(1j), TypeError, "complex is not supported"),
    "complex operand": (lambda: M * 1j, TypeError, "complex is not supported"),
    "complex dtype": (lambda: M.astype("complex64"), TypeError, "complex is not supported"),
    "not a scalar": ((M * 1).backward, GradientError, r"\(2, 3\).*pass gradient="),
    "gradient shape": (lambda: (M * 1).backward([1.0]), ValueError, r"\(1,\).*\(2, 3\)"),
    "gradient dtype": (lambda: M.sum().backward(1j), (TypeError, ValueError), "complex"),
    "no graph": (Tensor(1.0).backward, GradientError, "requires_grad=False"),
    "no graph kept": (no_grad()(M.sum)().backward, GradientError, r"created under no_grad\(\)"),
    "add": (lambda: M + np.ones(2), ValueError, r"add.*\(2, ?3\).*\(2,\)"),
    "where": (lambda: tg.where(M > 0, M, np.ones(2)), ValueError, r"where.*\(2, ?3\).*\(2,\)"),
    "matmul": (lambda: M @ M, ValueError, r"matmul.*\(2, 3\) and \(2, 3\)"),
    "matmul 0-d": (lambda: M @ 2.0, ValueError, r"matmul.*\(2, 3\) and \(\)"),
    "linear": (lambda: tg.linear(M, M.T, np.ones(3)), ValueError, r"linear.*\(2, 3\).*\(3,\)"),
    "linear 0-d": (lambda: tg.linear(M, M.T, 0.0), ValueError, r"linear.*\(2, 3\).*\(\)"),
    "sum axis": (lambda: M.sum(axis=2), AxisError, "axis 2.*dimension 2"),
    "var axis": (lambda: M.var(axis=-3), AxisError, "axis -3.*dimension 2"),
    "softmax axis": (lambda: tg.softmax(M, axis=2), AxisError, "axis 2.*dimension 2"),
    "sum axis twice": (lambda: M.sum(axis=(0, -2)), ValueError, "sum.*axis"),
    "max axis twice": (lambda: M.max(axis=(0, 0)), ValueError, "axis"),
    "swapaxes": (lambda: M.swapaxes(0, 2), AxisError, "axis 2.*dimension 2"),
    "reshape": (lambda: M.reshape(4), ValueError, r"6.*\(4,\)"),
    "max of nothing": (lambda: tg.max(M[:0]), ValueError, r"max.*\(0, 3\)"),
    "min of nothing": (lambda: tg.min(M[:0], axis=0), ValueError, r"min.*\(0, 3\)"),
    "var ddof": (lambda: M.var(axis=0, ddof=2), ValueError, "2 elements.*ddof=2"),
    "var of one": (lambda: leaf(1.0).var(ddof=1), ValueError, "1 elements.*ddof=1"),
    "clip by a list": (lambda: M.clip([leaf(0.0)], None), TypeError, "clip"),
    "item": (M.item, ValueError, "6"),
    "label": (lambda: entropy(M, [0, 3]), ValueError, r"3 in row 1.*0\.\.2"),
    "label below": (lambda: entropy(M, [-1, 9]), ValueError, "-1 in row 0"),
    "float labels": (lambda: entropy(M, [0.0, 1.0]), TypeError, "float64.*int"),
    "labels shape": (lambda: entropy(M, [0]), ValueError, r"\(2, 3\).*\(1,\)"),
    "no rows": (lambda: entropy(M[:0], np.zeros(0, int)), ValueError, "no rows"),
    "target": (lambda: binary(leaf(1.0, 2.0), [1.0, 1.5]), ValueError, r"1\.5 at \(1,\)"),
    "no rule": (lambda: np.heaviside(M, 1.0), TypeError, "heaviside"),
    "no rule for a function": (lambda: np.linalg.qr(M), TypeError, r"linalg\.qr"),
    "no rule for accumulate": (lambda: np.add.accumulate(M), TypeError, r"add\.accumulate"),
    "out=": (lambda: np.add(M, 1.0, out=np.zeros((2, 3))), TypeError, "out="),
    "in place": (lambda: np.ones((2, 3)).__iadd__(M), TypeError, "lose its graph"),
    "unknown keyword": (lambda: np.sum(M, dtype="f4"), TypeError, "dtype"),
    "assignment": (lambda: M.__setitem__(0, 1.0), (TypeError, AttributeError), "setitem|assign"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_inputs(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("f", [tg.log, tg.sqrt])
def test_negative_gives_nan_and_one_warning(f):
    x = leaf(-1.0, 4.0)
    with pytest.warns(RuntimeWarning, match=f.__name__) as caught:
        y = f(x)
    assert len(caught) == 1
    assert list(np.isnan(y.data)) == [True, False]
    y.sum().backward()  # and none on the way back


def test_arrays_of_others_on_the_left():
    """Nothing falls out of the graph, and nothing becomes an array of objects."""
    pandas = pytest.importorskip("pandas")
    x = leaf(1.0, 2.0)
    for other in (pandas.Series([3.0, 4.0]), pandas.Series([3.0, 4.0]).to_numpy(), np.float64(3)):
        for out in (other * x, x * other):
            assert type(out) is Tensor
            assert out.requires_grad


def test_lists_are_operands_like_arrays():
    # Python's own operators would join and repeat lists.
    assert np.asarray(tg.add([1.0], [2.0])).tolist() == [3]
    assert np.asarray(tg.multiply([1.0, 2.0], 2)).tolist() == [2, 4]
    assert np.asarray(tg.linear([[1.0]], [[2.0]], [0.5])).tolist() == [[2.5]]
    assert np.asarray(tg.astype([1.5], int)).tolist() == [1]
    assert np.asarray(tg.negative([1.0])).tolist() == [-1]


# Values that change ---------------------------------------------------------------------------


def test_view_made_without_recording_does_not_change():
    w = leaf(1.0, 2.0)
    with no_grad():
        seen = [w[:], w.reshape(2, 1), w.T, w * 1, tg.broadcast_to(w, (2, 2)), w.clip(), *w]
    seen += [w.detach(), Tensor(w.detach()), w.astype(int)]
    before = [tensor.numpy() for tensor in seen]
    step(w, [5.0, 5.0])
    for tensor, values in zip(seen, before, strict=True):
        np.testing.assert_array_equal(tensor.data, values)


def test_views_of_constants_do_not_change():
    frozen = leaf(1.0, 2.0)
    frozen.requires_grad = False
    part = frozen[:1]
    frozen.requires_grad = True
    step(frozen, [5.0, 5.0])
    assert part.item() == 1
    # The other way round: a leaf that was made as a view of a constant.
    constant = Tensor([[1.0, 2.0], [3.0, 4.0]])
    trained = constant.T
    trained.requires_grad = True
    step(trained, np.ones((2, 2)))
    np.testing.assert_array_equal(constant.data, [[1, 2], [3, 4]])


def test_every_leaf_can_be_stepped():
    scalar = Tensor([1.0, 2.0]).sum()  # NumPy gave a number here, not an array
    scalar.requires_grad = True
    for x in (leaf(3.0)[0].detach(), scalar, copy.deepcopy(leaf(3.0)), Tensor(3.0)):
        x.requires_grad = True
        (x * 1.0).sum().backward()
        SGD([x], lr=0.5).step()
        assert x.item() == 2.5


def test_momentum_keeps_a_gradient_of_its_own():
    # v1 = 1, v2 = 0.5 * v1 + 2: the second gradient is added into the array of the first.
    x = Tensor(0.0, requires_grad=True)
    optimizer = SGD([x], lr=1.0, momentum=0.5)
    for _ in range(2):
        (x * 1.0).backward()
        optimizer.step()
    assert x.item() == -1 - 2.5


def test_array_of_the_caller_is_copied():
    array, other, index = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([1, 1])
    x = Tensor(array, requires_grad=True)
    y = (x * other)[index] + other
    array[:] = other[:] = 0
    index[:] = 0
    y.sum().backward()
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [0, 8])


METADATA = {
    "list": ([0, 0], [1, 0], lambda x, m: x[m]),
    "list in a tuple": ([0, 0], [1, 0], lambda x, m: x[m, :1]),
    "mask": (np.array([True, False]), [False, True], lambda x, m: x[m]),
    "put_at": (np.array([0, 1]), [1, 0], lambda x, m: tg.put_at(x, m, (2, 2))),
    "axes": ([0, 1], [1, 0], lambda x, m: x.transpose(m)),
    "clip": (np.array([-9.0, -9.0]), [9.0, 9.0], lambda x, m: x.clip(m, None)),
    "where": (np.array([True, False]), [False, True], lambda x, m: tg.where(m, x, 0.0)),
    "labels": (np.array([1, 1]), [0, 0], tg.softmax_cross_entropy),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata_of_the_caller_is_copied(name):
    metadata, later, use = METADATA[name]
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    cotangent = np.arange(1.0, 1 + use(x, metadata).size).reshape(use(x, metadata).shape)
    expected = grad(use(x, copy.copy(metadata)), x, cotangent)
    out = use(x, copied := copy.copy(metadata))
    copied[:] = later
    np.testing.assert_array_equal(grad(out, x, cotangent), expected)


def test_shared_array_is_locked():
    base = np.arange(6.0)
    x = Tensor(base[::2], requires_grad=True, copy=False)
    assert np.shares_memory(x.data, base)
    with pytest.raises(ValueError, match="read-only"):
        base[0] = 1
    assert not np.shares_memory(Tensor(base, dtype="float32", copy=False).data, base)
    with contextlib.suppress(ValueError):  # whether it may be trained or not,
        step(x, np.ones(3))
    assert list(base) == [0, 1, 2, 3, 4, 5]  # the array stays as it was


# What a tensor holds --------------------------------------------------------------------------


def test_data_is_read_only_and_can_be_replaced():
    x = leaf(1.0, 2.0, dtype="float32")
    for view in (x.data, np.asarray(x.detach()), (x * 1).data, x.sum().data):
        with pytest.raises(ValueError, match="read-only"):
            view[...] = 0
    new = np.array([3.0, 4.0])
    x.data = new
    new[:] = 0
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x.data, [3, 4])
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        x.data = np.ones(3)
    with pytest.raises(GradientError, match="result of multiply"):
        (x * 1).data = [1.0, 1.0]
    x.numpy()[:] = 9  # the caller's own
    np.testing.assert_array_equal(x.data, [3, 4])


def test_grad_is_checked_and_keeps_its_dtype():
    x = leaf(1.0, 2.0, dtype="float16")
    values = np.array([1.0, 2.0])
    x.grad = values
    values[:] = 0
    assert x.grad.dtype == np.float16
    (x * 2.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.array([3, 4], np.float16), strict=True)
    with pytest.raises(ValueError, match=r"\(3,\).*\(2,\)"):
        x.grad = np.ones(3)
    with pytest.raises(TypeError):
        x.grad = np.array([1j, 1j])


def pickled(x):
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("twin_of", [copy.copy, copy.deepcopy, pickled])
def test_copies_of_leaves(twin_of):
    x = leaf(1.0, 2.0, name="w", dtype="float32")
    x.grad = [3.0, 4.0]
    twin = twin_of(x)
    assert (twin.name, twin.requires_grad, twin.dtype) == ("w", True, np.float32)
    np.testing.assert_array_equal(twin.grad, [3, 4])
    step(twin, [1.0, 1.0])
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [3, 4])
    with pytest.raises(TypeError, match=r"detach\(\) first"):
        twin_of(x * 2)
    assert twin_of((x * 2).detach()).tolist() == [2, 4]


def test_identity_equality_and_containers():
    x, y = leaf(1.0, 2.0), leaf(1.0, 2.0)
    assert len({x, y, x}) == 2
    assert {x: "x"}[x] == "x"
    assert (x == y).dtype == bool
    assert list(x == y) == [True, True]
    assert list(np.array([0.0, 3.0]) < x) == list(x < 2) == [True, False]
    assert (2.0 in x, 3.0 in x) == (True, False)
    first, second = x
    (first * 10 + second).backward()
    np.testing.assert_array_equal(x.grad, [10, 1])
    with pytest.raises(TypeError):
        len(Tensor(1.0))
    with pytest.raises(TypeError):
        iter(Tensor(1.0))


def test_conversions_to_numbers():
    one, two = leaf(2.5), leaf(1.0, 2.0)
    with no_grad():
        assert (float(one), int(one), bool(one), one.item()) == (2.5, 2, True, 2.5)
    for convert, error in [(float, TypeError), (int, TypeError), (bool, ValueError)]:
        with pytest.raises(error, match="2"):
            convert(two)
    with pytest.raises(ValueError, match="2"):
        two.item()
    assert f"{Tensor(1.25):.1f}" == "1.2"


def test_repr():
    x = leaf(1.0, 2.0)
    assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "Tensor([2., 4.], from=multiply)"
    assert repr(Tensor(1.5, dtype="float32", name="b")) == "Tensor(1.5, dtype=float32, name='b')"
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000

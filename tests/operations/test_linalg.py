"""Tests linear algebra beyond the table of cases: singular matrices, repeated
values, kinks of norms, what is read of a symmetric matrix, and what each error says.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, grad, linalg
from tinygrad_edu.autodiff import graph_order

SINGULAR = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]  # LU does not notice


def normal(*shape):
    return np.random.default_rng(11).normal(size=shape)


def leaf(data, **keywords):
    return Tensor(data, True, **keywords)


def second(f, x, direction=None):
    """The gradient of the gradient of f at x, along a direction."""
    first = grad(f(x), x, create_graph=True)
    return grad((first * (normal(*x.shape) if direction is None else direction)).sum(), x)


def rotation(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


# Determinants ---------------------------------------------------------------------------------


def minors(x):
    """The cofactors by their definition: on whole numbers without any round-off."""
    cofactors = np.zeros(x.shape)
    for i, j in np.ndindex(x.shape):
        left = np.delete(np.delete(x, i, 0), j, 1)
        rows = np.arange(len(left))
        for order in itertools.permutations(rows):
            swaps = sum(a > b for a, b in itertools.combinations(order, 2))
            cofactors[i, j] += (-1) ** (i + j + swaps) * np.prod(left[rows, list(order)])
    return cofactors


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_gradient_of_det_is_the_cofactors_whatever_the_rank(size):
    generator = np.random.default_rng(size)
    for rank in range(size + 1):
        a, b = generator.integers(-3, 4, (2, size, rank)).astype(float)
        x = leaf(a @ b.T)
        linalg.det(x).backward()
        np.testing.assert_allclose(x.grad, minors(x.data), atol=1e-11)
    assert not np.any(minors(np.outer([1, 2, 3], [1, 0, 1])))  # rank n - 2: all are 0


def test_singular_matrices_in_a_stack():
    x = leaf([SINGULAR, np.diag([2.0, 3.0, 4.0]).tolist(), np.zeros((3, 3)).tolist()])
    linalg.det(x).backward([1.0, 2.0, 3.0])
    expected = [np.outer([1, -2, 1], [-3, 6, -3]), np.diag([24, 16, 12]), np.zeros((3, 3))]
    np.testing.assert_allclose(x.grad, expected, atol=1e-13)


@pytest.mark.parametrize("x", [SINGULAR, [[1.0, 2.0], [2.0, 4.0]], [[0.0] * 3] * 3])
def test_second_derivative_of_det_at_a_singular_matrix_is_an_error(x):
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix: the second derivative"):
        second(linalg.det, leaf(x))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        second(lambda x: linalg.det(x).sum(), leaf([np.eye(len(x)).tolist(), x]))


def test_cofactors_do_not_overflow_on_the_way():
    x = leaf(np.diag([1e200, 1e200, 1e-150, 1e-150]))
    linalg.det(x).backward()
    np.testing.assert_allclose(x.grad.diagonal(), [1e-100, 1e-100, 1e250, 1e250], rtol=1e-12)


def test_no_rows():
    x = leaf(np.zeros((0, 0)))
    assert linalg.det(x).item() == 1
    assert linalg.slogdet(x).logabsdet.item() == 0
    assert second(linalg.det, x).shape == (0, 0)


def test_slogdet():
    x = leaf([[[0.0, 2.0], [1.0, 0.0]], [[1e200, 0.0], [0.0, 1e200]]])
    result = linalg.slogdet(x)
    assert type(result) is type(np.linalg.slogdet(np.eye(2)))
    assert type(result.sign) is np.ndarray
    assert result.sign.tolist() == [-1, 1]
    np.testing.assert_allclose(result.logabsdet.data, np.log([2, 1e200]) * [1, 2])
    singular = linalg.slogdet(leaf([[1.0, 1.0], [1.0, 1.0]]))
    assert (singular.sign, singular.logabsdet.item()) == (0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError):
        singular.logabsdet.backward()


# Symmetric matrices ---------------------------------------------------------------------------

READ = {
    "cholesky": (linalg.cholesky, np.tril),
    "cholesky upper": (lambda x: linalg.cholesky(x, upper=True), np.triu),
    "eigvalsh": (linalg.eigvalsh, np.tril),
    "eigvalsh U": (lambda x: linalg.eigvalsh(x, UPLO="U"), np.triu),
    "eigenvectors": (lambda x: linalg.eigh(x).eigenvectors, np.tril),
    "eigenvectors U": (lambda x: linalg.eigh(x, "U").eigenvectors, np.triu),
}


@pytest.mark.parametrize("name", READ)
def test_one_triangle_is_read_and_the_gradient_is_symmetric(name):
    f, triangle = READ[name]
    whole = normal(3, 3) @ normal(3, 3).T + np.diag([1.0, 2.0, 4.0])
    x, half = leaf(whole), leaf(triangle(whole))
    out, same = f(x), f(half)
    np.testing.assert_array_equal(out.data, same.data)
    g = normal(*out.shape)
    gradient = grad(out, x, g)
    np.testing.assert_array_equal(gradient, grad(same, half, g))
    np.testing.assert_allclose(gradient, gradient.T, atol=1e-14)


def test_repeated_eigenvalues_have_a_gradient():
    for seed, values in enumerate([[1.0, 1.0, 2.0], [0.0, 0.0, 0.0], [-1.0, 3.0, 3.0]]):
        q = rotation(3, seed)
        x = leaf(q * values @ q.T)
        (linalg.eigvalsh(x) ** 3).sum().backward()
        np.testing.assert_allclose(x.grad, 3 * x.data @ x.data, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2, 3, 10, 40])
def test_vectors_of_repeated_values_are_an_error(size, dtype):
    for seed in range(5):
        q = rotation(size, seed).astype(dtype)
        values = np.arange(1.0, size + 1)
        values[1] = values[0]
        scale = 10.0 ** (seed - 2)
        symmetric = scale * (q * values.astype(dtype) @ q.T)
        other = scale * (q * values.astype(dtype) @ rotation(size, 9).astype(dtype))
        for f, matrix in [
            (lambda x: linalg.eigh(x).eigenvectors, (symmetric + symmetric.T) / 2),
            (lambda x: linalg.svd(x).U, other),
            (lambda x: linalg.svd(x).Vh, other),
        ]:
            x = leaf(matrix.astype(dtype))
            out = f(x)
            with pytest.raises(GradientError, match=r"equal.*up to rounding"):
                out.backward(np.ones(out.shape, dtype))


def test_errors_of_vectors():
    with pytest.raises(GradientError, match=r"eigh: two eigenvalues are equal.*\[1\. 2\. 2\.\]"):
        linalg.eigh(leaf([np.diag([1.0, 2.0, 3.0]), np.diag([1.0, 2.0, 2.0])]))[1].sum().backward()
    for values in ([3.0, 3.0], [3.0, 0.0], [0.0, 0.0], [3.0, 1e-17]):
        x = leaf(np.vstack([np.diag(values), np.zeros((1, 2))]))
        with pytest.raises(GradientError, match="svd: two singular values are equal or one is 0"):
            linalg.svd(x, full_matrices=False).Vh.sum().backward()
    with pytest.raises(GradientError, match="eigenvalues are equal"):
        second(lambda x: linalg.eigvalsh(x).sum(), leaf(np.eye(2)))
    with pytest.raises(GradientError, match="one is 0"):
        second(lambda x: linalg.svdvals(x).sum(), leaf([[1.0, 1.0], [1.0, 1.0]]))


def test_single_numbers_and_well_separated_values_are_not_ties():
    for f in (lambda x: linalg.eigh(x)[1], lambda x: linalg.svd(x).U):
        x = leaf([[3.0]])
        assert grad(f(x), x).tolist() == [[0.0]]
        x = leaf(np.diag([1e-6, 1.0, 1e6]))
        assert np.all(np.isfinite(grad(f(x), x, normal(3, 3))))


def test_singular_vectors_belong_together():
    for seed in range(20):
        x = np.random.default_rng(seed).normal(size=(2, 4, 3))
        u, s, vh = result = linalg.svd(Tensor(x), full_matrices=False)
        assert type(result) is type(np.linalg.svd(np.eye(2)))
        np.testing.assert_allclose((u * s[..., None, :] @ vh).data, x, atol=1e-13)
        for ours, theirs in zip(result, np.linalg.svd(x, full_matrices=False), strict=True):
            np.testing.assert_array_equal(ours.data, theirs)


def test_repeated_and_vanishing_singular_values_have_a_gradient():
    x = leaf(2 * rotation(3))
    (linalg.svdvals(x) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data, atol=1e-13)
    zeros = leaf(np.zeros((2, 3)))
    for f in (lambda x: linalg.svdvals(x).sum(), lambda x: linalg.norm(x, "nuc")):
        assert not np.any(grad(f(zeros), zeros))


# Inverses -------------------------------------------------------------------------------------


def test_pinv_along_changes_that_keep_the_rank():
    a, b, da, db = normal(4, 4, 2)
    step, g = 1e-6, normal(4, 4)
    x = leaf(a @ b.T)
    out = linalg.pinv(x, rcond=1e-10)
    ends = [np.linalg.pinv((a + h * da) @ (b + h * db).T, rcond=1e-10) for h in (step, -step)]
    slope = np.sum(g * (ends[0] - ends[1])) / (2 * step)
    np.testing.assert_allclose(np.sum(grad(out, x, g) * (da @ b.T + a @ db.T)), slope, rtol=1e-6)


def test_matrix_power_of_one_and_none():
    x = leaf([[1.0, np.inf], [0.0, 1.0]])
    assert linalg.matrix_power(x, 1) is x
    identity = linalg.matrix_power(x, 0)
    assert identity.tolist() == [[1, 0], [0, 1]]
    assert not np.any(grad(identity, x, np.ones((2, 2))))
    assert linalg.matrix_power([[1, 1], [0, 1]], 3).tolist() == [[1, 3], [0, 1]]
    assert linalg.matrix_power(np.ones((2, 2), int), 0).dtype == int


@pytest.mark.parametrize("seed", range(6))
def test_multi_dot_multiplies_as_little_as_it_can(seed):
    sizes = np.random.default_rng(seed).integers(1, 9, 7)
    arrays = [leaf(normal(m, n)) for m, n in itertools.pairwise(sizes)]
    out = linalg.multi_dot(arrays)
    np.testing.assert_allclose(out.data, np.linalg.multi_dot([a.data for a in arrays]), rtol=1e-12)

    def least(sizes):
        if len(sizes) == 2:
            return 0
        return min(
            least(sizes[: k + 1]) + least(sizes[k:]) + sizes[0] * sizes[k] * sizes[-1]
            for k in range(1, len(sizes) - 1)
        )

    nodes = [tensor.node for tensor in graph_order(out)]
    assert sum(x.shape[0] * y.size for x, y in (node.values for node in nodes)) == least(sizes)


def test_half_precision_is_computed_in_single():
    x = leaf([[100.0, 1.0], [2.0, 300.0]], dtype="float16")
    wide = leaf(x.data, dtype="float32")
    for f in (linalg.inv, linalg.det, lambda x: linalg.norm(x, 3, axis=0), linalg.pinv):
        out, expected = f(x), f(wide)
        assert out.dtype == np.float16
        np.testing.assert_allclose(out.data, expected.data, rtol=1e-3)
        g = np.ones(out.shape)
        np.testing.assert_allclose(grad(out, x, g), grad(expected, wide, g), rtol=1e-3, atol=1e-7)
    assert linalg.slogdet(x).sign.dtype == linalg.slogdet(x).logabsdet.dtype == np.float16
    solved = linalg.solve(x, np.ones(2, np.float32))
    assert solved.dtype == np.float32
    assert linalg.solve(np.ones((1, 1), np.float16), leaf([1.0])).dtype == np.float64


# Norms ----------------------------------------------------------------------------------------

KINKS = [{}, {"axis": 1}, {"ord": "fro"}, {"ord": "nuc"}, {"ord": 2}, {"ord": np.inf}, {"ord": 1}]
KINKS += [{"ord": p, "axis": 0} for p in (0.5, 1, 1.5, 2, 3, np.inf, -np.inf)]


@pytest.mark.parametrize("keywords", KINKS, ids=str)
def test_norms_of_zeros_have_a_gradient_of_zero(keywords):
    x = leaf(np.zeros((2, 3)))
    out = linalg.norm(x, **keywords)
    assert not np.any(out.data)
    assert not np.any(grad(out, x, np.ones(out.shape)))
    if keywords not in ({"ord": "nuc"}, {"ord": 2}):  # those would need singular vectors
        assert np.all(np.isfinite(second(lambda x: linalg.norm(x, **keywords).sum(), x)))


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_norms_with_some_zeros(p):
    x = leaf([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    linalg.norm(x, p, axis=1).sum().backward()
    length = (3.0**p + 4.0**p) ** (1 / p)
    np.testing.assert_allclose(x.grad[0], (np.array([3, 0, 4]) / length) ** (p - 1) * [1, 0, 1])
    assert not np.any(x.grad[1])
    assert np.all(np.isfinite(second(lambda x: linalg.norm(x, p, axis=1).sum(), x)))


def test_ties_share():
    x = leaf([[3.0, -3.0, 1.0], [1.0, 1.0, -3.0]])
    assert grad(linalg.norm(x, np.inf, axis=1).sum(), x).tolist() == [[0.5, -0.5, 0], [0, 0, -1]]
    assert grad(linalg.norm(x, 1), x).tolist() == [[1 / 3, -1 / 3, 1 / 3], [1 / 3, 1 / 3, -1 / 3]]


def test_number_of_elements_is_plain():
    x = leaf([[3.0, 0.0], [1.0, 2.0]])
    for keywords in ({"axis": 0}, {"axis": 1, "keepdims": True}):
        count = linalg.norm(x, 0, **keywords)
        assert type(count) is np.ndarray
        np.testing.assert_array_equal(count, np.linalg.norm(x.data, 0, **keywords), strict=True)


def test_norms_do_not_overflow_on_the_way():
    for p in (None, 1, 3, 10, np.inf):
        assert np.isfinite(linalg.norm(leaf([300.0, 400.0], dtype="float16"), p).item())
    for scale in (1e300, 1e-300):
        x = leaf(np.array([3.0, 4.0]) * scale)
        np.testing.assert_allclose(linalg.norm(x, 3).item(), 91 ** (1 / 3) * scale)
        expected = (np.array([3, 4]) / 91 ** (1 / 3)) ** 2
        np.testing.assert_allclose(grad(linalg.norm(x, 3), x), expected)
    assert linalg.norm([np.inf, 1.0], 3) == np.inf
    assert np.isnan(linalg.norm([np.nan, 1.0], 3))


def test_norms_of_nothing():
    for ord in (None, 1, 2, 3, np.inf):
        assert linalg.norm(np.zeros((2, 0)), ord, axis=1).tolist() == [0, 0]
    for ord in (None, "fro", "nuc", 1, 2, np.inf):
        assert linalg.norm(leaf(np.zeros((0, 3))), ord).item() == 0
    with pytest.raises(ValueError, match="no elements"):
        linalg.norm(np.zeros(0), -np.inf)


# What is taken, and what is not ---------------------------------------------------------------


def test_lists_and_whole_numbers():
    assert linalg.norm([3, 4]) == 5
    assert linalg.norm(Tensor([3, 4])).item() == 5
    assert linalg.inv([[2, 0], [0, 4]]).tolist() == [[0.5, 0], [0, 0.25]]
    assert linalg.det([[2, 0], [0, 2]]) == 4
    assert linalg.slogdet([[2, 0], [0, -0.5]]) == (-1, 0)
    assert linalg.solve([[2, 0], [0, 4]], [1, 1]).tolist() == [0.5, 0.25]
    assert linalg.cholesky([[4, 2], [2, 2]], upper=True).tolist() == [[2, 1], [0, 1]]
    assert linalg.eigh([[2, 0], [0, 1]]).eigenvalues.tolist() == [1, 2]
    assert linalg.svd([[2, 0], [0, 1]]).S.tolist() == [2, 1]
    assert linalg.multi_dot([[1, 2], [[3], [4]], [5]]) == 55
    one = leaf(1.0)
    for f in (linalg.norm, linalg.inv, linalg.slogdet, linalg.eigh, linalg.svd, linalg.cholesky):
        with pytest.raises(TypeError, match="stack"):
            f([[one, one], [one, one]])


WIDE, CUBE = leaf(normal(2, 3)), leaf(normal(2, 3, 4))
SQUARE = ("inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh")


@pytest.mark.parametrize("name", SQUARE)
def test_matrices_have_to_be_square(name):
    f = getattr(linalg, name)
    for x, sizes in [(WIDE, "2 rows and 3 columns"), (CUBE.data, "3 rows and 4 columns")]:
        with pytest.raises(ValueError, match=f"^{name}: expected square matrices, got {sizes}"):
            f(x)
    with pytest.raises(ValueError, match=rf"^{name}: .*two axes, got shape \(3,\)"):
        f(WIDE[0])


BAD = {
    "solve": (lambda: linalg.solve(WIDE, WIDE), ValueError, "^solve: .*2 rows and 3 columns"),
    "solve rows": (lambda: linalg.solve(np.eye(3), WIDE), ValueError, r"3 rows.*shape \(2, 3\)"),
    "solve vector": (lambda: linalg.solve(np.eye(3), WIDE[:, 0]), ValueError, r"shape \(2,\)"),
    "solve number": (lambda: linalg.solve(np.eye(3), leaf(1.0)), ValueError, r"shape \(\)"),
    "solve stacks": (
        lambda: linalg.solve(leaf(normal(2, 3, 3)), normal(4, 3, 2)), ValueError,
        r"^solve: .*along axis -3 they have sizes 2 and 4",
    ),
    "power": (lambda: linalg.matrix_power(WIDE, 0), ValueError, "^matrix_power: .*2 rows and 3"),
    "power of a fraction": (lambda: linalg.matrix_power(leaf([[1.0]]), 0.5), TypeError, "integer"),
    "pinv": (lambda: linalg.pinv(WIDE[0]), ValueError, "^pinv: expected matrices"),
    "svdvals": (lambda: linalg.svdvals(WIDE[0]), ValueError, "^svdvals: expected matrices"),
    "svd": (lambda: linalg.svd(WIDE), ValueError, "2 rows and 3 columns.*full_matrices=False"),
    "eigh": (lambda: linalg.eigh(leaf([[1.0]]), UPLO="X"), ValueError, "UPLO"),
    "norm of a cube": (lambda: linalg.norm(CUBE, 2), ValueError, "3 axes.*expected one or two"),
    "norm": (lambda: linalg.norm(WIDE, 3), ValueError, "unknown norm 3 of matrices"),
    "norm name": (lambda: linalg.norm(WIDE, "nuc", axis=0), ValueError, "'nuc' of vectors"),
    "norm axis": (lambda: linalg.norm(WIDE, axis=2), np.exceptions.AxisError, "axis 2"),
    "norm axis twice": (lambda: linalg.norm(WIDE, axis=(0, -2)), ValueError, "repeated axis"),
    "one array": (lambda: linalg.multi_dot([WIDE]), ValueError, "at least two.*got 1"),
    "sizes": (lambda: linalg.multi_dot([WIDE, WIDE]), ValueError, r"array 0.*array 1.*\(2, 3\)"),
    "vector inside": (lambda: linalg.multi_dot([WIDE, WIDE[0], WIDE]), ValueError, "array 1"),
    "stack": (lambda: linalg.multi_dot([WIDE, CUBE]), ValueError, r"array 1.*\(2, 3, 4\)"),
    "singular": (lambda: linalg.inv(leaf([[1.0, 1.0]] * 2)), np.linalg.LinAlgError, "Singular"),
    "singular equations": (
        lambda: linalg.solve(leaf([[0.0]]), [1.0]), np.linalg.LinAlgError, "Singular",
    ),
    "negative": (
        lambda: linalg.cholesky(leaf([[-1.0]])), np.linalg.LinAlgError, "positive definite",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_inputs(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_functions_of_numpy_hand_over_their_arguments():
    x = leaf(normal(3, 2))
    for ours, theirs in [
        (np.linalg.svd(x, False), linalg.svd(x, full_matrices=False)),
        (np.linalg.eigh(x @ x.T, "U"), linalg.eigh(x @ x.T, UPLO="U")),
        ([np.linalg.pinv(x, rcond=0.5)], [tg.linalg.pinv(x, 0.5)]),
        ([np.linalg.norm(x, "fro", (0, 1), True)], [linalg.norm(x, "fro", (0, 1), keepdims=True)]),
    ]:
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a.data, b.data)

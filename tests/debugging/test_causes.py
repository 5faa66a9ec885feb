"""Tests that each likely cause is named where it was planted, with the place that NumPy finds, and
that none is named where none is known.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import AnomalyError, Tensor, detect_anomaly
from tinygrad_edu.primitive import PRIMITIVES, primitive
from tinygrad_edu.recognising.functions import values_of_call


def leaf(*values, dtype=float, **keywords):
    return Tensor(np.array(values, dtype), requires_grad=True, **keywords)


def softmax_by_hand(x):
    e = tg.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def branch_not_taken(x):
    return tg.where(np.greater(x, 0), 2.0 * tg.sqrt(x), 0.0)


def named_branch(x):
    y = tg.where(np.less_equal(x, 0), 0.0, tg.sqrt(x) + 1.0)
    y.name = "roots"
    return y


FORWARD = {
    "log softmax": (lambda x: tg.log(tg.softmax(x)), [0.0, 800.0], "softmax underflowed to 0"),
    "log softmax by hand": (
        lambda x: tg.log(softmax_by_hand(x)[np.array([1, 0])]),
        [0.0, -800.0],
        "softmax underflowed to 0",
    ),
    "log sigmoid": (lambda x: tg.log(tg.sigmoid(x)), [0.0, -800.0], "sigmoid underflowed to 0"),
    "log sigmoid by hand": (
        lambda x: tg.log(1 / (1 + tg.exp(-x))),
        [0.0, -709.0],
        None,  # 1e-308 is above 0: nothing is wrong yet
    ),
    "log of 1 - sigmoid": (
        lambda x: tg.log(1 - tg.sigmoid(x)),
        [0.0, 40.0],
        "sigmoid was rounded to 1",
    ),
    "log of 0": (tg.log2, [1.0, 0.0], "the logarithm of 0"),
    "log of -1": (tg.log10, [1.0, -1.0], "the logarithm of a negative number"),
    "log1p at -1": (tg.log1p, [1.0, -1.0], "log1p at -1"),
    "log1p below -1": (tg.log1p, [1.0, -2.0], "the logarithm of a number below -1"),
    "xlogy": (lambda x: tg.xlogy(1.0, x), [1.0, 0.0], "the logarithm of 0"),
    "exp": (tg.exp, [709.0, 710.0], "exp overflows float64 above 709"),
    "exp2": (tg.exp2, [1023.0, 1024.0], "exp2 overflows float64 above 1024"),
    "sinh": (tg.sinh, [1.0, 720.0], "sinh overflows float64"),
    "division": (lambda x: 2.0 / x, [1.0, 0.0], "a division by 0"),
    "0 / 0": (lambda x: x / x, [1.0, 0.0], "0 / 0"),
    "overflow of a quotient": (lambda x: x / 1e-300, [1.0, 1e300], "an overflow of float64"),
    "sqrt": (tg.sqrt, [1.0, -1.0], "the square root of a negative number"),
    "arcsin": (tg.arcsin, [1.0, 1.5], "arcsin outside of -1 … 1"),
    "arccos": (tg.arccos, [1.0, -1.5], "arccos outside"),
    "arccosh": (tg.arccosh, [1.0, 0.5], "arccosh below 1"),
    "arctanh": (tg.arctanh, [0.0, 1.0], "arctanh at or beyond ±1"),
    "power": (lambda x: x**0.5, [1.0, -1.0], "a power of a negative base"),
    "0 to a negative power": (lambda x: x**-1.0, [1.0, 0.0], "0 to a negative power"),
    "overflow of a power": (lambda x: x**2.0, [1.0, 1e200], "an overflow of float64"),
    "overflow of a product": (lambda x: x * 1e200, [1.0, 1e200], "an overflow of float64"),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward_causes(name):
    f, values, cause = FORWARD[name]
    if cause is None:
        with detect_anomaly():
            f(leaf(*values))
        return
    with np.errstate(all="ignore"):  # what was planted is there: the test of the test
        usual = f(leaf(*values)).data
    with pytest.raises(AnomalyError, match="likely cause: ") as caught, detect_anomaly():
        f(leaf(*values))
    anomaly = caught.value.anomaly
    assert anomaly.phase == "forward"
    assert anomaly.cause.startswith(cause)
    assert anomaly.advice
    assert anomaly.index == tuple(np.argwhere(~np.isfinite(usual))[0])
    np.testing.assert_equal(anomaly.value, usual[anomaly.index])


@pytest.mark.parametrize(
    ("f", "cause"),
    [
        (lambda: leaf(0.0, 1.0) * leaf(np.inf, 1.0), "0 * inf; y was inf"),
        (lambda: leaf(1.0) * 0.0 * float("inf"), "0 * inf"),
        (lambda: leaf(np.inf) - leaf(np.inf), "inf - inf; x was inf"),
        (lambda: leaf(np.inf) + leaf(-np.inf), "inf - inf"),
        (lambda: leaf(np.inf) / leaf(np.inf), "inf / inf"),
        (lambda: tg.sum(leaf(np.inf, -np.inf)), ""),
    ],
)
def test_what_infinite_numbers_lead_to(f, cause):
    with pytest.raises(AnomalyError) as caught, detect_anomaly(allow_inf=True):
        f()
    assert np.isnan(caught.value.anomaly.value)
    # What was allowed to be infinite is no cause of its own.
    assert caught.value.anomaly.cause == cause.split(";")[0]


def test_overflow_in_small_dtypes():
    for dtype, value, largest in (("float16", 300.0, "6.55e+04"), ("float32", 3e38, "3.403e+38")):
        x = leaf(1.0, value, dtype=dtype)
        with pytest.raises(AnomalyError) as caught, detect_anomaly():
            x * x
        anomaly = caught.value.anomaly
        assert anomaly.cause == f"an overflow of {dtype}, whose largest number is {largest}"
        assert anomaly.index == (1,)
        assert "float64" in anomaly.advice
    with pytest.raises(AnomalyError, match="overflow of float16"), detect_anomaly():
        tg.astype(leaf(1e6), "float16")
    with pytest.raises(AnomalyError, match="exp overflows float16 above 11"), detect_anomaly():
        tg.exp(leaf(12.0, dtype="float16"))
    with pytest.raises(AnomalyError, match="overflow of float64"), detect_anomaly():
        leaf([1e200, 1e200]) @ leaf([1e200], [-1e200])


def test_data_that_was_not_finite_from_the_start():
    data = np.array([[1.0, 2.0], [3.0, np.nan]])
    weights = leaf([1.0], [2.0], name="weights")
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        Tensor(data, name="data") @ weights
    anomaly = caught.value.anomaly
    assert anomaly.cause == "data was NaN at index (1, 1) before, a constant"
    assert ("data", "1 … 3 and 1 not finite") in anomaly.numbers
    numbers = Tensor(np.array([1, 2]))
    with pytest.raises(AnomalyError, match=r"y was NaN at index \(1,\) before"), detect_anomaly():
        numbers * leaf(1.0, np.nan)
    with (
        pytest.raises(AnomalyError, match=r"x was NaN at index \(0,\) before"),
        detect_anomaly(),
    ):
        tg.log(leaf(np.nan))
    with pytest.raises(AnomalyError, match=r"data was NaN at index \(1, 1\) b"), detect_anomaly():
        Tensor(data, name="data")[1, ::-1] * leaf(2.0, 3.0)
    start = leaf(np.nan, name="start")
    with (
        pytest.raises(AnomalyError, match=r"start was NaN at index \(0,\) before, a leaf"),
        detect_anomaly(),
    ):
        start * 2.0
    row = Tensor([1.0, np.inf], name="row")
    with pytest.raises(AnomalyError, match=r"row was inf at index \(1,\) before"), detect_anomaly():
        leaf([1.0, 2.0], [3.0, 4.0]) + row


def test_the_mean_of_nothing():
    with pytest.raises(AnomalyError, match=r"the mean of no elements is 0 / 0"), detect_anomaly():
        Tensor(np.zeros(0), True).mean()


BACKWARD = {
    "sqrt": (tg.sqrt, [4.0, 0.0], "the gradient of sqrt at 0 is infinite"),
    "cbrt": (tg.cbrt, [8.0, 0.0], "the gradient of cbrt at 0 is infinite"),
    "arcsin": (tg.arcsin, [0.5, 1.0], "the gradient of arcsin at 1 is infinite"),
    "arccos": (tg.arccos, [0.5, -1.0], "the gradient of arccos at -1 is infinite"),
    "arccosh": (tg.arccosh, [2.0, 1.0], "the gradient of arccosh at 1 is infinite"),
    "power": (lambda x: x**0.5, [4.0, 0.0], "the gradient of x**0.5 at 0 is infinite"),
    "sqrt and 0": (
        lambda x: tg.sqrt(x) * np.array([1.0, 0.0]),
        [4.0, 0.0],
        "the gradient of sqrt at 0 is infinite, and 0 * inf is nan",
    ),
    "power and 0": (
        lambda x: x**0.5 * np.array([1.0, 0.0]),
        [4.0, 0.0],
        "the gradient of x**0.5 at 0 is infinite, and 0 * inf is nan",
    ),
    "dead branch": (branch_not_taken, [4.0, 0.0], "the where behind it leaves this element out"),
    "named": (named_branch, [4.0, 0.0], "the where of roots behind it leaves this element out"),
    "exponent": (
        lambda y: np.array([2.0, -2.0]) ** y,
        [2.0, 2.0],
        "the gradient by an exponent is the logarithm of the base, which is negative",
    ),
    "tiny logarithm": (tg.log, [1.0, 1e-320], "an overflow of float64"),
    "product": (lambda x: (x * 1e200) * 1e-200 * 1e200 * 1e-5 * 1e160, [0.0, 1.0], "an overflow"),
}


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_causes(name):
    f, values, cause = BACKWARD[name]
    with np.errstate(all="ignore"):
        usual = leaf(*values)
        f(usual).sum().backward()
    x = leaf(*values)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        f(x).sum().backward()
    anomaly = caught.value.anomaly
    if name != "product":
        assert anomaly.phase == "backward"
        assert anomaly.index == tuple(np.argwhere(~np.isfinite(usual.grad))[0])
        np.testing.assert_equal(anomaly.value, usual.grad[anomaly.index])
    assert anomaly.cause.startswith(cause)
    assert anomaly.advice


def test_the_dead_branch_of_a_division():
    x = leaf(2.0, 0.0)
    with pytest.raises(AnomalyError) as caught, detect_anomaly(allow_inf=True):
        tg.where(np.greater(x, 0), 1.0 / x, 0.0).sum().backward()
    anomaly = caught.value.anomaly
    assert anomaly.cause.startswith("the where behind it leaves this element out")
    assert anomaly.advice == "choose the operands first, with a second where"
    # And the advice holds: with it there is nothing to find.
    with detect_anomaly():
        safe = tg.where(np.greater(x, 0), x, 1.0)
        tg.where(np.greater(x, 0), 1.0 / safe, 0.0).sum().backward()


def test_a_where_that_takes_the_element_is_not_the_cause():
    x = leaf(4.0, 0.0)
    taken = np.array([True, True])
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        (tg.where(taken, tg.sqrt(x), 0.0).reshape(1, 2) * np.array([1.0, 0.0])).sum().backward()
    assert caught.value.anomaly.cause.startswith("the gradient of sqrt")


def test_an_unrelated_where_is_not_the_cause():
    x = leaf(4.0, 0.0)
    y = tg.sqrt(x)
    total = (tg.where(np.greater(x, 0), y, 0.0) + y).sum()
    with pytest.raises(AnomalyError, match="cause: the gradient of sqrt"), detect_anomaly():
        total.backward()


def test_the_norm_by_hand():
    for squares in (lambda x: x**2, lambda x: x * x):
        x = leaf(0.0, 0.0)
        with pytest.raises(AnomalyError, match=r"write linalg\.norm\(x\)"), detect_anomaly():
            tg.sqrt(squares(x).sum()).backward()
    with pytest.raises(AnomalyError, match=r"write sqrt\(x \+ 1e-12\)"), detect_anomaly():
        tg.sqrt(leaf(0.0, 0.0).sum()).backward()
    with detect_anomaly():
        tg.linalg.norm(leaf(0.0, 0.0)).backward()


def test_a_gradient_summed_over_rows():
    rows = np.array([[1.0, 1e200], [1.0, 1e200]])
    x = leaf(1.0, 1e-150, name="x")
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        (rows * x).sum(axis=0).backward(np.array([1.0, 1.5e108]))
    anomaly = caught.value.anomaly
    assert (anomaly.operation, anomaly.tensor, anomaly.index) == ("multiply", "x", (1,))
    assert anomaly.cause.startswith("an overflow of float64")


def test_values_not_finite_before_a_backward_block():
    x, y = leaf(np.inf, name="x"), leaf(0.0)
    with np.errstate(all="ignore"):
        z = x * y
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        z.backward()
    assert caught.value.anomaly.cause == "x was not finite in the forward pass"


def test_two_infinite_contributions():
    x = leaf(0.0)
    with pytest.raises(AnomalyError, match="inf - inf, of two"), detect_anomaly(allow_inf=True):
        (tg.sqrt(x) - tg.sqrt(x)).backward(np.array([1.0]))


def test_an_infinite_number_elsewhere_is_not_the_cause():
    x = leaf(0.0, np.inf)
    with pytest.raises(AnomalyError, match="0 is infinite, and 0"), detect_anomaly(allow_inf=True):
        tg.sqrt(x).backward(np.array([0.0, 1.0]))


def test_no_cause_is_named_where_none_is_known():
    @primitive(lambda g, out, x: g * np.nan)
    def strange(x, /):
        return np.where(x > 1, x, np.nan)

    try:
        for value in (1.0, 2.0):
            with pytest.raises(AnomalyError) as caught, detect_anomaly():
                strange(leaf(value)).backward()
            assert "likely" not in str(caught.value)
            assert "strange" in str(caught.value)
    finally:
        del PRIMITIVES["strange"]


def test_elementwise_operations_are_elementwise():
    """One element changes, and that of the result alone: NumPy's word for the declaration."""
    generator = np.random.default_rng(0)
    elementwise = {name: made for name, made in PRIMITIVES.items() if made.elementwise}
    assert len(elementwise) > 40
    for name, operation in elementwise.items():
        count = len(operation.rules)
        arrays = [generator.uniform(1.1, 1.9, (2, 3)) for _ in range(count)]
        changed = [array.copy() for array in arrays]
        for array in changed:
            array[1, 2] += 0.05
        params = {"astype": {"dtype": "float32"}, "clip": {"min": 0}, "sinc": {"order": 0}}
        params = params.get(name, {})
        with np.errstate(all="ignore"):
            before, after = (
                values_of_call(operation.forward(*a, **params)) for a in (arrays, changed)
            )
        different = before != after
        different[1, 2] = False
        assert not different[np.isfinite(before)].any(), name
        assert before.shape == (2, 3)

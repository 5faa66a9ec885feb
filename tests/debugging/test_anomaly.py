"""Tests that the first number that is not finite is found, forward and backward, with its place;
and that a block changes nothing else: not the numbers, nor what runs outside of it.
"""

import contextvars
import pickle
import threading
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, Linear, ReLU, Sequential, model, softmax_cross_entropy
from tinygrad_edu import (
    AnomalyError,
    CaptureError,
    GradientError,
    Tensor,
    capture,
    checkpoint,
    detect_anomaly,
    grad,
    no_grad,
    watching,
)
from tinygrad_edu.leaving import values_of

from ..cycles import no_cycles
from ..operations.cases import CASES
from ..operations.cases.one_by_one import every


def leaf(*values, **keywords):
    return Tensor(np.array(values), requires_grad=True, **keywords)


def found(compute, **options):
    """Give the anomaly that something stops at."""
    with pytest.raises(AnomalyError) as caught, detect_anomaly(**options):
        compute()
    assert "\n" not in str(caught.value)
    return caught.value.anomaly


def test_forward_names_operation_line_index_and_numbers():
    p = leaf([0.5, 0.25], [0.0, -1.0], name="p")
    anomaly = found(lambda: tg.log(p))
    assert (anomaly.phase, anomaly.operation, anomaly.module) == ("forward", "log", "")
    assert (anomaly.index, anomaly.value) == ((1, 0), -np.inf)
    assert anomaly.numbers == (("p", "0"),)
    assert anomaly.line.code == "anomaly = found(lambda: tg.log(p))"
    assert str(anomaly) == (
        f"forward pass: log gave -inf at index (1, 0), {anomaly.line}; there p = 0; "
        f"likely cause: the logarithm of 0; {anomaly.advice}"
    )


def test_backward_names_the_input_whose_gradient_it_is():
    x = leaf(4.0, 0.0, 0.0, name="x")
    anomaly = found(lambda: tg.sqrt(x).sum().backward())
    assert (anomaly.phase, anomaly.operation, anomaly.tensor) == ("backward", "sqrt", "x")
    assert (anomaly.index, anomaly.value) == ((1,), np.inf)
    assert anomaly.numbers == (("x", "0"), ("out", "0"), ("its gradient", "1"))
    assert "backward pass: sqrt sent inf to x at index (1,), test_anomaly.py:" in str(anomaly)
    assert x.grad is None


def test_infinite_numbers_may_be_allowed_and_nan_never():
    mask = np.array([0.0, -np.inf])
    with detect_anomaly(allow_inf=True):
        tg.softmax(leaf(1.0, 2.0) + mask).sum().backward()
    assert found(lambda: leaf(1.0, 2.0) - mask).index == (1,)
    with detect_anomaly():  # put in by where, and gone again
        tg.softmax(tg.where(mask == 0, leaf(1.0, 2.0), -np.inf)).sum().backward()
        tg.softmax(leaf(1.0, 2.0) + mask).sum().backward()
    data = leaf([1.0, np.nan], [2.0, 3.0], name="data")
    anomaly = found(lambda: tg.exp(np.concatenate([data[0], data[1]]).reshape(2, 2)))
    assert anomaly.cause == "data was NaN at index (0, 1) before, a leaf"
    anomaly = found(lambda: (leaf(1.0, 2.0) + mask) * 2.0)
    assert anomaly.cause == "y was -inf at index (1,) before, a constant"
    anomaly = found(lambda: tg.log(leaf(0.0, -1.0)), allow_inf=True)
    assert (anomaly.index, np.isnan(anomaly.value)) == ((1,), True)


def test_the_first_is_found_and_not_what_follows_from_it():
    def compute():
        first = tg.exp(leaf(1000.0))
        return (first - first) * 2.0

    assert found(compute).operation == "exp"


def test_the_innermost_block_counts_and_the_outer_goes_on():
    zero = leaf(0.0)
    with detect_anomaly():
        with detect_anomaly(allow_inf=True):
            tg.log(zero)
        with pytest.raises(AnomalyError):
            tg.log(zero)
        with pytest.raises(AnomalyError), detect_anomaly():
            tg.log(zero)
        with pytest.raises(AnomalyError):
            tg.log(zero)
    block = detect_anomaly()
    with block, block, pytest.raises(AnomalyError):
        tg.log(zero)


def is_usual():
    """Whether nobody watches the engine."""
    return watching.watcher() is None


def test_outside_of_all_blocks_nothing_is_left_of_it():
    assert is_usual()
    with detect_anomaly():
        assert not is_usual()
    assert is_usual()
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        divmod(1, 0)
    assert is_usual()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning):  # NumPy warns again
            np.log(np.array(0.0))


def test_other_threads_are_not_watched():
    went_on = []

    def compute():
        with np.errstate(all="ignore"):
            y = tg.log(leaf(0.0))
            y.backward()
        went_on.append(y.item())

    with detect_anomaly():
        thread = threading.Thread(target=compute)
        thread.start()
        thread.join()
    assert went_on == [-np.inf]


def test_what_outlives_its_block_is_not_watched():
    with detect_anomaly():
        context = contextvars.copy_context()
    with detect_anomaly(), np.errstate(all="ignore"):
        assert context.run(lambda: tg.log(leaf(0.0)).item()) == -np.inf


def test_derivatives_of_functions_are_watched():
    with detect_anomaly():
        tg.hessian(lambda x: (x**3).sum(), np.array([1.0, 2.0]))
        assert tg.check_gradients(lambda x: tg.log(x).sum(), leaf(1.0, 2.0))
    found(lambda: tg.vjp(lambda x: tg.sqrt(x).sum(), np.array([0.0])))
    found(lambda: tg.hessian(lambda x: (x**1.5).sum(), np.array([1.0, 0.0])))


def test_without_gradients_it_finds_the_same():
    constant = Tensor([1.0, 0.0], name="constant")
    anomaly = found(lambda: np.log(constant))
    assert (anomaly.operation, anomaly.index, anomaly.numbers) == (
        "log",
        (1,),
        (("constant", "0"),),
    )
    assert anomaly.line.code == "anomaly = found(lambda: np.log(constant))"
    x = leaf(1.0, 0.0)
    with no_grad():
        assert found(lambda: 1.0 / x).line.code.startswith("assert found")
        assert found(lambda: tg.sum(x / 0.0, axis=0)).operation == "divide"


def test_a_function_of_numpy_on_a_tensor():
    assert found(lambda: np.divide(leaf(1.0), leaf(0.0))).operation == "divide"
    assert found(lambda: np.add.reduce(leaf(1e308, 1e308))).operation == "sum"
    assert found(lambda: np.array([1.0, 2.0]) / leaf(1.0, 0.0)).index == (1,)


def test_modules_and_their_parameters_are_named_by_path():
    network = Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 1, bias=False)))
    weight = network[2][0].weight
    weight.data = np.array([[1.0], [np.nan], [2.0]])
    anomaly = found(lambda: network(np.ones((2, 2), np.float32)))
    assert (anomaly.operation, anomaly.module) == ("matmul", "2.0")
    assert anomaly.cause == "2.0.weight was NaN at index (1, 0) before, a leaf"
    assert "step()" in anomaly.advice
    alone = Linear(2, 1)
    alone.bias.data = np.array([np.inf])
    assert found(lambda: alone(np.ones((2, 2), np.float32))).module == "Linear"


def test_gradients_that_are_differentiated_again():
    x = leaf(4.0, 0.0, name="x")
    anomaly = found(lambda: grad(tg.sqrt(x).sum(), x, create_graph=True))
    assert (anomaly.phase, anomaly.operation, anomaly.index) == ("backward", "sqrt", (1,))

    def twice():  # x**1.5 has a finite gradient at 0, and no finite second one
        first = grad((x**1.5).sum(), x, create_graph=True)
        grad(first.sum(), x)

    assert found(twice).operation == "power"


def test_inside_of_a_checkpoint():
    x = leaf(1.0, 0.0)
    assert found(lambda: checkpoint(tg.log, x)).operation == "log"
    anomaly = found(lambda: checkpoint(lambda x: 2.0 * tg.sqrt(x), x).sum().backward())
    assert (anomaly.phase, anomaly.operation, anomaly.index) == ("backward", "sqrt", (1,))


def test_a_captured_step_is_refused_and_training_goes_on_without():
    w = leaf(1.0, 2.0)

    @capture
    def step(x):
        loss = (w * x).sum()
        loss.backward()
        w.grad = None
        return loss

    with (
        pytest.raises(CaptureError, match=r"call the function that was captured"),
        detect_anomaly(),
    ):
        step(np.ones(2))

    @capture
    def backward_alone(x):
        loss = (w * x).sum()
        with detect_anomaly():
            loss.backward()

    with pytest.raises(CaptureError, match="watch a captured step"):
        backward_alone(np.ones(2))
    for _ in range(3):
        assert step(np.ones(2)).item() == 3.0


def test_fitting_a_network_is_watched(tmp_path):
    features = np.random.default_rng(0).normal(size=(40, 3))
    labels = (features[:, 0] > 0).astype(int)
    rows = np.column_stack([labels, features])
    path = tmp_path / "train.csv"
    header = "label,a,b,c\n"
    path.write_text(header + "\n".join(",".join(map(str, row)) for row in rows.tolist()), "utf-8")
    net = model(structure=[3, 4, 2], base_address=tmp_path, verbose=False)
    with detect_anomaly():
        history = net.fit(train_data=path, epoch=2, batch_size=8)
    assert len(history.epochs) == 2


def test_gradients_given_and_hooks():
    x = leaf(1.0, 2.0, name="x")
    anomaly = found(lambda: (x * 3.0).backward(np.array([1.0, np.nan])))
    assert "the gradient that arrived was not finite already" in anomaly.cause
    y = x * 3.0
    with y.register_hook(lambda g: g * np.inf):
        assert found(lambda: y.sum().backward()).cause == anomaly.cause


def test_what_was_computed_before_the_block():
    x = leaf(0.0, 1.0)
    with np.errstate(all="ignore"):
        y = tg.log(x)
    anomaly = found(lambda: y * 2.0)
    assert anomaly.cause == "x was -inf at index (0,) before, computed outside the block"
    with np.errstate(all="ignore"):
        total = (tg.exp(x + 800.0)).sum()
    anomaly = found(total.backward)
    assert anomaly.cause == "out was not finite in the forward pass"


def test_contributions_that_overflow_together():
    x = leaf(1.0, name="x")
    anomaly = found(lambda: (x * 0.9 + x * 0.8).backward(np.array([1.7e308])))
    assert anomaly.value == np.inf
    assert "added up" in anomaly.cause


def test_an_error_can_be_pickled_and_is_of_the_family():
    with pytest.raises(GradientError) as caught, detect_anomaly():
        tg.log(leaf(0.0))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.anomaly) == (str(caught.value), caught.value.anomaly)


def test_gradients_there_stay_as_they_are():
    x = leaf(1.0, 0.0)
    (x * 2.0).sum().backward()
    before = x.grad
    found(lambda: tg.sqrt(x).sum().backward())
    assert x.grad is before


# `nanmean` multiplies, and its data is not finite: that is told of, as it should be.
SOUND = [case for case in CASES if "nanmean constant gaps" not in case.name]


@every(SOUND)
def test_every_operation_is_sound_where_it_is_tested(case):
    """No case is stopped, and values and gradients are the same to the last bit."""

    def compute():
        inputs = case.inputs()
        out = case.f(*inputs)
        if isinstance(out, Tensor) and out.requires_grad:
            out.backward(np.ones(out.shape))
        leaves = [t.grad for t in inputs if isinstance(t, Tensor) and t.grad is not None]
        return [values_of(out), *leaves]

    with np.errstate(all="ignore"):
        usual = compute()
    with detect_anomaly(allow_inf=not all(np.isfinite(array).all() for array in usual)):
        for one, other in zip(usual, compute(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_is_silent_and_the_same(activation, dtype):
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(8, 3)).astype(dtype), generator.integers(0, 2, 8)

    def train():
        network = MLP([3, 5, 2], activation=activation, dtype=dtype, seed=1)
        optimizer = SGD(network.parameters(), lr=0.1, momentum=0.9)
        for _ in range(20):
            optimizer.zero_grad()
            softmax_cross_entropy(network(x), labels).backward()
            optimizer.step()
        return network.parameters()

    usual = train()
    with detect_anomaly(), no_cycles():
        watched = train()
    for one, other in zip(usual, watched, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_an_exploding_network_stops_at_its_first_overflow():
    network = MLP([3, 5, 2], dtype="float32", seed=1)
    optimizer = SGD(network.parameters(), lr=1e30)
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(8, 3)).astype("float32"), generator.integers(0, 2, 8)

    def train():
        for _ in range(20):
            optimizer.zero_grad()
            softmax_cross_entropy(network(x), labels).backward()
            optimizer.step()

    anomaly = found(train)
    assert anomaly.module.startswith("linear")
    assert anomaly.cause == "an overflow of float32, whose largest number is 3.403e+38"
    assert "lower the learning rate" in anomaly.advice

"""Tests L-BFGS on Rosenbrock's function and a quadratic one, and against PyTorch."""

import numpy as np
import pytest

import nn
from nn import LBFGS
from tinygrad_edu import GradientError, Tensor

from .cases import forward, start_values

START = [-1.2, 1.0]
OPTIONS = [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7},
    {"lr": 0.5, "max_iter": 9},
    {"lr": 0.001, "max_iter": 5, "max_eval": 3},
]


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def minimize(optimizer, parameters, loss_of, steps):
    """Make several steps with any optimizer; return the losses before them."""

    def closure():
        optimizer.zero_grad()
        loss = loss_of(*parameters)
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


@pytest.mark.parametrize("start", [START, [2.0, -3.0], [0.0, 0.0]])
def test_rosenbrock(start):
    x = Tensor(start, requires_grad=True)
    optimizer = LBFGS([x], tolerance_change=1e-12, line_search_fn="strong_wolfe", max_iter=100)
    losses = minimize(optimizer, [x], rosenbrock, 2)
    assert losses[0] == rosenbrock(start)
    assert rosenbrock(x.data) < 1e-10
    np.testing.assert_allclose(x.data, [1, 1], rtol=1e-5)


def test_a_quadratic_function_takes_few_iterations():
    """With exact steps, n + 1 iterations suffice; the search is not exact, and takes a few more."""
    generator = np.random.default_rng(0)
    factor = generator.normal(size=(5, 5))
    matrix, b = factor @ factor.T + np.eye(5), generator.normal(size=5)
    x = Tensor(np.zeros(5), requires_grad=True)
    optimizer = LBFGS([x], max_iter=25, line_search_fn="strong_wolfe", tolerance_change=1e-14)
    minimize(optimizer, [x], lambda x: x @ (matrix @ x) / 2 - b @ x, 1)
    np.testing.assert_allclose(x.data, np.linalg.solve(matrix, b), rtol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch")
    x, y = Tensor(START, requires_grad=True), torch.tensor(START, dtype=torch.float64)
    y.requires_grad_()
    ours, theirs = LBFGS([x], **options), torch.optim.LBFGS([y], **options)
    losses = minimize(ours, [x], rosenbrock, 12), minimize(theirs, [y], rosenbrock, 12)
    np.testing.assert_allclose(*losses, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(x.data, y.detach().numpy(), rtol=1e-6)
    counts = ours.state[x]["n_iter"], ours.state[x]["func_evals"]
    assert counts == (theirs.state[y]["n_iter"], theirs.state[y]["func_evals"])


@pytest.mark.parametrize("options", OPTIONS[:3], ids=str)
def test_a_network_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(1)
    data = generator.normal(size=(6, 3)), generator.uniform(-0.5, 0.5, size=(6, 2))
    found = []
    for make, kind in ((Tensor, nn.LBFGS), (torch.tensor, torch.optim.LBFGS)):
        parameters = [make(values, requires_grad=True) for values in start_values()]
        arrays = data if make is Tensor else list(map(torch.tensor, data))
        optimizer = kind(parameters, **options)
        minimize(optimizer, parameters, lambda *ps, xy=arrays: forward(ps, *xy), 3)
        found.append([np.array(p.detach().numpy()) for p in parameters])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_saved_run_continues_exactly(options):
    x = Tensor(START, requires_grad=True)
    optimizer = LBFGS([x], **options)
    minimize(optimizer, [x], rosenbrock, 1)
    y = Tensor(x.data, requires_grad=True)
    other = LBFGS([y], **options)
    other.load_state_dict(optimizer.state_dict())
    for one, z in ((optimizer, x), (other, y)):
        minimize(one, [z], rosenbrock, 2)
    np.testing.assert_array_equal(x.data, y.data)


def test_parameters_of_several_kinds_move_together():
    a = Tensor([1.0, 2.0], requires_grad=True, dtype="float32")
    b, unused = Tensor(3.0, requires_grad=True), Tensor([5.0], requires_grad=True)
    frozen = Tensor([7.0], requires_grad=True)
    optimizer = LBFGS([a, b, unused, frozen], line_search_fn="strong_wolfe")
    frozen.requires_grad = False
    old = a._data, a._data.copy()
    minimize(optimizer, [a, b], lambda a, b: (a * a).sum() + (b - 1) ** 2, 3)
    np.testing.assert_allclose([*a.data, b.item()], [0, 0, 1], atol=1e-4)
    assert (a.dtype, b.dtype) == (np.float32, np.float64)
    assert (unused.tolist(), frozen.tolist()) == ([5.0], [7.0])
    np.testing.assert_array_equal(*old)


def test_an_error_in_the_search_restores_the_parameters():
    x, calls = Tensor(START, requires_grad=True), []
    optimizer = LBFGS([x], line_search_fn="strong_wolfe")

    def loss_of(x):
        calls.append(x)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rosenbrock(x)

    with pytest.raises(KeyboardInterrupt):
        minimize(optimizer, [x], loss_of, 1)
    assert x.tolist() == START


def test_mistakes_are_named():
    x = Tensor(START, requires_grad=True)
    optimizer = LBFGS([x])
    with pytest.raises(TypeError, match=r"pass step\(\) a function that calls"):
        optimizer.step()
    with pytest.raises(GradientError, match="the closure left no gradients"):
        optimizer.step(lambda: 1.0)
    with pytest.raises(GradientError, match="the loss is nan, and LBFGS cannot decrease it"):
        minimize(optimizer, [x], lambda x: x.sum() * np.nan, 1)
    with pytest.raises(ValueError, match="LBFGS has one group"):
        LBFGS([{"params": [x]}, {"params": [Tensor(1.0, requires_grad=True)]}])
    with pytest.raises(ValueError, match="line_search_fn must be 'strong_wolfe' or None"):
        LBFGS([x], line_search_fn="armijo")
    with pytest.raises(ValueError, match="max_iter must be >= 1"):
        LBFGS([x], max_iter=0)
    with pytest.raises(TypeError, match="max_eval must be an int"):
        LBFGS([x], max_eval=2.5)

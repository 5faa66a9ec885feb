"""Tests that each optimizer makes the steps of its formula, and continues a saved run exactly.

The formulas are written out again here, number by number, and PyTorch is a second judge.
"""

import math

import numpy as np
import pytest

import nn
from tinygrad_edu import Tensor

from .cases import SETTINGS, forward, names_of, optimizer_of, start_values, steps

# Each is the formula of the docstring for one number; `s` holds what is remembered.


def sgd(p, g, t, s, lr, momentum=0, nesterov=False, dampening=0):
    if momentum == 0:
        return p - lr * g
    s["v"] = g if t == 1 else momentum * s["v"] + (1 - dampening) * g
    return p - lr * (g + momentum * s["v"] if nesterov else s["v"])


def rmsprop(p, g, t, s, lr=0.01, alpha=0.99, eps=1e-8, momentum=0, centered=False):
    s["s"] = alpha * s.get("s", 0) + (1 - alpha) * g**2
    s["a"] = alpha * s.get("a", 0) + (1 - alpha) * g
    variance = s["s"] - s["a"] ** 2 if centered else s["s"]
    s["v"] = momentum * s.get("v", 0) + g / (math.sqrt(max(variance, 0)) + eps)
    return p - lr * s["v"]


def adagrad(p, g, t, s, lr=0.01, lr_decay=0, initial_accumulator_value=0, eps=1e-10):
    s["s"] = s.get("s", initial_accumulator_value) + g**2
    return p - lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(s["s"]) + eps)


def adadelta(p, g, t, s, lr=1.0, rho=0.9, eps=1e-6):
    s["s"] = rho * s.get("s", 0) + (1 - rho) * g**2
    d = math.sqrt(s.get("u", 0) + eps) / math.sqrt(s["s"] + eps) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * d**2
    return p - lr * d


def adam(p, g, t, s, lr=0.001, betas=(0.9, 0.999), eps=1e-8, amsgrad=False):
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    s["largest"] = max(s.get("largest", 0), s["v"])
    v = s["largest"] if amsgrad else s["v"]
    m_hat, v_hat = s["m"] / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return p - lr * m_hat / (math.sqrt(v_hat) + eps)


def nadam(p, g, t, s, lr=0.002, betas=(0.9, 0.999), eps=1e-8, momentum_decay=0.004):
    b, c = (betas[0] * (1 - 0.96 ** (k * momentum_decay) / 2) for k in (t, t + 1))
    s["k"] = s.get("k", 1) * b
    s["m"] = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0) + (1 - betas[1]) * g**2
    d = math.sqrt(s["v"] / (1 - betas[1] ** t)) + eps
    return p - lr * (1 - b) / (1 - s["k"]) * g / d - lr * c / (1 - s["k"] * c) * s["m"] / d


def lion(p, g, t, s, lr=0.0001, betas=(0.9, 0.99)):
    d = betas[0] * s.get("m", 0) + (1 - betas[0]) * g
    s["m"] = betas[1] * s.get("m", 0) + (1 - betas[1]) * g
    return p - lr * math.copysign(1, d) * (d != 0)


RULES = {
    "SGD": sgd,
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "Adam": adam,
    "AdamW": adam,
    "NAdam": nadam,
    "Lion": lion,
}


def written_out(name, options, start, gradients):
    """Compute the values of one number after each step."""
    options = dict(options)
    sign = -1 if options.pop("maximize", False) else 1
    decay = options.pop("weight_decay", 0.01 if name == "AdamW" else 0)
    is_apart = options.pop("decoupled_weight_decay", False) or name in ("AdamW", "Lion")
    lr = options.get("lr", {"NAdam": 0.002, "AdamW": 0.001}.get(name))
    p, state, found = start, {}, []
    for t, g in enumerate(gradients, 1):
        g = sign * g
        if is_apart:
            p -= lr * decay * p if decay else 0
        else:
            g += decay * p
        p = RULES[name](p, g, t, state, **options)
        found.append(p)
    return found


def course(optimizer_class, options, start, gradients):
    """Return the values of a parameter after each step with given gradients."""
    parameter = Tensor(start, requires_grad=True)
    optimizer, found = optimizer_class([parameter], **options), []
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step()
        found.append(parameter.numpy().copy())
    return np.array(found)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=names_of)
def test_steps_of_the_formula(name, options):
    generator = np.random.default_rng()
    start, gradients = generator.normal(size=(2, 3)), generator.normal(size=(6, 2, 3))
    gradients[:, 0, 0] = 0  # a parameter that the loss does not use
    found = course(getattr(nn, name), options, start, gradients)
    for index in np.ndindex(start.shape):
        expected = written_out(name, options, float(start[index]), gradients[:, *index].tolist())
        np.testing.assert_allclose(found[:, *index], expected, rtol=1e-9, atol=1e-12)


def test_a_wrong_formula_is_caught():
    class Wrong(nn.Adam):
        def update(self, p, g, state, betas, **others):
            return super().update(p, g, state, betas=(betas[0], 0.9991), **others)

    found = course(Wrong, {}, np.ones(1), np.array([[1.0], [-2.0]]))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            found[:, 0], written_out("Adam", {}, 1.0, [1.0, -2.0]), rtol=1e-9
        )


# From p = 1 with the gradients 2 and 1, worked out with pencil and paper.
WORKED = [
    ("SGD", {"lr": 0.1}, [0.8, 0.7]),
    ("SGD", {"lr": 0.1, "momentum": 0.5}, [0.8, 0.6]),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "nesterov": True}, [0.7, 0.5]),
    ("RMSprop", {"lr": 0.1, "alpha": 0.75, "eps": 0}, [0.8, 0.8 - 0.1]),
    ("Adagrad", {"lr": 0.1, "eps": 0}, [0.9, 0.9 - 0.1 / 5**0.5]),
    (
        "Adam",
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0},
        [0.9, 0.9 - 0.1 * (1 / 0.75) / (1 / 0.4375) ** 0.5],
    ),
    ("AdamW", {"lr": 0.1, "betas": (0.0, 0.0), "eps": 0, "weight_decay": 1.0}, [0.8, 0.62]),
    ("Lion", {"lr": 0.1}, [0.9, 0.8]),
]


@pytest.mark.parametrize(("name", "options", "expected"), WORKED, ids=names_of)
def test_two_steps_worked_out(name, options, expected):
    found = course(getattr(nn, name), options, np.array(1.0), np.array([2.0, 1.0]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=names_of)
def test_agrees_with_pytorch(name, options):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.optim, name, None)
    if theirs is None:
        assert name == "Lion"
        return
    parameters = [torch.tensor(values, requires_grad=True) for values in start_values()]
    judge = theirs(parameters, **({"lr": 1e-3} | options if name == "SGD" else options))
    optimizer, step = optimizer_of(name, options)
    generator = np.random.default_rng(1)
    x, y = (torch.tensor(generator.normal(size=size)) for size in ((6, 3), (6, 2)))
    for _ in range(100):
        step()
        judge.zero_grad()
        forward(parameters, x, y).backward()
        judge.step()
    for ours, other in zip(optimizer.params, parameters, strict=True):
        np.testing.assert_allclose(ours.data, other.detach().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=names_of)
def test_a_saved_run_continues_exactly(name, options, dtype):
    optimizer, step = optimizer_of(name, options, dtype)
    steps(step, 10)
    # np.copy keeps the layout in memory, on which the last bit of a product can depend.
    saved, weights = optimizer.state_dict(), [np.copy(p.data) for p in optimizer.params]
    steps(step, 10)
    other, step = optimizer_of(name, {**options, "lr": 0.5}, dtype)
    for parameter, values in zip(other.params, weights, strict=True):
        parameter.data = values
    other.load_state_dict(saved)
    assert repr(other) == repr(optimizer)
    steps(step, 10)
    for one, two in zip(optimizer.params, other.params, strict=True):
        assert one.dtype == dtype
        assert all(value.dtype == dtype for value in other.state[two].values())
        np.testing.assert_array_equal(one.data, two.data)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=names_of)
def test_old_arrays_are_left_alone(name, options):
    """Graphs hold the old values; a step must not write into them, nor into gradients."""
    optimizer, step = optimizer_of(name, options)
    for _ in range(3):
        step()
        held = [(p._data, p._data.copy(), p._grad, p._grad.copy()) for p in optimizer.params]
        optimizer.step()
        for data, values, grad, slopes in held:
            np.testing.assert_array_equal(data, values)
            np.testing.assert_array_equal(grad, slopes)
        arrays = [p._data for p in optimizer.params] + [
            value for state in optimizer.state.values() for value in state.values()
        ]
        for number, array in enumerate(arrays):
            assert not any(np.may_share_memory(array, other) for other in arrays[:number])


def test_float16_counts_beyond_2048():
    parameter = Tensor(np.ones(2), requires_grad=True, dtype="float16")
    optimizer = nn.Adam([parameter], lr=0.1, eps=1e-3)
    parameter.grad = [1.0, 0.5]
    optimizer.step()
    optimizer.state[parameter]["step"] = 5000
    optimizer.step()
    assert optimizer.state[parameter]["step"] == 5001
    assert parameter.dtype == np.float16

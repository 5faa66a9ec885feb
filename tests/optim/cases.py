"""The optimizers with their options, and a small network whose parameters have several shapes."""

import numpy as np

import nn
from tinygrad_edu import Tensor

__all__ = ["SETTINGS", "SHAPES", "forward", "names_of", "optimizer_of", "start_values", "steps"]

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.7, "weight_decay": 0.1}),
    ("RMSprop", {"alpha": 0.8, "eps": 1e-3, "momentum": 0.5, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"eps": 1e-3, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"eps": 1e-3, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"weight_decay": 0.1, "momentum_decay": 0.02, "maximize": True}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Lion", {"lr": 0.01}),
    ("Lion", {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.3, "maximize": True}),
]

SHAPES = [(3, 4), (4,), (), (4, 2)]


def names_of(setting):
    """Name a row of the settings."""
    return ",".join(map(str, setting)) or "default" if isinstance(setting, dict) else str(setting)


def start_values(dtype=np.float64, seed=0):
    """Draw the parameters."""
    generator = np.random.default_rng(seed)
    return [np.asarray(generator.normal(size=shape)).astype(dtype) for shape in SHAPES]


def forward(parameters, x, y):
    """Compute the loss of a network; tensors of PyTorch have the same notation.

    It is bounded, because some optimizers maximize it.
    """
    weight, bias, scale, last = parameters
    error = (((x @ weight + bias).tanh() * scale) @ last).tanh() - y
    return (error * error).mean()


def optimizer_of(name, options, dtype=np.float64):
    """Return an optimizer, and a function that makes a step and returns the loss."""
    parameters = [Tensor(values, requires_grad=True) for values in start_values(dtype)]
    optimizer = getattr(nn, name)(parameters, **options)
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(6, 3)).astype(dtype), generator.normal(size=(6, 2)).astype(dtype)

    def step():
        optimizer.zero_grad()
        loss = forward(parameters, x, y)
        loss.backward()
        optimizer.step()
        return loss

    return optimizer, step


def steps(step, count):
    """Make several steps."""
    for _ in range(count):
        step()

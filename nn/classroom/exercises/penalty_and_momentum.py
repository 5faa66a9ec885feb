"""A penalty on large weights, and a step with momentum.

A neuron without activation and a mean of squared errors, as in the last exercise. Two things are
new. The loss also contains a penalty on the weights, but not on the bias:

    (1)  L = 1/n Σ_i (z_i - y_i)² + λ/2 Σ_j w_j²          z = x w + b, λ is `decay`

w is used in both terms, so its gradient is a sum. And a step follows the velocity v, a running sum
of gradients, in which older ones count less and less:

    (2)  v_next = μ v + ∂L/∂w                             μ is `momentum`
    (3)  w_next = w - η v_next                            η is `rate`
"""

from nn.classroom import check
from tinygrad_edu import grad


def inputs(generator):
    n = generator.integers(4, 8)
    return {
        "x": generator.normal(size=(n, 3)).round(1),
        "y": generator.normal(size=n).round(1),
        "w": generator.choice([-1.5, -0.8, 0.7, 1.2, 1.9], 3, replace=False),
        "b": generator.choice([-0.7, 0.4, 0.9]),
        "v": generator.choice([-1.1, -0.6, 0.5, 0.8], 3, replace=False),
        "decay": generator.choice([0.1, 0.2, 0.3]),
        "momentum": generator.choice([0.7, 0.8, 0.9]),
        "rate": generator.choice([0.02, 0.05]),
    }


def forward(x, y, w, b, v, decay, momentum, rate):
    z = x @ w + b
    error = ((z - y) ** 2).mean()
    penalty = decay / 2 * (w**2).sum()
    L = error + penalty
    v_next = momentum * v + grad(L, w)  # by machine
    w_next = w - rate * (momentum * v + grad(L, w))
    return L


def my_gradients(x, y, w, b, v, decay, momentum, rate):
    n = len(x)
    delta = 2 / n * (x @ w + b - y)
    of_error = ...  # blank 1: ∂error/∂w, shape (3,)
    of_penalty = ...  # blank 2: ∂penalty/∂w, shape (3,)
    dw = ...  # blank 3: ∂L/∂w, shape (3,)
    db = ...  # blank 4: ∂L/∂b, one number
    v_next = ...  # blank 5: v_next, shape (3,)
    w_next = ...  # blank 6: w_next, shape (3,)
    return {"w": dw, "b": db}


if __name__ == "__main__":
    print(check("penalty_and_momentum", my_gradients))

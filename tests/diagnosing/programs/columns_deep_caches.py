"""A deep network of helpers with caches and a dictionary of gradients, samples as columns."""

import numpy as np

np_random = np.random.default_rng(1)
layer_dims = [4, 5, 3, 1]
m = 6
X = np_random.standard_normal((4, m))
Y = np_random.integers(0, 2, size=(1, m))
L = len(layer_dims) - 1


def compute_cost(W1, b1, W2, b2, W3, b3):
    A1 = np.maximum(0, W1 @ X + b1)
    A2 = np.maximum(0, W2 @ A1 + b2)
    AL = 1 / (1 + np.exp(-(W3 @ A2 + b3)))
    return -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m


def linear_activation_forward(A_prev, W, b, activation):
    Z = np.dot(W, A_prev) + b
    A = 1 / (1 + np.exp(-Z)) if activation == "sigmoid" else np.maximum(0, Z)
    return A, ((A_prev, W, b), Z)


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid_backward(dA, Z):
    s = 1 / (1 + np.exp(-Z))
    return dA * s * (1 - s)


def linear_backward(dZ, cache):
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    dW = 1.0 / m * np.dot(dZ, A_prev.T)
    db = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def linear_activation_backward(dA, cache, activation):
    linear_cache, Z = cache
    dZ = relu_backward(dA, Z) if activation == "relu" else sigmoid_backward(dA, Z)
    return linear_backward(dZ, linear_cache)


def L_model_backward(*parameters):
    A, caches = X, []
    for k in range(1, L + 1):
        W, b = parameters[2 * k - 2], parameters[2 * k - 1]
        A, cache = linear_activation_forward(A, W, b, "sigmoid" if k == L else "relu")
        caches.append(cache)
    AL = A

    grads = {}
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for k in reversed(range(L)):
        activation = "sigmoid" if k == L - 1 else "relu"
        dA, dW, db = linear_activation_backward(dA, caches[k], activation)
        grads["dW" + str(k + 1)] = dW
        grads["db" + str(k + 1)] = db
    return [grads[f"d{name}{k}"] for k in range(1, L + 1) for name in "Wb"]


POINT = tuple(
    np_random.standard_normal(shape)
    for k in range(L)
    for shape in ((layer_dims[k + 1], layer_dims[k]), (layer_dims[k + 1], 1))
)
F, BY_HAND = compute_cost, L_model_backward

SLIPS = [
    ("    dZ[Z <= 0] = 0\n", "    \n", "missing derivative", "relu's"),
    ("dZ[Z <= 0] = 0", "dZ[dZ <= 0] = 0", "wrong derivative", "the mask of the gradient"),
    ("return dA * s * (1 - s)", "return s * (1 - s)", "missing factor", "the upstream gradient"),
    (
        "db = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)",
        "db = np.sum(dZ, axis=1, keepdims=True)",
        "factor",
        "not averaged",
    ),
    (
        "np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)",
        "np.divide(Y, AL) + np.divide(1 - Y, 1 - AL)",
        "sign",
        "in the loss",
    ),
    (
        "dA_prev = np.dot(W.T, dZ)",
        "dA_prev = np.dot(W.T, dZ) / m",
        "extra factor",
        "averaged again",
    ),
    (
        "np.dot(dZ, A_prev.T)",
        "np.dot(dZ, np.ones_like(A_prev).T)",
        "missing factor",
        "the input of the layer",
    ),
]

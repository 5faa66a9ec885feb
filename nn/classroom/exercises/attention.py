"""Attention, with a causal mask.

Each of T places has a query, a key and a value: the rows of Q, K and V, with d columns. Each place
looks at itself and the places before it:

    (1)  S = Q Kᵀ / √d                 the scores, shape (T, T)
    (2)  A = softmax of each row of S, with 0 at later places
    (3)  O = A V

From G = ∂L/∂O, go back through equation 3, then 2, then 1. Equations 1 and 3 are products of
matrices, as in a layer; take care which factor is transposed. In equation 2, all numbers of a row
depend on each other: A[i, k] grows with S[i, k], and shrinks with all other scores of row i. So
∂L/∂S is not only A times what arrives, but A times what arrives minus an average of it, over the
row.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import softmax, where


def inputs(generator):
    places = generator.integers(3, 6)
    return {
        "Q": generator.normal(size=(places, 3)).round(1),
        "K": generator.normal(size=(places, 3)).round(1),
        "V": generator.normal(size=(places, 2)).round(1),
        "G": generator.normal(size=(places, 2)).round(1),
    }


def forward(Q, K, V, G):
    sees = np.tri(len(Q), dtype=bool)  # True on the diagonal and below: these places are seen
    S = Q @ K.T / np.sqrt(Q.shape[1])
    A = softmax(where(sees, S, -np.inf))
    L = (G * (A @ V)).sum()  # a loss with ∂L/∂O = G
    return L


def my_gradients(Q, K, V, G):
    sees = np.tri(len(Q), dtype=bool)
    S = Q @ K.T / np.sqrt(Q.shape[1])
    e = np.exp(S) * sees
    A = ...  # blank 1: A, the weights, shape (T, T)
    dV = ...  # blank 2: ∂L/∂V, shape (T, 2)
    dA = ...  # blank 3: ∂L/∂A, shape (T, T)
    dS = ...  # blank 4: ∂L/∂S, shape (T, T)
    dQ = ...  # blank 5: ∂L/∂Q, shape (T, 3)
    dK = ...  # blank 6: ∂L/∂K, shape (T, 3)
    return {"Q": dQ, "K": dK, "V": dV}


if __name__ == "__main__":
    print(check("attention", my_gradients))

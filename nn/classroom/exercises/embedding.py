"""An embedding, and positions.

A table has a row of D numbers for each of the tokens that exist, the vocabulary. n texts of T
tokens are looked up, and a row for the position is added, the same for all texts:

    (1)  x[i, t] = table[tokens[i, t]] + positions[t]

g = ∂L/∂x has arrived, shape (n, T, D). Each row of `positions` is used once in each text. A row of
`table` is used as often as its token occurs, and maybe never. Contributions add up.

Looking up is a matrix product in disguise: with a one-hot row for each token, it is one-hot times
table. So there is a second way to the same gradient, without a loop over the tokens. It needs the
numbers in rows: `g.reshape(-1, k)` makes rows of k numbers, and the -1 means as many as there are.
"""

import numpy as np

from nn.classroom import check
from tinygrad_edu import one_hot


def inputs(generator):
    n, length = generator.integers(2, 4), generator.integers(3, 6)
    tokens = generator.integers(0, 5, (n, length))
    tokens[:, 0] = tokens[0, 2]  # one token occurs several times
    return {
        "tokens": tokens,
        "table": generator.normal(size=(6, 2)).round(1),
        "positions": generator.normal(size=(length, 2)).round(1),
        "g": generator.normal(size=(n, length, 2)).round(1),
    }


def forward(tokens, table, positions, g):
    x = table[tokens] + positions
    L = (g * x).sum()  # a loss with ∂L/∂x = g
    rows = one_hot(tokens.ravel(), len(table))
    return L


def my_gradients(tokens, table, positions, g):
    n, length = tokens.shape
    dpositions = ...  # blank 1: ∂L/∂positions, shape (T, 2)
    dtable = np.zeros(table.shape)
    for i in range(n):
        for t in range(length):
            dtable[tokens[i, t]] += ...  # blank 2: ∂L/∂table, shape (6, 2)
    rows = ...  # blank 3: rows, one-hot, a row for each of the n · T tokens, shape (n · T, 6)
    again = ...  # blank 4: ∂L/∂table, shape (6, 2), from `rows`
    return {"table": dtable, "positions": dpositions}


if __name__ == "__main__":
    print(check("embedding", my_gradients))

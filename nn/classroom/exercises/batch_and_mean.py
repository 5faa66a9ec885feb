"""A batch of rows, and the mean.

The rows of x are n examples. A neuron without activation computes one number for each row, and the
loss is the mean of the squared errors:

    (1)  z = x w + b
    (2)  L = 1/n Σ_i (z_i - y_i)²

The factor 1/n belongs where δ starts, and nowhere else. All rows share w and b, so their gradients
are sums over the rows. And because the gradient of a mean is the mean of the gradients, you can
also look at each row alone: `each` has a row for each example, its own gradient of w, as if the
batch were only this row. (`delta[:, None]` is δ as a column, which multiplies each row of x by its
own number.) Blank 4 makes ∂L/∂w out of it in a second way.
"""

from nn.classroom import check


def inputs(generator):
    n = generator.integers(4, 8)
    return {
        "x": generator.normal(size=(n, 3)).round(1),
        "y": generator.normal(size=n).round(1),
        "w": generator.normal(size=3).round(1),
        "b": generator.choice([-0.7, 0.4, 0.9]),
    }


def forward(x, y, w, b):
    z = x @ w + b
    L = ((z - y) ** 2).mean()
    return L


def my_gradients(x, y, w, b):
    n = len(x)
    z = x @ w + b
    delta = ...  # blank 1: ∂L/∂z, shape (n,)
    dw = ...  # blank 2: ∂L/∂w, shape (3,)
    db = ...  # blank 3: ∂L/∂b, one number
    each = n * delta[:, None] * x
    dw_again = ...  # blank 4: ∂L/∂w, shape (3,), again: `each` is enough
    return {"w": dw, "b": db}


if __name__ == "__main__":
    print(check("batch_and_mean", my_gradients))

"""A layer that knows only the gradient of its output.

A layer of neurons computes z for n rows at once. W has a row for each input and a column for each
neuron; all rows of x use the same W and b:

    (1)  z = x W + b        z[r, j] = Σ_k x[r, k] W[k, j] + b[j]

The layer behind it sends back δ = ∂L/∂z, with the shape of z. From δ alone, this layer computes
three gradients. In equation 1, find all places where a number is used: x[r, k] for each neuron j,
W[k, j] and b[j] for each row r. Each place sends δ times the other factor, and places are added up.

Shapes are a good guide, because each gradient has the shape of its variable. But they prove
nothing, so the numbers are checked.
"""

from nn.classroom import check


def inputs(generator):
    n = generator.integers(4, 7)
    return {
        "x": generator.normal(size=(n, 3)).round(1),
        "W": generator.normal(size=(3, 2)).round(1),
        "b": generator.normal(size=2).round(1),
        "delta": generator.normal(size=(n, 2)).round(1),
    }


def forward(x, W, b, delta):
    z = x @ W + b
    L = (delta * z).sum()  # a loss with ∂L/∂z = delta
    return L


def my_gradients(x, W, b, delta):
    dx = ...  # blank 1: ∂L/∂x, shape (n, 3)
    dW = ...  # blank 2: ∂L/∂W, shape (3, 2)
    db = ...  # blank 3: ∂L/∂b, shape (2,)
    return {"x": dx, "W": dW, "b": db}


if __name__ == "__main__":
    print(check("layer", my_gradients))

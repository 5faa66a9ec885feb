"""Layer normalization, one step after the other.

Each row is shifted to mean 0 and scaled to variance 1 by itself, then scaled by γ and shifted by β:

    (1)  c = x - the mean of the row
    (2)  v = the mean of c² in each row,   r = (v + ε) to the power -½
    (3)  x̂ = c · r
    (4)  y = γ x̂ + β

Go back through these equations with g = ∂L/∂y, one by one. c is used twice, in equations 2 and 3,
so it gets two contributions. v and r have one number for each row: what they get is a sum over the
row. In equation 1, x is also used twice: directly, and in the mean.

In the end this is the formula of batch normalization (page 10), along the rows instead of the
columns. One thing differs: γ is not the same for all numbers of a row, so it cannot be put in front
of the formula. The means are those of g γ, not of g.
"""

from nn.classroom import check


def inputs(generator):
    n, features = generator.integers(2, 5), generator.integers(3, 6)
    return {
        "x": generator.normal(size=(n, features)).round(1),
        "gamma": generator.choice([-1.3, -0.7, 0.6, 1.4, 1.8], features, replace=False),
        "beta": generator.normal(size=features).round(1),
        "eps": 0.1,
        "g": generator.normal(size=(n, features)).round(1),
    }


def forward(x, gamma, beta, eps, g):
    c = x - x.mean(axis=1, keepdims=True)
    v = (c**2).mean(axis=1, keepdims=True)
    r = (v + eps) ** -0.5
    x_hat = c * r
    y = gamma * x_hat + beta
    L = (g * y).sum()  # a loss with ∂L/∂y = g
    return L


def my_gradients(x, gamma, beta, eps, g):
    features = x.shape[1]
    c = x - x.mean(axis=1, keepdims=True)
    v = (c**2).mean(axis=1, keepdims=True)
    r = (v + eps) ** -0.5
    x_hat = c * r
    dbeta = ...  # blank 1: ∂L/∂beta, the shape of beta
    dgamma = ...  # blank 2: ∂L/∂gamma, the shape of gamma
    dx_hat = ...  # blank 3: ∂L/∂x_hat, the shape of x
    dr = ...  # blank 4: ∂L/∂r, a column, shape (n, 1)
    dv = ...  # blank 5: ∂L/∂v, a column, shape (n, 1)
    dc = ...  # blank 6: ∂L/∂c, the shape of x
    dx = ...  # blank 7: ∂L/∂x, the shape of x
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


if __name__ == "__main__":
    print(check("layer_norm", my_gradients))

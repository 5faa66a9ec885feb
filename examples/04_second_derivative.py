"""A second derivative: gradients are computed with the same operations, so they have gradients too.

Newton's method uses f' and f'' to find the minimum of f(x) = x⁴ - 3 x³ + 2.
"""

from tinygrad_edu import Tensor, grad


def f(x):
    """Return x⁴ - 3x³ + 2; its derivative is 4x³ - 9x², so the minimum is at x = 9/4."""
    return x**4 - 3 * x**3 + 2


x = Tensor(4.0, requires_grad=True)
for step in range(7):
    first = grad(f(x), x, create_graph=True)  # a tensor with a graph
    second = grad(first, x)
    print(f"step {step}: x = {x.item():.10f}   f' = {first.item():12.3e}   f'' = {second:.4f}")
    x = Tensor(x.data - first.data / second, requires_grad=True)

print("minimum at", x.item(), "  expected 9/4 = 2.25")

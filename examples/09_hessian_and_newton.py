"""All second derivatives at once: Newton's method in two dimensions, checked by hand.

Rosenbrock's valley f(a, b) = (1 - a)² + 100 (b - a²)² is long, curved and flat. Gradient descent
needs thousands of steps to reach the minimum at (1, 1). The Hessian describes how the valley bends:
with it, Newton's step, the solution of H step = gradient, needs only six.
"""

import numpy as np

from tinygrad_edu import hessian, vjp


def valley(x):
    """Return Rosenbrock's function of the two elements of x."""
    a, b = x
    return (1 - a) ** 2 + 100 * (b - a**2) ** 2


def gradient_by_hand(a, b):
    """Return ∂f/∂a and ∂f/∂b."""
    return np.array([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)])


def hessian_by_hand(a, b):
    """Return ∂²f/∂a², ∂²f/∂a∂b twice, and ∂²f/∂b²."""
    return np.array([[2 - 400 * (b - 3 * a**2), -400 * a], [-400 * a, 200]])


x = np.array([-1.2, 1.0])
print("Hessian at (-1.2, 1), automatic:", hessian(valley, x).tolist())
print("Hessian at (-1.2, 1), by hand:  ", hessian_by_hand(*x).tolist())
print()
for step in range(7):
    value, gradient = vjp(valley, x)  # of a function with one result, the vjp is the gradient
    H = hessian(valley, x)
    off = max(np.abs(gradient - gradient_by_hand(*x)).max(), np.abs(H - hessian_by_hand(*x)).max())
    print(f"step {step}: x = ({x[0]:9.6f}, {x[1]:9.6f})   f = {value:9.2e}   error {off:.0e}")
    x = x - np.linalg.solve(H, gradient)

print("minimum at", x, "  expected (1, 1)")

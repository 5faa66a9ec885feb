"""A first tensor: it records how it was computed, and returns its derivatives.

f(x, y) = x² y + y has the derivatives ∂f/∂x = 2 x y and ∂f/∂y = x² + 1.
"""

from tinygrad_edu import Tensor

x = Tensor(3.0, requires_grad=True, name="x")
y = Tensor(4.0, requires_grad=True, name="y")

f = x * x * y + y
print("f =", f.item())  # 3² · 4 + 4 = 40

f.backward()  # goes backwards through the graph
print("∂f/∂x =", x.grad, "  expected 2·3·4 = 24")
print("∂f/∂y =", y.grad, "  expected 3² + 1 = 10")

# x is used twice, so its gradient is the sum of two contributions. A second backward pass adds to
# the gradients of the first one, so they are twice as large:
f.backward()
print("after a second backward():", x.grad, "- set x.grad = None to start again")

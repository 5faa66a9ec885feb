"""A first tensor: numbers that remember how they were computed.

f(x, y) = x² y + y has the derivatives ∂f/∂x = 2 x y and ∂f/∂y = x² + 1.
"""

from tinygrad_edu import Tensor

x = Tensor(3.0, requires_grad=True, name="x")
y = Tensor(4.0, requires_grad=True, name="y")

f = x * x * y + y
print("f =", f.item())  # 3² · 4 + 4 = 40

f.backward()  # walks back through the graph
print("∂f/∂x =", x.grad, "  expected 2·3·4 = 24")
print("∂f/∂y =", y.grad, "  expected 3² + 1 = 10")

# x was used twice, and both contributions were added up. A second backward pass adds its
# gradients to those that are there, so leaves show twice the value:
f.backward()
print("after a second backward():", x.grad, "- set x.grad = None to start afresh")

"""The graph of an expression: what the tensors have recorded, as text and as a picture."""

from pathlib import Path

from tinygrad_edu import Tensor, draw

x = Tensor([[1.0, 2.0]], name="x")
W = Tensor([[0.5], [-1.0]], requires_grad=True, name="W")

loss = ((x @ W).tanh() ** 2).sum()
loss.backward()

drawing = draw(loss, names={"loss": loss})
print(drawing.table())

folder = Path("runs/examples")
folder.mkdir(parents=True, exist_ok=True)
print("\nwritten:", drawing.save(folder / "expression.dot"))
print("written:", drawing.save(folder / "expression.svg"))  # without Graphviz too

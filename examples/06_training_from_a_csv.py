"""Training from a CSV file: handwritten digits, from the file to a saved model."""

from pathlib import Path

from nn import model
from nn.data.digits import write_digits

folder = Path("runs/examples/digits")
folder.mkdir(parents=True, exist_ok=True)
train, test = write_digits(folder)  # label,pixel1,...,pixel64 with pixels 0..16

net = model(structure=[64, 32, 10], base_address=folder)
history = net.fit(train_data=train, test_data=test, epoch=10, alpha=0.1, batch_size=32, scale=16)

print("best epoch:", history.best.number)
print("files:", ", ".join(sorted(path.name for path in folder.iterdir())))

"""Training from a CSV file: handwritten digits, from the file to a saved model.

The network, the optimizer and the preparation are chosen; test data are read once, at the end.
"""

from pathlib import Path

from nn import model
from nn.data.digits import write_digits

folder = Path("runs/examples/digits")
folder.mkdir(parents=True, exist_ok=True)
train, test = write_digits(folder)  # label,pixel1,...,pixel64 with pixels 0..16

net = model(base_address=folder)
history = net.fit(train_data=train, test_data=test, validation=0.1, epochs=15)

print(history.kept)
print("largest confusion:", net.report(test).confusions[0])
print("files:", ", ".join(sorted(path.name for path in folder.iterdir())))

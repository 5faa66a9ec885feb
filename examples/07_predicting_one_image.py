"""Predicting one image with a saved model, and the confidence of the network."""

from pathlib import Path

import numpy as np

from nn import model
from nn.data.csv import read_csv
from nn.data.digits import write_digits

folder = Path("runs/examples/one_image")
folder.mkdir(parents=True, exist_ok=True)
train, test = write_digits(folder)
net = model(structure=[64, 32, 10], base_address=folder, verbose=False)
net.fit(train_data=train, epoch=10, alpha=0.1, batch_size=32, scale=16)

data = read_csv(test)
image, label = data.features[0].reshape(8, 8), data.labels[0]
print("\n".join("".join(" .:-=+*#@"[int(pixel) // 2] * 2 for pixel in row) for row in image))
print("label =", label)

net = model(structure=[64, 32, 10], base_address=folder)  # as in a new program
prediction = net.run(folder / "model.pkl", image)
for other in np.argsort(prediction.probabilities)[:-4:-1]:
    print(f"  {other}: {prediction.probabilities[other]:.1%}")

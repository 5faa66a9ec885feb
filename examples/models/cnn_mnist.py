"""A convolutional network on MNIST, read from CSV files.

The data are not part of the project. Pass a folder with the files mnist_train.csv and
mnist_test.csv, plain or as .csv.gz: a header `label,pixel1,...,pixel784`, and one image of 28 x 28
pixels from 0 to 255 in each row. A few thousand images are enough, because in training each image
is moved by up to two pixels. The architecture is that of LeNet (LeCun et al., 1998), with today's
parts.
"""

from pathlib import Path

import numpy as np
from program import Run, batches, start

import nn
from nn.data.csv import read_csv
from tinygrad_edu import capture, no_grad

SEED = 0
BATCH = 50


def load_mnist(folder):
    """Return images from 0 to 1 of shape (N, 1, 28, 28), and labels: for training, for testing."""
    if folder is None:
        raise nn.DataError("MNIST is not part of the project: pass --data FOLDER; --help says more")
    arrays = []
    for name in ("mnist_train.csv", "mnist_test.csv"):
        paths = [Path(folder, name), Path(folder, f"{name}.gz")]
        found = [path for path in paths if path.is_file()]
        if not found:
            raise nn.DataError(f"the folder {folder} has neither {name} nor {name}.gz")
        data = read_csv(found[0])
        if data.features.shape[1] != 28 * 28:
            raise nn.DataError(
                f"{found[0]}: {data.features.shape[1]} pixels in a row, expected 784"
            )
        arrays += [data.features.reshape(-1, 1, 28, 28) / np.float32(255), data.labels]
    return arrays


class MnistCNN(nn.Module):
    """Three convolutions, a pooling after each, and a linear layer."""

    def __init__(self, generator):
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1, generator=generator)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, generator=generator)
        self.norm2 = nn.BatchNorm2d(32)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1, generator=generator)
        self.norm3 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.out = nn.Linear(64 * 3 * 3, 10, generator=generator)

    def forward(self, x):
        x = self.pool(self.norm1(self.conv1(x)).relu())  # 16 channels of 14 x 14
        x = self.pool(self.norm2(self.conv2(x)).relu())  # 32 of 7 x 7
        x = self.pool(self.norm3(self.conv3(x)).relu())  # 64 of 3 x 3
        return self.out(self.flatten(x))


def moved(images, generator, most=2):
    """Return copies of images that are moved by up to `most` pixels; what comes in is empty."""
    height, width = images.shape[2:]
    padded = np.pad(images[:, 0], ((0, 0), (most, most), (most, most)))
    moves = generator.integers(0, 2 * most + 1, (len(images), 2))
    copies = [
        image[down : down + height, right : right + width]
        for image, (down, right) in zip(padded, moves, strict=True)
    ]
    return np.stack(copies)[:, None]


def predict(network, images):
    """Return the recognised digits, computed in batches that fit the memory."""
    network.eval()
    with no_grad():
        parts = [network(images[i : i + 200]).data for i in range(0, len(images), 200)]
    network.train()
    return np.concatenate(parts).argmax(axis=1)


def train(network, images, labels, epochs, generator):
    """Train with AdamW; the rate rises and falls over the training."""
    optimizer = nn.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * (len(images) // BATCH)
    schedule = nn.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)

    @capture
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.softmax_cross_entropy(network(x), y)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    for epoch in range(epochs):
        losses = []
        for batch in batches(generator, len(images), BATCH):
            losses.append(step(moved(images[batch], generator), labels[batch]).item())
            schedule.step()
        print(f"epoch {epoch + 1:2d}: loss {np.mean(losses):.4f}", flush=True)


def main(quick=False, out=None, data=None):
    """Train, test on the other file, and show what was not recognised."""
    images, labels, test_images, test_labels = load_mnist(data)
    run = Run("cnn_mnist", out, SEED)
    generator = np.random.default_rng(SEED)
    network = MnistCNN(generator)
    print(network.summary(images[:1]))
    train(network, images, labels, 2 if quick else 10, generator)

    found = predict(network, test_images)
    (wrong,) = np.nonzero(found != test_labels)
    for number in wrong[:12]:
        print(f"row {number + 1}: a {test_labels[number]}, taken for {found[number]}")
    if len(wrong):
        run.save_images([test_images[wrong[:12], 0]], "mistakes")
    run.draw(nn.softmax_cross_entropy(network(images[:8]), labels[:8]), network, "A CNN for MNIST")
    return run.finish(accuracy=float((found == test_labels).mean()))


if __name__ == "__main__":
    start(main, data="the folder of mnist_train.csv and mnist_test.csv, plain or as .csv.gz")

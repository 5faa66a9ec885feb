"""A convolutional network that reads handwritten digits.

A convolution looks for the same small pattern everywhere in an image, so it needs few weights, and
a digit may be anywhere (LeCun, 1989). Pooling keeps the strongest answer of each 2 x 2 window. The
images have 8 x 8 pixels. In training, each image is moved by up to one pixel, so the network learns
that the place does not matter, instead of learning the images by heart.
"""

import numpy as np
from program import Run, batches, start

import nn
from nn.data.digits import load_digits
from tinygrad_edu import capture, no_grad

SEED = 0
BATCH = 60


class DigitsCNN(nn.Module):
    """Three convolutions, a pooling after the first two, and two linear layers."""

    def __init__(self, generator):
        def block(inputs, outputs):
            conv = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, generator=generator)
            return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())

        self.conv1 = block(1, 32)
        self.conv2 = block(32, 64)
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(64 * 4 * 4, 64, generator=generator)
        self.out = nn.Linear(64, 10, generator=generator)

    def forward(self, x):
        x = self.conv1(x)
        x = self.pool(self.conv2(x))
        x = self.hidden(self.flatten(x)).relu()
        return self.out(x)


def moved(images, generator, most=1):
    """Return copies of images that are moved by up to `most` pixels; what comes in is empty."""
    height, width = images.shape[2:]
    padded = np.pad(images[:, 0], ((0, 0), (most, most), (most, most)))
    moves = generator.integers(0, 2 * most + 1, (len(images), 2))
    copies = [
        image[down : down + height, right : right + width]
        for image, (down, right) in zip(padded, moves, strict=True)
    ]
    return np.stack(copies)[:, None]


def accuracy(network, images, labels):
    """Return the fraction of images that are recognised."""
    network.eval()
    with no_grad():
        found = network(images).data.argmax(axis=1)
    network.train()
    return float((found == labels).mean())


def train(network, images, labels, epochs, generator):
    """Train with AdamW; the rate rises and falls over the training."""
    optimizer = nn.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    steps = epochs * (len(images) // BATCH)
    schedule = nn.OneCycleLR(optimizer, max_lr=5e-3, total_steps=steps)

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
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:3d}: loss {np.mean(losses):.4f}", flush=True)


def main(quick=False, out=None):
    """Train, and test on digits that were held out."""
    run = Run("cnn_digits", out, SEED)
    generator = np.random.default_rng(SEED)
    images, labels, test_images, test_labels = load_digits()
    network = DigitsCNN(generator)
    print(network.summary(images[:1]))
    train(network, images, labels, 3 if quick else 30, generator)

    recognised = accuracy(network, test_images, test_labels)

    run.draw(nn.softmax_cross_entropy(network(images[:8]), labels[:8]), network, "A CNN for digits")
    return run.finish(accuracy=recognised)


if __name__ == "__main__":
    start(main)

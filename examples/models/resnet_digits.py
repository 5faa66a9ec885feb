"""A small residual network, and the same network without its shortcuts.

Each block of a residual network computes what to *add* to its input (He et al., 2015). The shortcut
carries the gradient past the block unchanged, so the first layers of a deep network learn as fast
as the last. Both networks here have 32 layers and are trained for as many epochs on the digits; the
figure shows how far the one without shortcuts stays behind.
"""

import numpy as np
from program import Run, batches, start

import nn
from nn.data.digits import load_digits
from tinygrad_edu import capture, no_grad

SEED = 0
BATCH = 60


class Block(nn.Module):
    """Two convolutions; a shortcut around both, of the shape of their output."""

    def __init__(self, inputs, outputs, stride, shortcut, generator):
        options = {"bias": False, "generator": generator}
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, **options)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, **options)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = shortcut
        self.fit = None
        if shortcut and (stride != 1 or inputs != outputs):
            self.fit = nn.Conv2d(inputs, outputs, 1, stride, **options)

    def forward(self, x):
        h = self.norm1(self.conv1(x)).relu()
        h = self.norm2(self.conv2(h))
        if self.shortcut:
            h = h + (x if self.fit is None else self.fit(x))
        return h.relu()


class ResNet(nn.Module):
    """A convolution, three stages of five blocks each, and the average of every channel."""

    def __init__(self, shortcut, generator, widths=(8, 16, 32), blocks=5):
        self.conv = nn.Conv2d(1, widths[0], 3, padding=1, bias=False, generator=generator)
        self.norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList()
        inputs = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1  # halve the size of the images
                self.blocks.append(Block(inputs, width, stride, shortcut, generator))
                inputs = width
        self.out = nn.Linear(inputs, 10, generator=generator)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu()
        for block in self.blocks:
            x = block(x)
        return self.out(x.mean(axis=(2, 3)))


def accuracy(network, images, labels):
    """Return the fraction of images that are recognised."""
    network.eval()
    with no_grad():
        found = network(images).data.argmax(axis=1)
    network.train()
    return float((found == labels).mean())


def train(network, images, labels, epochs, generator):
    """Train with momentum; return the mean loss of each epoch."""
    optimizer = nn.SGD(network.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
    schedule = nn.OneCycleLR(optimizer, max_lr=0.2, total_steps=epochs * (len(images) // BATCH))

    @capture
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.softmax_cross_entropy(network(x), y)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    history = []
    for _ in range(epochs):
        losses = []
        for batch in batches(generator, len(images), BATCH):
            losses.append(step(images[batch], labels[batch]).item())
            schedule.step()
        history.append(float(np.mean(losses)))
    return history


def main(quick=False, out=None):
    """Train the network with shortcuts, and the one without."""
    run = Run("resnet_digits", out, SEED)
    images, labels, test_images, test_labels = load_digits()
    blocks, epochs = (1, 3) if quick else (5, 15)
    accuracies, figure = {}, run.figure(6, 3)
    ax = figure.subplots()
    for shortcut, name, line in ((True, "residual", "-"), (False, "plain", "--")):
        generator = np.random.default_rng(SEED)
        network = ResNet(shortcut, generator, blocks=blocks)
        history = train(network, images, labels, epochs, generator)
        accuracies[name] = accuracy(network, test_images, test_labels)
        print(f"{name}: loss {history[-1]:.4f}, accuracy {accuracies[name]:.4f}", flush=True)
        ax.plot(range(1, epochs + 1), history, line, label=f"{name}, {2 * 3 * blocks + 2} layers")
        if shortcut:
            output = nn.softmax_cross_entropy(network(images[:8]), labels[:8])
            run.draw(output, network, "A small residual network", depth=2)
    ax.set(xlabel="epoch", ylabel="loss", yscale="log")
    ax.legend()
    run.save(figure, "losses")
    return run.finish(accuracy=accuracies["residual"], without_shortcuts=accuracies["plain"])


if __name__ == "__main__":
    start(main)

"""Adversarial examples: small changes of an image that mislead a network.

The gradient of the loss with respect to the *image* says how to change each pixel so that the
network errs. One step of the same size for every pixel, in the direction of its sign, is enough:
the fast gradient sign method, FGSM (Goodfellow et al., 2015). Noise of the same size does little. A
network that is trained on such images, made anew in each step, withstands them much better.
"""

import numpy as np
from program import Run, batches, start

import nn
from nn.data.digits import load_digits
from tinygrad_edu import Tensor, capture, clip, grad, no_grad, sign

SEED = 0
BATCH = 60
SIZE = 0.15  # how far each pixel is changed; they are from 0 to 1


def small_cnn(generator):
    """Return a network for images of 8 x 8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, generator=generator),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, generator=generator),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 10, generator=generator),
    )


def attacked(network, images, labels):
    """Return the images, changed by FGSM."""
    x = Tensor(images, requires_grad=True, name="images")
    loss = nn.softmax_cross_entropy(network(x), labels)
    direction = sign(grad(loss, x))  # the network is fixed here; only the images are asked about
    return clip(images + SIZE * direction, 0, 1)


def train(network, images, labels, epochs, generator, on_attacks):
    """Train on the images, or on both the images and attacks on the network as it is."""
    optimizer = nn.Adam(network.parameters(), lr=1e-3)
    schedule = nn.OneCycleLR(optimizer, max_lr=5e-3, total_steps=epochs * (len(images) // BATCH))

    @capture
    def step(x, y):
        loss = nn.softmax_cross_entropy(network(x), y)
        if on_attacks:
            loss = 0.5 * (loss + nn.softmax_cross_entropy(network(attacked(network, x, y)), y))
        optimizer.zero_grad()
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    for _ in range(epochs):
        losses = []
        for batch in batches(generator, len(images), BATCH):
            losses.append(step(images[batch], labels[batch]).item())
            schedule.step()
    print(f"loss after {epochs} epochs: {np.mean(losses):.4f}", flush=True)


def predicted(network, images):
    """Return the recognised digits."""
    with no_grad():
        return network(images).data.argmax(axis=1)


def main(quick=False, out=None):
    """Attack a network; then attack one that was trained on attacks."""
    run = Run("adversarial_digits", out, SEED)
    images, labels, test_images, test_labels = load_digits()
    generator = np.random.default_rng(SEED)
    signs = generator.choice(np.array([-SIZE, SIZE], np.float32), test_images.shape)
    noisy = np.clip(test_images + signs, 0, 1)
    figures = {}
    for name, on_attacks in (("", False), ("hardened_", True)):
        generator = np.random.default_rng(SEED)
        network = small_cnn(generator)
        train(network, images, labels, 3 if quick else 20, generator, on_attacks)
        changed = attacked(network, test_images, test_labels)
        for kind, x in (("clean", test_images), ("noise", noisy), ("attacked", changed)):
            figures[name + kind] = float((predicted(network, x) == test_labels).mean())
        if not on_attacks:
            before, fooled = predicted(network, test_images), predicted(network, changed)
            shown = np.flatnonzero((before == test_labels) & (fooled != test_labels))[:12]
            rows = [part[shown, 0] for part in (test_images, noisy, changed)]
            print("shown:", before[shown].tolist(), "taken for", fooled[shown].tolist())
            run.save_images(rows, "images", ("images", "noise", "attacked"))
            output = nn.softmax_cross_entropy(network(test_images[:8]), test_labels[:8])
            run.draw(output, network, "The network that is attacked")
    return run.finish(**figures)


if __name__ == "__main__":
    start(main)

"""A generative adversarial network: two networks that play against each other.

The generator turns noise into images; the discriminator separates them from true digits (Goodfellow
et al., 2014). Each is trained to defeat the other, so no formula says what a good digit looks like.
How good the images are is measured independently, by the energy distance between them and digits
that were held out, which is 0 only for equal distributions. It is compared with that of the
training images, which cannot be beaten, and of images with the right mean and variance of every
pixel.
"""

import numpy as np
from program import Run, batches, start

import nn
from nn.data.digits import load_digits
from tinygrad_edu import capture, no_grad, sigmoid

SEED = 0
NOISE, BATCH = 16, 60


class Generator(nn.Module):
    """Noise to 64 pixels between 0 and 1."""

    def __init__(self, generator, hidden=256):
        self.hidden1 = nn.Linear(NOISE, hidden, generator=generator)
        self.hidden2 = nn.Linear(hidden, hidden, generator=generator)
        self.pixels = nn.Linear(hidden, 64, generator=generator)

    def forward(self, noise):
        return sigmoid(self.pixels(self.hidden2(self.hidden1(noise).relu()).relu()))


class Discriminator(nn.Sequential):
    """64 pixels to a score: positive for a true digit."""

    def __init__(self, generator, hidden=256):
        super().__init__(
            nn.Linear(64, hidden, generator=generator),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden, generator=generator),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1, generator=generator),
        )


def judged(discriminator, images, truth):
    """Return the loss of the scores of images, all of which are to be called true or false."""
    scores = discriminator(images)
    return nn.binary_cross_entropy_with_logits(scores, np.full(scores.shape, truth, np.float32))


def draw_noise(generator, count):
    return generator.standard_normal((count, NOISE), dtype=np.float32)


def train(maker, judge, x, epochs, generator):
    """Train both in turns; return the two losses of each epoch."""
    making = nn.Adam(maker.parameters(), lr=3e-4, betas=(0.5, 0.999))
    judging = nn.Adam(judge.parameters(), lr=3e-4, betas=(0.5, 0.999))

    @capture
    def step(true, noise, more_noise):
        false = maker(noise).detach()  # this loss must not reach the generator
        judging.zero_grad()
        judge_loss = judged(judge, true, 0.9) + judged(judge, false, 0.0)
        judge_loss.backward(keep_interior=False)
        judging.step()

        making.zero_grad()
        maker_loss = judged(judge, maker(more_noise), 1.0)
        maker_loss.backward(keep_interior=False)
        making.step()
        return maker_loss, judge_loss

    history = []
    for epoch in range(1, epochs + 1):
        losses = []
        for batch in batches(generator, len(x), BATCH):
            pair = step(x[batch], draw_noise(generator, BATCH), draw_noise(generator, BATCH))
            losses.append([loss.item() for loss in pair])
        history.append(np.mean(losses, axis=0))
        if epoch % (epochs // 5) == 0:
            print("epoch {}: generator {:.3f}, discriminator {:.3f}".format(epoch, *history[-1]))
    return np.array(history)


def energy_distance(x, y):
    """Return the energy distance of two samples; 0 means that the distributions are equal.

    ``2 E|x - y| - E|x - x'| - E|y - y'|``, with each expectation as a mean over all pairs of
    different points (Székely and Rizzo, 2013). By chance it may be a little below 0.
    """

    def mean(a, b, pairs):
        squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
        return np.sqrt(np.maximum(squares, 0)).sum() / pairs

    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    n, m = len(x), len(y)
    return float(2 * mean(x, y, n * m) - mean(x, x, n * (n - 1)) - mean(y, y, m * (m - 1)))


def main(quick=False, out=None):
    """Train, and compare the images with digits that were held out."""
    run = Run("gan_digits", out, SEED)
    generator = np.random.default_rng(SEED)
    images, _, test_images, _ = load_digits()
    x, test = images.reshape(-1, 64), test_images.reshape(-1, 64)
    maker, judge = Generator(generator), Discriminator(generator)
    history = train(maker, judge, x, 40 if quick else 300, generator)

    with no_grad():
        made = maker(draw_noise(generator, 1000)).data
    noise = np.clip(generator.normal(x.mean(axis=0), x.std(axis=0), (1000, 64)), 0, 1)
    figures = {
        "distance": energy_distance(made, test),
        "of_training_images": energy_distance(x, test),
        "of_pixel_noise": energy_distance(noise, test),
    }

    rows = [part[:36].reshape(3, 12, 8, 8) for part in (x, made)]
    run.save_images([*rows[0], *rows[1]], "images", ("digits", "", "", "made", "", ""))
    figure = run.figure(6, 3)
    ax = figure.subplots()
    ax.plot(history, label=["generator", "discriminator"])
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    run.save(figure, "losses")
    output = judged(judge, maker(draw_noise(generator, 8)), 1.0)
    run.draw(output, nn.Sequential(maker, judge), "A generative adversarial network")
    return run.finish(**figures)


if __name__ == "__main__":
    start(main)

"""A variational autoencoder: it describes digits by eight numbers, and draws new ones.

The encoder turns an image into a distribution of a code z, the decoder turns a code into an image
(Kingma and Welling, 2014). Both are trained to make the evidence lower bound, ELBO, large: how well
the decoder restores the image, minus how far the code's distribution is from the standard normal
one. It bounds the logarithm of the probability of an image from below, here for black and white
pixels. The baseline draws each pixel by itself, as often as it is black in the training images.
"""

import numpy as np
from program import Run, batches, start

import nn
from nn.data.digits import load_digits
from tinygrad_edu import capture, exp, no_grad, sigmoid

SEED = 0
CODE, BATCH = 8, 60


class VAE(nn.Module):
    """An encoder and a decoder, each with one hidden layer."""

    def __init__(self, generator, hidden=256):
        self.encoder = nn.Linear(64, hidden, generator=generator)
        self.mean = nn.Linear(hidden, CODE, generator=generator)
        self.log_variance = nn.Linear(hidden, CODE, generator=generator)
        self.decoder = nn.Linear(CODE, hidden, generator=generator)
        self.pixels = nn.Linear(hidden, 64, generator=generator)

    def decode(self, z):
        """Return the logits of the pixels."""
        return self.pixels(self.decoder(z).relu())

    def forward(self, x, noise):
        """Return the logits of the restored pixels, and the distribution of the code."""
        h = self.encoder(x).relu()
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + exp(0.5 * log_variance) * noise  # a draw that can be differentiated
        return self.decode(z), mean, log_variance


def negative_elbo(network, x, noise):
    """Return the mean over the images, in nats per image."""
    logits, mean, log_variance = network(x, noise)
    restoring = nn.binary_cross_entropy_with_logits(logits, x) * x.shape[1]
    divergence = 0.5 * (mean**2 + exp(log_variance) - log_variance - 1).sum(axis=1)
    return restoring + divergence.mean()


def mean_elbo(network, x, generator, draws=20):
    """Return the ELBO of images, over several draws of the codes."""
    with no_grad():
        found = [negative_elbo(network, x, normal(generator, len(x))).item() for _ in range(draws)]
    return -float(np.mean(found))


def normal(generator, count):
    return generator.standard_normal((count, CODE), dtype=np.float32)


def train(network, x, epochs, generator):
    """Train with Adam and a falling rate."""
    optimizer = nn.Adam(network.parameters(), lr=2e-3)
    schedule = nn.CosineAnnealingLR(optimizer, T_max=epochs)

    @capture
    def step(x, noise):
        optimizer.zero_grad()
        loss = negative_elbo(network, x, noise)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    for epoch in range(1, epochs + 1):
        losses = [
            step(x[batch], normal(generator, BATCH)).item()
            for batch in batches(generator, len(x), BATCH)
        ]
        schedule.step()
        if epoch % (epochs // 5) == 0:
            print(f"epoch {epoch}: ELBO {-np.mean(losses):.2f}", flush=True)


def independent_pixels(x, test):
    """Return the mean log-probability of images whose pixels are drawn one by one."""
    black = (x.sum(axis=0) + 1) / (len(x) + 2)
    return float((test * np.log(black) + (1 - test) * np.log(1 - black)).sum(axis=1).mean())


def picture(run, network, test, generator):
    """Show images, the same restored from their codes, new ones, and steps between two."""
    with no_grad():
        restored = sigmoid(network(test[:12], np.zeros((12, CODE), np.float32))[0]).data
        drawn = sigmoid(network.decode(normal(generator, 12))).data
        code = network.mean(network.encoder(test[[0, 4]]).relu()).data
        way = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
        between = sigmoid(network.decode((1 - way) * code[0] + way * code[1])).data
    rows = [part.reshape(-1, 8, 8) for part in (test[:12], restored, drawn, between)]
    run.save_images(rows, "images", ("images", "restored", "new", "between two"))


def main(quick=False, out=None):
    """Train, and measure the ELBO of images that were held out."""
    run = Run("vae_digits", out, SEED)
    generator = np.random.default_rng(SEED)
    images, _, test_images, _ = load_digits()
    x, test = ((part.reshape(-1, 64) >= 0.5).astype(np.float32) for part in (images, test_images))
    network = VAE(generator)
    train(network, x, 20 if quick else 150, generator)

    elbo = mean_elbo(network, test, generator)
    picture(run, network, test, generator)
    loss = negative_elbo(network, test[:8], normal(generator, 8))
    run.draw(loss, network, "A variational autoencoder")
    return run.finish(elbo=elbo, independent_pixels=independent_pixels(x, test))


if __name__ == "__main__":
    start(main)

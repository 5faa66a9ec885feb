"""Diffusion: points are made out of noise, by a network that removes a little of it at a time.

Points of a spiral are mixed with noise, in 100 steps, until nothing of the spiral is left. A
network learns to predict the noise in a point, and so to go one step back (Ho et al., 2020).
Started with nothing but noise, a hundred steps back make new points of the spiral. The figure is
their mean distance to the nearest of as many points of the spiral, and the reverse. It is compared
with that of other points of the spiral, which cannot be beaten, and with that of points from a
normal distribution with the same mean and covariance.
"""

import numpy as np
from program import Run, start

import nn
from tinygrad_edu import capture, concatenate, mse_loss, no_grad, silu

SEED = 0
STEPS, BATCH = 100, 512
BETAS = np.linspace(1e-3, 0.1, STEPS)  # how much noise each step adds
KEPT = np.cumprod(1 - BETAS)  # how much is left of the points, as variance


def spiral(generator, count):
    """Draw points on a spiral with two arms, with variance 1."""
    turn = np.sqrt(generator.uniform(0.05, 1, count)) * 3 * np.pi
    sign = generator.choice([-1, 1], count)
    points = sign * turn * np.stack([np.cos(turn), np.sin(turn)]) / 4.6
    return (points.T + generator.normal(0, 0.03, (count, 2))).astype(np.float32)


def waves(x):
    """Return sines and cosines of numbers, from slow to fast, so that small differences count."""
    angles = (x[:, :, None] * np.pi * 2.0 ** np.arange(-2, 3)).reshape(len(x), -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


class Denoiser(nn.Module):
    """A noisy point, and the step of the mixing as a number from 0 to 1, to the noise in it."""

    def __init__(self, generator, width=128):
        self.enter = nn.Linear(2 + 20 + 10, width, generator=generator)
        self.layer1 = nn.Linear(width, width, generator=generator)
        self.layer2 = nn.Linear(width, width, generator=generator)
        self.out = nn.Linear(width, 2, generator=generator)

    def forward(self, points, times):
        h = silu(self.enter(concatenate([points, waves(points), waves(times)], axis=1)))
        h = h + silu(self.layer1(h))
        h = h + silu(self.layer2(h))
        return self.out(h)


def train(network, steps, generator):
    """Train at random steps of the mixing; return the averaged weights and the losses."""
    optimizer = nn.Adam(network.parameters(), lr=2e-3)
    schedule = nn.CosineAnnealingLR(optimizer, T_max=steps)
    average = nn.ExponentialMovingAverage(network, decay=0.995)

    @capture
    def step(noisy, times, noise):
        optimizer.zero_grad()
        loss = mse_loss(network(noisy, times), noise)
        loss.backward(keep_interior=False)
        optimizer.step()
        average.update()
        return loss

    losses = []
    for number in range(1, steps + 1):
        times = generator.integers(0, STEPS, BATCH)
        kept = KEPT[times, None].astype(np.float32)
        noise = generator.standard_normal((BATCH, 2), dtype=np.float32)
        noisy = np.sqrt(kept) * spiral(generator, BATCH) + np.sqrt(1 - kept) * noise
        losses.append(step(noisy, times[:, None] / STEPS, noise).item())
        schedule.step()
        if number % (steps // 5) == 0:
            print(f"step {number}: loss {np.mean(losses[-steps // 5 :]):.4f}", flush=True)
    return average, losses


def sample(network, count, generator):
    """Start with noise and go back step by step; return the points after every step."""
    points = generator.standard_normal((count, 2), dtype=np.float32)
    states = [points]
    with no_grad():
        for t in reversed(range(STEPS)):
            noise = network(points, np.full((count, 1), t / STEPS)).data
            points = points - BETAS[t] / np.sqrt(1 - KEPT[t]) * noise
            points = points / np.sqrt(1 - BETAS[t])
            if t > 0:  # the last step adds no noise
                points = points + np.sqrt(BETAS[t]) * generator.standard_normal((count, 2))
            points = points.astype(np.float32)
            states.append(points)
    return states


def distance(x, y):
    """Return the mean distance to the nearest point of the other set, over both sets."""
    distances = np.linalg.norm(x[:, None] - y, axis=2)
    return float(distances.min(axis=0).mean() + distances.min(axis=1).mean()) / 2


def main(quick=False, out=None):
    """Train, draw points, and measure how far their distribution is from the spiral."""
    run = Run("diffusion_2d", out, SEED)
    generator = np.random.default_rng(SEED)
    network = Denoiser(generator)
    average, _ = train(network, 1000 if quick else 6000, generator)

    count = 500 if quick else 2000
    with average.average_weights():
        states = sample(network, count, generator)
    true, other = spiral(generator, count), spiral(generator, count)
    normal = generator.multivariate_normal(true.mean(axis=0), np.cov(true.T), count)
    figures = {
        "distance": distance(states[-1], true),
        "of_fresh_points": distance(other, true),
        "of_normal_points": distance(normal, true),
    }

    shown = [(f"after {n} steps", states[n]) for n in (0, 80, 92, 100)] + [("spiral", true)]
    figure = run.figure(12, 2.7)
    for ax, (title, points) in zip(figure.subplots(1, len(shown)), shown, strict=True):
        ax.plot(*points.T, ".", markersize=1.5)
        ax.set(title=title, xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    run.save(figure, "points")
    output = mse_loss(network(true[:8], np.full((8, 1), 0.5)), np.zeros((8, 2), np.float32))
    run.draw(output, network, "A network that predicts noise")
    return run.finish(**figures)


if __name__ == "__main__":
    start(main)

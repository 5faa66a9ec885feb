"""A differential equation, solved by a network that never sees a solution.

The heat equation u_t = a * u_xx describes how a rod cools whose ends are held at 0. The network is
a function u(x, t), and its loss is how far it is from fulfilling the equation at random points
(Lagaris et al., 1998; Raissi et al., 2019). The derivatives by x and t are computed by automatic
differentiation; with create_graph=True, they can be differentiated again: by x, and by the weights.
The start and the ends are built in, so that they hold exactly. The exact solution is only used to
measure the error.
"""

import numpy as np
from program import Run, start

import nn
from tinygrad_edu import Tensor, capture, concatenate, grad, no_grad, sin

SEED = 0
A = 0.1  # how fast heat spreads
POINTS = 256


def begin(x):
    """Return the temperatures at t = 0: two waves on top of each other."""
    return sin(np.pi * x) + 0.5 * sin(3 * np.pi * x)


def exact(x, t):
    """Return the exact solution: each wave falls at its own rate."""
    slow, fast = (np.exp(-A * (k * np.pi) ** 2 * t) for k in (1, 3))
    return np.sin(np.pi * x) * slow + 0.5 * np.sin(3 * np.pi * x) * fast


class Temperature(nn.Module):
    """The temperature u(x, t) of a rod from x = 0 to 1, for t from 0 to 1."""

    def __init__(self, generator, width=32):
        self.layer1 = nn.Linear(2, width, generator=generator)
        self.layer2 = nn.Linear(width, width, generator=generator)
        self.layer3 = nn.Linear(width, width, generator=generator)
        self.out = nn.Linear(width, 1, generator=generator)

    def forward(self, x, t):
        h = concatenate([2 * x - 1, 2 * t - 1], axis=1)
        for layer in (self.layer1, self.layer2, self.layer3):
            h = layer(h).tanh()
        # At t = 0 the product is 0, and so it is at both ends.
        return begin(x) + t * x * (1 - x) * self.out(h)


def residual(network, x, t):
    """Return u_t - a * u_xx, which is 0 for a solution."""
    u = network(x, t)
    # Each u depends on its own x and t only, so the gradient of the sum holds all derivatives.
    u_x, u_t = grad(u.sum(), [x, t], create_graph=True)
    u_xx = grad(u_x.sum(), x, create_graph=True)
    return u_t - A * u_xx


def loss_at(network, x, t):
    x, t = Tensor(x, requires_grad=True, name="x"), Tensor(t, requires_grad=True, name="t")
    return (residual(network, x, t) ** 2).mean()


def train(network, steps, generator):
    """Train at new random points in each step; return the loss of every step."""
    optimizer = nn.Adam(network.parameters(), lr=5e-3)
    schedule = nn.CosineAnnealingLR(optimizer, T_max=steps)

    @capture
    def step(x, t):
        optimizer.zero_grad()
        loss = loss_at(network, x, t)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    losses = []
    for number in range(1, steps + 1):
        x, t = generator.random((2, POINTS, 1), dtype=np.float32)
        losses.append(step(x, t).item())
        schedule.step()
        if number % (steps // 5) == 0:
            print(f"step {number}: loss {np.mean(losses[-100:]):.2e}", flush=True)
    return losses


def picture(run, side, found, error, losses):
    """Show the temperatures at some times, the error everywhere, and the loss."""
    figure = run.figure(11, 3.2)
    lines, heat, loss = figure.subplots(1, 3)
    for row in (0, 10, 25, 50, 100):
        (line,) = lines.plot(side, exact(side, side[row]), linewidth=4, alpha=0.3)
        label = f"t = {side[row]:.2f}"
        lines.plot(side, found[row], "--", color=line.get_color(), label=label)
    lines.set(title="temperature; pale: exact", xlabel="x", ylabel="u")
    lines.set_ylim(-0.45, 1.15)
    lines.legend(loc="lower center", ncols=3, fontsize=7)
    image = heat.imshow(error, origin="lower", extent=(0, 1, 0, 1), cmap="viridis")
    heat.set(title="|error|", xlabel="x", ylabel="t")
    figure.colorbar(image)
    loss.semilogy(losses)
    loss.set(title="loss", xlabel="step")
    run.save(figure, "solution")


def main(quick=False, out=None):
    """Train, and compare with the exact solution on a grid."""
    run = Run("pinn_heat", out, SEED)
    generator = np.random.default_rng(SEED)
    network = Temperature(generator)
    losses = train(network, 300 if quick else 8000, generator)

    side = np.linspace(0, 1, 101)
    x, t = np.meshgrid(side, side)
    with no_grad():
        points = (part.reshape(-1, 1).astype(np.float32) for part in (x, t))
        found = network(*points).data.reshape(x.shape)
    error = np.abs(found - exact(x, t))
    picture(run, side, found, error, losses)
    u = network(Tensor([[0.5]], name="x"), Tensor([[0.5]], name="t"))
    run.draw(u, network, "The temperature at one point")
    return run.finish(max_error=float(error.max()), largest_temperature=float(exact(x, t).max()))


if __name__ == "__main__":
    start(main)

"""The perceptron of 1958, the problem that it cannot learn, and the answer of 1986.

Rosenblatt's perceptron draws one line through the plane. It learns AND, but no line separates the
two classes of XOR (Minsky and Papert, 1969). A hidden layer, trained by back-propagation, solves it
(Rumelhart, Hinton and Williams, 1986). The pictures show which class each of them sees where.
"""

import numpy as np
from program import Run, start

import nn
from tinygrad_edu import capture, no_grad

SEED = 1
POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
AND = np.array([0, 0, 0, 1], np.float32)
XOR = np.array([0, 1, 1, 0], np.float32)


class Perceptron:
    """A line, and the rule of 1958: move it only when a point is on its wrong side."""

    def __init__(self):
        self.weights, self.bias = np.zeros(2), 0.0

    def predict(self, x):
        return (x @ self.weights + self.bias > 0).astype(np.float32)

    def learn(self, points, targets, most_epochs):
        """Correct the line until there is no mistake; return the number of epochs, or None."""
        for epoch in range(1, most_epochs + 1):
            mistakes = 0
            for x, target in zip(points, targets, strict=True):
                error = target - self.predict(x)  # -1, 0 or 1
                self.weights += error * x
                self.bias += error
                mistakes += error != 0
            if mistakes == 0:
                return epoch
        return None


class MLP(nn.Module):
    """Four hidden units with tanh: four lines, and a weighted sum of their answers."""

    def __init__(self, generator):
        self.hidden = nn.Linear(2, 4, generator=generator)
        self.out = nn.Linear(4, 1, generator=generator)

    def forward(self, x):
        return self.out(self.hidden(x).tanh())

    def predict(self, x):
        with no_grad():
            return (self(x).data[:, 0] > 0).astype(np.float32)


def train(network, points, targets, steps):
    """Minimise the cross-entropy by gradient descent; return the last loss."""
    optimizer = nn.SGD(network.parameters(), lr=0.5, momentum=0.9)

    @capture
    def step(x, y):
        optimizer.zero_grad()
        loss = nn.binary_cross_entropy_with_logits(network(x), y)
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    for _ in range(steps):
        loss = step(points, targets[:, None])
    return loss.item()


def picture(run, models):
    """Colour the plane by class; the points have the colours of their targets."""
    side = np.linspace(-0.5, 1.5, 200, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    figure = run.figure(3 * len(models), 3.3)
    for ax, (title, model, targets) in zip(figure.subplots(1, len(models)), models, strict=True):
        regions = model.predict(plane).reshape(200, 200)
        ax.contourf(side, side, regions, levels=[-0.5, 0.5, 1.5], colors=["#D6E6F5", "#FBE0CC"])
        for value, colour, marker in ((0, "#0072B2", "o"), (1, "#D55E00", "s")):
            ax.scatter(*POINTS[targets == value].T, c=colour, marker=marker, s=60, label=value)
        ax.set(title=title, xticks=[0, 1], yticks=[0, 1], aspect="equal")
    ax.legend(title="target", loc="center")
    run.save(figure, "regions")


def main(quick=False, out=None):
    """Let the perceptron learn AND and XOR, and the MLP learn XOR."""
    run = Run("perceptron_xor", out, SEED)
    for_and, for_xor = Perceptron(), Perceptron()
    epochs = for_and.learn(POINTS, AND, 1000)
    print(f"perceptron, AND: no mistakes after {epochs} epochs")
    failed = for_xor.learn(POINTS, XOR, 1000)
    print(f"perceptron, XOR: {'learned?' if failed else 'still mistakes after 1000 epochs'}")

    network = MLP(np.random.default_rng(SEED))
    loss = train(network, POINTS, XOR, 300 if quick else 2000)
    answers = network.predict(POINTS)
    print(f"MLP, XOR: loss {loss:.5f}, answers {answers.astype(int).tolist()}")

    picture(
        run,
        [
            ("perceptron, AND", for_and, AND),
            ("perceptron, XOR", for_xor, XOR),
            ("MLP, XOR", network, XOR),
        ],
    )
    output = nn.binary_cross_entropy_with_logits(network(POINTS), XOR[:, None])
    run.draw(output, network, "An MLP for XOR")
    return run.finish(
        mlp_accuracy=float((answers == XOR).mean()),
        perceptron_accuracy=float((for_xor.predict(POINTS) == XOR).mean()),
        loss=loss,
    )


if __name__ == "__main__":
    start(main)

"""A graph network: it finds the communities of a network of people from a few known members.

The graph is drawn at random: people know many in their own community and few in others. Each has
some noisy features, and of four in each community we know where they belong. A graph convolution
averages the features of all neighbours, then applies a linear layer (Kipf and Welling, 2017). So
what is known of a few spreads over the edges. The baseline is the same network without edges.
"""

import numpy as np
from matplotlib.collections import LineCollection
from program import Run, start

import nn
from tinygrad_edu import capture, no_grad

SEED = 0
COMMUNITIES, MEMBERS, KNOWN = 4, 60, 4


def draw_graph(generator, inside=0.12, between=0.012):
    """Return the adjacency matrix, the features, and the communities of all people."""
    labels = np.repeat(np.arange(COMMUNITIES), MEMBERS)
    chances = np.where(labels[:, None] == labels, inside, between)
    upper = np.triu(generator.random(chances.shape) < chances, k=1)
    centres = generator.normal(0, 0.35, (COMMUNITIES, 16))
    features = centres[labels] + generator.normal(size=(len(labels), 16))
    return (upper | upper.T).astype(np.float32), features.astype(np.float32), labels


def normalised(adjacency):
    """Return ``D^-1/2 (A + I) D^-1/2``: everyone is also a neighbour of themselves."""
    with_self = adjacency + np.eye(len(adjacency), dtype=np.float32)
    roots = np.sqrt(with_self.sum(axis=1))
    return with_self / roots[:, None] / roots


class GraphConvolution(nn.Module):
    """A linear layer, and a weighted mean over the neighbours."""

    def __init__(self, inputs, outputs, generator):
        self.linear = nn.Linear(inputs, outputs, generator=generator)

    def forward(self, x, neighbours):
        return neighbours @ self.linear(x)


class GraphNetwork(nn.Module):
    """Two graph convolutions: each person is reached from two edges away."""

    def __init__(self, inputs, outputs, generator, width=32):
        self.first = GraphConvolution(inputs, width, generator)
        self.second = GraphConvolution(width, outputs, generator)

    def forward(self, x, neighbours):
        h = self.first(x, neighbours).relu()
        return self.second(h, neighbours)


def train(network, x, neighbours, known, labels, steps):
    """Train on the known members; the features of all others take part."""
    optimizer = nn.Adam(network.parameters(), lr=0.01, weight_decay=5e-3)

    @capture
    def step(x, neighbours):
        optimizer.zero_grad()
        loss = nn.softmax_cross_entropy(network(x, neighbours)[known], labels[known])
        loss.backward(keep_interior=False)
        optimizer.step()
        return loss

    for _ in range(steps):
        loss = step(x, neighbours)
    return loss.item()


def positions(adjacency):
    """Return a place for each person: two eigenvectors of the graph, which ignore the labels."""
    _, vectors = np.linalg.eigh(normalised(adjacency).astype(np.float64))
    return vectors[:, -3:-1]


def picture(run, adjacency, found, labels, known):
    """Draw the graph in the colours that were found; mistakes have a ring, known ones a star."""
    figure = run.figure(6, 5)
    ax = figure.subplots()
    places = positions(adjacency)
    edges = places[np.argwhere(np.triu(adjacency))]
    ax.add_collection(LineCollection(edges, color="0.85", linewidth=0.4, zorder=1))
    colours = np.array(["#0072B2", "#D55E00", "#009E73", "#CC79A7"])[found]
    ax.scatter(*places.T, c=colours, s=18, zorder=2)
    wrong = found != labels
    ax.scatter(*places[wrong].T, s=60, facecolors="none", edgecolors="black", label="mistake")
    ax.scatter(*places[known].T, c=colours[known], s=140, marker="*", ec="black", label="known")
    ax.set(xticks=[], yticks=[], title="communities that were found")
    ax.legend()
    run.save(figure, "communities")


def main(quick=False, out=None):
    """Train with and without edges, and test on everyone whose community was not known."""
    run = Run("graph_network", out, SEED)
    generator = np.random.default_rng(SEED)
    adjacency, x, labels = draw_graph(generator)
    known = np.concatenate(
        [generator.choice(np.flatnonzero(labels == c), KNOWN, False) for c in range(COMMUNITIES)]
    )
    unknown = np.setdiff1d(np.arange(len(labels)), known)
    accuracies = {}
    for name, neighbours in (
        ("accuracy", normalised(adjacency)),
        ("without_edges", np.eye(len(labels), dtype=np.float32)),
    ):
        network = GraphNetwork(x.shape[1], COMMUNITIES, np.random.default_rng(SEED))
        loss = train(network, x, neighbours, known, labels, 100 if quick else 300)
        with no_grad():
            found = network(x, neighbours).data.argmax(axis=1)
        accuracies[name] = float((found == labels)[unknown].mean())
        print(f"{name}: loss {loss:.4f}, accuracy {accuracies[name]:.3f}")
        if name == "accuracy":
            picture(run, adjacency, found, labels, known)
            output = nn.softmax_cross_entropy(network(x, neighbours)[known], labels[known])
            run.draw(output, network, "A graph network")
    return run.finish(**accuracies, people=len(labels), known=len(known))


if __name__ == "__main__":
    start(main)

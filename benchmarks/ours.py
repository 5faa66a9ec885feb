"""Training steps of this library: eager, as users write them, and replayed by `capture`."""

from collections.abc import Callable

import numpy as np

from benchmarks.problem import LEARNING_RATE, Candidate, Problem
from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import CapturedStep, Tensor, capture

__all__ = ["eager", "eager_step", "replayed", "replayed_step"]

Step = Callable[[np.ndarray, np.ndarray], Tensor]


def network_of(problem: Problem) -> MLP:
    """Build the network with the weights of the problem."""
    network = MLP(problem.structure)
    for layer, weight, bias in zip(network.layers, problem.weights, problem.biases, strict=True):
        layer.weight.data, layer.bias.data = weight, bias
    return network


def eager_step(network: MLP) -> Step:
    """Return the step; tensors share the batch instead of copying it, as in `nn.training`."""
    optimizer = SGD(network.parameters(), lr=LEARNING_RATE)

    def train_step(x: np.ndarray, labels: np.ndarray) -> Tensor:
        loss = softmax_cross_entropy(network(Tensor(x, copy=False)), Tensor(labels, copy=False))
        loss.backward(keep_interior=False)
        optimizer.step()
        optimizer.zero_grad()
        return loss

    return train_step


def replayed_step(network: MLP) -> CapturedStep:
    """Return the captured step: `capture` records the first calls and replays later ones."""
    return capture(eager_step(network))


def eager(problem: Problem) -> Candidate:
    """Run the step with tensors and graph."""
    return _candidate(problem, eager_step)


def replayed(problem: Problem) -> Candidate:
    """Run the step as it was recorded."""
    return _candidate(problem, replayed_step)


def _candidate(problem: Problem, make: Callable[[MLP], Step]) -> Candidate:
    network = network_of(problem)
    step = make(network)

    def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
        layers = network.layers
        return [layer.weight.numpy() for layer in layers], [layer.bias.numpy() for layer in layers]

    return Candidate(lambda: step(problem.x, problem.labels).item(), parameters, {})

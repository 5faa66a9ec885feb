"""The same training step in other libraries, each written as its documentation recommends.

If a library has a faster way that people use, the step uses it: MyGrad without its guard against
writes, JAX with donated weights, PyTorch's compiler with the whole step in one graph. The batch is
converted to the array type of each library beforehand.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problem import LEARNING_RATE, Candidate, Problem

__all__ = ["hips_autograd", "jax_jit", "mygrad", "pytorch", "pytorch_compile", "scikit_learn"]

# This many samples still fit into the processor's caches, like the single batch of the others.
ROWS_A_CALL = 3_200


def pytorch(problem: Problem) -> Candidate:
    """Use modules, `cross_entropy` and `optim.SGD`."""
    import torch

    layers: list[Any] = []
    for weight, bias in zip(problem.weights, problem.biases, strict=True):
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = torch.tensor(weight.T.copy())
        layer.bias.data = torch.tensor(bias)
        layers += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE)
    x, labels = torch.tensor(problem.x), torch.tensor(problem.labels)

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(network(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
        linear = layers[::2]
        weights = [layer.weight.detach().numpy().T for layer in linear]
        return weights, [layer.bias.detach().numpy() for layer in linear]

    return Candidate(step, parameters, _pytorch_about(torch))


def pytorch_compile(problem: Problem) -> Candidate:
    """Compile loss, gradients and update together: faster here than compiling only the model."""
    import torch

    weights = [torch.tensor(w) for w in problem.weights]
    biases = [torch.tensor(b) for b in problem.biases]
    x, labels = torch.tensor(problem.x), torch.tensor(problem.labels)
    depth = len(weights)

    def loss_of(weights: Any, biases: Any, x: Any, labels: Any) -> Any:
        for layer in range(depth):
            x = torch.addmm(biases[layer], x, weights[layer])
            if layer < depth - 1:
                x = torch.relu(x)
        return torch.nn.functional.cross_entropy(x, labels)

    gradients = torch.func.grad_and_value(loss_of, argnums=(0, 1))

    @torch.compile
    def train_step(x: Any, labels: Any) -> Any:
        (of_weights, of_biases), loss = gradients(weights, biases, x, labels)
        for value, gradient in zip([*weights, *biases], [*of_weights, *of_biases], strict=True):
            value.sub_(gradient, alpha=LEARNING_RATE)
        return loss

    def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
        return [w.numpy() for w in weights], [b.numpy() for b in biases]

    return Candidate(lambda: train_step(x, labels).item(), parameters, _pytorch_about(torch))


def _pytorch_about(torch: Any) -> dict[str, Any]:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    return _about("PyTorch", "torch") | {"threads": torch.get_num_threads()}


def jax_jit(problem: Problem) -> Candidate:
    """Compile the step, and wait for its result."""
    import jax
    import jax.numpy as jnp

    depth, held = len(problem.weights), {}
    held["parameters"] = tuple(
        [jnp.array(array) for array in arrays] for arrays in (problem.weights, problem.biases)
    )
    x, labels = jnp.array(problem.x), jnp.array(problem.labels)

    def loss_of(parameters: Any, x: Any, labels: Any) -> Any:
        weights, biases = parameters
        for layer in range(depth):
            x = x @ weights[layer] + biases[layer]
            if layer < depth - 1:
                x = jax.nn.relu(x)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(x), labels[:, None], axis=1)
        return -chosen.mean()

    def train_step(parameters: Any, x: Any, labels: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, labels)
        update = jax.tree.map(lambda value, g: value - LEARNING_RATE * g, parameters, gradients)
        return update, loss

    compiled = jax.jit(train_step, donate_argnums=0)

    def step() -> float:
        result = jax.block_until_ready(compiled(held["parameters"], x, labels))
        held["parameters"], loss = result
        return float(loss)

    def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
        weights, biases = held["parameters"]
        return list(map(np.array, weights)), list(map(np.array, biases))

    return Candidate(step, parameters, _about("JAX", "jax"))


def mygrad(problem: Problem) -> Candidate:
    """Use its tensors, its ReLU and its cross-entropy."""
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    mygrad.turn_memory_guarding_off()
    weights = [mygrad.tensor(w) for w in problem.weights]
    biases = [mygrad.tensor(b) for b in problem.biases]

    def step() -> float:
        x = problem.x
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = x @ weight + bias
            if layer < len(weights) - 1:
                x = relu(x)
        loss = softmax_crossentropy(x, problem.labels)
        loss.backward()
        for parameter in (*weights, *biases):
            parameter.data -= LEARNING_RATE * parameter.grad
        return float(loss)

    def parameters() -> tuple[list[np.ndarray], list[np.ndarray]]:
        return [w.data for w in weights], [b.data for b in biases]

    return Candidate(step, parameters, _about("MyGrad", "mygrad"))


def hips_autograd(problem: Problem) -> Candidate:
    """Use `value_and_grad` and its NumPy."""
    import autograd
    import autograd.numpy as anp

    weights, biases = problem.copies()
    rows = np.arange(len(problem.x))

    def loss_of(parameters: Any) -> Any:
        x = problem.x
        for layer, (weight, bias) in enumerate(zip(*parameters, strict=True)):
            x = anp.dot(x, weight) + bias
            if layer < len(weights) - 1:
                x = x * (x > 0)  # three times as fast as anp.maximum
        shifted = x - anp.max(x, axis=1, keepdims=True)
        total = anp.log(anp.sum(anp.exp(shifted), axis=1))
        return anp.mean(total - shifted[rows, problem.labels])

    value_and_grad: Callable[..., Any] = autograd.value_and_grad(loss_of)

    def step() -> float:
        loss, gradients = value_and_grad((weights, biases))
        for values, of_values in zip((weights, biases), gradients, strict=True):
            for value, gradient in zip(values, of_values, strict=True):
                value -= LEARNING_RATE * gradient
        return float(loss)

    return Candidate(step, lambda: (weights, biases), _about("HIPS autograd", "autograd"))


def scikit_learn(problem: Problem) -> Candidate:
    """Use `MLPClassifier.partial_fit`, which also checks its arguments at every call.

    So each timed call processes many batches, and its time is divided by their number.
    """
    from sklearn.neural_network import MLPClassifier

    network = MLPClassifier(
        tuple(problem.structure[1:-1]),
        solver="sgd",
        alpha=0.0,
        batch_size=len(problem.x),
        learning_rate_init=LEARNING_RATE,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
        random_state=0,
    )
    # The first call creates the weights; then those of the problem replace them.
    network.partial_fit(problem.x, problem.labels, classes=np.arange(problem.structure[-1]))
    for own, given in zip(
        [*network.coefs_, *network.intercepts_],
        [*problem.weights, *problem.biases],
        strict=True,
    ):
        own[...] = given

    def step() -> float:
        network.partial_fit(problem.x, problem.labels)
        return float(network.loss_)

    count = max(1, ROWS_A_CALL // len(problem.x))
    x, labels = np.tile(problem.x, (count, 1)), np.tile(problem.labels, count)
    return Candidate(
        step,
        lambda: (network.coefs_, network.intercepts_),
        _about("scikit-learn", "scikit-learn") | {"steps a call": count},
        many=lambda: network.partial_fit(x, labels) and network.loss_,
        count=count,
    )


def _about(library: str, distribution: str) -> dict[str, Any]:
    from importlib.metadata import version

    return {"library": library, "version": version(distribution)}

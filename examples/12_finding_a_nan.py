"""Finding a nan: where the first one comes from, forward and backward, and what the linter finds.

A nan spreads: in the end the loss is nan, and nothing shows which line caused it. `detect_anomaly`
stops at the first number that is not finite. `lint` searches for mistakes whose numbers are finite,
but not the intended ones.
"""

import numpy as np

import tinygrad_edu as tg
from nn import MLP, SGD, softmax_cross_entropy
from tinygrad_edu import AnomalyError, Tensor, detect_anomaly, lint, record_source_lines


def stops(compute):
    """Run a computation; print the anomaly that stops it, if there is one."""
    try:
        with detect_anomaly():
            compute()
        print("  all numbers are finite")
    except AnomalyError as error:
        print(" ", error)


logits = Tensor([[0.0, 800.0], [1.0, 2.0]], requires_grad=True, name="logits")


def loss_by_hand():
    p = tg.softmax(logits)
    return -tg.log(p)[np.arange(2), [0, 1]].mean()


print("The forward pass, a loss written by hand:")
stops(loss_by_hand)
print("with log_softmax, as the message advises:")
stops(lambda: -tg.log_softmax(logits)[np.arange(2), [0, 1]].mean())

x = Tensor([4.0, 0.0], requires_grad=True, name="x")


def root_or_zero():
    y = tg.where(x.data > 0, tg.sqrt(x), 0.0)
    print("  forward:", y.data.tolist())
    y.sum().backward()


def root_or_zero_corrected():
    safe = tg.where(x.data > 0, x, 1.0)
    y = tg.where(x.data > 0, tg.sqrt(safe), 0.0)
    y.sum().backward()
    print("  gradient:", x.grad.tolist())


print("\nThe backward pass, through the branch of where that is not taken:")
stops(root_or_zero)
print("with a second where inside:")
stops(root_or_zero_corrected)

# A training with two mistakes. It runs, and it even learns a little.
generator = np.random.default_rng(0)
features = generator.normal(size=(32, 3))
labels = (features[:, 0] > 0).astype(int)
network = MLP([3, 8, 2], dtype="float64", seed=0)
optimizer = SGD(network.parameters(), lr=0.1)
for _ in range(3):
    with record_source_lines():
        loss = softmax_cross_entropy(tg.softmax(network(features)), labels)
    loss.backward()
    report = lint(loss, network, optimizer)
    optimizer.step()
print("\nThe linter:")
print(report)

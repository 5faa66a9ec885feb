"""What the tests of attention share: modules with fixed weights, and comparisons with PyTorch."""

import numpy as np

from nn.bridges.pytorch import from_pytorch, to_pytorch

N, L, S, E, HEADS = 2, 3, 4, 6, 2
"""Batch, queries, keys, features and heads."""


def drawn(*shape, seed=1):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def made(kind, *arguments, **options):
    options = {"dtype": "float64", "generator": np.random.default_rng(0), **options}
    module = kind(*arguments, **options)
    for i, (name, p) in enumerate(module.named_parameters()):
        if "bias" in name:  # which start at zero
            p.data = drawn(*p.shape, seed=i)
    return module


def assert_close(found, expected):
    np.testing.assert_allclose(getattr(found, "data", found), expected, rtol=1e-9, atol=1e-11)


def copied(ours, theirs, torch):
    """Copy the parameters there and back."""
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in to_pytorch(ours).items()})
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    return ours, theirs


def compare_gradients(ours, theirs, inputs, outputs):
    """Compare the gradients of inputs and parameters."""
    (mine, tensors), (yours, copies) = outputs, inputs
    g = drawn(*mine.shape, seed=5)
    mine.backward(g)
    yours.backward(copies[0].new_tensor(g))
    for one, other in zip(tensors, copies, strict=True):
        assert_close(one.grad, other.grad.numpy())
    parameters = dict(ours.named_parameters())
    state = to_pytorch(ours)
    for name, parameter in theirs.named_parameters():
        gradient = parameters[name].grad
        turned = gradient.shape != parameter.shape or not np.array_equal(
            state[name], parameters[name].data
        )
        assert_close(gradient.T if turned else gradient, parameter.grad.numpy())

"""Compares each layer with PyTorch's: outputs, gradients, running averages, states both ways."""

import numpy as np
import pytest

import nn
from nn import Embedding
from nn.bridges.pytorch import from_pytorch, to_pytorch
from tinygrad_edu import Tensor

from .layer_cases import LAYERS, LOSSES, input_of, randomise

# PyTorch warns of the copy that "same" takes where the kernel is even.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
STEPS = 3


def import_torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def turned(name, values, ours):
    """Return values of a parameter as PyTorch lays them out."""
    owner = ours.get_submodule(name.rpartition(".")[0])
    return values.T if name.rpartition(".")[2] in owner.transposed else values


def run(ours, theirs, x, cotangent_of, torch, close):
    """Run both forward and backward; compare outputs and all gradients."""
    tolerance = {"rtol": close, "atol": 1e-11}
    is_float = x.dtype.kind == "f"
    one = Tensor(x, requires_grad=is_float)
    other = torch.tensor(x, requires_grad=is_float)
    out, expected = ours(one), theirs(other)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), **tolerance)
    if not out.requires_grad:
        assert not expected.requires_grad
        return
    ours.zero_grad()
    theirs.zero_grad()
    cotangent = cotangent_of(out.shape)
    out.backward(cotangent)
    expected.backward(torch.tensor(cotangent))
    if is_float:
        np.testing.assert_allclose(one.grad, other.grad.numpy(), **tolerance)
    gradients = {name: parameter.grad.numpy() for name, parameter in theirs.named_parameters()}
    assert list(gradients) == [name for name, _ in ours.named_parameters()]
    for name, parameter in ours.named_parameters():
        found = turned(name, parameter.grad, ours)
        np.testing.assert_allclose(found, gradients[name], err_msg=name, **tolerance)


def compare(case, make=None):
    torch = import_torch()
    generator = np.random.default_rng(5)
    ours, theirs = (make or case.make)(nn).astype("float64"), case.make(torch.nn).double()
    randomise(ours)
    state = {name: torch.from_numpy(values) for name, values in to_pytorch(ours).items()}
    assert str(theirs.load_state_dict(state)) == "<All keys matched successfully>"
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        for step in range(STEPS if training else 1):
            x, cotangent = input_of(case, step), lambda s: generator.normal(size=s)
            run(ours, theirs, x, cotangent, torch, case.close)
    new = (make or case.make)(nn).astype("float64")
    assert new.load_state_dict(from_pytorch(new, theirs.state_dict())) == ([], [])
    found, expected = new.state_dict(), ours.state_dict()
    for name in state:
        np.testing.assert_allclose(found[name], expected[name], err_msg=name, **CLOSE)


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: f"{case.name} {case.shape}")
def test_layer_equals_pytorch(case):
    compare(case)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_loss_equals_pytorch(case):
    torch = import_torch()
    one = Tensor(case.predictions, requires_grad=True)
    other = torch.tensor(case.predictions, requires_grad=True)
    loss = case.make(nn, np.asarray)(one, case.targets)
    expected = case.make(torch.nn, torch.tensor)(other, torch.tensor(case.targets))
    np.testing.assert_allclose(loss.data, expected.detach().numpy(), **CLOSE)
    cotangent = np.random.default_rng(0).normal(size=loss.shape)
    loss.backward(cotangent)
    expected.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(one.grad, other.grad.numpy(), **CLOSE)


def test_first_values_have_the_distribution_of_pytorch():
    torch = import_torch()
    makers = [
        lambda L: L.Conv1d(8, 2000, 5),
        lambda L: L.Conv2d(16, 2000, 3, groups=2),
        lambda L: L.Embedding(100, 50),
        lambda L: L.BatchNorm2d(3),
        lambda L: L.LayerNorm(5),
    ]
    for make in makers:
        ours = make(nn).state_dict()
        theirs = {name: values.numpy() for name, values in make(torch.nn).state_dict().items()}
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            assert (ours[name].shape, ours[name].dtype) == (values.shape, values.dtype)
            assert ours[name].std() == pytest.approx(values.std(), rel=0.15, abs=1e-9)
            assert ours[name].max() == pytest.approx(values.max(), rel=0.35)


def test_pytorch_tied_weights_convert_both_ways():
    torch = import_torch()

    def tied(package):
        class Net(package.Module):
            def __init__(self):
                super().__init__()
                self.table = package.Embedding(4, 3)
                self.first = package.Linear(3, 3)
                self.second = package.Linear(3, 3)
                self.second.weight = self.first.weight

        return Net()

    ours, theirs = tied(nn), tied(torch.nn)
    assert to_pytorch(ours).keys() == theirs.state_dict().keys()
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    np.testing.assert_array_equal(ours.second.weight.data.T, theirs.first.weight.detach().numpy())
    theirs.load_state_dict({name: torch.tensor(a) for name, a in to_pytorch(ours).items()})


def test_pretrained_embeddings_equal_pytorch():
    torch = import_torch()
    table = np.random.default_rng(0).normal(size=(5, 3))
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), padding_idx=1)
    ours = Embedding.from_pretrained(table, padding_idx=1)
    np.testing.assert_array_equal(ours([[1, 4]]).data, theirs(torch.tensor([[1, 4]])).numpy())
    assert ours.weight.requires_grad is theirs.weight.requires_grad is False
    assert Embedding.from_pretrained(table, freeze=False).weight.requires_grad


def test_broken_layers_are_noticed_by_pytorch():
    class Biased(nn.BatchNorm1d):
        def _track(self, x):
            super()._track(x)
            self.running_var.data = self.running_var.data * 0.999

    class Turned(nn.Linear):
        transposed = ()

    def case(name):
        return next(case for case in LAYERS if case.name == name)

    with pytest.raises(AssertionError):
        compare(case("BatchNorm1d(4)"), lambda L: Biased(4))
    with pytest.raises((AssertionError, RuntimeError)):
        compare(case("Linear(4, 3)"), lambda L: Turned(4, 3))

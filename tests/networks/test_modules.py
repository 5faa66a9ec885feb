"""Tests what a module holds besides its layers: buffers, frozen and shared parameters, generators
and hooks, and how all of these are saved and copied.
"""

import copy
import io
import pickle
from itertools import product

import numpy as np
import pytest

import nn
from nn import SGD, Linear, Module, ReLU, Sequential, Tanh
from nn.module_state import decode_generator, encode_generator
from tests.files.in_memory import native_bytes, read_native
from tinygrad_edu import CaptureError, Tensor, capture, multiply

from .test_networks import refused

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def linear(inputs, outputs, seed=0):
    return Linear(inputs, outputs, generator=np.random.default_rng(seed))


class Mixed(Module):
    """Everything that a module can hold, at several places."""

    def __init__(self):
        self.encoder = linear(3, 3, 0)
        self.register_buffer("mean", np.zeros(3, np.float32))
        self.decoder = linear(3, 3, 1)
        self.decoder.weight = self.encoder.weight
        self.scales = [Tensor(np.ones(3, np.float32), requires_grad=True), Tensor([5.0])]
        self.register_buffer("count", 0)
        self.register_buffer("scratch", [1.0, 2.0], persistent=False)
        self.noise = {"generator": np.random.default_rng(7)}

    def forward(self, x):
        if self.training:
            self.mean.data = 0.9 * self.mean.data + 0.1 * np.mean(x, axis=0)
            self.count.data = self.count.data + 1
            x = x + self.noise["generator"].normal(size=x.shape).astype(x.dtype)
        return self.decoder(self.encoder(x).relu()) * self.scales[0]


PARAMETERS = ["encoder.weight", "encoder.bias", "decoder.bias", "scales.0"]
SAVED = ["encoder.weight", "encoder.bias", "mean", "decoder.bias", "scales.0", "count"]
SAVED += ["noise.generator"]


def names(pairs):
    return [name for name, _ in pairs]


# Buffers --------------------------------------------------------------------------------------


def test_buffers_are_saved_and_not_trained():
    net = Mixed()
    assert names(net.named_parameters()) == PARAMETERS
    assert names(net.named_buffers()) == ["mean", "count", "scratch"]
    assert [buffer.requires_grad for buffer in net.buffers()] == [False] * 3
    assert list(net.state_dict()) == SAVED, "in the order of declaration, without `scratch`"
    assert names(Sequential(Tanh(), net).named_buffers())[0] == "1.mean"
    assert not net.count.requires_grad
    net.mean.requires_grad = True
    assert names(net.named_parameters()) == PARAMETERS, "a buffer stays one"


def test_buffers_can_be_missing_removed_and_registered_again():
    module = Module()
    module.register_buffer("late", None)
    assert module.late is None
    assert (module.state_dict(), module.buffers()) == ({}, [])
    module.register_buffer("late", [1.0])
    module.late = Tensor([3.0])
    assert module.state_dict()["late"].tolist() == [3.0]
    del module.late
    module.late = Tensor([1.0], requires_grad=True)
    assert names(module.named_parameters()) == ["late"], "no longer a buffer"
    assert Module().buffers() == [], "no module shares its buffers with another"


COMPUTED = Tensor([1.0], requires_grad=True) * 2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda net: net.register_buffer("a.b", 1), ValueError, ["'a.b'", "identifier"]),
        (lambda net: net.register_buffer(3, 1), TypeError, ["str", "3"]),
        (lambda net: net.register_buffer("encoder", 1), ValueError, ["encoder", "del module"]),
        (lambda net: net.register_buffer("forward", 1), ValueError, ["forward", "another name"]),
        (lambda net: net.register_buffer("new", net.scales[0]), TypeError, [".detach()"]),
        (lambda net: net.register_buffer("new", COMPUTED), TypeError, [".detach()"]),
        (lambda net: setattr(net, "mean", np.zeros(3)), TypeError, ["buffer", "mean.data ="]),
        (lambda net: setattr(net, "mean", COMPUTED), TypeError, ["buffer", "mean.data ="]),
        (lambda net: setattr(net.encoder, "weight", np.eye(3)), TypeError, ["weight.data ="]),
        (lambda net: setattr(net.encoder, "weight", [1.0]), TypeError, ["list", "weight.data ="]),
        (lambda net: setattr(net.encoder, "bias", 0), TypeError, ["int", "bias.data ="]),
        (lambda net: setattr(net.encoder, "weight", COMPUTED), TypeError, ["weight.data ="]),
        (lambda net: net.get_submodule("encode"), AttributeError, ["'encode'", "encoder, decoder"]),
        (lambda net: Module().get_submodule("x"), AttributeError, ["'x'", "none"]),
        (lambda net: net.apply(3), TypeError, ["function", "3"]),
        (lambda net: net.register_forward_hook(3), TypeError, ["function", "int"]),
        (lambda net: net.summary(X, depth=0), ValueError, ["depth", "0"]),
    ],
)
def test_modules_refuse(change, error, words):
    net = Mixed()
    before = list(net.state_dict())
    refused(lambda: change(net), error, words)
    assert list(net.state_dict()) == before


# Frozen and shared parameters -----------------------------------------------------------------


def test_frozen_parameters_stay_parameters():
    net = Mixed()
    # Without a walk through the parts in between; as an attribute, and as an entry of a list.
    net.encoder.weight.requires_grad = False
    net.scales[0].requires_grad = False
    assert names(net.named_parameters()) == PARAMETERS, "and a constant, scales.1, is not one"
    assert list(net.state_dict()) == SAVED
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.astype("float64")):
        frozen = [name for name, p in twin.named_parameters() if not p.requires_grad]
        assert frozen == ["encoder.weight", "scales.0"]
        assert twin.decoder.weight is twin.encoder.weight
    assert not (net.encoder.weight * 2).requires_grad
    assert (net.num_parameters(), net.num_parameters(trainable_only=True)) == (18, 6)
    net.requires_grad_(True)
    assert net.num_parameters(trainable_only=True) == 18
    assert net.scales[1].requires_grad is False


def test_training_leaves_frozen_parameters_alone():
    net = Sequential(linear(3, 4, 0), Tanh(), linear(4, 2, 1))
    assert net[0].requires_grad_(False) is net[0]
    before = net.state_dict()
    optimizer = SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)

    def step(x):
        loss = (net(x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    captured = capture(step)
    losses = [captured(X).item() for _ in range(5)]
    assert losses[-1] < losses[0]
    changed = {name for name, values in net.state_dict().items() if (values != before[name]).any()}
    assert changed == {"2.weight", "2.bias"}
    net.requires_grad_(True)
    optimizer = SGD(net.parameters(), lr=0.1)
    captured(X)
    assert (net[0].weight.numpy() != before["0.weight"]).any(), "a captured step notices"


def test_shared_parameters_are_saved_once_and_loaded_under_any_name():
    net = Mixed()
    state, other = net.state_dict(), Mixed()
    new = np.full((3, 3), 2.0)
    for given in (
        state | {"encoder.weight": new},
        {k: v for k, v in state.items() if k != "encoder.weight"} | {"decoder.weight": new},
        state | {"encoder.weight": new, "decoder.weight": new},  # as PyTorch saves it
    ):
        other = Mixed()
        assert other.load_state_dict(given) == ([], [])
        np.testing.assert_array_equal(other.encoder.weight.data, new)
        assert other.decoder.weight is other.encoder.weight
    del state["encoder.weight"]
    refused(
        lambda: net.load_state_dict(state), ValueError, ["encoder.weight (also decoder.weight)"]
    )
    state |= {"encoder.weight": new, "decoder.weight": new + 1}
    refused(lambda: net.load_state_dict(state), ValueError, ["different values", "decoder.weight"])


def test_loading_leniently_reports_what_did_not_match():
    net = Mixed()
    before = net.state_dict()
    found = net.load_state_dict({"mean": [1, 2, 3], "stranger": 0.0}, strict=False)
    assert found.missing_keys == [name for name in SAVED if name != "mean"]
    assert found.unexpected_keys == ["stranger"]
    after = net.state_dict()
    assert after.pop("mean").tolist() == [1, 2, 3]
    assert all(np.array_equal(values, before[name]) for name, values in after.items())
    refused(
        lambda: net.load_state_dict({"mean": [1.0]}, strict=False), ValueError, ["(1,)", "(3,)"]
    )
    refused(lambda: net.load_state_dict({"count": 1.5}, strict=False), ValueError, ["float64"])


def test_astype_converts_buffers_but_no_counts():
    net = Mixed().astype("float64")
    kinds = {name: tensor.dtype.name for name, tensor in net.named_buffers()}
    assert kinds == {"mean": "float64", "count": np.dtype(int).name, "scratch": "float64"}
    assert {p.dtype.name for p in net.parameters()} == {"float64"}
    assert names(net.named_buffers()) == ["mean", "count", "scratch"]


# Generators -----------------------------------------------------------------------------------

BITS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]


def savez(state):
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    return dict(np.load(file))


def native_file(state):
    return read_native(native_bytes(state, {}))[0]


@pytest.mark.parametrize(("bits", "way"), [*product(BITS, [savez, native_file, dict])])
def test_generators_resume_exactly(bits, way):
    module = Module()
    module.generator = np.random.Generator(getattr(np.random, bits)(5))
    module.generator.integers(9, size=3, dtype=np.uint32)  # leaves half of a number behind
    state = way(module.state_dict())
    expected = module.generator.integers(9, size=50, dtype=np.uint32)
    assert module.load_state_dict(state) == ([], [])
    np.testing.assert_array_equal(module.generator.integers(9, size=50, dtype=np.uint32), expected)


def test_states_of_generators_that_do_not_fit_are_refused():
    module = Module()
    module.generator = np.random.default_rng(0)
    state = module.generator.bit_generator.state
    other = np.random.Generator(np.random.MT19937(0))
    text = np.frombuffer(b'{"bit_generator": "PCG64", "state": 3}', np.uint8).astype("float32")
    refused(
        lambda: module.load_state_dict({"generator": encode_generator(other)}),
        ValueError,
        ["generator", "MT19937", "PCG64"],
    )
    for wrong in (
        text,
        np.zeros((3, 3)),
        np.array([1.5]),
        np.array([65.0]),
        np.array([91.0, 93.0]),
    ):
        refused(lambda w=wrong: module.load_state_dict({"generator": w}), ValueError, ["generator"])
        assert module.generator.bit_generator.state == state
    assert decode_generator(encode_generator(module.generator).astype("float64")) == state


def test_training_resumes_where_it_was_saved():
    def run(net, steps):
        optimizer = SGD(net.parameters(), lr=0.1)
        for _ in range(steps):
            (net(X) ** 2).mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    whole, first, second = Mixed(), Mixed(), Mixed()
    run(whole, 6)
    run(first, 3)
    run(second, 1)  # is elsewhere before it is loaded
    second.load_state_dict(first.state_dict())
    run(second, 3)
    for name, values in whole.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name], values, err_msg=name)


def test_buffers_in_a_captured_step_are_bit_identical():
    def states(wrap):
        net = Sequential(linear(3, 3), Counting())
        step = wrap(lambda x: net(x).sum())
        found = [step(X + number).item() for number in range(6)]
        return found, net.state_dict()

    (one, first), (two, second) = states(lambda step: step), states(capture)
    assert one == two
    assert second["1.count"] == 6
    assert all(np.array_equal(values, second[name]) for name, values in first.items())


class Counting(Module):
    def __init__(self):
        self.register_buffer("count", 0)
        self.register_buffer("mean", np.zeros(3, np.float32))

    def forward(self, x):
        self.count.data = self.count.data + 1
        self.mean.data = self.mean.data + (x.data.mean(0) - self.mean.data) / self.count.data
        return x - self.mean


# Hooks and walking ----------------------------------------------------------------------------


def test_forward_hooks_see_and_replace_outputs():
    layer, seen = linear(3, 2), []
    x = Tensor(X, requires_grad=True)
    first = layer.register_forward_hook(lambda *call: seen.append(call))
    second = layer.register_forward_hook(lambda module, inputs, output: output * 10)
    third = layer.register_forward_hook(lambda *call: seen.append(call))
    out = layer(x)
    plain = layer.forward(x)
    np.testing.assert_array_equal(out.data, plain.data * 10)
    assert [call[0] for call in seen] == [layer, layer]
    assert seen[0][1][0] is x
    np.testing.assert_array_equal(seen[1][2].data, out.data)
    out.sum().backward()
    np.testing.assert_allclose(x.grad, 10 * np.ones((4, 2)) @ layer.weight.data.T, rtol=1e-6)
    assert out.node.module_call.module is layer, "what a hook computes belongs to the module"
    for handle in (first, second, third, second):
        handle.remove()
    assert layer(x).tolist() == plain.tolist()
    assert len(seen) == 2
    with layer.register_forward_hook(lambda *call: seen.append(call)):
        layer(x)
    layer(x)
    assert len(seen) == 3
    assert names(layer.named_modules()) == [""]


def test_a_hook_that_is_a_module_is_not_a_part():
    layer = ReLU()
    layer.register_forward_hook(Sequential(linear(3, 3)))
    assert layer.parameters() == []


def test_captured_steps_run_hooks_or_refuse_them():
    net = Sequential(linear(3, 2), Tanh())
    step = capture(lambda x: net(x).sum())
    plain = [step(X).item() for _ in range(4)]
    handle = net[1].register_forward_hook(lambda module, inputs, output: multiply(output, 2))
    doubled = [step(X).item() for _ in range(4)]
    assert len(set(plain)) == len(set(doubled)) == 1
    assert doubled[0] == pytest.approx(2 * plain[0])
    recorded = step.recordings
    handle.remove()
    assert step(X).item() == plain[0]
    assert step.recordings > recorded, "removing a hook is noticed"
    seen = []
    net[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    step(X)
    with pytest.raises(CaptureError, match="length of a list"):
        step(X)


def test_walking():
    net = Mixed()
    net.above = [net]  # a circle
    net.same = net.encoder
    assert list(net.children()) == [net.encoder, net.decoder, net]
    assert list(net.modules()) == [net, net.encoder, net.decoder]
    assert list(net.state_dict()) == SAVED
    assert net.get_submodule("") is net
    assert net.get_submodule("same") is net.encoder
    assert Sequential(net).get_submodule("0.decoder") is net.decoder
    called = []
    assert net.apply(called.append) is net
    assert called == [net.decoder, net.encoder, net]


@pytest.mark.parametrize(
    ("write", "kind", "advice"),
    [
        (lambda net: net.cuda(), AttributeError, "NumPy arrays in memory; write net.astype"),
        (lambda net: net.double(), AttributeError, r'write net.astype\("float64"\)'),
        (lambda net: net.add_module("a", net), AttributeError, "assign it: self.name"),
        (lambda net: net.unknown, AttributeError, "has no attribute 'unknown'$"),
        (lambda net: nn.ModuleList([net])(X), NotImplementedError, "ModuleList cannot be called"),
        (lambda net: nn.ModuleDict({"a": net})(X), NotImplementedError, "or use Sequential"),
        (lambda net: nn.Parameter(X), AttributeError, "requires_grad=True"),
        (lambda net: nn.functional, AttributeError, r"tinygrad_edu\.relu"),
        (lambda net: nn.missing, AttributeError, "no attribute 'missing'$"),
        (lambda net: nn.Conv2d(1, 2, 3)(np.ones((4, 5, 5))), ValueError, r"x\[:, None\] adds"),
    ],
)
def test_names_of_pytorch_are_explained(write, kind, advice):
    with pytest.raises(kind, match=advice):
        write(nn.Linear(3, 2))


def test_explained_names_are_not_listed_and_stay_free():
    network = nn.Linear(3, 2)
    assert "cuda" not in dir(network)
    assert not hasattr(network, "half")
    network.half = 0.5
    assert network.half == 0.5

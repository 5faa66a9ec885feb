"""Tests the layers without PyTorch: gradients by numbers, captured steps, copies, refusals, and
what they compute by loops and formulas written out here.
"""

import contextlib
import copy
import pickle

import numpy as np
import pytest

import nn
from nn import SGD, Embedding, ModuleDict, ModuleList, Residual, Sequential, functional_call
from nn.layers.activations import Activation
from tests.networks.test_networks import refused
from tinygrad_edu import CaptureError, Tensor, capture, check_gradients, conv2d

from .layer_cases import LAYERS, LOSSES, floats, input_of, randomise

IMAGES = floats(2, 4, 7, 6).astype(np.float32)


def layer_id(case):
    return f"{case.name} {case.shape}"


def as_function(module):
    """Return a function of the input and the parameters."""
    names = [name for name, _ in module.named_parameters()]
    return lambda x, *values: functional_call(module, dict(zip(names, values, strict=True)), x)


@pytest.mark.parametrize("case", LAYERS, ids=layer_id)
def test_gradients_agree_with_numbers(case):
    layer = case.make(nn).astype("float64")
    randomise(layer)
    x = input_of(case)
    padding = getattr(layer, "padding_idx", None)
    if padding is not None:
        x[x == padding] = 0  # its row is not trained
    check_gradients(as_function(layer), x, *layer.parameters())
    check_gradients(as_function(layer.eval()), x, *layer.parameters())


def train(case, wrap):
    """Take three steps of training and one in evaluation; return all that comes out."""
    layer = case.make(nn)
    randomise(layer)
    optimizer = SGD(layer.parameters(), lr=0.05) if layer.parameters() else None

    def step(x):
        out = layer(x)
        if optimizer is None:
            return out
        loss = (out * out).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    step, found = wrap(step), []
    for number in range(5):
        x = input_of(case, number)
        found.append(step(x if case.below else x.astype(np.float32)).numpy())
    return found, layer.state_dict(), getattr(step, "recordings", 2)


@pytest.mark.parametrize(
    "case",
    [case for case in LAYERS if not case.name.startswith(("Dropout", "Identity"))],
    ids=layer_id,
)
def test_captured_training_is_bit_identical(case):
    found, state, _ = train(case, lambda step: step)
    again, other, recordings = train(case, capture)
    for one, two in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, two)
    for name, values in state.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)
    assert recordings == 2, "the later steps are replays"


@pytest.mark.parametrize("case", LAYERS, ids=layer_id)
def test_layers_can_be_copied_shown_and_used_as_they_are(case):
    layer, x = case.make(nn), input_of(case)
    expected = layer.eval()(x)
    assert isinstance(expected, Tensor | np.ndarray)
    twins = [copy.deepcopy(layer), layer.astype("float32")]
    twins += [pickle.loads(pickle.dumps(layer))]
    for twin in twins:
        np.testing.assert_array_equal(np.asarray(twin(x).data), np.asarray(expected.data))
        assert repr(twin) == repr(layer)
    assert repr(layer).startswith(case.name.partition("(")[0] + "(")
    assert "\n" not in layer.describe()


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_gradients_of_losses_agree_with_numbers(case):
    loss = case.make(nn, np.asarray)
    check_gradients(lambda x: loss(x, case.targets), case.predictions)
    assert repr(loss).startswith(type(loss).__name__ + "(")
    names = [name for name, _ in loss.named_buffers()]
    assert set(names) <= {"weight", "pos_weight"}
    assert list(loss.state_dict()) == names


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.name)
def test_captured_losses_are_bit_identical_or_refused(case):
    """Some check labels and weights by their values, which a replay would not do again."""
    loss, layer = case.make(nn, np.asarray), nn.Tanh()
    step = capture(lambda x: loss(layer(x), case.targets))
    for scale in (1.0, 0.5, 0.25, 0.1):
        x, found = case.predictions * scale, None
        with contextlib.suppress(CaptureError):
            found = step(x)
        if found is None:
            return
        np.testing.assert_array_equal(found.data, loss(layer(x), case.targets).data)
    assert step.recordings == 2


# What they compute ----------------------------------------------------------------------------


def test_convolution_by_loops():
    layer = nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2).astype("float64")
    randomise(layer)
    x = np.pad(IMAGES.astype(float), [(0, 0), (0, 0), (1, 1), (2, 2)])
    out = layer(IMAGES.astype(float)).numpy()
    kernel, bias = layer.weight.data, layer.bias.data
    expected = np.zeros(out.shape)
    for n, o, i, j in np.ndindex(*out.shape):
        expected[n, o, i, j] = bias[o]
        for c, a, b in np.ndindex(2, 3, 2):
            pixel = x[n, c + 2 * (o // 3), 2 * i + a, j + 2 * b]
            expected[n, o, i, j] += kernel[o, c, a, b] * pixel
    np.testing.assert_allclose(out, expected, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, 0.4, None])
def test_running_averages_by_formula(momentum):
    layer = nn.BatchNorm2d(4, momentum=momentum).astype("float64")
    mean, variance = np.zeros(4), np.ones(4)
    batches = [floats(3, 4, 5, 2, seed=seed) * (1 + seed) for seed in range(4)]
    for number, x in enumerate(batches, 1):
        out = layer(x).numpy()
        channels = x.swapaxes(0, 1).reshape(4, -1)
        share = momentum or 1 / number
        mean = (1 - share) * mean + share * channels.mean(1)
        unbiased = ((channels.T - channels.mean(1)) ** 2).sum(0) / (channels.shape[1] - 1)
        variance = (1 - share) * variance + share * unbiased
        flat = out.swapaxes(0, 1).reshape(4, -1)
        np.testing.assert_allclose(flat.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(flat.var(1), 1, rtol=1e-3)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-12)
    assert layer.num_batches_tracked.data == 4
    before = layer.state_dict()
    out = layer.eval()(batches[0]).numpy()
    column = (slice(None), None, None)
    expected = (batches[0] - mean[column]) / np.sqrt(variance[column] + 1e-5)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    assert all(np.array_equal(values, before[k]) for k, values in layer.state_dict().items())
    layer.reset_running_stats()
    assert [buffer.data.sum() for buffer in layer.buffers()] == [0, 4, 0]


def test_dropout_drops_the_share_and_keeps_the_average():
    x = np.ones((50, 40, 5, 5))
    for layer in (nn.Dropout(0.3, generator=np.random.default_rng(0)), nn.Dropout2d(0.3)):
        out = layer(x).numpy()
        assert (out == 0).mean() == pytest.approx(0.3, abs=0.04)
        np.testing.assert_allclose(out[out != 0], 1 / 0.7)
        is_whole = (out == out[:, :, :1, :1]).all()
        assert is_whole == isinstance(layer, nn.Dropout2d)
        assert (layer(x).numpy() != out).any(), "each call draws anew"
        assert layer.eval()(x).tolist() == x.tolist()
    assert not nn.Dropout(1.0)(x).data.any()
    assert nn.Dropout1d(0.5)(x[:, :, 0]).shape == (50, 40, 5)


def test_dropout_resumes_exactly():
    one, two = (nn.Dropout(0.5, generator=np.random.default_rng(seed)) for seed in (1, 2))
    x = np.ones(100)
    one(x)
    two.load_state_dict(one.state_dict())
    assert one(x).tolist() == two(x).tolist()


def test_captured_dropout_draws_as_the_step_would():
    def run(wrap):
        seeds = map(np.random.default_rng, range(3))
        net = Sequential(
            nn.Dropout(0.3, generator=next(seeds)),
            nn.Conv2d(4, 6, 3, generator=next(seeds)),
            nn.BatchNorm2d(6),
            nn.Dropout2d(0.4, generator=next(seeds)),
        )
        optimizer = SGD(net.parameters(), lr=0.1)

        def step(x):
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        step = wrap(step)
        return [step(IMAGES).item() for _ in range(9)], net.state_dict(), step

    expected, state, _ = run(lambda step: step)
    found, other, step = run(capture)
    assert found == expected
    assert len(set(found)) == 9
    assert step.recordings == 2
    assert {"0.generator", "3.generator"} <= state.keys() == other.keys()
    for name, values in state.items():
        np.testing.assert_array_equal(other[name], values, err_msg=name)


def test_captured_training_resumes_where_it_was_saved():
    def make():
        seeds = map(np.random.default_rng, range(2))
        net = Sequential(
            nn.Conv2d(4, 3, 3, generator=next(seeds)),
            nn.BatchNorm2d(3, momentum=None),
            nn.Dropout(0.3, generator=next(seeds)),
        )
        optimizer = SGD(net.parameters(), lr=0.1)

        @capture
        def step(x):
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        return net, step

    whole, step = make()
    expected = [step(IMAGES).item() for _ in range(8)]
    first, step = make()
    found = [step(IMAGES).item() for _ in range(4)]
    second, step = make()
    for _ in range(3):
        step(IMAGES)  # is captured, and elsewhere, before the state is loaded
    second.load_state_dict(first.state_dict())
    found += [step(IMAGES).item() for _ in range(4)]
    assert found == expected
    state = second.state_dict()
    for name, values in whole.state_dict().items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)


def test_padding_row_has_no_gradient():
    table = Embedding(5, 3, padding_idx=1)
    assert not table.weight.data[1].any()
    table.weight.data = floats(5, 3)
    indices = np.array([[1, 4], [1, 4]])
    out = table(indices)
    np.testing.assert_array_equal(out.data, table.weight.data[indices])
    out.sum().backward()
    np.testing.assert_array_equal(table.weight.grad[:, 0], [0, 0, 0, 0, 2])


def test_setting_of_an_activation_can_be_trained():
    class Scaled(Activation, function=lambda x, factor: x * factor):
        """Multiplies."""

    layer = Scaled(Tensor(2.0, requires_grad=True))
    layer([1.0, 2.0]).sum().backward()
    assert [(name, p.grad) for name, p in layer.named_parameters()] == [("factor", 3.0)]


def test_layers_know_their_sizes():
    linear = nn.Linear(in_features=3, out_features=2)
    assert (linear.in_features, linear.out_features) == (3, 2)
    table = Embedding(5, 3)
    assert (table.num_embeddings, table.embedding_dim) == (5, 3)


def test_transposed_convolution_is_the_adjoint_and_takes_a_size():
    options = {"stride": 2, "padding": 1, "bias": False, "dtype": "float64"}
    down, up = nn.Conv2d(3, 4, 3, **options), nn.ConvTranspose2d(4, 3, 3, **options)
    up.weight.data = down.weight.data
    x, y = floats(2, 3, 8, 7), floats(2, 4, 4, 4)
    enlarged = up(y, output_size=(8, 7))
    assert enlarged.shape == x.shape
    assert (enlarged.data * x).sum() == pytest.approx((down(x).data * y).sum())
    assert up(y, output_size=(2, 3, 8, 8)).shape == up(y, 8).shape == (2, 3, 8, 8)


def test_different_borders_at_both_ends():
    x, pairs = floats(2, 3, 5, 6), ((0, 1), (2, 0))
    widths = [(0, 0), (0, 0), *pairs]
    for mode, name in {"zeros": "constant", "replicate": "edge"}.items():
        layer = nn.Conv2d(3, 4, 2, padding=pairs, padding_mode=mode, dtype="float64")
        expected = conv2d(np.pad(x, widths, name), layer.weight, layer.bias)
        np.testing.assert_allclose(layer(x).data, expected.data)
    assert "padding=((0, 1), (2, 0))" in repr(layer)
    assert "padding=((1, 0), (1, 0))" in repr(nn.MaxPool2d(2, 2, ((1, 0), (1, 0))))
    assert nn.AvgPool2d(2, 1, "same")(x).shape == x.shape
    largest, places = nn.MaxPool2d(2, return_indices=True)(x)
    alone = nn.MaxPool2d(2, return_indices=True)(x[1])
    np.testing.assert_array_equal(alone[0].data, largest.data[1])
    np.testing.assert_array_equal(alone[1], places[1])


# Containers -----------------------------------------------------------------------------------


def layers(count):
    return [nn.Linear(2, 2) for _ in range(count)]


def test_lists_of_modules():
    a, b, c, d = layers(4)
    items = ModuleList([a, b])
    assert items.append(c) is items
    items.extend([d])
    items.insert(1, d)
    assert list(items) == [a, d, b, c, d]
    assert [name for name, _ in items.named_parameters()][-1] == "3.bias", "shared ones once"
    del items[1]
    items[0] = d
    assert list(items) == [d, b, c, d]
    assert isinstance(items[1:], ModuleList)
    assert list(items[1:]) == [b, c, d]
    assert items[-1] is d
    del items[:]
    assert len(items) == 0
    assert bool(items), "an empty list is a module"
    assert ModuleList().parameters() == []
    chain = Sequential(a, b, c)
    assert isinstance(chain[:2], Sequential)
    assert list(chain[:2]) == [a, b]
    chain.append(nn.ReLU())
    assert len(chain) == 4
    with pytest.raises(IndexError):
        chain[4]


def test_dictionaries_of_modules():
    a, b = layers(2)
    parts = ModuleDict({"one": a})
    parts["two"] = b
    parts.update([("three", a)])
    assert list(parts) == list(parts.keys()) == ["one", "two", "three"]
    assert [name for name, _ in parts.named_parameters()][2:] == ["two.weight", "two.bias"]
    assert parts.pop("three") is a
    assert ("three" in parts, len(parts)) == (False, 2)
    del parts["one"]
    assert (parts.items(), parts.values()) == ([("two", b)], [b])
    with pytest.raises(KeyError, match=r"'one'; the entries are two"):
        parts["one"]
    named = Sequential({"first": a, "act": nn.Tanh()})
    assert list(named.state_dict()) == ["first.weight", "first.bias"]
    assert named[0] is named.first


def test_residual_adds_its_input():
    x = floats(3, 2).astype(np.float32)
    body, shortcut = layers(2)
    np.testing.assert_array_equal(Residual(body)(x).data, x + body(x).data)
    both = Residual(body, nn.Tanh(), shortcut=shortcut)
    np.testing.assert_array_equal(both(x).data, shortcut(x).data + np.tanh(body(x).data))
    assert both.named_parameters is not None
    assert len(both.parameters()) == 4
    assert nn.Lambda(np.sum).describe() == "sum"


DOUBLING = nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)

REFUSED = [
    (lambda: nn.Linear(3), TypeError, ["outputs", "Linear(inputs, outputs)"]),
    (lambda: nn.Linear(3, 2, in_features=3), TypeError, ["inputs", "in_features"]),
    (lambda: nn.Linear(in_features=0, out_features=2), ValueError, ["in_features", ">= 1"]),
    (lambda: nn.Linear(3, 2, np.random.default_rng(0)), TypeError, ["bias"]),
    (lambda: nn.Conv2d(1, 2, 3, bias="same"), TypeError, ["bias", "'same'"]),
    (lambda: nn.Conv2d(0, 2, 3), ValueError, ["in_channels", "0"]),
    (lambda: nn.Conv2d(3, 2, 3, groups=2), ValueError, ["in_channels=3", "groups=2"]),
    (lambda: nn.Conv2d(2, 3, 3, groups=2), ValueError, ["out_channels=3", "groups=2"]),
    (lambda: nn.Conv2d(2, 3, (3, 3, 3)), ValueError, ["kernel_size", "(3, 3, 3)"]),
    (lambda: nn.Conv2d(2, 3, 3, padding="full"), ValueError, ["'full'", "same"]),
    (lambda: nn.Conv2d(2, 3, 3, 2, padding="same"), ValueError, ["same", "stride"]),
    (lambda: nn.Conv2d(2, 3, 3, padding_mode="wrap"), ValueError, ["'wrap'", "circular"]),
    (lambda: nn.Conv2d(3, 2, 3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "in_channels=3"]),
    (lambda: nn.Conv2d(4, 2, 3)(IMAGES[0, 0]), ValueError, ["(7, 6)", "(N, channels"]),
    (lambda: nn.Conv1d(4, 2, 3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "length"]),
    (lambda: nn.ConvTranspose2d(4, 2, 3, padding="same"), ValueError, ["padding", "same"]),
    (lambda: nn.ConvTranspose2d(3, 2, 3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "in_channels=3"]),
    (lambda: DOUBLING(IMAGES, 20), ValueError, ["(20, 20)", "(13, 11)", "(14, 12)"]),
    (lambda: nn.AdaptiveAvgPool2d(0), ValueError, ["output_size", "0"]),
    (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError, ["(1, 2, 3)", "each axis"]),
    (nn.Upsample, ValueError, ["size", "scale_factor"]),
    (lambda: nn.Upsample(2, 2), ValueError, ["size", "not both"]),
    (lambda: nn.PixelShuffle(0), ValueError, ["upscale_factor", "0"]),
    (lambda: nn.GroupNorm(3, 4), ValueError, ["num_channels=4", "num_groups=3"]),
    (lambda: nn.GroupNorm(3, 3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "3 channels"]),
    (lambda: nn.InstanceNorm2d(3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "3 channels"]),
    (lambda: nn.InstanceNorm2d(3, track_running_stats=True), ValueError, ["BatchNorm"]),
    (lambda: nn.RMSNorm(3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "(3,)"]),
    (lambda: nn.PReLU(0), ValueError, ["num_parameters", "0"]),
    (lambda: nn.Threshold(1.0), TypeError, ["value"]),
    (lambda: nn.MaxPool2d(0), ValueError, ["kernel_size", "0"]),
    (lambda: nn.AvgPool2d(2)(IMAGES[0, 0]), ValueError, ["(7, 6)"]),
    (lambda: nn.BatchNorm2d(0), ValueError, ["num_features", "0"]),
    (lambda: nn.BatchNorm2d(3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "3 channels"]),
    (lambda: nn.BatchNorm1d(4)(IMAGES), ValueError, ["(2, 4, 7, 6)", "(N, channels)"]),
    (lambda: nn.BatchNorm1d(4, momentum="x"), TypeError, ["momentum", "'x'"]),
    (lambda: nn.LayerNorm(3)(IMAGES), ValueError, ["(2, 4, 7, 6)", "(3,)"]),
    (lambda: nn.LayerNorm(()), ValueError, ["normalized_shape", "empty"]),
    (lambda: nn.LayerNorm(0), ValueError, ["normalized_shape", "0"]),
    (lambda: nn.Dropout(1.5), ValueError, ["1.5", "0..1"]),
    (lambda: nn.Dropout("a"), TypeError, ["'a'", "number"]),
    (lambda: nn.Dropout2d()(np.ones(3)), ValueError, ["(3,)", "channels"]),
    (lambda: Embedding(5, 2, 5), ValueError, ["padding_idx", "-5..4"]),
    (lambda: Embedding(5, 2, 1.0), TypeError, ["padding_idx", "1.0"]),
    (lambda: Embedding(5, 2)([5]), ValueError, ["5"]),
    (lambda: Embedding.from_pretrained([1, 2]), ValueError, ["(2,)", "matrix"]),
    (lambda: nn.LeakyReLU(slope=1), TypeError, ["slope", "negative_slope"]),
    (lambda: nn.MSELoss(size_average=True), TypeError, ["size_average", "reduction"]),
    (lambda: nn.Flatten(2)(np.ones((2, 3))), ValueError, ["(2, 3)", "from 2 to -1"]),
    (lambda: nn.Flatten(1, 0)(np.ones((2, 3))), ValueError, ["from 1 to 0"]),
    (lambda: nn.Unflatten(1, (2, 2))(np.ones((2, 3))), ValueError, ["3 elements"]),
    (lambda: nn.Unflatten(1, (-1, -1))(np.ones((2, 3))), ValueError, ["3 elements"]),
    (lambda: nn.Unflatten(2, (1,))(np.ones((2, 3))), ValueError, ["no such axis"]),
    (lambda: Sequential(np.tanh), TypeError, ["entry 0", "ufunc", "Lambda"]),
    (lambda: ModuleList(nn.Linear(1, 1)), TypeError, ["Linear", "ModuleList([...])"]),
    (lambda: ModuleList([3]), TypeError, ["entry 0", "int"]),
    (lambda: ModuleDict({"a.b": nn.ReLU()}), ValueError, ["'a.b'", "dot"]),
    (lambda: ModuleDict({"forward": nn.ReLU()}), ValueError, ["'forward'", "method"]),
    (lambda: ModuleDict({1: nn.ReLU()}), TypeError, ["str", "1"]),
    (Residual, ValueError, ["no modules"]),
    (lambda: Residual(np.tanh), TypeError, ["ufunc"]),
    (lambda: Residual(nn.Linear(4, 1))(np.ones((4, 4))), ValueError, ["(4, 4)", "(4, 1)"]),
    (lambda: nn.Lambda(3), TypeError, ["function", "int"]),
]


@pytest.mark.parametrize(("make", "error", "words"), REFUSED)
def test_layers_refuse(make, error, words):
    refused(make, error, words)

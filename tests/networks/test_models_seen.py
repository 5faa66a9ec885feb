"""Tests that pictures, the stepper, explanations, the linter and anomaly detection work on a
convolutional network, an LSTM and a GPT, in natural code and with layers.

Right networks are silent, and each planted fault is found, with its place.
"""

import re

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import softmax_cross_entropy
from tinygrad_edu import AnomalyError, Tensor, detect_anomaly, draw, explain, lint, stepper
from tinygrad_edu.autodiff import graph_order

from . import seen_models as models
from .seen_models import DIGITS, IMAGES, MODELS, TEXT, Characters, SmallGPT, loss_of


def named(network):
    found = network.named_parameters() if hasattr(network, "named_parameters") else network.items()
    return dict(found)


def kinds(loss, parameters=None):
    return [finding.kind for finding in lint(loss, parameters).findings]


# Right networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_right_networks_are_seen_and_silent(name):
    with detect_anomaly():
        network, loss = MODELS[name]()
        assert kinds(loss, network) == []
        loss.backward()
    assert kinds(loss, network) == []
    count = f"{len(graph_order(loss))} operations"
    page = stepper(loss, model=network if hasattr(network, "parameters") else None, max_nodes=500)
    assert count in repr(page)
    size = len(page.html())
    assert 20_000 < size < 2_500_000
    assert count in repr(draw(loss, view="ops", max_nodes=500))
    assert draw(loss, view="layers", max_nodes=500).svg().startswith("<svg")


@pytest.mark.parametrize("name", [name for name in MODELS if "layer" in name or "cell" in name])
def test_the_page_of_the_stepper_names_the_layers(name):
    network, loss = MODELS[name]()
    page = stepper(loss, model=network, max_nodes=500).html()
    for path, module in network.named_modules():
        if path and any(True for _ in module.named_parameters()):
            assert path in page, path


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_is_explained(name):
    network, loss = MODELS[name]()
    loss.backward()
    for path, parameter in named(network).items():
        text = str(explain(parameter, loss))
        assert path in text
        assert "\n  g = " in text
        for norm in re.findall(r"\n  g = .*‖g‖ ([\d.e-]+)", text):  # few numbers are all shown
            assert float(norm) == pytest.approx(np.linalg.norm(parameter.grad), rel=2e-3)


def test_explanations_name_the_operation_and_its_formula():
    network, loss = loss_of(models.cnn_layers())
    loss.backward()
    text = str(explain(network[0].weight, loss))
    assert "Used by\n  reshape in conv2d" in text
    network, loss = loss_of(Characters(nn.LSTM))
    assert "lstm_sequence, as operand 2" in str(explain(network.layer.weight_hh_l0, loss))
    network, loss = loss_of(Characters(nn.LSTMCell))
    text = str(explain(network.layer.weight_hh, loss))
    assert text.count("linear, as operand 2") == 16  # 8 uses, and 8 contributions
    assert "contribution 8 of 8" in text


def test_rules_of_stacked_products_are_those_that_are_computed():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    weight, bias = (Tensor(np.ones(shape), True, name=n) for n, shape in [("W", (4, 5)), ("b", 5)])
    loss = (tg.linear(Tensor(x, True, name="x"), weight, bias) ** 2).sum()
    loss.backward()
    texts = [str(explain(one, loss)) for one in (weight, bias)]
    rules = [re.search(r"becomes (.*?)\n +upstream", text, re.S)[1] for text in texts]
    g = 2 * (x @ weight.data + bias.data)
    for rule, parameter in zip(rules, (weight, bias), strict=True):
        found = eval(rule, {"reshape": np.reshape, "sum": np.sum, "x": x, "g": g})
        np.testing.assert_allclose(found, parameter.grad, rtol=1e-12)


# Faults that the linter finds -------------------------------------------------------------------


def changed(network, **values):
    """Change parameters of a network by functions of their values."""
    for path, parameter in named(network).items():
        for ending, change in values.items():
            if path.endswith(ending.replace("__", ".")):
                parameter.data = change(parameter.numpy())
    return network


def scaled(parameter, factor):
    return Tensor(parameter.data * np.float32(factor), requires_grad=True)


def shifted(parameter, number, of=None):
    values = parameter.numpy().copy()
    values[:of] += number
    return Tensor(values, requires_grad=True)


def test_dead_channels_of_a_convolution():
    _, loss = models.cnn(k2=shifted(models.CNN["k2"], -50))
    (finding,) = lint(loss).findings
    assert finding.kind == "dead relu"
    assert finding.found == "all 256 outputs of a relu layer are 0, for all 8 samples"
    _, loss = models.cnn(k2=shifted(models.CNN["k2"], -50, of=7))
    (finding,) = lint(loss).findings
    assert finding.found.startswith("7 of 8 channels of a relu layer are 0")
    _, loss = models.cnn(k2=shifted(models.CNN["k2"], -50, of=4))
    assert kinds(loss) == []
    network = changed(models.cnn_layers(), **{"4.bias": lambda b: b - 50})
    (finding,) = lint(loss_of(network)[1]).findings
    assert (finding.kind, finding.place.split(" at ")[0]) == ("dead relu", "relu in 5")


def test_saturated_convolutions_and_gates():
    _, loss = models.cnn(K2=scaled(models.CNN["K2"], 1e3), activation=tg.tanh)
    assert "saturated tanh" in kinds(loss)
    _, loss = models.lstm(b=shifted(models.LSTM["b"], 60), U=scaled(models.LSTM["U"], 0.1))
    assert "saturated gates" in kinds(loss)
    for layer in (nn.LSTMCell, nn.LSTM, nn.GRU):
        suffix = "" if layer is nn.LSTMCell else "_l0"
        far = {f"bias_ih{suffix}": lambda b: b - 60}
        (finding, *_) = lint(loss_of(changed(Characters(layer), **far))[1]).findings
        assert finding.kind == "saturated gates"
        assert "of sigmoid gates" in finding.found
        assert "in layer" in finding.place
    far = {"bias_ih_l0": lambda b: b + 60}
    _, loss = loss_of(changed(Characters(nn.RNN), **far))
    assert "tanh gates" in lint(loss).findings[0].found
    # What relu returns is never flat.
    network = Characters(lambda *sizes, **o: nn.RNN(*sizes, nonlinearity="relu", **o))
    assert "saturated gates" not in kinds(loss_of(changed(network, **far))[1])


def test_an_exploding_recurrence():
    def run(gain, activation=tg.relu, last=False):
        generator = np.random.default_rng(0)
        U, W = (Tensor(generator.normal(size=(8, 8)) / 3 * s, True) for s in (1, gain))
        h, x = Tensor(np.zeros((4, 8))), generator.normal(size=(4, 24, 8))
        for t in range(24):
            h = activation(x[:, t] @ U + h @ W)
        return (h[0] if last else h).sum()

    assert kinds(run(4.0)) == ["exploding gradient"]
    assert kinds(run(1.0)) == []
    assert kinds(run(1.0, tg.tanh, last=True)) == []
    network = nn.RNN(4, 4, nonlinearity="relu", generator=np.random.default_rng(0), dtype=float)
    x = np.random.default_rng(1).normal(size=(32, 2, 4))
    for gain, expected in [(1.0, []), (3.0, ["exploding gradient"])]:
        network.weight_hh_l0.data = gain * np.eye(4)
        assert kinds(network(x * 1e-9)[0][-1].sum()) == expected
    # Hooks would run again, and what was changed cannot be differentiated.
    loss = network(x * 1e-9)[0][-1].sum()
    handle = network.weight_ih_l0.register_hook(lambda g: g)
    assert kinds(loss) == []
    handle.remove()
    network = nn.RNN(4, 4, nonlinearity="relu", dtype=float)
    loss = network(x * 1e-9)[0][-1].sum()
    network.weight_hh_l0.data = np.eye(4)
    assert kinds(loss) == []


def test_attention_without_its_scale_or_along_the_queries():
    def with_queries(factor, **options):
        return models.gpt(Q=scaled(models.GPT["Q"], factor), **options)[1]

    (finding,) = lint(with_queries(12, scale=1.0)).findings
    assert finding.kind == "unscaled attention"
    assert "queries with 16 features" in finding.found
    assert "divided by sqrt(16)" in finding.found
    assert kinds(with_queries(0.3, scale=1.0)) == []  # small enough
    assert kinds(with_queries(12)) == []
    for mask in (True, False):
        (finding,) = lint(with_queries(1, axis=-2, mask=mask)).findings
        assert finding.kind == "softmax axis"
        assert "add up to 1 along axis 2" in finding.found


def test_a_mask_that_is_missing():
    _, loss = models.gpt(mask=False)
    assert kinds(loss) == ["answers seen"]
    _, loss = loss_of(SmallGPT(causal=False))
    (finding,) = lint(loss).findings
    assert finding.kind == "answers seen"
    assert "blocks." in finding.place
    # A mask that is one token short.
    short = np.tril(np.ones((8, 8), bool), 1)
    assert kinds(models.gpt(mask=short)[1]) == ["answers seen"]
    # Without a mask nothing is wrong if the labels are not the next tokens.
    network = SmallGPT(causal=False)
    logits = network(TEXT[:, :-1])
    labels = np.random.default_rng(9).integers(0, 12, (4, 8))
    assert kinds(softmax_cross_entropy(logits.reshape(-1, 12), labels.reshape(-1))) == []
    assert kinds(softmax_cross_entropy(logits.mean(axis=1), labels[:, 0])) == []


def test_dropout_that_knows_no_evaluation_mode():
    class Dropping(nn.Module):
        def __init__(self):
            self.a, self.b = (nn.Linear(6, 6, generator=np.random.default_rng(0)) for _ in "ab")

        def forward(self, x):
            return self.b(tg.dropout(self.a(x), 0.5, generator=0))

    network, x = Dropping(), np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    assert kinds((network(x) ** 2).mean()) == []
    network.eval()
    (finding,) = lint((network(x) ** 2).mean()).findings
    assert finding.kind == "dropout in evaluation"
    network = SmallGPT(dropout=0.2)
    assert kinds(loss_of(network)[1]) == []
    assert kinds(loss_of(network.eval())[1]) == []


def test_parameters_that_are_not_reached():
    network = SmallGPT()
    network.blocks[0].forward = lambda x: nn.TransformerBlock.forward(network.blocks[0], x).detach()
    found = lint(loss_of(network)[1], network).findings
    assert {finding.kind for finding in found} == {"parameter not reached"}
    assert any("tokens.weight" in finding.found for finding in found)
    network = models.cnn_layers()
    network.unused = nn.Conv2d(1, 1, 3)
    found = [finding.found for finding in lint(loss_of(network)[1], network).findings]
    assert found == [f"the loss does not depend on unused.{part}" for part in ("weight", "bias")]


def test_losses_that_are_given_the_wrong_thing():
    network = SmallGPT()
    probabilities = tg.softmax(network(TEXT[:, :-1])).reshape(-1, 12)
    loss = softmax_cross_entropy(probabilities, TEXT[:, 1:].reshape(-1))
    assert kinds(loss) == ["double softmax"]
    network = nn.Sequential(*models.cnn_layers(), nn.ReLU())
    assert kinds(loss_of(network)[1]) == ["squashed logits"]


# Numbers that are not finite --------------------------------------------------------------------


def anomaly(run):
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        run()
    return str(caught.value)


def line_of(message):
    assert "test_models_seen.py:" in message or "seen_models.py:" in message
    return message


def first_is_nan(values):
    values = values.copy()
    values.flat[0] = np.nan
    return values


@pytest.mark.parametrize(
    ("make", "path", "operation"),
    [
        (models.cnn_layers, "4.weight", "conv2d (its matmul) in 4"),
        (models.cnn_layers, "1.weight", "batch_norm in 1"),
        (SmallGPT, "blocks.1.norm2.weight", "layer_norm in blocks.1.norm2"),
        (SmallGPT, "blocks.0.linear1.bias", "linear in blocks.0.linear1"),
        (SmallGPT, "blocks.1.self_attn.in_proj_weight", "linear in blocks.1.self_attn"),
        (lambda: Characters(nn.LSTM), "layer.weight_hh_l0", "lstm_sequence in layer"),
        (lambda: Characters(nn.GRU), "layer.weight_hh_l0", "gru_sequence in layer"),
        (lambda: Characters(nn.RNN), "layer.weight_hh_l0", "rnn_sequence in layer"),
        (lambda: Characters(nn.LSTMCell), "layer.weight_hh", "linear in layer"),
    ],
)
def test_a_weight_that_is_nan_is_named_with_its_layer(make, path, operation):
    network = changed(make(), **{path: first_is_nan})
    message = line_of(anomaly(lambda: loss_of(network)))
    assert operation in message
    assert f"likely cause: {path} was NaN at index (0" in message


@pytest.mark.parametrize("name", ["CNN", "LSTM", "GPT"])
def test_a_weight_that_is_nan_in_natural_code(name):
    model = {"CNN": models.cnn, "LSTM": models.lstm, "GPT": models.gpt}[name]
    weight = {"CNN": "K2", "LSTM": "V", "GPT": "K"}[name]
    values = first_is_nan(getattr(models, name)[weight].numpy())
    message = anomaly(lambda: model(**{weight: Tensor(values, True, name=weight)}))
    assert "seen_models.py:" in message
    assert ("conv2d (its matmul)" if name == "CNN" else "matmul") in message
    assert f"{weight} was NaN at index (0" in message


def test_the_logarithm_of_0_in_a_loss():
    network = models.cnn_layers()

    def run():
        probabilities = tg.relu(network(IMAGES))
        return -tg.log(probabilities)[np.arange(8), DIGITS].mean()

    message = line_of(anomaly(run))
    assert "log gave -inf" in message
    assert "the logarithm of 0" in message
    network = changed(SmallGPT(), head__weight=lambda w: 1e4 * w)
    message = anomaly(lambda: tg.log(tg.softmax(network(TEXT[:, :-1]))).mean())
    assert "softmax underflowed to 0" in line_of(message)


def test_a_query_that_may_see_nothing():
    mask = np.tril(np.ones((8, 8), bool))
    mask[3] = False
    message = line_of(anomaly(lambda: models.gpt(mask=mask)))
    assert "softmax gave NaN at index (0, 0, 3, 0)" in message
    assert "is masked wholly" in message


def test_a_normalisation_by_0():
    network = models.cnn_layers()

    def run():
        h = network[0](IMAGES) * 0.0
        return (h - h.mean(axis=(0, 2, 3), keepdims=True)) / h.std(axis=(0, 2, 3), keepdims=True)

    message = line_of(anomaly(run))
    assert "divide gave NaN" in message
    assert "0 / 0" in message

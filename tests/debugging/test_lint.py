"""Tests that each mistake is found where it was planted, that nothing is said of code beside it
that is sound, and that the report shows itself.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from nn import MLP, SGD, Linear, Module, softmax_cross_entropy
from tinygrad_edu import (
    CaptureError,
    LintReport,
    Tensor,
    capture,
    lint,
    no_grad,
    record_source_lines,
)

generator = np.random.default_rng(0)
X = generator.normal(size=(8, 3))
LABELS = generator.integers(0, 2, 8)


def leaf(values, **keywords):
    return Tensor(np.asarray(values, float), requires_grad=True, **keywords)


def network(activation="relu"):
    return MLP([3, 4, 2], activation=activation, dtype="float64", seed=0)


def only(report):
    """Give the one finding of a report."""
    assert len(report) == 1, str(report)
    assert not report.ok
    return report.findings[0]


def shares(x, axis):
    e = tg.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


# The graph ------------------------------------------------------------------------------------

DOUBLE = {
    "softmax": lambda z: softmax_cross_entropy(tg.softmax(z), LABELS),
    "log_softmax": lambda z: softmax_cross_entropy(tg.log_softmax(z), LABELS),
    "by hand": lambda z: softmax_cross_entropy(shares(z, 1), LABELS),
    "some rows": lambda z: softmax_cross_entropy(tg.softmax(z)[:4], LABELS[:4]),
    "weighted": lambda z: tg.cross_entropy(tg.softmax(z, axis=1), LABELS, weight=[1, 2]),
    "sigmoid": lambda z: tg.binary_cross_entropy_with_logits(tg.sigmoid(z[:, 0]), LABELS),
    "sigmoid by hand": lambda z: tg.binary_cross_entropy_with_logits(
        1 / (1 + tg.exp(-z[:, 0])), LABELS
    ),
}


@pytest.mark.parametrize("name", DOUBLE)
def test_double_softmax(name):
    finding = only(lint(DOUBLE[name](network()(X))))
    assert finding.kind == ("double sigmoid" if "sigmoid" in name else "double softmax")
    assert "omit" in finding.advice


@pytest.mark.parametrize(
    "f",
    [
        lambda z: softmax_cross_entropy(z, LABELS),
        lambda z: tg.nll_loss(tg.log_softmax(z), LABELS),
        lambda z: softmax_cross_entropy(tg.softmax(z, axis=0), LABELS),
        lambda z: softmax_cross_entropy(tg.exp(z) / tg.exp(z).sum(), LABELS),
        lambda z: softmax_cross_entropy(shares(z, None), LABELS),
        lambda z: softmax_cross_entropy(shares(z, 0), LABELS),
        lambda z: softmax_cross_entropy(z / z.sum(axis=1, keepdims=True), LABELS),
        lambda z: softmax_cross_entropy(tg.softmax(z) @ leaf([[1.0, 2.0], [0.5, 1.0]]), LABELS),
        lambda z: tg.log_softmax(tg.softmax(z, axis=0), axis=1).sum(),
        lambda z: -(tg.softmax(z) * tg.log_softmax(z)).sum(),
        lambda z: (2 / (1 + tg.exp(-z))).sum(),
        lambda z: softmax_cross_entropy(tg.tanh(z), LABELS),
        lambda z: tg.binary_cross_entropy_with_logits(z[:, 0] / (2 + z[:, 1]), LABELS),
        lambda z: tg.mse_loss(tg.sigmoid(z), np.ones((8, 2))),
        lambda z: ((z[:, :1] - z[:, 0]) ** 2).mean(),  # distances of all to all, on purpose
        lambda z: ((z[:, :1] - np.ones((8, 1))) ** 2).mean(),
        lambda z: ((z[:, :1] - np.ones(7)) ** 2).mean(),
        lambda z: tg.exp(-((z[:, :1] - np.arange(8.0)) ** 2)).sum(),
        lambda z: (z[:, 0] - 1.0).sum(),
    ],
)
def test_sound_losses(f):
    report = lint(f(network("tanh")(X)))
    assert report.ok, str(report)
    assert (str(report), list(report), len(report)) == ("nothing found", [], 0)
    assert "nothing found" in report._repr_html_()


def test_a_loss_of_all_against_all():
    for loss in (
        lambda z: ((z - LABELS) ** 2).mean(),
        lambda z: np.abs(LABELS - z).sum(),
        lambda z: tg.square(z - LABELS.astype(float)).mean(),
    ):
        finding = only(lint(loss(network()(X)[:, :1])))
        assert finding.kind == "broadcast loss"
        assert "has shape (8, 8)" in finding.found
        assert "reshape(8, 1)" in finding.advice


@pytest.mark.parametrize("by_maximum", [False, True])
def test_dead_relu(by_maximum):
    layers = network()

    def forward(x):
        hidden = layers.layers[0](x)
        return layers.layers[1](np.maximum(hidden, 0) if by_maximum else tg.relu(hidden))

    assert lint(softmax_cross_entropy(forward(X), LABELS)).ok
    layers.layers[0].bias.data = np.full(4, -100.0)
    finding = only(lint(softmax_cross_entropy(forward(X), LABELS)))
    assert finding.kind == "dead relu"
    assert "all 32 outputs" in finding.found
    assert lint(softmax_cross_entropy(forward(X[:3]), LABELS[:3])).ok  # too few to say


def test_maximum_of_something_else_is_not_a_relu():
    x = leaf(np.zeros((8, 4)))
    assert lint(np.maximum(x, leaf(np.zeros(4))).sum()).ok
    assert lint(np.maximum(x, -1.0).sum()).ok


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_saturated(activation):
    layers = network(activation)
    assert lint(softmax_cross_entropy(layers(X), LABELS)).ok
    finding = only(lint(softmax_cross_entropy(layers(1e4 * X), LABELS)))
    assert finding.kind == f"saturated {activation}"
    assert finding.found.startswith("100% of 32 outputs")
    assert finding.place == f"{activation} in {activation}1"
    assert lint(softmax_cross_entropy(layers(1e4 * X[:3]), LABELS[:3])).ok  # too few to say
    # What comes out of a network may be sure of itself.
    f = getattr(tg, activation)
    assert lint(tg.mse_loss(f(1e4 * network()(X)), np.ones((8, 2)))).ok


def test_a_share_below_the_threshold_is_silent():
    w = leaf(np.ones((4, 2)))
    for share, ok in ((28, True), (29, False)):
        flat = np.where(np.arange(32) < share, 100.0, 0.1).reshape(8, 4)
        report = lint((tg.tanh(leaf(flat)) @ w).sum())
        assert report.ok == ok


def flat(share, name):
    """Give an operand at which the slope is a share of the steepest one."""
    return np.arctanh(np.sqrt(1 - share)) * (1 if name == "tanh" else 2)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_what_counts_as_flat(name):
    f, w = getattr(tg, name), leaf(np.ones((8, 2)))
    for slope, ok in ((0.0011, True), (0.0009, False)):
        assert lint((f(leaf(np.full((8, 8), flat(slope, name)))) @ w).sum()).ok == ok
    far = leaf(np.full((8, 8), 100.0))
    assert lint((f(far[:3]) @ w).sum()).ok  # too few samples to say
    assert not lint((f(far[:4]) @ w).sum()).ok
    assert lint((np.ones((8, 8)) @ f(far)).sum()).ok  # weights, and no layer
    dead = tg.relu(-far)
    assert lint((tg.relu(-far[:3]) @ w).sum()).ok
    assert not lint((dead @ w).sum()).ok
    assert lint(dead.sum()).ok  # no layer takes it in


# Parameters -----------------------------------------------------------------------------------


class Cut(Module):
    """Two layers, with a cut between them."""

    def __init__(self, cut):
        self.first = Linear(3, 4, generator=np.random.default_rng(0), dtype="float64")
        self.second = Linear(4, 2, generator=np.random.default_rng(1), dtype="float64")
        self.cut = cut

    def forward(self, x):
        self.hidden = tg.relu(self.first(x))
        return self.second(self.cut(self.hidden))


@pytest.mark.parametrize(
    ("cut", "how"),
    [
        (lambda h: h.detach(), "shares its numbers"),
        (lambda h: Tensor(h.data, copy=False), "shares its numbers"),
        (lambda h: Tensor(h.numpy()), "has the same numbers"),
    ],
)
def test_detached_path(cut, how):
    module = Cut(cut)
    with record_source_lines():
        loss = softmax_cross_entropy(module(X), LABELS)
    for parameters in (module, module.parameters(), dict(module.named_parameters())):
        finding = only(lint(loss, parameters))
        assert finding.kind == "detached path"
        assert f"{how} with the result of relu" in finding.found
        assert "weight, " in finding.found
    module.twin = tg.abs(module.hidden)  # another of these numbers, which is not told of again
    finding = only(lint(loss, module))
    assert "first.weight, first.bias, which the loss does not reach" in finding.found
    del module.twin
    finding = only(lint(loss, module))
    assert "relu in Cut" in finding.place
    assert "self.hidden = tg.relu(self.first(x))" in finding.place


def test_what_left_no_trace_is_not_reached_and_no_more():
    module = Cut(lambda h: h.detach())
    loss = softmax_cross_entropy(module(X), LABELS)
    del module.hidden
    report = lint(loss, module)
    assert [one.kind for one in report] == ["parameter not reached"] * 2
    assert "does not depend on first.weight" in report.findings[0].found


def test_detaching_on_purpose_is_silent():
    module = Cut(lambda h: h + (tg.sign(h.detach()) - h.detach()))  # straight through
    assert lint(softmax_cross_entropy(module(X), LABELS), module).ok


def test_parameters_that_are_not_reached():
    module = Cut(lambda h: h)
    module.spare = leaf([1.0], name="spare")
    module.frozen = Tensor([1.0])
    loss = softmax_cross_entropy(module(X), LABELS)
    finding = only(lint(loss, module))
    assert finding.kind == "parameter not reached"
    assert finding.found == "the loss does not depend on spare"
    assert only(lint(loss, optimizer=SGD(module.parameters(), lr=0.1))) == finding
    assert only(lint(loss, [leaf(1.0)])).found == "the loss does not depend on parameter 0"
    assert only(lint(loss, module.spare)) == finding
    assert lint(loss).ok


def test_a_loss_without_a_graph_reaches_nothing():
    module = network()
    with no_grad():
        loss = softmax_cross_entropy(module(X), LABELS)
    assert len(lint(loss, module)) == 4
    assert lint(loss).ok
    assert lint(module.layers[0].weight, [module.layers[0].weight]).ok


# Gradients ------------------------------------------------------------------------------------


def training(zero=True, momentum=0.0, steps=3, change=None, **keywords):
    """Give the last report of a training whose every step is looked at, before `step`."""
    module = network("tanh")
    optimizer = SGD(module.parameters(), lr=0.1, momentum=momentum)
    for _ in range(steps):
        loss = softmax_cross_entropy(module(X), LABELS)
        if zero:
            optimizer.zero_grad()
        loss.backward(**keywords)
        if change is not None:
            change(module, loss)
        report = lint(loss, optimizer=optimizer)
        optimizer.step()
        assert lint(loss, optimizer=optimizer).ok  # nothing can be said any more
    return report


def test_stale_gradients():
    finding = only(training(zero=False))
    assert finding.kind == "stale gradient"
    assert "is not the gradient of this loss" in finding.found
    assert "linear1.weight, linear1.bias, linear2.weight, linear2.bias" in finding.found
    assert training(zero=False, steps=1).ok
    assert training().ok
    assert training(momentum=0.9).ok
    assert training(zero=False, keep_interior=False).ok  # it left no trace of its start


def test_backward_twice():
    finding = only(training(change=lambda module, loss: loss.backward()))
    assert "2 times the gradient of this loss: backward() ran more than once" in finding.found


def test_gradients_made_smaller_are_silent():
    def clip(module, loss):
        for parameter in module.parameters():
            parameter.grad = np.clip(parameter.grad, -0.01, 0.01)

    def scale(module, loss):
        for parameter in module.parameters():
            parameter.grad = 0.5 * parameter.grad

    assert training(change=clip).ok
    assert training(change=scale).ok


def test_where_nothing_can_be_said_nothing_is():
    def nan(module, loss):
        module.layers[0].weight.grad = np.full((3, 4), np.nan)

    assert training(change=nan).ok
    module = network()
    optimizer = SGD(module.parameters(), lr=0.1)
    loss = softmax_cross_entropy(module(X), LABELS)
    loss.backward()
    loss.backward()
    assert not lint(loss, optimizer=optimizer).ok
    seen = []
    with module.layers[0].weight.register_hook(seen.append):
        assert lint(loss, optimizer=optimizer).ok
    assert seen == []  # and no hook has run


def test_a_gradient_of_a_parameter_that_the_loss_does_not_reach():
    module, spare = network(), leaf([1.0], name="spare")
    optimizer = SGD([*module.parameters(), spare], lr=0.1)
    (spare * 2.0).sum().backward()
    loss = softmax_cross_entropy(module(X), LABELS)
    loss.backward()
    report = lint(loss, optimizer=optimizer)
    assert [one.kind for one in report] == ["parameter not reached", "stale gradient"]
    assert ".grad of spare is not the gradient" in report.findings[1].found
    spare.grad = np.zeros(1)
    assert len(lint(loss, optimizer=optimizer)) == 1


def test_nothing_is_changed():
    module = network()
    optimizer = SGD(module.parameters(), lr=0.1)
    loss = softmax_cross_entropy(module(X), LABELS)
    loss.backward()
    before = [(id(p._data), id(p._grad), p._version) for p in module.parameters()]
    lint(loss, module, optimizer)
    assert before == [(id(p._data), id(p._grad), p._version) for p in module.parameters()]


# What it says, and what it refuses ------------------------------------------------------------


def test_the_report_shows_itself():
    with record_source_lines():
        loss = softmax_cross_entropy(tg.softmax(network()(X)), LABELS)
    report = lint(loss)
    assert isinstance(report, LintReport)
    (finding,) = report
    text = str(report)
    assert text == repr(report)
    assert text.splitlines()[:2] == ["lint: 1 found", ""]
    told = " ".join(text.split())
    assert f"double softmax: {finding.found} ({finding.place}) why: {finding.why}" in told
    assert "softmax_cross_entropy at test_lint.py:" in finding.place
    heads = [line[:7] for line in text.splitlines() if line.startswith("  ") and ":  " in line]
    assert heads == ["  why: ", "  do:  "]
    page = report._repr_html_()
    assert "1 found" in page
    assert "double softmax" in page
    assert "<script" not in page
    assert "omit softmax" in page


def test_refusals():
    with pytest.raises(TypeError, match="needs the loss as a Tensor"):
        lint(1.0)
    loss = softmax_cross_entropy(network()(X), LABELS)
    for wrong in ([1.0], {"a": 1.0}, 3.0):
        with pytest.raises(TypeError, match="parameters are Tensors, got a float"):
            lint(loss, wrong)
    optimizer = SGD(network().parameters(), lr=0.1)
    with pytest.raises(TypeError, match=r"got the optimizer SGD; .*lint\(loss, optimizer=\.\.\."):
        lint(loss, optimizer)
    with pytest.raises(TypeError, match="a MLP has no params; pass an optimizer, such as SGD"):
        lint(loss, optimizer=network())
    with pytest.raises(CaptureError, match="must not"):
        capture(lambda x: lint((leaf([1.0]) * x).sum()))(np.ones(1))


def test_a_loss_whose_margins_are_all_met_is_not_a_dead_layer():
    scores = Tensor(np.full((20, 2), 3.0), requires_grad=True)
    assert lint((1.0 - scores).relu().mean()).ok

"""Tests that a network whose step is more than its layers say is refused, and never shown wrongly.

Each of these had a text that computed something else, or that could not be run.
"""

import functools

import numpy as np
import pytest

import nn
import tinygrad_edu as tg
from nn import show_as
from nn.showing import LANGUAGES, ShowError
from nn.showing.network_text import _TAKEN
from tests.showing.cases import engine_step, state_of

NUMPY, TORCH, OURS = LANGUAGES
tanh = tg.tanh  # what a text must not confuse with a local function of this name


class Plain(nn.Module):
    """A network with its own forward."""

    factor = 1.0

    def __init__(self):
        self.a = nn.Linear(4, 6, generator=np.random.default_rng(1))
        self.out = nn.Linear(6, 3, generator=np.random.default_rng(2))

    def forward(self, x):
        """Apply both layers."""
        return self.out(tg.tanh(self.a(x)))


class Doubled(Plain):
    """A network that is more than its forward."""

    def __call__(self, x):
        """Double the logits."""
        return super().__call__(x) * 2


class Counting(Plain):
    """A network with a number that changes."""

    calls = 0

    @property
    def scale(self):
        """Count the calls."""
        type(self).calls += 1
        return 1.0 / type(self).calls

    def forward(self, x):
        """Scale the activations."""
        return self.out(tg.tanh(self.a(x)) * self.scale)


class Scaled(Plain):
    """A network with a number of NumPy."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        """Scale the activations."""
        return self.out(self.a(x) * self.factor)


class Backwards(Plain):
    """A network that reverses an axis, which PyTorch cannot by an index."""

    def forward(self, x):
        """Reverse the features."""
        return self.out(self.a(x)[:, ::-1])


class Hidden(Plain):
    """A network that uses the name of a module of PyTorch for a variable."""

    def forward(self, x):
        """Name the activations F."""
        F = self.a(x)
        return self.out(tg.silu(F))


class Quarter(Plain):
    """A network that computes with a quarter of the rows."""

    def forward(self, x):
        """Subtract the mean of the first rows."""
        h = self.a(x)
        return self.out(h - h[: x.shape[0] // 4].mean())


class ManyRows(Plain):
    """A network that treats large batches differently."""

    def forward(self, x):
        """Double large batches."""
        h = self.a(x)
        return self.out(h * 2 if len(x) > 20 else h)


class Chosen(Plain):
    """A network that chooses features by a tuple."""

    def forward(self, x):
        """Leave out and repeat features."""
        return self.out(self.a(x)[:, (0, 1, 2, 5, 5, 4)])


class F(Plain):
    """A network whose class has the name of a module in the text."""

    def forward(self, x):
        """Apply another activation."""
        return self.out(tg.silu(self.a(x)))


class Twice(nn.Tanh):
    """A module of one's own without parts."""

    def forward(self, x):
        """Double the activation."""
        return tg.tanh(x) * 2


def closed():
    """Make a network whose `tanh` is another function than that of the file."""

    def tanh(x):
        return x * 2

    class Closed(Plain):
        def forward(self, x):
            return self.out(tanh(self.a(x)))

    return Closed()


def wrapped():
    """Make a network whose forward was wrapped after the class was made."""

    class Wrapped(Plain):
        def forward(self, x):
            return self.out(tg.tanh(self.a(x)))

    inner = Wrapped.forward
    Wrapped.forward = functools.wraps(inner)(lambda self, x: inner(self, x) * 2)
    return Wrapped()


def hooked():
    """Make a network that halves a gradient."""
    network = Plain()
    network.a.weight.register_hook(lambda g: g * 0.5)
    return network


def frozen():
    """Make a network that is not trained at all."""
    network = Plain()
    network.requires_grad_(False)
    return network


def named(name):
    """Make a chain with a layer of this name."""
    return nn.Sequential({name: nn.Linear(4, 3, generator=np.random.default_rng(1))})


REFUSED = [  # the languages, the network, what the message says
    (LANGUAGES, hooked, "a.weight has a gradient hook"),
    (LANGUAGES, frozen, "all parameters are frozen"),
    ([TORCH, OURS], closed, "a call of tanh"),
    ([TORCH, OURS], wrapped, "decorated"),
    ([TORCH, OURS], Doubled, "has its own __call__"),
    (LANGUAGES, Counting, "computes another loss"),
    ([TORCH, OURS], lambda: Scaled(np.float64(0.3)), "'self.factor'"),
    ([TORCH, OURS], lambda: Scaled(np.nan), "'self.factor'"),
    ([TORCH, OURS], Backwards, "'::-1'"),
    ([TORCH, OURS], Hidden, "a variable named F"),
    ([NUMPY], Quarter, "shape for 1 rows"),
    ([NUMPY], ManyRows, "for 21 rows"),
    ([TORCH, OURS], lambda: named("class"), "'class' is not a name in Python"),
    ([TORCH, OURS], lambda: named("a-b"), "'a-b' is not a name in Python"),
    ([TORCH, OURS], lambda: named("\N{LATIN SMALL LIGATURE FI}rst"), "is not a name in Python"),
    (LANGUAGES, lambda: named('a"b'), "cannot be written"),
    ([TORCH], lambda: named("half"), "a method half"),
    (
        [TORCH, OURS],
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Lambda(tg.tanh)),
        "1 is a Lambda",
    ),
]


def example(dtype=np.float32):
    """Return a batch of eight rows."""
    generator = np.random.default_rng(7)
    return generator.normal(size=(8, 4)).astype(dtype), generator.integers(0, 3, 8)


@pytest.mark.parametrize(
    ("language", "make", "said"),
    [(language, make, said) for languages, make, said in REFUSED for language in languages],
)
def test_refused_in_one_line(language, make, said):
    with pytest.raises(ShowError, match=said) as caught:
        show_as(make(), language, *example())
    assert "\n" not in str(caught.value)


def test_numbers_that_pytorch_does_not_mix():
    for network, dtype in [(Plain(), np.float64), (Plain().astype("float64"), np.float32)]:
        show_as(network, NUMPY, *example(dtype))
        with pytest.raises(ShowError, match=r"pass x.astype\(\"float(32|64)\"\)"):
            show_as(network, TORCH, *example(dtype))
    with pytest.raises(ShowError, match="x is int64"):
        show_as(Plain(), TORCH, example()[0].astype(int), example()[1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_engine_refuses_has_no_text(language):
    """PyTorch broadcasts labels of shape (8,) to (8, 8), and trains something else."""
    network, (x, labels) = nn.MLP([4, 3, 1], seed=0), example()
    with pytest.raises(ValueError, match="must be the same"):
        show_as(network, language, x, labels.astype(np.float32), loss="mse_loss")


def test_optimizer_with_an_assigned_step():
    network = Plain()
    optimizer = nn.SGD(network.parameters(), lr=0.1)
    optimizer.step = lambda: None
    with pytest.raises(ShowError, match="a step that was assigned"):
        show_as(network, TORCH, *example(), optimizer=optimizer)


def replaced():
    """Make an MLP with another activation and a longer last part."""
    network = nn.MLP([4, 5, 3], "tanh", seed=1)
    network.tanh1 = nn.SiLU()
    network.linear2 = nn.Sequential(*(nn.Linear(5, k) for k in (5, 3)))
    return network


def described():
    """Make a network with a layer whose description is too long for a comment."""
    convolution = nn.Conv2d(
        *(4, 8, 1),
        stride=2,
        padding=1,
        dilation=2,
        groups=4,
        bias=False,
        padding_mode="replicate",
        generator=np.random.default_rng(1),
    )
    last = nn.Linear(32, 3, generator=np.random.default_rng(1))
    return nn.Sequential(nn.Unflatten(1, (4, 1, 1)), convolution, nn.Flatten(), last)


SHOWN = {
    "class F": (F, LANGUAGES),
    "tuple": (Chosen, [NUMPY]),
    "no parts": (
        lambda: nn.Sequential(nn.Linear(4, 3, generator=np.random.default_rng(1)), Twice()),
        LANGUAGES,
    ),
    "infinite": (
        lambda: nn.Sequential(
            nn.Linear(4, 3, generator=np.random.default_rng(1)), nn.Hardtanh(-np.inf, 2.0)
        ),
        LANGUAGES,
    ),
    "replaced": (replaced, LANGUAGES),
    "described in several lines": (described, [NUMPY]),
}


@pytest.mark.parametrize(
    ("language", "name"), [(lang, name) for name in SHOWN for lang in SHOWN[name][1]]
)
def test_shown_and_equal(language, name):
    network = SHOWN[name][0]()
    text = show_as(network, language, *example(), loss="softmax_cross_entropy")
    compile(text, name, "exec")
    if language == TORCH:
        pytest.importorskip("torch")
    program = text.run()
    step = engine_step(network, "softmax_cross_entropy", nn.SGD(network.parameters(), lr=0.1))
    for _ in range(10):
        assert program.step(*example()) == pytest.approx(step(*example()), abs=2e-5)
    ours, theirs = state_of(network), program.weights()
    for path, values in ours.items():
        np.testing.assert_allclose(
            theirs[path], values, atol=2e-5 if language == TORCH else 0, rtol=0
        )


def test_names_that_modules_of_pytorch_have():
    torch = pytest.importorskip("torch")
    public = {name for name in dir(torch.nn.Sequential()) if not name.startswith("_")}
    assert public <= _TAKEN

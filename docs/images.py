"""Makes the pictures for README and documentation: ``python -m docs.images``.

``python -m docs.images graphs steps`` makes some of them; the parts are in `PARTS`. It needs
Graphviz, and for pages a Chromium that Playwright can drive. All numbers come from
fixed seeds; nothing in the pictures is drawn by hand.
"""

from __future__ import annotations

import io
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from nn import (
    MLP,
    SGD,
    Classifier,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    Sequential,
    TransformerBlock,
    manual_gradients,
    softmax_cross_entropy,
)
from nn.data.digits import write_digits
from nn.slides import slides
from nn.training.figures.mistakes import confusion_figure
from nn.training.figures.saving import save_figure
from tinygrad_edu import DrawOptions, Stepper, Tensor, check_manual, draw, microscope, stepper, tanh

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
# Part of the address of each step, and what it shows.
STEPS = {"forward": "#step=2", "softmax": "#step=7", "backward": "#step=8", "update": "#step=12"}


def main(wanted: list[str]) -> None:
    """Make all of them, or some parts."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise SystemExit(f"found {unknown[0]!r}, expected some of: {', '.join(PARTS)}")
    IMAGES.mkdir(exist_ok=True)
    for name in wanted or PARTS:
        PARTS[name]()
    for path in sorted(IMAGES.iterdir()):
        print(f"{path.name:<24}{path.stat().st_size / 1e3:8.1f} kB")


def _network(structure: list[int], rows: int) -> tuple[MLP, Tensor, np.ndarray, Tensor]:
    generator = np.random.default_rng(4)
    network = MLP(structure, generator=generator, dtype=np.float64)
    x = Tensor(generator.normal(size=(rows, structure[0])).round(2), name="x")
    labels = generator.integers(0, structure[-1], rows)
    loss = softmax_cross_entropy(network(x), labels)
    loss.name = "loss"
    return network, x, labels, loss


def _graphs() -> None:
    """Draw a layer with its loss, a network by layers, and a mistake in a gradient by hand."""
    *_, loss = _network([3, 2], rows=4)
    loss.backward()
    draw(loss, title="A layer and its loss", options=DrawOptions(engine="dot")).save(
        IMAGES / "graph.svg"
    )
    network, x, labels, loss = _network([64, 128, 64, 10], rows=8)
    loss.backward()
    layers = draw(
        loss, view="layers", title="A network by layers", options=DrawOptions(engine="dot")
    )
    layers.save(IMAGES / "layers.svg")
    network, x, labels, loss = _network([3, 2], rows=4)
    loss.backward()
    mistaken = manual_gradients(network, x, labels)
    mistaken["linear1.bias"] = mistaken["linear1.bias"] / len(labels)  # averaged twice
    draw(loss, compare=mistaken, title="A mistake by hand", options=DrawOptions(engine="dot")).save(
        IMAGES / "compared.svg"
    )


class GPT(Module):
    """A GPT of 12 blocks, of width 64."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.tokens = Embedding(65, 64, generator=generator)
        self.positions = Embedding(32, 64, generator=generator)
        self.blocks = Sequential(
            *(
                TransformerBlock(
                    64, 4, 256, 0.0, "gelu", norm_first=True, causal=True, generator=generator
                )
                for _ in range(12)
            )
        )
        self.norm = LayerNorm(64)
        self.head = Linear(64, 65, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions(np.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))  # type: ignore[no-any-return]


def _large() -> None:
    """Draw a GPT of 12 blocks by layers, folded, and with the blocks opened together."""
    text = np.random.default_rng(1).integers(0, 65, (8, 33))
    tokens = Tensor(text[:, :-1], name="tokens")
    loss = softmax_cross_entropy(GPT()(tokens).reshape(-1, 65), text[:, 1:].reshape(-1))
    loss.name = "loss"
    loss.backward()
    for name, depth in (("gpt", None), ("gpt-open", 4)):
        options = DrawOptions(engine="dot", depth=depth, backward=depth is None)
        drawing = draw(loss, view="layers", direction="TB", title="A GPT", options=options)
        drawing.save(IMAGES / f"{name}.svg")


def _training() -> None:
    """Train on the digits, and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        train, test = write_digits(folder)
        net = Classifier([64, 128, 64, 10], folder, verbose=False)
        net.fit(train, test, epoch=20, alpha=0.1, batch_size=32, scale=16)
        for name in ("curves", "confusion", "mistakes", "weights"):
            (IMAGES / f"{name}.png").write_bytes(Path(folder, f"{name}.png").read_bytes())


def _checks() -> None:
    """Draw where a mistaken gradient differs, and the error of differences."""
    generator = np.random.default_rng(0)
    x, labels = generator.normal(size=(5, 4)), generator.integers(0, 3, 5)
    point = [generator.normal(size=(4, 6)), np.zeros(6), generator.normal(size=(6, 3)), np.zeros(3)]

    def loss(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
        return softmax_cross_entropy(tanh(x @ W1 + b1) @ W2 + b2, labels)

    def mine(W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray) -> list[np.ndarray]:
        a = np.tanh(x @ W1 + b1)
        z = a @ W2 + b2
        delta2 = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(3)[labels]) / len(x)
        delta1 = delta2 @ W2.T
        return [x.T @ delta1, delta1.sum(axis=0), a.T @ delta2, delta2.sum(axis=0)]

    save_figure(check_manual(loss, mine, *point).figure(), IMAGES / "error-maps.png")
    seen = microscope(lambda x: np.sin(x**3).sum(), np.array([0.5, 1.2]))
    save_figure(seen.figure(), IMAGES / "microscope.png")


def example_page() -> Stepper:
    """Make the page of a training step that the documentation shows."""
    network, x, labels, loss = _network([2, 3, 2], rows=4)
    return stepper(
        loss,
        model=network,
        optimizer=SGD(network.parameters(), lr=0.1),
        compare=manual_gradients(network, x, labels),
        title="One training step of a 2-3-2 network",
    )


def _steps() -> None:
    """Open the page in a browser, and take pictures of some steps."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = example_page().save(Path(folder, "stepper.html")).resolve()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, step in STEPS.items():
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.goto(path.as_uri() + step)
            page.wait_for_timeout(300)
            page.screenshot(path=IMAGES / f"step-{name}.png")
        browser.close()


def _slides() -> None:
    """Export the frames of the page, and keep one of the backward pass."""
    with tempfile.TemporaryDirectory() as folder:
        frames = example_page().export(folder, formats=["svg"], animation=None)
        (IMAGES / "slide.svg").write_bytes(frames.svg[8].read_bytes())


def _film() -> None:
    """Film a training on three rings, and draw a confusion matrix for a slide."""
    rng = np.random.default_rng(1)
    y = np.arange(240) % 3
    angle, radius = rng.uniform(0, 2 * np.pi, 240), y + rng.normal(0.6, 0.12, 240)
    x = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    net = Classifier([2, 16, 3], verbose=False)
    history = net.fit(
        x, y, epochs=24, optimizer="adam", learning_rate=0.02, batch_size=16, figures=["film"]
    )
    history.film(IMAGES / "film.gif")
    with slides():
        save_figure(confusion_figure([[57, 2, 1], [3, 53, 4], [0, 5, 55]]), IMAGES / "large.png")


# The state of the playground in each picture, and how much of the page it shows.
PLAYED = {
    "playground": (
        "data=spirals&classes=3&opt=SGD:momentum=0.9;Adam:lr=0.03&change=150:batch=20&step=400",
        1000,
    ),
    "playground-stopped": (
        "data=hills&opt=SGD:momentum=0.9&change=100:opt=SGD:lr=1:momentum=0.9&step=200",
        490,
    ),
    "playground-nudge": ("data=circles&step=100", 0),
}


def _playground() -> None:
    """Open the playground in a browser, and take pictures of some states."""
    from playwright.sync_api import sync_playwright

    from nn.playground.serving.server import Server

    with Server() as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (state, height) in PLAYED.items():
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(f"{server.address.partition('#')[0]}#{state}")
            page.wait_for_selector("#opening", state="hidden")
            page.wait_for_timeout(1000)
            if height:
                picture = page.screenshot(clip={"x": 0, "y": 0, "width": 1400, "height": height})
            else:
                page.locator("#network button.unit").nth(3).click()
                page.get_by_label("Nudge the bias by").fill("1")
                page.get_by_label("Make the bias larger").click()
                page.wait_for_selector(".peek .nudged:not([hidden])")
                picture = page.locator(".hero").screenshot()
            _save_small(picture, IMAGES / f"{name}.png")
        browser.close()
        server.shutdown()


def _save_small(picture: bytes, path: Path) -> None:
    """Save a picture of a page with 256 colours, which is a third of the size."""
    with Image.open(io.BytesIO(picture)) as image:
        few = image.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
        few.save(path, optimize=True)


PARTS = {
    "graphs": _graphs,
    "large": _large,
    "training": _training,
    "checks": _checks,
    "steps": _steps,
    "slides": _slides,
    "film": _film,
    "playground": _playground,
}

if __name__ == "__main__":
    main(sys.argv[1:])

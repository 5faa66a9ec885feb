"""The time to draw pictures, with and without Graphviz, and the size of the stepper's pages."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.processes import note
from benchmarks.tables import number, table
from nn import (
    MLP,
    SGD,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    Sequential,
    TransformerBlock,
    manual_gradients,
    softmax_cross_entropy,
)
from tinygrad_edu import DrawOptions, Tensor, draw, stepper

__all__ = ["measure"]

NODES = (20, 250, 2_000)
PAGES = {"2-3-2, batch 4": ([2, 3, 2], 4), "64-128-64-10, batch 8": ([64, 128, 64, 10], 8)}
BLOCKS = (2, 12)
LIMIT = 60.0  # seconds that Graphviz may take


def measure(rounds: int) -> dict[str, Any]:
    """Measure and print both; no goals are set."""
    results: dict[str, Any] = {"drawing": {}, "pages": {}}
    rows = []
    for nodes in NODES:
        loss, exact = _graph(nodes)
        ways: dict[str, Callable[[], Any]] = {
            "snapshot": lambda loss=loss: draw(loss, max_nodes=10_000).dot,
            "built-in": lambda loss=loss: _draw(loss, "builtin"),
            "graphviz": lambda loss=loss: _draw(loss, "dot"),
        }
        times = {}
        for way, run in ways.items():
            note(f"pictures of {exact:,} nodes, {way}")
            times[way] = _seconds(run, rounds if nodes < 1_000 else min(rounds, 3))
        note("")
        results["drawing"][exact] = times
        cells = ["-" if times[way] is None else number(times[way] * 1e3, 1) for way in ways]
        rows.append((f"{exact:,} nodes", cells))
    heads = ["snapshot", "built-in", "Graphviz"]
    table("pictures of random graphs, as svg, in ms", heads, rows)
    results["layers"], rows = {}, []
    for blocks in BLOCKS:
        note(f"pictures of a GPT of {blocks} blocks, by layers")
        loss = _gpt(blocks)
        seconds = _seconds(lambda loss=loss: draw(loss, view="layers").svg(), rounds)
        nodes = len(draw(loss, view="layers").picture.cards)
        results["layers"][blocks] = {"seconds": seconds, "boxes": nodes}
        rows.append((f"{blocks} blocks", [str(nodes), number((seconds or 0) * 1e3, 0)]))
        note("")
    table("pictures of a training step of a GPT, by layers, as svg", ["boxes", "ms"], rows)
    rows = []
    for name, (structure, batch) in PAGES.items():
        page = _page(structure, batch)
        seconds = _seconds(lambda s=structure, b=batch: _page(s, b), rounds)
        results["pages"][name] = {"bytes": len(page), "seconds": seconds}
        rows.append((name, [number(len(page) / 1e3, 1), number((seconds or 0) * 1e3, 0)]))
    table("pages of the stepper", ["kB", "ms to make"], rows)
    return results


def _graph(nodes: int) -> tuple[Tensor, int]:
    """Return a result whose graph has about `nodes` nodes, and their exact number."""
    generator = random.Random(0)
    tensors = [Tensor(generator.random(), requires_grad=True) for _ in range(4)]
    while 2 * len(tensors) - 4 < nodes:
        last, other = tensors[-1], generator.choice(tensors[-8:-1])
        tensors.append(generator.choice((last * other, last - other, last.tanh())))
    tensors[-1].backward()
    graph = draw(tensors[-1], max_nodes=10_000).graph
    return tensors[-1], len(graph.tensors) + len(graph.operations)


class _GPT(Module):
    """A GPT of width 64 with 4 heads, for texts of length 64."""

    def __init__(self, blocks: int) -> None:
        options: dict[str, Any] = {"generator": np.random.default_rng(0)}
        self.tokens = Embedding(65, 64, **options)
        self.positions = Embedding(64, 64, **options)
        block = (64, 4, 256, 0.0, "gelu")
        layers = [TransformerBlock(*block, norm_first=True, causal=True) for _ in range(blocks)]
        self.blocks = Sequential(*layers)
        self.norm, self.head = LayerNorm(64), Linear(64, 65, **options)

    def forward(self, tokens: np.ndarray) -> Tensor:
        x = self.tokens(tokens) + self.positions(np.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))  # type: ignore[no-any-return]


def _gpt(blocks: int) -> Tensor:
    """Return the loss of a GPT on 16 texts, with its gradients."""
    tokens = np.random.default_rng(0).integers(0, 65, (16, 65))
    logits = _GPT(blocks)(tokens[:, :-1])
    loss = softmax_cross_entropy(logits.reshape(-1, 65), tokens[:, 1:].reshape(-1))
    loss.backward()
    return loss


def _draw(loss: Tensor, engine: str) -> str:
    return draw(loss, max_nodes=10_000, options=DrawOptions(engine=engine, timeout=LIMIT)).svg()


def _page(structure: list[int], batch: int) -> bytes:
    generator = np.random.default_rng(0)
    network = MLP(structure, seed=0)
    x = generator.normal(size=(batch, structure[0]))
    labels = generator.integers(0, structure[-1], batch)
    loss = softmax_cross_entropy(network(Tensor(x, dtype=np.float32, name="x")), labels)
    page = stepper(
        loss,
        model=network,
        optimizer=SGD(network.parameters(), lr=0.1),
        compare=manual_gradients(network, x, labels),
    )
    return page.html().encode("utf-8")


def _seconds(run: Callable[[], Any], rounds: int) -> float | None:
    """Return the median time; None if Graphviz is missing or takes too long."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        try:
            run()
        except RuntimeError:
            return None
        times.append(perf_counter() - start)
    return median(times)

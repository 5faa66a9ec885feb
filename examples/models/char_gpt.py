"""A small GPT: a transformer that writes text, character by character.

Attention lets each place look at all places before it, at once, instead of carrying a state from
one to the next (Vaswani et al., 2017; Radford et al., 2018). All places of a text are trained in
parallel: a mask hides from each what comes after it. The text is the beginning of "Alice's
Adventures in Wonderland", as in `char_lstm.py`, and so is the loss: on a part that it was not
trained on, in nats per character.
"""

from functools import partial

import numpy as np
from alice import bigram_loss, load_text, windows
from program import Run, start

import nn
from nn.initializers import normal
from tinygrad_edu import capture, no_grad

SEED = 0
LENGTH, BATCH = 64, 16


class GPT(nn.Module):
    """Embeddings of characters and places, blocks of causal attention, and scores."""

    def __init__(self, characters, generator, width=64, heads=4, blocks=3):
        options = {"generator": generator, "initializer": partial(normal, std=0.1)}
        self.tokens = nn.Embedding(characters, width, **options)
        self.places = nn.Embedding(LENGTH, width, **options)
        self.blocks = nn.ModuleList(
            nn.TransformerBlock(
                width,
                heads,
                4 * width,
                dropout=0.0,
                activation="gelu",
                norm_first=True,
                causal=True,
                generator=generator,
            )
            for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, characters, generator=generator)

    def forward(self, numbers):
        """Return the scores of the next character, for each place."""
        x = self.tokens(numbers) + self.places(np.arange(numbers.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.out(self.norm(x))


def loss_of(network, inputs, targets):
    scores = network(inputs)
    return nn.softmax_cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))


def validation_loss(network, numbers):
    """Return the mean loss over pieces of the text that follow each other."""
    starts = range(0, len(numbers) - LENGTH, LENGTH)
    with no_grad():
        return loss_of(network, *windows(numbers, starts, LENGTH)).item()


def train(network, text, validation, steps, generator):
    """Train on random pieces of the text; return (step, loss, validation loss) now and then."""
    optimizer = nn.AdamW(network.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = nn.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps, pct_start=0.1)

    @capture
    def step(inputs, targets):
        optimizer.zero_grad()
        loss = loss_of(network, inputs, targets)
        loss.backward(keep_interior=False)
        nn.clip_grad_norm(network.parameters(), 1.0)
        optimizer.step()
        return loss

    history, losses = [], []
    for number in range(1, steps + 1):
        starts = generator.integers(0, len(text) - LENGTH, BATCH)
        losses.append(step(*windows(text, starts, LENGTH)).item())
        schedule.step()
        if number % (steps // 8) == 0:
            history.append((number, np.mean(losses), validation_loss(network, validation)))
            print("step {}: loss {:.3f}, validation {:.3f}".format(*history[-1]), flush=True)
            losses = []
    return history


def write(network, characters, beginning, count, generator, temperature=0.7):
    """Continue a text: draw one character after the other from the predicted probabilities."""
    numbers = [characters.index(character) for character in beginning]
    with no_grad():
        for _ in range(count):
            scores = network(np.array([numbers[-LENGTH:]]))  # it sees at most LENGTH characters
            chances = np.exp(scores.data[0, -1].astype(np.float64) / temperature)
            numbers.append(int(generator.choice(len(characters), p=chances / chances.sum())))
    return "".join(characters[number] for number in numbers)


def main(quick=False, out=None):
    """Train on nine tenths of the text, and write some."""
    run = Run("char_gpt", out, SEED)
    generator = np.random.default_rng(SEED)
    text, validation, characters = load_text()
    network = GPT(len(characters), generator, blocks=1 if quick else 3)
    history = train(network, text, validation, 200 if quick else 1600, generator)
    baseline = bigram_loss(text, validation, len(characters))
    print(write(network, characters, "Alice ", 60 if quick else 400, generator))

    figure = run.figure(6, 3)
    ax = figure.subplots()
    steps, losses, validations = zip(*history, strict=True)
    ax.plot(steps, losses, "o-", label="training")
    ax.plot(steps, validations, "s-", label="validation")
    ax.axhline(baseline, color="grey", linestyle=":", label="pairs of characters")
    ax.set(xlabel="step", ylabel="loss (nats per character)")
    ax.legend()
    run.save(figure, "losses")
    run.draw(loss_of(network, *windows(text, [0], LENGTH)), network, "A character GPT", depth=2)
    return run.finish(validation_loss=validations[-1], baseline=baseline)


if __name__ == "__main__":
    start(main)

"""A recurrent network that writes text, character by character.

An LSTM (Hochreiter and Schmidhuber, 1997) reads one character after another and carries a state:
what it has to remember of the text so far. At each character it predicts the next. To write, it
reads what it has written itself. The text is the beginning of "Alice's Adventures in Wonderland".
The loss is that of a part that it was not trained on, in nats per character; the baseline knows how
often each character follows each other one.
"""

import numpy as np
from alice import bigram_loss, load_text, windows
from program import Run, start

import nn
from tinygrad_edu import capture, no_grad

SEED = 0
LENGTH, BATCH = 64, 32


class CharLSTM(nn.Module):
    """A vector for each character, an LSTM, and a score for each possible next character."""

    def __init__(self, characters, generator, width=32, units=128):
        self.embedding = nn.Embedding(characters, width, generator=generator)
        self.lstm = nn.LSTM(width, units, batch_first=True, generator=generator)
        self.out = nn.Linear(units, characters, generator=generator)

    def forward(self, numbers, state=None):
        """Return the scores for each place, and the state after the last one."""
        outputs, state = self.lstm(self.embedding(numbers), state)
        return self.out(outputs), state


def loss_of(network, inputs, targets):
    scores, _ = network(inputs)
    return nn.softmax_cross_entropy(scores.reshape(-1, scores.shape[-1]), targets.reshape(-1))


def validation_loss(network, numbers):
    """Return the mean loss over pieces of the text that follow each other."""
    starts = range(0, len(numbers) - LENGTH, LENGTH)
    with no_grad():
        return loss_of(network, *windows(numbers, starts, LENGTH)).item()


def train(network, text, validation, steps, generator):
    """Train on random pieces of the text; return (step, loss, validation loss) now and then."""
    optimizer = nn.Adam(network.parameters(), lr=4e-3)
    schedule = nn.CosineAnnealingLR(optimizer, T_max=steps)

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
    written, state = beginning, None
    numbers = np.array([[characters.index(character) for character in beginning]])
    with no_grad():
        for _ in range(count):
            scores, state = network(numbers, state)  # the state remembers all that was read
            chances = np.exp(scores.data[0, -1].astype(np.float64) / temperature)
            numbers = generator.choice(len(characters), (1, 1), p=chances / chances.sum())
            written += characters[numbers.item()]
    return written


def main(quick=False, out=None):
    """Train on nine tenths of the text, and write some."""
    run = Run("char_lstm", out, SEED)
    generator = np.random.default_rng(SEED)
    text, validation, characters = load_text()
    network = CharLSTM(len(characters), generator, units=64 if quick else 128)
    history = train(network, text, validation, 160 if quick else 800, generator)
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
    run.draw(loss_of(network, *windows(text, [0], LENGTH)), network, "A character LSTM")
    return run.finish(validation_loss=validations[-1], baseline=baseline)


if __name__ == "__main__":
    start(main)

"""The text that the language models learn from, and what they are compared with.

The models themselves are in `char_lstm.py` and `char_gpt.py`.
"""

from pathlib import Path

import numpy as np


def load_text():
    """Return alice.txt as numbers for training, numbers for validation, and its characters.

    It is the first five chapters of Lewis Carroll's "Alice's Adventures in Wonderland" (1865). The
    last tenth is for validation.
    """
    text = Path(__file__).with_name("alice.txt").read_text("ascii")
    characters = sorted(set(text))
    numbers = np.array([characters.index(character) for character in text])
    cut = len(numbers) * 9 // 10
    return numbers[:cut], numbers[cut:], characters


def bigram_loss(train, validation, size):
    """Return the loss per character of the best guess from the previous character alone."""
    counts = np.full((size, size), 0.1)  # so that no pair is impossible
    np.add.at(counts, (train[:-1], train[1:]), 1)
    chances = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log(chances[validation[:-1], validation[1:]]).mean())


def windows(numbers, starts, length):
    """Return pieces of a text, and the same pieces one character later, as targets."""
    places = np.asarray(starts)[:, None] + np.arange(length)
    return numbers[places], numbers[places + 1]

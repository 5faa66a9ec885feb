"""Trains and saves the same classifier in the original's way: sample by sample, in plain NumPy."""

import json
import pickle
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas

from benchmarks.by_hand import one_by_one_step
from benchmarks.programs.resident import peak

EPOCHS = 1
BATCH = 64

train_data, folder, _ = sys.argv[1:]
table = pandas.read_csv(train_data).to_numpy()
labels, features = table[:, 0], table[:, 1:].astype(np.float32) / 255
generator = np.random.default_rng(0)
structure = [784, 128, 64, 10]
weights = [
    (generator.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)).astype(np.float32)
    for inputs, outputs in pairwise(structure)
]
biases = [np.zeros(width, np.float32) for width in structure[1:]]
step = one_by_one_step(weights, biases, BATCH, lr=0.01)

start = time.perf_counter()
for _ in range(EPOCHS):
    order = generator.permutation(len(labels))
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        loss = step(features[rows], labels[rows])
training = time.perf_counter() - start
with Path(folder, "loop.pkl").open("wb") as file:
    pickle.dump({"weights": weights, "bias": biases}, file)
print(json.dumps({"training": training, "epochs": EPOCHS, "loss": loss, "peak": peak()}))

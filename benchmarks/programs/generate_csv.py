"""Writes a CSV file of MNIST's shape: 28 x 28 pixels, four in five of them 0, and a label.

The file repeats a thousand different rows, the same ones every time. It is read as slowly as any
other file, but written quickly.
"""

import gzip
import sys

import numpy as np

path, count = sys.argv[1], int(sys.argv[2])
generator = np.random.default_rng(0)
# The border is always 0, as in MNIST. Three in eight of the inner pixels are not 0, and mostly
# bright, so the file is as large as that of MNIST.
images = np.zeros((1_000, 28, 28), int)
inside = (1_000, 20, 20)
images[:, 4:-4, 4:-4] = generator.integers(32, 256, inside) * (generator.random(inside) < 3 / 8)
labels = np.arange(1_000) % 10
table = np.column_stack([labels, images.reshape(1_000, 784)])
rows = [",".join(map(str, row)) + "\n" for row in table.tolist()]

header = "label," + ",".join(f"pixel{number}" for number in range(1, 785)) + "\n"
with gzip.open(path, "wt") if path.endswith(".gz") else open(path, "w", encoding="utf-8") as file:
    file.write(header)
    for start in range(0, count, 1_000):
        chosen = generator.permutation(1_000)[: count - start]
        file.writelines(rows[number] for number in chosen.tolist())
print("{}")

"""A table with text, missing cells and an id: from the file to predictions, and what matters."""

from pathlib import Path

import numpy as np

from nn import DataError, model

folder = Path("runs/examples/table")
folder.mkdir(parents=True, exist_ok=True)
generator = np.random.default_rng(0)
lines = ["id,color,price,sold,size"]
for number in range(200):
    color = generator.choice(["red", "green", "blue"])
    price = generator.uniform(5, 50)
    liked = {"red": 0.7, "green": 0.3, "blue": 0.3}[color] + generator.normal(0, 0.05)
    sold = "yes" if liked > price / 50 else "no"
    size = "" if number % 10 == 7 else f"{generator.uniform(1, 9):.1f}"
    lines.append(f"{number + 1000},{color},{price:.2f},{sold},{size}")
table = folder / "shop.csv"
table.write_text("\n".join(lines) + "\n", "utf-8")

net = model(base_address=folder)
try:  # each line of the error says what can be done about a column
    net.fit(table, label="sold")
except DataError as error:
    print(error, end="\n\n")

options = {"id": "id", "encode": "onehot", "missing": "median", "validation": 0.2, "figures": []}
net.fit(table, label="sold", epochs=30, learning_rate=0.1, standardize=True, **options)
print(net.report(table))
print(net.understand(table).important_features())

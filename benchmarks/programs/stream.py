"""Trains a classifier on a CSV file, with its rows on disk or in memory, and times the parts."""

import json
import sys
import time

from benchmarks.programs.resident import peak
from nn import model
from nn.data.files import read_files

way, path, folder, epochs = sys.argv[1:]
stream = way == "stream"
start = time.perf_counter()
data = read_files(path, "train_data", stream=stream)
reading = time.perf_counter() - start
after_reading = peak()
rows = len(data.features)
del data
net = model(structure=[784, 128, 64, 10], base_address=folder, verbose=False)
history = net.fit(train_data=path, epochs=int(epochs), learning_rate=0.01, scale=255, stream=stream)
result = {
    "reading": reading,
    "peak_reading": after_reading,
    "fit": time.perf_counter() - start - reading,
    "epochs": [epoch.seconds for epoch in history],
    "rows": rows,
    "loss": history[-1].train_loss,
    "peak": peak(),
}
print(json.dumps(result))

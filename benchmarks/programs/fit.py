"""Trains and saves a classifier with `nn.model`."""

import json
import sys

from benchmarks.programs.resident import peak
from nn import model

train_data, folder, epochs = sys.argv[1:]
net = model(structure=[784, 128, 64, 10], base_address=folder)
history = net.fit(train_data=train_data, epoch=int(epochs), alpha=0.01, batch_size=64, scale=255)
result = {
    "training": sum(epoch.seconds for epoch in history),
    "loss": history[-1].train_loss,
    "peak": peak(),
}
print(json.dumps(result))

"""Looks for a learning rate with the data and the network of a user.

The search itself and its result are in `learning_rate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .choices import make_optimizer
from .dataset.learning_data import read_learning_data
from .fitting import structure_for
from .learning_rate import RateSearch, search_rates
from .objectives import objective_of
from .options import Plan
from .step import Step

if TYPE_CHECKING:
    from .classifier import Classifier

__all__ = ["find_rate"]


def find_rate(
    net: Classifier, plan: Plan, smallest: float, largest: float, steps: int
) -> RateSearch:
    """Search a learning rate; see `Classifier.find_learning_rate`.

    Parameters
    ----------
    net : Classifier
        What is trained; a copy of its network is.
    plan : Plan
        The data and the options.
    smallest, largest, steps
        As for `search_rates`.
    """
    known = net.knowledge if net._fitted else None
    splitting = np.random.default_rng(None if net.seed is None else [net.seed, 1])
    data = read_learning_data(plan, known, net.structure, net.dtype, splitting, net.task)
    structure = net.structure or structure_for(data)
    network = net._copy_of_network(structure)
    samples = data.samples(net.dtype)
    objective = objective_of(net.task, samples[1], structure[-1])
    optimizer = make_optimizer(
        plan.optimizer, network.parameters(), smallest, plan.get("weight_decay", 0.0)
    )
    step = Step(network, optimizer, objective, plan.get("clip"))
    generator = np.random.default_rng(net.seed)
    rows: list[int] = []
    network.train()

    def train_with(rate: float) -> float:
        """Take a step on the next batch."""
        if not rows:
            rows.extend(generator.permutation(len(samples[0])).tolist())
        batch = [rows.pop() for _ in range(min(plan.batch_size, len(rows)))]
        optimizer.lr = rate
        with np.errstate(all="ignore"):  # of weights that diverge
            return step(*(part[batch] for part in samples))[0]

    return search_rates(train_with, smallest, largest, steps)

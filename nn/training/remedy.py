"""Looks for a learning rate that works, after a training has diverged.

Advice that was tried is better than advice: a step of training with the smaller rate decides.
"""

from __future__ import annotations

import numpy as np

from tinygrad_edu import GradientError

from ..module import Module
from .choices import make_optimizer
from .loop import Loop, Samples
from .metrics import measure
from .objectives import Objective
from .options import Plan

__all__ = ["smaller_rate"]

_ROWS = 4096
_FACTORS = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e8)


@np.errstate(all="ignore")  # of weights that diverge
def smaller_rate(network: Module, samples: Samples, plan: Plan, objective: Objective) -> str | None:
    """Return a sentence with a learning rate that lowers the loss; None if none was found.

    Parameters
    ----------
    network : Module
        The network with its last good weights; it does not change.
    samples : tuple of (inputs, targets) or (inputs, targets, weights)
        What it learns; at most a few thousand evenly spaced rows are used.
    plan : Plan
        The arguments of `fit`.
    objective : Objective
        What is minimised.
    """
    step = -(-len(samples[0]) // _ROWS)
    some = tuple(part[::step] for part in samples)
    before = network.state_dict()
    try:
        start = measure(network, some[0], some[1], objective).loss
        for factor in _FACTORS:
            rate = float(f"{plan.alpha / factor:.3g}")
            end = _loss_after_an_epoch(network, some, plan, objective, rate)
            if end < start:
                rows = "" if step == 1 else f" on {len(some[0]):,} rows"
                return (
                    f"A learning rate of {rate:g} was tried for one epoch{rows}, and the loss fell "
                    f"from {start:.4g} to {end:.4g}"
                )
            network.load_state_dict(before)
    finally:
        network.load_state_dict(before)
    return None


def _loss_after_an_epoch(
    network: Module, samples: Samples, plan: Plan, objective: Objective, rate: float
) -> float:
    decay = plan.get("weight_decay", 0.0)
    optimizer = make_optimizer(plan.optimizer, network.parameters(), rate, decay)
    generator = np.random.default_rng(0)
    loop = Loop(
        *(network, optimizer, samples),
        epochs=1,
        batch_size=plan.batch_size,
        generator=generator,
        objective=objective,
        clip=plan.get("clip"),
    )
    try:
        loop.run()
    except GradientError:
        return float("inf")
    return measure(network, samples[0], samples[1], objective).loss

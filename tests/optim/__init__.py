"""Optimizers, schedules, clipping of gradients, and averages of weights."""

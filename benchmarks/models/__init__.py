"""Training steps of networks that people build: convolution, attention, recurrence.

Every library runs the same step in natural code, as its users write it: loss, gradients, SGD.
`problems` draws the parameters and batches, `ours`, `pytorch` and `jax_jit` are the candidates,
`measure` times them in turn and compares their losses and gradients first.
"""

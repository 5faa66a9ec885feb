"""More update rules with a mistake: those that are wrong in a loop over all parameters.

It is not a test module, because pytest rewrites those, and a rewritten function has no source.
"""

import numpy as np

KINDS = {}


def kind(name, rule, words, line=""):
    """Mark a step that is wrong: what must be said, and a piece of the line to name, if any."""

    def mark(step):
        KINDS[name] = (rule, words, line, step)
        return step

    return mark


@kind("uphill", "sgd", "added instead of subtracted", "params[k] = params[k] + lr * grads[k]")
def uphill(params, grads, lr):
    for k in params:
        params[k] = params[k] + lr * grads[k]


@kind("a local copy", "sgd", "not changed|not updated|stay", "w = w - lr * grads[k]")
def local_copy(params, grads, lr):
    for k in params:
        w = params[k]
        w = w - lr * grads[k]


@kind("a list that is not written", "sgd", "not changed|not updated|stay", "w = w - lr * g")
def list_not_written(weights, grads, lr):
    for w, g in zip(weights, grads, strict=True):
        w = w - lr * g
    return weights


@kind("biases forgotten", "sgd", "bias.* not (changed|updated)|b1")
def biases_forgotten(params, grads, lr):
    for k in params:
        if k[0] == "W":
            params[k] = params[k] - lr * grads[k]


@kind("the last alone", "sgd", "W1.* not (changed|updated)|only the last", "params[k] = new")
def last_alone(params, grads, lr):
    for k in params:
        new = params[k] - lr * grads[k]
    params[k] = new


@kind("parameter and gradient exchanged", "sgd", "exchanged|swapped|wrong way round",
      "params[k] = grads[k] - lr * params[k]")  # fmt: skip
def exchanged(params, grads, lr):
    for k in params:
        params[k] = grads[k] - lr * params[k]


@kind("the step alone", "sgd", "step alone|w - is missing|w is missing|wrong way round",
      "params[k] = lr * grads[k]")  # fmt: skip
def step_alone(params, grads, lr):
    for k in params:
        params[k] = lr * grads[k]


@kind("minus the step alone", "sgd", r"missing|\+=", "params[k] = -lr * grads[k]")
def minus_the_step(params, grads, lr):
    for k in params:
        params[k] = -lr * grads[k]


@kind("the sign of the gradient", "sgd", "sign", "params[k] -= lr * np.sign(grads[k])")
def sign_of_the_gradient(params, grads, lr):
    for k in params:
        params[k] -= lr * np.sign(grads[k])


@kind("divided by the batch again", "sgd", "len", "params[k] -= lr * grads[k] / len(grads[k])")
def divided_again(params, grads, lr):
    for k in params:
        params[k] -= lr * grads[k] / len(grads[k])


@kind("one velocity for all", "momentum", "velocity|shared|one state", 'state["v"] = mu')
def one_velocity(params, grads, state, lr, mu):
    for k in params:
        state["v"] = mu * state.get("v", 0) + grads[k].sum()
        params[k] = params[k] - lr * state["v"]


@kind("t counts parameters", "adam", "t counts|t is", 'state["t"] = state.get("t", 0) + 1')
def t_counts_parameters(params, grads, state, lr, beta1, beta2, eps):
    for k in params:
        state["t"] = state.get("t", 0) + 1
        t = state["t"]
        m = state["m", k] = beta1 * state.get(("m", k), 0) + (1 - beta1) * grads[k]
        v = state["v", k] = beta2 * state.get(("v", k), 0) + (1 - beta2) * grads[k] ** 2
        params[k] = params[k] - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)

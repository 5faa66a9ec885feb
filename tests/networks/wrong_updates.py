"""Update rules as people write them, each with a mistake, and what must be said of it."""

import numpy as np

WRONG = []


def wrong(rule, words, corrected="", **settings):
    """Mark a step that is wrong: what must be said, and the corrected line, where it is found.

    None means that no line is named.
    """

    def mark(step):
        WRONG.append((rule, settings, words, corrected, step))
        return step

    return mark


@wrong("sgd", "the gradient is added instead of subtracted", "return w - lr * g")
def uphill(w, g, lr=0.1):
    return w + lr * g


@wrong("sgd", "learning rate is missing", "return w - g * lr")
def without_a_rate(w, g, lr):
    return w - g


@wrong("sgd", "learning rate is used twice", "step = g")
def with_the_rate_twice(w, g, lr):
    step = lr * g
    w -= lr * step


@wrong("sgd", "the wrong way round")
def upside_down(w, g, lr):
    return lr * g - w


@wrong("sgd", "counted twice", "params[k] -= lr * (grads[k] + wd * params[k])")
def decays_twice(params, grads, lr, wd):
    for k in params:
        if k.startswith("b"):
            params[k] -= lr * grads[k]
        else:
            params[k] -= lr * (grads[k] + 2 * wd * params[k])


@wrong("sgd", "biases are decayed too")
def decays_biases(params, grads, lr, weight_decay):
    for k in params:
        params[k] -= lr * (grads[k] + weight_decay * params[k])


@wrong("sgd", "weight decay is missing", weight_decay=0.01)
def decays_nothing(w, g, lr):
    return w - lr * g


@wrong("sgd", "the weights grow", "g = g + wd * w")
def grows(w, g, lr, wd):
    g = g - wd * w
    return w - lr * g


@wrong("sgd", "not multiplied by the learning rate")
def decays_without_a_rate(w, g, lr, wd):
    return w - lr * g - wd * w


@wrong("sgd", "the decay takes the new weights")
def decays_afterwards(w, g, lr, wd):
    w = w - lr * g
    return w - lr * wd * w


@wrong("momentum", "momentum has the wrong sign", "v = g + mu * v")
def brakes(w, g, v, lr, mu):
    v = g - mu * v
    return w - lr * v, v


@wrong("momentum", "velocity is not kept")
def forgets_the_velocity(w, g, v, lr, mu):
    v = mu * v + g
    return w - lr * v


@wrong("momentum", "the old velocity")
def uses_the_velocity_first(w, g, v, lr, mu):
    w = w - lr * v
    v = mu * v + g
    return w, v


@wrong("momentum", "moving average", "v = mu * v + g")
def averages(w, g, v, lr, mu):
    v = mu * v + (1 - mu) * g
    return w - lr * v, v


@wrong("classic_momentum", "uphill", "w = w + v")
def subtracts_the_velocity(w, g, v, lr, mu):
    v = mu * v - lr * g
    w = w - v
    return w, v


@wrong("classic_momentum", "the learning rate is used twice", "w = w + v")
def takes_the_rate_again(w, g, v, lr, mu):
    v = mu * v - lr * g
    w = w + lr * v
    return w, v


@wrong("nesterov", "this is plain momentum")
def looks_nowhere(w, g, v, lr, mu):
    v = mu * v + g
    return w - lr * v, v


@wrong("nesterov", "this is plain momentum", "return w - lr * (g + mu * v), v")
def looks_with_the_old_velocity(w, g, v_prev, lr, mu):
    v = mu * v_prev + g
    return w - lr * (g + mu * v_prev), v


@wrong("adagrad", "not summed")
def forgets_the_squares(w, g, s, lr, eps):
    s = g**2
    return w - lr * g / (np.sqrt(s) + eps), s


@wrong("adagrad", "square root of s is missing")
def takes_no_root(w, g, s, lr, eps):
    s += g**2
    return w - lr * g / (s + eps)


@wrong("rmsprop", "beta2 and 1 - beta2 are exchanged")
def exchanges_the_weights(w, g, s, lr, rho, eps):
    s = (1 - rho) * s + rho * g**2
    return w - lr * g / (np.sqrt(s) + eps), s


@wrong("rmsprop", "as in AdaGrad")
def sums_the_squares(w, g, s, lr, rho, eps):
    s = s + g**2
    return w - lr * g / (np.sqrt(s) + eps), s


@wrong("adam", "the bias correction is missing")
def corrects_nothing(w, g, m, v, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    w = w - lr * m / (np.sqrt(v) + eps)
    return w, m, v


@wrong("adam", "t counts from 0")
def counts_from_zero(params, grads, state, lr, beta1, beta2, eps):
    t = state.get("t", 0)
    for k in params:
        m = state["m", k] = beta1 * state.get(("m", k), 0) + (1 - beta1) * grads[k]
        v = state["v", k] = beta2 * state.get(("v", k), 0) + (1 - beta2) * grads[k] ** 2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        params[k] = params[k] - lr * m_hat / (np.sqrt(v_hat) + eps)
    state["t"] = t + 1


@wrong("adam", "inside the square root")
def puts_eps_into_the_root(w, g, m, v, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    w -= lr * mhat / np.sqrt(vhat + eps)
    return w, m, v


@wrong("adam", "beta1 and beta2 are exchanged")
def exchanges_the_betas(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta2 * m + (1 - beta2) * g
    v = beta1 * v + (1 - beta1) * g**2
    mhat = m / (1 - beta2**t)
    vhat = v / (1 - beta1**t)
    w -= lr * mhat / (np.sqrt(vhat) + eps)
    return w, m, v


@wrong("adam", "the square root of v is missing")
def divides_by_the_square(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    w -= lr * mhat / (vhat + eps)
    return w, m, v


@wrong("adam", "m is updated after its use")
def updates_m_last(w, g, m, v, t, lr, beta1, beta2, eps):
    v = beta2 * v + (1 - beta2) * g**2
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    m = beta1 * m + (1 - beta1) * g
    return w, m, v


@wrong("adam", "m is not kept")
def forgets_the_first_moment(w, g, m, v, t, lr, beta1, beta2, eps):
    m = (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, m, v


@wrong("adam", "beta1 is used instead of beta2", "v_hat = v / (1 - beta2**t)")
def corrects_with_the_other_beta(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta1**t)
    w = w - lr * m_hat / (np.sqrt(v_hat) + eps)
    return w, m, v


@wrong("adam", "not squared", "v = beta2 * v + (1 - beta2) * g**2")
def forgets_the_square(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    w = w - lr * m_hat / (np.sqrt(v_hat) + eps)
    return w, m, v


@wrong("adam", "corrected again")
def keeps_corrected_moments(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m = m / (1 - beta1**t)
    v = v / (1 - beta2**t)
    w = w - lr * m / (np.sqrt(v) + eps)
    return w, m, v


@wrong("adamw", "added to the gradient, as in Adam")
def couples_the_decay(params, grads, m, v, t, lr, beta1, beta2, eps, wd):
    for k in params:
        g = grads[k] + wd * params[k] if k[0] == "W" else grads[k]
        m[k] = beta1 * m[k] + (1 - beta1) * g
        v[k] = beta2 * v[k] + (1 - beta2) * g**2
        m_hat, v_hat = m[k] / (1 - beta1**t), v[k] / (1 - beta2**t)
        params[k] -= lr * m_hat / (np.sqrt(v_hat) + eps)


@wrong("adam", "applied to the parameter directly")
def decouples_the_decay(w, g, m, v, t, lr, beta1, beta2, eps, wd):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + eps) - lr * wd * w, m, v


@wrong("momentum", "velocity is not kept")
def throws_the_velocity_away(params, grads, v, lr, mu):
    for k in params:
        velocity = mu * v[k] + grads[k]
        params[k] -= lr * velocity


@wrong("adam", "t stays at 1")
def counts_nothing(w, g, m, v, lr=0.01, beta1=0.9, beta2=0.97, eps=1e-8):
    t = 1
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    w = w - rate * m / (np.sqrt(v) + eps)
    return w, m, v


@wrong("adam", "returned in the wrong order", None)
def returns_the_moments_exchanged(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, v, m


# Known to no table: the line alone.


@wrong("adam", "line", "m = beta1 * m + (1 - beta1) * g")
def uses_the_parameter(w, g, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * w
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    w = w - lr * m_hat / (np.sqrt(v_hat) + eps)
    return w, m, v


@wrong("rmsprop", "line", "s = rho * s + (1 - rho) * g**2")
def cubes(w, g, s, lr, rho, eps):
    s = rho * s + (1 - rho) * g**3
    return w - lr * g / (np.sqrt(s) + eps), s

"""Update rules as people write them: right ones, and wrong ones with what must be said of them."""

import numpy as np

RIGHT, WRONG = [], []


def right(rule, **settings):
    """Mark a step that is right."""

    def mark(step):
        RIGHT.append((rule, settings, step))
        return step

    return mark


def wrong(rule, words, corrected="", **settings):
    """Mark a step that is wrong: what must be said, and the corrected line, where it is found."""

    def mark(step):
        WRONG.append((rule, settings, words, corrected, step))
        return step

    return mark


# Right ------------------------------------------------------------------------------------------


@right("sgd", lr=0.1)
def returns_the_new_parameter(w, g):
    return w - 0.1 * g


@right("sgd")
def changes_in_place(w, grad, learning_rate=0.05):
    w -= learning_rate * grad


@right("sgd", lr=0.2)
def loops_over_dictionaries(params, grads):
    for name in params:
        params[name] = params[name] - 0.2 * grads[name]
    return params


@right("sgd")
def loops_over_lists(params, grads, eta):
    return [p - eta * g for p, g in zip(params, grads, strict=True)]


@right("sgd", lr=0.1, weight_decay=0.01)
def decays_whatever_it_gets(w, g):
    return w - 0.1 * (g + 0.01 * w)


@right("sgd")
def decays_weights(params, grads, lr, wd):
    for key in params:
        g = grads[key]
        if params[key].ndim > 1:
            g = g + wd * params[key]
        params[key] -= lr * g


@right("momentum")
def heavy_ball(w, g, v, lr, momentum):
    v = momentum * v + g
    return w - lr * v, v


@right("momentum")
def velocity_with_the_rate(w, dw, v, lr=0.01, mu=0.9):
    v = mu * v - lr * dw
    w = w + v
    return w, v


@right("classic_momentum")
def velocity_of_the_other_sign(w, g, velocity, lr, mu):
    velocity *= mu
    velocity += lr * g
    w -= velocity


@right("momentum")
def with_a_config(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("momentum", 0.9)
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    next_w = w + v
    config["velocity"] = v
    return next_w, config


@right("momentum")
def of_a_course(parameters, grads, v, beta, learning_rate):
    for number in range(1, len(parameters) // 2 + 1):
        for kind in "Wb":
            key = kind + str(number)
            v["d" + key] = beta * v["d" + key] + grads["d" + key]
            parameters[key] = parameters[key] - learning_rate * v["d" + key]
    return parameters, v


@right("nesterov")
def with_the_velocity_before(x, dx, v, learning_rate, mu):
    v_prev = v
    v = mu * v - learning_rate * dx
    x = x + (-mu * v_prev + (1 + mu) * v)
    return x, v


@right("adagrad")
def with_a_cache(w, g, cache, lr=0.1, eps=1e-7):
    if "s" not in cache:
        cache["s"] = np.zeros_like(w)
    cache["s"] += np.square(g)
    return w - lr / np.sqrt(cache["s"] + eps) * g


@right("rmsprop")
def with_a_decay_rate(w, g, s, lr, decay_rate, eps):
    s = decay_rate * s + (1 - decay_rate) * g * g
    w = w - lr * g / (s**0.5 + eps)
    return w, s


@right("adam")
def adam_of_the_paper(theta, g, m, v, t, alpha=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * np.power(g, 2)
    rate = alpha * np.sqrt(1 - beta2**t) / (1 - beta1**t)
    return theta - rate * m / (np.sqrt(v) + epsilon), m, v


@right("adam")
def adam_that_counts(w, g, m, v, t, lr, betas=(0.9, 0.99), eps=1e-8):
    t += 1
    m += (1 - betas[0]) * (g - m)
    v += (1 - betas[1]) * (g**2 - v)
    w -= lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return w, m, v, t


@right("adam")
def adam_with_a_state(params, grads, state, lr=0.01, b1=0.8, b2=0.9, eps=1e-6):
    state["t"] = state.get("t", 0) + 1
    for k, g in grads.items():
        m = state[f"m_{k}"] = b1 * state.get(f"m_{k}", 0) + (1 - b1) * g
        v = state[f"v_{k}"] = b2 * state.get(f"v_{k}", 0) + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1 ** state["t"]), v / (1 - b2 ** state["t"])
        params[k] = params[k] - lr * m_hat / (np.sqrt(v_hat) + eps)
    return params, state


class AdamOfAClass:
    """Keeps its state in itself."""

    def __init__(self, lr=0.01, beta1=0.9, beta2=0.95, eps=1e-8):
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        for key in params:
            self.m[key] = self.beta1 * self.m.get(key, 0) + (1 - self.beta1) * grads[key]
            self.v[key] = self.beta2 * self.v.get(key, 0) + (1 - self.beta2) * grads[key] ** 2
            m_hat = self.m[key] / (1 - self.beta1**self.t)
            v_hat = self.v[key] / (1 - self.beta2**self.t)
            params[key] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)


right("adam")(AdamOfAClass().update)


def with_a_closure(lr, mu):
    v = {}

    def step(params, grads):
        for key in params:
            v[key] = mu * v.get(key, 0) + grads[key]
            params[key] = params[key] - lr * v[key]
        return params

    return step


right("momentum")(with_a_closure(0.1, 0.9))


@right("adamw", weight_decay=0.1)
def adamw_of_pytorch(w, g, m, v, t, lr, beta1, beta2, eps):
    w = w * (1 - lr * 0.1)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), m, v


@right("adamw")
def adamw_of_the_paper(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    step = lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w - step - weight_decay * w, m, v


@right("sgd")
def in_single_precision(w, g, lr):
    return (w - lr * g).astype(np.float32)


@right("momentum")
def returns_the_velocity_alone(w, g, v, lr, mu):
    v = mu * v + g
    w -= lr * v
    return v


# Wrong ------------------------------------------------------------------------------------------


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

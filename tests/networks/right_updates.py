"""Update rules as people write them, all of them right."""

import numpy as np

RIGHT = []


def right(rule, **settings):
    """Mark a step that is right."""

    def mark(step):
        RIGHT.append((rule, settings, step))
        return step

    return mark


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


@right("adam")
def with_a_tuple_for_the_state(w, g, state, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8):
    m, v, t = state
    t += 1
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    return w, (m, v, t)


@right("adam")
def with_names_of_its_own(params, grads, state, lr, beta1, beta2, eps):
    state["step"] += 1
    for k in params:
        state["exp_avg"][k] = beta1 * state["exp_avg"][k] + (1 - beta1) * grads[k]
        state["exp_avg_sq"][k] = beta2 * state["exp_avg_sq"][k] + (1 - beta2) * grads[k] ** 2
        m_hat = state["exp_avg"][k] / (1 - beta1 ** state["step"])
        v_hat = state["exp_avg_sq"][k] / (1 - beta2 ** state["step"])
        params[k] -= lr * m_hat / (np.sqrt(v_hat) + eps)


VELOCITY = None


@right("momentum")
def with_a_global_velocity(w, g, lr=0.1, mu=0.9):
    global VELOCITY  # noqa: PLW0603 - as people write it
    if VELOCITY is None:
        VELOCITY = np.zeros_like(w)
    VELOCITY = mu * VELOCITY + g
    return w - lr * VELOCITY


@right("momentum")
def with_an_attribute(w, g, lr=0.1, mu=0.9):
    if not hasattr(with_an_attribute, "v"):
        with_an_attribute.v = 0
    with_an_attribute.v = mu * with_an_attribute.v + g
    return w - lr * with_an_attribute.v


@right("sgd")
def takes_the_gradient_first(grad, w, lr):
    return w - lr * grad

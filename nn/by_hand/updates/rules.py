"""Update rules as in the textbook: what an optimizer does with a parameter and its gradient.

Each rule is a function of one parameter `w`, its gradient `g` and the state of the rule; it
returns the new parameter and the new state, and changes nothing in place. This file imports only
NumPy and shares nothing with the optimizers, so each can check the other.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "adagrad",
    "adam",
    "adamw",
    "classic_momentum",
    "momentum_step",
    "nesterov",
    "rmsprop",
    "sgd",
]

Array: TypeAlias = NDArray[Any]


def sgd(w: Array, g: Array, *, lr: float, weight_decay: float = 0.0) -> Array:
    """Compute a step of gradient descent.

    1. ``g = g + λ w``, the gradient of the loss plus ``λ/2 Σ w²``
    2. ``w = w - η g``

    Parameters
    ----------
    w, g : ndarray
        A parameter and its gradient.
    lr : float
        The learning rate η.
    weight_decay : float
        λ; 0 for biases, which are not regularized.

    Returns
    -------
    ndarray

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, sections 7.1.1 and 8.3.1.

    Examples
    --------
    >>> sgd(np.array([1.0]), np.array([2.0]), lr=0.1)
    array([0.8])
    """
    g = g + weight_decay * w  # equation 1
    return np.asarray(w - lr * g)  # equation 2


def momentum_step(
    w: Array, g: Array, v: Array, *, lr: float, momentum: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Compute a step with momentum (heavy ball), in the form of `nn.SGD` and PyTorch.

    1. ``g = g + λ w``
    2. ``v = μ v + g``
    3. ``w = w - η v``

    Parameters
    ----------
    w, g, v : ndarray
        A parameter, its gradient, and its velocity, which is 0 at first.
    lr, momentum, weight_decay : float
        η, μ and λ.

    Returns
    -------
    w, v : ndarray

    References
    ----------
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    Examples
    --------
    >>> momentum_step(np.array([1.0]), np.array([2.0]), np.array([1.0]), lr=0.1, momentum=0.5)
    (array([0.75]), array([2.5]))
    """
    g = g + weight_decay * w  # equation 1
    v = momentum * v + g  # equation 2
    return w - lr * v, v  # equation 3


def classic_momentum(
    w: Array, g: Array, v: Array, *, lr: float, momentum: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Compute a step with momentum where the velocity contains the learning rate.

    1. ``g = g + λ w``
    2. ``v = μ v - η g``
    3. ``w = w + v``

    While η is constant, `w` is that of `momentum_step`, and `v` is -η times its `v`.

    Parameters
    ----------
    w, g, v : ndarray
        A parameter, its gradient, and its velocity, which is 0 at first.
    lr, momentum, weight_decay : float
        η, μ and λ.

    Returns
    -------
    w, v : ndarray

    References
    ----------
    Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in deep
    learning", ICML 2013, equations 1 and 2.

    Examples
    --------
    >>> classic_momentum(np.array([1.0]), np.array([2.0]), np.array([0.4]), lr=0.1, momentum=0.5)
    (array([1.]), array([0.]))
    """
    g = g + weight_decay * w  # equation 1
    v = momentum * v - lr * g  # equation 2
    return w + v, v  # equation 3


def nesterov(
    w: Array, g: Array, v: Array, *, lr: float, momentum: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Compute a step of Nesterov's method, in the form of `nn.SGD` and PyTorch.

    1. ``g = g + λ w``
    2. ``v = μ v + g``
    3. ``w = w - η (g + μ v)``

    Here `w` is the point at which the gradient is taken, so it is ahead by a step of momentum.

    Parameters
    ----------
    w, g, v : ndarray
        A parameter, its gradient, and its velocity, which is 0 at first.
    lr, momentum, weight_decay : float
        η, μ and λ.

    Returns
    -------
    w, v : ndarray

    References
    ----------
    Sutskever et al. 2013, in the form of Bengio, Boulanger-Lewandowski and Pascanu, "Advances in
    optimizing recurrent networks", 2012, equation 7.

    Examples
    --------
    >>> nesterov(np.array([1.0]), np.array([2.0]), np.array([0.0]), lr=0.1, momentum=0.5)
    (array([0.7]), array([2.]))
    """
    g = g + weight_decay * w  # equation 1
    v = momentum * v + g  # equation 2
    return w - lr * (g + momentum * v), v  # equation 3


def adagrad(
    w: Array, g: Array, s: Array, *, lr: float, eps: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Compute a step of AdaGrad.

    1. ``g = g + λ w``
    2. ``s = s + g²``
    3. ``w = w - η g / (√s + ε)``

    Parameters
    ----------
    w, g, s : ndarray
        A parameter, its gradient, and the sum of squares so far, which is 0 at first.
    lr, eps, weight_decay : float
        η, ε and λ.

    Returns
    -------
    w, s : ndarray

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12, 2011; Goodfellow et al.,
    algorithm 8.4.

    Examples
    --------
    >>> adagrad(np.array([1.0]), np.array([2.0]), np.array([12.0]), lr=0.2, eps=0.0)
    (array([0.9]), array([16.]))
    """
    g = g + weight_decay * w  # equation 1
    s = s + g**2  # equation 2
    return w - lr * g / (np.sqrt(s) + eps), s  # equation 3


def rmsprop(
    w: Array, g: Array, s: Array, *, lr: float, beta2: float, eps: float, weight_decay: float = 0.0
) -> tuple[Array, Array]:
    """Compute a step of RMSProp.

    1. ``g = g + λ w``
    2. ``s = β2 s + (1 - β2) g²``
    3. ``w = w - η g / (√s + ε)``

    Parameters
    ----------
    w, g, s : ndarray
        A parameter, its gradient, and the average of squares, which is 0 at first.
    lr, beta2, eps, weight_decay : float
        η, β2 (also called ρ, or the decay rate), ε and λ.

    Returns
    -------
    w, s : ndarray

    References
    ----------
    Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5, 2012.

    Examples
    --------
    >>> rmsprop(np.array([1.0]), np.array([2.0]), np.array([0.0]), lr=0.1, beta2=0.75, eps=0.0)
    (array([0.8]), array([1.]))
    """
    g = g + weight_decay * w  # equation 1
    s = beta2 * s + (1 - beta2) * g**2  # equation 2
    return w - lr * g / (np.sqrt(s) + eps), s  # equation 3


def adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Compute a step of Adam.

    1. ``g = g + λ w``
    2. ``m = β1 m + (1 - β1) g``
    3. ``v = β2 v + (1 - β2) g²``
    4. ``m̂ = m / (1 - β1ᵗ)`` and ``v̂ = v / (1 - β2ᵗ)``
    5. ``w = w - η m̂ / (√v̂ + ε)``

    Parameters
    ----------
    w, g, m, v : ndarray
        A parameter, its gradient, and its first and second moment, which are 0 at first.
    t : int
        The number of this step, from 1.
    lr, beta1, beta2, eps, weight_decay : float
        η, β1, β2, ε and λ.

    Returns
    -------
    w, m, v : ndarray

    References
    ----------
    Kingma and Ba, "Adam: A method for stochastic optimization", ICLR 2015, algorithm 1.

    Examples
    --------
    In the first step, bias correction makes m̂ = g and v̂ = g², so `w` moves by the learning rate.

    >>> start = np.array([0.0])
    >>> w, _, _ = adam(
    ...     np.array([1.0]), np.array([5.0]), start, start, 1, lr=0.1, beta1=0.9, beta2=0.999, eps=0
    ... )
    >>> w
    array([0.9])
    """
    g = g + weight_decay * w  # equation 1
    m = beta1 * m + (1 - beta1) * g  # equation 2
    v = beta2 * v + (1 - beta2) * g**2  # equation 3
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)  # equation 4
    return w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v  # equation 5


def adamw(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    *,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """Compute a step of Adam with weight decay that the moments do not see, as PyTorch does.

    1. ``w = w - η λ w``
    2. ``m = β1 m + (1 - β1) g``
    3. ``v = β2 v + (1 - β2) g²``
    4. ``m̂ = m / (1 - β1ᵗ)`` and ``v̂ = v / (1 - β2ᵗ)``
    5. ``w = w - η m̂ / (√v̂ + ε)``

    Parameters
    ----------
    w, g, m, v : ndarray
        A parameter, its gradient, and its first and second moment, which are 0 at first.
    t : int
        The number of this step, from 1.
    lr, beta1, beta2, eps, weight_decay : float
        η, β1, β2, ε and λ.

    Returns
    -------
    w, m, v : ndarray

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2, with
    η in equation 1.

    Examples
    --------
    >>> start, settings = np.array([0.0]), dict(beta1=0.9, beta2=0.999, eps=0, weight_decay=0.5)
    >>> adamw(np.array([1.0]), np.array([5.0]), start, start, 1, lr=0.1, **settings)[0]
    array([0.85])
    """
    w = w - lr * weight_decay * w  # equation 1
    m = beta1 * m + (1 - beta1) * g  # equation 2
    v = beta2 * v + (1 - beta2) * g**2  # equation 3
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)  # equation 4
    return w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v  # equation 5

"""L-BFGS: a quasi-Newton method, which evaluates the loss several times in a step.

The line search is in `line_search.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import CaptureError, GradientError, Tensor
from tinygrad_edu.primitive import tick

from ..checks import check_count, check_number
from .adaptive import Parameters
from .groups import State
from .line_search import Point, strong_wolfe
from .optimizer import Array, Optimizer

__all__ = ["LBFGS"]

_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """The quasi-Newton method L-BFGS, for smooth losses without noise: all samples in each step.

    An iteration moves by ``p = p - t H g``, where ``H`` approximates the inverse of the matrix of
    second derivatives. It starts as ``H = (s·y / y·y) I``, and each of the last changes ``s`` of
    the parameters and ``y`` of the gradient corrects it, the oldest first::

        H = (I - s yᵀ / s·y) H (I - y sᵀ / s·y) + s sᵀ / s·y

    The matrix is never formed: two loops over the changes compute ``H g``. `t` is the learning
    rate, or the result of a line search. The first iteration moves along the negative gradient;
    without a line search its absolute values add up to at most `lr`.

    Source: Nocedal and Wright, "Numerical Optimization" (2006), algorithms 7.4 and 7.5.

    Parameters
    ----------
    params : iterable of Tensor
        The tensors to update; one group.
    lr : float
        The distance to try first, above 0.
    max_iter, max_eval : int
        The most iterations and evaluations of the loss in a step; by default, `max_eval` is
        ``max_iter * 5 // 4``.
    tolerance_grad : float
        Stop when no entry of the gradient is larger.
    tolerance_change : float
        Stop when loss or parameters change less.
    history_size : int
        The number of changes that are remembered.
    line_search_fn : str or None
        ``"strong_wolfe"`` for a line search; None moves by `lr`.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range, and parameters that cannot be updated.

    Notes
    -----
    A step decides by values how often it evaluates the loss, so `capture` refuses it. Capture the
    closure instead.

    Examples
    --------
    >>> from nn import LBFGS
    >>> from tinygrad_edu import Tensor
    >>> x = Tensor([-1.2, 1.0], requires_grad=True)
    >>> optimizer = LBFGS([x], max_iter=50, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> x.data.round(4)
    array([1., 1.])
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_count("max_iter", max_iter)
        super().__init__(
            params,
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )

    def add_param_group(self, group: Any) -> None:
        """Refuse a second group: all parameters move together."""
        if self.param_groups:
            raise ValueError("LBFGS has one group of parameters, because all move together")
        super().add_param_group(group)

    @classmethod
    def check(
        cls,
        max_iter: int,
        max_eval: int,
        tolerance_grad: float,
        tolerance_change: float,
        history_size: int,
        line_search_fn: str | None,
        **others: Any,
    ) -> None:
        """Check the options.

        Parameters
        ----------
        max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn : object
        **others : object
            Options that are checked elsewhere.
        """
        check_count("max_iter", max_iter)
        check_count("max_eval", max_eval)
        check_count("history_size", history_size)
        check_number("tolerance_grad", tolerance_grad, least=0.0)
        check_number("tolerance_change", tolerance_change, least=0.0)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(
                f"line_search_fn must be 'strong_wolfe' or None, got {line_search_fn!r}"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move until the loss changes little, or `max_iter` times.

        Parameters
        ----------
        closure : callable
            Sets the gradients to None, computes the loss and the gradients, and returns the loss.

        Returns
        -------
        object
            The loss before the step, as the closure returned it.

        Raises
        ------
        TypeError
            Without a closure.
        GradientError
            If no parameter has a gradient, or if the loss is not finite.
        """
        if closure is None:
            raise TypeError(
                "LBFGS evaluates the loss several times; pass step() a function that calls "
                "zero_grad() and backward(), and returns the loss"
            )
        evaluate = _Evaluation(closure, self.params)
        loss, gradient = evaluate()
        options, state = self.param_groups[0].plain(), self.state[self.params[0]]
        if not np.isfinite(loss):
            raise GradientError(
                f"the loss is {loss}, and LBFGS cannot decrease it; find the cause with "
                "detect_anomaly()"
            )
        first = evaluate.last
        state["n_iter"] = state.get("n_iter", 0)
        tolerance = options["tolerance_grad"]
        for number in range(1, options["max_iter"] + 1):
            if np.abs(gradient).max() <= tolerance:
                break
            state["n_iter"] = state["n_iter"] + 1
            direction = _direction(state, gradient, options["history_size"])
            before, slope = loss, float(gradient @ direction)
            t = options["lr"]
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(np.abs(gradient).sum()))
            state.update(d=direction, t=t, prev_flat_grad=gradient)
            if slope > -options["tolerance_change"]:
                break
            start = Point(0.0, loss, slope, gradient)
            is_last = number == options["max_iter"]
            loss, gradient, t = _move(evaluate, start, direction, t, options, is_last)
            state["t"] = t
            is_small = np.abs(direction * t).max() <= options["tolerance_change"]
            is_done = evaluate.count >= options["max_eval"]
            if is_done or is_small or abs(loss - before) < options["tolerance_change"]:
                break
        state["func_evals"] = state.get("func_evals", 0) + evaluate.count
        return first


class _Evaluation:
    """Calls the closure, and moves the parameters as one vector."""

    def __init__(self, closure: Callable[[], Any], params: list[Tensor]) -> None:
        self._closure = closure
        self._params = params
        self.dtype = np.result_type(*[parameter.dtype for parameter in params])
        self.count = 0
        self.last: Any = None

    def __call__(self) -> tuple[float, Array]:
        """Return the loss and the gradient."""
        self.last = self._closure()
        self.count += 1
        gradients = [p._grad if p._requires_grad else None for p in self._params]
        if all(gradient is None for gradient in gradients):
            raise GradientError("the closure left no gradients; call loss.backward() in it")
        parts = [
            np.zeros(parameter.size) if gradient is None else np.ravel(gradient)
            for parameter, gradient in zip(self._params, gradients, strict=True)
        ]
        return _number(self.last), np.concatenate(parts).astype(self.dtype)

    def positions(self) -> list[Any]:
        """Return the values of the parameters."""
        return [parameter._data for parameter in self._params]

    def move(self, positions: list[Any], t: float, direction: Array) -> None:
        """Set the parameters to ``positions + t * direction``, in new arrays."""
        now, offset = tick(), 0
        for parameter, old in zip(self._params, positions, strict=True):
            part = direction[offset : offset + parameter.size].reshape(parameter.shape)
            parameter._data = (old + t * part).astype(parameter.dtype)
            parameter._version = now
            offset += parameter.size


def _number(loss: Any) -> float:
    try:
        return float(loss.item() if hasattr(loss, "item") else loss)
    except CaptureError as error:
        raise CaptureError(
            "LBFGS decides by the values of the loss how often it evaluates it, and a replay "
            "cannot decide; capture the closure instead of the step"
        ) from error


def _move(
    evaluate: _Evaluation,
    start: Point,
    direction: Array,
    t: float,
    options: dict[str, Any],
    is_last: bool,
) -> tuple[float, Array, float]:
    """Move along the direction; return the loss, the gradient, and the distance."""
    positions = evaluate.positions()
    if options["line_search_fn"] is None:
        evaluate.move(positions, t, direction)
        if is_last:  # nothing uses the new loss
            return start.loss, start.gradient, t
        return (*evaluate(), t)

    def point(distance: float) -> Point:
        evaluate.move(positions, distance, direction)
        loss, gradient = evaluate()
        return Point(distance, loss, float(gradient @ direction), gradient)

    largest = float(np.abs(direction).max())
    most = options["max_eval"] - evaluate.count
    try:
        best, _ = strong_wolfe(point, start, t, options["tolerance_change"] / largest, most)
    except BaseException:
        evaluate.move(positions, 0.0, direction)
        raise
    evaluate.move(positions, best.t, direction)
    return best.loss, best.gradient, best.t


def _direction(state: State, gradient: Array, history_size: int) -> Array:
    """Return the direction ``-H g``; remember the last change of parameters and gradient."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -gradient
    y = gradient - state["prev_flat_grad"]
    s = state["d"] * float(state["t"])
    curvature = float(y @ s)
    changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
    if curvature > _LEAST_CURVATURE:
        if len(changes) == history_size:
            for kept in (changes, steps, inverses):
                kept.pop(0)
        changes.append(y)
        steps.append(s)
        inverses.append(1.0 / curvature)
        state["H_diag"] = curvature / float(y @ y)
    q, factors = -gradient, []
    remembered = list(zip(changes, steps, inverses, strict=True))
    for y, s, inverse in reversed(remembered):
        factors.append(float(s @ q) * inverse)
        q = q - factors[-1] * y
    q = q * float(state["H_diag"])
    for (y, s, inverse), factor in zip(remembered, reversed(factors), strict=True):
        q = q + s * (factor - float(y @ q) * inverse)
    return q

"""Losses as modules, for people who keep them in a variable: ``criterion = CrossEntropyLoss()``.

The functions are operations of `tinygrad_edu`; a module keeps their settings. Arguments have
PyTorch's names; all except the weights are passed by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_edu import (
    Tensor,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)

from ..module import Module

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
    "SmoothL1Loss",
]

_ARRAYS = ("weight", "pos_weight")


class Loss(Module):
    """A module that compares predictions with targets; the base class of those below.

    A subclass names the function, ``class MSELoss(Loss, function=mse_loss)``. Its settings are the
    function's keyword arguments, with their defaults. Weights are buffers.

    Examples
    --------
    >>> from nn.layers.losses import Loss
    >>> def squared(predictions, targets, *, factor=1.0):
    ...     return factor * ((predictions - targets) ** 2).sum()
    >>> class Squared(Loss, function=squared):
    ...     "Sums up squared deviations."
    >>> Squared(factor=2.0)([1.0, 2.0], [1.0, 0.0]).item()
    8.0
    """

    _function: ClassVar[Callable[..., Any]]
    _names: ClassVar[tuple[str, ...]] = ()
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, function: Callable[..., Any] | None = None) -> None:
        super().__init_subclass__()
        if function is None:
            return
        cls._function = staticmethod(function)
        given = list(inspect.signature(function).parameters.values())[2:]
        cls._names = tuple(one.name for one in given)
        either, by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
        settings = [one.replace(kind=either) for one in given if one.name == "weight"]
        settings += [one.replace(kind=by_name) for one in given if one.name != "weight"]
        cls.__signature__ = inspect.Signature(settings)

    def __init__(self, *settings: Any, **named: Any) -> None:
        kind = type(self)
        try:
            bound = kind.__signature__.bind(*settings, **named)
        except TypeError as problem:
            raise TypeError(
                f"{kind.__name__}: {problem}; expected {kind.__name__}{kind.__signature__}"
            ) from None
        bound.apply_defaults()
        for name in self._names:
            if name in _ARRAYS:
                self.register_buffer(name, bound.arguments[name])
            else:
                setattr(self, name, bound.arguments[name])

    def forward(self, predictions: Any, targets: Any) -> Tensor:
        """Compute the loss."""
        settings = {name: getattr(self, name) for name in self._names}
        for name in _ARRAYS:
            if isinstance(settings.get(name), Tensor):
                settings[name] = settings[name].data
        predictions = predictions if isinstance(predictions, Tensor) else Tensor(predictions)
        return self._function(predictions, targets, **settings)  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the settings that are not the default."""
        usual = type(self).__signature__.parameters
        settings = {name: getattr(self, name) for name in self._names if name not in _ARRAYS}
        changed = {name: value for name, value in settings.items() if value != usual[name].default}
        return ", ".join(f"{name}={value!r}" for name, value in changed.items())


class CrossEntropyLoss(Loss, function=cross_entropy):
    """The cross-entropy of logits and class numbers; see `tinygrad_edu.cross_entropy`.

    Parameters
    ----------
    weight : array_like, shape (classes,), optional
        The weight of each class.
    ignore_index : int
        A label that is skipped.
    label_smoothing : float
        The share of the target that is spread over all classes, 0..1.
    reduction : {"mean", "sum", "none"}
        How the losses of the examples are combined.

    Examples
    --------
    >>> from nn import CrossEntropyLoss
    >>> round(CrossEntropyLoss()([[0.0, 0.0]], [1]).item(), 4)
    0.6931
    """


class NLLLoss(Loss, function=nll_loss):
    """The negative log-likelihood of log-probabilities, as `LogSoftmax` returns them.

    Parameters
    ----------
    weight : array_like, shape (classes,), optional
        The weight of each class.
    ignore_index : int
        A label that is skipped.
    reduction : {"mean", "sum", "none"}
        How the losses of the examples are combined.

    Examples
    --------
    >>> from nn import NLLLoss
    >>> NLLLoss()([[-2.0, -0.5]], [1]).item()
    0.5
    """


class BCEWithLogitsLoss(Loss, function=binary_cross_entropy_with_logits):
    """The binary cross-entropy of logits and targets between 0 and 1.

    Parameters
    ----------
    weight : array_like, optional
        The weight of each element; must broadcast.
    pos_weight : array_like, optional
        The weight of the positive part.
    reduction : {"mean", "sum", "none"}
        How the losses of the elements are combined.

    Examples
    --------
    >>> from nn import BCEWithLogitsLoss
    >>> round(BCEWithLogitsLoss()([0.0, 0.0], [1, 0]).item(), 4)
    0.6931
    """


class MSELoss(Loss, function=mse_loss):
    """The squared error.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        How the errors of the elements are combined.

    Examples
    --------
    >>> from nn import MSELoss
    >>> MSELoss()([1.0, 2.0], [1.0, 0.0]).item()
    2.0
    """


class L1Loss(Loss, function=l1_loss):
    """The absolute error.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        How the errors of the elements are combined.

    Examples
    --------
    >>> from nn import L1Loss
    >>> L1Loss()([1.0, 2.0], [1.0, 0.0]).item()
    1.0
    """


class HuberLoss(Loss, function=huber_loss):
    """The squared error near 0, and the absolute error far from it.

    Parameters
    ----------
    delta : float
        Where the one ends and the other begins.
    reduction : {"mean", "sum", "none"}
        How the errors of the elements are combined.

    Examples
    --------
    >>> from nn import HuberLoss
    >>> HuberLoss()([0.0, 3.0], [0.0, 0.0]).item()
    1.25
    """


class SmoothL1Loss(Loss, function=smooth_l1_loss):
    """`HuberLoss` divided by its bend: the absolute error far from 0.

    Parameters
    ----------
    beta : float
        Where the squared error ends and the absolute one begins.
    reduction : {"mean", "sum", "none"}
        How the errors of the elements are combined.

    Examples
    --------
    >>> from nn import SmoothL1Loss
    >>> SmoothL1Loss()([0.0, 3.0], [0.0, 0.0]).item()
    1.25
    """


class KLDivLoss(Loss, function=kl_div):
    """The divergence of log-probabilities from target probabilities; see `tinygrad_edu.kl_div`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none", "batchmean"}
        How the divergences are combined.
    log_target : bool
        Whether the targets are log-probabilities too.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import KLDivLoss
    >>> p = np.array([[0.5, 0.5]])
    >>> KLDivLoss(reduction="batchmean")(np.log(p), p).item()
    0.0
    """

"""What to write here for what other libraries call otherwise.

Only errors use it: for names that a Tensor does not have, and arguments that a function does not
take.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from . import ops

__all__ = ["Missing", "Size", "attach", "refuse_arguments"]

_ON_CPU = "values are always NumPy arrays in main memory; leave it out"
_IN_PLACE = "tensors are not changed in place; write x.data = new_values"
_IN_PLACE_METHODS = (
    "abs_ add_ addcdiv_ addcmul_ assign bernoulli_ ceil_ clamp_ clip_ copy_ cos_ cumsum_ div_ "
    "erf_ exp_ fill_ fill_diagonal_ floor_ index_add_ index_copy_ index_fill_ lerp_ log_ "
    "masked_fill_ mul_ neg_ normal_ pow_ random_ relu_ round_ rsqrt_ scatter_ scatter_add_ set_ "
    "sigmoid_ sin_ sqrt_ squeeze_ sub_ t_ tanh_ transpose_ tril_ triu_ uniform_ unsqueeze_ zero_"
)
_AS_DTYPE = "write x.astype(dtype)"
_ATTRIBUTES = {
    "add": "write x + y",
    "backward_hook": "write x.register_hook(function)",
    "bmm": "write x @ y",
    "chunk": "write tinygrad_edu.array_split(x, sections, axis=axis)",
    "clamp": "write x.clip(lower, upper)",
    "clone": "write x.copy(), which records, or x.detach() for no gradient",
    "contiguous": "leave it out: NumPy takes any layout",
    "cpu": _ON_CPU,
    "cuda": _ON_CPU,
    "device": _ON_CPU,
    "dim": "write x.ndim",
    "div": "write x / y",
    "double": _AS_DTYPE,
    "expand": "write tinygrad_edu.broadcast_to(x, shape)",
    "expand_as": "write tinygrad_edu.broadcast_to(x, y.shape)",
    "float": _AS_DTYPE,
    "gather": "write tinygrad_edu.take_along_axis(x, indices, axis)",
    "grad_fn": "write x.node",
    "half": _AS_DTYPE,
    "index_select": "write x.take(indices, axis=axis)",
    "int": _AS_DTYPE,
    "is_leaf": "write x.node is None",
    "long": _AS_DTYPE,
    "masked_fill": "write tinygrad_edu.where(mask, value, x)",
    "mm": "write x @ y",
    "mul": "write x * y",
    "neg": "write -x",
    "numel": "write x.size",
    "permute": "write x.transpose(axes)",
    "pow": "write x ** y",
    "retain_grad": "leave it out: interior tensors keep their gradients",
    "sub": "write x - y",
    "t": "write x.T",
    "to": "values stay in main memory; for another dtype write x.astype(dtype)",
    "topk": "write x.sort() or x.argsort() and take the last elements",
    "type": _AS_DTYPE,
    "unsqueeze": "write tinygrad_edu.expand_dims(x, axis), or x[:, None]",
    "view": "write x.reshape(shape)",
    "view_as": "write x.reshape(y.shape)",
    "requires_grad_": "write x.requires_grad = True",
    "detach_": "write x = x.detach()",
    "zero_grad": "write x.grad = None",
}
"""What PyTorch and other libraries have on their tensors."""

_ARGUMENTS = {
    "retain_graph": "leave it out: a graph can be used again and again",
    "create_graph": "write grad(output, inputs, create_graph=True)",
    "grad_outputs": "write gradient=",
    "grad_tensors": "write gradient=",
    "inputs": "write grad(output, inputs)",
    "only_inputs": "leave it out: grad computes only what was asked for",
    "is_grads_batched": "use jacobian(f, x)",
    "device": _ON_CPU,
}


class Size(int):
    """The number of elements; a call of it says what PyTorch's ``x.size()`` is called here."""

    def __call__(self, *axes: Any) -> NoReturn:
        """Refuse the call."""
        here = f"x.shape[{axes[0]}]" if axes else "x.shape"
        raise TypeError(f"x.size is a number, as in NumPy; write {here} for x.size(...)")

    def __reduce__(self) -> Any:
        return int, (int(self),)


class Missing:
    """An attribute that a Tensor does not have; its error says what to write instead.

    A ``__getattr__`` would do the same, but it makes every attribute slower.
    """

    __slots__ = ("hint", "name")

    def __init__(self, name: str, hint: str) -> None:
        self.name, self.hint = name, hint

    def __get__(self, tensor: Any, kind: type) -> NoReturn:
        text = f"{kind.__name__!r} object has no attribute {self.name!r}; {self.hint}"
        raise AttributeError(text, name=self.name, obj=tensor)


def attach(tensor: type) -> None:
    """Define what a Tensor does not have."""
    found = {name: f"for that of the values write x.data.{name}" for name in dir(np.ndarray)}
    found |= {name: f"write tinygrad_edu.linalg.{name}(x)" for name in ops.linalg.__all__}
    found |= {name: f"write tinygrad_edu.{name}(x)" for name in ops.__all__}
    found |= dict.fromkeys(_IN_PLACE_METHODS.split(), _IN_PLACE) | _ATTRIBUTES
    missing = [name for name in found if not (name.startswith("_") or hasattr(tensor, name))]
    for name in missing:
        setattr(tensor, name, Missing(name, found[name]))
    hidden = frozenset(missing)

    def listed(self: Any) -> list[str]:
        return [name for name in object.__dir__(self) if name not in hidden]

    tensor.__dir__ = listed  # type: ignore[method-assign, assignment]


def refuse_arguments(function: str, unknown: Iterable[str], known: Iterable[str]) -> None:
    """Refuse keyword arguments that a function does not take, with what to write instead.

    Raises
    ------
    TypeError
        If there are any.
    """
    for name in unknown:
        hint = _ARGUMENTS.get(name)
        if hint is None:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}; {hint}")

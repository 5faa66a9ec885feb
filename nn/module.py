"""The base class of layers and networks: it is called, trained, saved, restored and shown.

A module's parts are its attributes, and the entries of lists and dicts among them: a leaf tensor
that requires gradients, or did before it was frozen, is a parameter; a module is a child. They are
searched in the order of assignment, so nothing has to be registered, except buffers: tensors that
are saved, but not trained (`module_parts.py`). Losses and optimizers are in `loss` and `optim`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from numpy.typing import DTypeLike

from tinygrad_edu import Tensor
from tinygrad_edu.hints import attach_hints
from tinygrad_edu.hooks import HookHandle
from tinygrad_edu.primitive import tick
from tinygrad_edu.scope import ModuleCall, enter_call, get_call, leave_call

from . import module_state
from .module_parts import Parts, repeated
from .module_state import LoadedState, State

if TYPE_CHECKING:
    from .module_summary import Summary

__all__ = ["Module"]

Self = TypeVar("Self", bound="Module")
Hook: TypeAlias = Callable[[Any, tuple[Any, ...], Any], Any]


class Module(Parts):
    """A function of tensors with parameters: a layer, or a whole network.

    Write a subclass that assigns its parts in ``__init__`` and computes in ``forward``.

    Attributes
    ----------
    training : bool
        True while it is trained, False while it is used; see `train` and `eval`.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import Linear, Module
    >>> class Twice(Module):
    ...     def __init__(self):
    ...         self.linear = Linear(2, 2, generator=np.random.default_rng(0))
    ...
    ...     def forward(self, x):
    ...         return self.linear(self.linear(x))
    >>> [name for name, parameter in Twice().named_parameters()]
    ['linear.weight', 'linear.bias']
    """

    training: bool = True

    transposed: ClassVar[tuple[str, ...]] = ()
    """The parameters of this layer that PyTorch stores transposed; see `nn.bridges.pytorch`."""

    # A module without hooks needs no attribute for them, and no call of __init__.
    _hooks: Mapping[int, Hook] = MappingProxyType({})  # by the number of their handle

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Compute the outputs; every subclass defines this."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; write one")

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """Compute the outputs, and record in the graph which module computed them."""
        given = (*inputs, *keywords.values()) if keywords else inputs
        token = enter_call(ModuleCall(self, get_call(), given))
        try:
            output = self.forward(*inputs, **keywords) if keywords else self.forward(*inputs)
            return self._run_hooks(inputs, output) if self._hooks else output
        finally:
            leave_call(token)

    # Changing all of it --------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to None."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self: Self, mode: bool = True) -> Self:
        """Set this module and all submodules to training mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Set this module and all submodules to evaluation mode."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Freeze all parameters with False, or train them again with True; return the module.

        A frozen parameter remains in `named_parameters` and `state_dict`. For a single one, set
        ``module.weight.requires_grad = False``.

        Examples
        --------
        >>> from nn import Linear, Sequential
        >>> network = Sequential(Linear(2, 3), Linear(3, 1))
        >>> layer = network[0].requires_grad_(False)
        >>> network.num_parameters(), network.num_parameters(trainable_only=True)
        (13, 4)
        """
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call a function with each submodule, then with this module; return the module.

        Examples
        --------
        >>> import numpy as np
        >>> from nn import Linear, Sequential, Tanh
        >>> def start_at_zero(module):
        ...     if isinstance(module, Linear):
        ...         module.weight.data = np.zeros(module.weight.shape)
        >>> network = Sequential(Linear(2, 3), Tanh(), Linear(3, 1)).apply(start_at_zero)
        >>> network([[1.0, 2.0]]).tolist()
        [[0.0]]
        """
        if not callable(function):
            raise TypeError(f"apply takes a function of a module, got {function!r}")
        for module in reversed(list(self.modules())):  # parts before the whole
            function(module)
        return self

    def register_forward_hook(self, hook: Hook) -> HookHandle:
        """Register a function that is called after each call of this module.

        It is called as ``hook(module, inputs, output)``, with the tuple of positional inputs. A
        result other than None replaces the output. Several hooks run in the order of registration.
        A captured step treats hooks like other code of the step: it records what they compute, and
        refuses what it cannot replay, such as a list that grows.

        Returns
        -------
        HookHandle
            Its `remove()` removes the hook; so does the end of a ``with`` block over it.

        Raises
        ------
        TypeError
            If `hook` is not a function.

        Examples
        --------
        >>> from nn import ReLU
        >>> relu, shapes = ReLU(), []
        >>> with relu.register_forward_hook(lambda module, inputs, out: shapes.append(out.shape)):
        ...     y = relu([-1.0, 2.0])
        >>> shapes
        [(2,)]
        """
        if not callable(hook):
            raise TypeError(
                f"a forward hook must be a function (module, inputs, output), got a "
                f"{type(hook).__name__}"
            )
        number = tick()
        vars(self).setdefault("_hooks", {})[number] = hook
        return HookHandle(self, number)

    def _run_hooks(self, inputs: tuple[Any, ...], output: Any) -> Any:
        for hook in list(self._hooks.values()):
            replaced = hook(self, inputs, output)
            output = output if replaced is None else replaced
        return output

    # Saving and restoring ------------------------------------------------------------------

    def state_dict(self) -> State:
        """Copy the values of all parameters and buffers into a dictionary, by path.

        The state of a random generator that a module holds is in it too, encoded as an array, so
        that training resumes exactly. A shared parameter is in it once, under its first path.

        A captured step that another thread replays comes before or after the copy: the copy never
        mixes the weights of two steps, unless Python runs without its global lock.

        Returns
        -------
        dict of str to numpy.ndarray
            Its attribute `layout` is ``"in,out"``: each matrix is (in, out).
        """
        return module_state.save(self)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadedState:
        """Set the values of all parameters and buffers, and the states of generators.

        Parameters
        ----------
        state : mapping of str to array_like
            As `state_dict` returns it. A shared parameter may have any of its names, or several
            with equal values. Plain arrays are taken as (in, out); tensors of PyTorch, and files
            that do not name the layout, are refused for a square matrix of a layer.
        strict : bool
            Whether all names must match. Otherwise what is missing keeps its values, and unknown
            names are ignored.

        Returns
        -------
        LoadedState
            The lists `missing_keys` and `unexpected_keys`.

        Raises
        ------
        ValueError
            If names, shapes or layouts do not match, or values are not numbers. The error lists
            every mismatch, and nothing is changed.
        """
        return module_state.load(self, state, strict)

    def astype(self: Self, dtype: DTypeLike) -> Self:
        """Return a copy with parameters and buffers in another dtype, without gradients.

        Buffers of integers, such as counts, keep their dtype.
        """
        # A deep copy keeps shared parts shared; its memo holds the converted tensors.
        memory: dict[int, Any] = {}
        for tensor in (*self.parameters(), *self.buffers()):
            kept = dtype if tensor.dtype.kind == "f" else tensor.dtype
            twin = Tensor(tensor._data, tensor.requires_grad, dtype=kept, name=tensor.name)
            twin._requires_grad = tensor._requires_grad  # a frozen one stays frozen
            memory[id(tensor)] = twin
        return copy.deepcopy(self, memory)

    # Showing itself ------------------------------------------------------------------------

    def describe(self) -> str:
        """Return the arguments that its repr shows, such as ``784 -> 128``."""
        return ""

    def summary(self, *inputs: Any, depth: int | None = None) -> Summary:
        """Return a table of the layers: output shapes, parameters, memory.

        The network is called once on the inputs, in evaluation mode and without a graph. Buffers,
        gradients, generators and modes stay unchanged.

        Parameters
        ----------
        *inputs : array_like
            As for a call of the network. Without inputs, the table has no output shapes.
        depth : int, optional
            How many levels of submodules to list; by default all.

        Returns
        -------
        Summary
            Shows the table as text or in a notebook; see `nn.module_summary.Summary`.

        Examples
        --------
        >>> import numpy as np
        >>> from nn import Linear, ReLU, Sequential
        >>> network = Sequential(Linear(4, 8), ReLU(), Linear(8, 2))
        >>> summary = network.summary(np.ones((5, 4), np.float32))
        >>> summary.parameters
        58
        """
        from .module_summary import summarize

        return summarize(self, inputs, depth)

    def __repr__(self) -> str:
        children = repeated([(name, repr(child)) for name, child in self.named_children()])
        head = f"{type(self).__name__}({self.describe()}"
        if not children:
            return head + ")"
        lines = [f"  {name}: {child}".replace("\n", "\n  ") for name, child in children]
        return "\n".join([head, *lines, ")"])

    def _repr_html_(self) -> str | None:
        from tinygrad_edu.documents import fragment, or_none

        from .module_summary import parameter_table

        return or_none(lambda: fragment(parameter_table(self)))


_DTYPE = "parameters are NumPy arrays in memory; write net.astype({}) for a copy in another dtype"
_ASSIGN = "assign it: self.name = ..."
attach_hints(
    Module,
    dict.fromkeys(("cuda", "cpu", "to", "type"), _DTYPE.format("dtype"))
    | {
        "half": _DTYPE.format('"float16"'),
        "float": _DTYPE.format('"float32"'),
        "double": _DTYPE.format('"float64"'),
        "register_parameter": f"{_ASSIGN[:-3]}Tensor(values, requires_grad=True)",
        "register_module": _ASSIGN,
        "add_module": _ASSIGN,
        "register_full_backward_hook": "write tensor.register_hook(f) for the gradient of a tensor",
    },
)

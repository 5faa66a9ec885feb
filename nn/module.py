"""The base class of layers and networks: finds the parameters, names them, saves and restores them.

A module's parts are its attributes, and the entries of lists and dicts among them: a leaf tensor
that requires gradients is a parameter, a module is a child. They are searched in the order of
assignment, so nothing has to be registered. Losses and optimisers are in `loss` and `optim`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu import Tensor
from tinygrad_edu.leaving import values_of
from tinygrad_edu.scope import ModuleCall, enter_call, get_call, leave_call

if TYPE_CHECKING:
    from tinygrad_edu.documents import Section

__all__ = ["Module"]

Self = TypeVar("Self", bound="Module")

_values = attrgetter("_data")


class Module:
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

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """Compute the outputs; every subclass defines this."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; write one")

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """Compute the outputs, and record in the graph which module computed them."""
        token = enter_call(ModuleCall(self, get_call()))
        try:
            return self.forward(*inputs, **keywords) if keywords else self.forward(*inputs)
        finally:
            leave_call(token)

    def __setattr__(self, name: str, value: Any) -> None:
        """Assign a part; a parameter must not be replaced by a computed tensor."""
        computed = isinstance(value, Tensor) and value.node is not None
        if computed and _is_parameter(vars(self).get(name)):
            raise TypeError(
                f"{name} is a parameter, and the new tensor was computed; write "
                f"module.{name}.data = ... to change its values"
            )
        super().__setattr__(name, value)

    # Its parts -----------------------------------------------------------------------------

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Yield the attributes in order of assignment; lists and dicts entry by entry."""
        for name, value in vars(self).items():
            yield from _entries(name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct submodules, each once, with its first name."""
        seen: set[Module] = set()
        for name, part in self._parts():
            if isinstance(part, Module) and part not in seen:
                seen.add(part)
                yield name, part

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all submodules with their paths; the path of this one is ''."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters with their paths, in the order of declaration.

        A parameter with two paths is yielded once, under the first.
        """
        seen: set[Tensor] = set()
        for name, part in self._parts():
            path = f"{prefix}.{name}" if prefix else name
            found = [(path, part)]
            if isinstance(part, Module):
                found = list(part.named_parameters(path))
            for own_path, tensor in found:
                if _is_parameter(tensor) and tensor not in seen:
                    seen.add(tensor)
                    yield own_path, tensor

    def parameters(self) -> list[Tensor]:
        """List the parameters in the order of declaration."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Set the gradients of all parameters to None."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self: Self, mode: bool = True) -> Self:
        """Set this module and all submodules to training mode."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Set this module and all submodules to evaluation mode."""
        return self.train(False)

    # Saving and restoring ------------------------------------------------------------------

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copy the values of all parameters into a dictionary, by path.

        A captured step that another thread replays comes before or after the copy: the copy never
        mixes the weights of two steps, unless Python runs without its global lock.
        """
        parameters = dict(self.named_parameters())
        # One call of C code: no other thread runs in between.
        arrays = list(map(_values, parameters.values()))
        return {name: np.copy(array) for name, array in zip(parameters, arrays, strict=True)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the values of all parameters.

        Parameters
        ----------
        state : mapping of str to array_like
            As `state_dict` returns it.

        Raises
        ------
        ValueError
            If names or shapes do not match, or values are not numbers. The error lists every
            mismatch, and nothing is changed.
        """
        parameters = dict(self.named_parameters())
        arrays = {name: values_of(values) for name, values in state.items()}
        if problems := _mismatches(parameters, arrays):
            raise ValueError(
                f"the state does not fit {type(self).__name__}, nothing was loaded: "
                + "; ".join(problems)
            )
        for name, parameter in parameters.items():
            parameter.data = arrays[name].astype(parameter.dtype)

    def astype(self: Self, dtype: DTypeLike) -> Self:
        """Return a copy with the parameters in another dtype, without gradients."""
        # A deep copy keeps shared parts shared; its memo holds the converted parameters.
        memory: dict[int, Any] = {
            id(parameter): Tensor(parameter._data, True, dtype=dtype, name=parameter.name)
            for parameter in self.parameters()
        }
        return copy.deepcopy(self, memory)

    # Showing itself ------------------------------------------------------------------------

    def describe(self) -> str:
        """Return the arguments that its repr shows, such as ``784 -> 128``."""
        return ""

    def __repr__(self) -> str:
        children = list(self.named_children())
        head = f"{type(self).__name__}({self.describe()}"
        if not children:
            return head + ")"
        lines = [f"  {name}: {child!r}".replace("\n", "\n  ") for name, child in children]
        return "\n".join([head, *lines, ")"])

    def _repr_html_(self) -> str | None:
        from tinygrad_edu.documents import fragment, or_none

        return or_none(lambda: fragment(_parameter_table(self)))


def _entries(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested lists and dicts; any other value is an entry itself."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list | tuple):
        pairs = list(enumerate(value))
    else:
        yield name, value
        return
    for key, entry in pairs:
        yield from _entries(f"{name}.{key}", entry)


def _is_parameter(part: Any) -> bool:
    """Whether a part is a parameter, and not a result that a module keeps."""
    return isinstance(part, Tensor) and part.requires_grad and part.node is None


def _mismatches(parameters: dict[str, Tensor], arrays: dict[str, NDArray[Any]]) -> list[str]:
    """List what does not fit between the parameters of a module and the arrays of a state."""
    problems = [f"{name} is missing" for name in parameters if name not in arrays]
    problems += [f"{name} is not a parameter" for name in arrays if name not in parameters]
    for name in filter(arrays.__contains__, parameters):  # in the order of the parameters
        parameter, found = parameters[name], arrays[name]
        if found.shape != parameter.shape:
            problems.append(f"{name} has shape {found.shape}, expected {parameter.shape}")
        elif found.dtype.kind not in "fiu":
            problems.append(f"{name} has dtype {found.dtype}, expected {parameter.dtype}")
    return problems


def _parameter_table(module: Module) -> Section:
    """List the parameters of a module, layer by layer, with their number and gradients."""
    from tinygrad_edu.documents import Line, Section, Table, name
    from tinygrad_edu.texts import gradient_text, shape_text

    modules = dict(module.named_modules())
    belonging: dict[str, list[tuple[str, Tensor]]] = {path: [] for path in modules}
    parameters = dict(module.named_parameters())
    for path, parameter in parameters.items():
        owner = path.rpartition(".")[0]
        while owner not in modules:  # an entry of a list is not a module
            owner = owner.rpartition(".")[0]
        belonging[owner].append((path, parameter))
    title: Line = ["Module ", name(_title(module))]
    if not parameters:
        return Section(title, ("no parameters",))

    has_gradients = any(parameter.grad is not None for parameter in parameters.values())
    rows: list[list[Line]] = []
    for owner, part in modules.items():
        layer = name(_title(part))
        for path, parameter in belonging[owner]:
            row: list[Line] = [
                name(path),
                layer,
                shape_text(parameter.shape),
                f"{parameter.size:,}",
            ]
            if has_gradients:
                text, norm, warning = gradient_text(parameter.grad, True)
                text = text if norm in ("", "0") else norm
                row.append(f"{text} ({warning})" if warning else text)
            rows.append(row)
        if not part.parameters() and not any(part.named_children()):  # such as an activation
            rows.append([name(owner), layer, "none", "0", *[""] * has_gradients])
    count = sum(parameter.size for parameter in parameters.values())
    rows.append(["total", "", "", f"{count:,}", *[""] * has_gradients])
    heads = ["path", "layer", "shape", "count", *["gradient norm"] * has_gradients]
    listed = Table(heads, rows, numbers=(3, 4), strong=[len(rows) - 1])
    return Section(title, (listed, *["gradients: not computed"] * (not has_gradients)))


def _title(module: Module) -> str:
    return f"{type(module).__name__}({module.describe()})"

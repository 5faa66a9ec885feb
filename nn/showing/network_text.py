"""Writes a network as the calls that make it, for PyTorch and for nn, from one table of layers.

Layers have the same names and arguments in both, so the table lists only what differs. Modules with
their own `forward` are written in `forward_text.py`. Weights are not in the text.
"""

from __future__ import annotations

import inspect
import keyword
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu import gelu, relu

from .. import layers
from ..layers.attention import MultiheadAttention
from ..layers.containers import Lambda, Residual, Sequential
from ..layers.convolution import short
from ..layers.random import Dropout
from ..layers.transformer import TransformerBlock
from ..mlp import MLP
from ..module import Module
from .errors import ShowError
from .polishing import WIDTH

__all__ = ["Made", "NetworkText", "layer_arguments", "rendered"]

# fmt: off
_SAME = {
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
    "AvgPool3d", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "CELU", "Conv1d", "Conv2d",
    "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Dropout", "ELU",
    "Embedding", "Flatten", "GELU", "GLU", "GRU", "GroupNorm", "Hardshrink", "Hardswish",
    "Hardtanh", "Identity", "InstanceNorm1d", "InstanceNorm2d", "LSTM",
    "LayerNorm", "LeakyReLU", "Linear", "LogSigmoid", "LogSoftmax", "MaxPool1d", "MaxPool2d",
    "MaxPool3d", "Mish", "MultiheadAttention", "PReLU", "RMSNorm", "RNN", "ReLU", "ReLU6",
    "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Softshrink", "Softsign", "Tanh",
    "Tanhshrink", "Threshold", "Unflatten",
}
# fmt: on
"""The layers that PyTorch has under the same name, with the same arguments and parameters.

Hardsigmoid is not: PyTorch rounds its slope of 1/6 to float32, also for float64.
"""

# fmt: off
_TAKEN = {
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children",
    "compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward",
    "get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu",
    "load_state_dict", "modules", "mtia", "named_buffers", "named_children", "named_modules",
    "named_parameters", "parameters", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_",
    "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad", "append", "extend", "insert", "pop",
}
# fmt: on
"""What modules of PyTorch have themselves, so that no layer can have these names."""

_LEFT_OUT = {"dtype", "generator", "initializer", "inplace", "in_features", "out_features"}
_ALWAYS = {"dim"}  # PyTorch has no default for the axis of a softmax


@dataclass
class Made:
    """A call that makes a module: ``name(arguments)``; an argument is a text, or a call."""

    name: str
    arguments: list[tuple[str, str | Made]] = field(default_factory=list)


def rendered(made: Made, indent: int, width: int = WIDTH) -> list[str]:
    """Write a call, on one line if it fits.

    Parameters
    ----------
    made : Made
    indent : int
        The columns that are taken to the left and to the right of it.
    width : int
        The columns of a line.

    Returns
    -------
    list of str
        Lines.

    Examples
    --------
    >>> inner = Made("nn.Linear", [("", "2"), ("", "3")])
    >>> rendered(Made("nn.Sequential", [("", inner)]), 0)
    ['nn.Sequential(nn.Linear(2, 3))']
    >>> rendered(Made("nn.Sequential", [("", inner)]), 0, 20)
    ['nn.Sequential(', '    nn.Linear(2, 3),', ')']
    """
    short = _flat(made)
    if indent + len(short) <= width:
        return [short]
    lines = [f"{made.name}("]
    for key, value in made.arguments:
        inner = [value] if isinstance(value, str) else rendered(value, indent + 4, width - 1)
        inner[0] = f"{key}={inner[0]}" if key else inner[0]
        comma = "," * (len(made.arguments) > 1 or len(inner) == 1)
        lines += [f"    {line}" for line in inner[:-1]] + [f"    {inner[-1]}{comma}"]
    return [*lines, ")"]


def _flat(made: Made) -> str:
    texts = [
        (f"{key}=" if key else "") + (value if isinstance(value, str) else _flat(value))
        for key, value in made.arguments
    ]
    return f"{made.name}({', '.join(texts)})"


class NetworkText:
    """Writes a network in one language.

    Parameters
    ----------
    language : {"torch", "tinygrad_edu"}
    own : callable, optional
        Writes a module with its own `forward`; called with the module, its path and this object,
        it returns a `Made`, or raises `ShowError`.

    Attributes
    ----------
    classes : dict of str to list of str
        The lines of classes that the network needs, by name.
    """

    def __init__(self, language: str, own: Callable[..., Made]) -> None:
        self.language, self._own = language, own
        self.classes: dict[str, list[str]] = {}
        self.needs_order = False
        self._seen: dict[int, str] = {}

    def made(self, module: Module, path: str = "") -> Made:
        """Return the call that makes a module."""
        what = path or "the network"
        if id(module) in self._seen:
            raise ShowError(
                f"{what} is the same module as {self._seen[id(module)] or 'the network'}, and a "
                "text makes every module once; write it in numpy"
            )
        self._seen[id(module)] = what
        if module._hooks:
            raise ShowError(f"{what} has a forward hook, which has no text; remove it")
        if "forward" in vars(module):
            raise ShowError(
                f"{what} has a forward that was assigned to it, which has no text in "
                f"{self.language}; write the step in numpy"
            )
        if isinstance(module, Dropout) and module.training and module.p:
            raise _random(what)
        if type(module) is MLP:
            return self._mlp(module, path)
        if type(module) is Sequential:
            return self._sequential(module, path)
        name = type(module).__name__
        if getattr(layers, name, None) is type(module):
            if name in _SAME:
                return self._layer(module, what)
            if type(module) is Lambda:
                raise ShowError(
                    f"{what} is a Lambda, which has no text in {self.language}; write the step in "
                    "numpy"
                )
            if self.language == "tinygrad_edu" and not any(module.named_children()):
                return self._layer(module, what)
            if type(module) is TransformerBlock:
                return self._block(module, what)
            if type(module) is Residual:
                return self._residual(module, path)
            raise ShowError(
                f"{what} is of the class {name}, which has no text in {self.language}; write the "
                "step in numpy"
            )
        return self._own(module, path, self)

    def children(self, module: Module, path: str) -> list[tuple[str, Made]]:
        """Return the calls that make the direct submodules, by name."""
        prefix = f"{path}." if path else ""
        found = []
        for name, part in module._parts():
            if isinstance(part, Module):
                self._check_name(prefix + name, name)
                found.append((name, self.made(part, prefix + name)))
        return found

    def _check_name(self, path: str, name: str) -> None:
        """Refuse names that cannot be arguments, and those that a module of PyTorch has itself."""
        is_number = name.isdecimal() and name.isascii()
        is_argument = name.isidentifier() and not keyword.iskeyword(name)
        # Python reads letters such as the ligature fi as others.
        if not is_number and not (is_argument and unicodedata.normalize("NFKC", name) == name):
            raise ShowError(
                f"{path!r} is not a name in Python, so it has no text in {self.language}; rename "
                "the layer"
            )
        if self.language == "torch" and name in _TAKEN:
            raise ShowError(f"{path}: a module of PyTorch has a method {name}; rename the layer")

    def _chained(self, module: Module, path: str, called: Sequence[str]) -> list[tuple[str, Made]]:
        """Return the calls that make the modules of a chain, in the order of its calls."""
        found = self.children(module, path)
        if [name for name, _ in found] != list(called):
            raise ShowError(
                f"{path or 'the network'} has modules that it does not call in their order, "
                f"{', '.join(name for name, _ in found)}, which has no text in {self.language}; "
                "write the step in numpy"
            )
        return found

    def _mlp(self, module: MLP, path: str) -> Made:
        chain = self._chained(module, path, module._chain)
        if self.language == "torch":
            return self._ordered(chain)
        usual = MLP(list(module.structure), module.activation, dropout=module.dropout, seed=0)
        parts = NetworkText(self.language, self._own).children(usual.train(module.training), "")
        if parts != chain:  # a layer was replaced
            return Made("nn.Sequential", [("", Made("dict", [*chain]))])
        made = Made("nn.MLP", [("", str(list(module.structure)))])
        if module.activation != "relu":
            made.arguments.append(("activation", f'"{module.activation}"'))
        if module.dropout:
            made.arguments.append(("dropout", repr(module.dropout)))
        return made

    def _sequential(self, module: Sequential, path: str) -> Made:
        found = self._chained(module, path, module._entries)
        if [name for name, _ in found] == [str(i) for i in range(len(found))]:
            return Made("nn.Sequential", [("", made) for _, made in found])
        if self.language == "torch":
            return self._ordered(found)
        inner = Made("dict", [*found])
        return Made("nn.Sequential", [("", inner)])

    def _ordered(self, found: list[tuple[str, Made]]) -> Made:
        self.needs_order = True
        return Made("nn.Sequential", [("", Made("OrderedDict", [*found]))])

    def _residual(self, module: Residual, path: str) -> Made:
        if self.language == "torch":
            self.classes["Residual"] = _RESIDUAL
        parts = ["body", "shortcut"] if module.shortcut is not None else ["body"]
        found = dict(self._chained(module, path, parts))
        prefix = "nn." if self.language == "tinygrad_edu" else ""
        body = found["body"]
        made = Made(f"{prefix}Residual", [("", body)])
        if "shortcut" in found:
            made.arguments.append(("shortcut", found["shortcut"]))
        return made

    def _block(self, module: TransformerBlock, what: str) -> Made:
        """Write a transformer block, which PyTorch calls an encoder layer."""
        attention, is_torch = module.self_attn, self.language == "torch"
        if module.training and module.dropout.p:
            raise _random(what)
        names: dict[Any, str] = {relu: "relu", gelu: "gelu"}
        activation = names.get(module.activation)
        if activation is None or (is_torch and module.causal):
            which = (
                "an activation other than relu and gelu" if activation is None else "causal=True"
            )
            raise ShowError(
                f"{what} has {which}, which has no text in {self.language}; write the step in numpy"
            )
        inputs, hidden = module.linear1.weight.shape
        found = [("", f"{inputs}"), ("", f"{attention.num_heads}"), ("", f"{hidden}")]
        found.append(("dropout", repr(module.dropout.p)))
        options = {
            "activation": (activation, "relu"),
            "layer_norm_eps": (module.norm1.eps, 1e-5),
            "batch_first": (attention.batch_first, not is_torch),
            "norm_first": (module.norm_first, False),
            "bias": (module.linear1.bias is not None, True),
            "causal": (module.causal, False),
        }
        found += [(key, _text(value)) for key, (value, usual) in options.items() if value != usual]
        name = "TransformerEncoderLayer" if is_torch else "TransformerBlock"
        return Made(f"nn.{name}", [*found])

    def _layer(self, module: Module, what: str) -> Made:
        if getattr(module, "dropout", 0) and module.training:
            raise _random(what)
        pairs = layer_arguments(module)
        if self.language == "torch":
            pairs = _for_torch(module, pairs, what)
        arguments: list[tuple[str, str | Made]] = [*pairs]
        return Made(f"nn.{type(module).__name__}", arguments)


def _random(what: str) -> ShowError:
    return ShowError(
        f"{what} draws random numbers in training, and every library draws others; call "
        "network.eval(), or leave the layer out"
    )


def layer_arguments(module: Module) -> list[tuple[str, str]]:
    """Return the arguments of a layer of nn: names, empty if by position, and texts.

    Examples
    --------
    >>> from nn import Conv2d, Linear
    >>> layer_arguments(Conv2d(1, 4, 3, padding=1))
    [('', '1'), ('', '4'), ('', '3'), ('padding', '1')]
    >>> layer_arguments(Linear(2, 3, bias=False))
    [('', '2'), ('', '3'), ('bias', 'False')]
    """
    found: list[tuple[str, str]] = []
    for name, parameter in inspect.signature(type(module)).parameters.items():
        if name in _LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name == "proj_size":  # accepted, and 0
            continue
        value = _value(module, name)
        is_needed = parameter.default is parameter.empty or name in ("inputs", "outputs")
        text = short(_plain(value)) if isinstance(value, tuple | list) else _text(value)
        if is_needed:
            found.append(("", text))
        elif name == "stride" and value == getattr(module, "kernel_size", None):
            if parameter.default is not None:
                found.append((name, text))
        elif name in _ALWAYS or not _is_default(value, parameter.default):
            found.append((name, text))
    return found


def _value(module: Module, name: str) -> Any:
    """Return the value with which an argument of a layer was made."""
    if name in ("inputs", "outputs"):
        return getattr(module, {"inputs": "in_features", "outputs": "out_features"}[name])
    if isinstance(module, MultiheadAttention):
        if name == "embed_dim":
            return int(module.out_proj.weight.shape[0])
        if name in ("kdim", "vdim"):
            weight = getattr(module, f"{name[0]}_proj_weight")
            return None if weight is None else int(weight.shape[0])
        if name == "bias":
            return module.in_proj_bias is not None
        if name.startswith("add_"):
            return False
    if name == "num_parameters":
        return int(vars(module)["weight"].size)
    if name == "init":
        return 0.25  # the weights are loaded
    value = getattr(module, name)
    if name == "bias" and not isinstance(value, bool):
        has_scale = getattr(module, "elementwise_affine", True)
        return value is not None or not has_scale
    return value


def _plain(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return numbers of Python for numbers of NumPy."""
    return tuple(
        _plain(v) if isinstance(v, tuple | list) else v.item() if isinstance(v, np.generic) else v
        for v in values
    )


def _is_default(value: Any, default: Any) -> bool:
    if isinstance(value, tuple) and isinstance(default, int):
        return all(entry == default for entry in value)
    return bool(value == default)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    return repr(value)


def _for_torch(module: Module, pairs: list[tuple[str, str]], what: str) -> list[tuple[str, str]]:
    """Change arguments that differ in PyTorch."""
    name = type(module).__name__
    padding = getattr(module, "padding", ())
    if isinstance(padding, tuple) and any(isinstance(p, tuple) for p in padding):
        raise ShowError(
            f"{what} pads the two ends of an axis differently, which PyTorch's {name} cannot; "
            "write the step in numpy"
        )
    if name == "Softplus":  # PyTorch switches to a line at 20, where 2e-9 are missing
        return [*pairs, ("threshold", "40")]
    return pairs


_RESIDUAL = '''
class Residual(nn.Module):
    """``x + body(x)``, or ``shortcut(x) + body(x)``."""

    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x):
        return (x if self.shortcut is None else self.shortcut(x)) + self.body(x)
'''.strip().splitlines()

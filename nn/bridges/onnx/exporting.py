"""Exports a network: records it, translates it, checks the model and writes the file.

What each operation becomes is in the tables. Training is not exported: the network is copied and
called in evaluation mode.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import Tensor, no_grad
from tinygrad_edu.atomic_file import write_atomically

from ...module import Module
from ...packages import require
from .checking import compare, varied
from .errors import ExportError
from .graph import Graph, Value
from .sizes import BATCHES, Size
from .tracing import Trace, raw, trace
from .translating import Translator, flat

__all__ = ["IR", "OPSET", "Exported", "export"]

OPSET, IR = 17, 8
"""The versions that are written: LayerNormalization needs opset 17, and old runtimes read them."""

_MOST_BYTES = 2**31 - 1  # protobuf
_CHECKED_SIZES = (0, 1, 2, 7)
_LARGE, _MOST_ELEMENTS = 1920, 2**22
"""A large batch shows a branch on its size; it is halved until the largest array fits."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    path : pathlib.Path
    inputs, outputs : tuple of str
        Their names and shapes, with N for the batch size.
    nodes : int
    checked_by : str
        What ran the model: ``"onnxruntime"`` or ``"onnx.reference"``.
    difference : float
        The largest difference from the network on other inputs, relative to the largest output
        where that is above 1.
    batch_sizes : tuple of int
        The batch sizes that were compared; a branch on other sizes is not seen.
    """

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: int
    checked_by: str
    difference: float
    batch_sizes: tuple[int, ...]

    def __str__(self) -> str:
        return (
            f"{self.path}: {', '.join(self.inputs)} -> {', '.join(self.outputs)}; {self.nodes} "
            f"nodes, opset {OPSET}; {self.checked_by} differs by at most {self.difference:.1e}"
        )


def export(
    network: Module,
    example: Any,
    path: str | os.PathLike[str],
    *,
    batch_axis: int | Sequence[int | None] | None = 0,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Write a network as an ONNX model, which other programs can run.

    A copy of the network is called in evaluation mode, with three batch sizes, and the recorded
    operations are translated: also those of a `forward` of your own. The model is checked by the
    package onnx, run on other inputs, and compared with the network; only then it is written.

    Parameters
    ----------
    network : Module
        It returns a tensor, or tensors in tuples, lists and dictionaries.
    example : array_like, or tuple of array_like
        The inputs of a call. All sizes but the batch size are fixed by it, and so is the dtype:
        give it the dtype of the weights.
    path : str or path-like
        The file to write, such as ``"model.onnx"``.
    batch_axis : int, None, or sequence of these
        The axis of the batch in each input; None for a fixed size. Recurrent layers without
        ``batch_first=True`` have axis 1.
    input_names, output_names : sequence of str, optional
        By default the names of the parameters of `forward`, and ``output``.
    metadata : mapping of str to str, optional
        Is added to ``metadata_props``.

    Returns
    -------
    Exported
        Names and shapes, and how far the model differs from the network.

    Raises
    ------
    ExportError
        If an operation has no translation, or does something that a file cannot repeat; the
        message names it and its module. Nothing is written.
    ModuleNotFoundError
        If the package onnx is missing.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from nn import Linear, ReLU, Sequential
    >>> from nn.bridges.onnx import export
    >>> network = Sequential(Linear(4, 8), ReLU(), Linear(8, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = export(network, np.ones((1, 4), np.float32), folder + "/model.onnx")
    >>> done.inputs, done.outputs, done.nodes
    (('x (N, 4)',), ('output (N, 3)',), 3)
    """
    data, exported = encoded(
        network, example, path, batch_axis, input_names, output_names, metadata or {}
    )
    write_atomically(path, data)
    return exported


def encoded(
    network: Module,
    example: Any,
    path: str | os.PathLike[str],
    batch_axis: Any,
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
    metadata: Mapping[str, str],
) -> tuple[bytes, Exported]:
    """Return the model as bytes, checked, and what it holds.

    Parameters
    ----------
    network, example, path, batch_axis, input_names, output_names, metadata
        As for `export`.
    """
    onnx: Any = require("onnx", "to write ONNX models")
    if not isinstance(network, Module):
        raise TypeError(f"export takes a Module, got a {type(network).__name__}")
    arrays = [_as_array(x) for x in (example if isinstance(example, tuple) else (example,))]
    axes = _checked_axes(batch_axis, arrays)
    names = _input_names(network, input_names, len(arrays))
    network = copy.deepcopy(network).eval()
    generator = np.random.default_rng(0)
    is_fixed = all(axis is None for axis in axes)
    batches = BATCHES[:1] if is_fixed else BATCHES
    examples = _drawn(arrays, axes, batches, generator)
    paths = {id(module): where for where, module in network.named_modules()}
    traces = [trace(network, given, paths) for given in examples]
    graph = Graph()
    graph.batch = next(
        ((name, axis) for name, axis in zip(names, axes, strict=True) if axis is not None), None
    )
    inputs = [
        Value(graph, tuple(_input_shape(a, axis)), a.dtype, name)
        for a, axis, name in zip(arrays, axes, names, strict=True)
    ]
    translator = Translator(graph, traces, batches, inputs)
    results = [flat(one.outputs) for one in traces]
    labels = _output_names(list(results[0]), output_names, names)
    outputs = [translator.translated([result.get(key) for result in results]) for key in results[0]]
    model = _model(onnx, graph, inputs, outputs, labels, metadata)
    data = model.SerializeToString()
    sizes = (1,) if is_fixed else _sizes(arrays, axes, traces)
    cases = _cases(network, _drawn(arrays, axes, sizes, generator))
    checked_by, difference = compare(data, names, cases, _is_single(onnx, model))
    return data, Exported(
        Path(path),
        tuple(f"{value.name} {_shown(value.shape)}" for value in inputs),
        tuple(f"{n} {_shown(v.shape)}" for n, v in zip(labels, outputs, strict=True)),
        len(model.graph.node),
        checked_by,
        difference,
        () if is_fixed else sizes,
    )


def _drawn(
    arrays: Sequence[Any], axes: Sequence[int | None], batches: Sequence[int], generator: Any
) -> list[list[Any]]:
    """Return inputs like the example, one list for each batch size."""
    return [
        [varied(a, axis, n, generator) for a, axis in zip(arrays, axes, strict=True)]
        for n in batches
    ]


def _as_array(x: Any) -> Any:
    array = np.array(raw(x))
    if array.dtype not in (np.float32, np.float64) and array.dtype.kind not in "iubU":
        raise ExportError(
            f"the example is of dtype {array.dtype}; expected float32, float64, whole numbers or "
            "booleans"
        )
    return array


def _checked_axes(batch_axis: Any, arrays: Sequence[Any]) -> list[int | None]:
    axes = list(batch_axis) if isinstance(batch_axis, tuple | list) else [batch_axis] * len(arrays)
    if len(axes) != len(arrays):
        raise ExportError(f"batch_axis has {len(axes)} entries for {len(arrays)} inputs")
    found: list[int | None] = []
    for axis, array in zip(axes, arrays, strict=True):
        if axis is not None and not -array.ndim <= axis < array.ndim:
            raise ExportError(f"batch_axis is {axis}, but an example has the shape {array.shape}")
        found.append(None if axis is None else axis % array.ndim)
    counts = {a.shape[axis] for a, axis in zip(arrays, found, strict=True) if axis is not None}
    if len(counts) > 1:
        raise ExportError(
            f"the examples have {' and '.join(map(str, sorted(counts)))} rows along batch_axis; "
            "give all inputs as many, and None for an input of a fixed size"
        )
    return found


def _input_shape(array: Any, axis: int | None) -> list[Any]:
    return [Size(1, 0) if i == axis else size for i, size in enumerate(array.shape)]


def _input_names(network: Module, given: Sequence[str] | None, count: int) -> list[str]:
    if given is None:
        parameters = inspect.signature(network.forward).parameters.values()
        names = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        given = names[:count] if len(names) >= count else [f"input_{i}" for i in range(count)]
    return _checked_names("input_names", given, count)


def _output_names(
    keys: Sequence[str], given: Sequence[str] | None, taken: Sequence[str]
) -> list[str]:
    if not keys:
        raise ExportError("the network returns no tensor")
    if given is None:
        given = [f"output_{key}" if key else "output" for key in keys]
    given = [name + "_" * (name in taken) for name in given]
    return _checked_names("output_names", given, len(keys))


def _checked_names(what: str, names: Sequence[str], count: int) -> list[str]:
    names = [str(name) for name in names]
    if len(names) != count or len(set(names)) != count:
        raise ExportError(f"{what} is {names}; expected {count} different names")
    return names


def _shown(shape: Sequence[Any]) -> str:
    sizes = ", ".join(map(str, shape))
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def _model(
    onnx: Any,
    graph: Graph,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    labels: Sequence[str],
    metadata: Mapping[str, str],
) -> Any:
    """Make the model, and check it."""
    helper = graph.helper
    for value, label in zip(outputs, labels, strict=True):
        graph.nodes.append(helper.make_node("Identity", [value.name], [label], name=f"to_{label}"))
    _drop_identities(graph, labels)
    described = [
        [_described(graph, name, value) for name, value in pairs]
        for pairs in (
            [(value.name, value) for value in inputs],
            list(zip(labels, outputs, strict=True)),
        )
    ]
    made = helper.make_graph(graph.nodes, "network", *described, graph.initializers)
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET), *graph.domains()],
        ir_version=IR,
        producer_name="tinygrad_edu",
        producer_version=version("tinygrad_edu"),
    )
    helper.set_model_props(model, {"weight_layout": "in, out", **metadata})
    if model.ByteSize() > _MOST_BYTES:
        raise ExportError(f"the model has {model.ByteSize()} bytes; a file holds 2 GiB at most")
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise ExportError(f"the model is not valid: {' '.join(str(error).split())}") from error
    return model


def _drop_identities(graph: Graph, labels: Sequence[str]) -> None:
    """Give the last nodes the names of the outputs, where nothing else reads them."""
    made = {name: node for node in graph.nodes for name in node.output}
    read = [name for node in graph.nodes for name in node.input]
    for node in graph.nodes[-len(labels) :]:
        (name,), (label,) = node.input, node.output
        if name in made and read.count(name) == 1:
            source = made[name]
            source.output[list(source.output).index(name)] = label
            graph.nodes.remove(node)
    needed = set(labels)
    for node in graph.nodes[::-1]:
        if needed & set(node.output):
            needed |= set(node.input)
        else:
            graph.nodes.remove(node)
    graph.initializers = [one for one in graph.initializers if one.name in needed]


def _described(graph: Graph, name: str, value: Value) -> Any:
    sizes = [str(size) if isinstance(size, Size) else size for size in value.shape]
    return graph.helper.make_tensor_value_info(name, graph.kind(value.dtype), sizes)


def _is_single(onnx: Any, model: Any) -> bool:
    """Whether a part of a model computes in float32."""
    described = [*model.graph.input, *model.graph.output]
    kinds = [one.type.tensor_type.elem_type for one in described]
    kinds += [one.data_type for one in model.graph.initializer]
    return onnx.TensorProto.FLOAT in kinds


def _sizes(
    arrays: Sequence[Any], axes: Sequence[int | None], traces: Sequence[Trace]
) -> tuple[int, ...]:
    """Return the batch sizes to compare: small ones, that of the example, and a large one."""
    counts = [a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None][:1]
    large = _LARGE
    while large > BATCHES[-1] and traces[-1].largest * large > _MOST_ELEMENTS * BATCHES[-1]:
        large //= 2
    return tuple(sorted({*_CHECKED_SIZES, *counts, large}))


def _cases(
    network: Callable[..., Any], inputs: Sequence[Sequence[Any]]
) -> list[tuple[Sequence[Any], list[Any]]]:
    """Compute what the model must compute, too; an empty batch may be refused by the network."""
    found: list[tuple[Sequence[Any], list[Any]]] = []
    for given in inputs:
        try:
            found.append((given, _outputs(network, given)))
        except Exception as error:
            if all(x.size for x in given):
                shapes = ", ".join(str(x.shape) for x in given)
                raise ExportError(
                    f"the network refuses inputs of shape {shapes}: {type(error).__name__}: {error}"
                ) from error
    return found


def _outputs(network: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    with no_grad(), np.errstate(all="ignore"):  # an empty batch has no average
        found = flat(network(*(x if x.dtype.kind == "U" else Tensor(x) for x in inputs)))
    return [np.asarray(raw(value)) for value in found.values()]

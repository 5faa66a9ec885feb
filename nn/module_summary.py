"""Tables of a module: its parameters with their gradients, and the summary of its layers.

They are documents, shown as text or HTML. The network is called once for a summary; nothing is
trained or changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from tinygrad_edu import Tensor, no_grad
from tinygrad_edu.documents import Line, Section, Shown, Table, name
from tinygrad_edu.texts import gradient_text, shape_text

from .checks import check_count
from .module_parts import is_numbered

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Row", "Summary", "parameter_table", "summarize"]

_WIDEST = 48  # letters of a layer


@dataclass(slots=True)
class Row:
    """A line of a summary: one module.

    Attributes
    ----------
    path : str
        Its first path; empty for the network itself.
    layer : str
        Class and description.
    shapes : list of str
        The shape of the output of each call.
    bytes : int
        The memory of the outputs of all its calls.
    parameters : int
        The number of parameters that belong to it: without those of listed submodules, and without
        those that an earlier row counts.
    is_whole : bool
        Whether it stands for its submodules too, which are not listed.
    """

    path: str
    layer: str
    shapes: list[str] = field(default_factory=list)
    bytes: int = 0
    parameters: int = 0
    is_whole: bool = False


class Summary(Shown):
    """A table of the layers of a network; made by `Module.summary`.

    Attributes
    ----------
    rows : list of Row
        The modules in the order of declaration.
    parameters, trainable, frozen : int
        The number of parameters, each counted once; with and without gradients.
    buffers : int
        The number of numbers in buffers.
    parameter_bytes, buffer_bytes : int
        The memory that these take.
    activation_bytes : int
        The memory of the outputs of all layers without submodules, which training keeps; what is
        computed between layers is not counted.
    """

    def __init__(
        self, module: Module, rows: list[Row], activation_bytes: int, called: bool
    ) -> None:
        parameters, buffers = module.parameters(), module.buffers()
        self.title = _title(module).removesuffix("()")
        self.rows = rows
        self.parameters = module.num_parameters()
        self.trainable = module.num_parameters(trainable_only=True)
        self.frozen = self.parameters - self.trainable
        self.buffers = sum(buffer.size for buffer in buffers)
        self.parameter_bytes = sum(_bytes_of(parameter) for parameter in parameters)
        self.buffer_bytes = sum(_bytes_of(buffer) for buffer in buffers)
        self.activation_bytes = activation_bytes
        self._is_called = called

    def _has_parts(self, row: Row) -> bool:
        """Whether submodules of a row are listed: then it may be a mere container."""
        return any(other.path.startswith(f"{row.path}.") for other in self.rows)

    def document(self) -> Section:
        """Return the table."""
        heads = ["path", "layer", "output shape", "parameters", "output memory"]
        rows: list[list[Line]] = [
            [
                name(row.path or "(network)"),
                name(_shortened(row.layer)),
                _shape_column(row, self._is_called and not self._has_parts(row)),
                f"{row.parameters:,}" if row.parameters else "",
                size_text(row.bytes) if row.bytes else "",
            ]
            for row in folded(self.rows)
        ]
        parts = f"{self.trainable:,} trainable, {self.frozen:,} frozen"
        memory = [f"parameters {size_text(self.parameter_bytes)}"]
        if self.buffers:
            parts += f"; {self.buffers:,} numbers in buffers"
            memory.append(f"buffers {size_text(self.buffer_bytes)}")
        if self._is_called:
            memory.append(f"layer outputs {size_text(self.activation_bytes)}")
        else:
            heads, rows = [heads[0], heads[1], heads[3]], [[*row[:2], row[3]] for row in rows]
        table = Table(heads, rows, numbers=range(len(heads) - (2 if self._is_called else 1), 5))
        return Section(
            ["Summary of ", name(self.title)],
            (
                table,
                f"parameters  {self.parameters:,} ({parts})",
                f"memory  {', '.join(memory)}",
            ),
        )


def folded(rows: list[Row]) -> list[Row]:
    """Write equal parts of a network once, and a row with the sums of those that follow.

    Parameters
    ----------
    rows : list of Row
        In the order of declaration, each before its submodules.
    """
    found: list[Row] = []
    start = 0
    while start < len(rows):
        parts = _equal_parts(rows, start)
        count, size = len(parts), len(parts[0])
        if count < 3 and (count < 2 or size < 3):
            found.append(rows[start])
            start += 1
            continue
        others = [part[0].path for part in parts[1:]]
        paths = " … ".join(dict.fromkeys((others[0], others[-1])))
        same = Row(paths, f"{count - 1} × the same as {rows[start].path}")
        same.parameters = sum(row.parameters for part in parts[1:] for row in part)
        same.bytes = sum(part[0].bytes for part in parts[1:])
        same.shapes = rows[start].shapes
        found += [*folded(parts[0]), same]
        start += count * size
    return found


def _equal_parts(rows: list[Row], start: int) -> list[list[Row]]:
    """Return a row with its submodules, and the equal ones that follow it in the same list."""
    first = _with_submodules(rows, start)
    parts, end = [first], start + len(first)
    while end < len(rows) and is_numbered(first[0].path):
        part = _with_submodules(rows, end)
        same_list = _parent(part[0]) == _parent(first[0]) and is_numbered(part[0].path)
        if not same_list or _looks(part) != _looks(first):
            break
        parts.append(part)
        end += len(part)
    return parts


def _with_submodules(rows: list[Row], start: int) -> list[Row]:
    end = start + 1
    while end < len(rows) and rows[end].path.startswith(f"{rows[start].path}."):
        end += 1
    return rows[start:end]


def _shortened(layer: str) -> str:
    """Leave out the last arguments of a long description."""
    if len(layer) <= _WIDEST:
        return layer
    kept = layer[: _WIDEST - 4].rpartition(", ")[0]
    return f"{kept}, …)" if kept else layer


def _parent(row: Row) -> str:
    return row.path.rpartition(".")[0]


def _looks(part: list[Row]) -> list[object]:
    start = len(part[0].path)
    return [(r.path[start:], r.layer, r.shapes, r.bytes, r.parameters) for r in part]


def summarize(module: Module, inputs: tuple[Any, ...], depth: int | None) -> Summary:
    """Call a network once, and list its layers.

    Parameters
    ----------
    module : Module
    inputs, depth
        As for `Module.summary`.
    """
    if depth is not None:
        check_count("depth", depth)
    rows = {id(part): Row(path, _title(part)) for path, part in module.named_modules()}
    leaves = {id(part) for part in module.modules() if not any(part.named_children())}
    _count_parameters(module, rows)
    activations = 0
    if inputs:
        with _unchanged(module), contextlib.ExitStack() as stack:
            for part in module.modules():
                stack.enter_context(part.register_forward_hook(_recorder(rows[id(part)])))
            with no_grad():
                module(*inputs)
        activations = sum(row.bytes for key, row in rows.items() if key in leaves)
    listed = _listed(list(rows.values()), depth)
    return Summary(module, listed, activations, bool(inputs))


def _recorder(row: Row) -> Any:
    """Return a forward hook that writes into a row."""

    def record(module: Any, inputs: Any, output: Any) -> None:
        arrays = list(_arrays_in(output))
        row.shapes.append(", ".join(shape_text(array.shape) for array in arrays) or "none")
        row.bytes += sum(map(_bytes_of, arrays))

    return record


def _arrays_in(value: Any) -> Iterator[Any]:
    """Yield the tensors and arrays of an output: of tuples, lists and dictionaries too."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _arrays_in(entry)
    elif isinstance(value, Tensor | np.ndarray | np.generic):
        yield value


@contextlib.contextmanager
def _unchanged(module: Module) -> Iterator[None]:
    """Restore modes, buffers, generators and the registry of hooks after a call of a network."""
    modes = [(part, vars(part).get("training")) for part in module.modules()]
    hooked = [(part, "_hooks" in vars(part)) for part in module.modules()]
    buffers = [(buffer, buffer._data) for buffer in module.buffers()]
    generators = [
        (part, part.bit_generator.state)
        for _, part in module._saved_parts()
        if isinstance(part, Generator)
    ]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            if mode is None:
                del part.training
            else:
                part.training = mode
        for part, had_hooks in hooked:
            if not had_hooks:  # so that a captured step still fits
                vars(part).pop("_hooks", None)
        for buffer, values in buffers:
            buffer._data = values
        for generator, state in generators:
            generator.bit_generator.state = state


def _count_parameters(module: Module, rows: dict[int, Row]) -> None:
    """Add each parameter to the row of the module that owns it, once."""
    seen: set[int] = set()
    wanted = {id(parameter) for parameter in module.parameters()}
    for _, _, part, owner in module._walk("", set()):
        if id(part) in wanted and id(part) not in seen:
            seen.add(id(part))
            rows[id(owner)].parameters += part.size


def _listed(rows: list[Row], depth: int | None) -> list[Row]:
    """Add up the rows below a depth in the row above them."""
    if depth is None:
        return rows
    found: dict[str, Row] = {}
    for row in rows:
        above = ".".join(row.path.split(".")[:depth])
        while above not in found and above != row.path and "." in above:
            above = above.rpartition(".")[0]
        if above in found:
            found[above].parameters += row.parameters
            found[above].is_whole = True
        else:
            found[row.path] = row
    return list(found.values())


def _shape_column(row: Row, is_called: bool) -> str:
    if not row.shapes:
        return "not called" if is_called else ""
    shapes = list(dict.fromkeys(row.shapes))
    text = shapes[0] if len(shapes) == 1 else f"{shapes[0]}, ..."
    return text if len(row.shapes) == 1 else f"{text}, {len(row.shapes)} calls"


def _bytes_of(array: Any) -> int:
    return int(array.size) * int(array.dtype.itemsize)


def size_text(count: int) -> str:
    """Write a number of bytes: ``12 B``, ``3.4 KiB``, ``1.2 MiB``.

    Examples
    --------
    >>> size_text(12), size_text(2048), size_text(3_000_000)
    ('12 B', '2.0 KiB', '2.9 MiB')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


# The parameters of a module ---------------------------------------------------------------------


def parameter_table(module: Module) -> Section:
    """List parameters and buffers, layer by layer, with their number and gradients."""
    modules = dict(module.named_modules())
    owners = {id(part): path for path, part in modules.items()}
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    buffers = {id(buffer) for buffer in module.buffers()}
    belonging: dict[str, list[tuple[str, Tensor]]] = {path: [] for path in modules}
    for path, _, part, owner in module._walk("", set()):
        if isinstance(part, Tensor) and tensors.get(path) is part:
            belonging[owners[id(owner)]].append((path, part))
    title: Line = ["Module ", name(_title(module))]
    if not tensors:
        return Section(title, ("no parameters",))

    has_gradients = any(tensor.grad is not None for tensor in tensors.values())
    rows: list[list[Line]] = []
    for owner_path, part in modules.items():
        layer = name(_title(part))
        for path, tensor in belonging[owner_path]:
            row: list[Line] = [name(path), layer, shape_text(tensor.shape), f"{tensor.size:,}"]
            if has_gradients:
                row.append(_gradient_column(tensor, id(tensor) in buffers))
            rows.append(row)
        if not belonging[owner_path] and not any(part.named_children()):  # such as an activation
            rows.append([name(owner_path), layer, "none", "0", *[""] * has_gradients])
    total = module.num_parameters()
    rows.append(["total", "", "", f"{total:,}", *[""] * has_gradients])
    heads = ["path", "layer", "shape", "count", *["gradient norm"] * has_gradients]
    listed = Table(heads, rows, numbers=(3, 4), strong=[len(rows) - 1])
    notes: list[Line] = ["gradients: not computed"] * (not has_gradients)
    if total != module.num_parameters(trainable_only=True):
        frozen = [path for path, p in module.named_parameters() if not p.requires_grad]
        notes.append(["frozen: ", name(", ".join(frozen), 400)])
    if buffers:
        names = ", ".join(path for path, _ in module.named_buffers())
        notes.append(["buffers, not in the total: ", name(names, 400)])
    return Section(title, (listed, *notes))


def _gradient_column(tensor: Tensor, is_buffer: bool) -> str:
    if is_buffer:
        return "buffer"
    if not tensor.requires_grad:
        return "frozen"
    text, norm, warning = gradient_text(tensor.grad, True)
    text = text if norm in ("", "0") else norm
    return f"{text} ({warning})" if warning else text


def _title(module: Module) -> str:
    return f"{type(module).__name__}({module.describe()})"

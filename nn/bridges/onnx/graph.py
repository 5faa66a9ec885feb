"""Builds an ONNX graph: constants, nodes, and sizes that depend on the batch.

Which node an operation becomes is in the tables (`rows_*.py`). Nothing is written to disk here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...packages import require
from .errors import ExportError
from .sizes import Dim, Size

__all__ = ["Graph", "Value"]


@dataclass(eq=False)
class Value:
    """A value of the graph.

    Attributes
    ----------
    graph : Graph
    shape : tuple of (int or Size)
    dtype : dtype
    made : str or callable
        Its name, or a function that makes it when it is needed.
    constant : ndarray or None
        Its elements, if it does not depend on the inputs or the batch size.
    is_number : bool
        Whether it was a Python number, which takes the dtype of the other operand.
    parts : dict of tuple to str
        The names of elements by their index, where they are cheaper than the whole.
    """

    graph: Graph
    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]
    made: str | Callable[[], str] | None = None
    constant: NDArray[Any] | None = None
    is_number: bool = False
    parts: dict[tuple[int, ...], Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the graph; a constant is added to the graph now."""
        if self.made is None:
            assert self.constant is not None
            self.made = self.graph.constant(self.constant)
        elif not isinstance(self.made, str):
            self.made = self.made()
        return self.made

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def of(self, dtype: Any) -> str:
        """Return the name of this value in another dtype."""
        dtype = np.dtype(dtype)
        if self.constant is not None:
            return self.graph.constant(self.constant.astype(dtype))
        return self.name if self.dtype == dtype else self.graph.cast(self.name, dtype)


class Graph:
    """The nodes and constants of a model while it is built."""

    def __init__(self) -> None:
        self.onnx = require("onnx", "to write ONNX models")
        self.helper: Any = require("onnx.helper", "to write ONNX models")
        self.numpy_helper: Any = require("onnx.numpy_helper", "to write ONNX models")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.batch: tuple[str, int] | None = None  # an input, and its axis of the batch
        self._constants: dict[Any, str] = {}
        self._sizes: dict[Any, str] = {}
        self._count = 0

    def add(
        self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **options: Any
    ) -> Any:
        """Add a node; return the name of its output, or the names if it has several.

        Parameters
        ----------
        kind : str
            The operator of ONNX.
        *inputs : str
            Names; an empty one is an input that is left out.
        outputs : int
        domain : str
        **options : object
            Its attributes.
        """
        self._count += 1
        names = [f"/{kind.lower()}_{self._count}" + (f"_{i}" if i else "") for i in range(outputs)]
        made = self.helper.make_node(
            kind, list(inputs), names, name=f"node_{self._count}", domain=domain, **options
        )
        self.nodes.append(made)
        return names[0] if outputs == 1 else names

    def domains(self) -> list[Any]:
        """Return the versions of other sets of operators that nodes use."""
        others = {node.domain for node in self.nodes} - {""}
        return [self.helper.make_opsetid(domain, 3) for domain in sorted(others)]

    def constant(self, values: Any) -> str:
        """Return the name of a constant; equal ones are stored once."""
        array = np.ascontiguousarray(values).reshape(np.shape(values))
        if array.dtype.kind not in "fiubU" or array.dtype == np.longdouble:
            raise ExportError(f"a constant of dtype {array.dtype} cannot be written as ONNX")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"/constant_{len(self._constants)}"
            if array.dtype.kind == "U":
                array = array.astype(object)
            self.initializers.append(self.numpy_helper.from_array(array, name))
        return self._constants[key]

    def whole(self, *numbers: int) -> str:
        """Return the name of a constant vector of whole numbers."""
        return self.constant(np.array(numbers, np.int64).reshape(-1))

    def cast(self, name: str, dtype: Any) -> str:
        """Convert a value to another dtype."""
        return str(self.add("Cast", name, to=self.kind(dtype)))

    def kind(self, dtype: Any) -> int:
        """Return the number that ONNX has for a dtype."""
        dtype = np.dtype(dtype)
        if dtype.kind == "U":
            return int(self.onnx.TensorProto.STRING)
        return int(self.helper.np_dtype_to_tensor_dtype(dtype))

    def sizes(self, sizes: Sequence[Dim]) -> str:
        """Return the name of a vector of sizes, which may depend on the batch."""
        if all(not isinstance(size, Size) for size in sizes):
            return self.whole(*(int(size) for size in sizes))  # type: ignore[arg-type]
        return str(self.add("Concat", *map(self._size, sizes), axis=0))

    def _size(self, size: Dim) -> str:
        """Return the name of a vector with one size."""
        if not isinstance(size, Size):
            return self.whole(size)
        if size not in self._sizes:
            if size == Size(1, 0):
                assert self.batch is not None
                name, axis = self.batch
                found = self.add("Gather", self.add("Shape", name), self.whole(axis), axis=0)
            else:
                found = self._size(Size(1, 0))
                if size.factor != 1:
                    found = self.add("Mul", found, self.whole(size.factor))
                if size.offset:
                    found = self.add("Add", found, self.whole(size.offset))
            self._sizes[size] = found
        return self._sizes[size]

    # What several tables need -------------------------------------------------------------

    def reshape(self, name: str, shape: Sequence[Dim]) -> str:
        """Reshape a value; one size may depend on the batch without a computation."""
        unknown = [i for i, size in enumerate(shape) if isinstance(size, Size)]
        if len(unknown) == 1 and 0 not in shape:
            target = self.whole(*(-1 if isinstance(s, Size) else int(s) for s in shape))
            return str(self.add("Reshape", name, target))
        return str(self.add("Reshape", name, self.sizes(shape), allowzero=1))

    def transpose(self, name: str, axes: Sequence[int]) -> str:
        """Exchange axes, if they are in another order."""
        axes = [int(axis) for axis in axes]
        return name if axes == sorted(axes) else str(self.add("Transpose", name, perm=axes))

    def expand(self, name: str, shape: Sequence[Dim]) -> str:
        """Broadcast a value to a shape."""
        return str(self.add("Expand", name, self.sizes(shape)))

    def slice(self, name: str, starts: Any, ends: Any, axes: Any, steps: Any = None) -> str:
        """Take a part along some axes.

        Parameters
        ----------
        name : str
            The value.
        starts, ends : sequence of (int or Size)
            They may depend on the batch.
        axes, steps : sequence of int
            By default every element is taken.
        """
        inputs = [self.sizes(starts), self.sizes(ends), self.whole(*axes)]
        if steps is not None:
            inputs.append(self.whole(*steps))
        return str(self.add("Slice", name, *inputs))

    def not_empty(self, name: str, shape: Sequence[Dim], axis: int, dtype: Any) -> str:
        """Add a row of zeros along an axis that depends on the batch, if it has none.

        Parameters
        ----------
        name : str
            The value.
        shape : sequence of (int or Size)
            Its shape.
        axis : int
        dtype : dtype
        """
        missing = self.add("Sub", self.whole(1), self.sizes([shape[axis]]))
        missing = self.add("Max", missing, self.whole(0))
        zeros = [0] * (len(shape) + axis)
        parts = [self.whole(*zeros), missing, self.whole(*[0] * (len(shape) - axis - 1))]
        widths = self.add("Concat", *parts, axis=0)
        return str(self.add("Pad", name, widths, self.constant(np.zeros((), dtype))))

    def reduce(self, kind: str, name: str, axes: Sequence[int], keepdims: bool) -> str:
        """Reduce axes; without axes the value is unchanged.

        Parameters
        ----------
        kind : str
            The operation of ONNX, such as ``"ReduceSum"``.
        name : str
            The value.
        axes : sequence of int
        keepdims : bool
            Whether the axes stay, with size 1.
        """
        if not axes:
            return name
        if kind == "ReduceSum":
            return str(self.add(kind, name, self.whole(*axes), keepdims=int(keepdims)))
        return str(self.add(kind, name, axes=list(axes), keepdims=int(keepdims)))

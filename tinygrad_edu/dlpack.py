"""Exchanges values with other libraries through DLPack: PyTorch, JAX, CuPy and NumPy read it.

Values are copied in both directions, because no library keeps a promise not to write: PyTorch
writes into the memory of a read-only array. Gradients do not cross, and only the CPU is supported.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import is_disguised
from .errors import CaptureError, GradientError
from .leaving import check_leaving
from .tensor import Tensor

__all__ = ["attach", "from_dlpack"]

_CPU = 1  # kDLCPU of dlpack.h
_DEVICES = {2: "CUDA", 3: "CUDA host", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm"}


def from_dlpack(x: Any, *, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Copy the values of another library's array into a new leaf.

    Parameters
    ----------
    x : object with ``__dlpack__``
        A tensor of PyTorch, an array of JAX or NumPy, or another one, on the CPU.
    requires_grad, name
        As for `Tensor`.

    Returns
    -------
    Tensor
        Of the same shape and dtype. A later write into `x` does not change it.

    Raises
    ------
    TypeError
        If `x` does not support DLPack, or has a dtype that NumPy does not have, such as bfloat16.
    ValueError
        If `x` is on another device.
    BufferError
        If the other library refuses, as PyTorch does for a tensor that requires gradients.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import from_dlpack
    >>> from_dlpack(np.array([1.0, 2.0]), requires_grad=True)
    Tensor([1., 2.], requires_grad=True)
    """
    if not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError(
            f"from_dlpack takes an array with __dlpack__, got a {type(x).__name__}; write "
            "Tensor(x) for lists and numbers"
        )
    kind, number = x.__dlpack_device__()
    if kind != _CPU:
        where = f"{_DEVICES.get(int(kind), f'device type {int(kind)}')}:{number}"
        raise ValueError(f"the array is on {where}, expected the CPU; move it there: x.cpu()")
    if isinstance(x, np.ndarray):  # NumPy does not export arrays of the other byte order
        return Tensor(x, requires_grad, name=name)
    try:
        array = np.from_dlpack(x)
    except (GradientError, CaptureError):  # from a Tensor of ours
        raise
    except RuntimeError as problem:
        raise TypeError(
            f"NumPy cannot read the {type(x).__name__} of dtype {getattr(x, 'dtype', '?')}: "
            f"{problem} Convert it first, in PyTorch with x.float()"
        ) from problem
    return Tensor(array, requires_grad, name=name)


def export(
    self: Tensor,
    *,
    stream: Any = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Return a capsule with a copy of the values, which the other library may change.

    Parameters
    ----------
    stream : None
        There is none on the CPU.
    max_version : tuple of int, optional
        The newest version of DLPack that the caller reads.
    dl_device : tuple of int, optional
        Only the CPU, ``(1, 0)``.
    copy : bool, optional
        False is refused: a write into shared memory would silently make gradients wrong.

    Returns
    -------
    capsule

    Raises
    ------
    GradientError
        If the tensor requires gradients and recording is on.
    CaptureError
        In a step that is being captured: a replay would not export again.
    BufferError
        For another device, and for ``copy=False``.
    """
    check_leaving(self, "the values of {} were requested through DLPack, as by torch.from_dlpack")
    if is_disguised(self._data):
        raise CaptureError(
            "the values of a tensor were requested through DLPack, which a replay would not do "
            "again; export it after the captured step"
        )
    if dl_device is not None and tuple(map(int, dl_device)) != (_CPU, 0):
        raise BufferError(f"a Tensor is on the CPU, (1, 0), and device {dl_device} was requested")
    if copy is False:
        raise BufferError(
            "a Tensor does not share its memory, because a write would make gradients wrong; "
            "leave out copy=False, or read .data"
        )
    values: Any = np.array(self._data, self.dtype.newbyteorder("="))
    try:
        return values.__dlpack__(stream=stream, max_version=max_version)
    except TypeError:  # NumPy 2.0 has the first layout only
        return values.__dlpack__(stream=stream)


def device(self: Tensor) -> tuple[int, int]:
    """Return DLPack's name of the CPU."""
    return _CPU, 0


def attach(tensor: type[Tensor]) -> None:
    """Attach DLPack's two methods to a class."""
    tensor.__dlpack__ = export  # type: ignore[attr-defined]
    tensor.__dlpack_device__ = device  # type: ignore[attr-defined]

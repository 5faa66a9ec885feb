"""Opens the devices that a captured step can run on: modules with the interface of CuPy.

One row for each device. How NumPy's calls are written for it is decided in `translation.py`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

__all__ = ["DEVICES", "Device", "open_device"]


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device.

    Attributes
    ----------
    module : str
        The module with the functions, which `import` takes.
    install : str
        How to install it.
    needs : str
        What the machine must have.
    """

    module: str
    install: str
    needs: str


DEVICES = {
    "cupy": Device(
        "cupy",
        "python -m pip install cupy-cuda12x for CUDA 12, or cupy-cuda13x for CUDA 13",
        "an NVIDIA GPU and its driver",
    )
}
"""The devices by name. Another module with CuPy's interface needs a row here."""


def open_device(name: object) -> Any:
    """Import the module of a device, and check that the machine has one.

    Parameters
    ----------
    name : str
        A key of `DEVICES`.

    Returns
    -------
    module

    Raises
    ------
    ValueError
        If there is no such name.
    ModuleNotFoundError
        If the module is not installed.
    ImportError
        If it is installed but cannot be imported.
    RuntimeError
        If the machine has no such device.
    """
    row = DEVICES.get(name) if isinstance(name, str) else None
    if row is None:
        known = ", ".join(map(repr, DEVICES))
        raise ValueError(f"device is {name!r}, expected {known}, or None to replay with NumPy")
    try:
        module = importlib.import_module(row.module)
    except ModuleNotFoundError as problem:
        if problem.name != row.module:
            raise
        raise ModuleNotFoundError(
            f"device={name!r} needs the package {row.module}: {row.install}", name=row.module
        ) from None
    except ImportError as problem:
        reason = next(filter(str.strip, str(problem).strip("= \n").splitlines()), "no reason given")
        raise ImportError(
            f"device={name!r}: {row.module} is installed but cannot be imported "
            f"({reason.strip()}); {row.install}",
            name=row.module,
        ) from problem
    if not module.is_available():
        raise RuntimeError(
            f"device={name!r} found no device; it needs {row.needs}; without device= the step is "
            "replayed with NumPy"
        )
    return module

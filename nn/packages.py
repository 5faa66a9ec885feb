"""Imports packages that only a part of `nn` needs; the error explains how to install them.

Packages of the bridges come with an extra of this project, which the error names. Which packages a
training needs is in `nn.training.requirements`.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["EXTRAS", "require"]

# The extra of `pyproject.toml` that brings a package, under the name that `import` takes.
EXTRAS = {
    "sklearn": "sklearn",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "mpi4py": "distributed",
    "dask": "dask",
    "distributed": "dask",
    "cupy": "cupy",
}
_PIP_NAMES = {"PIL": "pillow"}  # where `pip install` takes another name than `import`


def require(package: str, purpose: str) -> ModuleType:
    """Import a package, or raise an error that explains why and how to install it.

    Parameters
    ----------
    package : str
        The name that `import` takes, such as ``"pandas"`` or ``"sklearn.base"``.
    purpose : str
        Why it is needed, such as ``"to read CSV files"``.

    Returns
    -------
    module
        The package.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed; its `name` is that of the package.
    ImportError
        If it is installed but cannot be imported; the message has the reason.

    Examples
    --------
    >>> require("numpy", "to compute").__name__
    'numpy'
    """
    root = package.partition(".")[0]
    try:
        importlib.import_module(root)
        return importlib.import_module(package)
    except ImportError as problem:
        extra = EXTRAS.get(root)
        name = f'"tinygrad_edu[{extra}]"' if extra else _PIP_NAMES.get(root, root)
        if isinstance(problem, ModuleNotFoundError) and problem.name == root:
            raise ModuleNotFoundError(
                f"the package {root} is needed {purpose} and is not installed; install it "
                f"with: python -m pip install {name}",
                name=root,
            ) from None
        reason = " ".join(str(problem).split())
        raise ImportError(
            f"the package {root} is needed {purpose} and cannot be imported: {reason}; "
            f"repair it with: python -m pip install --force-reinstall {name}",
            name=root,
        ) from problem

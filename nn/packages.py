"""Imports packages that only a part of `nn` needs; the error explains how to install them.

Which packages a training needs is in `nn.training.requirements`.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["require"]


def require(package: str, purpose: str) -> ModuleType:
    """Import a package, or raise an error that explains why and how to install it.

    Parameters
    ----------
    package : str
        Its name, the same for `import` and for `pip`, such as ``"pandas"``.
    purpose : str
        Why it is needed, such as ``"to read CSV files"``.

    Returns
    -------
    module
        The package.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    ImportError
        If it is installed but cannot be imported; the message has the reason.

    Examples
    --------
    >>> require("numpy", "to compute").__name__
    'numpy'
    """
    try:
        return importlib.import_module(package)
    except ImportError as problem:
        if isinstance(problem, ModuleNotFoundError) and problem.name == package:
            raise ModuleNotFoundError(
                f"the package {package} is needed {purpose} and is not installed; install it "
                f"with: python -m pip install {package}",
                name=package,
            ) from None
        reason = " ".join(str(problem).split())
        raise ImportError(
            f"the package {package} is needed {purpose} and cannot be imported: {reason}; "
            f"repair it with: python -m pip install --force-reinstall {package}",
            name=package,
        ) from problem

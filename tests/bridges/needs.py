"""Which documents need an optional package: the pages, and the modules with their docstrings.

This table is the only place that says it. `test_documents.py` in this folder executes what is
listed, or skips it with a reason where a package is absent; `tests/test_documents.py` executes all
others, and they need no extra.
"""

import pytest

from nn.packages import require

# A page, as its path in `docs`, or the start of the name of a module: the packages that it imports.
NEEDS: dict[str, tuple[str, ...]] = {
    "howto/dask.md": ("dask", "distributed", "sklearn"),
    "nn.bridges.dask": ("dask", "distributed", "sklearn"),
    "nn.bridges.dask.cluster": ("dask", "distributed"),
    "nn.bridges.dask.estimators": ("dask", "distributed", "sklearn"),
    "nn.bridges.dask.placement": ("dask", "distributed"),
    "nn.bridges.dask.prediction": ("dask", "distributed"),
    "nn.bridges.dask.ranks": ("dask", "distributed", "sklearn"),
    "nn.bridges.dask.sockets": ("dask", "distributed"),
    "nn.bridges.dask.training": ("dask", "distributed"),
    "nn.bridges.dask.watching": ("dask", "distributed"),
    "howto/scikit-learn.md": ("sklearn",),
    "nn.bridges.sklearn": ("sklearn",),
    "howto/onnx.md": ("onnx", "onnxruntime"),
    "nn.bridges.onnx": ("onnx",),
    "nn.bridges.mpi": ("mpi4py",),
}


def skip_without(name):
    """Skip the test where a package that a page or module needs is not installed."""
    for package in NEEDS[name]:
        try:
            require(package, f"by {name}")
        except ModuleNotFoundError as missing:
            pytest.skip(str(missing))

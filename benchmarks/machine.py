"""The environment of a measurement: processor, Python, NumPy, and NumPy's BLAS."""

import platform
from pathlib import Path
from typing import Any

__all__ = ["machine"]


def machine() -> dict[str, Any]:
    """Describe the calling process; the number of threads is that of the loaded BLAS."""
    import numpy

    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "blas": _blas(),
    }


def _blas() -> list[dict[str, Any]]:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return []
    return [
        {
            "name": pool["internal_api"],
            "version": pool["version"],
            "kernel": pool.get("architecture", "unknown"),
            "threads": pool["num_threads"],
        }
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor unknown"

"""Prints a table of the states that go to PyTorch and back: for each layer, bits and outputs.

A state is written with `save_safetensors`, loaded by PyTorch, saved there, and loaded again. The
tests require what the table shows. It needs PyTorch: ``python -m benchmarks.pytorch_states``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from nn.bridges.pytorch import load_safetensors, save_safetensors, to_pytorch
from nn.packages import require
from tests.bridges.pytorch_cases import CASES, StateCase, output_of

__all__ = ["main"]


def row(case: StateCase, dtype: str, torch: Any, folder: Path) -> tuple[int, bool, float | None]:
    """Return the number of arrays, whether all bits come back, and how far outputs differ."""
    from safetensors.torch import load_file, save_file

    ours, new = case.make_ours(1, dtype), case.make_ours(2, dtype)
    theirs = case.make(torch.nn).to(getattr(torch, dtype)).eval()
    theirs.load_state_dict(load_file(save_safetensors(ours, folder / "ours")))
    save_file(theirs.state_dict(), folder / "theirs")
    load_safetensors(new, folder / "theirs")
    one, two = to_pytorch(ours), to_pytorch(new)
    same = all(values.tobytes() == two[name].tobytes() for name, values in one.items())
    inputs = [x if case.below else x.astype(dtype) for x in case.inputs()]
    expected = output_of(theirs, [torch.from_numpy(x) for x in inputs])
    if expected is None:
        return len(one), same, None
    scale = np.abs(expected).max()
    return len(one), same, float(np.abs(output_of(ours, inputs) - expected).max() / scale)


def main() -> None:
    """Print the table."""
    torch = require("torch", "to compare states with PyTorch")
    print(f"PyTorch {torch.__version__}: ours -> safetensors -> PyTorch -> safetensors -> ours")
    print("Differences of outputs relative to the largest.\n")
    print(f"{'layer of PyTorch':58} arrays  same bits   float32   float64")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            rows = [row(case, dtype, torch, Path(folder)) for dtype in ("float32", "float64")]
            same = "yes" if all(one[1] for one in rows) else "NO"
            texts = ["        -" if one[2] is None else f"{one[2]:9.1e}" for one in rows]
            print(f"{case.text.removeprefix('L.'):58} {rows[0][0]:6}  {same:>9} {' '.join(texts)}")


if __name__ == "__main__":
    main()

"""How far exported ONNX models differ from their networks: ``python -m benchmarks.onnx_parity``.

One row for each layer, dtype and batch size; differences are relative to the largest output where
that is above 1. With ``--reference`` the reference of the package onnx runs the models instead of
ONNX Runtime; ``--write FOLDER`` also keeps models, inputs and outputs, for another runtime.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np

from nn.bridges.onnx import export
from nn.bridges.onnx.checking import largest_difference, runner
from nn.bridges.onnx.translating import flat
from tests.bridges.onnx_cases import CASES
from tinygrad_edu import Tensor, no_grad

COUNTS = (0, 1, 7, 512)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--write", metavar="FOLDER", default=None)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print("| layer | dtype | nodes | run by |", *(f"N={n} |" for n in COUNTS))
    print("|---" * (4 + len(COUNTS)) + "|")
    worst = {"float32": 0.0, "float64": 0.0}
    for name, case in CASES.items():
        if options.only not in name:
            continue
        for dtype in worst:
            differences, line = _row(name, case, dtype, options)
            worst[dtype] = max([worst[dtype], *differences])
            print(f"| {name} | {dtype} | {line} |", *(f"{d:.1e} |" for d in differences))
    for dtype, largest in worst.items():
        print(f"largest difference in {dtype}: {largest:.1e}")


def _row(name, case, dtype, options):
    network = case.network(dtype)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(options.write or folder, f"{name}-{dtype}.onnx".replace(" ", "_"))
        done = export(network, case.inputs(dtype, 2), file, batch_axis=case.axis)
        by, run = runner(file.read_bytes(), False if options.reference else None)
        label, found = done.inputs[0].split(" (")[0], []
        for count in COUNTS:
            x = case.inputs(dtype, count)
            with warnings.catch_warnings(), no_grad():
                warnings.simplefilter("ignore")
                expected = [
                    np.asarray(getattr(y, "_data", y)) for y in flat(network(Tensor(x))).values()
                ]
            try:
                found.append(largest_difference(run({label: x}), expected))
            except Exception as error:  # the reference does not know all operators
                if by == "onnxruntime":
                    raise
                return [], f"{done.nodes} | refused by {by}: {type(error).__name__}"
            if options.write:
                arrays = {f"output{i}": y for i, y in enumerate(expected)}
                np.savez(file.with_suffix(f".{count}.npz"), **{f"input:{label}": x}, **arrays)
    return found, f"{done.nodes} | {by}"


if __name__ == "__main__":
    main()

"""Makes the models in the folder `models`: a pair of files, written by a version of this program.

Run it once with each version whose files must stay readable, with that version on PYTHONPATH:
`python make_models.py NAME`. The tests use `parts` to know what must come out.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np


def parts():
    """Everything that the first versions could store about a network."""
    matrices = [np.arange(6.0).reshape(3, 2) / 7, np.arange(4.0).reshape(2, 2) - 1.5]
    return {
        "weights": tuple(matrix.astype("f4") for matrix in matrices),
        "biases": (np.array([0.25, -1], "f4"), np.array([1e-3, 2], "f4")),
        "scale": 16.0,
        "feature_names": ("height", "a, b", "é"),
        "feature_ranges": np.array([[0, 1], [-2.5, 1e9], [3, 3]]),
        "classes": ("no", "yes"),
        "faintest_row": 0.125,
        "learned": False,
    }


if __name__ == "__main__":
    from nn.files import SavedNetwork, write_legacy, write_native

    known = {field.name for field in dataclasses.fields(SavedNetwork)}
    network = SavedNetwork(**{key: part for key, part in parts().items() if key in known})
    target = Path(__file__).parent / "models" / sys.argv[1]
    write_native(target.with_name(f"{target.name}.safetensors"), network)
    write_legacy(target.with_name(f"{target.name}.pkl"), network)

"""Runs captured steps on a real device; skipped without CuPy and an NVIDIA GPU.

What the stand-in cannot show: that the translated calls are accepted by CuPy itself, and that a GPU
rounds within the tolerances.
"""

import numpy as np
import pytest

from tinygrad_edu import CaptureError, capture

from .test_device import NETWORKS, batch, training
from .test_operations import FAMILIES, arguments_of, some_of, step_of

cupy = pytest.importorskip("cupy", reason="needs CuPy", exc_type=ImportError)
pytestmark = pytest.mark.skipif(not cupy.is_available(), reason="needs an NVIDIA GPU")


@pytest.mark.parametrize("name", NETWORKS)
def test_training(name):
    (plain, step), (network, function) = training(name), training(name)
    captured = capture(function, device="cupy")
    for number in range(20):
        expected, found = step(*batch(name, number)), captured(*batch(name, number))
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-3)
    for one, other in zip(plain.parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(other.data, one.data, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("operation", FAMILIES)
def test_operation(operation):
    for case in some_of(operation):
        captured = capture(step_of(case, np.float64)[0], device="cupy")
        try:
            for number in range(5):
                captured(*arguments_of(case, np.float64, number))
        except CaptureError as refusal:
            if "the device" in str(refusal):  # CuPy refuses it, or computes other values
                raise

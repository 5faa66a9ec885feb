"""Tests the table of translations: its names are CuPy's, and operations compute what NumPy does."""

import operator
import sys

import numpy as np
import pytest

from tests.operations.cases import CASES
from tinygrad_edu import CaptureError, Tensor, capture
from tinygrad_edu.capturing import translation

from .stand_in import INTERFACE, make_module, signature_of
from .test_operations import arguments_of, step_of

# Every eightieth case here; `test_cupy.py` runs all of them, on a device.
SOME = CASES[::80]


def test_every_row_is_a_function_of_cupy_with_these_options():
    known = INTERFACE["functions"]
    for function, (name, options) in translation._TABLE.items():
        if isinstance(function, np.ufunc) or function is operator.pow:
            assert name in INTERFACE["ufuncs"], name
        else:
            assert options <= signature_of(known[name]).parameters.keys() or "kwargs" in known[name]
            assert not {"out", "where", "initial"} & options, name
    for name, options in translation._OF_ARRAYS.values():
        assert options <= signature_of(INTERFACE["methods"][name]).parameters.keys(), name
    assert "where" not in signature_of(known["sum"]).parameters, "the interface is CuPy's"


def arrays_of(result):
    if isinstance(result, tuple | list):
        return [array for entry in result for array in arrays_of(entry)]
    if result is None:
        return []
    return [result.data if isinstance(result, Tensor) else np.asarray(result)]


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.name)
def test_operation(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", make_module())
    step = step_of(case, np.float64)[0]
    captured = capture(step, device="cupy")
    try:
        for number in range(4):
            arguments = arguments_of(case, np.float64, number)
            found, expected = arrays_of(captured(*arguments)), arrays_of(step(*arguments))
            for one, other in zip(found, expected, strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    except CaptureError as refusal:
        if "the device" in str(refusal):  # it computes something else
            raise
    else:
        assert captured.recordings < 4, "it is replayed"

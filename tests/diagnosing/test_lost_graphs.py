"""Tests that a function that loses its graph gets an error with the line."""

import numpy as np
import pytest

from tinygrad_edu import check_manual


@pytest.mark.filterwarnings("ignore::tinygrad_edu.GraphCutWarning")
def test_an_assignment_into_an_array_is_named_where_the_warning_is_not_an_error():
    x = np.arange(6.0).reshape(3, 2)

    def f(w):
        z = np.zeros(3)
        for i in range(3):
            z[i] = x[i] @ w
        return (z**2).mean()

    with pytest.raises(TypeError, match=r"z\[i\] = x\[i\] @ w is assigned a tensor.*np\.stack"):
        check_manual(f, [np.zeros(2)], np.ones(2))

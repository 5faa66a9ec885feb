"""Tests the converter of states on dictionaries written by hand; PyTorch is not needed.

Each layer's conversion is compared with PyTorch in `tests/layers/test_peer_layers.py`.
"""

import numpy as np
import pytest

from nn import BatchNorm1d, Dropout, Linear, Sequential
from nn.bridges.pytorch import from_pytorch, to_pytorch
from tests.networks.test_networks import refused


class Theirs:
    """Behaves like a tensor of PyTorch on a GPU that requires gradients."""

    def __init__(self, values, is_detached=False, is_here=False):
        self.values, self.is_detached, self.is_here = np.array(values), is_detached, is_here

    def detach(self):
        return Theirs(self.values, True, self.is_here)

    def cpu(self):
        return Theirs(self.values, self.is_detached, True)

    def numpy(self):
        assert self.is_detached
        assert self.is_here
        return self.values

    def __array__(self, *arguments, **keywords):
        raise AssertionError("not this way")


def network():
    return Sequential(Linear(3, 2), BatchNorm1d(2), Dropout(0.5))


STATE = {
    "0.weight": Theirs([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
    "0.bias": np.array([7.0, 8.0]),
    "1.weight": [1.0, 2.0],
    "1.bias": Theirs([3.0, 4.0]),
    "1.running_mean": Theirs([5.0, 6.0]),
    "1.running_var": Theirs([7.0, 8.0]),
    "1.num_batches_tracked": Theirs(9),
}


def test_states_convert_both_ways():
    net = network()
    generator = net[2].generator.bit_generator.state
    assert net.load_state_dict(from_pytorch(net, STATE)) == ([], [])
    assert net[0].weight.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert net[1].num_batches_tracked.item() == 9
    assert net[2].generator.bit_generator.state == generator, "PyTorch's have none"
    back = to_pytorch(net)
    assert back.keys() == STATE.keys()
    assert back["0.weight"].tolist() == STATE["0.weight"].values.tolist()
    back["0.weight"][:] = 0
    assert net[0].weight.data.all(), "a copy"


def test_names_that_do_not_match_are_reported_by_loading():
    net, state = network(), dict(STATE)
    state["stranger"] = state.pop("1.bias")
    found = from_pytorch(net, state)
    refused(lambda: net.load_state_dict(found), ValueError, ["1.bias is missing", "stranger"])
    assert net.load_state_dict(found, strict=False) == (["1.bias"], ["stranger"])
    state["0.weight"] = [1.0, 2.0]
    refused(lambda: net.load_state_dict(from_pytorch(net, state)), ValueError, ["(2,)", "(3, 2)"])


def test_a_state_that_was_not_converted_is_explained():
    layer = Linear(3, 2)
    state = {"weight": np.ones((2, 3)), "bias": np.ones(2)}
    words = ["(2, 3), expected (3, 2), (in, out)", "from_pytorch"]
    refused(lambda: layer.load_state_dict(state), ValueError, words)


def test_what_is_not_a_state_is_refused():
    refused(lambda: from_pytorch(network(), network()), TypeError, ["Sequential", ".state_dict()"])
    refused(lambda: from_pytorch(network(), 3), TypeError, ["int"])
    with pytest.raises(TypeError, match=r"0.bias is a str"):
        from_pytorch(network(), {"0.bias": "text"})

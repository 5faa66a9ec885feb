"""Tests states in and out of PyTorch for each layer: dictionaries, safetensors files, layouts."""

import copy
import pickle

import numpy as np
import pytest
import safetensors.numpy

import nn
from nn import ExponentialMovingAverage, Linear, functional_call, load_state, save_state
from nn.bridges.pytorch import from_pytorch, load_safetensors, save_safetensors, to_pytorch
from nn.errors import DataWarning, ModelFileError
from nn.module_state import State
from tests.layers.layer_cases import LAYERS
from tests.networks.test_networks import refused

from .pytorch_cases import CASES, StateCase, names_of, output_of

SQUARE = np.arange(16.0, dtype="f4").reshape(4, 4)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def import_torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def equal_bits(one, other):
    """Compare two states: names in order, dtypes and bytes."""
    assert list(one) == list(other)
    for name, values in one.items():
        assert (values.dtype, values.tobytes()) == (other[name].dtype, other[name].tobytes()), name


def round_trip(case, make_ours, folder):
    """Take a layer to PyTorch and back in files; compare outputs there, and bits at the end."""
    torch = import_torch()
    from safetensors.torch import load_file, save_file

    ours, theirs, new = make_ours(1), case.make(torch.nn).eval(), make_ours(2)
    path = save_safetensors(ours, folder / "ours.safetensors")
    assert str(theirs.load_state_dict(load_file(path))) == "<All keys matched successfully>"
    inputs = case.inputs()
    expected = output_of(theirs, [torch.from_numpy(x) for x in inputs])
    if expected is not None:
        np.testing.assert_allclose(output_of(ours, inputs), expected, **CLOSE)
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    assert load_safetensors(new, folder / "theirs.safetensors") == ([], [])
    equal_bits(to_pytorch(new), to_pytorch(ours))  # without states of generators
    # The same without a file.
    new = make_ours(3)
    new.load_state_dict(from_pytorch(new, theirs.state_dict()))
    equal_bits(to_pytorch(new), to_pytorch(ours))  # without states of generators


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.text)
def test_pytorch_round_trip(case, tmp_path):
    round_trip(case, case.make_ours, tmp_path)


def test_every_layer_with_a_state_has_a_case():
    saving = {case.name for case in LAYERS if to_pytorch(case.make(nn))}
    recurrent = {f"{kind}{cell}" for kind in ("RNN", "LSTM", "GRU") for cell in ("", "Cell")}
    wanted = names_of(saving) | recurrent | {"MultiheadAttention", "TransformerBlock"}
    assert len(wanted) > 20
    assert wanted - names_of(case.ours or case.text for case in CASES) == set()


def test_pytorch_notices_a_matrix_that_is_not_turned(tmp_path):
    class Unturned(nn.Linear):
        transposed = ()

    def make(seed):
        layer = Unturned(4, 4, generator=np.random.default_rng(seed))
        layer.bias.data = SQUARE[seed]
        return layer

    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        round_trip(StateCase("L.Linear(4, 4)", (5, 4)), make, tmp_path)


# Layouts ----------------------------------------------------------------------------------------


class Theirs(np.ndarray):
    """Has a type of PyTorch's; its memory is that of a tensor."""

    __module__ = "torch"


def their_values():
    return SQUARE.copy().view(Theirs)


class Memory:
    """Owns the memory of an array, as a tensor does."""

    __module__ = "torch"

    def __init__(self):
        self.values = SQUARE.copy()
        self.__array_interface__ = self.values.__array_interface__


THEIRS = {
    "tensors": lambda: {"weight": their_values(), "bias": np.zeros(4)},
    "their memory": lambda: {"weight": np.asarray(Memory()), "bias": np.zeros(4)},
    "a view of their memory": lambda: {"weight": np.asarray(Memory()).T, "bias": np.zeros(4)},
    "to_pytorch": lambda: to_pytorch(Linear(4, 4)),
    "a copy of it": lambda: copy.deepcopy(to_pytorch(Linear(4, 4))).copy(),
    "a pickle of it": lambda: pickle.loads(pickle.dumps(copy.copy(to_pytorch(Linear(4, 4))))),
}


@pytest.mark.parametrize("kind", THEIRS)
def test_a_square_matrix_of_pytorch_is_refused(kind, tmp_path):
    layer, state = Linear(4, 4), THEIRS[kind]()
    before, words = layer.state_dict(), ["weight (4, 4)", "(out, in)", "from_pytorch"]
    average = ExponentialMovingAverage(layer)
    average.update()
    for load in (
        lambda: layer.load_state_dict(state),
        lambda: layer.load_state_dict(state, strict=False),
        lambda: average.load_state_dict(state),
        lambda: functional_call(layer, state, (SQUARE,)),
    ):
        refused(load, ValueError, words)
    equal_bits(layer.state_dict(), before)
    assert layer.load_state_dict(from_pytorch(layer, state)) == ([], [])
    np.testing.assert_array_equal(layer.weight.data.T, np.asarray(state["weight"]))


def test_a_square_matrix_of_an_unknown_file_is_refused(tmp_path):
    layer, path = Linear(4, 4), tmp_path / "a.safetensors"
    safetensors.numpy.save_file({"weight": SQUARE, "bias": SQUARE[0]}, path, {"format": "pt"})
    with pytest.warns(DataWarning):
        state = load_state(path)
    refused(
        lambda: layer.load_state_dict(state),
        ValueError,
        ["weight (4, 4) has an unknown layout", "dict(state)", "from_pytorch(module, state)"],
    )
    layer.load_state_dict(dict(state))  # the caller has decided
    np.testing.assert_array_equal(layer.weight.data, SQUARE)
    assert load_safetensors(layer, path) == ([], [])
    np.testing.assert_array_equal(layer.weight.data, SQUARE.T)
    # Where no matrix is square, the shapes decide.
    other = Linear(2, 4)
    safetensors.numpy.save_file({"weight": SQUARE[:2], "bias": SQUARE[0]}, path, {"layout": "?"})
    with pytest.warns(DataWarning):
        assert other.load_state_dict(load_state(path)) == ([], [])


def test_files_keep_the_layout(tmp_path):
    layer, theirs = Linear(4, 4), to_pytorch(Linear(4, 4))
    ours = layer.state_dict()
    path = save_state(tmp_path / "a", ours)
    assert b'"layout":"in,out"' in path.read_bytes()
    found = load_state(path)
    assert (type(found), found.layout) == (State, "in,out")
    equal_bits(found, ours)
    assert load_state(save_state(tmp_path / "b", theirs)).layout == "out,in"
    nested = {"one": ours, "n": 3, "all": [theirs, State(layout="unknown")], "plain": dict(ours)}
    found = load_state(save_state(tmp_path / "c", nested))
    layouts = [found["one"], *found["all"]]
    assert [state.layout for state in layouts] == ["in,out", "out,in", "unknown"]
    assert (found["n"], type(found["plain"])) == (3, dict)
    refused(lambda: layer.load_state_dict(found["all"][0]), ValueError, ["(out, in)"])
    refused(lambda: from_pytorch(layer, found["one"]), ValueError, ["(in, out) already"])
    assert load_safetensors(layer, path) == ([], [])
    equal_bits(layer.state_dict(), ours)
    assert load_safetensors(layer, tmp_path / "b") == ([], [])
    equal_bits(to_pytorch(layer), theirs)


def test_plain_dictionaries_and_older_files_are_ours(tmp_path):
    layer = Linear(4, 4)
    state = {"weight": SQUARE, "bias": SQUARE[0]}
    assert layer.load_state_dict({k: 2 * v for k, v in layer.state_dict().items()}) == ([], [])
    path = save_state(tmp_path / "old", state)  # as files were before they had a layout
    assert b"layout" not in path.read_bytes()
    for found in (state, load_state(path), {k: v.tolist() for k, v in state.items()}):
        assert layer.load_state_dict(found) == ([], [])
        np.testing.assert_array_equal(layer.weight.data, SQUARE)
    assert load_safetensors(layer, path) == ([], [])
    np.testing.assert_array_equal(layer.weight.data, SQUARE)


def test_a_state_of_pytorch_without_square_matrices_needs_no_conversion():
    """Kernels and tables have one layout."""
    net = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Embedding(4, 4))
    state = {name: values.view(Theirs) for name, values in net.state_dict().items()}
    assert net.load_state_dict(state) == ([], [])
    one = Linear(1, 1)
    assert one.load_state_dict({"weight": np.ones((1, 1)).view(Theirs), "bias": [0.0]}) == ([], [])


# Files ------------------------------------------------------------------------------------------


def test_a_saved_file_is_a_file_of_pytorch_with_checksums(tmp_path):
    layer = Linear(3, 4)
    path = save_safetensors(layer, tmp_path / "a")
    assert path.read_bytes() == save_safetensors(layer, tmp_path / "b").read_bytes()
    header = path.read_bytes()
    assert b'"format":"pt"' in header
    assert b'"layout":"out,in"' in header
    damaged = bytearray(header)
    damaged[-1] ^= 1
    path.write_bytes(bytes(damaged))
    with pytest.raises(ModelFileError, match="checksum"):
        load_safetensors(layer, path)
    assert load_state(tmp_path / "b").layout == "out,in"


def test_what_is_not_a_state_is_refused(tmp_path):
    layer, path = Linear(2, 2), tmp_path / "a"
    save_state(path, [1, 2])
    refused(lambda: load_safetensors(layer, path), ModelFileError, ["a list", "state of a module"])
    path.write_bytes(pickle.dumps({"weight": [[1.0]]}))
    refused(lambda: load_safetensors(layer, path), ModelFileError, ["a pickle", "safetensors"])
    zipped = b"PK\x03\x04" + bytes(26) + b"archive/data.pklFB" + bytes(30)
    path.write_bytes(zipped)
    words = ["a file of torch.save", "pickle", "torch.load(path, weights_only=True)"]
    for load in (lambda: load_safetensors(layer, path), lambda: load_state(path)):
        refused(load, ModelFileError, words)


def test_pytorch_pickle_is_refused_with_a_recipe_that_works(tmp_path):
    torch = import_torch()
    from safetensors.torch import save_file

    theirs, ours = torch.nn.Linear(4, 4), Linear(4, 4)
    for new in (True, False):
        torch.save(theirs.state_dict(), tmp_path / "a.pt", _use_new_zipfile_serialization=new)
        refused(
            lambda: load_safetensors(ours, tmp_path / "a.pt"),
            ModelFileError,
            ["a file of torch.save", "save_file(torch.load(path, weights_only=True)"],
        )
    save_file(torch.load(tmp_path / "a.pt", weights_only=True), tmp_path / "model.safetensors")
    load_safetensors(ours, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(ours.weight.data.T, theirs.weight.detach().numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_pytorch_dtypes(dtype, tmp_path):
    torch = import_torch()
    from safetensors.torch import save_file

    theirs, ours = torch.nn.Linear(4, 4).to(getattr(torch, dtype)), Linear(4, 4)
    expected = theirs.weight.detach().float().numpy()
    ours.load_state_dict(from_pytorch(ours, theirs.state_dict()))
    np.testing.assert_array_equal(ours.weight.data.T, expected)
    save_file(theirs.state_dict(), tmp_path / "a")
    ours = Linear(4, 4)
    if dtype == "bfloat16":
        words = ["'BF16'", "model.float()"]
        refused(lambda: load_safetensors(ours, tmp_path / "a"), ModelFileError, words)
        return
    load_safetensors(ours, tmp_path / "a")
    np.testing.assert_array_equal(ours.weight.data.T, expected)


def test_pytorch_tensors_are_recognised_by_their_memory():
    torch = import_torch()
    theirs, ours = torch.nn.Linear(4, 4), Linear(4, 4)
    state = theirs.state_dict()
    for found in (
        state,
        dict(theirs.named_parameters()) | {"weight": theirs.weight.detach()} | {"bias": [0.0] * 4},
        {name: tensor.numpy() for name, tensor in state.items()},
        {name: np.asarray(tensor)[:] for name, tensor in state.items()},
    ):
        refused(lambda found=found: ours.load_state_dict(found), ValueError, ["(out, in)"])
    converted = from_pytorch(ours, state)
    with torch.no_grad():
        theirs.weight.zero_()
    assert converted["weight"].all(), "a copy, which PyTorch does not write into"
    assert ours.load_state_dict({**converted}) == ([], [])


def test_pytorch_shared_weights_in_files(tmp_path):
    torch = import_torch()
    from safetensors.torch import load_file, save_file, save_model

    def tied(package):
        class Net(package.Module):
            def __init__(self):
                super().__init__()
                self.first = package.Linear(4, 4)
                self.second = package.Linear(4, 4)
                self.second.weight = self.first.weight

        return Net()

    ours, theirs = tied(nn), tied(torch.nn)
    with pytest.raises(RuntimeError, match="share memory"):
        save_file(theirs.state_dict(), tmp_path / "a")
    save_model(theirs, tmp_path / "a")  # has the weight under one name
    assert load_safetensors(ours, tmp_path / "a") == ([], [])
    np.testing.assert_array_equal(ours.second.weight.data.T, theirs.first.weight.detach().numpy())
    back = tied(torch.nn)
    back.load_state_dict(load_file(save_safetensors(ours, tmp_path / "b")))
    assert torch.equal(back.second.weight, theirs.first.weight)
    assert back.second.weight is back.first.weight

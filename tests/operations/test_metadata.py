"""Tests that a tensor in any parameter of any function is differentiated, or refused by name: none
is silently taken as a constant. Keywords of other libraries are explained.
"""

import inspect
import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import GradientError, Tensor, creation, grad, ops
from tinygrad_edu.metadata import _SEVERAL, COMPOSED, composed
from tinygrad_edu.ops import plain
from tinygrad_edu.primitive import PRIMITIVES, primitive

random = np.random.default_rng(5)
MATRIX = random.normal(size=(3, 3)) + 4 * np.eye(3)
IMAGES = random.normal(size=(1, 3, 3, 3))

# A call of each function: by the names of parameters, unless a function needs its own.
VALUES = {
    "x": MATRIX,
    "y": MATRIX + 1,
    "a": MATRIX,
    "b": MATRIX + 1,
    "logits": MATRIX,
    "arrays": [MATRIX],
    "predictions": MATRIX,
    "targets": MATRIX + 0.7,
    "log_probabilities": -np.abs(MATRIX),
    "labels": [0, 1, 2],
    "weight": MATRIX,
    "bias": np.ones(3),
    "condition": MATRIX > 1,
    "shape": (3, 3),
    "dtype": float,
    "index": 0,
    "value": 1.5,
    "indices": [[0, 1, 2]],
    "axis1": 0,
    "axis2": 1,
    "source": 0,
    "destination": 1,
    "kth": 1,
    "shift": 1,
    "repeats": 2,
    "reps": 2,
    "pad_width": 1,
    "indices_or_sections": 3,
    "n": 2,
    "kernel": (2,),
    "kernel_size": 1,
    "operands": ("ij->ji", MATRIX),
    "start": 0.0,
    "stop": 3.0,
    "fill_value": 1.5,
    "N": 3,
    "size": (3,),
    "generator": 0,
    "subscripts": "ij->ji",
    "order": 0,
    "obj": 1,
    "values": np.ones(2),
    "fweights": None,
    "q": 0.4,
    "xp": np.arange(3.0),
    "fp": np.arange(3.0) ** 2,
    "v": np.ones(3),
    "p": np.arange(3.0),
    "condlist": [MATRIX > 1],
    "choicelist": [MATRIX],
    "funclist": [lambda x: x * x, 2.0],
    "spacing": 0.5,
    "args": (),
    "upscale_factor": 1,
    "downscale_factor": 1,
    "output_size": 2,
    "num_groups": 3,
    "threshold": 0.3,
}
VALUES |= {
    "axis": 0,
    "chunks": 2,
    "end": MATRIX + 1,
    "k": 2,
    "lambd": 0.5,
    "mask": MATRIX > 1,
    "reduce": "sum",
    "segment_ids": [0, 1, 0],
    "src": MATRIX,
}
SEQUENCE = np.stack([MATRIX, -MATRIX]) / 9
GATES = {count: np.tile(SEQUENCE, count) for count in (3, 4)}
OWN = {
    "expand_dims": {"axis": 0},
    "take_along_axis": {"indices": np.zeros((3, 3), int)},
    "conv1d": {"x": IMAGES[0], "weight": IMAGES[0]},
    "conv2d": {"x": IMAGES, "weight": IMAGES},
    "conv3d": {"x": IMAGES[None], "weight": IMAGES[None]},
    "conv_transpose1d": {"x": IMAGES[0], "weight": IMAGES[0]},
    "conv_transpose2d": {"x": IMAGES, "weight": np.moveaxis(IMAGES, 0, 1), "bias": np.ones(1)},
    "conv_transpose3d": {"x": IMAGES[None], "weight": IMAGES[None], "bias": np.ones(1)},
    "group_norm": {"x": MATRIX.repeat(2, 1), "weight": np.ones(6), "bias": np.ones(6)},
    "instance_norm": {"x": IMAGES, "weight": np.ones(3)},
    "rms_norm": {"weight": np.ones(3)},
    "prelu": {"weight": np.full(3, 0.5)},
    "celu": {"alpha": 0.5},
    "glu": {"x": MATRIX[:, :2]},
    "smooth_l1_loss": {"beta": 0.5},
    "interpolate": {"x": IMAGES, "size": 2},
    "pixel_shuffle": {"x": IMAGES},
    "pixel_unshuffle": {"x": IMAGES},
    "avg_pool3d": {"x": IMAGES},
    "max_pool3d": {"x": IMAGES},
    "adaptive_avg_pool3d": {"x": IMAGES},
    "max_unpool2d": {"indices": np.arange(9).reshape(3, 3)},
    "batch_norm": {"weight": np.ones(3), "mean": np.zeros(3), "variance": np.ones(3)},
    "layer_norm": {"weight": np.ones(3)},
    "embedding": {"indices": [0, 2]},
    "binary_cross_entropy_with_logits": {
        "targets": np.full((3, 3), 0.4),
        "weight": np.ones((3, 3)),
    },
    "dropout": {"generator": 0},
    "hinge_loss": {"targets": np.ones((3, 3))},
    "kl_div": {"targets": np.full((3, 3), 0.3)},
    "cross_entropy": {"weight": np.ones(3)},
    "nll_loss": {"weight": np.ones(3)},
    "put_at": {"index": (slice(3), slice(3))},
    "overlap_add": {"shape": (3, 5), "x": MATRIX[:, :, None] + np.zeros(3)},
    "arccosh": {"x": MATRIX**2 + 2},
    "arcsin": {"x": MATRIX / 9},
    "arccos": {"x": MATRIX / 9},
    "arctanh": {"x": MATRIX / 9},
    "log": {"x": MATRIX**2 + 2},
    "log2": {"x": MATRIX**2 + 2},
    "log10": {"x": MATRIX**2 + 2},
    "log1p": {"x": MATRIX**2 + 2},
    "sqrt": {"x": MATRIX**2 + 2},
    "power": {"x": MATRIX**2 + 2},
    "pow": {"x": MATRIX**2 + 2},
    "float_power": {"x": MATRIX**2 + 2},
    "xlogy": {"y": MATRIX**2 + 2},
    "linalg.cholesky": {"x": MATRIX @ MATRIX.T},
    "arange": {"step": 1.0},
    "linalg.eigh": {"x": MATRIX + MATRIX.T},
    "linalg.eigvalsh": {"x": MATRIX + MATRIX.T},
    "linalg.multi_dot": {"arrays": [MATRIX, MATRIX]},
    "norm": {"ord": 2.5, "axis": 0},
    "linalg.norm": {"ord": 2.5, "axis": 0},
    "average": {"weights": np.ones((3, 3))},
    "cosh": {"x": MATRIX / 4},
    "full": {"shape": (3,)},
    "zeros": {"shape": 3},
    "ones": {"shape": 3},
    "diff": {"prepend": 0.5, "append": 0.5},
    "clip": {"min": 0.1, "max": 3.0},
    "hardtanh": {"min_val": 0.1, "max_val": 3.0},
    "linalg.svd": {"full_matrices": False},
    "huber_loss": {"delta": 0.5},
    "rnn_sequence": {"gates": SEQUENCE, "h0": MATRIX},
    "lstm_sequence": {"gates": GATES[4], "weight": GATES[4][0], "h0": MATRIX, "c0": MATRIX},
    "gru_sequence": {"gates": GATES[3], "weight": GATES[3][0], "bias": np.ones(9), "h0": MATRIX},
    "scaled_dot_product_attention": {
        "query": MATRIX,
        "key": MATRIX / 9,
        "value": MATRIX,
        "attn_mask": MATRIX,
        "dropout_p": 0.5,
        "scale": 0.5,
        "generator": 0,
    },
    **{name: {"initial": 0.5} for name in ("sum", "prod", "max", "min", "amax", "amin")},
    **{name: {"initial": 0.5} for name in ("nansum", "nanprod", "nanmax", "nanmin")},
    "var": {"mean": 0.5},
    "nanvar": {"mean": 0.5},
    "append": {"values": MATRIX},
    "compress": {"condition": [True, False]},
    "convolve": {"a": np.arange(4.0)},
    "correlate": {"a": np.arange(4.0)},
    "cov": {"aweights": np.ones(3), "y": MATRIX},
    "diagflat": {"x": np.ones(2)},
    "dsplit": {"x": MATRIX[None]},
    "geomspace": {"start": 1.0},
    "interp": {"left": 0.5, "right": 0.5},
    "linalg.lstsq": {"b": MATRIX + 1},
    "linalg.vector_norm": {"ord": 2.5},
    "rollaxis": {"axis": 1},
    "trapezoid": {"x": np.array([0.0, 1.0, 3.0])},
    "corrcoef": {"y": MATRIX**2},
    "cumulative_sum": {"axis": 0},
    "cumulative_prod": {"axis": 0},
    "matvec": {"y": np.ones(3)},
    "cosine_embedding_loss": {"targets": np.ones(3)},
    "gaussian_nll_loss": {"var": MATRIX**2 + 1},
    "hinge_embedding_loss": {"distances": MATRIX, "targets": np.ones((3, 3))},
    "margin_ranking_loss": {"targets": np.ones((3, 3)), "margin": 2.0},
    "poisson_nll_loss": {"targets": MATRIX**2},
    "soft_margin_loss": {"targets": np.ones((3, 3))},
    "triplet_margin_loss": {"anchor": MATRIX, "positive": -MATRIX, "negative": MATRIX / 2},
    "fold": {"x": IMAGES[0], "output_size": (1, 3), "kernel_size": 1},
    "gather": {"index": [[0, 1, 2]]},
    "index_select": {"index": [0, 2]},
    "lerp": {"start": MATRIX, "weight": 0.3},
    "meshgrid": {"arrays": [np.ones(3)]},
    **{f"scatter{kind}": {"index": [[0, 1, 2]]} for kind in ("", "_add", "_reduce")},
    "rsqrt": {"x": MATRIX**2 + 2},
    "unfold": {"x": IMAGES},
    "vecmat": {"x": np.ones(3)},
}


def functions():
    """Every public function by name, primitives that are not public too."""
    found = {n: getattr(tg, n) for n in ops.__all__ if n not in (*plain.__all__, "linalg")}
    found |= {f"linalg.{name}": getattr(ops.linalg, name) for name in ops.linalg.__all__}
    found |= {name: getattr(creation, name) for name in creation.__all__}
    return dict(sorted(found.items()))


FUNCTIONS = functions()


def arguments_of(name):
    """A valid call: for each parameter its value, as far as there is no default."""
    given = {}
    for key, p in inspect.signature(FUNCTIONS[name]).parameters.items():
        own = OWN.get(name, {})
        if key in own or (p.default is p.empty and key in VALUES):
            given[key] = own.get(key, VALUES.get(key))
        elif p.default is not p.empty:
            given[key] = p.default
        else:
            raise KeyError(f"no value for {key} of {name}")
    return given


def called(name, given):
    """Call a function with its arguments by position or by name, as its signature has it."""
    positional, keywords = [], {}
    for key, p in inspect.signature(FUNCTIONS[name]).parameters.items():
        if p.kind is p.VAR_POSITIONAL:
            positional += list(given[key]) if isinstance(given[key], list | tuple) else [given[key]]
        elif p.kind is p.KEYWORD_ONLY:
            keywords[key] = given[key]
        else:
            positional.append(given[key])
    return FUNCTIONS[name](*positional, **keywords)


def results_of(out):
    parts = out if isinstance(out, list | tuple) else [out]
    return [part for part in parts if isinstance(part, Tensor)]


def weights_like(part):
    return np.cos(1 + np.arange(np.size(part)).reshape(np.shape(part)))


def weighted(out):
    """A number that all of the results are in."""
    total = 0.0
    for part in out if isinstance(out, list | tuple) else [out]:
        array = np.asarray(part.data if isinstance(part, Tensor) else part, float)
        total += np.sum(array * weights_like(array))
    return total


def slope(name, given, key, value):
    step = 1e-6
    ends = [weighted(called(name, given | {key: value + sign * step})) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * step)


def gradient(out, leaf):
    total = 0.0
    for part in results_of(out):
        if part.requires_grad:
            found = grad(part, leaf, weights_like(part), allow_unused=True)
            total += 0.0 if found is None else np.sum(found)
    return total


PARAMETERS = [(n, key) for n, f in FUNCTIONS.items() for key in inspect.signature(f).parameters]


@pytest.mark.parametrize("wrap", ["tensor", "list", "tuple", "dictionary", "slice"])
def test_every_parameter_differentiates_or_refuses(wrap):
    wrapped = {
        "tensor": lambda t: t, "list": lambda t: [t], "tuple": lambda t: (0, [t]),
        "dictionary": lambda t: {"a": t}, "slice": slice,
    }[wrap]  # fmt: skip
    differentiated, wrong = set(), []
    for name, key in PARAMETERS:
        if key in _SEVERAL:  # these may be lists of tensors; see test_numpy_signatures.py
            continue
        kind = inspect.signature(FUNCTIONS[name]).parameters[key].kind
        if kind is inspect.Parameter.VAR_POSITIONAL and wrap != "tensor":  # spread by `called`
            continue
        given = arguments_of(name)
        number = given[key]
        if isinstance(number, bool | str | None) or not isinstance(
            number, int | float | np.ndarray
        ):
            number = 0.7
        value = np.asarray(number, float)
        leaf = Tensor(value, requires_grad=True)
        try:
            out = called(name, given | {key: wrapped(leaf)})
        except (TypeError, ValueError, GradientError, IndexError) as error:
            text = str(error)
            is_odd = wrap in ("dictionary", "slice") and key == next(iter(given))
            # Arrays of a primitive are read as data, which tensors in a list are not.
            if not is_odd and not re.search(rf"\b{key}\b|list of tensors|dtype object", text):
                wrong.append(f"{name}, {key}: {type(error).__name__} {text}")
            continue
        if name in ("hinge_loss", "soft_margin_loss") and key == "targets":
            # They are -1 or 1, which differences leave.
            continue
        try:
            expected = slope(name, given, key, value) if wrap == "tensor" else 0.0
        except (TypeError, ValueError, IndexError) as error:
            wrong.append(f"{name}, {key} takes a tensor and not its value: {error}")
            continue
        found = gradient(out, leaf)
        if abs(found - expected) > 1e-5 * (1 + abs(expected)):
            wrong.append(f"{name}, {key}: gradient {found}, differences {expected}")
        if found:
            differentiated.add((name, key))
    assert wrong == [], "\n".join(wrong)
    if wrap == "tensor":
        numbers = {("clip", "min"), ("clip", "max"), ("softplus", "beta"), ("elu", "alpha")}
        numbers |= {("leaky_relu", "negative_slope"), ("hardtanh", "min_val"), ("norm", "ord")}
        numbers |= {("celu", "alpha"), ("threshold", "value"), ("smooth_l1_loss", "beta")}
        assert numbers | {("huber_loss", "delta"), ("average", "weights")} <= differentiated


def test_what_is_called_is_what_is_public():
    assert len(PARAMETERS) > 300
    for name in FUNCTIONS:
        called(name, arguments_of(name))


def test_tensors_without_gradient_are_constants():
    x = Tensor(MATRIX, requires_grad=True)
    np.testing.assert_array_equal(x.sum(axis=Tensor(0)).data, MATRIX.sum(axis=0))
    np.testing.assert_array_equal(x[Tensor([0, 2]), 1 : Tensor(3).item()].data, MATRIX[[0, 2], 1:3])
    np.testing.assert_array_equal(tg.repeat(x, Tensor([1, 0, 2]), 0).data, MATRIX[[0, 2, 2]])
    assert tg.reshape(x, (Tensor(9),)).shape == (9,)
    assert tg.full((2,), Tensor(1.5)).tolist() == [1.5, 1.5]
    assert [places.tolist() for places in np.where(Tensor([0.0, 2.0], True))] == [[1]]


def test_metadata_is_kept_as_it_was():
    """Arrays among the metadata are copied, also in tuples and lists."""
    x, places = Tensor([1.0, 2.0, 3.0], requires_grad=True), np.array([0, 1])
    out = x[(places,)]
    places[:] = 2
    np.testing.assert_array_equal(out.node.params["index"][0], [0, 1])
    ends = [np.array([0.0]), np.array([2.0])]
    clipped = tg.clip(x, ends[0], ends[1])
    ends[1][:] = 9
    clipped.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 0])


LEAF = Tensor(MATRIX, requires_grad=True)
ONE = Tensor(0.5, requires_grad=True)
OBJECTS = np.full(1, None)
OBJECTS[0] = ONE


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tg.sum(LEAF, dim=0), "sum: unexpected argument 'dim'; write axis="),
        (lambda: LEAF.sum(keepdim=True), "write keepdims="),
        (lambda: tg.mean(LEAF, dim=0, keepdim=True), "write axis="),
        (lambda: tg.var(LEAF, unbiased=False), "ddof=1 for unbiased=True"),
        (lambda: tg.softmax(LEAF, dim=1), "write axis="),
        (lambda: tg.transpose(LEAF, perm=(1, 0)), "write axes="),
        (lambda: tg.concatenate([LEAF, LEAF], dim=0), "write axis="),
        (lambda: tg.norm(LEAF, p=2), "write ord="),
        (lambda: tg.layer_norm(LEAF, epsilon=1e-5), "write eps="),
        (lambda: LEAF.sum(dtype="i8"), "sum: dtype=int64 has no derivative; expected a floating"),
        (lambda: tg.relu(LEAF, inplace=True), "leave it out"),
        (lambda: tg.gelu(LEAF, aproximate="tanh"), "did you mean approximate="),
        (lambda: tg.softplus(LEAF, strange=1), "keywords are x, beta"),
        (lambda: tg.sum(b=LEAF), "sum: unexpected argument 'b'; pass arrays by position"),
        (lambda: tg.exp(y=LEAF), "exp: unexpected argument 'y'; pass arrays by position"),
        (lambda: np.clip(LEAF, 0, ONE, dtype="i8"), "clip: dtype=int64 has no derivative"),
        (lambda: np.linalg.svd(LEAF, hermitian=True), "hermitian= is not available"),
        (lambda: np.modf(LEAF, where=[True, False, True]), "where= is not available.*mask"),
        (lambda: np.matmul(LEAF, LEAF, axes=[(0, 1)] * 3), "np.matmul:.*axes"),
        (lambda: np.histogram(LEAF), r"np\.histogram has no derivative rule.*\.data"),
        (lambda: tg.arange(0.0, ONE), r"arange: no gradient flows to stop; write start \+"),
        (lambda: tg.dropout(LEAF, ONE), "dropout: no gradient flows to p; pass numbers, or detach"),
        (lambda: np.pad(LEAF, 1, constant_values=ONE), "pad: no gradient flows to constant_values"),
        (lambda: tg.pad(LEAF, {0: ONE}), "pad: no gradient flows to pad_width"),
        (lambda: tg.roll(LEAF, OBJECTS), "roll: no gradient flows to shift"),
        (lambda: LEAF[ONE:], "getitem: no gradient flows to index"),
        (lambda: tg.norm(LEAF, ONE), "norm: no gradient flows to ord"),
        (lambda: tg.multiply(LEAF, [ONE]), "multiply: a list of tensors"),
        (lambda: tg.softplus(LEAF, (ONE,)), r"softplus: beta is a tuple of tensors; stack"),
    ],
)
def test_messages(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_tensor_exponent_of_a_norm_is_one_number():
    for p in (Tensor(-1.0, True), Tensor([2.0, 3.0], True), Tensor(np.inf, True)):
        with pytest.raises(ValueError, match=r"norm: ord.*between 0 and"):
            tg.norm(LEAF, p, axis=0)


def test_a_primitive_may_take_any_keywords():
    try:

        @primitive(lambda g, out, x, **options: g * options["factor"])
        def scaled(x, /, **options):
            return x * options["factor"]

        scaled(ONE * 1, factor=3.0).backward()
        with pytest.raises(TypeError, match="scaled: no gradient flows to factor"):
            scaled(ONE, factor=ONE)
    finally:
        del PRIMITIVES["scaled"]
        ONE.grad = None


def test_composed_functions_keep_what_they_are():
    @composed("x")
    def halved(x, times=1):
        """Halve it."""
        return x * 0.5**times

    assert (halved.__name__, halved.__doc__) == ("halved", "Halve it.")
    assert str(inspect.signature(halved)) == "(x, times=1)"
    assert halved(x=ONE, times=2).item() == halved(ONE, Tensor(2.0)).item() == 0.125
    with pytest.raises(TypeError, match="halved"):
        halved(ONE, 1, 2)
    with pytest.raises(TypeError, match="missing"):
        halved()
    del COMPOSED["halved"]  # the name is free again

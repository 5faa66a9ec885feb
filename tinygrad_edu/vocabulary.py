"""Names from other libraries, and what to write here instead.

Errors for unknown attributes and arguments use them. It contains only words and imports nothing of
the project.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["ATTRIBUTES", "IN_PLACE", "IN_PLACE_METHODS", "advice", "suggestion"]

# Attributes of tensors -------------------------------------------------------------------------

_ON_CPU = "values are always NumPy arrays in main memory; leave it out"
IN_PLACE = "tensors are not changed in place; write x.data = new_values"
IN_PLACE_METHODS = (
    "abs_ add_ addcdiv_ addcmul_ assign bernoulli_ ceil_ clamp_ clip_ copy_ cos_ cumsum_ div_ "
    "erf_ exp_ fill_ fill_diagonal_ floor_ index_add_ index_copy_ index_fill_ lerp_ log_ "
    "masked_fill_ mul_ neg_ normal_ pow_ random_ relu_ round_ rsqrt_ scatter_ scatter_add_ set_ "
    "sigmoid_ sin_ sqrt_ squeeze_ sub_ t_ tanh_ transpose_ tril_ triu_ uniform_ unsqueeze_ zero_"
)
_AS_DTYPE = "write x.astype(dtype)"
ATTRIBUTES = {
    "add": "write x + y",
    "backward_hook": "write x.register_hook(function)",
    "bmm": "write x @ y",
    "clamp": "write x.clip(lower, upper)",
    "clone": "write x.copy(), which records, or x.detach() for no gradient",
    "contiguous": "leave it out: NumPy accepts any layout",
    "cpu": _ON_CPU,
    "cuda": _ON_CPU,
    "device": _ON_CPU,
    "dim": "write x.ndim",
    "double": _AS_DTYPE,
    "expand": "write tinygrad_edu.broadcast_to(x, shape)",
    "expand_as": "write tinygrad_edu.broadcast_to(x, y.shape)",
    "float": _AS_DTYPE,
    "grad_fn": "write x.node",
    "half": _AS_DTYPE,
    "int": _AS_DTYPE,
    "is_leaf": "write x.node is None",
    "long": _AS_DTYPE,
    "mm": "write x @ y",
    "mul": "write x * y",
    "neg": "write -x",
    "numel": "write x.size",
    "permute": "write x.transpose(axes)",
    "pow": "write x ** y",
    "retain_grad": "leave it out: interior tensors keep their gradients",
    "sub": "write x - y",
    "t": "write x.T",
    "to": "values stay in main memory; for another dtype write x.astype(dtype)",
    "type": _AS_DTYPE,
    "unsqueeze": "write tinygrad_edu.expand_dims(x, axis), or x[:, None]",
    "view": "write x.reshape(shape)",
    "view_as": "write x.reshape(y.shape)",
    "requires_grad_": "write x.requires_grad = True",
    "detach_": "write x = x.detach()",
    "zero_grad": "write x.grad = None",
}
"""Attributes of tensors in PyTorch and other libraries, and what to write here."""

# Arguments of functions ------------------------------------------------------------------------

_NAMES = {
    "axis": "dim dims axes reduction_indices",
    "axes": "dim dims axis perm permutation",
    "axis1": "dim0 axis0",
    "axis2": "dim1",
    "keepdims": "keepdim keep_dims",
    "min": "a_min min_val clip_value_min lower",
    "max": "a_max max_val clip_value_max upper",
    "min_val": "min a_min",
    "max_val": "max a_max",
    "ord": "p",
    "p": "rate prob",
    "shape": "size sizes newshape dims output_shape",
    "shift": "shifts",
    "repeats": "n times",
    "reps": "dims multiples",
    "negative_slope": "alpha slope",
    "offset": "k diagonal",
    "k": "offset diagonal",
    "indices": "index dim_index",
    "indices_or_sections": "split_size_or_sections num_or_size_splits sections chunks",
    "source": "source_axis",
    "eps": "epsilon",
    "variance": "var running_var",
    "mean": "running_mean",
    "stride": "strides",
    "padding": "pad",
    "dilation": "dilations rate",
    "kernel_size": "pool_size ksize",
    "pad_width": "pad paddings",
    "constant_values": "value constant_value",
    "num_classes": "depth n_classes",
    "weight": "weights class_weight",
    "weights": "weight",
    "gradient": "grad_output",
    "prepend": "prepends",
    "rcond": "tol rtol",
}
"""Names of a parameter in NumPy, PyTorch or TensorFlow."""

_ADVICE = {
    "retain_graph": "leave it out: a graph can be used again and again",
    "create_graph": "write grad(output, inputs, create_graph=True)",
    "grad_outputs": "write gradient=",
    "grad_tensors": "write gradient=",
    "inputs": "write grad(output, inputs)",
    "only_inputs": "leave it out: grad computes only what was asked for",
    "is_grads_batched": "use jacobian(f, x)",
    "dtype": "convert with x.astype(dtype)",
    "out": "an operation makes a new result; leave it out",
    "where": "choose with where(mask, x, neutral) first",
    "initial": "combine it with the result afterwards",
    "unbiased": "write ddof=1 for unbiased=True, ddof=0 for unbiased=False",
    "correction": "write ddof=",
    "inplace": "an operation makes a new result; leave it out",
    "order": "transpose the axes",
    "axes": "move the axes with moveaxis(x, source, destination) first",
    "requires_grad": "it follows from the inputs; leave it out",
    "device": "everything is computed by NumPy; leave it out",
    "name": "set .name of the result",
    "descending": "write sort(x, descending=True)",
    "size_average": "write reduction='mean' or reduction='sum'",
    "reduce": "write reduction='none'",
    "start_dim": "write reshape(x, (len(x), -1))",
    "end_dim": "write reshape(x, (len(x), -1))",
}
"""What to do instead, for arguments without a corresponding parameter."""


def suggestion(key: str, keywords: Iterable[str]) -> tuple[str, bool]:
    """Return what to write for a keyword that a function does not take.

    Parameters
    ----------
    key : str
        The given keyword.
    keywords : iterable of str
        The keywords that the function takes.

    Returns
    -------
    text : str
        Advice such as ``write axis=``; or a keyword with similar spelling; or nothing.
    is_guess : bool
        Whether it is only a keyword with similar spelling.
    """
    keywords = list(keywords)
    for ours in keywords:
        if key in _NAMES.get(ours, "").split():
            return f"write {ours}=", False
    if key in _ADVICE and ("ddof" in keywords or key not in ("unbiased", "correction")):
        return _ADVICE[key], False
    close = difflib.get_close_matches(key, keywords, 1)
    return (close[0], True) if close else ("", False)


def advice(key: str, keywords: list[str], names: list[str]) -> str:
    """Return what to write instead of an unknown keyword.

    Parameters
    ----------
    key : str
        The given keyword.
    keywords : list of str
        The keywords that the operation takes.
    names : list of str
        All its parameters.
    """
    text, is_guess = suggestion(key, keywords)
    if text:
        return f"did you mean {text}=?" if is_guess else text
    arrays = [label for label in names if label not in keywords]
    if arrays:
        listed = f"; keywords are {', '.join(keywords)}" if keywords else ""
        return f"pass arrays by position, without a name{listed}"
    return f"keywords are {', '.join(keywords)}" if keywords else "leave it out"

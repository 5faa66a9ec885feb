"""The block that a transformer repeats: attention, then a small network for each position.

Models are not here: a GPT is an `Embedding`, positions, some blocks and a `Linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from tinygrad_edu import Tensor, add, gelu, relu, silu

from ..checks import check_count, check_probability
from ..module import Module
from .attention import MultiheadAttention, drawn_evenly
from .inputs import as_tensor
from .linear import Linear
from .normalization import LayerNorm
from .random import Dropout

__all__ = ["TransformerBlock"]

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": relu, "gelu": gelu, "silu": silu}


class TransformerBlock(Module):
    """Attention and a small network for each position, each added to its input.

        x = norm1(x + self_attn(x))                        with norm_first=False, as in 2017
        x = norm2(x + linear2(activation(linear1(x))))

        x = x + self_attn(norm1(x))                        with norm_first=True, as in GPT
        x = x + linear2(activation(linear1(norm2(x))))

    Arguments and parameters are those of PyTorch's ``TransformerEncoderLayer``, so that states
    convert in both directions (`nn.bridges.pytorch`). Two differences: ``batch_first`` is True by
    default, and ``causal=True`` makes it the block of a GPT, where no position sees a later one.

    Parameters
    ----------
    d_model : int
        Number of features.
    nhead : int
        Number of heads; a divisor of `d_model`.
    dim_feedforward : int
        Number of hidden features of the small network.
    dropout : float
        The probability that weights of attention, hidden features and what is added are dropped,
        while training.
    activation : {"relu", "gelu", "silu"} or callable
        The activation of the small network.
    layer_norm_eps : float
        Added to variances.
    batch_first : bool
        Whether sequences are (batch, length, features) instead of (length, batch, features).
    norm_first : bool
        Whether to normalise before attention and network, or after; see above. Deep networks are
        easier to train with True.
    bias : bool
        Whether to add biases.
    causal : bool
        Whether a position may only see itself and earlier ones.
    generator : numpy.random.Generator, optional
        Draws the weights, and what is dropped; by default a new one.
    dtype : dtype
        Dtype of the parameters.

    Attributes
    ----------
    self_attn : MultiheadAttention
    linear1, linear2 : Linear
    norm1, norm2 : LayerNorm

    Notes
    -----
    Vaswani et al., "Attention Is All You Need", 2017; Xiong et al., "On Layer Normalization in the
    Transformer Architecture", 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from nn import TransformerBlock
    >>> block = TransformerBlock(8, 2, 32, activation="gelu", norm_first=True, causal=True)
    >>> block(np.ones((1, 5, 8), np.float32)).shape
    (1, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = True,
        norm_first: bool = False,
        bias: bool = True,
        *,
        causal: bool = False,
        generator: Generator | None = None,
        dtype: DTypeLike = "float32",
    ) -> None:
        for name, count in [
            ("d_model", d_model),
            ("nhead", nhead),
            ("dim_feedforward", dim_feedforward),
        ]:
            check_count(name, count)
        if d_model % nhead:
            raise ValueError(f"d_model {d_model} must be divisible by nhead {nhead}")
        check_probability("dropout", dropout)
        if not callable(activation) and activation not in _ACTIVATIONS:
            raise ValueError(
                f"activation is {activation!r}; expected one of {', '.join(_ACTIVATIONS)}, or a "
                "function"
            )
        generator = np.random.default_rng() if generator is None else generator
        options: Any = {
            "bias": bias,
            "generator": generator,
            "initializer": drawn_evenly,
            "dtype": dtype,
        }
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, generator=generator, dtype=dtype
        )
        self.linear1 = Linear(d_model, dim_feedforward, **options)
        self.linear2 = Linear(dim_feedforward, d_model, **options)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout = Dropout(dropout, generator=generator)
        self.dropout1 = Dropout(dropout, generator=generator)
        self.dropout2 = Dropout(dropout, generator=generator)
        self.norm_first, self.causal = norm_first, causal
        self.activation = activation if callable(activation) else _ACTIVATIONS[activation]

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Compute a sequence of the same shape.

        Parameters
        ----------
        src : array_like, shape (batch, length, d_model) or (length, d_model)
            With ``batch_first=False``, (length, batch, d_model).
        src_mask : array_like, shape (length, length), optional
            True where a position must not see another one; or numbers that are added to the
            scores.
        src_key_padding_mask : array_like, shape (batch, length), optional
            True where a position must not be seen, such as behind the end of a sequence.
        is_causal : bool
            As `causal` of the block, for this call.

        Returns
        -------
        Tensor, of the shape of src
        """
        x, is_causal = as_tensor(src), is_causal or self.causal
        masks = {"attn_mask": src_mask, "key_padding_mask": src_key_padding_mask}
        if self.norm_first:
            x = add(x, self._attend(self.norm1(x), is_causal, **masks))
            return add(x, self._feed(self.norm2(x)))  # type: ignore[no-any-return]
        x = self.norm1(add(x, self._attend(x, is_causal, **masks)))
        return self.norm2(add(x, self._feed(x)))  # type: ignore[no-any-return]

    def _attend(self, x: Any, is_causal: bool, **masks: Any) -> Tensor:
        output, _ = self.self_attn(x, is_causal=is_causal, need_weights=False, **masks)
        return self.dropout1(output)  # type: ignore[no-any-return]

    def _feed(self, x: Any) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.dropout2(self.linear2(hidden))  # type: ignore[no-any-return]

    def describe(self) -> str:
        """Return the sizes, and the options that differ from the default."""
        size, hidden = self.linear1.weight.shape
        text = f"{size}, nhead={self.self_attn.num_heads}, dim_feedforward={hidden}"
        for name in ("norm_first", "causal"):
            text += f", {name}=True" if getattr(self, name) else ""
        return text

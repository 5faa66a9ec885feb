"""The layers that networks consist of, one file for each family; this file lists their names.

Batches come first, and matrices are ``(in, out)``: a layer computes ``x @ W + b``. How a module
finds its parameters is in `module`. A layer in ``__all__`` is a public name of `nn`.
"""

# ruff: noqa: F403 (each family lists its names)
from . import (
    activations,
    attention,
    cells,
    containers,
    convolution,
    embedding,
    group_normalization,
    linear,
    losses,
    normalization,
    piecewise,
    pooling,
    random,
    recurrent,
    resampling,
    transformer,
    transposed_convolution,
)
from .activations import *
from .activations import ACTIVATIONS as ACTIVATIONS
from .attention import *
from .cells import *
from .containers import *
from .convolution import *
from .embedding import *
from .group_normalization import *
from .linear import *
from .linear import Initializer as Initializer
from .losses import *
from .normalization import *
from .piecewise import *
from .pooling import *
from .random import *
from .recurrent import *
from .resampling import *
from .transformer import *
from .transposed_convolution import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += attention.__all__
__all__ += cells.__all__
__all__ += containers.__all__
__all__ += convolution.__all__
__all__ += embedding.__all__
__all__ += group_normalization.__all__
__all__ += linear.__all__
__all__ += losses.__all__
__all__ += normalization.__all__
__all__ += piecewise.__all__
__all__ += pooling.__all__
__all__ += random.__all__
__all__ += recurrent.__all__
__all__ += resampling.__all__
__all__ += transformer.__all__
__all__ += transposed_convolution.__all__

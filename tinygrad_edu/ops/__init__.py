"""The operations, one file for each family: each is a forward pass together with its rules.

Adding one takes one statement in the file of its family; see CONTRIBUTING.md.
"""

from . import (
    arithmetic,
    assembling,
    branches,
    calculus,
    choosing,
    elementwise,
    indexing,
    joining,
    moments,
    padding,
    plain,
    quantiles,
    rearranging,
    reduction,
    scan,
    scattering,
    segments,
    shape,
    skipping,
    sorting,
    special,
    statistics,
    trigonometric,
)
from .arithmetic import *
from .assembling import *
from .branches import *
from .calculus import *
from .choosing import *
from .elementwise import *
from .indexing import *
from .joining import *
from .linear_algebra import distances, linalg, matrices, norms, products, rows, triangles
from .linear_algebra.distances import *
from .linear_algebra.matrices import *
from .linear_algebra.norms import *
from .linear_algebra.products import *
from .linear_algebra.rows import *
from .linear_algebra.triangles import *
from .moments import *
from .networks import (
    activation,
    adaptive_pooling,
    attention,
    classification,
    convolution,
    folding,
    group_normalization,
    hard_activation,
    interpolation,
    likelihood_loss,
    loss,
    margin_loss,
    normalization,
    pooling,
    recurrence,
    smooth_activation,
    transposed_convolution,
    windows,
)
from .networks.activation import *
from .networks.adaptive_pooling import *
from .networks.attention import *
from .networks.classification import *
from .networks.convolution import *
from .networks.folding import *
from .networks.group_normalization import *
from .networks.hard_activation import *
from .networks.interpolation import *
from .networks.likelihood_loss import *
from .networks.loss import *
from .networks.margin_loss import *
from .networks.normalization import *
from .networks.pooling import *
from .networks.recurrence import *
from .networks.smooth_activation import *
from .networks.transposed_convolution import *
from .networks.windows import *
from .padding import *
from .plain import *
from .quantiles import *
from .rearranging import *
from .reduction import *
from .scan import *
from .scattering import *
from .segments import *
from .shape import *
from .skipping import *
from .sorting import *
from .special import *
from .statistics import *
from .trigonometric import *

__all__: list[str] = ["linalg"]
__all__ += arithmetic.__all__
__all__ += choosing.__all__
__all__ += elementwise.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += moments.__all__
__all__ += plain.__all__
__all__ += rearranging.__all__
__all__ += reduction.__all__
__all__ += scan.__all__
__all__ += scattering.__all__
__all__ += segments.__all__
__all__ += shape.__all__
__all__ += sorting.__all__
__all__ += special.__all__
__all__ += statistics.__all__
__all__ += trigonometric.__all__
__all__ += distances.__all__
__all__ += matrices.__all__
__all__ += norms.__all__
__all__ += products.__all__
__all__ += triangles.__all__
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += classification.__all__
__all__ += convolution.__all__
__all__ += folding.__all__
__all__ += likelihood_loss.__all__
__all__ += loss.__all__
__all__ += margin_loss.__all__
__all__ += normalization.__all__
__all__ += recurrence.__all__
__all__ += windows.__all__
__all__ += pooling.__all__
__all__ += adaptive_pooling.__all__
__all__ += transposed_convolution.__all__
__all__ += interpolation.__all__
__all__ += group_normalization.__all__
__all__ += hard_activation.__all__
__all__ += smooth_activation.__all__
__all__ += quantiles.__all__
__all__ += skipping.__all__
__all__ += padding.__all__
__all__ += assembling.__all__
__all__ += branches.__all__
__all__ += calculus.__all__
__all__ += rows.__all__

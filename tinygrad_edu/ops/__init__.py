"""The operations, one file a family: each is a forward pass with its rules beside it.

Adding one takes one statement in the file of its family; see CONTRIBUTING.md.
"""

from . import (
    activation,
    arithmetic,
    choosing,
    classification,
    convolution,
    elementwise,
    indexing,
    joining,
    linalg,
    linear_algebra,
    loss,
    normalization,
    norms,
    plain,
    products,
    rearranging,
    reduction,
    scan,
    shape,
    sorting,
    special,
    triangles,
    trigonometric,
    windows,
)
from .activation import *
from .arithmetic import *
from .choosing import *
from .classification import *
from .convolution import *
from .elementwise import *
from .indexing import *
from .joining import *
from .linear_algebra import *
from .loss import *
from .normalization import *
from .norms import *
from .plain import *
from .products import *
from .rearranging import *
from .reduction import *
from .scan import *
from .shape import *
from .sorting import *
from .special import *
from .triangles import *
from .trigonometric import *
from .windows import *

__all__: list[str] = ["linalg"]
__all__ += activation.__all__
__all__ += arithmetic.__all__
__all__ += choosing.__all__
__all__ += classification.__all__
__all__ += convolution.__all__
__all__ += elementwise.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += linear_algebra.__all__
__all__ += loss.__all__
__all__ += normalization.__all__
__all__ += norms.__all__
__all__ += plain.__all__
__all__ += products.__all__
__all__ += rearranging.__all__
__all__ += reduction.__all__
__all__ += scan.__all__
__all__ += shape.__all__
__all__ += sorting.__all__
__all__ += special.__all__
__all__ += triangles.__all__
__all__ += trigonometric.__all__
__all__ += windows.__all__

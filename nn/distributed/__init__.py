"""Data-parallel training: several processes train one network, each on its part of each batch.

`collective.py` has the protocol through which the processes talk, `threads.py` an implementation
within one process. Those over MPI and Dask are in `nn.bridges`.
"""

from .collective import Alone, Collective
from .gradients import SharedGradients
from .threads import run_threads

__all__ = ["Alone", "Collective", "SharedGradients", "run_threads"]

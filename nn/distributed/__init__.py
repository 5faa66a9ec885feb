"""Data-parallel training: several processes train one network, each on its part of each batch.

`collective.py` has the protocol through which the processes talk, `threads.py` an implementation
within one process. Those over MPI and Dask are in `nn.bridges`.
"""

from .agreement import Agreement, RankError, is_agreed
from .collective import Alone, Collective
from .gradients import SharedGradients
from .shares import rows_of_batches, share
from .state import average_buffers, broadcast_state, check_state
from .step import ParallelStep
from .threads import run_threads

__all__ = [
    "Agreement",
    "Alone",
    "Collective",
    "ParallelStep",
    "RankError",
    "SharedGradients",
    "average_buffers",
    "broadcast_state",
    "check_state",
    "is_agreed",
    "rows_of_batches",
    "run_threads",
    "share",
]

"""Model files: what a saved network is, the native format, and the legacy pickle read safely.

`read_network` reads both layouts, and `write_pair` writes both files of a model. The modules
`native` and `legacy_pickle` know the two layouts and nothing of networks.
"""

from .locking import folder_lock
from .network_file import read_network, write_legacy, write_native
from .pair import LEGACY_FILE, NATIVE_FILE, WrittenPair, write_pair
from .saved_network import SavedNetwork

__all__ = [
    "LEGACY_FILE",
    "NATIVE_FILE",
    "SavedNetwork",
    "WrittenPair",
    "folder_lock",
    "read_network",
    "write_legacy",
    "write_native",
    "write_pair",
]

"""Model files: what a saved network is, the native format, and the legacy pickle read safely.

`read_network` reads both layouts, and `write_pair` writes both files of a model. The modules
`native` and `legacy_pickle` know the two layouts and nothing of networks. `save_state` and
`load_state` keep the state of any module or training in the native layout. `convert` converts a
network to the other layout; `inspecting` describes a file.
"""

from .converting import convert
from .locking import folder_lock
from .network_file import read_network, write_legacy, write_native
from .pair import LEGACY_FILE, NATIVE_FILE, WrittenPair, write_pair
from .saved_network import SavedNetwork
from .state_file import load_metadata, load_state, save_state

__all__ = [
    "LEGACY_FILE",
    "NATIVE_FILE",
    "SavedNetwork",
    "WrittenPair",
    "convert",
    "folder_lock",
    "load_metadata",
    "load_state",
    "read_network",
    "save_state",
    "write_legacy",
    "write_native",
    "write_pair",
]

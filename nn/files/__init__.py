"""Model files: what a saved network is, the native format, and the legacy pickle read safely.

`nn.files.network_file` is the way in; the other modules know the two layouts and nothing else.
"""

from nn.files.network_file import read_network, write_legacy, write_native
from nn.files.saved_network import SavedNetwork

__all__ = ["SavedNetwork", "read_network", "write_legacy", "write_native"]

"""The memory of this process, now and at its peak."""

import os
import sys

__all__ = ["peak", "resident"]


def resident() -> float:
    """Return the MiB of memory in use now, or the peak if the system does not report it."""
    try:
        with open("/proc/self/statm", encoding="utf-8") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return peak()


def peak() -> float:
    """Return the peak of memory in use so far, in MiB."""
    try:
        with open("/proc/self/status", encoding="utf-8") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmHWM"].split()[0]) / 1024
    except (OSError, KeyError):
        import resource

        # In bytes on macOS, and in KiB elsewhere.
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20

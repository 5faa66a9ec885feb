"""Settings of all tests: where a gate decides, Hypothesis draws the same examples every time."""

import os

from hypothesis import settings

settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("free", deadline=None)
settings.load_profile("gate" if os.environ.get("CI") else "free")

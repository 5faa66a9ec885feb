"""Lets ``python -m nn`` be the same program as ``tinygrad-edu``."""

import sys

from .cli import main

sys.exit(main())

"""Makes ``python -m nn`` the same program as ``tinygrad-edu``."""

import sys

from .cli import main

sys.exit(main())

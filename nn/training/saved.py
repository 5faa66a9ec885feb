"""Turns a network and what it knows of its inputs into what a model file holds, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..files import SavedNetwork
from ..initializers import Initializer
from ..known_inputs import KnownInputs
from ..mlp import MLP

__all__ = ["inputs_of", "saved_network", "weights_as_initializer"]

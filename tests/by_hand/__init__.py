"""Tests of the gradients derived by hand: against the engine, and against finite differences."""

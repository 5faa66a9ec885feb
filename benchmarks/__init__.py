"""Measures speed; run it with ``python -m benchmarks``. Nothing here is a test."""

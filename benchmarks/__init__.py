"""Measures speed: ``python -m benchmarks``. Nothing here is a test."""

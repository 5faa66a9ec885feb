"""Whole programs that are measured from start to end; the last line each prints is JSON."""

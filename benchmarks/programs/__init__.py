"""Whole programs that are measured from start to end; the last line that each prints is JSON."""

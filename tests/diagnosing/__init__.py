"""Gradients derived by hand, and what their mistakes look like."""

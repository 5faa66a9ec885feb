"""Captured steps: each does what the plain step does, or is refused with a reason."""

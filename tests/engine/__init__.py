"""The engine: the Tensor, its graph, differentiation, checks, and what it refuses."""

"""Pictures of a training and its network: curves, mistakes, weights, gradients, regions.

Each function returns a matplotlib figure, and needs neither a display nor pyplot. Nothing is
imported here, so that importing one picture does not load the others.
"""

"""Pictures of training and of what was learned: curves, mistakes, weights, gradients, regions.

Each function gives a matplotlib figure that no display and no pyplot is needed for. Nothing is
imported here, so that asking for one picture does not load the others.
"""

"""Pictures of what a network has learned: its mistakes, its weights, its gradients, its regions.

Each function gives a matplotlib figure that no display and no pyplot is needed for. Nothing is
imported here, so that asking for one picture does not load the others.
"""

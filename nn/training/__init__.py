"""Training: the loop over epochs, what it recorded, and pictures of it.

Nothing is imported here, so that asking for one part does not load the others.
"""

"""A whole network by hand: the derivations of its layers, one after the other, forward and back.

Nothing is imported here, so that importing one part does not load the others.
"""

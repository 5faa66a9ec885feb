"""Data: the CSV reader, the bundled digits, and checks of the inputs of a network.

Nothing is imported here, so that asking for one part does not load the others.
"""

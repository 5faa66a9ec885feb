"""Data: the CSV reader, the bundled digits, and checks of the inputs of a network.

Nothing is imported here, so that importing one part does not load the others.
"""

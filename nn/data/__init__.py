"""Data: the CSV reader, the bundled digits, and checks of what a network is given.

Nothing is imported here, so that asking for one part does not load the others.
"""

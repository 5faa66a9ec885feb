"""Tables that are too large for memory: their rows are kept in a cache file and read when needed.

Nothing is imported here, so that importing one part does not load the others. Which files form a
table, and whether it is kept in memory, is decided in `nn.data.files`.
"""

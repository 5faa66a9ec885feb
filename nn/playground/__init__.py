"""The playground: a small network that trains in front of a person, and every step can be visited.

A `Session` holds the data, the network and its history; `frames` describes it as plain data, and
the server shows that as a page. Nothing is imported here, so that one part does not load the rest.
"""

"""How the playground is served: `server`, `handler` of a connection, `player` of a session.

What a page asks for is checked in `requests`; `streaming` sends frames. What a session computes is
not known here.
"""

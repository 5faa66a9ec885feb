"""Grades hand-ins: each runs in a process of its own, and its values are judged in this one.

`child` computes what a hand-in computes, without the engine; `marking` compares that with the
truth. What the limits hold off, and what they do not, is in SECURITY.md.
"""

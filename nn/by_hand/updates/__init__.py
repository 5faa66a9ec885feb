"""Update rules by hand: the textbook's rules, and what is wrong with one that you have written.

`rules` is plain NumPy and shares no line with the optimizers. Nothing is imported here, so that
importing one part does not load the others.
"""

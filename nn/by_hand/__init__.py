"""Gradients by hand: the textbook's equations, their comparison with autodiff, and a worksheet.

`delta_rule` is plain NumPy and shares no line with the engine. Nothing is imported here, so that
importing one part does not load the others.
"""

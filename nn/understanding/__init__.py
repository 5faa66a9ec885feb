"""A trained model, understood: what it looks at, where it errs, and which rows taught it that.

One file for each question; each answer is a `Result`, with a text, a table and a picture. The
functions work on a network and arrays (`Trained`), and train nothing. Nothing is imported here, so
that importing one part does not load the others.
"""

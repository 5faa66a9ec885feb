"""From a CSV file to a model: the classifier, the training loop, its history and its pictures.

Nothing is imported here, so that importing one part does not load the others.
"""

"""The data of a training: read, matched with the model, split and weighted.

Nothing is imported here, so that importing one part does not load the others. How a file is read is
in `nn.data.csv`.
"""

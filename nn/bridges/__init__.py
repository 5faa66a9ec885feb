"""Bridges to other libraries, a file or a folder each; none is imported before it is used."""

"""Tests of training from a table: preparation, options, resuming, and the command line."""

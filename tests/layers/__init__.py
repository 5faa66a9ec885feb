"""Tests of the layers, from one table of cases."""

"""Tests of training on several ranks, as threads and as processes of MPI."""

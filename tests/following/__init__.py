"""Tests of the room that follows hand-written code while it runs."""

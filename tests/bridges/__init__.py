"""Tests of the bridges to other libraries; a test skips where its library is not installed."""

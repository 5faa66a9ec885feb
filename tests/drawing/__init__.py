"""The pictures of graphs."""

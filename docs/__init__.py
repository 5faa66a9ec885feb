"""What is written about the project; `operations.py` writes the page of the operations."""

"""Programs with mistakes, and what the check says about each; `python -m docs.transcripts`."""

"""Files that are read and written: data, models, and hostile ones."""

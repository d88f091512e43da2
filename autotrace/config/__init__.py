"""What is set: the table of settings, how each value is read, which file counts, and where data lies."""

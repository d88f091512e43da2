"""The reader side's store: takes the inbox into an indexed SQLite file and answers questions about it.

Never imported in a traced process.
"""

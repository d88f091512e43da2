"""The reader side's store: takes the inbox into an indexed SQLite file and answers questions about it.

Never imported in a traced process, except `paths`, which needs the standard library only. Nothing is imported
here, so that importing `autotrace.store.paths` stays free.
"""

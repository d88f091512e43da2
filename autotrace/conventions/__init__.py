"""What facts mean: names, attributes and status of spans.  Pure functions, run on the export thread.

The only room in which names of attributes stand; those of the semantic conventions, and ours where these have none.
"""

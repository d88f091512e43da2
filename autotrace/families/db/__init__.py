"""Databases, on the thread of the call: queries and commands."""

commenting = False  # the setting ``sql_comments``; here so that whoever does not want it loads nothing for it

"""Databases, on the thread of the call: queries and commands."""

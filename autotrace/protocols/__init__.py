"""The protocol families: what spans of one kind of operation mean, written once for all libraries.

A family starts the span, lets the context travel, calls the program's function, finishes the span; its ``describe`` turns
the facts into name, attributes and status, on the export thread.
"""

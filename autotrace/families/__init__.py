"""The families: what happens on the thread of a call, written once for all libraries.

A family starts the span, lets the context travel, calls the program's function, finishes the span.  What the facts mean that
it keeps is said in ``conventions``, on another thread.
"""

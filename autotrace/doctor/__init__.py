"""``autotrace doctor``: what keeps spans from being there, found without running the program.

It needs nothing but the standard library.  What can only be seen from within a traced Python is looked at in one that is
started for it, in the same way as the program's.
"""

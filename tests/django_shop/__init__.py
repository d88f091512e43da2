"""A shop on Django, for the tests of it: one view of each kind."""

"""Findings: what is wrong with the traces of the store, and who it is. Reader side; one file for each finding.

Each is a pure function from traces to findings: it reads no clock, no store and no settings.
"""

"""Other people's test suites, bare and under autotrace-run: ``python -m tests.transparency``, by hand and weekly."""

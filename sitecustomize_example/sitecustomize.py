"""Switch autotrace on in every Python that finds this file on its path, without ``autotrace-run``."""

try:
    from autotrace.bootstrap import start
except ImportError:  # autotrace is not installed for this Python: the program runs as it is
    pass
else:
    start()

"""The command line of the reader side: `autotrace traces`, `autotrace show`. Never imported in a traced process."""

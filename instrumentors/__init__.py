"""One file per library, or a package where it has several parts: what to patch, and the facts of a call.

Imported as ``autotrace.instrumentors``; each module is loaded by name, after the program has imported its library.
"""

if __name__ != "autotrace.instrumentors":
    raise ImportError("this folder is imported as 'autotrace.instrumentors'; in a checkout, 'make dev' installs it so")

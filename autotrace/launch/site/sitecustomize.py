"""Switches the agent on where ``autotrace-run`` put this directory first on ``PYTHONPATH``.

Takes its own directory off ``sys.path`` and lets the user's ``sitecustomize``, wherever it is, run as if this one were
not there.  Where autotrace cannot be imported, nothing else happens.
"""

import sys


def _switch_on() -> None:
    here = __file__.rpartition("/")[0] or __file__.rpartition("\\")[0]
    sys.path[:] = [entry for entry in sys.path if entry != here]
    try:
        from autotrace import bootstrap

        bootstrap.start()
    except Exception:
        return


def _chain() -> None:
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError as error:
        if ours is not None:
            sys.modules.setdefault("sitecustomize", ours)
        if error.name != "sitecustomize":
            raise


_switch_on()
_chain()

"""Tells which frames of a traceback lie in our own files, wherever the project, and the Python, are kept."""

from __future__ import annotations

import traceback
from pathlib import Path

import autotrace
import autotrace.instrumentors

FOLDERS = [Path(folder).resolve() for folder in (*autotrace.__path__, *autotrace.instrumentors.__path__)]
TESTS = Path(__file__).resolve().parent


def ours(told):
    """Return the lines that name a file of ours, of an exception (with its causes) or of the text of a traceback."""
    text = told if isinstance(told, str) else "".join(traceback.format_exception(type(told), told, told.__traceback__))
    return [line for line in text.splitlines() if line.lstrip().startswith('File "') and is_ours(line.split('"')[1])]


def is_ours(file):
    """Tell whether a file is one that a traced process may have: of one of our packages, but for what tests are made of."""
    above = Path(file).resolve().parents
    return TESTS not in above and any(folder in above for folder in FOLDERS)

"""`autotrace web` serves until Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from urllib.request import urlopen

from services.ports import free_port
from unit.store.pizza import deliver


def test_it_says_where_serves_and_ends_with_ctrl_c(environment, data):
    """One line, the page and its answers, exit code 0."""
    deliver(data / "inbox")
    command = [sys.executable, "-m", "autotrace", "web"]
    with subprocess.Popen(
        command, env={**environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            (url,) = re.findall(r"http://127\.0\.0\.1:\d+/", line)
            with urlopen(url, timeout=60) as page:
                assert b"<title>autotrace</title>" in page.read()
            with urlopen(f"{url}api/state", timeout=60) as state:
                assert json.load(state)["traces"] == 1
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out.strip(), err) == (0, "", "")


def test_a_taken_port_is_told(autotrace):
    """One line on stderr, exit code 1."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        done = autotrace("web", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: cannot listen on port ")

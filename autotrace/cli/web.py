"""The command `web`: serves the page until Ctrl-C."""

from __future__ import annotations

from contextlib import suppress

from autotrace.cli.common import CommandError, opened, say


def web(port: int, open_it: bool) -> None:
    """Serve a page with findings, traces and the map to this machine, until Ctrl-C."""
    from autotrace.web.answers import Answers
    from autotrace.web.server import Server

    opened().database.close()  # what is wrong with the store is better said here than in a browser
    try:
        server = Server(Answers(), port)
    except OSError as error:
        raise CommandError(f"cannot listen on port {port}: {error.strerror or error}") from error
    with server:
        say(f"{server.url} shows the traces of this machine; Ctrl-C ends it")
        if open_it:
            import webbrowser

            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()

"""The command `web`: serves the page until Ctrl-C."""

from __future__ import annotations

import webbrowser
from contextlib import suppress

import click

from autotrace.cli.common import opened


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; a free port by default.")
@click.option("--open", "open_it", is_flag=True, help="Open it in a browser.")
def web(port: int, open_it: bool) -> None:
    """Serve a page with findings, traces and the map to this machine, until Ctrl-C."""
    from autotrace.web.answers import Answers
    from autotrace.web.server import Server

    opened().database.close()  # what is wrong with the store is better said here than in a browser
    try:
        server = Server(Answers(), port)
    except OSError as error:
        raise click.ClickException(f"cannot listen on port {port}: {error.strerror or error}") from error
    with server:
        click.echo(f"{server.url} shows the traces of this machine; Ctrl-C ends it")
        if open_it:
            webbrowser.open(server.url)
        with suppress(KeyboardInterrupt):
            server.serve_forever()

"""Asks the shop by Django's test clients, synchronous and asynchronous: ``python -m django_shop.ask SESSION PATH...``."""

from __future__ import annotations

import asyncio
import sys

import django

django.setup()

from django.test import AsyncClient, Client  # noqa: E402


async def ask_async(session, paths):
    """Ask by the asynchronous client."""
    client = AsyncClient(raise_request_exception=False)
    client.cookies["sessionid"] = session
    for path in paths:
        answer = await client.get(path)
        if hasattr(answer, "__aiter__") and answer.streaming:
            assert [part async for part in answer]
        else:
            answer.getvalue()


def ask(session, paths):
    """Ask by the synchronous client."""
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = session
    for path in paths:
        client.get(path).getvalue()


ask(sys.argv[1], sys.argv[2:])
asyncio.run(ask_async(sys.argv[1], sys.argv[2:]))

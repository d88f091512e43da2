"""aiohttp: its client, and its server."""

"""Tornado: its server with the handlers of applications, and its clients."""

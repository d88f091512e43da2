"""What the shop has."""

from __future__ import annotations

from django.db import models


class Book(models.Model):
    """A book."""

    title = models.CharField(max_length=40)
    details = models.JSONField(default=dict)

    def __str__(self):
        """Its title."""
        return self.title

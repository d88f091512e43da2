"""Asks the database in each of Django's ways."""

from __future__ import annotations

import io

from django.core.management import BaseCommand, call_command
from django.db import connection, transaction

from django_shop.models import Book


class Command(BaseCommand):
    """The command."""

    def handle(self, *args, **options):
        """Ask, and print what the answers were."""
        books = Book.objects.filter(pk__gt=100)
        with transaction.atomic():
            Book.objects.create(pk=101, title="Third", details={"pages": 3})
            try:
                with transaction.atomic():
                    Book.objects.filter(pk=101).update(title="Lost")
                    raise LookupError
            except LookupError:
                pass
        found = books.filter(details__pages=3).values_list("title", "details").get()
        read = [book.details for book in books.iterator()]
        connection.force_debug_cursor = True
        count = books.count()
        queries = [query["sql"].startswith("SELECT COUNT(*)") for query in connection.queries]
        connection.close()
        Book.objects.create(pk=102, title="Fourth")
        usable = connection.is_usable()
        call_command("check", stdout=io.StringIO())
        deleted, _ = books.delete()
        self.stdout.write(repr((found, read, count, queries, usable, deleted)))

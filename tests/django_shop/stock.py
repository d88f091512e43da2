"""Makes the tables of the shop, two books, and an administrator; prints the key of his session."""

from __future__ import annotations

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from django_shop.models import Book  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0)
Book.objects.bulk_create([Book(pk=1, title="One"), Book(pk=2, title="Two")])
client = Client()
client.force_login(get_user_model().objects.create_superuser("admin", "admin@shop.example", "admin"))
print(client.cookies["sessionid"].value)

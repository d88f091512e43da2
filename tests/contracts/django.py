"""The shop on Django, in the process of the tests: there can be one set of settings in it."""

from __future__ import annotations

import asyncio
import gc
import warnings

import django
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from django_shop import settings as ours

DJANGO = django.VERSION[:2]
# Old versions use what newer Pythons warn of; and a connection of each thread is Django's.
USUAL = [
    pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


def set_up():
    """Make this process one that has the shop, once."""
    if not settings.configured:
        asyncio.run(asyncio.sleep(0))  # before that Django 3 makes a loop by asking for one, and closes it never
        settings.configure(**{name: value for name, value in vars(ours).items() if name.isupper()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            django.setup()


@pytest.fixture(scope="session")
def _stocked(tmp_path_factory):
    """The shop has two books, in a file."""
    set_up()
    for connection in connections.all():
        connection.close()
        connection.settings_dict["NAME"] = str(tmp_path_factory.mktemp("shop") / "shop.db")
    call_command("migrate", run_syncdb=True, verbosity=0)
    from django_shop.models import Book

    Book.objects.bulk_create([Book(pk=1, title="One"), Book(pk=2, title="Two")])
    connections.close_all()


@pytest.fixture(scope="module")
def shop(_stocked):
    """The shop, with two books."""
    yield
    connections.close_all()
    gc.collect()  # the connections of threads that have ended, while nobody is warned of them

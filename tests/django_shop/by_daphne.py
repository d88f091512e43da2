"""The settings of the shop where ``runserver`` is daphne's."""

from __future__ import annotations

from django_shop.settings import *  # noqa: F403
from django_shop.settings import INSTALLED_APPS as APPS

INSTALLED_APPS = ["daphne", *APPS]
ASGI_APPLICATION = "django_shop.asgi.application"

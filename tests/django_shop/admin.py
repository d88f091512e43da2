"""The shop's admin."""

from __future__ import annotations

from django.contrib import admin

from django_shop.models import Book

admin.site.register(Book)

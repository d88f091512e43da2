"""Settings of the shop; where its database is comes from the environment.

``SHOP_POSTGRESQL`` is ``host:port:user:name``, else ``SHOP_SQLITE`` a file; ``SHOP_DRIVER=psycopg2`` hides psycopg 3 from
Django, which would take that; ``SHOP_DEBUG`` is Django's ``DEBUG``.
"""

from __future__ import annotations

import os
import sys

if os.environ.get("SHOP_DRIVER") == "psycopg2":
    sys.modules["psycopg"] = None

if "SHOP_POSTGRESQL" in os.environ:
    HOST, PORT, USER, NAME = os.environ["SHOP_POSTGRESQL"].split(":")
    DATABASE = {"ENGINE": "django.db.backends.postgresql", "HOST": HOST, "PORT": PORT, "USER": USER, "NAME": NAME}
else:
    DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("SHOP_SQLITE", ":memory:")}

DEBUG = bool(os.environ.get("SHOP_DEBUG"))
SECRET_KEY = "shop"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "django_shop.urls"
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STATIC_URL = "/static/"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_shop",
]
# Tables are made without their history, which takes a second.
MIGRATION_MODULES = dict.fromkeys(("admin", "auth", "contenttypes", "sessions"))
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_shop.middleware.Doorman",
    "django_shop.middleware.waiter",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
WSGI_APPLICATION = "django_shop.wsgi.application"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "EXCEPTION_HANDLER": "django_shop.rest.answer",
    "UNAUTHENTICATED_USER": None,
}
LOGGING = {"version": 1, "disable_existing_loggers": False, "loggers": {"django": {"level": "CRITICAL"}}}

"""The shop's routes."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from django_shop import rest, views
from django_shop.operations import api

old = [
    re_path(r"^(?P<year>[0-9]{4})/(?:page-(\d+)/)?$", views.Callable()),
    path("<slug:name>/", views.Callable()),
]
urlpatterns = [
    path("books/<int:number>/", views.sync),
    path("async/<int:number>/", views.asynchronous),
    path("class/<int:number>/", views.Classy.as_view()),
    path("stream/", views.streaming),
    path("raise/", views.raising),
    path("raise-async/", views.raising_async),
    path("missing/<int:number>/", views.missing),
    path("api/", include(rest.router.urls)),
    path("api/broken/<way>/", rest.Broken.as_view()),
    path("api/hello/", rest.hello),
    path("ninja/", api.urls),
    path("admin/", admin.site.urls),
    path("moved/", RedirectView.as_view(url="/books/1/")),
    path("torn/", views.broken_stream),
    path("refuse/<way>/", views.refusing),
    path("wrapped/", views.wrapped),
    path("old/", include(old)),
    re_path(r"^very-old/(?P<year>[0-9]{4})/", include(old)),
]

"""What requests are called of which no route is known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autotrace.store.naming import address, operation, without_ids


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users/4711/books", "/users/{n}/books"),
        ("/users/1faf2e52-0b6d-4d1a-9ec2-6ba44ed61aaf", "/users/{n}"),
        ("/users/FAF2E521-0B6D-4D1A-9EC2-6BA44ED61AAF/me", "/users/{n}/me"),
        ("/commits/209e4a2f68adb40d", "/commits/{n}"),
        ("/api/v1/dead", "/api/v1/dead"),
    ],
)
def test_what_looks_like_an_id_is_one(path, name):
    """However a UUID begins, it is one id: otherwise each would be a place of its own."""
    assert without_ids(path) == name


@pytest.mark.parametrize(
    ("url", "host", "name"),
    [
        ("http://shop/mail/to/ann@example.com", "shop", "GET shop/mail/to/ann@example.com"),
        (
            "http://me:p@ss@shop:80/mail/ann@example.com?to=bob@example.com",
            "shop:80",
            "GET shop:80/mail/ann@example.com",
        ),
        ("http://shop?to=bob@example.com", "shop", "GET shop"),
    ],
)
def test_an_at_sign_behind_the_host_is_the_paths(url, host, name):
    """Only what stands before the first slash may name a user."""
    span = SimpleNamespace(name="GET", kind="CLIENT", attributes={"http.request.method": "GET", "url.full": url})
    assert (address(span), operation(span)) == (host, name)

"""Requests that are there all the time and that nobody asks about, marked so that readers can fold them.

Health checks, static files, preflights, probes of balancers and scrapes are told by method and path, which is a guess: the
mark says what was guessed, and no span is left out because of it.  What failed is not noise.
"""

from __future__ import annotations

NOISE = "autotrace.noise"

_HEALTH = (
    *("/health", "/healthz", "/healthcheck", "/health-check", "/health_check", "/_health", "/__heartbeat__"),
    *("/__lbheartbeat__", "/heartbeat", "/livez", "/readyz", "/liveness", "/readiness", "/-/healthy", "/-/ready"),
    *("/health/live", "/health/ready", "/health/liveness", "/health/readiness"),
)
_WHOLE = frozenset({"/ping", "/up", "/live", "/ready"})  # beneath something else these may be anything
_LAST = frozenset({"", "metrics", *(path.rpartition("/")[2] for path in (*_HEALTH, *_WHOLE))})
_STATIC = ("/static/", "/assets/", "/_next/static/", "/.well-known/")
_FILES = (
    *(".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".avif"),
    *(".woff", ".woff2", ".ttf", ".otf", "/robots.txt", "/manifest.json"),
)
_LONGEST = max(len(ending) - ending.rindex(".") for ending in _FILES)


def noise_of(method: str, path: str, status: int | None) -> str | None:
    """Return what kind of noise a request is; None where it is none.

    Args:
        method: in capitals.
        path: without a query.
        status: of the response.
    """
    # PERF: most paths are none of these, and a few looks tell so.
    if path[path.rfind("/") + 1 :] not in _LAST and "." not in path[-_LONGEST:] and method == "GET":
        return "static file" if path.startswith(_STATIC) and status is not None and status < 500 else None
    if status is None or status >= 500:
        return None
    if method == "OPTIONS":
        return "preflight"
    if method not in {"GET", "HEAD"}:
        return None
    if path.startswith(_STATIC) or path.endswith(_FILES):
        return "static file"
    plain = path.rstrip("/")
    if plain.endswith(_HEALTH) or plain in _WHOLE:
        return "health check"
    if plain == "/metrics":
        return "scrape"
    return "probe" if method == "HEAD" and not plain else None

"""A name that is no setting is told by a type checker, and so is a value of another type; mypy reads this file."""

from __future__ import annotations

from autotrace.config.settings import load

settings = load()
size: int = settings.max_queue_size
settings.max_queue_sise  # type: ignore[attr-defined]  # noqa: B018
name: str = settings.max_queue_size  # type: ignore[assignment]

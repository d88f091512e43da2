"""The instrumentor of ``glide_sync``."""

from autotrace.instrumentors.glide import instrumentor
from glide_shared.exceptions import GlideError  # type: ignore[import-not-found]
from glide_sync import glide_client  # type: ignore[import-not-found]

INSTRUMENTOR = instrumentor("glide_sync", glide_client.RequestType, GlideError, awaited=False)

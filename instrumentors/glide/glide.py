"""The instrumentor of ``glide``."""

from autotrace.instrumentors.glide import instrumentor
from glide import glide_client  # type: ignore[import-not-found]
from glide_shared.exceptions import GlideError  # type: ignore[import-not-found]

INSTRUMENTOR = instrumentor("glide", glide_client.RequestType, GlideError, awaited=True)

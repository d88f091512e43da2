"""channels: the route and the consumer of a connection; the span itself where no server made it, as in tests.

``URLRouter`` calls the application of a route from within the loop over its routes, so the one at which that loop stands
is the one that answers; a router beneath another begins a loop of its own.
"""

from __future__ import annotations

from autotrace.instrumentors.django.routes import template

from autotrace.families.http import asgi, http_routes
from autotrace.patching import Args, Instrumentor, Kwargs, Patch
from autotrace.patching.proxy import Iterated
from autotrace.patching.wrapping import after, called_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.patching import Call


def _template(route: Any) -> str:
    found: str = template(str(route.pattern))
    return found


_ROUTING = "channels_routing"
_trying = http_routes.Trying(_template, _ROUTING)


def _routes(args: Args, _kwargs: Kwargs, result: Any) -> Any:
    args[0].routes = Iterated(args[0].routes, _trying.each)
    return result


def _consumer(args: Args, _kwargs: Kwargs) -> Any:
    return type(args[0])


def _consuming(original: Call, scope: str) -> Call:
    return called_as(original, asgi.application()(http_routes.view(_consumer)(original, scope), scope))


ROUTING = Instrumentor(
    _ROUTING,
    Patch("channels.routing:ProtocolTypeRouter.__call__", asgi.application()),
    Patch("channels.routing:URLRouter.__init__", after(_routes)),
)

CONSUMER = Instrumentor("channels_consumer", Patch("channels.consumer:AsyncConsumer.__call__", _consuming))

"""redis-py and valkey: a span for each command, and one for each pipeline or transaction executed, sync and asyncio.

The second came out of the first and has its insides beneath other names; neither is imported for the other.

Retries, and what is sent to open a connection, are in the span of the command that needed them.  Clusters have no address.

Not seen: messages that ``listen`` and ``get_message`` return, ``monitor``, in clusters SUBSCRIBE and WATCH.
"""

from __future__ import annotations

from autotrace.families import suppression
from autotrace.families.db import command, db_calls
from autotrace.families.execution import concurrency
from autotrace.patching import Instrumentor, Patch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autotrace.families.db.command import Server
    from autotrace.patching import Args, Kwargs

_CLUSTER: Server = (0, None, None)
# What an error begins with where the library leaves it in the text, and what it cuts off and has a class for.
_LEFT = (
    "ASK BUSY BUSYGROUP BUSYKEY CLUSTERDOWN CROSSSLOT INPROG IOERR MASTERDOWN MISCONF MOVED NOGROUP NOMASTERLINK NOREPLICAS "
    "NOTBUSY OOM TRYAGAIN UNBLOCKED UNKILLABLE WRONGPASS WRONGTYPE"
)
_CLASSES = (
    "AskError:ASK BusyLoadingError:LOADING ClusterCrossSlotError:CROSSSLOT ClusterDownError:CLUSTERDOWN "
    "ExecAbortError:EXECABORT MasterDownError:MASTERDOWN MovedError:MOVED NoPermissionError:NOPERM "
    "NoScriptError:NOSCRIPT OutOfMemoryError:OOM ReadOnlyError:READONLY TryAgainError:TRYAGAIN"
)
_CUT = dict(name.split(":") for name in _CLASSES.split())


_SENDING = "execute_command", "PubSub.execute_command", "Pipeline.immediate_execute_command"


def instrumentors(name: str, client: str, core: Any, errors: Any) -> tuple[Instrumentor, Instrumentor]:
    """Return the instrumentors of one of the two: of its own clients, and of its asyncio ones.

    Args:
        name: of its package and its distribution, and of the system that it asks.
        client: the name of its class of clients.
        core: its ``commands.core``.
        errors: its ``exceptions``.
    """
    db_calls.conceal(getattr(errors, f"{client}Error"))
    scripts = core.Script.__call__.__code__, core.AsyncScript.__call__.__code__

    def code(error: Exception) -> str | None:
        found = getattr(error, "status_code", None) or _CUT.get(type(error).__name__)  # the former from redis-py 7.0 on
        if found is not None or not isinstance(error, errors.ResponseError):
            return found
        first = str(error).rpartition(" of pipeline caused error: ")[2].lstrip("('\"").partition(" ")[0]
        if first in _LEFT.split():
            return first
        return None if first == "{exception.args}" else "ERR"  # some versions' asyncio pipelines forget to fill that in

    def is_answer(error: Exception) -> bool:
        """Tell what is no failure: a transaction to be tried again, and a script that its object loads now, not again."""
        missing = isinstance(error, errors.NoScriptError) and not isinstance(error.__context__, errors.NoScriptError)
        return isinstance(error, errors.WatchError) or (missing and db_calls.called_by(scripts))

    system = command.Commands(name, code, is_answer)
    sending = [way if "." in way else f"{client}.{way}" for way in _SENDING]
    plain = Instrumentor(
        name,
        *(Patch(f"{name}.client:{way}", system.command(_command)) for way in sending),
        Patch(f"{name}.client:Pipeline.execute", system.batch(_pipeline)),
        Patch(f"{name}.cluster:{client}Cluster.execute_command", system.command(_cluster_command)),
        Patch(f"{name}.cluster:ClusterPipeline.execute", system.batch(_cluster_pipeline)),
        Patch(f"{name}.client:PubSubWorkerThread.start", concurrency.isolate()),
    )
    asyncio = f"{name}.asyncio"
    asynchronous = Instrumentor(
        f"{name}_asyncio",
        *(Patch(f"{asyncio}.client:{way}", system.async_command(_command)) for way in sending),
        Patch(f"{asyncio}.client:Pipeline.execute", system.async_batch(_pipeline)),
        # redis-py 4.2 has no such cluster
        Patch(f"{asyncio}.cluster:{client}Cluster.execute_command", system.async_command(_cluster_command), True),
        Patch(f"{asyncio}.cluster:ClusterPipeline.execute", system.async_batch(_cluster_pipeline), True),
    )
    return plain, asynchronous


def _server(client: Any) -> Server:
    settings = client.connection_pool.connection_kwargs
    # only those of a sentinel have a connection_pool
    host = settings.get("host") or settings.get("path") or (None if "connection_pool" in settings else "localhost")
    return settings.get("db") or 0, host, settings.get("port")


def _command(args: Args, _kwargs: Kwargs) -> Any:
    silent = len(args) < 2 or (suppression.muted and suppression.is_muted(args[0].connection_pool))
    return None if silent else command.sent(args[1:]) + _server(args[0])


def _cluster_command(args: Args, _kwargs: Kwargs) -> Any:
    return command.sent(args[1:]) + _CLUSTER if len(args) > 1 else None


def _pipeline(args: Args, _kwargs: Kwargs) -> Any:
    pipeline = args[0]
    sends = pipeline.command_stack or pipeline.watching
    if not sends or (suppression.muted and suppression.is_muted(pipeline.connection_pool)):
        return None
    # where there is is_transaction, transaction is a method
    multi = pipeline.explicit_transaction or getattr(pipeline, "is_transaction", pipeline.transaction)
    kind = "MULTI" if multi else "PIPELINE"
    return command.gathered(kind, [call for call, _ in pipeline.command_stack]) + _server(pipeline)


def _cluster_pipeline(args: Args, _kwargs: Kwargs) -> Any:
    strategy = getattr(args[0], "_execution_strategy", None)  # from 6.1 on
    stack = getattr(strategy, "_command_queue", None)  # the same in both, where its property is not
    if strategy is None:
        stack = getattr(args[0], "_command_stack", None) or getattr(args[0], "command_stack", ())
    kind = "MULTI" if type(strategy).__name__ == "TransactionStrategy" else "PIPELINE"
    return command.gathered(kind, [command.args for command in stack]) + _CLUSTER if stack else None

"""uvicorn as a task among others: it handles no signals and writes no access log."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import uvicorn
from litestar.types import ASGIApp

from gateway.connections import Connection, Limits, end_late

#: Seconds that running requests have at a stop; the runtime gives the whole step 0.7.
_GRACE_SECONDS = 0.3
#: Files that the gateway needs beside its connections: the bus, the database, logs, libraries.
_OTHER_FILES = 128
#: Of uvicorn's, a tenth of a second each.
_TICKS_BETWEEN_LOOKS = 5


class EmbeddedServer(uvicorn.Server):
    """A server that is stopped by ``should_exit``."""

    def __init__(self, app: ASGIApp, *, limits: Limits | None = None) -> None:
        config: Any = {
            "http": partial(Connection, limits=limits or Limits(connections=_most_connections())),
            "loop": "none",
            "lifespan": "off",
            "ws": "none",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "timeout_keep_alive": 30,
            "timeout_graceful_shutdown": _GRACE_SECONDS,
        }
        super().__init__(uvicorn.Config(app, **config))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runtime."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does, and now and then look for connections that are late."""
        if counter % _TICKS_BETWEEN_LOOKS == 0:
            end_late(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def wait_started(self, serving: asyncio.Task[None]) -> None:
        """Return when connections are accepted; raise what kept it from starting."""
        while not self.started:
            if serving.done():
                serving.result()
                raise RuntimeError("the HTTP server stopped while it started")
            await asyncio.sleep(0.01)


def _most_connections() -> int:
    """Return how many connections leave enough descriptors for everything else."""
    wanted = Limits().connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A tenth more is held while it is refused.
    needed = wanted * 11 // 10 + _OTHER_FILES
    if resource.RLIM_INFINITY != soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(16, min(wanted, (soft - _OTHER_FILES) * 10 // 11))


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes any free one. Raises ``OSError``."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound

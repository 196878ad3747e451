"""uvicorn as a task among others: it handles no signals and writes no access log."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from litestar.types import ASGIApp

#: Seconds that running requests have at a stop; the runtime gives the whole step 0.7.
_GRACE_SECONDS = 0.3
_MAX_HEADER_BYTES = 64 * 1024


class EmbeddedServer(uvicorn.Server):
    """A server that is stopped by ``should_exit``."""

    def __init__(self, app: ASGIApp) -> None:
        config: Any = {
            "http": "httptools",
            "loop": "none",
            "lifespan": "off",
            "ws": "none",
            "log_config": None,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "timeout_keep_alive": 30,
            "timeout_graceful_shutdown": _GRACE_SECONDS,
            "h11_max_incomplete_event_size": _MAX_HEADER_BYTES,
        }
        super().__init__(uvicorn.Config(app, **config))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the runtime."""
        yield

    async def wait_started(self, serving: asyncio.Task[None]) -> None:
        """Return when connections are accepted; raise what kept it from starting."""
        while not self.started:
            if serving.done():
                serving.result()
                raise RuntimeError("the HTTP server stopped while it started")
            await asyncio.sleep(0.01)


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

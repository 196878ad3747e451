"""Wiring: the parts, the application, and uvicorn inside the runtime's task group."""

from __future__ import annotations

import asyncio
import socket

from gateway.app import build_app
from gateway.parts import build_parts
from gateway.server import EmbeddedServer, bind
from shared.runtime import Runtime

#: What other names the Host header may carry, besides addresses and localhost.
_SEPARATOR = ","


async def start(runtime: Runtime) -> None:
    """Listen. Raises ``OSError`` when the address is taken."""
    settings = runtime.settings
    parts = build_parts(
        runtime.bus, runtime.pool, settings, describe_health=runtime.describe_health
    )
    await parts.live.start(runtime.tasks)
    names = [settings.http.host, *settings.http.allowed_hosts.split(_SEPARATOR)]
    app = build_app(parts, hosts=[name.strip() for name in names])
    server = EmbeddedServer(app)
    sockets: list[socket.socket] = [bind(settings.http.host, settings.http.port)]
    serving = runtime.tasks.create_task(server.serve(sockets=sockets), name="gateway http")
    await server.wait_started(serving)
    runtime.log.info("listening", port=sockets[0].getsockname()[1])

    async def stop() -> None:
        # Event streams end by themselves when they are told; what still runs after the grace
        # is cancelled by uvicorn. The bus still works meanwhile.
        parts.live.close()
        await parts.thumbnails.pictures.close()
        server.should_exit = True
        await asyncio.wait({serving})

    runtime.at_stop(stop)

"""Waiting until the server has taken in everything that was said so far."""

from __future__ import annotations

from nats.aio.client import Client


async def flush_in_order(client: Client) -> None:
    """Return when the server has processed every earlier publish, subscribe and unsubscribe.

    ``Client.flush`` of nats-py 2.16 alone does not promise that: it writes its PING to the socket
    past the commands that still wait in the client's buffer, so that a subscription could be
    unknown to the server when the PONG came (seen under load as "no responders").
    """
    await client._flush_pending(force_flush=True)  # noqa: SLF001 -- nothing public does it
    await client.flush()

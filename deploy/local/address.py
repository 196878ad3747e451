"""Where the gateway will be found: a port that is free, its URL, and whether it answers."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
from pathlib import Path

import msgspec

from deploy.local.errors import StartError
from deploy.local.layout import private_folder
from shared.settings import Settings

#: Tried in order when the default is taken, before any free port.
_NEIGHBOURS = range(1, 20)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Host and port of the gateway."""

    host: str
    port: int
    #: Keeps other vaults of ours from choosing the port while the gateway does not hold it yet.
    reservation: int

    @property
    def url(self) -> str:
        """What a browser on this machine opens."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 -- compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def answers_ready(self) -> bool:
        """Tell whether the gateway says that everything is ready."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        try:
            async with asyncio.timeout(2.0):
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                try:
                    writer.write(
                        f"GET /health/ready HTTP/1.1\r\nHost: {host}:{port}\r\n"
                        "Connection: close\r\n\r\n".encode()
                    )
                    status = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            # The last one is a line without an end: somebody else answers there.
            return False
        return status.split(b" ")[1:2] == [b"200"]


def choose_place(settings: Settings) -> Place:
    """Return the configured place, or a free one when the port was nobody's wish.

    Raises ``StartError`` when an explicit port is taken or the host is not ours.
    """
    host, wanted = settings.http.host, settings.http.port
    explicit = "http.port" in settings.explicit
    ports = [wanted] if explicit else [wanted, *(wanted + n for n in _NEIGHBOURS), 0]
    for port in ports:
        try:
            free = _probe(host, port)
        except socket.gaierror:
            raise StartError("KEEPSAKE_HTTP__HOST: there is no such host") from None
        if free is not None and (reservation := _reserve(free)) is not None:
            return Place(host=host, port=free, reservation=reservation)
    if explicit:
        raise StartError(f"KEEPSAKE_HTTP__PORT: {wanted} is taken by another program")
    raise StartError("no port is free for the gateway")


def _probe(host: str, port: int) -> int | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.closing(socket.socket(family, kind, protocol)) as probe:
            # As the gateway binds it: connections that are still closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            found: int = probe.getsockname()[1]
            return found
    except socket.gaierror:
        raise
    except PermissionError:
        raise StartError(f"KEEPSAKE_HTTP__PORT: {port} needs more rights than we have") from None
    except OverflowError:
        return None
    except OSError:
        return None


def _reserve(port: int) -> int | None:
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 -- owner and mode are checked
    folder = private_folder(base / f"keepsake-{os.geteuid()}-ports")
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor

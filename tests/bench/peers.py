"""Applications that do the least for an answer, to measure the gateway against.

Run as programs, one process each: ``bare`` answers some bytes from memory, ``asking`` asks for them
over NATS for every request, ``answering`` is who it asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import nats
import uvicorn
from litestar import Litestar, Response, get
from nats.aio.msg import Msg

_SUBJECT = "cmd.peer.list"


def _serve(application: Litestar, port: int) -> uvicorn.Server:
    # uvicorn takes uvloop and httptools by itself, as the gateway does.
    return uvicorn.Server(
        uvicorn.Config(
            application, host="127.0.0.1", port=port, access_log=False, log_level="critical"
        )
    )


def _bare(body: bytes, path: str, port: int) -> None:
    @get(path, sync_to_thread=False)
    def answer() -> Response[bytes]:
        return Response(body, media_type="application/json")

    _serve(Litestar([answer], openapi_config=None, logging_config=None), port).run()


def _asking(path: str, port: int, url: str) -> None:
    connection = nats.NATS()

    @get(path)
    async def answer() -> Response[bytes]:
        reply = await connection.request(_SUBJECT, b'{"limit":50,"cursor":null}', timeout=10)
        return Response(reply.data, media_type="application/json")

    async def connect() -> None:
        await connection.connect(url)

    application = Litestar([answer], on_startup=[connect], openapi_config=None, logging_config=None)
    _serve(application, port).run()


async def _answering(body: bytes, url: str, busy_seconds: float) -> None:
    connection = await nats.connect(url)

    async def answer(message: Msg) -> None:
        until = time.thread_time() + busy_seconds
        while time.thread_time() < until:
            pass
        await connection.publish(message.reply, body)

    await connection.subscribe(_SUBJECT, cb=answer)
    await connection.flush()
    await asyncio.Event().wait()


@contextlib.contextmanager
def bare(body: bytes, path: str) -> Iterator[tuple[str, int]]:
    """Run an application that answers *body*; give its URL and process id."""
    with _folder(body) as file:
        port = _free_port()
        with _running("bare", str(file), path, str(port)) as pid:
            yield _ready(port, path), pid


@contextlib.contextmanager
def asking(body: bytes, path: str, *, busy_seconds: float) -> Iterator[tuple[str, int]]:
    """Run one that asks for *body* over a NATS server of its own.

    Who answers it is busy for *busy_seconds* of processor time each, as the real service is:
    how often the application has to wait, and what else is in the caches, is part of what it costs.
    """
    port, bus = _free_port(), _free_port()
    url = f"nats://127.0.0.1:{bus}"
    server = Path(sys.executable).with_name("nats-server")
    with (
        _folder(body) as file,
        _process(str(server), "-a", "127.0.0.1", "-p", str(bus)),
        _running("answering", str(file), url, str(busy_seconds), bus=bus),
        _running("asking", path, str(port), url, bus=bus) as pid,
    ):
        yield _ready(port, path), pid


@contextlib.contextmanager
def _folder(body: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ks-peer-") as name:
        file = Path(name) / "body"
        file.write_bytes(body)
        yield file


@contextlib.contextmanager
def _running(*arguments: str, bus: int | None = None) -> Iterator[int]:
    while bus is not None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", bus)):
            break
        time.sleep(0.02)
    with _process(sys.executable, "-m", "tests.bench.peers", *arguments) as pid:
        yield pid


@contextlib.contextmanager
def _process(*command: str) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _ready(port: int, path: str) -> str:
    url = f"http://127.0.0.1:{port}{path}"
    for _ in range(400):
        # Also until there is somebody who answers.
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url).status_code == 200:
                return url
        time.sleep(0.05)
    raise RuntimeError("the peer did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", file, path, port]:
            _bare(Path(file).read_bytes(), path, int(port))
        case ["asking", path, port, url]:
            _asking(path, int(port), url)
        case ["answering", file, url, seconds]:
            asyncio.run(_answering(Path(file).read_bytes(), url, float(seconds)))

"""Connections that cost and give nothing are ended; the others are always served."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.connections import Limits
from gateway.server import EmbeddedServer, bind

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
SHORT = 0.2
BIG = bytes(32 << 20)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body; /big is answered with more than any socket holds, and /whole at once."""
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    if message["type"] == "http.disconnect":
        return
    body = b"fine" if scope["path"] == "/" else BIG
    step = len(body) if scope["path"] == "/whole" else 1 << 20
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for start in range(0, len(body), step):
        piece = body[start : start + step]
        more = start + len(piece) < len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": more})


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[Connect]:
    server = EmbeddedServer(application, limits=limits)
    listening = bind("127.0.0.1", 0)
    port: int = listening.getsockname()[1]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await server.wait_started(task)
    opened: list[asyncio.StreamWriter] = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        opened.append(writer)
        return reader, writer

    try:
        async with asyncio.timeout(30):
            yield connect
    finally:
        for writer in opened:
            writer.close()
        server.should_exit = True
        await task


async def answer_to(connect: Connect, sent: bytes) -> bytes:
    """Everything until the server closes the connection, which is what is waited for."""
    reader, writer = await connect()
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def problem_in(answer: bytes, status: int) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert b"connection: close" in head
    problem: dict[str, Any] = json.loads(body)
    assert problem["status"] == status
    return problem


async def test_a_connection_on_which_nothing_comes_is_closed() -> None:
    async with serving(Limits(new_seconds=SHORT)) as connect:
        assert await answer_to(connect, b"") == b""
        assert await answer_to(connect, b"\r\n\r\n") == b""


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: local", GET[:-1]])
async def test_half_a_head_is_told_that_it_took_too_long(sent: bytes) -> None:
    async with serving(Limits(head_seconds=SHORT)) as connect:
        problem = problem_in(await answer_to(connect, sent), 408)
        assert problem["type"] == "/problems/slow-request"


@pytest.mark.parametrize("sent", [POST, GET + POST], ids=["first", "after another"])
async def test_half_a_body_is_told_so_once_and_its_application_is_let_go(sent: bytes) -> None:
    async with serving(Limits(body_seconds=SHORT)) as connect:
        answer = await answer_to(connect, sent)
        assert answer.count(b"HTTP/1.1 408 ") == 1
        assert answer.count(b"HTTP/1.1 200 ") == sent.count(GET)


async def test_a_connection_between_requests_is_kept_for_a_while_and_then_closed() -> None:
    async with serving(Limits(idle_seconds=SHORT)) as connect:
        reader, writer = await connect()
        for _ in range(3):
            writer.write(GET)
            assert (await reader.readuntil(b"fine")).startswith(b"HTTP/1.1 200")
        # uvicorn's own limit for this is stopped by any byte.
        writer.write(b"\r\n")
        assert await reader.read() == b""


async def test_a_reader_that_stops_reading_is_let_go_and_a_slow_one_is_not() -> None:
    async with serving(Limits(stalled_seconds=1.0)) as connect:
        stuck, writer = await connect()
        transport: Any = writer.transport
        transport.pause_reading()
        writer.write(GET.replace(b"/ ", b"/big "))
        slow, slowly = await connect()
        slowly.write(GET.replace(b"/ ", b"/big "))
        head = await slow.readuntil(b"\r\n\r\n")
        received = 0
        while received < len(BIG):
            received += len(await slow.read(2 << 20))
            await asyncio.sleep(0.1)
        assert head.startswith(b"HTTP/1.1 200")
        transport.resume_reading()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await stuck.readexactly(len(BIG) + len(head))


async def test_a_reader_that_takes_a_little_now_and_then_is_kept() -> None:
    """Writing goes on only when our whole buffer is taken, which on a bad line takes minutes."""
    async with serving(Limits(stalled_seconds=1.2)) as connect:
        reader, writer = await connect()
        # Small windows, so that what the kernels hold is soon taken.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        writer.write(GET.replace(b"/ ", b"/whole "))
        received = len(await reader.readuntil(b"\r\n\r\n"))
        for _ in range(12):
            await asyncio.sleep(0.3)
            received += len(await reader.read(1 << 20))
        while piece := await reader.read(1 << 20):
            received += len(piece)
            if received >= len(BIG):
                break
        assert received >= len(BIG)


async def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    async with serving(Limits(head_bytes=20_000)) as connect:
        endless = GET[:-2] + b"X: " + b"y" * 100_000
        assert problem_in(await answer_to(connect, endless), 431)["title"]
        many = GET[:-2] + b"X: y\r\n" * 10_000
        assert problem_in(await answer_to(connect, many), 431)["title"]


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 99]
)
async def test_what_is_no_http_is_answered_with_a_problem(sent: bytes) -> None:
    async with serving(Limits()) as connect:
        assert problem_in(await answer_to(connect, sent), 400)["type"] == "/problems/bad-request"


async def test_the_longest_idle_connection_makes_room_for_a_new_one() -> None:
    async with serving(Limits(connections=5)) as connect:
        kept, writer = await connect()
        writer.write(GET)
        await kept.readuntil(b"fine")
        silent = [await connect() for _ in range(4)]
        for number, (reader, _) in enumerate(silent):
            # Each newcomer is served, and costs the one that was silent for longest.
            fresh, asking = await connect()
            asking.write(GET)
            assert (await fresh.readuntil(b"fine")).startswith(b"HTTP/1.1 200")
            assert await reader.read() == b""
            assert not any(one.at_eof() for one, _ in silent[number + 1 :])
        # Whoever has sent a request before was spared while there were others.
        writer.write(GET)
        assert await kept.readuntil(b"fine")


async def test_when_all_are_busy_a_new_connection_is_told_when_to_come_back() -> None:
    async with serving(Limits(connections=10)) as connect:
        busy = [await connect() for _ in range(10)]
        for _, writer in busy:
            writer.write(POST)
        await asyncio.sleep(SHORT)
        problem = problem_in(await answer_to(connect, GET), 503)
        assert problem["type"] == "/problems/busy"
        assert problem["retry_after_seconds"] == 5
        # Without a word, when even telling so many would cost too much.
        beyond = [await connect() for _ in range(3)]
        assert [await reader.read() for reader, _ in beyond[1:]] == [b"", b""]
        _, writer = busy[0]
        writer.write(b"x" * 999)
        assert (await busy[0][0].readuntil(b"fine")).startswith(b"HTTP/1.1 200")


def test_the_bound_leaves_descriptors_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    from gateway import server

    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 524_288))
    assert server._most_connections() == 1000
    assert asked == [(1228, 524_288)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    assert server._most_connections() == 116

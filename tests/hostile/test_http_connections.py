"""Connections to the running gateway that are too many, too slow, too large, or no HTTP."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.hostile.conftest import Vault
from tests.hostile.wire import connection, head, is_well, problem_in, raw

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.contextmanager
def many_descriptors(count: int) -> Iterator[None]:
    """Let this process hold so many open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), max(hard, count)))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def one_answer(stream: socket.socket) -> bytes:
    """The answer on a connection that stays open: of a stream its head, of others all."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += stream.recv(4096) or b"\r\n\r\n"
    lines, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", lines, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        piece = stream.recv(4096)
        assert piece, answer
        body += piece
    return lines + b"\r\n\r\n" + body


def hear(stream: socket.socket, expected: bytes) -> None:
    """Read until that was said."""
    heard = b""
    while expected not in heard:
        piece = stream.recv(65536)
        assert piece, heard[-300:]
        heard += piece


def test_bodies_beyond_the_limit_are_refused_however_they_come(vault: Vault) -> None:
    client = vault.stack.client
    path = f"/api/backups/{vault.locked}/unlock"
    before = vault.stack.memory_bytes()
    big = b'{"passphrase": "' + b"x" * (2 << 20) + b'"}'
    plain = {"content-type": "application/json"}
    assert client.post(path, content=big, headers=plain).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * 65536

    with contextlib.suppress(httpx.HTTPError):  # the gateway hangs up before all is sent
        assert client.post(path, content=endless(), headers=plain).status_code == 413
    claimed = head(
        vault, "POST", path, "Content-Length: 99999999999", "Content-Type: application/json"
    )
    assert problem_in(raw(vault, claimed + b"{}"))["status"] == 413
    assert vault.stack.memory_bytes() - before < 64 << 20
    assert is_well(vault)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF1\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
        + b"GET /api/backups HTTP/1.1\r\n\r\n",
        b"GET /api/backups HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"\r\n" * 10_000,
        b"\0" * 10_000,
    ],
)  # fmt: skip
def test_garbage_on_the_wire_is_refused_and_harms_nobody(vault: Vault, garbage: bytes) -> None:
    answer = raw(vault, garbage, patience=3)
    # Nothing at all where nothing was asked, or where the refusal met bytes that were on their way.
    if answer:
        assert problem_in(answer)["status"] in {400, 401, 404, 405, 413, 414, 421, 431}
    assert is_well(vault)


def test_of_thousands_of_event_streams_some_are_served_and_the_others_told_at_little_cost(
    vault: Vault,
) -> None:
    """Three thousand, all held open by who asked: more than there may be connections."""
    before = vault.stack.memory_bytes()
    request = head(vault, "GET", "/api/events")
    served, told = [], Counter[bytes]()
    with many_descriptors(4000), contextlib.ExitStack() as opened:
        for _ in range(3000):
            made = opened.enter_context(connection(vault))
            made.sendall(request)
            answer = one_answer(made)
            told[answer[9:12]] += 1
            if answer[9:12] == b"200":
                served.append(made)
                continue
            problem = problem_in(answer)
            assert problem["type"] == "/problems/busy"
            assert problem["detail"] == "Too many event streams are open."
            assert b"retry-after: %d" % problem["retry_after_seconds"] in answer.lower()
        assert told == {b"200": 64, b"503": 2936}
        used = vault.stack.memory_bytes() - before
        assert used < 64 << 20, f"{used >> 20} MiB"
        # Everybody else is served as before, over old and new connections.
        assert is_well(vault)
        with httpx.Client(
            base_url=str(vault.stack.client.base_url), headers=vault.stack.client.headers
        ) as newcomer:
            for path in ("/health/ready", "/api/sessions", "/api/search?q=river", "/api/jobs"):
                assert newcomer.get(path).status_code == 200, path
        # And whoever follows hears what happens.
        token = vault.unlock(vault.locked)
        vault.stack.client.post(
            f"/api/backups/{vault.locked}/lock", headers={"X-Backup-Session": token}
        )
        for stream in served:
            hear(stream, b"event: session.closed")
    # When they have gone, which the gateway notices soon, there is room for others.
    while True:
        with vault.stack.client.stream("GET", "/api/events") as answered:
            if answered.status_code == 200:
                break


def test_clients_that_send_slowly_or_never_keep_nobody_waiting(vault: Vault) -> None:
    with contextlib.ExitStack() as opened:
        for number in range(400):
            made = opened.enter_context(connection(vault))
            made.sendall(b"GET /api/backups HTTP/1.1\r\nHost: local" if number % 2 else b"")
        for _ in range(50):
            made = opened.enter_context(connection(vault))
            path = f"/api/backups/{vault.locked}/unlock"
            made.sendall(head(vault, "POST", path, "Content-Length: 1000") + b"{")
        assert is_well(vault)
        assert vault.stack.client.get("/health/ready").status_code == 200
    assert is_well(vault)


def test_more_silent_connections_than_there_is_room_for_keep_nobody_out(vault: Vault) -> None:
    with contextlib.ExitStack() as opened:
        made = [opened.enter_context(connection(vault)) for _ in range(1500)]
        # A newcomer among them is served, and the ones that were silent for longest are gone.
        with httpx.Client(
            base_url=str(vault.stack.client.base_url), headers=vault.stack.client.headers
        ) as newcomer:
            assert newcomer.get("/api/backups").status_code == 200
        made[0].settimeout(20)
        assert made[0].recv(1) == b""
    assert is_well(vault)


def test_a_head_that_never_ends_is_refused_and_not_kept(vault: Vault) -> None:
    before = vault.stack.memory_bytes()
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            made = opened.enter_context(connection(vault))
            with contextlib.suppress(OSError):
                made.sendall(head(vault, "GET", "/api/backups")[:-2] + b"X: ")
                for _ in range(64):
                    made.sendall(b"y" * (1 << 20))
        assert vault.stack.memory_bytes() - before < 64 << 20
    assert is_well(vault)

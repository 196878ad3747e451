"""Bytes sent to the running gateway as they are, and what comes back."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.hostile.conftest import Vault


def raw(vault: Vault, request: bytes, *, patience: float = 20.0) -> bytes:
    """Send bytes as they are and return the answer until the connection ends or falls silent."""
    with connection(vault) as sent:
        sent.settimeout(patience)
        with contextlib.suppress(OSError):
            sent.sendall(request)
            sent.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(OSError):
            while piece := sent.recv(65536):
                answer += piece
        return answer


@contextlib.contextmanager
def connection(vault: Vault) -> Iterator[socket.socket]:
    address = urlsplit(str(vault.stack.client.base_url))
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=20) as made:
        yield made


def head(vault: Vault, method: str, path: str, *more: str) -> bytes:
    token = vault.stack.client.headers["authorization"]
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: {token}", *more)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def problem_in(answer: bytes) -> dict[str, object]:
    """The problem that *answer* is; an answer in any other form is a failure."""
    lines, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in lines.lower(), answer[:300]
    problem: dict[str, object] = json.loads(body)
    assert lines.startswith(b"HTTP/1.1 %d " % problem["status"])
    return problem


def is_well(vault: Vault) -> bool:
    return vault.stack.client.get("/api/backups").status_code == 200

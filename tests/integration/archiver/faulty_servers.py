"""A proxy before a server, which does what it should not."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Faults:
    """What goes wrong, until it is changed."""

    def __init__(self) -> None:
        #: A status, or ``stall``, ``drop`` (the line is cut), ``half`` (half a body comes).
        self.mode: int | str | None = None
        #: What S3 would call it.
        self.code = "Nonsense"
        #: How often it still goes wrong; None is for ever.
        self.times: int | None = None
        #: Only these methods.
        self.methods: tuple[str, ...] = ("PUT",)
        self.count = 0
        self.is_over = threading.Event()

    def take(self, method: str) -> int | str | None:
        if self.mode is None or method not in self.methods or self.times == 0:
            return None
        if self.times is not None:
            self.times -= 1
        self.count += 1
        return self.mode


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    faults: Faults
    port: int

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.faults.take(self.command)
        if fault == "stall":
            self.faults.is_over.wait(90)
        if fault in ("drop", "stall"):
            self.close_connection = True
            return
        if isinstance(fault, int):
            code = self.faults.code.encode()
            said = b"<Error><Code>" + code + b"</Code><Message>as asked</Message></Error>"
            self.answer(fault, [("Content-Type", "application/xml")], said)
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            behind.putheader(name, value)
        behind.endheaders(body)
        reply = behind.getresponse()
        content = reply.read()
        headers = [
            (name, value)
            for name, value in reply.getheaders()
            if name.lower() not in ("transfer-encoding", "connection", "content-length")
        ]
        length = reply.getheader("Content-Length") if self.command == "HEAD" else None
        self.answer(reply.status, headers, content, length=length, is_cut=fault == "half")
        behind.close()

    def answer(
        self,
        status: int,
        headers: list[tuple[str, str]],
        content: bytes,
        *,
        length: str | None = None,
        is_cut: bool = False,
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        if is_cut:
            content = content[: len(content) // 2]
            self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(content)

    # ruff: noqa: N815 -- http.server's names
    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_one
    do_PROPFIND = do_MKCOL = do_MOVE = do_COPY = do_OPTIONS = handle_one


@contextmanager
def faulty_proxy(port: int) -> Iterator[tuple[int, Faults]]:
    """Stand before the server on *port*; yields a port and what goes wrong there."""
    faults = Faults()
    handler = type("Handler", (_Handler,), {"faults": faults, "port": port})
    with _serving(handler) as own:
        try:
            yield own, faults
        finally:
            faults.is_over.set()


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

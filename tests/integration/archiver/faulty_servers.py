"""Servers that do what they should not: a proxy with faults, and a B2 that takes nothing."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Faults:
    """What goes wrong, until it is changed."""

    def __init__(self) -> None:
        #: A status, or ``stall``, ``drop`` (the line is cut), ``half`` (half a body comes).
        self.mode: int | str | None = None
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
            said = b"<Error><Code>Nonsense</Code><Message>as asked</Message></Error>"
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
def faulty_b2(mode: str) -> Iterator[str]:
    """Serve enough of Backblaze's API for one upload to fail as they say; yields the address."""
    refusals = {
        "cap": (403, "storage_cap_exceeded", "Cannot upload files, storage cap exceeded."),
        "busy": (503, "service_unavailable", "no tomes available"),
        "slow": (429, "too_many_requests", "slow down"),
        "key": (401, "bad_auth_token", "Invalid authorization token"),
    }

    class Handler(_Handler):
        def handle_one(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            host = f"http://{self.headers['Host']}"
            operation = self.path.partition("?")[0].rpartition("/")[2]
            if operation == ("b2_authorize_account" if mode == "key" else "upload"):
                status, code, message = refusals[mode]
                said = {"status": status, "code": code, "message": message}
                self.answer(status, [], json.dumps(said).encode())
                return
            if operation == "b2_create_bucket":
                # So says the real one of a bucket that there is.
                said = {"status": 400, "code": "duplicate_bucket_name", "message": "taken"}
                self.answer(400, [], json.dumps(said).encode())
                return
            storage = {
                "absoluteMinimumPartSize": 5_000_000,
                "recommendedPartSize": 100_000_000,
                "apiUrl": host,
                "downloadUrl": host,
                "capabilities": ["listBuckets", "listFiles", "readFiles", "writeFiles"],
            }
            bucket = {"bucketId": "b1", "accountId": "a", "bucketName": "bucket"}
            replies: dict[str, dict[str, Any]] = {
                "b2_authorize_account": {
                    "accountId": "a",
                    "authorizationToken": "t",
                    "apiInfo": {"storageApi": storage},
                    **storage,
                    "allowed": {"capabilities": storage["capabilities"]},
                },
                "b2_list_buckets": {"buckets": [{**bucket, "bucketType": "allPrivate"}]},
                "b2_list_file_names": {"files": [], "nextFileName": None},
                "b2_list_file_versions": {"files": [], "nextFileName": None},
                "b2_get_upload_url": {
                    "bucketId": "b1",
                    "uploadUrl": f"{host}/upload",
                    "authorizationToken": "u",
                },
            }
            found = replies.get(operation)
            missing = {"status": 404, "code": "not_found", "message": "no such file"}
            self.answer(200 if found else 404, [], json.dumps(found or missing).encode())

        do_GET = do_HEAD = do_POST = handle_one

    with _serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


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

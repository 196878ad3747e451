"""Enough of Backblaze's B2 for a store: files in memory, and refusals in its own words."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

BUCKET = "bucket"
ACCOUNT, KEY = "000", "K000-not-to-be-seen"
_SIGNED_IN = f"Basic {b64encode(f'{ACCOUNT}:{KEY}'.encode()).decode()}"
REFUSALS = {
    "cap": (403, "storage_cap_exceeded", "Cannot upload files, storage cap exceeded."),
    "busy": (503, "service_unavailable", "no tomes available"),
    "slow": (429, "too_many_requests", "slow down"),
}


class B2:
    """What is in the bucket, and what is refused."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        #: Of ``REFUSALS``, what uploads meet.
        self.mode: str | None = None
        self.url = ""

    def put(self, name: str, content: bytes, info: dict[str, str]) -> dict[str, Any]:
        file = {
            "accountId": "a",
            "action": "upload",
            "bucketId": "b1",
            "contentLength": len(content),
            "size": len(content),
            "contentSha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "contentType": "application/octet-stream",
            "fileId": uuid4().hex,
            "fileInfo": info,
            "fileName": name,
            "uploadTimestamp": int(time.time() * 1000),
        }
        self.files[name], self.contents[name] = file, content
        return file

    def listed(self, prefix: str, delimiter: str) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, file in sorted(self.files.items()):
            if not name.startswith(prefix):
                continue
            inner, sign, _ = name[len(prefix) :].partition(delimiter or "\0")
            folder = {"action": "folder", "fileName": f"{prefix}{inner}{sign}", "fileId": None}
            found.setdefault(
                f"{prefix}{inner}{sign}",
                {**folder, "contentLength": 0, "uploadTimestamp": 0} if sign else file,
            )
        return list(found.values())

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        rights = ["listBuckets", "listFiles", "readFiles", "writeFiles", "deleteFiles"]
        bucket = {"bucketId": "b1", "accountId": "a", "bucketName": BUCKET}
        storage = {
            "absoluteMinimumPartSize": 5_000_000,
            "recommendedPartSize": 100_000_000,
            "apiUrl": self.url,
            "downloadUrl": self.url,
            "capabilities": rights,
        }
        match operation:
            case "b2_authorize_account":
                return 200, {
                    "accountId": "a",
                    "authorizationToken": "t",
                    "apiInfo": {"storageApi": storage},
                    **storage,
                    "allowed": {"capabilities": rights},
                }
            case "b2_list_buckets":
                is_ours = asked.get("bucketName") in (None, BUCKET)
                return 200, {"buckets": [{**bucket, "bucketType": "allPrivate"}] * is_ours}
            case "b2_create_bucket":
                said = "duplicate_bucket_name"
                return 400, {"status": 400, "code": said, "message": "Bucket name is in use."}
            case "b2_list_file_names" | "b2_list_file_versions":
                prefix, delimiter = asked.get("prefix") or "", asked.get("delimiter") or ""
                return 200, {"files": self.listed(prefix, delimiter), "nextFileName": None}
            case "b2_list_unfinished_large_files":
                return 200, {"files": [], "nextFileId": None}
            case "b2_get_upload_url":
                url = f"{self.url}/upload"
                return 200, {"bucketId": "b1", "uploadUrl": url, "authorizationToken": "u"}
            case "b2_delete_file_version" | "b2_hide_file":
                self.files.pop(asked["fileName"], None)
                return 200, {"fileId": asked.get("fileId", ""), "fileName": asked["fileName"]}
        return 404, {"status": 404, "code": "not_found", "message": "no such thing"}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    b2: B2

    def log_message(self, *_: Any) -> None:
        pass

    def send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def say(self, status: int, said: Any) -> None:
        self.send(status, json.dumps(said).encode())

    def handle_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = urlsplit(self.path)
        operation = asked.path.rpartition("/")[2]
        is_signing_in = operation == "b2_authorize_account"
        if is_signing_in and self.headers["Authorization"] != _SIGNED_IN:
            self.say(401, {"status": 401, "code": "bad_auth_token", "message": "Invalid token"})
        elif asked.path == "/upload":
            self.upload(body)
        elif asked.path.startswith("/file/"):
            self.download(unquote(asked.path.removeprefix(f"/file/{BUCKET}/")))
        elif operation == "b2_download_file_by_id":
            wanted = parse_qs(asked.query)["fileId"][0]
            named = [one["fileName"] for one in self.b2.files.values() if one["fileId"] == wanted]
            self.download(named[0] if named else "")
        else:
            self.say(*self.b2.answer(operation, json.loads(body) if body[:1] == b"{" else {}))

    def upload(self, body: bytes) -> None:
        refusal = REFUSALS.get(self.b2.mode or "")
        if refusal is not None:
            status, code, message = refusal
            self.say(status, {"status": status, "code": code, "message": message})
            return
        if self.headers["X-Bz-Content-Sha1"] == "hex_digits_at_end":
            body = body[:-40]
        info = {
            name[10:].lower(): value
            for name, value in self.headers.items()
            if name.lower().startswith("x-bz-info-")
        }
        self.say(200, self.b2.put(unquote(self.headers["X-Bz-File-Name"]), body, info))

    def download(self, name: str) -> None:
        file = self.b2.files.get(name)
        if file is None:
            self.say(404, {"status": 404, "code": "not_found", "message": "no such file"})
            return
        content, status = self.b2.contents[name], 200
        headers = {
            "X-Bz-File-Id": file["fileId"],
            "X-Bz-Content-Sha1": file["contentSha1"],
            "X-Bz-File-Name": quote(name),
            "X-Bz-Upload-Timestamp": str(file["uploadTimestamp"]),
            "Content-Type": file["contentType"],
            **{f"X-Bz-Info-{key}": value for key, value in file["fileInfo"].items()},
        }
        if wanted := self.headers.get("Range"):
            start, _, end = wanted.removeprefix("bytes=").partition("-")
            last = min(int(end) if end else len(content), len(content) - 1)
            headers["Content-Range"] = f"bytes {start}-{last}/{len(content)}"
            content, status = content[int(start) : last + 1], 206
        self.send(status, content, headers)

    do_GET = do_HEAD = do_POST = handle_one  # noqa: N815 -- http.server's names


@contextmanager
def fake_b2() -> Iterator[B2]:
    """Serve an empty bucket."""
    b2 = B2()
    handler = type("Handler", (_Handler,), {"b2": b2})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    b2.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield b2
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

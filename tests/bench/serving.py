"""The gateway: a list route against a bare application, and a large file as a stream."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from deploy.demo.container import PhoneFile, file_id, mint_backup
from tests.bench.figures import Figure
from tests.bench.phones import PASSPHRASE
from tests.bench.processes import resident_bytes, watched
from tests.running_stack import RunningStack, running_stack

_CLIENTS = 4
_SECONDS = 3.0
_LIST = "/api/threads?limit=50"
_DOMAIN, _NAME = "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.MOV"

#: The least that Litestar does for the same answer, under the same server.
_BARE = """
import sys, uvicorn
from litestar import Litestar, Response, get
body = open(sys.argv[1], "rb").read()

@get(sys.argv[3], sync_to_thread=False)
def answer() -> Response[bytes]:
    return Response(body, media_type="application/json")

uvicorn.run(Litestar([answer], openapi_config=None, logging_config=None),
            host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="critical")
"""


async def _requests(url: str, headers: dict[str, str], seconds: float) -> int:
    """Return how many answers came: sockets by hand, because a client library costs more."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    deadline = time.perf_counter() + seconds

    async def client() -> int:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        answers = 0
        while time.perf_counter() < deadline:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            answers += 1
        writer.close()
        return answers

    return sum(await asyncio.gather(*(client() for _ in range(_CLIENTS))))


@contextmanager
def _bare(body: bytes) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        path = _LIST.partition("?")[0]
        process = subprocess.Popen([sys.executable, "-c", _BARE, file.name, str(port), path])
        try:
            url = f"http://127.0.0.1:{port}{_LIST}"
            for _ in range(200):
                try:
                    httpx.get(url)
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait()


def list_route(stack: RunningStack) -> list[Figure]:
    """Requests per second of the list of threads, and what one costs the gateway itself."""
    authorization = {"Authorization": stack.client.headers["Authorization"]}
    url = f"{stack.client.base_url}{_LIST}"
    answer = stack.client.get(_LIST)
    assert answer.status_code == 200
    ours: list[int] = []
    bare: list[int] = []
    gateway_cpu = 0.0
    bare_cpu = 0.0
    with _bare(answer.content) as (bare_url, bare_pid):
        for _ in range(3):
            with watched(stack) as usage:
                ours.append(asyncio.run(_requests(url, authorization, _SECONDS)))
            gateway_cpu += usage.cpu_seconds.get("gateway", 0.0)
            before = _seconds_of(bare_pid)
            bare.append(asyncio.run(_requests(bare_url, authorization, _SECONDS)))
            bare_cpu += _seconds_of(bare_pid) - before
    return [
        Figure(
            path=f"list of threads, {_CLIENTS} clients, all services on the way",
            value=sorted(ours)[1] / _SECONDS,
            unit="requests/s",
            reference=sorted(bare)[1] / _SECONDS,
            reference_name="bare Litestar, the same bytes",
        ),
        Figure(
            path="the same, requests per processor second of the gateway",
            value=sum(ours) / gateway_cpu,
            unit="requests/cpu s",
            reference=sum(bare) / bare_cpu,
            reference_name="bare Litestar",
            goal=">=0.6",
        ),
    ]


def _seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def stream(folder: Path, size_mib: int = 1024) -> list[Figure]:
    """One large encrypted file through unlock, bus and gateway."""
    root = folder / "streamed"
    root.mkdir()
    folder.chmod(0o711)
    piece = random.Random(7).randbytes(1 << 20)
    mint_backup(
        root,
        files=[PhoneFile(_DOMAIN, _NAME, piece * size_mib)],
        passphrase=PASSPHRASE,
        taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    with running_stack(folder / "streaming", root) as stack:
        backup = stack.client.post("/api/backups/refresh").json()["items"][0]["id"]
        opened = stack.client.post(
            f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
        ).json()
        session = {"X-Backup-Session": opened["session_token"]}
        path = f"/api/backups/{backup}/files/{file_id(_DOMAIN, _NAME)}/content"
        roles = ("gateway", "unlock")
        rates = []
        before = {role: resident_bytes(stack, role) for role in roles}
        grown = 0
        for _ in range(3):
            started = time.perf_counter()
            with watched(stack) as usage, stack.client.stream("GET", path, headers=session) as got:
                assert got.status_code == 200
                received = sum(map(len, got.iter_raw(1 << 20)))
            assert received == size_mib << 20
            rates.append(received / (time.perf_counter() - started) / 1e6)
            grown = max(grown, *(usage.peak_bytes[role] - before[role] for role in roles))
    return [
        Figure(
            path=f"stream of a {size_mib} MiB file over HTTP",
            value=sorted(rates)[1],
            unit="MB/s",
            note=usage.describe(),
            goal=">=250",
        ),
        Figure(path="the same, growth of memory", value=grown / 1e6, unit="MB", goal="<=32"),
    ]

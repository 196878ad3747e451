"""The gateway's lists: against bare applications, one by one, and with event streams open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import peers
from tests.bench.figures import Figure, percentile
from tests.bench.phones import PASSPHRASE
from tests.bench.processes import watched
from tests.running_stack import RunningStack

_CLIENTS = 4
_SECONDS = 2.0
_ROUNDS = 3
_LIST = "/api/threads?limit=50"
#: As many as the gateway serves.
_STREAMS = 64


class Load:
    """Answers that came to some clients at once, and how long each took."""

    def __init__(self, url: str, headers: dict[str, str], seconds: float = _SECONDS) -> None:
        self.times: list[float] = []
        started = time.perf_counter()
        asyncio.run(self._run(url, headers, started + seconds))
        self.rate = len(self.times) / (time.perf_counter() - started)

    def milliseconds(self, share: float) -> float:
        """Return the time below which *share* of the answers lie."""
        return percentile(self.times, share) * 1000

    async def _run(self, url: str, headers: dict[str, str], deadline: float) -> None:
        await asyncio.gather(*(self._client(url, headers, deadline) for _ in range(_CLIENTS)))

    async def _client(self, url: str, headers: dict[str, str], deadline: float) -> None:
        # Sockets by hand, because a client library costs more than what it measures.
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        request = _request(url, headers)
        while (began := time.perf_counter()) < deadline:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            self.times.append(time.perf_counter() - began)
        writer.close()


def _request(url: str, headers: dict[str, str]) -> bytes:
    parts = urlsplit(url)
    address = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {address} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def against_peers(stack: RunningStack) -> list[Figure]:
    """One list against an application that answers from memory, and one that asks over NATS."""
    headers = {"Authorization": stack.client.headers["Authorization"]}
    url = f"{stack.client.base_url}{_LIST}"
    body = stack.client.get(_LIST).raise_for_status().content
    path = _LIST.partition("?")[0]
    ours, bare, asking = _Loads(), _Loads(), _Loads()
    with watched(stack) as usage:
        first = Load(url, headers)
    busy_seconds = usage.cpu_seconds["indexer"] / len(first.times)
    with (
        peers.bare(body, path) as (bare_url, bare_pid),
        peers.asking(body, path, busy_seconds=busy_seconds) as (asking_url, asking_pid),
    ):
        # Turn by turn: what else the machine does meanwhile meets all of them.
        for _ in range(_ROUNDS):
            with watched(stack) as usage:
                load = Load(url, headers)
            ours.add(load, usage.cpu_seconds["gateway"])
            for loads, peer_url, pid in (
                (bare, bare_url, bare_pid),
                (asking, asking_url, asking_pid),
            ):
                before = _cpu_seconds(pid)
                load = Load(peer_url, headers)
                loads.add(load, _cpu_seconds(pid) - before)
    return [
        Figure(
            path=f"list of threads, {_CLIENTS} clients, all services on the way",
            value=ours.rate,
            unit="requests/s",
            reference=bare.rate,
            reference_name="bare Litestar, the same bytes",
        ),
        Figure(
            path="the same, requests per processor second of the gateway",
            value=ours.per_cpu_second,
            unit="requests/cpu s",
            reference=asking.per_cpu_second,
            reference_name="bare Litestar that asks once over nats-py",
            goal=">=0.6",
            note="the goal is against a peer that asks: what asking alone costs is two rows below",
        ),
        Figure(
            path="the same, against an application that asks nobody",
            value=ours.per_cpu_second,
            unit="requests/cpu s",
            reference=bare.per_cpu_second,
            reference_name="bare Litestar",
        ),
        Figure(
            path="one request over NATS alone, against bare Litestar",
            value=asking.per_cpu_second,
            unit="requests/cpu s",
            reference=bare.per_cpu_second,
            reference_name="bare Litestar",
            note="what asking costs before anything else is done",
        ),
    ]


class _Loads:
    """Several loads on one application, and what they cost it."""

    def __init__(self) -> None:
        self._loads: list[Load] = []
        self._cpu_seconds = 0.0

    def add(self, load: Load, cpu_seconds: float) -> None:
        """Count one more."""
        self._loads.append(load)
        self._cpu_seconds += cpu_seconds

    @property
    def rate(self) -> float:
        """Answers per second, of the load in the middle."""
        return sorted(one.rate for one in self._loads)[len(self._loads) // 2]

    @property
    def per_cpu_second(self) -> float:
        """Answers per second of processor time, of all loads."""
        return sum(len(one.times) for one in self._loads) / self._cpu_seconds


def each(stack: RunningStack) -> list[Figure]:
    """Every list people wait for, alone."""
    backup = stack.client.get("/api/backups").json()["items"][0]["id"]
    opened = stack.client.post(
        f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
    ).json()
    headers = {
        "Authorization": stack.client.headers["Authorization"],
        "X-Backup-Session": opened["session_token"],
    }
    thread = stack.client.get(_LIST).json()["items"][0]["id"]
    file = stack.client.get(f"/api/backups/{backup}/files?kind=file", headers=headers).json()
    routes = {
        "/health/live": "/health/live",
        "/api/backups": "/api/backups",
        "/api/devices": "/api/devices",
        "/api/jobs": "/api/jobs",
        "/api/kinds": "/api/kinds",
        _LIST: _LIST,
        "/api/threads/{id}/artifacts?limit=100": f"/api/threads/{thread}/artifacts?limit=100",
        "/api/artifacts?limit=100": "/api/artifacts?limit=100",
        "/api/search?q=river&limit=50": "/api/search?q=river&limit=50",
        "/api/backups/{id}/files?limit=100": f"/api/backups/{backup}/files?limit=100",
        "/api/backups/{id}/files/{id}": (
            f"/api/backups/{backup}/files/{file['items'][0]['file_id']}"
        ),
    }
    figures = []
    for name, path in routes.items():
        load = Load(f"{stack.client.base_url}{path}", headers, 1.0)
        figures.append(
            Figure(
                path=f"GET {name}, {_CLIENTS} clients",
                value=load.rate,
                unit="requests/s",
                note=f"p50 {load.milliseconds(0.5):.1f} ms, p99 {load.milliseconds(0.99):.1f} ms",
            )
        )
    return figures


def with_streams(stack: RunningStack) -> Figure:
    """The list's p99 while jobs begin and end, with and without readers of their events."""
    headers = {"Authorization": stack.client.headers["Authorization"]}
    url = f"{stack.client.base_url}{_LIST}"
    with _jobs(stack):
        alone = Load(url, headers)
    with _streams(stack) as received, _jobs(stack):
        before = received()
        together = Load(url, headers)
        told = received() - before
    return Figure(
        path=f"p99 of the list with {_STREAMS} event streams open, jobs running",
        value=together.milliseconds(0.99),
        unit="ms",
        reference=alone.milliseconds(0.99),
        reference_name="ms without streams",
        note=f"{told / _SECONDS / 1000:.0f} kB/s of events to all",
    )


@contextmanager
def _jobs(stack: RunningStack) -> Iterator[None]:
    """Index again and again what is indexed: two events and some progress each time."""
    backup = stack.client.get("/api/backups").json()["items"][0]["id"]
    opened = stack.client.post(f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE})
    session = {"X-Backup-Session": opened.json()["session_token"]}
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            asked = stack.client.post(f"/api/backups/{backup}/index", headers=session)
            stack.wait_for_job(asked.raise_for_status().json()["job_id"])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _streams(stack: RunningStack) -> Iterator[Callable[[], int]]:
    """Keep event streams open and read them in a thread; give how many bytes came so far."""
    parts = urlsplit(str(stack.client.base_url))
    headers = {"Authorization": stack.client.headers["Authorization"]}
    request = _request(f"{stack.client.base_url}/api/events", headers)
    received = 0

    async def read() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        nonlocal received
        while piece := await reader.read(1 << 16):
            received += len(piece)

    async def read_all(over: asyncio.Event) -> None:
        reading = [asyncio.create_task(read()) for _ in range(_STREAMS)]
        await over.wait()
        assert not any(one.done() for one in reading)
        for one in reading:
            one.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    loop, over = asyncio.new_event_loop(), asyncio.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            loop.run_until_complete(read_all(over))
        except AssertionError as error:
            failed.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(0.5)
        yield lambda: received
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
    assert not failed, "an event stream ended early"


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(stack: RunningStack) -> list[Figure]:
    """Everything above, on a vault with an indexed phone."""
    return [*against_peers(stack), *each(stack), with_streams(stack)]

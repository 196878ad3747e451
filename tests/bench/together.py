"""Two phones indexed at once while ten people read; and for how long event loops answer nobody."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.bench.figures import Figure, percentile
from tests.bench.phones import PASSPHRASE, Phone
from tests.bench.processes import Usage, watched
from tests.running_stack import RunningStack, running_stack

_READERS = 10
#: A person looks at what came before asking again.
_PAUSE_SECONDS = 0.2
_SERVICES = ("gateway", "discovery", "unlock", "indexer")
_GOAL_MS = "<=50"
#: The beat of a service's own watch, in a process that does nothing else.
_BARE_BEAT = """
import asyncio, signal
async def beat():
    longest, clock = 0.0, asyncio.get_running_loop().time
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    while not over.is_set():
        due = clock() + 0.01
        await asyncio.sleep(0.01)
        longest = max(longest, clock() - due)
    print(longest)
asyncio.run(beat())
"""


class _Reader:
    """One person who searches, opens threads and looks into folders, again and again."""

    def __init__(
        self, stack: RunningStack, seed: int, backup: str, session: dict[str, str]
    ) -> None:
        self._client = httpx.Client(
            base_url=stack.client.base_url, headers=stack.client.headers, timeout=60
        )
        self._dice = random.Random(seed)
        self._backup = backup
        self._session = session
        self.times: list[float] = []
        self.failure: str | None = None

    def read_until(self, over: threading.Event) -> None:
        questions: list[Callable[[], httpx.Response]] = [
            lambda: self._get("/api/search", q="river", limit=50),
            lambda: self._get("/api/search", q="lemon gard", limit=50),
            lambda: self._get("/api/threads", limit=50),
            lambda: self._get(f"/api/backups/{self._backup}/files", limit=100),
            lambda: self._get("/api/jobs"),
            lambda: self._get("/api/backups"),
        ]
        with self._client:
            while not over.wait(_PAUSE_SECONDS * 2 * self._dice.random()):
                started = time.perf_counter()
                try:
                    answer = self._dice.choice(questions)()
                except httpx.HTTPError as error:
                    self.failure = type(error).__name__
                    return
                self.times.append(time.perf_counter() - started)
                if answer.status_code != 200:
                    self.failure = answer.text
                    return

    def _get(self, path: str, **parameters: Any) -> httpx.Response:
        return self._client.get(path, params=parameters, headers=self._session)


@contextmanager
def _readers(stack: RunningStack, backup: str, session: dict[str, str]) -> Iterator[list[float]]:
    """Let ten people read during the body; what they waited is in the list afterwards."""
    over = threading.Event()
    readers = [_Reader(stack, seed, backup, session) for seed in range(_READERS)]
    threads = [threading.Thread(target=one.read_until, args=(over,)) for one in readers]
    times: list[float] = []
    for thread in threads:
        thread.start()
    try:
        yield times
    finally:
        over.set()
        for thread in threads:
            thread.join()
    failures = [one.failure for one in readers if one.failure]
    assert not failures, failures[0]
    times += [waited for one in readers for waited in one.times]


def _unlock_all(stack: RunningStack) -> dict[str, dict[str, str]]:
    """Return the headers of a session for each backup."""
    items = stack.client.post("/api/backups/refresh").json()["items"]
    sessions = {}
    for backup in (item["id"] for item in items):
        opened = stack.client.post(f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE})
        assert opened.status_code == 200, opened.text
        sessions[backup] = {"X-Backup-Session": opened.json()["session_token"]}
    return sessions


def _start_index(stack: RunningStack, backup: str, session: dict[str, str]) -> str:
    accepted = stack.client.post(f"/api/backups/{backup}/index", headers=session)
    assert accepted.status_code < 300, accepted.text
    job: str = accepted.json()["job_id"]
    return job


def _finish(stack: RunningStack, job: str) -> None:
    found = stack.wait_for_job(job)
    assert found["state"] == "completed", found


def _one_after_the_other(data: Path, root: Path) -> float:
    with running_stack(data, root) as stack:
        sessions = _unlock_all(stack)
        started = time.perf_counter()
        for backup, session in sessions.items():
            _finish(stack, _start_index(stack, backup, session))
        return time.perf_counter() - started


def measure(folder: Path, messages: int, metrics_port: int = 19431) -> list[Figure]:
    """Two phones of *messages* each."""
    root = folder / "together"
    root.mkdir()
    for number in (1, 2):
        Phone(folder, root, messages, number=number).back_up()
    apart = _one_after_the_other(folder / "apart", root)
    with (
        running_stack(folder / "at-once", root, METRICS__PORT=str(metrics_port)) as stack,
        _bare_beat() as bare,
    ):
        sessions = _unlock_all(stack)
        backup, session = next(iter(sessions.items()))
        with _readers(stack, backup, session) as busy, watched(stack) as usage:
            started = time.perf_counter()
            jobs = [_start_index(stack, one, token) for one, token in sessions.items()]
            for job in jobs:
                _finish(stack, job)
            at_once = time.perf_counter() - started
        with _readers(stack, backup, session) as quiet:
            time.sleep(5)
        _look_at_everything(stack, backup, session)
        late = {name: _loop(metrics_port + place) for place, name in enumerate(_SERVICES)}
    return [
        Figure(
            path=f"two phones of {messages:,} messages at once, {_READERS} people reading",
            value=at_once,
            unit="s",
            reference=apart,
            reference_name="one after the other, nobody reading, s",
            note=usage.describe(),
        ),
        *_waiting(busy, quiet),
        *_lateness(late, bare[0]),
        Figure(path="memory of the parsers meanwhile", value=_parsers(usage) / 1e6, unit="MB"),
    ]


def _parsers(usage: Usage) -> int:
    return usage.peak_bytes.get("parser", 0)


def _waiting(busy: list[float], quiet: list[float]) -> list[Figure]:
    return [
        Figure(
            path=f"what they wait meanwhile, {name}",
            value=percentile(busy, share) * 1000,
            unit="ms",
            reference=percentile(quiet, share) * 1000,
            reference_name="nothing else going on, ms",
        )
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]


def _lateness(late: dict[str, tuple[float, float]], bare: float) -> list[Figure]:
    return [
        Figure(
            path=f"longest time that the event loop of {name} answered nobody",
            value=seconds * 1000,
            unit="ms",
            note=f"own work at a stretch {work * 1000:.0f} ms; "
            f"an idle process on the same machine waited {bare * 1000:.0f} ms",
            goal=_GOAL_MS,
        )
        for name, (seconds, work) in late.items()
    ]


def _look_at_everything(stack: RunningStack, backup: str, session: dict[str, str]) -> None:
    """What else may keep a loop: a file as a stream, lists in full, a scan, a search with marks."""
    listed = stack.client.get(
        f"/api/backups/{backup}/files", params={"limit": 1000, "kind": "file"}, headers=session
    ).json()["items"]
    for file in listed[:20]:
        path = f"/api/backups/{backup}/files/{file['file_id']}/content"
        with stack.client.stream("GET", path, headers=session) as got:
            assert got.status_code == 200
            for _ in got.iter_raw(1 << 20):
                pass
    assert stack.client.get(f"/api/backups/{backup}/domains", headers=session).status_code == 200
    assert stack.client.post("/api/backups/refresh").status_code == 200
    threads = stack.client.get("/api/threads", params={"limit": 1000}).json()["items"]
    for thread in threads[:20]:
        page = stack.client.get(f"/api/threads/{thread['id']}/artifacts", params={"limit": 1000})
        assert page.status_code == 200
    for query in ("river", '"quiet later"', "icycl"):
        found = stack.client.get("/api/search", params={"q": query, "limit": 200})
        assert found.status_code == 200, found.text


@contextmanager
def _bare_beat() -> Iterator[list[float]]:
    """The longest delay of a loop with nothing to do: what the machine itself adds."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BARE_BEAT], stdout=subprocess.PIPE, text=True
    )
    found: list[float] = []
    try:
        yield found
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=10)
        found.append(float(output))


def _loop(port: int) -> tuple[float, float]:
    """Return the longest delay of a service's loop, and the most it worked at a stretch."""
    lines = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()

    def figure(name: str) -> float:
        return max(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))

    return (
        figure("keepsake_event_loop_longest_late_seconds"),
        figure("keepsake_event_loop_longest_work_seconds"),
    )

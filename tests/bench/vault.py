"""The whole product on a generated phone: unlock, index, search, threads, gateway, second start."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.messages import write_bulk_messages
from tests.bench.figures import Figure, median_seconds, percentile
from tests.running_stack import RunningStack, running_stack

PASSPHRASE = "bench"


def _mint(root: Path, messages: int, folder: Path) -> None:
    database = folder / "sms.db"
    write_bulk_messages(database, messages)
    mint_backup(
        root,
        files=[PhoneFile("HomeDomain", "Library/SMS/sms.db", database.read_bytes())],
        passphrase=PASSPHRASE,
        dpic=10_000_000,
        iterations=10_000,
        taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    database.unlink()


def _timed(ask: Callable[[], httpx.Response], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        answer = ask()
        times.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
    return times


def _index(stack: RunningStack, backup: str, session: dict[str, str]) -> float:
    started = time.perf_counter()
    accepted = stack.client.post(f"/api/backups/{backup}/index", headers=session)
    job = stack.wait_for_job(accepted.json()["job_id"])
    assert job["state"] == "completed", job
    return time.perf_counter() - started


def _searches(stack: RunningStack) -> list[Figure]:
    questions = {
        "search, a common word": "river",
        "search, two words and a prefix": "lemon gard",
        "search, a phrase": '"quiet later"',
        "search, inside words": "icycl",
        "search, CJK": "東京駅",
        "search, nothing found": "xylophonist",
    }
    figures = []
    for name, question in questions.items():
        times = _timed(
            lambda question=question: stack.client.get(  # type: ignore[misc]
                "/api/search", params={"q": question, "limit": 50}
            ),
            30,
        )
        figures.append(
            Figure(
                path=f"{name}, p50 over HTTP",
                value=percentile(times, 0.5) * 1000,
                unit="ms",
                note=f"p95 {percentile(times, 0.95) * 1000:.1f} ms",
                goal="<=15",
            )
        )
    return figures


def _thread_pages(stack: RunningStack) -> Figure:
    dice = random.Random(3)
    threads = stack.client.get("/api/threads", params={"limit": 50}).json()["items"]
    first, last = dt.datetime(2016, 2, 1, tzinfo=dt.UTC), dt.datetime(2025, 1, 1, tzinfo=dt.UTC)

    def ask() -> httpx.Response:
        thread = dice.choice(threads)["id"]
        at = first + (last - first) * dice.random()
        return stack.client.get(
            f"/api/threads/{thread}/artifacts", params={"at": at.isoformat(), "limit": 100}
        )

    return Figure(
        path="thread page anywhere, p95 over HTTP",
        value=percentile(_timed(ask, 100), 0.95) * 1000,
        unit="ms",
        goal="<=10",
    )


def _start_again(data: Path, root: Path) -> list[Figure]:
    times = []
    memory = 0
    for _ in range(3):
        with running_stack(data, root) as stack:
            times.append(stack.ready_seconds)
            memory = stack.memory_bytes()
    return [
        Figure(path="second start until ready", value=median_seconds(times), unit="s", goal="<=5"),
        Figure(path="whole stack, idle", value=memory / 1e6, unit="MB", goal="<=400"),
    ]


def measure(messages: int) -> list[Figure]:
    """Everything above on a phone of *messages* messages."""
    folder = Path(tempfile.mkdtemp(prefix="ks-bench-"))
    folder.chmod(0o711)
    root = folder / "phones"
    root.mkdir()
    try:
        _mint(root, messages, folder)
        data = folder / "data"
        with running_stack(data, root) as stack:
            backup = stack.client.post("/api/backups/refresh").json()["items"][0]["id"]
            started = time.perf_counter()
            opened = stack.client.post(
                f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
            ).json()
            unlocking = time.perf_counter() - started
            session = {"X-Backup-Session": opened["session_token"]}
            first = _index(stack, backup, session)
            again = _index(stack, backup, session)
            figures = [
                Figure(path="unlock over HTTP, 10M rounds", value=unlocking, unit="s"),
                Figure(
                    path=f"index {messages:,} messages until searchable",
                    value=messages / first,
                    unit="messages/s",
                    goal=">=60000",
                ),
                Figure(
                    path="index again, nothing changed",
                    value=again,
                    unit="s",
                    reference=first,
                    reference_name="first index, s",
                    goal="<=0.35",
                ),
                *_searches(stack),
                _thread_pages(stack),
            ]
        return figures + _start_again(data, root)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

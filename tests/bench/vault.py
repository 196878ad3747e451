"""The whole product on a generated phone: unlock, index, index again, search, threads, start."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import reading_history, serving
from tests.bench.figures import Figure, median_seconds
from tests.bench.phones import PASSPHRASE, Phone
from tests.bench.processes import Usage, watched
from tests.running_stack import RunningStack, running_stack


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Give a folder that Postgres' own user may enter, for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="ks-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unlock(stack: RunningStack) -> tuple[str, dict[str, str]]:
    """Unlock the only backup; return its id and the headers of the session."""
    backup = stack.client.post("/api/backups/refresh").json()["items"][0]["id"]
    opened = stack.client.post(
        f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
    ).json()
    return backup, {"X-Backup-Session": opened["session_token"]}


def index(
    stack: RunningStack, backup: str, session: dict[str, str]
) -> tuple[Usage, dict[str, Any]]:
    """Index everything; return what it cost and the report of the messages."""
    with watched(stack) as usage:
        accepted = stack.client.post(f"/api/backups/{backup}/index", headers=session)
        job = stack.wait_for_job(accepted.json()["job_id"])
    assert job["state"] == "completed", job
    listed: Any = job["report"]
    kinds = {report["kind"]: report for report in listed["kinds"]}
    return usage, kinds["message"]


def _wait_for_parts(stack: RunningStack) -> float:
    started = time.perf_counter()
    while "being built" in str(stack.client.get("/api/kinds").json()):
        time.sleep(0.1)
    return time.perf_counter() - started


def _indexing(stack: RunningStack, phone: Phone, messages: int) -> list[Figure]:
    backup, session = unlock(stack)
    first, report = index(stack, backup, session)
    assert report["read"] == messages
    parts = _wait_for_parts(stack)
    skipped, _ = index(stack, backup, session)
    phone.change()
    phone.back_up()
    backup, session = unlock(stack)
    again, report = index(stack, backup, session)
    changed = report["added"] + report["removed"]
    assert 0 < changed < messages / 300 + 10, report
    largest = max(
        (peak, role) for role, peak in first.peak_bytes.items() if role in {"parser", "indexer"}
    )
    return [
        Figure(
            path=f"index {messages:,} messages until searchable",
            value=messages / first.wall_seconds,
            unit="messages/s",
            note=first.describe(),
            goal=">=60000",
        ),
        Figure(
            path="the same, processor time of everything",
            value=sum(first.cpu_seconds.values()) / messages * 1e6,
            unit="us/message",
        ),
        Figure(
            path=f"the same, peak memory ({largest[1]})",
            value=largest[0] / 1e6,
            unit="MB",
            note=", ".join(f"{role} {peak / 1e6:.0f}" for role, peak in first.peak_bytes.items()),
            goal="<=400",
        ),
        Figure(path="until parts of words are indexed too", value=parts, unit="s"),
        Figure(
            path="ask again for what is indexed: skipped",
            value=skipped.wall_seconds,
            unit="s",
        ),
        Figure(
            path=f"index the next backup, 0.1 % changed ({changed} rows)",
            value=again.wall_seconds,
            unit="s",
            reference=first.wall_seconds,
            reference_name=f"first index, s ({again.describe()})",
            goal="<=0.35",
        ),
    ]


def _start_again(data: Path, root: Path) -> list[Figure]:
    times = []
    for _ in range(3):
        with running_stack(data, root) as stack:
            times.append(stack.ready_seconds)
    return [
        Figure(
            path="start of the filled vault until ready",
            value=median_seconds(times),
            unit="s",
            goal="<=5",
        )
    ]


def measure(messages: int) -> list[Figure]:
    """Everything above on a phone of *messages* messages."""
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        phone = Phone(folder, root, messages)
        phone.back_up()
        data = folder / "data"
        with running_stack(data, root) as stack:
            started = time.perf_counter()
            unlock(stack)
            figures = [
                Figure(
                    path="unlock over HTTP, 10M rounds",
                    value=time.perf_counter() - started,
                    unit="s",
                ),
                *_indexing(stack, phone, messages),
                *reading_history.measure(stack),
                *serving.list_route(stack),
            ]
        return figures + _start_again(data, root)

"""Exports of one long conversation: how fast each format is written, and that memory stays flat."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from tests.bench import filling
from tests.bench.figures import Figure
from tests.bench.processes import Usage, watched
from tests.bench.vault import fresh_folder
from tests.running_stack import RunningStack, running_stack

FORMATS = ("json", "csv", "txt", "html", "mbox", "pdf")
#: Documents of which nobody wants a million messages; a tenth is measured.
_SLOW = frozenset({"pdf"})
_WRITER, _INDEXER = "export", "indexer"
#: With all exports kept at once; the vaults of people keep 4 GiB.
_ROOM = str(64 << 30)


class _Export:
    """What one export cost."""

    def __init__(self, usage: Usage, job: dict[str, Any]) -> None:
        self.usage = usage
        self.size_bytes: int = job["report"]["export"]["size_bytes"]
        self.written: int = sum(one["written"] for one in job["report"]["kinds"])

    @property
    def cpu_seconds(self) -> float:
        return sum(self.usage.cpu_seconds.values())

    @property
    def peak_bytes(self) -> int:
        """Of the process that writes; the indexer's is told beside it."""
        return self.usage.peak_bytes.get(_WRITER, 0)

    def describe(self) -> str:
        peaks = ", ".join(
            f"{role} {self.usage.peak_bytes.get(role, 0) / 1e6:.0f} MB"
            for role in (_WRITER, _INDEXER)
        )
        return (
            f"{self.usage.wall_seconds:.1f} s, {self.size_bytes / 1e6:.1f} MB; peaks: {peaks};"
            f" {self.usage.describe()}"
        )


def _export(stack: RunningStack, thread: str, name: str, until: dt.datetime) -> _Export:
    wish = {"format": name, "query": {"thread": thread, "to": until.isoformat()}}
    with watched(stack) as usage:
        accepted = stack.client.post("/api/exports/content", json=wish)
        assert accepted.status_code == 202, accepted.text
        job: dict[str, Any] = stack.wait_for_job(accepted.json()["job_id"])
    assert job["state"] == "completed", job
    stack.client.delete(job["report"]["export"]["download"])
    return _Export(usage, job)


def _moment(share: float) -> dt.datetime:
    """Return by when that share of the messages was written."""
    return dt.datetime(2016, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        microseconds=filling.SPAN_US * share
    )


def _figures(stack: RunningStack, thread: str, name: str, messages: int) -> list[Figure]:
    share = 0.1 if name in _SLOW else 1.0
    few = _export(stack, thread, name, _moment(share / 10))
    many = _export(stack, thread, name, _moment(share))
    assert abs(many.written - messages * share) <= 1, many.written
    return [
        Figure(
            path=f"{name}, {many.written:,} messages of one conversation",
            value=many.written / many.usage.wall_seconds,
            unit="messages/s",
            note=many.describe(),
        ),
        Figure(
            path=f"{name}, processor time of everything",
            value=many.cpu_seconds / many.written * 1e6,
            unit="us/message",
            reference=few.cpu_seconds / few.written * 1e6,
            reference_name=f"us/message of {few.written:,}",
        ),
        Figure(
            path=f"{name}, peak memory of the process that writes",
            value=many.peak_bytes / 1e6,
            unit="MB",
            reference=few.peak_bytes / 1e6,
            reference_name=f"MB with {few.written:,}",
        ),
    ]


def measure(messages: int, formats: tuple[str, ...] = FORMATS) -> list[Figure]:
    """Export a conversation of *messages*, as every format."""
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        data = folder / "data"
        # The first of the two phones has one conversation only.
        filling.fill(data, messages * 2)
        return measured(data, root, messages, formats)


def measured(
    data: Path, root: Path, messages: int, formats: tuple[str, ...] = FORMATS
) -> list[Figure]:
    """Export from a vault that is filled."""
    with running_stack(data, root, EXPORTS__MOST_BYTES=_ROOM) as stack:
        found = stack.client.get("/api/threads", params={"device": filling.device_name(0)}).json()
        thread = found["items"][0]
        assert thread["artifact_count"] == messages
        return [
            figure for name in formats for figure in _figures(stack, thread["id"], name, messages)
        ]

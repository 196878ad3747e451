"""A file of several gigabytes through unlock, bus and gateway: rate, and memory that stays."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.phones import PASSPHRASE, mint_huge
from tests.bench.processes import resident_bytes, watched
from tests.running_stack import running_stack

_ROLES = ("gateway", "unlock", "nats")


def measure(folder: Path, size_bytes: int) -> list[Figure]:
    """One download from beginning to end, from the page cache: no disk is measured."""
    root = folder / "huge"
    root.mkdir()
    file = mint_huge(root, size_bytes)
    blob = next(root.glob(f"*/{file[:2]}/{file}"))
    with blob.open("rb", buffering=0) as content:
        while content.read(1 << 20):
            pass
    with running_stack(folder / "huge-vault", root) as stack:
        backup = stack.client.post("/api/backups/refresh").json()["items"][0]["id"]
        opened = stack.client.post(
            f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
        ).json()
        session = {"X-Backup-Session": opened["session_token"]}
        path = f"/api/backups/{backup}/files/{file}/content"
        # What every first stream needs is there before the memory is looked at.
        ranged = {**session, "Range": "bytes=0-33554431"}
        assert len(stack.client.get(path, headers=ranged).content) == 32 << 20
        before = {role: resident_bytes(stack, role) for role in _ROLES}
        started = time.perf_counter()
        with watched(stack) as usage, stack.client.stream("GET", path, headers=session) as got:
            assert got.status_code == 200
            received = sum(map(len, got.iter_raw(1 << 20)))
        seconds = time.perf_counter() - started
        assert received == size_bytes
    growth = {role: max(0, usage.peak_bytes[role] - before[role]) for role in _ROLES}
    return [
        Figure(
            path=f"stream of a file of {size_bytes / 1e9:.1f} GB",
            value=size_bytes / seconds / 1e6,
            unit="MB/s",
            note=usage.describe(),
            goal=">=250",
        ),
        Figure(
            path="the same, largest growth of memory in one process",
            value=max(growth.values()) / 1e6,
            unit="MB",
            note=", ".join(f"{role} {grown / 1e6:.1f}" for role, grown in growth.items()),
            goal="<=32",
        ),
    ]

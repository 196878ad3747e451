"""The gateway: short answers, and a large file as a stream."""

from __future__ import annotations

import datetime as dt
import random
import time
from pathlib import Path

from deploy.demo.container import PhoneFile, file_id, mint_backup
from tests.bench import routes
from tests.bench.figures import Figure
from tests.bench.phones import PASSPHRASE
from tests.bench.processes import resident_bytes, watched
from tests.running_stack import RunningStack, running_stack

_DOMAIN, _NAME = "CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.MOV"


def list_route(stack: RunningStack) -> list[Figure]:
    """Lists and other short answers: see ``routes``."""
    return routes.measure(stack)


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

"""Archives that are killed in the middle, and made again: what of it is stored twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from services.archiver.store.uploads import MOST_BYTES
from tests.bench.archive_peers import Peer
from tests.bench.archive_trees import Tree
from tests.bench.archive_vaults import Vault, vault
from tests.bench.figures import Figure
from tests.bench.processes import pids_of

_SHARE = 0.4
_PAUSE_SECONDS = 0.01


def measure(
    folder: Path, tree: Tree, *, once_bytes: int, peer: Peer | None, peer_once_bytes: int
) -> Figure:
    """Kill an archive of *tree* when a good part is stored, and have it made to the end.

    *once_bytes* is what a store holds after an archive that nobody killed, and *peer_once_bytes*
    that of the peer.
    """
    note = ""
    if peer is not None:
        again = _theirs(tree, peer) - peer_once_bytes
        note = f"{peer.name}: {again / 1e6:,.0f} MB"
    store = folder / "store"
    store.mkdir()
    with vault(folder, tree.root, store) as opened:
        seconds, again = _ours(tree, store, opened, once_bytes)
    return Figure(
        path="killed in the middle and made to its end: stored twice",
        value=again / 1e6,
        unit="MB",
        # What may be on its way at any moment.
        goal=f"<={MOST_BYTES / 1e6:.0f}",
        note="; ".join(filter(None, (note, f"{seconds:.1f} s from the kill to the end"))),
    )


def _ours(tree: Tree, store: Path, opened: Vault, once_bytes: int) -> tuple[float, int]:
    empty = sum(size for _, size in _whole(store).values())
    job = opened.ask()
    _wait_until_part(store, tree)
    (pid,) = pids_of(opened.stack, "archiver")
    os.kill(pid, signal.SIGKILL)
    killed = time.perf_counter()
    before = _whole(store)
    ended = _wait_for_end(opened, job)
    assert ended["state"] == "completed", ended
    seconds = time.perf_counter() - killed
    after = _whole(store)
    written_again = sum(
        size for path, (at, size) in before.items() if path in after and after[path][0] != at
    )
    surplus = sum(size for _, size in after.values()) - empty - once_bytes
    return seconds, written_again + max(surplus, 0)


def _theirs(tree: Tree, peer: Peer) -> int:
    peer.prepare()
    process: subprocess.Popen[bytes] = peer.start(tree.root, 0)
    _wait_until_part(peer.store, tree, lambda: process.poll() is None)
    process.kill()
    process.wait()
    peer.archive(tree.root, 1)
    return sum(size for _, size in _whole(peer.store).values())


def _wait_until_part(store: Path, tree: Tree, goes_on: Callable[[], bool] = lambda: True) -> None:
    wanted = tree.size_bytes * _SHARE
    while goes_on() and sum(size for _, size in _whole(store).values()) < wanted:
        time.sleep(_PAUSE_SECONDS)


def _wait_for_end(opened: Vault, job_id: str) -> dict[str, Any]:
    while True:
        # While it is away its jobs cannot be asked for.
        with contextlib.suppress(httpx.HTTPError):
            answer = opened.stack.client.get(f"/api/jobs/{job_id}")
            if answer.status_code == 200:
                job: dict[str, Any] = answer.json()
                if job["state"] not in ("pending", "running"):
                    return job
        time.sleep(0.05)


def _whole(store: Path) -> dict[Path, tuple[int, int]]:
    """Return when each file of a store was written, and how long it is."""
    found = {}
    for path in store.rglob("*"):
        # Some come and go meanwhile.
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if path.is_file() and not path.name.endswith(".partial"):
                found[path] = (status.st_mtime_ns, status.st_size)
    return found

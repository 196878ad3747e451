"""A network share stops answering while people work, and answers again: bindfs, halted.

What must hold: everything else goes on, whoever asks for what lies there is told soon, threads do
not pile up, `keepsake up` can be stopped and started meanwhile, and all returns by itself.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.chaos import invariants, run
from tests.chaos.actors import Owner
from tests.chaos.client import Client
from tests.chaos.phones import Phone, make_phones
from tests.chaos.record import Record
from tests.chaos.vault import Vault

#: A look after five seconds and patience for ten (shared.disks), and a machine that is shared.
_TOLD_SECONDS = 25.0
#: For what does not lie there, and for what is known not to answer.
_SOON_SECONDS = 8.0
_STOP_SECONDS = 10.0
_RETURN_SECONDS = 60.0
#: One that works, one that looks, for each of scan and measure; six that read, one that looks.
_MOST_MORE_THREADS = 12


class Share:
    """A folder shown through a program that can be halted."""

    def __init__(self, folder: Path, *, shown_at: Path) -> None:
        self._point = shown_at
        shown_at.mkdir()
        self._program = subprocess.Popen(["bindfs", "-f", str(folder), str(shown_at)])
        while not shown_at.is_mount():
            time.sleep(0.05)

    def hang(self) -> None:
        """Answer nothing from now on."""
        self._program.send_signal(signal.SIGSTOP)

    def answer(self) -> None:
        """Answer again, also what was asked meanwhile."""
        self._program.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Unmount it."""
        self.answer()
        ctypes.CDLL(None).umount2(os.fsencode(self._point), 2)
        self._program.terminate()
        self._program.wait()


def hung_disk(options: run.Options) -> Record:
    """Run the scenario."""
    record = Record()
    folder = Path(tempfile.mkdtemp(prefix="ks-hung-"))
    folder.chmod(0o711)
    memory = Path(tempfile.mkdtemp(prefix="ks-hung-", dir="/dev/shm"))
    here, there = folder / "here", folder / "there"
    here.mkdir()
    there.mkdir()
    far, near = make_phones(here, folder / "drafts", messages=options.messages)
    far.root = there
    for phone in (far, near):
        phone.next_run()
    share = Share(there, shown_at=folder / "share")
    vault = Vault(
        folder / "data",
        here,
        scratch=memory,
        log=folder / "vault.log",
        settings={"KEEPSAKE_BACKUP_PATHS": f"{folder}/share:{here}"},
    )
    vault.start()
    try:
        vault.wait_ready()
        _Scenario(vault, share, far, near, record).run()
    finally:
        share.answer()
        exit_code = vault.stop()
        share.remove()
        shutil.rmtree(memory, ignore_errors=True)
    invariants.check_end(vault, record, exit_code)
    if not record.violations:
        shutil.rmtree(folder, ignore_errors=True)
    return record


class _Scenario:
    def __init__(self, vault: Vault, share: Share, far: Phone, near: Phone, record: Record) -> None:
        self._vault = vault
        self._share = share
        self._far = far
        self._record = record
        client = Client(vault.url, vault.token, record, threading.Event())
        self._owners = [Owner(client, phone, seed="hung") for phone in (far, near)]
        self._http = httpx.Client(
            base_url=vault.url, headers={"Authorization": f"Bearer {vault.token}"}, timeout=120
        )

    def run(self) -> None:
        """Work, hang, work, stop and start, return."""
        far, near = self._owners
        invariants.settle(self._owners, self._record)
        far.unlock()
        threads = self._threads()
        self._share.hang()
        self._record.faults["share hangs"] += 1
        self._far_requests(far, within=_TOLD_SECONDS)
        self._refresh(within=_TOLD_SECONDS)
        for _ in range(10):
            self._far_requests(far, within=_SOON_SECONDS)
            self._refresh(within=_SOON_SECONDS)
            self._near_requests(near)
        # A run of the other phone is noticed, though nobody asks for a scan.
        before = self._revision(near)
        near.phone.next_run()
        self._within("notice a new run", 30, lambda: self._revision(near) != before)
        more = {name: count - threads[name] for name, count in self._threads().items()}
        self._record.notes["threads more than before"] = more
        self._record.checked(
            "threads do not pile up",
            [f"{name}: {count} more" for name, count in more.items() if count > _MOST_MORE_THREADS],
        )
        self._restart()
        self._near_requests(near)
        self._share.answer()
        started = time.monotonic()
        self._within("return by itself", _RETURN_SECONDS, lambda: self._is_back(far))
        self._record.recoveries.append(("share answers", time.monotonic() - started))
        far.lock()
        invariants.settle(self._owners, self._record)

    def _restart(self) -> None:
        started = time.monotonic()
        code = self._vault.stop()
        took = time.monotonic() - started
        self._record.notes["stop while it hangs, s"] = round(took, 2)
        problems = [f"exit code {code}"] if code else []
        problems += [f"it took {took:.1f} s"] if took > _STOP_SECONDS else []
        self._record.checked("keepsake up stops while a share hangs", problems)
        self._vault.start()
        self._record.notes["start while it hangs, s"] = round(self._vault.wait_ready(), 2)

    def _far_requests(self, far: Owner, *, within: float) -> None:
        backup = f"/api/backups/{far.backup()}"
        session = far._token or ""
        wanted = ("/problems/unreachable", "/problems/locked")
        files = far.phone.file_ids()
        body = {"passphrase": far.phone.passphrase}
        self._expect("unlock there", wanted, within, "POST", f"{backup}/unlock", json=body)
        self._expect(
            "download from there",
            wanted,
            within,
            "GET",
            f"{backup}/files/{files[0]}/content",
            headers={"X-Backup-Session": session},
        )

    def _near_requests(self, near: Owner) -> None:
        backup = f"/api/backups/{near.backup()}"
        for what, path in (
            ("backups", "/api/backups"),
            ("search", "/api/search?q=river"),
            ("files elsewhere", f"{backup}/files?limit=3"),
            ("ready", "/health/ready"),
        ):
            self._expect(what, (), _SOON_SECONDS, "GET", path)

    def _refresh(self, *, within: float) -> None:
        report = self._expect("refresh", (), within, "POST", "/api/backups/refresh")
        told = [place["reason"] for place in (report or {}).get("unreadable_roots", [])]
        if told != ["not-answering"]:
            self._record.violated(f"refresh does not name the share: {told}")

    def _expect(
        self, what: str, problems: tuple[str, ...], within: float, method: str, path: str, **o: Any
    ) -> Any:
        started = time.monotonic()
        answer = self._http.request(method, path, **o)
        took = time.monotonic() - started
        longest = self._record.notes.setdefault("longest answers while it hangs, s", {})
        assert isinstance(longest, dict)
        longest[what] = max(longest.get(what, 0.0), round(took, 2))
        if took > within:
            self._record.violated(f"{what}: {took:.1f} s while the share hangs")
        if not problems:
            if answer.is_success:
                self._record.did(what)
                return answer.json()
            self._record.violated(f"{what}: {answer.status_code} {answer.text[:200]}")
            return None
        problem = answer.json().get("type")
        self._record.saw(f"{what}: {answer.status_code} {problem}")
        if problem not in problems:
            self._record.violated(f"{what}: {answer.status_code} {answer.text[:200]}")
        return None

    def _within(self, what: str, seconds: float, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                self._record.violated(f"{what}: not within {seconds:.0f} s")
                return
            time.sleep(0.2)

    def _revision(self, owner: Owner) -> object:
        return self._http.get(f"/api/backups/{owner.backup()}").json().get("revision")

    def _is_back(self, far: Owner) -> bool:
        found = self._http.get(f"/api/backups/{far.backup()}").json()
        return not found["problems"]

    def _threads(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name in ("discovery", "unlock"):
            [pid] = self._vault.find(name)
            status = Path(f"/proc/{pid}/status").read_text()
            counts[name] = int(status.split("Threads:")[1].split()[0])
        return counts

"""A person who archives all the time: a phone's backup, and a folder of papers that keep changing.

There are two destinations, one of them encrypted. What is taken out of an archive is checked
against what the papers ever were; when all is quiet, whole restores against what lies there, and
the store by the reader that knows nothing of Keepsake.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from services.archiver.format.standalone import restore
from tests.chaos.actors import FINAL_STATES, Person, note_end
from tests.chaos.client import Client, GaveUpError
from tests.chaos.phones import Phone

DESTINATIONS = ("plain", "sealed")
_PAPERS = 24
_SIZES = (0, 900, 60_000, 400_000, 5_000_000)
_PATIENCE_SECONDS = 60.0
#: A job whose run was killed is delivered again within a minute, and waits for its turn.
_PEACE_SECONDS = 300.0


class Keeper(Person):
    """Archives one phone and one folder, looks into archives, and gets things back."""

    def __init__(self, client: Client, phone: Phone, *, seed: str) -> None:
        super().__init__(client, phone, seed=seed)
        self._home = phone.root.parent / "archives"
        self._papers = self._home / "papers" / phone.udid
        self._sources: dict[str, str] = {}
        self._destinations: dict[str, str] = {}
        self._versions = 0

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        self._write(_PAPERS)
        steps: list[tuple[int, Callable[[], None]]] = [
            (5, self.archive),
            (2, self.change),
            (1, self.archive_and_change),
            (1, self.archive_and_cancel),
            (3, self.look),
            (1, self.take_back),
        ]
        self.work(stopping, steps)

    def change(self) -> None:
        """Some papers become others."""
        self._write(self.dice.choice((1, 3)))

    def archive(self) -> None:
        """Have something archived and wait, mostly."""
        job = self._ask()
        if self.dice.random() < 0.8:
            self._wait(job)

    def archive_and_change(self) -> None:
        """Papers change while they are read; each is one or the other."""
        job = self._ask()
        self._write(5)
        self._wait(job)

    def archive_and_cancel(self) -> None:
        """Change one's mind."""
        job = self._ask()
        self._pause(self.dice.uniform(0, 0.5))
        self.client.ask("archive cancelled", "POST", f"/api/jobs/{job}/cancel", give=(409,))

    def look(self) -> None:
        """One paper out of an archive, compared with what it ever was."""
        archive = self._any_archive()
        if archive is None:
            return
        files = self.client.get("files", f"/api/archives/{archive['id']}/files", limit=1000)
        papers = [one for one in files["items"] if one["type"] == "file"]
        if not papers:
            return
        paper = self.dice.choice(papers)
        address = f"/api/archives/{archive['id']}/files/{paper['n']}/content"
        content = self.client.ask("paper", "GET", address).content
        if not _is_paper(paper["path"], content):
            self.client.record.violated(f"archive {archive['id']}: {paper['path']} never was that")
        if archive["torn_count"]:
            self.client.record.violated(f"archive {archive['id']} is torn; papers never are")

    def take_back(self) -> None:
        """A few papers back into a folder."""
        archive = self._any_archive()
        if archive is None:
            return
        files = self.client.get("files", f"/api/archives/{archive['id']}/files", limit=1000)
        paths = [one["path"] for one in files["items"] if one["type"] == "file"]
        wanted = self.dice.sample(paths, min(3, len(paths)))
        with self._folder() as target:
            done = self._restore(archive["id"], target, {"what": "paths", "paths": wanted})
            if done is None or done["state"] != "completed":
                return
            for path in wanted:
                if not _is_paper(path, (target / path).read_bytes()):
                    self.client.record.violated(f"restore {done['id']}: {path} never was that")
            self.client.record.did("restore verified")

    def settle(self) -> list[str]:
        """With no more faults: return how archives of today differ from what lies there."""
        problems: list[str] = []
        for destination in DESTINATIONS:
            for source, folder in (
                ("papers", self._papers),
                ("phone", self.phone.root / self.phone.udid),
            ):
                try:
                    problems += self._compare(source, destination, folder)
                except (GaveUpError, TimeoutError) as error:
                    problems.append(f"{source} in {destination}: {error}")
        return problems

    def _compare(self, source: str, destination: str, folder: Path) -> list[str]:
        deadline = time.monotonic() + _PEACE_SECONDS
        done = None
        while done is None or done["state"] != "completed":
            if time.monotonic() > deadline:
                raise TimeoutError(f"no archive came to its end in peace: {done}")
            done = self._wait(self._ask(source, destination), seconds=_PEACE_SECONDS)
        with self._folder() as target:
            back = None
            while back is None or back["state"] != "completed":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no restore came to its end in peace: {back}")
                wish = {"what": "all", "confirm": "RESTORE"}
                back = self._restore(done["report"]["archive_id"], target, wish)
            there, here = _digests(folder), _digests(target)
        self.client.record.did("whole restore compared")
        return [
            f"{source} in {destination}: {path} differs"
            for path in sorted(there.keys() | here.keys())
            if there.get(path) != here.get(path)
        ]

    def _ask(self, source: str | None = None, destination: str | None = None) -> str:
        body = {
            "source_id": self._source(source or self.dice.choice(("papers", "papers", "phone"))),
            "destination_id": self._destination(destination or self.dice.choice(DESTINATIONS)),
        }
        job: str = self.client.ask("archive", "POST", "/api/archives", json=body).json()["job_id"]
        self.client.record.accepted(job, self.phone.udid)
        return job

    def _wait(self, job: str, *, seconds: float = _PATIENCE_SECONDS) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.client.get("archive's job", f"/api/jobs/{job}")
            if found["state"] in FINAL_STATES:
                if found["error"] is not None:
                    note_end(self.client, found)
                self.client.record.did(f"{found['kind']} {found['state']}")
                return found
            self._pause(0.1)
        return None

    def _restore(self, archive: str, target: Path, wish: dict[str, Any]) -> dict[str, Any] | None:
        body = {**wish, "target": {"type": "folder", "path": str(target)}}
        answer = self.client.ask("restore", "POST", f"/api/archives/{archive}/restore", json=body)
        job = answer.json()["job_id"]
        self.client.record.accepted(job, self.phone.udid)
        return self._wait(job)

    def _any_archive(self) -> dict[str, Any] | None:
        options = {"source": self._source("papers"), "limit": 50}
        items = self.client.get("archives", "/api/archives", **options)["items"]
        return self.dice.choice(items) if items else None

    def _source(self, name: str) -> str:
        if name not in self._sources:
            body: dict[str, Any] = {"name": f"{name} of {self.phone.name}"}
            if name == "phone":
                body |= {"type": "device_backup", "config": {"udid": self.phone.udid}}
            else:
                body |= {"type": "directory", "config": {"path": str(self._papers)}}
            self._sources[name] = self._made("/api/sources", body)
        return self._sources[name]

    def _destination(self, name: str) -> str:
        if name not in self._destinations:
            store_of(self._home, name).mkdir(parents=True, exist_ok=True)
            body = {
                "name": name,
                "type": "local",
                "config": {"path": str(store_of(self._home, name))},
            }
            if name == "sealed":
                body["crypt"] = {"password_ref": f"file:{_password(self._home)}"}
            self._destinations[name] = self._made("/api/destinations", body)
        return self._destinations[name]

    def _made(self, path: str, body: dict[str, Any]) -> str:
        """Create something, unless an attempt that was not answered, or somebody else, did."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            known = {one["name"]: one["id"] for one in self.client.get(path, path)["items"]}
            if body["name"] in known:
                found: str = known[body["name"]]
                return found
            answer: httpx.Response = self.client.ask(path, "POST", path, json=body, give=(409,))
            if answer.status_code == 409 and time.monotonic() > deadline:
                self.client.unexpected(path, answer)
            self._pause(0.2)

    def _write(self, count: int) -> None:
        """Make *count* papers new, each at once: none is ever half one and half another."""
        self._papers.mkdir(parents=True, exist_ok=True)
        for number in self.dice.sample(range(_PAPERS), count):
            self._versions += 1
            name = f"{number:02d}"
            draft = self._home / f"draft {self.phone.udid}"
            draft.write_bytes(paper(name, self._versions))
            place = self._papers / f"shelf {number % 5}" / name
            place.parent.mkdir(exist_ok=True)
            draft.rename(place)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder to restore into, never used twice: an earlier restore may still go on."""
        target = self._home / f"back {uuid4().hex}"
        try:
            yield target
        finally:
            shutil.rmtree(target, ignore_errors=True)


def paper(name: str, version: int) -> bytes:
    """Return what the paper *name* is in its *version*."""
    size = random.Random(name).choice(_SIZES)
    if not size:
        return b""
    # Half of a large one stays as it was, so that only some of its blobs are new.
    head = f"{name} {version}\n".encode()
    return head + random.Random(f"{name} {version}").randbytes(size // 2) + name.encode() * size


def _is_paper(path: str, content: bytes) -> bool:
    name = path.rpartition("/")[2]
    head = content.split(b"\n", 1)[0].decode("utf-8", "replace").split(" ")
    if not content:
        return paper(name, 0) == b""
    return len(head) == 2 and head[1].isdigit() and content == paper(name, int(head[1]))


def store_of(home: Path, destination: str) -> Path:
    """Return the folder of a destination."""
    return home / f"{destination} store"


def _password(home: Path) -> Path:
    path = home / "password"
    with contextlib.suppress(FileExistsError):
        # Whole or not at all: another person reads it at the same time.
        draft = home / f"password {uuid4().hex}"
        draft.touch(mode=0o600)
        draft.write_text(hashlib.sha256(str(home).encode()).hexdigest())
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return path


def check_stores(phones: list[Phone]) -> list[str]:
    """Return what is wrong with the stores: damage, and what an interrupted write left."""
    home = phones[0].root.parent / "archives"
    if not home.exists():
        return []
    problems = [
        f"{path.relative_to(home)} is left"
        for name in DESTINATIONS
        for path in store_of(home, name).rglob("*")
        if path.name.endswith(".partial") or ".partial" in path.suffixes
    ]
    reader = Path(restore.__file__)
    plain = store_of(home, "plain")
    if plain.exists():
        done = subprocess.run(
            [sys.executable, "-I", str(reader), "--store", str(plain), "check"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            problems.append(f"the reader says {done.returncode}: {done.stdout[-300:]}")
    return problems


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }

"""Two phones that back up again and again, each run following from its number alone.

So an undisturbed vault can be shown the same runs later. ``epoch`` is odd while a run is written.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.container import PhoneFile, file_id, mint_backup
from deploy.demo.messages import write_bulk_messages
from deploy.demo.phone import phone_files

_FIRST_RUN = dt.datetime(2025, 1, 1, 20, tzinfo=dt.UTC)
#: What readers may still be served of earlier runs, kept to compare with.
_REMEMBERED_RUNS = 4
_FILM_BYTES = 2_500_000


def taken_at(run: int) -> dt.datetime:
    """Return the moment of a run."""
    return _FIRST_RUN + dt.timedelta(days=run)


def run_at(moment: str) -> int:
    """Return the run that was taken at *moment* (RFC 3339)."""
    return round((dt.datetime.fromisoformat(moment) - _FIRST_RUN) / dt.timedelta(days=1))


def _extra_files(udid: str, run: int) -> list[PhoneFile]:
    film = random.Random(udid).randbytes(_FILM_BYTES)
    diary = random.Random(f"{udid} {run}").randbytes(200_000 + 1000 * (run % 7))
    return [
        PhoneFile("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9000.MOV", film),
        PhoneFile("HomeDomain", "Library/Diary/diary.bin", diary),
    ]


def family_files(run: int) -> list[PhoneFile]:
    """Return the family phone: a story whose chapters come and go, and some small talk."""
    return phone_files(later=run % 2 == 1, messages=150 + 5 * (run % 20))


class BulkFiles:
    """A phone with many messages: a window of one long conversation that moves from run to run."""

    def __init__(self, folder: Path, *, messages: int) -> None:
        self._template = folder / "template.db"
        self._draft = folder / "draft.db"
        self._messages = messages
        write_bulk_messages(self._template, messages)

    def __call__(self, run: int) -> list[PhoneFile]:
        """Return the phone at *run*: grown, with some messages gone, some back, some changed."""
        shutil.copyfile(self._template, self._draft)
        connection = sqlite3.connect(self._draft)
        with connection:
            newest = self._messages * (70 + run % 30) // 100
            connection.execute(
                "delete from message where rowid > ? or rowid % 50 = ?", (newest, run % 50)
            )
            connection.execute(
                "update message set text = 'changed in run ' || ?, attributedBody = null"
                " where rowid % 200 = ?",
                (run, run % 200),
            )
            for table in ("chat_message_join", "message_attachment_join"):
                connection.execute(
                    f"delete from {table} where message_id not in (select rowid from message)"
                )
        connection.close()
        content = self._draft.read_bytes()
        return [PhoneFile("HomeDomain", "Library/SMS/sms.db", content)]


@dataclass
class Phone:
    """One phone below *root*. ``next_run`` writes its next backup over the one before."""

    name: str
    udid: str
    passphrase: str | None
    files_of: Callable[[int], list[PhoneFile]]
    root: Path
    epoch: int = 0
    run: int = -1
    _contents: dict[int, dict[str, bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next_run(self) -> None:
        """Write the next run, as a phone does: Status.plist says "uploading" until the end."""
        self.write_run(self.run + 1)

    def prepared(self) -> list[PhoneFile]:
        """Return what the next run will be made of, for ``write_run`` to begin at once."""
        return self._files(self.run + 1)

    def write_run(self, run: int, files: list[PhoneFile] | None = None) -> None:
        """Write the run of that number."""
        files = self._files(run) if files is None else files
        with self._lock:
            self._contents[run] = {
                file_id(file.domain, file.relative_path): file.content for file in files
            }
            self._contents.pop(run - _REMEMBERED_RUNS, None)
            self.epoch += 1
        mint_backup(
            self.root,
            files=files,
            udid=self.udid,
            passphrase=self.passphrase,
            device_name=self.name,
            taken_at=taken_at(run),
        )
        with self._lock:
            self.run = run
            self.epoch += 1

    def _files(self, run: int) -> list[PhoneFile]:
        return self.files_of(run) + _extra_files(self.udid, run)

    def file_ids(self) -> list[str]:
        """Return the files of the newest run, in a fixed order."""
        with self._lock:
            return sorted(self._contents[max(self._contents)])

    def contents(self, identity: str) -> list[bytes]:
        """Return what the file is and lately was."""
        with self._lock:
            found = {files[identity] for files in self._contents.values() if identity in files}
        return list(found)


def make_phones(root: Path, folder: Path, *, messages: int) -> list[Phone]:
    """Return the two phones; nothing is written below *root* yet. *folder* is for drafts."""
    folder.mkdir(exist_ok=True)
    return [
        Phone("Family phone", "00008110-0000C4A05000000A", "correct horse", family_files, root),
        Phone(
            "Bulk phone",
            "00008110-0000C4A05000000B",
            None,
            BulkFiles(folder, messages=messages),
            root,
        ),
    ]

"""Lists of calls, voicemails with their transcripts, and recordings with what lies beside them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deploy.demo import voice_memos, voicemails
from deploy.demo.calls import demo_calls
from deploy.demo.calls_database import CallsDatabase, OldCallsDatabase
from deploy.demo.container import PhoneFile
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.kinds.call import DOMAIN, OLD_DOMAIN, OLD_STORE, STORE, TEMPORARY_STORE
from tests.hostile import seeds
from tests.hostile.mutations import mutate, property_list_spots
from tests.hostile.rows import hurt_database
from tests.hostile.workers import Stores

_AT = dt.datetime(2021, 1, 31, 14, 5, tzinfo=dt.UTC)
_MAIN, _TEMPORARY, _OLD = (
    f"{DOMAIN}/{STORE}",
    f"{DOMAIN}/{TEMPORARY_STORE}",
    f"{OLD_DOMAIN}/{OLD_STORE}",
)
_CALL_TABLES = (
    "ZCALLRECORD", "ZCALLRECORD", "ZCALLRECORD", "ZHANDLE", "Z_2REMOTEPARTICIPANTHANDLES",
    "Z_PRIMARYKEY",
)  # fmt: skip
_VOICEMAIL_TABLES = ("voicemail", "voicemail", "deleted", "map")
_MEMO_TABLES = ("ZCLOUDRECORDING", "ZCLOUDRECORDING", "ZRECORDING", "ZFOLDER")
_PATHS = (
    "/../../../etc/passwd.amr", "/.amr", "/" + "x" * 5000 + ".m4a", "/a\0b.m4a",
    "/Greeting.caf", "/.composition/.m4a", "/a.composition/b.composition/c.m4a", "//.m4a",
)  # fmt: skip


class Calls(Stores):
    """The lists of calls of iOS 10 to 26, the one beside them, and that of iOS 7."""

    name = "calls (worker)"
    kind = "call"

    def open(self, folder: Path) -> None:
        forms = [demo_calls(later=form == "18", form=form) for form in ("10", "18", "26")]
        many = CallsDatabase(form="18")
        for number in range(400):
            many.call(f"+1555014{number % 40:04d}", at=_AT + number * dt.timedelta(minutes=1))
        old = OldCallsDatabase()
        for number in range(60):
            old.call(f"+1555014{number:04d}", at=_AT, seconds=number, flags=number % 32)
        self._old = old.to_bytes()
        samples = seeds.samples_folder()
        found = [] if samples is None else sorted(samples.rglob("*CallHistory.storedata"))
        self._seeds = [
            *(form.to_bytes() for form in (*forms, many)),
            *(path.read_bytes() for path in found),
        ]

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        main = hurt_database(chance.choice(self._seeds), chance, self._seeds, *_CALL_TABLES)
        draw = chance.random()
        if draw < 0.15:
            return {_OLD: hurt_database(self._old, chance, self._seeds, "call")}
        stores = {_MAIN: main}
        if draw > 0.6:
            other = chance.choice(self._seeds)
            stores[_TEMPORARY] = hurt_database(other, chance, self._seeds, *_CALL_TABLES)
        if draw > 0.8:
            stores[_OLD] = hurt_database(self._old, chance, self._seeds, "call")
        return stores


class _WithFiles(Stores):
    """Stores with files that are fetched as well, and the list of those that are not."""

    tables: Sequence[str]
    _folder: str

    def take(self, files: Sequence[PhoneFile]) -> None:
        self._files = files
        self._stores = {
            f"{file.domain}/{file.relative_path}": file.content
            for file in files
            if file.relative_path.endswith((".db", ".transcript", ".plist"))
        }
        self._lines = b""

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = dict(self._stores)
        databases = [content for name, content in stores.items() if name.endswith(".db")]
        for name, content in self._stores.items():
            if name.endswith(".db"):
                if chance.random() < 0.8:
                    stores[name] = hurt_database(content, chance, databases, *self.tables)
            elif chance.random() < 0.5:
                stores[name] = mutate(content, chance, spots=property_list_spots)
            if chance.random() < 0.05:
                del stores[name]
        self._lines = self._listed(chance)
        return stores or dict(self._stores)

    def _listed(self, chance: random.Random) -> bytes:
        lines = []
        for file in self._files:
            path = file.relative_path
            if chance.random() < 0.1:
                path = self._folder + chance.choice(_PATHS)
            lines.append(
                msgspec.json.encode(
                    {
                        "domain": file.domain,
                        "relative_path": path,
                        "file_id": file_id_of(file.domain, path),
                        "size_bytes": chance.choice((0, 1, 4096, -1, 2**63, None)),
                        "present": chance.choice((True, True, False, None)),
                        "modified_at": chance.choice(
                            (None, _AT.isoformat(), "0001-01-01T00:00:00Z", "2024-01-01T00:00:00")
                        ),
                    }
                )
            )
        body = b"\n".join(lines)
        return mutate(body, chance) if chance.random() < 0.1 else body

    def listing(self, store: Path) -> str | None:
        path = store / "listing.jsonl"
        path.write_bytes(self._lines)
        return str(path)


class Voicemails(_WithFiles):
    """The list of voicemails, with transcripts."""

    name = "voicemails (worker)"
    kind = "voicemail"
    tables = _VOICEMAIL_TABLES
    _folder = voicemails.FOLDER

    def open(self, folder: Path) -> None:
        self.take(voicemails.demo_files(later=False))


class VoiceMemos(_WithFiles):
    """Both lists of recordings, with what lies beside an edited one."""

    name = "voice memos (worker)"
    kind = "voice_memo"
    tables = _MEMO_TABLES
    _folder = voice_memos.FOLDER

    def open(self, folder: Path) -> None:
        self.take(voice_memos.demo_files(later=False))

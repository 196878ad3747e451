"""Voice memos of the demo phone, and the databases that list them."""

from __future__ import annotations

import datetime as dt
import plistlib
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

from deploy.demo.calls_database import cocoa
from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedTables
from deploy.demo.recordings import m4a_like

Form = Literal["9", "14", "26"]
DOMAIN = "AppDomainGroup-group.com.apple.VoiceMemos.shared"
FOLDER = "Recordings"
OLD_DOMAIN, OLD_FOLDER = "MediaDomain", "Media/Recordings"
#: What the phone marks: playable, renamed, with a transcript; favourite, enhanced.
PLAYABLE, RENAMED, TRANSCRIBED, NEEDS_DOWNLOAD = 4, 8, 1024, 2
FAVOURITE, ENHANCED = 1, 2
_COMMON = "Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER"
_OLD = (
    "ZITUNESPERSISTENTID INTEGER, ZLABELPRESET INTEGER, ZPENDINGRESTORE INTEGER, "
    "ZRECORDINGID INTEGER, ZSYNCED INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, "
    "ZCUSTOMLABEL VARCHAR, ZPATH VARCHAR, ZUNIQUEID VARCHAR"
)
_IOS_14 = (
    "ZFLAGS INTEGER, ZSHAREDFLAGS INTEGER, ZFOLDER INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, "
    "ZEVICTIONDATE TIMESTAMP, ZLOCALDURATION FLOAT, ZCUSTOMLABEL VARCHAR, "
    "ZCUSTOMLABELFORSORTING VARCHAR, ZENCRYPTEDTITLE VARCHAR, ZPATH VARCHAR, ZUNIQUEID VARCHAR, "
    "ZAUDIODIGEST BLOB, ZAUDIOFUTURE BLOB"
)
_IOS_26 = (
    f"{_IOS_14}, ZAUDIOFUTUREFLAGS INTEGER, ZSILENCEREMOVERENABLED INTEGER, "
    "ZSKIPSILENCEENABLED INTEGER, ZSTUDIOMIXENABLED INTEGER, ZMTLAYERMIX FLOAT, "
    "ZPLAYBACKPOSITION FLOAT, ZPLAYBACKRATE FLOAT, ZPLAYBACKSPEED FLOAT, ZSTUDIOMIXLEVEL FLOAT, "
    "ZAUDIOFUTUREUUIDS BLOB, ZMTAUDIOFUTURE BLOB, ZVERSIONEDAUDIOFUTURE BLOB"
)


@dataclass
class RecordingsDatabase(MintedTables):
    """A list of recordings in the making; ``9`` is Recordings.db."""

    form: Form = "26"
    seed: int = 1

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.begin(seed=self.seed)
        db = self.connection
        self.table = "ZRECORDING" if self.form == "9" else "ZCLOUDRECORDING"
        columns = {"9": _OLD, "14": _IOS_14, "26": _IOS_26}[self.form]
        db.execute(f"create table {self.table} ({_COMMON}, {columns})")
        if self.form != "9":
            db.execute(
                f"create table ZFOLDER ({_COMMON}, ZCOUNTOFRECORDINGS INTEGER, ZRANK INTEGER, "
                "ZENCRYPTEDNAME VARCHAR, ZUUID VARCHAR)"
            )

    def folder(self, name: str, *, key: str | None = None) -> int:
        """Add a folder; return its number."""
        return self.insert("ZFOLDER", ZENCRYPTEDNAME=name, ZUUID=key or self.uuid(), ZRANK=0)

    def recording(
        self,
        title: str | None,
        *,
        at: dt.datetime | None,
        name: str | None,
        seconds: float = 30.0,
        **columns: Any,
    ) -> int:
        """Add a recording with its file's *name*; *columns* are the table's own."""
        own: dict[str, Any] = {
            "ZUNIQUEID": columns.get("ZUNIQUEID") or self.uuid(),
            "ZDATE": None if at is None else cocoa(at), "ZDURATION": seconds, "ZPATH": name,
            "ZCUSTOMLABEL": title if at is None or self.form == "9" else at.isoformat(),
        }  # fmt: skip
        if self.form != "9":
            own |= {
                "ZENCRYPTEDTITLE": title, "ZCUSTOMLABELFORSORTING": title, "ZFLAGS": PLAYABLE,
                "ZSHAREDFLAGS": 0, "ZLOCALDURATION": seconds,
            }  # fmt: skip
        return self.insert(self.table, **(own | columns))


def manifest(title: str, *, at: dt.datetime, key: str, name: str) -> bytes:
    """Return what the app writes beside an edited recording."""
    return plistlib.dumps(
        {
            "RCComposedAVURL": f"file:///var/mobile/Recordings/{name}", "RCDecomposedFragments": [],
            "RCSavedRecordingCreationTime": cocoa(at), "RCSavedRecordingTitle": title,
            "RCSavedRecordingUUID": key,
        },
        fmt=plistlib.FMT_BINARY,
    )  # fmt: skip


LAKE_FOLDER, RAIN = "5A5A5A5A-0000-4000-8000-00000000F001", "5A5A5A5A-0000-4000-8000-00000000A001"
UNLISTED, TRASHED = (f"5A5A5A5A-0000-4000-8000-00000000A00{n}" for n in (2, 3))
_DAY = dt.timedelta(days=1)


@dataclass
class DemoRecordings:
    """The list of recordings with the files that belong to it, and the list of an older iOS."""

    database: RecordingsDatabase
    old: RecordingsDatabase | None = None
    files: list[PhoneFile] = field(default_factory=list)

    def all_files(self) -> list[PhoneFile]:
        """Return the lists and the recordings."""
        lists = [PhoneFile(DOMAIN, f"{FOLDER}/CloudRecordings.db", self.database.to_bytes())]
        if self.old is not None:
            path = f"{OLD_FOLDER}/Recordings.db"
            lists.append(PhoneFile(OLD_DOMAIN, path, self.old.to_bytes()))
        return lists + self.files


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the lists with all recordings; *later* as they are four weeks on."""
    return demo_recordings(later=later).all_files()


def demo_recordings(*, later: bool) -> DemoRecordings:
    """Record what the family says; *later* as the lists are four weeks on."""
    db, old = RecordingsDatabase(seed=41), RecordingsDatabase(form="9", seed=42)
    files: list[PhoneFile] = []
    at = dt.datetime(2024, 7, 27, 6, 30, tzinfo=dt.UTC)

    def put(path: str, when: dt.datetime, *, domain: str = DOMAIN) -> None:
        files.append(PhoneFile(domain, path, m4a_like(crc32(path.encode())), modified_at=when))

    def record(title: str | None, when: dt.datetime, name: str, **more: Any) -> None:
        db.recording(title, at=when, name=name, **more)
        if not more.get("ZFLAGS", PLAYABLE) & NEEDS_DOWNLOAD:
            put(f"{FOLDER}/{name}", when)

    lake = db.folder("Lake", key=LAKE_FOLDER)
    db.folder("Nothing yet", key="5A5A5A5A-0000-4000-8000-00000000F002")
    record("Rain on the boat house", at, "20240727 083000-A1B2C3D4.m4a", seconds=128.5,
           ZFOLDER=lake, ZUNIQUEID=RAIN, ZSHAREDFLAGS=FAVOURITE,
           ZFLAGS=PLAYABLE | RENAMED | TRANSCRIBED)  # fmt: skip
    record("Jonas sings" if later else "New Recording 2", at + _DAY,
           "20240728 090000-0F0F0F0F.qta", seconds=62.25, ZFOLDER=lake,
           ZFLAGS=PLAYABLE | RENAMED if later else PLAYABLE)  # fmt: skip
    # Edited: what was cut away is still there.
    name = "20240729 101500-BEEF0001.m4a"
    record("Grandmother's recipe", at + 2 * _DAY, name, seconds=301.0, ZSHAREDFLAGS=ENHANCED)
    for part in ("1", "2"):
        path = f"{FOLDER}/{name.removesuffix('.m4a')}.composition/fragments/{part}.m4a"
        put(path, at + 2 * _DAY)
    record("Größe der Wanderschuhe", at - 90 * _DAY, "20240428 083000.m4a", seconds=9.0,
           ZFLAGS=PLAYABLE | NEEDS_DOWNLOAD)  # fmt: skip
    if not later:
        record("Test test", at - 4 * _DAY, "20240723 083000-DEAD0001.m4a", seconds=2.0,
               ZUNIQUEID=TRASHED, ZEVICTIONDATE=cocoa(at - 3 * _DAY))  # fmt: skip
    # Moved from the list of an older iOS, which stayed behind with one more.
    lecture, bird = (dt.datetime(2016, 5, day, 10, 0, tzinfo=dt.UTC) for day in (1, 11))
    moved = "/var/mobile/Media/Recordings/20160501 120000.m4a"
    key = old.uuid()
    old.recording("Lecture", at=lecture, name=moved, seconds=2700.0, ZUNIQUEID=key)
    record("Lecture", lecture, "20160501 120000.m4a", seconds=2700.0, ZUNIQUEID=key)
    old.recording("Bird", at=bird, name=moved.replace("01 12", "11 12"), seconds=8.0)
    put(f"{OLD_FOLDER}/20160511 120000.m4a", bird, domain=OLD_DOMAIN)
    # Which no list knows.
    stray, night = "20230303 030303", dt.datetime(2023, 3, 3, 2, 3, 3, tzinfo=dt.UTC)
    put(f"{FOLDER}/{stray}.m4a", night)
    files.append(
        PhoneFile(
            DOMAIN,
            f"{FOLDER}/{stray}.composition/manifest.plist",
            manifest("Night train", at=night, key=UNLISTED, name=f"{stray}.m4a"),
        )
    )
    if later:
        record("New Recording 3", at + 24 * _DAY, "20240820 083000-CAFE0001.m4a", seconds=15.0)
    return DemoRecordings(db, old, files)

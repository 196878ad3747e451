"""Voicemails of the demo phone, and the database that lists them."""

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.demo.calls_database import cocoa, unix
from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedTables
from deploy.demo.recordings import amr

DOMAIN = "HomeDomain"
FOLDER = "Library/Voicemail"
#: What the phone marks: heard, downloaded, trashed, gone at the carrier, blocked, transcribed.
HEARD, DOWNLOADED, TRASHED, DETACHED, BLOCKED, TRANSCRIBED = 1, 2, 8, 64, 128, 256
LINE = "5C0FFEE0-0000-4000-8000-000000000001"
ICCID = "8901410000000000017"
_MIRA, _ZOE, _PIZZA = "+15550142000", "+436601112223", "+15550147777"
_SHARED = (
    "ROWID INTEGER PRIMARY KEY AUTOINCREMENT, remote_uid INTEGER, date INTEGER, token TEXT, "
    "sender TEXT, callback_num TEXT, duration INTEGER, expiration INTEGER, trashed_date INTEGER, "
    "flags INTEGER"
)


@dataclass
class VoicemailDatabase(MintedTables):
    """voicemail.db in the making; an old one knows nothing of lines."""

    is_old: bool = False

    def __post_init__(self) -> None:
        """Make the empty tables."""
        columns = _SHARED if self.is_old else f"{_SHARED}, receiver TEXT, label TEXT"
        self.begin()
        db = self.connection
        db.execute("create table _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key))")
        db.execute(f"create table voicemail ({columns})")
        db.execute(f"create table deleted ({columns})")
        db.execute("create index date_index on voicemail(date)")
        if not self.is_old:
            db.execute(
                "create table map (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, "
                "label TEXT)"
            )

    def voicemail(
        self,
        sender: str | None,
        *,
        at: dt.datetime,
        seconds: int = 20,
        flags: int = HEARD | DOWNLOADED,
        trashed_at: dt.datetime | None = None,
        table: str = "voicemail",
        **columns: Any,
    ) -> int:
        """Add a voicemail; return the number that its files are named after."""
        own: dict[str, Any] = {
            "remote_uid": unix(at) % 1000, "date": unix(at), "token": "Complete", "sender": sender,
            "callback_num": sender, "duration": seconds, "expiration": unix(at) + 30 * 86400,
            "trashed_date": 0 if trashed_at is None else int(cocoa(trashed_at)), "flags": flags,
        }  # fmt: skip
        if not self.is_old:
            own |= {"receiver": _MIRA, "label": LINE}
        return self.insert(table, **(own | columns))


def transcript(words: Sequence[str], *, confidence: float = 0.75) -> bytes:
    """Return the phone's archive of what was understood."""
    text = " ".join(words)
    objects: list[Any] = ["$null"]

    def add(value: Any) -> plistlib.UID:
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    root = add(None)
    classes = {
        name: add({"$classname": name, "$classes": [name, "NSObject"]})
        for name in ("VMVoicemailTranscript", "VMVoicemailTranscriptSegment", "NSValue")
    }
    array = add({"$classname": "NSArray", "$classes": ["NSArray", "NSObject"]})
    segments, at = [], 0
    for number, word in enumerate(words):
        place = add(
            {"NS.special": 4, "NS.rangeval.location": at, "NS.rangeval.length": len(word),
             "$class": classes["NSValue"]}
        )  # fmt: skip
        segments.append(
            add(
                {
                    "substring": add(word), "substringRange": place, "timestamp": number * 0.4,
                    "duration": 0.35, "confidence": confidence, "confidenceRating": 3,
                    "$class": classes["VMVoicemailTranscriptSegment"],
                }
            )
        )  # fmt: skip
        at += len(word) + 1
    objects[root.data] = {
        "transcriptionString": add(text), "confidence": confidence, "confidenceRating": 3,
        "segments": add({"NS.objects": segments, "$class": array}),
        "$class": classes["VMVoicemailTranscript"],
    }  # fmt: skip
    return plistlib.dumps(
        {"$archiver": "NSKeyedArchiver", "$version": 100_000, "$objects": objects,
         "$top": {"root": root}},
        fmt=plistlib.FMT_BINARY,
    )  # fmt: skip


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the list with recordings and transcripts; *later* as it is four weeks on."""
    db = VoicemailDatabase()
    files: list[PhoneFile] = []
    db.insert("map", account=ICCID, label=LINE)

    def leave(
        sender: str | None,
        at: dt.datetime,
        words: str | None,
        *,
        flags: int = HEARD | DOWNLOADED,
        **more: Any,
    ) -> None:
        flags |= 0 if words is None else TRANSCRIBED
        number = db.voicemail(sender, at=at, flags=flags, **more)
        if flags & DOWNLOADED:
            sound = amr(0.4)
            files.append(PhoneFile(DOMAIN, f"{FOLDER}/{number}.amr", sound, modified_at=at))
        if words is not None:
            read = transcript(words.split())
            path = f"{FOLDER}/{number}.transcript"
            files.append(PhoneFile(DOMAIN, path, read, modified_at=at))

    july = dt.datetime(2024, 7, 1, 9, 0, tzinfo=dt.UTC)
    day = dt.timedelta(days=1)
    leave(_ZOE, july, "Hello this is the animal clinic Pixel is awake and asks for you",
          seconds=34)  # fmt: skip
    leave(_PIZZA, july + 5 * day, "Your pizza is ready", trashed_at=july + 6 * day,
          flags=HEARD | DOWNLOADED | TRASHED)  # fmt: skip
    leave(None, july + 9 * day, None, seconds=3)
    leave("+15550149999", july + 12 * day, None, flags=DOWNLOADED | BLOCKED, seconds=41)
    leave(_ZOE, july + 30 * day, "The vaccination on Thursday is moved to eleven",
          flags=DOWNLOADED if not later else HEARD | DOWNLOADED, seconds=22)  # fmt: skip
    leave(_ZOE, july + 31 * day, None, flags=0, seconds=18)
    db.voicemail("+15550143333", at=july - 40 * day, table="deleted", flags=HEARD | TRASHED)
    if later:
        # Out of the trash and gone; the number of its files is not used again.
        db.connection.execute("delete from voicemail where sender = ?", (_PIZZA,))
        files[:] = [file for file in files if not file.relative_path.startswith(f"{FOLDER}/2.")]
        leave(_PIZZA, july + 52 * day, "Somebody left a blue umbrella here", flags=DOWNLOADED)
    greeting = PhoneFile(DOMAIN, f"{FOLDER}/Greeting.amr", amr(0.6), modified_at=july - 400 * day)
    return [PhoneFile(DOMAIN, f"{FOLDER}/voicemail.db", db.to_bytes()), greeting, *files]

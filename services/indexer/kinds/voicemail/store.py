"""voicemail.db: the list, and what is to be removed at the carrier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import merge
from operator import itemgetter

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_utc, unix_microseconds, unix_utc, utc
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of, walk
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import float_of, int_of, text_of
from services.indexer.kinds.voicemail.payload import Transcript, VoicemailPayload

_LISTED, _REMOVED, _LINES = "voicemail", "deleted", "map"
_COLUMNS = (
    "remote_uid", "date", "sender", "callback_num", "duration", "expiration", "trashed_date",
    "flags", "receiver", "label",
)  # fmt: skip
#: Bits of ``flags``, as the phone reads them.
HEARD, DOWNLOADED, DELETED, TRASHED, TEMPORARY, DETACHED, BLOCKED = 1, 2, 4, 8, 16, 64, 128
_LONGEST = 320


class VoicemailStore:
    """The rows of both tables."""

    def __init__(self, database: Database, tally: Tally) -> None:
        """Read the lines; raises UnsupportedStoreError for what is no list of voicemails."""
        if not database.columns(_LISTED) & {"date", "sender"}:
            raise UnsupportedStoreError("The database has no table of voicemails.")
        self._database = database
        self._tally = tally
        #: Numbers of SIM cards by the ids of lines.
        self.lines = {
            row["label"]: row["account"]
            for row in walk(database, _LINES, ("label", "account"), tally)
            if row["label"] is not None
        }

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows of both tables in the order of time, with their keys.

        Nothing but when it came and from whom never changes; the carrier renumbers what is moved
        to the trash. What is still listed is not counted again as removed.
        """
        taken: dict[str, int] = {}
        listed: set[str] = set()
        rows = merge(self._rows(_LISTED), self._rows(_REMOVED), key=itemgetter("order"))
        for row in rows:
            key = key_of("voicemail", row["date"], row["sender"] or row["callback_num"])
            if row["is_listed"]:
                listed.add(key)
            elif key in listed:
                continue
            count = taken[key] = taken.get(key, 0) + 1
            row["key"] = key if count == 1 else f"{key}#{count}"
            yield row

    def _rows(self, table: str) -> Iterator[Record]:
        for row in rows_in_order(self._database, table, _COLUMNS, self._tally, by="date"):
            row["is_listed"] = table == _LISTED
            row["at_us"] = unix_microseconds(row["date"])
            row["order"] = (row["at_us"] or 0, table == _REMOVED)
            yield row

    def payload(
        self,
        row: Record,
        normalise: Callable[[str], str],
        transcript: Transcript | None,
    ) -> VoicemailPayload:
        """Return what a row says."""
        flags = int_of(row["flags"])
        bits = flags or 0
        seconds = float_of(row["duration"])
        trashed_at = cocoa_utc(row["trashed_date"])
        raw = {"flags": flags, "remote_uid": int_of(row["remote_uid"])}
        people = {
            name: normalise(said)
            for name, column in (
                ("sender", "sender"), ("callback", "callback_num"), ("receiver", "receiver"),
            )
            if (said := word(row[column])) is not None
        }  # fmt: skip
        if people.get("callback") == people.get("sender"):
            people.pop("callback", None)
        return VoicemailPayload(
            type="voicemail",
            received_at=utc(row["at_us"]),
            duration_seconds=seconds if seconds is not None and seconds >= 0 else None,
            transcript=transcript,
            is_heard=bool(bits & HEARD),
            is_trashed=bool(bits & TRASHED) or trashed_at is not None,
            trashed_at=trashed_at,
            is_deleted=bool(bits & DELETED) or not row["is_listed"],
            is_blocked=bool(bits & BLOCKED),
            is_temporary=bool(bits & TEMPORARY),
            is_detached=bool(bits & DETACHED),
            expires_at=unix_utc(row["expiration"]) if row["expiration"] else None,
            line_key=word(row["label"]),
            sim_iccid=word(self.lines.get(row["label"])),
            raw={name: number for name, number in raw.items() if number is not None},
            **people,
        )


def word(value: object) -> str | None:
    """Return what a cell says in short."""
    said = text_of(value)
    return None if said is None else said[:_LONGEST].rstrip()

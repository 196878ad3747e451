"""call_history.db: the calls of iOS 7 and before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from services.indexer.kinds.call.assembly import Found, assemble
from services.indexer.kinds.call.payload import Service
from services.indexer.kinds.call.people import Counterparts, People, everybody, word
from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import unix_microseconds
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, float_of, int_of
from services.indexer.staging import StagedArtifact

_TABLE = "call"
_COLUMNS = (
    "address", "date", "duration", "flags", "name", "country_code", "network_code", "read",
    "face_time_data", "originalAddress",
)  # fmt: skip
_OUTGOING, _PHONE, _FACETIME = 1, 4, 16


class OldStore:
    """The one store of calls of that time."""

    def __init__(
        self, database: Database, people: People, threads: Counterparts, tally: Tally
    ) -> None:
        """Take a database; raises UnsupportedStoreError for what is no store of calls."""
        if not database.columns(_TABLE) & {"date", "address"}:
            raise UnsupportedStoreError("The database has no table of calls.")
        self._database = database
        self._people = people
        self._threads = threads
        self._tally = tally

    def count(self) -> int:
        """Return about how many calls there are."""
        try:
            return int(self._database.quick_rows(f"select count(*) from {_TABLE}")[0][0])  # noqa: S608 -- our name
        except sqlite3.Error:
            return 0

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows of all calls in the order of time."""
        for row in rows_in_order(self._database, _TABLE, _COLUMNS, self._tally, by="date"):
            row["at_us"] = unix_microseconds(row["date"])
            yield row

    def moment(self, row: Record) -> tuple[int, str | None] | None:
        """Return the second and the handle of a call."""
        if row["at_us"] is None:
            return None
        address = word(row["address"])
        handle = None if address is None else self._people.handle(address)
        return row["at_us"] // 1_000_000, handle

    def artifact(self, row: Record) -> StagedArtifact:
        """Return the artifact of a call."""
        flags = int_of(row["flags"])
        service: Service | None = None
        if flags is not None:
            service = "facetime" if flags & _FACETIME else "phone" if flags & _PHONE else None
        people = everybody([self._people.participant(row["address"])])
        return assemble(
            Found(
                key=key_of("call_history", row["date"], row["address"], flags, row["duration"]),
                at_us=row["at_us"],
                people=people,
                direction=None
                if flags is None
                else "outgoing"
                if flags & _OUTGOING
                else "incoming",
                is_answered=False,
                seconds=float_of(row["duration"]),
                cause=None,
                service=service,
                is_video=False if service == "phone" else None,
            ),
            self._threads,
            name=word(row["name"]),
            is_read=None if row["read"] is None else flag_of(row["read"]),
            transferred_bytes=int_of(row["face_time_data"]) or None,
            mobile_country_code=word(row["country_code"]),
            mobile_network_code=word(row["network_code"]),
            raw={} if flags is None else {"flags": flags},
        )

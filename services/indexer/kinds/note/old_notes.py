"""notes.sqlite, where notes lay before iOS 9 and where those of mail servers stayed for longer."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.note.assembly import LONGEST_TITLE, has_any_link, write
from services.indexer.kinds.note.lines import Room
from services.indexer.kinds.note.old_html import read_html
from services.indexer.kinds.note.payload import NotePayload
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, by_number, key_of
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedArtifact, StagedThread

_COLUMNS = (
    "Z_PK", "ZGUID", "ZTITLE", "ZSUMMARY", "ZAUTHOR", "ZCREATIONDATE", "ZMODIFICATIONDATE",
    "ZSTORE", "ZBODY", "ZDELETEDFLAG", "ZISBOOKKEEPINGENTRY",
)  # fmt: skip


def parse_old_notes(path: Path, sink: Sink, records: Records) -> None:
    """Give every note of the old store to *sink*; raises UnsupportedStoreError."""
    with Database(path) as database:
        if not {"Z_PK", "ZTITLE"} <= database.columns("ZNOTE"):
            raise UnsupportedStoreError("The database has no table of notes.")
        database.ensure_index("ZNOTEBODY", "Z_PK")
        database.ensure_index("ZNOTEBODY", "ZOWNER")
        _OldReader(database, sink, records).run()


class _OldReader:
    def __init__(self, database: Database, sink: Sink, records: Records) -> None:
        self._database = database
        self._sink = sink
        self._records = records
        tally = sink.tally
        self._accounts = by_number(database, "ZACCOUNT", ("ZNAME",), tally)
        self._stores = by_number(database, "ZSTORE", ("ZNAME", "ZACCOUNT"), tally)
        there = database.columns("ZNOTEBODY")
        self._by = "ZOWNER" if "ZOWNER" in there else "Z_PK"
        self._has_bodies = "ZCONTENT" in there

    def run(self) -> None:
        for number in self._stores:
            account, name = self._place(number)
            self._sink.thread(
                StagedThread(
                    key=_thread(account, name),
                    title=name or account,
                    is_group=False,
                    participants=[],
                    services=[account] if account else [],
                    raw_keys=[_thread(account, name)],
                )
            )
        rows = rows_in_order(
            self._database, "ZNOTE", _COLUMNS, self._sink.tally, by="ZMODIFICATIONDATE"
            if "ZMODIFICATIONDATE" in self._database.columns("ZNOTE") else "Z_PK",
        )  # fmt: skip
        for row in rows:
            self._records.keep(lambda row=row: self._note(row))  # type: ignore[misc]

    def _place(self, number: object) -> tuple[str | None, str | None]:
        """Return the names of the account and the folder that a store is."""
        store = self._stores.get(number) if isinstance(number, int) else None
        if store is None:
            return None, None
        of = store["ZACCOUNT"]
        account = self._accounts.get(of) if isinstance(of, int) else None
        return (None if account is None else text_of(account["ZNAME"])), text_of(store["ZNAME"])

    def _note(self, row: Record) -> StagedArtifact | None:
        # The phone writes down here what it still has to tell a server.
        if flag_of(row["ZISBOOKKEEPINGENTRY"]):
            return None
        account, folder = self._place(row["ZSTORE"])
        created = cocoa_microseconds(row["ZCREATIONDATE"])
        modified = cocoa_microseconds(row["ZMODIFICATIONDATE"])
        identity = text_of(row["ZGUID"])
        if identity is None and created is None:
            self._sink.tally.note("A record has no identity of its own.")
            return None
        html, room = self._body(row), Room()
        lines = read_html(html or "", room)
        written = write(lines, {}, body=None, was_cut=room.was_cut)
        if html is None and row["ZBODY"] is not None:
            written = msgspec.structs.replace(written, content="unreadable")
            self._sink.tally.undecodable += 1
            self._sink.tally.note("The text of a note could not be read.")
        title = text_of(row["ZTITLE"]) or written.first_line
        return StagedArtifact(
            key=f"old:{identity or key_of(account, folder, created)}",
            thread_key=None if not row["ZSTORE"] else _thread(account, folder),
            occurred_at_us=created if modified is None else modified,
            title=None if title is None else title[:LONGEST_TITLE],
            text=written.text,
            payload=NotePayload(
                content=written.content,
                html=written.html,
                markdown=written.markdown,
                snippet=written.snippet,
                is_cut=written.is_cut,
                account=account,
                folder=folder,
                created_at=cocoa_utc(row["ZCREATIONDATE"]),
                modified_at=cocoa_utc(row["ZMODIFICATIONDATE"]),
                deletion="marked" if flag_of(row["ZDELETEDFLAG"]) else None,
                links=written.links,
            ),
            has_link=has_any_link(written),
        )

    def _body(self, row: Record) -> str | None:
        number = row["Z_PK"] if self._by == "ZOWNER" else row["ZBODY"]
        if not self._has_bodies or not isinstance(number, int):
            return None
        try:
            for (content,) in self._database.rows(
                f"select ZCONTENT from ZNOTEBODY where {self._by} = ?",  # noqa: S608 -- names are ours
                (number,),
            ):
                if isinstance(content, bytes):
                    return content.decode("utf-8", "replace")
                return text_of(content) or ""
        except sqlite3.Error:
            return None
        return None


def _thread(account: str | None, folder: str | None) -> str:
    return f"old:{account or ''}/{folder or ''}"

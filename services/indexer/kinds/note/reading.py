"""Reading notes: every row of NoteStore.sqlite in the order of time, then the notes of old."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from services.indexer.kinds.backup_files import BackupFiles
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.note import DOMAIN, OLD_DOMAIN, OLD_STORE, STORE
from services.indexer.kinds.note.assembly import (
    LONGEST_TITLE,
    Written,
    has_any_link,
    lock_of,
    write,
)
from services.indexer.kinds.note.body import Body, BodyError, read_body
from services.indexer.kinds.note.files import NoteFiles
from services.indexer.kinds.note.folders import MYSELF, Account, Folder, Folders
from services.indexer.kinds.note.lines import lines_of
from services.indexer.kinds.note.old_notes import parse_old_notes
from services.indexer.kinds.note.parts import Parts, Rows, count_missing, read_rows
from services.indexer.kinds.note.payload import Deletion, Lock, NotePayload, Participant
from services.indexer.kinds.note.sharing import Share, read_share
from services.indexer.kinds.note.store import BATCH, Content, NoteStore
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedArtifact


def parse_notes(inputs: ParserInputs, sink: Sink) -> None:
    """Give every note of the backup to *sink*."""
    newer, older = inputs.find(DOMAIN, STORE), inputs.find(OLD_DOMAIN, OLD_STORE)
    if newer is None and older is None:
        raise UnsupportedStoreError("The backup has no store of notes.")
    records = Records(sink)
    if newer is not None:
        with Database(newer) as database:
            _Reader(NoteStore(database, sink.tally), inputs, sink, records).run()
    if older is not None:
        try:
            parse_old_notes(older, sink, records)
        except UnsupportedStoreError:
            # Phones carry the old store along long after its notes went to the new one.
            if newer is None:
                raise
            sink.tally.note("The old store of notes could not be read.")
    records.finish()


class _Reader:
    def __init__(
        self, store: NoteStore, inputs: ParserInputs, sink: Sink, records: Records
    ) -> None:
        self._store = store
        self._sink = sink
        self._records = records
        self._handles = Handles(inputs.region)
        self._files = NoteFiles(BackupFiles(inputs))
        self._folders = Folders(store, self._handles)

    def run(self) -> None:
        for thread in self._folders.threads:
            self._sink.thread(thread)
        order = self._store.order()
        self._records.expect(len(order))
        for at in range(0, len(order), BATCH):
            self._batch(list(order[at : at + BATCH]))

    def _batch(self, numbers: list[int]) -> None:
        rows = self._store.rows(numbers)
        contents = self._store.contents(numbers)
        locks = {number: lock_of(row, contents.get(number)) for number, row in rows}
        # What belongs to a locked note is not even looked at.
        beside = read_rows(self._store, [number for number in numbers if not locks.get(number)])
        shared = self._store.shared(self._store.notes, numbers)
        folders = self._store.old_folders(numbers)
        for number, row in rows:
            if row["folder"] is None:
                row["folder"] = folders.get(number)
            self._records.keep(
                lambda number=number, row=row: self._note(  # type: ignore[misc]
                    number,
                    row,
                    contents.get(number),
                    lock=locks[number],
                    beside=beside,
                    has_share=number in shared,
                )
            )

    def _note(
        self,
        number: int,
        row: Record,
        content: Content | None,
        *,
        lock: Lock | None,
        beside: Rows,
        has_share: bool,
    ) -> StagedArtifact | None:
        folder = self._folders.find(row["folder"])
        account = self._folders.account(row["account"]) or (folder.account if folder else None)
        created, modified = cocoa_microseconds(row["created"]), cocoa_microseconds(row["modified"])
        key = text_of(row["key"]) or (
            None if created is None else key_of("note", account and account.key, created)
        )
        if key is None:
            self._sink.tally.note("A record has no identity of its own.")
            return None
        share = self._share(number) if has_share else Share()
        parts = Parts(
            beside, number, account=account.key if account else None, store=self._store,
            files=self._files, people=_handles(share, account),
        )  # fmt: skip
        written = Written(content="locked") if lock else self._write(content, parts)
        title = text_of(row["title"]) or written.first_line
        sharing = _sharing(row, folder, share.participants, has_share=has_share)
        count_missing(parts.attachments, self._files, self._sink.tally)
        return StagedArtifact(
            key=key,
            thread_key=None if folder is None else folder.thread_key,
            # When it was last written: the order of the phone's own list.
            occurred_at_us=created if modified is None else modified,
            title=None if title is None else title[:LONGEST_TITLE],
            text=written.text,
            sender_handle=sharing.owner,
            payload=_payload(
                row, written, parts, folder=folder, account=account, lock=lock, sharing=sharing
            ),
            attachments=parts.attachments,
            has_attachment=any(part.files and part.kind != "link" for part in parts.parts),
            has_link=has_any_link(written),
        )

    def _share(self, number: int) -> Share:
        share = read_share(self._store.share(self._store.notes, number), self._handles)
        if not share.participants:
            self._sink.tally.note("With whom a note is shared could not be read.")
        return share

    def _write(self, content: Content | None, parts: Parts) -> Written:
        """Return what a note says; one that cannot be read is counted and kept."""
        tally = self._sink.tally
        data = None if content is None or not content.length else self._store.body(content.number)
        body: Body | None = Body("", ())
        if content is not None and content.length:
            body = None
            with contextlib.suppress(BodyError):
                body = None if data is None else read_body(data)
        if body is None:
            tally.undecodable += 1
            tally.note("The text of a note could not be read.")
        elif not body.is_whole:
            tally.note("What part of a note looks like could not be read.")
        lines = lines_of(body or Body("", ()), parts.resolve, parts.room)
        parts.finish()
        more: list[str | None] = []
        for part in parts.parts:
            more += [part.title, part.text, part.url]
        written = write(
            lines, parts.shown, body=body, was_cut=parts.room.was_cut, more=more, links=parts.links
        )
        if body is None:
            return msgspec.structs.replace(written, content="unreadable")
        return written


class _Sharing(NamedTuple):
    is_shared: bool
    is_of_others: bool
    #: Number or address of somebody else whose note it is.
    owner: str | None
    participants: tuple[Participant, ...]


def _sharing(
    row: Record, folder: Folder | None, people: tuple[Participant, ...], *, has_share: bool
) -> _Sharing:
    owner = next((person for person in people if person.role == "owner"), None)
    # What others share lies in a zone of theirs.
    is_of_others = text_of(row["zone"]) not in {None, MYSELF} or (
        owner is not None and not owner.is_me and any(person.is_me for person in people)
    )
    return _Sharing(
        is_shared=has_share or is_of_others or (folder is not None and folder.is_shared),
        is_of_others=is_of_others,
        owner=owner.handle if owner is not None and is_of_others else None,
        participants=people,
    )


def _handles(share: Share, account: Account | None) -> Mapping[str, str]:
    """Return who is called what in mentions: the phone's owner has a record of another name."""
    me = next((one.handle for one in share.participants if one.is_me), None)
    if me is None or account is None or account.record is None:
        return share.handles
    return {**share.handles, account.record: me}


def _payload(
    row: Record,
    written: Written,
    parts: Parts,
    *,
    folder: Folder | None,
    account: Account | None,
    lock: Lock | None,
    sharing: _Sharing,
) -> NotePayload:
    return NotePayload(
        content=written.content,
        html=written.html,
        markdown=written.markdown,
        snippet=written.snippet,
        is_cut=written.is_cut,
        account=None if account is None else account.name,
        account_type=None if account is None else account.type,
        folder=None if folder is None else folder.title,
        folders=() if folder is None else folder.above,
        created_at=cocoa_utc(row["created"]),
        modified_at=cocoa_utc(row["modified"]),
        is_pinned=flag_of(row["pinned"]),
        is_quick_note=flag_of(row["quick"]),
        deletion=_deletion(row, folder),
        lock=lock,
        items=written.items,
        items_done=written.items_done,
        tags=tuple(dict.fromkeys(parts.tags)),
        mentions=tuple(dict.fromkeys(parts.mentions)),
        links=written.links,
        parts=tuple(parts.parts),
        is_shared=sharing.is_shared,
        is_of_others=sharing.is_of_others,
        participants=sharing.participants,
    )


def _deletion(row: Record, folder: Folder | None) -> Deletion | None:
    if flag_of(row["deleted"]):
        return "marked"
    return "recently_deleted" if folder is not None and folder.is_trash else None

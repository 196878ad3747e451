"""What is read from sms.db, by the columns that are there.

Small tables are held in memory, messages come in batches in the order of date and row number. A
batch that SQLite or UTF-8 refuses is read again row by row, so that a bad row costs itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.message.attachment_files import ATTACHMENT_COLUMNS, AttachmentRow
from services.indexer.kinds.message.batches import listed, read_batch
from services.indexer.kinds.message.chat_of_messages import ChatOfMessage
from services.indexer.kinds.message.flags import flag_expression
from services.indexer.kinds.message.threads import Chat, Handle, looks_like_group
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError

#: Columns of every message, in the order in which ``fetch`` yields them after the row number.
COLUMNS = (
    "guid",
    "text",
    "attributedBody",
    "handle_id",
    "service",
    "date",
    "date_read",
    "date_delivered",
    "is_from_me",
    "error",
    "item_type",
    "associated_message_type",
    "associated_message_guid",
    "thread_originator_guid",
    "thread_originator_part",
    "balloon_bundle_id",
    "expressive_send_style_id",
    "subject",
    "destination_caller_id",
)
#: Columns that few messages need; read one by one.
MORE_COLUMNS = (
    "payload_data",
    "message_summary_info",
    "date_edited",
    "date_retracted",
    "date_recovered",
    "date_played",
    "group_title",
    "group_action_type",
    "other_handle",
    "share_status",
    "share_direction",
    "associated_message_emoji",
)

#: Tables that say who wrote to whom and what was attached, with what is needed of each.
_BESIDE = {
    "handle": {"id"},
    "chat": {"chat_identifier"},
    "chat_handle_join": {"chat_id", "handle_id"},
    "chat_message_join": {"chat_id", "message_id"},
    "attachment": {"filename"},
    "message_attachment_join": {"message_id", "attachment_id"},
}

#: Nanoseconds since 2001 from 2001-09 to 2096, and a millisecond.
_FIRST_DATE, _LAST_DATE, _APART = 10**15, 3 * 10**18, 10**6
_BATCH = 1000
#: Details of a batch are read at once up to here, one by one beyond.
_MOST_DETAILS_BYTES = 32 << 20

Row = tuple[Any, ...]


class MessageStore:
    """The tables of one sms.db."""

    def __init__(self, database: Database, handles: Handles, tally: Tally) -> None:
        """Find out what the database has; raises UnsupportedStoreError without messages."""
        self._database = database
        self._normalise = handles.normalise
        self._tally = tally
        #: Whether what was read can be relied on to be all there is.
        self.is_sound = True
        columns = database.columns("message")
        if not columns:
            raise UnsupportedStoreError("The database has no messages table.")
        if "handle_id" not in columns and "address" in columns:
            raise UnsupportedStoreError(
                "These messages are in the format of iOS 5 or older, which is not read yet."
            )
        if "date" not in columns:
            raise UnsupportedStoreError("The messages table has no dates; its format is unknown.")
        absent = [name for name in COLUMNS if name not in columns]
        if absent:
            tally.note(f"Not in this version of iOS: {', '.join(absent)}.")
        lost = [
            table
            for table, needed in _BESIDE.items()
            if not database.columns(table).issuperset(needed)
        ]
        if lost:
            tally.note(
                f"Messages stand alone in parts, for want of known tables: {', '.join(lost)}."
            )
        fields = ["m.rowid"]
        fields += [f"m.{name}" if name in columns else "null" for name in COLUMNS]
        fields.append(flag_expression(columns))
        self._fields = ", ".join(fields)
        self._more = ", ".join(name if name in columns else "null" for name in MORE_COLUMNS)
        #: What stands for the columns that are there.
        self.salt = (self._fields, self._more, *sorted(database.columns("attachment")))
        if not database.is_indexed("message", "date"):
            database.ensure_index("message", "date")
        database.ensure_index("message_attachment_join", "message_id")

    def reopen(self) -> None:
        """Read on in another process than that which began."""
        self._database.reopen()

    def order(self) -> array[int]:
        """Return the row numbers of all messages in the order of date and row number."""
        rows = array("q")
        for statement in (
            "select rowid from message order by date, rowid",
            "select rowid from message not indexed",
        ):
            try:
                rows.extend(map(itemgetter(0), self._database.numbers(statement)))
                if self.is_sound and not self._is_whole(rows):
                    del rows[:]
                    raise sqlite3.DatabaseError("an index without some of the rows")
            except sqlite3.Error:  # a damaged index or page
                self._tally.note("Part of the messages table is damaged.")
                self.is_sound = False
                continue
            break
        return rows

    def _is_whole(self, rows: array[int]) -> bool:
        """Whether an index, in which rows may be missing, gave as many as there are."""
        try:
            count = next(self._database.numbers("select count(*) from message not indexed"))[0]
        except sqlite3.Error:  # damage costs the rows that it hit, when they are read
            return True
        return bool(count == len(rows))

    def are_apart(self, order: array[int], border: int) -> bool:
        """Whether every message from *border* on is later than all before, as they are shown.

        Only then is it the same in which order the two parts are stored. Dates that are not
        numbers are last in *order*, small numbers count seconds instead of nanoseconds.
        """
        dates = {}
        try:
            if any(
                self._database.numbers(
                    "select 1 from message where date > 0 and date < ? limit 1", (_FIRST_DATE,)
                )
            ):
                return False
            for rowid in (order[border - 1], order[border], order[-1]):
                statement = "select date from message where rowid = ?"
                for (date,) in self._database.rows(statement, (rowid,)):
                    dates[rowid] = 0 if date is None else date
            before, after, last = (dates[order[at]] for at in (border - 1, border, -1))
            return bool(max(before + _APART, _FIRST_DATE) <= after and last < _LAST_DATE)
        except (sqlite3.Error, KeyError, TypeError):
            return False

    def batches(self, order: array[int], multiple: int) -> Iterator[tuple[list[Row], bool]]:
        """Yield the messages of *order* in batches, and whether a batch was read without trouble.

        Batches end behind a row number that *multiple* divides. Rows that cannot be read are
        counted.
        """
        end = 0
        while end < len(order):
            start, end = end, min(end + _BATCH, len(order))
            while end < len(order) and order[end - 1] % multiple and end < start + 2 * _BATCH:
                end += 1
            numbers = order[start:end]
            try:
                yield read_batch(self._database, self._fields, numbers), True
            except (sqlite3.Error, UnicodeDecodeError):
                yield list(self._one_by_one(numbers)), False

    def _one_by_one(self, numbers: Sequence[int]) -> Iterator[Row]:
        statement = f"select {self._fields} from message as m where m.rowid = ?"  # noqa: S608
        for number in numbers:
            try:
                yield from self._database.rows(statement, (number,))
            except sqlite3.Error:
                self._tally.read += 1
                self._tally.undecodable += 1
                self._tally.note("A message could not be read from the damaged database.")

    def details(self, numbers: Sequence[int]) -> dict[int, Row] | None:
        """Return ``MORE_COLUMNS`` of some messages, or None when they are to be read singly."""
        if not numbers:
            return {}
        statement = (
            f"select m.rowid, {self._more} from json_each(?) as q "  # noqa: S608 -- names are ours
            "cross join message as m on m.rowid = q.value"
        )
        found: dict[int, Row] = {}
        size = 0
        try:
            for rowid, *rest in self._database.numbers(statement, listed(numbers)):
                found[rowid] = tuple(rest)
                size += sum(len(value) for value in rest[:2] if isinstance(value, bytes | str))
                if size > _MOST_DETAILS_BYTES:
                    return None
        except (sqlite3.Error, UnicodeDecodeError):
            return None
        return found

    def more(self, rowid: int) -> Row:
        """Return ``MORE_COLUMNS`` of one message; Nones when they cannot be read."""
        statement = f"select {self._more} from message where rowid = ?"  # noqa: S608
        try:
            for row in self._database.rows(statement, (rowid,)):
                return row
        except sqlite3.Error:
            self._tally.note("The details of a message could not be read.")
        return (None,) * len(MORE_COLUMNS)

    def duplicates(self) -> frozenset[str]:
        """Return the guids that several messages claim, which no phone would write."""
        if self._database.is_unique("message", "guid"):
            return frozenset()
        try:
            rows = self._database.rows("select guid from message group by guid having count(*) > 1")
            return frozenset(row[0] for row in rows if isinstance(row[0], str))
        except sqlite3.Error:
            self.is_sound = False
            return frozenset()

    def read_handles(self) -> dict[int, Handle]:
        """Return people's numbers and addresses by row number."""
        found: dict[int, Handle] = {}
        for rowid, raw, country, person in self._database.select(
            "handle", ("rowid", "id", "country", "person_centric_id")
        ):
            if not isinstance(raw, str) or not raw:
                continue
            found[rowid] = Handle(
                handle=self._normalise(raw, country if isinstance(country, str) else None),
                person=person if isinstance(person, str) and person else None,
            )
        return found

    def read_chats(self, handles: dict[int, Handle]) -> list[Chat]:
        """Return every chat with its members."""
        members: dict[int, list[Handle]] = {}
        for chat_id, handle_id in self._database.select(
            "chat_handle_join", ("chat_id", "handle_id")
        ):
            if handle_id in handles:
                members.setdefault(chat_id, []).append(handles[handle_id])
        chats: list[Chat] = []
        for row in self._database.select(
            "chat",
            ("rowid", "guid", "style", "chat_identifier", "service_name", "display_name",
             "group_id", "is_filtered", "is_blackholed"),
        ):  # fmt: skip
            rowid, guid, style, identifier, service, name, group_id, filtered, blocked = row
            together = tuple(members.get(rowid, ()))
            guid = guid if isinstance(guid, str) else f"chat {rowid}"
            flags = ["unknown_sender"] if filtered == 1 else []
            if isinstance(filtered, int) and filtered > 1:
                flags.append("junk")
            if blocked:
                flags.append("blocked")
            chats.append(
                Chat(
                    id=rowid,
                    guid=guid,
                    is_group=looks_like_group(style, guid, len(together)),
                    members=together,
                    identifier=self._normalise(identifier) if isinstance(identifier, str) else "",
                    name=name if isinstance(name, str) and name else None,
                    group_id=group_id if isinstance(group_id, str) and group_id else None,
                    service=service if isinstance(service, str) and service else None,
                    flags=tuple(flags),
                )
            )
        return chats

    def read_chat_of_messages(self, order: array[int]) -> ChatOfMessage:
        """Return which chats each message is in."""
        found = ChatOfMessage(order)
        if {"chat_id", "message_id"} <= self._database.columns("chat_message_join"):
            with contextlib.suppress(sqlite3.Error):  # what was read until then counts
                found.fill(
                    self._database.numbers("select chat_id, message_id from chat_message_join")
                )
        return found

    def read_recoverable(self) -> dict[int, tuple[int, Any]]:
        """Return (chat, date of deletion) of recently deleted messages."""
        return {
            message_id: (chat_id, deleted)
            for chat_id, message_id, deleted in self._database.select(
                "chat_recoverable_message_join", ("chat_id", "message_id", "delete_date")
            )
        }

    def read_recoverable_parts(self) -> dict[int, list[Row]]:
        """Return (part, date of deletion, typedstream) of parts deleted alone, by message."""
        found: dict[int, list[Row]] = {}
        for message_id, *part in self._database.select(
            "recoverable_message_part", ("message_id", "part_index", "delete_date", "part_text")
        ):
            found.setdefault(message_id, []).append(tuple(part))
        return found

    def read_associated(self) -> Iterator[Row]:
        """Yield rows about other messages in the order of time."""
        columns = self._database.columns("message")
        if not {"associated_message_guid", "associated_message_type"} <= columns:
            return
        names = ("rowid", "guid", "associated_message_guid", "associated_message_type",
                 "associated_message_emoji", "handle_id", "is_from_me", "date", "service",
                 "balloon_bundle_id")  # fmt: skip
        fields = [name if name in columns or name == "rowid" else "null" for name in names]
        fields.append(
            "case when balloon_bundle_id is not null then payload_data end"
            if {"balloon_bundle_id", "payload_data"} <= columns
            else "null"
        )
        statement = (
            f"select {', '.join(fields)} from message "  # noqa: S608 -- names are ours
            "where associated_message_guid is not null and associated_message_guid <> '' "
            "order by date, rowid"
        )
        taken = 0
        try:
            for row in self._database.numbers(statement):
                taken += 1
                yield row
        except (sqlite3.Error, UnicodeDecodeError):  # text that is no UTF-8, or damage
            try:
                yield from islice(self._database.rows(statement), taken, None)
            except sqlite3.Error:
                self._tally.note("Part of the reactions could not be read.")
                self.is_sound = False

    def read_attachments(self, numbers: Sequence[int]) -> dict[int, list[AttachmentRow]]:
        """Return the attachments of some messages, in the order in which they were joined."""
        columns = self._database.columns("attachment")
        if not columns or not self._database.columns("message_attachment_join"):
            return {}
        fields = ", ".join(f"a.{n}" if n in columns else "null" for n in ATTACHMENT_COLUMNS)
        statement = (
            f"select j.message_id, {fields} from json_each(?) as q "  # noqa: S608 -- names are ours
            "cross join message_attachment_join as j on j.message_id = q.value "
            "join attachment as a on a.rowid = j.attachment_id order by j.rowid"
        )
        found: dict[int, list[AttachmentRow]] = {}
        for read in (self._database.numbers, self._database.rows):
            found.clear()
            try:
                for message_id, *row in read(statement, listed(numbers)):
                    found.setdefault(message_id, []).append(AttachmentRow(*row))
            except (sqlite3.Error, UnicodeDecodeError):
                continue
            return found
        self._tally.note("Some attachments could not be read.")
        return found


class More(msgspec.Struct, frozen=True, gc=False):
    """``MORE_COLUMNS`` by name."""

    payload: Any
    summary: Any
    edited: Any
    retracted: Any
    recovered: Any
    played: Any
    group_title: Any
    group_action: Any
    other_handle: Any
    share_status: Any
    share_direction: Any
    emoji: Any

"""Putting one message together from its row, its attachments and what is about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.message.attached import NOTHING_ATTACHED, Attached, attach
from services.indexer.kinds.message.attachment_files import AttachmentRow, MessageFiles
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.balloons import describe_balloon, readable_text
from services.indexer.kinds.message.events import describe_event
from services.indexer.kinds.message.flags import (
    FLAG_NAMES,
    HAS_EDITS,
    HAS_SUMMARY,
    IS_DELIVERED,
    IS_READ,
    IS_SCHEDULED,
    IS_SENT,
)
from services.indexer.kinds.message.payload import (
    AppMessage,
    DeletedPart,
    Event,
    MessagePayload,
    Reaction,
)
from services.indexer.kinds.message.reactions import ReactionRow, count_votes, shown, standing
from services.indexer.kinds.message.rich_text import RichText, plain_text, read_rich_text
from services.indexer.kinds.message.store import MessageStore, More, Row
from services.indexer.kinds.message.summary import NOTHING, Summary, read_summary
from services.indexer.kinds.message.threads import Handle
from services.indexer.kinds.message.vocabulary import EFFECTS
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import Tally
from services.indexer.staging import StagedArtifact, StagedThread

_LINK = re.compile(
    r"(?:https?://|\bwww\.)\S"
    r"|(?<![\w@.-])(?:[a-z0-9-]{1,63}\.){1,4}"
    r"(?:com|org|net|edu|gov|io|de|at|ch|uk|fr|nl|it|es|se|jp|cn|eu|us|ca|au|app|dev|me|tv|info)\b"
    r"(?![\w@])",
    re.IGNORECASE,
)
NAMED_FLAGS = sum(bit for bit, _ in FLAG_NAMES)
_DETAILED = HAS_EDITS | HAS_SUMMARY
_NO_TEXT = RichText(text="")


class Assembly:
    """Makes artifacts; holds what all messages share."""

    def __init__(
        self,
        *,
        store: MessageStore,
        handles: Handles,
        people: dict[int, Handle],
        files: MessageFiles,
        tally: Tally,
    ) -> None:
        """Take what is needed to look things up."""
        self._store = store
        self._normalise = handles.normalise
        self._people = people
        self._files = files
        self._tally = tally
        self.deleted_parts: dict[int, list[Row]] = {}
        #: Details of the messages of a batch that need them, as far as they are at hand.
        self.details: Mapping[int, Row] = {}

    def message(
        self,
        row: Row,
        *,
        key: str,
        thread: StagedThread,
        also_in: tuple[str, ...],
        chat_flags: tuple[str, ...],
        deleted: Any,
        attachments: dict[int, list[AttachmentRow]],
        reactions: list[ReactionRow],
    ) -> StagedArtifact:
        """Return one row of the conversation as an artifact."""
        (
            rowid, _, text, body, handle_id, service, date, date_read, date_delivered, from_me,
            error, _, _, _, reply_to, reply_part, balloon, effect, subject,
            own_handle, flags,
        ) = row  # fmt: skip
        from_me = bool(from_me)
        balloon = balloon if isinstance(balloon, str) and balloon else None
        readable, rich, is_unknown, is_damaged = _read_text(text, body)
        silent = not text and not body
        more: More | None = None
        if needing_details((row,)):
            more = More(*(self.details.get(rowid) or self._store.more(rowid)))
        summary = NOTHING if more is None else self._summary(more)
        app, event = None, None
        if more is not None:
            app = self._app(balloon, more, reactions)
            event = self._event(row, more, thread)
        if app is not None and not readable:
            found = readable_text(app)
            readable, is_unknown = found, found is None
        elif event is not None:
            readable, is_unknown = event.title, False
        elif silent:
            readable, is_unknown = "", False
        if is_unknown:
            self._tally.undecodable += 1
        attached, stickers = NOTHING_ATTACHED, NOTHING_ATTACHED
        reacted: tuple[Reaction, ...] = ()
        files = attachments.get(rowid)
        if files or rich.parts:
            attached = attach(files or (), rich.places, files=self._files, parts=rich.parts)
            self._tally.missing_files += attached.missing
        if reactions:
            reacted, stickers = self._fold(reactions, attachments, len(attached.files))
        if not readable and attached.transcript:
            readable = attached.transcript
        at_us = cocoa_microseconds(date)
        subject = subject if isinstance(subject, str) and subject else None
        sender = self._sender(handle_id, from_me=from_me, thread=thread)
        payload = MessagePayload(
            service=service if isinstance(service, str) else None,
            direction="outgoing" if from_me else "incoming",
            edits=summary.edits,
            unsent=summary.is_unsent
            or (more is not None and silent and bool(cocoa_microseconds(more.retracted))),
            reply_to=reply_to if isinstance(reply_to, str) and reply_to else None,
            reactions=reacted,
            effect=EFFECTS.get(effect, effect) if isinstance(effect, str) and effect else None,
            event=event,
            status=status_of(
                flags, from_me=from_me, error=error, read=date_read, delivered=date_delivered
            ),
            deleted_at=None if deleted is None else cocoa_utc(deleted),
            reply_to_part=_first_number(reply_part) if reply_to else None,
            subject=subject,
            read_at=cocoa_utc(date_read) if date_read else None,
            delivered_at=cocoa_utc(date_delivered) if date_delivered else None,
            played_at=None if more is None else cocoa_utc(more.played),
            edited_at=None if more is None else cocoa_utc(more.edited),
            retracted_at=None if more is None else cocoa_utc(more.retracted),
            recovered_at=None if more is None else cocoa_utc(more.recovered),
            text_unknown=is_unknown,
            text_damaged=is_damaged,
            unsent_parts=summary.unsent_parts,
            deleted_parts=self._deleted_parts(rowid),
            app=app,
            mentions=tuple(self._normalise(mention) for mention in rich.mentions),
            formatting=rich.formatting,
            parts=attached.parts,
            attachment_info=(*attached.info, *stickers.info),
            one_time_codes=rich.codes,
            transcript=attached.transcript,
            translations=summary.translations,
            own_handle=self._normalise(own_handle) if isinstance(own_handle, str) else None,
            also_in=also_in,
            error_code=error if isinstance(error, int) and error else None,
            flags=_flag_names(flags, chat_flags, has_date=at_us is not None),
        )
        return StagedArtifact(
            key=key,
            thread_key=thread.key,
            occurred_at_us=at_us,
            title=subject or (None if app is None else app.title),
            text=readable,
            sender_handle=sender,
            is_me=from_me,
            payload=payload,
            attachments=(*attached.files, *stickers.files),
            has_link=rich.has_link
            or (app is not None and app.url is not None)
            or has_link(readable),
            has_attachment=attached.has_ordinary,
        )

    def orphan(
        self,
        reaction: ReactionRow,
        *,
        key: str,
        target: str,
        thread: StagedThread,
        also_in: tuple[str, ...],
        deleted: Any,
    ) -> StagedArtifact:
        """Return a reaction whose message this backup does not hold."""
        return StagedArtifact(
            key=key,
            thread_key=thread.key,
            occurred_at_us=reaction.at_us,
            text=None,
            sender_handle=reaction.by,
            is_me=reaction.is_me,
            payload=MessagePayload(
                service=reaction.service,
                direction="outgoing" if reaction.is_me else "incoming",
                edits=(),
                unsent=False,
                reply_to=None,
                reactions=(),
                effect=None,
                event=Event(
                    kind="reaction" if reaction.type else "poll_changed",
                    by=reaction.by,
                    reaction=reaction.kind if reaction.type else None,
                    emoji=reaction.shown_emoji,
                    to_key=target,
                    removed=reaction.is_removal,
                ),
                status=None,
                deleted_at=cocoa_utc(deleted),
                also_in=also_in,
            ),
        )

    def _summary(self, more: More) -> Summary:
        if more.summary is None:
            return NOTHING
        summary = read_summary(more.summary)
        if summary is None:
            self._tally.note("The edit history of a message could not be read.")
            return NOTHING
        return summary

    def _app(
        self, balloon: str | None, more: More, reactions: list[ReactionRow]
    ) -> AppMessage | None:
        if balloon is None:
            return None
        app = describe_balloon(balloon, more.payload if isinstance(more.payload, bytes) else None)
        if app.options and reactions:
            from msgspec.structs import replace

            return replace(app, options=count_votes(app.options, reactions))
        return app

    def _event(self, row: Row, more: More, thread: StagedThread) -> Event | None:
        kind = row[12]
        if isinstance(kind, int) and 1000 <= kind < 5000:  # a reaction without a target
            lost = ReactionRow(
                rowid=row[0], guid="", type=kind, by=None, is_me=bool(row[10]), at_us=None,
                part=None, emoji=more.emoji if isinstance(more.emoji, str) else None,
            )  # fmt: skip
            return Event(
                kind="reaction",
                by=self._sender(row[4], from_me=lost.is_me, thread=thread),
                reaction=lost.kind,
                emoji=lost.shown_emoji,
                removed=lost.is_removal,
            )
        other = self._people.get(more.other_handle)
        return describe_event(
            row[11],
            more,
            by=self._sender(row[4], from_me=bool(row[9]), thread=thread),
            target=None if other is None else other.handle,
            is_same_person=bool(more.other_handle) and more.other_handle == row[4],
        )

    def _sender(self, handle_id: Any, *, from_me: bool, thread: StagedThread) -> str | None:
        if from_me:
            return None
        person = self._people.get(handle_id)
        if person is not None:
            return person.handle
        # A dangling or missing handle: in a conversation of two only the other one can have sent.
        if not thread.is_group and len(thread.participants) == 1:
            return thread.participants[0]
        return None

    def _fold(
        self, rows: list[ReactionRow], attachments: dict[int, list[AttachmentRow]], first: int
    ) -> tuple[tuple[Reaction, ...], Attached]:
        stickers = NOTHING_ATTACHED
        folded: list[Reaction] = []
        for row in standing(rows):
            number: int | None = None
            if row.has_sticker and attachments.get(row.rowid):
                number = first + len(stickers.files)
                added = attach(
                    attachments[row.rowid][:1], (), files=self._files, first=number, part=row.part
                )
                self._tally.missing_files += added.missing
                stickers = stickers.plus(added)
            folded.append(shown(row, number))
        return tuple(folded), stickers

    def _deleted_parts(self, rowid: int) -> tuple[DeletedPart, ...]:
        rows = self.deleted_parts.get(rowid)
        if not rows:
            return ()
        parts = []
        for part, deleted, body in rows:
            decoded = decode_attributed_text(body) if isinstance(body, bytes) else None
            parts.append(
                DeletedPart(
                    part=part if isinstance(part, int) else 0,
                    text=None if decoded is None else plain_text(decoded.text),
                    at=cocoa_utc(deleted),
                )
            )
        return tuple(parts)


def needing_details(rows: Sequence[Row]) -> list[int]:
    """Return the rows that ``MORE_COLUMNS`` may decide about, by their numbers."""
    return [
        row[0]
        for row in rows
        if row[11]
        or row[12]
        or (row[16] and isinstance(row[16], str))
        or not (row[2] or row[3])
        or row[20] & _DETAILED
    ]


def has_link(text: str | None) -> bool:
    """Whether *text* holds a web address."""
    return text is not None and "." in text and _LINK.search(text) is not None


def _read_text(text: Any, body: Any) -> tuple[str | None, RichText, bool, bool]:
    """Return (text, what its runs say, whether it is unknown, whether it is damaged)."""
    stored = plain_text(text) if isinstance(text, str) else ""
    if not isinstance(body, bytes) or not body:
        return stored, _NO_TEXT, False, False
    decoded = decode_attributed_text(body)
    if decoded is None:
        return (stored, _NO_TEXT, False, False) if stored else (None, _NO_TEXT, True, False)
    if not decoded.runs:
        damaged = not decoded.is_whole and not stored
        return stored or plain_text(decoded.text), _NO_TEXT, False, damaged
    rich = read_rich_text(decoded)
    if stored and stored != rich.text:  # the runs are about another wording
        return stored, RichText(text=stored, places=rich.places), False, False
    return rich.text, rich, False, False


def status_of(flags: int, *, from_me: bool, error: Any, read: Any, delivered: Any) -> str:
    """Return how far a message has come."""
    if flags & IS_SCHEDULED and not flags & IS_SENT:
        return "scheduled"
    if not from_me:
        return "read" if flags & IS_READ or read else "delivered"
    if error:
        return "failed"
    if read:
        return "read"
    return "delivered" if flags & IS_DELIVERED or delivered else "sent"


def _flag_names(flags: int, chat_flags: tuple[str, ...], *, has_date: bool) -> tuple[str, ...]:
    if not flags & NAMED_FLAGS and has_date:
        return chat_flags
    names = [name for bit, name in FLAG_NAMES if flags & bit]
    names.extend(flag for flag in chat_flags if flag not in names)
    if not has_date:
        names.append("date_unknown")
    return tuple(names)


def _first_number(text: Any) -> int | None:
    head = text.partition(":")[0] if isinstance(text, str) else ""
    return int(head) if head.isascii() and head.isdigit() and len(head) < 6 else None

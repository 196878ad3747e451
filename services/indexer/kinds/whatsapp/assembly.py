"""Putting one message together from its row and what it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.indexer.kinds.message.assembly import has_link
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.values import flag_of, int_of
from services.indexer.kinds.whatsapp.chats import Chat, Chats
from services.indexer.kinds.whatsapp.contents import Contents
from services.indexer.kinds.whatsapp.details import Metadata
from services.indexer.kinds.whatsapp.jids import word
from services.indexer.kinds.whatsapp.keys import Keys
from services.indexer.kinds.whatsapp.payload import Call, Mention, WhatsAppPayload
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.places import App
from services.indexer.kinds.whatsapp.push_names import is_name
from services.indexer.kinds.whatsapp.store import MessageRow
from services.indexer.kinds.whatsapp.vocabulary import DELETED, STATUSES, VIEW_ONCE
from services.indexer.staging import StagedArtifact

_MENTION = re.compile(r"@([0-9]{5,20})\b")
_MOST_MENTIONS = 200
_LONGEST_NAME = 300
#: Of ZFLAGS.
_FORWARDED = 1 << 7


class Others(NamedTuple):
    """Keys of other messages by what names them: thread and quoted identity, number of the row."""

    quoted: Mapping[tuple[str, str], str]
    parents: Mapping[int, str]


class Assembly:
    """Makes artifacts of messages; holds what all of one store share."""

    def __init__(self, *, app: App, chats: Chats, people: People, keys: Keys) -> None:
        """Take what is needed to look things up."""
        self._app = app
        self._chats = chats
        self._people = people
        self._keys = keys

    def message(self, row: MessageRow, said: Contents, others: Others) -> StagedArtifact:
        """Return the artifact of a message or an event."""
        chat, thread_key = self._chats.chat_of(row.chat), self._chats.thread_of(row.chat)
        is_me = flag_of(row.is_from_me)
        sender = None if is_me else self._sender(row, chat)
        if said.event is not None and not is_me:
            sender = said.event.by or sender
        text = said.text()
        return StagedArtifact(
            key=self._keys.key(row),
            thread_key=thread_key,
            occurred_at_us=cocoa_microseconds(row.date),
            text=text,
            sender_handle=sender,
            is_me=is_me,
            payload=self._payload(
                row,
                said,
                others,
                text=text,
                name=self._sender_name(row, sender),
                thread_key=thread_key,
            ),
            attachments=said.attached.attachments,
            has_attachment=said.attached.has_own,
            has_link=said.link is not None or (text is not None and has_link(text)),
        )

    def _sender(self, row: MessageRow, chat: Chat | None) -> str | None:
        if isinstance(row.member, int):
            sender = self._chats.senders.get(row.member)
            if sender is not None and sender.handle is not None:
                return sender.handle
        handle = self._people.person(row.from_jid)
        # In a direct chat there is one other, whom the chat may know by number.
        if chat is not None and chat.is_person and not (handle or "").startswith("+"):
            return chat.address
        return handle

    def _payload(
        self,
        row: MessageRow,
        said: Contents,
        others: Others,
        *,
        text: str | None,
        name: str | None,
        thread_key: str,
    ) -> WhatsAppPayload:
        is_me = flag_of(row.is_from_me)
        status, event, form = int_of(row.status), said.event, said.form
        is_unknown = form == "unknown" or (event is not None and event.kind == "unknown")
        local = cocoa_utc(row.sent_date)
        # Most messages are words and no more, and naming what they lack takes half of the time.
        more = {} if said.is_plain else self._more(said, others, thread_key)
        return WhatsAppPayload(
            type=form,
            service=self._app.service,
            direction="outgoing" if is_me else "incoming",
            text=said.body if said.body != text else None,
            sender_name=name,
            status=STATUSES.get(status or 0) if is_me else None,
            status_code=status,
            error_code=int_of(row.error) or None,
            sent_at=local if is_me else None,
            received_at=None if is_me else local,
            parent=others.parents.get(row.parent) if isinstance(row.parent, int) else None,
            delivered_count=_count(row.delivered),
            read_count=_count(row.read),
            played_count=_count(row.played),
            is_starred=flag_of(row.starred),
            is_forwarded=_is_forwarded(row.flags) or said.metadata.forward_count > 0,
            mentions=self._mentions(said.body),
            payment=said.payment,
            raw=(said.code, int_of(row.event) or 0) if is_unknown else (),
            **more,
        )

    def _more(self, said: Contents, others: Others, thread_key: str) -> dict[str, Any]:
        metadata, receipts = said.metadata, said.receipts
        stanza = metadata.quoted_stanza
        return {
            "reply_to": None if stanza is None else others.quoted.get((thread_key, stanza)),
            "quote": metadata.quote,
            "reactions": receipts.reactions,
            "reaction_counts": receipts.counts,
            "receipts": receipts.receipts,
            "forward_count": metadata.forward_count,
            "is_view_once": said.code in VIEW_ONCE,
            "is_deleted_for_everyone": said.code == DELETED,
            "event": said.event,
            "poll": receipts.poll,
            "place": said.place,
            "contacts": said.contacts,
            "link": said.link,
            "call": _call(metadata) if said.form == "call" else None,
            "attachment_info": said.attached.infos,
        }

    def _sender_name(self, row: MessageRow, sender: str | None) -> str | None:
        """Return what the sender called himself, where an old message says so.

        Other names belong to chats: a message does not change when somebody is renamed.
        """
        name = None if sender is None else word(row.push_name)
        if name is None or len(name) > _LONGEST_NAME or not is_name(name):
            return None
        return name

    def _mentions(self, text: str | None) -> tuple[Mention, ...]:
        if text is None or "@" not in text:
            return ()
        found: list[Mention] = []
        for match in _MENTION.finditer(text[:100_000]):
            handle = self._people.mentioned(match[1])
            if handle is not None and len(found) < _MOST_MENTIONS:
                found.append(Mention(text=match[0], handle=handle))
        return tuple(dict.fromkeys(found))


def _count(value: object) -> int:
    return max(int_of(value) or 0, 0) if value else 0


def _is_forwarded(flags: object) -> bool:
    number = int_of(flags)
    return number is not None and bool(number & _FORWARDED)


def _call(metadata: Metadata) -> Call:
    seconds = metadata.call_seconds
    return Call(
        outcome="ended" if seconds else None,
        duration_seconds=None if seconds is None else float(seconds),
    )

"""What one message holds beside its row: details, files, a place, cards, and its words."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protobuf import ProtobufError
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.values import int_of
from services.indexer.kinds.whatsapp.chats import Chats
from services.indexer.kinds.whatsapp.details import (
    NO_METADATA,
    Metadata,
    read_metadata,
)
from services.indexer.kinds.whatsapp.events import describe_event
from services.indexer.kinds.whatsapp.jids import word
from services.indexer.kinds.whatsapp.media import (
    NOTHING,
    Attached,
    Media,
    file_name,
    read_place,
)
from services.indexer.kinds.whatsapp.payload import Event, Link, Payment, Place, SharedContact
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.receipts import NO_RECEIPTS, ReceiptReader, Receipts
from services.indexer.kinds.whatsapp.store import InfoRow, LinkRow, MediaRow, MessageRow
from services.indexer.kinds.whatsapp.vcards import read_cards
from services.indexer.kinds.whatsapp.vocabulary import POLL, TYPES

_UNREADABLE = "Details of a WhatsApp message could not be read."
#: Types whose rows of media have no words of the sender in their title.
_TITLED = frozenset({"document", "location", "link", "contact", "text", "event"})
_NO_LINK = Link()


class Contents(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message as far as it is not about other messages."""

    code: int
    form: str
    #: What somebody wrote: the text, or the words under a picture.
    body: str | None
    metadata: Metadata = NO_METADATA
    receipts: Receipts = NO_RECEIPTS
    attached: Attached = NOTHING
    event: Event | None = None
    place: Place | None = None
    contacts: tuple[SharedContact, ...] = ()
    link: Link | None = None
    payment: Payment | None = None
    #: Nothing but ``body`` and ``payment``, of a text.
    is_plain: bool = False

    def text(self) -> str | None:
        """Return every word under which one may look for it, each thing on a line."""
        if self.form == "text" and self.metadata is NO_METADATA and self.link is None:
            return self.body or None
        lines: list[str | None] = [self.body, *self.metadata.words, self.metadata.invited_to]
        if self.form == "document" and self.attached.has_own:
            lines.append(file_name(self.attached.attachments[0]))
        if self.event is not None:
            lines += [self.event.title, self.event.previous_title, self.event.text]
        if self.receipts.poll is not None:
            poll = self.receipts.poll
            lines += [poll.question, *(option.text for option in poll.options)]
        if self.place is not None:
            lines += [self.place.name, self.place.address]
        for contact in self.contacts:
            lines += [contact.name, contact.organization]
            for item in (*contact.phones, *contact.emails):
                lines += [item.value, item.handle]
        if self.link is not None:
            lines += [self.link.title, self.link.summary, self.link.url]
        return "\n".join(dict.fromkeys(line for line in lines if line)) or None


class ContentReader:
    """Reads what messages of one store hold."""

    def __init__(
        self,
        *,
        chats: Chats,
        people: People,
        media: Media,
        handles: Handles,
        payments: Mapping[str, Payment],
        tally: Tally,
    ) -> None:
        """Take what is needed to look things up."""
        self._chats = chats
        self._people = people
        self._reader = ReceiptReader(people)
        self._media = media
        self._handles = handles
        self._payments = payments
        self._tally = tally

    def metadata(self, row: MessageRow, media: MediaRow) -> Metadata:
        """Return what the details of a message say; unreadable ones are noted."""
        try:
            return read_metadata(media.metadata, self._people, form=form_of(row)[1])
        except ProtobufError:
            self._tally.note(_UNREADABLE)
            return NO_METADATA

    def read(
        self,
        row: MessageRow,
        *,
        media: MediaRow | None,
        info: InfoRow | None,
        link: LinkRow | None,
        metadata: Metadata,
    ) -> Contents:
        """Return what a message holds."""
        code, form = form_of(row)
        body = word(row.text) if form != "event" else None
        if media is None and info is None and link is None and form == "text":
            return Contents(
                code=code, form=form, body=body, payment=self._payment(row), is_plain=True
            )
        if body is None and media is not None and form not in _TITLED:
            body = word(media.title)
        attached = self._media.attach(media, code)
        self._tally.missing_files += attached.missing
        return Contents(
            code=code,
            form=form,
            body=body,
            metadata=metadata,
            receipts=self._receipts(info, code),
            attached=attached,
            event=self._event(row, code, metadata) if form == "event" else None,
            place=read_place(media) if media is not None and form == "location" else None,
            contacts=self._cards(media) if media is not None and form == "contact" else (),
            link=_link(link, media, metadata, form),
            payment=self._payment(row),
        )

    def _receipts(self, info: InfoRow | None, code: int) -> Receipts:
        if info is None:
            return NO_RECEIPTS
        try:
            return self._reader.read(info.receipts, is_poll=code == POLL)
        except ProtobufError:
            self._tally.note(_UNREADABLE)
            return NO_RECEIPTS

    def _event(self, row: MessageRow, code: int, metadata: Metadata) -> Event:
        member = self._chats.senders.get(row.member) if isinstance(row.member, int) else None
        return describe_event(
            code,
            int_of(row.event),
            text=word(row.text),
            member=None if member is None else member.handle,
            metadata=metadata,
            people=self._people,
        )

    def _cards(self, media: MediaRow) -> tuple[SharedContact, ...]:
        return read_cards(media.vcard, media.vcard_name, self._handles)

    def _payment(self, row: MessageRow) -> Payment | None:
        return self._payments.get(word(row.stanza) or "") if self._payments else None


def form_of(row: MessageRow) -> tuple[int, str]:
    """Return the app's number of what a message is, and its name here."""
    code = int_of(row.type)
    if code is None:
        return 0, "text" if row.type is None else "unknown"
    return code, TYPES.get(code, "unknown")


def _link(
    row: LinkRow | None, media: MediaRow | None, metadata: Metadata, form: str
) -> Link | None:
    found = _NO_LINK
    if row is not None:
        found = Link(
            url=word(row.content) or word(row.other_content) or word(row.matched),
            title=word(row.title),
            summary=word(row.summary),
        )
    if form == "link":
        found = Link(
            url=found.url,
            title=found.title or (None if media is None else word(media.title)),
            summary=found.summary or metadata.link_summary,
        )
    return None if found == _NO_LINK else found

"""The payload of what happened in WhatsApp: a message, an event, a call, or a chat itself."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message answers, as the answer itself repeats it."""

    type: str | None = None
    text: str | None = None
    by: str | None = None
    is_me: bool = False


class Reaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An emoji that somebody put on the message."""

    emoji: str
    by: str | None = None
    at: dt.datetime | None = None
    is_me: bool = False


class ReactionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often an emoji was put on a message of a channel."""

    emoji: str
    count: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody to whom a message went; ``raw`` are the app's numbers about it, by field."""

    by: str
    raw: dict[str, int] = {}


class Mention(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person who is named in the text; ``text`` is how (``@15550142001``)."""

    text: str
    handle: str


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened in the chat and is no message."""

    kind: str
    by: str | None = None
    targets: tuple[str, ...] = ()
    #: The new name.
    title: str | None = None
    previous_title: str | None = None
    #: What the store says about it, where that is neither a name nor a list of people.
    text: str | None = None
    duration_seconds: int | None = None


class PollOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of a poll with the handles that chose it."""

    text: str
    voters: tuple[str, ...] = ()
    #: How many votes there are; more than voters where somebody cannot be named.
    votes: int = 0


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A question with its answers."""

    question: str | None
    options: tuple[PollOption, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place that was shared, in degrees."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None
    accuracy_meters: float | None = None


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number or address of a contact card."""

    value: str
    label: str | None = None
    handle: str | None = None


class SharedContact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contact card that was sent."""

    name: str | None = None
    organization: str | None = None
    phones: tuple[Labelled, ...] = ()
    emails: tuple[Labelled, ...] = ()


class Link(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The preview of a link."""

    url: str | None = None
    title: str | None = None
    summary: str | None = None


class Payment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Money that was sent; the amount is in units of the currency."""

    amount: float | None = None
    currency: str | None = None
    sender: str | None = None
    receiver: str | None = None
    at: dt.datetime | None = None
    status_code: int | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody in a call."""

    handle: str
    outcome: str | None = None
    outcome_code: int | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call: ``outcome`` is ended, missed, failed, rejected, or None for an unknown number."""

    is_video: bool | None = None
    outcome: str | None = None
    outcome_code: int | None = None
    is_missed: bool = False
    is_group: bool = False
    #: Others may still have been able to join when the backup was made.
    is_joinable: bool = False
    duration_seconds: float | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    participants: tuple[Caller, ...] = ()
    creator: str | None = None
    #: What the link of the call ends with, by which people joined it.
    link_token: str | None = None
    #: The app's own id of the call that had been arranged for a time.
    scheduled_id: str | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody in a group, or who was in it."""

    handle: str
    name: str | None = None
    is_admin: bool = False
    is_me: bool = False
    #: Left, or was removed.
    is_former: bool = False


class ChatInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chat: direct, group, broadcast, status, community, channel, or unknown."""

    type: str
    name: str | None = None
    #: The app's own id of it.
    jid: str | None = None
    #: Of a direct chat.
    handle: str | None = None
    about: str | None = None
    about_at: dt.datetime | None = None
    members: tuple[Member, ...] = ()
    #: How many more the store claims to have.
    members_left_out: int = 0
    created_at: dt.datetime | None = None
    creator: str | None = None
    owner: str | None = None
    renamed_at: dt.datetime | None = None
    is_archived: bool = False
    #: Deleted by the owner of the phone; the app keeps it for its media.
    is_removed: bool = False
    is_hidden: bool = False
    is_blocked: bool = False
    muted_until: dt.datetime | None = None
    #: Until when the owner of the phone shows the others where he is.
    shares_location_until: dt.datetime | None = None
    unread_count: int = 0
    #: A message that was begun and not sent.
    draft: str | None = None
    type_code: int | None = None


class AttachmentInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about attachment ``n`` beside its file."""

    n: int
    role: Literal["preview"] | None = None
    is_sticker: bool = False
    width: int | None = None
    height: int | None = None
    duration_seconds: int | None = None
    #: SHA-256 of the file in hexadecimal, as the app noted it.
    sha256: str | None = None


class WhatsAppPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``whatsapp``."""

    #: text, image, video, video_note, audio, gif, sticker, document, contact, location, link, poll,
    #: call, product, template, group_invite, waiting, deleted, event, chat, unknown.
    type: str
    #: WhatsApp or WhatsApp Business.
    service: str
    #: None of a chat itself.
    direction: Literal["incoming", "outgoing"] | None

    #: What was written or spoken under, where the artifact's text has more lines than that.
    text: str | None = None
    #: How the sender called himself, where the message says so.
    sender_name: str | None = None
    #: sent, delivered, read (own messages), with the app's own number.
    status: str | None = None
    status_code: int | None = None
    error_code: int | None = None
    sent_at: dt.datetime | None = None
    received_at: dt.datetime | None = None

    #: Key of the message that this one answers, and what it says of it.
    reply_to: str | None = None
    quote: Quote | None = None
    #: Key of the message to which this one belongs: an album, a change.
    parent: str | None = None

    reactions: tuple[Reaction, ...] = ()
    reaction_counts: tuple[ReactionCount, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    delivered_count: int = 0
    read_count: int = 0
    played_count: int = 0

    is_starred: bool = False
    is_forwarded: bool = False
    forward_count: int = 0
    is_view_once: bool = False
    is_deleted_for_everyone: bool = False

    mentions: tuple[Mention, ...] = ()
    event: Event | None = None
    poll: Poll | None = None
    place: Place | None = None
    contacts: tuple[SharedContact, ...] = ()
    link: Link | None = None
    payment: Payment | None = None
    call: Call | None = None
    chat: ChatInfo | None = None
    attachment_info: tuple[AttachmentInfo, ...] = ()
    #: ZMESSAGETYPE and ZGROUPEVENTTYPE where either has no name here.
    raw: tuple[int, ...] = ()

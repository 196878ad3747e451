"""The payload of a message: what the API shows beside text, sender and attachments.

The first ten fields are always there; the rest only where they say something.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Role = Literal["preview", "live_photo", "hidden"]


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One wording of a part of a message; the first is the original, the last the current."""

    text: str | None
    at: dt.datetime | None
    part: int = 0


class Reaction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tapback, a sticker put on the message, or a vote in its poll."""

    kind: str
    emoji: str | None
    by: str | None
    at: dt.datetime | None
    is_me: bool = False
    #: Which bubble of the message; null for all of it.
    part: int | None = None
    #: Number of the sticker among the message's attachments.
    attachment: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened in the conversation and is no message."""

    kind: str
    by: str | None = None
    target: str | None = None
    title: str | None = None
    direction: str | None = None
    #: A reaction whose message is not in this backup: what it was and to which key.
    reaction: str | None = None
    emoji: str | None = None
    to_key: str | None = None
    removed: bool = False
    #: The phone's own numbers where the kind is ``unknown``.
    raw: tuple[int, ...] = ()


class DeletedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a message that was deleted alone, still recoverable on the phone."""

    part: int
    text: str | None
    at: dt.datetime | None


class TextRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a stretch of the text looks; ``start`` and ``length`` in UTF-16 units of the text."""

    start: int
    length: int
    styles: tuple[str, ...] = ()
    effect: str | None = None
    link: str | None = None
    mention: str | None = None
    one_time_code: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bubble; ``attachments`` are numbers among the message's attachments."""

    part: int
    text: str = ""
    attachments: tuple[int, ...] = ()


class AttachmentInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about attachment ``n`` beside its file."""

    n: int
    part: int | None = None
    is_sticker: bool = False
    #: Belongs to the message but is no attachment of its own: preview pictures, moving halves.
    role: Role | None = None
    #: Number of the still picture whose moving half this is.
    of: int | None = None
    uti: str | None = None
    sticker_pack: str | None = None
    description: str | None = None
    transcript: str | None = None
    width: int | None = None
    height: int | None = None


class PollOption(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of a poll with the handles that chose it."""

    id: str
    text: str
    by: str | None = None
    voters: tuple[str, ...] = ()


class AppMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an app or a link preview put into the conversation."""

    kind: str
    bundle_id: str
    app: str | None = None
    title: str | None = None
    summary: str | None = None
    site: str | None = None
    url: str | None = None
    captions: tuple[str, ...] = ()
    #: Further facts by name: artist, album, address, platform.
    facts: dict[str, str] = {}
    options: tuple[PollOption, ...] = ()


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A translation that the phone kept."""

    text: str
    language: str | None
    source_language: str | None


class MessagePayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``message``."""

    service: str | None
    direction: Literal["incoming", "outgoing"]
    edits: tuple[Edit, ...]
    unsent: bool
    #: Key of the message that this one answers.
    reply_to: str | None
    reactions: tuple[Reaction, ...]
    effect: str | None
    event: Event | None
    status: str | None
    deleted_at: dt.datetime | None

    reply_to_part: int | None = None
    subject: str | None = None
    read_at: dt.datetime | None = None
    delivered_at: dt.datetime | None = None
    played_at: dt.datetime | None = None
    edited_at: dt.datetime | None = None
    retracted_at: dt.datetime | None = None
    recovered_at: dt.datetime | None = None
    #: There is text, but it could not be decoded; never to be shown as an empty message.
    text_unknown: bool = False
    #: The text was rescued from damaged bytes.
    text_damaged: bool = False
    unsent_parts: tuple[int, ...] = ()
    deleted_parts: tuple[DeletedPart, ...] = ()
    app: AppMessage | None = None
    mentions: tuple[str, ...] = ()
    formatting: tuple[TextRun, ...] = ()
    parts: tuple[Part, ...] = ()
    attachment_info: tuple[AttachmentInfo, ...] = ()
    one_time_codes: tuple[str, ...] = ()
    transcript: str | None = None
    translations: tuple[Translation, ...] = ()
    #: Own number or address that the message was sent to or from.
    own_handle: str | None = None
    #: Other threads that hold the same message.
    also_in: tuple[str, ...] = ()
    error_code: int | None = None
    #: Names of what is special: audio, kept, downgraded, quiet, forwarded, auto_reply, junk,
    #: unknown_sender, blocked, satellite, emergency, critical, system, corrupt, date_unknown.
    flags: tuple[str, ...] = ()

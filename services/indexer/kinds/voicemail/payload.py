"""The payload of a voicemail. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

#: A voicemail, the owner's recorded greeting, or a recording that no list knows.
Type = Literal["voicemail", "greeting", "file_alone"]


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some words of a transcript, and when they were said."""

    text: str
    at_seconds: float | None = None
    duration_seconds: float | None = None
    #: 0 to 1.
    confidence: float | None = None


class Transcript(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the phone understood."""

    text: str
    #: 0 to 1, for the whole.
    confidence: float | None = None
    #: The phone's own rating of that, 0 none to 3 good.
    rating: int | None = None
    segments: tuple[Segment, ...] = ()


class VoicemailPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``voicemail``. Its first attachment is the recording."""

    type: Type
    received_at: dt.datetime | None = None
    duration_seconds: float | None = None
    #: Who left it, and whom to call back: as compared over all kinds.
    sender: str | None = None
    callback: str | None = None
    transcript: Transcript | None = None

    is_heard: bool = False
    #: In the phone's list of deleted ones, since then; a phone may not say when.
    is_trashed: bool = False
    trashed_at: dt.datetime | None = None
    #: Removed for good, but not yet at the carrier.
    is_deleted: bool = False
    #: From a blocked number.
    is_blocked: bool = False
    #: Still in the carrier's hands.
    is_temporary: bool = False
    #: Kept on the phone while the carrier has it no more.
    is_detached: bool = False
    expires_at: dt.datetime | None = None

    #: The owner's number, the line's id on the phone, and the number of its SIM card.
    receiver: str | None = None
    line_key: str | None = None
    sim_iccid: str | None = None
    #: Numbers as the phone keeps them: ``flags``, and the carrier's ``remote_uid``.
    raw: dict[str, int] = {}
